"""Machines to plan for: saved ones (the program's examples in steps/machines/, and those in
tests/facts/ that nobody would want to play with), and variants derived from the stock one.

`machines()` gives all of them by name. Each variant changes one thing or a few, so that a failing
table names what matters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from steps import PIPELINE
from steps.facts import (
    Bridge,
    Card,
    Content,
    Disk,
    Domain,
    Facts,
    FreeRegion,
    LogicalVolume,
    Partition,
    Service,
    VolumeGroup,
)
from steps.machines import EXAMPLES, example
from steps.saved_facts import load_facts
from steps.settings import Settings
from tests import machines_of_2006
from tests.credentials import public_key
from wizard.answers import Answers, settle

SAVED = {
    path.stem: path
    for path in (
        *(example(name) for name in EXAMPLES),
        *(Path(__file__).parent / "facts").glob("*.json"),
    )
}
MIB = 1024 * 1024


@cache
def saved(name: str) -> Facts:
    """The saved machine of this name."""
    return load_facts(SAVED[name])


def stock() -> Facts:
    """The practice machine as it comes: Debian 12, BIOS, one disk, 10 GiB of it free."""
    return saved("stock")


def ext4(label: str, uuid: str, *mounted_at: str) -> Content:
    """An ext4 filesystem, mounted or not."""
    return Content("filesystem", "ext4", label, uuid, mounted_at)


def disk(path: str, size: int, content: Content | None = None) -> Disk:
    """A whole disk of `size` MiB without a partition table, empty unless `content` says more."""
    name = path.rpartition("/")[2]
    return Disk(
        path=path,
        names=(f"/dev/disk/by-id/virtio-{name}-serial",),
        size=size,
        size_bytes=size * MIB,
        sector_size=512,
        model="",
        serial=f"{name}-serial",
        read_only=False,
        removable=False,
        system=False,
        table=None,
        table_id="",
        content=content or Content("empty"),
        partitions=(),
        free=(),
    )


def partition(disk_path: str, number: int, start: int, size: int, content: Content) -> Partition:
    """A partition of a gpt disk: `start` and `size` in MiB."""
    name = disk_path.rpartition("/")[2]
    uuid = f"0f3a7c52-1d8e-4b60-9c2f-5e6a7b8c9d{number:02x}"
    return Partition(
        path=f"{disk_path}{number}",
        names=(
            f"/dev/disk/by-id/virtio-{name}-serial-part{number}",
            f"/dev/disk/by-partuuid/{uuid}",
        ),
        number=number,
        start=start * 2048,
        sectors=size * 2048,
        size=size,
        size_bytes=size * MIB,
        uuid=uuid,
        type="0fc63daf-8483-4772-8e79-3d69d8477de4",
        content=content,
    )


def gpt(whole: Disk, partitions: tuple[Partition, ...], free: tuple[FreeRegion, ...]) -> Disk:
    """That disk with a gpt partition table on it."""
    table_id = "7d9f0b1c-42aa-4c56-8e0d-91b2c3d4e5f6"
    return replace(
        whole,
        table="gpt",
        table_id=table_id,
        content=Content("partition table", "gpt", "", table_id),
        partitions=partitions,
        free=free,
    )


def in_pieces(facts: Facts) -> Facts:
    """A disk with unpartitioned space in three pieces, two of them worth a partition."""
    home, data = ext4("home", "4f2c1a60-7d3b-4e8e-9a11-0c5d2e7f8a90"), ext4("data", "u")
    pieces = gpt(
        disk("/dev/vdb", 40960),
        (partition("/dev/vdb", 1, 1, 8192, home), partition("/dev/vdb", 2, 16385, 8192, data)),
        (
            FreeRegion(8193 * 2048, 8192 * 2048, 8192, 3),
            FreeRegion(24577 * 2048, 12288 * 2048, 12288, 3),
            FreeRegion(39937 * 2048, 1022 * 2048, 1022, 3),
        ),
    )
    return replace(facts, disks=(replace(facts.disks[0], free=()), pieces))


def with_volume_group(facts: Facts) -> Facts:
    """A second disk holds the group `xendisks`, with 8 GiB free and one volume of somebody's."""
    member = disk(
        "/dev/vdb",
        10240,
        Content(
            "lvm", "LVM2_member", "", "Wq1x2y-Zabc-defg-hijk-lmno-pqrs-tuvwxy", (), ("xendisks",)
        ),
    )
    group = VolumeGroup(
        name="xendisks",
        uuid="kJ3sd8-1a2b-3c4d-5e6f-7g8h-9i0j-kLmNoP",
        tags=(),
        size=10236,
        free=8188,
        extent=4,
        devices=("/dev/vdb",),
        volumes=(
            LogicalVolume(
                name="data",
                path="/dev/xendisks/data",
                uuid="Ab12Cd-3456-7890-abcd-efgh-ijkl-mnopqr",
                tags=(),
                size=2048,
                open=True,
                content=ext4("data", "c0ffee00-1111-4222-8333-444455556666", "/srv"),
            ),
        ),
    )  # fmt: skip
    return replace(
        facts,
        disks=(*facts.disks, member),
        volume_groups=(group,),
        packages={**facts.packages, "lvm2": "2.03.16-2"},
        directories=(*facts.directories, "/srv"),
    )


