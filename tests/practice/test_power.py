"""What the journeys do to a machine's disk and power, tried without one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.practice.test_machine import off
from tests.vm.power import HONEST, Shelf, cut_power, frozen, overlay, tell_qemu
from wizard.practice.image import Image
from wizard.practice.machine import PracticeMachine
from wizard.practice.places import MachineName, Places, make_private
from wizard.practice.qemu import Hardware, Sockets, machine_command

MIB = 1024 * 1024
WRITER = """\
import os, sys, time
file = os.open(sys.argv[1], os.O_WRONLY)
number = 0
while True:
    number += 1
    os.pwrite(file, number.to_bytes(8, "little"), 0)
    os.pwrite(file, number.to_bytes(8, "little"), 4096)
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "cache", tmp_path / "state", tmp_path / "run")


def qemu_img(*argv: str) -> str:
    done = subprocess.run(["qemu-img", *argv], check=True, capture_output=True, text=True)
    return done.stdout


needs_qemu_img = pytest.mark.skipif(
    shutil.which("qemu-img") is None,
    reason="qemu-img comes with the practice machine",
)


@pytest.fixture
def machine(places: Places) -> PracticeMachine:
    """A machine that is off, with an image and a disk upon it."""
    made = PracticeMachine(MachineName("here"), places=places)
    image = Image(made.folder / "image")
    image.folder.mkdir(parents=True)
    for path in (image.ssh_key, image.known_hosts):
        path.write_text(path.name)
    image.disk.write_bytes(b"\1" * MIB)
    qemu_img("create", "-q", "-f", "qcow2", "-F", "raw", "-b", "image/disk.raw",
             str(made.folder / "disk.qcow2"))  # fmt: skip
    return made


def test_the_disk_of_a_machine_whose_power_is_cut_keeps_its_flushes() -> None:
    assert HONEST.cache != "unsafe"
    command = machine_command(
        Hardware(cache="none"), disk=Path("/d"), sockets=Sockets(Path("/s")),
        console_log=Path("/l"), pid_file=Path("/p"), port=1,
    )  # fmt: skip
    assert any("cache=none" in word for word in command)


@needs_qemu_img
def test_copies_of_a_disk_are_begun_from_again_and_again(machine: PracticeMachine) -> None:
    shelf = Shelf(machine)
    shelf.put(machine, "before")
    qemu_img("bench", "-w", "-c", "1", "-s", "4096", "--pattern=7", "-q", "-f", "qcow2",
             str(machine.folder / "disk.qcow2"))  # fmt: skip
    shelf.put(machine, "after")
    other = PracticeMachine(MachineName("other"), places=machine.places)
    for name, first in (("before", 1), ("after", 7), ("before", 1)):
        shelf.machine_from(name, other)
        raw = other.folder / "raw"
        qemu_img("convert", "-O", "raw", str(other.folder / "disk.qcow2"), str(raw))
        assert raw.read_bytes()[:4096] == bytes([first]) * 4096
        assert other.folder.joinpath("image/ssh_key").read_text() == "ssh_key"
        # What this one does, the next one does not find.
        qemu_img("bench", "-w", "-c", "1", "-s", "4096", "--pattern=9", "-q", "-f", "qcow2",
                 str(other.folder / "disk.qcow2"))  # fmt: skip
    shelf.drop("after")
    assert [shelf.has(name) for name in ("before", "after")] == [True, False]
    shelf.clear()
    machine.reset()
    assert other.folder.joinpath("copy.qcow2").exists(), "its links are its own"


@needs_qemu_img
def test_a_disk_upon_another_leaves_that_as_it_is(tmp_path: Path) -> None:
    base, disk = tmp_path / "base.qcow2", tmp_path / "disk.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", str(base), "1M")
    before = base.read_bytes()
    overlay(base, disk)
    qemu_img("bench", "-w", "-c", "8", "-q", "-f", "qcow2", str(disk))
    assert base.read_bytes() == before


def test_a_frozen_process_writes_nothing_until_it_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "disk"
    file.write_bytes(bytes(8192))
    with subprocess.Popen([sys.executable, "-c", WRITER, str(file)]) as process:
        try:
            while file.read_bytes() == bytes(8192):
                time.sleep(0.01)
            with frozen(process.pid):
                first = file.read_bytes()
                time.sleep(0.05)
                assert file.read_bytes() == first
            time.sleep(0.05)
            assert file.read_bytes() != first
        finally:
            process.kill()


def test_a_power_cut_kills_and_asks_nobody(places: Places) -> None:
    machine = off(places)
    pid_file = machine.folder / "qemu.pid"
    program = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{program}; time.sleep(60)", str(pid_file)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        pid_file.write_text(f"{process.pid}\n")
        # As the child of somebody who waits for it, it leaves no entry.
        waiter = threading.Thread(target=process.wait)
        waiter.start()
        cut_power(machine)
        waiter.join()
        assert process.returncode == -9


def test_qemu_is_told_with_arguments(places: Places) -> None:
    machine = off(places)
    folder = make_private(places.sockets(machine.name))
    heard: list[dict[str, object]] = []

    def qemu(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rwb") as file:
            file.write(b'{"QMP": {}}\n')
            file.flush()
            while line := file.readline():
                heard.append(json.loads(line))
                file.write(b'{"event": "RESUME"}\n{"return": {"status": "running"}}\n')
                file.flush()

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(Sockets(folder).control))
        server.listen()
        thread = threading.Thread(target=qemu, args=(server,))
        thread.start()
        answer = tell_qemu(machine, "blockdev-add", node_name="n", file={"filename": "/x"})
        thread.join(5)
    assert answer == {"status": "running"}
    assert heard == [
        {"execute": "qmp_capabilities"},
        {"execute": "blockdev-add", "arguments": {"node-name": "n", "file": {"filename": "/x"}}},
    ]
    assert os.path.lexists(Sockets(folder).control)
