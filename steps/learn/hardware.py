"""The topic `hardware`."""

from __future__ import annotations

from wizard.topics import Topic

TOPIC = Topic(
    name="hardware",
    title="VMX and SVM: the processor helps; pv, pvh and hvm",
    text="""\
In 2006 processors learned to virtualise by themselves: Intel's VMX (sold as VT-x), AMD's SVM
(announced as Pacifica). They have two modes now, each with four rings of its own. Xen has the
outer mode; a guest's kernel runs in ring 0 of the inner one and does not notice. Whatever would
reach beyond the guest stops it, and Xen is asked what shall become of it.

    outer mode (the host's)              inner mode (a guest's)

                                         ┌──────────────────┐
                                         │ ring 3  programs │
    ┌──────────────────┐    enter        ├──────────────────┤
    │ ring 0  Xen      │ ──────────────▶ │ ring 0  kernel,  │
    │                  │ ◀────────────── │         unchanged│
    └──────────────────┘    exit: why?   └──────────────────┘

So a system runs whose kernel nobody can change. Later processors also translate a guest's memory
addresses by themselves (nested paging; in Xen's words hap, hardware-assisted paging), which made
it as quick as paravirtualisation, and quicker for programs that start many others.

There are three kinds of guests since then. `type =` in the guest's config chooses:

    type     processor and memory    disks, network, boot        needs
    ─────────────────────────────────────────────────────────────────────────
    pv       hypercalls              paravirtual drivers         nothing
    pvh      VMX or SVM              paravirtual drivers         hvm and hap
    hvm      VMX or SVM              an emulated PC, by QEMU     hvm, and QEMU

HVM is for systems that know nothing of Xen: Windows, an installer's CD. A process of QEMU's in
dom0 plays the mainboard for each. Once drivers for Xen are installed in it, its disks and cards
go the short way too. PVH is the youngest: the processor does what it is good at, and nothing is
emulated at all.

xen-setup makes `pv` guests, as the Xen tutorial of 2006 did: they run on every machine, in an
emulated one too. If your processor can do more, one line of the config turns a Linux guest into a
PVH guest.

Old advice said that paravirtual guests are always quicker. Since nested paging that is no longer
so; and since 2018, when processors were found to leak between rings, a 64-bit PV guest pays for
its safety at every system call.""",
    see=("rings", "domains", "guest_config"),
    look=("xl info virt_caps", "grep -E -c 'vmx|svm' /proc/cpuinfo"),
    read_on=("xl.cfg(5)", "xl(1)"),
)
