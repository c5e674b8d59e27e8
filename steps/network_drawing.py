"""The bridges as a drawing: who is plugged in where, and which guest each vifN.M belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from steps.facts import Bridge, Card
from steps.guests import AttachedCard, Guest

# Each line of a drawing stands in from the text's edge.
_IN = "    "


def draw(bridges: Sequence[Bridge], cards: Sequence[Card], guests: Sequence[Guest]) -> str:
    """All bridges below each other; "" where there is none."""
    return "\n\n".join("\n".join(_bridge(bridge, cards, guests)) for bridge in bridges)


def _bridge(bridge: Bridge, cards: Sequence[Card], guests: Sequence[Guest]) -> Iterator[str]:
    uplinks = [card for card in cards if card.name in bridge.ports]
    others = [port for port in bridge.ports if port not in {card.name for card in uplinks}]
    if uplinks:
        yield f"{_IN}     your network"
        yield f"{_IN}          │"
    for card in uplinks:
        words = "the host's card" if card.up else "the host's card: no link"
        yield f"{_IN}{_port_name(card.name)}   {words}, {card.mac}"
    state = "" if bridge.up else ", down"
    label = f" {bridge.name} "
    box = max(len(label), 18)
    yield f"{_IN}┌{'─────────┴' if uplinks else '──────────'}{'─' * (box - 10)}┐"
    host = ", ".join(bridge.addresses) or "no address"
    yield f"{_IN}│{label:{box}}│   the bridge{state}; the host: {host}"
    yield f"{_IN}└────┬{'─' * (box - 5)}┘" if others else f"{_IN}└{'─' * box}┘"
    for port in others:
        branch = "├" if port != others[-1] else "└"
        yield f"{_IN}     {branch}── {port:8}{_who(port, guests)}"
    if not others:
        yield f"{_IN}     no guest is plugged in"


def _port_name(name: str) -> str:
    """The name, its middle below the line of the network."""
    return f"{name:^21}".rstrip()


def _who(port: str, guests: Sequence[Guest]) -> str:
    """Whose end a port is; the number in its name is the domain's."""
    for guest in guests:
        for card in guest.cards:
            if card.interface == port:
                return f" ──── {card.name} of {guest.name} (domain {guest.id}){_address(card)}"
    match = re.fullmatch(r"vif(\d+)\.(\d+)", port)
    if match:
        return f" ──── eth{match[2]} of domain {match[1]}, which xl does not list"
    return " ──── no guest's"


def _address(card: AttachedCard) -> str:
    return f"  {card.addresses[0]}" if card.addresses else f"  {card.mac}"
