"""What `--json` prints: each document's shape, as a dataclass, and how it is made.

The schemas in wizard/schemas/ are made from these classes (`python -m wizard.program_schemas`).
A field may be added without a new version; what is removed or means something else needs one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from wizard import VERSION as PROGRAM
from wizard.actions import Action, UndoClass, WriteFile, download, undo_class
from wizard.answer_problems import MarkedProblem, marked_problems
from wizard.codec import encode
from wizard.diagnosis import Finding
from wizard.errors import AnswerProblem
from wizard.journal import Holder
from wizard.preview import StepPreview, own_errors
from wizard.status import RunStatus, State, Status
from wizard.step import Guard, Problem
from wizard.wording import commands, difference, headline, undo_words

F = TypeVar("F")

Verdict = Literal["ready", "warnings", "not known", "failed"]


@dataclass(frozen=True)
class Machine:
    """The machine that was looked at. `id` is a hash of its machine id; without root (`as_root`
    false) some of it is not known."""

    id: str
    hostname: str
    as_root: bool


@dataclass(frozen=True)
class CheckedStep:
    """One step, and what its checks found."""

    name: str
    title: str
    verdict: Verdict
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class CheckDocument:
    """What `check --json` prints. `failed` counts the problems that forbid a run; `machine` is
    null when the answers could not be read. `exit_status` is the program's own."""

    shape: Literal["xen-setup check"]
    version: Literal[1]
    program: str
    machine: Machine | None
    exit_status: int
    failed: int
    answers: tuple[MarkedProblem, ...]
    steps: tuple[CheckedStep, ...]


@dataclass(frozen=True)
class PlannedAction:
    """One action. `commands` are as typed in a shell, `difference` is a file's unified diff (null
    where no file is written), `undo` says how it is taken back; `action` has all that the program
    itself goes by: `estimate` in seconds, and `why` it is done."""

    what: str
    commands: tuple[str, ...]
    difference: tuple[str, ...] | None
    undo_class: UndoClass
    undo: str
    action: Action


@dataclass(frozen=True)
class PlannedStep:
    """One step. `planned` is false when its problems forbid a plan. `guard`: it is taken back by
    itself unless confirmed in time. `unknown`: what cannot be known before it is done."""

    name: str
    title: str
    problems: tuple[Problem, ...]
    planned: bool
    actions: tuple[PlannedAction, ...]
    already_there: tuple[str, ...]
    notes: tuple[str, ...]
    unknown: tuple[str, ...]
    guard: Guard | None


@dataclass(frozen=True)
class PlanDocument:
    """What `plan --json` prints. `actions` counts them all; `seconds` is what they usually take,
    `download_mib` what usually comes over the network.
    `failed` counts the problems that forbid a run; `exit_status` is the program's own."""

    shape: Literal["xen-setup plan"]
    version: Literal[1]
    program: str
    machine: Machine | None
    exit_status: int
    failed: int
    answers: tuple[MarkedProblem, ...]
    actions: int
    seconds: float
    download_mib: float
    steps: tuple[PlannedStep, ...]


@dataclass(frozen=True)
class StatusDocument:
    """What `status --json` prints: the state of the run that tells how the machine stands (one that
    is half taken back, or the newest that is not taken back), who is at work now, all runs, the
    command to type next ("" for none), and the exit status that the run ended or stopped with (null
    where it does not say: nothing yet, still running, rolled back)."""

    shape: Literal["xen-setup status"]
    version: Literal[1]
    program: str
    state: State
    next: str
    exit_status: int | None
    holder: Holder | None
    runs: tuple[RunStatus, ...]


@dataclass(frozen=True)
class ExplainedLine:
    """A rule that fits, with the last line that it fits: `line` counts from 1 in what was looked
    at. `lesson` is a step's name ("" for none), `row` the failure's number among those that
    first-time users meet (0: none of them); a `consequence` follows from another failure, too.
    """

    rule: str
    line: int
    text: str
    cause: str
    fix: str
    lesson: str
    row: int
    consequence: bool


@dataclass(frozen=True)
class ExplainDocument:
    """What `explain --json` prints: all that is known of the text, the likeliest cause first.
    `complete` is false when only the end of a very long text was looked at."""

    shape: Literal["xen-setup explain"]
    version: Literal[1]
    program: str
    exit_status: int
    complete: bool
    findings: tuple[ExplainedLine, ...]


