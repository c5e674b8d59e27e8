"""Commands: however they end, whatever they print, they end, and within bounds."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.cli.program import environment
from wizard.commands import Asker, Completed, ProgramMissing, ask, run
from wizard.errors import StepFailed
from wizard.interrupts import Interrupts
from wizard.log import Log
from wizard.sessions import session_members


def sh(text: str, **options: object) -> Completed:
    return run(("sh", "-c", text), **{"timeout": 10.0, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "ended", "status", "tail"),
    [
        ("echo fine", "exited", 0, ("fine",)),
        ("echo out; echo err >&2; exit 3", "exited", 3, ("out", "err")),
        ("kill -9 $$", "exited", -9, ()),
        ("printf 'no end of line'", "exited", 0, ("no end of line",)),
        ("printf '10%%\\r20%%\\r\\n'", "exited", 0, ("10%", "20%")),
        ("printf '\\377\\376 bytes\\n'", "exited", 0, ("\ufffd\ufffd bytes",)),
        ("printf '\\033[31mred\\033[0m \\033]0;title\\007plain\\n'", "exited", 0, ("red plain",)),
        ("printf 'name? '; read answer || echo nobody", "exited", 0, ("name? nobody",)),
        ("read answer < /dev/tty", "exited", 2, None),
        ("sleep 60 & exit 0", "exited", 0, ()),
    ],
)
def test_a_command_ends_and_its_last_lines_are_kept(
    text: str, ended: str, status: int, tail: tuple[str, ...] | None
) -> None:
    result = sh(text)
    assert (ended, status) == (result.ended, result.status)
    assert tail is None or tail == result.tail
    assert result.seconds < 20


def test_a_command_that_hangs_is_ended_with_all_its_children() -> None:
    started: list[int] = []
    result = sh("sleep 60 & sleep 60", timeout=0.3, on_start=started.append)
    assert "timeout" == result.ended
    assert "did not end within its 0.3 seconds" in result.words
    assert [] == session_members(started[0])


def test_a_command_that_ignores_term_is_killed_after_some_grace() -> None:
    started: list[int] = []
    result = sh("trap '' TERM; sleep 60", timeout=0.1, on_start=started.append)
    assert ("timeout", -signal.SIGKILL) == (result.ended, result.status)
    assert [] == session_members(started[0])


# In an interpreter of its own, and by VmHWM (proc(5)): the peak that getrusage(2) tells of a child
# begins at its parent's size.
_FLOOD = """
import sys
from pathlib import Path
from wizard.commands import run
from wizard.log import Log

log = Log(Path(sys.argv[1]))
for text in ("yes | head --bytes 100M", "head --bytes 100M /dev/zero | tr '\\\\0' x"):
    result = run(("sh", "-c", text), timeout=120.0, log=log)
    assert 0 == result.status
    assert sum(map(len, result.tail)) < 100_000
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


@pytest.mark.slow  # a smaller one: test_commands_that_talk.py
def test_a_hundred_megabytes_of_output_take_no_more_than_a_hundred_of_memory(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", _FLOOD, tmp_path / "log"],
        capture_output=True, text=True, check=True, env=environment(),
    )  # fmt: skip
    assert int(done.stdout) < 100 * 1024, f"{done.stdout} KiB"
    assert (tmp_path / "log").stat().st_size < 20 << 20
    assert "characters left out" in (tmp_path / "log").read_text()


def test_awaited_words_without_a_line_end_in_pieces_end_the_command() -> None:
    seen: list[str] = []
    result = sh(
        "printf 'boot\\r\\r\\nvm01 lo'; sleep 0.1; printf 'gin: '; sleep 60",
        until=r"^vm01 login: $",
        on_output=seen.append,
    )
    assert "matched" == result.ended
    assert ["boot", "vm01 login: "] == seen
    # Five seconds' grace, if the shell's child was just being made when TERM was sent to all.
    assert result.seconds < result.limit


def test_a_command_that_is_awaited_keeps_its_input_open() -> None:
    result = sh("cat; echo left", until="left", timeout=0.5)
    assert "timeout" == result.ended


def test_a_command_that_never_shows_what_is_awaited_has_only_exited() -> None:
    assert "exited" == sh("echo other", until="login: ").ended


def test_words_after_which_it_cannot_succeed_end_the_command_as_failed() -> None:
    result = sh("echo begun; read line || echo no input; echo W: gone; sleep 60", fails_at="^W: ")
    assert "failed" == result.ended
    assert ("begun", "no input", "W: gone") == result.tail
    assert "could not succeed any more, and was ended" == result.words
    assert result.seconds < result.limit


def test_such_words_change_nothing_once_the_command_has_ended_itself() -> None:
    result = sh("echo W: gone; exit 3", fails_at="^W: ")
    assert result.ended in {"failed", "exited"}  # whichever is seen first
    assert "exited" == sh("echo I: came", fails_at="^W: ").ended


def test_input_reaches_the_command_and_a_reader_that_leaves_early_is_no_error() -> None:
    assert ("HELLO",) == sh("tr a-z A-Z", input="hello\n").tail
    assert 0 == sh("exit 0", input="x" * 1_000_000).status


