"""ifupdown's files with a bridge in them: what is the card's moves, all else stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.interfaces_file import (
    MAIN,
    bridge_ports,
    commands_naming,
    files_in_use,
    logical_lines,
    obstacles,
    stanzas,
    with_bridge,
)

PORTS = """\
    bridge_ports eth0
    bridge_hw eth0
    bridge_stp off
    bridge_fd 0
    bridge_maxwait 5
"""
MADE = "# eth0 is a port of the bridge xenbr0, which has its address (xen-setup).\n"

REWRITTEN = [
    ("dhcp, auto",
     "auto lo\niface lo inet loopback\n\n# the card\nauto eth0\niface eth0 inet dhcp\n",
     "auto lo\niface lo inet loopback\n\n# the card\nauto xenbr0\n" + MADE
     + "iface eth0 inet manual\n\niface xenbr0 inet dhcp\n" + PORTS),
    ("hotplug becomes auto",
     "allow-hotplug eth0\niface eth0 inet dhcp\n",
     "auto xenbr0\n" + MADE + "iface eth0 inet manual\n\niface xenbr0 inet dhcp\n" + PORTS),
    ("static with options and a comment among them",
     "auto eth0\niface eth0 inet static\n\taddress 192.0.2.2/24\n\t# the router\n"
     "\tgateway 192.0.2.1\n",
     "auto xenbr0\n" + MADE + "iface eth0 inet manual\n\niface xenbr0 inet static\n" + PORTS
     + "\taddress 192.0.2.2/24\n\t# the router\n\tgateway 192.0.2.1\n"),
    ("IPv6 goes along",
     "auto eth0\niface eth0 inet dhcp\niface eth0 inet6 auto\n    privext 2\n",
     "auto xenbr0\n" + MADE + "iface eth0 inet manual\n\niface xenbr0 inet dhcp\n" + PORTS
     + "iface xenbr0 inet6 auto\n    privext 2\n"),
    ("others in the line stay",
     "auto lo eth0 eth1\niface eth0 inet dhcp\niface eth1 inet manual\n",
     "auto lo eth1\nauto xenbr0\n" + MADE + "iface eth0 inet manual\n\n"
     "iface xenbr0 inet dhcp\n" + PORTS + "iface eth1 inet manual\n"),
    ("auto and allow-hotplug both",
     "auto eth0\nallow-hotplug eth0\niface eth0 inet dhcp\n",
     "auto xenbr0\n" + MADE + "iface eth0 inet manual\n\niface xenbr0 inet dhcp\n" + PORTS),
    ("brought up by hand until now",
     "iface eth0 inet dhcp\n",
     MADE + "iface eth0 inet manual\n\nauto xenbr0\niface xenbr0 inet dhcp\n" + PORTS),
    ("a line that goes on",
     "auto \\\n  eth0\niface \\\n  eth0 inet dhcp\n",
     "auto xenbr0\n" + MADE + "iface eth0 inet manual\n\niface \\\n  xenbr0 inet dhcp\n" + PORTS),
    ("no newline at the end",
     "auto eth0\niface eth0 inet dhcp",
     "auto xenbr0\n" + MADE + "iface eth0 inet manual\n\niface xenbr0 inet dhcp\n" + PORTS),
    ("an address of its own for the hardware",
     "auto eth0\niface eth0 inet dhcp\n    hwaddress 02:00:00:00:00:01\n",
     "auto xenbr0\n" + MADE + "iface eth0 inet manual\n\niface xenbr0 inet dhcp\n"
     + PORTS.replace("    bridge_hw eth0\n", "") + "    hwaddress 02:00:00:00:00:01\n"),
    ("a longer name is another card",
     "auto eth0 eth01\niface eth01 inet dhcp\niface eth0 inet dhcp\n",
     "auto eth01\nauto xenbr0\niface eth01 inet dhcp\n" + MADE + "iface eth0 inet manual\n\n"
     "iface xenbr0 inet dhcp\n" + PORTS),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), [row[1:] for row in REWRITTEN],
                         ids=[row[0] for row in REWRITTEN])  # fmt: skip
def test_the_card_becomes_a_port(before: str, after: str) -> None:
    assert {MAIN: after} == with_bridge({MAIN: before}, "eth0", "xenbr0")
    assert ("eth0",) == bridge_ports({MAIN: after}, "xenbr0")


def test_a_card_that_no_file_names_is_added_at_the_end() -> None:
    new = with_bridge({MAIN: "auto lo\n"}, "eth0", "xenbr0")[MAIN]
    assert new.startswith("auto lo\n\n# eth0 is a port")
    assert new.endswith("auto xenbr0\niface xenbr0 inet manual\n" + PORTS)


def test_each_file_that_names_the_card_changes_and_no_other() -> None:
    files = {
        MAIN: "source interfaces.d/*\nauto eth0\n",
        "/etc/network/interfaces.d/eth0": "iface eth0 inet dhcp\n",
        "/etc/network/interfaces.d/lo": "iface lo inet loopback\n",
    }
    new = with_bridge(files_in_use(files), "eth0", "xenbr0")
    assert {MAIN, "/etc/network/interfaces.d/eth0"} == set(new)
    assert "source interfaces.d/*\nauto xenbr0\n" == new[MAIN]


def test_a_comment_ends_with_its_line_whatever_it_ends_in() -> None:
    # As ifquery of ifupdown 0.8.41 reads it: the lines after these comments are live.
    text = "# configured by \\\nauto eth0\niface eth0 inet dhcp\n\t# C:\\\niface eth0 inet6 auto\n"
    assert ["dhcp", "auto"] == [stanza.method for stanza in stanzas({MAIN: text})]
    new = with_bridge({MAIN: text}, "eth0", "xenbr0")[MAIN]
    assert new.startswith("# configured by \\\nauto xenbr0\n# eth0 is a port")
    assert new.endswith("\t# C:\\\niface xenbr0 inet6 auto\n")


def test_in_a_line_that_goes_on_there_is_no_comment() -> None:
    (line,) = logical_lines("auto eth0 \\\n  # eth9\n")
    assert ("auto", "eth0", "#", "eth9") == line.words


IN_USE = [
    ("source /etc/network/interfaces.d/*", {"a", "b.cfg"}),
    ("source interfaces.d/*.cfg", {"b.cfg"}),
    ("source-directory interfaces.d", {"a"}),
    ("# source interfaces.d/*", set()),
    ("", set()),
]


@pytest.mark.parametrize(("line", "expected"), IN_USE)
def test_only_files_that_are_sourced_count(line: str, expected: set[str]) -> None:
    folder = "/etc/network/interfaces.d/"
    files = {MAIN: f"{line}\n", f"{folder}a": "", f"{folder}b.cfg": "", "/etc/fstab": ""}
    assert {MAIN, *(folder + name for name in expected)} == set(files_in_use(files))


def test_what_a_sourced_file_sources_counts_too() -> None:
    files = {
        MAIN: "source cards\n",
        "/etc/network/cards": "source more/a\nsource interfaces\n",
        "/etc/network/more/a": "source b\n",
        "/etc/network/more/b": "",
        "/etc/network/b": "",
    }
    assert [MAIN, "/etc/network/cards", "/etc/network/more/a", "/etc/network/more/b"] == list(
        files_in_use(files)
    )


def test_without_a_main_file_nothing_counts() -> None:
    assert {} == files_in_use({"/etc/network/interfaces.d/eth0": "iface eth0 inet dhcp\n"})


IN_THE_WAY = [
    ("auto eth0\niface eth0 inet dhcp\n    mtu 9000\n", ""),
    ("iface eth0 inet ppp\n", "method ppp"),
    ("iface eth0 inherits base\n", "method"),
    ("iface eth0\n", "no method"),
    ("iface eth0 inet dhcp\n    wpa-ssid home\n", "wpa-ssid"),
    ("iface eth0 inet manual\n    bond-master bond0\n", "bond-master"),
    ("iface eth0 inet dhcp\niface eth0:1 inet static\n", "eth0:1"),
    ("iface eth0 inet dhcp\niface eth0.10 inet dhcp\n", "eth0.10"),
    ("iface eth0 inet dhcp\niface vlan7 inet dhcp\n    vlan-raw-device eth0\n", "vlan7"),
    ("iface eth0 inet manual\niface br0 inet dhcp\n    bridge_ports eth0 eth1\n", "br0"),
    ("iface eth0 inet manual\niface bond0 inet dhcp\n    bond-slaves eth0 eth1\n", "bond0"),
    ("auto /eth*\niface eth0 inet dhcp\n", "pattern /eth*"),
    ("iface en* inet dhcp\niface eth0 inet dhcp\n", ""),
    ("mapping eth0\n    script x\niface eth0 inet dhcp\n", "mapping"),
    ("iface eth01 inet ppp\niface eth0 inet dhcp\n", ""),
]


@pytest.mark.parametrize(("text", "words"), IN_THE_WAY)
def test_what_a_bridge_cannot_take_over_is_said(text: str, words: str) -> None:
    found = obstacles({MAIN: text}, "eth0")
    if words:
        assert any(words in sentence for sentence in found), found
    else:
        assert [] == found


NAMED = [
    ("up route add -net 192.0.2.0 netmask 255.255.255.224 gw 192.0.2.1 dev eth0", True),
    ("post-up ip route add 10.9.0.0/16 dev eth0", True),
    ("pre-up iptables -A INPUT -i eth0 -j DROP", True),
    ("pre-down ip addr del 198.51.100.7/32 dev 'eth0'", True),
    ("down ifconfig eth0:1 down", True),
    ("post-down ip link delete eth0.5", True),
    ("up echo 1 > /proc/sys/net/ipv4/conf/eth0/proxy_arp", True),
    ("up sysctl -w net.ipv4.conf.eth0.proxy_arp=1", True),
    ("up ethtool -K eth0 tso off && ip route add 10.9.0.0/16 dev eth0", True),
    ("up ip route add 10.9.0.0/16 \\\n dev eth0", True),
    ("up ip route add 10.9.0.0/16 dev $IFACE", False),
    ("up ip link set veth0 up; ip link set eth01 up", False),
    ("up iptables-restore /etc/eth0.rules", False),
    ("up /sbin/ethtool -K eth0 tso off; ethtool -G eth0 rx 512", False),
    ("up echo 2 > /sys/class/net/eth0/queues/rx-0/rps_cpus", False),
    ("# up ip route add 10.9.0.0/16 dev eth0", False),
    ("dns-search eth0", False),
]


@pytest.mark.parametrize(("line", "is_named"), NAMED)
@pytest.mark.parametrize("stanza", ["eth0", "eth1"])
def test_a_command_that_names_the_card_is_found_in_every_stanza(
    line: str, is_named: bool, stanza: str
) -> None:
    found = commands_naming({MAIN: f"iface {stanza} inet dhcp\n    {line}\n"}, "eth0")
    assert is_named == bool(found)
    assert not found or f"iface {stanza}: `{' '.join(line.split()[:2])}" in found[0]


def test_a_bridge_without_ports_has_none() -> None:
    assert None is bridge_ports({MAIN: "auto lo\n"}, "xenbr0")
    assert () == bridge_ports({MAIN: "iface xenbr0 inet manual\n"}, "xenbr0")
    assert ("a", "b") == bridge_ports({MAIN: "iface br inet dhcp\n bridge-ports a b\n"}, "br")


WORDS = st.lists(
    st.sampled_from(
        ["auto", "iface", "eth0", "eth1", "lo", "inet", "inet6", "dhcp", "manual", "address",
         "#", "source", "mapping", "\\\n", "allow-hotplug", "x"]
    ),
    max_size=6,
)  # fmt: skip


@given(st.lists(WORDS, max_size=12))
def test_any_text_keeps_every_line_that_is_not_the_cards(lines: list[list[str]]) -> None:
    text = "\n".join(" ".join(words) for words in lines)
    assert text == "".join(line.text for line in logical_lines(text))
    new = with_bridge({MAIN: text}, "eth0", "xenbr0")[MAIN]
    for line in logical_lines(text):
        if "eth0" not in line.words and line.text.strip():
            assert line.text.rstrip("\n") in new
    assert ("eth0",) == bridge_ports({MAIN: new}, "xenbr0") or "\\" in text
    assert "\\" in text or any(
        item.name == "eth0" and item.method == "manual" for item in stanzas({MAIN: new})
    )
