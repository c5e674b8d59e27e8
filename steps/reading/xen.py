"""Xen: whether it runs, what it says of itself, and its domains."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from steps.facts import Domain, Xen
from steps.reading.view import View

# xl waits for ever when xenstored is down; on a busy emulated machine it took 4.3 s (seen).
XL_LIMIT = 15.0  # seconds
# Bytes, far above what a hypervisor takes: a file that is something else must not take all memory.
_LARGEST_IMAGE, _LARGEST_UNPACKED, _PIECE = 32 << 20, 64 << 20, 1 << 20
XENSTORED = ("/run/xenstored/socket", "/var/run/xenstored/socket")


class SeesLogin(Protocol):
    """Whether a running guest's console shows a login prompt; None if it cannot be told."""

    def __call__(self, name: str, /) -> bool | None: ...


def parse_info(text: str) -> dict[str, str]:
    """`xl info`: "name : value" by line."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}


def parse_list(text: str) -> tuple[Domain, ...] | None:
    """`xl list`: its domains; None if this is not its table."""
    rows = parse_rows(text)
    return None if rows is None else tuple(domain for domain, _ in rows)


def parse_rows(text: str) -> tuple[tuple[Domain, float], ...] | None:
    """`xl list`: each domain, and its processor time in seconds; None if this is not its table.

    A name may have spaces in it, so the columns are taken from the right. `xm list` prints the
    same, with Mem(MiB) in Xen 3, and without ID what xend only knows and does not run.
    """
    header, *lines = text.splitlines() or [""]
    if re.sub(r"\(.*?\)", "", header).split() != ["Name", "ID", "Mem", "VCPUs", "State", "Time"]:
        return None
    found = []
    for line in lines:
        match = re.fullmatch(r"(.+?)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+([\d.]+)\s*", line)
        if match:
            name, number, memory, processors, state, seconds = match.groups()
            domain = Domain(name, int(number), int(memory), int(processors), state)
            found.append((domain, float(seconds)))
    return tuple(found)


Sxp = str | list["Sxp"]


def parse_sxp(text: str) -> list[Sxp]:
    """xend's own format (xen/xend/sxp.py): lists in brackets, of words and quoted texts."""
    stack: list[list[Sxp]] = [[]]
    for word in re.findall(r"""[()]|'[^']*'|"[^"]*"|[^\s()]+""", text):
        if word == "(":
            stack.append([])
        elif word == ")":
            if len(stack) > 1:
                done = stack.pop()
                stack[-1].append(done)
        else:
            stack[-1].append(word[1:-1] if word[0] in "'\"" else word)
    return stack[0]


def parse_long_list(text: str) -> tuple[Domain, ...] | None:
    """`xm list --long`: SXP, a (domain ...) for each; None if this is not that."""
    found = []
    for item in parse_sxp(text):
        if not isinstance(item, list) or item[:1] != ["domain"]:
            continue
        pairs = [part for part in item[1:] if isinstance(part, list) and len(part) == 2]
        words = {str(pair[0]): str(pair[1]) for pair in pairs}
        if words.get("domid", "").isdecimal() and "name" in words:
            found.append(
                Domain(
                    words["name"],
                    int(words["domid"]),
                    int(float(words.get("memory", "0"))),
                    int(float(words.get("vcpus", words.get("online_vcpus", "1")))),
                    words.get("state", ""),
                )
            )
    return tuple(found) or None


def runs_in_xen(view: View) -> bool:
    """Whether Xen runs below this Linux."""
    return view.word("/sys/hypervisor/type") == "xen"


def begin_xen(view: View) -> None:
    """Start what `read_xen` will ask."""
    tool = next(iter(_tools(view)), "")
    if tool and view.as_root and _controls(view) and _has_store(view):
        view.begin((tool, "list"))
        view.begin((tool, "info"))


