"""Failures of the host's own network: ifupdown, and the DHCP client that it starts."""

from __future__ import annotations

from wizard.diagnosis import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        "dhcp-silent",
        (r"No DHCPOFFERS received", r"No working leases in persistent database"),
        "No DHCP server answered: nothing goes over the cable, the card is not in the bridge, or "
        "that network has no such server.",
        "Look at `ip link` (the card must say LOWER_UP), `bridge link` (the card in the bridge), "
        "and the cable. Where no DHCP server is, give the host a fixed address in "
        "/etc/network/interfaces.",
        lesson="network_bridge",
    ),
    Rule(
        "no-such-interface",
        (r"^Cannot find device \"?(?P<card>[\w.:@-]+)",),
        "The host has no network interface of the name {card}.",
        "Look at `ip link` for those that it has, and at the names in /etc/network/interfaces. "
        "ifup makes a bridge only where bridge-utils is installed.",
        lesson="network_bridge",
    ),
    Rule(
        "ifup-failed",
        (r"ifup: failed to bring up (?P<card>[\w.:@-]+)",),
        "The interface {card} could not be brought up as /etc/network/interfaces says.",
        "The line before says why. `ifup --force --verbose {card}` tries again, and shows each "
        "command; interfaces(5) has what may stand in that file.",
        lesson="network_bridge",
        consequence=True,
    ),
)
