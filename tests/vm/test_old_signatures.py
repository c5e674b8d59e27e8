"""What others have left on a disk, made by their own tools: refused by its name, and nothing asks.

tests/reading/test_old_signatures.py does the same with signatures that are written byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vm.conftest import Say
from tests.vm.power import second_disk
from tests.vm.running_inside import status_of
from tests.vm.whole_run import ANSWERS, give_answers, inside, typed
from wizard.errors import Exit
from wizard.practice.machine import PracticeMachine

pytestmark = pytest.mark.full

DISK = "/dev/disk/by-id/virtio-second"
TOOLS = ("lvm2", "mdadm", "cryptsetup-bin", "btrfs-progs", "gdisk")
CLEAN = """
vgchange --activate n old xendisks 2>/dev/null
vgremove --force --yes old xendisks 2>/dev/null
pvremove --force --force --yes "$1" 2>/dev/null
mdadm --stop --scan 2>/dev/null
wipefs --all --force "$1"-part* "$1"
for seek in 0 8176; do dd if=/dev/zero of="$1" bs=1M count=16 seek=$seek conv=notrunc; done
blockdev --rereadpt "$1"
udevadm settle
"""
# What is made on $1, the words that name it, and the part of the disk that is asked for.
SIGNATURES = {
    "ext4": ('mkfs.ext4 -q -L photographs "$1"', "an ext4 filesystem labelled photographs", ""),
    "ext4 on a partition": (
        'echo type=83 | sfdisk --quiet "$1" && udevadm settle && '
        'mkfs.ext4 -q -L photographs "$1-part1"',
        "an ext4 filesystem labelled photographs", "-part1",
    ),
    "a partition table": (
        'echo type=83 | sfdisk --quiet "$1"', "a partition table (/dev/vdb1 holds nothing)", ""
    ),
    "LVM": ('pvcreate --yes "$1"', "an LVM physical volume", ""),
    "LVM with a group": ('pvcreate --yes "$1" && vgcreate old "$1"', "used by old", ""),
    "md": (
        'yes | mdadm --create /dev/md9 --level=1 --raid-devices=2 --metadata=1.2 "$1" missing '
        "&& mdadm --stop /dev/md9",
        "a member of a RAID array", "",
    ),
    "LUKS": (
        'echo secret | cryptsetup luksFormat --batch-mode --pbkdf pbkdf2 '
        '--pbkdf-force-iterations 1000 "$1" -',
        "an encrypted LUKS volume", "",
    ),
    "swap": ('mkswap "$1"', "swap space", ""),
    "btrfs": ('mkfs.btrfs --quiet --label old "$1"', "a btrfs filesystem labelled old", ""),
    "GPT at the end": (
        'sgdisk --new=1:0:+1G "$1" && dd if=/dev/zero of="$1" bs=1M count=1 && '
        'udevadm settle && blockdev --rereadpt "$1"',
        "remains of gpt", "",
    ),
}  # fmt: skip
HASH = 'for skip in 0 8176; do dd if="$1" bs=1M count=16 skip=$skip 2>/dev/null; done | sha256sum'


@pytest.fixture(scope="module")
def prepared(machine: PracticeMachine) -> Iterator[PracticeMachine]:
    """The machine with a second disk, and with the tools that make signatures."""
    give_answers(machine)
    second_disk(machine)
    inside(machine, "apt-get", "update")
    status, said = inside(machine, "apt-get", "--yes", "--no-install-recommends", "install", *TOOLS)
    assert status == 0, said
    yield machine


def options(device: str, *more: str) -> list[str]:
    """The first guest's answers, for another device."""
    given = ["storage.use=device", f"storage.device={device}", *more]
    return [word for one in given for word in ("--set", one)]


@pytest.mark.parametrize("name", SIGNATURES)
def test_an_old_signature_is_refused_by_its_name_and_nothing_asks(
    prepared: PracticeMachine, name: str, say: Say
) -> None:
    make, words, part = SIGNATURES[name]
    inside(prepared, "sh", "-c", CLEAN, "sh", DISK)
    status, said = inside(
        prepared, "sh", "-c", f"{make}; s=$?; udevadm settle; exit $s", "sh", DISK
    )
    assert status == 0, said
    before = inside(prepared, "sh", "-c", HASH, "sh", DISK)
    # apply asks nothing either: without a terminal, and in seconds.
    for command in ("check", "apply"):
        more = ["--no-input"] if command == "apply" else []
        status, said = typed(
            prepared, say, "xen-setup", command, ANSWERS, *options(DISK + part), *more, seconds=600
        )
        assert status == Exit.CHECKS_FAILED, said
        flat = " ".join(said.split())
        assert words in flat, said
        assert "device-not-empty" in flat or "device-in-use" in flat, said
    assert inside(prepared, "sh", "-c", HASH, "sh", DISK) == before, "it was written to"
    assert status_of(prepared)["state"] == "nothing yet"


def test_a_volume_group_of_our_name_is_not_taken_for_ours(
    prepared: PracticeMachine, say: Say
) -> None:
    inside(prepared, "sh", "-c", CLEAN, "sh", DISK)
    make = 'pvcreate --yes "$1" && vgcreate xendisks "$1" && lvcreate --size 64m --name x xendisks'
    status, said = inside(prepared, "sh", "-c", make, "sh", DISK)
    assert status == 0, said
    for device in (DISK, "/dev/disk/by-id/virtio-practice-disk"):
        use = "device" if device == DISK else "free-space"
        status, said = typed(
            prepared, say, "xen-setup", "check", ANSWERS, "--set", f"storage.use={use}",
            "--set", f"storage.device={device}",
        )  # fmt: skip
        assert status == Exit.CHECKS_FAILED, said
        assert "volume-group-name-taken" in said
    assert "x" in inside(prepared, "lvs", "--noheadings", "--options", "lv_name", "xendisks")[1]


def test_what_is_agreed_to_be_lost_is_named_in_the_plan(
    prepared: PracticeMachine, say: Say
) -> None:
    inside(prepared, "sh", "-c", CLEAN, "sh", DISK)
    make, words, _part = SIGNATURES["GPT at the end"]
    assert inside(prepared, "sh", "-c", make, "sh", DISK)[0] == 0
    agreed = options(DISK, f"storage.overwrite={DISK}")
    status, said = typed(prepared, say, "xen-setup", "plan", ANSWERS, *agreed)
    assert status == 0, said
    flat = " ".join(said.split())
    assert "wipefs --all" in flat
    assert words in flat
