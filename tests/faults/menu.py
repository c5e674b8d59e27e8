"""GRUB, simulated: update-grub reads the files in the tree, and writes a menu that facts show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from steps import boot_drop_in, boot_fallback
from steps.facts import BootLoader, Facts
from steps.hosts import legacy_boot
from steps.hosts.menu_lst import parse

MENU = "boot/grub/grub.cfg"
LEGACY_MENU, SAVED = "boot/grub/menu.lst", "boot/grub/default"
_XEN_CFG = "xen.cfg"


def update_grub(tree: Path, facts: Facts) -> Iterator[None]:
    """What update-grub does, in two moments: the new menu beside the old one, then in its place."""
    if facts.boot.legacy is not None:
        # GRUB Legacy's own writes its list into the menu, whoever keeps that.
        menu = tree / LEGACY_MENU
        menu.write_text(menu.read_text() + "## update-grub was here ##\n")
        yield
        return
    text = json.dumps(_menu(tree, facts), indent=1)
    new = tree / f"{MENU}.new"
    new.write_text(text)
    yield
    new.replace(tree / MENU)


def boot_loader(tree: Path, facts: Facts, environment: dict[str, str]) -> BootLoader:
    """The facts of the menu as it was last written."""
    if facts.boot.legacy is not None:
        return _legacy(tree, facts)
    menu = json.loads((tree / MENU).read_text())
    base = replace(facts.boot, entries=_plain(facts), default_entry=None)
    boot = base
    if menu["xen"] is not None:
        shown = replace(
            facts,
            boot=base,
            files={},  # only what update-grub has seen of them counts
            xen=replace(facts.xen, images=(menu["xen"]["image"],)),
        )
        boot = boot_drop_in.with_menu(shown).boot
        boot = replace(boot, entries=tuple(_with_options(boot, menu["xen"])))
    entries = boot.entries or ()
    paths = [entry.path for entry in entries]
    first = paths[0] if paths else None
    default = menu["default"]
    boot = boot_fallback.in_menu(boot, menu["fallback"])
    return replace(
        boot,
        default=default,
        default_entry=default if default in paths else first,
        next_entry=environment.get("next_entry"),
    )


def _legacy(tree: Path, facts: Facts) -> BootLoader:
    base = facts.boot
    assert base.legacy is not None
    return legacy_boot.boot_loader(
        (tree / LEGACY_MENU).read_text(), replace(base.legacy, saved=saved_number(tree)),
        config=base.config, version=base.version, root_uuid=base.root_uuid,
    )  # fmt: skip


def saved_text(number: int | str) -> str:
    """What grub-set-default writes into that file."""
    return f"{number}\n#\n# WARNING: edit menu.lst, not this file.\n"


def saved_number(tree: Path) -> int | None:
    """What GRUB Legacy reads in its file of the saved default."""
    if not (tree / SAVED).is_file():
        return None
    found = re.match(r"\d+", (tree / SAVED).read_text())
    return int(found[0]) if found else None


def boot_legacy(tree: Path, facts: Facts) -> str:
    """The entry that GRUB Legacy boots, and what it writes before: `savedefault N` puts N into its
    file, which must be there. A file that it cannot load has it try the fallback.
    """
    menu = parse((tree / LEGACY_MENU).read_text())
    entry = menu.boots(saved_number(tree))
    assert entry is not None
    after = legacy_boot.saves(entry)
    if after is not None:
        assert (tree / SAVED).is_file(), "Error 15: File not found"
        (tree / SAVED).write_text(f"{after}\0\0\0\n")
    shown = next(one for one in _legacy(tree, facts).entries or () if one.path == str(entry.number))
    if shown.kind == "xen" and not (tree / shown.hypervisor.lstrip("/")).is_file():
        assert menu.fallbacks, "Error 15: File not found, and no fallback"
        return str(menu.fallbacks[0])
    return str(entry.number)


def _plain(facts: Facts) -> Any:
    return tuple(entry for entry in facts.boot.entries or () if entry.kind != "xen")


def _with_options(boot: BootLoader, menu: dict[str, Any]) -> Iterator[Any]:
    for entry in boot.entries or ():
        if entry.kind != "xen":
            yield entry
            continue
        words = [
            word
            for word in entry.kernel_options.split()
            if not (menu["without_serial"] and word.startswith("console=ttyS0"))
        ]
        words += menu["always"] if entry.recovery else [*menu["always"], *menu["usual"]]
        yield replace(
            entry,
            hypervisor_options="" if entry.recovery else menu["hypervisor"],
            kernel_options=" ".join(words),
        )


def _menu(tree: Path, facts: Facts) -> dict[str, Any]:
    """The menu that the files say: what /etc/default/grub and grub.d/*.cfg come to in a shell."""
    directory = tree / "etc/default"
    paths = [directory / "grub", *sorted((directory / "grub.d").glob("*.cfg"))]
    variables: dict[str, str] = {}
    text = ""
    uuid = facts.boot.root_uuid
    for path in paths:
        if not path.is_file():
            continue
        if path.name == _XEN_CFG:
            # Debian's file: Xen is the default unless someone has said otherwise before.
            if variables.get("XEN_OVERRIDE_GRUB_DEFAULT", "") != "0":
                variables["GRUB_DEFAULT"] = f"xen-gnulinux-simple-{uuid}"
            continue
        text = path.read_text()
        for name, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
            variables[name] = value.strip("'\"")
    images = sorted((tree / "boot").glob("xen-*.gz"))
    xen: dict[str, Any] | None = None
    if images:
        always = variables.get("GRUB_CMDLINE_LINUX_XEN_REPLACE", "")
        usual = variables.get("GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT", "")
        xen = {
            "image": f"/boot/{images[-1].name}",
            "hypervisor": _own(variables.get("GRUB_CMDLINE_XEN_DEFAULT", "")),
            "without_serial": "without_ttyS0" in always,
            "always": _own(always).split(),
            "usual": _own(usual).split(),
        }
    return {
        "default": variables.get("GRUB_DEFAULT", "0"),
        "xen": xen,
        "fallback": _fallback(tree),
    }


def _fallback(tree: Path) -> int | None:
    """What the last script in /etc/grub.d prints that sets it; one that may not run prints none."""
    number = None
    for path in sorted((tree / "etc/grub.d").glob("*")):
        if path.stat().st_mode & 0o111:
            printed = boot_fallback.written_number(path.read_text())
            number = number if printed is None else printed
    return number


def _own(value: str) -> str:
    """A variable's words without the expansions of others in it."""
    return re.sub(r"\$\([^)]*\)|\$\w+", "", value).replace('"', " ").strip()
