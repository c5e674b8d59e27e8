"""Read the machine: `read_facts` puts together what the readers in `reading/` find.

It changes nothing (a guest's unused root volume is mounted read-only for a moment), needs no
root, and does not fail for a strange machine: what cannot be read is None, and in `unknown`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from steps.facts import Facts
from steps.guest_login import login_prompt
from steps.reading.apt_sources import read_apt
from steps.reading.boot_loader import read_boot_loaders
from steps.reading.guest_tree import read_guest_trees
from steps.reading.hardware import (
    begin_container,
    parse_memory,
    parse_processor,
    read_container,
    read_distribution,
    read_firmware,
    read_graphics,
    read_service_manager,
)
from steps.reading.kernels import read_kernels
from steps.reading.network import begin_network, ifupdown_files, read_network
from steps.reading.packages import begin_packages, read_installable, read_packages
from steps.reading.public_keys import read_public_keys
from steps.reading.services import begin_services, read_services
from steps.reading.signature import read_signature
from steps.reading.storage import read_storage
from steps.reading.tarball import read_tarball
from steps.reading.tls import read_tls
from steps.reading.view import MIB, Ask, Begin, View, nothing_begins
from steps.reading.xen import SeesLogin, begin_xen, read_xen, runs_in_xen
from steps.saved_facts import facts_from_text, facts_text, load_facts, save_facts
from steps.what_matters import DIRECTORIES, FILES, LARGEST_FILE, LINKS, NO_FILES, SPACE, TOOLS
from wizard import commands

__all__ = [
    "facts_from_text",
    "facts_text",
    "load_facts",
    "look_into_guests",
    "look_into_tarball",
    "read_facts",
    "save_facts",
    "sees_login_prompt",
]

# Seconds to wait at a guest's console: on a busy emulated machine the prompt took 13 (seen).
_LOGIN_LIMIT = 40.0


def read_facts(
    guest_volumes: Sequence[str] = (),
    consoles: Sequence[str] = (),
    *,
    thorough: bool = True,
    reach: bool = False,
    ask: Ask | None = None,
    begin: Begin = nothing_begins,
    sees_login: SeesLogin | None = None,
    root: Path = Path("/"),
    as_root: bool | None = None,
) -> Facts:
    """What this machine is, now.

    `guest_volumes`: devices to look into, if they hold a filesystem that nothing uses.
    `consoles`: running guests at whose console to press Enter and look for a login prompt.
    `thorough` unpacks the newest initrd in memory, once for a process. `reach` tries the mirror.
    The others are for tests: answers instead of programs', and a tree instead of this machine's.
    """
    with commands.Asker() as asker:
        view = View(
            ask=asker if ask is None else ask,
            as_root=os.geteuid() == 0 if as_root is None else as_root,
            root=root,
            environment=dict(os.environ),
            begin=asker.begin if ask is None else begin,
        )
        return _read(
            view,
            guest_volumes,
            consoles,
            thorough=thorough,
            reach=reach,
            sees_login=sees_login or sees_login_prompt,
        )


def _read(
    view: View,
    guest_volumes: Sequence[str],
    consoles: Sequence[str],
    *,
    thorough: bool,
    reach: bool,
    sees_login: SeesLogin,
) -> Facts:
    manager = read_service_manager(view)
    # Most of the time goes to programs, which need not wait for each other.
    begin_packages(view)
    begin_container(view)
    begin_services(view, manager)
    begin_xen(view)
    begin_network(view)
    packages = read_packages(view)
    distribution = read_distribution(view)
    storage = read_storage(view)
    firmware, secure_boot = read_firmware(view)
    boot, other_boot = read_boot_loaders(view, packages, storage.root_uuid)
    return Facts(
        as_root=view.as_root,
        machine=_machine(view),
        boot_id=view.word("/proc/sys/kernel/random/boot_id"),
        hostname=view.word("/proc/sys/kernel/hostname"),
        distribution=distribution,
        architecture=os.uname().machine,
        processor=parse_processor(view.text("/proc/cpuinfo") or ""),
        memory=parse_memory(view.text("/proc/meminfo") or ""),
        firmware=firmware,
        secure_boot=secure_boot,
        container=read_container(view),
        kernel=view.word("/proc/sys/kernel/osrelease"),
        kernel_options=view.word("/proc/cmdline"),
        kernels=read_kernels(view, thorough),
        udev=view.exists("/run/udev/control"),
        service_manager=manager,
        graphics_modules=read_graphics(view, packages),
        boot=boot,
        other_boot=other_boot,
        tools=tuple(name for name in TOOLS if view.program(name)),
        xen=read_xen(view, consoles, sees_login),
        packages=packages,
        installable=read_installable(view),
        services=read_services(view, manager),
        glibc=(os.confstr("CS_GNU_LIBC_VERSION") or "").removeprefix("glibc "),
        tls=read_tls(view),
        network=read_network(view),
        disks=storage.disks,
        volume_groups=storage.volume_groups,
        space=dict(_space(view)),
        apt=read_apt(view, distribution, reach),
        guest_trees=read_guest_trees(
            view, guest_volumes, storage.volume_groups or (), storage.disks
        ),
        files=dict(_files(view)),
        directories=tuple(path for path in DIRECTORIES if view.is_directory(path)),
        links=dict(_links(view)),
        public_keys=read_public_keys(view),
        program=_program(),
        unknown=tuple(view.unknown),
    )


def is_in_xen(root: Path = Path("/")) -> bool:
    """Whether Xen runs below this Linux, now: one file, where the whole machine is not asked for.

    `root` is for tests: a tree instead of this machine's.
    """
    return runs_in_xen(View(ask=commands.ask, as_root=False, root=root, environment={}))


def look_into_guests(
    facts: Facts,
    guest_volumes: Sequence[str],
    consoles: Sequence[str],
    *,
    ask: Ask = commands.ask,
    sees_login: SeesLogin | None = None,
    root: Path = Path("/"),
) -> Facts:
    """These facts, and what `read_facts` would have added with these guests, without the rest."""
    view = View(ask=ask, as_root=facts.as_root, root=root, environment=dict(os.environ))
    groups = facts.volume_groups or ()
    return replace(
        facts,
        xen=read_xen(view, consoles, sees_login or sees_login_prompt),
        guest_trees=read_guest_trees(view, guest_volumes, groups, facts.disks),
        unknown=(*facts.unknown, *(line for line in view.unknown if line not in facts.unknown)),
    )


def look_into_tarball(
    facts: Facts, path: str, signature: str = "", keyring: str = "", root: Path = Path("/")
) -> Facts:
    """These facts, and what the tarball or folder at that path holds ("": there is none), with
    what its signature says, if there is to be one.
    """
    if not path:
        return facts
    view = View(ask=commands.ask, as_root=facts.as_root, root=root)
    tarball = read_tarball(view, path)
    if tarball is not None and (signature or keyring):
        tarball = replace(tarball, signature=read_signature(view, path, signature, keyring))
    return replace(facts, tarball=tarball, unknown=(*facts.unknown, *view.unknown))


def sees_login_prompt(name: str) -> bool | None:
    """Whether someone can log in at a running guest's console: Enter is pressed there."""
    tool = "xl" if shutil.which("xl") else "xm"
    # xl console takes no input from a pipe: `script` gives it a terminal of its own.
    done = commands.run(
        ("script", "--quiet", "--command", f"{tool} console {name}", "/dev/null"),
        input="\n",
        until=login_prompt(name),
        timeout=_LOGIN_LIMIT,
    )
    return done.ended == "matched"


