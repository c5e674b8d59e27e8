"""What the bridge's step asks, of a real bridge between two network namespaces."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from steps import network_bridge
from tests.machines import static_with_session, stock
from tests.steps.answered import answered
from wizard.actions import RunCommand

HOST, GATEWAY = f"xs-host-{os.getpid()}", f"xs-gate-{os.getpid()}"


def tool(*argv: str) -> bool:
    """Whether a command ends well."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode == 0


def _can() -> bool:
    if os.geteuid() != 0 or not (shutil.which("ping") and shutil.which("ip")):
        return False
    try:
        return tool("ip", "netns", "add", HOST) and tool(
            "ip", "-n", HOST, "link", "add", "br0", "type", "bridge"
        )
    finally:
        tool("ip", "netns", "delete", HOST)


pytestmark = pytest.mark.skipif(
    not _can(), reason="network namespaces with a bridge need root, iproute2, ping and a kernel"
)


@dataclass(frozen=True)
class Cable:
    """A host with xenbr0, and a gateway at the other end of its cable."""

    question: tuple[str, ...]
    others: tuple[str, ...]

    def answers(self) -> bool:
        return tool("ip", "netns", "exec", HOST, *self.question)


@pytest.fixture
def cable() -> Iterator[Cable]:
    facts = static_with_session(stock())
    settings = answered(facts, {"host.bridge": "xenbr0"})
    plan = network_bridge.plan(settings, facts)
    card, guard, others = settings.host.bridge_card, plan.guard, plan.actions[-1]
    assert guard is not None
    assert isinstance(others, RunCommand)
    assert "ping" in " ".join(guard.probe)
    (address,) = {one for card in facts.network.cards for one in card.addresses if "." in one}
    prefix = address.partition("/")[2]
    commands = (
        f"link add {card} type veth peer name port netns {GATEWAY}",
        "link add xenbr0 type bridge",
        f"link set {card} master xenbr0",
        f"link set {card} up",
        "link set xenbr0 up",
        f"address add {address} dev xenbr0",
    )
    try:
        for name in (HOST, GATEWAY):
            assert tool("ip", "netns", "add", name)
        for command in commands:
            assert tool("ip", "-n", HOST, *command.split()), command
        gateway = f"{facts.network.gateway}/{prefix}"
        assert tool("ip", "-n", GATEWAY, "address", "add", gateway, "dev", "port")
        assert tool("ip", "-n", GATEWAY, "link", "set", "port", "up")
        yield Cable(guard.probe, others.dependents)
    finally:
        for name in (HOST, GATEWAY):
            tool("ip", "netns", "delete", name)


def test_a_gateway_that_answers_is_reached(cable: Cable) -> None:
    assert cable.answers()


def test_a_gateway_that_answers_no_ping_is_reached_all_the_same(cable: Cable) -> None:
    quiet = ("sysctl", "-w", "net.ipv4.icmp_echo_ignore_all=1")
    assert tool("ip", "netns", "exec", GATEWAY, *quiet)
    assert cable.answers()


def test_a_gateway_that_was_known_and_does_not_answer_any_more_is_not_reached(cable: Cable) -> None:
    # A bridge that nothing came out of was confirmed: something had asked for the gateway's
    # hardware address before the way was cut (seen in the practice machine).
    assert cable.answers()
    assert tool("ip", "-n", GATEWAY, "address", "flush", "dev", "port")
    known = ("ip", "-n", HOST, "neighbour", "show")
    shown = subprocess.run(known, capture_output=True, text=True, check=True).stdout
    assert "lladdr" in shown
    assert not cable.answers()


def test_a_cable_that_is_out_reaches_nothing(cable: Cable) -> None:
    assert tool("ip", "-n", GATEWAY, "link", "set", "port", "down")
    assert not cable.answers()


def test_who_else_is_in_the_bridge_is_listed(cable: Cable) -> None:
    def listed() -> subprocess.CompletedProcess[str]:
        listing = ("ip", "netns", "exec", HOST, *cable.others)
        return subprocess.run(listing, capture_output=True, text=True, check=False)

    assert (listed().returncode, listed().stdout) == (0, "")
    for command in ("link add vif9.0 type veth peer name guest", "link set vif9.0 master xenbr0"):
        assert tool("ip", "-n", HOST, *command.split())
    assert (listed().returncode, listed().stdout) == (0, "vif9.0\n")
    assert tool("ip", "-n", HOST, "link", "delete", "xenbr0")
    assert listed().returncode != 0
