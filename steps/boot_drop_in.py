"""Our file in /etc/default/grub.d, and what the boot menu looks like with it: one place.

Three steps meet here. `xen_packages` writes the file with one line, so that installing Xen does
not make it the default; `grub_entry` adds the options of hypervisor and dom0; `first_boot`
rewrites it with Xen as the default, once Xen has proved itself (the file is then "promoted").

What update-grub makes of it was read in GRUB 2.06's 10_linux, 20_linux_xen and 00_header:

- /etc/default/grub is sourced by a shell, then every grub.d/*.cfg in the order of the names.
  Ours builds on what the others set (a cloud image's options, say), so it comes after them; but
  before the `xen.cfg` of Debian's package, which makes Xen the default unless
  XEN_OVERRIDE_GRUB_DEFAULT is set. "w-" sorts so in every locale.
- a dom0 line is "root=… ro $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT", in which the
  variables with XEN_REPLACE in their names replace these two, unless they are empty;
- `xen-gnulinux-simple-UUID` is the top-level entry, and boots the newest kernel with the newest
  hypervisor. With GRUB_DISABLE_SUBMENU there is none, and `xen-gnulinux-VERSION-advanced-UUID`
  stands at the top level.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from steps import boot_fallback, what_matters
from steps.facts import BootEntry, Facts, Kernel
from steps.settings import Settings

DROP_IN = what_matters.DROP_IN
DIRECTORY = DROP_IN.rpartition("/")[0]
_OVERRIDE = "XEN_OVERRIDE_GRUB_DEFAULT=0"
_PANIC = "panic=10"  # seconds; then dom0's kernel resets, and the fallback entry gets its turn

_HEAD = """\
# Written by xen-setup; `xen-setup rollback` takes it away again. Its name puts it after other
# files, whose options it takes over, and before xen.cfg. After a change of yours here: update-grub
"""
_GUARD = f"""\

# Debian's xen.cfg would make Xen the default as soon as its package is installed. 0 leaves
# GRUB_DEFAULT alone: plain Linux boots by itself until Xen has proved that it works here.
{_OVERRIDE}
"""


def guard_text() -> str:
    """The file before Xen is installed: it only keeps the default entry what it is."""
    return _HEAD + _GUARD


def guards_default(text: str) -> bool:
    """Whether a file of this text keeps Debian's xen.cfg from choosing the default entry."""
    return any(line.strip() == _OVERRIDE for line in text.splitlines())


def hypervisor_options(settings: Settings) -> tuple[str, ...]:
    """The words for Xen's own command line (xen-command-line documentation of 4.17)."""
    memory = settings.host.dom0_memory
    consoles = {
        "screen": ("console=vga",),
        "serial": ("com1=115200,8n1", "console=com1"),
        "both": ("com1=115200,8n1", "console=com1,vga"),
    }
    return (f"dom0_mem={memory}M,max:{memory}M", *consoles[settings.host.console])


def kernel_options(settings: Settings) -> tuple[str, ...]:
    """The words that dom0's kernel gets beside plain Linux's own; the last console counts."""
    consoles = {
        "screen": ("console=tty0",),
        "serial": ("console=hvc0",),
        "both": ("console=tty0", "console=hvc0"),
    }
    return (_PANIC, *consoles[settings.host.console])


def unwanted_kernel_option(settings: Settings, word: str) -> bool:
    """Whether dom0's kernel must do without this word of plain Linux's.

    The first serial port is Xen's when Xen's messages go there: a dom0 that opens it too has a
    second console and a second login on the same line (seen).
    """
    return settings.host.console != "screen" and re.match(r"console=ttyS0(,|$)", word) is not None


def drop_in(settings: Settings, facts: Facts, xen_default: bool) -> str:
    """The whole file: options for hypervisor and dom0, and Xen as the default or not."""
    hypervisor = " ".join(hypervisor_options(settings))
    consoles = " ".join(kernel_options(settings)[1:])
    text = f"""\
{_HEAD}{_GUARD}
# For the hypervisor: dom0 gets a fixed amount of memory, guests the rest; and where Xen's
# messages go. What stood in these variables stays in front.
GRUB_CMDLINE_XEN_DEFAULT="$GRUB_CMDLINE_XEN_DEFAULT {hypervisor}"

# For dom0's kernel, beside plain Linux's own options: after a panic it resets, instead of standing
# still; and the last console is the one that matters.
"""
    if settings.host.console == "screen":
        text += f"""\
GRUB_CMDLINE_LINUX_XEN_REPLACE="$GRUB_CMDLINE_LINUX {_PANIC}"
GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT {consoles}"
"""
    else:
        text += f"""\
# The serial port is the hypervisor's now: dom0 writes to it through hvc0, and not to ttyS0.
without_ttyS0() {{ printf '%s' "$1" | sed 's/console=ttyS0[^ ]*//g'; }}
GRUB_CMDLINE_LINUX_XEN_REPLACE="$(without_ttyS0 "$GRUB_CMDLINE_LINUX") {_PANIC}"
GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT="$(without_ttyS0 "$GRUB_CMDLINE_LINUX_DEFAULT") {consoles}"
"""
    if xen_default:
        text += f"""
# Xen has booted here and run a guest: from now on it is the entry that boots by itself.
GRUB_DEFAULT='{xen_entry_path(facts)}'
"""
    return text


def is_promoted(text: str) -> bool:
    """Whether a drop-in of this text makes Xen the default entry."""
    return re.search(r"^GRUB_DEFAULT=", text, re.MULTILINE) is not None


