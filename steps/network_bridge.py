"""The bridge that guests share with the host's network card, in ifupdown's configuration."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import replace

from steps import interfaces_file, not_known, xend_config
from steps.expected import with_files
from steps.facts import Bridge, Card, Facts
from steps.lessons import network_bridge as lesson
from steps.settings import NO_BRIDGE, Settings
from wizard.actions import Action, Argv, CommandShows, RunCommand, WriteFile, text_hash
from wizard.step import Guard, Plan, Problem

TITLE = "A network bridge for the guests"
LESSON = lesson.LESSON
QUESTIONS = ("host.bridge", "host.bridge_card")

GUARD_SECONDS = 90
_BY_CLOUD_INIT = "generated from information provided by the datasource"
_MANAGERS = {
    "NetworkManager": "nmcli connection add type bridge ifname {bridge}, and then nmcli connection "
    "add type bridge-slave ifname {card} master {bridge}",
    "networkd": "a .netdev file of Kind=bridge and a .network file with Bridge={bridge} in "
    "/etc/systemd/network",
    "netplan": "`bridges: {bridge}:` with `interfaces: [{card}]` in /etc/netplan, and netplan try",
}


def check(settings: Settings, facts: Facts) -> list[Problem]:
    """Whether the bridge is there, or can be made without breaking what the card does."""
    name = settings.host.bridge
    if name == NO_BRIDGE or xend_config.makes_bridge(settings, facts):
        return []
    card = facts.card(settings.host.bridge_card)
    bridge = facts.bridge(name)
    if bridge is not None:
        return _check_existing(settings, bridge) or _check_kept(facts, name)
    if card is None:
        return [_no_such_card(settings, facts)]
    problems = []
    if facts.card(name) is not None:
        problems.append(
            Problem(
                "bridge-name",
                f"{name} is the name of a network card, so no bridge can be called that.",
                "Choose another name for host.bridge, xenbr0 say.",
            )
        )
    if card.wireless:
        problems.append(
            Problem(
                "wireless-card",
                f"{card.name} is a wireless card. An access point accepts one address per card, so "
                "guests behind a bridge would not be heard.",
                "Use a wired card for host.bridge_card, or set host.bridge to none.",
            )
        )
    if card.bridge:
        problems.append(
            Problem(
                "card-in-bridge",
                f"{card.name} is a port of the bridge {card.bridge} already.",
                f"Set host.bridge to {card.bridge}: the guests can use that one.",
            )
        )
    if not problems:
        problems = _check_manager(settings, facts, card)
    return problems


def plan(settings: Settings, facts: Facts) -> Plan[Facts]:
    """Take the card down, rewrite the configuration, bring the bridge up; under a guard."""
    name = settings.host.bridge
    if name == NO_BRIDGE:
        return Plan((), facts, skipped=("No bridge is wanted: guests get no network card.",))
    if xend_config.makes_bridge(settings, facts):
        return Plan((), facts, skipped=(xend_config.about_bridge(settings, facts),))
    if facts.bridge(name) is not None:
        return Plan((), facts, skipped=(f"The bridge {name} is there already.",))
    card = facts.card(settings.host.bridge_card)
    if card is None:
        return Plan((), facts, notes=(f"There is no card {settings.host.bridge_card}.",))
    files = interfaces_file.files_in_use(facts.files)
    actions: list[Action] = []
    if card.addresses:
        actions.append(_card_down(card, name))
    if "ipv6.disable=1" not in facts.kernel_options.split():
        actions.append(_no_link_local(card, name))
    changed: dict[str, str] = {}
    if interfaces_file.bridge_ports(files, name) is None:
        changed = interfaces_file.with_bridge(files, card.name, name)
        actions += [
            WriteFile(
                path,
                text,
                f"{card.name} becomes a port of {name}, and {name} has the card's address, at "
                "every boot too. All other lines stay as they are.",
                # A boot may have made the bridge by this file, whatever became of our ifup.
                before_undo=("ifdown", name),
                made_from=text_hash(facts.files.get(path, "")),
            )
            for path, text in changed.items()
        ]
    actions.append(_bridge_up(card, name))
    return Plan(
        tuple(actions),
        _afterwards(with_files(facts, changed), card, name),
        guard=_guard(facts, card, name),
        notes=(f"The connection over {card.name} pauses for some seconds.",)
        if card.addresses
        else (),
        unknown=(not_known.SEVERAL_CARDS,),
    )


def verify(settings: Settings, facts: Facts) -> list[Problem]:
    """The bridge with its port and its address, in the kernel and in the configuration."""
    name, card_name = settings.host.bridge, settings.host.bridge_card
    if name == NO_BRIDGE:
        return []
    if xend_config.makes_bridge(settings, facts):
        return xend_config.bridge_problems(settings, facts)
    bridge = facts.bridge(name)
    if bridge is None:
        return [
            Problem(
                "bridge-missing",
                f"There is no bridge {name}.",
                f"ifup {name} says what stands in the way; /etc/network/interfaces must name it.",
            )
        ]
    problems = _check_existing(settings, bridge)
    files = interfaces_file.files_in_use(facts.files)
    if card_name not in (interfaces_file.bridge_ports(files, name) or ()):
        return problems  # made by other means than this step's; they answer for it
    methods = {stanza.method for stanza in interfaces_file.stanzas(files) if stanza.name == name}
    if methods & {"dhcp", "static"} and not bridge.addresses:
        problems.append(
            Problem(
                "bridge-address",
                f"The bridge {name} has no address.",
                f"ifdown {name}; ifup {name} shows what the DHCP client says.",
            )
        )
    elif "auto" in methods and not bridge.addresses:
        problems.append(
            Problem(
                "bridge-address",
                f"The bridge {name} has no address: no router has announced one yet.",
                f"ifup does not wait for a router. `ip -6 address show dev {name}` must show one "
                "soon; if not, look for the router that gave the card its address.",
                "warning",
            )
        )
    return problems


def _check_existing(settings: Settings, bridge: Bridge) -> list[Problem]:
    if settings.host.bridge_card in bridge.ports:
        return []
    ports = ", ".join(bridge.ports) or "no card"
    return [
        Problem(
            "bridge-ports",
            f"The bridge {bridge.name} is there already, with {ports} in it, and not "
            f"{settings.host.bridge_card}.",
            "Choose another name for host.bridge, or the card that is in it. If it is meant so "
            "(an inner network for guests only), pass --ignore bridge-ports.",
        )
    ]


def _check_kept(facts: Facts, name: str) -> list[Problem]:
    files = interfaces_file.files_in_use(facts.files)
    if facts.network.manager != "ifupdown" or interfaces_file.bridge_ports(files, name) is not None:
        return []
    return [
        Problem(
            "bridge-not-kept",
            f"The bridge {name} is there, but no file of ifupdown's makes it at the next boot.",
            "Write it into /etc/network/interfaces (man bridge-utils-interfaces), or take it down "
            f"(ip link delete {name}) and start again: then this program does.",
            "warning",
        )
    ]


def _no_such_card(settings: Settings, facts: Facts) -> Problem:
    names = ", ".join(card.name for card in facts.network.cards) or "none at all"
    return Problem(
        "bridge-card",
        f"There is no network card {settings.host.bridge_card}; this machine has {names}.",
        "Choose one of them for host.bridge_card, or set host.bridge to none.",
    )


def _check_manager(settings: Settings, facts: Facts, card: Card) -> list[Problem]:
    name, manager = settings.host.bridge, facts.network.manager
    if manager in _MANAGERS:
        recipe = _MANAGERS[manager].format(bridge=name, card=card.name)
        return [
            Problem(
                "network-manager",
                f"{manager} configures the network here, and this program only knows how to "
                "change ifupdown's configuration.",
                f"Make the bridge yourself ({recipe}) and start again: it is then used as it is. "
                "Or set host.bridge to none.",
            )
        ]
    files = interfaces_file.files_in_use(facts.files)
    if manager != "ifupdown" and (card.addresses or not files):
        return [
            Problem(
                "network-manager",
                f"It is not known what configures {card.name}: /etc/network/interfaces does not.",
                f"Make the bridge {name} yourself and start again: it is then used as it is. Or "
                "set host.bridge to none.",
            )
        ]
    ports = interfaces_file.bridge_ports(files, name)
    if ports is not None and card.name not in ports:
        return [
            Problem(
                "bridge-configured",
                f"/etc/network/interfaces says what {name} is already, and {card.name} is not in "
                "it.",
                f"Add bridge_ports {card.name} there and run ifup {name}, or choose another name.",
            )
        ]
    if ports is not None:
        return []
    problems = []
    declared = [item for item in interfaces_file.stanzas(files) if item.name == card.name]
    if card.addresses and not declared:
        problems.append(
            Problem(
                "card-unconfigured",
                f"{card.name} has an address, and no file of ifupdown's says where from.",
                f"Add `iface {card.name} inet dhcp` (or static) to /etc/network/interfaces first, "
                "or make the bridge yourself.",
            )
        )
    standing = interfaces_file.obstacles(files, card.name)
    if standing:
        problems.append(
            Problem(
                "card-in-use",
                " ".join(standing),
                "Make the bridge by hand in these files (man bridge-utils-interfaces) and start "
                "again: it is then used as it is. Or set host.bridge to none.",
            )
        )
    commands = interfaces_file.commands_naming(files, card.name)
    if commands:
        problems.append(
            Problem(
                "card-in-commands",
                f"{' '.join(commands)} {card.name} becomes a port of {name}, without an address: "
                "a route or an address that it is given then is lost to the host.",
                f"In what stands below `iface {card.name}`, write $IFACE instead of {card.name}: "
                "ifupdown puts the interface's name there, the bridge's too. In another stanza, "
                f"write {name}, or make the bridge by hand and start again.",
            )
        )
    if not problems:
        changed = interfaces_file.with_bridge(files, card.name, name)
        problems = [
            *_elsewhere(changed, card),
            *_unlike_text(changed),
            *_written_anew(facts, files, changed),
        ]
    return problems


def _written_anew(
    facts: Facts, files: dict[str, str], changed: dict[str, str]
) -> Iterator[Problem]:
    """Files that cloud-init wrote, and may write again."""
    for path in changed:
        if facts.network.cloud_init and _BY_CLOUD_INIT in files.get(path, ""):
            yield Problem(
                "interfaces-by-cloud-init",
                f"cloud-init wrote {path}, and may write it anew at a boot: the bridge would be "
                "gone.",
                "Write `network: {config: disabled}` into "
                "/etc/cloud/cloud.cfg.d/99-disable-network-config.cfg first.",
                "warning",
            )


def _elsewhere(changed: dict[str, str], card: Card) -> list[Problem]:
    """Files that would change, and are no configuration: made anew at a boot, or another's."""
    return [
        Problem(
            "interfaces-elsewhere",
            f"What ifupdown does with {card.name} stands in {path}, which this program does not "
            "change: outside of /etc, files are mostly made anew at each boot.",
            f"Move the lines about {card.name} from there to /etc/network/interfaces and start "
            "again: Debian's cloud images write such a file for no card that ifupdown knows "
            "already. Or make the bridge yourself: it is then used as it is.",
        )
        for path in changed
        if not path.startswith("/etc/")
    ]


