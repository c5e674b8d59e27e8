"""A guest's tree: what is read in it, when it is looked at, and that nothing stays mounted."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from steps import guest_files
from steps.facts import Content, GuestTree, LogicalVolume, VolumeGroup
from steps.reading.guest_tree import (
    INSTALLING,
    MARKER,
    read_guest_trees,
    read_tree,
    root_password,
)
from steps.reading.view import View
from tests.machines import disk
from tests.reading.looking import Said, tree, view_of
from wizard.commands import ask

Files = dict[str, str | bytes | None]
ROOT = "/dev/xendisks/vm01-root"

GUEST: Files = {
    "/etc/os-release": "-> ../usr/lib/os-release",
    "/usr/lib/os-release": "ID=debian\nVERSION_CODENAME=bookworm\n",
    "/lib": "-> usr/lib",
    "/usr/lib/modules/6.1.0-56-amd64": None,
    "/usr/lib/tls/libc.so.6": "",
    "/etc/hostname": "vm01\n",
    "/etc/fstab": "/dev/xvda1 / ext4 defaults 0 1\n",
    "/etc/network/interfaces": "auto eth0\n",
    "/etc/systemd/system/getty.target.wants/serial-getty@hvc0.service": "-> /lib/x.service",
    "/etc/shadow": "daemon:*:1\nroot:!:19000:0:99999:7:::\n",
    "/root/.ssh/authorized_keys": "# mine\nssh-ed25519 AAAA me\n\n ssh-rsa BBBB you\n",
    "/etc/xen-setup-guest": "done\n",
    "/lost+found": None,
}


def test_a_debian_guest_is_read(tmp_path: Path) -> None:
    assert read_tree(view_of(tmp_path, GUEST), ROOT) == GuestTree(
        device=ROOT,
        empty=False,
        os_id="debian",
        codename="bookworm",
        hostname="vm01",
        fstab="/dev/xvda1 / ext4 defaults 0 1\n",
        interfaces="auto eth0\n",
        console_login=True,
        root_password="locked",
        modules=("6.1.0-56-amd64",),
        tls=("/lib/tls",),
        authorized_keys=("ssh-ed25519 AAAA me", "ssh-rsa BBBB you"),
        marker="done\n",
    )


def test_a_new_filesystem_is_empty(tmp_path: Path) -> None:
    view = view_of(tmp_path, {"/lost+found": None})
    assert read_tree(view, ROOT) == GuestTree(ROOT, empty=True)


def test_what_the_installation_writes_first_makes_no_volume_full(tmp_path: Path) -> None:
    assert (guest_files.INSTALLING, guest_files.MARKER) == (INSTALLING, MARKER)
    first: Files = {INSTALLING: "guest: vm01\n"}
    found = read_tree(view_of(tmp_path / "one", first), ROOT)
    assert found == GuestTree(ROOT, empty=True, installing="guest: vm01\n")
    found = read_tree(view_of(tmp_path / "two", {**first, "/debootstrap": None}), ROOT)
    assert found == GuestTree(ROOT, empty=False, installing="guest: vm01\n")


def test_half_a_system_has_little_to_tell(tmp_path: Path) -> None:
    view = view_of(tmp_path, {"/var/cache": None})
    assert read_tree(view, ROOT) == GuestTree(ROOT, empty=False)


@pytest.mark.parametrize(
    ("shadow", "state"),
    [
        (None, "unknown"),
        ("", "unknown"),
        ("daemon:*:1\n", "unknown"),
        ("root::1:\n", "empty"),
        ("root:*:1:\n", "locked"),
        ("root:!$y$j9T$abc:1:\n", "locked"),
        ("root:$y$j9T$abc:1:\n", "set"),
        ("toor:x\nroot:$6$abc:1:\n", "set"),
    ],
)
def test_the_password_is_known_by_its_sort_only(shadow: str | None, state: str) -> None:
    assert root_password(shadow) == state


@pytest.mark.parametrize(
    ("files", "login"),
    [
        ({}, False),
        ({"/etc/inittab": "co:2345:respawn:/sbin/getty hvc0 9600 linux\n"}, True),
        ({"/etc/inittab": "hvc0::respawn:/sbin/getty -L hvc0 115200 vt100\n"}, True),
        ({"/etc/inittab": "#co:2345:respawn:/sbin/getty hvc0 9600 linux\n"}, False),
        ({"/etc/inittab": "1:2345:respawn:/sbin/getty tty1\n"}, False),
        ({"/etc/systemd/system/getty.target.wants/getty@tty1.service": "-> x"}, False),
        ({"/etc/runlevels/default/agetty.hvc0": "-> x"}, True),
    ],
)
def test_a_login_on_hvc0_is_found_in_each_service_manager(
    tmp_path: Path, files: Files, login: bool
) -> None:
    view = view_of(tmp_path, {"/etc/hostname": "vm01", **files})
    assert read_tree(view, ROOT).console_login == login


def test_a_guests_links_never_lead_out_of_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("root:$6$secret:1:\n")
    view = view_of(
        tmp_path / "guest",
        {"/etc/shadow": f"-> {outside}", "/etc/hostname": "-> ../../../outside"},
    )
    found = read_tree(view, ROOT)
    assert (found.root_password, found.hostname) == ("unknown", "")


@dataclass(eq=False)
class Mounting:
    """Stands for mount and umount: fills the directory, and empties it again."""

    files: Files = field(default_factory=lambda: dict(GUEST))
    refuses: str = ""
    busy: int = 0
    asked: list[tuple[str, ...]] = field(default_factory=list)
    mounted: set[str] = field(default_factory=set)

    def __call__(self, argv: tuple[str, ...], timeout: float = 20.0, /) -> Said:
        self.asked.append(argv)
        place = argv[-1]
        if argv[0] == "mount":
            if self.refuses:
                return Said(status=32, err=f"mount: {self.refuses}\n")
            tree(Path(place), self.files)
            self.mounted.add(place)
            return Said()
        if self.busy:
            self.busy -= 1
            return Said(status=32, err="target is busy")
        for item in Path(place).iterdir():
            shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()
        self.mounted.discard(place)
        return Said()


def look(mounting: Mounting, *, as_root: bool = True) -> View:
    return View(ask=mounting, as_root=as_root)


def group(volume: LogicalVolume) -> VolumeGroup:
    return VolumeGroup("xendisks", "u", (), 10236, 8000, 4, ("/dev/vda2",), (volume,))


VOLUME = LogicalVolume("vm01-root", ROOT, "u", (), 2048, False, Content("filesystem", "ext4"))


@pytest.mark.parametrize(
    ("filesystem", "options"),
    [
        ("ext4", "ro,loop,noload"),
        ("ext3", "ro,loop,noload"),
        ("xfs", "ro,norecovery,nouuid"),
        ("btrfs", "ro,rescue=nologreplay"),
    ],
)
def test_a_volume_is_mounted_without_writing_and_unmounted_again(
    filesystem: str, options: str
) -> None:
    mounting = Mounting()
    volume = replace(VOLUME, content=Content("filesystem", filesystem))
    (found,) = read_guest_trees(look(mounting), (ROOT,), (group(volume),), ())
    assert (found.device, found.hostname) == (ROOT, "vm01")
    mount, umount = mounting.asked
    place = mount[-1]
    assert mount == (
        "mount", "--types", filesystem, "--options", f"{options},nosuid,nodev,noexec", ROOT, place,
    )  # fmt: skip
    assert umount == ("umount", place)
    assert mounting.mounted == set()
    assert not Path(place).exists()


@pytest.mark.parametrize(
    "volume",
    [
        replace(VOLUME, open=True),
        replace(VOLUME, content=Content("filesystem", "ext4", mounted_at=("/run/xen-setup/x",))),
        replace(VOLUME, content=Content("filesystem", "ext4", used_by=("loop0",))),
        replace(VOLUME, content=Content("empty")),
        replace(VOLUME, content=Content("swap", "swap")),
        replace(VOLUME, content=Content("filesystem", "ntfs")),
        replace(VOLUME, path="/dev/other/vm01-root"),
    ],
)
def test_what_is_used_or_no_guests_filesystem_is_left_alone(volume: LogicalVolume) -> None:
    mounting = Mounting()
    assert read_guest_trees(look(mounting), (ROOT,), (group(volume),), ()) == ()
    assert mounting.asked == []


def test_a_partition_is_found_by_its_stable_name() -> None:
    mounting = Mounting()
    whole = replace(disk("/dev/vdb", 4096), content=Content("filesystem", "ext4"))
    (found,) = read_guest_trees(look(mounting), (whole.names[0],), (), (whole,))
    assert found.device == whole.names[0]


def test_a_user_is_told_that_only_root_can_look() -> None:
    mounting = Mounting()
    view = look(mounting, as_root=False)
    assert read_guest_trees(view, (ROOT,), (group(VOLUME),), ()) == ()
    assert view.unknown == [f"guest system on {ROOT}: only root can look into a volume"]
    assert mounting.asked == []


def test_a_volume_that_cannot_be_mounted_is_not_known() -> None:
    mounting = Mounting(refuses="bad superblock")
    view = look(mounting)
    assert read_guest_trees(view, (ROOT,), (group(VOLUME),), ()) == ()
    assert view.unknown == [f"guest system on {ROOT}: mount: bad superblock"]
    assert not Path(mounting.asked[0][-1]).exists()


def test_a_busy_volume_is_unmounted_at_the_next_try() -> None:
    mounting = Mounting(busy=2)
    assert len(read_guest_trees(look(mounting), (ROOT,), (group(VOLUME),), ())) == 1
    assert mounting.mounted == set()


def test_a_tree_that_fails_the_reader_is_unmounted_all_the_same() -> None:
    mounting = Mounting(files=GUEST | {"/etc/fstab": b"\xff\xfe\x00", "/etc/os-release.d": None})
    (found,) = read_guest_trees(look(mounting), (ROOT,), (group(VOLUME),), ())
    assert found.fstab == "��\0"
    assert mounting.mounted == set()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An ext4 filesystem with a guest's system in it."""
    image = tmp_path / "root.img"
    tree(tmp_path / "guest", GUEST)
    with image.open("wb") as file:
        file.truncate(16 * 2**20)
    subprocess.run(
        ["/usr/sbin/mkfs.ext4", "-q", "-d", str(tmp_path / "guest"), str(image)], check=True
    )
    return image


