"""Other practice machines than stock Debian: hosts as the 2006 tutorial knew them, each with the
one difference that it is named after.

`grub-legacy` boots by GRUB Legacy, from an ext3 filesystem that holds /boot and all else;
`grub-legacy-boot` has /boot on a partition of its own, and a menu.lst that somebody wrote;
`sysv-init` has SysV init as process 1, and no systemd.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from wizard.practice.image import Image, Progress, ensure
from wizard.practice.recipe import (
    DISK_BY_ID,
    MIB,
    PACKAGES,
    ImageFile,
    Recipe,
    first_boot,
    stock_files,
)
from wizard.practice.sources import Mirror, find_mirror

STOCK = "stock"
NAMES = ("grub-legacy", "grub-legacy-boot", "sysv-init")

_CONSOLES = "console=tty0 console=ttyS0,115200n8"
_MACHINE_ID = "systemd-machine-id-setup\n"

# The kernel's package runs update-grub, which finds no disk while the image is put together, and
# fails the kernel's installation: it is out of the way until the first boot.
_DIVERT = "dpkg-divert --local --rename --divert /usr/sbin/update-grub.later"
_NO_UPDATE_GRUB = f'chroot "$1" {_DIVERT} --add /usr/sbin/update-grub'

# grub(8): `setup` embeds stage 1.5 between the partition table and the first partition. Stage 2
# must be on the disk before GRUB's shell looks for it through the device. It writes to stage 2 by
# the partition's name, made of the disk's name and the number: only of a kernel's name, like vda,
# that is one (seen: "Error 22: No such partition"). It ends with 0 after any error.
_GRUB_LEGACY = f"""\
{_DIVERT} --remove /usr/sbin/update-grub
mkdir -p /boot/grub
disk=$(readlink -e {DISK_BY_ID})
printf '(hd0)\\t%s\\n' "$disk" >/boot/grub/device.map
cp /usr/lib/grub/x86_64-pc/* /boot/grub/
sync
grub --batch --no-floppy --device-map=/boot/grub/device.map >/run/grub.said 2>&1 <<'END'
root (hd0,0)
setup (hd0)
quit
END
cat /run/grub.said
if grep -q '^Error' /run/grub.said; then exit 1; fi
"""

# Debian's own menu: update-grub keeps what stands before its list, and the options in it.
_MENU_HEAD = """\
# menu.lst - See: grub(8), info grub, update-grub(8)
serial --unit=0 --speed=115200
terminal serial
default\t\t0
timeout\t\t2

"""
_DEBIAN_MENU = f"""\
cat >/boot/grub/menu.lst <<'END'
{_MENU_HEAD}### BEGIN AUTOMAGIC KERNELS LIST
## ## Start Default Options ##
# kopt=root=UUID=@UUID@ ro {_CONSOLES}
# groot=(hd0,0)
## ## End Default Options ##
### END DEBIAN AUTOMAGIC KERNELS LIST
END
update-grub
rm --force /boot/grub/menu.lst~
"""

# A menu that a person keeps, without Debian's markers: four entries, and the third is the default.
# The password ("xen") locks the menu's editor, and keeps nobody from booting.
_OWN_MENU = f"""\
version=$(basename /boot/vmlinuz-*); version=${{version#vmlinuz-}}
cat >/boot/grub/menu.lst <<END
# My menu. Do not touch: I count the entries by hand!
serial --unit=0 --speed=115200
terminal serial
default=2
fallback 0
timeout   2
password --md5 \\$1\\$xensetup\\$3W1pQ0r1Y3l6p0Zk5m8oD/

title  Rescue, single user
root   (hd0,0)
kernel /vmlinuz-$version root=UUID=@UUID@ ro {_CONSOLES} single
initrd /initrd.img-$version

title  Debian, quiet
root   (hd0,0)
kernel /vmlinuz-$version root=UUID=@UUID@ ro {_CONSOLES} quiet
initrd /initrd.img-$version

# The one that I use:
title  Debian on the practice machine
root   (hd0,0)
kernel /vmlinuz-$version root=UUID=@UUID@ ro {_CONSOLES}
initrd /initrd.img-$version

title  The other disk
lock
rootnoverify (hd1)
chainloader  +1
END
"""

_BOOT_LINE = "UUID=@BOOT_UUID@ /boot          ext3    defaults          0       2\n"

# sysvinit's own inittab, with the consoles of a machine that is all serial: one line for plain
# Linux, one for dom0, where the hypervisor has the port and hvc0 is the way to it.
_INITTAB = """\
# /etc/inittab: see inittab(5)
id:2:initdefault:
si::sysinit:/etc/init.d/rcS
~~:S:wait:/sbin/sulogin --force
l0:0:wait:/etc/init.d/rc 0
l1:1:wait:/etc/init.d/rc 1
l2:2:wait:/etc/init.d/rc 2
l3:3:wait:/etc/init.d/rc 3
l4:4:wait:/etc/init.d/rc 4
l5:5:wait:/etc/init.d/rc 5
l6:6:wait:/etc/init.d/rc 6
z6:6:respawn:/sbin/sulogin --force
ca:12345:ctrlaltdel:/sbin/shutdown -t1 -a -r now
T0:23:respawn:/usr/local/sbin/console-login ttyS0
H0:23:respawn:/usr/local/sbin/console-login hvc0
"""
_CONSOLE_LOGIN = """\
#!/bin/sh
# root is logged in on the console that is there: Xen's in dom0, and the serial line without Xen.
if [ -e /sys/hypervisor/type ]; then mine=hvc0; else mine=ttyS0; fi
[ "$1" = "$mine" ] || exec sleep infinity
exec /sbin/agetty --autologin root --keep-baud 115200,57600,38400,9600 "$1" "${TERM:-vt220}"
"""
_SYSTEMD_ONLY = ("systemd-sysv", "libpam-systemd")


def all_recipes(mirror: Mirror) -> Mapping[str, Recipe]:
    """The recipe of each variant, by its name; `stock` is the practice machine as such."""
    stock = Recipe(mirror)
    legacy = replace(
        stock,
        packages=tuple("grub-legacy" if name == "grub-pc" else name for name in PACKAGES),
        filesystem="ext3",
        hooks=(_NO_UPDATE_GRUB,),
    )
    return {
        STOCK: stock,
        "grub-legacy": replace(
            legacy,
            files=_with(
                _ext3_root(),
                first_boot(_MACHINE_ID + _GRUB_LEGACY + _DEBIAN_MENU),
                without=("etc/default/grub",),
            ),
        ),
        "grub-legacy-boot": replace(
            legacy,
            boot_bytes=512 * MIB,
            files=_with(
                _ext3_root(_BOOT_LINE),
                first_boot(_MACHINE_ID + "mount /boot\n" + _GRUB_LEGACY + _OWN_MENU),
                without=("etc/default/grub",),
            ),
        ),
        "sysv-init": replace(
            stock,
            packages=(
                *(name for name in PACKAGES if name not in _SYSTEMD_ONLY),
                *("sysvinit-core", "sysv-rc", "initscripts", "insserv"),
            ),
            files=_with(
                ImageFile("etc/inittab", _INITTAB),
                ImageFile("usr/local/sbin/console-login", _CONSOLE_LOGIN, mode=0o755),
                _sysv_first_boot(),
            ),
        ),
    }


def ensure_image(cache: Path, variant: str, progress: Progress) -> Image:
    """The image of that variant, built if it is not there; those of the others stay."""
    recipes = all_recipes(find_mirror())
    return ensure(cache, recipes[variant], progress, also=recipes.values())


def _with(*files: ImageFile, without: tuple[str, ...] = ()) -> tuple[ImageFile, ...]:
    """The stock files, with these in the place of those of the same path, and some left out."""
    own = {file.path: file for file in files}
    kept = [file for file in stock_files() if file.path not in without]
    there = {file.path for file in kept}
    return (
        *(own.get(file.path, file) for file in kept),
        *(file for path, file in own.items() if path not in there),
    )


def _stock(path: str) -> ImageFile:
    return next(file for file in stock_files() if file.path == path)


def _ext3_root(more: str = "") -> ImageFile:
    fstab = _stock("etc/fstab")
    return replace(fstab, text=fstab.text.replace("ext4", "ext3") + more)


def _sysv_first_boot() -> ImageFile:
    script = _stock("first-boot")
    return replace(
        script, text=script.text.replace(_MACHINE_ID, "dbus-uuidgen --ensure=/etc/machine-id\n")
    )