def _unlike_text(changed: dict[str, str]) -> list[Problem]:
    """Files that would lose something: what is no UTF-8 was replaced when it was read."""
    return [
        Problem(
            "interfaces-not-utf8",
            f"{path} must be changed, and has bytes in it that are no UTF-8 (in a comment of an "
            "older system, say): they would be lost.",
            f"Write them otherwise; `iconv --from-code latin1 --to-code UTF-8 {path}` shows it as "
            "UTF-8.",
        )
        for path, text in changed.items()
        if "\N{REPLACEMENT CHARACTER}" in text
    ]


def _card_down(card: Card, bridge: str) -> RunCommand:
    return RunCommand(
        ("ifdown", "--force", card.name),
        f"{card.name} gives up its address before it goes into the bridge: two interfaces with "
        "one address would answer for each other.",
        probe=CommandShows(
            ("ip", "-oneline", "address", "show", "dev", card.name, "scope", "global"),
            r" inet6? ",
            lacks=True,
        ),
        # As a port of a bridge that somebody has made it has none, and is to have none.
        traces=CommandShows(
            ("ip", "address", "show", "dev", card.name, "scope", "global"),
            rf" inet6? | master (?!{re.escape(bridge)} )",
            lacks=True,
        ),
        # An ifdown that was cut off has taken the address, and not noted it: without --force ifup
        # would say "already configured", and the host would stay without an address.
        undo=("ifup", "--force", card.name),
        undo_class="exact",
        timeout=180.0,
        estimate=3.0,
    )


