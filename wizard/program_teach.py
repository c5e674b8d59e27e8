"""`--teach`: what a tutor needs of the steps, and the settings that come of a lesson."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from steps import PIPELINE
from steps.facts import Facts
from steps.settings import Settings
from steps.spare_place import lost_devices
from steps.teaching import exercises
from wizard import commands
from wizard.answers import Answers
from wizard.arguments import Arguments
from wizard.commands import Answer
from wizard.console import Console
from wizard.errors import UsageError
from wizard.exercise import Exercise
from wizard.program_session import Session, console_for, session_for, text_of
from wizard.prompts import Prompter
from wizard.step import Step
from wizard.tutor import Classroom, Tutor

_LOOK_TIME = 30.0  # seconds: xl waits for a xenstored that does not answer

SettingsTutor = Tutor[Settings, Facts]


def refuse_without_a_person(arguments: Arguments, prompter: Prompter | None) -> None:
    """Raise `UsageError` when somebody is to be taught, and nobody is there."""
    if arguments.teach and prompter is None:
        raise UsageError(
            "A lesson needs somebody at a terminal, and nobody is there.",
            hint="Go on without it: sudo xen-setup resume",
        )


def tutor_for(
    arguments: Arguments,
    answers: Answers[Settings],
    facts: Facts,
    prompter: Prompter,
    *,
    steps: Sequence[Step[Settings, Facts]] = PIPELINE,
    look: Callable[[Exercise, Facts], Answer] | None = None,
    console: Console | None = None,
    resumed: bool = False,
) -> SettingsTutor:
    """Who leads through the run. `look`: how the commands that show something are run; None: for
    real. `console`: what things are shown on; None: the arguments say it.
    `resumed`: the answers are those of a run that goes on.
    """
    room = Classroom(
        steps=steps,
        exercises=exercises,
        look=look or (lambda exercise, _facts: commands.ask(exercise.command, _LOOK_TIME)),
        text_of=text_of,
        destroys=lost_devices,
        ignored=lambda settings: frozenset(settings.host.ignore),
    )
    return Tutor(
        room,
        answers,
        facts,
        prompter,
        console or console_for(arguments),
        every_question=arguments.all_questions,
        resumed=resumed,
    )


def led_session(arguments: Arguments, tutor: SettingsTutor, facts: Facts) -> Session:
    """The session of a lesson: what is read depends on what was answered by then."""
    session = session_for(arguments, tutor.settings, facts)

    def read() -> Facts:
        return session_for(arguments, tutor.settings, facts).read_facts()

    return replace(session, read_facts=read)
