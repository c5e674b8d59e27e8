"""GRUB 2: its menu is made by update-grub from variables, ours among them (`boot_drop_in.py`)."""

from __future__ import annotations

import re

from steps import boot_fallback
from steps.boot_drop_in import (
    DIRECTORY,
    DROP_IN,
    default_entry,
    dom0_kernel,
    drop_in,
    guard_text,
    guards_default,
    hypervisor_options,
    is_promoted,
    kernel_options,
    plain_entries,
    promoted,
    unwanted_kernel_option,
    with_menu,
    xen_entry,
    xen_entry_path,
)
from steps.expected import with_directories, with_file
from steps.facts import BootEntry, Facts
from steps.settings import Settings
from wizard.actions import Action, CommandShows, MakeDirectory, RunCommand, WriteFile
from wizard.step import Plan, Problem

KIND = "grub2"

_UPDATE = ("update-grub",)
_UPDATE_SECONDS = 10.0


def check_entry(_settings: Settings, facts: Facts) -> list[Problem]:
    """Whether the menu is known, and whether its default will keep its meaning."""
    boot = facts.boot
    if boot.entries is None:
        return [
            Problem(
                "boot-menu",
                f"The boot menu {boot.config} could not be read.",
                "Only root can read it: start again with sudo.",
                "unknown",
            )
        ]
    problems = []
    if not facts.xen.images:
        problems.append(
            Problem(
                "no-hypervisor",
                "There is no hypervisor in /boot that an entry could start.",
                "The package xen-system-amd64 brings it; the step xen_packages installs that, once "
                "in a run.",
                follows=True,
            )
        )
    if not plain_entries(boot.entries):
        problems.append(
            Problem(
                "plain-entry",
                "The boot menu has no entry for plain Linux, so there is nothing to fall back to.",
                "Run update-grub, and see that the machine boots with the menu it writes.",
            )
        )
    current = default_entry(facts)
    if current is None:
        problems.append(
            Problem(
                "boot-default",
                f"It is not clear which entry boots by itself: the default is {boot.default!r}.",
                "Set GRUB_DEFAULT=0 in /etc/default/grub, and run update-grub.",
            )
        )
    elif _may_shift(facts, current):
        problems.append(
            Problem(
                "boot-default-shifts",
                f"The default entry is given by its number, {_default_word(facts)}, which is "
                f"“{current.title}” now; with Xen's entries in the menu it is another.",
                f"grub-set-default '{current.path}' gives it by name."
                if boot.default == "saved"
                else f"Set GRUB_DEFAULT='{current.path}' in /etc/default/grub; run update-grub.",
            )
        )
    elif current.kind == "other":
        problems.append(
            Problem(
                "boot-default-other",
                f"“{current.title}” boots by itself, and not Linux: a Xen that fails falls back "
                "to that.",
                "That can be meant so. Otherwise set GRUB_DEFAULT=0 in /etc/default/grub, and run "
                "update-grub.",
                "warning",
            )
        )
    if boot.submenu_disabled:
        problems.append(
            Problem(
                "submenus-disabled",
                "GRUB_DISABLE_SUBMENU is set: the Xen entry then has the kernel's version in its "
                "name, and a default that names it ends with that kernel.",
                "Take GRUB_DISABLE_SUBMENU out of /etc/default/grub, or run xen-setup again after "
                "each kernel upgrade.",
                "warning",
            )
        )
    return problems


