"""The facts that a menu.lst comes to: its entries, what boots by itself, what boots once."""

from __future__ import annotations

import re

from steps.facts import BootEntry, BootLoader, GrubLegacy
from steps.hosts.menu_lst import Entry, Menu, parse

_HYPERVISOR = re.compile(r"^xen([-.].*)?$")
_RECOVERY = {"single", "-s", "S", "1", "emergency", "rescue"}


def boot_loader(
    text: str | None, legacy: GrubLegacy, *, config: str, version: str, root_uuid: str
) -> BootLoader:
    """GRUB Legacy with that menu (None: it could not be read).

    A default that is saved, and whose entry saves another one as soon as it is chosen, is booted
    once: that is `next_entry`, and the other one is what boots by itself.
    """
    menu = parse(text) if text is not None else None
    default = menu.boots(legacy.saved) if menu is not None else None
    once = None
    if menu is not None and default is not None and menu.default == "saved":
        after = saves(default)
        if after is not None and after != default.number and after < len(menu.entries):
            once, default = default, menu.entries[after]
    return BootLoader(
        kind="grub-legacy",
        version=version,
        config=config,
        entries=tuple(_entry(one, legacy.prefix) for one in menu.entries) if menu else None,
        default=menu.default if menu is not None else "",
        default_entry=str(default.number) if default is not None else None,
        next_entry=str(once.number) if once is not None else None,
        saved_entry=str(legacy.saved) if legacy.saved is not None else None,
        submenu_disabled=False,
        root_uuid=root_uuid,
        legacy=legacy,
    )


def saves(entry: Entry) -> int | None:
    """The number of another entry that this one saves as the default when it is chosen."""
    numbers = [one.argument for one in entry.all("savedefault") if one.argument.isdecimal()]
    return int(numbers[-1]) if numbers else None


def initrd_mistakes(menu: Menu) -> list[tuple[Entry, int]]:
    """The Xen entries that hand the initial ramdisk over with `initrd`, each with the line: GRUB
    then says "Error 19: Linux kernel must be loaded before initrd", and boots nothing.
    """
    return [
        (entry, line.line)
        for entry in menu.entries
        if is_xen(entry)
        for line in entry.all("initrd")
    ]


def is_xen(entry: Entry) -> bool:
    """Whether its kernel is the hypervisor."""
    kernel = entry.first("kernel")
    return kernel is not None and _is_hypervisor(_words(kernel.argument)[0])


def _is_hypervisor(path: str) -> bool:
    return _HYPERVISOR.match(path.rpartition("/")[2]) is not None


def _words(argument: str) -> tuple[str, str]:
    """The file and the options of a `kernel` or `module` line; GRUB's own options are left out."""
    words = [word for word in argument.split() if not word.startswith(("--type=", "--no-mem"))]
    return (words[0] if words else "", " ".join(words[1:]))


def _entry(entry: Entry, prefix: str) -> BootEntry:
    number = str(entry.number)
    kernel = entry.first("kernel")
    if kernel is None:
        return BootEntry(number, number, entry.title, "other")
    path, options = _words(kernel.argument)
    if not _is_hypervisor(path):
        initrd = entry.first("initrd")
        linux = re.search(r"(vmlinu|bzImage|kernel)", path) is not None
        return BootEntry(
            id=number,
            path=number,
            title=entry.title,
            kind="linux" if linux else "other",
            kernel=_on_host(path, prefix),
            initrd=_on_host(_words(initrd.argument)[0], prefix) if initrd else "",
            kernel_options=options,
            recovery=bool(_RECOVERY & set(options.split())),
        )
    modules = [_words(one.argument) for one in entry.commands if one.name.startswith("module")]
    dom0, dom0_options = modules[0] if modules else ("", "")
    return BootEntry(
        id=number,
        path=number,
        title=entry.title,
        kind="xen",
        kernel=_on_host(dom0, prefix),
        initrd=_on_host(modules[1][0], prefix) if len(modules) > 1 else "",
        hypervisor=_on_host(path, prefix),
        hypervisor_options=options,
        kernel_options=dom0_options,
        recovery=bool(_RECOVERY & set(dom0_options.split())),
    )


def _on_host(path: str, prefix: str) -> str:
    """A path of GRUB's as the running system sees it."""
    path = re.sub(r"^\([^)]*\)", "", path)
    return f"/boot{path}" if path and not prefix else path
