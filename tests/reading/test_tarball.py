"""A tarball of Xen is looked into without being believed; what is no Xen is refused in words."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from steps.facts import Tarball
from steps.reading.elf import parse_elf
from steps.reading.tarball import read_tarball
from steps.reading.view import View
from tests.reading.looking import Answers, Said
from tests.reading.tarballs import (
    ELF,
    FILES,
    HOSTILE,
    INCOMPLETE,
    TREE,
    link,
    member,
    tarball,
)


def looked(root: Path, path: str, *, as_root: bool = True) -> Tarball | None:
    ask = Answers({"ldconfig": Said("2 libs\n\tlibc.so.6 (libc6) => /x\n")})
    return read_tarball(View(ask=ask, as_root=as_root, root=root), path)


def found(root: Path, path: str = "/xen.tgz") -> Tarball:
    result = looked(root, path)
    assert result is not None
    return result


@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w:bz2", "w"])
def test_upstreams_shape_is_read_whole(tmp_path: Path, mode: str) -> None:
    path = tarball(tmp_path / "xen.tgz", link(f"{TREE}/boot/xen.gz", "xen-4.17.gz"), mode=mode)
    read = found(tmp_path)
    assert () == read.wrong
    assert ("dist", hashlib.sha256(path.read_bytes()).hexdigest()) == (read.top, read.sha256)
    assert "Xen, built for a test." in read.readme
    entries = {entry.path: entry for entry in read.entries}
    assert "xen-4.17.gz" == entries["/boot/xen.gz"].content
    xl = entries["/usr/sbin/xl"]
    assert (0o755, hashlib.sha256(FILES[f"{TREE}/usr/sbin/xl"]).hexdigest()) == (
        xl.mode, xl.content
    )  # fmt: skip
    assert not any("udev" in path for path in entries)
    assert ("x86_64",) == read.machines


def test_the_unpacked_folder_is_the_same_xen(tmp_path: Path) -> None:
    with tarfile.open(tarball(tmp_path / "xen.tgz")) as archive:
        archive.extractall(tmp_path)
    packed, unpacked = found(tmp_path), found(tmp_path, "/dist")
    assert () == unpacked.wrong
    files = [entry for entry in unpacked.entries if entry.kind != "directory"]
    assert [entry for entry in packed.entries if entry.kind != "directory"] == files
    assert ("", "", packed.script_sha256) == (unpacked.sha256, unpacked.top, unpacked.script_sha256)


def test_what_is_on_the_host_now_is_told_apart(tmp_path: Path) -> None:
    tarball(tmp_path / "xen.tgz")
    for name, content in (("etc/xen/xl.conf", b"# mine!!!\n"), ("usr/sbin/xl", ELF % b"\x3e\x00")):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    (tmp_path / "usr/sbin/xl").chmod(0o755)
    here = {entry.path: entry.here for entry in found(tmp_path).entries}
    assert {"/etc/xen/xl.conf": "other", "/usr/sbin/xl": "same"}.items() <= here.items()
    assert "nothing" == here["/boot/xen-4.17.gz"]
    (tmp_path / "usr/sbin/xl").chmod(0o644)
    assert "other" == {entry.path: entry.here for entry in found(tmp_path).entries}["/usr/sbin/xl"]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_xen_has_is_refused(tmp_path: Path, name: str) -> None:
    changes, words = HOSTILE[name]
    tarball(tmp_path / "xen.tgz", *changes)
    before = sorted(tmp_path.rglob("*"))
    read = found(tmp_path)
    if words:
        assert any(words in wrong for wrong in read.wrong), read.wrong
    else:
        assert read.wrong or all("/s" != entry.path for entry in read.entries)
    assert all(wrong.isprintable() for wrong in read.wrong)
    assert before == sorted(tmp_path.rglob("*"))


@pytest.mark.parametrize("without", INCOMPLETE)
def test_what_is_missing_is_named(tmp_path: Path, without: str) -> None:
    tarball(tmp_path / "xen.tgz", without=without)
    assert any(INCOMPLETE[without] in wrong for wrong in found(tmp_path).wrong)


def test_what_is_no_tarball_is_refused(tmp_path: Path) -> None:
    whole = tarball(tmp_path / "whole").read_bytes()
    for name, content in {
        "empty": b"",
        "text": b"hello\n" * 200,
        "cut": whole[: len(whole) // 2],
        "cut late": whole[:-20],
        "gzip of a text": gzip.compress(b"hello\n" * 5000),
        "noise": os.urandom(5000),
        "zeros": bytes(20480),
    }.items():
        (tmp_path / "xen.tgz").write_bytes(content)
        assert found(tmp_path).wrong, name
    assert ("it is not there",) == found(tmp_path, "/none").wrong
    os.mkfifo(tmp_path / "pipe")
    assert ("it is neither a file nor a folder",) == found(tmp_path, "/pipe").wrong
    (tmp_path / "folder").mkdir()
    assert "no install.sh and no install" in found(tmp_path, "/folder").wrong[0]


def test_a_bomb_is_stopped_before_it_is_unpacked(tmp_path: Path) -> None:
    class Zeros:
        def read(self, count: int = -1) -> bytes:
            return bytes(min(count, 1 << 20))

    with tarfile.open(tmp_path / "xen.tgz", "w:gz", compresslevel=1) as archive:
        info = tarfile.TarInfo(f"{TREE}/boot/xen.gz")
        info.size = 600 * 1024 * 1024
        archive.addfile(info, Zeros())
    tracemalloc.start()
    assert any("larger than any Xen" in wrong for wrong in found(tmp_path).wrong)
    assert tracemalloc.get_traced_memory()[1] < 64 * 1024 * 1024
    tracemalloc.stop()


def test_a_script_that_is_a_link_or_a_program_is_refused(tmp_path: Path) -> None:
    tarball(tmp_path / "xen.tgz", link("dist/install.sh", "/bin/sh"), without="install.sh")
    assert any("no shell script" in wrong for wrong in found(tmp_path).wrong)
    tarball(tmp_path / "xen2.tgz", member("dist/install.sh", ELF), without="install.sh")
    assert any("no shell script" in wrong for wrong in found(tmp_path, "/xen2.tgz").wrong)


def test_a_hard_link_inside_is_a_file(tmp_path: Path) -> None:
    hard = link(f"{TREE}/boot/xen.gz", f"{TREE}/boot/xen-4.17.gz", tarfile.LNKTYPE)
    tarball(tmp_path / "xen.tgz", hard)
    entries = {entry.path: entry for entry in found(tmp_path).entries}
    assert entries["/boot/xen.gz"].content == entries["/boot/xen-4.17.gz"].content


def test_a_folder_with_a_pipe_or_a_link_out_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tarball(tmp_path / "xen.tgz")) as archive:
        archive.extractall(tmp_path)
    os.mkfifo(tmp_path / "dist/install/boot/pipe")
    (tmp_path / "dist/install/boot/out").symlink_to("../../../../etc")
    wrong = found(tmp_path, "/dist").wrong
    assert any("pipe" in words for words in wrong)
    assert any("leads out" in words for words in wrong)


def test_another_processors_programs_are_told(tmp_path: Path) -> None:
    files = {**FILES, f"{TREE}/usr/sbin/xl": ELF % b"\x03\x00"}
    tarball(tmp_path / "xen.tgz", files=files)
    assert ("i686",) == found(tmp_path).machines


def test_a_real_programs_processor_and_libraries_are_read() -> None:
    program = Path(os.path.realpath(shutil.which("ls") or "/bin/ls"))
    elf = parse_elf(program.read_bytes())
    assert elf is not None
    assert os.uname().machine == elf.machine
    assert any(name.startswith("libc.so") for name in elf.needed)


def test_damaged_programs_are_none(tmp_path: Path) -> None:
    content = Path(os.path.realpath(shutil.which("ls") or "/bin/ls")).read_bytes()
    for length in (0, 3, 63, 64, 100, 500):
        parse_elf(content[:length])
    for at in range(16, 64):
        parse_elf(content[:at] + b"\xff\xff\xff\xff" + content[at + 4 :])
    assert parse_elf(b"#!/bin/sh\n" * 20) is None


def test_libraries_that_are_nowhere_are_named(tmp_path: Path) -> None:
    program = Path(os.path.realpath(shutil.which("ls") or "/bin/ls")).read_bytes()
    needed = parse_elf(program)
    assert needed is not None
    tarball(tmp_path / "xen.tgz", files={**FILES, f"{TREE}/usr/sbin/xl": program})
    lacking = found(tmp_path).lacking
    assert set(lacking) == set(needed.needed) - {"libc.so.6"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_only_root_may_read_is_not_known(tmp_path: Path) -> None:
    tarball(tmp_path / "xen.tgz").chmod(0)
    assert looked(tmp_path, "/xen.tgz", as_root=False) is None


def test_what_is_no_tar_file_at_all_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "xen.tgz").write_text("A letter.\n" * 200)
    (words,) = found(tmp_path).wrong
    assert ("it is no tar file", False) == (words[:17], "\n" in words)
