"""Secret answers by reference: `file:/PATH`, `env:NAME` and `asked` become hashes, once.

    resolve(answers, unattended=True)  → Answers with hashes, or every problem at once
    missing(answers)                   → what could not be resolved, without reading any secret

Plans never need it: only what changes the machine does. What a reference leads to is a hash, which
is taken as it is, or a password, of which only the hash leaves this module.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from wizard.answers import Answers, Given, parts, problem_at
from wizard.errors import AnswerProblem, AnswersInvalid
from wizard.passwords import hash_password
from wizard.private_file import NotAFile, read_file, trusted_users
from wizard.questions import ASKED, Question, is_reference

S = TypeVar("S")

_BEGINS_A_HASH = re.compile(r"\$(1|5|6|7|2[aby]|y|gy)\$")  # crypt(5)
_LONGEST = 4096  # bytes: more than any hash or password; a device or a log ends here
_MAKE_A_HASH = "xen-setup answers hash-password"


@dataclass(frozen=True)
class Trouble(Exception):
    """Why a reference leads nowhere, and what to do about it."""

    what: str
    hint: str


@dataclass(frozen=True)
class Surroundings:
    """Where references lead: the variables, and the users whose files are trusted."""

    variables: Mapping[str, str]
    trusted: frozenset[int]

    @classmethod
    def of_this_process(cls) -> Surroundings:
        """Root's files and the user's, who may have become root by sudo."""
        return cls(os.environ, trusted_users())


def resolve(
    answers: Answers[S],
    surroundings: Surroundings | None = None,
    *,
    unattended: bool,
    hasher: Callable[[str], str] = hash_password,
) -> Answers[S]:
    """The answers with a hash in place of each reference; a reference given twice is read once.

    `asked` is an answer that is left to the interview; `unattended`, it is a problem. Raises
    AnswersInvalid with every reference that leads nowhere.
    """
    around = surroundings or Surroundings.of_this_process()
    problems: list[AnswerProblem] = []
    found: dict[str, str] = {}

    def resolved(key: str, given: Given, question: Question[Any]) -> Given | None:
        reference = given.value
        if not is_reference(reference):
            return given
        if reference == ASKED and not unattended:
            return None
        try:
            if reference not in found:
                found[reference] = _hash(_secret(reference, around), question, hasher)
            return replace(given, value=found[reference])
        except Trouble as trouble:
            problems.append(problem_at(answers, key, given.place, trouble.what, trouble.hint))
            return given

    new = [(key, resolved(key, given, question)) for key, given, question in _secrets(answers)]
    if problems:
        raise AnswersInvalid(tuple(_once(problems)))
    changed = {key: given for key, given in new if given is not None}
    left_out = {key for key, given in new if given is None}
    return replace(
        answers,
        given={
            key: changed.get(key, given)
            for key, given in answers.given.items()
            if key not in left_out
        },
        defaults={
            key: changed.get(key, given)
            for key, given in answers.defaults.items()
            if key not in left_out
        },
    )


def missing(
    answers: Answers[S], surroundings: Surroundings | None = None
) -> tuple[AnswerProblem, ...]:
    """What would keep the references from being resolved, as far as it can be seen."""
    around = surroundings or Surroundings.of_this_process()
    problems = []
    for key, given, _question in _secrets(answers):
        if not is_reference(given.value) or given.value == ASKED:
            continue
        try:
            _look(given.value, around)
        except Trouble as trouble:
            problems.append(problem_at(answers, key, given.place, trouble.what, trouble.hint))
    return tuple(_once(problems))


def _secrets(answers: Answers[S]) -> Iterator[tuple[str, Given, Question[Any]]]:
    for part in parts(answers.settings):
        for prefix in (part.defaults, *answers.prefixes(part)):
            for name, question in part.questions():
                key = f"{prefix}.{name}"
                given = answers.given.get(key) or answers.defaults.get(key)
                if question.secret and given is not None:
                    yield key, given, question


def _once(problems: list[AnswerProblem]) -> list[AnswerProblem]:
    """One problem for each place: what holds for all guests is told once."""
    places: set[tuple[str, int, int, str]] = set()
    once = []
    for problem in problems:
        place = (problem.file, problem.line, problem.column, problem.what)
        if place not in places:
            places.add(place)
            once.append(problem)
    return once


def _look(reference: str, around: Surroundings) -> None:
    """Raises Trouble when a reference leads nowhere; no secret is read."""
    way, _, name = reference.partition(":")
    if way == "env":
        _secret(reference, around)
        return
    try:
        _check_file(name, Path(name).stat(), around)
    except PermissionError:
        return  # root can see it
    except OSError as error:
        raise _no_file(name, error) from None


def _secret(reference: str, around: Surroundings) -> str:
    """What a reference leads to: a hash, or a password."""
    way, _, name = reference.partition(":")
    if way == "env":
        if value := around.variables.get(name, ""):
            return value
        raise Trouble(
            f"The variable {name} is {'empty' if name in around.variables else 'not set'}.",
            f"Set it to the password or its hash. sudo keeps it with: "
            f"sudo --preserve-env={name} xen-setup …",
        )
    if way == "file":
        return _first_line(name, around)
    raise Trouble(
        "It is to be asked for, and this run asks nothing.",
        f"Give a hash (`{_MAKE_A_HASH}` prints one), file:/PATH or env:NAME.",
    )


def _first_line(name: str, around: Surroundings) -> str:
    try:
        content, state = read_file(Path(name), _LONGEST)
    except NotAFile:
        raise _is_no_file(name) from None
    except OSError as error:
        raise _no_file(name, error) from None
    _check_file(name, state, around)
    line = content.partition(b"\n")[0].removesuffix(b"\r")
    if not line:
        raise Trouble(
            f"The first line of {name} is empty.", "Write the password or its hash there."
        )
    return line.decode("utf-8", "surrogateescape")


def _check_file(name: str, info: os.stat_result, around: Surroundings) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise _is_no_file(name)
    if info.st_uid not in around.trusted:
        raise Trouble(
            f"{name} belongs to another user, who can change it.", f"sudo chown root: {name}"
        )
    if info.st_mode & 0o077:
        raise Trouble(
            f"Others may read or write {name} (mode {stat.S_IMODE(info.st_mode):o}).",
            f"chmod 600 {name}",
        )


def _is_no_file(name: str) -> Trouble:
    return Trouble(f"{name} is no file.", "Give the path of a file whose first line it is.")


def _no_file(name: str, error: OSError) -> Trouble:
    return Trouble(
        f"{name}: {error.strerror or type(error).__name__}.",
        "Its first line is to be the password or its hash; nobody else may read it (chmod 600).",
    )


def _hash(secret: str, question: Question[Any], hasher: Callable[[str], str]) -> str:
    if _BEGINS_A_HASH.match(secret):
        try:
            return str(question.kind.parse(secret))
        except ValueError as error:
            raise Trouble("What it leads to begins as a hash, and is none.", str(error)) from None
    try:
        return str(question.kind.parse(hasher(secret)))
    except ValueError as error:
        raise Trouble("What it leads to cannot be a password.", str(error)) from None
