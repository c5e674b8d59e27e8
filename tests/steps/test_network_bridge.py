"""The bridge: what is done, in which order, under which guard; and where it is refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from steps import network_bridge
from steps.expected import with_file, with_packages
from steps.facts import Bridge, Card, Facts
from steps.interfaces_file import MAIN
from tests.machines import desktop, in_container, static_with_session, stock, with_bridge
from tests.steps.answered import answered
from wizard.actions import CommandShows, RunCommand, WriteFile, text_hash
from wizard.commands import ask

MINE = {"host.bridge": "xenbr0", "host.bridge_card": "ens3"}


def card(**changes: object) -> Callable[[Facts], Facts]:
    def change(facts: Facts) -> Facts:
        (first, *rest) = facts.network.cards
        cards = (replace(first, **changes), *rest)  # type: ignore[arg-type]
        return replace(facts, network=replace(facts.network, cards=cards))

    return change


def interfaces(text: str) -> Callable[[Facts], Facts]:
    return lambda facts: with_file(facts, MAIN, text)


def sourced(path: str) -> Callable[[Facts], Facts]:
    """The card's lines stand in a file that the main one sources."""
    return lambda facts: with_file(
        interfaces(f"source {path}\n")(facts), path, "auto ens3\niface ens3 inet dhcp\n"
    )


def cloud_init(*, writes: bool) -> Callable[[Facts], Facts]:
    """cloud-init wrote the card's file; and whether it may do so again."""
    text = (
        "# This file is generated from information provided by the datasource.  Changes\n"
        "# to it will not persist across an instance reboot.\nauto ens3\niface ens3 inet dhcp\n"
    )
    return lambda facts: interfaces(text)(
        replace(facts, network=replace(facts.network, cloud_init=writes))
    )


def manager(name: str) -> Callable[[Facts], Facts]:
    return lambda facts: replace(facts, network=replace(facts.network, manager=name))  # type: ignore[arg-type]


def argvs(facts: Facts, answers: Mapping[str, object] = MINE) -> list[tuple[str, ...]]:
    return [
        action.argv if isinstance(action, RunCommand) else ("write", getattr(action, "path", ""))
        for action in network_bridge.plan(answered(facts, answers), facts).actions
    ]


def test_the_card_goes_down_before_the_file_changes_and_the_bridge_comes_up_after() -> None:
    assert [
        ("ifdown", "--force", "ens3"),
        ("ip", "link", "set", "dev", "ens3", "addrgenmode", "none"),
        ("write", MAIN),
        ("ifup", "xenbr0"),
    ] == argvs(stock())


def test_undone_in_reverse_it_leads_back_through_the_same_states() -> None:
    actions = network_bridge.plan(answered(stock(), MINE), stock()).actions
    undos = [action.undo for action in reversed(actions) if isinstance(action, RunCommand)]
    assert [
        ("ifdown", "--force", "xenbr0"),
        ("ip", "link", "set", "dev", "ens3", "addrgenmode", "eui64"),
        ("ifup", "--force", "ens3"),
    ] == undos
    assert isinstance(actions[-2], WriteFile)


def test_after_a_stop_between_file_and_bridge_only_the_rest_is_done() -> None:
    facts = network_bridge.plan(answered(stock(), MINE), stock()).then
    bare = replace(facts.network.cards[0], bridge="", addresses=())
    stopped = replace(facts, network=replace(facts.network, bridges=(), cards=(bare,)))
    assert [("ip", "link", "set", "dev", "ens3", "addrgenmode", "none"),
            ("ifup", "xenbr0")] == argvs(stopped)  # fmt: skip
    assert [] == network_bridge.check(answered(stopped, MINE), stopped)


def test_every_file_is_written_over_the_one_that_was_read_only() -> None:
    extra = "/etc/network/interfaces.d/ens3"
    split = interfaces("source /etc/network/interfaces.d/*\nauto ens3\n")(stock())
    for facts in (stock(), with_file(split, extra, "iface ens3 inet dhcp\n"), without_files()):
        plan = network_bridge.plan(answered(facts, MINE), facts)
        known = {
            action.path: action.made_from
            for action in plan.actions
            if isinstance(action, WriteFile)
        }
        assert known
        assert known == {path: text_hash(facts.files.get(path, "")) for path in known}


def without_files() -> Facts:
    return card(addresses=(), default_route=False)(replace(stock(), files={}))


def test_without_ipv6_nothing_is_said_of_it() -> None:
    facts = replace(stock(), kernel_options=f"{stock().kernel_options} ipv6.disable=1")
    assert not any("addrgenmode" in argv for argv in argvs(facts))


