"""From an xm config to the same for xl: the text, and each change with its reason.

What xm knew is in tools/python/xen/xm/create.py of Xen 4.2 (and its older versions), what xl knows
in xl.cfg(5) and xl-disk-configuration(5) of Xen 4.17. What both read alike stays to the byte,
comments too.
"""

from __future__ import annotations

import io
import re
import textwrap
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from steps import xm_options
from steps.xl_config import ConfigError, Value, parse_config
from steps.xm_config import Statement, XmConfig, parse_xm_config

_WIDTH = 78  # of a comment's lines


@dataclass(frozen=True)
class Change:
    """One thing that xl reads otherwise. `line` is the old file's, 0 where it has none; `before`
    and `after` are as they stand in the two files, "" where there is nothing.
    """

    line: int
    key: str
    before: str
    after: str
    why: str


@dataclass(frozen=True)
class Unknown:
    """What cannot be known without running the file. `key` is "" where it could be any."""

    line: int
    key: str
    why: str


@dataclass(frozen=True)
class Conversion:
    """The config for xl. `in_guest`: what the guest's own files must say to fit it."""

    text: str
    changes: tuple[Change, ...]
    unknown: tuple[Unknown, ...]
    in_guest: tuple[str, ...]


def converted(text: str, file_name: str) -> Conversion:
    """This config for xl; `XmUnreadableError` when the text is no config.

    `file_name` is what xm called a guest whose config gives no name.
    """
    read = parse_xm_config(text)
    lines = re.split(r"\r\n|\n|\r", text.lstrip("\ufeff"))
    known = {key: value for key, value in read.values.items() if value is not None}
    wanted = xm_options.for_xl(known, frozenset(read.unknown), file_name)
    unknown = tuple(_unknown(read))
    text, changes = _Writer(lines, read, wanted, unknown).written()
    return Conversion(text, changes, unknown, wanted.in_guest)


def _unknown(read: XmConfig) -> Iterator[Unknown]:
    for key, statement in read.unknown.items():
        if key in xm_options.KEYS:
            yield Unknown(statement.first, key, statement.why)
    for statement in read.opaque:
        yield Unknown(statement.first, "", statement.why)


@dataclass
class _Writer:
    """Goes through the old file, and puts each setting where its last statement is."""

    lines: Sequence[str]
    read: XmConfig
    wanted: xm_options.ForXl
    unknown: Sequence[Unknown]

    def written(self) -> tuple[str, tuple[Change, ...]]:
        last: dict[str, Statement] = {}
        for statement in self.read.statements:
            last |= dict.fromkeys(statement.keys, statement)
        out: list[str] = []
        changes: list[Change] = []
        place = 1
        for statement in self.read.statements:
            out += self.lines[place - 1 : statement.first - 1]
            own = [key for key in statement.keys if last[key] is statement]
            made, found = self._statement(statement, own)
            out += made
            changes += found
            place = statement.last + 1
        out += self.lines[place - 1 :]
        while out and not out[-1].strip():
            out.pop()
        placed = {new for old, new in self.wanted.instead.items() if old in last}
        for key, value in self.wanted.values.items():
            if key not in last and key not in placed:
                why = self.wanted.why.get(key, ())
                changes.append(Change(0, key, "", _assignment(key, value), " ".join(why)))
                out += ["", *_comment(" ".join(why)), _assignment(key, value)]
        changes.sort(key=lambda change: change.line or len(self.lines) + 1)
        return "\n".join(out) + "\n", tuple(changes)

    def _statement(
        self, statement: Statement, own: Sequence[str]
    ) -> tuple[list[str], list[Change]]:
        """Its lines in the new file, and what is changed by them."""
        old = list(self.lines[statement.first - 1 : statement.last])
        source = "\n".join(old)
        if self._stays(statement, own, source):
            return old, []
        out = _comments_of(source)
        changes = []
        for key in own:
            before = source.strip()
            if key in self.read.unknown and key not in self.wanted.values:
                if key in xm_options.KEYS:
                    why = f"{key} cannot be known without running the old file: {statement.why}."
                    out += [*_comment(f"{why} It was:"), *_quoted(old), f"# {key} = ..."]
                continue
            why = " ".join(self.wanted.why.get(key, ()))
            new = self.wanted.instead.get(key, key)
            if new in self.wanted.values:
                after = _assignment(new, self.wanted.values[new])
                why = why or "xl reads no Python: what it comes to is written out."
                out += [*_comment(why), *after.split("\n")]
            else:
                after = ""
                out += _comment(why)
            changes.append(Change(statement.first, key, before, after, why))
        if statement.why and not any(key in xm_options.KEYS for key in own):
            out += [*_comment("Python, which xl does not read; it was:"), *_quoted(old)]
            changes.append(
                Change(
                    statement.first,
                    "",
                    source.strip(),
                    "",
                    f"xl reads no Python ({statement.why}).",
                )
            )
        return out, changes

    def _stays(self, statement: Statement, own: Sequence[str], source: str) -> bool:
        if statement.why or any(self.wanted.why.get(key) for key in own):
            return False
        try:
            found = parse_config(source)
        except ConfigError:
            return False
        return set(found) == set(own) and all(
            key in self.wanted.values and found[key] == self.wanted.values[key] for key in own
        )


def _comments_of(source: str) -> list[str]:
    """The comments within a piece of Python, each on a line of its own."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return []
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def _quoted(lines: Sequence[str]) -> list[str]:
    return [f"#     {line}".rstrip() for line in lines]


def _comment(words: str) -> list[str]:
    return [
        f"# {line}"
        for line in textwrap.wrap(words, _WIDTH, break_long_words=False, break_on_hyphens=False)
    ]


def _assignment(key: str, value: Value) -> str:
    if isinstance(value, tuple) and len(value) > 1:
        items = "".join(f"    {_text(item)},\n" for item in value)
        return f"{key} = [\n{items}]"
    return f"{key} = {_text(value)}"


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _text(value: Value) -> str:
    """A value in xl's grammar (libxlu_cfg_l.l)."""
    if isinstance(value, int) and value >= 0:
        return str(value)
    if isinstance(value, tuple):
        return "[ " + ", ".join(_text(item) for item in value) + " ]" if value else "[ ]"
    text = str(value)  # a number below zero is a text for xl
    return (
        '"'
        + "".join(
            _ESCAPES.get(one)
            or (one if one.isprintable() or ord(one) > 0x7F else f"\\x{ord(one):02x}")
            for one in text
        )
        + '"'
    )
