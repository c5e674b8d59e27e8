"""apt's package sources in both formats, and what debootstrap can use of them.

Formats: sources.list(5): one-line entries in *.list, and deb822 stanzas in *.sources.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from steps.facts import Apt, Distribution
from steps.reading.view import View

_KEYRINGS = {
    "debian": (
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "/usr/share/keyrings/debian-archive-keyring.pgp",
    ),
    "ubuntu": ("/usr/share/keyrings/ubuntu-archive-keyring.gpg",),
}
# The name of a CD has spaces in it, in brackets.
_ONE_LINE = r"deb\s+(?:\[([^\]]*)\]\s+)?((?:[^\s\[]|\[[^\]]*\])+)\s+(\S+)((?:\s+\S+)*)"
_SCHEMES = ("http://", "https://", "file:/")


@dataclass(frozen=True)
class Source:
    """One place that packages come from: an address with one suite."""

    address: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""


def parse_one_line(text: str) -> list[Source]:
    """The `deb` entries of a sources.list; comments and `deb-src` are passed over."""
    found = []
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        match = re.fullmatch(_ONE_LINE, line)
        if match:
            options, address, suite, components = match.groups()
            found.append(Source(address, suite, tuple(components.split()), _option(options or "")))
    return found


def parse_deb822(text: str) -> list[Source]:
    """The entries of a *.sources file that are switched on and have binary packages."""
    found = []
    for fields in _stanzas(text):
        if fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        if "deb" not in fields.get("types", "").split():
            continue
        signed = fields.get("signed-by", "").strip()
        found += [
            Source(
                address,
                suite,
                tuple(fields.get("components", "").split()),
                signed.split()[0] if signed.startswith("/") else "",
            )
            for address in fields.get("uris", "").split()
            for suite in fields.get("suites", "").split()
        ]
    return found


def mirrors(sources: Sequence[Source], codename: str) -> tuple[str, str, tuple[str, ...], str]:
    """Address of the release, of its security updates, components, and what signs the release.

    A suite may be called by its codename or, where no source does so, "stable". Sources that
    debootstrap cannot fetch from (a CD, a list of mirrors) are passed over.
    """
    usable = [source for source in sources if source.address.startswith(_SCHEMES)]
    for suite in (codename, "stable"):
        main = [source for source in usable if source.suite == suite and suite]
        if not main:
            continue
        chosen = next((source for source in main if "main" in source.components), main[0])
        components = dict.fromkeys(
            part
            for source in main
            if source.address == chosen.address
            for part in source.components
        )
        suites = (f"{suite}-security", f"{suite}/updates")
        security = next((source.address for source in usable if source.suite in suites), "")
        return chosen.address.rstrip("/"), security.rstrip("/"), tuple(components), chosen.signed_by
    return "", "", (), ""


def without_login(address: str) -> tuple[str, bool]:
    """An address without the name and password in it, and whether there were any."""
    scheme, separator, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    login, at, host = authority.rpartition("@")
    return f"{scheme}{separator}{host}{slash}{path}", bool(at and login)


def has_login(text: str, address: str) -> bool:
    """Whether apt has a name and password for that address in this text of auth.conf.

    apt_auth.conf(5): `machine [scheme://]host[:port][/path]`; the path is how one begins.
    """
    wanted_scheme, _, wanted = address.partition("://")
    host, _, path = wanted.partition("/")
    lines = "\n".join(line.partition("#")[0] for line in text.splitlines())
    for machine in re.findall(r"(?:^|\s)machine\s+(\S+)", lines):
        scheme, separator, rest = machine.rpartition("://")
        named, _, front = rest.partition("/")
        if separator and scheme != wanted_scheme:
            continue
        if named in (host, host.partition(":")[0]) and path.startswith(front):
            return True
    return False


def read_apt(view: View, distribution: Distribution, reach: bool) -> Apt:
    """The machine's apt sources as a guest's system can come from; `reach` tries the mirror."""
    sources = _sources(view)
    named, named_security, components, signed_by = mirrors(sources, distribution.codename)
    # What is in the facts is shown, saved, and given to commands.
    mirror, in_address = without_login(named)
    security, _ = without_login(named_security)
    names = [path for name in distribution.family for path in _KEYRINGS.get(name, ())]
    keyring = next((path for path in (*names, signed_by) if path and view.is_file(path)), "")
    return Apt(
        mirror=mirror,
        security=security,
        components=components,
        keyring=keyring,
        lists_age_hours=_lists_age(view),
        # apt itself knows what auth.conf says, and nothing of what was left out of the address.
        reachable=_reachable(view, mirror, distribution.codename)
        if reach and mirror and not in_address
        else None,
        login=in_address or any(has_login(view.text(path) or "", mirror) for path in _auth(view)),
    )


def _auth(view: View) -> list[str]:
    return ["/etc/apt/auth.conf", *view.matching("/etc/apt/auth.conf.d/*.conf")]


def _sources(view: View) -> list[Source]:
    found = parse_one_line(view.text("/etc/apt/sources.list") or "")
    for path in view.matching("/etc/apt/sources.list.d/*"):
        if path.endswith(".list"):
            found += parse_one_line(view.text(path) or "")
        elif path.endswith(".sources"):
            found += parse_deb822(view.text(path) or "")
    return found


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    last = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, last = {}, ""
        elif line[0].isspace():
            if last:
                fields[last] += "\n" + line.strip()
        else:
            name, colon, value = line.partition(":")
            if colon:
                last = name.strip().lower()
                fields[last] = value.strip()


def _option(options: str) -> str:
    match = re.search(r"(?:^|\s)signed-by=(/[^\s,]+)", options)
    return match[1] if match else ""


def _lists_age(view: View) -> int | None:
    directory = "/var/lib/apt/lists"
    if not any("_Packages" in name for name in view.names(directory)):
        return None
    # The lists themselves carry the mirror's times; apt touches these two at each update.
    times = []
    for path in (directory, f"{directory}/partial"):
        try:
            times.append(view.place(path).stat().st_mtime)
        except OSError:
            continue
    return max(0, int((time.time() - max(times)) / 3600)) if times else None


def _reachable(view: View, mirror: str, codename: str) -> bool | None:
    # apt's own fetcher: it takes the proxies that are configured for apt.
    with tempfile.TemporaryDirectory(prefix="xen-setup-look-") as directory:
        answer = view.ask(
            (
                "/usr/lib/apt/apt-helper",
                "--option",
                "Acquire::Retries=0",
                "download-file",
                f"{mirror}/dists/{codename}/InRelease",
                f"{directory}/InRelease",
            ),
            15.0,
        )
    return None if answer.status in (126, 127) else answer.status == 0
