"""GRUB Legacy: our entry in its menu.lst, booted once, then the default.

How one boot only is done: `default saved` takes the number in /boot/grub/default, and the first
line of our entry is `savedefault N`, by which GRUB itself writes the number of plain Linux there
before it loads anything. So whatever becomes of that boot, the next one is plain Linux again. (The
`grub-reboot` of Debian's grub-legacy asks whether to reboot, and writes through GRUB's shell to the
disk below a mounted filesystem: it is not used.)

Debian's Xen packages run update-grub, which rewrites its own list in menu.lst, or appends one to a
menu that has none. That is the user's menu, so update-grub is set aside while they come in, and
while they go at a rollback: menu.lst has exactly our changes in it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from steps.boot_drop_in import (
    default_entry,
    dom0_kernel,
    hypervisor_options,
    kernel_options,
    newest_image,
    plain_entries,
    unwanted_kernel_option,
)
from steps.expected import with_file
from steps.facts import BootEntry, Facts, GrubLegacy
from steps.hosts import legacy_boot, legacy_checks
from steps.hosts.choices import xen_version
from steps.hosts.legacy_checks import shown
from steps.hosts.menu_lst import (
    Entry,
    own_block,
    own_entry,
    parse,
    with_default,
    with_fallback,
    with_own,
)
from steps.settings import Settings
from wizard.actions import (
    Action,
    CommandShows,
    Never,
    PathPresent,
    RunCommand,
    WriteFile,
    text_hash,
)
from wizard.step import Plan, Problem

KIND = "grub-legacy"
check_entry = legacy_checks.check_entry
check_boot_once = legacy_checks.check_boot_once
SAVED = "/boot/grub/default"
_PROVED = "# Xen has booted here and run a guest: the menu's default is this entry now."


# ---- our entry


def plan_entry(settings: Settings, facts: Facts) -> Plan[Facts]:
    """Our entry in menu.lst, every other line as it is."""
    text = _text(facts)
    if text is None or facts.boot.entries is None:
        return Plan((), facts, notes=("The boot menu could not be read: only root can.",))
    new = with_own(text, _lines(settings, facts, _once_to(text), _is_promoted(text)))
    if new == text:
        return Plan((), facts, skipped=("The boot menu's Xen entry is as it should be.",))
    theirs = [one for one in facts.boot.entries if one.kind == "xen" and not _is_own(text, one)]
    notes = ["What boots by itself stays what it is."]
    if theirs:
        notes.append(f"{shown(theirs[0].title)} is in the menu already, and stays as it is.")
    action = _write(
        facts,
        new,
        f"dom0 gets {settings.host.dom0_memory} MiB for good. The hypervisor is the `kernel`; "
        "dom0's kernel and its initial ramdisk are handed to it as `module`s. All other lines "
        "stay, and a default by number still means the same entry.",
    )
    return Plan((action,), with_menu(facts, new), notes=tuple(notes))


def verify_entry(settings: Settings, facts: Facts) -> list[Problem]:
    """The menu, read again: our entry line by line, what it loads, and the default."""
    text = _text(facts)
    if text is None:
        return []
    again = f"Something changed {facts.boot.config}. Start xen-setup again to write it once more."
    if own_entry(parse(text)) is None:
        return [Problem("xen-entry", "The boot menu has no entry of ours for Xen.", again)]
    problems = []
    lines = _lines(settings, facts, _once_to(text), _is_promoted(text))
    if with_own(text, lines) != text:
        problems.append(
            Problem("xen-entry-options", "The Xen entry is not what was written.", again)
        )
    if not plain_entries(facts.boot.entries or ()):
        problems.append(Problem("plain-entry", "The plain Linux entry is gone.", again))
    current = default_entry(facts)
    if current is None or not _default_is_meant(facts, text, current):
        title = shown(current.title) if current else facts.boot.default
        problems.append(
            Problem(
                "default-changed", f"The entry that boots by itself is {title} now.", DEFAULT_HINT
            )
        )
    return problems


def with_menu(facts: Facts, text: str, saved: int | None = None) -> Facts:
    """The facts with that menu.lst, and that number in /boot/grub/default (None: as it was)."""
    boot, legacy = facts.boot, _legacy(facts)
    if saved is not None:
        legacy = replace(legacy, saved=saved)
    new = legacy_boot.boot_loader(
        text, legacy, config=boot.config, version=boot.version, root_uuid=boot.root_uuid
    )
    return replace(with_file(facts, boot.config, text), boot=new)


def memory_option(mib: int, version: tuple[int, int] | None) -> str:
    """dom0_mem for that Xen (None: a current one).

    Before 3.0 the number has no unit and is in kB (Xen 3.0 user manual, "Xen Boot Options"); a
    maximum of its own came later: with 4.0 at the latest.
    """
    if version is not None and version < (3, 0):
        return f"dom0_mem={mib * 1024}"
    if version is not None and version < (4, 0):
        return f"dom0_mem={mib}M"
    return f"dom0_mem={mib}M,max:{mib}M"


def _lines(
    settings: Settings, facts: Facts, once_to: int | None, promoted: bool
) -> tuple[str, ...]:
    legacy, kernel, image = _legacy(facts), dom0_kernel(facts), newest_image(facts)
    if kernel is None or not image:
        return ()
    version = xen_version(facts)
    hypervisor = [
        memory_option(settings.host.dom0_memory, version) if word.startswith("dom0_mem=") else word
        for word in hypervisor_options(settings)
    ]
    name = "Xen" if version is None else f"Xen {version[0]}.{version[1]}"
    title = f"{name}, {facts.distribution.name or 'Linux'}, kernel {kernel.version}"
    lines = [_PROVED] if promoted else []
    lines.append(f"title\t\t{title}")
    if once_to is not None:
        lines.append(f"savedefault\t{once_to}")
    lines += [
        f"root\t\t{legacy.drive}",
        " ".join((f"kernel\t\t{_for_grub(image, legacy)}", *hypervisor)),
        " ".join((f"module\t\t{_for_grub(kernel.image, legacy)}", *_dom0_words(settings, facts))),
    ]
    if kernel.initrd:
        lines.append(f"module\t\t{_for_grub(kernel.initrd, legacy)}")
    return tuple(lines)


def _dom0_words(settings: Settings, facts: Facts) -> list[str]:
    # What plain Linux boots with is known to work; the entry that boots by itself comes first. An
    # entry of ours that was made from one of them stays, whatever boots by itself since.
    current = default_entry(facts)
    plain = [current] if current is not None and current.kind == "linux" else []
    plain += plain_entries(facts.boot.entries or ())
    bases = [one.kernel_options for one in plain] or [f"root=UUID={facts.boot.root_uuid} ro"]
    made = [_with_ours(settings, base) for base in bases]
    text = _text(facts) or ""
    own = next((one for one in facts.boot.entries or () if _is_own(text, one)), None)
    there = own.kernel_options.split() if own is not None else []
    return there if there in made else made[0]


def _with_ours(settings: Settings, base: str) -> list[str]:
    words = [word for word in base.split() if not unwanted_kernel_option(settings, word)]
    return words + [word for word in kernel_options(settings) if word not in words]


def _for_grub(path: str, legacy: GrubLegacy) -> str:
    """A path below /boot as GRUB finds it on that filesystem."""
    return legacy.prefix + path.removeprefix("/boot")


def _default_is_meant(facts: Facts, text: str, current: BootEntry) -> bool:
    if current.kind == "xen":
        # A Xen that runs has proved itself: making it the default is the user's own affair.
        return _is_promoted(text) or facts.xen.control_domain
    return not _is_promoted(text)


def _is_promoted(text: str) -> bool:
    block = own_block(text)
    return block is not None and _PROVED in text[block[0] : block[1]].splitlines()


def _once_to(text: str) -> int | None:
    entry = own_entry(parse(text))
    return legacy_boot.saves(entry) if entry is not None else None


def _is_own(text: str, entry: BootEntry) -> bool:
    own = own_entry(parse(text))
    return own is not None and entry.path == str(own.number)


def _write(facts: Facts, text: str, why: str) -> WriteFile:
    legacy = _legacy(facts)
    return WriteFile(
        facts.boot.config,
        text,
        why,
        mode=legacy.mode,
        uid=legacy.uid,
        gid=legacy.gid,
        made_from=text_hash(_text(facts) or ""),
    )


def _text(facts: Facts) -> str | None:
    return facts.files.get(facts.boot.config)


def _legacy(facts: Facts) -> GrubLegacy:
    return facts.boot.legacy or GrubLegacy("", "/boot", None, read_only=False)


# ---- while Xen's packages come in

_UPDATE = "/usr/sbin/update-grub"
_ASIDE = f"{_UPDATE}.xen-setup"
_SET_ASIDE = ("dpkg-divert", "--local", "--rename", "--divert", _ASIDE, "--add", _UPDATE)
_PUT_BACK = ("dpkg-divert", "--local", "--rename", "--divert", _ASIDE, "--remove", _UPDATE)
_LIST = ("dpkg-divert", "--list", _UPDATE)
_LISTED = rf"{re.escape(_ASIDE)}$"

PACKAGES_NOTE = "Installing Xen does not touch GRUB Legacy's menu: the next step adds the entry."
DEFAULT_HINT = "Look at `default` at the top of /boot/grub/menu.lst, and into /boot/grub/default."


def keep_default(facts: Facts) -> tuple[list[Action], Facts]:
    """update-grub is set aside: it would write into menu.lst what nobody asked for."""
    tools = facts.tools or ()
    if "update-grub" not in tools or "dpkg-divert" not in tools:
        return [], facts
    action = RunCommand(
        _SET_ASIDE,
        "Xen's packages run update-grub, and GRUB Legacy's one rewrites menu.lst, or appends a "
        "list of kernels to it. While they come in it is set aside, so that your menu stays as "
        "it is to the byte.",
        probe=CommandShows(_LIST, _LISTED),
        undo=_PUT_BACK,
        undo_class="exact",
        timeout=60.0,
    )
    return [action], _with_tool(facts, "update-grub", "update-grub.xen-setup")


def packages_are_in(facts: Facts) -> tuple[list[Action], Facts]:
    """update-grub comes back; a rollback sets it aside again while the packages go."""
    if "update-grub.xen-setup" not in (facts.tools or ()):
        return [], facts
    action = RunCommand(
        _PUT_BACK,
        "Xen is in, and update-grub is put back to its place: a new kernel will need it.",
        probe=CommandShows(_LIST, _LISTED, lacks=True),
        undo=_SET_ASIDE,
        undo_class="exact",
        timeout=60.0,
    )
    return [action], _with_tool(facts, "update-grub.xen-setup", "update-grub")


def _with_tool(facts: Facts, old: str, new: str) -> Facts:
    return replace(facts, tools=tuple(new if name == old else name for name in facts.tools or ()))


def files_come(_facts: Facts) -> list[Action]:
    """Nothing: the menu is written by us alone."""
    return []


def menu_after_packages(facts: Facts) -> Facts:
    """No package touches the menu."""
    return facts


def default_should_be_plain(facts: Facts) -> bool:
    """Whether Xen as the default is no one's wish: not ours, and Xen has never run here."""
    return not facts.xen.control_domain and not _is_promoted(_text(facts) or "")


