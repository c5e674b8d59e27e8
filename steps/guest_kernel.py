"""Which kernel a guest boots: one of the host's, and it stays the same once it is chosen."""

from __future__ import annotations

from steps.boot_drop_in import dom0_kernel
from steps.facts import Facts, Kernel
from steps.settings import GuestSettings
from steps.xl_config import ConfigError, parse_config, text_of


def config_path(guest: GuestSettings) -> str:
    """The guest's config for xl."""
    return f"/etc/xen/{guest.name}.cfg"


def kernel_for(facts: Facts, guest: GuestSettings) -> Kernel | None:
    """The kernel of the guest's config while the host still has it; else the newest for Xen.

    A new kernel on the host is no reason to change a guest: its modules are those of the old one.
    """
    try:
        config = parse_config(facts.files.get(config_path(guest), ""))
    except ConfigError:
        config = {}
    image, initrd = text_of(config, "kernel"), text_of(config, "ramdisk")
    for kernel in facts.kernels:
        if image and kernel.image == image and kernel.initrd == initrd:
            return kernel
    return dom0_kernel(facts)
