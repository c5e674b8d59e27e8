"""What the practice machine's image is made of: packages, sizes and files, all as plain data.

The image is stock Debian 12, as its installer leaves it, with these differences, each for a reason:

- the first serial line is GRUB's menu, the kernel's console and root's login (without a password):
  it is what `practice console` shows, and there is no other screen;
- root logs in by ssh with the key that was made together with the image;
- the timers of apt are masked: they would hold dpkg's lock in the middle of a step, and take the
  emulated processor;
- the initrd is not made again when a package asks for it (lvm2 does, coming and going): that takes
  five minutes and more when emulated, and this machine's root is on a plain partition, which needs
  nothing of it;
- apt fetches no translated descriptions, and its package lists are there already, as they are
  right after an installation from a mirror.

LVM, debootstrap, the bridge tools and Xen are left out: putting them in is the wizard's work.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from typing import Literal

from wizard.practice.sources import RELEASE, Mirror

GIB = 1024**3
MIB = 1024**2

HOSTNAME = "practice"
DISK_SERIAL = "practice-disk"
DISK_BY_ID = f"/dev/disk/by-id/virtio-{DISK_SERIAL}"

# The card sits in PCI slot 3, which udev turns into this name (qemu.py puts it there).
CARD = "ens3"
CARD_SLOT = 3

PACKAGES = (
    "linux-image-amd64",
    "grub-pc",
    "initramfs-tools",
    "zstd",
    "systemd-sysv",
    "libpam-systemd",
    "dbus",
    "udev",
    "kmod",
    "procps",
    "ifupdown",
    "iproute2",
    "iputils-ping",
    "isc-dhcp-client",
    "openssh-server",
    "ca-certificates",
    "python3",
    "python3-parted",
    "fdisk",
    "apt-utils",
    "sudo",
    "less",
    "nano",
)

# An image with more features than GRUB 2.06 reads would not boot: a newer mke2fs sets some.
_MKE2FS_CONF = """\
[defaults]
base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
default_mntopts = acl,user_xattr
blocksize = 4096
inode_size = 256
inode_ratio = 16384
[fs_types]
ext4 = {
features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
}
"""

# What GRUB Legacy reads: no extents, inodes of the old size.
_MKE2FS_CONF_EXT3 = """\
[defaults]
base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
default_mntopts = acl,user_xattr
blocksize = 4096
inode_size = 128
inode_ratio = 16384
[fs_types]
ext3 = {
features = has_journal
}
"""

# Runs in mmdebstrap's namespace (or as root). stdin: the system's tar; 3: our files' tar;
# 4: the disk, to be reached by /proc/self/fd, as the namespace's root may not enter our folders.
_FILL_DISK = """\
set -eu
top=$(mktemp --directory)
trap 'rm --recursive --force --one-file-system "$top"' EXIT
chmod 0755 "$top"
mkdir "$top/root"
# Without the device nodes, which a namespace may not make: the kernel fills /dev by itself.
tar --extract --directory="$top/root" --numeric-owner --same-permissions --exclude='./dev/?*'
rm --force "$top"/root/etc/apt/sources.list.d/* "$top/root/etc/apt/apt.conf.d/99mmdebstrap"
tar --extract --directory="$top/root" --numeric-owner --same-permissions <&3
chroot "$top/root" apt-cache gencaches >/dev/null
cat >"$top/mke2fs.conf" <<'END'
{conf}END
MKE2FS_CONFIG="$top/mke2fs.conf" mke2fs -q -F -t ext4 -U {uuid} -d "$top/root" \\
    -E offset={offset},lazy_itable_init=0,lazy_journal_init=0 \\
    /proc/self/fd/4 {kib}k
"""

# Goes in before the root's filesystem is made, where /boot has a partition of its own.
_FILL_BOOT = """\
mv "$top/root/boot" "$top/boot"
mkdir "$top/root/boot"
MKE2FS_CONFIG="$top/mke2fs.conf" mke2fs -q -F -t {filesystem} -U {uuid} -d "$top/boot" \\
    -E offset={offset},lazy_itable_init=0,lazy_journal_init=0 \\
    /proc/self/fd/4 {kib}k
"""

# The first boot, in place of init: what has to be made on the machine itself.
_FIRST_BOOT = """\
#!/bin/sh
# Runs once, when the image is built, in place of init; the image's own GRUB and menu are made here.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
end() {
    status=$?
    set +ex
    [ "$status" = 0 ] && rm -f /first-boot
    echo "first-boot: exit status $status"
    sync
    for key in s u o; do  # write out, remount read-only, switch off
        echo $key >/proc/sysrq-trigger
        sleep 1
    done
    sleep 60
}
trap end EXIT
set -ex
mount -o remount,rw /
@COMMANDS@"""
_MACHINE_ID = "systemd-machine-id-setup\n"
_GRUB_2 = f"""\
echo "grub-pc grub-pc/install_devices multiselect {DISK_BY_ID}" | debconf-set-selections
test -e {DISK_BY_ID}
grub-install --target=i386-pc {DISK_BY_ID}
update-grub
"""

_GRUB_DEFAULT = """\
# If you change this file, run 'update-grub' afterwards to update
# /boot/grub/grub.cfg.
# For full documentation of the options in this file, see:
#   info -f grub -n 'Simple configuration'

GRUB_DEFAULT=0
GRUB_TIMEOUT=2
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200n8"
GRUB_TERMINAL="serial"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
"""

_INTERFACES = f"""\
# This file describes the network interfaces available on your system
# and how to activate them. For more information, see interfaces(5).

source /etc/network/interfaces.d/*

# The loopback network interface
auto lo
iface lo inet loopback

# The primary network interface
allow-hotplug {CARD}
iface {CARD} inet dhcp
"""

_HOSTS = f"""\
127.0.0.1\tlocalhost
127.0.1.1\t{HOSTNAME}

# The following lines are desirable for IPv6 capable hosts
::1     localhost ip6-localhost ip6-loopback
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
"""

_FSTAB = """\
# /etc/fstab: static file system information.
#
# <file system> <mount point>   <type>  <options>       <dump>  <pass>
UUID=@UUID@ /               ext4    errors=remount-ro 0       1
"""

_AUTOLOGIN = """\
# A practice machine: root is logged in on the serial console, and on Xen's, without a password.
[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin root --keep-baud 115200,57600,38400,9600 - $TERM
"""

_INITRAMFS = """\
# Not when a package asks for it: under emulation it takes five minutes and more. This machine's
# root is on a plain partition: its initrd has all that it needs. To have it as usual, write yes.
update_initramfs=no
backup_initramfs=no
"""

_APT = """\
// No translated descriptions: each update would fetch and read several MiB more.
Acquire::Languages "none";
"""


@dataclass(frozen=True)
class ImageFile:
    """One file of ours in the image; a `link` instead of a text makes a symbolic link."""

    path: str
    text: str = ""
    mode: int = 0o644
    link: str = ""


def first_boot(commands: str) -> ImageFile:
    """The script of the first boot, with the shell commands that make this image bootable."""
    return ImageFile("first-boot", _FIRST_BOOT.replace("@COMMANDS@", commands), mode=0o755)


def stock_files() -> tuple[ImageFile, ...]:
    """Our files in the image of stock Debian."""
    masked = ("apt-daily.timer", "apt-daily-upgrade.timer", "apt-daily.service",
              "apt-daily-upgrade.service")  # fmt: skip
    return (
        ImageFile("etc/hostname", HOSTNAME + "\n"),
        ImageFile("etc/hosts", _HOSTS),
        ImageFile("etc/fstab", _FSTAB),
        ImageFile("etc/default/grub", _GRUB_DEFAULT),
        ImageFile("etc/network/interfaces", _INTERFACES),
        ImageFile("etc/initramfs-tools/update-initramfs.conf", _INITRAMFS),
        ImageFile("etc/apt/apt.conf.d/90practice", _APT),
        ImageFile("etc/systemd/system/serial-getty@.service.d/autologin.conf", _AUTOLOGIN),
        first_boot(_MACHINE_ID + _GRUB_2),
        *(ImageFile(f"etc/systemd/system/{unit}", link="/dev/null") for unit in masked),
    )


@dataclass(frozen=True)
class Recipe:
    """Everything an image follows from, but for the keys made for it and the mirror's packages.

    `boot_bytes`: the size of a partition of its own for /boot, before the root's; 0 for none. In
    the files, @UUID@ and @BOOT_UUID@ stand for the filesystems' UUIDs. `hooks` are mmdebstrap's
    essential hooks: shell commands before the packages come in, with the new root as $1.
    """

    mirror: Mirror
    packages: tuple[str, ...] = PACKAGES
    disk_bytes: int = 14 * GIB
    root_bytes: int = 4 * GIB
    root_offset: int = MIB
    files: tuple[ImageFile, ...] = field(default_factory=stock_files)
    filesystem: Literal["ext4", "ext3"] = "ext4"
    boot_bytes: int = 0
    hooks: tuple[str, ...] = ()

    @property
    def root_partition(self) -> int:
        """The number of the root's partition."""
        return 2 if self.boot_bytes else 1

    def key(self) -> str:
        """The name of this recipe's image in the cache: another recipe has another."""
        whole: dict[str, object] = {
            "release": RELEASE,
            "sources": self.mirror.lines(),
            "packages": self.packages,
            "sizes": (self.disk_bytes, self.root_bytes, self.root_offset),
            "files": [(f.path, f.text, f.mode, f.link) for f in self.files],
            "fill": _FILL_DISK,
            "mke2fs": _MKE2FS_CONF,
        }
        if (self.filesystem, self.boot_bytes) != ("ext4", 0):
            whole["hooks"] = self.hooks
            whole["disk"] = (self.fill_script("0" * 8 + "-0000" * 3 + "-" + "0" * 12),)
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()[:16]

    def fill_script(self, root_uuid: str) -> str:
        """The shell script that fills the partitions; the root's filesystem gets this UUID."""
        conf = _MKE2FS_CONF if self.filesystem == "ext4" else _MKE2FS_CONF_EXT3
        script = _FILL_DISK.format(
            conf=conf,
            uuid=root_uuid,
            offset=self.root_offset + self.boot_bytes,
            kib=self.root_bytes // 1024,
        ).replace("-t ext4", f"-t {self.filesystem}")
        if not self.boot_bytes:
            return script
        boot = _FILL_BOOT.format(
            filesystem=self.filesystem,
            uuid=boot_uuid(root_uuid),
            offset=self.root_offset,
            kib=self.boot_bytes // 1024,
        )
        before, make, after = script.rpartition("MKE2FS_CONFIG")
        return before + boot + make + after

    def partition_table(self) -> str:
        """sfdisk's input: the system's partitions, the first one bootable, the rest free."""
        start, size, boot = (n // 512 for n in (self.root_offset, self.root_bytes, self.boot_bytes))
        if not boot:
            return f"label: dos\nstart={start}, size={size}, type=83, bootable\n"
        return (
            f"label: dos\nstart={start}, size={boot}, type=83, bootable\n"
            f"start={start + boot}, size={size}, type=83\n"
        )


def boot_uuid(root_uuid: str) -> str:
    """The UUID of /boot's own filesystem, which follows from the root's."""
    return str(uuid.uuid5(uuid.UUID(root_uuid), "boot"))
