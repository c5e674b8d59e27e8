"""/lib/tls: moved where 32-bit processors' segments make it slow, explained everywhere else."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from steps import guest_config, guest_system, tls, tls_libraries
from steps.expected import with_tree
from steps.facts import Facts, TlsDirectory
from tests.machines import stock
from tests.steps.answered import answered
from tests.steps.prepared import before
from wizard.actions import MovePath, RunCommand, WriteFile, text_hash

ACTIVE = TlsDirectory("/lib/tls", 12, disabled=False)
EMPTY = TlsDirectory("/lib/tls", 0, disabled=False)
AWAY = TlsDirectory("/lib/tls.disabled", 12, disabled=True)


def machine(architecture: str, glibc: str, *found: TlsDirectory) -> Facts:
    return replace(stock(), architecture=architecture, glibc=glibc, tls=found)


MATTERS = [
    ("i686", "2.3.6", True),
    ("i386", "2.36", True),
    ("i686", "2.37", False),
    ("i686", "2.41", False),
    ("i686", "", True),
    ("x86_64", "2.3.6", False),
    ("x86_64", "2.36", False),
    ("amd64", "2.36", False),
    ("aarch64", "2.31", False),
]


@pytest.mark.parametrize(("architecture", "glibc", "expected"), MATTERS)
def test_where_it_matters(architecture: str, glibc: str, expected: bool) -> None:
    assert expected == tls.matters(architecture, glibc)


def test_on_an_old_32_bit_system_it_is_moved_and_the_loader_told() -> None:
    facts = machine("i686", "2.31", ACTIVE)
    plan = tls_libraries.plan(answered(facts), facts)
    (action,) = plan.actions
    assert isinstance(action, MovePath)
    assert ("/lib/tls", "/lib/tls.disabled") == (action.source, action.destination)
    assert ("ldconfig",) == action.refresh
    assert (AWAY,) == plan.then.tls
    assert [] == tls_libraries.verify(answered(facts), plan.then)
    assert () == tls_libraries.plan(answered(facts), plan.then).actions


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (machine("x86_64", "2.36"), "There is no /lib/tls"),
        (machine("x86_64", "2.36", ACTIVE), "/lib/tls can stay: x86_64 reaches"),
        (machine("i686", "2.41", ACTIVE), "/lib/tls can stay: glibc 2.41 does not look there"),
        (machine("i686", "2.31", EMPTY), "no /lib/tls with libraries"),
        (machine("i686", "2.31", AWAY), "/lib/tls.disabled: moved away already"),
    ],
)
def test_elsewhere_it_is_explained(facts: Facts, words: str) -> None:
    plan = tls_libraries.plan(answered(facts), facts)
    assert () == plan.actions
    assert words in plan.skipped[0]
    assert [] == tls_libraries.verify(answered(facts), facts)


def test_what_is_left_is_found() -> None:
    facts = machine("i686", "2.31", ACTIVE)
    assert ["tls-active"] == [item.name for item in tls_libraries.verify(answered(facts), facts)]


def test_a_place_that_is_taken_is_said_beforehand() -> None:
    facts = machine("i686", "2.31", ACTIVE, AWAY)
    assert ["tls-taken"] == [item.name for item in tls_libraries.check(answered(facts), facts)]
    assert [] == tls_libraries.check(answered(stock()), stock())


@pytest.mark.parametrize(
    ("choice", "facts", "moved"),
    [
        ("move", machine("x86_64", "2.36", ACTIVE), True),
        ("move", machine("i686", "2.41", ACTIVE), True),
        ("move", machine("x86_64", "2.36", EMPTY), False),
        ("auto", machine("x86_64", "2.36", ACTIVE), False),
        ("leave", machine("i686", "2.31", ACTIVE), False),
    ],
)
def test_an_answer_counts_over_what_helps(choice: str, facts: Facts, moved: bool) -> None:
    settings = answered(facts, {"host.tls": choice})
    plan = tls_libraries.plan(settings, facts)
    assert moved == bool(plan.actions)
    assert [] == tls_libraries.verify(settings, plan.then)
    assert () == tls_libraries.plan(settings, plan.then).actions
    if choice == "leave":
        assert "/lib/tls stays, as host.tls says." in plan.skipped


def test_an_upgrade_that_brings_it_back_is_noticed() -> None:
    """After a run: moved away, and there again."""
    facts = machine("i686", "2.31", ACTIVE, AWAY)
    (problem,) = tls_libraries.check(answered(facts), facts)
    assert "an upgrade of the C library has brought it again" in problem.what
    assert "rm -r /lib/tls.disabled" in problem.hint


def test_a_library_built_for_xen_is_offered_where_the_loader_knows_of_it() -> None:
    built = replace(ACTIVE, nosegneg=True)
    for architecture, offered in (("i686", True), ("x86_64", False)):
        facts = machine(architecture, "2.31", built)
        notes = tls_libraries.plan(answered(facts), facts).notes
        assert offered == any("host.tls: nosegneg" in note for note in notes)


NOSEGNEG = {"host.tls": "nosegneg"}
CONF = "/etc/ld.so.conf.d/xen.conf"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "hwcap 1 nosegneg\n"),
        ("/opt/lib\n", "/opt/lib\n"),
        ("# no newline", "# no newline\n"),
    ],
)
def test_the_loader_is_told_of_the_library_built_for_xen(before: str | None, after: str) -> None:
    facts = machine("i686", "2.31", replace(ACTIVE, nosegneg=True))
    facts = facts if before is None else replace(facts, files={**facts.files, CONF: before})
    settings = answered(facts, NOSEGNEG)
    assert [] == tls_libraries.check(settings, facts)
    assert ["tls-active"] == [one.name for one in tls_libraries.verify(settings, facts)]
    plan = tls_libraries.plan(settings, facts)
    (write,) = plan.actions
    assert isinstance(write, WriteFile)
    assert (CONF, ("ldconfig",)) == (write.path, write.refresh)
    assert after in write.text
    assert write.text.endswith("\nhwcap 1 nosegneg\n")
    assert text_hash(before or "") == write.made_from
    assert plan.then.tls == facts.tls
    assert [] == tls_libraries.verify(settings, plan.then)
    assert () == tls_libraries.plan(settings, plan.then).actions


def test_what_the_distribution_told_the_loader_is_enough() -> None:
    facts = machine("i686", "2.31", replace(ACTIVE, nosegneg=True))
    line = {"/etc/ld.so.conf.d/libc6-xen.conf": "# libc6-xen\nhwcap 0 nosegneg\n"}
    told = replace(facts, files={**facts.files, **line})
    assert () == tls_libraries.plan(answered(told, NOSEGNEG), told).actions
    assert [] == tls_libraries.verify(answered(told, NOSEGNEG), told)


def test_a_library_that_is_not_here_cannot_be_taken() -> None:
    facts = machine("i686", "2.31", ACTIVE)
    (problem,) = tls_libraries.check(answered(facts, NOSEGNEG), facts)
    assert ("tls-nosegneg", True) == (problem.name, "libc6-xen" in problem.hint)
    moot = machine("x86_64", "2.36", ACTIVE)
    assert [] == tls_libraries.check(answered(moot, NOSEGNEG), moot)
    assert () == tls_libraries.plan(answered(moot, NOSEGNEG), moot).actions


def guest_with_tls() -> Facts:
    """A host whose guest vm01 is complete, and has such libraries."""
    facts = before(guest_config, answered(stock()), stock())
    device = "/dev/xendisks/vm01-root"
    tree = facts.tree(device)
    assert tree is not None
    return with_tree(facts, replace(tree, tls=("/lib/tls", "/lib/i686/tls")))


def test_they_are_moved_in_a_complete_guest_and_rollback_moves_them_back() -> None:
    facts = guest_with_tls()
    assert () == guest_system.plan(answered(facts), facts).actions  # auto, on x86_64
    settings = answered(facts, {"host.tls": "move"})
    assert ["guest-tls"] == [one.name for one in guest_system.verify(settings, facts)]
    plan = guest_system.plan(settings, facts)
    actions = [action for action in plan.actions if isinstance(action, RunCommand)]
    place = "/run/xen-setup/vm01"
    ldconfig = ("chroot", place, "/sbin/ldconfig")
    move = ("mv", "--no-target-directory", f"{place}/lib/tls", f"{place}/lib/tls.disabled")
    assert [ldconfig, move, ldconfig] == [actions[0].argv, actions[1].argv, actions[-1].argv]
    # Taken back in reverse: moved back, and then the loader is told.
    undone = [action.undo for action in reversed(actions) if action.undo]
    assert [*move[:2], move[3], move[2]] == list(undone[-2] or ())
    assert ldconfig == undone[-1]
    assert [] == guest_system.verify(settings, plan.then)
    assert () == guest_system.plan(settings, plan.then).actions


def test_a_fresh_guest_is_searched_when_they_are_moved() -> None:
    facts = before(guest_system, answered(stock()), stock())
    for choice, searched in (("auto", False), ("move", True)):
        settings = answered(facts, {"host.tls": choice})
        words = [" ".join(action.argv) for action in guest_system.plan(settings, facts).actions
                 if isinstance(action, RunCommand)]  # fmt: skip
        assert searched == any("-name tls" in line for line in words)


def test_the_search_moves_what_is_there_and_ends_well(tmp_path: Path) -> None:
    """The plan's own command, over a real tree."""
    facts = before(guest_system, answered(stock()), stock())
    plan = guest_system.plan(answered(facts, {"host.tls": "move"}), facts)
    commands = [one for one in plan.actions if isinstance(one, RunCommand)]
    (action,) = [one for one in commands if one.argv[0] == "find" and "tls" in one.argv]
    for name in ("usr/lib/tls", "usr/lib/i686/tls", "usr/lib/other"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "libc.so.6").write_text("x")
    (tmp_path / "lib").symlink_to("usr/lib")
    argv = [word.replace("/run/xen-setup/vm01", str(tmp_path)) for word in action.argv]
    for _twice in range(2):
        subprocess.run(argv, check=True)
        there = {str(path.relative_to(tmp_path)) for path in tmp_path.glob("usr/lib/**/libc.so.6")}
        assert there == {
            "usr/lib/tls.disabled/libc.so.6",
            "usr/lib/i686/tls.disabled/libc.so.6",
            "usr/lib/other/libc.so.6",
        }