def with_spare_partition(facts: Facts) -> Facts:
    """UEFI with Secure Boot, a second gpt disk with an empty partition and one in use."""
    second = gpt(
        disk("/dev/vdb", 20480),
        (
            partition("/dev/vdb", 1, 1, 8192, Content("empty")),
            partition(
                "/dev/vdb", 2, 8193, 4096,
                ext4("home", "2b1c0d9e-8f7a-4b6c-9d5e-4f3a2b1c0d9e", "/home"),
            ),
        ),
        (FreeRegion((8193 + 4096) * 2048, (20480 - 8193 - 4096 - 1) * 2048, 8190, 3),),
    )  # fmt: skip
    packages = {name: text for name, text in facts.packages.items() if name != "grub-pc"}
    return replace(
        facts,
        firmware="uefi",
        secure_boot=True,
        disks=(*facts.disks, second),
        packages={**packages, "grub-efi-amd64": facts.packages["grub-pc"]},
    )


def with_second_disk(facts: Facts) -> Facts:
    """A second disk of 20 GiB with nothing on it."""
    return replace(facts, disks=(*facts.disks, disk("/dev/vdb", 20480)))


def in_container(facts: Facts) -> Facts:
    """A container: no boot loader, no kernel, no disks, no udev, no service manager."""
    return replace(
        facts,
        container="docker",
        kernels=(),
        udev=False,
        service_manager="unknown",
        boot=replace(
            facts.boot, kind="none", version="", config="", entries=None, default="",
            default_entry=None, root_uuid="",
        ),
        services=(),
        disks=(),
        network=replace(facts.network, manager="none"),
        unknown=("volume groups: a container does not see the machine's disks",),
        volume_groups=None,
    )  # fmt: skip


def desktop(facts: Facts) -> Facts:
    """NetworkManager, a wireless card, NVIDIA's own driver loaded, and a person with SSH keys."""
    wired = replace(facts.network.cards[0], name="enp3s0", driver="e1000e", addresses=(),
                    up=False, default_route=False)  # fmt: skip
    wireless = Card("wlp2s0", "00:28:f8:12:34:56", "iwlwifi", ("192.168.1.23/24",), True, "", True,
                    wireless=True)  # fmt: skip
    return replace(
        facts,
        graphics_modules=("nvidia",),
        public_keys=(public_key("you@desktop"), f"{public_key('you@laptop')}, the old one"),
        network=replace(
            facts.network, manager="NetworkManager", cards=(wired, wireless),
            gateway="192.168.1.1", nameservers=("192.168.1.1",), domain="home.example.org",
        ),
        services=(*facts.services, Service("NetworkManager", True, True, True)),
        files={**facts.files, "/etc/network/interfaces": "auto lo\niface lo inet loopback\n"},
    )  # fmt: skip


def full(facts: Facts) -> Facts:
    """Too small everywhere: no free space on the disk, hardly any on /, little memory."""
    only = facts.disks[0]
    return replace(
        facts,
        memory=480,
        disks=(replace(only, free=()),),
        space=dict.fromkeys(facts.space, 60),
    )