def read_xen(view: View, consoles: Sequence[str], sees_login: SeesLogin | None) -> Xen:
    """Xen as it is now. `consoles`: the guests at whose consoles to look for a login prompt."""
    running = runs_in_xen(view)
    control = _controls(view)
    commands = _tools(view)
    images = tuple(
        f"/boot/{name}"
        for name in view.names("/boot", "xen*")
        if re.fullmatch(r"xen(-[0-9][^/]*)?\.gz", name)
    )
    info: Mapping[str, str] = {}
    domains = None
    if control and commands:
        if view.as_root:
            info, domains = _ask(view, commands[0])
        else:
            view.not_known("domains", f"only root can ask {commands[0]} for them")
    if domains and sees_login is not None:
        domains = tuple(
            replace(domain, login_prompt=sees_login(domain.name))
            if domain.id > 0 and domain.name in consoles
            else domain
            for domain in domains
        )
    return Xen(
        running=running,
        control_domain=control,
        answers=domains is not None,
        version=info.get("xen_version")
        or _version_of_xm(info)
        or (_version(view) if running else ""),
        free_memory=_number(info, "free_memory"),
        total_memory=_number(info, "total_memory"),
        capabilities=tuple(info.get("virt_caps", "").split()),
        images=images,
        domains=domains,
        commands=commands,
        damaged=tuple(image for image in images if _is_damaged(view, image)),
    )


def _is_damaged(view: View, path: str) -> bool:
    """Whether a hypervisor cannot be unpacked; one that cannot be read is not known to be so."""
    place = view.place(path)
    try:
        state = place.stat()
        if state.st_size > _LARGEST_IMAGE:
            return False
        return _cannot_be_unpacked(place, (state.st_ino, state.st_size, state.st_ctime_ns))
    except OSError:
        return False


@lru_cache(maxsize=16)  # a run reads its machine a dozen times, and unpacking takes the longest
def _cannot_be_unpacked(place: Path, _state: tuple[int, ...]) -> bool:
    """Whether this is neither a gzip file that can be unpacked whole (RFC 1952: with its checksum
    and length) nor an ELF file.
    """
    image = place.read_bytes()
    if image.startswith(b"\x7fELF"):
        return False
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        size = 0
        while not unpacking.eof and size <= _LARGEST_UNPACKED:
            piece = unpacking.decompress(image, _PIECE)
            if not piece and not unpacking.unconsumed_tail:
                break
            image = unpacking.unconsumed_tail
            size += len(piece)
    except zlib.error:
        return True
    return not unpacking.eof


def _controls(view: View) -> bool:
    return "control_d" in view.word("/proc/xen/capabilities").split(",")


def _tools(view: View) -> tuple[str, ...]:
    return tuple(name for name in ("xl", "xm") if view.program(name))


def _has_store(view: View) -> bool:
    return any(view.exists(path) for path in XENSTORED)


def _ask(view: View, tool: str) -> tuple[Mapping[str, str], tuple[Domain, ...] | None]:
    if not _has_store(view):
        view.not_known("domains", "xenstored does not run: start the service xen")
        return {}, None
    listed = view.ask((tool, "list"), XL_LIMIT)
    domains = parse_list(listed.out) if listed.status == 0 else None
    if domains is None and tool == "xm" and listed.status == 0:
        # A table that is not known here: the long form has names for all that it says.
        listed = view.ask((tool, "list", "--long"), XL_LIMIT)
        domains = parse_long_list(listed.out) if listed.status == 0 else None
    if domains is None:
        reason = "it did not answer in time" if listed.status == 124 else _last_line(listed.err)
        view.not_known("domains", f"{tool} list: {reason}")
        return {}, None
    answer = view.ask((tool, "info"), XL_LIMIT)
    return (parse_info(answer.out) if answer.status == 0 else {}), domains


def _version_of_xm(info: Mapping[str, str]) -> str:
    """xm prints it in three lines."""
    if "xen_major" not in info:
        return ""
    return f"{info['xen_major']}.{info.get('xen_minor', '0')}{info.get('xen_extra', '')}"


def _version(view: View) -> str:
    parts = [view.word(f"/sys/hypervisor/version/{part}") for part in ("major", "minor", "extra")]
    return f"{parts[0]}.{parts[1]}{parts[2]}" if parts[0] else ""


def _number(info: Mapping[str, str], name: str) -> int | None:
    word = info.get(name, "")
    return int(word) if word.isdecimal() else None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no answer"
