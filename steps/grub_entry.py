"""The boot menu's Xen entry: its options, and that plain Linux stays what boots by itself."""

from __future__ import annotations

from dataclasses import replace

from steps.facts import Facts
from steps.hosts.boot_loaders import boot_loader, in_view, out_of_view
from steps.hosts.choices import BOOT_LOADERS
from steps.lessons import grub_entry as lesson
from steps.settings import Settings
from wizard.step import Plan, Problem

TITLE = "A Xen entry in the boot menu"
LESSON = lesson.LESSON
QUESTIONS = ("host.boot_loader", "host.dom0_memory", "host.console")


def check(settings: Settings, facts: Facts) -> list[Problem]:
    """Whether the menu is known, and whether its default will keep its meaning."""
    facts = in_view(settings, facts)
    if facts.boot.kind != settings.host.boot_loader:
        return [
            Problem(
                "grub",
                f"{BOOT_LOADERS[settings.host.boot_loader]} is to get a Xen entry, and its menu is "
                "not here.",
                "Install grub-pc (BIOS) or grub-efi-amd64 (UEFI) and boot with it first; or see "
                "host.boot_loader.",
            )
        ]
    return boot_loader(settings).check_entry(settings, facts)


def plan(settings: Settings, facts: Facts) -> Plan[Facts]:
    """The entry, in the way of the boot loader that is here."""
    made = boot_loader(settings).plan_entry(settings, in_view(settings, facts))
    return replace(made, then=out_of_view(facts, made.then))


def verify(settings: Settings, facts: Facts) -> list[Problem]:
    """The menu, parsed again: what the Xen entry loads, its options, and the default."""
    facts = in_view(settings, facts)
    if facts.boot.entries is None:
        return [
            Problem(
                "boot-menu",
                f"The boot menu {facts.boot.config} could not be read.",
                "Only root can read it: start again with sudo.",
                "unknown",
            )
        ]
    return boot_loader(settings).verify_entry(settings, facts)
