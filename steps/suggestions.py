"""What is suggested and offered for each question, from what is known of this machine.

Defaults, their reasons, choices and checks of settings.py's questions, as functions of `Known`.
Sizes are in MiB.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from itertools import count

from steps.facts import Disk, Facts
from steps.hosts.menu_lst import own_block
from steps.kinds import Share, show_size
from steps.what_matters import DROP_IN
from wizard.questions import Choice, Known

SPARE_SPACE = 5 * 1024  # MiB: what the tutorial asks for beyond the distribution
GUEST_MEMORY = 512  # MiB: 256 panics while unpacking Debian 12's initrd (seen)
NO_BRIDGE = "none"


def _facts(known: Known) -> Facts:
    facts: Facts = known.facts
    return facts


def default_dom0_memory(known: Known) -> int:
    total = _facts(known).xen.total_memory or _facts(known).memory
    # A quarter, within bounds; never so much that no guest fits beside it.
    quarter = min(max(1024, total // 4 // 256 * 256), 4096)
    return max(512, min(quarter, (total - GUEST_MEMORY - 256) // 128 * 128))


def because_dom0_memory(known: Known) -> str:
    total = _facts(known).xen.total_memory or _facts(known).memory
    return (
        f"about a quarter of this machine's {show_size(total)}, 1 to 4 GiB; the rest is for guests"
    )


# Under Xen the kernel's own options no longer tell: what was chosen before stays suggested.
_CHOSEN = {"com1,vga": "both", "com1": "serial", "vga": "screen"}


def _chosen_console(facts: Facts) -> str | None:
    menu = facts.files.get(facts.boot.config, "")  # of GRUB Legacy: GRUB 2's is not in the facts
    begin, end = own_block(menu) or (0, 0)
    ours = facts.files.get(DROP_IN, "") + menu[begin:end]
    found = re.search(r"\bconsole=(com1,vga|com1|vga)\b", ours)
    return _CHOSEN[found[1]] if found else None


def default_console(known: Known) -> str:
    facts = _facts(known)
    by_kernel = "serial" if "console=ttyS0" in facts.kernel_options else "screen"
    return _chosen_console(facts) or by_kernel


def because_console(known: Known) -> str:
    if _chosen_console(_facts(known)):
        return "that is what Xen is set to here"
    if default_console(known) == "serial":
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


def default_bridge(known: Known) -> str:
    facts = _facts(known)
    card = facts.card(_uplink(facts))
    if card is not None and card.bridge:
        return card.bridge
    return "xenbr0" if card is not None else NO_BRIDGE


def default_card(known: Known) -> str | None:
    return _uplink(_facts(known)) or None


def because_card(known: Known) -> str:
    facts = _facts(known)
    card = facts.card(_uplink(facts))
    if card is None:
        return "no network card with a wire was found"
    if card.default_route:
        return "it has the host's default route"
    return f"it is a port of {card.bridge}" if card.bridge else "it is the first with a wire"


def card_choices(known: Known) -> Sequence[Choice]:
    return [
        Choice(
            card.name,
            f"{card.name}  {card.mac}  {' '.join(card.addresses) or 'no address'}"
            + ("  default route" if card.default_route else ""),
            "a wireless card cannot be bridged" if card.wireless else "",
        )
        for card in _facts(known).network.cards
    ]


def has_bridge(known: Known) -> bool:
    return known.answers.get("host.bridge") != NO_BRIDGE


# ---- storage


def _name_of(disk: Disk) -> str:
    return disk.names[0] if disk.names else disk.path


def _best_place(facts: Facts, use: str = "") -> tuple[str, str]:
    """The best (use, device), of that use if one is named: free space, then an empty partition,
    then an empty disk.
    """
    regions = [
        (region.size, _name_of(disk))
        for disk in facts.disks
        for region in disk.free
        if disk.table and region.usable and region.size >= SPARE_SPACE and not disk.read_only
    ]
    if regions and use in ("", "free-space"):
        return "free-space", max(regions)[1]
    partitions = [
        (part.size, part.names[0] if part.names else part.path)
        for disk in facts.disks
        for part in disk.partitions
        if part.content.kind == "empty" and not part.system and part.size >= SPARE_SPACE
    ]
    empty = [
        (disk.size, _name_of(disk))
        for disk in facts.disks
        if disk.content.kind == "empty" and not disk.partitions and not disk.system
        if disk.size >= SPARE_SPACE and not disk.read_only and not disk.removable
    ]
    if (partitions or empty) and use in ("", "device"):
        return "device", max(partitions or empty)[1]
    return "", ""


def _roomy_group(facts: Facts) -> str:
    groups = [
        (group.free, group.name)
        for group in facts.volume_groups or ()
        if group.free >= SPARE_SPACE or "xen-setup" in group.tags
    ]
    return max(groups)[1] if groups else ""


def default_use(known: Known) -> str | None:
    facts = _facts(known)
    return "existing-group" if _roomy_group(facts) else _best_place(facts)[0] or None


def because_use(known: Known) -> str:
    match default_use(known):
        case "existing-group":
            return f"the volume group {_roomy_group(_facts(known))} is here and has room"
        case "free-space":
            return f"{_best_place(_facts(known))[1]} has unpartitioned space: nothing is lost there"
        case "device":
            return f"{_best_place(_facts(known))[1]} is empty"
    return _why_no_place(_facts(known))


def _why_no_place(facts: Facts) -> str:
    if not facts.as_root:
        return "only root can read what is free on the disks"
    return f"no group, partition, disk or unpartitioned space of {show_size(SPARE_SPACE)} was found"


def default_device(known: Known) -> str | None:
    return _best_place(_facts(known), str(known.answers.get("storage.use", "")))[1] or None


def because_device(known: Known) -> str:
    if default_device(known) is None:
        return _why_no_place(_facts(known))
    best = default_device(known)
    disk = next((disk for disk in _facts(known).disks if best in disk.names), None)
    shorter = f"{disk.path}, " if disk is not None and disk.path != best else ""
    return f"it is {shorter}the largest spare place of this machine"


def default_group(known: Known) -> str:
    if known.answers.get("storage.use") == "existing-group":
        return _roomy_group(_facts(known)) or "xendisks"
    return "xendisks"


def needs_device(known: Known) -> bool:
    return known.answers.get("storage.use") != "existing-group"


def takes_free_space(known: Known) -> bool:
    return known.answers.get("storage.use") == "free-space"


def takes_device(known: Known) -> bool:
    return known.answers.get("storage.use") == "device"


def share_of_free_space(size: int, known: Known) -> int:
    """In MiB, for a share of the largest unpartitioned region; 0 (all) where that is not known."""
    if not isinstance(size, Share):
        return size
    device = known.answers.get("storage.device")
    regions = [
        region.size
        for disk in _facts(known).disks
        for region in disk.free
        if disk.table and region.usable and (device == disk.path or device in disk.names)
    ]
    return max(regions, default=0) * size // 100


def partition_is_large_enough(size: int, known: Known) -> str:
    if not 0 < size < SPARE_SPACE:
        return ""
    device = known.answers.get("storage.device")
    return f"Of {device} that is {show_size(size)}; {show_size(SPARE_SPACE)} is needed."


def use_choices(known: Known) -> Sequence[Choice]:
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
        Choice(
            "free-space",
            "unpartitioned space of a disk: a new partition is made in it",
            "" if any(disk.table and disk.free for disk in facts.disks) else "no disk has any",
        ),
        Choice("device", "a whole partition or disk, which must be empty"),
    ]


def group_choices(known: Known) -> Sequence[Choice]:
    if known.answers.get("storage.use") != "existing-group":
        return []
    return [
        Choice(
            group.name,
            f"{group.name}  {show_size(group.size)}, {show_size(group.free)} of it free",
            "" if group.free or "xen-setup" in group.tags else "it is full",
        )
        for group in _facts(known).volume_groups or ()
    ]


def device_choices(known: Known) -> Sequence[Choice]:
    facts = _facts(known)
    if takes_free_space(known):
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


def _of_other_guests(known: Known, name: str) -> set[object]:
    """That answer of each guest before this one."""
    return {guest[name] for guest in known.earlier if name in guest}


def default_name(known: Known) -> str:
    taken = _of_other_guests(known, "name")
    return next(name for number in count(1) if (name := f"vm{number:02}") not in taken)


def name_is_free(name: str, known: Known) -> str:
    taken = name in _of_other_guests(known, "name")
    return f"Another guest is called {name}: give each its own name." if taken else ""


def address_is_free(network: str, known: Known) -> str:
    """What is wrong with a guest's address among those of the guests before it."""
    address = network.partition("/")[0]
    if address == "dhcp":
        return ""
    others = {str(other).partition("/")[0] for other in _of_other_guests(known, "network")}
    if address in others:
        return f"Another guest has the address {address}: give each its own."
    if address in _of_other_guests(known, "gateway"):
        return f"{address} is the gateway of another guest: give this one an address of its own."
    return ""


