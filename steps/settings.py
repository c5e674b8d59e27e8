"""Every question, declared once each, and the settings that the answers become.

A field is the question: its prompt, help, parser, default, answer-file key and schema. Sections
are the answer file's: `host`, `storage`, and `guests`, a list. Steps read settings; nothing
writes them. Sizes are in MiB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from steps import kinds
from steps.facts import Disk, Facts
from steps.kinds import show_size
from wizard.questions import Choice, Known, asked

ANSWERS_VERSION = 1
SPARE_SPACE = 5 * 1024  # MiB: what the tutorial asks for beyond the distribution
GUEST_MEMORY = 512  # MiB: 256 panics while unpacking Debian 12's initrd (seen)
NO_BRIDGE = "none"
LOCKED = "locked"


def _facts(known: Known) -> Facts:
    facts: Facts = known.facts
    return facts


def _default_dom0_memory(known: Known) -> int:
    total = _facts(known).xen.total_memory or _facts(known).memory
    # A quarter, within bounds; never so much that no guest fits beside it.
    quarter = min(max(1024, total // 4 // 256 * 256), 4096)
    return max(512, min(quarter, (total - GUEST_MEMORY - 256) // 128 * 128))


def _because_dom0_memory(known: Known) -> str:
    total = _facts(known).xen.total_memory or _facts(known).memory
    return (
        f"about a quarter of this machine's {show_size(total)}, 1 to 4 GiB; the rest is for guests"
    )


def _default_console(known: Known) -> str:
    return "serial" if "console=ttyS0" in _facts(known).kernel_options else "screen"


def _because_console(known: Known) -> str:
    if _default_console(known) == "serial":
        return "this Linux was booted with console=ttyS0"
    return "this Linux was booted without a serial console"


def _uplink(facts: Facts) -> str:
    for card in facts.network.cards:
        if card.default_route and not card.wireless:
            return card.name
    for bridge in facts.network.bridges:
        for port in bridge.ports:
            if facts.card(port):
                return port
    wired = [card.name for card in facts.network.cards if not card.wireless]
    return wired[0] if wired else ""


def _default_bridge(known: Known) -> str:
    facts = _facts(known)
    card = facts.card(_uplink(facts))
    if card is not None and card.bridge:
        return card.bridge
    return "xenbr0" if card is not None else NO_BRIDGE


def _default_card(known: Known) -> str | None:
    return _uplink(_facts(known)) or None


def _card_choices(known: Known) -> Sequence[Choice]:
    return [
        Choice(
            card.name,
            f"{card.name}  {card.mac}  {' '.join(card.addresses) or 'no address'}"
            + ("  default route" if card.default_route else ""),
            "a wireless card cannot be bridged" if card.wireless else "",
        )
        for card in _facts(known).network.cards
    ]


def _has_bridge(known: Known) -> bool:
    return known.answers.get("host.bridge") != NO_BRIDGE


# ---- storage


def _name_of(disk: Disk) -> str:
    return disk.names[0] if disk.names else disk.path


def _best_place(facts: Facts) -> tuple[str, str]:
    """The default (use, device): free space, then an empty partition, then an empty disk."""
    regions = [
        (region.size, _name_of(disk))
        for disk in facts.disks
        for region in disk.free
        if disk.table and region.usable and region.size >= SPARE_SPACE and not disk.read_only
    ]
    if regions:
        return "free-space", max(regions)[1]
    partitions = [
        (part.size, part.names[0] if part.names else part.path)
        for disk in facts.disks
        for part in disk.partitions
        if part.content.kind == "empty" and not part.system and part.size >= SPARE_SPACE
    ]
    if partitions:
        return "device", max(partitions)[1]
    empty = [
        (disk.size, _name_of(disk))
        for disk in facts.disks
        if disk.content.kind == "empty" and not disk.partitions and not disk.system
        if disk.size >= SPARE_SPACE and not disk.read_only and not disk.removable
    ]
    return ("device", max(empty)[1]) if empty else ("", "")


def _roomy_group(facts: Facts) -> str:
    groups = [
        (group.free, group.name)
        for group in facts.volume_groups or ()
        if group.free >= SPARE_SPACE or "xen-setup" in group.tags
    ]
    return max(groups)[1] if groups else ""


def _default_use(known: Known) -> str | None:
    facts = _facts(known)
    return "existing-group" if _roomy_group(facts) else _best_place(facts)[0] or None


def _because_use(known: Known) -> str:
    match _default_use(known):
        case "existing-group":
            return f"the volume group {_roomy_group(_facts(known))} is here and has room"
        case "free-space":
            return f"{_best_place(_facts(known))[1]} has unpartitioned space: nothing is lost there"
        case "device":
            return f"{_best_place(_facts(known))[1]} is empty"
    return "no spare space was found"


def _default_device(known: Known) -> str | None:
    return _best_place(_facts(known))[1] or None


def _default_group(known: Known) -> str:
    if known.answers.get("storage.use") == "existing-group":
        return _roomy_group(_facts(known)) or "xendisks"
    return "xendisks"


def _needs_device(known: Known) -> bool:
    return known.answers.get("storage.use") != "existing-group"


def _takes_free_space(known: Known) -> bool:
    return known.answers.get("storage.use") == "free-space"


def _takes_device(known: Known) -> bool:
    return known.answers.get("storage.use") == "device"


def _use_choices(known: Known) -> Sequence[Choice]:
    facts = _facts(known)
    groups = ", ".join(
        f"{group.name} ({show_size(group.free)} free)" for group in facts.volume_groups or ()
    )
    return [
        Choice(
            "existing-group",
            f"a volume group that is here: {groups or 'none'}",
            "" if groups else "there is none on this machine",
        ),
        Choice("free-space", "unpartitioned space of a disk: a new partition is made in it"),
        Choice("device", "a whole partition or disk, which must be empty"),
    ]


def _device_choices(known: Known) -> Sequence[Choice]:
    facts = _facts(known)
    if _takes_free_space(known):
        return [
            Choice(
                _name_of(disk),
                f"{disk.path}  {disk.model or 'disk'}  {show_size(disk.size)}, of it free in one "
                f"piece {show_size(max((region.size for region in disk.free), default=0))}",
                "" if disk.free and disk.table else "no unpartitioned space",
            )
            for disk in facts.disks
        ]
    choices = []
    for disk in facts.disks:
        inside = disk.content.kind != "empty" or bool(disk.partitions)
        choices.append(
            Choice(
                _name_of(disk),
                f"{disk.path}  {disk.model or 'disk'}  {show_size(disk.size)}  whole disk",
                ("the system runs from it" if disk.system else "it is not empty") if inside else "",
            )
        )
        for part in disk.partitions:
            held = " ".join((part.content.detail or part.content.kind, part.content.label)).strip()
            choices.append(
                Choice(
                    part.names[0] if part.names else part.path,
                    f"{part.path}  {show_size(part.size)}  {held}",
                    "" if part.content.kind == "empty" else f"it holds: {held}",
                )
            )
    return choices


# ---- guests


def _of_other_guests(known: Known, name: str) -> list[object]:
    """That answer of each guest before this one."""
    return [
        value
        for key, value in known.answers.items()
        if key.startswith("guests.") and key.rpartition(".")[2] == name
    ]


def _default_name(known: Known) -> str:
    taken = _of_other_guests(known, "name")
    return next(name for number in count(1) if (name := f"vm{number:02}") not in taken)


def _name_is_free(name: str, known: Known) -> str:
    taken = name in _of_other_guests(known, "name")
    return f"Another guest is called {name}: give each its own name." if taken else ""


def _address_is_free(network: str, known: Known) -> str:
    address = network.partition("/")[0]
    others = [str(other).partition("/")[0] for other in _of_other_guests(known, "network")]
    taken = address != "dhcp" and address in others
    return f"Another guest has the address {address}: give each its own." if taken else ""


def _static(known: Known) -> bool:
    return bool(known.answers.get("network", "dhcp") != "dhcp")


def _default_gateway(known: Known) -> str | None:
    return _facts(known).network.gateway or None


def _default_release(known: Known) -> str:
    distribution = _facts(known).distribution
    return distribution.codename or "stable"


@dataclass(frozen=True)
class HostSettings:
    """What becomes of the machine itself."""

    dom0_memory: int = asked(
        "How much memory does the host itself (dom0) keep?",
        kinds.size(512),
        help="Xen gives this much memory to dom0, the Linux that you are in now, and the rest to "
        "guests. A fixed amount keeps both predictable. Linux needs 512MiB at the least; 1GiB is "
        "comfortable for a host that only runs guests.",
        default=_default_dom0_memory,
        because=_because_dom0_memory,
    )
    console: str = asked(
        "Where do Xen and the host show their messages?",
        kinds.one_of("a console", "screen", "serial", "both"),
        help="`screen` is the monitor. `serial` is the first serial port (com1, 115200 baud): for "
        "machines without a monitor, and virtual ones. Under Xen the serial port belongs to the "
        "hypervisor, and dom0 writes to it through hvc0.",
        default=_default_console,
        because=_because_console,
    )
    bridge: str = asked(
        "Which bridge connects the guests to the network?",
        kinds.or_word(kinds.INTERFACE, NO_BRIDGE),
        help="A bridge is a switch in software. The host's network card becomes one of its ports, "
        "and every guest gets another, so guests stand in the same network as the host. In 2006 "
        "xend made xenbr0 by itself; today it is made in the host's network configuration. "
        "`none`: no bridge is made, and guests get no network card.",
        default=_default_bridge,
        because="the name that Xen's own documentation and tools use",
    )
    bridge_card: str = asked(
        "Which network card goes into the bridge?",
        kinds.INTERFACE,
        help="The card with the default route, mostly. Its address moves to the bridge; the "
        "connection pauses for some seconds.",
        default=_default_card,
        because="it has the host's default route",
        choices=_card_choices,
        needed=_has_bridge,
    )
    after_reboot: str = asked(
        "How does the work go on when the machine must boot into Xen?",
        kinds.one_of("a way to go on", "by-hand", "by-itself"),
        help="`by-hand`: the wizard stops, you reboot, log in and type `xen-setup resume`. "
        "`by-itself`: the machine reboots at once, and a service that runs once finishes the work.",
        default="by-hand",
        because="you see it boot, and decide when",
    )
    make_default: bool = asked(
        "Shall Xen be what the machine boots from then on?",
        kinds.YES_NO,
        help="Only after the first guest has shown its login prompt. Until then, and with `no`, "
        "plain Linux stays the entry that boots by itself.",
        default=True,
        because="a Xen host is of use only when it boots Xen",
    )
    ignore: tuple[str, ...] = asked(
        "Which failed checks shall be taken as warnings?",
        kinds.list_of(kinds.CHECK_NAME, "names of checks"),
        help="The names of checks, as `xen-setup check` prints them. Empty for most.",
        default=(),
        because="every check has its reason",
        advanced=True,
    )


@dataclass(frozen=True)
class StorageSettings:
    """Where the guests' disks are."""

    use: str = asked(
        "Where shall the guests' disks live?",
        kinds.one_of("a kind of place", "existing-group", "free-space", "device"),
        help="Guests' disks are logical volumes in an LVM volume group. Either one that is there "
        "already, or a new one on unpartitioned space, on an empty partition, or on an empty disk.",
        default=_default_use,
        because=_because_use,
        choices=_use_choices,
    )
    volume_group: str = asked(
        "What is the volume group called?",
        kinds.GROUP_NAME,
        help="A volume group is a pool of disk space that volumes are cut from. The name becomes "
        "a folder in /dev: /dev/xendisks/vm01-root.",
        default=_default_group,
        because="the tutorial's name, or that of the group that is there",
    )
    device: str = asked(
        "Which device?",
        kinds.DEVICE,
        help="For free space: the disk that has it. Otherwise the partition or disk to take. Only "
        "an empty one is accepted. Names under /dev/disk/by-id stay the same over reboots.",
        default=_default_device,
        because="it is the largest spare place of this machine",
        choices=_device_choices,
        needed=_needs_device,
    )
    partition_size: int = asked(
        "How large shall the new partition be?",
        kinds.size_or_rest(SPARE_SPACE),
        help="`rest` takes the whole unpartitioned region. At least 5GiB.",
        default=0,
        because="a volume group grows only with trouble",
        needed=_takes_free_space,
    )
    overwrite: str = asked(
        "If the device is not empty: type its path to have its content destroyed.",
        kinds.or_word(kinds.DEVICE, "no"),
        help="`no` refuses a device that holds anything. A path here, the same as the device's, "
        "agrees to lose what is on that device. It is never possible for the disk that the "
        "system runs from, nor for something in use.",
        default="no",
        because="nothing of yours is overwritten unless you say so",
        needed=_takes_device,
        advanced=True,
    )


