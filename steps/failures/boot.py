"""Failures of the boot: GRUB and its menu, firmware, the hypervisor, dom0's kernel."""

from __future__ import annotations

from wizard.diagnosis import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        "no-xen-entry",
        (
            r"(?i)\bno xen (?:boot )?(?:menu )?entry\b",
            r"error: file [`'‘]/\S*xen\S*\.gz' not found",
            r"error: (?:you need to load the kernel first|no multiboot header found)",
        ),
        "GRUB's menu has no entry that boots Xen, or its files are gone: no /boot/xen-*.gz, a "
        "kernel that cannot be dom0, or update-grub was not run afterwards.",
        "Look at `ls /boot/xen-*.gz`, `grep XEN_DOM0 /boot/config-*` (=y), then `update-grub` and "
        "`grep -i xen /boot/grub/grub.cfg`. GRUB_DISABLE_SUBMENU in /etc/default/grub hides it.",
        lesson="grub_entry",
        row=2,
    ),
    Rule(
        "secure-boot",
        (
            r"shim_lock protocol not found",
            r"bad shim signature",
            r"prohibited by secure boot policy",
            r"verification requested but nobody cares",
        ),
        "UEFI Secure Boot forbids this Xen: it only starts what is signed.",
        "Switch Secure Boot off in the firmware's setup, and boot again; `mokutil --sb-state` says "
        "how it is.",
        lesson="grub_entry",
        row=3,
    ),
    Rule(
        "multiboot-missing",
        (
            r"error: can't find command [`'‘](?:multiboot2?|module2?)'",
            r"error: file [`'‘]\S*multiboot2?\.mod' not found",
        ),
        "GRUB lacks the module that loads Xen (multiboot2), so the screen stays black.",
        "`grub-install` (on UEFI with the package grub-efi-amd64) puts the modules in place, "
        "`update-grub` writes the menu anew.",
        lesson="grub_entry",
        row=3,
    ),
    Rule(
        "dom0-not-built",
        (
            r"Could not (?:construct|set up) (?:domain 0|DOM0)",
            r"Not enough RAM for (?:domain 0|DOM0)",
            r"Dom0 kernel not specified",
            r"Not an ELF binary",
        ),
        "Xen started, and could not start dom0: dom0_mem is too small or larger than the machine, "
        "or the kernel is missing from the entry (it is a `module`, as the initrd is).",
        "Boot the plain Linux entry, look at GRUB_CMDLINE_XEN in /etc/default/grub.d/ and at the "
        "Xen entry in /boot/grub/grub.cfg, and run `update-grub` after a change.",
        lesson="grub_entry",
    ),
    Rule(
        "grub-legacy-file",
        (r"Error 15: File not found", r"Error 1[37]: "),
        "GRUB Legacy does not find what menu.lst names: the partition in `root (hd0,0)` or a path "
        "is wrong, or savedefault has no /boot/grub/default to write to.",
        "Look at `ls /boot`, and compare with menu.lst. `grub-set-default 0` makes the file that "
        "savedefault needs.",
        lesson="grub_entry",
    ),
    Rule(
        "grub-legacy-initrd",
        (
            r"Error \d+: Linux kernel must be loaded before initrd",
            r"Error \d+: Multiboot kernel must be loaded before modules",
            r"loads the initial ramdisk with `initrd`",
        ),
        "An entry of GRUB Legacy's menu mixes two ways of loading: below the hypervisor, dom0's "
        "kernel and its initial ramdisk are both a `module`; `initrd` is for plain Linux alone.",
        "In the Xen entry of /boot/grub/menu.lst write `module` where `initrd` stands. "
        "`xen-setup check` names the line.",
        lesson="grub_entry",
    ),
    Rule(
        "grub-not-installable",
        (
            r"will not proceed with blocklists",
            r"embedding is not possible",
            r"cannot find a GRUB drive for",
            r"failed to get canonical path of",
            r"grub-(?:install|probe)\S*: error:",
        ),
        "GRUB does not find the disk, or a place on it, where it can be put.",
        "Name a whole disk, not a partition: `grub-install /dev/sda`. With a GPT and no UEFI the "
        "disk needs a BIOS boot partition; in a chroot /dev, /proc and /sys must be there.",
        lesson="grub_entry",
    ),
    Rule(
        "grub-settings",
        (
            r"grub-mkconfig: \d+: \S*/default/grub\S*",
            r"/etc/default/grub\S*: (?:line )?\d+: ",
            r"Syntax errors are detected in generated GRUB config file",
        ),
        "A file in /etc/default that GRUB's menu is made from has a line that a shell cannot read.",
        'Look at the line that is named: it must be NAME="value", without blanks around =, with '
        "both quotes. Then `update-grub`.",
        lesson="grub_entry",
    ),
    Rule(
        "grub-environment",
        (
            r"invalid environment block",
            r"grub-editenv: error:",
            r"environment block too small",
        ),
        "GRUB's notebook /boot/grub/grubenv is damaged or cannot be written: what to boot next "
        "cannot be noted down.",
        "`rm /boot/grub/grubenv; grub-editenv /boot/grub/grubenv create` makes it anew; /boot must "
        "be writable, and on a filesystem that GRUB can write (no LVM, no btrfs).",
        lesson="grub_entry",
    ),
)
