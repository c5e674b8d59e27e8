"""The mirror breaks: each way is explained, nothing unsigned is taken, and what came is not fetched
again. A web server of ours stands before this computer's own mirror; the machine sees it as
10.0.2.2.

The tests of this file are one journey, in this order; after a failure the rest is not tried.
tests/mirror tries the same, and more, without a machine: expired lists too, as Debian's own main
archive says of none how long it is valid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.mirror.broken import Fault, Mirror, another_mirror
from tests.vm.conftest import JOURNEY, Say
from tests.vm.running_inside import go_on, status_of, stops
from tests.vm.whole_run import ANSWERS, give_answers, inside, typed
from wizard.errors import Exit
from wizard.practice.machine import PracticeMachine
from wizard.practice.sources import find_mirror

pytestmark = [JOURNEY, pytest.mark.full]

# Where QEMU's user network has this computer.
HOST = "10.0.2.2"
# With good ones from before, apt only warns, and goes on with those (seen).
NO_LISTS = "rm -rf /var/lib/apt/lists/*"


@pytest.fixture(scope="module")
def mirror() -> Iterator[Mirror]:
    with Mirror(another_mirror(find_mirror().main)) as mirror:
        yield mirror


def words(machine: PracticeMachine) -> tuple[str, ...]:
    """What a person types next."""
    begun = status_of(machine)["state"] not in ("nothing yet", "rolled back")
    return ("resume",) if begun else ("apply", ANSWERS)


def goes_as_far_as(step: str, machine: PracticeMachine, mirror: Mirror, say: Say) -> None:
    """The run stands behind that step, with a mirror that does not break; each of these tests can
    be chosen by its name, after the first.
    """
    steps = [one for run in status_of(machine)["runs"][-1:] for one in run["steps"]]
    if any(one["name"] == step and one["state"] == "verified" for one in steps):
        return
    mirror.fault = None
    status, said = typed(machine, say, "xen-setup", *words(machine), "--to", step, "--no-input")
    assert status == Exit.STOPPED, said[-3000:]


def test_the_machine_gets_all_from_our_mirror(
    machine: PracticeMachine, mirror: Mirror, say: Say
) -> None:
    give_answers(machine)
    address = mirror.address(HOST)
    answers = machine.read_file(ANSWERS).decode()
    answers = answers.replace("    release: bookworm\n",
                              f"    release: bookworm\n    mirror: {address}\n")  # fmt: skip
    assert address in answers
    machine.write_file(ANSWERS, answers.encode(), mode=0o600)
    suites = ("bookworm", "bookworm-updates")
    lines = "".join(f"deb {address} {suite} main\n" for suite in suites)
    machine.write_file("/etc/apt/sources.list", lines.encode())
    status, said = typed(machine, say, "apt-get", "update")
    assert status == 0, said
    assert mirror.fetched("InRelease")


LISTS = {
    "a spoiled signature": (Fault("spoiled", "InRelease"), "not the one that was signed"),
    "a login page": (Fault("captive"), "a login first"),
}


@pytest.mark.parametrize("broken", LISTS)
def test_broken_lists_are_refused(
    machine: PracticeMachine, mirror: Mirror, broken: str, say: Say
) -> None:
    inside(machine, "sh", "-c", NO_LISTS)
    mirror.fault, explained = LISTS[broken]
    stops(machine, say, *words(machine), words=explained)


PACKAGES = {
    "no answer": (Fault("refuse", ".deb", skip=2), "was not reached"),
    "the line breaks": (Fault("reset", ".deb", at=9000, skip=2), "broke off"),
    "a package is gone": (Fault("missing", ".deb", skip=2), "does not have that file"),
    "another content": (Fault("spoiled", ".deb", skip=2), "not what the list says"),
}


@pytest.mark.parametrize("broken", PACKAGES)
def test_broken_packages_for_the_host_are_explained(
    machine: PracticeMachine, mirror: Mirror, broken: str, say: Say
) -> None:
    mirror.fault, explained = PACKAGES[broken]
    stops(machine, say, *words(machine), words=explained)


SYSTEM = {
    # Without InRelease, debootstrap takes Release and its signature (seen).
    "no answer": (Fault("refuse", "Release"), "broke off"),
    "a login page": (Fault("captive"), "wants a login first"),
    "a spoiled signature": (Fault("spoiled", "Release"), "not the one that was signed"),
    "a package is gone": (Fault("missing", ".deb", skip=20), "did not come over the network"),
    "another content": (Fault("spoiled", ".deb", skip=20), "came damaged"),
    # wget tries twenty times: some three minutes.
    "the line breaks": (Fault("reset", ".deb", at=3000, skip=20), "did not come over the network"),
}


@pytest.mark.parametrize("broken", SYSTEM)
def test_a_broken_mirror_for_the_guest_is_explained(
    machine: PracticeMachine, mirror: Mirror, broken: str, say: Say
) -> None:
    goes_as_far_as("guest_volumes", machine, mirror, say)
    # The host's lists are new, so that the first that asks for an InRelease is debootstrap.
    mirror.fault, explained = SYSTEM[broken]
    stops(machine, say, *words(machine), words=explained)


def test_a_crawling_mirror_takes_its_time_and_nothing_came_twice(
    machine: PracticeMachine, mirror: Mirror, say: Say
) -> None:
    mirror.fault = Fault("crawl", ".deb", at=400_000)
    go_on(machine, say)
    assert status_of(machine)["state"] == "finished"
    fetched = Counter(mirror.fetched(r"\.deb$"))
    say(f"{len(fetched)} packages, {sum(fetched.values())} times")
    again = {name: times for name, times in fetched.items() if times > 1}
    assert not again
