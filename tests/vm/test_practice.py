"""The practice machine itself: boot, commands and their statuses, power cut, stop, reset."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.practice.test_machine import AWKWARD
from tests.terminal import Terminal
from tests.vm import snapshot
from wizard.practice import program
from wizard.practice.errors import ConnectionLost, MachineTrouble
from wizard.practice.machine import PracticeMachine, State

# Some twenty boots: `tests/run` boots the machine in the unattended journey.
pytestmark = pytest.mark.full

ROOT = Path(__file__).parent.parent.parent
IMPORTABLE = {"PYTHONPATH": str(ROOT)}


def practice(machine: PracticeMachine, *argv: str) -> list[str]:
    """The command line of `xen-setup practice`, for this machine."""
    return [sys.executable, "-m", "wizard", "practice", *argv, "--name", str(machine.name)]


def test_it_boots_into_a_stock_debian_12(machine: PracticeMachine) -> None:
    assert machine.status().state is State.RUNNING
    assert b"VERSION_CODENAME=bookworm" in machine.read_file("/etc/os-release")
    for package in ("lvm2", "debootstrap", "bridge-utils", "xen-system-amd64"):
        assert machine.run(["dpkg-query", "-W", package]).status == 1
    state = machine.run(["systemctl", "is-system-running", "--wait"], seconds=120)
    assert state.out.strip() == b"running"


def test_its_boot_menu_is_reproduced_byte_for_byte(machine: PracticeMachine) -> None:
    before = machine.read_file("/boot/grub/grub.cfg")
    assert machine.run(["update-grub"]).status == 0
    assert machine.read_file("/boot/grub/grub.cfg") == before


def test_its_disk_has_a_stable_name_and_free_space(machine: PracticeMachine) -> None:
    disk = "/dev/disk/by-id/virtio-practice-disk"
    assert machine.run(["readlink", "-f", disk]).out == b"/dev/vda\n"
    table = json.loads(machine.run(["sfdisk", "--json", disk]).out)["partitiontable"]
    assert table["label"] == "dos"
    assert [part["size"] for part in table["partitions"]] == [4 * 1024**3 // 512]
    size = int(machine.run(["blockdev", "--getsize64", disk]).out)
    assert size == 14 * 1024**3


@pytest.mark.parametrize("status", [0, 1, 7, 254, 255])
def test_the_exit_status_is_the_commands_own(machine: PracticeMachine, status: int) -> None:
    assert machine.execute(["sh", "-c", f"exit {status}"]) == status


def test_a_command_ended_by_a_signal_has_128_and_its_number(machine: PracticeMachine) -> None:
    assert machine.execute(["sh", "-c", "kill -TERM $$"]) == 128 + signal.SIGTERM


def test_a_command_that_is_not_there_has_127(machine: PracticeMachine) -> None:
    assert machine.run(["no-such-command"]).status == 127


def test_arguments_arrive_whole(machine: PracticeMachine) -> None:
    script = "import os, sys; os.write(1, b'\\0'.join(map(os.fsencode, sys.argv[1:])))"
    done = machine.run(["python3", "-c", script, *AWKWARD])
    assert [os.fsdecode(word) for word in done.out.split(b"\0")] == AWKWARD


def test_standard_input_arrives_byte_for_byte(machine: PracticeMachine) -> None:
    data = bytes(range(256)) * 1000
    assert machine.run(["cat"], stdin=data).out == data
    assert machine.run(["cat"]).out == b""


def test_files_are_written_whole_with_their_mode(machine: PracticeMachine) -> None:
    machine.write_file("/root/a file", b"\0text\n", mode=0o640)
    assert machine.read_file("/root/a file") == b"\0text\n"
    assert machine.run(["stat", "--format=%a", "/root/a file"]).out == b"640\n"
    with pytest.raises(FileNotFoundError):
        machine.read_file("/root/none")


def test_practice_exec_passes_input_output_and_status_on(machine: PracticeMachine) -> None:
    command = 'cat; echo "$1" >&2; exit 7'
    done = subprocess.run(
        [*practice(machine, "exec"), "--", "sh", "-c", command, "sh", "two  words"],
        cwd=ROOT,
        input=b"in\xff",
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (7, b"in\xff")
    assert done.stderr.splitlines()[-1] == b"two  words"


def test_practice_exec_gives_the_command_the_terminal(
    machine: PracticeMachine, tmp_path: Path
) -> None:
    argv = [*practice(machine, "exec"), "--", "sh", "-c", "stty size; echo $TERM; read a; exit $a"]
    with Terminal(argv, tmp_path, environment=IMPORTABLE, rows=30, columns=97) as terminal:
        terminal.wait_for("30 97")
        terminal.type("42\r")
        assert terminal.ends() == 42


def test_ctrl_c_reaches_a_command_without_a_terminal(machine: PracticeMachine) -> None:
    command = "trap 'echo caught; exit 130' INT; echo ready; while :; do sleep 0.2; done"
    with subprocess.Popen(
        # Tests started in the background of a shell have it ignored, and hand that on.
        ["env", "--default-signal=INT", *practice(machine, "exec"), "--", "sh", "-c", command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.stdout.read() == b"caught\n"
        assert process.wait(60) == 130


def test_the_program_is_on_path_and_pushed_once(machine: PracticeMachine) -> None:
    program.push(machine)
    assert not program.push(machine)
    done = machine.run(["xen-setup", "--version"])
    assert (done.status, done.err) == (0, b"")
    assert done.out.startswith(b"xen-setup ")


def test_its_state_can_be_taken_and_is_the_same_twice(machine: PracticeMachine) -> None:
    code = Path(snapshot.__file__).read_bytes()
    first, second = (
        json.loads(machine.run(["python3", "-"], stdin=code, seconds=300).out) for _ in range(2)
    )
    assert snapshot.compare(first, second) == []
    assert "/etc/fstab" in first["etc"]
    assert first["packages"]["grub-pc"].endswith("manual")
    assert len(first["units"]) > 50
    assert all(first[section] for section in first if section not in {"lvm", "loops"})


def test_a_reboot_is_another_boot(machine: PracticeMachine) -> None:
    before = machine.boot_id()
    assert machine.reboot() != before


def test_a_power_cut_loses_what_was_not_written_and_nothing_else(machine: PracticeMachine) -> None:
    machine.write_file("/root/kept", b"kept")
    machine.run(["sync"])
    before = machine.boot_id()
    machine.power_cut()
    assert machine.status().state is State.OFF
    with pytest.raises(MachineTrouble):
        machine.run(["true"])
    machine.start()
    assert machine.boot_id() != before
    assert machine.read_file("/root/kept") == b"kept"


def test_a_command_that_a_power_cut_ends_is_a_lost_connection(machine: PracticeMachine) -> None:
    with subprocess.Popen(
        [*practice(machine, "exec"), "--", "sh", "-c", "echo ready; sleep 1000"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == b"ready\n"
        machine.power_cut()
        assert b"connection to the practice machine broke" in process.stderr.read()
        assert process.wait(60) == ConnectionLost.status


def test_practice_exec_boots_it_and_stop_ends_it_in_order(machine: PracticeMachine) -> None:
    assert machine.status().state is State.OFF
    done = subprocess.run([*practice(machine, "exec"), "--", "true"], cwd=ROOT, check=False)
    assert done.returncode == 0
    assert machine.stop()
    assert machine.status().state is State.OFF
    assert "reboot: Power down" in "\n".join(machine.console_tail(5))


def test_the_console_talks_to_its_shell_and_ctrl_bracket_leaves_it(
    machine: PracticeMachine, tmp_path: Path
) -> None:
    # Up already: a console that nobody reads, as here meanwhile, would hold up its boot.
    machine.start()
    argv = practice(machine, "console")
    with Terminal(argv, tmp_path, environment=IMPORTABLE) as terminal:
        terminal.wait_for("Ctrl-] leaves")
        terminal.type("\r")
        terminal.wait_for("root@practice")
        terminal.type("\x1d")
        terminal.wait_for("Left the console")
        assert terminal.ends() == 0


def test_reset_wants_a_yes_and_then_all_is_gone(machine: PracticeMachine, tmp_path: Path) -> None:
    reset = practice(machine, "reset")
    unasked = subprocess.run(
        reset, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert unasked.returncode == 2
    with Terminal(reset, tmp_path, environment=IMPORTABLE) as terminal:
        terminal.wait_for("[y/N]")
        terminal.type("n\r")
        assert terminal.ends() == 10
    assert machine.status().state is State.RUNNING
    assert subprocess.run([*reset, "--yes"], cwd=ROOT, check=False).returncode == 0
    assert machine.status().state is State.ABSENT
