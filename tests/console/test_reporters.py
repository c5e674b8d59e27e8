"""A run as it is told: live at the foot of a terminal, and in plain lines."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path

import pyte
import pytest

from wizard.actions import InstallPackages, MakeDirectory, RunCommand
from wizard.console import Console
from wizard.errors import StepFailed
from wizard.live_reporter import LiveReporter
from wizard.plain_reporter import PlainReporter
from wizard.reporter import Reporter
from wizard.step import Plan, Problem

INSTALL = InstallPackages(("xen-system-amd64",), "The hypervisor.")
COMMAND = RunCommand(("vgcreate", "xendisks", "/dev/vda2"), "A pool.")


class TerminalText(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def tell(reporter: Reporter, *, pause: Callable[[], None] = lambda: None) -> None:
    """A short run with a bit of everything, hostile output among it."""
    reporter.run_begins(Path("/var/lib/xen-setup/runs/0001/log"), ("one", "two"))
    plan: Plan[None] = Plan((INSTALL, COMMAND), None, skipped=("lvm2 is installed",))
    reporter.step_begins("one", "Xen itself", plan)
    reporter.action_begins(INSTALL, 1, 2)
    reporter.output("Unpacking \x1b[2J\x1b]0;evil\x07 xen …")
    reporter.progress(0.5, "Unpacking xen")
    pause()
    reporter.action_done(INSTALL, 85.2)
    reporter.action_begins(COMMAND, 2, 2)
    reporter.action_skipped(COMMAND)
    reporter.step_done("one", 90.0, (Problem("small", "Little space.", "Free some.", "warning"),))
    reporter.step_begins("two", "Volumes", Plan((COMMAND,), None))
    reporter.action_begins(COMMAND, 1, 1)
    reporter.failed("two", COMMAND, StepFailed("vgcreate ended with exit status 5."))
    reporter.undoing(INSTALL)
    reporter.undone(INSTALL)
    reporter.undoing(MakeDirectory("/etc/xen/auto", "For links."))
    reporter.conflict(MakeDirectory("/etc/xen/auto", "For links."), "It is not empty.")


def screen_of(written: str) -> pyte.Screen:
    screen = pyte.Screen(80, 40)
    pyte.Stream(screen).feed(written.replace("\n", "\r\n"))
    return screen


def shown(screen: pyte.Screen) -> str:
    return "\n".join(line.rstrip() for line in screen.display).rstrip()


def test_what_is_finished_stays_on_the_screen_and_the_rest_is_cleared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = TerminalText()
    with Console(stream).reporter() as reporter:
        tell(reporter)
    screen = screen_of(stream.getvalue())
    text = shown(screen)
    for words in (
        "1/2  Xen itself",
        "lvm2 is installed (there already)",
        "✓ install xen-system-amd64  1 min 25 s",
        "✓ run vgcreate xendisks (there already)",
        "! Little space. Free some. [small]",
        "✗ two, run vgcreate xendisks: vgcreate ended with exit status 5.",
        "↶ taken back: install xen-system-amd64",
        "left as it is: make the directory /etc/xen/auto: It is not empty.",
    ):
        assert words in text
    assert "Unpacking" not in text
    assert not screen.cursor.hidden


def test_the_foot_of_the_terminal_shows_command_share_and_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = TerminalText()
    seen: list[str] = []
    with Console(stream).reporter() as reporter:

        def look() -> None:
            reporter.refresh()
            seen.append(shown(screen_of(stream.getvalue())))

        tell(reporter, pause=look)
    (text,) = seen
    assert "1/2  install xen-system-amd64" in text
    assert "$ apt-get install --no-install-recommends xen-system-amd64" in text
    assert "50%" in text
    assert "Unpacking xen" in text
    assert "evil" not in screen_of(stream.getvalue()).title


def test_a_pause_clears_the_foot_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = TerminalText()
    with Console(stream).reporter() as reporter:

        def ask() -> None:
            reporter.refresh()
            with reporter.paused():
                text = shown(screen_of(stream.getvalue()))
                assert "$ apt-get" not in text
                assert not screen_of(stream.getvalue()).cursor.hidden
            reporter.refresh()
            assert "$ apt-get" in shown(screen_of(stream.getvalue()))

        tell(reporter, pause=ask)


def test_the_cursor_comes_back_when_the_run_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = TerminalText()
    with pytest.raises(KeyboardInterrupt), Console(stream).reporter() as reporter:
        reporter.action_begins(COMMAND, 1, 1)
        raise KeyboardInterrupt
    assert not screen_of(stream.getvalue()).cursor.hidden


def test_nothing_is_drawn_any_more_when_the_machine_goes_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = TerminalText()
    with Console(stream).reporter() as reporter:
        reporter.action_begins(COMMAND, 1, 1)
        reporter.machine_goes_down()
        written = stream.getvalue()
        screen = screen_of(written)
        assert not screen.cursor.hidden
        assert "$ vgcreate" not in shown(screen)
        reporter.refresh()
        assert stream.getvalue() == written


class Interrupting(TerminalText):
    """A command prints a line whenever the lines before it are shown again."""

    def __init__(self) -> None:
        super().__init__()
        self.prints: Callable[[], None] = lambda: None
        self.begun: list[threading.Thread] = []

    def write(self, text: str, /) -> int:
        if "line 2" in text:
            meanwhile = threading.Thread(target=self.prints)
            meanwhile.start()
            meanwhile.join(0.1)
            self.begun.append(meanwhile)
        return super().write(text)


def test_lines_that_come_while_v_shows_the_last_ones_are_shown_after_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Once the thread that reads the keys died of this, and v worked only once.
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Interrupting()
    with Console(stream).reporter() as reporter:
        assert isinstance(reporter, LiveReporter)
        reporter.action_begins(COMMAND, 1, 1)
        for number in range(1, 6):
            reporter.output(f"line {number}")
        stream.prints = lambda: reporter.output("a new line")
        reporter.pressed("v")
        for thread in stream.begun:  # it waits for the lines that are shown: the last word is its
            thread.join()
    lines = [line for line in shown(screen_of(stream.getvalue())).splitlines() if "|" in line]
    assert lines == [f"       | line {number}" for number in range(1, 6)] + ["       | a new line"]


def test_plain_lines_hold_everything_and_no_escape() -> None:
    stream = io.StringIO()
    tell(PlainReporter(stream))
    text = stream.getvalue()
    assert "\x1b" not in text
    assert text.splitlines() == [
        "The log is /var/lib/xen-setup/runs/0001/log",
        "1/2 Xen itself (one)",
        "    already there: lvm2 is installed",
        "    1/2 install xen-system-amd64",
        "        $ apt-get install --no-install-recommends xen-system-amd64",
        "        done after 1 min 25 s",
        "    2/2 run vgcreate xendisks",
        "        $ vgcreate xendisks /dev/vda2",
        "    already there: run vgcreate xendisks",
        "    warning: Little space. Free some. [small]",
        "    verified (1 min 30 s)",
        "2/2 Volumes (two)",
        "    1/1 run vgcreate xendisks",
        "        $ vgcreate xendisks /dev/vda2",
        "    FAILED: two, run vgcreate xendisks: vgcreate ended with exit status 5.",
        "Taking back, newest first:",
        "    undo: install xen-system-amd64",
        "    undo: make the directory /etc/xen/auto",
        "    LEFT AS IT IS: make the directory /etc/xen/auto: It is not empty.",
    ]


def test_plain_progress_comes_now_and_then() -> None:
    stream, clock = io.StringIO(), Clock()
    reporter = PlainReporter(stream, clock)
    reporter.action_begins(COMMAND, 1, 1)
    for percent in range(100):
        clock.now += 1
        reporter.progress(percent / 100, "Extracting")
    lines = [line for line in stream.getvalue().splitlines() if "Extracting" in line]
    assert len(lines) == 6
    assert lines[0] == "        … 14% Extracting"


def test_a_reader_that_went_away_does_not_stop_the_run() -> None:
    class Broken(io.StringIO):
        writes = 0

        def write(self, text: str) -> int:
            self.writes += 1
            raise BrokenPipeError

    stream = Broken()
    tell(PlainReporter(stream))
    assert stream.writes == 1


@pytest.mark.parametrize(
    ("terminal", "term", "plain"),
    [(True, "xterm", False), (True, "dumb", True), (True, "", True), (False, "xterm", True)],
)
def test_plain_is_chosen_where_nothing_can_be_drawn(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, term: str, plain: bool
) -> None:
    monkeypatch.setenv("TERM", term)
    stream = TerminalText() if terminal else io.StringIO()
    assert Console(stream).plain == plain
    assert Console(stream, plain=True).plain
