"""Words and texts as a shell script has them: quoted, wrapped, in comments and here-documents."""

from __future__ import annotations

import base64
import re
import shlex
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from wizard.wording import printable

_WIDTH = 96
# What shellcheck would say of words that are meant as they stand, and when it would.
_MEANT = (
    ("SC1003", re.compile(r"\\('|$)")),
    ("SC1112", re.compile("[‘’‚‛]")),
    ("SC2016", re.compile(r"[$`]")),
    ("SC2088", re.compile("^~")),
)


def meant_codes(words: Sequence[str]) -> list[str]:
    """The warnings of shellcheck's that these words, quoted, would bring."""
    return [code for code, sign in _MEANT if any(map(sign.search, words))]


def quoted(word: str) -> str:
    """The word as one argument, in double quotes if it has apostrophes and they are safe."""
    if word.startswith("="):
        return "'" + word.replace("'", "'\"'\"'") + "'"  # it looks like a comparison
    if "'" in word and not re.search(r'["$`\\!]', word):
        return f'"{word}"'
    return shlex.quote(word)


def first_sentence(words: str) -> str:
    """The words as far as the first full stop before a space."""
    return re.split(r"(?<=\.) ", words, maxsplit=1)[0]


def comment(words: str, indent: int = 0) -> list[str]:
    """The words as lines of comment."""
    start = " " * indent + "# "
    lines = []
    for paragraph in printable(words).split("\n"):
        lines += textwrap.wrap(
            paragraph, _WIDTH, initial_indent=start, subsequent_indent=start,
            break_long_words=False, break_on_hyphens=False,
        ) or [start.rstrip()]  # fmt: skip
    # A line that began with that word would give shellcheck orders.
    return [re.sub(r"^( *# )(?=shellcheck)", r"\1> ", line) for line in lines]


def wrapped(words: Sequence[str], end: str, indent: int) -> list[str]:
    """Words as one command, broken where it is too long."""
    lines = [" " * indent + words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) > _WIDTH:
            lines[-1] += " \\"
            lines.append(" " * (indent + 4) + word)
        else:
            lines[-1] += f" {word}"
    lines[-1] += end
    return lines


@dataclass(frozen=True)
class HereDocument:
    """A text as the input of a command: to the byte, once `filter` (if any) has been through it.

    `body` ends with `mark`, which is no line of the text.
    """

    filter: str
    mark: str
    body: tuple[str, ...]


def here_document(text: str) -> HereDocument:
    """The here-document of a text that is not empty."""
    program = ""
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text):
        # No shell keeps these, and no reader sees them.
        text, program = base64.encodebytes(text.encode()).decode(), "base64 --decode"
    elif not text.endswith("\n"):
        text, program = f"{text}\n", "head --bytes=-1"
    mark = _delimiter(text)
    return HereDocument(program, mark, (*text.removesuffix("\n").split("\n"), mark))


def _delimiter(text: str) -> str:
    """A word that is no line of the text."""
    there = set(text.split("\n"))
    return next(
        mark for number in range(len(there) + 1) if (mark := f"END{number or ''}") not in there
    )
