"""A plan as a file: what is to be done to one machine, to be done later, exactly so or not at all.

It is JSON (schemas/saved-plan.schema.json): the actions of every step, the answers without any
secret, the facts that it was made from and those expected after it, and fingerprints of them. The
fingerprints find damage and careless edits; they prove nothing about who wrote the file.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import shlex
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from wizard import VERSION as PROGRAM
from wizard.actions import Action, Never, RunCommand
from wizard.codec import CodecError, decode, encode
from wizard.errors import ChecksFailed, StepFailed, UsageError
from wizard.preview import StepPreview, own_errors, problem_words
from wizard.private_file import read_file, trusted_users, write_private
from wizard.shapes import Machine
from wizard.step import Guard, Plan
from wizard.wording import commands, first_change, headline

F = TypeVar("F")

VERSION = 1
MARK = "xen-setup saved plan"
LARGEST = 64 * 1024 * 1024  # bytes: hundreds of guests take some

_AGAIN = "Make the plan anew: sudo xen-setup plan ANSWERS --out FILE"


class PlanRefused(ChecksFailed):
    """A saved plan is not run: it is not whole, not this machine's, or not right any more."""


@dataclass(frozen=True)
class SavedStep:
    """One step of a saved plan."""

    name: str
    actions: tuple[Action, ...]
    already_there: tuple[str, ...]
    notes: tuple[str, ...]
    guard: Guard | None


@dataclass(frozen=True)
class Source:
    """An answer file that secrets are read from again, and the SHA-256 that it must still have."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Fingerprints:
    """SHA-256 of the answers' text, of the facts, and of all but the fingerprints themselves."""

    answers: str
    facts: str
    then: str
    all: str


@dataclass(frozen=True)
class SavedPlan:
    """What `plan --out` saves. `answers` is the text of an answer file with every answer but the
    `secrets`: keys whose values `sources` have, read with `assignments` (of --set). `facts` are
    those that the plan was made from, `then` those expected after it (facts.schema.json)."""

    shape: Literal["xen-setup saved plan"]
    version: Literal[1]
    program: str
    machine: Machine
    answers: str
    secrets: tuple[str, ...]
    sources: tuple[Source, ...]
    assignments: tuple[str, ...]
    steps: tuple[SavedStep, ...]
    facts: Any
    then: Any
    fingerprints: Fingerprints


def sealed(plan: SavedPlan) -> SavedPlan:
    """The same plan with its fingerprints."""
    # As it will be read: a duration of 5 seconds is 5.0 then.
    plan = decode(SavedPlan, encode(plan))
    return replace(plan, fingerprints=_fingerprints(encode(plan)))


def plan_text(plan: SavedPlan) -> str:
    """The JSON text of a plan, ending in a newline."""
    return json.dumps(encode(plan), indent=1, ensure_ascii=False) + "\n"


def saved_steps(previews: Sequence[StepPreview[Any, Any]]) -> tuple[SavedStep, ...]:
    """The steps of a whole plan; every one has a plan."""
    return tuple(
        SavedStep(one.name, one.plan.actions, one.plan.skipped, one.plan.notes, one.plan.guard)
        for one in previews
        if one.plan is not None
    )


def is_saved_plan(path: Path) -> bool:
    """Whether the file says that it is a saved plan, however damaged."""
    return f'"{MARK}"' in _beginning(path)


def refuse_saved_plans(paths: Sequence[Path]) -> None:
    """Raise UsageError for the first of these answer files that is a saved plan."""
    for path in paths:
        if is_saved_plan(path):
            raise UsageError(
                f"{path} is a saved plan, and no answer file.",
                hint=f"Run it by itself, alone: sudo xen-setup apply {shlex.quote(str(path))}",
            )


def is_shown_plan(path: Path) -> bool:
    """Whether the file is what `plan --json` or `check --json` printed."""
    return '"shape": "xen-setup ' in _beginning(path) and not is_saved_plan(path)


def _beginning(path: Path) -> str:
    try:
        if not path.is_file():
            return ""  # a pipe can be read but once: it is for the answers
        with path.open("rb") as file:
            start = file.read(200).decode("utf-8", "replace").lstrip()
    except OSError:
        return ""
    return start if start.startswith("{") else ""


