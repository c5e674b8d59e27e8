"""What can be wrong with GRUB Legacy's menu before our entry goes in, each with what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from steps.boot_drop_in import default_entry, plain_entries
from steps.facts import Facts, GrubLegacy
from steps.hosts.legacy_boot import initrd_mistakes
from steps.hosts.menu_lst import Menu, own_block, own_entry, parse
from steps.settings import Settings
from wizard.step import Problem

# What GRUB Legacy's stage 2 of Debian reads, and writes a saved default to in place.
_FILESYSTEMS = ("ext2", "ext3", "vfat", "reiserfs", "xfs", "jfs", "minix")


def shown(title: str) -> str:
    """An entry's title in a sentence."""
    return f"“{title}”"


def check_entry(_settings: Settings, facts: Facts) -> list[Problem]:
    """Whether the menu is known, is the one that GRUB reads, and can be written."""
    boot, legacy = facts.boot, facts.boot.legacy
    text = facts.files.get(boot.config)
    if boot.entries is None or legacy is None or text is None:
        return [_unread(facts)]
    menu = parse(text)
    if not menu.entries:
        return [
            Problem(
                "plain-entry",
                f"{boot.config} has no entry (a `title` with commands below it), so there is "
                "nothing to fall back to.",
                "Write the entry that boots plain Linux first, or run update-grub, and see that "
                "the machine boots with it.",
            )
        ]
    return [
        *_place(legacy, menu),
        *_contents(facts),
        *_mistakes(facts, menu),
    ]


def check_boot_once(facts: Facts) -> list[Problem]:
    """Whether GRUB can note, in /boot/grub/default, that the next boot is plain Linux again."""
    problems = []
    if facts.tools is not None and "grub-set-default" not in facts.tools:
        problems.append(
            Problem(
                "cannot-boot-once",
                "The command grub-set-default is not here: it makes /boot/grub/default, by which "
                "GRUB knows what to boot after the first boot into Xen.",
                "It belongs to GRUB Legacy (Debian's package grub-legacy).",
            )
        )
    found = _filesystem(facts)
    if found and found not in _FILESYSTEMS:
        problems.append(
            Problem(
                "cannot-boot-once",
                f"/boot is on {found}, which GRUB Legacy does not write to: it could not forget "
                "the Xen entry after one boot.",
                "Put /boot on ext3.",
            )
        )
    return problems


def _unread(facts: Facts) -> Problem:
    legacy, config = facts.boot.legacy, facts.boot.config
    if legacy is not None and "UTF-8" in legacy.unread:
        return Problem(
            "boot-menu",
            f"The boot menu cannot be changed without losing bytes: {legacy.unread}.",
            f"See what is written there. If it is Latin 1: iconv --from-code=latin1 {config}",
        )
    return Problem(
        "boot-menu",
        f"The boot menu {config} could not be read.",
        "Only root can read it: start again with sudo.",
        "unknown",
    )


def _place(legacy: GrubLegacy, menu: Menu) -> Iterator[Problem]:
    if legacy.read_only:
        yield Problem(
            "boot-read-only",
            "/boot is mounted read-only, so the menu cannot be changed.",
            "mount --options remount,rw /boot (or /), and see in the kernel's log why it was so.",
        )
    if not legacy.drive:
        yield Problem(
            "boot-drive",
            "It is not known what GRUB calls the disk with /boot: it is on no plain partition, or "
            "/boot/grub/device.map does not name its disk.",
            "A line of device.map is like: (hd0) /dev/sda. grub-mkdevicemap writes one.",
        )
        return
    current = menu.boots(legacy.saved)
    drives = set()
    if current is not None:
        texts = [f"{one.argument} " for one in current.commands if one.name in ("root", "kernel")]
        drives = set(re.findall(r"\(hd\d+,\d+\)", "".join(texts)))
    if drives and legacy.drive not in drives:
        yield Problem(
            "menu-drive",
            f"{shown(current.title if current else '')} boots from {', '.join(sorted(drives))}, "
            f"and /boot is {legacy.drive} by /boot/grub/device.map: the menu that GRUB shows may "
            "be that of another disk.",
            "Correct device.map if the order of disks has changed. If the menu is another disk's, "
            "start xen-setup in the system that it belongs to.",
        )


def _contents(facts: Facts) -> Iterator[Problem]:
    if not facts.xen.images:
        yield Problem(
            "no-hypervisor",
            "There is no hypervisor in /boot that an entry could start.",
            "The package xen-system-amd64 brings it; the step xen_packages installs that, once "
            "in a run.",
            follows=True,
        )
    if not plain_entries(facts.boot.entries or ()):
        yield Problem(
            "plain-entry",
            "The boot menu has no entry for plain Linux, so there is nothing to fall back to.",
            "Write one, or run update-grub, and see that the machine boots with it.",
        )
    current = default_entry(facts)
    if current is not None and current.kind == "other":
        yield Problem(
            "boot-default-other",
            f"{shown(current.title)} boots by itself, and not Linux: a Xen that fails falls back "
            "to the first plain Linux entry.",
            f"That can be meant so. Otherwise change `default` in {facts.boot.config}.",
            "warning",
        )


def _mistakes(facts: Facts, menu: Menu) -> Iterator[Problem]:
    own = own_entry(menu)
    for entry, line in initrd_mistakes(menu):
        if own is not None and entry.number == own.number:
            continue  # it is written anew
        yield Problem(
            "xen-entry-initrd",
            f"{facts.boot.config}:{line}: {shown(entry.title)} loads the initial ramdisk with "
            "`initrd`. Below a hypervisor GRUB answers: Error 19: Linux kernel must be loaded "
            "before initrd.",
            "Write `module` there instead of `initrd`: to GRUB, dom0's kernel and its ramdisk are "
            "both modules of the hypervisor.",
            "warning",
        )
    if own is None and own_block(menu.text) is not None:
        yield Problem(
            "xen-entry",
            f"{facts.boot.config} has the marks of this program's entry, and no entry between "
            "them: somebody has edited it.",
            "It is written anew between these marks. To have it elsewhere, remove the two lines "
            "that begin with “# xen-setup:”.",
            "warning",
        )


def _filesystem(facts: Facts) -> str:
    for mount in ("/boot", "/"):
        for disk in facts.disks:
            for content in (disk.content, *(part.content for part in disk.partitions)):
                if mount in content.mounted_at:
                    return content.detail
    return ""
