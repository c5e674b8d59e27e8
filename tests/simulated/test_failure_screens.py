"""What a person sees when a step fails, and what the choices below it do: at 80 by 24, played."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from steps import PIPELINE
from tests.fast import share
from tests.simulated.playing import every_answer, terminal
from tests.terminal import DOWN, ENTER, PATIENCE, Terminal
from wizard.errors import Exit
from wizard.step import step_name

MODES = {"drawn": (), "plain": ("--plain",)}
DECISION = "Nothing has been changed yet"


@pytest.fixture(params=share(list(MODES), one_in=2))
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def failing(folder: Path, mode: str, step: str) -> Terminal:
    """A run that stands at the failure of that step."""
    words = (*MODES[mode], "--answers", str(every_answer(folder)), "--simulate-failure", step)
    screen = terminal(folder, *words, "--state-dir", str(folder / "state"))
    screen.wait_for(DECISION)
    screen.type(ENTER)
    screen.wait_for("How it ended: ")
    screen.wait_for("What now?", without=DECISION)
    screen.wait_for("goes on later")
    return screen


def pick(screen: Terminal, words: str) -> None:
    """Choose the line with these words, as the mode has it: by its number, or with the arrows."""
    ends = time.monotonic() + PATIENCE
    while True:
        assert time.monotonic() < ends, f"{words!r} cannot be picked. The screen:\n{screen.text}"
        if not screen.is_quiet():
            continue
        lines = screen.text.splitlines()
        if b"\x1b" not in screen.raw:
            found = [line.split()[0] for line in lines if words in line and line[:2] == "  "]
            if found and found[-1].isdigit() and lines[-1][-1:] in ":?":
                screen.type(found[-1] + ENTER)
                return
        elif any(line.startswith(" » ") for line in lines):
            if any(line.startswith(" » ") and words in line for line in lines):
                screen.type(ENTER)
                return
            screen.type(DOWN)


def recorded(folder: Path) -> str:
    """The answers that the run went by in the end."""
    return (folder / "state/runs/0001/answers.yaml").read_text()


def is_shown(screen: Terminal, *words: str) -> Sequence[str]:
    """Those of the words that are not on the screen or above it."""
    shown = " ".join(screen.whole_text.split())
    return [each for each in words if each not in shown]


def test_the_screen_says_what_was_tried_its_last_words_the_cause_and_the_fix(
    mode: str, tmp_path: Path
) -> None:
    with failing(tmp_path, mode, "guest_volumes") as screen:
        assert [] == is_shown(
            screen,
            "Tried: run mkfs.ext4",
            "How it ended: `mkfs.ext4 -U",
            "is apparently in use by the system",
            "Likely cause: /dev/xendisks/vm01-root is in use",
            "What to do: ",
            "More: xen-setup learn volume_group",
        )
        # The choices are all in sight, and what led to them stands above.
        for words in ("try again", "go back: change answers", "take back everything", "stop here"):
            assert words in screen.text
        assert "go on without" not in screen.text
        pick(screen, "stop here")
        assert Exit.STOPPED == screen.ends()
        assert screen.is_whole
        assert (b"\x1b" in screen.raw) is (mode == "drawn")


def test_an_answer_is_changed_and_the_run_goes_on_with_it(mode: str, tmp_path: Path) -> None:
    with failing(tmp_path, mode, "guest_volumes") as screen:
        pick(screen, "go back: change answers")
        screen.wait_for("nothing is changed yet")
        pick(screen, "How large is the guest's root volume?")
        screen.wait_for("(2GiB)" if mode == "drawn" else "[2GiB]")
        screen.type("20" + ENTER)
        screen.wait_for("20 what: 20MiB or 20GiB?")
        screen.type("20GiB" + ENTER)
        pick(screen, "go on with these answers")
        screen.wait_for("The guests' volumes need")  # it does not fit, and is said with figures
        pick(screen, "How large is the guest's root volume?")
        screen.wait_for("(20GiB)" if mode == "drawn" else "[20GiB]")
        screen.type("3GiB" + ENTER)
        pick(screen, "go on with these answers")
        assert Exit.DONE == screen.ends()
        assert screen.is_whole
        assert "root_size: 3GiB" in recorded(tmp_path)


def test_an_answer_that_was_used_takes_its_steps_back_after_a_yes(
    mode: str, tmp_path: Path
) -> None:
    with failing(tmp_path, mode, "guest_volumes") as screen:
        pick(screen, "go back: change answers")
        pick(screen, "an answer of another step")
        pick(screen, "Volume group for the guests' disks")
        pick(screen, "What is the volume group called?")
        screen.wait_for("(xendisks)" if mode == "drawn" else "[xendisks]")
        screen.type("pool" + ENTER)
        pick(screen, "go on with these answers")
        screen.wait_for("These steps have used an answer that is another now")
        screen.wait_for("do them again with the new answers?")
        screen.type("yes" + ENTER)
        assert Exit.DONE == screen.ends()
        assert "volume_group: pool" in recorded(tmp_path)
        assert 2 == screen.whole_text.count(" 7/11 " if mode == "drawn" else "7/11 ")


def test_the_last_step_can_be_left_out_and_the_end_says_so(mode: str, tmp_path: Path) -> None:
    with failing(tmp_path, mode, "first_boot") as screen:
        pick(screen, "go on without this step")
        assert Exit.DONE == screen.ends()
        assert "Done and verified, but for first_boot," in " ".join(screen.whole_text.split())


# Those that have nothing to do on this machine cannot fail.
IDLE = ("distribution", "tls_libraries")
FALLIBLE = [name for name in map(step_name, PIPELINE) if name not in IDLE]


@pytest.mark.parametrize("step", share(FALLIBLE, one_in=4))
def test_every_steps_failure_has_its_screen(step: str, tmp_path: Path) -> None:
    with failing(tmp_path, "plain", step) as screen:
        shown = is_shown(screen, "Tried: ", "How it ended: ")
        assert [] == shown
        pick(screen, "take back everything")
        assert Exit.ROLLED_BACK == screen.ends()
        assert b"\x1b" not in screen.raw
