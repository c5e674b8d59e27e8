"""What a simulated machine is, apart from its files: packages, network, LVM, mounts, domains."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from steps.facts import Content, Facts, FreeRegion


@dataclass
class Package:
    """As dpkg and apt-mark know it."""

    state: str = "installed"
    automatic: bool = False


@dataclass
class Link:
    """A network interface: a card, or a bridge with its ports."""

    up: bool = True
    addresses: tuple[str, ...] = ()
    mode: str = "eui64"
    master: str = ""
    bridge: bool = False
    configured: bool = True  # as ifupdown notes it in /run/network


@dataclass
class Part:
    """A partition that was not on the machine when it was first looked at."""

    disk: str
    number: int
    start: int
    sectors: int


@dataclass
class Group:
    """A volume group on one physical volume; sizes in MiB."""

    tags: tuple[str, ...]
    device: str
    size: int
    extent: int = 4
    uuid: str = ""


@dataclass
class Volume:
    """A logical volume; its size in MiB."""

    size: int
    tags: tuple[str, ...]
    uuid: str = ""
    somebodys_mount: tuple[str, ...] = ()  # where it is mounted outside of our work
    origin: str = ""  # of what it is a snapshot


@dataclass
class State:
    """All of it. `domains` are ids by name, `menu` is in the tree as /boot/grub/grub.cfg."""

    boots: int = 1
    xen: bool = False
    packages: dict[str, Package] = field(default_factory=dict)
    enabled: dict[str, bool] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)
    content: dict[str, Content] = field(default_factory=dict)
    # In the space that is no partition.
    remains: Content = field(default_factory=lambda: Content("empty"))
    groups: dict[str, Group] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)  # by "group/name"
    mounts: list[tuple[str, str]] = field(default_factory=list)  # (point, device), in order
    environment: dict[str, str] = field(default_factory=dict)  # GRUB's
    domains: dict[str, int] = field(default_factory=dict)
    domain_uuids: dict[str, str] = field(default_factory=dict)
    domain_count: int = 0
    unfinished: set[str] = field(default_factory=set)  # devices with an XFS that mkfs did not end
    paused: set[str] = field(default_factory=set)  # domains that are built, and stand still
    timer: tuple[str, ...] = ()
    lists_age: int | None = 0
    kernel: str = ""  # another one than the facts', after an upgrade
    serial: str = ""  # another one than the facts', after the disk was changed
    diverted: bool = False  # update-grub is set aside

    def copied(self) -> bytes:
        """A copy to keep; `State.from_copy` gives it back."""
        return pickle.dumps(self)

    @staticmethod
    def from_copy(copy: bytes) -> State:
        """The state that was kept."""
        found = pickle.loads(copy)
        assert isinstance(found, State)
        return found


def state_of(facts: Facts) -> State:
    """The state of a machine as its facts tell it."""
    state = State(xen=facts.xen.control_domain, lists_age=facts.apt.lists_age_hours)
    state.packages = {name: Package() for name in facts.packages}
    state.enabled = {service.name: service.enabled for service in facts.services}
    for card in facts.network.cards:
        state.links[card.name] = Link(card.up, card.addresses, master=card.bridge)
        if card.bridge:
            state.links[card.name].mode = "none"
    for bridge in facts.network.bridges:
        state.links[bridge.name] = Link(bridge.up, bridge.addresses, bridge=True)
    for group in facts.volume_groups or ():
        state.groups[group.name] = Group(
            group.tags, group.devices[0], group.size, group.extent, group.uuid
        )
        for volume in group.volumes:
            state.volumes[f"{group.name}/{volume.name}"] = Volume(
                volume.size, volume.tags, volume.uuid, volume.content.mounted_at
            )
            state.content[volume.path] = volume.content
    for disk in facts.disks:
        state.content[disk.path] = disk.content
        for part in disk.partitions:
            state.content[part.path] = part.content
    if facts.boot.next_entry:
        state.environment["next_entry"] = facts.boot.next_entry
    return state


def beside(made: Part, free: tuple[FreeRegion, ...], sector_size: int) -> Iterator[FreeRegion]:
    """What stays free on a disk with this partition, as steps/disks.py would read it."""
    per_mib = (1 << 20) // sector_size
    for region in free:
        number = region.next_number + (region.next_number == made.number)
        end, after = region.start + region.sectors, made.start + made.sectors
        pieces = [(region.start, end)]
        if region.start < after and made.start < end:
            pieces = [(region.start, made.start), (-(-after // per_mib) * per_mib, end)]
        for start, stop in pieces:
            if (mib := (stop - start) // per_mib) > 0:
                yield replace(
                    region, start=start, sectors=mib * per_mib, size=mib, next_number=number
                )


@dataclass(frozen=True)
class Stanza:
    """An `iface` of ifupdown's files."""

    name: str
    method: str
    ports: tuple[str, ...]
    auto: bool


def stanzas(tree: Path) -> dict[str, Stanza]:
    """The interfaces that ifupdown would make of the files in the tree."""
    directory = tree / "etc/network"
    paths = [directory / "interfaces", *sorted((directory / "interfaces.d").glob("*"))]
    text = "\n".join(path.read_text() for path in paths if path.is_file())
    words = re.findall(r"^(?:auto|allow-hotplug)\s+(.*)$", text, re.MULTILINE)
    automatic = {name for line in words for name in line.split()}
    found = {}
    for name, method, body in re.findall(
        r"^iface (\S+) inet (\S+)\n((?:[ \t]+.*\n)*)", text, re.MULTILINE
    ):
        ports = re.search(r"bridge_ports (.*)", body)
        found[name] = Stanza(
            name, method, tuple(ports[1].split()) if ports else (), name in automatic
        )
    return found
