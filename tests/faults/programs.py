"""The programs of a simulated machine: each is a generator that yields half way through its work.

What is done by then is what a power cut leaves. They fail where the real ones do: pvcreate on a
physical volume, lvremove of a volume that is not there, mkfs on one that is mounted.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Generator

from tests.faults import disk_programs, tree_programs
from tests.faults.menu import SAVED, saved_text, update_grub
from tests.faults.model import Model
from tests.faults.package_programs import apt_get, apt_mark, dpkg, dpkg_query
from tests.faults.said import OK, Program, Said, nothing, refused
from tests.faults.state import Link, stanzas

Argv = tuple[str, ...]


def program(model: Model, argv: Argv) -> Program:
    """The program that a command line starts, before its first moment."""
    found = PROGRAMS.get(argv[0])
    if found is None:
        raise AssertionError(f"the simulated machine has no program for {argv}")
    package = _IN_PACKAGES.get(argv[0], "lvm2" if argv[0] in _OF_LVM2 else "")
    if package and package not in model.state.packages:
        return _not_installed()
    return found(model, argv)


def _not_installed() -> Program:
    yield from nothing()
    return Said(127, "not installed\n")


# ---- the boot menu


def _update_grub(model: Model, argv: Argv) -> Program:
    yield from update_grub(model.tree, model.now())
    return OK


def _grub_reboot(model: Model, argv: Argv) -> Program:
    yield
    model.state.environment["next_entry"] = argv[1]
    return OK


def _grub_editenv(model: Model, argv: Argv) -> Program:
    if argv[1] == "list":
        pairs = model.state.environment.items()
        return Said(0, "".join(f"{key}={value}\n" for key, value in pairs))
    yield
    model.state.environment.pop(argv[3], None)
    return OK


def _dpkg_divert(model: Model, argv: Argv) -> Program:
    if "--list" in argv:
        place = f"{argv[-1]} to {argv[-1]}.xen-setup"
        return Said(0, f"local diversion of {place}\n" if model.state.diverted else "")
    yield
    model.state.diverted = "--add" in argv
    return OK


def _grub_set_default(model: Model, argv: Argv) -> Program:
    place = model.tree / SAVED
    place.write_text("")
    yield
    place.write_text(saved_text(argv[1]))
    return OK


def _cat(model: Model, argv: Argv) -> Program:
    yield from nothing()
    return Said(0, model.place(argv[-1]).read_text())


def _head(model: Model, argv: Argv) -> Program:
    yield from nothing()
    place = model.place(argv[-1])
    if not place.is_file():
        return refused(f"head: cannot open '{argv[-1]}' for reading: No such file or directory")
    return Said(0, place.read_text().split("\n")[0] + "\n")


# ---- services


def _systemctl(model: Model, argv: Argv) -> Program:
    verb, name = argv[1], argv[-1].removesuffix(".service")
    known = name in model.state.enabled or (model.tree / "etc/init.d" / name).is_file()
    match verb:
        case "is-enabled":
            word = "enabled" if model.state.enabled.get(name) else "disabled"
            return Said(0 if word == "enabled" else 1, f"{word}\n") if known else refused(name)
        case "is-active":
            active = bool(model.state.timer)
            return Said(0 if active else 3, "active\n" if active else "inactive\n")
        case "enable" | "disable":
            yield
            if not known:
                return refused(f"Unit {name} does not exist.")
            # Of an init script, links that stop it stay: as good as a false word here.
            model.state.enabled[name] = verb == "enable"
        case "stop":
            yield
            model.state.timer = ()
        case "start" | "reboot":
            yield
        case _:
            raise AssertionError(argv)
    return OK


def _update_rc_d(model: Model, argv: Argv) -> Program:
    assert argv[1] == "-f" and argv[3] == "remove", argv
    yield
    model.state.enabled.pop(argv[2], None)
    return OK


def _systemd_run(model: Model, argv: Argv) -> Program:
    yield
    if model.state.timer:
        return refused("Unit xen-setup-unconfirmed.timer already exists.")
    model.state.timer = argv[argv.index("--") + 1 :]
    return OK


# ---- the network


def _ifup(model: Model, argv: Argv) -> Program:
    name = argv[-1]
    stanza = stanzas(model.tree).get(name)
    if stanza is None:
        return refused(f"ifup: unknown interface {name}")
    link = model.state.links.get(name)
    if link is not None and link.configured and "--force" not in argv:
        return Said(0, f"ifup: interface {name} already configured\n")
    if stanza.ports:
        made = model.state.links.setdefault(name, Link(bridge=True, configured=False))
        made.configured = False
        yield  # bridge-utils waits a second here
        for port in stanza.ports:
            model.state.links[port].master, model.state.links[port].mode = name, "none"
    yield
    model.bring_up(name)
    return OK


def _ifdown(model: Model, argv: Argv) -> Program:
    name = argv[-1]
    link = model.state.links.get(name)
    stanza = stanzas(model.tree).get(name)
    if "--force" not in argv and (link is None or not link.configured):
        return Said(0, f"ifdown: interface {name} not configured\n")
    if stanza is None:
        return refused(f"ifdown: unknown interface {name}")
    if link is None:
        return OK
    link.addresses = ()
    yield
    link.configured = False
    if link.bridge and stanza is not None and stanza.ports:
        for port in model.state.links.values():
            if port.master == name:
                port.master = ""
        del model.state.links[name]
    return OK


def _ip(model: Model, argv: Argv) -> Program:
    words = [word for word in argv[1:] if not word.startswith("-")]
    match words:
        case ["address", "show", "dev", name, "scope", "global"]:
            link = model.state.links.get(name)
            if link is None:
                return refused(f"Device {name} does not exist.")
            if "-oneline" in argv:
                return Said(0, "".join(f"2: {name}    inet {one} brd\n" for one in link.addresses))
            shown = [f"2: {name}: <UP>{_master(link)} qlen 1\n"]
            shown += [f"    inet {one} scope global {name}\n" for one in link.addresses]
            return Said(0, "".join(shown))
        case ["link", "show", "master", name]:
            ports = [port for port, one in model.state.links.items() if one.master == name]
            if name not in model.state.links:
                return refused(f"Device {name} does not exist.")
            return Said(0, "".join(f"2: {port}: <UP> master {name}\n" for port in ports))
        case ["link", "show", "dev", name, *only_up]:
            link = model.state.links.get(name)
            if link is None:
                return refused(f"Device {name} does not exist.")
            if only_up and not link.up:
                return OK  # prints nothing, and ends with 0
            flags = _flags(model, name)
            if "-oneline" in argv:
                return Said(0, f"3: {name}: <{flags}> mtu 1500\n")
            modes = f"    addrgenmode {link.mode} numtxqueues 1"
            return Said(0, f"2: {name}: <{flags}>{_master(link)} qlen 1\n{modes}\n")
        case ["neighbour", "flush", *_]:
            return OK
        case ["neighbour", "show", "to", gateway, "dev", name, "nud", "reachable"]:
            if name not in model.state.links:
                return refused(f"Device {name} does not exist.")
            known = f"{gateway} lladdr 52:55:0a:00:02:02 REACHABLE\n"
            return Said(0, known if _carries(model, name) else "")
        case ["link", "set", "dev", name, "addrgenmode", mode]:
            yield
            model.state.links[name].mode = mode
        case _:
            raise AssertionError(argv)
    return OK


def _master(link: Link) -> str:
    return f" master {link.master}" if link.master else ""


def _carries(model: Model, name: str) -> bool:
    """Whether an interface is up, with a cable in it; a bridge's is in its ports."""
    link = model.state.links[name]
    ports = [port for port in model.state.links.values() if port.master == name]
    return link.up and (not link.bridge or any(port.up for port in ports))