def test_a_secret_in_the_output_is_masked_everywhere(tmp_path: Path) -> None:
    seen: list[str] = []
    log = Log(tmp_path / "log")
    for text in (
        "read word; echo got $word",
        "read word; head --bytes 65530 /dev/zero | tr '\\0' x; echo $word",
    ):
        result = sh(text, input="s3cret\n", log=log, on_output=seen.append, masks=("s3cret",))
        assert not any("s3cret" in line for line in result.tail)
    assert "got ********" == seen[0]
    assert "s3cret" not in (tmp_path / "log").read_text()
    assert 2 == (tmp_path / "log").read_text().count("********")


def test_the_environment_is_known_and_the_terminal_is_not_there() -> None:
    result = sh("echo $LC_ALL $DEBIAN_FRONTEND; tty; pwd; umask; echo $PATH")
    assert ("C noninteractive", "not a tty", "/", "0022") == result.tail[:4]
    assert "/usr/sbin" in result.tail[4]


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(ProgramMissing) as error:
        run(("mkfs.btrfs-nowhere",), timeout=1)
    assert "mkfs.btrfs-nowhere is not installed" in error.value.what


def test_a_program_that_cannot_be_started_is_an_error_with_words(tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(b"\x7fELF but no more")
    path.chmod(0o755)
    with pytest.raises(StepFailed) as error:
        run((str(path),), timeout=1)
    assert "cannot be started" in error.value.what


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_running_command(number: signal.Signals) -> None:
    with Interrupts() as interrupts:
        timer = threading.Timer(0.2, os.kill, (os.getpid(), number))
        timer.start()
        result = sh("sleep 60", interrupts=interrupts, timeout=30)
        timer.join()
        assert "interrupted" == result.ended
        assert 128 + number == int(interrupts.error().status)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_shield_holds_a_signal_back_until_it_is_lifted() -> None:
    with Interrupts() as interrupts:
        with interrupts.shielded():
            os.kill(os.getpid(), signal.SIGINT)
            assert "exited" == sh("sleep 0.1", interrupts=interrupts).ended
        assert "interrupted" == sh("sleep 60", interrupts=interrupts).ended


def test_who_insists_gets_through_a_shield() -> None:
    with Interrupts() as interrupts, interrupts.shielded():
        for expected in (False, False, True):
            os.kill(os.getpid(), signal.SIGINT)
            assert expected == interrupts.pending
        assert "interrupted" == sh("sleep 60", interrupts=interrupts, timeout=30).ended


def test_asking_never_raises_for_how_it_ends() -> None:
    assert (3, "out\n", "err\n") == _plain("echo out; echo err >&2; exit 3")
    assert 127 == ask(("no-such-program",)).status
    started = time.monotonic()
    assert 124 == ask(("sleep", "60"), timeout=0.2).status
    assert 124 == ask(("sh", "-c", "trap '' TERM; sleep 60"), timeout=0.2).status
    assert time.monotonic() - started < 30
    assert "hello" == ask(("cat",), input="hello").out
    assert "daemon\n" == ask(("sh", "-c", "sleep 60 & echo daemon")).out


def _plain(text: str) -> tuple[int, str, str]:
    answer = ask(("sh", "-c", text))
    return answer.status, answer.out, answer.err


def test_a_log_that_cannot_be_written_does_not_stop_the_command(tmp_path: Path) -> None:
    log = Log(tmp_path / "missing" / "log")
    assert 0 == sh("echo fine", log=log).status
    assert "cannot be written" in log.trouble


def test_begun_questions_run_beside_each_other(tmp_path: Path) -> None:
    # Each waits until the other is there too: one after the other they would never end.
    scripts = [
        ("sh", "-c", f"cd {tmp_path}; >{a}; until [ -e {b} ]; do sleep 0.01; done; echo {a}")
        for a, b in (("one", "two"), ("two", "one"))
    ]
    with Asker() as asker:
        for script in scripts:
            asker.begin(script)
            asker.begin(script)
        assert ["one\n", "two\n"] == [asker(script, 10.0).out for script in scripts]
        assert "later\n" == asker(("echo", "later")).out
        asker.begin(("no-such-program",))
        assert 127 == asker(("no-such-program",)).status


def test_a_begun_question_has_its_time_from_when_it_is_asked() -> None:
    with Asker() as asker:
        asker.begin(("sh", "-c", "sleep 0.3; echo done"))
        asker.begin(("sleep", "60"))
        time.sleep(0.5)
        assert "done\n" == asker(("sh", "-c", "sleep 0.3; echo done"), 0.2).out
        assert 124 == asker(("sleep", "60"), 0.2).status


def test_what_was_begun_and_is_not_asked_ends(tmp_path: Path) -> None:
    notes = tmp_path / "pid"
    with Asker() as asker:
        asker.begin(("sh", "-c", f"echo $$ >{notes}.new; mv {notes}.new {notes}; sleep 60"))
        while not notes.exists():
            time.sleep(0.01)
    assert [] == session_members(int(notes.read_text()))


def test_a_signal_wakes_who_waits_before_any_handler_of_python_runs() -> None:
    # Python's handlers do not run while a wait goes on that began just after the signal came.
    with Interrupts() as interrupts:
        signal.signal(signal.SIGTERM, lambda _number, _frame: None)
        assert interrupts.descriptor is not None
        os.kill(os.getpid(), signal.SIGTERM)
        ready, _, _ = select.select([interrupts.descriptor], [], [], 5.0)
        assert ready == [interrupts.descriptor]
        interrupts.quiet()
        assert not interrupts.pending
    assert signal.set_wakeup_fd(-1) == -1
