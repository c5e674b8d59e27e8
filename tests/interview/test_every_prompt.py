"""Every question × every way to disturb it × both modes, in a real pseudo-terminal.

One process walks from question to question, and a child of it stands at each (every_prompt.py): so
the table costs a start for each of its columns, not for each of its cells.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from steps.settings import Settings
from tests.cli.program import BYTECODE
from tests.fast import share
from tests.terminal import CTRL_C, PATIENCE, Terminal
from wizard.answer_reference import every_question

ROOT = Path(__file__).parents[2]
NOTHING_CHANGED = "Nothing was changed."


def _signal(number: signal.Signals) -> Callable[[Terminal, int], None]:
    return lambda _terminal, child: os.kill(child, number)


def _resize(terminal: Terminal, _child: int) -> None:
    """Narrower and wider and as before, while the question waits; and then Ctrl-C."""
    for columns, rows in ((40, 12), (160, 50), (80, 24)):
        terminal.resize(columns, rows)
        while not terminal.is_quiet(0.03):
            pass
    terminal.type(CTRL_C)


@dataclass(frozen=True)
class Disturbance:
    """What is done at a question; the exit status that follows, and words on the screen."""

    do: Callable[[Terminal, int], None]
    status: int
    words: str


DISTURBANCES = {
    "Ctrl-C": Disturbance(lambda terminal, _child: terminal.type(CTRL_C), 130, "by Ctrl-C"),
    "SIGTERM": Disturbance(_signal(signal.SIGTERM), 143, "by the signal SIGTERM"),
    "SIGHUP": Disturbance(_signal(signal.SIGHUP), 129, "by the end of the terminal session"),
    "resize": Disturbance(_resize, 130, "by Ctrl-C"),
}
# What is asked depends on the place of the guests' disks: free space, or a device that is lost.
WALKS = {
    "stock": (),
    "foreign": ("host.dom0_memory=1GiB", "host.console=both", "host.bridge=none", "host.tls=leave",
                "storage.use=device", "guests.0.name=a", "guests.0.root_size=2GiB"),
}  # fmt: skip
TABLE = [
    (machine, mode, name)
    for machine in WALKS
    for mode in ("drawn", "plain")
    for name in DISTURBANCES
]


@dataclass
class Walked:
    """What came of one walk: the questions, and for each how its child ended."""

    prompts: list[str] = field(default_factory=list)
    ends: list[tuple[str, int, str]] = field(default_factory=list)


def walk(folder: Path, machine: str, mode: str, name: str) -> Walked:
    """Walk through all questions, disturbing each."""
    environment = {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": BYTECODE}
    program = [sys.executable, "-W", "error", "-m", "tests.interview.every_prompt"]
    program += ["--plain"] * (mode == "plain") + [machine, *WALKS[machine]]
    walked, disturbance = Walked(), DISTURBANCES[name]
    with Terminal(program, folder, environment=environment) as terminal:
        while True:
            found = _next(terminal, rb"CHILD (\d+) ([^\r\n]+)\r?\n|(WALKED)", len(walked.prompts))
            if found[3]:
                break
            prompt = found[2].decode()
            walked.prompts.append(prompt)
            _wait_at(terminal, prompt.split()[-1].encode(), found.end())
            disturbance.do(terminal, int(found[1]))
            ended = _next(terminal, rb"ENDED (-?\d+) (\w+)", len(walked.ends))
            walked.ends.append((prompt, int(ended[1]), ended[2].decode()))
            shown = terminal.raw[found.end() : ended.start()]
            told = " ".join(shown.decode().split())
            assert disturbance.words in told, (prompt, told)
            assert NOTHING_CHANGED in told, (prompt, told)
            assert "Traceback" not in told
            assert disturbance.status == int(ended[1]), prompt
            assert _left_on(shown) <= {b"25", b"7"}, prompt  # the cursor, and lines that wrap
            assert _left_off(shown).isdisjoint({b"25", b"7"}), prompt
        assert 0 == terminal.ends()
        assert terminal.is_whole
        if mode == "plain":
            assert 0 == terminal.raw.count(b"\x1b")
    return walked


def _modes(shown: bytes) -> dict[bytes, bytes]:
    """The terminal's private modes (DECSET) as what was written leaves them: h on, l off."""
    return dict(re.findall(rb"\x1b\[\?(\d+)([hl])", shown))


def _left_on(shown: bytes) -> set[bytes]:
    return {mode for mode, state in _modes(shown).items() if state == b"h"}


def _left_off(shown: bytes) -> set[bytes]:
    return {mode for mode, state in _modes(shown).items() if state == b"l"}


def _wait_at(terminal: Terminal, words: bytes, after: int) -> None:
    """Wait until the question itself stands there, below its name, and waits for a key."""
    ends = time.monotonic() + PATIENCE
    while not (terminal.is_quiet(0.03) and words in terminal.raw[after:]):
        assert time.monotonic() < ends, f"It does not come. The screen:\n{terminal.text}"


def _next(terminal: Terminal, pattern: bytes, earlier: int) -> re.Match[bytes]:
    """What the walk says next, after so many times before."""
    found: list[re.Match[bytes]] = []

    def is_there() -> bool:
        found[:] = re.finditer(pattern, terminal.raw)
        return len(found) > earlier

    ends = time.monotonic() + PATIENCE
    while not is_there():
        terminal.is_quiet(0.02)
        assert time.monotonic() < ends, f"It does not go on. The screen:\n{terminal.text}"
    return found[earlier]


@pytest.mark.parametrize(("machine", "mode", "name"), share(TABLE, one_in=16))
def test_at_every_question_every_disturbance_leaves_the_terminal_whole(
    machine: str, mode: str, name: str, tmp_path: Path
) -> None:
    walked = walk(tmp_path, machine, mode, name)
    assert {"whole"} == {modes for _prompt, _status, modes in walked.ends}
    assert [] == list(tmp_path.iterdir())  # nothing is written, so nothing can be half written
    assert len(walked.prompts) > (30 if machine == "stock" else 12)
    if machine == "stock":
        asked = " ".join(walked.prompts)
        missing = [key for key, _part, question in every_question(Settings)
                   if question.prompt not in asked]  # fmt: skip
        assert ["storage.overwrite"] == missing  # the other walk's
    else:
        assert any("to agree" in prompt for prompt in walked.prompts)
        assert any("to have its content destroyed" in prompt for prompt in walked.prompts)
