"""GRUB Legacy's menu as it is found on a machine: drive, prefix, saved number, modes."""

from __future__ import annotations

from pathlib import Path

import pytest

from steps.facts import BootLoader
from steps.reading.boot_loader import read_boot_loaders
from steps.reading.legacy_menu import parse_device_map, saved_number
from steps.reading.view import View
from tests.reading.looking import Answers, tree

UUID = "1ad4a0f6-7e8f-4f4d-9a8f-0b2c3d4e5f60"
MENU = """\
default saved
fallback 1
title Debian
root (hd0,0)
kernel /vmlinuz-6.1.0-40-amd64 root=/dev/vda2 ro
initrd /initrd.img-6.1.0-40-amd64
title Xen
root (hd0,0)
kernel /xen-4.17-amd64.gz dom0_mem=1024M
module /vmlinuz-6.1.0-40-amd64 root=/dev/vda2 ro
module /initrd.img-6.1.0-40-amd64
"""
DISK: dict[str, str | bytes | None] = {
    "/sys/devices/virtio/block/vda/vda1/partition": "1\n",
    "/sys/devices/virtio/block/vda/vda2/partition": "2\n",
    "/sys/devices/virtio/block/dm-0/dm": None,
    "/sys/class/block/vda1": "-> ../../devices/virtio/block/vda/vda1",
    "/sys/class/block/vda2": "-> ../../devices/virtio/block/vda/vda2",
    "/sys/class/block/dm-0": "-> ../../devices/virtio/block/dm-0",
    "/dev/vda": "",
    "/dev/dm-0": "",
    "/dev/disk/by-id/virtio-practice-disk": "-> ../../vda",
    "/dev/mapper/group-boot": "-> ../dm-0",
    "/boot/grub/device.map": "(hd0) /dev/disk/by-id/virtio-practice-disk\n",
    "/boot/grub/menu.lst": MENU,
}
OWN_BOOT = "/dev/vda2 / ext3 rw,relatime 0 0\n/dev/vda1 /boot ext3 rw,relatime 0 0\n"
ROOT_ONLY = "/dev/vda2 / ext3 rw,relatime 0 0\n"


def read(root: Path, **more: str | bytes | None) -> tuple[BootLoader, BootLoader | None, list[str]]:
    """What is found with these mounts and files (a path's slashes are double underscores)."""
    files = DISK | {"/" + name.replace("__", "/"): text for name, text in more.items()}
    view = View(Answers(), as_root=True, root=tree(root, files))
    found = read_boot_loaders(view, {"grub-legacy": "0.97-80"}, UUID)
    return *found, view.unknown


def test_below_a_boot_of_its_own_the_drive_is_that_of_boot(tmp_path: Path) -> None:
    boot, other, unknown = read(tmp_path, proc__self__mounts=OWN_BOOT)
    assert ("grub-legacy", "0.97-80", None, []) == (boot.kind, boot.version, other, unknown)
    legacy = boot.legacy
    assert legacy is not None
    assert ("(hd0,0)", "", None, False) == (
        legacy.drive, legacy.prefix, legacy.saved, legacy.read_only,
    )  # fmt: skip
    entries = boot.entries or ()
    assert ["linux", "xen"] == [entry.kind for entry in entries]
    assert "/boot/xen-4.17-amd64.gz" == entries[1].hypervisor
    assert "/boot/initrd.img-6.1.0-40-amd64" == entries[1].initrd
    assert "dom0_mem=1024M" == entries[1].hypervisor_options
    assert "root=/dev/vda2 ro" == entries[1].kernel_options
    assert ("saved", "0", None) == (boot.default, boot.default_entry, boot.next_entry)


def test_without_one_the_drive_is_that_of_the_root(tmp_path: Path) -> None:
    boot, _, _ = read(tmp_path, proc__self__mounts=ROOT_ONLY)
    assert boot.legacy is not None
    assert ("(hd0,1)", "/boot") == (boot.legacy.drive, boot.legacy.prefix)


