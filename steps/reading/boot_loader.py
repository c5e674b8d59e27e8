"""Which boot loader is there, and its menu as far as it may be read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Literal

from steps.facts import BootLoader
from steps.reading import grub_environment
from steps.reading.boot_menu import Menu, in_boot, parse_environment, parse_menu
from steps.reading.legacy_menu import read_legacy
from steps.reading.view import View

_Kind = Literal["grub2", "other", "none"]
_CONFIGS = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")
_LEGACY = ("/boot/grub/menu.lst", "/boot/grub/grub.conf")
_OTHERS = (
    "/boot/loader/loader.conf",
    "/boot/efi/loader/loader.conf",
    "/efi/loader/loader.conf",
    "/boot/extlinux/extlinux.conf",
    "/boot/syslinux/syslinux.cfg",
    "/etc/lilo.conf",
)
_PACKAGES = ("grub-efi-amd64", "grub-pc", "grub-common")


def read_boot_loaders(
    view: View, packages: Mapping[str, str], root_uuid: str
) -> tuple[BootLoader, BootLoader | None]:
    """The boot loader, and the other GRUB if its menu is here too.

    Of two menus the one counts whose package is installed: Debian's grub-pc and grub-legacy
    exclude each other. An ordinary user on Debian cannot read the menu of GRUB 2.
    """
    found = read_boot_loader(view, packages, root_uuid)
    if found.kind != "grub2" or not any(view.exists(path) for path in _LEGACY):
        return found, None
    legacy = _read_legacy(view, packages, root_uuid)
    if "grub-legacy" in packages and not any(name in packages for name in _PACKAGES[:2]):
        return legacy, found
    return found, legacy


def read_boot_loader(view: View, packages: Mapping[str, str], root_uuid: str) -> BootLoader:
    """GRUB 2 before GRUB Legacy before any other."""
    version = next((packages[name] for name in _PACKAGES if name in packages), "")
    submenu_disabled = _is_yes(_grub_setting(view, "GRUB_DISABLE_SUBMENU"))
    config = next((path for path in _CONFIGS if view.exists(path)), "")
    if config:
        menu = _read_menu(view, config)
        block = config.replace("grub.cfg", "grubenv")
        environment = parse_environment(view.text(block) or "")
        saved = environment.get("saved_entry") or None
        names = frozenset(view.names("/boot"))
        return BootLoader(
            kind="grub2",
            version=version,
            config=config,
            entries=tuple(in_boot(entry, names) for entry in menu.entries) if menu else None,
            default=menu.default if menu else "",
            default_entry=_default_entry(menu, saved),
            next_entry=environment.get("next_entry") or None,
            saved_entry=saved,
            submenu_disabled=submenu_disabled,
            root_uuid=root_uuid,
            fallback_entry=menu.falls_back_to() if menu else None,
            unwritable=grub_environment.unwritable(view, config.rpartition("/")[0]),
            broken=grub_environment.broken(view, block),
        )
    if any(view.exists(path) for path in _LEGACY):
        return _read_legacy(view, packages, root_uuid)
    if any(name in packages for name in _PACKAGES[:2]):
        why = "there is no grub.cfg (update-grub makes it)" if view.as_root else "only root sees it"
        view.not_known("boot menu", why)
        return _without_menu("grub2", version, _CONFIGS[0], root_uuid)
    other = next((path for path in _OTHERS if view.exists(path)), "")
    return _without_menu("other" if other else "none", "", other, root_uuid)


def _read_legacy(view: View, packages: Mapping[str, str], root_uuid: str) -> BootLoader:
    path = next(path for path in _LEGACY if view.exists(path))
    return read_legacy(view, path, packages.get("grub-legacy", ""), root_uuid)


def grub_settings(texts: list[str]) -> dict[str, str]:
    """The values that /etc/default/grub and its drop-ins give, the last one counting.

    They are shell scripts; only plain assignments are read, and of a value with a substitution
    in it its text.
    """
    found: dict[str, str] = {}
    for text in texts:
        for line in text.splitlines():
            match = re.match(r"\s*(?:export\s+)?([A-Z][A-Z0-9_]*)=(.*)", line)
            if match:
                found[match[1]] = _shell_value(match[2])
    return found


def _without_menu(kind: _Kind, version: str, config: str, root_uuid: str) -> BootLoader:
    return BootLoader(
        kind=kind,
        version=version,
        config=config,
        entries=None,
        default="",
        default_entry=None,
        next_entry=None,
        saved_entry=None,
        submenu_disabled=False,
        root_uuid=root_uuid,
    )


def _read_menu(view: View, config: str) -> Menu | None:
    text = view.text(config)
    if text is None:
        view.not_known("boot menu", f"only root can read {config}")
        return None
    return parse_menu(text)


def _default_entry(menu: Menu | None, saved: str | None) -> str | None:
    if menu is None:
        return None
    word = menu.default
    return menu.meant_by((saved or "") if word == "saved" else word)


def _grub_setting(view: View, name: str) -> str:
    paths = ["/etc/default/grub", *view.matching("/etc/default/grub.d/*.cfg")]
    return grub_settings([view.text(path) or "" for path in paths]).get(name, "")


def _shell_value(raw: str) -> str:
    try:
        words = shlex.split(raw, comments=True)
    except ValueError:
        return raw.strip()
    return words[0] if words else ""


def _is_yes(word: str) -> bool:
    # As 10_linux and 20_linux_xen test it: nothing else counts.
    return word in ("y", "yes", "true")
