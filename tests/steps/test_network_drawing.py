"""The bridge as a drawing."""

from __future__ import annotations

import pytest

from steps.facts import Bridge, Card
from steps.guests import AttachedCard, Guest
from steps.network_drawing import draw
from wizard.topics import in_ascii

CARD = Card("ens3", "52:54:00:12:34:56", "virtio_net", (), True, "xenbr0", False)
BRIDGE = Bridge("xenbr0", ("ens3", "vif1.0", "vif4.1"), ("10.0.2.15/24",), True, True)


def guest(name: str, number: int, *cards: tuple[str, str]) -> Guest:
    return Guest(
        name, number, "idle", 512, 1, 3.0, (),
        tuple(
            AttachedCard(f"eth{end[-1]}", "00:16:3e:00:00:01", "xenbr0", end,
                         (address,) if address else ())
            for end, address in cards
        ),
        "", True,
    )  # fmt: skip


GUESTS = (
    guest("vm01", 1, ("vif1.0", "10.0.2.16")),
    guest("web", 4, ("vif4.0", ""), ("vif4.1", "")),
)


def test_each_guests_end_is_named_by_the_guest_it_belongs_to() -> None:
    assert draw([BRIDGE], [CARD], GUESTS).split("\n") == [
        "         your network",
        "              │",
        "            ens3   the host's card, 52:54:00:12:34:56",
        "    ┌─────────┴────────┐",
        "    │ xenbr0           │   the bridge; the host: 10.0.2.15/24",
        "    └────┬─────────────┘",
        "         ├── vif1.0   ──── eth0 of vm01 (domain 1)  10.0.2.16",
        "         └── vif4.1   ──── eth1 of web (domain 4)  00:16:3e:00:00:01",
    ]


@pytest.mark.parametrize("ports", [(), ("ens3",), ("vif7.0",), ("ens3", "eth9", "vif1.0")])
def test_any_bridge_can_be_drawn_in_80_columns(ports: tuple[str, ...]) -> None:
    drawn = draw([Bridge("a-long-name-br0", ports, (), False)] * 2, [CARD], GUESTS)
    assert in_ascii(drawn).isascii()
    assert max(map(len, drawn.split("\n"))) < 80
    assert ("no guest is plugged in" in drawn) is (set(ports) <= {"ens3"})
    assert ("which xl does not list" in drawn) is ("vif7.0" in ports)
    assert "down" in drawn


def test_no_bridge_is_no_drawing() -> None:
    assert draw([], [CARD], GUESTS) == ""
