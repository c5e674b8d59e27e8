"""The watchman of a machine without systemd, as a real process: he outlives who set him."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.world import in_child
from wizard import commands
from wizard.commands import ENVIRONMENT
from wizard.files import nothing
from wizard.interrupts import Interrupts
from wizard.running import Running
from wizard.sessions import session_members
from wizard.timer import disarm, set_watchman

HERE = Path(__file__).parents[2]
PATIENCE = 30.0


def watchmen(note: Path) -> list[int]:
    """Those who lead a session and have this note among their words."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            # Until it is another program, his child has his words.
            leads = os.fsencode(note) in words and os.getsid(int(entry.name)) == int(entry.name)
        except OSError:
            continue
        if leads:
            found.append(int(entry.name))
    return found


def running(folder: Path) -> Running:
    """Real commands."""
    return Running(commands.run, commands.ask, Interrupts(), nothing, folder / "running")


def comes(true: Callable[[], object]) -> bool:
    """Whether it becomes true in time."""
    ends = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > ends:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def note(tmp_path: Path) -> Iterator[Path]:
    """Where he is noted; nobody is left behind."""
    place = tmp_path / "work" / "unconfirmed"
    yield place
    disarm(running(tmp_path), place)
    assert comes(lambda: not watchmen(place))


def test_he_acts_after_his_time_though_who_set_him_was_killed_with_all_his_session(
    tmp_path: Path, note: Path
) -> None:
    deed = tmp_path / "deed"

    def set_and_die() -> None:
        assert set_watchman(running(tmp_path), ("touch", str(deed)), note, 0.5, 60)
        # As when the connection breaks: the session's processes are hung up, then killed.
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
            for process in session_members(os.getsid(0)):
                if process != os.getpid():
                    os.kill(process, number)
        os.kill(os.getpid(), signal.SIGKILL)

    def in_a_session() -> None:
        os.setsid()
        set_and_die()

    assert -signal.SIGKILL == in_child(in_a_session)
    assert not deed.exists()
    (watchman,) = watchmen(note)
    os.kill(watchman, signal.SIGHUP)
    assert comes(deed.exists)


def test_called_off_he_does_nothing_and_is_gone(tmp_path: Path, note: Path) -> None:
    deed = tmp_path / "deed"
    assert set_watchman(running(tmp_path), ("touch", str(deed)), note, 0.5, 0.1)
    (watchman,) = watchmen(note)
    disarm(running(tmp_path), note)
    assert not note.exists()
    assert comes(lambda: not session_members(watchman))
    time.sleep(0.7)
    assert not deed.exists()
    disarm(running(tmp_path), note)  # harmless


def test_he_tries_again_until_he_is_called_off(tmp_path: Path, note: Path) -> None:
    tries = tmp_path / "tries"
    fails = ("sh", "-c", f"echo try >>{tries}; exit 3")
    assert set_watchman(running(tmp_path), fails, note, 0, 0.05)
    assert comes(lambda: tries.exists() and tries.read_text().count("try") > 2)
    disarm(running(tmp_path), note)
    count = tries.read_text().count("try")
    time.sleep(0.3)
    assert count == tries.read_text().count("try")


def test_what_he_runs_can_call_him_off_and_goes_on(tmp_path: Path, note: Path) -> None:
    # `rollback --unconfirmed` does so, with its journal still to be ended.
    after = tmp_path / "after"
    program = f"""
import sys; sys.path.insert(0, {str(HERE)!r})
from pathlib import Path
from tests.engine.test_watchman import running
from wizard.timer import disarm
disarm(running(Path({str(tmp_path)!r})), Path({str(note)!r}))
with open({str(after)!r}, "a") as file:
    file.write("done")
"""
    assert set_watchman(running(tmp_path), (sys.executable, "-P", "-c", program), note, 0, 0.05)
    assert comes(after.exists)
    assert comes(lambda: not watchmen(note))
    assert "done" == after.read_text()


def test_a_second_one_takes_the_place_of_the_first(tmp_path: Path, note: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert set_watchman(running(tmp_path), ("touch", str(first)), note, 0.5, 60)
    assert set_watchman(running(tmp_path), ("touch", str(second)), note, 0.5, 60)
    assert comes(second.exists)
    assert comes(lambda: len(watchmen(note)) == 1)
    assert not first.exists()


def test_a_number_that_is_somebody_elses_by_now_is_left_alone(tmp_path: Path, note: Path) -> None:
    other = os.fork()
    if other == 0:
        os.setsid()
        os.execve("/bin/sleep", ["sleep", "60"], dict(ENVIRONMENT))
    try:
        note.parent.mkdir()
        note.write_text(f"{other}\n")
        disarm(running(tmp_path), note)
        os.kill(other, 0)
        assert os.waitpid(other, os.WNOHANG) == (0, 0)
    finally:
        os.kill(other, signal.SIGKILL)
        os.waitpid(other, 0)
    note.write_text("nonsense\n")
    disarm(running(tmp_path), note)
    assert not note.exists()


def test_where_no_note_can_be_left_nobody_is_set(tmp_path: Path) -> None:
    (tmp_path / "work").write_text("a file")
    place = tmp_path / "work" / "unconfirmed"
    assert not set_watchman(running(tmp_path), ("true",), place, 0, 60)
    assert [] == watchmen(place)
