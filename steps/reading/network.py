"""Network: cards and bridges, who configures them, and which one this session comes in by."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Sequence
from typing import Any, Literal

from steps import interfaces_file
from steps.facts import Bridge, Card, Network
from steps.reading.view import View

Manager = Literal["ifupdown", "networkd", "NetworkManager", "netplan", "none", "unknown"]

_ADDRESSES = ("ip", "-json", "address")
_ROUTES = ("ip", "-json", "route")
_STUB = "127.0.0.53"  # systemd-resolved's own; the real servers stand in another file
_MOST_FILES = 100  # of ifupdown's; more is no configuration that somebody wrote
_FOREFATHERS = 64  # processes; a longer chain of parents is a loop


def parse_addresses(text: str) -> dict[str, tuple[str, ...]]:
    """`ip -json address`: by interface, addresses with prefix length, link-local ones left out."""
    found = {}
    for link in _json_list(text):
        found[str(link.get("ifname", ""))] = tuple(
            f"{item['local']}/{item['prefixlen']}"
            for item in link.get("addr_info", ())
            if "local" in item and "prefixlen" in item and item.get("scope") != "link"
        )
    return found


def parse_default_route(text: str) -> tuple[str, str]:
    """`ip -json route`: interface and gateway of the default route with the lowest metric; of
    several ways beside each other (`nexthops`), the first.
    """
    routes: list[dict[str, Any]] = []
    for item in _json_list(text):
        if item.get("dst") == "default":
            routes += [{**item, **hop} for hop in item.get("nexthops") or [{}]]
    routes = [item for item in routes if item.get("dev")]
    if not routes:
        return "", ""
    best = min(routes, key=lambda item: int(item.get("metric", 0)))
    # IPv4 over a router with an IPv6 address (RFC 5549) has `via` instead.
    return str(best["dev"]), str(best.get("gateway") or best.get("via", {}).get("host", ""))


def parse_resolver(text: str) -> tuple[tuple[str, ...], str]:
    """resolv.conf: name servers in order, and the first domain it searches."""
    servers, domain = [], ""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["nameserver"] and len(words) > 1:
            servers.append(words[1])
        elif words[:1] in (["search"], ["domain"]) and len(words) > 1:
            domain = words[1].strip(".")
    return tuple(servers), domain


def ifupdown_files(view: View) -> list[str]:
    """The files of ifupdown's that are there: the main one, and those that are sourced."""
    found: list[str] = []
    waiting = [interfaces_file.MAIN]
    while waiting and len(found) < _MOST_FILES:
        path = waiting.pop(0)
        if path in found or not view.is_file(path):
            continue
        found.append(path)
        for source in interfaces_file.sources(path, view.text(path) or ""):
            waiting += [item for item in view.matching(source.pattern) if source.fits(item)]
    return found


def begin_network(view: View) -> None:
    """Start what `read_network` will ask."""
    view.begin(_ADDRESSES)
    view.begin(_ROUTES)


def read_network(view: View) -> Network:
    """The network as it is now."""
    addresses = parse_addresses(view.ask(_ADDRESSES, 10.0).out)
    device, gateway = parse_default_route(view.ask(_ROUTES, 10.0).out)
    if not device:
        answer = view.ask(("ip", "-6", "-json", "route"), 10.0)
        device, gateway = parse_default_route(answer.out)
    names = view.names("/sys/class/net")
    if names and not addresses:
        view.not_known("network addresses", "the program ip (package iproute2) does not answer")
    cards = tuple(
        _card(view, name, addresses.get(name, ()), device) for name in names if _is_card(view, name)
    )
    bridges = tuple(
        Bridge(
            name=name,
            ports=tuple(view.names(f"/sys/class/net/{name}/brif")),
            addresses=addresses.get(name, ()),
            up=_is_up(view, name),
            default_route=name == device,
        )
        for name in names
        if view.is_directory(f"/sys/class/net/{name}/bridge")
    )
    servers, domain = _resolver(view)
    return Network(
        manager=_manager(view, cards, bridges, device),
        cards=cards,
        bridges=bridges,
        session_card=_session_card(view, addresses),
        gateway=gateway,
        nameservers=servers,
        domain=domain,
        cloud_init=_cloud_init(view),
    )


def leaves_network_alone(text: str) -> bool:
    """Whether a file of cloud-init's says `network: {config: disabled}`, on one line or two."""
    return bool(
        re.search(r"^network:\s*(?:\{\s*|\n\s+)config:\s*[\"']?disabled\b", text, re.MULTILINE)
    )


def _cloud_init(view: View) -> bool:
    # Only what is said of the network is kept: such files may hold passwords.
    if not view.program("cloud-init") or view.exists("/etc/cloud/cloud-init.disabled"):
        return False
    paths = ["/etc/cloud/cloud.cfg", *view.matching("/etc/cloud/cloud.cfg.d/*.cfg")]
    return not any(
        leaves_network_alone(view.text(path) or "") for path in paths if view.is_file(path)
    )


