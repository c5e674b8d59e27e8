"""What is suggested and offered for each question, from what is known of this machine.

Defaults, their reasons, choices and checks of settings.py's questions, as functions of `Known`.
Sizes are in MiB.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from itertools import count

from steps import not_known
from steps.credentials import key_words
from steps.facts import Facts
from steps.hosts.menu_lst import own_block
from steps.kinds import LOCKED, size_to_read
from steps.what_matters import DROP_IN
from wizard.questions import Choice, Known

LEAST_DOM0_MEMORY = 512  # MiB
GUEST_MEMORY = 512  # MiB: 256 panics while unpacking Debian 12's initrd (seen)
NO_BRIDGE = "none"


def _facts(known: Known) -> Facts:
    facts: Facts = known.facts
    return facts


def default_dom0_memory(known: Known) -> int:
    total = _facts(known).xen.total_memory or _facts(known).memory
    # A quarter, within bounds; never so much that no guest fits beside it.
    quarter = min(max(1024, total // 4 // 256 * 256), 4096)
    return max(LEAST_DOM0_MEMORY, min(quarter, (total - GUEST_MEMORY - 256) // 128 * 128))


def because_dom0_memory(known: Known) -> str:
    total = _facts(known).xen.total_memory or _facts(known).memory
    return (
        f"about a quarter of this machine's {size_to_read(total)}, 1 to 4 GiB; "
        "the rest is for guests"
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


def whether_xen_boots(known: Known) -> str:
    return "" if _facts(known).xen.control_domain else not_known.XEN_BOOTS


def has_bridge(known: Known) -> bool:
    return known.answers.get("host.bridge") != NO_BRIDGE


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


def whether_dhcp_answers(known: Known) -> str:
    """What is not known of a guest's address; nothing where guests get no card."""
    return not_known.ADDRESS_BY_DHCP if has_bridge(known) else ""


def default_gateway(known: Known) -> str | None:
    return _facts(known).network.gateway or None


def because_gateway(known: Known) -> str:
    return "the host's own" if default_gateway(known) else "the host has none"


def key_is_the_only_way_in(known: Known) -> str:
    """What a person is told who would give no SSH key, where no password opens the guest."""
    if known.answers.get("root_password") != LOCKED:
        return ""
    words = "no password opens this guest, so without a key nobody could log in. "
    if "openssh-server" not in known.answers.get("packages", ()):
        words += "(A key is of use only with openssh-server among the packages: back leads there.) "
    if _facts(known).public_keys:
        return words + "Choose a key; or none all the same."
    return words + "Give the line of a .pub file; or type - for no key all the same."


def key_choices(known: Known) -> Sequence[Choice]:
    """The keys of the person who is asked; nothing to choose from where there is none."""
    keys = _facts(known).public_keys or ()
    # Between two keys of an answer there is a comma: one in the words behind a key would be that.
    lines = [key if "," not in key else " ".join(key.split(" ")[:2]) for key in keys]
    choices = [Choice(line, key_words(key)) for line, key in zip(lines, keys, strict=True)]
    if len(lines) > 1:
        choices.append(Choice(", ".join(lines), f"all {len(lines)} of these"))
    return [*choices, Choice("-", "none")] if choices else []


def because_no_key(known: Known) -> str:
    if known.answers.get("root_password", LOCKED) != LOCKED:
        return "the password lets root in"
    return "none was given; without a password and a key nobody can log in"


def default_release(known: Known) -> str:
    distribution = _facts(known).distribution
    return distribution.codename or "stable"
