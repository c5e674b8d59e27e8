"""The boot loaders: each a module with the same functions, and the one that counts here.

A module says what the three steps that touch the boot menu need: the Xen entry (`grub_entry`),
what must be done while packages come in (`xen_packages`), and the first boot (`first_boot`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from steps.facts import Facts
from steps.hosts import grub_2, grub_legacy
from steps.settings import Settings
from wizard.actions import Action
from wizard.step import Plan, Problem

Work = tuple[list[Action], Facts]


class BootLoaderModule(Protocol):
    """What the steps ask of a boot loader."""

    @property
    def PACKAGES_NOTE(self) -> str: ...  # noqa: N802 - a module's constant
    @property
    def DEFAULT_HINT(self) -> str: ...  # noqa: N802 - a module's constant

    def check_entry(self, settings: Settings, facts: Facts, /) -> list[Problem]: ...
    def plan_entry(self, settings: Settings, facts: Facts, /) -> Plan[Facts]: ...
    def verify_entry(self, settings: Settings, facts: Facts, /) -> list[Problem]: ...

    def keep_default(self, facts: Facts, /) -> Work: ...
    def packages_are_in(self, facts: Facts, /) -> Work: ...
    def files_come(self, facts: Facts, /) -> list[Action]: ...
    def menu_after_packages(self, facts: Facts, /) -> Facts: ...
    def default_should_be_plain(self, facts: Facts, /) -> bool: ...

    def check_boot_once(self, facts: Facts, /) -> list[Problem]: ...
    def boot_once(self, settings: Settings, facts: Facts, /) -> Work: ...
    def make_default(self, settings: Settings, facts: Facts, /) -> Work: ...
    def is_default(self, settings: Settings, facts: Facts, /) -> bool: ...
    def default_source(self, facts: Facts, /) -> str: ...


LOADERS: Mapping[str, BootLoaderModule] = {
    grub_2.KIND: grub_2,
    grub_legacy.KIND: grub_legacy,
}


def boot_loader(settings: Settings) -> BootLoaderModule:
    """The boot loader of these answers."""
    return LOADERS[settings.host.boot_loader]


def in_view(settings: Settings, facts: Facts) -> Facts:
    """The facts with the chosen boot loader in `boot`, where the menus of two are here."""
    other = facts.other_boot
    if other is None or other.kind != settings.host.boot_loader:
        return facts
    return replace(facts, boot=other, other_boot=facts.boot)


def out_of_view(before: Facts, then: Facts) -> Facts:
    """The facts that were planned `in_view`, with the two boot loaders in their places again."""
    if then.other_boot is None or then.boot.kind == before.boot.kind:
        return then
    return replace(then, boot=then.other_boot, other_boot=then.boot)