def read_image(image: Path) -> tuple[GuestTree, ...]:
    """What is read of the filesystem, on a device of its own."""
    made = ask(("losetup", "--find", "--show", str(image)), 10.0)
    if made.status != 0:
        pytest.skip("no loop device to be had")
    device = made.out.strip()
    try:
        volume = replace(VOLUME, path=device)
        view = View(ask=ask, as_root=True)
        found = read_guest_trees(view, (device,), (group(volume),), ())
        assert view.unknown == []
        assert device not in Path("/proc/self/mountinfo").read_text()
        assert device not in ask(("losetup", "--list", "--output", "BACK-FILE"), 10.0).out
        return found
    finally:
        ask(("losetup", "--detach", device), 10.0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_real_filesystem_is_read_and_not_changed(image: Path) -> None:
    before = image.read_bytes()
    (found,) = read_image(image)
    assert (found.hostname, found.root_password, found.marker) == ("vm01", "locked", "done\n")
    assert image.read_bytes() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_filesystem_that_a_power_cut_left_is_read_and_not_changed(image: Path) -> None:
    # Without its journal the list of orphans is an old one: here an inode that is free by now.
    # Linux goes through it even when it mounts to read only, and notes its errors on the disk
    # (seen after a power cut in debootstrap: the guest came up in emergency mode).
    for words in ("set_super_value last_orphan 50", "feature needs_recovery"):
        subprocess.run(["/usr/sbin/debugfs", "-w", "-R", words, str(image)], check=True)
    before = image.read_bytes()
    (found,) = read_image(image)
    assert found.hostname == "vm01"
    assert image.read_bytes() == before
