"""A guided run that is only played, from the first question to the login prompt, at 80 by 24."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.simulated.playing import NOTHING, every_answer, press_enter_until, terminal, tree
from tests.terminal import CTRL_C, DOWN, ENTER
from wizard.errors import Exit

MODES = {"drawn": (), "plain": ("--plain",)}
DECISION = "Nothing has been changed yet"


@pytest.mark.parametrize("mode", MODES)
def test_a_guided_run_is_played_from_the_first_question_to_the_end(
    mode: str, tmp_path: Path
) -> None:
    with terminal(tmp_path, *MODES[mode]) as screen:
        screen.wait_for("SIMULATED, on the machine stock")
        press_enter_until(screen, "That was simulated")
        assert screen.ends() == Exit.DONE
        assert screen.is_whole
        shown = screen.whole_text
        assert "11/11" in shown.replace(" ", "")
        assert "vm01" in shown
        assert NOTHING in shown
        assert (b"\x1b" in screen.raw) is (mode == "drawn")
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("choice", "number", "status"),
    [("retry", 1, Exit.DONE), ("roll back", 3, Exit.ROLLED_BACK), ("stop", 4, Exit.STOPPED)],
)
def test_a_failure_is_shown_and_decided_by_the_person(
    mode: str, choice: str, number: int, status: Exit, tmp_path: Path
) -> None:
    answers = every_answer(tmp_path)
    words = (*MODES[mode], "--answers", str(answers), "--simulate-failure", "guest_volumes")
    with terminal(tmp_path, *words) as screen:
        screen.wait_for(DECISION)
        screen.type(ENTER)
        screen.wait_for("(guest_volumes): this step failed.")
        screen.wait_for("What now?", without=DECISION)
        screen.type(f"{number}{ENTER}" if mode == "plain" else DOWN * (number - 1) + ENTER)
        if status == Exit.DONE:
            screen.wait_for("That was simulated")
        assert screen.ends() == status
        assert screen.is_whole
        assert NOTHING in screen.whole_text.replace("\n", " ")
        assert "Traceback" not in screen.whole_text
    assert list(tree(tmp_path)) == [str(answers)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM", "SIGHUP"])
def test_it_can_be_stopped_while_it_is_played_and_leaves_nothing(
    mode: str, how: str, tmp_path: Path
) -> None:
    answers = str(every_answer(tmp_path))
    with terminal(tmp_path, *MODES[mode], "--answers", answers, pace="0.1") as screen:
        screen.wait_for(DECISION)
        screen.type(ENTER)
        screen.wait_for("xen-system-amd64")
        if how == "Ctrl-C":
            screen.type(CTRL_C)
        else:
            screen.signal(signal.Signals[how])
        status = {"Ctrl-C": 130, "SIGTERM": 143, "SIGHUP": 129}[how]
        assert screen.ends() == status
        assert screen.is_whole
    assert list(tree(tmp_path)) == [answers]
    assert list((tmp_path / "tmp").iterdir()) == []
