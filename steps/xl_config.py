"""Guest configs in xl's own format, read without Xen: what `xl create` would be given.

The grammar is libxl's (tools/libs/util/libxlu_cfg_l.l and _y.y): `key = value` or `key += value`,
one a line or with `;` between them; a value is a number, a string in quotes, or a list in
brackets; `#` begins a comment. No Python: `xm` executed its configs, `xl` only reads them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

Value = int | str | tuple["Value", ...]
XlConfig = Mapping[str, Value]


# What else is in /etc/xen: the toolstacks' own configuration, and examples.
_NO_GUESTS = (
    "*.conf", "*.sxp", "*.xml", "*.md5", "*.orig", "*~", "*.dpkg-*", "*.rpm*",
    "cpupool", "xlexample*", "xmexample*", "qemu-ifup", "README*",
)  # fmt: skip


def may_be_guest(file: str) -> bool:
    """Whether a file of this name in /etc/xen may be a guest's config."""
    return not any(fnmatchcase(file, other) for other in _NO_GUESTS)


class ConfigError(ValueError):
    """A config that xl would refuse: in which line, counted from 1, and why."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line
        self.what = what


_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f]+|\#[^\n]*|\\\n)
    |(?P<end>\n|;)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>0[xX][0-9a-fA-F]+|[0-9]+)
    |(?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    |(?P<mark>\+=|[=\[\],])""",
    re.VERBOSE,
)
_LONGEST_NUMBER = 20  # characters: xl keeps them in 64 bits
_DEEPEST_LIST = 10  # no setting of xl.cfg has lists in lists in lists
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    line: int


def parse_config(text: str) -> dict[str, Value]:
    """The settings of a config, a later one over an earlier one; `ConfigError` if xl refuses it."""
    tokens = _tokens(text)
    found: dict[str, Value] = {}
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token.kind == "end":
            place += 1
            continue
        if token.kind != "word":
            raise ConfigError(token.line, f"a key was expected, not {token.text}")
        mark = tokens[place + 1] if place + 1 < len(tokens) else None
        if mark is None or mark.text not in ("=", "+="):
            raise ConfigError(token.line, f"= is missing after {token.text}: xl reads no Python")
        value, place = _value(tokens, place + 2, token.line)
        if place < len(tokens) and tokens[place].kind != "end":
            raise ConfigError(
                tokens[place].line, f"nothing was expected here, not {tokens[place].text}"
            )
        if mark.text == "+=" and token.text in found:
            found[token.text] = _joined(found[token.text], value, token.line)
        else:
            found[token.text] = value
    return found


def _tokens(text: str) -> list[_Token]:
    tokens = []
    line, place = 1, 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            rest = text[place:].partition("\n")[0]
            if rest[0] in "'\"":
                raise ConfigError(line, f"the string {rest} has no end")
            raise ConfigError(line, f"xl cannot read: {rest}")
        kind = str(found.lastgroup)
        if kind != "space":
            tokens.append(_Token(kind, found[0], line))
        line += found[0].count("\n")
        place = found.end()
    return tokens


def _value(tokens: Sequence[_Token], place: int, line: int, depth: int = 0) -> tuple[Value, int]:
    if place >= len(tokens) or tokens[place].kind == "end":
        raise ConfigError(line, "a value is missing after =")
    token = tokens[place]
    if token.kind == "number":
        if len(token.text) > _LONGEST_NUMBER:
            raise ConfigError(token.line, f"{token.text[:20]}... is too large a number")
        return int(token.text, 16 if token.text[:2].lower() == "0x" else 10), place + 1
    if token.kind == "text":
        return _unquoted(token.text), place + 1
    if token.text == "[":
        if depth == _DEEPEST_LIST:
            raise ConfigError(token.line, "lists are nested deeper than any setting has them")
        return _list(tokens, place + 1, token.line, depth + 1)
    hint = f'"{token.text}"' if token.kind == "word" else "a number, a string or a list"
    raise ConfigError(token.line, f"{token.text} is no value: write {hint}")


