"""xend's own configuration, xend-config.sxp: whether it makes the bridge, and which.

From the file that Xen 3.0 to 4.4 installed, and from its scripts/network-bridge: `(network-script
network-bridge)` takes the card eth0 down, calls it peth0, makes a bridge with it as a port, and
gives the address to dom0's own vif0.0 (Xen 3.0, bridge xenbr0) or to the bridge itself (Xen 3.2
and later). Arguments: bridge=NAME, netdev=CARD, vifnum=N.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from steps.facts import Facts
from steps.settings import Settings
from wizard.step import Problem

CONFIG = "/etc/xen/xend-config.sxp"
_SCRIPT = re.compile(r"^\s*\(network-script\s+(?:'([^']*)'|\"([^\"]*)\"|([^)\s]+))\s*\)", re.M)


@dataclass(frozen=True)
class NetworkScript:
    """The script that xend runs when it starts: its name, and its arguments; "" is the default."""

    name: str
    bridge: str
    netdev: str


def network_script(text: str) -> NetworkScript | None:
    """The last (network-script ...) of the file that is no comment; None if there is none."""
    found = None
    for match in _SCRIPT.finditer(text):
        words = (match[1] or match[2] or match[3] or "").split()
        given = dict(word.split("=", 1) for word in words[1:] if "=" in word)
        name = words[0] if words else ""
        found = NetworkScript(name, given.get("bridge", ""), given.get("netdev", ""))
    return found


def makes_bridge(settings: Settings, facts: Facts) -> bool:
    """Whether xend makes the guests' bridge by itself here, when Xen starts."""
    if settings.host.toolstack != "xm":
        return False
    script = network_script(facts.files.get(CONFIG, ""))
    if script is None or script.name.rpartition("/")[2] != "network-bridge":
        return False
    return script.bridge in ("", settings.host.bridge)


def about_bridge(settings: Settings, facts: Facts) -> str:
    """One sentence: what xend does, and what of it is there now."""
    bridge = facts.bridge(settings.host.bridge)
    if bridge is None:
        return (
            f"xend makes {settings.host.bridge} by itself when it starts ({CONFIG}: network-script "
            "network-bridge): the card becomes peth0, a port of it, and vif0.0 is dom0's own."
        )
    ports = ", ".join(bridge.ports) or "no port"
    return f"xend has made {bridge.name}, with {ports}; each guest's vifN.M joins them."


def bridge_problems(settings: Settings, facts: Facts) -> list[Problem]:
    """Under Xen: whether xend has really made it."""
    if not facts.xen.control_domain or facts.bridge(settings.host.bridge) is not None:
        return []
    return [
        Problem(
            "bridge-missing",
            f"xend runs network-bridge ({CONFIG}), and there is no bridge {settings.host.bridge}.",
            "See /var/log/xen/xend-debug.log; /etc/xen/scripts/network-bridge start makes it, and "
            "says why not.",
        )
    ]