def test_a_card_without_an_address_needs_no_farewell_and_no_guard() -> None:
    facts = card(addresses=(), default_route=False)(interfaces("auto lo\n")(stock()))
    assert ("ifdown", "--force", "ens3") not in argvs(facts)
    assert None is network_bridge.plan(answered(facts, MINE), facts).guard


def test_the_address_moves_to_the_bridge() -> None:
    then = network_bridge.plan(answered(stock(), MINE), stock()).then
    bridge = then.bridge("xenbr0")
    assert Bridge("xenbr0", ("ens3",), ("10.0.2.15/24",), True, True) == bridge
    port = then.card("ens3")
    assert port is not None
    assert ((), "xenbr0", False) == (port.addresses, port.bridge, port.default_route)


def test_the_session_over_the_card_is_asked_for() -> None:
    facts = static_with_session(stock())
    plan = network_bridge.plan(answered(facts, MINE), facts)
    assert plan.guard is not None
    assert plan.guard.ask
    assert 90 == plan.guard.seconds
    assert "xenbr0" == plan.then.network.session_card
    other = network_bridge.plan(answered(stock(), MINE), stock()).guard
    assert other is not None
    assert not other.ask


def v6(facts: Facts) -> Facts:
    return replace(facts, network=replace(facts.network, gateway="fe80::1"))


def without_ping(facts: Facts) -> Facts:
    kept = {name: one for name, one in facts.packages.items() if name != "iputils-ping"}
    return replace(facts, packages=kept)


HAS_IPV4 = "ip -oneline address show dev xenbr0 scope global | grep -q ' inet '"
HAS_IPV6 = HAS_IPV4.replace("inet", "inet6")
IS_PLUGGED = "ip link show dev xenbr0 up | grep -q LOWER_UP"


def answers(gateway: str) -> str:
    return (
        f"{{ ip neighbour flush to {gateway} dev xenbr0; "
        f"ping -c 1 -W 5 -I xenbr0 {gateway} || "
        f"ip neighbour show to {gateway} dev xenbr0 nud reachable | grep -q lladdr; }}"
    )


def asks(*conditions: str) -> tuple[str, ...]:
    return ("sh", "-c", " && ".join(conditions))


GUARDS: list[tuple[str, Callable[[Facts], Facts], tuple[str, ...]]] = [
    ("dhcp", lambda facts: facts, asks(HAS_IPV4, answers("10.0.2.2"))),
    ("dhcp, with arping", lambda facts: with_packages(facts, ("iputils-arping",)),
     ("arping", "-c", "1", "-w", "5", "-I", "xenbr0", "10.0.2.2")),
    ("static", static_with_session, asks(HAS_IPV4, answers("192.0.2.1"))),
    ("static, with arping",
     lambda facts: with_packages(static_with_session(facts), ("iputils-arping",)),
     ("arping", "-c", "1", "-w", "5", "-I", "xenbr0", "192.0.2.1")),
    ("IPv6 only", lambda facts: card(addresses=("2001:db8::2/64",))(v6(facts)),
     asks(HAS_IPV6, answers("fe80::1"))),
    ("IPv4 over a router with an IPv6 address", v6, asks(HAS_IPV4, answers("fe80::1"))),
    ("IPv6, with arping",
     lambda facts: card(addresses=("192.0.2.10/24", "2001:db8::2/64"))(
         v6(with_packages(facts, ("iputils-arping",)))),
     asks(HAS_IPV6, answers("fe80::1"))),
    ("without ping", without_ping, asks(HAS_IPV4, IS_PLUGGED)),
    ("no way out over this card", card(default_route=False), asks(HAS_IPV4, IS_PLUGGED)),
    ("nor a cable in it", card(default_route=False, up=False), asks(HAS_IPV4)),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in GUARDS],
                         ids=[row[0] for row in GUARDS])  # fmt: skip
def test_what_confirms_that_the_host_is_still_connected(
    change: Callable[[Facts], Facts], expected: tuple[str, ...]
) -> None:
    facts = change(stock())
    guard = network_bridge.plan(answered(facts, MINE), facts).guard
    assert guard is not None
    assert expected == guard.probe
    # A shell's conditions are no sentence for somebody who waits.
    asked = facts.network.gateway in " ".join(expected)
    told = (
        f"the gateway {facts.network.gateway} answers over" if asked else "is up, with its address"
    )
    assert told in guard.condition


