"""Cards, bridges, who configures them, and the session's own way in."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from steps.facts import Bridge, Card
from steps.reading.network import (
    ifupdown_files,
    parse_addresses,
    parse_default_route,
    parse_resolver,
    read_network,
)
from tests.reading.looking import Said, captured, program, view_of

DEVICE: dict[str, str | bytes | None] = {
    "/sys/devices/pci0/virtio0/net": None,
    "/sys/devices/pci0/virtio0/driver": "-> ../../../bus/virtio/drivers/virtio_net",
    "/sys/devices/pci0/virtio0/subsystem": "-> ../../../bus/virtio",
    "/sys/bus/virtio/drivers/virtio_net": None,
    "/sys/class/net/ens3/device": "-> ../../../devices/pci0/virtio0",
    "/sys/class/net/ens3/address": "52:54:00:12:34:56\n",
    "/sys/class/net/ens3/operstate": "up\n",
    "/sys/class/net/ens3/ifindex": "2\n",
    "/sys/class/net/lo/operstate": "unknown\n",
}
ANSWERS = {
    "ip -json address": Said(captured("stock-ip-address.json")),
    "ip -json route": Said(captured("stock-ip-route.json")),
}
IFACES = "auto lo\niface lo inet loopback\nallow-hotplug ens3\niface ens3 inet dhcp\n"


def test_addresses_are_those_of_the_captured_machine_without_link_local_ones() -> None:
    assert parse_addresses(captured("stock-ip-address.json")) == {
        "lo": ("127.0.0.1/8", "::1/128"),
        "ens3": ("10.0.2.15/24",),
    }


@pytest.mark.parametrize("text", ["", "not json", "{}", "[1]", '[{"addr_info": [{}]}]'])
def test_an_answer_that_is_none_gives_no_addresses(text: str) -> None:
    assert not any(parse_addresses(text).values())


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ([], ("", "")),
        ([{"dst": "10.0.0.0/8", "dev": "a"}], ("", "")),
        ([{"dst": "default", "dev": "a", "gateway": "10.0.0.1"}], ("a", "10.0.0.1")),
        ([{"dst": "default", "dev": "a"}], ("a", "")),
        (
            [
                {"dst": "default", "dev": "wlan0", "gateway": "10.0.1.1", "metric": 600},
                {"dst": "default", "dev": "eth0", "gateway": "10.0.0.1", "metric": 100},
            ],
            ("eth0", "10.0.0.1"),
        ),
        ([{"dst": "default", "flags": ["dead"]}], ("", "")),
        (
            [
                {
                    "dst": "default",
                    "flags": [],
                    "nexthops": [
                        {"gateway": "192.0.2.1", "dev": "eth1", "weight": 1, "flags": []},
                        {"gateway": "10.0.0.2", "dev": "eth0", "weight": 1, "flags": []},
                    ],
                }
            ],
            ("eth1", "192.0.2.1"),
        ),
        (
            [{"dst": "default", "via": {"family": "inet6", "host": "fe80::1"}, "dev": "eth1"}],
            ("eth1", "fe80::1"),
        ),
    ],
)
def test_the_default_route_is_the_one_with_the_lowest_metric(
    routes: list[dict[str, object]], expected: tuple[str, str]
) -> None:
    assert parse_default_route(json.dumps(routes)) == expected


def test_the_resolver_has_servers_and_the_first_domain() -> None:
    text = "# c\nsearch home.example.org. example.org\nnameserver 10.0.2.3\nnameserver ::1\n"
    assert parse_resolver(text) == (("10.0.2.3", "::1"), "home.example.org")
    assert parse_resolver("nameserver\nsearch\n") == ((), "")


def test_files_that_ifupdown_sources_are_found_from_the_directory_of_each(tmp_path: Path) -> None:
    # As ifupdown 0.8.41 finds them.
    files: dict[str, str | bytes | None] = {
        "/etc/network/interfaces": "source cards\nsource-directory \\\n /run/network/interfaces.d\n"
        "# source not-this\n",
        "/etc/network/cards": "source more/a\nsource ../extra\n",
        "/etc/network/more/a": "source b\nsource nowhere\n",
        "/etc/network/more/b": "",
        "/etc/network/b": "",
        "/etc/extra": "",
        "/etc/network/not-this": "",
        "/run/network/interfaces.d/ens3": IFACES,
        "/run/network/interfaces.d/.ens3": IFACES,
        "/run/network/interfaces.d/ens3.old": IFACES,
    }
    assert [
        "/etc/network/interfaces",
        "/etc/network/cards",
        "/run/network/interfaces.d/ens3",
        "/etc/network/more/a",
        "/etc/extra",
        "/etc/network/more/b",
    ] == ifupdown_files(view_of(tmp_path, files))


@pytest.mark.parametrize(
    ("text", "manager"),
    [
        ("source /etc/network/interfaces.d/*\n", "unknown"),
        ("# C:\\\niface \\\n ens3 inet dhcp\n", "ifupdown"),
        ("source /etc/cards\n", "ifupdown"),
    ],
)
def test_ifupdown_has_what_its_files_name(tmp_path: Path, text: str, manager: str) -> None:
    program(tmp_path, "ifup")
    files = DEVICE | {"/etc/network/interfaces": text, "/etc/cards": IFACES}
    assert manager == read_network(view_of(tmp_path, files, ANSWERS)).manager


def test_the_stock_machine_has_one_card_by_ifupdown(tmp_path: Path) -> None:
    files = DEVICE | {
        "/etc/network/interfaces": "source /etc/network/interfaces.d/*\n",
        "/etc/network/interfaces.d/ens3": IFACES,
        "/etc/resolv.conf": "nameserver 10.0.2.3\n",
    }
    program(tmp_path, "ifup")
    network = read_network(view_of(tmp_path, files, ANSWERS))
    assert network.cards == (
        Card("ens3", "52:54:00:12:34:56", "virtio_net", ("10.0.2.15/24",), True, "", True),
    )
    assert network.bridges == ()
    assert network.manager == "ifupdown"
    assert network.gateway == "10.0.2.2"
    assert network.nameservers == ("10.0.2.3",)


def test_a_bridge_has_its_port_and_the_manager_is_its_ports(tmp_path: Path) -> None:
    address = json.loads(captured("stock-ip-address.json"))
    address[1]["addr_info"] = []
    address.append({"ifname": "xenbr0", "addr_info": [{"local": "10.0.2.15", "prefixlen": 24}]})
    route = captured("stock-ip-route.json").replace("ens3", "xenbr0")
    files = DEVICE | {
        "/sys/class/net/ens3/brport/bridge": "-> ../../xenbr0",
        "/sys/class/net/xenbr0/bridge": None,
        "/sys/class/net/xenbr0/brif/ens3": None,
        "/sys/class/net/xenbr0/operstate": "up\n",
        "/sys/class/net/vif1.0/device": "-> ../../../devices/vif-1-0",
        "/sys/devices/vif-1-0/subsystem": "-> ../../bus/xen-backend",
        "/sys/bus/xen-backend": None,
        "/etc/network/interfaces": "iface ens3 inet manual\n",
    }
    answers = {
        "ip -json address": Said(json.dumps(address)),
        "ip -json route": Said(route),
    }
    program(tmp_path, "ifup")
    network = read_network(view_of(tmp_path, files, answers))
    assert network.bridges == (Bridge("xenbr0", ("ens3",), ("10.0.2.15/24",), True, True),)
    assert [(card.name, card.bridge, card.default_route) for card in network.cards] == [
        ("ens3", "xenbr0", False)
    ]
    assert network.manager == "ifupdown"


@pytest.mark.parametrize(
    ("files", "programs", "manager"),
    [
        ({"/etc/network/interfaces": IFACES}, [], "unknown"),  # the package is not there
        ({"/etc/network/interfaces": "iface en* inet dhcp\n"}, ["ifup"], "ifupdown"),
        ({"/etc/network/interfaces": "iface lo\n"}, ["ifup"], "unknown"),
        ({"/etc/netplan/50.yaml": "network: {}"}, ["netplan"], "netplan"),
        ({"/run/systemd/netif/links/2": "ADMIN_STATE=configured\n"}, [], "networkd"),
        ({"/run/systemd/netif/links/2": "ADMIN_STATE=unmanaged\n"}, [], "unknown"),
        ({"/run/NetworkManager/devices/2": "[device]\n"}, [], "NetworkManager"),
        ({"/run/NetworkManager/devices/9": "[device]\n"}, [], "unknown"),
    ],
)
def test_the_manager_is_who_configures_the_card_with_the_default_route(
    tmp_path: Path, files: dict[str, str | bytes | None], programs: list[str], manager: str
) -> None:
    for name in programs:
        program(tmp_path, name)
    assert read_network(view_of(tmp_path, DEVICE | files, ANSWERS)).manager == manager


def test_without_a_network_there_is_nothing(tmp_path: Path) -> None:
    network = read_network(view_of(tmp_path, {}))
    assert (network.cards, network.bridges, network.manager) == ((), (), "none")


def test_cards_are_seen_without_the_program_ip_and_that_is_said(tmp_path: Path) -> None:
    view = view_of(tmp_path, DEVICE)
    network = read_network(view)
    assert [card.name for card in network.cards] == ["ens3"]
    assert view.unknown == ["network addresses: the program ip (package iproute2) does not answer"]


def test_sources_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    program(tmp_path, "ifup")
    files = DEVICE | {
        "/etc/network/interfaces": "source interfaces\nsource more/*\n",
        "/etc/network/more/a": "source /etc/network/interfaces\niface ens3 inet dhcp\n",
    }
    assert read_network(view_of(tmp_path, files, ANSWERS)).manager == "ifupdown"


@pytest.mark.parametrize(
    ("connection", "card"),
    [
        ("10.0.2.2 50000 10.0.2.15 22", "ens3"),
        ("fe80::1 50000 10.0.2.16 22", ""),
        ("10.0.2.2 50000 nowhere 22", ""),
        ("garbage", ""),
        ("", ""),
    ],
)
def test_the_session_comes_in_by_the_card_with_its_server_address(
    tmp_path: Path, connection: str, card: str
) -> None:
    view = view_of(
        tmp_path, DEVICE, ANSWERS, environment={"SSH_CONNECTION": connection} if connection else {}
    )
    assert read_network(view).session_card == card


def test_the_session_is_found_in_a_parent_of_sudo(tmp_path: Path) -> None:
    parent = os.getppid()
    files = DEVICE | {
        f"/proc/{parent}/environ": b"HOME=/root\0",
        f"/proc/{parent}/status": "Name:\tsudo\nPPid:\t4242\n",
        "/proc/4242/environ": b"A=1\0SSH_CONNECTION=10.0.2.2 50000 10.0.2.15 22\0",
        "/proc/4242/status": "PPid:\t4242\n",
    }
    assert read_network(view_of(tmp_path, files, ANSWERS)).session_card == "ens3"


def test_systemds_stub_is_not_taken_for_the_name_server(tmp_path: Path) -> None:
    files = {
        "/etc/resolv.conf": "nameserver 127.0.0.53\n",
        "/run/systemd/resolve/resolv.conf": "nameserver 192.0.2.53\nsearch example.org\n",
    }
    network = read_network(view_of(tmp_path, files))
    assert (network.nameservers, network.domain) == (("192.0.2.53",), "example.org")


CLOUD = "/etc/cloud/cloud.cfg.d"


@pytest.mark.parametrize(
    ("files", "writes"),
    [
        ({}, True),
        ({"/etc/cloud/cloud.cfg": "network:\n  version: 2\n"}, True),
        ({f"{CLOUD}/99-off.cfg": "# network: {config: disabled}\n"}, True),
        ({f"{CLOUD}/99-off.cfg.old": "network: {config: disabled}\n"}, True),
        ({f"{CLOUD}/99-off.cfg": "network: {config: disabled}\n"}, False),
        ({f"{CLOUD}/99-off.cfg": "users: []\nnetwork:\n  config: 'disabled'\n"}, False),
        ({"/etc/cloud/cloud.cfg": "network: { config: disabled }\n"}, False),
        ({"/etc/cloud/cloud-init.disabled": ""}, False),
    ],
)
def test_cloud_init_may_write_the_network_unless_it_is_told_not_to(
    tmp_path: Path, files: dict[str, str | bytes | None], writes: bool
) -> None:
    assert not read_network(view_of(tmp_path, DEVICE | files, ANSWERS)).cloud_init
    program(tmp_path, "cloud-init")
    assert writes == read_network(view_of(tmp_path, {}, ANSWERS)).cloud_init