def _list(tokens: Sequence[_Token], place: int, line: int, depth: int) -> tuple[Value, int]:
    items: list[Value] = []
    wants_comma = False
    while place < len(tokens):
        token = tokens[place]
        if token.text == "\n":
            place += 1
        elif token.text == "]":
            return tuple(items), place + 1
        elif token.text == "," and wants_comma:
            wants_comma = False
            place += 1
        elif wants_comma or token.text == ",":
            raise ConfigError(token.line, f"a comma or ] was expected, not {token.text}")
        else:
            item, place = _value(tokens, place, token.line, depth)
            items.append(item)
            wants_comma = True
    raise ConfigError(line, "the list that begins here has no ]")


def _joined(first: Value, second: Value, line: int) -> Value:
    if isinstance(first, tuple) and isinstance(second, tuple):
        return first + second
    if isinstance(first, str) and isinstance(second, str):
        return first + second
    raise ConfigError(line, "+= joins two lists or two strings")


def _unquoted(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        word = found[1]
        if word[0] == "x" and len(word) > 1:
            return chr(int(word[1:], 16))
        if word[0] in "01234567":
            return chr(int(word, 8) & 0xFF)
        return _ESCAPES.get(word, word)

    return _ESCAPE.sub(plain, text[1:-1])


# ---- what stands in a config


@dataclass(frozen=True)
class DiskSpec:
    """One entry of `disk`: what backs it on the host, and the guest's name for it."""

    target: str
    vdev: str
    writable: bool


def text_of(config: XlConfig, key: str) -> str:
    """A setting as text, "" if it is not there; xl takes numbers and strings for each other."""
    value = config.get(key, "")
    return "" if isinstance(value, tuple) else str(value)


def whole_number_of(config: XlConfig, key: str) -> int | None:
    """A setting as a whole number, None if it is not there or is none."""
    text = text_of(config, key)
    return int(text) if re.fullmatch(r"\d+", text) else None


def disks_of(config: XlConfig) -> tuple[DiskSpec, ...]:
    """The disks, in the forms of xl-disk-configuration: by place, by key, and xm's `phy:`."""
    return tuple(_disk(spec) for spec in _strings(config, "disk"))


def cards_of(config: XlConfig) -> tuple[dict[str, str], ...]:
    """The network cards as their parameters (mac, bridge, ...)."""
    return tuple(
        dict(_pair(part) for part in spec.split(",") if "=" in part)
        for spec in _strings(config, "vif")
    )


def _strings(config: XlConfig, key: str) -> list[str]:
    value = config.get(key, ())
    items = value if isinstance(value, tuple) else (value,)
    return [item for item in items if isinstance(item, str)]


def _pair(part: str) -> tuple[str, str]:
    key, _equals, value = part.partition("=")
    return key.strip(), value.strip()


_FORMATS = ("raw", "qcow", "qcow2", "vhd", "qed", "")


def _disk(spec: str) -> DiskSpec:
    target = vdev = access = ""
    places = []
    for part in (part.strip() for part in spec.split(",")):
        if "=" in part:
            key, value = _pair(part)
            if key == "target":
                target = value
            elif key == "vdev":
                vdev = value
            elif key == "access":
                access = value
        else:
            places.append(part)
    if places and not target:
        target = places.pop(0)
    # xm's form has no format: target, guest's disk, access.
    if len(places) > 1 and places[0] in _FORMATS:
        places.pop(0)
    if places and not vdev:
        vdev = places.pop(0)
    if places and not access:
        access = places.pop(0)
    target = re.sub(r"^(phy|file|raw):", "", target)
    if target and not target.startswith("/"):
        target = f"/dev/{target}"  # as the tutorial's xm read it; xl wants the whole path
    return DiskSpec(target, vdev.partition(":")[0], access in ("w", "rw", ""))
