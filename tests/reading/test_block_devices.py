"""Block devices: what the kernel, udev and blkid say, and what the system stands on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from steps.facts import Content, LogicalVolume, VolumeGroup
from steps.reading.block_devices import (
    BlockDevices,
    Mount,
    content_kind,
    parse_export,
    parse_mounts,
    parse_swaps,
    parse_udev_record,
    stable_names,
)
from steps.reading.lvm import parse_report
from steps.reading.storage import is_needed, read_storage
from steps.reading.view import Answer, View
from tests.reading.looking import Said, captured, program, tree, view_of

Files = dict[str, str | bytes | None]
GIB = 2**30


def block(name: str, number: str, size: int, parent: str = "", **attributes: str) -> Files:
    """A device in /sys and its node; `size` in bytes."""
    place = f"/sys/block/{parent}/{name}" if parent else f"/sys/block/{name}"
    values = {"dev": number, "size": str(size // 512), "ro": "0", "removable": "0"} | attributes
    files: Files = {f"{place}/{key}": f"{value}\n" for key, value in values.items()}
    return files | {f"{place}/holders": None, f"{place}/slaves": None, f"/dev/{name}": b""}


def stacked(upper: str, lower: str) -> Files:
    """`upper` is made of `lower` (both as below /sys/block, "sda/sda2")."""
    return {
        f"/sys/block/{upper}/slaves/{lower.rpartition('/')[2]}": None,
        f"/sys/block/{lower}/holders/{upper}": None,
    }


def mountinfo(*mounts: tuple[str, str, str, str]) -> str:
    """Lines of mountinfo for device number, source, mount point and filesystem."""
    return "".join(
        f"{30 + index} 1 {number} / {point} rw,relatime shared:1 - {kind} {source} rw\n"
        for index, (number, source, point, kind) in enumerate(mounts)
    )


def probed(**found: str) -> dict[str, Said]:
    """blkid's answers: by device name its output; a device that is not named is empty."""
    answers = {
        f"blkid --probe --output export /dev/{name}": Said(text) for name, text in found.items()
    }
    return answers | {"blkid --probe": Said(status=2)}


def rows(command: str, kind: str) -> list[dict[str, str]]:
    """The rows of a captured report."""
    found = parse_report(captured(f"lvm-{command}.json"), kind)
    assert found is not None
    return found


STOCK: Files = {
    **block("vda", "254:0", 14 * GIB, serial="practice-disk"),
    **block("vda1", "254:1", 4 * GIB, "vda", partition="1", start="2048"),
    **block("loop0", "7:0", GIB),
    **block("sr0", "11:0", GIB),
    **block("sdz", "8:0", 0),
    "/proc/self/mountinfo": captured("stock-mountinfo"),
    "/run/udev/data/b254:0": captured("stock-udev-254-0"),
    "/run/udev/data/b254:1": captured("stock-udev-254-1"),
}
EXT4 = "TYPE=ext4\nUSAGE=filesystem\nUUID=e5cc039c\nLABEL=a\\ b\n"


def test_mounts_have_their_escapes_undone() -> None:
    line = r"36 35 98:0 /mnt /mnt\040two\134 rw master:1 - ext4 /dev/root\011x rw"
    assert parse_mounts(line) == [Mount("98:0", "/dev/root\tx", "/mnt two\\", "ext4")]
    assert parse_mounts("garbage\n\n1 2 3 - \n") == []
    assert Mount("254:1", "/dev/vda1", "/", "ext4") in parse_mounts(captured("stock-mountinfo"))


def test_swaps_are_the_first_column() -> None:
    text = "Filename\tType\tSize\n/dev/dm-1 partition 1 0 -2\n/swap\\040file file 2 0 -3\n"
    assert parse_swaps(text) == ["/dev/dm-1", "/swap file"]
    assert parse_swaps("") == []


def test_udevs_record_has_links_and_properties() -> None:
    record = parse_udev_record(captured("stock-udev-254-0"))
    assert "disk/by-id/virtio-practice-disk" in record.links
    assert record.properties["ID_PART_TABLE_TYPE"] == "dos"


