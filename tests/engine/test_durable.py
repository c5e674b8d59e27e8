"""What a program did is on the disk before a journal says that it is done."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.engine.devices import loop_disk, needs_loop, tool
from tests.engine.world import full_world
from wizard.actions import MakeDirectory, MakeLink, Reboot
from wizard.durable import to_disk
from wizard.records import Entry


@needs_loop
def test_what_was_only_in_memory_is_on_the_disk(tmp_path: Path) -> None:
    with loop_disk(tmp_path / "disk.img", 32) as device:
        tool("mkfs.ext4", "-q", device)
        place = tmp_path / "there"
        place.mkdir()
        tool("mount", device, str(place))
        try:
            (place / "menu").write_text("ours\n")

            def seen() -> str:
                # What a power cut would leave, and then the journal of the filesystem, replayed.
                copy = tmp_path / "copy.img"
                copy.write_bytes((tmp_path / "disk.img").read_bytes())
                subprocess.run(["e2fsck", "-fy", copy], check=False, capture_output=True)
                said = subprocess.run(
                    ["debugfs", "-R", "cat /menu", copy], check=True, capture_output=True, text=True
                )
                return said.stdout

            assert seen() == ""
            to_disk(str(place), str(tmp_path / "not there"))
            assert seen() == "ours\n"
        finally:
            tool("umount", str(place))


def test_what_programs_did_is_on_the_disk_before_the_journal_says_done_or_undone(
    tmp_path: Path,
) -> None:
    world = full_world(tmp_path)
    begun: list[int] = []  # which action the journal called begun each time

    def entries() -> list[Entry]:
        (run,) = world.store.runs()
        return list(world.store.ledger(run).entries.values())

    def to_disk(*_more: str) -> None:
        begun.extend(entry.number for entry in entries() if entry.state in ("begun", "undoing"))

    world.to_disk = to_disk
    world.apply()
    kept = [
        entry.number
        for entry in entries()
        if not isinstance(entry.action, MakeDirectory | MakeLink | Reboot)
    ]
    assert begun == kept
    begun.clear()
    world.roll_back()
    assert begun == [number for number in reversed(kept) if number in begun]
    assert len(begun) > len(kept) // 2
