"""Answers that are changed in the middle of a run, put together with the steps and the session."""

from __future__ import annotations

from collections.abc import Sequence

from steps.facts import Facts
from steps.settings import Settings
from wizard.answer_file import write_answers
from wizard.answers import record, secrets
from wizard.arguments import Arguments
from wizard.changes import change_answers
from wizard.errors import StepFailed
from wizard.failure import Change, Changed, Changing
from wizard.people import Paused
from wizard.preview import errors_in, preview
from wizard.program_session import Session, session_for
from wizard.program_teach import SettingsTutor
from wizard.prompts import Prompter
from wizard.step import Problem, Step, step_name


class Current:
    """The session that a run goes by: another one when answers were changed on the way."""

    def __init__(
        self, session: Session, tutor: SettingsTutor | None = None, *, begun: bool = False
    ) -> None:
        self.session = session
        self.tutor = tutor
        # The machine before the run, for what answers would have come to; not known of one that
        # was begun by another start of the program.
        self.before = None if begun else session.facts

    @property
    def settings(self) -> Settings:
        """As they are by now: a lesson asks for them on the way."""
        return self.tutor.settings if self.tutor is not None else self.session.settings

    def read_facts(self) -> Facts:
        """The machine, read for the guests that the answers want now."""
        return self.session.read_facts()

    def secret(self, key: str) -> str:
        """The hash of a password; `StepFailed` when there is none."""
        hashes = secrets(self.settings)
        if key not in hashes:
            raise StepFailed(f"There is no answer {key}.", hint="Give it in the answer file.")
        return hashes[key]


def change_by_asking(
    arguments: Arguments, current: Current, prompter: Prompter, paused: Paused
) -> Change[Settings, Facts]:
    """Asks the person for other answers; what they come to is the current session then."""

    def change(asking: Changing[Settings, Facts]) -> Changed[Settings] | None:
        steps = current.session.steps
        if current.tutor is not None:
            # What a later step asks, and refuses, a learner has not come to yet.
            steps = steps[: [step_name(step) for step in steps].index(asking.reached) + 1]

        def problems(settings: Settings, redone: Sequence[Step[Settings, Facts]]) -> list[Problem]:
            ignore = current.session.ignore
            if current.before is not None:
                previews = preview(steps, settings, current.before, ignore)
            else:
                # What is done again finds another machine: its own checks look at that.
                kept = [step for step in steps if step not in redone]
                kept = kept[: steps.index(redone[0])] if redone else kept
                previews = preview(kept, settings, asking.facts, ignore)
            return [one for each in previews for one in errors_in(each.problems)]

        with paused():
            settings = change_answers(steps, asking, prompter, problems)
        if settings is None:
            return None
        read = current.session.read_facts
        session = session_for(arguments, settings, asking.facts)
        if current.tutor is not None:
            current.tutor.changed(settings, asking.facts)
        # The machine that is played reads itself, and a lesson's goes by the tutor's settings.
        if arguments.simulate is not None or current.tutor is not None:
            session = Session(settings, session.facts, read)
        steps = current.session.steps
        current.session = Session(settings, session.facts, session.read_facts, steps)
        return Changed(settings, write_answers(record(settings, asking.facts)))

    return change
