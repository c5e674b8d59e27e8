"""Machines as the 2006 tutorial knew them: GRUB Legacy in several states, SysV init, OpenRC."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from steps.facts import Disk, Facts, GrubLegacy
from steps.hosts.legacy_boot import boot_loader

MENU = "/boot/grub/menu.lst"
TOOLS = ("systemctl", "update-rc.d", "insserv", "update-grub", "dpkg-divert", "grub-set-default")

# As update-grub of Debian 12's grub-legacy writes it, its comments left out.
DEBIANS_MENU = """\
# menu.lst - See: grub(8), info grub, update-grub(8)
default\t\t0
timeout\t\t2

### BEGIN AUTOMAGIC KERNELS LIST
## ## Start Default Options ##
# kopt=root=UUID={uuid} ro console=tty0 console=ttyS0,115200n8
# groot=(hd0,0)
## ## End Default Options ##

title\t\tDebian GNU/Linux, kernel {version}
root\t\t(hd0,0)
kernel\t\t/boot/vmlinuz-{version} root=UUID={uuid} ro console=tty0 console=ttyS0,115200n8
initrd\t\t/boot/initrd.img-{version}

title\t\tDebian GNU/Linux, kernel {version} (single-user mode)
root\t\t(hd0,0)
kernel\t\t/boot/vmlinuz-{version} root=UUID={uuid} ro console=ttyS0,115200n8 single
initrd\t\t/boot/initrd.img-{version}

### END DEBIAN AUTOMAGIC KERNELS LIST
"""

# Four entries of somebody's, below a /boot of its own; the third boots by itself.
OWN_MENU = """\
# My menu. Do not touch: I count the entries by hand!
default=2
timeout   2
password --md5 $1$xensetup$3W1pQ0r1Y3l6p0Zk5m8oD/

title  Rescue, single user
root   (hd0,0)
kernel /vmlinuz-{version} root=UUID={uuid} ro single
initrd /initrd.img-{version}

title  Debian, quiet
root   (hd0,0)
kernel /vmlinuz-{version} root=UUID={uuid} ro quiet
initrd /initrd.img-{version}

title  Debian
root   (hd0,0)
kernel /vmlinuz-{version} root=UUID={uuid} ro console=tty0 console=ttyS0,115200n8
initrd /initrd.img-{version}

title  The other disk
lock
rootnoverify (hd1)
chainloader  +1
"""

# The beginner's mistake, in a Xen entry that somebody has typed.
MISTAKEN = """
title  Xen, typed by hand
root   (hd0,0)
kernel /boot/xen-4.17-amd64.gz dom0_mem=262144
module /boot/vmlinuz-{version} root=UUID={uuid} ro
initrd /boot/initrd.img-{version}
"""


def written(menu: str, facts: Facts) -> str:
    """That menu with this machine's kernel and root."""
    return menu.format(version=facts.kernels[0].version, uuid=facts.boot.root_uuid)


def with_legacy(
    facts: Facts,
    menu: str = DEBIANS_MENU,
    legacy: GrubLegacy | None = None,
) -> Facts:
    """That machine, booted by GRUB Legacy with this menu."""
    text = written(menu, facts)
    boot = boot_loader(
        text,
        legacy or GrubLegacy("(hd0,0)", "/boot", None, read_only=False),
        config=MENU,
        version="0.97-80",
        root_uuid=facts.boot.root_uuid,
    )
    packages = {name: item for name, item in facts.packages.items() if name != "grub-pc"}
    files = {path: item for path, item in facts.files.items() if path != "/etc/default/grub"}
    return replace(
        facts,
        boot=boot,
        packages={**packages, "grub-legacy": "0.97-80"},
        files={**files, MENU: text},
        tools=TOOLS,
        disks=tuple(_on_ext3(facts)),
    )


def _on_ext3(facts: Facts) -> Iterator[Disk]:
    for disk in facts.disks:
        parts = tuple(
            replace(part, content=replace(part.content, detail="ext3"))
            if part.content.detail == "ext4" and part.system
            else part
            for part in disk.partitions
        )
        yield replace(disk, partitions=parts)


def with_debians_default(facts: Facts) -> Facts:
    """Debian's update-grub has made /boot/grub/default with 0, which nothing reads yet: and 0 is
    what our entry's number is going to be.
    """
    return with_legacy(facts, legacy=GrubLegacy("(hd0,0)", "/boot", 0, read_only=False))


def with_own_boot(facts: Facts) -> Facts:
    """/boot has a partition of its own, so that GRUB's paths lose their /boot."""
    return with_legacy(facts, OWN_MENU, GrubLegacy("(hd0,0)", "", None, read_only=False))


def with_saved_default(facts: Facts) -> Facts:
    """`default saved`, and the second entry is the saved one; mode 600, as it has a password."""
    legacy = GrubLegacy("(hd0,0)", "", 1, read_only=False, mode=0o600)
    return with_legacy(facts, OWN_MENU.replace("default=2", "default saved"), legacy)


def with_mistake(facts: Facts) -> Facts:
    """There is a Xen entry already, with the ramdisk as `initrd`."""
    return with_legacy(facts, DEBIANS_MENU + MISTAKEN)


def with_sysv_init(facts: Facts) -> Facts:
    """SysV init is process 1, with Debian's tools."""
    return replace(
        facts, service_manager="sysvinit", tools=("update-rc.d", "insserv", "update-grub")
    )


def with_openrc(facts: Facts) -> Facts:
    """OpenRC is process 1."""
    return replace(facts, service_manager="openrc", tools=("rc-update", "update-grub"))


def with_everything(facts: Facts) -> Facts:
    """GRUB Legacy below SysV init."""
    facts = with_legacy(facts)
    return replace(facts, service_manager="sysvinit")


VARIANTS: dict[str, Callable[[Facts], Facts]] = {
    "grub-legacy": with_legacy,
    "grub-legacy-own-boot": with_own_boot,
    "grub-legacy-debians-default": with_debians_default,
    "grub-legacy-saved": with_saved_default,
    "grub-legacy-mistake": with_mistake,
    "sysv-init": with_sysv_init,
    "openrc": with_openrc,
    "of-2006": with_everything,
}
