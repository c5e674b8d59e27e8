"""The lesson of the step `distribution`."""

from __future__ import annotations

from wizard.lesson import Lesson, Look, ThenAndNow, Trouble

LESSON = Lesson(
    idea="""\
A Xen host needs little: a processor, memory to share out, some spare disk, a network card, and a
Linux that works well before Xen comes under it. Xen itself is small; what takes memory and disk
are the guests. So this step looks, and changes nothing: what is missing is cheaper to hear now
than after half of the work.

Paravirtual guests, which this setup makes, need no virtualisation in the processor: such a guest
knows that it is one, and asks Xen for what a processor would not let it do. Intel's VMX and AMD's
SVM, new in 2006, are what fully virtualised guests need.""",
    then_and_now=(
        ThenAndNow(
            "processor",
            "32-bit x86; with VMX or Pacifica (SVM) for foreign systems",
            "64-bit x86: there is no 32-bit hypervisor since Xen 4.3",
        ),
        ThenAndNow(
            "memory",
            "256 MiB for the host, 128 MiB for a guest",
            "1 GiB for dom0, 512 MiB for a guest that unpacks Debian's initrd",
        ),
        ThenAndNow("spare disk", "5 GiB", "4 GiB for a first guest with its swap"),
        ThenAndNow(
            "software",
            "GRUB, udev or hotplug, lvm2, bridge-utils, iproute",
            "the same list; the steps install what is missing of it",
        ),
        ThenAndNow(
            "graphics",
            "no proprietary driver: it does not work under Xen",
            "the same; plain X or none at all does",
        ),
    ),
    check=(
        Look("lscpu", "the processor; `svm` or `vmx` among its flags is for other kinds of guests"),
        Look("free --mebi", "how much memory there is to share out"),
        Look("lsblk", "disks and partitions, and what has none yet"),
        Look("ip link", "the network cards: a wireless one cannot be bridged"),
        Look("grep XEN_DOM0 /boot/config-*", "`=y`: this kernel can be dom0's"),
    ),
    undo="Nothing is changed here, so there is nothing to undo.",
    wrong=(
        Trouble(
            "`shim_lock protocol not found`, or a black screen after the boot menu",
            "Secure Boot: the firmware starts only what is signed, and Debian's Xen is not. Turn "
            "Secure Boot off in the firmware's own setup.",
            check="secure-boot",
            rule="secure-boot",
        ),
        Trouble(
            "the machine is a container, or somebody else's guest",
            "A container has no boot loader of its own. A guest that is emulated or fully "
            "virtualised will do, which is what the practice machine is.",
            check="container",
        ),
        Trouble(
            "the screen stays black in dom0, with a proprietary graphics driver",
            "Such drivers talk to hardware past the kernel's back, where Xen is now. Use the free "
            "driver, or none: a host needs no desktop.",
            check="graphics-driver",
        ),
    ),
    read_on=("lscpu(1)", "lsblk(8)", "free(1)", "ip-link(8)"),
)
