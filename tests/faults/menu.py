"""GRUB, simulated: update-grub reads the files in the tree, and writes a menu that facts show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from steps import boot_drop_in
from steps.facts import BootLoader, Facts

MENU = "boot/grub/grub.cfg"
_XEN_CFG = "xen.cfg"


def update_grub(tree: Path, facts: Facts) -> Iterator[None]:
    """What update-grub does, in two moments: the new menu beside the old one, then in its place."""
    text = json.dumps(_menu(tree, facts), indent=1)
    new = tree / f"{MENU}.new"
    new.write_text(text)
    yield
    new.replace(tree / MENU)


def boot_loader(tree: Path, facts: Facts, environment: dict[str, str]) -> BootLoader:
    """The facts of the menu as it was last written."""
    menu = json.loads((tree / MENU).read_text())
    base = replace(facts.boot, entries=_plain(facts), default_entry=None)
    boot = base
    if menu["xen"] is not None:
        shown = replace(
            facts,
            boot=base,
            files={},
            xen=replace(facts.xen, images=(menu["xen"]["image"],)),
        )
        boot = boot_drop_in.with_menu(shown).boot
        boot = replace(boot, entries=tuple(_with_options(boot, menu["xen"])))
    entries = boot.entries or ()
    paths = [entry.path for entry in entries]
    first = paths[0] if paths else None
    default = menu["default"]
    return replace(
        boot,
        default=default,
        default_entry=default if default in paths else first,
        next_entry=environment.get("next_entry"),
    )


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
    return {"default": variables.get("GRUB_DEFAULT", "0"), "xen": xen}


def _own(value: str) -> str:
    """A variable's words without the expansions of others in it."""
    return re.sub(r"\$\([^)]*\)|\$\w+", "", value).replace('"', " ").strip()