def _flags(model: Model, name: str) -> str:
    carries = "BROADCAST,UP,LOWER_UP" if _carries(model, name) else "NO-CARRIER,BROADCAST,UP"
    return carries if model.state.links[name].up else "BROADCAST"


def _ping(model: Model, argv: Argv) -> Program:
    """To a gateway that is reached, and says nothing to it."""
    yield from nothing()
    return refused("")


def _sh(model: Model, argv: Argv) -> Program:
    """What a guard asks: `one | grep -q words && { one; two || three; }`; no more of a shell."""
    said = OK
    for condition in argv[2].split(" && "):
        for alternatives in condition.strip("{ }").removesuffix(";").split("; "):
            for command in alternatives.split(" || "):
                first, *greps = command.split(" | ")
                said = yield from program(model, tuple(shlex.split(first)))
                for grep in greps:
                    name, option, words = shlex.split(grep)
                    assert (name, option) == ("grep", "-q"), argv
                    said = OK if words in said.out else Said(1)
                if said.status == 0:
                    break
        if said.status != 0:
            return said
    return said


# ---- domains


def _xl(model: Model, argv: Argv) -> Program:
    if not model.state.xen:
        return refused("xencall: error: Could not obtain handle on privileged command interface")
    verb, name = argv[1], argv[-1]
    match verb:
        case "create":
            domain = os.path.basename(name).removesuffix(".cfg")  # noqa: PTH119
            if not model.start_domain(domain):
                return refused(f"Domain with name '{domain}' already exists, or has no disk.")
            model.state.paused.add(domain)
            yield
            model.state.paused.discard(domain)
        case "destroy":
            yield
            if name not in model.state.domains:
                return refused(f"{name} is an invalid domain identifier")
            del model.state.domains[name]
            model.state.paused.discard(name)
        case "vm-list":
            rows = (
                f"{model.state.domain_uuids[one]}  {number}    {one:30}\n"
                for one, number in model.state.domains.items()
            )
            return Said(0, "UUID                                  ID    name\n" + "".join(rows))
        case "console":
            yield
            shown = name in model.state.domains and model.domain_shows(name)[1]
            return Said(0, f"{name} login: \n") if shown else Said(0, "nothing to see\n")
        case "list":
            numbers = {"Domain-0": 0, **model.state.domains}
            if len(argv) > 2:
                if name not in numbers:
                    return refused(f"{name} is an invalid domain identifier")
                numbers = {name: numbers[name]}
            lines = (
                f"{one:40} {number:5} 128 1 {model.domain_shows(one)[0]} 0.1\n"
                for one, number in numbers.items()
            )
            return Said(0, "Name ID Mem VCPUs State Time(s)\n" + "".join(lines))
        case _:
            raise AssertionError(argv)
    return OK


