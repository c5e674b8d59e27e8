"""The lesson of the step `network_bridge`."""

from __future__ import annotations

from wizard.lesson import Lesson, Look, ThenAndNow, Trouble

LESSON = Lesson(
    idea="""\
A bridge is a network switch in software. The host's card becomes one of its ports; each guest's
virtual card gets another. To your network the guests look like machines of their own, with their
own addresses. The host's address belongs to the bridge from then on, and the card has none.

xl makes no bridge. It stands in the host's own network configuration, so it is there before Xen is
asked for anything; Xen only plugs vif1.0 and the like into it. The name says whose: vifN.M is
interface ethM of domain N.

The connection pauses for some seconds while the address moves. If this very session comes in over
that card, you are asked whether you are still there; without an answer, all is put back by
itself.""",
    then_and_now=(
        ThenAndNow(
            "who makes it",
            "xend: it ran the script network-bridge",
            "the host's own configuration: /etc/network/interfaces",
        ),
        ThenAndNow("the card", "renamed: eth0 became peth0", "keeps its name; it has no address"),
        ThenAndNow("the host's place", "vif0.0, a virtual card", "the bridge itself, xenbr0"),
        ThenAndNow("a guest's place", "vif1.0: eth0 of domain 1", "vif1.0: eth0 of domain 1"),
        ThenAndNow("looking at it", "brctl show", "brctl show, or: bridge link"),
    ),
    check=(
        Look("brctl show", "the bridge, and its ports below each other"),
        Look("ip address show dev xenbr0", "the host's address, here and no longer at the card"),
        Look("ip route", "`default via ... dev xenbr0`"),
        Look("xl network-list vm01", "a guest's cards as Xen knows them"),
    ),
    undo="""\
`ifdown xenbr0`, the old text back into /etc/network/interfaces, `ifup` for the card; rollback does
this, and puts the file back to the byte.""",
    wrong=(
        Trouble(
            "`Could not find bridge device xenbr0`",
            "The guest's config names a bridge that is not there: another name, or the host's "
            "network has not come up. `brctl show` lists those there are.",
            check="bridge-missing",
            rule="bridge-missing",
        ),
        Trouble(
            "`unable to add device .../backend/vif/...`, after half a minute",
            "The host lacks the module xen-netback, or its script failed: look at "
            "/var/log/xen/xen-hotplug.log.",
            rule="no-network-backend",
        ),
        Trouble(
            "a wireless card as the bridge's port carries nothing",
            "An access point takes frames from the one address that has logged in with it. Use a "
            "cable, or give the guests no card.",
            check="wireless-card",
        ),
        Trouble(
            "the guest has a card, but no address",
            "The bridge only carries frames. The address comes from your network's DHCP server or "
            "from the guest's own /etc/network/interfaces.",
        ),
    ),
    read_on=("bridge-utils-interfaces(5)", "interfaces(5)", "brctl(8)", "bridge(8)"),
)