def plan_entry(settings: Settings, facts: Facts) -> Plan[Facts]:
    """Write our drop-in with the options, have update-grub read it."""
    text = _text(settings, facts)
    note = (
        "Plain Linux stays the default entry."
        if not _xen_is_default(facts)
        else "Xen is the default entry already; that stays."
    )
    if facts.files.get(DROP_IN) == text:
        if facts.boot.entries is None:
            return Plan((), facts, notes=("The boot menu could not be read: only root can.",))
        if not _menu_problems(settings, facts):
            return Plan((), facts, skipped=("The boot menu's Xen entry is as it should be.",))
        then = with_menu(facts, settings)
        if boot_fallback.falls_back_to_plain(then):
            return Plan((_update(),), then, notes=(note,))
        caught, then = _fallback(settings, then)
        return Plan(caught or (_update(),), then, notes=(note,))
    actions: list[Action] = []
    then = facts
    if DIRECTORY not in facts.directories:
        actions.append(
            MakeDirectory(
                DIRECTORY,
                "update-grub reads the files in this directory after /etc/default/grub, so ours "
                "can add to it without a change in the distribution's file.",
            )
        )
        then = with_directories(then, DIRECTORY)
    actions.append(
        WriteFile(
            DROP_IN,
            text,
            f"dom0 gets {settings.host.dom0_memory} MiB for good, and Xen's and dom0's messages go "
            f"to the {_CONSOLES[settings.host.console]}. A file of our own, so that upgrades of "
            "the distribution's files ask no questions; update-grub then writes the menu.",
            refresh=_UPDATE,
            estimate=_UPDATE_SECONDS,
        )
    )
    then = with_menu(with_file(then, DROP_IN, text), settings)
    caught, then = _fallback(settings, then)
    return Plan((*actions, *caught), then, notes=(note,))


def _fallback(settings: Settings, facts: Facts) -> tuple[tuple[Action, ...], Facts]:
    """What is done so that GRUB goes on by itself when it cannot load Xen, in this menu."""
    number = boot_fallback.plain_number(facts.boot.entries or ())
    if number is None or boot_fallback.falls_back_to_plain(facts):
        return (), facts
    text = boot_fallback.script(facts.boot.entries or (), number)
    action = WriteFile(
        boot_fallback.SCRIPT,
        text,
        "Should GRUB not be able to load Xen, because its file is damaged or gone, it boots plain "
        "Linux after ten seconds. Without this it would wait at its menu for a key, and a host "
        "that nobody sits at would not come back.",
        mode=0o755,
        refresh=_UPDATE,
        estimate=_UPDATE_SECONDS,
    )
    return (action,), with_menu(with_file(facts, boot_fallback.SCRIPT, text), settings)


def verify_entry(settings: Settings, facts: Facts) -> list[Problem]:
    """The menu, parsed again: what the Xen entry loads, its options, and the default."""
    if facts.boot.entries is None:
        return [
            Problem(
                "boot-menu",
                f"The boot menu {facts.boot.config} could not be read.",
                "Only root can read it: start again with sudo.",
                "unknown",
            )
        ]
    problems = _menu_problems(settings, facts)
    if facts.files.get(DROP_IN) != _text(settings, facts):
        problems.append(
            Problem(
                "drop-in",
                f"{DROP_IN} is not there, or not what was written.",
                "Something changed it. Start xen-setup again to write it once more.",
            )
        )
    return problems


_CONSOLES = {
    "screen": "screen",
    "serial": "first serial port",
    "both": "screen and to the first serial port",
}


def _xen_is_default(facts: Facts) -> bool:
    # By our promotion, or by the user's own choice from before our file was there.
    if DROP_IN in facts.files:
        return promoted(facts)
    current = default_entry(facts)
    return current is not None and current.kind == "xen"


def _text(settings: Settings, facts: Facts) -> str:
    return drop_in(settings, facts, _xen_is_default(facts))


def _default_is_meant(facts: Facts, current: BootEntry) -> bool:
    if current.kind == "xen":
        # A Xen that runs has proved itself: making it the default is the user's own affair.
        return promoted(facts) or facts.xen.control_domain
    return not promoted(facts)


def _may_shift(facts: Facts, current: BootEntry) -> bool:
    # Xen's entries go in after those of 10_linux, which all have the root's UUID in their paths.
    first = _default_word(facts).partition(">")[0]
    own = current.kind == "linux" and facts.boot.root_uuid in current.path
    return first.isdigit() and first != "0" and not own and xen_entry(facts) is None


def _default_word(facts: Facts) -> str:
    """What names the default entry: the configuration's own word, or the one that was saved."""
    return (facts.boot.saved_entry or "") if facts.boot.default == "saved" else facts.boot.default


