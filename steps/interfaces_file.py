"""ifupdown's interfaces files: what they say of a card, and their text with a bridge over it.

The format is interfaces(5): a word at the line's beginning opens a stanza, or stands alone; other
lines are options of the stanza before; a backslash at the end goes on in the next line, but for a
comment, which ends with its own (ifupdown 0.8.41 reads it so). Nothing here reads a file: texts go
in and come out, and all that is not the card's stays as it is.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

MAIN = "/etc/network/interfaces"
_STANZAS = ("iface", "mapping", "template")
_ALONE = ("source", "source-directory", "no-auto-down", "no-scripts", "rename")
# Methods of interfaces(5) that a bridge can take over as they are.
_METHODS = ("dhcp", "static", "manual", "auto")
_PORTS = ("bridge_ports", "bridge-ports")
_COMMANDS = ("pre-up", "up", "post-up", "pre-down", "down", "post-down")


@dataclass(frozen=True)
class Line:
    """A logical line: its text with all its line ends, and its words."""

    text: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """Files that are sourced: their pattern, as an absolute path, and what names count."""

    pattern: str
    names: str

    def fits(self, path: str) -> bool:
        """Whether that file is one of them."""
        name = path.rpartition("/")[2]
        return _fits(path, [self.pattern]) and re.fullmatch(self.names, name) is not None


@dataclass(frozen=True)
class Stanza:
    """An `iface` stanza: the file it stands in, and its options as (word, rest)."""

    path: str
    name: str
    family: str
    method: str
    options: tuple[tuple[str, str], ...]


def logical_lines(text: str) -> list[Line]:
    """The lines of a file; a comment and an empty line have no words."""
    lines = []
    for match in re.finditer(r"([ \t]*#[^\n]*(?:\n|\Z))|(?:[^\n]*\\\n)*[^\n]*(?:\n|\Z)", text):
        if match[0]:
            words = () if match[1] else tuple(match[0].replace("\\\n", " ").split())
            lines.append(Line(match[0], words))
    return lines


def sources(path: str, text: str) -> list[Source]:
    """What a file with this text sources; relative places are so to the file's own directory."""
    found = []
    for line in logical_lines(text):
        places = [posixpath.join(posixpath.dirname(path), word) for word in line.words[1:]]
        places = [posixpath.normpath(place) for place in places]
        if line.words[:1] == ("source",):
            found += [Source(place, r".+") for place in places]
        elif line.words[:1] == ("source-directory",):
            # interfaces(5): only names of these characters are read in a directory.
            found += [Source(f"{place}/*", r"[A-Za-z0-9_-]+") for place in places]
    return found


def files_in_use(files: Mapping[str, str]) -> dict[str, str]:
    """The main file and, of the known ones, those that it sources, and that these do."""
    found: dict[str, str] = {}
    waiting = [MAIN]
    while waiting:
        path = waiting.pop(0)
        if path in files and path not in found:
            found[path] = files[path]
            for source in sources(path, files[path]):
                waiting += [other for other in files if source.fits(other)]
    return found


def stanzas(files: Mapping[str, str]) -> Iterator[Stanza]:
    """Every `iface` stanza of these files, in their order."""
    for path, text in files.items():
        head: tuple[str, ...] = ()
        options: list[tuple[str, str]] = []
        for line in [*logical_lines(text), Line("", ("no-scripts",))]:
            if not line.words:
                continue
            if not _opens(line.words[0]):
                options.append((line.words[0], " ".join(line.words[1:])))
                continue
            if head[:1] == ("iface",) and len(head) > 1:
                family, method = (*head[2:4], "", "")[:2]
                yield Stanza(path, head[1], family, method, tuple(options))
            head, options = line.words, []


def bridge_ports(files: Mapping[str, str], bridge: str) -> tuple[str, ...] | None:
    """The ports that these files give a bridge; None if they say nothing of it."""
    ports = None
    for stanza in stanzas(files):
        if stanza.name == bridge:
            given = [rest.split() for word, rest in stanza.options if word in _PORTS]
            ports = (*(ports or ()), *(port for group in given for port in group))
    return ports


def obstacles(files: Mapping[str, str], card: str) -> list[str]:
    """Why a bridge cannot take over what these files say of the card: sentences, none if it can."""
    found = []
    for stanza in stanzas(files):
        if stanza.name == card:
            found += _in_own_stanza(stanza)
        elif re.match(rf"{re.escape(card)}[.:]", stanza.name):
            found.append(f"{stanza.path} makes {stanza.name} on top of {card}.")
        else:
            found += [
                f"{stanza.path} gives {card} to {stanza.name} ({word})."
                for word, rest in stanza.options
                if card in rest.split() and re.match(r"bridge|bond|slaves|vlan|raw", word)
            ]
    for path, text in files.items():
        for line in logical_lines(text):
            if _opens(line.words[0] if line.words else "") and line.words[0] not in _ALONE:
                patterns = [word for word in line.words[1:] if re.search(r"[*?/\[]", word)]
                found += [
                    f"{path} has the pattern {word}, which may mean {card}."
                    for word in patterns
                    if _fits(card, [word.partition("=")[0].strip("/")])
                ]
                if line.words[0] == "mapping" and card in line.words[1:]:
                    found.append(f"{path} has a mapping for {card}.")
    return found


