"""A machine's files and names: what is true of it without starting it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.practice.stand_in import running
from wizard.errors import UsageError
from wizard.practice.errors import HostNotReady, MachineTrouble
from wizard.practice.image import Image
from wizard.practice.machine import PracticeMachine, State, link_image
from wizard.practice.places import MachineName, Places, make_private
from wizard.practice.qemu import Hardware, Sockets, machine_command
from wizard.practice.remote import Remote, shell_line

AWKWARD = [
    "plain",
    "",
    "two words",
    "single ' double \" back ` slash \\",
    "$(touch /tmp/x) ${HOME} $1 ; | & > < * ? ~ !x #",
    "line one\nline two\n",
    "tab\there",
    "Grüße ✓",
    "--option=value",
    "\udcff not UTF-8",
]


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_arguments_arrive_whole_through_a_shell(shell: str) -> None:
    program = "import os, sys; os.write(1, b'\\0'.join(map(os.fsencode, sys.argv[1:])))"
    line = shell_line([sys.executable, "-c", program, *AWKWARD])
    done = subprocess.run([shell, "-c", line], capture_output=True, check=True)
    assert [os.fsdecode(word) for word in done.stdout.split(b"\0")] == AWKWARD


def test_ssh_reads_no_file_of_the_users() -> None:
    argv = Remote(22, Path("/a b/key"), Path("/100%/known")).ssh("true")
    assert argv[:3] == ["ssh", "-F", "none"]
    assert 'IdentityFile="/a b/key"' in argv
    assert 'UserKnownHostsFile="/100%%/known"' in argv
    assert "StrictHostKeyChecking=yes" in argv


@pytest.mark.parametrize("text", ["default", "a", "test-1_b.C"])
def test_good_names(text: str) -> None:
    assert str(MachineName(text)) == text


@pytest.mark.parametrize(
    "text", ["", ".", "..", ".locks", "a/b", "-x", "a b", "ä", "x" * 65, "a\n"]
)
def test_names_that_could_leave_the_folder_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        MachineName(text)


def test_relative_xdg_folders_are_ignored(tmp_path: Path) -> None:
    places = Places.of_user({"HOME": str(tmp_path), "XDG_CACHE_HOME": "cache"})
    assert places.cache == tmp_path / ".cache/xen-setup/practice"
    assert places.state == tmp_path / ".local/state/xen-setup/practice"


@pytest.mark.parametrize("home", [{}, {"HOME": ""}, {"HOME": "here"}])
def test_without_a_home_it_says_what_to_set(home: dict[str, str]) -> None:
    with pytest.raises(HostNotReady) as refused:
        Places.of_user({"XDG_CACHE_HOME": "/cache", **home})
    assert "XDG_STATE_HOME" in str(refused.value.hint)


def test_sockets_fit_whatever_the_folders_are_called(tmp_path: Path) -> None:
    deep = str(tmp_path / ("d" * 200))
    for runtime in ("", deep, str(tmp_path)):
        places = Places.of_user(
            {"HOME": "/root", "XDG_STATE_HOME": deep, "XDG_RUNTIME_DIR": runtime}
        )
        folder = places.sockets(MachineName("x" * 64))
        assert len(os.fsencode(Sockets(folder).console)) <= 107
    other = Places.of_user({"HOME": "/root", "XDG_STATE_HOME": str(tmp_path)})
    assert other.sockets(MachineName("x")) != places.sockets(MachineName("x"))


def test_a_socket_can_be_made_in_the_folder_for_it(tmp_path: Path) -> None:
    folder = make_private(tmp_path / "run" / "machine")
    assert folder.stat().st_mode & 0o777 == 0o700
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(Sockets(folder).console))


def test_a_folder_that_somebody_else_laid_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HostNotReady):
        make_private(tmp_path / "run" / "machine")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "cache", tmp_path / "state", tmp_path / "run")


def off(places: Places) -> PracticeMachine:
    """A machine that was started once."""
    machine = PracticeMachine(MachineName("here"), places=places)
    machine.folder.mkdir(parents=True)
    (machine.folder / "disk.qcow2").write_bytes(b"x" * 5000)
    (machine.folder / "machine.json").write_text(
        '{"port": 1, "sockets": "/nowhere", "hardware": {"memory_mib": 1024}}'
    )
    return machine


def test_a_machine_never_started_is_absent_and_asking_makes_nothing(places: Places) -> None:
    machine = PracticeMachine(MachineName("none"), places=places)
    assert machine.status().state is State.ABSENT
    machine.power_cut()
    machine.reset()
    assert machine.stop()
    assert not places.state.exists()


@pytest.mark.parametrize("pid", ["", "nonsense", "999999999", "1", "this process"])
def test_a_process_number_that_is_anothers_is_not_taken_for_the_machine(
    places: Places, pid: str
) -> None:
    machine = off(places)
    written = str(os.getpid()) if pid == "this process" else pid
    (machine.folder / "qemu.pid").write_text(written)
    assert machine.status().state is State.OFF


def test_a_process_with_the_machines_pid_file_is_the_machine(places: Places) -> None:
    machine = off(places)
    with running(machine.folder / "qemu.pid") as process:
        assert machine.status().state is State.BOOTING
        machine.power_cut()  # no control socket: it is killed
        assert process.wait(10) == -9
    assert machine.status().state is State.OFF


def test_work_in_a_machine_that_is_off_is_an_error_with_a_way_out(places: Places) -> None:
    with pytest.raises(MachineTrouble) as caught:
        off(places).execute(["true"])
    assert "off" in caught.value.what
    assert "practice exec" in caught.value.hint


def test_a_damaged_state_file_is_as_none(places: Places) -> None:
    machine = off(places)
    (machine.folder / "machine.json").write_text('{"port": ')
    assert machine.status().state is State.OFF
    assert machine.stop()


def test_reset_removes_all_of_it(places: Places) -> None:
    machine = off(places)
    machine.reset()
    assert machine.status().state is State.ABSENT
    assert not machine.folder.exists()


def test_the_consoles_tail_has_words_only(places: Places) -> None:
    machine = off(places)
    machine.console_log.write_bytes(b"old\r\n" * 500 + b"\x1b[0;32m OK \x1b[0m\r\r\n\r\n\xffend")
    assert machine.console_tail(3) == ["old", " OK", "�end"]


def test_a_machine_keeps_its_image_when_the_cache_goes(tmp_path: Path) -> None:
    source = Image(tmp_path / "cache")
    source.folder.mkdir()
    for path in (source.disk, source.ssh_key, source.known_hosts):
        path.write_text(path.name)
    mine = Image(tmp_path / "image")
    link_image(source, mine.folder)
    source.disk.unlink()
    assert mine.disk.read_text() == "disk.raw"


def test_commas_in_folder_names_do_not_end_qemus_options() -> None:
    command = machine_command(
        Hardware(cache="writeback"),
        disk=Path("/a,b/disk"),
        sockets=Sockets(Path("/run/x")),
        console_log=Path("/a,b/log"),
        pid_file=Path("/a,b/pid"),
        port=1234,
    )
    assert any(
        word.startswith("file=/a,,b/disk,") and "cache=writeback" in word for word in command
    )
    assert any(word.endswith("logfile=/a,,b/log,logappend=on") for word in command)
    assert command[command.index("-cpu") + 1] == "qemu64"