def test_stable_names_come_best_first_and_leave_out_what_follows_the_content() -> None:
    links = (
        "disk/by-path/virtio-pci-0000:00:04.0-part1",
        "disk/by-path/pci-0000:00:04.0-part1",
        "disk/by-uuid/e5cc039c",
        "disk/by-label/root",
        "disk/by-id/wwn-0x5000-part1",
        "disk/by-id/lvm-pv-uuid-abc",
        "disk/by-id/ata-DISK_1-part1",
        "disk/by-partuuid/5cc03136-01",
        "disk/by-diskseq/9",
        "vg/lv",
    )
    assert stable_names(links) == (
        "/dev/disk/by-id/ata-DISK_1-part1",
        "/dev/disk/by-id/wwn-0x5000-part1",
        "/dev/disk/by-partuuid/5cc03136-01",
        "/dev/disk/by-path/pci-0000:00:04.0-part1",
        "/dev/disk/by-path/virtio-pci-0000:00:04.0-part1",
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", ("empty", "")),
        ("TYPE=ext4 USAGE=filesystem", ("filesystem", "ext4")),
        ("TYPE=swap USAGE=other", ("swap", "swap")),
        ("TYPE=swsuspend USAGE=other", ("swap", "swsuspend")),
        ("TYPE=LVM2_member USAGE=raid", ("lvm", "LVM2_member")),
        ("TYPE=linux_raid_member USAGE=raid", ("raid", "linux_raid_member")),
        ("TYPE=isw_raid_member USAGE=raid", ("raid", "isw_raid_member")),
        ("TYPE=crypto_LUKS USAGE=crypto", ("luks", "crypto_LUKS")),
        ("TYPE=bcache USAGE=other", ("other", "bcache")),
        ("TYPE=zfs_member USAGE=filesystem", ("filesystem", "zfs_member")),
        ("PTTYPE=gpt PTUUID=1", ("partition table", "gpt")),
        ("TYPE=vfat USAGE=filesystem PTTYPE=dos", ("filesystem", "vfat")),
    ],
)
def test_blkids_words_become_a_kind(words: str, expected: tuple[str, str]) -> None:
    assert content_kind(parse_export(words.replace(" ", "\n"))) == expected


def test_the_stock_disk_is_the_systems_and_the_only_disk(tmp_path: Path) -> None:
    answers = probed(vda="PTTYPE=dos\nPTUUID=5cc03136\n", vda1=EXT4)
    storage = read_storage(view_of(tmp_path, STOCK, answers))
    (disk,) = storage.disks
    assert (disk.path, disk.size, disk.serial, disk.system) == (
        "/dev/vda",
        14336,
        "practice-disk",
        True,
    )
    assert (disk.table, disk.table_id) == ("msdos", "5cc03136")
    assert disk.names[0] == "/dev/disk/by-id/virtio-practice-disk"
    (part,) = disk.partitions
    assert (part.path, part.number, part.start, part.sectors) == ("/dev/vda1", 1, 2048, 8388608)
    assert (part.uuid, part.type, part.system) == ("5cc03136-01", "0x83", True)
    assert part.content == Content("filesystem", "ext4", "a b", "e5cc039c", ("/",))
    assert storage.root_uuid == "e5cc039c"
    assert storage.volume_groups == ()


def test_a_user_knows_what_udev_knows_and_not_that_a_disk_is_empty(tmp_path: Path) -> None:
    files = STOCK | block("vdb", "254:16", GIB) | {"/run/udev/data/b254:16": "E:ID_SERIAL=x\n"}
    view = view_of(tmp_path, files, as_root=False)
    system, other = read_storage(view).disks
    assert system.content == Content("partition table", "dos", "", "5cc03136")
    assert system.partitions[0].content.detail == "ext4"
    assert system.partitions[0].content.mounted_at == ("/",)
    assert other.content == Content("unknown")
    assert isinstance(view, View)


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (Said(status=2), Content("empty")),
        (Said(status=8), Content("other", "several contradicting signatures")),
        (Said(status=124), Content("unknown")),
        (Said(status=127), Content("unknown")),
        (Said(EXT4), Content("filesystem", "ext4", "a b", "e5cc039c")),
    ],
)
def test_every_answer_of_blkid_has_its_meaning(
    tmp_path: Path, answer: Said, content: Content
) -> None:
    view = view_of(tmp_path, block("vdb", "254:16", GIB), {"blkid": answer})
    assert BlockDevices(view).content("vdb") == content
    assert bool(view.unknown) == (content.kind == "unknown")


