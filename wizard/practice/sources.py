"""The Debian mirror: taken from this computer's own apt sources, in either format.

One-line format: sources.list(5) `deb [options] URI suite component…`; deb822 format: stanzas with
Types, URIs, Suites, Components. On a computer that has no Debian sources, debootstrap's default
mirror is read from its script.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from wizard.practice.errors import HostNotReady

RELEASE = "bookworm"

# Any Debian release will do: a mirror that has one has the others. `bookworm-security` is another
# archive than `bookworm`, so the two are asked for apart.
_RELEASES = (
    *("buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid"),
    *("oldoldstable", "oldstable", "stable", "testing", "unstable"),
)


@dataclass(frozen=True)
class Source:
    """One archive and one suite of it."""

    uri: str
    suite: str


@dataclass(frozen=True)
class Mirror:
    """Where the practice machine gets its packages; `security` is None where it is not known."""

    main: str
    security: str | None = None

    def lines(self) -> str:
        """The text of the practice machine's /etc/apt/sources.list."""
        lines = [
            f"deb {self.main} {RELEASE} main",
            f"deb {self.main} {RELEASE}-updates main",
        ]
        if self.security:
            lines.append(f"deb {self.security} {RELEASE}-security main")
        return "\n".join(lines) + "\n"


def find_mirror(apt: Path = Path("/etc/apt"), debootstrap: Path | None = None) -> Mirror:
    """The mirror of this computer; raises HostNotReady when there is none to be found."""
    found = mirror_of(read_sources(apt))
    if found:
        return found
    default = default_mirror(debootstrap or Path("/usr/sbin/debootstrap"))
    if default:
        return Mirror(main=default)
    raise HostNotReady(
        f"No Debian mirror is known on this computer: {apt} names none.",
        hint="Install the package debootstrap (its mirror is used), or add a Debian source.",
    )


def mirror_of(sources: Iterable[Source]) -> Mirror | None:
    """The first archive with a Debian release, and the first with its security updates."""
    main = security = None
    for source in sources:
        release, _, part = source.suite.partition("-")
        if release not in _RELEASES:
            continue
        if part == "" and main is None:
            main = source.uri
        elif part == "security" and security is None:
            security = source.uri
    return Mirror(main, security) if main else None


def read_sources(apt: Path) -> list[Source]:
    """Every binary source in `apt`/sources.list and sources.list.d, in apt's own order."""
    files = [apt / "sources.list"]
    folder = apt / "sources.list.d"
    if folder.is_dir():
        files += sorted(path for path in folder.iterdir() if path.suffix in {".list", ".sources"})
    sources: list[Source] = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        parse = parse_deb822 if path.suffix == ".sources" else parse_one_line
        for source in parse(text):
            sources += [Source(uri, source.suite) for uri in _over_http(source.uri)]
    return sources


def parse_one_line(text: str) -> Iterator[Source]:
    """The sources of a file in the one-line format."""
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+(\S+)", line)
        if match:
            yield Source(match[1].rstrip("/"), match[2].rstrip("/"))


def parse_deb822(text: str) -> Iterator[Source]:
    """The sources of a file in the deb822 format."""
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in " \t" and name:
                fields[name] += " " + line.strip()
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in {"no", "false", "off", "0"}:
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Source(uri.rstrip("/"), suite.rstrip("/"))


def default_mirror(script: Path) -> str | None:
    """The mirror debootstrap uses when none is given."""
    try:
        text = script.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    match = re.search(r'^DEF_MIRROR="(https?://[^"$]+)"', text, re.MULTILINE)
    return match[1].rstrip("/") if match else None


def _over_http(uri: str) -> list[str]:
    """`uri` as the practice machine can use it: http as it is, a mirror list's first entry."""
    scheme = urlsplit(uri).scheme
    if scheme in {"http", "https"}:
        return [uri]
    if scheme == "mirror+file":  # as Debian's cloud images have it
        try:
            listed = Path(unquote(urlsplit(uri).path)).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return []
        for line in listed.splitlines():
            words = line.split()
            if words and words[0].startswith(("http://", "https://")):
                return [words[0].rstrip("/")]
    return []
