"""Machines as they stand just before a step of the second half: what the steps before it made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from steps import guest_config, guest_system, guest_volumes, volume_group
from steps.boot_drop_in import DROP_IN, drop_in, with_menu
from steps.expected import with_directories, with_file, with_packages
from steps.facts import Bridge, Facts
from steps.settings import NO_BRIDGE, Settings
from wizard.step import Step

HALVES: Sequence[Step[Settings, Facts]] = (
    volume_group,
    guest_volumes,
    guest_system,
    guest_config,
)


def with_xen(facts: Facts, settings: Settings) -> Facts:
    """Xen is installed, in the menu, not the default; the bridge is there."""
    facts = with_packages(facts, ("xen-system-amd64", "debootstrap", "lvm2"))
    facts = with_directories(facts, "/etc/xen", "/etc/xen/auto", "/etc/default/grub.d")
    facts = replace(
        facts, xen=replace(facts.xen, images=("/boot/xen-4.17-amd64.gz",), commands=("xl",))
    )
    facts = with_file(facts, DROP_IN, drop_in(settings, facts, xen_default=False))
    facts = with_menu(facts, settings)
    name = settings.host.bridge
    if name != NO_BRIDGE and facts.bridge(name) is None:
        bridge = Bridge(name, (settings.host.bridge_card,), ("10.0.2.15/24",), True, True)
        network = replace(facts.network, bridges=(*facts.network.bridges, bridge))
        facts = replace(facts, network=network)
    return facts


def before(step: Step[Settings, Facts], settings: Settings, facts: Facts) -> Facts:
    """That machine as the steps before this one leave it."""
    facts = with_xen(facts, settings)
    for earlier in HALVES:
        if earlier is step:
            break
        facts = earlier.plan(settings, facts).then
    return facts