@pytest.mark.parametrize("said", [Said(status=2), Said("PART_ENTRY_NUMBER=2\n")])
def test_a_device_on_which_blkid_finds_nothing_as_it_cannot_be_read_is_not_empty(
    tmp_path: Path, said: Said
) -> None:
    # A directory can be opened, and each read of it fails.
    view = view_of(tmp_path, block("vdb", "254:16", GIB), {"blkid": said})
    device = tmp_path / "dev/vdb"
    device.unlink()
    device.mkdir()
    assert BlockDevices(view).content("vdb") == Content("unknown")
    assert view.unknown == ["content of /dev/vdb: Is a directory"]
    assert ("wipefs", "--noheadings") not in [asked[:2] for asked in view.ask.asked]  # type: ignore[attr-defined]


def test_a_mounted_device_that_cannot_be_probed_is_a_filesystem(tmp_path: Path) -> None:
    files = block("vdb", "254:16", GIB) | {
        "/proc/self/mountinfo": mountinfo(("254:16", "/dev/vdb", "/", "xfs"))
    }
    devices = BlockDevices(view_of(tmp_path, files, as_root=False))
    assert devices.content("vdb") == Content("filesystem", "xfs", mounted_at=("/",))


@pytest.mark.parametrize(
    ("point", "needed"),
    [
        ("/", True),
        ("/boot", True),
        ("/boot/efi", True),
        ("/var/lib/docker", True),
        ("/home", True),
        ("/mnt/data", False),
        ("/srv", False),
        ("/media/usb", False),
        ("/variable", False),
        ("/run/xen-setup/vm01", False),
    ],
)
def test_the_system_needs_what_is_mounted_at_its_own_places(point: str, needed: bool) -> None:
    assert is_needed(point) == needed


# / is ext4 on LUKS on LVM on RAID over sda2 and sdb2; swap is on sdc1; sdd is somebody's.
DEEP: Files = {
    **block("sda", "8:0", 10 * GIB),
    **block("sda2", "8:2", 9 * GIB, "sda", partition="2", start="2048"),
    **block("sdb", "8:16", 10 * GIB),
    **block("sdb2", "8:18", 9 * GIB, "sdb", partition="2", start="2048"),
    **block("sdc", "8:32", 10 * GIB),
    **block("sdc1", "8:33", 9 * GIB, "sdc", partition="1", start="2048"),
    **block("sdd", "8:48", 10 * GIB),
    **block("md0", "9:0", 9 * GIB),
    **block("dm-0", "253:0", 8 * GIB, **{"dm/name": "vg-root", "dm/uuid": "LVM-aabb"}),
    **block("dm-1", "253:1", 8 * GIB, **{"dm/name": "crypt", "dm/uuid": "CRYPT-LUKS2"}),
    **stacked("md0", "sda/sda2"),
    **stacked("md0", "sdb/sdb2"),
    **stacked("dm-0", "md0"),
    **stacked("dm-1", "dm-0"),
    "/dev/mapper/crypt": "-> ../dm-1",
    "/proc/self/mountinfo": mountinfo(
        ("253:1", "/dev/mapper/crypt", "/", "ext4"), ("8:48", "/dev/sdd", "/mnt", "ext4")
    ),
    "/proc/swaps": "Filename Type Size\n/dev/sdc1 partition 1 0 -2\n",
}


def test_the_system_is_found_through_luks_lvm_raid_and_swap(tmp_path: Path) -> None:
    storage = read_storage(view_of(tmp_path, DEEP, probed()))
    assert {disk.path: disk.system for disk in storage.disks} == {
        "/dev/sda": True,
        "/dev/sdb": True,
        "/dev/sdc": True,
        "/dev/sdd": False,
    }
    assert storage.disks[0].partitions[0].content.used_by == ("md0",)
    assert storage.disks[2].partitions[0].content == Content("swap", "swap", used_by=("swap",))
    devices = BlockDevices(view_of(tmp_path, {}, probed()))
    assert devices.holders("md0") == ("vg-root",)
    assert devices.kernel_name("/dev/mapper/crypt") == "dm-1"


def test_every_device_of_a_mounted_btrfs_is_mounted(tmp_path: Path) -> None:
    files = {
        **block("sda", "8:0", GIB),
        **block("sdb", "8:16", GIB),
        "/sys/fs/btrfs/uuid/devices/sda": None,
        "/sys/fs/btrfs/uuid/devices/sdb": None,
        "/proc/self/mountinfo": mountinfo(("0:25", "/dev/sdb", "/home", "btrfs")),
    }
    storage = read_storage(view_of(tmp_path, files, probed()))
    assert [disk.system for disk in storage.disks] == [True, True]


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"report": 1}', '{"report": [[]]}'])
def test_an_answer_that_is_no_report_is_not_known(text: str) -> None:
    assert parse_report(text, "pv") is None