def _json_list(text: str) -> list[dict[str, Any]]:
    try:
        value = json.loads(text or "[]")
    except ValueError:
        return []
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _is_card(view: View, name: str) -> bool:
    if not view.exists(f"/sys/class/net/{name}/device"):
        return False
    # The host's end of a guest's interface hangs on a device of Xen's too.
    subsystem = view.link(f"/sys/class/net/{name}/device/subsystem") or ""
    return subsystem.rpartition("/")[2] != "xen-backend"


def _card(view: View, name: str, addresses: tuple[str, ...], default_device: str) -> Card:
    place = f"/sys/class/net/{name}"
    driver = view.link(f"{place}/device/driver/module") or view.link(f"{place}/device/driver") or ""
    wireless = view.is_directory(f"{place}/wireless") or view.exists(f"{place}/phy80211")
    return Card(
        name=name,
        mac=view.word(f"{place}/address"),
        driver=driver.rpartition("/")[2],
        addresses=addresses,
        up=_is_up(view, name),
        bridge=(view.link(f"{place}/brport/bridge") or "").rpartition("/")[2],
        default_route=name == default_device,
        wireless=wireless,
    )


def _is_up(view: View, name: str) -> bool:
    # "unknown" is what drivers say that cannot tell; the administrator's flag decides then.
    state = view.word(f"/sys/class/net/{name}/operstate")
    if state == "unknown":
        flags = view.word(f"/sys/class/net/{name}/flags")
        return bool(int(flags, 16) & 1) if re.fullmatch(r"0x[0-9a-f]+", flags) else False
    return state == "up"


def _resolver(view: View) -> tuple[tuple[str, ...], str]:
    servers, domain = parse_resolver(view.text("/etc/resolv.conf") or "")
    if servers == (_STUB,):
        real, real_domain = parse_resolver(view.text("/run/systemd/resolve/resolv.conf") or "")
        return real or servers, real_domain or domain
    return servers, domain


def _manager(
    view: View, cards: Sequence[Card], bridges: Sequence[Bridge], default_device: str
) -> Manager:
    ports = next((bridge.ports for bridge in bridges if bridge.name == default_device), ())
    names = {default_device, *ports} - {""}
    if not names:
        names = {card.name for card in cards}
    configured = _ifupdown_names(view)
    if names & configured or any(_fits(name, configured) for name in names):
        return "ifupdown"
    if view.program("netplan") and any(
        view.names(directory, "*.yaml")
        for directory in ("/etc/netplan", "/run/netplan", "/lib/netplan")
    ):
        return "netplan"
    indices = [view.word(f"/sys/class/net/{name}/ifindex") for name in sorted(names)]
    for index in indices:
        state = view.text(f"/run/systemd/netif/links/{index}") or ""
        if "ADMIN_STATE=configur" in state:
            return "networkd"
    if any(view.exists(f"/run/NetworkManager/devices/{index}") for index in indices if index):
        return "NetworkManager"
    return "unknown" if default_device else "none"


def _fits(name: str, configured: set[str]) -> bool:
    # `iface en*=eth` and such patterns: interfaces(5), "PATTERN MATCHING INTERFACES".
    patterns = [word.partition("=")[0] for word in configured if "*" in word]
    return any(re.fullmatch(re.escape(word).replace(r"\*", ".*"), name) for word in patterns)


def _ifupdown_names(view: View) -> set[str]:
    if not view.program("ifup"):
        return set()
    texts = {path: view.text(path) or "" for path in ifupdown_files(view)}
    return {stanza.name for stanza in interfaces_file.stanzas(texts)}


def _session_card(view: View, addresses: dict[str, tuple[str, ...]]) -> str:
    """The interface with the address that this session's SSH connection came in to, or ""."""
    words = _ssh_connection(view).split()
    if len(words) != 4:
        return ""
    try:
        server = ipaddress.ip_address(words[2].partition("%")[0])
    except ValueError:
        return ""
    for name, own in addresses.items():
        if any(ipaddress.ip_interface(address).ip == server for address in own):
            return name
    return ""


def _ssh_connection(view: View) -> str:
    """SSH_CONNECTION of this process or, as sudo drops it, of the nearest parent that has it."""
    if view.environment.get("SSH_CONNECTION"):
        return view.environment["SSH_CONNECTION"]
    process = os.getppid()
    for _ in range(_FOREFATHERS):
        if process <= 1:
            break
        for pair in (view.read(f"/proc/{process}/environ") or b"").split(b"\0"):
            name, _, value = pair.partition(b"=")
            if name == b"SSH_CONNECTION":
                return value.decode("ascii", errors="replace")
        match = re.search(r"^PPid:\s*(\d+)", view.text(f"/proc/{process}/status") or "", re.M)
        process = int(match[1]) if match else 0
    return ""
