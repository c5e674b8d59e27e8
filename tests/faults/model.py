"""A machine that keeps state: its files are real ones below a directory, the rest is a model.

Programs change it as the real ones would (programs.py), and steps see it through facts made from
it: so a program that lies is seen to lie.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from steps.facts import (
    Bridge,
    Content,
    Disk,
    Domain,
    Facts,
    GuestTree,
    LogicalVolume,
    Partition,
    Service,
    VolumeGroup,
    Xen,
)
from steps.reading.guest_tree import read_tree
from steps.reading.view import MIB, View
from steps.spare_place import with_partition
from steps.what_matters import DIRECTORIES, FILES, LINKS, NO_FILES
from tests.faults.menu import MENU, SAVED, boot_legacy, boot_loader, saved_text, update_grub
from tests.faults.state import Link, State, beside, stanzas, state_of
from wizard.actions import CreatePartition, Identity
from wizard.commands import Answer
from wizard.mounts import Mounted

_OLD = 1_100_000_000_000_000_000  # ns: files of the machine as it was are from long ago
HYPERVISOR = "xen-hypervisor-4.17-amd64"


def _asks_nothing(_argv: tuple[str, ...], _timeout: float = 20.0, /) -> Answer:
    return Answer(127, "", "not installed")


@dataclass
class Model:
    """A machine as `base` tells it, with its files below `tree`."""

    tree: Path
    base: Facts

    def __post_init__(self) -> None:
        self.state: State = state_of(self.base)

    # --- files --------------------------------------------------------------------------------

    def make_files(self) -> None:
        """Put the base's files, links and directories into an empty tree."""
        for directory in ("etc/default/grub.d", "etc/grub.d", "etc/network/interfaces.d",
                          "boot/grub", "dev", "run", "etc/systemd/system/multi-user.target.wants",
                          "var/cache/apt/archives", "var/log", "volumes"):  # fmt: skip
            (self.tree / directory).mkdir(parents=True, exist_ok=True)
        for directory in self.base.directories:
            (self.tree / directory[1:]).mkdir(parents=True, exist_ok=True)
        for path, text in self.base.files.items():
            place = self.tree / path[1:]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        for path, target in self.base.links.items():
            place = self.tree / path[1:]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            place.symlink_to(target)
        for image in self.base.xen.images:
            (self.tree / image[1:]).write_text("the hypervisor")
        for kernel in self.base.kernels:
            modules = self.tree / "lib/modules" / kernel.version
            modules.mkdir(parents=True)
            (modules / "netfront.ko").write_text("a module")
            (modules / "blkfront.ko").write_text("a module")
        for disk in self.base.disks:
            self.make_nodes((disk.path, *disk.names))
            for part in disk.partitions:
                self.make_nodes((part.path, *part.names))
        for name in self.state.volumes:
            self.make_nodes((f"/dev/{name}",))
            (self.tree / "volumes" / name).mkdir(parents=True)
        if self.base.boot.legacy is None:
            for _moment in update_grub(self.tree, self.base):
                pass
        elif self.base.boot.legacy.saved is not None:
            (self.tree / SAVED).write_text(saved_text(self.base.boot.legacy.saved))
        for place in sorted(self.tree.rglob("*")):
            os.utime(place, ns=(_OLD, _OLD), follow_symlinks=False)

    def make_nodes(self, names: Sequence[str]) -> None:
        """Something at each of these device names: whoever asks whether it is there finds it."""
        for name in names:
            node = self.tree / name[1:]
            node.parent.mkdir(parents=True, exist_ok=True)
            node.touch()

    def remove_nodes(self, names: Sequence[str]) -> None:
        """The devices are gone."""
        for name in names:
            (self.tree / name[1:]).unlink(missing_ok=True)

    def place(self, path: str) -> Path:
        """Where a path of the machine is for this process."""
        return self.tree / path.removeprefix(str(self.tree)).lstrip("/")

    def own(self, word: str) -> str:
        """A word of a command as the machine itself would write it."""
        return word.removeprefix(str(self.tree)) or "/"

    # --- devices ------------------------------------------------------------------------------

    def device(self, name: str) -> str:
        """The kernel's name of a device that may be named otherwise; "" if there is none."""
        for disk in self.base.disks:
            if name == disk.path or name in disk.names:
                return disk.path
            for part in disk.partitions:
                if name == part.path or name in part.names:
                    return part.path
            for path, made in self.state.parts.items():
                if made.disk == disk.path and name in part_names(disk, made.number):
                    return path
        if name.removeprefix("/dev/") in self.state.volumes:
            return name
        return ""

    def content(self, device: str) -> Content:
        """What is on it."""
        return self.state.content.get(device, Content("empty"))

    def size(self, device: str) -> int:
        """Its size in bytes."""
        for disk in self.base.disks:
            if disk.path == device:
                return disk.size_bytes
            for part in disk.partitions:
                if part.path == device:
                    return part.size_bytes
            if device in self.state.parts and self.state.parts[device].disk == disk.path:
                return self.state.parts[device].sectors * disk.sector_size
        return self.state.volumes[device.removeprefix("/dev/")].size * MIB

    def disk_of(self, device: str) -> Disk | None:
        """The disk that it is, or is on."""
        for disk in self.base.disks:
            paths = {disk.path, *(part.path for part in disk.partitions)}
            paths |= {path for path, made in self.state.parts.items() if made.disk == disk.path}
            if device in paths:
                return disk
        return None

    def serial(self, disk: Disk) -> str:
        """A disk's serial number, as it is now."""
        return self.state.serial or disk.serial

    def volume_of_domain(self, device: str) -> bool:
        """Whether a running domain has it as a disk."""
        return any(
            f'"{device},' in self.place(f"/etc/xen/{name}.cfg").read_text()
            for name in self.state.domains
            if self.place(f"/etc/xen/{name}.cfg").is_file()
        )

    def mounted_at(self, device: str) -> tuple[str, ...]:
        """Where it is mounted."""
        ours = tuple(point for point, known in self.state.mounts if known == device)
        volume = self.state.volumes.get(device.removeprefix("/dev/"))
        return ours or (volume.somebodys_mount if volume is not None else ())

    def mounted(self) -> list[Mounted]:
        """As /proc/self/mountinfo would list it, by the names that this process uses."""
        mounts = list(self.state.mounts)
        for name, volume in self.state.volumes.items():
            mounts += [(point, f"/dev/{name}") for point in volume.somebodys_mount]
        return [
            Mounted(str(self.place(point)), "0:0", source=str(self.place(device)))
            for point, device in mounts
        ]

    def unmount(self, point: str) -> None:
        """Take the last mount at a place away."""
        for index, (known, device) in reversed(list(enumerate(self.state.mounts))):
            if known == point:
                if device.removeprefix("/dev/") in self.state.volumes:
                    self.place(point).rename(self.tree / "volumes" / device.removeprefix("/dev/"))
                    self.place(point).mkdir(mode=0o700)
                del self.state.mounts[index]
                return

    # --- boot ---------------------------------------------------------------------------------

    def boot(self) -> None:
        """Power on: the entry is GRUB's choice, and the network comes up by ifupdown's files."""
        state = self.state
        for point, _device in list(state.mounts):
            self.unmount(point)
        shutil.rmtree(self.tree / "run", ignore_errors=True)
        (self.tree / "run").mkdir()
        menu = boot_loader(self.tree, self.now(), state.environment)
        wanted = state.environment.pop("next_entry", None) or menu.default_entry
        if menu.legacy is not None:
            wanted = boot_legacy(self.tree, self.now())
        entries = menu.entries or ()
        entry = next((one for one in entries if one.path == wanted), entries[0])
        if entry.kind == "xen" and not self.place(entry.hypervisor).is_file():
            # A menu of GRUB Legacy has seen to it before; GRUB 2 goes on only by its own word.
            assert menu.fallback_entry is not None, "GRUB stands at its menu"
            entry = next(one for one in entries if one.path == menu.fallback_entry)
        state.boots += 1
        state.xen = entry.kind == "xen"
        state.domains.clear()
        state.paused.clear()
        state.timer = ()
        cards = {card.name for card in self.base.network.cards}
        for name in [name for name in state.links if name not in cards]:
            del state.links[name]
        for link in state.links.values():
            link.addresses, link.mode, link.master, link.configured = (), "eui64", "", False
        for stanza in stanzas(self.tree).values():
            if stanza.auto and stanza.name != "lo":
                self.bring_up(stanza.name)
        if state.xen and state.enabled.get("xendomains"):
            for link_path in sorted((self.tree / "etc/xen/auto").glob("*.cfg")):
                self.start_domain(link_path.stem)

    def bring_up(self, name: str) -> bool:
        """What ifup does; false for an interface that ifupdown's files do not know."""
        stanza = stanzas(self.tree).get(name)
        if stanza is None:
            return False
        link = self.state.links.setdefault(name, Link(bridge=bool(stanza.ports)))
        link.configured = True
        for port in stanza.ports:
            self.state.links[port].master = name
            self.state.links[port].mode = "none"  # as bridge-utils' script does
        if stanza.method in ("dhcp", "static"):
            link.addresses = self.usual_addresses()
        return True

    def usual_addresses(self) -> tuple[str, ...]:
        """The address that the network has for this machine."""
        network = self.base.network
        known = [*(card.addresses for card in network.cards)]
        known += [bridge.addresses for bridge in network.bridges]
        return next((addresses for addresses in known if addresses), ())

    def start_domain(self, name: str) -> bool:
        """What xl create does; false when its disk is not to be had."""
        config = self.place(f"/etc/xen/{name}.cfg")
        if not self.state.xen or name in self.state.domains or not config.is_file():
            return False
        self.state.domain_count += 1
        self.state.domains[name] = self.state.domain_count
        found = re.search('^uuid = "(.*)"$', config.read_text(), re.MULTILINE)
        self.state.domain_uuids[name] = found[1] if found else ""
        return True

    def domain_shows(self, name: str) -> tuple[str, bool]:
        """A domain's state as xl has it, and whether its console shows a login prompt."""
        if name in self.state.paused:
            return "--p---", False
        return "-b----", self.shows_login(name)

    # --- facts --------------------------------------------------------------------------------

    def now(self) -> Facts:
        """The facts that do not need the menu."""
        state, base = self.state, self.base
        installed = {name: one for name, one in state.packages.items() if one.state == "installed"}
        facts = base
        for path in state.parts:
            facts = self._with_part(facts, path)
        facts = replace(
            facts,
            disks=tuple(self._disk(disk) for disk in facts.disks),
            volume_groups=tuple(self._group(name) for name in state.groups),
            packages={name: base.packages.get(name, "1.0") for name in installed},
            services=self._services(base, installed),
            files=dict(_files(self.tree)),
            links=dict(_links(self.tree)),
            directories=tuple(path for path in DIRECTORIES if Path(f"{self.tree}{path}").is_dir()),
            network=replace(
                base.network,
                cards=tuple(
                    replace(
                        card,
                        addresses=state.links[card.name].addresses,
                        up=state.links[card.name].up,
                        bridge=state.links[card.name].master,
                        default_route=bool(state.links[card.name].addresses),
                    )
                    for card in base.network.cards
                ),
                bridges=tuple(
                    Bridge(
                        name,
                        tuple(port for port, one in state.links.items() if one.master == name),
                        link.addresses,
                        link.up,
                        bool(link.addresses),
                    )
                    for name, link in state.links.items()
                    if link.bridge
                ),
            ),
            boot_id=f"boot-{state.boots}",
            apt=replace(base.apt, lists_age_hours=state.lists_age),
            xen=self._xen("xen-utils-common" in installed or self.has_xl()),
            guest_trees=(),
        )
        if state.diverted:
            facts = replace(facts, tools=tuple(_set_aside(base.tools or ())))
        if state.kernel:
            facts = replace(facts, kernels=(replace(base.kernels[0], version=state.kernel),))
        return facts

    def facts(self, guest_volumes: Sequence[str] = ()) -> Facts:
        """All facts, with what is in these volumes where nothing uses them."""
        facts = self.now()
        facts = replace(facts, boot=boot_loader(self.tree, facts, self.state.environment))
        return replace(facts, guest_trees=tuple(self._trees(guest_volumes)))

    def _trees(self, devices: Sequence[str]) -> Iterator[GuestTree]:
        for device in devices:
            name = device.removeprefix("/dev/")
            inside = self.tree / "volumes" / name
            content = self.content(device)
            free = not self.mounted_at(device) and not self.volume_of_domain(device)
            if name in self.state.volumes and content.kind == "filesystem" and free:
                yield read_tree(View(ask=_asks_nothing, as_root=True, root=inside), device)

    def _with_part(self, facts: Facts, path: str) -> Facts:
        made = self.state.parts[path]
        disk = next(one for one in facts.disks if one.path == made.disk)
        action = CreatePartition(
            Identity(disk.path, disk.size_bytes), made.number, made.start, made.sectors,
            disk.sector_size, "", path,
        )  # fmt: skip
        size = made.sectors * disk.sector_size // MIB
        facts = with_partition(facts, disk, action, size)
        return replace(
            facts,
            disks=tuple(
                replace(one, free=tuple(beside(made, disk.free, disk.sector_size)))
                if one.path == made.disk
                else one
                for one in facts.disks
            ),
        )

    def _disk(self, disk: Disk) -> Disk:
        def part(one: Partition) -> Partition:
            return replace(one, content=self._used(one.path))

        return replace(
            disk,
            content=self._used(disk.path),
            serial=self.serial(disk),
            partitions=tuple(part(one) for one in disk.partitions),
        )

    def _used(self, device: str) -> Content:
        """A device's content, with the group that uses it."""
        content = self.content(device)
        if content.kind != "lvm":
            return content
        users = tuple(name for name, one in self.state.groups.items() if one.device == device)
        return replace(content, used_by=users)

    def _group(self, name: str) -> VolumeGroup:
        group = self.state.groups[name]
        volumes = tuple(
            self._volume(path) for path in self.state.volumes if path.startswith(f"{name}/")
        )
        return VolumeGroup(
            name, group.uuid, group.tags, group.size,
            group.size - sum(-(-one.size // group.extent) * group.extent for one in volumes),
            group.extent, (group.device,), volumes,
        )  # fmt: skip

    def _volume(self, name: str) -> LogicalVolume:
        volume = self.state.volumes[name]
        device = f"/dev/{name}"
        points = self.mounted_at(device)
        return LogicalVolume(
            name.partition("/")[2], device, volume.uuid, volume.tags, volume.size,
            bool(points) or self.volume_of_domain(device),
            replace(self.content(device), mounted_at=points),
        )  # fmt: skip

    def _services(self, base: Facts, installed: object) -> tuple[Service, ...]:
        known = {service.name: service for service in base.services}
        for name in ("xen", "xendomains"):
            if "xen-utils-common" in self.state.packages:
                known[name] = Service(name, True, False, active=True, script=True)
        for script in sorted((self.tree / "etc/init.d").glob("xen*")):
            known[script.name] = Service(script.name, True, False, active=False, script=True)
        # None: a script without links; False: one whose links all stop it.
        return tuple(
            replace(
                service,
                enabled=bool(enabled := self.state.enabled.get(name)),
                switched_off=service.script and enabled is False,
            )
            for name, service in known.items()
        )

    def _xen(self, tools: bool) -> Xen:
        base, state = self.base.xen, self.state
        images = tuple(f"/boot/{path.name}" for path in (self.tree / "boot").glob("xen-*.gz"))
        commands = ("xl",) if tools else ()
        if not state.xen:
            return replace(
                base, running=False, control_domain=False, answers=False, domains=None,
                images=images, commands=commands, free_memory=None, version="",
            )  # fmt: skip
        dom0 = Domain("Domain-0", 0, 1024, 2, "r-----")
        domains = tuple(
            Domain(name, number, 512, 1, *self.domain_shows(name))
            for name, number in state.domains.items()
        )
        return replace(
            base, running=True, control_domain=True, answers=tools, version="4.17.7",
            free_memory=self.base.memory - 1024 - 512 * len(domains), capabilities=("pv",),
            total_memory=self.base.memory, images=images, commands=commands,
            domains=(dom0, *domains) if tools else None,
        )  # fmt: skip

    @property
    def tarball(self) -> bool:
        """Whether no package of Xen's is on the machine."""
        return "xen-utils-common" not in self.state.packages

    def has_xl(self) -> bool:
        """Whether a tarball has brought xl."""
        return (self.tree / "usr/sbin/xl").is_file()

    def shows_login(self, name: str) -> bool:
        """Whether a running guest comes to its login prompt: its volume holds a whole system."""
        return any(
            (self.tree / "volumes" / volume / "etc/xen-setup-guest").is_file()
            for volume in self.state.volumes
            if volume.endswith(f"/{name}-root")
        )


def _set_aside(tools: Sequence[str]) -> Iterator[str]:
    for name in tools:
        yield "update-grub.xen-setup" if name == "update-grub" else name


def part_names(disk: Disk, number: int) -> set[str]:
    """All names of a disk's partition."""
    return {f"{disk.path}{number}", *(f"{name}-part{number}" for name in disk.names)}


def _found(tree: Path, patterns: Sequence[str]) -> Iterator[str]:
    """The paths in the tree that the patterns stand for; * only in the last part."""
    for pattern in patterns:
        directory, _, last = pattern.rpartition("/")
        if "*" not in last:
            if os.path.lexists(f"{tree}{pattern}"):
                yield pattern
            continue
        with suppress(FileNotFoundError):
            for name in sorted(os.listdir(f"{tree}{directory}")):  # noqa: PTH208 - names only
                if fnmatchcase(name, last):
                    yield f"{directory}/{name}"


def _files(tree: Path) -> Iterator[tuple[str, str]]:
    for path in _found(tree, FILES):
        if any(fnmatchcase(path.rpartition("/")[2], one) for one in NO_FILES):
            continue
        place = Path(f"{tree}{path}")
        if place.is_symlink() and place.readlink().is_absolute():
            place = Path(f"{tree}{place.readlink()}")
        if place.is_file():
            yield path, place.read_text()


def _links(tree: Path) -> Iterator[tuple[str, str]]:
    for path in _found(tree, LINKS):
        place = Path(f"{tree}{path}")
        if place.is_symlink():
            yield path, str(place.readlink())


__all__ = ["HYPERVISOR", "MENU", "Model", "part_names"]