def test_the_captured_reports_have_their_rows() -> None:
    (member,) = rows("pvs", "pv")
    assert (member["vg_name"], member["pv_name"]) == ("xendisks", "/dev/vda2")
    names = [row["lv_name"] for row in rows("lvs", "lv")]
    assert names == ["vm01-root", "vm01-swap"]


def lvm_machine(tmp_path: Path, answers: Mapping[str, Said], *, as_root: bool = True) -> View:
    """The practice machine after the volumes were made."""
    (member,) = rows("pvs", "pv")
    (root, _) = rows("lvs", "lv")
    uuid = "LVM-" + (member["vg_uuid"] + root["lv_uuid"]).replace("-", "")
    files = STOCK | {
        **block("vda2", "254:2", 10 * GIB - 2**20, "vda", partition="2", start="8390656"),
        **block("dm-0", "253:0", GIB, **{"dm/name": "xendisks-vm01--root", "dm/uuid": uuid}),
        **stacked("dm-0", "vda/vda2"),
        "/run/udev/data/b254:2": "E:ID_FS_TYPE=LVM2_member\nE:ID_FS_USAGE=raid\n",
    }
    if as_root:
        program(tmp_path, "pvs")
    return view_of(tmp_path, files, answers, as_root=as_root)


REPORTS = {"pvs": Said(captured("lvm-pvs.json")), "lvs": Said(captured("lvm-lvs.json"))}


def test_a_volume_group_has_its_volumes_with_what_is_on_them(tmp_path: Path) -> None:
    found = probed(**{"dm-0": EXT4, "vda2": "TYPE=LVM2_member\nUSAGE=raid\nUUID=pv\n"})
    storage = read_storage(lvm_machine(tmp_path, REPORTS | found))
    (member,) = rows("pvs", "pv")
    root, swap = rows("lvs", "lv")
    assert storage.volume_groups == (
        VolumeGroup(
            name="xendisks",
            uuid=member["vg_uuid"],
            tags=("xen-setup",),
            size=10236,
            free=10236 - 1024 - 128,
            extent=4,
            devices=("/dev/vda2",),
            volumes=(
                LogicalVolume(
                    "vm01-root",
                    "/dev/xendisks/vm01-root",
                    root["lv_uuid"],
                    ("t1",),
                    1024,
                    False,
                    Content("filesystem", "ext4", "a b", "e5cc039c"),
                ),
                LogicalVolume(
                    "vm01-swap",
                    "/dev/xendisks/vm01-swap",
                    swap["lv_uuid"],
                    (),
                    128,
                    False,
                    Content("unknown"),  # not active: it has no device
                ),
            ),
        ),
    )
    content = storage.disks[0].partitions[1].content
    assert content == Content(
        "lvm", "LVM2_member", "", "pv", (), ("xendisks", "xendisks-vm01--root")
    )


def test_no_volume_is_opened_by_us_while_lvm_is_asked_which_are_open(tmp_path: Path) -> None:
    view = lvm_machine(tmp_path, REPORTS | probed())
    begun: list[tuple[str, ...]] = []
    before_lvm: list[tuple[str, ...]] = []
    answer = view.ask

    def ask(argv: tuple[str, ...], timeout: float = 20.0, /) -> Answer:
        if argv[0] in ("pvs", "lvs"):
            before_lvm[:] = begun
        return answer(argv, timeout)

    view.ask, view.begin = ask, begun.append
    read_storage(view)

    def probes(commands: list[tuple[str, ...]]) -> list[str]:
        return [argv[-1] for argv in commands if argv[0] == "blkid"]

    assert probes(before_lvm) and not [name for name in probes(before_lvm) if "/dm-" in name]
    assert [name for name in probes(begun) if "/dm-" in name]


def with_open_volume() -> Said:
    report = json.loads(captured("lvm-lvs.json"))
    report["report"][0]["lv"][0]["lv_device_open"] = "open"
    return Said(json.dumps(report))


def test_an_open_volume_is_open(tmp_path: Path) -> None:
    answers = REPORTS | {"lvs": with_open_volume()} | probed()
    (group,) = read_storage(lvm_machine(tmp_path, answers), patience=0).volume_groups or ()
    assert [volume.open for volume in group.volumes] == [True, False]


