"""Files as machines have them beside the usual: with attributes, unchangeable, read-only, in the
way. On a real disk, as memory has no flags.
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PosixPath
from tempfile import TemporaryDirectory

import pytest

from tests.engine.doing import do, take_back
from wizard.actions import MakeDirectory, MakeLink, WriteFile, text_hash
from wizard.errors import StepFailed
from wizard.files import keep_copy, nothing, sha256_of, write
from wizard.machine import Machine
from wizard.running import Unwatched
from wizard.undo import FileUndo

# An access control list as ACL(5) has it: the owner, user 1000, the group, the mask, others.
_LIST = base64.b64decode("AgAAAAEABgD/////AgAGAOgDAAAEAAQA/////xAABgD/////IAAEAP////8=")
_ATTRIBUTES = {
    "security.capability": base64.b64decode("AQAAAgAEAAAAAAAAAAAAAAAAAAA="),
    "security.selinux": b"system_u:object_r:net_conf_t:s0\0",
    "system.posix_acl_access": _LIST,
    "trusted.mark": b"\0\xff",
    "user.note": b"mine",
}


@pytest.fixture
def disk() -> Iterator[Path]:
    with TemporaryDirectory(dir="/var/tmp") as name:
        yield Path(name)


@contextmanager
def flag(path: Path, letter: str) -> Iterator[None]:
    subprocess.run(("chattr", f"+{letter}", path), check=True)
    try:
        yield
    finally:
        subprocess.run(("chattr", f"-{letter}", path), check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    subprocess.run(("mount", "--bind", folder, folder), check=True)
    try:
        subprocess.run(("mount", "-o", "remount,bind,ro", folder), check=True)
        yield
    finally:
        subprocess.run(("umount", folder), check=True)


def attributes(path: Path) -> dict[str, bytes]:
    return {name: os.getxattr(path, name) for name in os.listxattr(path)}


def test_a_file_keeps_its_attributes_when_it_is_written_and_taken_back(
    machine: Machine, disk: Path
) -> None:
    file = disk / "interfaces"
    file.write_text("auto lo\n")
    for name, value in _ATTRIBUTES.items():
        os.setxattr(file, name, value)
    before = file.stat()
    action = WriteFile(str(file), "auto xenbr0\n", "Why.", mode=0o664)
    undo = do(machine, action)
    # What a program may do by its bytes, other bytes may not.
    of_any_content = {**_ATTRIBUTES}
    del of_any_content["security.capability"]
    assert attributes(file) == of_any_content
    assert machine.is_done(action)
    take_back(machine, action, undo)
    after = file.stat()
    assert file.read_text() == "auto lo\n"
    assert attributes(file) == _ATTRIBUTES
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


def test_what_is_made_of_another_text_keeps_that_ones_mode_and_owner(
    machine: Machine, disk: Path
) -> None:
    # Debian's installer gives /etc/network/interfaces 0600 where a password of a network is in it.
    file = disk / "interfaces"
    file.write_text("wpa-psk secret\n")
    file.chmod(0o640)
    os.chown(file, 0, 43)
    made_from = text_hash("wpa-psk secret\n")
    action = WriteFile(str(file), "wpa-psk secret\nmore\n", "Why.", made_from=made_from)
    undo = do(machine, action)
    assert (file.stat().st_mode & 0o7777, file.stat().st_gid) == (0o640, 43)
    assert machine.is_done(action)
    take_back(machine, action, undo)
    assert file.read_text() == "wpa-psk secret\n"
    assert (file.stat().st_mode & 0o7777, file.stat().st_gid) == (0o640, 43)
    file.unlink()
    made = WriteFile(str(file), "new\n", "Why.", made_from=text_hash(""))
    do(machine, made)
    assert (file.stat().st_mode & 0o7777, file.stat().st_gid) == (0o644, 0)


def test_a_file_put_back_has_no_list_that_its_directory_hands_down(
    machine: Machine, disk: Path
) -> None:
    file = disk / "interfaces"
    file.write_text("auto lo\n")
    os.setxattr(disk, "system.posix_acl_default", _LIST)
    action = WriteFile(str(file), "auto xenbr0\n", "Why.")
    undo = do(machine, action)
    assert attributes(file) == {}
    take_back(machine, action, undo)
    assert attributes(file) == {}


class Edited(PosixPath):
    """A file that somebody edits as soon as it has been read."""

    def read_bytes(self) -> bytes:
        content = super().read_bytes()
        self.write_text("somebody's edit\n")
        return content


def test_a_backup_is_known_by_the_bytes_that_are_in_it(tmp_path: Path) -> None:
    # By another hash, the edit was taken for what the backup has, and written over.
    file = Edited(tmp_path / "interfaces")
    file.write_text("auto lo\n")
    before = keep_copy(file, tmp_path, "0001")
    assert sha256_of(tmp_path / "0001") == before.sha256
    undo = FileUndo(str(file), before, text_hash("ours\n"))
    with pytest.raises(StepFailed, match="was changed while this ran"):
        write(WriteFile(str(file), "ours\n", "Why."), undo, nothing)
    assert file.read_text() == "somebody's edit\n"


@pytest.mark.parametrize("letter", ["i", "a"])
def test_a_file_that_nobody_may_change_is_a_failure_with_nothing_to_take_back(
    machine: Machine, disk: Path, letter: str
) -> None:
    file = disk / "interfaces"
    file.write_text("auto lo\n")
    action = WriteFile(str(file), "auto xenbr0\n", "Why.")
    undo = machine.prepare(action, "0001")
    with flag(file, letter):
        with pytest.raises(StepFailed, match="interfaces: Operation not permitted") as refused:
            machine.perform(action, undo, Unwatched())
        assert str(file) in refused.value.what
        assert "chattr" in refused.value.hint
        inode = file.stat().st_ino
        take_back(machine, action, undo)
    assert file.stat().st_ino == inode
    assert [path.name for path in disk.iterdir()] == ["interfaces"]


@pytest.mark.parametrize("there", [True, False])
def test_on_a_read_only_filesystem_nothing_is_to_be_taken_back(
    machine: Machine, disk: Path, there: bool
) -> None:
    file = disk / "interfaces"
    if there:
        file.write_text("auto lo\n")
    action = WriteFile(str(file), "auto xenbr0\n", "Why.")
    undo = machine.prepare(action, "0001")
    with read_only(disk):
        with pytest.raises(StepFailed, match="interfaces: Read-only file system"):
            machine.perform(action, undo, Unwatched())
        take_back(machine, action, undo)
    assert file.exists() == there


@pytest.mark.parametrize("kind", ["file", "link", "directory"])
def test_what_is_in_the_way_of_a_link_or_directory_is_refused_before_it_is_begun(
    machine: Machine, tree: Path, kind: str
) -> None:
    path = tree / "auto"
    if kind == "file":
        path.write_text("Mine.\n")
    elif kind == "link":
        path.symlink_to("elsewhere")
    else:
        path.mkdir()
    link = MakeLink(str(path), "../vm01", "Why.")
    with pytest.raises(StepFailed, match="is there already"):
        machine.prepare(link, "0001")
    if kind == "file":
        with pytest.raises(StepFailed, match="is there already"):
            machine.prepare(MakeDirectory(str(path), "Why."), "0001")


def test_a_link_that_cannot_be_made_is_named_itself(machine: Machine, disk: Path) -> None:
    link = MakeLink(str(disk / "auto"), "../vm01", "Why.")
    undo = machine.prepare(link, "0001")
    with flag(disk, "i"), pytest.raises(StepFailed, match="auto: Operation not permitted"):
        machine.perform(link, undo, Unwatched())