def _no_link_local(card: Card, bridge: str) -> RunCommand:
    show = ("ip", "-details", "link", "show", "dev", card.name)
    # bridge-utils does this when it takes the card in, and does not take it back afterwards.
    return RunCommand(
        ("ip", "link", "set", "dev", card.name, "addrgenmode", "none"),
        f"As a port, {card.name} makes no IPv6 address of its own: the bridge has one.",
        probe=CommandShows(show, "addrgenmode none"),
        traces=CommandShows(
            show, rf"\A(?![^\n]* master (?!{re.escape(bridge)} ))(.|\n)*addrgenmode none"
        ),
        undo=("ip", "link", "set", "dev", card.name, "addrgenmode", "eui64"),
        undo_class="exact",
        timeout=20.0,
    )


def _bridge_up(card: Card, name: str) -> RunCommand:
    moving = " and takes the address over" if card.addresses else ""
    return RunCommand(
        ("ifup", name),
        f"Makes the bridge {name}, plugs {card.name} into it{moving}.",
        probe=CommandShows(
            ("ip", "-oneline", "link", "show", "master", name), rf"^\d+: {re.escape(card.name)}[:@]"
        ),
        # bridge-utils makes the bridge a second before it plugs the card in.
        traces=CommandShows(
            ("ip", "-oneline", "link", "show", "dev", name), rf"^\d+: {re.escape(name)}:"
        ),
        undo=("ifdown", "--force", name),
        undo_class="exact",
        # A guest that somebody else has plugged in would stand without a network.
        dependents=(
            "find",
            f"/sys/class/net/{name}/brif",
            "-mindepth",
            "1",
            "-maxdepth",
            "1",
            "!",
            "-name",
            card.name,
            "-printf",
            r"%f\n",
        ),
        timeout=240.0,
        estimate=12.0,
    )


