"""The state of a machine as data, and what may differ between before and after.

This file runs inside the machine, by its Python alone (`python3 - <snapshot.py` prints JSON), and
is imported by the tests, which compare. A snapshot is sections of keys and values:
{"packages": {"lvm2": "…"}, "etc": {"/etc/fstab": "…"}, …}.
"""

from __future__ import annotations

import difflib
import grp
import hashlib
import json
import os
import pwd
import re
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

Snapshot = dict[str, dict[str, str]]

# ---- taken inside the machine

# Places where a run could leave something, with how deep to look.
_LEFTOVERS = {
    "/mnt": 2,
    "/media": 1,
    "/tmp": 1,
    "/var/tmp": 1,
    "/run": 1,
    "/opt": 1,
    "/root": 1,
    "/srv": 1,
    "/home": 1,
    "/usr/local": 3,
    "/usr/lib": 1,
    "/lib/modules": 1,
    "/usr/share": 1,
    "/var/lib": 1,
    "/var/cache": 1,
    "/var/log": 1,
    "/var/spool": 1,
    "/var/lib/xen-setup": 9,
    "/var/lib/xen": 9,
}
# Worth reading where they differ, not only their hashes.
_SHOWN = (
    "/boot/grub/grub.cfg", "/boot/grub/grubenv", "/boot/grub/menu.lst",
    "/etc/init.d/.depend.boot", "/etc/init.d/.depend.start", "/etc/init.d/.depend.stop",
)  # fmt: skip


class NotWhole(Exception):
    """The state could not be taken whole: a part of it would be found missing afterwards, though
    nothing has changed. (A starved machine's /boot was listed without the modules of GRUB.)
    """


# Sections in which every machine has something.
_NEVER_EMPTY = ("packages", "etc", "boot", "units", "partitions", "mounts", "network", "people")


def take() -> Snapshot:
    """The state of the machine this runs in; needs root. Raises NotWhole."""
    taken: Snapshot = {
        "packages": _packages(),
        "etc": dict(_files("/etc")),
        "boot": dict(_files("/boot")),
        "units": _units(),
        "lvm": _lvm(),
        "partitions": _partitions(),
        "mounts": _mounts(),
        "network": _network(),
        "loops": {entry["name"]: str(entry.get("back-file"))
                  for entry in _json("losetup", "--json").get("loopdevices", [])},
        "leftovers": {path: kind for folder, depth in _LEFTOVERS.items()
                      for path, kind in _listing(folder, depth)},
        "people": _people(),
        "boot default": _boot_default(),
    }  # fmt: skip
    refuse_part(taken)
    return taken


def refuse_part(taken: Snapshot) -> None:
    """Raise NotWhole when a section is empty that never is."""
    if empty := [section for section in _NEVER_EMPTY if not taken.get(section)]:
        raise NotWhole(f"nothing was found of: {', '.join(empty)}")


