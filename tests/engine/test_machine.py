"""The machine's own small duties: its log, what a killed run left, looks, boots, warnings.

Each of these is the answer to a mutant that the other tests did not see.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.world import written
from wizard import commands
from wizard.actions import (
    CommandShows,
    InstallPackages,
    MakeDirectory,
    Never,
    PathPresent,
    RunCommand,
)
from wizard.commands import Answer, Argv
from wizard.errors import Conflict, StepFailed
from wizard.machine import Machine
from wizard.running import Unwatched, Workplace
from wizard.sessions import process_fields
from wizard.undo import PlainUndo


def test_what_is_noted_stands_in_the_runs_log(machine: Machine, tmp_path: Path) -> None:
    machine.note("resume: 3.0 s")
    assert "] resume: 3.0 s\n" in (tmp_path / "log").read_text()


def test_the_command_of_a_killed_run_is_ended_and_named(machine: Machine, tmp_path: Path) -> None:
    left = subprocess.Popen(("sleep", "600"), start_new_session=True)
    fields = process_fields(left.pid)
    assert fields is not None
    note = machine.work / "running"
    note.parent.mkdir()
    note.write_text(f"{left.pid} {fields[19]}\n")
    said = machine.clear_leftovers()
    assert left.wait() < 0
    assert said == ["ended a command that was still running from before"]
    assert f"] {said[0]}\n" in (tmp_path / "log").read_text()
    assert not note.exists()
    assert machine.clear_leftovers() == []


@pytest.mark.parametrize(("command", "well"), [("exit 0", True), ("echo fine; exit 3", False)])
def test_a_look_goes_well_by_its_exit_status(machine: Machine, command: str, well: bool) -> None:
    assert machine.reads_well(("sh", "-c", command), 10.0) is well


def test_a_wish_for_a_boot_that_nobody_takes_is_a_failure(machine: Machine) -> None:
    refuses = replace(machine, reboot_command=("sh", "-c", "echo 'Access denied'; exit 1"))
    with pytest.raises(StepFailed, match="ended with exit status 1") as refused:
        refuses.request_reboot()
    assert refused.value.details == ("Access denied",)
    replace(machine, reboot_command=("true",)).request_reboot()


def test_where_nobody_can_watch_over_a_step_that_is_said_and_logged(
    machine: Machine, tmp_path: Path
) -> None:
    said: list[str] = []

    def without(argv: Argv, **rest: object) -> commands.Completed:
        if argv[0] in ("systemd-run", "setsid"):
            raise StepFailed(f"The program {argv[0]} is not installed.", hint="Install it.")
        return commands.run(argv, **rest)  # type: ignore[arg-type]

    alone = replace(machine, run_command=without, warn=said.append)
    alone.attend(Workplace(tmp_path / "log", tmp_path / "backups"))
    alone.arm(("true",), 60)
    (words,) = said
    assert "Neither systemd nor `setsid` is here" in words
    assert "xen-setup rollback --unconfirmed" in words
    assert words in (tmp_path / "log").read_text()


def test_an_armed_step_needs_no_words_and_takes_the_place_of_the_one_before(
    machine: Machine,
) -> None:
    said: list[str] = []
    done: list[str] = []

    def ask(argv: Argv, timeout: float = 20.0, input: str | None = None) -> Answer:  # noqa: A002
        done.append(f"{argv[0]} {argv[1]}")
        return Answer(0, "active\n", "")

    def run(argv: Argv, **rest: object) -> commands.Completed:
        done.append(f"{argv[0]} {argv[1]}")
        return commands.Completed(tuple(argv), 0, "exited", (), 0.1, 60.0)

    armed = replace(machine, run_command=run, ask_command=ask, warn=said.append)
    armed.arm(("true",), 60)
    assert said == []
    assert done == [
        "systemctl is-active", "systemctl stop", "systemd-run --unit=xen-setup-unconfirmed",
    ]  # fmt: skip


def test_a_confirmed_step_has_no_watchman_left(machine: Machine) -> None:
    asked: list[Argv] = []

    def ask(argv: Argv, timeout: float = 20.0, input: str | None = None) -> Answer:  # noqa: A002
        asked.append(argv)
        return Answer(3, "inactive\n", "")

    replace(machine, ask_command=ask).disarm()
    assert [argv[:2] for argv in asked] == [("systemctl", "is-active")]


def test_a_directory_is_there_when_it_is_one(machine: Machine, tree: Path) -> None:
    action = MakeDirectory(str(tree / "auto"), "Why.")
    assert not machine.is_done(action)
    (tree / "auto").write_text("a file")
    assert not machine.is_done(action)
    (tree / "auto").unlink()
    (tree / "auto").mkdir()
    assert machine.is_done(action) is True


def test_packages_are_there_when_dpkg_has_all_of_them(machine: Machine) -> None:
    def dpkg(argv: Argv, timeout: float = 20.0, input: str | None = None) -> Answer:  # noqa: A002
        return Answer(0, "lvm2 amd64 installed\ndebootstrap all config-files\n", "")

    one = replace(machine, ask_command=dpkg)
    assert one.is_done(InstallPackages(("lvm2",), "Why.")) is True
    assert one.is_done(InstallPackages(("lvm2", "debootstrap"), "Why.")) is False


# --- what a crash cut off -------------------------------------------------------------------------


def test_what_a_crash_left_of_a_file_goes_whether_the_file_is_there_or_not(
    machine: Machine, tree: Path
) -> None:
    action = written(tree / "xen.cfg", "ours\n", "Why.")
    undo = machine.prepare(action, "1")
    half = tree / ".xen.cfg.xen-setup-new"
    half.write_text("ou")
    assert not machine.settle(action, undo, Unwatched())
    assert list(tree.iterdir()) == []
    machine.perform(action, undo, Unwatched())
    half.write_text("ou")
    assert machine.settle(action, undo, Unwatched())
    assert [path.name for path in tree.iterdir()] == ["xen.cfg"]


def test_what_a_crash_left_unread_is_read_when_its_file_is_there(
    machine: Machine, tree: Path
) -> None:
    read = tree / "read"
    action = written(tree / "menu", "ours\n", "Why.", refresh=("cp", str(tree / "menu"), str(read)))
    undo = machine.prepare(action, "1")
    (tree / "menu").write_text("ours\n")
    (tree / "menu").chmod(0o644)
    assert machine.settle(action, undo, Unwatched())
    assert read.read_text() == "ours\n"


def test_a_directory_that_a_crash_left_without_its_mode_gets_it(
    machine: Machine, tree: Path
) -> None:
    action = MakeDirectory(str(tree / "keys"), "Why.", mode=0o700)
    undo = machine.prepare(action, "1")
    (tree / "keys").mkdir(mode=0o755)
    assert machine.settle(action, undo, Unwatched())
    assert (tree / "keys").stat().st_mode & 0o777 == 0o700


# --- taking back ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("now", "told"), [("ours\n", True), ("edited\n", False)])
def test_what_only_our_text_describes_is_taken_down_while_it_is_there(
    machine: Machine, tree: Path, now: str, told: bool
) -> None:
    seen = tree / "seen"
    action = replace(
        written(tree / "interfaces", "ours\n", "Why."),
        before_undo=("cp", f"{tree}/interfaces", str(seen)),
    )
    undo = machine.prepare(action, "1")
    machine.perform(action, undo, Unwatched())
    (tree / "interfaces").write_text(now)
    with suppress(Conflict):
        machine.revert(action, undo, Unwatched())
    assert seen.exists() is told
    assert not told or seen.read_text() == "ours\n"


@pytest.mark.parametrize(
    ("note", "words"),
    [
        ("The old content is gone.", "The old content is gone."),
        ("", "It was agreed to as a point of no return."),
    ],
)
def test_what_cannot_be_taken_back_says_why(machine: Machine, note: str, words: str) -> None:
    action = RunCommand(
        ("wipefs", "/dev/x"), "Why.", probe=Never(), undo_class="no undo", undo_note=note
    )
    with pytest.raises(Conflict, match="cannot be taken back") as refused:
        machine.revert(action, PlainUndo(), Unwatched())
    assert refused.value.hint == words


def test_a_point_of_no_return_that_was_cut_off_is_simply_not_done(machine: Machine) -> None:
    # It stood in the way of every resume: it cannot be taken back.
    action = RunCommand(("wipefs", "/dev/x"), "Why.", probe=Never(), undo_class="no undo")
    assert not machine.settle(action, PlainUndo(), Unwatched())


def test_what_leaves_nothing_behind_is_taken_back_in_silence(machine: Machine) -> None:
    action = RunCommand(("true",), "Why.", probe=Never(), undo_class="nothing to undo")
    machine.revert(action, PlainUndo(), Unwatched())


def test_what_is_left_of_a_command_is_seen_by_its_traces_and_else_by_its_probe(
    machine: Machine, tmp_path: Path
) -> None:
    here, away = PathPresent(str(tmp_path)), PathPresent(str(tmp_path / "away"))
    made = RunCommand(("true",), "Why.", probe=here, undo=("true",), undo_class="exact")
    assert machine.is_left(made)
    assert not machine.is_left(replace(made, probe=away))
    assert machine.is_left(replace(made, probe=away, traces=here))
    assert not machine.is_left(replace(made, traces=away))
    unsure = CommandShows(("sh", "-c", "exit 124"), "there")
    assert machine.is_left(replace(made, traces=unsure)), "that cannot be told"
    assert not machine.is_left(RunCommand(("true",), "Why.", probe=here))
    assert not machine.is_left(MakeDirectory(str(tmp_path), "Why."))