# As the ip of iproute2 6.1 says it: with nothing to show it ends with 0 all the same.
ADDRESS = "3: xenbr0    inet 192.0.2.10/27 scope global xenbr0\\       valid_lft forever"
ADDRESS_6 = "3: xenbr0    inet6 2001:db8::2/64 scope global nodad \\       valid_lft forever"
PLUGGED = "3: xenbr0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP"
UNPLUGGED = "3: xenbr0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state DOWN"
KNOWN = "192.0.2.1 lladdr 02:00:00:00:00:01 REACHABLE"
SAID: list[tuple[str, bool, tuple[str, str, str], bool]] = [
    ("the gateway is known, and answers no ping", True, (ADDRESS, PLUGGED, KNOWN), True),
    ("the gateway is silent", True, (ADDRESS, PLUGGED, "192.0.2.1 FAILED"), False),
    ("the gateway was never seen", True, (ADDRESS, PLUGGED, ""), False),
    ("no address", True, ("", PLUGGED, KNOWN), False),
    ("an address of the other family", True, (ADDRESS_6, PLUGGED, KNOWN), False),
    ("without a gateway, all is well", False, (ADDRESS, PLUGGED, ""), True),
    ("without a gateway, no cable", False, (ADDRESS, UNPLUGGED, ""), False),
    ("without a gateway, the bridge is down", False, (ADDRESS, "", ""), False),
    ("without a gateway, no address", False, ("", PLUGGED, ""), False),
]


@pytest.mark.parametrize(("has_gateway", "said", "expected"), [row[1:] for row in SAID],
                         ids=[row[0] for row in SAID])  # fmt: skip
def test_the_guards_question_fails_once_the_host_is_cut_off(
    tmp_path: Path, has_gateway: bool, said: tuple[str, str, str], expected: bool
) -> None:
    address, link, neighbour = said
    words = f"case $* in *address*) echo '{address}';; *flush*) ;; *neigh*) echo '{neighbour}';; "
    words += "*link*) "
    for name, text in (("ip", f"{words} echo '{link}';; esac"), ("ping", "exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    facts = static_with_session(stock())
    facts = facts if has_gateway else card(default_route=False)(facts)
    guard = network_bridge.plan(answered(facts, MINE), facts).guard
    assert guard is not None
    search = f"PATH={tmp_path}:{os.environ['PATH']}"
    assert expected == (ask(("env", search, *guard.probe), 20.0).status == 0)


def test_a_bridge_that_is_there_is_used_as_it_is() -> None:
    facts = with_bridge(stock())
    plan = network_bridge.plan(answered(facts, MINE), facts)
    assert () == plan.actions
    assert "already" in plan.skipped[0]
    assert [] == network_bridge.check(answered(facts, MINE), facts)


def test_without_a_bridge_nothing_is_done() -> None:
    plan = network_bridge.plan(answered(stock(), {"host.bridge": "none"}), stock())
    assert () == plan.actions
    assert "No bridge is wanted" in plan.skipped[0]
    assert [] == network_bridge.verify(answered(stock(), {"host.bridge": "none"}), stock())


CHECKS: list[tuple[str, Callable[[Facts], Facts], Mapping[str, object], list[str]]] = [
    ("stock", lambda facts: facts, MINE, []),
    ("no such card", lambda facts: facts, {**MINE, "host.bridge_card": "eth7"}, ["bridge-card"]),
    ("the card's own name", lambda facts: facts, {**MINE, "host.bridge": "ens3"}, ["bridge-name"]),
    ("wireless", card(wireless=True), MINE, ["wireless-card"]),
    ("in another bridge", card(bridge="br0"), MINE, ["card-in-bridge"]),
    ("the bridge has another card",
     lambda facts: replace(facts, network=replace(
         facts.network, bridges=(Bridge("xenbr0", ("eth1",), (), True),))),
     MINE, ["bridge-ports"]),
    ("NetworkManager", desktop, {**MINE, "host.bridge_card": "enp3s0"}, ["network-manager"]),
    ("netplan", manager("netplan"), MINE, ["network-manager"]),
    ("networkd", manager("networkd"), MINE, ["network-manager"]),
    ("nobody knows", manager("unknown"), MINE, ["network-manager"]),
    ("a container", in_container, MINE, ["network-manager"]),
    ("an address from nowhere", interfaces("auto lo\n"), MINE, ["card-unconfigured"]),
    ("in a file of its own", sourced("/etc/network/cards"), MINE, []),
    ("in a file of the cloud image", sourced("/run/network/interfaces.d/ens3"), MINE,
     ["interfaces-elsewhere"]),
    ("cloud-init writes it", cloud_init(writes=True), MINE, ["interfaces-by-cloud-init"]),
    ("cloud-init wrote it once", cloud_init(writes=False), MINE, []),
    ("a VLAN on the card",
     interfaces("iface ens3 inet dhcp\niface ens3.7 inet dhcp\n"), MINE, ["card-in-use"]),
    ("a route over the card",
     interfaces("iface ens3 inet dhcp\n    up ip route add 10.9.0.0/16 dev ens3\n"), MINE,
     ["card-in-commands"]),
    ("a route over whatever has the address",
     interfaces("iface ens3 inet dhcp\n    up ip route add 10.9.0.0/16 dev $IFACE\n"), MINE, []),
    ("the bridge is in the file without the card",
     interfaces("iface ens3 inet dhcp\niface xenbr0 inet manual\n    bridge_ports none\n"),
     MINE, ["bridge-configured"]),
    ("the bridge is in the file with the card, and down",
     interfaces("iface ens3 inet manual\niface xenbr0 inet dhcp\n    bridge_ports ens3\n"),
     MINE, []),
    ("there, and in no file",
     lambda facts: with_file(with_bridge(facts), MAIN, "iface ens3 inet manual\n"), MINE,
     ["bridge-not-kept"]),
    ("a comment in Latin-1", interfaces("# Ger\ufffdt\niface ens3 inet dhcp\n"), MINE,
     ["interfaces-not-utf8"]),
    ("none wanted", in_container, {"host.bridge": "none"}, []),
]  # fmt: skip


@pytest.mark.parametrize(("change", "answers", "expected"), [row[1:] for row in CHECKS],
                         ids=[row[0] for row in CHECKS])  # fmt: skip
def test_what_stands_in_the_way(
    change: Callable[[Facts], Facts], answers: Mapping[str, object], expected: list[str]
) -> None:
    facts = change(stock())
    problems = network_bridge.check(answered(facts, answers), facts)
    assert expected == [problem.name for problem in problems]


@pytest.mark.parametrize("name", ["NetworkManager", "netplan", "networkd"])
def test_who_configures_the_network_is_named_with_what_to_do_there(name: str) -> None:
    facts = manager(name)(stock())
    (problem,) = network_bridge.check(answered(facts, MINE), facts)
    assert name in problem.what
    assert "xenbr0" in problem.hint
    assert "ens3" in problem.hint or name == "networkd"


def bridged(**changes: object) -> Callable[[Facts], Facts]:
    def change(facts: Facts) -> Facts:
        then = network_bridge.plan(answered(facts, MINE), facts).then
        bridges = tuple(replace(item, **changes) for item in then.network.bridges)  # type: ignore[arg-type]
        return replace(then, network=replace(then.network, bridges=bridges))

    return change


FOUND: list[tuple[str, Callable[[Facts], Facts], list[str]]] = [
    ("all is well", bridged(), []),
    ("no bridge", lambda facts: facts, ["bridge-missing"]),
    ("no port", bridged(ports=()), ["bridge-ports"]),
    ("no address", bridged(addresses=()), ["bridge-address"]),
    (
        "no router has announced an address yet",
        lambda facts: bridged(addresses=())(interfaces("iface ens3 inet6 auto\n")(facts)),
        ["bridge-address"],
    ),
    ("gone from the file", lambda facts: with_file(bridged()(facts), MAIN, "auto lo\n"), []),
]


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in FOUND],
                         ids=[row[0] for row in FOUND])  # fmt: skip
