"""A terminal that goes while a run is told: the run must not go with it."""

from __future__ import annotations

import errno

import pytest

from tests.console.test_reporters import TerminalText, tell
from wizard.console import Console


class Losable(TerminalText):
    """A terminal until it is lost; then what a pseudo-terminal without its other end is."""

    lost = False

    def write(self, text: str) -> int:
        if self.lost:
            raise OSError(errno.EIO, "Input/output error")
        return super().write(text)

    def lose(self) -> None:
        self.lost = True


@pytest.mark.parametrize("plain", [False, True])
def test_a_run_goes_on_when_its_terminal_is_lost(plain: bool) -> None:
    stream = Losable()
    with Console(stream, plain=plain).reporter() as reporter:
        tell(reporter, pause=stream.lose)
        with reporter.paused():
            pass
    assert "Xen itself" in stream.getvalue()


def test_what_is_shown_before_a_run_still_says_that_it_could_not_be() -> None:
    stream = Losable()
    console = Console(stream)
    with console.reporter():
        pass
    stream.lose()
    with pytest.raises(OSError, match="Input/output"):
        console.line("The plan.")
