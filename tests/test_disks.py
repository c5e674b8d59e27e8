"""Partition tables read by libparted from images that sfdisk made: free space and next numbers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import parted
import pytest

from steps.disks import TablePartition, UnreadableTable, read_table
from steps.facts import FreeRegion

MIB = 1024 * 1024
GIB = 1024 * MIB

pytestmark = pytest.mark.skipif(
    not shutil.which("sfdisk", path="/usr/sbin:/sbin:/usr/bin"), reason="sfdisk makes the images"
)


def sfdisk(script: str, *arguments: str) -> None:
    subprocess.run(
        ["sfdisk", "--quiet", *arguments],
        input=script,
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
        env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"},
    )


def image(path: Path, script: str, size: int = 10 * GIB) -> Path:
    """A sparse disk image with the partition table that the sfdisk script describes."""
    with path.open("wb") as file:
        file.truncate(size)
    if script:
        sfdisk(script, str(path))
    return path


def mib(start: int, size: int, number: int, *, usable: bool = True) -> FreeRegion:
    """A primary region with start and size in MiB."""
    return FreeRegion(start * 2048, size * 2048, size, number, usable)


@pytest.mark.parametrize(
    ("script", "free"),
    [
        ("label: dos\n", (mib(1, 10239, 1),)),
        ("label: dos\nstart=2048, size=4GiB\n", (mib(4097, 6143, 2),)),
        # Space before the first partition, and a start that is not at a MiB.
        ("label: dos\nstart=4097MiB, size=2GiB\n", (mib(1, 4096, 2), mib(6145, 4095, 2))),
        ("label: dos\nstart=2048, size=5000\n", (mib(4, 10236, 2),)),
        # The number is the lowest free one.
        (
            "label: dos\n1: start=1MiB,size=1GiB\n3: start=1025MiB,size=1GiB\n",
            (mib(2049, 8191, 2),),
        ),
        # Four primary partitions: no room in the table.
        ("label: dos\n,1G\n,1G\n,1G\n,1G\n", (mib(4097, 6143, 5, usable=False),)),
        # gpt keeps its backup at the end.
        ("label: gpt\n", (mib(1, 10238, 1),)),
        ("label: gpt\n,1G\n,1G\n,1G\n,1G\n,1G\n", (mib(5121, 5118, 6),)),
        ("label: gpt\nstart=2048\n", ()),
    ],
)
def test_free_regions_begin_and_end_at_a_mib(
    tmp_path: Path, script: str, free: tuple[FreeRegion, ...]
) -> None:
    path = image(tmp_path / "disk", script)
    table = read_table(path, path.stat().st_size)
    assert table is not None
    assert table.free == free


EXTENDED = (
    "label: dos\nstart=1MiB,size=2GiB\nstart=2049MiB,size=4GiB,type=5\n"
    "start=2050MiB,size=1GiB\nstart=4098MiB,size=512MiB\n"
)


def test_in_an_extended_partition_only_space_behind_the_last_logical_one_is_usable(
    tmp_path: Path,
) -> None:
    path = image(tmp_path / "disk", EXTENDED)
    table = read_table(path, path.stat().st_size)
    assert table is not None
    assert table.label == "msdos"
    assert table.partitions == (
        TablePartition(1, 2048, 2048 * 2048),
        TablePartition(2, 2049 * 2048, 4096 * 2048),
        TablePartition(5, 2050 * 2048, 1024 * 2048),
        TablePartition(6, 4098 * 2048, 512 * 2048),
    )
    between, *usable = table.free
    assert (between.kind, between.usable) == ("logical", False)
    assert usable == [
        FreeRegion(4611 * 2048, 1534 * 2048, 1534, 7, kind="logical"),
        mib(6145, 4095, 3),
    ]


def test_a_region_can_really_be_made_into_a_partition(tmp_path: Path) -> None:
    for name, script in (("gpt", "label: gpt\n,1G\n"), ("dos", EXTENDED)):
        path = image(tmp_path / name, script)
        before = read_table(path, path.stat().st_size)
        assert before is not None
        for region in before.free:
            if not region.usable:
                continue
            trial = image(tmp_path / f"{name}-{region.start}", script)
            line = f"{region.next_number}: start={region.start}, size={region.sectors}\n"
            sfdisk(line, "--append", str(trial))
            after = read_table(trial, trial.stat().st_size)
            assert after is not None
            made = TablePartition(region.next_number, region.start, region.sectors)
            assert set(after.partitions) - set(before.partitions) == {made}


def test_reading_writes_nothing(tmp_path: Path) -> None:
    path = image(tmp_path / "disk", EXTENDED, size=8 * GIB)
    before = path.stat()
    assert read_table(path, before.st_size) is not None
    after = path.stat()
    assert (after.st_mtime_ns, after.st_ctime_ns) == (before.st_mtime_ns, before.st_ctime_ns)


def test_sectors_of_4096_bytes_are_counted_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = image(tmp_path / "disk", "", GIB)
    monkeypatch.setenv("PARTED_SECTOR_SIZE", "4096")  # of the image that is made here
    device = parted.getDevice(str(path))
    disk = parted.freshDisk(device, "gpt")
    geometry = parted.Geometry(device, start=256, length=65536)
    made = parted.Partition(disk, parted.PARTITION_NORMAL, geometry=geometry)
    disk.addPartition(made, parted.Constraint(exactGeom=geometry))
    disk.commitToDevice()
    monkeypatch.delenv("PARTED_SECTOR_SIZE")
    table = read_table(path, GIB, 4096)
    assert table is not None
    assert table.partitions == (TablePartition(1, 256, 65536),)
    assert table.free == (FreeRegion(257 * 256, 766 * 256, 766, 2),)
    assert read_table(path, GIB, 512) is None


@pytest.mark.parametrize("content", [b"", b"\x00" * 4096, b"no table at all" * 100])
def test_a_disk_without_a_table_has_none(tmp_path: Path, content: bytes) -> None:
    path = image(tmp_path / "disk", "", GIB)
    with path.open("r+b") as file:
        file.write(content)
    assert read_table(path, GIB) is None


def test_a_filesystem_on_the_whole_disk_is_no_table(tmp_path: Path) -> None:
    path = image(tmp_path / "disk", "", 64 * MIB)
    subprocess.run(["/usr/sbin/mkfs.ext4", "-q", str(path)], check=True)
    assert read_table(path, 64 * MIB) is None


@pytest.mark.parametrize(
    ("place", "damage"), [(600, b"xxxx"), (10 * GIB - 512 + 80, b"xxxx"), (520, b"\0\0\0\0")]
)
def test_a_damaged_gpt_is_refused_with_libparteds_reason(
    tmp_path: Path, place: int, damage: bytes
) -> None:
    path = image(tmp_path / "disk", "label: gpt\n,1G\n")
    with path.open("r+b") as file:
        file.seek(place)
        file.write(damage)
    with pytest.raises(UnreadableTable, match="GPT"):
        read_table(path, 10 * GIB)


def test_partitions_beyond_the_disk_are_refused(tmp_path: Path) -> None:
    path = image(tmp_path / "disk", "label: dos\n,9G\n")
    with path.open("r+b") as file:
        file.truncate(GIB)
    with pytest.raises(UnreadableTable, match=r"(outside|beyond the end of) the disk"):
        read_table(path, GIB)


def test_one_disk_is_not_taken_for_the_one_read_before(tmp_path: Path) -> None:
    for size in (10, 2, 5):
        path = image(tmp_path / f"disk{size}", "label: dos\n", size * GIB)
        table = read_table(path, size * GIB)
        assert table is not None
        assert table.free == (mib(1, size * 1024 - 1, 1),)


def test_a_circle_of_logical_tables_ends(tmp_path: Path) -> None:
    path = image(tmp_path / "disk", EXTENDED)
    with path.open("r+b") as file:  # the first logical table names itself as the next
        file.seek(2049 * MIB + 462)
        file.write(bytes((0, 0, 0, 0, 5, 0, 0, 0)) + bytes(4) + (2048).to_bytes(4, "little"))
    try:
        read_table(path, 10 * GIB)
    except UnreadableTable as error:
        assert str(error)


def test_a_missing_disk_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "none", GIB)