# ---- the first boot


def boot_once(settings: Settings, facts: Facts) -> tuple[list[Action], Facts]:
    """The Xen entry is booted next, and only then; the facts are those after that boot."""
    text = _text(facts)
    own = own_entry(parse(text)) if text is not None else None
    plain = _plain(facts)
    if text is None or own is None or plain is None:
        return [], facts
    number = own.number
    if facts.boot.next_entry == str(number):
        return [], with_menu(facts, text, plain)
    armed = with_own(text, _lines(settings, facts, plain, promoted=False))
    armed = with_fallback(with_default(armed, "saved"), plain)
    menu = _write(
        facts,
        armed,
        f"`default saved` has GRUB boot the number in {SAVED}. Our entry begins with "
        f"`savedefault {plain}`: GRUB writes the number of plain Linux there before it loads Xen. "
        "So Xen is booted once, and if it fails, the next reset brings back plain Linux; "
        "`fallback` does so at once if a file cannot be loaded.",
    )
    actions: list[Action] = [] if armed == text else [menu]
    number_set = _set_saved(number, _legacy(facts).saved)
    # A power cut between the two must leave plain Linux as the default.
    if facts.boot.default == "saved":
        actions.append(number_set)
    else:
        actions.insert(0, number_set)
    return actions, with_menu(facts, armed, plain)