def _machine(view: View) -> str:
    # man 5 machine-id: it is confidential, so only a keyed hash of it is shown.
    identity = view.word("/etc/machine-id") or view.word("/var/lib/dbus/machine-id")
    return hashlib.sha256(f"xen-setup {identity}".encode()).hexdigest()[:16] if identity else ""


def _space(view: View) -> Iterator[tuple[str, int]]:
    for path in SPACE:
        try:
            state = os.statvfs(view.place(path))
        except OSError:
            continue
        yield path, state.f_bavail * state.f_frsize // MIB


def _files(view: View) -> Iterator[tuple[str, str]]:
    found = [path for pattern in FILES for path in view.matching(pattern)]
    # ifupdown's may source any other.
    for path in dict.fromkeys([*found, *ifupdown_files(view)]):
        name = path.rpartition("/")[2]
        if any(fnmatchcase(name, left_out) for left_out in NO_FILES) or not view.is_file(path):
            continue
        text = view.text(path, LARGEST_FILE + 1)
        if text is None:
            view.not_known(path, "only root can read it")
        elif len(text) > LARGEST_FILE:
            view.not_known(path, "it is longer than any configuration: not read")
        else:
            yield path, text


def _links(view: View) -> Iterator[tuple[str, str]]:
    for pattern in LINKS:
        for path in view.matching(pattern):
            target = view.link(path)
            if target is not None:
                yield path, target


def _program() -> str:
    """The command that starts this program again, as an absolute path."""
    launcher = Path(__file__).resolve().parents[1] / "xen-setup"
    if os.environ.get("XEN_SETUP_PROGRAM"):
        return os.environ["XEN_SETUP_PROGRAM"]
    if launcher.is_file():
        return str(launcher)
    started = Path(sys.argv[0])
    if started.name == "xen-setup" and started.is_file():
        return str(started.resolve())
    return shutil.which("xen-setup") or "xen-setup"