def foreign(facts: Facts) -> Facts:
    """md RAID, LUKS and foreign partitions: nothing that may be touched."""
    raid = Content("raid", "linux_raid_member", "host:0",
                   "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d", (), ("md0",))  # fmt: skip
    luks = Content(
        "luks", "crypto_LUKS", "", "d4c3b2a1-f6e5-4b7a-9d8c-5d4c3b2a1f0e", (), ("crypt",)
    )
    old = Content("filesystem", "ntfs", "Windows", "01D8A2B3C4D5E6F7")
    busy = gpt(
        disk("/dev/vdc", 8192),
        (
            partition("/dev/vdc", 1, 1, 2048, luks),
            partition("/dev/vdc", 2, 2049, 2048, old),
            partition("/dev/vdc", 3, 4097, 4094, Content("other", "bcache")),
        ),
        (),
    )
    system = replace(facts.disks[0], free=())
    return replace(
        facts,
        disks=(system, disk("/dev/vdb", 8192, raid), busy,
               disk("/dev/vdd", 8192, ext4("keep", "8f7e6d5c-4b3a-4291-8807-f6e5d4c3b2a1"))),
    )  # fmt: skip


def as_user(facts: Facts) -> Facts:
    """The same machine, read by an ordinary user: what only root can read is not known."""
    only = facts.disks[0]
    unread = Content("unknown")
    return replace(
        facts,
        as_root=False,
        boot=replace(facts.boot, entries=None, default_entry=None),
        disks=(
            replace(
                only,
                partitions=tuple(
                    replace(item, content=replace(item.content, kind="filesystem"))
                    for item in only.partitions
                ),
                free=(),
            ),
            disk("/dev/vdb", 20480, unread),
        ),
        unknown=(
            "boot menu: only root can read /boot/grub/grub.cfg",
            "free space on /dev/vda: only root can read a partition table",
            "content of /dev/vdb: only root can read it",
        ),
    )


def static_with_session(facts: Facts) -> Facts:
    """A static address by ifupdown, and the session comes in over that card (SSH)."""
    card = replace(facts.network.cards[0], addresses=("192.0.2.10/24",))
    interfaces = (
        "source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\n"
        f"auto {card.name}\niface {card.name} inet static\n    address 192.0.2.10/24\n"
        "    gateway 192.0.2.1\n    dns-nameservers 192.0.2.53\n"
    )
    return replace(
        facts,
        network=replace(
            facts.network, cards=(card,), session_card=card.name, gateway="192.0.2.1",
            nameservers=("192.0.2.53",), domain="example.org",
        ),
        files={**facts.files, "/etc/network/interfaces": interfaces},
    )  # fmt: skip


def with_bridge(facts: Facts) -> Facts:
    """xenbr0 is there already over the card, with the host's address."""
    card = facts.network.cards[0]
    interfaces = (
        f"auto lo\niface lo inet loopback\n\niface {card.name} inet manual\n\n"
        f"auto xenbr0\niface xenbr0 inet dhcp\n    bridge_ports {card.name}\n"
    )
    bridge = Bridge("xenbr0", (card.name,), card.addresses, True, True)
    return replace(
        facts,
        network=replace(
            facts.network,
            cards=(replace(card, addresses=(), bridge="xenbr0", default_route=False),),
            bridges=(bridge,),
        ),
        packages={**facts.packages, "bridge-utils": "1.7.1-1"},
        files={**facts.files, "/etc/network/interfaces": interfaces},
    )


def running(facts: Facts, *domains: Domain) -> Facts:
    """That machine under Xen, with Domain-0 and these domains running."""
    dom0 = Domain("Domain-0", 0, 1024, 2, "r-----")
    return replace(
        facts,
        xen=replace(
            facts.xen, running=True, control_domain=True, answers=True, version="4.17.7",
            free_memory=1400, total_memory=3071, capabilities=("pv",),
            images=("/boot/xen-4.17-amd64.gz",), domains=(dom0, *domains), commands=("xl",),
        ),
    )  # fmt: skip


def finished(facts: Facts) -> Facts:
    """That machine as a whole run with the default answers is to leave it."""
    settings = settle(Answers(Settings), facts)
    for step in PIPELINE:
        facts = step.plan(settings, facts).then
    return facts


VARIANTS: dict[str, Callable[[Facts], Facts]] = {
    "volume-group": with_volume_group,
    "second-disk": with_second_disk,
    "container": in_container,
    "desktop": desktop,
    "full": full,
    "foreign": foreign,
    "static": static_with_session,
    "pieces": in_pieces,
    "bridge": with_bridge,
    **machines_of_2006.VARIANTS,
}


def machines() -> dict[str, Facts]:
    """Every machine by name: the saved ones, and the variants of the stock one."""
    found = {name: saved(name) for name in sorted(SAVED)}
    return found | {name: vary(stock()) for name, vary in VARIANTS.items()}
