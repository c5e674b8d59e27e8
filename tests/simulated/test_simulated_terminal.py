"""A guided run that is only played, from the first question to the login prompt, at 80 by 24."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.fast import share
from tests.simulated.playing import NOTHING, every_answer, press_enter_until, terminal, tree
from tests.terminal import CTRL_C, CTRL_D, DOWN, ENTER
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
        assert "xen-setup-simulated-" not in shown  # the folder is gone by now
        assert "A real run keeps a log of what commands print" in " ".join(shown.split())
        assert (b"\x1b" in screen.raw) is (mode == "drawn")
    assert tree(tmp_path) == {}


CHOICES = [("retry", 1, Exit.DONE), ("roll back", 3, Exit.ROLLED_BACK), ("stop", 4, Exit.STOPPED)]


@pytest.mark.parametrize(
    ("mode", "choice", "number", "status"),
    share([(mode, *choice) for mode in MODES for choice in CHOICES], one_in=3),
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
        assert "xen-setup-simulated-" not in screen.whole_text
    assert list(tree(tmp_path)) == [str(answers)]


@pytest.mark.parametrize(
    ("mode", "how"),
    share([(mode, how) for mode in MODES for how in ("Ctrl-C", "SIGTERM", "SIGHUP")], one_in=3),
)
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


def test_the_steps_stand_at_the_foot_and_v_shows_what_commands_print(tmp_path: Path) -> None:
    answers = str(every_answer(tmp_path))
    with terminal(tmp_path, "--answers", answers, pace="0.1") as screen:
        screen.wait_for(DECISION)
        screen.type(ENTER)
        screen.wait_for("v shows what commands print")
        for line in ("✓  1  What this machine has", "»  2  Xen itself", "   9  A system for each"):
            screen.wait_for(line)
        assert "min left" in screen.text
        screen.wait_for("Unpacking")
        assert "| " not in screen.whole_text
        screen.type("v")
        screen.wait_for("       | Unpacking")
        screen.wait_for("v hides what commands print")
        screen.type("v")
        screen.wait_for("v shows what commands print")
        # Keys are not echoed, and the list is drawn once: nothing of an older drawing is left.
        assert 1 == screen.text.count("What this machine has")
        screen.resize(60, 14)  # too low for the list: the total alone stays
        screen.wait_for("min left", without="What this machine has")
        screen.type(CTRL_C)
        assert screen.ends() == 130
        assert screen.is_whole


def test_plain_lines_say_how_much_is_left_without_reading_keys(tmp_path: Path) -> None:
    answers = str(every_answer(tmp_path))
    with terminal(tmp_path, "--plain", "--answers", answers) as screen:
        screen.wait_for(DECISION)
        screen.type(ENTER)
        screen.wait_for("That was simulated")
        assert screen.ends() == Exit.DONE
        shown = screen.whole_text
        assert "11 steps to do, which takes about 11 min." in shown
        assert "min left in all" in " ".join(shown.split())
        assert "v shows what commands print" not in shown
        assert b"\x1b" not in screen.raw


@pytest.mark.parametrize(("key", "status"), [(CTRL_C, Exit.INTERRUPTED), (CTRL_D, Exit.CANCELLED)])
def test_who_leaves_a_lesson_at_its_first_words_hears_that_nothing_was_changed(
    key: str, status: Exit, tmp_path: Path
) -> None:
    with terminal(tmp_path, "--teach", "--plain") as screen:
        screen.wait_for("How much do you want to see?")
        screen.type(key)
        assert screen.ends() == status
        assert screen.is_whole
        assert "Nothing was changed." in screen.whole_text