def refuse_other_file(path: Path) -> None:
    """Raise UsageError when something is at the path that is no saved plan."""
    # By os.path, which answers where Path would raise: whoever writes it has the words for that.
    if os.path.lexists(path) and not is_saved_plan(path):
        raise UsageError(
            f"{path} is there already, and is no saved plan.",
            hint="Choose another name: nothing of yours is overwritten.",
        )


def write_plan(path: Path, plan: SavedPlan) -> str:
    """Save a plan, mode 0600, never over another kind of file; the text that was written."""
    refuse_other_file(path)
    text = plan_text(plan)
    write_private(path, text, "The plan")
    return text


# ---- reading


def read_plan(path: Path) -> tuple[SavedPlan, str]:
    """The plan saved in a file, and its text; raises `PlanRefused` with what is wrong with it."""
    try:
        data, state = read_file(path, LARGEST + 1)
    except OSError as error:
        raise UsageError(
            f"The plan {path} cannot be read: {error.strerror}.", hint="Check the path."
        ) from error
    _refuse_others_file(path, state)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _damaged(path, "it is not UTF-8 text") from error
    if len(data) > LARGEST:
        raise _damaged(path, "it is far too large for a plan")
    return plan_from_text(text, path), text


def _refuse_others_file(path: Path, state: os.stat_result) -> None:
    """A plan is done as root: whoever could have written it could have anything done."""
    if state.st_uid not in trusted_users():
        raise PlanRefused(
            f"The plan {path} belongs to another user, who could have changed it.",
            hint=f"If you know what is in it: sudo chown root: {shlex.quote(str(path))}",
        )
    if state.st_mode & 0o022:
        raise PlanRefused(
            f"Others may write to the plan {path} (mode {stat.S_IMODE(state.st_mode):o}).",
            hint=f"If you know what is in it: sudo chmod 600 {shlex.quote(str(path))}",
        )


