"""A lesson on a machine that is played, with a learner who is told what to do."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from steps import PIPELINE
from steps.facts import Facts
from steps.machines import example_facts
from steps.played import Played
from steps.settings import Settings
from tests.interview.keys import chosen
from wizard.answer_file import write_answers
from wizard.answers import Answers, record
from wizard.arguments import Arguments
from wizard.console import Console
from wizard.errors import RebootNeeded
from wizard.journal import UNSYNCED, Store
from wizard.pipeline import OnFailure, Pipeline, Wishes
from wizard.program_changes import Current, change_by_asking
from wizard.program_session import Session
from wizard.program_simulate import played_look
from wizard.program_teach import SettingsTutor, tutor_for
from wizard.prompts import Look, Option
from wizard.reporter import NullReporter
from wizard.simulation import Simulation

PAUSE = "Enter goes on"
_ENOUGH = 2000  # questions: a whole lesson has some hundred


@dataclass
class Learner:
    """Takes what is suggested, but for the answers of `says`: by a part of the prompt, one after
    the other, the last one for good. `heard` is all that was shown, in order.
    """

    says: dict[str, list[str]] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def say(self, text: str, look: Look = "plain") -> None:
        self.heard.append(text)

    def line(
        self, prompt: str, default: str = "", *, hidden: bool = False, seconds: float | None = None
    ) -> str:
        return self._answer(prompt, "" if default else chosen(prompt))

    def pick(self, prompt: str, options: Sequence[Option], default: str = "") -> str:
        answer = self._answer(prompt, default or next(o.value for o in options if not o.refused))
        assert answer in [option.value for option in options if not option.refused], answer
        return answer

    def _answer(self, prompt: str, usual: str) -> str:
        self.asked.append(prompt)
        assert len(self.asked) < _ENOUGH, f"it asks without end: {self.asked[-3:]}"
        for part, answers in self.says.items():
            if part in prompt and answers:
                return answers.pop(0)
        return usual

    @property
    def all_heard(self) -> str:
        return "\n".join(self.heard)


class Page(Console):
    """A console that writes into what the learner hears."""

    def __init__(self, learner: Learner) -> None:
        super().__init__(io.StringIO(), plain=True)
        self._learner = learner
        self.stream = _Heard(learner)


class _Heard(io.StringIO):
    def __init__(self, learner: Learner) -> None:
        super().__init__()
        self._learner = learner

    def write(self, text: str) -> int:
        self._learner.heard.append(text.rstrip("\n"))
        return len(text)


@dataclass
class Lesson:
    """One lesson: `go` leads through it to its end, over the boot; again after it was left."""

    folder: Path
    learner: Learner
    machine: str = "stock"
    failure: str = ""
    decisions: Sequence[OnFailure] = ()
    answers: Callable[[Answers[Settings]], Answers[Settings]] = lambda answers: answers

    def __post_init__(self) -> None:
        self.facts = example_facts(self.machine)
        self.simulation = Simulation(PIPELINE, self.facts, Played(), pace=0, fails_in=self.failure)
        self.store = Store(self.folder / "state", lambda: "simulated", UNSYNCED)
        self.tutor = self.new_tutor(self.answers(Answers(Settings)))
        self._begun = False

    def new_tutor(self, answers: Answers[Settings], *, resumed: bool = False) -> SettingsTutor:
        """A tutor, as each start of the program makes one."""
        return tutor_for(
            Arguments(teach=True), answers, self.simulation.read_facts(), self.learner,
            steps=self.simulation.steps, look=played_look, console=Page(self.learner),
            resumed=resumed,
        )  # fmt: skip

    def go(self) -> None:
        """To the end, or to an error."""
        pipeline = Pipeline(
            self.simulation.steps, self.simulation.read_facts, self.store,
            self.simulation.machine, NullReporter(), self._wishes(),
            companion=self.tutor,
        )  # fmt: skip
        self.tutor.welcome()
        while True:
            try:
                if self._begun:
                    pipeline.resume(self.tutor.settings)
                else:
                    self._begun = True
                    text = write_answers(record(self.tutor.settings, self.facts))
                    pipeline.apply(self.tutor.settings, text)
            except RebootNeeded:
                self.simulation.boot(self.tutor.settings, NullReporter())
            else:
                return

    def _wishes(self) -> Wishes:
        """The learner decides of a failure, where it was said beforehand how."""
        decisions = iter(self.decisions)
        arguments = Arguments(teach=True, simulate=self.machine)
        read = self.simulation.read_facts
        session = Session(self.tutor.settings, self.facts, read, self.simulation.steps)
        current = Current(session, self.tutor)
        return Wishes(
            consent=True,
            on_failure=lambda _failure: next(decisions, "stop"),
            change=change_by_asking(arguments, current, self.learner, nullcontext),
        )

    def steps_taught(self) -> list[str]:
        """The titles of the steps, as they were begun."""
        return [
            found[1]
            for text in self.learner.heard
            if (found := re.fullmatch(r"Step \d+ of \d+: (.*) \(simulated\)", text))
        ]


def facts_after(steps: int, facts: Facts, settings: Settings) -> Facts:
    """The machine as so many steps leave it."""
    for step in PIPELINE[:steps]:
        facts = step.plan(settings, facts).then
    return facts
