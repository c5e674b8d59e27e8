"""The program, playing a machine: as a process, or in a terminal with somebody at its keys."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from steps.settings import Settings
from tests.cli.program import ROOT, environment, xen_setup
from tests.interview.keys import chosen
from tests.machines import stock
from tests.terminal import ENTER, PATIENCE, Terminal
from wizard.answer_file import write_answers
from wizard.answers import Answers, record, settle

ANSWERS = "version: 1\nguests: [{name: vm01}]\n"
NOTHING = "nothing of this machine was changed"
NOBODY = 65534


def place(folder: Path) -> dict[str, str]:
    """An environment in which all that the program could leave behind is in that folder."""
    (folder / "tmp").mkdir(exist_ok=True)
    return {"HOME": str(folder), "TMPDIR": str(folder / "tmp")}


def play(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """`xen-setup WORDS` to its end, without any waiting in it."""
    given = place(folder)
    return xen_setup(*words, "--simulate-pace", "0", HOME=given["HOME"], TMPDIR=given["TMPDIR"])


def terminal(folder: Path, *words: str, pace: str = "0", rows: int = 24) -> Terminal:
    """The guided run, played on the stock machine, in a terminal of 80 columns."""
    program = [sys.executable, "-P", "-W", "error", "-m", "wizard", *words]
    program += ["--simulate", "stock", "--simulate-pace", pace]
    return Terminal(program, ROOT, rows=rows, environment=environment(**place(folder)))


def every_answer(folder: Path) -> Path:
    """An answer file that leaves no question on the stock machine."""
    facts = stock()
    path = folder / "all.yaml"
    path.write_text(write_answers(record(settle(Answers(Settings), facts), facts)))
    return path


def press_enter_until(screen: Terminal, *words: str, seconds: float = PATIENCE) -> None:
    """Take what is suggested at each question, until one of these words shows."""
    ends = time.monotonic() + seconds
    while not any(word in screen.whole_text for word in words):
        assert time.monotonic() < ends, f"None of {words} came. The screen:\n{screen.text}"
        if screen.is_quiet():
            before = len(screen.raw)
            screen.type(chosen(screen.asked) + ENTER)
            while len(screen.raw) == before and time.monotonic() < ends and screen._read(0.2):
                pass  # a second Enter would answer what nobody has read yet


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below, with what is in it."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
