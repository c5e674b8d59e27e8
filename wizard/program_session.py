"""What the commands share: answers, facts and settings of one call, and where things are."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from steps import PIPELINE
from steps.facts import Facts
from steps.guest_disks import root_device
from steps.kinds import CHECK_NAME
from steps.machines import facts_of
from steps.read_facts import look_into_guests, look_into_tarball, read_facts
from steps.saved_facts import hidden
from steps.settings import Settings
from wizard.actions import Action, WriteFile
from wizard.answer_file import read_answers, write_answers
from wizard.answers import Answers
from wizard.arguments import Arguments
from wizard.console import Console, Telling
from wizard.errors import UsageError
from wizard.journal import Store
from wizard.log import refuse_unwritable_log
from wizard.preview import StepPreview, preview
from wizard.saved_plan import refuse_saved_plans
from wizard.secret_references import resolve
from wizard.step import Step, step_name


@dataclass(frozen=True)
class Session:
    """Settings on one machine: the facts to plan with, how to read them again, and the steps."""

    settings: Settings
    facts: Facts
    read_facts: Callable[[], Facts]
    steps: Sequence[Step[Settings, Facts]] = PIPELINE

    @property
    def ignore(self) -> frozenset[str]:
        """The names of checks that only warn."""
        return frozenset(self.settings.host.ignore)

    def previews(self) -> list[StepPreview[Settings, Facts]]:
        """Every step checked and planned."""
        return preview(self.steps, self.settings, self.facts, self.ignore)

    def shown(self) -> list[StepPreview[Settings, Facts]]:
        """The same to be shown or saved: without the passwords that the machine's files hold."""
        return [
            replace(
                one, plan=replace(one.plan, actions=tuple(map(hidden_action, one.plan.actions)))
            )
            if one.plan
            else one
            for one in self.previews()
        ]


def hidden_action(action: Action) -> Action:
    """The action without the passwords that the machine's files hold."""
    if not isinstance(action, WriteFile) or (text := hidden(action.text)) == action.text:
        return action
    # By the hash of a text that is known but for its password, passwords could be tried.
    return replace(action, text=text, made_from="")


def answers_of(arguments: Arguments, files: Sequence[Path]) -> Answers[Settings]:
    """The answers of the files and of the options; --ignore is one of them, so it is kept."""
    refuse_saved_plans(files)
    for name in arguments.ignore:
        try:
            CHECK_NAME.parse(name)
        except ValueError as error:
            raise UsageError(
                f"--ignore {name}: no check is called that.", hint=str(error)
            ) from None
    answers = read_answers(files, Settings, arguments.settings)
    if arguments.ignore:
        given = answers.given.get("host.ignore")
        before: tuple[str, ...] = given.value if given else ()
        answers = answers.with_answer("host.ignore", (*before, *arguments.ignore))
    return answers


def portable_answers(arguments: Arguments) -> bytes:
    """The text of the answers for another machine, where no reference leads anywhere: a file
    without references is handed on as it is.
    """
    answers = answers_of(arguments, arguments.files)
    resolved = resolve(answers, unattended=True)
    as_it_is = len(arguments.files) == 1 and not arguments.settings and not arguments.ignore
    # A pipe cannot be read again.
    if resolved == answers and as_it_is and arguments.files[0].is_file():
        return arguments.files[0].read_bytes()
    return write_answers(resolved).encode()


def machine_facts(arguments: Arguments) -> Facts:
    if arguments.facts is not None:
        return facts_of(arguments.facts)
    # A mirror that does not answer is told before the first change, not after half of them.
    return read_facts(reach=arguments.command in {"guided", "apply", "check"})


def session_for(arguments: Arguments, settings: Settings, facts: Facts) -> Session:
    """A session on this machine; the guests that are there already are looked into."""
    volumes = [root_device(settings, guest) for guest in settings.guests]
    names = [guest.name for guest in settings.guests]
    host = settings.host
    tarball = (host.tarball, host.tarball_signature, host.tarball_keyring)

    def read() -> Facts:
        again = look_into_tarball(read_facts(volumes, names), *tarball)
        # Whether the mirror answers was tried once, at the start.
        return replace(again, apt=replace(again.apt, reachable=facts.apt.reachable))

    there = {volume.path for group in facts.volume_groups or () for volume in group.volumes}
    if arguments.facts is None and (there.intersection(volumes) or facts.xen.domains):
        facts = look_into_guests(facts, volumes, names)
    if arguments.facts is None:
        facts = look_into_tarball(facts, *tarball)
    return Session(settings, facts, read)


def console_for(arguments: Arguments) -> Console:
    """Where words go: not to standard output where that is for programs (--json)."""
    telling: Telling = "quiet" if arguments.quiet else "verbose" if arguments.verbose else "usual"
    stream = sys.stderr if arguments.json else sys.stdout
    return Console(stream, plain=arguments.plain, telling=telling)


def store_for(arguments: Arguments) -> Store:
    return Store(Path(arguments.state))


def text_of(facts: Facts, path: str) -> str | None:
    """The present text of a file, to be shown; None when there is none."""
    text = facts.files.get(path)
    return None if text is None else hidden(text)


def prepare(arguments: Arguments) -> None:
    """Refuse what a command that changes the machine cannot do without: root, a log to write to."""
    if os.geteuid() != 0:
        command = "" if arguments.command == "guided" else f" {arguments.command} …"
        raise UsageError(
            "This changes the machine, and needs root for it.",
            hint=f"Start it with sudo: sudo xen-setup{command}",
        )
    if arguments.log_file is not None:
        refuse_unwritable_log(arguments.log_file)
    names = [step_name(step) for step in PIPELINE]
    if arguments.command in {"apply", "resume"} and arguments.to not in {None, *names}:
        raise UsageError(
            f"--to {arguments.to}: there is no step of that name.",
            hint=f"The steps are: {', '.join(names)}.",
        )
