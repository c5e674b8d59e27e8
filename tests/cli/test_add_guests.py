"""`guests add`: the guests' own steps on a host that is finished, and nothing of the host's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from steps import PIPELINE
from steps.facts import Bridge
from steps.settings import LOCKED, Settings
from steps.what_now import what_now
from tests.credentials import HASH, public_key
from tests.machines import saved, stock
from tests.steps.answered import answered
from wizard.actions import InstallPackages
from wizard.answers import Answers, settle
from wizard.errors import ChecksFailed
from wizard.journal import Store
from wizard.preview import preview
from wizard.program_add_guests import STEPS, free_name, refuse_unfinished_host, with_the_hosts
from wizard.records import VERSION, Finished, RunBegun
from wizard.step import step_name

FACTS = replace(
    saved("under-xen"),
    network=replace(
        saved("under-xen").network,
        bridges=(Bridge("xenbr0", ("ens3",), ("10.0.2.15/24",), True, True),),
    ),
)


def finished(top: Path, answers: str) -> Store:
    """A journal with one finished run that had these answers."""
    store = Store(top, fingerprint=lambda: "this machine")
    run = store.new_run(answers)
    journal = store.journal(run)
    journal.append(RunBegun(VERSION, "this machine", "1", ("first_boot",)))
    journal.append(Finished())
    return store


def test_the_steps_are_the_end_of_the_pipeline_so_that_resume_knows_them() -> None:
    assert PIPELINE[-len(STEPS) + 1 :] == STEPS[1:]
    assert step_name(STEPS[0]) == "xen_packages"


@pytest.mark.parametrize("there", [False, True])
def test_what_a_new_guests_filesystem_calls_for_is_installed_first(there: bool) -> None:
    # The volumes were made, and mkfs.xfs was not found.
    settings = answered(FACTS, {"guests.0.name": "vm02", "guests.0.filesystem": "xfs"})
    packages = {**FACTS.packages, **({"xfsprogs": "6.1.0-1"} if there else {})}
    facts = replace(FACTS, packages=packages, installable=(*FACTS.installable, "xfsprogs"))
    first, *_ = preview(STEPS, settings, facts)
    assert first.plan is not None
    installed = [one.packages for one in first.plan.actions if isinstance(one, InstallPackages)]
    assert installed == ([] if there else [("xfsprogs",)])
    assert STEPS[0].verify(settings, first.plan.then) == []
    assert [problem.name for problem in STEPS[0].verify(settings, facts)] == (
        [] if there else ["packages-missing"]
    )


def test_what_cannot_be_installed_for_a_new_guest_is_refused_before_anything() -> None:
    settings = answered(FACTS, {"guests.0.name": "vm02", "guests.0.filesystem": "btrfs"})
    facts = replace(FACTS, installable=())
    first, *_ = preview(STEPS, settings, facts)
    assert [problem.name for problem in first.problems] == ["package-sources"]


def test_the_plan_makes_the_new_guest_and_leaves_the_host_alone() -> None:
    settings = answered(
        FACTS, {"guests.0.name": "vm02", "host.bridge": "xenbr0", "host.make_default": False}
    )
    previews = preview(STEPS, settings, FACTS)
    assert [p.problems for p in previews if any(q.severity == "error" for q in p.problems)] == []
    words = [
        str(getattr(action, "argv", getattr(action, "path", "")))
        for one in previews
        for action in (one.plan.actions if one.plan else ())
        if action.inside is None
    ]
    assert words
    assert [word for word in words if "vm02" not in word and word != "('xl', 'list')"] == []


def test_the_hosts_answers_are_those_that_it_was_made_with(tmp_path: Path) -> None:
    store = finished(
        tmp_path,
        "version: 1\nhost:\n  bridge: br7\nstorage:\n  volume_group: pool\n"
        "  overwrite: /dev/vdd\nguests:\n  - name: vm01\n    memory: 1GiB\n",
    )
    given = Answers(Settings).with_answer("guests.0.name", "vm02")
    answers = with_the_hosts(given, store)
    assert {key: item.value for key, item in answers.given.items()} == {
        "guests.0.name": "vm02",
        "host.bridge": "br7",
        "host.make_default": False,
        "storage.volume_group": "pool",
    }


def test_what_is_said_now_counts_more_than_what_the_host_was_made_with(tmp_path: Path) -> None:
    store = finished(tmp_path, "version: 1\nhost:\n  bridge: br7\n")
    given = Answers(Settings).with_answer("host.bridge", "none")
    assert with_the_hosts(given, store).given["host.bridge"].value == "none"


def test_without_a_journal_this_machine_suggests_the_rest(tmp_path: Path) -> None:
    answers = with_the_hosts(Answers(Settings), Store(tmp_path, fingerprint=lambda: ""))
    assert settle(answers.with_answer("guests.0.name", "vm02"), FACTS).guests[0].name == "vm02"


def test_the_first_name_that_nobody_has_is_suggested() -> None:
    assert free_name(FACTS) == "vm02"
    assert free_name(stock()) == "vm01"


def test_a_machine_that_could_start_no_guest_is_refused() -> None:
    with pytest.raises(ChecksFailed, match="Xen does not run here"):
        refuse_unfinished_host(stock())
    mute = replace(FACTS, xen=replace(FACTS.xen, answers=False, domains=None))
    with pytest.raises(ChecksFailed, match="xl does not answer"):
        refuse_unfinished_host(mute)
    refuse_unfinished_host(FACTS)


@pytest.mark.parametrize(
    ("password", "keys", "words"),
    [
        (HASH, (), "log in as root"),
        (LOCKED, (public_key("alice"),), "no password opens it, use SSH"),
        (LOCKED, (), "nobody can log in"),
    ],
)
def test_at_the_end_it_says_who_can_log_in_and_how_one_could(
    password: str, keys: tuple[str, ...], words: str
) -> None:
    settings = answered(FACTS)
    guest = replace(settings.guests[0], root_password=password, ssh_keys=keys)
    told = what_now(replace(settings, guests=(guest,)))
    assert words in dict(told)[f"sudo xl console {guest.name}"]
    assert "Ctrl-] leaves" in dict(told)[f"sudo xl console {guest.name}"]
    mends = [command for command, _ in told if "passwd" in command]
    assert bool(mends) is (words == "nobody can log in")
    for command in mends:
        assert f"/dev/{settings.storage.volume_group}/{guest.name}-root" in command


def test_at_the_end_it_says_how_these_guests_alone_are_taken_back() -> None:
    commands = [command for command, _ in what_now(answered(FACTS), 3)]
    assert "sudo xen-setup rollback --run 3" in commands
    assert "sudo xen-setup rollback" not in commands
    assert "sudo xen-setup rollback" in [command for command, _ in what_now(answered(FACTS))]