Document = CheckDocument | ExplainDocument | PlanDocument | StatusDocument


def document_text(document: object) -> str:
    """The JSON text of a document (a dataclass with a shape), ending in a newline."""
    return json.dumps(encode(document), indent=1, ensure_ascii=False) + "\n"


def check_document(
    machine: Machine | None,
    answers: Sequence[AnswerProblem],
    previews: Sequence[StepPreview[Any, Any]],
    exit_status: int,
) -> CheckDocument:
    """What the checks of all steps say."""
    return CheckDocument(
        shape="xen-setup check",
        version=1,
        program=PROGRAM,
        machine=machine,
        exit_status=exit_status,
        failed=failed_checks(previews),
        answers=marked_problems(answers),
        steps=tuple(
            CheckedStep(one.name, one.step.TITLE, verdict(one.problems), one.problems)
            for one in previews
        ),
    )


def plan_document(
    machine: Machine | None,
    answers: Sequence[AnswerProblem],
    previews: Sequence[StepPreview[Any, F]],
    exit_status: int,
    text_of: Callable[[F, str], str | None],
) -> PlanDocument:
    """What would be done. `text_of` gives the present text of a file, None when there is none."""
    actions = planned_actions(previews)
    return PlanDocument(
        shape="xen-setup plan",
        version=1,
        program=PROGRAM,
        machine=machine,
        exit_status=exit_status,
        failed=failed_checks(previews),
        answers=marked_problems(answers),
        actions=len(actions),
        seconds=round(sum(action.estimate for action in actions), 1),
        download_mib=round(sum(map(download, actions)), 1),
        steps=tuple(_planned_step(one, text_of) for one in previews),
    )


def status_document(status: Status) -> StatusDocument:
    """What the runs came to."""
    return StatusDocument(
        shape="xen-setup status",
        version=1,
        program=PROGRAM,
        state=status.state,
        next=status.next,
        exit_status=None if status.holder or not status.telling else status.telling.exit_status,
        holder=status.holder,
        runs=status.runs,
    )


def explain_document(
    findings: Sequence[Finding], exit_status: int, *, complete: bool
) -> ExplainDocument:
    """What is known of a text."""
    return ExplainDocument(
        shape="xen-setup explain",
        version=1,
        program=PROGRAM,
        exit_status=exit_status,
        complete=complete,
        findings=tuple(
            ExplainedLine(
                rule=one.rule.name,
                line=one.number,
                text=one.line,
                cause=one.cause,
                fix=one.fix,
                lesson=one.rule.lesson,
                row=one.rule.row,
                consequence=one.rule.consequence,
            )
            for one in findings
        ),
    )


def verdict(problems: Sequence[Problem]) -> Verdict:
    """What a step's problems come to."""
    worst = {problem.severity for problem in problems}
    if "error" in worst:
        return "failed"
    if "unknown" in worst:
        return "not known"
    return "warnings" if worst else "ready"


def failed_checks(previews: Sequence[StepPreview[Any, Any]]) -> int:
    """How many problems forbid a run; what follows from another is not counted."""
    return sum(len(own_errors(preview.problems)) for preview in previews)


def planned_actions(previews: Sequence[StepPreview[Any, Any]]) -> list[Action]:
    """All actions of all steps that have a plan."""
    return [action for one in previews if one.plan for action in one.plan.actions]


def _planned_step(one: StepPreview[Any, F], text_of: Callable[[F, str], str | None]) -> PlannedStep:
    plan = one.plan
    texts: dict[str, str] = {}  # of files that an earlier action of this step writes
    actions = []
    for action in plan.actions if plan else ():
        lines = None
        if isinstance(action, WriteFile):
            before = texts.get(action.path, text_of(one.before, action.path))
            lines = tuple(difference(before, action))
            texts[action.path] = action.text
        actions.append(
            PlannedAction(
                headline(action), commands(action), lines, undo_class(action), undo_words(action),
                action,
            )
        )  # fmt: skip
    return PlannedStep(
        name=one.name,
        title=one.step.TITLE,
        problems=one.problems,
        planned=plan is not None,
        actions=tuple(actions),
        already_there=plan.skipped if plan else (),
        notes=plan.notes if plan else (),
        unknown=plan.unknown if plan else (),
        guard=plan.guard if plan else None,
    )
