"""The topic `limits`."""

from __future__ import annotations

from wizard.topics import Topic

TOPIC = Topic(
    name="limits",
    title="What not to expect of Xen, and what is better left alone",
    text="""\
Guests run at nearly the speed of the machine. What they share they have to share, though:

    what                shared how                     what to do
    ─────────────────────────────────────────────────────────────────────────
    processors          by turns, fair                 vcpus, weights, pinning
    memory              cut into fixed pieces          plan it; swap is slow
    the disk's speed    whoever asks; one disk is      a second disk; no two
                        one disk                       busy guests on one
    the network card    whoever asks                   rate= in vif
    the screen          dom0's alone                   SSH, or a console

The disk is felt first. Ten guests on one disk have a tenth of its speed each, and less when each
wants another place on it.

No accelerated graphics. A paravirtual guest has no screen at all: it has a console, and what the
network brings (SSH, VNC, X over SSH). In dom0 proprietary graphics drivers do not work, as they
reach for hardware past the kernel.

Devices can be handed over. A PCI device (a card with its own driver, a second network card) can be
taken from dom0 and given to one guest: `pci =` in its config, and `xl pci-assignable-add`. It is
then that guest's alone. With a paravirtual guest and no IOMMU such a guest can read all of the
machine's memory: hand over to those you trust.

No power management to rely on. Suspending a Xen host to memory or disk is not to be counted on; a
laptop that should sleep is no Xen host. Xen does set the processors' speed by itself, and dom0's
tools for that see only virtual processors: `xenpm` shows it.

Memory is not elastic by itself. `xl mem-set vm01 384` asks the guest to give some back, through a
driver in it that blows itself up like a balloon; a guest that is busy, or has no such driver,
gives nothing. More than `maxmem` of its config cannot be given while it runs. For that reason dom0
gets a fixed amount from the start here.

Clocks come from Xen. A guest needs no NTP of its own to agree with its host, but one that was
saved and woken up has a past to catch up with.

What is never right:

- One filesystem mounted in two domains, or in a guest and in dom0.
- A service in a guest that the host needs in order to start or stop.
- A desktop, a build, a database in dom0: all guests wait for its disk and its network.
- The same MAC address in two configs: the bridge sends the frames now here, now there.
- Counting on `xl destroy` to be harmless.

What has become better since 2006: 64-bit guests, hundreds of virtual processors, live migration
between hosts, a Linux kernel that can do it all without a patch.""",
    see=("guest-disks", "start-and-stop", "hardware"),
    look=("xl info", "xentop", "xl vcpu-list", "xl sched-credit2"),
    read_on=("xl(1)", "xl.cfg(5)", "xl-pci-configuration(5)", "xentop(1)"),
)
