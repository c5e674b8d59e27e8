"""A device is recognised again by what lsblk and blkid say of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from wizard.actions import Identity
from wizard.commands import Answer
from wizard.identity import differences
from wizard.signatures import CONTRADICTING


@pytest.mark.parametrize(
    ("serial", "said"),
    [
        ("QM00001", 'SERIAL="QM00001" PTUUID=""'),
        ("my disk", 'SERIAL="my disk" PTUUID=""'),
        ("  my disk", 'SERIAL="my disk" PTUUID=""'),  # the kernel pads some; lsblk does not
        ('a "disk" of $5', r'SERIAL="a \x22disk\x22 of \x245" PTUUID=""'),
    ],
)
def test_a_serial_number_may_hold_anything(serial: str, said: str, tmp_path: Path) -> None:
    """lsblk 2.38.1, seen."""
    device = tmp_path / "disk"
    device.touch()

    def ask(argv: tuple[str, ...], _timeout: float) -> Answer:
        match argv[0]:
            case "blockdev":
                return Answer(0, "512\n", "")
            case "lsblk":
                return Answer(0, f"{said}\n", "")
        return Answer(2, "", "")

    assert [] == differences(Identity(str(device), 512, serial), ask)
    (found,) = differences(Identity(str(device), 512, "another"), ask)
    assert f"is {serial.strip()}, not another" in found


def test_where_a_table_may_stay_nothing_else_may(tmp_path: Path) -> None:
    device = tmp_path / "disk"
    device.touch()
    words = {"on it": ""}

    def ask(argv: tuple[str, ...], _timeout: float) -> Answer:
        return Answer(0, "512\n" if argv[0] == "blockdev" else words["on it"], "")

    wiped = Identity(str(device), 512, or_table=True)
    assert [] == differences(wiped, ask)
    words["on it"] = "PTTYPE=dos\n"
    assert [] == differences(wiped, ask)
    assert ["dos is on it, not nothing"] == differences(Identity(str(device), 512), ask)
    words["on it"] = "TYPE=ext4\nPTTYPE=dos\n"
    assert ["ext4 is on it, not nothing"] == differences(wiped, ask)


def test_a_size_that_is_not_known_beforehand_is_not_compared(tmp_path: Path) -> None:
    device = tmp_path / "volume"
    device.write_bytes(bytes(512))
    words = {"on it": ""}

    def ask(argv: tuple[str, ...], _timeout: float) -> Answer:
        return Answer(0, "512\n" if argv[0] == "blockdev" else words["on it"], "")

    assert [] == differences(Identity(str(device), 0), ask)
    words["on it"] = "TYPE=ext4\n"
    assert ["ext4 is on it, not nothing"] == differences(Identity(str(device), 0), ask)


@pytest.mark.parametrize(
    ("status", "is_file", "said"),
    [
        (2, True, ""),
        (2, False, "it cannot be read (Is a directory)"),
        (0, False, "it cannot be read (Is a directory)"),  # of a partition it tells its place
        (124, True, "blkid does not tell (exit status 124)"),
        (127, True, "blkid does not tell (exit status 127)"),
    ],
)
def test_nothing_is_on_a_device_only_where_that_can_be_seen(
    tmp_path: Path, status: int, is_file: bool, said: str
) -> None:
    device = tmp_path / "disk"
    # A directory can be asked about, and each read of it fails.
    device.touch() if is_file else device.mkdir()

    def ask(argv: tuple[str, ...], _timeout: float) -> Answer:
        return Answer(0, "512\n", "") if argv[0] == "blockdev" else Answer(status, "", "")

    expected = [f"what is on it cannot be told: {said}"] if said else []
    assert expected == differences(Identity(str(device), 512), ask)
    assert expected == differences(Identity(str(device), 512, or_table=True), ask)


def test_signatures_that_contradict_each_other_are_not_nothing(tmp_path: Path) -> None:
    """blkid names none of them: what came onto an empty disk so would have been lost."""
    device = tmp_path / "disk"
    device.touch()

    def ask(argv: tuple[str, ...], _timeout: float) -> Answer:
        return Answer(0, "512\n", "") if argv[0] == "blockdev" else Answer(8, "", "")

    for empty in (Identity(str(device), 512), Identity(str(device), 512, or_table=True)):
        assert [f"{CONTRADICTING} is on it, not nothing"] == differences(empty, ask)
    assert [] == differences(Identity(str(device), 512, content=CONTRADICTING), ask)
