"""Why something failed: rules, which know real messages, and what they find in a text.

Nothing here knows what the messages are about: whoever asks hands the rules in. A failure's text
is the error's own words and the last lines of its command; a log or a message will do as well.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from wizard.errors import SetupError
from wizard.stream import without_controls

# Of a longer line only so much is looked at; it is also what stops a slow pattern.
_LINE_LIMIT = 2000
# Characters that are not seen, and turn what is beside them (Unicode's format characters).
_UNSEEN = dict.fromkeys(
    (0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
)
_NAME_LIMIT = 120  # characters of a name that is taken from a message into a sentence
# A name's place in a sentence, with what goes when the message has no such name.
_SLOT = re.compile(r" ?\(?\{(\w+)\}\)?")
WIDTH = 78


@dataclass(frozen=True)
class Rule:
    """One way to fail, and the messages that tell it.

    `patterns` are regular expressions, tried on one line at a time. What one catches in a group
    `(?P<path>…)` may stand as `{path}` in `cause` and `fix`: sentences that are whole without it,
    as other messages of the same failure may not have it. Commands in them stand in `backquotes`.
    `lesson` is the name of the step whose lesson tells more ("": none). `row` is its number among
    the failures that first-time users meet (0: not one of them). `consequence`: the message also
    follows from other failures, which then say more than it does; `vague`: any other says more.
    `passes`: what is in the way may be gone after so many seconds, and the same done once more
    succeed (0: not by itself).
    """

    name: str
    patterns: tuple[str, ...]
    cause: str
    fix: str
    lesson: str = ""
    row: int = 0
    consequence: bool = False
    vague: bool = False
    passes: float = 0.0

    @cached_property
    def compiled(self) -> tuple[re.Pattern[str], ...]:
        """The patterns, ready to search with."""
        return tuple(re.compile(pattern) for pattern in self.patterns)


@dataclass(frozen=True)
class Finding:
    """A rule that fits a text, and the last line where it does; lines count from 1.

    `cause` and `fix` are the rule's, with the names from that line.
    """

    rule: Rule
    number: int
    line: str
    cause: str
    fix: str


def explain(text: str, rules: Sequence[Rule]) -> list[Finding]:
    """What the rules find in a text, the likeliest cause first; empty when they know nothing.

    A cause comes before a consequence, a vague one last; then what stands later in the text before
    what stands earlier: what was said last is nearest to the failure. Control characters in the
    text do not matter, and do not come out again.
    """
    found: dict[str, Finding] = {}
    named: set[str] = set()
    for number, line in enumerate(_lines(text), 1):
        for rule in rules:
            match = _match(rule, line)
            # What is said last counts, unless it names nothing and an earlier line did.
            if match is not None and (rule.name not in named or any(match.groupdict().values())):
                if any(match.groupdict().values()):
                    named.add(rule.name)
                found[rule.name] = Finding(
                    rule,
                    number,
                    line.strip(),
                    _filled(rule.cause, match),
                    _filled(rule.fix, match),
                )
    return sorted(found.values(), key=_rank)


def _rank(finding: Finding) -> tuple[bool, bool, int]:
    return finding.rule.vague, finding.rule.consequence, -finding.number


def explain_error(error: SetupError, rules: Sequence[Rule]) -> list[Finding]:
    """What the rules find in a failure: in the error's words, and in the last lines of the command
    that failed, which are its details.
    """
    return explain("\n".join((error.what, *error.details)), rules)


def likely(error: SetupError, rules: Sequence[Rule]) -> tuple[str, ...]:
    """The likeliest cause of a failure and what to do, as sentences; nothing when no rule knows."""
    return next((in_words(finding) for finding in explain_error(error, rules)), ())


def in_words(finding: Finding) -> tuple[str, ...]:
    """A finding as unbroken sentences: the cause, what to do, and where to read on."""
    more = f"More: xen-setup learn {finding.rule.lesson}"
    words = (f"Likely cause: {finding.cause}", f"What to do: {finding.fix}")
    return (*words, more) if finding.rule.lesson else words


def wrapped(finding: Finding, width: int = WIDTH, indent: int = 0) -> Iterator[str]:
    """The same as lines of at most `width` columns, where its words allow."""
    for words in in_words(finding):
        yield from textwrap.wrap(
            words, width, initial_indent=" " * indent, subsequent_indent=" " * (indent + 4),
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip


def _lines(text: str) -> Iterator[str]:
    """The lines of a text, without what commands a terminal or is not seen. A serial console ends
    them in CR CR LF, and progress is told with CR alone.
    """
    for line in re.split(r"\r*\n|\r+", text):
        yield without_controls(line[:_LINE_LIMIT]).translate(_UNSEEN)


def _match(rule: Rule, line: str) -> re.Match[str] | None:
    for pattern in rule.compiled:
        match = pattern.search(line)
        if match is not None:
            return match
    return None


def _filled(words: str, match: re.Match[str]) -> str:
    """The words, with the names that the pattern caught in their places."""
    names = match.groupdict("")

    def name(slot: re.Match[str]) -> str:
        text = names.get(slot[1], "").strip()[:_NAME_LIMIT]
        return slot[0].replace(f"{{{slot[1]}}}", text) if text else ""

    return _SLOT.sub(name, words)
