"""What a script makes of files, links and moves: to the byte what the engine makes of them."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.engine.devices import loop_disk, needs_loop, tool
from tests.engine.world import snapshot
from tests.fast import share
from tests.script.running import WORDS, Shell, script_of, shellcheck
from wizard.actions import (
    Action,
    MakeDirectory,
    MakeLink,
    MovePath,
    Volume,
    WriteFile,
    text_hash,
)
from wizard.machine import Machine
from wizard.running import Unwatched, Workplace

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a script runs as root only")

UUID = "0b5c2d5e-7c0f-4d0e-8a53-95f6f4a6f0a1"
TEXTS = {
    "lines": "one\ntwo\n",
    "nothing": "",
    "one newline": "\n",
    "newlines at its end": "a\n\n\n",
    "no newline at its end": "a\nb",
    "one letter": "a",
    "shell": "$HOME `id` $(id) \\ \\\\ \"'\n\\\n#!/bin/sh\n",
    "the delimiter itself": "END\nEND1\n END\nEND2\n",
    "the delimiter at its end": "a\nEND",
    "tabs and blanks": "\t a \t\n   \n",
    "letters of many kinds": "Grüße, 世界 “quoted” ’tis\n",
    "carriage returns": "dos\r\nlines\r\n",
    "control characters": "bell\x07 escape\x1b[31m null\x00 delete\x7f\n",
    "a line that looks like an option": "-rf\n--\n-n\n",
    "a long line": "x" * 100_000 + "\n",
}


def by_engine(top: Path, actions: Sequence[Action]) -> None:
    machine = Machine(work=top / "work")
    backups = top / "backups"
    backups.mkdir()
    machine.attend(Workplace(top / "log", backups))
    for action in actions:
        if not machine.is_done(action):
            machine.perform(action, machine.prepare(action, "1"), Unwatched())
    machine.release()


def by_script(actions: Sequence[Action], tmp_path: Path) -> None:
    place = tmp_path / "shell"
    place.mkdir(exist_ok=True)
    done = Shell(place).run(script_of(actions))
    assert (0, "") == (done.returncode, done.stderr)
    assert [] == shellcheck([place / "plan.sh"])


def both(
    tmp_path: Path, prepare: Callable[[Path], None], actions: Callable[[Path], Sequence[Action]]
) -> None:
    """Do it in the same tree, by the one and then by the other, and compare."""
    tree = tmp_path / "tree"
    tree.mkdir()
    prepare(tree)
    by_engine(tmp_path, actions(tree))
    expected = snapshot(tree, times=False)
    assert expected
    shutil.rmtree(tree)
    tree.mkdir()
    prepare(tree)
    by_script(actions(tree), tmp_path)
    assert expected == snapshot(tree, times=False)


def test_texts_land_to_the_byte(tmp_path: Path) -> None:
    both(
        tmp_path,
        lambda tree: None,
        lambda tree: [WriteFile(str(tree / name), TEXTS[name], "A text.") for name in TEXTS],
    )
    for name, text in TEXTS.items():
        assert text.encode() == (tmp_path / "tree" / name).read_bytes()


def test_modes_and_owners_are_as_planned(tmp_path: Path) -> None:
    rights = [
        (mode, uid, gid)
        for mode in (0o644, 0o600, 0o444, 0o4755, 0o000)
        for uid, gid in ((0, 0), (1, 2))
    ]

    def prepare(tree: Path) -> None:
        for index, _ in enumerate(rights):
            (tree / f"old{index}").write_text("old")
            (tree / f"old{index}").chmod(0o777)

    def actions(tree: Path) -> Iterator[Action]:
        for index, (mode, uid, gid) in enumerate(rights):
            yield WriteFile(str(tree / f"old{index}"), "a\n", "It is there.", mode, uid, gid)
            yield WriteFile(str(tree / f"new{index}"), "b\n", "It is not.", mode, uid, gid)
            yield MakeDirectory(str(tree / f"folder{index}"), "A place.", mode)

    both(tmp_path, prepare, lambda tree: list(actions(tree)))


def test_links_stay_and_what_they_lead_to_is_written(tmp_path: Path) -> None:
    def prepare(tree: Path) -> None:
        (tree / "real").mkdir()
        (tree / "real/file").write_text("old")
        (tree / "direct").symlink_to("real/file")
        (tree / "folder").symlink_to(tree / "real")
        (tree / "dangling").symlink_to("real/../real/./new")
        (tree / "chain").symlink_to("dangling")

    both(
        tmp_path,
        prepare,
        lambda tree: [
            WriteFile(str(tree / "direct"), "through\n", "By a link."),
            WriteFile(str(tree / "folder/other"), "through\n", "By a linked folder."),
            WriteFile(str(tree / "chain"), "through\n", "By two links, to nothing yet."),
            MakeDirectory(str(tree / "folder/made"), "In a linked folder."),
            MakeLink(str(tree / "new"), "real/file", "A link."),
            MakeLink(str(tree / "away"), "/nonexistent/place", "To nothing."),
            MovePath(str(tree / "direct"), str(tree / "moved"), "A link is moved as a link."),
        ],
    )
    assert (tmp_path / "tree/real/new").read_text() == "through\n"


def test_hostile_names_are_names_and_nothing_more(tmp_path: Path) -> None:
    names = [text for text in WORDS if "/" not in text and text not in ("", ".", "..")]
    names = [name for name in names if len(name.encode()) < 200]
    assert len(names) > 100
    names = share(names, one_in=4)

    def actions(tree: Path) -> Iterator[Action]:
        for name in names:
            yield WriteFile(str(tree / "in" / name), f"{name}\n", f"For {name}.")
            yield MovePath(str(tree / "in" / name), str(tree / name), f"For {name}.")
            yield MakeLink(str(tree / "in" / name), name, f"For {name}.")
            yield MakeDirectory(str(tree / "in" / f"{name}+"), f"For {name}.")

    both(tmp_path, lambda tree: (tree / "in").mkdir(), lambda tree: list(actions(tree)))


def test_again_changes_nothing(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "a").mkdir(parents=True)
    actions: list[Action] = [
        WriteFile(str(tree / "file"), "text", "A file.", mode=0o600),
        MakeDirectory(str(tree / "folder"), "A place.", mode=0o700),
        MakeLink(str(tree / "link"), "file", "A link."),
        MovePath(str(tree / "a"), str(tree / "b"), "Away."),
    ]
    by_script(actions, tmp_path)
    first = snapshot(tree, times=False)
    shutil.rmtree(tmp_path / "shell")
    by_script(actions, tmp_path)
    assert first == snapshot(tree, times=False)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda tree: WriteFile(str(tree / "folder"), "a", "why"), "folder is no file"),
        (lambda tree: WriteFile(str(tree / "masked"), "a", "why"), "null is no file"),
        (lambda tree: WriteFile(str(tree / "no/file"), "a", "why"), "no/.file"),
        (lambda tree: WriteFile(str(tree / "circle"), "a", "why"), "lead in a circle"),
        (lambda tree: MakeLink(str(tree / "file"), "elsewhere", "why"), "File exists"),
        (lambda tree: MakeLink(str(tree / "folder"), "elsewhere", "why"), "File exists"),
        (lambda tree: MovePath(str(tree / "file"), str(tree / "folder"), "why"), "there already"),
        (lambda tree: MovePath(str(tree / "no"), str(tree / "none"), "why"), "No such file"),
        (lambda tree: MakeDirectory(str(tree / "file"), "why"), "File exists"),
    ],
)
def test_it_stops_where_the_engine_would(
    action: Callable[[Path], Action], words: str, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    (tree / "folder").mkdir(parents=True)
    (tree / "file").write_text("mine")
    (tree / "circle").symlink_to("circle")
    os.mknod(tree / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (tree / "masked").symlink_to(tree / "null")
    before = snapshot(tree, times=True)
    after = WriteFile(str(tree / "after"), "a", "It is not come to.")
    done = Shell(tmp_path).run(script_of([action(tree), after]))
    assert done.returncode != 0
    assert words in done.stderr
    assert before == snapshot(tree, times=True)


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Volume]:
    with loop_disk(tmp_path / "disk.img", 32) as device:
        tool("mkfs.ext4", "-q", "-U", UUID, device)
        yield Volume(device, str(tmp_path / "run/vm01"), "ext4", uuid=UUID)


def mounting_shell(top: Path) -> Shell:
    """A shell with the programs that volumes are mounted by."""
    shell = Shell(top)
    for name in ("blkid", "findmnt", "mount", "umount"):
        (shell.programs / name).symlink_to(str(shutil.which(name, path="/usr/sbin:/usr/bin:/sbin")))
    return shell


@needs_loop
def test_in_a_volume_links_lead_where_the_guest_would_find_them(
    guest: Volume, tmp_path: Path
) -> None:
    point = Path(guest.mount_point)
    mounting = tmp_path / "look"
    mounting.mkdir()
    tool("mount", guest.device, str(mounting))
    (mounting / "usr/lib").mkdir(parents=True)
    (mounting / "lib").symlink_to("usr/lib")
    (mounting / "etc").mkdir()
    (mounting / "etc/resolv.conf").symlink_to("/usr/lib/../../../../resolved")
    tool("umount", str(mounting))
    actions: list[Action] = [
        WriteFile(f"{point}/etc/resolv.conf", "nameserver\n", "An absolute link.", inside=guest),
        MakeDirectory(f"{point}/lib/modules", "By a link.", inside=guest),
        MakeLink(f"{point}/etc/link", "/lib/modules", "A link of the guest's.", inside=guest),
        WriteFile(str(tmp_path / "outside"), "on the host\n", "It is unmounted for this."),
        WriteFile(f"{point}/etc/last", "last\n", "And mounted again.", inside=guest),
    ]
    done = mounting_shell(tmp_path).run(script_of(actions))
    assert (0, "") == (done.returncode, done.stderr)
    assert not os.path.lexists(point)
    tool("mount", guest.device, str(mounting))
    try:
        assert (mounting / "resolved").read_text() == "nameserver\n"
        assert (mounting / "usr/lib/modules").is_dir()
        assert (mounting / "etc/last").read_text() == "last\n"
        assert not Path("/resolved").exists()
    finally:
        tool("umount", str(mounting))
    assert (tmp_path / "outside").read_text() == "on the host\n"


@needs_loop
def test_a_volume_is_unmounted_when_a_command_in_it_fails(guest: Volume, tmp_path: Path) -> None:
    point = Path(guest.mount_point)
    shell = Shell(tmp_path)
    for name in ("mount", "umount"):
        (shell.programs / name).symlink_to(f"/usr/bin/{name}")
    failing = WriteFile(f"{point}/no/file", "a", "There is no such directory.", inside=guest)
    done = shell.run(script_of([failing]))
    assert done.returncode != 0
    assert str(point) not in Path("/proc/self/mounts").read_text()
    assert not os.path.lexists(point)


@needs_loop
@pytest.mark.parametrize("why", ["is mounted already", "does not hold the filesystem"])
def test_a_volume_that_somebody_uses_is_not_worked_in(
    guest: Volume, tmp_path: Path, why: str
) -> None:
    mounting = tmp_path / "look"
    mounting.mkdir()
    if "mounted" in why:
        tool("mount", guest.device, str(mounting))
    else:
        tool("mkfs.ext4", "-q", "-F", guest.device)
    action = WriteFile(f"{guest.mount_point}/file", "", "Inside.", inside=guest)
    try:
        done = mounting_shell(tmp_path).run(script_of([action]))
        assert done.returncode != 0
        assert why in done.stderr
    finally:
        if "mounted" in why:
            assert [mounting / "lost+found"] == list(mounting.iterdir())
            tool("umount", str(mounting))


def test_a_file_keeps_its_attributes(tmp_path: Path) -> None:
    file = tmp_path / "interfaces"
    kept = {"security.selinux": b"system_u:object_r:net_conf_t:s0\0", "user.note": b"mine"}
    for by in (by_script, lambda actions, top: by_engine(top, actions)):
        file.write_text("before\n")
        file.chmod(0o600)
        os.utime(file, (0, 0))
        for name, value in kept.items():
            os.setxattr(file, name, value)
        action = WriteFile(str(file), "now\n", "Why.")
        by([action], tmp_path)
        assert {name: os.getxattr(file, name) for name in os.listxattr(file)} == kept
        assert file.read_text() == "now\n"
        assert file.stat().st_mode & 0o7777 == 0o644
        assert file.stat().st_mtime > 1


def test_what_is_made_of_another_text_keeps_that_ones_mode_and_owner(tmp_path: Path) -> None:
    file = tmp_path / "interfaces"
    action = WriteFile(str(file), "now\n", "Why.", made_from=text_hash("before\n"))
    for by in (by_script, lambda actions, top: by_engine(top, actions)):
        file.write_text("before\n")
        file.chmod(0o640)
        os.chown(file, 0, 43)
        by([action], tmp_path)
        assert file.read_text() == "now\n"
        assert (file.stat().st_mode & 0o7777, file.stat().st_gid) == (0o640, 43)
