"""The kernels in /boot, and whether they can be dom0 and a guest's kernel."""

from __future__ import annotations

import re

from steps.facts import Kernel
from steps.reading.initrd import UnreadableInitrd, read_initrd
from steps.reading.view import MIB, View

_INITRDS = ("initrd.img-{}", "initrd-{}.img", "initramfs-{}.img", "initrd-{}", "initramfs-{}")
_BLKFRONT = "xen-blkfront.ko"


def read_kernels(view: View, thorough: bool) -> tuple[Kernel, ...]:
    """The kernels that update-grub lists, newest first.

    `thorough` looks into the newest one's initrd: that unpacks it, in memory.
    """
    names = [
        name
        for pattern in ("vmlinuz-*", "kernel-*")
        for name in view.names("/boot", pattern)
        if not name.endswith((".dpkg-tmp", ".dpkg-dist", ".dpkg-bak", ".rpmsave", ".old", ".hmac"))
    ]
    newest_first = sorted(names, key=lambda name: version_order(_version(name)), reverse=True)
    return tuple(
        _read_kernel(view, name, look_inside=thorough and index == 0)
        for index, name in enumerate(newest_first)
    )


def config_values(text: str) -> dict[str, str]:
    """The options that a /boot/config-* sets; those that are not set are not in it."""
    # One call for thousands of lines: the facts are read again after every step.
    return dict(re.findall(r"^(CONFIG_\w+)=(.*)$", text, re.MULTILINE))


def version_order(version: str) -> tuple[tuple[int, int, str], ...]:
    """A key to sort kernel versions by: numbers in them as numbers, words before them."""
    return tuple(
        (1, int(part), "") if part.isdecimal() else (0, 0, part)
        for part in re.findall(r"[0-9]+|[^0-9]+", version)
    )


def _version(name: str) -> str:
    return name.partition("-")[2]


def _read_kernel(view: View, name: str, look_inside: bool) -> Kernel:
    version = _version(name)
    text = view.text(f"/boot/config-{version}")
    options = config_values(text) if text is not None else None
    initrd = next(
        (
            f"/boot/{pattern.format(version)}"
            for pattern in _INITRDS
            if view.is_file(f"/boot/{pattern.format(version)}")
        ),
        None,
    )
    inside = _look_inside(view, initrd) if initrd and look_inside else (None, None)
    modules = f"/lib/modules/{version}"
    return Kernel(
        version=version,
        image=f"/boot/{name}",
        initrd=initrd,
        xen_dom0=_is_dom0(options) if options is not None else None,
        xen_blkfront_builtin=(
            options.get("CONFIG_XEN_BLKDEV_FRONTEND") == "y" if options is not None else None
        ),
        initrd_has_blkfront=inside[0],
        initrd_unpacked_mib=inside[1],
        modules=modules if view.is_directory(modules) else None,
    )


def _is_dom0(options: dict[str, str]) -> bool:
    # The same two options that 20_linux_xen looks for.
    return "y" in (
        options.get("CONFIG_XEN_DOM0"),
        options.get("CONFIG_XEN_PRIVILEGED_GUEST"),
    )


def _look_inside(view: View, initrd: str) -> tuple[bool | None, int | None]:
    try:
        content = read_initrd(view.place(initrd), frozenset({_BLKFRONT}))
    except UnreadableInitrd as error:
        view.not_known(f"content of {initrd}", str(error))
        return None, None
    except OSError:
        view.not_known(f"content of {initrd}", "only root can read it")
        return None, None
    # Rounded up: it is compared with the memory that a guest needs to unpack it.
    return _BLKFRONT in content.found, -(-content.unpacked // MIB)
