"""Xen from a tarball in upstream's shape, made of the distribution's own packages: installed,
booted, a guest at its login prompt, and taken back without a file left.

The tests of this file are one journey, in this order; after a failure the rest is not tried.
"""

from __future__ import annotations

import re

import pytest

from tests.vm import snapshot
from tests.vm.conftest import JOURNEY, Say
from tests.vm.whole_run import ANSWERS, ROOT, give_answers, log_in_to_guest, state_of, typed
from wizard.errors import Exit
from wizard.practice.machine import PracticeMachine

pytestmark = [JOURNEY, pytest.mark.full]

TARBALL = "/root/xen-4.17.tgz"


class Journey:
    """What one test leaves for the next."""

    before: snapshot.Snapshot
    files: list[str]


@pytest.fixture(scope="module")
def journey() -> Journey:
    return Journey()


def test_a_tarball_is_made_of_the_distributions_xen(
    machine: PracticeMachine, journey: Journey, say: Say
) -> None:
    machine.write_file("/root/make.sh", (ROOT / "tests/vm/xen_tarball.sh").read_bytes())
    status, said = typed(machine, say, "sh", "/root/make.sh")
    assert status == 0, said
    sums = re.findall(rf"^([0-9a-f]{{64}})  {TARBALL}$", said, re.MULTILINE)
    assert len(sums) == 1, said
    sha256 = sums[0]
    machine.run(["rm", "/root/make.sh"])
    source = f"  xen_source: tarball\n  tarball: {TARBALL}\n  tarball_sha256: {sha256}\n"
    give_answers(machine, source)
    # Nothing of Xen is on the machine before.
    assert b"" == machine.run(["sh", "-c", "ls -d /boot/xen* /usr/sbin/xl /etc/xen"]).out
    journey.before = state_of(machine)


def test_the_plan_names_what_comes_where(
    machine: PracticeMachine, journey: Journey, say: Say
) -> None:
    status, said = typed(machine, say, "xen-setup", "plan", ANSWERS)
    assert status == 0, said
    flat = " ".join(said.split())
    assert f"Install {TARBALL}" in flat, said
    assert "made of the distribution's own packages for a test" in flat, said
    assert re.search(r"/boot \d", flat), said
    listed = machine.run(["tar", "--list", "--file", TARBALL]).out.decode().splitlines()
    top = "xen-4.17/dist/install"
    journey.files = [name.removeprefix(top) for name in listed
                     if name.startswith(f"{top}/") and not name.endswith("/")]  # fmt: skip
    assert "/usr/sbin/xl" in journey.files
    assert snapshot.compare(journey.before, state_of(machine)) == []


def test_a_tarball_of_another_checksum_is_refused(machine: PracticeMachine, say: Say) -> None:
    wrong = f"host.tarball_sha256={'0' * 64}"
    status, said = typed(machine, say, "xen-setup", "check", ANSWERS, "--set", wrong)
    assert status == Exit.CHECKS_FAILED, said
    assert "tarball-refused" in said


def test_it_is_installed_and_xen_boots(machine: PracticeMachine, say: Say) -> None:
    status, said = typed(machine, say, "xen-setup", "apply", ANSWERS)
    assert status == Exit.REBOOT_NEEDED, said[-4000:]
    assert machine.run(["test", "-x", "/usr/sbin/xl"]).status == 0
    # What tar alone does to a system whose /lib is a link: it replaces the link.
    assert machine.run(["test", "-L", "/lib"]).status == 0
    assert b"xen" not in machine.run(["dpkg-query", "-W", "-f", "${Package}\n"]).out
    machine.reboot()
    status, said = typed(machine, say, "xen-setup", "resume")
    assert status == 0, said[-4000:]


def test_dom0_is_there_and_the_guest_lets_root_in(machine: PracticeMachine, say: Say) -> None:
    assert machine.read_file("/proc/xen/capabilities").strip() == b"control_d"
    status, listed = typed(machine, say, "xl", "list")
    assert status == 0
    assert ["Domain-0", "vm01"] == [line.split()[0] for line in listed.splitlines()[1:]]
    assert "uid=0(root)" in log_in_to_guest(machine, say)


def test_a_second_apply_changes_nothing(machine: PracticeMachine, say: Say) -> None:
    before = state_of(machine)
    status, said = typed(machine, say, "xen-setup", "apply", ANSWERS)
    assert status == 0, said
    changed = snapshot.differences(before, state_of(machine))
    assert [item for item in changed if item.section != "leftovers"] == []


def test_rollback_leaves_no_file_of_it(
    machine: PracticeMachine, journey: Journey, say: Say
) -> None:
    status, said = typed(machine, say, "xen-setup", "rollback", "--yes")
    assert status == 0, said[-4000:]
    machine.reboot()
    assert machine.run(["test", "-e", "/proc/xen/capabilities"]).status != 0
    script = 'while read -r name; do ls -d "$name" 2>/dev/null; done; true'
    found = machine.run(["sh", "-c", script], stdin="\n".join(journey.files).encode() + b"\n")
    assert [] == found.out.decode().split()
    after = state_of(machine)
    say("What differs after the rollback and a reboot:")
    say(snapshot.table(journey.before, after))
    assert snapshot.compare(journey.before, after) == []