USERS: dict[str, dict[str, str | None]] = {
    "nothing": {},
    "a guest": {"/sys/bus/xen-backend/devices/vbd-1-51713/physical_device": "fd:0\n"},
    "another guest's disk": {"/sys/bus/xen-backend/devices/vbd-1-51713/physical_device": "fd:1\n"},
    "a mapping": {"/sys/block/dm-0/holders/dm-7": None},
    "a mount": {"/proc/self/mountinfo": "30 1 253:0 / /mnt rw - ext4 /dev/dm-0 rw\n"},
    "swap": {"/proc/swaps": "Filename Type Size Used Priority\n/dev/dm-0 partition 1 0 -2\n"},
}


@pytest.mark.parametrize("user", USERS)
def test_a_volume_that_was_open_for_a_moment_is_looked_at_again(user: str, tmp_path: Path) -> None:
    view = lvm_machine(tmp_path, REPORTS | probed())
    tree(tmp_path, USERS[user])
    answer, asked = view.ask, [with_open_volume()]

    def ask(argv: tuple[str, ...], timeout: float = 20.0, /) -> Answer:
        return asked.pop() if argv[0] == "lvs" and asked else answer(argv, timeout)

    view.ask = ask
    (group,) = read_storage(view, patience=30).volume_groups or ()
    used = user not in ("nothing", "another guest's disk")
    assert [volume.open for volume in group.volumes] == [used, False]


@pytest.mark.parametrize("status", [5, 124, 127])
def test_an_lvm_that_does_not_answer_is_not_an_lvm_without_groups(
    tmp_path: Path, status: int
) -> None:
    view = lvm_machine(tmp_path, {"pvs": Said(status=status), "lvs": Said(status=status)})
    assert read_storage(view).volume_groups is None
    assert "volume groups: LVM does not answer" in view.unknown


def test_an_empty_report_of_an_lvm_without_its_lock_is_not_known(tmp_path: Path) -> None:
    """No room for the lock's file: valid JSON, without a row, and 5 (LVM 2.03.16)."""
    said = {
        "pvs": Said('{"report": [{"pv": []}]}', 5),
        "lvs": Said('{"report": [{"lv": []}]}', 5),
    }
    view = lvm_machine(tmp_path, said)
    assert read_storage(view).volume_groups is None
    assert "volume groups: LVM does not answer" in view.unknown


def test_a_group_whose_metadata_cannot_be_read_is_none(tmp_path: Path) -> None:
    report = json.loads(captured("lvm-pvs.json"))
    for row in report["report"][0]["pv"]:
        row["vg_name"] = "[unknown]"  # LVM 2.03.16
    said = {"pvs": Said(json.dumps(report)), "lvs": Said('{"report": [{"lv": []}]}')}
    assert read_storage(lvm_machine(tmp_path, said)).volume_groups == ()


def test_a_partition_of_which_blkid_knows_only_its_place_is_looked_at_again(
    tmp_path: Path,
) -> None:
    """A GPT's copy at the end of a partition; blkid then ends with 0, not with 2."""
    said = {"blkid": Said("PART_ENTRY_SCHEME=gpt\nPART_ENTRY_NUMBER=2\n"), "wipefs": Said("gpt\n")}
    view = view_of(tmp_path, block("vdb", "254:16", GIB), said)
    assert BlockDevices(view).content("vdb") == Content("other", "remains of gpt")


def test_without_lvm2_a_physical_volume_is_seen_and_its_group_is_not_known(tmp_path: Path) -> None:
    view = lvm_machine(tmp_path, {}, as_root=False)
    storage = read_storage(view)
    assert storage.volume_groups is None
    assert storage.disks[0].partitions[1].content.kind == "lvm"
    assert any("lvm2 is not installed" in line for line in view.unknown)


def test_a_busy_udev_is_waited_for_and_not_for_ever(tmp_path: Path) -> None:
    view = view_of(tmp_path, STOCK | {"/run/udev/queue": ""}, probed())
    begun = time.monotonic()
    read_storage(view, patience=0.3)
    assert 0.3 <= time.monotonic() - begun < 5
    waiting = threading.Timer(0.2, (tmp_path / "run/udev/queue").unlink)
    waiting.start()
    begun = time.monotonic()
    read_storage(view, patience=30)
    waiting.join()
    assert time.monotonic() - begun < 10
