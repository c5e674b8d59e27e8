"""One action at a time, on real files: done, undone, and refused where it is not ours."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.recording import RecordingReporter
from tests.engine.world import script, snapshot, written
from wizard.actions import (
    Action,
    CommandShows,
    Identity,
    MakeDirectory,
    MakeLink,
    MovePath,
    Never,
    PathAbsent,
    PathPresent,
    Reboot,
    RunCommand,
    SecretInput,
)
from wizard.codec import decode, encode
from wizard.errors import Conflict, StepFailed
from wizard.files import resolve
from wizard.machine import Machine
from wizard.running import Unwatched, Workplace
from wizard.undo import PlainUndo, Undo

OLD = 1_100_000_000_123_456_789


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "backups").mkdir()
    (tmp_path / "tree").mkdir()
    machine = Machine(
        work=tmp_path / "work", secrets={"guests.0.root_password": "s3cret"}.__getitem__
    )
    machine.attend(Workplace(tmp_path / "log", tmp_path / "backups"))
    return machine


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return tmp_path / "tree"


def do(machine: Machine, action: Action) -> Undo:
    """Prepare and perform, the undo taken through JSON as the journal does."""
    undo: Undo = decode(Undo, encode(machine.prepare(action, "0001"), Undo))  # type: ignore[arg-type]
    machine.perform(action, undo, Unwatched())
    return undo


def take_back(machine: Machine, action: Action, undo: Undo) -> None:
    machine.revert(action, undo, Unwatched())


# --- files --------------------------------------------------------------------------------------


def test_a_new_file_has_its_bytes_mode_and_owner_and_goes_again(
    machine: Machine, tree: Path
) -> None:
    action = written(tree / "new.conf", "ä new file\n", "Why.", mode=0o640)
    assert not machine.is_done(action)
    undo = do(machine, action)
    assert machine.is_done(action)
    assert "ä new file\n" == (tree / "new.conf").read_text()
    assert 0o640 == (tree / "new.conf").stat().st_mode & 0o777
    take_back(machine, action, undo)
    assert {} == snapshot(tree, times=True)
    take_back(machine, action, undo)


def test_an_old_file_comes_back_with_bytes_mode_and_times(machine: Machine, tree: Path) -> None:
    path = tree / "old.conf"
    path.write_bytes(b"\xff\x00 old")
    path.chmod(0o4751)
    os.utime(path, ns=(OLD, OLD))
    before = snapshot(tree, times=True)
    action = written(path, "new\n", "Why.")
    undo = do(machine, action)
    assert before != snapshot(tree, times=True)
    for _twice in range(2):
        take_back(machine, action, undo)
        assert before == snapshot(tree, times=True)


def test_a_file_with_the_right_bytes_and_the_wrong_mode_is_not_done(
    machine: Machine, tree: Path
) -> None:
    action = written(tree / "a", "x", "Why.", mode=0o600)
    (tree / "a").write_text("x")
    (tree / "a").chmod(0o644)
    assert not machine.is_done(action)
    undo = do(machine, action)
    assert machine.is_done(action)
    take_back(machine, action, undo)
    assert 0o644 == (tree / "a").stat().st_mode & 0o777


def test_a_link_stays_and_what_it_leads_to_is_written_and_put_back(
    machine: Machine, tree: Path
) -> None:
    (tree / "real").write_text("real\n")
    (tree / "link").symlink_to("real")
    before = snapshot(tree, times=True)
    action = written(tree / "link", "written\n", "Why.")
    undo = do(machine, action)
    assert (tree / "link").is_symlink()
    assert "written\n" == (tree / "real").read_text()
    take_back(machine, action, undo)
    assert before == snapshot(tree, times=True)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("edited", lambda path: path.write_text("the user's\n")),
        ("removed", lambda path: path.unlink()),
        ("a directory", lambda path: (path.unlink(), path.mkdir())),
        ("a link", lambda path: (path.unlink(), path.symlink_to("elsewhere"))),
    ],
)
def test_undo_refuses_to_overwrite_the_users_edit_and_keeps_the_backup(
    machine: Machine, tree: Path, tmp_path: Path, name: str, make: Callable[[Path], object]
) -> None:
    path = tree / "old.conf"
    path.write_text("old\n")
    action = written(path, "new\n", "Why.")
    undo = do(machine, action)
    make(path)
    edited = snapshot(tree, times=True)
    with pytest.raises(Conflict, match="stays as it is") as error:
        take_back(machine, action, undo)
    assert edited == snapshot(tree, times=True)
    backup = tmp_path / "backups" / "0001"
    assert "old\n" == backup.read_text()
    assert str(backup) in error.value.hint


def test_undo_refuses_to_remove_a_new_file_that_the_user_edited(
    machine: Machine, tree: Path
) -> None:
    action = written(tree / "new.conf", "new\n", "Why.")
    undo = do(machine, action)
    (tree / "new.conf").write_text("new\nand more\n")
    with pytest.raises(Conflict, match="edited"):
        take_back(machine, action, undo)
    assert "new\nand more\n" == (tree / "new.conf").read_text()


def test_undo_refuses_when_the_backup_is_damaged(
    machine: Machine, tree: Path, tmp_path: Path
) -> None:
    (tree / "old.conf").write_text("old\n")
    action = written(tree / "old.conf", "new\n", "Why.")
    undo = do(machine, action)
    (tmp_path / "backups" / "0001").write_text("rotten")
    with pytest.raises(Conflict, match="missing or damaged"):
        take_back(machine, action, undo)
    assert "new\n" == (tree / "old.conf").read_text()


def test_a_file_that_changes_between_backup_and_writing_is_not_overwritten(
    machine: Machine, tree: Path
) -> None:
    path = tree / "old.conf"
    path.write_text("old\n")
    action = written(path, "new\n", "Why.")
    undo = machine.prepare(action, "0001")
    path.write_text("someone else's\n")
    with pytest.raises(StepFailed, match="changed while this ran"):
        machine.perform(action, undo, Unwatched())
    assert "someone else's\n" == path.read_text()


def test_a_file_without_its_directory_or_in_place_of_one_is_refused(
    machine: Machine, tree: Path
) -> None:
    with pytest.raises(StepFailed, match="is missing"):
        machine.prepare(written(tree / "no" / "file", "x", "Why."), "1")
    (tree / "directory").mkdir()
    with pytest.raises(StepFailed, match="is no file"):
        machine.prepare(written(tree / "directory", "x", "Why."), "1")


def test_a_refresh_that_fails_is_a_failure_and_the_file_comes_back(
    machine: Machine, tree: Path, tmp_path: Path
) -> None:
    refresh = script(tmp_path / "refresh", f"grep -q old {tree}/a")
    (tree / "a").write_text("old\n")
    action = written(tree / "a", "new\n", "Why.", refresh=(refresh,))
    undo = machine.prepare(action, "1")
    with pytest.raises(StepFailed, match="exit status 1"):
        machine.perform(action, undo, Unwatched())
    take_back(machine, action, undo)
    assert "old\n" == (tree / "a").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="a filesystem of our own can be mounted by root only")
@pytest.mark.parametrize("full", ["tree", "backups"])
def test_a_full_disk_is_a_failure_and_leaves_the_old_file(
    machine: Machine, tree: Path, tmp_path: Path, full: str
) -> None:
    subprocess.run(
        ("mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(tmp_path / full)), check=True
    )
    try:
        (tree / "a").write_text("old\n" * 10_000)
        before = snapshot(tree, times=True)
        filler = tmp_path / full / "filler"
        filler.write_bytes(b"x" * (100 << 10 if full == "backups" else 60 << 10))
        with pytest.raises(StepFailed, match="No space left on device") as error:
            do(machine, written(tree / "a", "new\n" * 20_000, "Why."))
        assert "df -h" in error.value.hint
        filler.unlink()
        assert before == snapshot(tree, times=True)
        assert [] == list((tmp_path / full).glob(".*"))
    finally:
        subprocess.run(("umount", str(tmp_path / full)), check=True)


@pytest.mark.parametrize(
    ("links", "path", "leads"),
    [
        ({}, "a/b", "a/b"),
        ({"a": "b"}, "a", "b"),
        ({"a": "/b/c"}, "a", "b/c"),
        ({"a": "../../../etc"}, "a/passwd", "etc/passwd"),
        ({"a": "b", "b": "c"}, "a/x", "c/x"),
        ({"a": "/"}, "a/x", "x"),
    ],
)
def test_links_are_followed_within_their_root(
    tmp_path: Path, links: dict[str, str], path: str, leads: str
) -> None:
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    assert tmp_path / leads == resolve(tmp_path / path, tmp_path)


def test_links_in_a_circle_are_an_error_with_words(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(StepFailed, match="circle"):
        resolve(tmp_path / "a", tmp_path)


# --- directories, links, moves --------------------------------------------------------------------


def test_a_directory_has_its_mode_and_goes_only_while_empty(machine: Machine, tree: Path) -> None:
    action = MakeDirectory(str(tree / "made"), "Why.", mode=0o2770)
    undo = do(machine, action)
    assert 0o2770 == (tree / "made").stat().st_mode & 0o7777
    (tree / "made" / "the user's").touch()
    with pytest.raises(Conflict, match="not empty"):
        take_back(machine, action, undo)
    (tree / "made" / "the user's").unlink()
    take_back(machine, action, undo)
    take_back(machine, action, undo)
    assert {} == snapshot(tree, times=True)


def test_a_link_goes_only_while_it_leads_where_we_made_it_lead(
    machine: Machine, tree: Path
) -> None:
    action = MakeLink(str(tree / "link"), "../target", "Why.")
    undo = do(machine, action)
    assert machine.is_done(action)
    (tree / "link").unlink()
    (tree / "link").symlink_to("elsewhere")
    with pytest.raises(Conflict, match="not the link"):
        take_back(machine, action, undo)
    (tree / "link").unlink()
    take_back(machine, action, undo)


def test_nothing_is_made_over_what_is_there(machine: Machine, tree: Path) -> None:
    (tree / "there").write_text("x")
    (tree / "source").write_text("y")
    for action in (
        MakeLink(str(tree / "there"), "x", "Why."),
        MakeDirectory(str(tree / "there"), "Why."),
        MovePath(str(tree / "source"), str(tree / "there"), "Why."),
    ):
        with pytest.raises(StepFailed):
            do(machine, action)
    assert "x" == (tree / "there").read_text()


def test_what_was_moved_is_moved_back_unless_another_took_its_place(
    machine: Machine, tree: Path
) -> None:
    (tree / "tls").mkdir()
    (tree / "tls" / "libc.so").touch()
    before = snapshot(tree, times=False)
    action = MovePath(str(tree / "tls"), str(tree / "tls.disabled"), "Why.")
    undo = do(machine, action)
    assert machine.is_done(action)
    (tree / "tls").mkdir()  # an upgrade brings it back
    with pytest.raises(Conflict, match="is there again"):
        take_back(machine, action, undo)
    (tree / "tls").rmdir()
    for _twice in range(2):
        take_back(machine, action, undo)
        assert before == snapshot(tree, times=False)


def test_what_was_moved_and_then_removed_cannot_be_put_back(machine: Machine, tree: Path) -> None:
    (tree / "a").touch()
    action = MovePath(str(tree / "a"), str(tree / "b"), "Why.")
    undo = do(machine, action)
    (tree / "b").unlink()
    with pytest.raises(Conflict, match="is gone"):
        take_back(machine, action, undo)


# --- commands -------------------------------------------------------------------------------------


def command(tree: Path, text: str, **changes: object) -> RunCommand:
    action = RunCommand(
        ("sh", "-c", text),
        "Why.",
        probe=PathPresent(str(tree / "made")),
        undo=("rm", str(tree / "made")),
        undo_class="by removal",
        timeout=5.0,
    )
    return replace(action, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        ("exit 3", {}, "exit status 3"),
        ("kill -9 $$", {}, "signal SIGKILL"),
        ("sleep 60", {"timeout": 0.2}, "did not end within its 0.2 seconds"),
        ("true", {}, "exit status 0, but its work is not there"),
        ("touch made; exit 1", {}, "exit status 1"),
        ("read answer || exit 9", {}, "exit status 9"),
        ("printf '\\377'; exit 4", {}, "exit status 4"),
        ("touch made; echo never", {"until": "login: "}, "never showed what was waited for"),
    ],
)
def test_a_command_that_fails_or_lies_is_a_failure_and_can_be_taken_back(
    machine: Machine, tree: Path, text: str, changes: dict[str, object], said: str
) -> None:
    action = command(tree, f"cd {tree}; {text}", **changes)
    undo = machine.prepare(action, "1")
    with pytest.raises(StepFailed, match=said):
        machine.perform(action, undo, Unwatched())
    take_back(machine, action, undo)
    assert {} == snapshot(tree, times=True)


def test_an_undo_that_lies_is_a_failure(machine: Machine, tree: Path) -> None:
    action = command(tree, f"touch {tree}/made", undo=("true",))
    undo = do(machine, action)
    with pytest.raises(StepFailed, match="took nothing back"):
        take_back(machine, action, undo)


def test_an_undo_is_not_run_when_the_work_is_gone_already(machine: Machine, tree: Path) -> None:
    action = command(tree, f"touch {tree}/made")
    undo = do(machine, action)
    (tree / "made").unlink()
    take_back(machine, action, undo)  # `rm` would fail


def test_half_done_work_is_cleared_away_by_its_traces(machine: Machine, tree: Path) -> None:
    half = f"mkdir {tree}/half; exit 1"
    action = command(
        tree, half, traces=PathPresent(str(tree / "half")), undo=("rm", "-r", str(tree / "half"))
    )
    undo = machine.prepare(action, "1")
    with pytest.raises(StepFailed):
        machine.perform(action, undo, Unwatched())
    take_back(machine, action, undo)
    assert {} == snapshot(tree, times=True)


def test_a_point_of_no_return_says_that_it_cannot_be_taken_back(
    machine: Machine, tree: Path
) -> None:
    action = command(tree, f"touch {tree}/made", undo=None, undo_class="no undo", undo_note="Gone.")
    undo = do(machine, action)
    with pytest.raises(Conflict, match="cannot be taken back"):
        take_back(machine, action, undo)


def test_a_command_without_probe_runs_each_time(machine: Machine, tree: Path) -> None:
    action = RunCommand(("sh", "-c", f"echo x >> {tree}/count"), "Why.", probe=Never())
    for _twice in range(2):
        assert not machine.is_done(action)
        do(machine, action)
    assert "x\nx\n" == (tree / "count").read_text()


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        (CommandShows(("printf", "one\ntwo\n"), "^two$"), True),
        (CommandShows(("printf", "one\ntwo\n"), "^three$"), False),
        (CommandShows(("printf", "one\ntwo\n"), "^two$", lacks=True), False),
        (CommandShows(("printf", "one\ntwo\n"), "^three$", lacks=True), True),
        (CommandShows(("sh", "-c", "echo two; exit 1"), "two"), False),
        (CommandShows(("sh", "-c", "exit 1"), "two", lacks=True), False),
        (CommandShows(("no-such-program",), "two", lacks=True), False),
        (PathPresent("/dev/null"), True),
        (PathPresent("/dev/nowhere/at/all"), False),
        (PathAbsent("/dev/null"), False),
        (PathAbsent("/dev/nowhere/at/all"), True),
        (Never(), False),
    ],
)
def test_probes_tell_by_reading(
    machine: Machine, probe: CommandShows | PathPresent | PathAbsent | Never, expected: bool
) -> None:
    assert expected == machine.probe(probe)


def test_a_secret_goes_in_by_standard_input_and_is_nowhere_else(
    machine: Machine, tree: Path, tmp_path: Path
) -> None:
    text = f"cat > {tree}/made; cat {tree}/made"
    action = command(tree, text, input=SecretInput("guests.0.root_password", "root:{}\n"))
    undo = machine.prepare(action, "1")
    watch = RecordingReporter()
    machine.perform(action, undo, watch)
    assert "root:s3cret\n" == (tree / "made").read_text()
    (tree / "made").unlink()
    told = str(watch.events) + str(encode(undo, Undo)) + str(encode(action, Action))
    assert "********" in told
    assert "s3cret" not in told
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or "s3cret" not in path.read_text(), path


def test_a_secret_that_nobody_gave_is_an_error_with_its_key(tmp_path: Path, tree: Path) -> None:
    action = command(tree, "true", input=SecretInput("guests.0.root_password"))
    with pytest.raises(StepFailed, match=r"guests\.0\.root_password is not known"):
        Machine(work=tmp_path / "work").perform(action, PlainUndo(), Unwatched())


def test_input_that_is_no_secret_reaches_the_command(machine: Machine, tree: Path) -> None:
    do(machine, command(tree, f"cat > {tree}/made", input="plain\n"))
    assert "plain\n" == (tree / "made").read_text()


def test_what_is_to_be_moved_and_is_not_there_is_refused(machine: Machine, tree: Path) -> None:
    with pytest.raises(StepFailed, match="is not there"):
        machine.prepare(MovePath(str(tree / "a"), str(tree / "b"), "Why."), "1")


def test_a_command_on_another_device_than_the_planned_one_is_refused(
    machine: Machine, tree: Path
) -> None:
    action = command(tree, f"touch {tree}/made", identity=Identity("/dev/null", 12345))
    with pytest.raises(StepFailed, match="not what it was") as error:
        do(machine, action)
    assert "not 12345" in error.value.details[0]
    assert not (tree / "made").exists()


def test_a_directory_that_became_a_file_stays(machine: Machine, tree: Path) -> None:
    action = MakeDirectory(str(tree / "made"), "Why.")
    undo = do(machine, action)
    (tree / "made").rmdir()
    (tree / "made").write_text("the user's")
    with pytest.raises(Conflict, match="no directory any more"):
        take_back(machine, action, undo)


def test_moving_to_another_filesystem_is_an_error_with_words(machine: Machine, tree: Path) -> None:
    (tree / "a").touch()
    action = MovePath(str(tree / "a"), "/proc/xen-setup-test", "Why.")
    with pytest.raises(StepFailed) as error:
        do(machine, action)
    assert error.value.hint
    assert (tree / "a").exists()


def test_a_boot_is_done_when_the_boot_id_is_another(tmp_path: Path) -> None:
    boot = tmp_path / "boot"
    boot.write_text("boot-1")
    machine = Machine(work=tmp_path / "work", boot_id=boot.read_text)
    action = Reboot("Why.")
    undo = machine.prepare(action, "1")
    assert not machine.is_done(action, undo)
    assert not machine.is_done(action)
    boot.write_text("boot-2")
    assert machine.is_done(action, undo)


def test_progress_of_a_command_is_told(machine: Machine, tree: Path) -> None:
    watch = RecordingReporter()
    text = f"touch {tree}/made; echo 'I: Retrieving libc6 2.36-9'; echo done"
    action = command(tree, text, progress="debootstrap")
    machine.perform(action, machine.prepare(action, "1"), watch)
    assert ["Retrieving libc6 (1)"] == watch.named("progress")
    assert ["I: Retrieving libc6 2.36-9", "done"] == watch.named("output")
    assert machine.command_seconds > 0