def plan_from_text(text: str, path: Path) -> SavedPlan:
    """The plan that a text holds; raises `PlanRefused`. `path` is only named."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise _damaged(path, f"it is not JSON ({error})") from error
    except RecursionError as error:
        raise _damaged(path, "it is nested too deeply") from error
    if not isinstance(value, dict) or value.get("shape") != MARK:
        raise _damaged(path, "it does not say that it is one")
    _refuse_other_version(path, value)
    try:
        plan = decode(SavedPlan, value)
        right = _fingerprints(value) == plan.fingerprints
    except (CodecError, ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if not right:
        raise PlanRefused(
            f"{path} was changed after it was saved: its fingerprint does not fit.",
            hint=f"A saved plan is run as it was made, or not at all. {_AGAIN}",
        )
    return plan


def _refuse_other_version(path: Path, value: Mapping[str, object]) -> None:
    version, program = value.get("version"), value.get("program")
    if type(version) is int and version > VERSION:
        raise PlanRefused(
            f"{path} is a plan of version {version}; this program reads version {VERSION}.",
            hint=f"Run it with the xen-setup that made it. Or: {_AGAIN}",
        )
    if isinstance(program, str) and program != PROGRAM:
        raise PlanRefused(
            f"{path} was made by xen-setup {program:.20}; this is xen-setup {PROGRAM}, which may "
            "do things otherwise.",
            hint=f"Run it with the version that made it. Or: {_AGAIN}",
        )


def _damaged(path: Path, why: str) -> PlanRefused:
    return PlanRefused(f"The plan {path} is damaged: {why:.200}.", hint=_AGAIN)


def _fingerprints(value: Mapping[str, Any]) -> Fingerprints:
    rest = {key: inner for key, inner in value.items() if key != "fingerprints"}
    return Fingerprints(
        answers=sha256(value["answers"]),
        facts=sha256(value["facts"]),
        then=sha256(value["then"]),
        all=sha256(rest),
    )


def sha256(value: object) -> str:
    """The hash, in hexadecimal, of a text, or of what JSON can hold."""
    if not isinstance(value, str):
        value = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


# ---- holding a run to it


@dataclass(frozen=True)
class Promise(Generic[F]):
    """A saved plan that a run is held to. `text` is the file's; `facts` those it was made from.

    `differences` says what of the facts has changed, `hidden` takes from an action what no plan
    holds.
    """

    plan: SavedPlan
    text: str
    facts: F
    differences: Callable[[F, F], tuple[str, ...]]
    hidden: Callable[[Action], Action]

    @property
    def fingerprint(self) -> str:
        """Names this plan in the journal."""
        return self.plan.fingerprints.all

    def refuse_drift(self, facts: F, previews: Sequence[StepPreview[Any, F]]) -> None:
        """Raise `PlanRefused`, naming each difference, when the machine is not what it was or the
        plan would not be the same again. When nothing is to be done, nothing is refused.
        """
        if all(one.plan is not None and not one.plan.actions for one in previews):
            return
        found = [*self.differences(self.facts, facts)]
        for one in previews:
            if one.plan is None:
                words = (problem_words(problem) for problem in own_errors(one.problems))
                found += [f"{one.name} cannot be planned any more: {each}" for each in words]
            else:
                found += [f"{one.name}: {each}" for each in self._changed(one.name, one.plan)]
        if found:
            raise PlanRefused(
                "The plan does not fit this machine any more; nothing was changed.",
                hint=f"Each difference is told as it was → as it is now. {_AGAIN}",
                details=tuple(found),
            )

    def hold(self, name: str, plan: Plan[F], *, again: bool) -> None:
        """Raise `StepFailed` unless this is what was saved for that step. `again`: the step was
        begun before, or taken back, and some of its work may be there: the boot, say.
        """
        found = self._left_over(name, plan) if again else self._changed(name, plan)
        if found:
            raise StepFailed(
                f"The step {name} would not do what the saved plan says.",
                # After a boot the run stops here: a new plan would find it in its way.
                hint="Each difference is told as it was → as it is now. Undo them; or, when all is "
                "taken back, make the plan anew: sudo xen-setup plan ANSWERS --out FILE.",
                details=tuple(found),
            )

    def _saved(self, name: str) -> SavedStep:
        for step in self.plan.steps:
            if step.name == name:
                return step
        return SavedStep(name, (), (), (), None)

    def _changed(self, name: str, plan: Plan[F]) -> list[str]:
        saved = self._saved(name)
        now = tuple(map(self.hidden, plan.actions))
        found = _action_changes(saved.actions, now)
        if not found and now and _net(saved.guard) != _net(plan.guard):
            found.append(f"the safety net: {_net(saved.guard)} → {_net(plan.guard)}")
        return found

    def _left_over(self, name: str, plan: Plan[F]) -> list[str]:
        """What is planned now and is no part of what was saved, in its order."""
        saved = [_work(action) for action in self._saved(name).actions]
        place, found = 0, []
        for action in map(self.hidden, plan.actions):
            work = _work(action)
            if work in saved[place:]:
                place = saved.index(work, place) + 1
            else:
                found.append(f"nothing → {_told(action)}")
        return found


def _work(action: Action) -> object:
    """What tells one piece of work from another. A command that goes on where the power failed
    may have other options; what proves its work is the same.
    """
    if isinstance(action, RunCommand):
        return action.argv if isinstance(action.probe, Never) else action.probe
    return action


def _action_changes(saved: Sequence[Action], now: Sequence[Action]) -> list[str]:
    matcher = difflib.SequenceMatcher(None, saved, now, autojunk=False)
    found = []
    for word, start, end, first, last in matcher.get_opcodes():
        if word == "equal":
            continue
        was, is_now = saved[start:end], now[first:last]
        for before, after in zip(was, is_now, strict=False):
            found += _difference(before, after)
        found += [f"{_told(action)} → nothing" for action in was[len(is_now) :]]
        found += [f"nothing → {_told(action)}" for action in is_now[len(was) :]]
    return found


def _difference(before: Action, after: Action) -> list[str]:
    if headline(before) != headline(after) or before.kind != after.kind:
        return [f"{_told(before)} → {_told(after)}"]
    was, is_now = encode(before), encode(after)
    return [
        f"{headline(after)}, {field}: "
        + (
            first_change(was[field], is_now[field])
            if field == "text"
            else f"{_brief(was[field])} → {_brief(is_now[field])}"
        )
        for field in was
        if was[field] != is_now[field]
    ]


def _brief(value: object) -> str:
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        value = " ".join(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:199]}…"


def _told(action: Action) -> str:
    typed = commands(action)
    return headline(action) + (f" ($ {typed[0]})" if typed else "")


def _net(guard: Guard | None) -> str:
    if guard is None:
        return "none"
    return f"{guard.seconds} s, unless {guard.condition}"