def _guard(facts: Facts, card: Card, name: str) -> Guard | None:
    session = facts.network.session_card == card.name
    if not card.addresses and not session:
        return None
    gateway = facts.network.gateway if card.default_route else ""
    probe = _reaches(facts, card, name, gateway)
    return Guard(
        seconds=GUARD_SECONDS,
        probe=probe,
        ask=session,
        question=f"The host's address is on {name} now. Are you still connected?",
        sign=f"the gateway {gateway} answers over {name}"
        if gateway and gateway in " ".join(probe)
        else f"{name} is up, with its address",
    )


def _reaches(facts: Facts, card: Card, name: str, gateway: str) -> Argv:
    """A question whose exit status says that the host is still connected, over the bridge.

    `ip route get` would find a way over any other card, and `ip link show ... up` ends well for a
    bridge that is down: it prints nothing then.
    """
    version = ipaddress.ip_address(gateway).version if gateway else 0
    if version == 4 and "iputils-arping" in facts.packages:
        # Who forwards IPv4 on an Ethernet must answer this, whatever it thinks of ping.
        return ("arping", "-c", "1", "-w", "5", "-I", name, gateway)
    conditions = []
    versions = {ipaddress.ip_interface(address).version for address in card.addresses}
    if versions:
        family = "inet6" if (version if version in versions else min(versions)) == 6 else "inet"
        conditions.append(
            f"ip -oneline address show dev {name} scope global | grep -q ' {family} '"
        )
    if gateway and "iputils-ping" in facts.packages:
        # Many a gateway answers no ping, which would take a bridge back that works; but it must
        # say its hardware address first, when asked: what was known of it before is forgotten.
        conditions.append(
            f"{{ ip neighbour flush to {gateway} dev {name}; ping -c 1 -W 5 -I {name} {gateway} || "
            f"ip neighbour show to {gateway} dev {name} nud reachable | grep -q lladdr; }}"
        )
    elif card.up or not conditions:
        conditions.append(f"ip link show dev {name} up | grep -q LOWER_UP")
    return ("sh", "-c", " && ".join(conditions))


def _afterwards(facts: Facts, card: Card, name: str) -> Facts:
    bridge = Bridge(name, (card.name,), card.addresses, up=True, default_route=card.default_route)
    port = replace(card, addresses=(), up=True, bridge=name, default_route=False)
    network = facts.network
    return replace(
        facts,
        network=replace(
            network,
            cards=tuple(port if known.name == card.name else known for known in network.cards),
            bridges=(*network.bridges, bridge),
            session_card=name if network.session_card == card.name else network.session_card,
        ),
    )
