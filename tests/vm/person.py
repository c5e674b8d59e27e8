"""A person at a terminal of 80 by 24: reads what is asked, and answers it.

What was on the screen at each question is kept, so that it can be read afterwards as it was seen.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.terminal import ENTER, Terminal
from tests.vm.conftest import Say
from wizard.practice.machine import PracticeMachine

ROOT = Path(__file__).parent.parent.parent

# A drawn question has the cursor in its line, behind a question mark; a plain one ends with what
# is suggested, or with how it is answered.
_ASKS = re.compile(r"^\? \S|(\]|\)|\?|yes'?):$")
_KEYS = {
    "password": f"xen{ENTER}",
    "The same again": f"xen{ENTER}",
    "still connected?": f"yes{ENTER}",
}
_MINUTES = 75
_STILL = 1.5  # seconds without a new character: it waits for an answer


@dataclass
class Person:
    """Answers with `keys`, by words of the question; Enter, for what is suggested, to others.

    `screens`: each question's line, and the whole screen when it was answered.
    """

    terminal: Terminal
    keys: Mapping[str, str] = field(default_factory=dict)
    screens: list[tuple[str, str]] = field(default_factory=list)

    def answers_until(self, words: str, *, seconds: float) -> None:
        """Answer whatever is asked, until these words show; AssertionError after `seconds`."""
        ends = time.monotonic() + seconds
        while words not in self.terminal.text:
            assert time.monotonic() < ends, f"{words!r} did not come:\n{self.terminal.text}"
            if not self.terminal.is_quiet(_STILL):
                continue
            asked = self.terminal.asked
            if _ASKS.search(asked):
                self.screens.append((asked, self.terminal.text))
                self.terminal.type(self._key(asked))

    def told(self) -> str:
        """All screens, one below the other."""
        return "\n".join(f"{'=' * 80}\n{screen}" for _, screen in self.screens)

    def kept(self) -> Path:
        """All screens, and what scrolled by, in a file that stays."""
        path = Path(tempfile.mkdtemp(prefix="xen-setup-screens-")) / "screens.txt"
        path.write_text(f"{self.told()}\n{'=' * 80}\n{self.terminal.whole_text}\n")
        return path

    def _key(self, asked: str) -> str:
        return next((key for words, key in self.keys.items() if words in asked), ENTER)


def practised(machine: PracticeMachine, option: str, say: Say) -> Person:
    """`practice` with that option, from its first question to the guest in `xl list`; the person
    who answered, with all screens.
    """
    command = [str(ROOT / "xen-setup"), "practice", option, "--name", str(machine.name)]
    started = time.monotonic()
    with Terminal(command, ROOT) as terminal:
        person = Person(terminal, _KEYS)
        try:
            person.answers_until("The practice machine still runs", seconds=_MINUTES * 60)
            status = terminal.ends(seconds=60)
        finally:
            say(f"practice {option}: {time.monotonic() - started:.0f} s, "
                f"{len(person.screens)} questions; the screens are in {person.kept()}")  # fmt: skip
    assert status == 0, terminal.whole_text
    assert terminal.is_whole
    assert re.search(r"^vm01 +\d+ ", terminal.text, re.MULTILINE)
    return person