@dataclass(frozen=True)
class GuestSettings:
    """One guest (domU)."""

    name: str = asked(
        "What is the guest called?",
        kinds.GUEST_NAME,
        help="The name in `xl list`, the host name inside, and the front of its volumes' names.",
        default=_default_name,
        because="the tutorial's names",
        check=_name_is_free,
    )
    memory: int = asked(
        "How much memory does the guest get?",
        kinds.size(64),
        help="Debian's own kernel and initrd need 512MiB to start.",
        default=GUEST_MEMORY,
        because="less, and Debian's initrd does not unpack",
    )
    vcpus: int = asked(
        "How many processors does the guest see?",
        kinds.whole_number(1, 64),
        help="Virtual processors share the real ones.",
        default=1,
        because="enough for a first guest",
    )
    root_size: int = asked(
        "How large is the guest's root volume?",
        kinds.size(1024),
        help="Holds the guest's whole system. A minimal Debian takes about 1GiB, with the "
        "kernel's modules.",
        default=2048,
        because="the tutorial's size",
    )
    swap_size: int = asked(
        "How large is its swap volume?",
        kinds.size_or_none(16),
        help="`none` makes no swap volume.",
        default=128,
        because="the tutorial's size",
    )
    filesystem: str = asked(
        "Which filesystem has the root volume?",
        kinds.one_of("a filesystem", "ext4", "ext3", "xfs", "btrfs"),
        help="ext4 is Debian's own choice. The tutorial used ext3.",
        default="ext4",
        because="Debian's own choice",
    )
    release: str = asked(
        "Which Debian or Ubuntu release goes in?",
        kinds.RELEASE,
        help="The code name, as debootstrap knows it: bookworm, trixie, noble. The guest runs on "
        "the host's kernel, so a release of about the host's age is best.",
        default=_default_release,
        because="the host's own",
    )
    mirror: str = asked(
        "From which mirror is it installed?",
        kinds.MIRROR,
        help="`host` takes the mirror of the host's own apt sources, or debootstrap's default.",
        default="host",
        because="what the host installs from works from here",
        advanced=True,
    )
    packages: tuple[str, ...] = asked(
        "Which further packages go in?",
        kinds.list_of(kinds.PACKAGE, "packages"),
        help="Beside what a login and the network need. For example openssh-server.",
        default=(),
        because="small is quick; apt inside the guest brings the rest",
    )
    network: str = asked(
        "How does the guest get its address?",
        kinds.NETWORK,
        help="`dhcp`, or an address with its prefix length, such as 192.0.2.10/24.",
        default="dhcp",
        because="most networks have a DHCP server",
        check=_address_is_free,
    )
    gateway: str = asked(
        "Which gateway does the guest use?",
        kinds.or_word(kinds.ADDRESS, "none"),
        help="The router's address in the guest's network. `none`: no way out.",
        default=_default_gateway,
        because="the host's own",
        needed=_static,
    )
    nameservers: tuple[str, ...] = asked(
        "Which name servers does the guest ask?",
        kinds.list_of(kinds.ADDRESS, "addresses"),
        help="Addresses, with commas between them. Empty: those of the host.",
        default=(),
        because="the host's own are taken",
        needed=_static,
    )
    root_password: str = asked(
        "The guest's root password",
        kinds.PASSWORD,
        help="Only its hash is kept. `locked`: nobody logs in with a password; give an SSH key "
        "then. In an answer file: `locked`, or a hash as `openssl passwd -6` prints it.",
        default=LOCKED,
        because="no password is better than one that many know",
        secret=True,
    )
    ssh_keys: tuple[str, ...] = asked(
        "Which public SSH keys may log in as root?",
        kinds.list_of(kinds.SSH_KEY, "public SSH keys", r"[,\n]"),
        help="Lines of .pub files. They are of use with openssh-server among the packages.",
        default=(),
        because="none was given",
    )
    autostart: bool = asked(
        "Shall the guest start with the host?",
        kinds.YES_NO,
        help="A link in /etc/xen/auto: xendomains starts what is there in the order of the names, "
        "and stops it in order of falling id. Put nothing into a guest that the host needs.",
        default=True,
        because="a server's guests should come back after a reboot",
    )


@dataclass(frozen=True)
class Settings:
    """All answers, typed. `ignore` names the checks that only warn."""

    host: HostSettings
    storage: StorageSettings
    guests: tuple[GuestSettings, ...]