def _plain(facts: Facts) -> int | None:
    current = default_entry(facts)
    candidates = [current] if current is not None and current.kind == "linux" else []
    candidates += plain_entries(facts.boot.entries or ())
    return int(candidates[0].path) if candidates else None


def _set_saved(number: int, before: int | None) -> RunCommand:
    first_line = ("head", "--lines=1", SAVED)
    # GRUB ends the number that it writes with a NUL.
    shows = CommandShows(first_line, rf"^{number}\x00*$")
    why = (
        f"{SAVED} gets the number of the Xen entry. The file must be there before `savedefault` "
        "is: without it GRUB stops with “Error 15: File not found”."
    )
    if before is None:
        return RunCommand(
            ("grub-set-default", str(number)),
            why,
            probe=shows,
            undo=("rm", "--force", SAVED),
            undo_class="by removal",
            traces=PathPresent(SAVED),
            timeout=60.0,
        )
    return RunCommand(
        ("grub-set-default", str(number)),
        why,
        # Where the number is there already, it is ours to give back all the same: that boot has
        # GRUB write another.
        probe=shows if number != before else Never(),
        undo=("grub-set-default", str(before)),
        undo_class="exact",
        # GRUB has written into it since: what is not the old number is still to be taken back.
        traces=CommandShows(first_line, rf"^{before}$", lacks=True),
        timeout=60.0,
    )


def make_default(settings: Settings, facts: Facts) -> tuple[list[Action], Facts]:
    """Xen becomes what boots by itself: by its number."""
    text = _text(facts)
    own = own_entry(parse(text)) if text is not None else None
    if text is None or own is None:
        return [], facts
    new = with_own(text, _lines(settings, facts, None, promoted=True))
    new = with_default(new, str(own.number))
    action = _write(
        facts,
        new,
        "Xen has booted, and run a guest to its login prompt: its entry becomes the one that "
        "boots by itself. Plain Linux stays in the menu.",
    )
    return [action], with_menu(facts, new)


def is_default(_settings: Settings, facts: Facts) -> bool:
    """Whether our Xen entry is what boots by itself, as far as it is known."""
    text = _text(facts)
    if text is None:
        return False
    own: Entry | None = own_entry(parse(text))
    return own is not None and _is_promoted(text) and facts.boot.default_entry == str(own.number)


def default_source(facts: Facts) -> str:
    """Where to look when the default is not what it should be."""
    return f"See `default` at the top of {facts.boot.config}, and the number in {SAVED}."
