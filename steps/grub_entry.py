"""The boot menu's Xen entry: its options, and that plain Linux stays what boots by itself."""

from __future__ import annotations

from steps.boot_drop_in import (
    DIRECTORY,
    DROP_IN,
    default_entry,
    dom0_kernel,
    drop_in,
    hypervisor_options,
    kernel_options,
    plain_entries,
    promoted,
    unwanted_kernel_option,
    with_menu,
    xen_entry,
)
from steps.expected import with_directories, with_file
from steps.facts import BootEntry, Facts
from steps.lessons import grub_entry as lesson
from steps.settings import Settings
from wizard.actions import Action, MakeDirectory, RunCommand, WriteFile
from wizard.step import Plan, Problem

TITLE = "A Xen entry in the boot menu"
LESSON = lesson.LESSON
QUESTIONS = ("host.dom0_memory", "host.console")

_UPDATE = ("update-grub",)
_UPDATE_SECONDS = 10.0


def check(_settings: Settings, facts: Facts) -> list[Problem]:
    """Whether the menu is known, and whether its default will keep its meaning."""
    boot = facts.boot
    if boot.kind != "grub2":
        return [
            Problem(
                "grub",
                "The boot loader is not GRUB 2, so no Xen entry can be made.",
                "Install grub-pc (BIOS) or grub-efi-amd64 (UEFI) and boot with it first.",
            )
        ]
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
                "The package xen-system-amd64 brings it; the step before installs that.",
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
                f"The default entry is given by its number, {boot.default}, which is "
                f"“{current.title}” now; with Xen's entries in the menu it is another.",
                f"Set GRUB_DEFAULT='{current.path}' in /etc/default/grub, and run update-grub.",
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


def plan(settings: Settings, facts: Facts) -> Plan[Facts]:
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
        update = RunCommand(
            _UPDATE,
            "Our options are in place, and the boot menu does not have them yet: update-grub "
            "writes it anew from all files in /etc/default and /etc/grub.d.",
            undo_note="The menu is written anew whenever one of those files is taken back.",
            timeout=300.0,
            estimate=_UPDATE_SECONDS,
        )
        return Plan((update,), with_menu(facts, settings), notes=(note,))
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
    return Plan(tuple(actions), then, notes=(note,))


def verify(settings: Settings, facts: Facts) -> list[Problem]:
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
    first = facts.boot.default.partition(">")[0]
    own = current.kind == "linux" and facts.boot.root_uuid in current.path
    return first.isdigit() and first != "0" and not own and xen_entry(facts) is None


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
