"""The topic `bridge`."""

from __future__ import annotations

from wizard.topics import Topic

TOPIC = Topic(
    name="bridge",
    title="Bridged networking: xenbr0, and which guest vifN.M belongs to",
    text="""\
Think of a switch that stands inside the host. One cable leads from it to the wall; from each
guest one comes in; and the host itself is plugged in too.

                   your network
                        │
    ┌───────────────────┼─────────────────────────────────────────┐
    │ host              │                                         │
    │                ens3    the card: a port, without an address │
    │                   │                                         │
    │   ┌───────────────┴────────────────────────────────┐        │
    │   │ xenbr0     the bridge, with the host's address │        │
    │   └──────┬──────────────────┬──────────────┬───────┘        │
    │       vif1.0             vif2.0         vif2.1              │
    └──────────┼──────────────────┼──────────────┼────────────────┘
               │                  │              │
    ┌──────────┼─────────┐  ┌─────┼──────────────┼─────┐
    │        eth0        │  │   eth0           eth1    │
    │ vm01 (domain 1)    │  │ vm02 (domain 2)          │
    └────────────────────┘  └──────────────────────────┘

A guest's card has two ends, like a cable. The guest's end is eth0. The host's end is called vifN.M
and means: domain N, its card ethM. vif2.1 is the eth1 of domain 2. The number is the domain's, so
after a guest's restart its port has another name: `xl list` says which is whose, and
`xen-setup network` draws it.

The bridge learns which address is behind which port, and sends each frame there alone. It works
on the level of Ethernet and knows nothing of IP: a guest gets its address from your network's
DHCP server, or a fixed one from its own configuration. To the rest of the network a guest is one
more machine. Its card's address begins with 00:16:3e, which is Xen's own.

In 2006 `xend` built all that while the machine ran: it renamed eth0 to peth0 (the physical
card), gave dom0 a virtual card vif0.0 with the other end called eth0, and made xenbr0 between
them. `brctl show` listed peth0, vif0.0 and the guests. It was clever, and broke whenever a
distribution thought that eth0 was its own.

    2006    peth0 ── xenbr0 ── vif0.0 ── eth0 (dom0)     made by xend
    today   ens3 ─── xenbr0 (dom0's address)             made by the host

xl leaves the bridge to the host's own configuration: /etc/network/interfaces on Debian, netplan,
NetworkManager or systemd-networkd elsewhere. It is there before Xen is, and stays when Xen goes.
All that Xen does at a guest's start is to plug one vif in.

A wireless card makes no port: an access point takes frames only from the address that logged in.
A firewall may see bridged frames as well (br_netfilter): if guests are cut off although all is
plugged in, look at its FORWARD rules.""",
    see=("network_bridge", "domains", "administration"),
    look=("brctl show", "bridge link", "xl network-list vm01", "xen-setup network"),
    read_on=("bridge-utils-interfaces(5)", "xl-network-configuration(5)", "bridge(8)"),
)
