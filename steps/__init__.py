"""Xen: the steps of the installation, their questions and what they read of the machine."""

from __future__ import annotations

from steps import (
    distribution,
    first_boot,
    grub_entry,
    guest_config,
    guest_system,
    guest_volumes,
    network_bridge,
    tls_libraries,
    volume_group,
    xen_packages,
    xend_services,
)
from steps.facts import Facts
from steps.settings import Settings
from wizard.step import Step

# The order, one line a step.
PIPELINE: tuple[Step[Settings, Facts], ...] = (
    distribution,
    xen_packages,
    grub_entry,
    xend_services,
    tls_libraries,
    network_bridge,
    volume_group,
    guest_volumes,
    guest_system,
    guest_config,
    first_boot,
)

# What later steps do not need, and what is without it: a person may go on when it has failed.
OPTIONAL: dict[str, str] = {
    "tls_libraries": "guests work with these libraries too; 32-bit programs run slower",
    "first_boot": "the host stays as it is; start the guests with `xl create` when it boots Xen",
}