def _silent(model: Model, argv: Argv) -> Program:
    """A program of which nothing is seen here."""
    yield
    return OK


PROGRAMS: dict[str, Callable[[Model, Argv], Generator[None, None, Said]]] = {
    "apt-get": apt_get,
    "apt-mark": apt_mark,
    "blkid": disk_programs.blkid,
    "blockdev": disk_programs.blockdev,
    "cat": _cat,
    "chpasswd": tree_programs.chpasswd,
    "cp": tree_programs.cp,
    "debootstrap": tree_programs.debootstrap,
    "dpkg": dpkg,
    "dpkg-divert": _dpkg_divert,
    "dpkg-query": dpkg_query,
    "env": tree_programs.install_script,
    "find": tree_programs.find,
    "grub-editenv": _grub_editenv,
    "grub-reboot": _grub_reboot,
    "grub-set-default": _grub_set_default,
    "head": _head,
    "ifdown": _ifdown,
    "ifup": _ifup,
    "ip": _ip,
    "ldconfig": _silent,
    "lsblk": disk_programs.lsblk,
    "lvcreate": disk_programs.lvcreate,
    "lvremove": disk_programs.lvremove,
    "lvs": disk_programs.lvs,
    "mkfs.btrfs": disk_programs.make_filesystem,
    "mkfs.ext3": disk_programs.make_filesystem,
    "mkfs.ext4": disk_programs.make_filesystem,
    "mkfs.xfs": disk_programs.make_filesystem,
    "mkswap": disk_programs.make_filesystem,
    "mount": disk_programs.mount,
    "mv": tree_programs.mv,
    "passwd": tree_programs.passwd,
    "ping": _ping,
    "pvcreate": disk_programs.pvcreate,
    "pvremove": disk_programs.pvremove,
    "pvs": disk_programs.pvs,
    "rm": tree_programs.rm,
    "sh": _sh,
    "systemctl": _systemctl,
    "update-rc.d": _update_rc_d,
    "systemd-run": _systemd_run,
    "umount": disk_programs.umount,
    "update-grub": _update_grub,
    "vgcreate": disk_programs.vgcreate,
    "vgremove": disk_programs.vgremove,
    "vgs": disk_programs.vgs,
    "wipefs": disk_programs.wipefs,
    "xfs_db": disk_programs.xfs_db,
    "xl": _xl,
}
_IN_PACKAGES = {"mkfs.xfs": "xfsprogs", "xfs_db": "xfsprogs", "mkfs.btrfs": "btrfs-progs",
                "debootstrap": "debootstrap"}  # fmt: skip
_OF_LVM2 = {name for name in PROGRAMS if name.startswith(("lv", "vg", "pv"))}