def test_what_the_network_read_again_shows(
    change: Callable[[Facts], Facts], expected: list[str]
) -> None:
    facts = change(stock())
    problems = network_bridge.verify(answered(stock(), MINE), facts)
    assert expected == [problem.name for problem in problems]


def test_what_cloud_init_may_write_anew_is_only_warned_of() -> None:
    facts = cloud_init(writes=True)(stock())
    (problem,) = network_bridge.check(answered(facts, MINE), facts)
    assert "warning" == problem.severity
    assert "/etc/cloud/cloud.cfg.d/99-disable-network-config.cfg" in problem.hint


def test_an_address_that_a_router_may_yet_announce_is_no_error() -> None:
    facts = bridged(addresses=())(interfaces("iface ens3 inet6 auto\n")(stock()))
    (problem,) = network_bridge.verify(answered(stock(), MINE), facts)
    assert "warning" == problem.severity


def test_a_card_of_a_name_with_dots_is_not_taken_for_a_pattern() -> None:
    odd = Card("e.0", "02:00:00:00:00:01", "x", (), True, "", False)
    facts = replace(stock(), network=replace(stock().network, cards=(odd,)))
    facts = with_file(facts, MAIN, "auto lo\n")
    plan = network_bridge.plan(answered(facts, {**MINE, "host.bridge_card": "e.0"}), facts)
    probes = [action.probe for action in plan.actions if isinstance(action, RunCommand)]
    patterns = [probe.pattern for probe in probes if isinstance(probe, CommandShows)]
    assert any(r"e\.0" in pattern for pattern in patterns)
