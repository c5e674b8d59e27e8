"""The lesson of the step `grub_entry`."""

from __future__ import annotations

from wizard.lesson import Lesson, Look, ThenAndNow, Trouble

LESSON = Lesson(
    idea="""\
The boot loader starts three things in this order: the hypervisor, dom0's kernel, and dom0's
initial ramdisk (initrd). To the boot loader the hypervisor is the "kernel", and the other two are
"modules" that it loads into memory and hands on without looking into them. The classic mistake is
to give the ramdisk with `initrd`: it is a module too.

Plain Linux stays the entry that boots by itself. Xen is first booted once, by choice; only when it
has come up and been looked at does it become the default. And should GRUB not even be able to load
Xen, its `fallback` is plain Linux: without one it waits at its menu for a key, and a host that
nobody sits at would not come back. `dom0_mem=` fixes how much memory dom0
has, so that host and guests cannot starve each other.""",
    then_and_now=(
        ThenAndNow("the menu", "/boot/grub/menu.lst, typed by hand", "grub.cfg, by update-grub"),
        ThenAndNow(
            "the hypervisor",
            "kernel /boot/xen-3.0.gz",
            "multiboot2 /boot/xen-4.17-amd64.gz dom0_mem=1024M,max:1024M",
        ),
        ThenAndNow(
            "dom0's kernel",
            "module /boot/vmlinuz-2.6-xen root=/dev/hda2 ro",
            "module2 /boot/vmlinuz-6.1.0-amd64 root=UUID=... ro",
        ),
        ThenAndNow(
            "its ramdisk",
            "module /boot/initrd-2.6-xen",
            "module2 /boot/initrd.img-6.1.0-amd64",
        ),
        ThenAndNow(
            "what boots next",
            "savedefault, in each entry of menu.lst",
            "grub-reboot ENTRY, for the next boot only",
        ),
        ThenAndNow(
            "if it cannot be loaded",
            "fallback 1, in menu.lst",
            "set fallback=0, by our script in /etc/grub.d",
        ),
    ),
    check=(
        Look(
            "grep --after-context=20 'with Xen hypervisor' /boot/grub/grub.cfg",
            "the entry: multiboot2, and two lines with module2",
        ),
        Look("cat /etc/default/grub.d/w-xen-setup.cfg", "our variables, each with its reason"),
        Look("grep fallback= /boot/grub/grub.cfg", "the place in the menu of plain Linux, from 0"),
        Look("grub-editenv list", "`next_entry=` when the next boot has been chosen"),
    ),
    undo="""\
Remove our files from /etc/default/grub.d and /etc/grub.d and run `update-grub`, which rollback
does: the menu is then as it was.""",
    wrong=(
        Trouble(
            "no Xen entry in the menu",
            "The kernel has no support for dom0, there is no /boot/xen-*.gz, or update-grub has "
            "not been run since they came.",
            check="xen-entry",
            rule="no-xen-entry",
        ),
        Trouble(
            "GRUB_DISABLE_SUBMENU=y, and plain Linux boots without a word",
            "Then Debian's scripts leave out the very entry whose title is to be the default. "
            "Take the line away.",
            check="submenus-disabled",
        ),
        Trouble(
            "dom0 starts and finds no root disk",
            "The ramdisk was not handed on as a module, or is another kernel's. Both belong to "
            "one version.",
            check="xen-entry-parts",
        ),
        Trouble(
            "dom0 has 1 MiB or so, and panics",
            "A bare number after dom0_mem= counts in KiB. Write the unit: 1024M.",
            check="xen-entry-options",
        ),
        Trouble(
            "GRUB says that a file was not found, and stands at its menu",
            "It has no fallback, or one that is a name: it takes only a number, counted from 0 at "
            "the top of the menu.",
            check="boot-fallback",
        ),
    ),
    read_on=("update-grub(8)", "grub-reboot(8)", "grub-editenv(1)"),
)
