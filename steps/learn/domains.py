"""The topic `domains`."""

from __future__ import annotations

from wizard.topics import Topic

TOPIC = Topic(
    name="domains",
    title="dom0 and domU: who drives the hardware, and who gives orders",
    text="""\
Xen calls each running system a domain. It has memory, virtual processors, a number, a name and a
UUID. The first one, number 0, is special: Domain-0, or dom0. All others are unprivileged: domU
is any of them.

    ┌───────────────────────┐  ┌──────────────────┐  ┌──────────────────┐
    │ Domain-0              │  │ vm01   (domain 1)│  │ vm02   (domain 2)│
    │ xl  xenstored         │  │                  │  │                  │
    │ xenconsoled           │  │    programs      │  │    programs      │
    ├───────────────────────┤  ├──────────────────┤  ├──────────────────┤
    │ Linux                 │  │ Linux            │  │ Linux            │
    │ drivers   backends ◀──┼──┼── frontends      │  │    frontends     │
    └───┬───────────────────┘  └──────────────────┘  └──────────────────┘
    ┌───┼───────────────────────────────────────────────────────────────┐
    │   │   Xen:  processors, memory, events                            │
    └───┼───────────────────────────────────────────────────────────────┘
        ▼
     disks, network cards, screen, keyboard

Xen itself is small. It shares out processor time and memory, and keeps domains apart; it has no
driver for a disk or a network card. dom0 has: it is the Linux that was there before, with all its
drivers, and the hypervisor under it. So a machine that Linux supports is one that Xen supports.

A guest's devices come in two halves. The frontend is the guest's driver: a disk xvda1, a card
eth0. The backend is in dom0: it knows the volume or the bridge behind. Between the two lies a page
of shared memory with a ring of requests, and xenstore, a small database where each half writes
what it is ready for. If a guest hangs at its disk or its card, look whether both halves found
each other: `xenstore-ls`, state 4 means connected.

What follows from this:

- Who is root in dom0 is master of all guests: can read their disks and stop them. Put nothing
  into dom0 that is not needed there.
- When dom0 is busy, every guest's disk and network wait. Give it memory of its own (dom0_mem).
- A guest's number changes at each start, its name does not. The numbers only grow, until the
  host boots again.
- When dom0 restarts, all guests end. It is no guest among guests.""",
    see=("rings", "guest-disks", "bridge", "xend_services"),
    look=("xl list", "cat /proc/xen/capabilities", "xenstore-ls /local/domain"),
    read_on=("xl(1)", "xenstore-ls(1)"),
)
