"""How a question is declared once, as a field of a settings dataclass.

    @dataclass(frozen=True)
    class StorageSettings:
        volume_group: str = asked("Name of the volume group", GROUP_NAME, default="xendisks", ...)

From this one field come the prompt, the help, the parser, the default, the key in the answer
file (`storage.volume_group`), the schema and the reference. The dataclass is frozen, and typed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

T = TypeVar("T")

ASKED = "asked"
# A character of free text: no control, no line end, nothing that turns the order of letters around,
# and no half of a surrogate pair, which is no text.
CHARACTER = r"[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
REFERENCES = ("asked", "env:[A-Za-z_][A-Za-z0-9_]*", f"file:/(?!.*/$){CHARACTER}+")
_REFERENCE = re.compile("|".join(REFERENCES))


def is_reference(value: object) -> bool:
    """Whether a secret answer only says where the secret is: `file:/PATH` (its first line),
    `env:NAME` (a variable), or `asked` (a person has it).
    """
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A type of answer: `name` stands in "'x' is not {name}.".

    `parse` takes what the answer file (a YAML value) or the keyboard (text) gives, and raises
    ValueError with a sentence on what would be right. `show` gives the value for the answer file,
    which `parse` reads back to the same. `schema` is its JSON Schema (draft 2020-12). Where only a
    few words can be answered, `words` says of each in a phrase what it means.
    """

    name: str
    parse: Callable[[object], T]
    show: Callable[[T], object]
    schema: Mapping[str, object]
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Loss:
    """What is destroyed if a thing is chosen, in words. Who agrees types the thing's name; the
    question `key` then gets the same answer, which is what agrees in a file.
    """

    what: str
    key: str


@dataclass(frozen=True)
class Choice:
    """One thing of this machine that can be chosen: its answer, what it is, why not (if not).

    `names`: how else it is called when it is typed, the shortest first. `loss`: what it costs.
    """

    value: str
    title: str
    refused: str = ""
    names: tuple[str, ...] = ()
    loss: Loss | None = None

    def is_called(self, text: str) -> bool:
        """Whether that is its answer, or another name for it."""
        return text == self.value or text in self.names


@dataclass(frozen=True)
class Known:
    """What a default or a choice may look at: the facts (the caller knows their type) and the
    answers so far, as parsed values by key (`host.bridge`; in a guest: `memory`, of this guest).

    `earlier` has the answers of each item of the list before this one, by bare name.
    """

    facts: Any
    answers: Mapping[str, Any]
    earlier: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Question(Generic[T]):
    """One question. `default` is computed from what is known; None means that there is none.

    `help` begins with a sentence that says what it means. `because` says, in words and for this
    machine, why that default, or why there is none.
    `choices` lists real things of this machine. `needed` tells whether the question makes sense
    after the earlier answers (its default counts when not). `check` looks at a parsed value
    against the machine and returns what is wrong with it ("" for nothing). `advanced` questions are
    asked of those who want every one; of others only when `asked_if` says that it matters on this
    machine, and nothing was answered yet. `secret` answers are
    never shown or recorded in the clear; they can be references (`is_reference`). `constant` is
    the default where it is the same on every machine; `example` is what a template writes where it
    is not, or says nothing.

    `among` does as `check`, but looks only at the answers before this one: no machine is needed.
    In a list, `identity` marks what an item is known by: items of several files match by it, and
    a range in it (`vm{01..20}`) makes several items. `nth` then gives the n-th of them its value,
    from that of the first, or raises ValueError with a sentence; without it all have the same.

    `on_machine` gives the value that counts on this machine, for one that is relative to it
    (`50%FREE`); it is what `check` looks at, what steps see and what is recorded.

    `not_known` says what of the answer nobody can know before it is done ("" for nothing).

    `deliberate` says why a person is to answer in words where Enter would take the default, and
    what ("" where Enter will do). Where nobody is asked, the default counts all the same.
    """

    prompt: str
    kind: Kind[T]
    help: str
    default: Callable[[Known], T | None]
    because: Callable[[Known], str]
    choices: Callable[[Known], Sequence[Choice]] | None = None
    needed: Callable[[Known], bool] | None = None
    check: Callable[[T, Known], str] | None = None
    secret: bool = False
    advanced: bool = False  # asked only when the user wants every question
    asked_if: Callable[[Known], bool] | None = None
    constant: T | None = None
    example: T | None = None
    among: Callable[[T, Known], str] | None = None
    identity: bool = False
    nth: Callable[[T, int], T] | None = None
    on_machine: Callable[[T, Known], T] | None = None
    not_known: Callable[[Known], str] = lambda _known: ""
    deliberate: Callable[[Known], str] = lambda _known: ""

    @property
    def meaning(self) -> str:
        """What it is about, in a sentence: the first one of its help."""
        return self.help.partition(". ")[0].rstrip(".") + "." if self.help else ""

    def refuses(self, value: T, known: Known) -> str:
        """What is wrong with a parsed value among the other answers, or on this machine."""
        if self.on_machine is not None:
            value = self.on_machine(value, known)
        for test in (self.among, self.check):
            if test is not None and (wrong := test(value, known)):
                return wrong
        return ""


def asked(
    prompt: str,
    kind: Kind[T],
    *,
    help: str,  # noqa: A002 - the field's word
    default: T | Callable[[Known], T | None] | None = None,
    because: str | Callable[[Known], str] = "",
    choices: Callable[[Known], Sequence[Choice]] | None = None,
    needed: Callable[[Known], bool] | None = None,
    check: Callable[[T, Known], str] | None = None,
    secret: bool = False,
    advanced: bool = False,
    asked_if: Callable[[Known], bool] | None = None,
    example: T | None = None,
    among: Callable[[T, Known], str] | None = None,
    identity: bool = False,
    nth: Callable[[T, int], T] | None = None,
    on_machine: Callable[[T, Known], T] | None = None,
    not_known: str | Callable[[Known], str] = "",
    deliberate: str | Callable[[Known], str] = "",
) -> T:
    """Declare a settings field as a question (a dataclass field with the Question as metadata)."""
    question = Question(
        prompt=prompt,
        kind=kind,
        help=help,
        default=default if callable(default) else lambda _known: default,
        because=because if callable(because) else lambda _known: because,
        choices=choices,
        needed=needed,
        check=check,
        secret=secret,
        advanced=advanced,
        asked_if=asked_if,
        constant=None if callable(default) else default,
        example=example,
        among=among,
        identity=identity,
        nth=nth,
        on_machine=on_machine,
        not_known=not_known if callable(not_known) else lambda _known: not_known,
        deliberate=deliberate if callable(deliberate) else lambda _known: deliberate,
    )
    result: T = field(metadata={"question": question})
    return result


def listed(*, defaults: str) -> Any:
    """Declare a settings field as a list of a section; in an answer file, the section of the name
    `defaults` holds what every item gets unless it says otherwise.
    """
    return field(metadata={"defaults": defaults})


@cache
def questions_of(section: type) -> tuple[tuple[str, Question[Any]], ...]:
    """The questions of a settings dataclass, by field name, in their order."""
    return tuple(
        (item.name, item.metadata["question"])
        for item in dataclasses.fields(section)
        if item.metadata.get("question") is not None
    )
