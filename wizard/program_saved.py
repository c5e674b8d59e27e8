"""Saved plans: `plan --out` makes them, `apply` and `resume` hold a run to one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from steps.drift import as_planned, differences
from steps.facts import FACTS_VERSION, Facts
from steps.saved_facts import without_secrets
from steps.settings import LOCKED, Settings
from wizard import VERSION as PROGRAM
from wizard.answer_file import answers_text, read_answers, read_text, write_answers
from wizard.answers import Answers, parts, record, settle, walk
from wizard.arguments import Arguments
from wizard.codec import CodecError, decode, encode
from wizard.errors import UsageError
from wizard.journal import RunDirectory
from wizard.preview import StepPreview
from wizard.program_session import Session, hidden_action, machine_facts, session_for
from wizard.questions import ASKED, is_reference, questions_of
from wizard.saved_plan import (
    Fingerprints,
    PlanRefused,
    Promise,
    SavedPlan,
    Source,
    is_shown_plan,
    read_plan,
    refuse_other_file,
    saved_steps,
    sealed,
    sha256,
    write_plan,
)
from wizard.scope import newest
from wizard.secret_references import resolve
from wizard.shapes import Machine

_AGAIN = "Make the plan anew: sudo xen-setup plan ANSWERS --out FILE"


# ---- saving


def refuse_to_save(arguments: Arguments, facts: Facts) -> None:
    """Raise UsageError when no plan can be saved, whatever is in it."""
    if arguments.out is None:
        return
    refuse_other_file(arguments.out)
    if not facts.as_root:
        raise UsageError(
            "Only root sees enough of the machine for a plan that can be run.",
            hint="Start it with sudo: sudo xen-setup plan … --out FILE",
        )
    if not facts.machine:
        raise UsageError(
            "This machine has no /etc/machine-id, so a plan for it cannot be told from others.",
            hint="Make one: systemd-machine-id-setup",
        )


def save_plan(
    path: Path,
    arguments: Arguments,
    answers: Answers[Settings],
    session: Session,
    shown: Sequence[StepPreview[Settings, Facts]],
) -> None:
    """Save the plan of these previews, every step of which has one."""
    recorded = record(session.settings, session.facts)
    secrets = _inline_secrets(recorded)
    _refuse_assigned(answers, secrets)
    recorded = replace(
        recorded, given={key: one for key, one in recorded.given.items() if key not in secrets}
    )
    last = shown[-1].plan
    write_plan(
        path,
        sealed(
            SavedPlan(
                shape="xen-setup saved plan",
                version=1,
                program=PROGRAM,
                machine=Machine(session.facts.machine, session.facts.hostname, True),
                answers=write_answers(recorded),
                secrets=secrets,
                sources=_sources(arguments) if secrets else (),
                assignments=_assignments(arguments) if secrets else (),
                steps=saved_steps(shown),
                facts=encode(without_secrets(session.facts)),
                then=encode(without_secrets(last.then)) if last else None,
                fingerprints=Fingerprints("", "", "", ""),
            )
        ),
    )


def _inline_secrets(recorded: Answers[Settings]) -> tuple[str, ...]:
    """The keys of secrets that were given themselves, and not by reference."""
    return tuple(key for key, given in recorded.given.items() if _is_inline(key, given.value))


def _is_inline(key: str, value: object) -> bool:
    return key.rpartition(".")[2] in _secret_names() and value != LOCKED and not is_reference(value)


def _secret_names() -> set[str]:
    return {
        name
        for part in parts(Settings)
        for name, question in questions_of(part.section)
        if question.secret
    }


def _refuse_assigned(answers: Answers[Settings], secrets: Sequence[str]) -> None:
    for key, given in answers.given.items():
        if key.rpartition(".")[2] in _secret_names() and given.value == ASKED:
            raise UsageError(
                f"{key} is to be asked for, and `apply` of a saved plan asks nothing.",
                hint="Give it as a hash, or as file:/PATH or env:NAME.",
            )
    for key in secrets:
        if answers.given[key].place.file == "--set":
            raise UsageError(
                f"{key} was given by --set: a saved plan holds no secret, and could not find it "
                "again.",
                hint="Put it into the answer file, from which `apply` reads it again.",
            )


def _sources(arguments: Arguments) -> tuple[Source, ...]:
    return tuple(
        Source(os.path.abspath(path), sha256(_source_text(path)))  # noqa: PTH100
        for path in arguments.files
    )


def _source_text(path: Path) -> str:
    """The text of an answer file that secrets are read from again; UsageError if it is none."""
    try:
        return answers_text(path)
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}. A saved plan holds no password, and `apply` could not read "
            "it again from there.",
            hint="Write the answers to a file first; or give passwords as file:/PATH or env:NAME.",
        ) from None


def _assignments(arguments: Arguments) -> tuple[str, ...]:
    """What was given by --set, but for secrets: what the files say counts for those."""
    kept = []
    for assignment in arguments.settings:
        key, _, value = assignment.partition("=")
        if not _is_inline(key, value):
            kept.append(assignment)
    return tuple(kept)


# ---- running


@dataclass(frozen=True)
class Held:
    """A session that is held to a saved plan."""

    session: Session
    promise: Promise[Facts]


def open_plan(arguments: Arguments, path: Path) -> Held:
    """The plan in a file, as a session on this machine; raises `PlanRefused`."""
    if arguments.settings or arguments.ignore:
        raise UsageError(
            "A saved plan is run as it is: --set and --ignore have no place beside it.",
            hint="Give them to the plan: sudo xen-setup plan ANSWERS --set … --out FILE",
        )
    if is_shown_plan(path):
        raise UsageError(
            f"{path} was printed by --json, to be looked at.",
            hint=f"A plan that can be run is saved by --out. {_AGAIN}",
        )
    plan, text = read_plan(path)
    promise = _promise(plan, text, path)
    facts = machine_facts(arguments)
    _refuse_other_machine(plan, path, facts)
    answers = resolve(_answers_of(plan, promise.facts), unattended=True)
    session = session_for(arguments, settle(answers, promise.facts), facts)
    return Held(held_session(session, promise), promise)


def promise_of(run: RunDirectory, fingerprint: str) -> Promise[Facts] | None:
    """What a run is held to: its own copy of the plan; None for one without."""
    if not fingerprint:
        return None
    hint = f"Without it the run cannot go on as agreed; take it back: {newest(run).command}"
    try:
        plan, text = read_plan(run.plan)
        promise = _promise(plan, text, run.plan)
    except (PlanRefused, UsageError) as error:
        raise PlanRefused(error.what, hint=hint) from error
    if plan.fingerprints.all != fingerprint:
        raise PlanRefused(f"{run.plan} is not the plan that the run was begun with.", hint=hint)
    return promise


def held_session(session: Session, promise: Promise[Facts]) -> Session:
    """The session with facts to plan the same with."""
    return replace(session, read_facts=lambda: as_planned(promise.facts, session.read_facts()))


def _promise(plan: SavedPlan, text: str, path: Path) -> Promise[Facts]:
    try:
        facts = decode(Facts, plan.facts)
    except CodecError as error:
        raise PlanRefused(f"The plan {path} is damaged: {error}.", hint=_AGAIN) from error
    if facts.version != FACTS_VERSION:
        raise PlanRefused(f"{path} holds facts of another version.", hint=_AGAIN)

    def changed(before: Facts, now: Facts) -> tuple[str, ...]:
        return differences(before, without_secrets(now))

    return Promise(plan, text, facts, changed, hidden_action)


def _refuse_other_machine(plan: SavedPlan, path: Path, facts: Facts) -> None:
    if plan.machine.id != facts.machine:
        raise PlanRefused(
            f"{path} is a plan for another machine, {plan.machine.hostname}; this is "
            f"{facts.hostname}.",
            hint="Make one here: sudo xen-setup plan ANSWERS --out FILE",
        )


def _answers_of(plan: SavedPlan, facts: Facts) -> Answers[Settings]:
    """The plan's answers, with the secrets read again from the files that had them."""
    answers = read_text(plan.answers, Settings, "the plan's answers")
    if not plan.secrets:
        return answers
    texts = {Path(source.path): _same_source(source) for source in plan.sources}
    again = read_answers(
        [Path(source.path) for source in plan.sources],
        Settings,
        plan.assignments,
        text_of=lambda path: texts[path],
    )
    values = {item.key: item.value for item in walk(again, facts)}
    for key in plan.secrets:
        if key not in values:
            raise PlanRefused(f"The plan has {key} from files in which there is none.", hint=_AGAIN)
        answers = answers.with_answer(key, values[key])
    return answers


def _same_source(source: Source) -> str:
    """The text of a source as it was when the plan was made: read once, so that what was looked
    at is what is used.
    """
    try:
        text = answers_text(Path(source.path))
    except OSError as error:
        raise PlanRefused(
            f"{source.path} cannot be read ({error.strerror}): the plan has its passwords from "
            "there.",
            hint=f"Put it back as it was. Or: {_AGAIN}",
        ) from error
    if sha256(text) != source.sha256:
        raise PlanRefused(
            f"{source.path} was changed since the plan was made, which has its passwords from "
            "there.",
            hint=f"Put it back as it was. Or: {_AGAIN}",
        )
    return text
