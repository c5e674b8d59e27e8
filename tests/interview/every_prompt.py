"""A guided run that stands at every question in turn, for a test to disturb it there.

    python -m tests.interview.every_prompt [--plain] MACHINE KEY=VALUE…

All questions of the steps are asked, advanced ones too; those of KEY are answered beforehand. At
each prompt the run forks: the child is the program as a person has it, with that question before
it, and goes on to its end; then the walk says what its exit status was, and whether the terminal's
modes are as before, takes what is suggested (or what ANSWERS says), and comes to the next.
"""

from __future__ import annotations

import os
import signal
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

from steps import PIPELINE
from steps.settings import Settings
from tests.interview.keys import chosen
from tests.machines import machines
from wizard.answer_file import read_answers
from wizard.cli import tell
from wizard.decision import Review, guided
from wizard.errors import SetupError
from wizard.interview import Interview
from wizard.prompts import Look, Option, Prompter, choose_prompter

# What is answered otherwise than suggested, by a part of the prompt, so that all is asked.
ANSWERS = {
    "Where does Xen come from?": "tarball",
    "Which tarball of Xen": "/root/xen-4.17.tgz",
    "the tarball's signature": "/root/xen-4.17.tgz.sig",
    "its maker's key": "/root/xen-maker.gpg",
    "Which device?": "/dev/disk/by-id/virtio-vdd-serial",  # where it is refused, the default
    "to agree": "/dev/vdd",
    "How does the guest get its address?": "192.0.2.10/24",
}


class Walk:
    """Asks nobody but in its children."""

    def __init__(self, prompter: Prompter) -> None:
        self._prompter = prompter
        self._is_child = False

    def say(self, text: str, look: Look = "plain") -> None:
        if self._is_child:
            self._prompter.say(text, look)

    def line(
        self, prompt: str, default: str = "", *, hidden: bool = False, seconds: float | None = None
    ) -> str:
        if self._stands_at(prompt):
            return self._prompter.line(prompt, default, hidden=hidden, seconds=seconds)
        return self._answer(prompt, "" if default else chosen(prompt))

    def pick(self, prompt: str, options: Sequence[Option], default: str = "") -> str:
        if self._stands_at(prompt):
            return self._prompter.pick(prompt, options, default)
        possible = [option.value for option in options if not option.refused]
        answer = self._answer(prompt, default)
        return answer if answer in possible else default or possible[0]

    def _answer(self, prompt: str, default: str) -> str:
        return next((answer for part, answer in ANSWERS.items() if part in prompt), default)

    def _stands_at(self, prompt: str) -> bool:
        """Whether this is a child, which asks. The walk itself waits until its child has ended."""
        if self._is_child:
            return True
        before = termios.tcgetattr(0)
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the child
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGINT, handler)
            self._is_child = True
            print(f"CHILD {os.getpid()} {prompt}", flush=True)
            return True
        _, status = os.waitpid(child, 0)
        signal.signal(signal.SIGINT, handler)
        whole = "whole" if termios.tcgetattr(0) == before else "spoiled"
        print(f"ENDED {os.waitstatus_to_exitcode(status)} {whole}", flush=True)
        return False


def main(machine: str, given: Sequence[str], *, plain: bool) -> int:
    """Walk to the decision, and agree."""
    facts = machines()[machine]
    walk = Walk(choose_prompter(plain=plain))
    answers = read_answers([], Settings, given)
    interview = Interview(PIPELINE, answers, facts, walk, every_question=True)
    try:
        guided(interview, facts, walk, lambda _settings: Review(ready=True), Path("answers.yaml"))
    except SetupError as error:
        tell(error)
        return error.status
    print("WALKED", flush=True)
    return 0


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--plain"]
    sys.exit(main(words[0], words[1:], plain="--plain" in sys.argv))
