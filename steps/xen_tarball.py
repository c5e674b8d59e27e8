"""Xen from a tarball in the shape of its own build: what stands against it, and its one action."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from steps.expected import with_directories, with_service
from steps.facts import Facts, Service, Tarball
from steps.settings import Settings
from steps.what_matters import DIRECTORIES
from wizard.actions import InstallTree, TreeEntry
from wizard.step import Problem

# What Xen's programs write while they run, below folders of the tarball's: by name, as a user has
# guests' disks, saved guests and core dumps beside it. A folder (/ at its end) goes when it is
# empty. The distribution's packages leave all of it.
_ROTATED = r"(\.\d+|-\d{8})?(\.(gz|bz2|xz))?"
_LOGS = (
    r"(xl(-[^/]+)?|xldevd|xend(-debug)?|xenstored(-[a-z]+)?|xen-hotplug|domain-builder-ng"
    rf"|bootloader\.\d+|qemu-dm-[^/]+|qdisk-[^/]+)\.log{_ROTATED}"
)
_LEAVINGS: Mapping[str, tuple[str, ...]] = {
    # xl's notes of each domain; a device model's state, while its guest is saved or restored.
    "/var/lib/xen": (
        "dump/",
        r"userdata-[a-z]\.\d+\.[0-9a-f-]{36}\..+",
        r"qemu-(save|resume)\.\d+",
    ),
    "/var/lib/xenstored": (r"tdb(\.0x[0-9a-f]+)?",),
    # Below domains/ it would be a guest that somebody had xm keep.
    "/var/lib/xend": ("(domains|state|storage)/", r"state/[a-z]+\.xml"),
    "/var/log/xen": ("console/", rf"console/(hypervisor|guest-[^/]+)\.log{_ROTATED}", _LOGS),
    "/var/xen": ("dump/",),
}
_README_LINES = 20
_MIB = 1024 * 1024


def from_tarball(settings: Settings) -> bool:
    """Whether Xen comes from a tarball here."""
    return settings.host.xen_source == "tarball"


def missing(tarball: Tarball) -> tuple[str, ...]:
    """What of it is not on the host. Below /etc whatever is there counts: it may be edited."""
    return tuple(
        entry.path
        for entry in tarball.entries
        if entry.here == "nothing" or (entry.here == "other" and not entry.path.startswith("/etc/"))
    )


def problems(settings: Settings, facts: Facts) -> Iterator[Problem]:
    """What stands in the way of installing it, all at once."""
    path, tarball = settings.host.tarball, facts.tarball
    if not path and facts.xen.images and facts.xen.commands:
        return  # it is installed already, whatever it came in
    if not path:
        yield Problem(
            "tarball-missing",
            "Xen is to come from a tarball, and no answer says where that is.",
            "Give its path: host.tarball, or --set host.tarball=/root/xen.tgz",
        )
        return
    if tarball is None or tarball.source != path:
        yield Problem(
            "tarball-unread",
            f"What {path} holds is not known.",
            "Look on the machine itself, as root: sudo xen-setup check",
            "unknown",
        )
        return
    for words in tarball.wrong:
        yield Problem(
            "tarball-refused",
            f"{path}: {words}.",
            "Fetch or build it again, and have its maker's checksum compared (host.tarball_sha256)."
            " Nothing of it was unpacked.",
        )
    yield from _is_not_signed(settings, tarball)
    if not tarball.wrong:
        yield from _does_not_fit(settings, facts, tarball)


def _is_not_signed(settings: Settings, tarball: Tarball) -> Iterator[Problem]:
    wanted = (settings.host.tarball_signature, settings.host.tarball_keyring)
    if wanted == ("", ""):
        return
    found = tarball.signature
    if found is None or (found.file, found.keyring) != wanted:
        yield Problem(
            "tarball-signature",
            f"Whether the signature of {tarball.source} is good is not known.",
            "Look on the machine itself, as root: sudo xen-setup check",
            "unknown",
        )
    elif found.wrong:
        yield Problem(
            "tarball-signature",
            f"The signature of {tarball.source} does not count: {found.wrong}.",
            "Fetch tarball, signature and key again, each from its maker, and compare the key's "
            "fingerprint with what the maker says of it elsewhere (gpg --show-keys KEYRING). "
            "Answers: host.tarball_signature, host.tarball_keyring.",
        )


def _does_not_fit(settings: Settings, facts: Facts, tarball: Tarball) -> Iterator[Problem]:
    wanted = settings.host.tarball_sha256
    if wanted not in ("none", tarball.sha256):
        what = f"its SHA-256 is {tarball.sha256}" if tarball.sha256 else "a folder has no SHA-256"
        yield Problem(
            "tarball-refused",
            f"{tarball.source}: {what}, and not {wanted}.",
            "It is another file, or a damaged one: fetch it again.",
        )
    # One of x86_64 has i686 in it as well: hvmloader, which starts in a guest's 32-bit mode (seen).
    others = tarball.machines if facts.architecture not in tarball.machines else ()
    if others:
        yield Problem(
            "tarball-refused",
            f"{tarball.source}: its programs are for {' and '.join(name or '?' for name in others)}"
            f", and this machine is {facts.architecture}.",
            f"Take the one that was built for {facts.architecture}.",
        )
    if tarball.lacking:
        yield Problem(
            "tarball-libraries",
            f"The programs in {tarball.source} need libraries that are neither in it nor on this "
            f"machine: {', '.join(tarball.lacking)}.",
            "Install the packages that bring them (libyajl.so.2, say, is in libyajl2): "
            "apt-file search NAME finds them. Then look again.",
        )
    for entry in tarball.entries:
        if entry.kind == "directory" and entry.here == "other":
            yield Problem(
                "tarball-refused",
                f"{tarball.source}: {entry.path} is a folder in it, and something else here.",
                f"Look what is at {entry.path}; if nothing needs it, move it away.",
            )


def install(tarball: Tarball) -> InstallTree:
    """The one action that installs it; all of it is in the action, file by file."""
    count = sum(entry.kind != "directory" for entry in tarball.entries)
    return InstallTree(
        source=tarball.source,
        sha256=tarball.sha256,
        top=tarball.top,
        script_sha256=tarball.script_sha256,
        entries=tuple(
            TreeEntry(entry.path, entry.kind, entry.mode, entry.content)
            for entry in tarball.entries
        ),
        why="Xen's own install.sh copies the hypervisor, its tools and its services into the "
        f"system ({count} files). It is given a folder to install into; what it made there is "
        "compared with this plan, and put in place file by file.",
        replaced=tuple(
            entry.path
            for entry in tarball.entries
            if entry.here == "other" and entry.kind != "directory"
        ),
        leavings=tuple(
            f"{folder}/{name}"
            for folder, names in _LEAVINGS.items()
            if folder in _folders(tarball)
            for name in names
        ),
        refresh=("ldconfig",),
        estimate=60.0,
        space=round(sum(entry.size for entry in tarball.entries) / _MIB, 1),
    )


def notes(tarball: Tarball) -> tuple[str, ...]:
    """What its maker says of it, and what install.sh is."""
    lines = [line.rstrip() for line in tarball.readme.splitlines()]
    shown = "\n".join(lines[:_README_LINES]).strip()
    more = f"\n(and {len(lines) - _README_LINES} lines more)" if len(lines) > _README_LINES else ""
    script = f"install.sh has {len(tarball.script.splitlines())} lines: read it in the tarball."
    signers = tarball.signature.signers if tarball.signature is not None else ()
    signed = (f"It is signed by {' and by '.join(signers)}.",) if signers else ()
    readme_says = f"Its README says:\n{shown}{more}" if shown else "It has no README."
    return (*signed, readme_says, script)


def installed(facts: Facts, tarball: Tarball) -> Facts:
    """The facts with all of it on the host."""
    paths = [entry.path for entry in tarball.entries]
    entries = tuple(replace(entry, here="same") for entry in tarball.entries)
    names = {path.rpartition("/")[2] for path in paths if re.search(r"/s?bin/", path)}
    images = [path for path in paths if re.fullmatch(r"/boot/xen(-[0-9][^/]*)?\.gz", path)]
    commands = [name for name in ("xl", "xm") if name in names or name in facts.xen.commands]
    facts = replace(
        facts,
        tarball=replace(tarball, entries=entries),
        xen=replace(
            facts.xen,
            images=tuple(sorted({*facts.xen.images, *images})),
            commands=tuple(commands),
        ),
    )
    facts = with_directories(facts, *(path for path in DIRECTORIES if path in _folders(tarball)))
    for path in paths:
        name = path.removeprefix("/etc/init.d/")
        if name != path and not facts.service(name).present:
            service = Service(name, present=True, enabled=False, active=False, script=True)
            facts = with_service(facts, service)
    return facts


def _folders(tarball: Tarball) -> set[str]:
    return {entry.path for entry in tarball.entries if entry.kind == "directory"}