def promoted(facts: Facts) -> bool:
    """Whether this machine's drop-in makes Xen the default entry."""
    return is_promoted(facts.files.get(DROP_IN, ""))


# ---- the menu


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts versions as `sort --version-sort` does: 6.1.0-9 before 6.1.0-10."""
    parts = re.findall(r"\d+|\D+", text)
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts)


def dom0_kernel(facts: Facts) -> Kernel | None:
    """The kernel that the Xen entry boots: the newest that can be dom0."""
    able = [kernel for kernel in facts.kernels if kernel.xen_dom0 is not False]
    return max(able, key=lambda kernel: natural(kernel.version), default=None)


def newest_image(facts: Facts) -> str:
    """The hypervisor that the Xen entry boots, "" if none is in /boot."""
    images = [image for image in facts.xen.images if image.endswith(".gz")] or facts.xen.images
    return max(images, key=natural, default="")


def xen_entry_path(facts: Facts) -> str:
    """What names the Xen entry for grub-reboot and GRUB_DEFAULT, whether it is there yet or not."""
    entry = xen_entry(facts)
    if entry is not None:
        return entry.path
    kernel = dom0_kernel(facts)
    if facts.boot.submenu_disabled and kernel is not None:
        return f"xen-gnulinux-{kernel.version}-advanced-{facts.boot.root_uuid}"
    return f"xen-gnulinux-simple-{facts.boot.root_uuid}"


def xen_entry(facts: Facts) -> BootEntry | None:
    """The Xen entry at the top of the menu, for this system: never a recovery one."""
    entries = [
        entry
        for entry in facts.boot.entries or ()
        if entry.kind == "xen" and not entry.recovery and ">" not in entry.path
    ]
    own = [entry for entry in entries if entry.id.endswith(facts.boot.root_uuid)]
    return next(iter(own or entries), None)


def plain_entries(entries: Sequence[BootEntry]) -> list[BootEntry]:
    """The entries that boot Linux without Xen, recovery ones left out."""
    return [entry for entry in entries if entry.kind == "linux" and not entry.recovery]


def default_entry(facts: Facts) -> BootEntry | None:
    """The entry that boots by itself; None when the menu is not known, or has no such entry."""
    for entry in facts.boot.entries or ():
        if entry.path == facts.boot.default_entry:
            return entry
    return None


def with_menu(facts: Facts, settings: Settings | None = None) -> Facts:
    """The facts after update-grub: every Xen entry made anew, with the drop-in's options if the
    settings are given; the default is the promoted entry, or what it was."""
    if facts.boot.entries is None:
        return facts
    others = [entry for entry in facts.boot.entries if entry.kind != "xen"]
    place = max((i for i, entry in enumerate(others, 1) if entry.kind == "linux"), default=0)
    added = _xen_entries(facts, settings)
    entries = (*others[:place], *added, *others[place:])
    boot = replace(facts.boot, entries=entries)
    if promoted(facts) and added:
        path = xen_entry_path(replace(facts, boot=boot))
        boot = replace(boot, default=path, default_entry=path)
    number = boot_fallback.written_number(facts.files.get(boot_fallback.SCRIPT, ""))
    if number is not None:
        boot = boot_fallback.in_menu(boot, number)
    return replace(facts, boot=boot)


def _xen_entries(facts: Facts, settings: Settings | None) -> list[BootEntry]:
    image, uuid = newest_image(facts), facts.boot.root_uuid
    kernels = sorted(
        (kernel for kernel in facts.kernels if kernel.xen_dom0 is not False),
        key=lambda kernel: natural(kernel.version),
        reverse=True,
    )
    if not image or not kernels:
        return []
    plain = plain_entries(facts.boot.entries or ())
    title = plain[0].title.partition(", with Linux")[0] if plain else "GNU/Linux"
    xen_version = image.rpartition("/")[2].removeprefix("xen-").removesuffix(".gz")
    submenus = f"gnulinux-advanced-{uuid}>xen-hypervisor-{xen_version}-{uuid}>"
    if facts.boot.submenu_disabled:
        submenus = ""

    def entry(name: str, path: str, title: str, kernel: Kernel, recovery: bool) -> BootEntry:
        base = next(
            (known.kernel_options for known in plain if known.kernel == kernel.image),
            plain[0].kernel_options if plain else f"root=UUID={uuid} ro",
        )
        words = base.split()
        if settings is not None:
            words = [word for word in words if not unwanted_kernel_option(settings, word)]
            words += kernel_options(settings)[: 1 if recovery else None]
        return BootEntry(
            id=name,
            path=path,
            title=title,
            kind="xen",
            kernel=kernel.image,
            initrd=kernel.initrd or "",
            hypervisor=image,
            hypervisor_options=" ".join(hypervisor_options(settings))
            if settings is not None and not recovery
            else "",
            kernel_options=" ".join((*words, *(("single",) if recovery else ()))),
            recovery=recovery,
        )

    made = []
    if not facts.boot.submenu_disabled:
        simple = f"xen-gnulinux-simple-{uuid}"
        made.append(entry(simple, simple, f"{title}, with Xen hypervisor", kernels[0], False))
    for kernel in kernels:
        long_title = f"{title}, with Xen {xen_version} and Linux {kernel.version}"
        for kind, recovery in (("advanced", False), ("recovery", True)):
            name = f"xen-gnulinux-{kernel.version}-{kind}-{uuid}"
            mode = " (recovery mode)" if recovery else ""
            made.append(entry(name, submenus + name, long_title + mode, kernel, recovery))
    return made
