"""Finished hosts: made once, kept, and started from."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from wizard.practice.errors import MachineTrouble
from wizard.practice.hosts import Host, host_key, host_of, keep, start_from
from wizard.practice.machine import PracticeMachine, State
from wizard.practice.places import MachineName, Places


def places(top: Path) -> Places:
    return Places(cache=top / "cache", state=top / "state", runtime=top / "run")


def finished(machine: PracticeMachine) -> None:
    """A machine that is off, whose disk has something on it that the image has not."""
    image = machine.folder / "image"
    image.mkdir(parents=True)
    (image / "disk.raw").write_bytes(b"image".ljust(1 << 20, b"\0"))
    (image / "ssh_key").write_text("a key")
    (image / "known_hosts").write_text("a host")
    for command in (
        ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", "image/disk.raw", "disk.qcow2"],
        ["bench", "-w", "-c", "1", "-s", "4096", "-o", "4096", "--pattern", "7", "disk.qcow2"],
    ):
        subprocess.run(["qemu-img", *command], cwd=machine.folder, check=True, capture_output=True)


def content(disk: Path) -> bytes:
    raw = disk.with_suffix(".content")
    subprocess.run(["qemu-img", "convert", "-O", "raw", disk, raw], check=True)
    return raw.read_bytes()


def test_a_machine_that_starts_from_a_kept_host_has_what_was_done_in_it(tmp_path: Path) -> None:
    maker = PracticeMachine(MachineName("maker"), places=places(tmp_path))
    finished(maker)
    done = content(maker.folder / "disk.qcow2")
    host = Host(tmp_path / "cache" / "image" / "hosts" / "key")
    host.folder.parent.parent.mkdir(parents=True)
    keep(maker, host)
    assert maker.status().state is State.ABSENT, "it is kept, and gone"
    machine = PracticeMachine(MachineName("class"), places=places(tmp_path))
    start_from(machine, host)
    assert machine.status().state is State.OFF
    disk = machine.folder / "disk.qcow2"
    assert content(disk) == done
    assert (machine.folder / "image" / "ssh_key").read_text() == "a key"
    # A new image clears the cache: machines hold links of their own.
    for path in sorted(host.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert content(disk) == done
    chain = json.loads(
        subprocess.run(
            ["qemu-img", "info", "--output=json", "--backing-chain", disk],
            capture_output=True, text=True, check=True,
        ).stdout
    )  # fmt: skip
    assert len(chain) == 3


def test_what_makes_a_host_is_its_key() -> None:
    assert host_key(b"program", b"answers") == host_key(b"program", b"answers")
    assert host_key(b"ab", b"c") != host_key(b"a", b"bc")


def test_a_host_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    base = tmp_path / "cache" / "image"
    (base / "hosts" / "key").mkdir(parents=True)

    def make(_machine: PracticeMachine) -> None:
        raise AssertionError("it is there")

    machine = PracticeMachine(MachineName("maker"), places=places(tmp_path))
    host = host_of(machine, "key", make, base=lambda: base)
    assert host.folder == base / "hosts" / "key"


def test_a_host_that_could_not_be_finished_is_not_kept(tmp_path: Path) -> None:
    base = tmp_path / "cache" / "image"
    base.mkdir(parents=True)

    def make(_machine: PracticeMachine) -> None:
        raise MachineTrouble("The run ended with status 5.")

    machine = PracticeMachine(MachineName("maker"), places=places(tmp_path))
    with pytest.raises(MachineTrouble):
        host_of(machine, "key", make, base=lambda: base)
    assert not list(base.rglob("*qcow2"))