def next_address(network: str, count: int) -> str:
    """The address so many further in the same network; ValueError where it ends before."""
    if network == "dhcp":
        return network
    first = ipaddress.IPv4Interface(network)
    try:
        address = first.ip + count
    except ipaddress.AddressValueError:
        raise ValueError("there is no further address.") from None
    if address not in first.network:
        raise ValueError(f"{address} is outside the network {first.network}.")
    if address == first.network.broadcast_address and first.network.prefixlen < 31:
        raise ValueError(f"{address} is the broadcast address of {first.network}.")
    return f"{address}/{first.network.prefixlen}"


def gateway_is_no_guest(gateway: str, known: Known) -> str:
    """What is wrong with a guest's gateway: an address that this or another guest has."""
    if gateway == "none":
        return ""
    own = str(known.answers.get("network", "")).partition("/")[0]
    others = {str(other).partition("/")[0] for other in _of_other_guests(known, "network")}
    if gateway == own:
        return "It is the guest's own address: give the router's."
    return f"Another guest has the address {gateway}." if gateway in others else ""


def address_is_not_the_hosts(network: str, known: Known) -> str:
    """What is wrong with a guest's address on this machine."""
    address = network.partition("/")[0]
    here = _facts(known).network
    taken = {card.name: card.addresses for card in here.cards}
    taken |= {bridge.name: bridge.addresses for bridge in here.bridges}
    for name, addresses in taken.items():
        if address in {own.partition("/")[0] for own in addresses}:
            return f"The host itself has the address {address} ({name})."
    if address == here.gateway:
        return f"{address} is the host's gateway: give the guest an address of its own."
    return ""


def has_static_address(known: Known) -> bool:
    return bool(known.answers.get("network", "dhcp") != "dhcp")


def default_gateway(known: Known) -> str | None:
    return _facts(known).network.gateway or None


def because_gateway(known: Known) -> str:
    return "the host's own" if default_gateway(known) else "the host has none"


def default_release(known: Known) -> str:
    distribution = _facts(known).distribution
    return distribution.codename or "stable"