def _run(*argv: str) -> str:
    # Seconds (systemd's docs/ENVIRONMENT.md). Its own 25 are too few on a busy emulated machine.
    environment = {**os.environ, "LC_ALL": "C", "SYSTEMD_BUS_TIMEOUT": "240"}
    try:
        done = subprocess.run(
            argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except FileNotFoundError:
        return ""  # its package is not installed
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise NotWhole(f"{' '.join(argv)}: status {done.returncode}: {said}")
    return done.stdout.decode(errors="surrogateescape")


def _json(*argv: str) -> Any:
    text = _run(*argv)
    return json.loads(text) if text.strip() else {}


def _text(path: str) -> str:
    try:
        return Path(path).read_text(errors="surrogateescape")
    except FileNotFoundError:
        return ""


def _packages() -> dict[str, str]:
    automatic = set(_run("apt-mark", "showauto").split())
    held = set(_run("apt-mark", "showhold").split())
    listed = _run("dpkg-query", "-W", "-f", "${Package}\t${Version}\t${db:Status-Abbrev}\n")
    packages = {}
    for line in listed.splitlines():
        name, version, status = line.split("\t")
        marks = ["auto" if name in automatic else "manual", *(["held"] if name in held else [])]
        packages[name] = " ".join((version, status.strip(), *marks))
    return packages


def _fail(error: OSError) -> None:
    raise NotWhole(str(error))


def _files(top: str) -> Iterator[tuple[str, str]]:
    # os.walk passes over what it cannot list unless it is told not to.
    for folder, folders, names in os.walk(top, onerror=_fail):
        folders.sort()
        for name in sorted([*folders, *names]):
            path = f"{folder}/{name}"
            found = os.lstat(path)
            owner = f"{_user(found.st_uid)}:{_group(found.st_gid)}"
            about = f"{stat.filemode(found.st_mode)} {owner}"
            if stat.S_ISLNK(found.st_mode):
                yield path, f"link {Path(path).readlink()}"
            elif stat.S_ISREG(found.st_mode):
                data = Path(path).read_bytes()
                shown = (
                    "\n" + data.decode(errors="surrogateescape")
                    if path in _SHOWN
                    else hashlib.sha256(data).hexdigest()
                )
                yield path, f"{about} {shown}"
            else:
                yield path, about


def _listing(folder: str, depth: int) -> Iterator[tuple[str, str]]:
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - names are wanted
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        path = f"{folder}/{name}"
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            continue  # gone since it was listed
        yield path, stat.filemode(found.st_mode)[0]
        if depth > 1 and stat.S_ISDIR(found.st_mode):
            yield from _listing(path, depth - 1)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _units() -> dict[str, str]:
    first = _text("/proc/1/comm").strip()
    if first != "systemd":  # SysV init's services are links, and these are in /etc
        return {"process 1": first}
    listed = _run("systemctl", "list-unit-files", "--no-legend", "--no-pager", "--plain")
    units = {}
    for line in listed.splitlines():
        words = line.split()
        if words[1] != "transient":  # a login's scope, say: of this moment, in no file
            units[words[0]] = words[1]
    for line in _run(
        "systemctl", "list-units", "--failed", "--no-legend", "--no-pager", "--plain"
    ).splitlines():
        units[f"failed: {line.split()[0]}"] = "failed"
    return units


def _lvm() -> dict[str, str]:
    found = {}
    for command, kind in (("pvs", "pv"), ("vgs", "vg"), ("lvs", "lv")):
        report = _json(command, "--reportformat", "json", "--options", "all").get("report", [])
        for entry in report[0][kind] if report else []:
            found[f"{kind} {entry.get(kind + '_uuid')}"] = entry.get(kind + "_name", "")
    return found


def _partitions() -> dict[str, str]:
    found = {"table": json.dumps(_json("sfdisk", "--json", "/dev/vda"), indent=1)}
    for device in sorted(Path("/dev").glob("vd*")):
        signatures = _json("wipefs", "--json", str(device)).get("signatures", [])
        found[str(device)] = ", ".join(f"{entry['type']} {entry.get('uuid')}"
                                       for entry in signatures)  # fmt: skip
    return found


def _mounts() -> dict[str, str]:
    tree = _json(
        "findmnt", "--json", "--real", "--list", "--output", "TARGET,SOURCE,FSTYPE,OPTIONS"
    )
    found = {
        entry["target"]: f"{entry['source']} {entry['fstype']} {entry['options']}"
        for entry in tree.get("filesystems", [])
    }
    for line in _text("/proc/swaps").splitlines()[1:]:
        found[f"swap {line.split()[0]}"] = line.split()[1]
    return found


def _network() -> dict[str, str]:
    found = {"/etc/resolv.conf": _text("/etc/resolv.conf")}
    for link in _json("ip", "-json", "-details", "address"):
        kind = link.get("linkinfo", {}).get("info_kind", "")
        found[f"link {link['ifname']}"] = (
            f"{link.get('operstate')} {link.get('address')} mtu {link.get('mtu')} {kind} "
            f"master {link.get('master')}"
        )
        for address in link.get("addr_info", []):
            found[f"address {link['ifname']} {address['local']}/{address['prefixlen']}"] = address[
                "scope"
            ]
    for family in ("-4", "-6"):
        for route in _json("ip", "-json", family, "route") or []:
            key = f"route {family} {route['dst']} {route.get('gateway', '')} {route['dev']}"
            found[key] = str(route.get("metric", ""))
    return found


def _people() -> dict[str, str]:
    found = {}
    for path in ("/etc/passwd", "/etc/group"):
        for line in _text(path).splitlines():
            found[f"{path} {line.partition(':')[0]}"] = line
    return found


def _boot_default() -> dict[str, str]:
    return {
        "kernel": " ".join(
            word for word in _text("/proc/cmdline").split() if not word.startswith("initrd=")
        ),
        "hypervisor": _text("/sys/hypervisor/type").strip() or "none",
        "environment": _run("grub-editenv", "list"),
    }


# ---- compared outside


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was; None is "not there"."""

    section: str
    key: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.section}: {self.key} came: {_short(self.after)}"
        if self.after is None:
            return f"{self.section}: {self.key} went: {_short(self.before)}"
        if "\n" in self.before + self.after:
            lines = difflib.unified_diff(
                self.before.splitlines(), self.after.splitlines(), "before", "after", lineterm=""
            )
            return f"{self.section}: {self.key} changed:\n  " + "\n  ".join(lines)
        return f"{self.section}: {self.key} changed: {self.before} → {self.after}"


@dataclass(frozen=True)
class Allowed:
    """A difference that may be: where, which keys (a shell pattern), and why."""

    section: str
    pattern: str
    reason: str

    def covers(self, difference: Difference) -> bool:
        return difference.section == self.section and fnmatchcase(difference.key, self.pattern)


ALLOWED: tuple[Allowed, ...] = (
    Allowed(
        "leftovers",
        "/var/lib/xen-setup*",
        "the run's journal and its backups are kept: they tell what was done and undone",
    ),
    Allowed(
        "leftovers",
        "/run/*",
        "volatile: which of them are there depends on what has run since the boot",
    ),
    Allowed(
        "leftovers",
        "/tmp/systemd-private-*",
        "named anew at each boot",
    ),
    Allowed(
        "leftovers",
        "/var/tmp/systemd-private-*",
        "named anew at each boot",
    ),
    Allowed(
        "leftovers",
        "/opt/xen-setup*",
        "the program itself, put there by the practice command",
    ),
    Allowed(
        "leftovers",
        "/usr/local/bin/xen-setup",
        "the program itself, put there by the practice command",
    ),
    Allowed(
        "leftovers",
        "/root/answers.yaml",
        "put there by the practice command",
    ),
    Allowed(
        "boot",
        "/boot/grub/grubenv",
        "GRUB itself empties next_entry when it has used it: an empty one is none; where GRUB "
        "Legacy boots, grub-common comes with Xen, makes the file, and its purge leaves it",
    ),
    Allowed(
        "etc",
        "/etc/init.d/.depend.*",
        "insserv's own reckoning: it puts those of equal rank into another order each time (tried: "
        "`insserv` alone, in the image as it is built)",
    ),
    Allowed(
        "etc",
        "/etc/adjtime",
        "hwclock makes it when a host with SysV init is shut down",
    ),
    Allowed(
        "boot default",
        "environment",
        "GRUB itself empties next_entry when it has used it: an empty one is none",
    ),
    Allowed(
        "etc",
        "/etc/lvm*",
        "LVM keeps what a removed volume group was like, and its package's purge leaves that: the "
        "way back after a mistake",
    ),
    Allowed(
        "leftovers",
        "/var/lib/xen*",
        "Xen's notes of its domains, which its package's purge leaves; nothing else reads them",
    ),
    Allowed(
        "leftovers",
        "/var/log/*",
        "logs tell what was done, and stay",
    ),
)


def compare(
    before: Snapshot, after: Snapshot, allowed: Iterable[Allowed] = ALLOWED
) -> list[Difference]:
    """What differs and is not allowed to."""
    allowed = tuple(allowed)
    return [
        difference
        for difference in differences(before, after)
        if not any(rule.covers(difference) for rule in allowed)
    ]


def differences(before: Snapshot, after: Snapshot) -> list[Difference]:
    """All that differs, in order of section and key."""
    return [
        Difference(section, key, old.get(key), new.get(key))
        for section in sorted(before.keys() | after.keys())
        for old, new in ((before.get(section, {}), after.get(section, {})),)
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def table(before: Snapshot, after: Snapshot, allowed: Iterable[Allowed] = ALLOWED) -> str:
    """Every difference as a line, with the reason it is allowed, or NOT ALLOWED."""
    allowed = tuple(allowed)
    lines = []
    for difference in differences(before, after):
        reason = next((rule.reason for rule in allowed if rule.covers(difference)), "NOT ALLOWED")
        lines.append(f"{difference}\n    {reason}")
    return "\n".join(lines) or "no difference"


def _short(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "")[:100]


if __name__ == "__main__":
    json.dump(take(), sys.stdout, indent=1, sort_keys=True)
