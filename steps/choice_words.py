"""What each word means that can be chosen where only a few can: a phrase for the list.

The words are those of the answer file. What else is to be known of them is in the question's help.
"""

from __future__ import annotations

from collections.abc import Mapping

Words = Mapping[str, str]

CONSOLES: Words = {
    "screen": "the monitor",
    "serial": "the first serial port",
    "both": "the monitor and the first serial port",
}
WAYS_ON: Words = {
    "by-hand": "you reboot when you like, and type: sudo xen-setup resume",
    "by-itself": "the machine reboots at once, and a service does the rest",
}
TLS_WAYS: Words = {
    "auto": "moved away where that helps",
    "move": "moved away wherever they are",
    "nosegneg": "kept; the loader takes the C library built for Xen",
    "leave": "left as they are",
}
PLACES: Words = {
    "existing-group": "a volume group that is here",
    "free-space": "unpartitioned space of a disk",
    "device": "a whole partition or disk",
}
FILESYSTEMS: Words = {
    "ext4": "Debian's own choice",
    "ext3": "as in the tutorial of 2006; slower with large files",
    "xfs": "for large files; it never shrinks",
    "btrfs": "with snapshots and checksums of its own",
}
BOOT_LOADER_WORDS: Words = {
    "grub2": "today's GRUB, with grub.cfg",
    "grub-legacy": "the GRUB of 2006, with menu.lst",
}
MANAGER_WORDS: Words = {
    "systemd": "process 1 of most systems today",
    "update-rc.d": "Debian's links to init scripts",
    "insserv": "the same, by the scripts' dependency headers",
    "openrc": "OpenRC's runlevels",
}
TOOLSTACK_WORDS: Words = {
    "xl": "of Xen 4.1 and later",
    "xm": "of 2006, with its daemon xend; gone since Xen 4.5",
}
SOURCES: Words = {
    "packages": "the distribution's, kept up to date by its upgrades",
    "tarball": "a file as Xen's own build makes it, as in 2006",
}
