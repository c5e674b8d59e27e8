"""A guided run without a pipeline: the interview on a saved machine, for tests on a terminal.

    python -m tests.interview.conversation [--plain] [--every] [--steps] [--kept]
                                           [--set KEY=VALUE]… MACHINE
    python -m tests.interview.conversation [--plain] --confirm SECONDS

`--steps` asks what the real steps ask, not only the few parts below. `--kept` keeps the answers of
whoever leaves as the program does, for the next one with it. Prints the settings that were
agreed to, or the error with its exit status; fails if their record, replayed, gives another plan.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from steps import PIPELINE
from steps.settings import Settings
from tests.interview.replay import check_replay
from tests.machines import machines
from tests.small_lesson import SMALL_LESSON
from wizard.answer_file import read_answers
from wizard.cli import tell
from wizard.consent import confirm
from wizard.decision import Review, guided
from wizard.errors import SetupError
from wizard.interview import Interview
from wizard.kept_answers import KeptAnswers, beneath, kept_path
from wizard.lesson import Lesson
from wizard.prompts import TimeIsUp, choose_prompter
from wizard.step import Plan, Problem


@dataclass(frozen=True)
class Part:
    """A step that only has questions."""

    TITLE: str
    QUESTIONS: tuple[str, ...]
    LESSON: Lesson = SMALL_LESSON
    __name__: str = "part"

    def check(self, settings: object, facts: object, /) -> list[Problem]:
        return []

    def plan(self, settings: object, facts: object, /) -> Plan[object]:
        return Plan((), facts)

    def verify(self, settings: object, facts: object, /) -> list[Problem]:
        return []


STEPS = (
    Part("Xen itself", ("host.dom0_memory", "host.console", "host.ignore")),
    Part("Network bridge", ("host.bridge", "host.bridge_card")),
    Part(
        "Volume group",
        (
            "storage.use", "storage.volume_group", "storage.device", "storage.region",
            "storage.partition_size", "storage.overwrite",
        ),
    ),
    Part("Guest volumes", ("guests.name", "guests.root_size", "guests.filesystem")),
    Part("Guest system", ("guests.network", "guests.gateway", "guests.packages",
                          "guests.root_password")),
    Part("First boot", ("guests.autostart", "host.after_reboot")),
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """Hold the conversation; the exit status is the program's."""
    if "--confirm" in arguments:
        prompter = choose_prompter(plain="--plain" in arguments)
        try:
            print("Agreed:", confirm(prompter, "Is it well?", seconds=float(arguments[-1])))
        except TimeIsUp:
            print("The time is up.")
        return 0
    facts = machines()[arguments[-1]]
    assignments = [arguments[index + 1] for index, word in enumerate(arguments) if word == "--set"]

    def show(settings: Settings) -> Review:
        print("THE PLAN for", ", ".join(guest.name for guest in settings.guests))
        destroyed = settings.storage.overwrite
        return Review(True, () if destroyed == "no" else (destroyed,))

    kept = KeptAnswers(Settings, kept_path() if "--kept" in arguments else None)
    try:
        prompter = choose_prompter(plain="--plain" in arguments)
        given = read_answers([], Settings, assignments)
        earlier = kept.offered(prompter)
        interview = Interview(
            PIPELINE if "--steps" in arguments else STEPS,
            given if earlier is None else beneath(earlier, given),
            facts,
            prompter,
            every_question="--every" in arguments,
            preset=given.given,
            preset_lists=given.counts,
        )
        settings = guided(interview, facts, prompter, show, Path("answers.yaml"), kept=kept)
        check_replay(settings, facts)
        print(settings)
    except SetupError as error:
        tell(error)
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
