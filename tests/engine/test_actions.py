"""One action at a time, on real files: done, undone, and refused where it is not ours."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.doing import do, take_back
from tests.engine.world import script, snapshot, written
from wizard.actions import (
    MakeDirectory,
    MakeLink,
    MovePath,
    WriteFile,
    text_hash,
)
from wizard.codec import decode, encode
from wizard.errors import Conflict, StepFailed
from wizard.files import resolve
from wizard.machine import Machine
from wizard.running import Unwatched

OLD = 1_100_000_000_123_456_789


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


@pytest.mark.parametrize(
    ("known", "there"),
    [
        ("old\n", b"old\n# a line of mine\n"),
        ("old\n", b""),
        ("old\n", None),
        ("", b"# somebody else made it\n"),
    ],
)
def test_a_text_is_written_over_no_other_than_it_was_made_from(
    known: str, there: bytes | None, machine: Machine, tree: Path
) -> None:
    path = tree / "old.conf"
    if there is not None:
        path.write_bytes(there)
    before = snapshot(tree, times=True)
    action = replace(written(path, "old\nnew\n", "Why."), made_from=text_hash(known))
    with pytest.raises(StepFailed, match="changed while this ran") as caught:
        machine.prepare(action, "0001")
    assert caught.value.hint.startswith("Nothing was written to it")
    assert before == snapshot(tree, times=True)
    do(machine, replace(action, made_from=""))
    assert "old\nnew\n" == path.read_text()


@pytest.mark.parametrize(
    ("known", "there"),
    [
        ("old\n", b"old\n"),
        ("old\n", b"old\nnew\n"),  # only its mode is another
        ("", None),
        ("", b""),
        # As facts have it.
        ("# f\N{REPLACEMENT CHARACTER}r eth0\r\n", b"# f\xfcr eth0\r\n"),
    ],
)
def test_a_text_is_written_over_the_one_that_it_was_made_from(
    known: str, there: bytes | None, machine: Machine, tree: Path
) -> None:
    path = tree / "old.conf"
    if there is not None:
        path.write_bytes(there)
    before = snapshot(tree, times=True)
    new = written(path, "old\nnew\n", "Why.", mode=0o600)
    action = replace(new, made_from=text_hash(known))
    undo = do(machine, action)
    assert machine.is_done(action)
    take_back(machine, action, undo)
    assert before == snapshot(tree, times=True)


def test_a_file_that_a_link_leads_to_is_the_one_that_must_be_as_it_was(
    machine: Machine, tree: Path
) -> None:
    (tree / "real").write_text("real\n")
    (tree / "link").symlink_to("real")
    action = replace(written(tree / "link", "new\n", "Why."), made_from=text_hash("real\n"))
    (tree / "real").write_text("real\n# mine\n")
    with pytest.raises(StepFailed, match="changed while this ran"):
        machine.prepare(action, "0001")
    (tree / "real").write_text("real\n")
    do(machine, action)
    assert "new\n" == (tree / "real").read_text()


def test_the_journal_of_an_earlier_version_says_nothing_of_what_a_text_was_made_from() -> None:
    action = written(Path("/etc/file"), "new\n", "Why.")
    value = encode(action)
    assert "" == value.pop("made_from")
    assert action == decode(WriteFile, value)


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