def _menu_problems(settings: Settings, facts: Facts) -> list[Problem]:
    problems = []
    again = "Run update-grub and look at what it says; then start xen-setup again."
    if not plain_entries(facts.boot.entries or ()):
        problems.append(Problem("plain-entry", "The plain Linux entry is gone.", again))
    entry, kernel = xen_entry(facts), dom0_kernel(facts)
    if entry is None:
        return [
            *problems,
            Problem(
                "xen-entry",
                "The boot menu has no entry for Xen.",
                "update-grub makes one for each kernel with CONFIG_XEN_DOM0=y in /boot/config-*, "
                "when a hypervisor /boot/xen-*.gz is there. Look for both.",
            ),
        ]
    parts = {
        "the hypervisor": entry.hypervisor,
        "dom0's kernel": entry.kernel,
        "its initial ramdisk": entry.initrd or (kernel is not None and not kernel.initrd),
    }
    absent = [name for name, there in parts.items() if not there]
    if absent:
        problems.append(
            Problem(
                "xen-entry-parts", f"The Xen entry does not load {' and '.join(absent)}.", again
            )
        )
    lacking = [
        word
        for words, line in (
            (hypervisor_options(settings), entry.hypervisor_options),
            (kernel_options(settings), entry.kernel_options),
        )
        for word in words
        if word not in line.split()
    ]
    if lacking:
        problems.append(
            Problem(
                "xen-entry-options",
                f"The Xen entry lacks {' '.join(lacking)}.",
                "Another file in /etc/default/grub.d sets GRUB_CMDLINE_XEN_DEFAULT or "
                "GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT after ours: take that line out there.",
            )
        )
    left = [word for word in entry.kernel_options.split() if unwanted_kernel_option(settings, word)]
    if left:
        problems.append(
            Problem(
                "xen-entry-console",
                f"The Xen entry still has {' '.join(left)}: dom0 and Xen would share that port.",
                "Another file in /etc/default/grub.d adds it after ours: move it to "
                "/etc/default/grub, from where it is taken out for Xen.",
            )
        )
    number = boot_fallback.plain_number(facts.boot.entries or ())
    if number is not None and not boot_fallback.falls_back_to_plain(facts):
        problems.append(
            Problem(
                "boot-fallback",
                "If GRUB cannot load Xen, it does not go on to plain Linux by itself.",
                f"{boot_fallback.SCRIPT} is to see to that. Another file in /etc/grub.d may set "
                "`fallback` after it: look with grep fallback /boot/grub/grub.cfg",
            )
        )
    current = default_entry(facts)
    if current is None or not _default_is_meant(facts, current):
        title = f"“{current.title}”" if current else facts.boot.default
        problems.append(
            Problem(
                "default-changed",
                f"The entry that boots by itself is {title} now.",
                "Another file in /etc/default/grub.d sets GRUB_DEFAULT: look with "
                "grep GRUB_DEFAULT /etc/default/grub /etc/default/grub.d/*",
            )
        )
    return problems


# ---- while Xen's packages come in


def keep_default(facts: Facts) -> tuple[list[Action], Facts]:
    """What must be done before they come, so that they do not make Xen the default."""
    if guards_default(facts.files.get(DROP_IN, "")):
        return [], facts
    actions: list[Action] = []
    if DIRECTORY not in facts.directories:
        actions.append(
            MakeDirectory(DIRECTORY, "Files in this directory add to /etc/default/grub.")
        )
        facts = with_directories(facts, DIRECTORY)
    actions.append(
        WriteFile(
            DROP_IN,
            guard_text(),
            "Debian's Xen package makes Xen the boot default the moment it is installed. This "
            "file keeps the default what it is, so that a power cut never boots a Xen that "
            "nobody has tried.",
        )
    )
    return actions, with_file(facts, DROP_IN, guard_text())


def packages_are_in(facts: Facts) -> tuple[list[Action], Facts]:
    """What must be done after they came; nothing."""
    return [], facts


def files_come(facts: Facts) -> list[Action]:
    """What must be done before Xen's files come otherwise than by packages."""
    # Where another Xen is, its entries are no trace of ours.
    traces = CommandShows(("cat", facts.boot.config), r"/xen[^\s\"']*\.gz")
    return [
        RunCommand(
            ("cat", facts.boot.config),
            "The boot menu as it is now, for the log: nothing is changed. Rollback writes it anew "
            "at this place, after Xen's files have gone, so that no entry is left for a hypervisor "
            "that is not there.",
            undo=_UPDATE,
            undo_class="exact",
            traces=None if facts.xen.images else traces,
        )
    ]