def commands_naming(files: Mapping[str, str], card: str) -> list[str]:
    """The lines with commands that name the card, or what is on top of it: a sentence each.

    As a port it has no address: a route over it leads nowhere, or cannot be set and `ifup` fails.
    What the hardware is told (ethtool, /sys/class/net) is as true of a port. A VLAN on the card
    counts, as its `iface` does: its address outlives the card's `ifdown`, and is then set twice.
    """
    name = re.escape(card)
    named = re.compile(
        # eth0 is neither in veth0 nor in eth0.rules; of sysctl, it is in conf.eth0.proxy_arp.
        rf"(?<![\w.-]){name}(?:\.\d+|:\w+)?(?![\w.-])|(?:conf|neigh)\.{name}\.[a-z]"
    )
    return [
        f"{stanza.path}, iface {stanza.name}: `{word} {rest}` names {card}."
        for stanza in stanzas(files)
        for word, rest in stanza.options
        if word in _COMMANDS
        for told in [rest.replace(f"/sys/class/net/{card}/", "")]
        if any(
            named.search(command) and not re.match(r"\s*(?:\S*/)?ethtool\s", command)
            for command in re.split(r"[;&|]+", told)
        )
    ]


def with_bridge(files: Mapping[str, str], card: str, bridge: str) -> dict[str, str]:
    """The files that change, with their new texts: the card becomes a port of the bridge, and
    what the card had (addresses, options, coming up at boot) is the bridge's."""
    changed: dict[str, str] = {}
    named = started = False
    for path, text in files.items():
        new: list[str] = []
        for line in logical_lines(text):
            word = line.words[0] if line.words else ""
            if (word == "auto" or word.startswith("allow-")) and card in line.words[1:]:
                others = [name for name in line.words[1:] if name != card]
                if others:
                    new.append(f"{word} {' '.join(others)}\n")
                if not started:
                    new.append(f"auto {bridge}\n")
                    started = True
            elif word == "iface" and card in line.words[1:2]:
                if not named:
                    new.append(f"# {card} is a port of the bridge {bridge}, which has its address")
                    new.append(f" (xen-setup).\niface {card} inet manual\n\n")
                new.append(_renamed(line, card, bridge))
                if not named:
                    hardware = all(option != "hwaddress" for option, _ in _options(files, card))
                    new += [f"    {option}\n" for option in _bridge_options(card, hardware)]
                    named = True
            else:
                new.append(line.text)
        if "".join(new) != text:
            changed[path] = "".join(new)
    if not named:
        changed[MAIN] = changed.get(MAIN, files.get(MAIN, "")) + _appended(card, bridge)
        started = True
    if not started:
        path = next(stanza.path for stanza in stanzas(files) if stanza.name == card)
        changed[path] = changed[path].replace(
            f"iface {bridge} ", f"auto {bridge}\niface {bridge} ", 1
        )
    return changed


def _appended(card: str, bridge: str) -> str:
    options = "".join(f"    {option}\n" for option in _bridge_options(card, hardware=True))
    return (
        f"\n# {card} is a port of the bridge {bridge} (xen-setup).\niface {card} inet manual\n\n"
        f"auto {bridge}\niface {bridge} inet manual\n{options}"
    )


def _bridge_options(card: str, hardware: bool) -> Sequence[str]:
    options = [f"bridge_ports {card}", "bridge_stp off", "bridge_fd 0", "bridge_maxwait 5"]
    if hardware:
        # udev gives a new bridge an address of its own making; with the card's, the DHCP server
        # goes on giving the same address (bridge-utils, NEWS.Debian of 1.7-1).
        options.insert(1, f"bridge_hw {card}")
    return options


def _renamed(line: Line, card: str, bridge: str) -> str:
    text = re.sub(rf"^(\s*iface(?:\s|\\\n)+){re.escape(card)}(?=\s)", rf"\g<1>{bridge}", line.text)
    return text if text.endswith("\n") else text + "\n"


def _options(files: Mapping[str, str], name: str) -> list[tuple[str, str]]:
    return [option for stanza in stanzas(files) if stanza.name == name for option in stanza.options]


def _in_own_stanza(stanza: Stanza) -> list[str]:
    place = f"{stanza.path}, iface {stanza.name}"
    found = []
    if stanza.method not in _METHODS:
        method = f"the method {stanza.method}" if stanza.method else "no method of its own"
        found.append(f"{place}: {method} cannot be carried over to a bridge.")
    found += [
        f"{place}: the option {word} cannot be carried over to a bridge."
        for word, _rest in stanza.options
        if re.match(r"bond|slaves|wpa|wireless|vlan|bridge|pre-up-bridge|inherits", word)
    ]
    return found


def _opens(word: str) -> bool:
    return word in _STANZAS or word in _ALONE or word == "auto" or word.startswith("allow-")


def _fits(text: str, patterns: Sequence[str]) -> bool:
    # wordexp's star does not cross a slash; fnmatch's does.
    return any(
        fnmatchcase(text, pattern) and text.count("/") == pattern.count("/") for pattern in patterns
    )
