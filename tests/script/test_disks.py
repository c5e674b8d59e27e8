"""Disks in a script: a partition is made once, and nothing is touched that is not as planned."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import parted
import pytest

from tests.script.running import Shell, script_of, shellcheck
from wizard.actions import CreatePartition, Identity, RunCommand, Volume

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a script runs as root only")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def disk_with(path: Path, layout: str) -> None:
    with path.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["/usr/sbin/sfdisk", "--quiet", path], input=layout, text=True, check=True)


def table(path: Path) -> list[tuple[int, int, int]]:
    disk = parted.newDisk(parted.getDevice(str(path)))
    return [(p.number, p.geometry.start, p.geometry.length) for p in disk.partitions]


MSDOS = "label: dos\nstart=2048,size=20480,type=83\n"
GPT = "label: gpt\nstart=2048,size=20480\n"
HOLE = "label: gpt\nx1 : start=2048,size=20480\nx3 : start=80960,size=2048\n"
LOGICAL = (
    "label: dos\nstart=2048,size=20480,type=83\nstart=22528,size=100000,type=5\n"
    "start=24576,size=10240,type=83\n"
)


@pytest.mark.parametrize(
    ("layout", "number", "start"),
    [(MSDOS, 2, 22528), (GPT, 2, 22528), (HOLE, 2, 22528), (LOGICAL, 6, 36864)],
)
def test_a_partition_is_made_sector_by_sector_and_only_once(
    layout: str, number: int, start: int, shell: Shell
) -> None:
    image = shell.top / "disk.img"
    disk_with(image, layout)
    before = table(image)
    text = partition_script(shell, image, number, start)
    first = shell.run(text)
    assert 0 == first.returncode, first.stderr
    assert sorted([*before, (number, start, 40000)]) == sorted(table(image))
    disk = parted.newDisk(parted.getDevice(str(image)))
    made = next(p for p in disk.partitions if p.number == number)
    assert made.getFlag(parted.PARTITION_LVM)
    content = image.read_bytes()
    assert 0 == shell.run(text).returncode
    assert content == image.read_bytes()


def partition_script(
    shell: Shell, image: Path, number: int, start: int, on_it: str = "exit 2"
) -> str:
    for name in ("udevadm", "partx", "lsblk"):
        shell.stand_in(name)
    shell.stand_in("blockdev", f"echo {64 << 20}")
    seen = f"*/disk.img) echo PTTYPE=dos ;; *) {on_it} ;;"
    shell.stand_in("blkid", f'case "$*" in {seen} esac')
    (shell.programs / "sfdisk").symlink_to("/usr/sbin/sfdisk")
    # Any block device will do for a node that is there.
    node = "/dev/loop0"
    disk = Identity(str(image), 64 << 20)
    return script_of([CreatePartition(disk, number, start, 40000, 512, "It is needed.", node)])


@pytest.mark.parametrize(
    ("on_it", "words"),
    [
        ("exit 2", ""),
        ("echo TYPE=LVM2_member", ""),
        ("echo TYPE=ext4", "holds ext4"),
        ("echo PTTYPE=gpt", "holds gpt"),
        ("exit 8", "holds several contradicting signatures"),
        ("exit 124", "cannot be told"),
    ],
)
def test_a_partition_that_was_there_is_taken_only_if_nothing_is_on_it(
    on_it: str, words: str, shell: Shell
) -> None:
    # Whoever takes all of the free space with fdisk makes just the one of the plan.
    image = shell.top / "disk.img"
    disk_with(image, f"{MSDOS}start=22528,size=40000,type=83\n")
    done = shell.run(partition_script(shell, image, 2, 22528, on_it))
    assert done.returncode == (1 if words else 0), done.stderr
    assert words in done.stderr
    assert [] == shellcheck([shell.top / "plan.sh"])


def test_a_partition_in_another_place_stops_it(shell: Shell) -> None:
    image = shell.top / "disk.img"
    disk_with(image, MSDOS)
    content = image.read_bytes()
    done = shell.run(partition_script(shell, image, 1, 4096))
    assert 1 == done.returncode
    assert "has another partition 1 now" in done.stderr
    assert content == image.read_bytes()


SAME = {"size": "1000", "serial": "S 1", "table": "T1", "content": "dos"}


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({}, ""),
        ({"size": "1001"}, "has 1001 bytes, not 1000"),
        ({"serial": "S 12"}, "has another serial number than S 1."),
        ({"table": "T12"}, "has another partition table than T1."),
        ({"content": "gpt"}, "holds gpt, not dos"),
    ],
)
def test_a_device_that_is_another_now_is_not_touched(
    now: dict[str, str], words: str, shell: Shell
) -> None:
    seen = {**SAME, **now}
    shell.stand_in("blockdev", f"echo {seen['size']}")
    shell.stand_in("lsblk", f"""printf '%s\\n' 'SERIAL="{seen["serial"]}" PTUUID=""'""")
    shell.stand_in("blkid", f"echo PTUUID={seen['table']}; echo PTTYPE={seen['content']}")
    shell.stand_in("tell")
    identity = Identity("/dev/some disk", 1000, "S 1", "T1", "dos")
    done = shell.run(script_of([RunCommand(("tell",), "It is touched.", identity=identity)]))
    assert (words == "") is (("tell",) in shell.calls)
    assert words in done.stderr


@pytest.mark.parametrize(
    ("or_table", "seen", "words"),
    [
        (True, "PTTYPE=dos", ""),
        (True, "", ""),
        (True, "TYPE=ntfs; echo PTTYPE=dos", "holds ntfs, not nothing"),
        (False, "PTTYPE=dos", "holds dos, not nothing"),
    ],
)
def test_a_partition_table_may_be_left_where_the_plan_says_so(
    or_table: bool, seen: str, words: str, shell: Shell
) -> None:
    device = shell.top / "device"
    device.write_bytes(bytes(3 << 20))
    shell.stand_in("blockdev", f"echo {3 << 20}")
    shell.stand_in("lsblk")
    shell.stand_in("blkid", f"echo {seen}")
    shell.stand_in("tell")
    identity = Identity(str(device), 3 << 20, or_table=or_table)
    done = shell.run(script_of([RunCommand(("tell",), "It is touched.", identity=identity)]))
    assert (words == "") is (("tell",) in shell.calls)
    assert words in done.stderr
    assert [] == shellcheck([shell.top / "plan.sh"])


@pytest.mark.parametrize(
    ("status", "is_file", "words"),
    [
        (0, True, ""),
        (2, True, ""),
        (8, True, "several contradicting signatures"),
        (2, False, "cannot be read"),
        (0, False, "cannot be read"),
        (124, True, "cannot be told: blkid ended with 124"),
    ],
)
def test_nothing_is_on_a_device_only_where_that_can_be_seen(
    status: int, is_file: bool, words: str, shell: Shell
) -> None:
    device = shell.top / "device"
    # A directory stands for a device whose reads fail.
    device.write_bytes(bytes(3 << 20)) if is_file else device.mkdir()
    shell.stand_in("blockdev", f"echo {3 << 20}")
    shell.stand_in("lsblk")
    shell.stand_in("blkid", f"exit {status}")
    shell.stand_in("tell")
    for size in (3 << 20, 0):  # 0: it is not known
        identity = Identity(str(device), size)
        action = RunCommand(("tell", str(size)), "It is touched.", identity=identity)
        done = shell.run(script_of([action]))
        assert (words == "") is (("tell", str(size)) in shell.calls)
        assert words in done.stderr
        assert [] == shellcheck([shell.top / "plan.sh"])


def test_what_a_running_guest_writes_to_is_not_mounted(shell: Shell) -> None:
    # A stand-in for the guests' disks in /sys: the script's own text, with another place in it.
    backend = shell.top / "backend/vbd-1-51713"
    backend.mkdir(parents=True)
    number = Path("/dev/null").stat().st_rdev
    (backend / "physical_device").write_text(f"{os.major(number):x}:{os.minor(number):x}\n")
    shell.stand_in("mount")
    volume = Volume("/dev/null", str(shell.top / "mounted/vm01"), "ext4")
    text = script_of([RunCommand(("tell",), "Inside.", inside=volume)])
    place = "/sys/bus/xen-backend/devices"
    assert text.count(place) == 1
    done = shell.run(text.replace(place, str(shell.top / "backend")))
    assert 1 == done.returncode
    assert "is the disk of a guest that is running" in done.stderr
    assert [] == shell.calls
