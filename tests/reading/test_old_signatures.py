"""What others have left on a disk, written for real: read, refused by its name, or wiped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from steps import volume_group
from steps.facts import Content, Facts
from steps.reading.block_devices import BlockDevices
from steps.reading.view import View
from tests.engine.devices import MIB, loop_disk, needs_loop, tool
from tests.machines import stock, with_spare_partition
from tests.reading.signatures import SIGNATURES, SIZE, ext4, put
from tests.steps.answered import answered
from wizard import commands
from wizard.actions import CommandShows, Identity, RunCommand
from wizard.errors import StepFailed
from wizard.identity import differences
from wizard.machine import Machine
from wizard.running import Unwatched, Workplace

pytestmark = needs_loop

SPARE = "/dev/disk/by-id/virtio-vdb-serial-part1"
TAKE_IT = {"storage.use": "device", "storage.device": SPARE}


@pytest.fixture
def device(tmp_path: Path) -> Iterator[str]:
    with loop_disk(tmp_path / "disk.img", SIZE // MIB) as name:
        yield name


def read(device: str) -> Content:
    """What is on it, as the steps' reader sees it now."""
    return BlockDevices(View(ask=commands.ask, as_root=True)).content(device.rpartition("/")[2])


def machine_with(content: Content) -> Facts:
    """A machine whose second disk has a partition that holds this."""
    facts = with_spare_partition(stock())
    disk = facts.disks[1]
    part = replace(disk.partitions[0], content=content)
    return replace(facts, disks=(facts.disks[0], replace(disk, partitions=(part,))))


def machine_here(tmp_path: Path) -> Machine:
    (tmp_path / "backups").mkdir()
    machine = Machine(work=tmp_path / "work")
    machine.attend(Workplace(tmp_path / "log", tmp_path / "backups"))
    return machine


@pytest.mark.parametrize("name", SIGNATURES)
def test_an_old_signature_is_refused_by_its_name(device: str, name: str) -> None:
    write, words = SIGNATURES[name]
    write(device)
    before = Path(device).read_bytes()
    facts = machine_with(read(device))
    problems = volume_group.check(answered(facts, TAKE_IT), facts)
    assert [problem.name for problem in problems] == ["device-not-empty"]
    assert f"it holds {words}" in problems[0].what
    assert f"storage.overwrite: {SPARE}" in problems[0].hint
    assert Path(device).read_bytes() == before, "it is only read"


@pytest.mark.parametrize("name", SIGNATURES)
def test_what_is_agreed_to_be_lost_is_wiped_and_nothing_asks(
    device: str, name: str, tmp_path: Path
) -> None:
    write, words = SIGNATURES[name]
    write(device)
    facts = machine_with(read(device))
    settings = answered(facts, {**TAKE_IT, "storage.overwrite": SPARE})
    warned = volume_group.check(settings, facts)
    assert [problem.severity for problem in warned] == ["warning"]
    assert words in warned[0].what
    wipe, *_others = volume_group.plan(settings, facts).actions
    assert isinstance(wipe, RunCommand)
    assert wipe.argv[0] == "wipefs"
    assert words in (wipe.undo_note or "")
    assert wipe.identity is not None
    here = replace(
        wipe,
        argv=(*wipe.argv[:-1], device),
        probe=CommandShows(("wipefs", "--noheadings", device), r"\S", lacks=True),
        identity=Identity(device, SIZE, content=wipe.identity.content),
    )
    machine = machine_here(tmp_path)
    machine.perform(here, machine.prepare(here, "1"), Unwatched())
    assert read(device).kind == "empty"


def test_on_a_partition_the_table_that_a_filesystem_carries_is_wiped_too(tmp_path: Path) -> None:
    """As NTFS and exFAT do: wipefs leaves it there, and ends with 0 (util-linux 2.38.1)."""
    with loop_disk(tmp_path / "whole.img", 64) as disk:
        tool("parted", "--script", disk, "mklabel", "gpt", "mkpart", "a", "1MiB", "40MiB")
        tool("udevadm", "settle")
        device = f"{disk}p1"
        ext4(device)
        put(device, 510, b"\x55\xaa")
        facts = machine_with(read(device))
        settings = answered(facts, {**TAKE_IT, "storage.overwrite": SPARE})
        machine = machine_here(tmp_path)
        wipes = [
            action
            for action in volume_group.plan(settings, facts).actions
            if isinstance(action, RunCommand) and action.argv[0] == "wipefs"
        ]
        assert 2 == len(wipes)
        for number, wipe in enumerate(wipes):
            assert isinstance(wipe.probe, CommandShows)
            assert wipe.identity is not None
            here = replace(
                wipe,
                argv=(*wipe.argv[:-1], device),
                probe=replace(wipe.probe, argv=(*wipe.probe.argv[:-1], device)),
                identity=replace(wipe.identity, path=device, size=39 * MIB, serial="", table_id=""),
            )
            machine.perform(here, machine.prepare(here, str(number)), Unwatched())
            left = tool("wipefs", "--noheadings", "--output", "TYPE", device)
            assert ("dos", "")[number] == left
        assert read(device).kind == "empty"


def test_a_signature_that_came_after_the_plan_stops_the_command(
    device: str, tmp_path: Path
) -> None:
    expected = Identity(device, SIZE, content=read(device).word)
    assert differences(expected, commands.ask) == []
    ext4(device)
    touch = RunCommand(("touch", str(tmp_path / "done")), "Why.", identity=expected)
    machine = machine_here(tmp_path)
    with pytest.raises(StepFailed, match="not what it was") as caught:
        machine.perform(touch, machine.prepare(touch, "1"), Unwatched())
    assert "ext4 is on it, not nothing" in caught.value.details[0]
    assert not (tmp_path / "done").exists()


def test_a_disk_of_zeros_and_one_of_noise_are_empty(device: str) -> None:
    assert read(device) == Content("empty")
    put(device, 0, b"\xa5" * MIB)
    assert read(device) == Content("empty")