@pytest.mark.parametrize(
    ("mounts", "device_map"),
    [
        ("/dev/mapper/group-boot /boot ext3 rw 0 0\n", "(hd0) /dev/vda\n"),
        (OWN_BOOT, "(hd0) /dev/sda\n"),
        (OWN_BOOT, ""),
        ("overlay / overlay rw 0 0\n", "(hd0) /dev/vda\n"),
    ],
)
def test_a_drive_that_grub_has_no_name_for_is_not_known(
    tmp_path: Path, mounts: str, device_map: str
) -> None:
    more = {"proc__self__mounts": mounts, "boot__grub__device.map": device_map}
    boot, _, _ = read(tmp_path, **more)
    assert boot.legacy is not None
    assert "" == boot.legacy.drive


def test_a_boot_that_is_mounted_read_only_is_seen(tmp_path: Path) -> None:
    boot, _, _ = read(tmp_path, proc__self__mounts=OWN_BOOT + "/dev/vda1 /boot ext3 ro,sync 0 0\n")
    assert boot.legacy is not None
    assert boot.legacy.read_only


def test_a_menu_with_other_bytes_than_utf_8_is_left_unread(tmp_path: Path) -> None:
    text = "default 0\ntitle F\xfcr alle\nroot (hd0,0)\n".encode("latin1")
    boot, _, unknown = read(tmp_path, boot__grub__menu=None, **{"boot__grub__menu.lst": text})
    assert boot.entries is None
    assert ["boot menu: line 2 of /boot/grub/menu.lst holds bytes that are no UTF-8"] == unknown


def test_the_state_of_the_menus_file_is_read(tmp_path: Path) -> None:
    tree(tmp_path, DISK)
    (tmp_path / "boot/grub/menu.lst").chmod(0o600)
    view = View(Answers(), as_root=True, root=tmp_path)
    boot, _ = read_boot_loaders(view, {}, UUID)
    assert boot.legacy is not None
    assert 0o600 == boot.legacy.mode


def test_a_default_that_saves_another_is_booted_once(tmp_path: Path) -> None:
    once = MENU.replace("title Xen\n", "title Xen\nsavedefault 0\n")
    more: dict[str, str | bytes] = {"boot__grub__menu.lst": once, "boot__grub__default": b"1\n#\n"}
    boot, _, _ = read(tmp_path, **more)
    assert ("1", "0", "1") == (boot.next_entry, boot.default_entry, boot.saved_entry)


def test_of_two_menus_the_installed_boot_loaders_one_counts(tmp_path: Path) -> None:
    grub_cfg = "menuentry 'Debian' --id debian {\n linux /vmlinuz root=/dev/vda2\n}\n"
    boot, other, _ = read(tmp_path, **{"boot__grub__grub.cfg": grub_cfg})
    assert ("grub-legacy", "grub2") == (boot.kind, other.kind if other else "")
    view = View(Answers(), as_root=True, root=tmp_path)
    boot, other = read_boot_loaders(view, {"grub-pc": "2.06", "grub-legacy": "0.97"}, UUID)
    assert ("grub2", "grub-legacy") == (boot.kind, other.kind if other else "")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, None),
        (b"2\n#\n#\n#\n#\n", 2),
        (b"12\0\n\n\n\n\n\n\n", 12),  # as GRUB itself writes it
        (b"", 0),
        (b"default\n", 0),
    ],
)
def test_the_saved_number_is_read_as_grub_reads_it(
    content: bytes | None, expected: int | None
) -> None:
    assert expected == saved_number(content)


def test_the_device_map_names_drives() -> None:
    text = "# comment\n(fd0)\t/dev/fd0\n(hd0)\t/dev/sda\n (hd1) /dev/disk/by-id/ata-X\n(hd2)\n"
    assert {"/dev/sda": "hd0", "/dev/disk/by-id/ata-X": "hd1"} == parse_device_map(text)
