"""GRUB Legacy's menu.lst: read as GRUB reads it, and edited without losing a byte of the rest.

How GRUB 0.97 reads it, from its stage2 (stage2.c, cmdline.c, builtins.c): lines are joined by a
backslash, carriage returns do not count, # begins a comment at a line's start only. A command ends
at a blank or `=`; unknown ones are skipped. What stands before the first `title` is for the menu.
A title without a command below it is no entry: the numbers of `default`, `fallback` and
`savedefault` leave it out. A default that is not there means the first fallback, or entry 0.

Texts go in and come out whole; places are offsets of characters. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

BEGIN = "# xen-setup: this entry is its own; `xen-setup rollback` takes it away again."
END = "# xen-setup: end of its entry."
AUTOMAGIC = "### BEGIN AUTOMAGIC KERNELS LIST"  # Debian's update-grub rewrites what follows

_MENU_COMMANDS = frozenset((
    "background", "color", "default", "fallback", "foreground", "hiddenmenu", "password",
    "serial", "setkey", "splashimage", "terminal", "terminfo", "timeout", "unhide", "hide",
    "device", "debug", "dhcp", "bootp", "rarp", "ifconfig", "pager", "parttype", "partnew", "map",
    "tftpserver",
))  # fmt: skip
_ENTRY_COMMANDS = frozenset((
    "blocklist", "boot", "bootp", "cat", "chainloader", "clear", "cmp", "color", "configfile",
    "debug", "default", "device", "dhcp", "displayapm", "displaymem", "dump", "embed", "fallback",
    "find", "fstest", "geometry", "halt", "help", "hiddenmenu", "hide", "ifconfig", "impsprobe",
    "initrd", "install", "ioprobe", "kernel", "lock", "makeactive", "map", "md5crypt", "module",
    "modulenounzip", "pager", "partnew", "parttype", "password", "pause", "quiet", "quit", "rarp",
    "read", "reboot", "root", "rootnoverify", "savedefault", "serial", "setkey", "setup",
    "splashimage", "terminal", "terminfo", "testload", "testvbe", "tftpserver", "timeout",
    "unhide", "uppermem", "uuid", "vbeprobe", "background", "foreground",
))  # fmt: skip
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")
_MOST_FALLBACKS = 8


@dataclass(frozen=True)
class Command:
    """One command: its name, what follows, its line (from 1), and where it and the argument
    begin.
    """

    name: str
    argument: str
    line: int
    start: int
    place: int


@dataclass(frozen=True)
class Entry:
    """One entry: what stands between its title and the next. `start` and `end` are its place."""

    number: int
    title: str
    commands: tuple[Command, ...]
    start: int
    end: int

    def first(self, name: str) -> Command | None:
        """The first command of that name."""
        return next((one for one in self.commands if one.name == name), None)

    def all(self, name: str) -> tuple[Command, ...]:
        """Every command of that name, in order."""
        return tuple(one for one in self.commands if one.name == name)


@dataclass(frozen=True)
class Menu:
    """A menu.lst. `head` are the commands before the first title."""

    text: str
    head: tuple[Command, ...]
    entries: tuple[Entry, ...]

    @property
    def default(self) -> str:
        """The word of `default`, the last one counting: a number, "saved", or "0" if none is."""
        words = [one.argument for one in self.head if one.name == "default"]
        return words[-1] if words else "0"

    @property
    def fallbacks(self) -> tuple[int, ...]:
        """The entries that are tried when one does not load, in order."""
        words = [one.argument for one in self.head if one.name == "fallback"]
        numbers = tuple(_values(words[-1])) if words else ()
        return tuple(one for one in numbers if one < len(self.entries))[:_MOST_FALLBACKS]

    @property
    def has_password(self) -> bool:
        return any(one.name == "password" for one in self.head)

    def boots(self, saved: int | None) -> Entry | None:
        """The entry that boots by itself; `saved` is the number in /boot/grub/default."""
        if not self.entries:
            return None
        word = self.default
        number: int | None = saved if word == "saved" else next(_values(word), None)
        number = 0 if number is None else number  # saved_entryno is 0 until it is read
        if number >= len(self.entries):
            number = self.fallbacks[0] if self.fallbacks else 0
        return self.entries[number]


# ---- reading


def parse(text: str) -> Menu:
    """The menu in that text; every text is one, if only an empty one."""
    head: list[Command] = []
    entries: list[Entry] = []
    title, start, commands = "", -1, list[Command]()
    for command in _commands(text):
        if command.name == "title":
            begins = text.rfind("\n", 0, command.start) + 1
            if start >= 0 and commands:
                entries.append(Entry(len(entries), title, tuple(commands), start, begins))
            title, start, commands = command.argument, begins, []
        elif start < 0:
            if command.name in _MENU_COMMANDS:
                head.append(command)
        elif command.name in _ENTRY_COMMANDS:
            commands.append(command)
    if start >= 0 and commands:
        entries.append(Entry(len(entries), title, tuple(commands), start, len(text)))
    return Menu(text, tuple(head), tuple(entries))


def _commands(text: str) -> Iterator[Command]:
    for place, line, words in _logical_lines(text):
        match = re.match(r"([^ \t=]+)[ \t=]*", words)
        if match:
            argument = words[match.end() :].replace("\t", " ").rstrip(" ")
            yield Command(match[1], argument, line, place, place + match.end())


def _logical_lines(text: str) -> Iterator[tuple[int, int, str]]:
    """Each line that is no comment, without the blanks before it: its place, number and words.

    A joined line's words have a blank and the line's end where the backslash was, so that offsets
    in it stay those of the text.
    """
    place, number = 0, 1
    for match in re.finditer(r"(?:\\\r?\n|[^\n])*(?:\n|$)", text):
        raw = match[0]
        if not raw:
            break
        lead = re.match(r"(?:[ \t\r\n]|\\\r?\n)*", raw)
        begins = lead.end() if lead else 0
        words = raw[begins:].rstrip("\r\n")
        if words and not words.startswith("#"):
            words = re.sub(r"\\\r?\n", lambda joint: " " * len(joint[0]), words)
            yield place + begins, number + raw[:begins].count("\n"), words.replace("\r", " ")
        place += len(raw)
        number += raw.count("\n")


def _values(word: str) -> Iterator[int]:
    """The numbers at the front of a word, as GRUB takes them: digits, or 0x and hex digits."""
    for part in word.split():
        match = _NUMBER.match(part)
        if match is None:
            return
        yield int(match[0], 16 if match[0][:2] in ("0x", "0X") else 10)


# ---- our entry


def own_block(text: str) -> tuple[int, int] | None:
    """Where our entry stands, with its two marks and the empty line after it; None: nowhere."""
    match = re.search(
        rf"^{re.escape(BEGIN)}\n.*?^{re.escape(END)}\n\n?", text, re.MULTILINE | re.DOTALL
    )
    return match.span() if match else None


def own_entry(menu: Menu) -> Entry | None:
    """Our entry in the menu, if it is there."""
    block = own_block(menu.text)
    if block is None:
        return None
    return next((one for one in menu.entries if block[0] <= one.start < block[1]), None)


def without_own(text: str) -> str:
    """The text without our entry, the numbers of the others set back."""
    block, entry = own_block(text), own_entry(parse(text))
    if block is None:
        return text
    if entry is not None:
        changed = _renumbered(text, entry.number + 1, -1)
        block = own_block(changed) or block
        text = changed
    return text[: block[0]] + text[block[1] :]


def with_own(text: str, lines: tuple[str, ...]) -> str:
    """The text with our entry of these lines in it, in the place of an earlier one.

    It goes before Debian's list, whose length changes with every kernel, or else to the end. The
    numbers of entries that come after it count one more: each still means the same entry, and so
    does the default (a saved one's number is not in this file).
    """
    block = "".join(f"{line}\n" for line in (BEGIN, *lines, END))
    old = own_block(text)
    if old is not None:
        after = "\n" if text[: old[1]].endswith("\n\n") else ""
        return text[: old[0]] + block + after + text[old[1] :]
    menu = parse(text)
    place = re.search(rf"^{re.escape(AUTOMAGIC)}", text, re.MULTILINE)
    at = place.start() if place else len(text)
    before, after = text[:at], text[at:]
    # A last line that is not ended, or ends in a backslash, would take our first one with it.
    while before and (not before.endswith("\n") or re.search(r"\\\r?\n\Z", before)):
        before += "\n"
    number = sum(one.start < at for one in menu.entries)
    new = _renumbered(before + block + ("\n" if after else "") + after, number, 1)
    booted = menu.boots(None)
    if menu.default != "saved" and booted is not None:
        meant = booted.number + (booted.number >= number)
        now = parse(new).boots(None)
        if now is None or now.number != meant:
            new = with_default(new, str(meant))
    return new


def _renumbered(text: str, first: int, by: int) -> str:
    """The text with every number of an entry from `first` on changed, but in our own entry."""
    menu, block = parse(text), own_block(text) or (0, 0)
    places = [one for one in menu.head if one.name in ("default", "fallback")]
    places += [one for entry in menu.entries for one in entry.all("savedefault")]
    places = [one for one in places if not block[0] <= one.start < block[1]]

    def moved(match: re.Match[str]) -> str:
        value = next(_values(match[0]))
        return str(value + by) if value >= first else match[0]

    for one in sorted(places, key=lambda one: one.place, reverse=True):
        end = one.place + len(one.argument)
        new = re.sub(rf"(?<!\S)(?:{_NUMBER.pattern})", moved, text[one.place : end])
        text = text[: one.place] + new + text[end:]
    return text


# ---- the menu's own words


def with_default(text: str, word: str) -> str:
    """The text with that default: the last `default` line changed, or a line put to the top."""
    lines = [one for one in parse(text).head if one.name == "default"]
    if not lines:
        return f"default {word}\n{text}"
    last = lines[-1]
    return text[: last.place] + word + text[last.place + len(last.argument) :]


def with_fallback(text: str, number: int) -> str:
    """The text with that one fallback, below the default, if it has none."""
    head = parse(text).head
    if any(one.name == "fallback" for one in head):
        return text
    defaults = [one for one in head if one.name == "default"]
    end = text.find("\n", defaults[-1].place + len(defaults[-1].argument)) if defaults else -1
    at = end + 1 if end >= 0 else 0
    return f"{text[:at]}fallback {number}\n{text[at:]}"
