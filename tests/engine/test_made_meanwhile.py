"""A partition that somebody made in our place after the plan was: not ours, not empty."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.engine.world import Piece, Task, World
from wizard.actions import CreatePartition, Identity, RunCommand
from wizard.errors import SetupError
from wizard.machine import Machine
from wizard.partitions import PartitionTables
from wizard.pipeline import Wishes
from wizard.rollback import roll_back
from wizard.running import Running


class Somebodys:
    """A table that has the very partition: fdisk, too, offers all the free space there is."""

    def is_there(self, action: CreatePartition, /) -> bool:
        return True

    def create(self, action: CreatePartition, running: Running, /) -> None:
        raise AssertionError("it is there")

    announce = create

    def remove(self, action: CreatePartition, running: Running, remains: str, /) -> None:
        raise AssertionError("it is somebody's")


@dataclass
class WithSomebodys(Machine):
    partition_tables: PartitionTables = field(default_factory=Somebodys)


@pytest.mark.parametrize("on_failure", ["stop", "roll back"])
def test_a_partition_that_somebody_made_meanwhile_is_neither_used_nor_removed(
    on_failure: str, tmp_path: Path
) -> None:
    disk = Identity("/dev/vdy", 1 << 30)
    wanted = CreatePartition(disk, 1, 2048, 4096, 512, "Why.", "/dev/vdy1")
    used = tmp_path / "used"
    take = RunCommand(("touch", str(used)), "As pvcreate --yes would.")
    wishes = Wishes(on_failure=on_failure)  # type: ignore[arg-type]
    world = World(tmp_path, wishes, kind=WithSomebodys)
    world.boot.write_text("first")
    world.tasks = [Task("group", [Piece(wanted, lambda: False), Piece(take, used.exists)])]
    with pytest.raises(SetupError, match="Somebody has made the partition 1 on /dev/vdy"):
        world.pipeline().apply("settings", "version: 1\n")
    assert not used.exists()
    assert roll_back(world.store, world.machine(), world.reporter) == 0