def menu_after_packages(facts: Facts) -> Facts:
    """The packages run update-grub, which finds the hypervisor."""
    return with_menu(facts)


def default_should_be_plain(facts: Facts) -> bool:
    """Whether nobody but us would have made Xen the default, and we have not."""
    text = facts.files.get(DROP_IN, "")
    return not facts.xen.control_domain and guards_default(text) and not is_promoted(text)


PACKAGES_NOTE = (
    "Installing the hypervisor runs update-grub: Xen appears in the boot menu, and is not its "
    "default."
)
DEFAULT_HINT = (
    "Another file in /etc/default/grub.d sets GRUB_DEFAULT: look with grep GRUB_DEFAULT "
    "/etc/default/grub /etc/default/grub.d/*"
)


# ---- the first boot


def check_boot_once(facts: Facts) -> list[Problem]:
    """Whether the Xen entry can be booted for one time only."""
    problems = []
    if where := facts.boot.unwritable:
        problems.append(
            Problem(
                "cannot-boot-once",
                f"GRUB cannot write to {where}: it could not forget the Xen entry after one boot, "
                "so a Xen that fails would be booted again and again.",
                "Put /boot on a plain partition with ext4. Or, with a keyboard at the machine to "
                "choose plain Linux in the menu: --ignore cannot-boot-once",
            )
        )
    if facts.boot.broken:
        block = facts.boot.config.replace("grub.cfg", "grubenv")
        problems.append(
            Problem(
                "boot-environment",
                f"{block} {facts.boot.broken}. grub-reboot could not note there that the Xen entry "
                "boots next.",
                "`grub-editenv - list` shows what is in it, `grub-editenv - create` makes an empty "
                "one; a saved default is then to be set again, with grub-set-default.",
            )
        )
    return problems


def boot_once(_settings: Settings, facts: Facts) -> tuple[list[Action], Facts]:
    """The Xen entry is booted next, and only then."""
    path = xen_entry_path(facts)
    if facts.boot.next_entry == path:
        return [], facts
    return [_grub_reboot(path, facts.boot.next_entry)], facts


def _grub_reboot(path: str, earlier: str | None) -> RunCommand:
    undo = ("grub-reboot", earlier) if earlier else ("grub-editenv", "-", "unset", "next_entry")
    return RunCommand(
        ("grub-reboot", path),
        why="GRUB boots the Xen entry at the next boot, and only then: if Xen or dom0 fails, the "
        "next reset brings back plain Linux.",
        probe=CommandShows(("grub-editenv", "list"), rf"^next_entry={re.escape(path)}$"),
        undo=undo,
        undo_class="exact",
        timeout=60,
    )


def make_default(settings: Settings, facts: Facts) -> tuple[list[Action], Facts]:
    """Xen becomes what boots by itself."""
    text = drop_in(settings, facts, xen_default=True)
    if facts.files.get(DROP_IN) == text:
        return [_update()], with_menu(facts, settings)
    action = WriteFile(
        DROP_IN,
        text,
        "Xen has booted, and run a guest to its login prompt: it becomes the entry that boots by "
        "itself. Plain Linux stays in the menu.",
        refresh=_UPDATE,
        estimate=30,
    )
    return [action], with_menu(with_file(facts, DROP_IN, text), settings)


def _update() -> RunCommand:
    """update-grub by itself, when our file is as it should be and the menu is not."""
    return RunCommand(
        _UPDATE,
        "Our options are in place, and the boot menu does not have them yet: update-grub "
        "writes it anew from all files in /etc/default and /etc/grub.d.",
        undo_note="The menu is written anew whenever one of those files is taken back.",
        timeout=300.0,
        estimate=_UPDATE_SECONDS,
    )


def is_default(_settings: Settings, facts: Facts) -> bool:
    """Whether Xen is what boots by itself, as far as it is known."""
    if facts.boot.entries is None:
        return promoted(facts)
    return promoted(facts) and facts.boot.default_entry == xen_entry_path(facts)


def default_source(_facts: Facts) -> str:
    """Where to look when the default is not what it should be."""
    return f"See {DROP_IN} and what `update-grub` says."
