"""Taking back a part: one run of several, or what belongs to one thing, and a rollback after it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.recording import RecordingReporter
from tests.engine.world import Piece, Task, World
from wizard.actions import Action, WriteFile
from wizard.errors import UsageError
from wizard.rollback import roll_back, take_back_some, to_take_back


def piece(path: Path) -> Piece:
    return Piece(
        WriteFile(str(path), f"{path.name}\n", "The test wants it there, to see it go."),
        path.exists,
    )


def one_step(top: Path, *names: str) -> World:
    world = World(top)
    world.tree.mkdir(parents=True)
    world.boot.write_text("boot-1")
    world.tasks = [Task("files", [piece(world.tree / name) for name in names])]
    return world


def apply(world: World, *names: str, alone: bool = False) -> None:
    """One more run, over files with these names."""
    world.tasks = [Task(f"files-{'-'.join(names)}", [piece(world.tree / name) for name in names])]
    pipeline = replace(world.pipeline(), alone=alone)
    pipeline.apply("settings", "answers")


def there(world: World) -> set[str]:
    return {path.name for path in world.tree.iterdir()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Three runs: a host's, and two that only add to it."""
    world = one_step(tmp_path, "host")
    apply(world, "host", "vm01")
    apply(world, "vm02", alone=True)
    apply(world, "vm03", alone=True)
    assert there(world) == {"host", "vm01", "vm02", "vm03"}
    return world


def some(world: World, *names: str) -> tuple[int, int]:
    def mine(action: Action) -> bool:
        return isinstance(action, WriteFile) and Path(action.path).name in names

    count, left = take_back_some(world.store, world.machine(), RecordingReporter(), mine)
    return count, len(left)


def test_only_what_is_mine_goes_whatever_run_made_it(world: World) -> None:
    assert some(world, "vm01", "vm03") == (2, 0)
    assert there(world) == {"host", "vm02"}
    assert some(world, "vm01", "vm03") == (0, 0)


def test_a_rollback_after_it_takes_back_the_rest_and_complains_of_nothing(world: World) -> None:
    some(world, "vm01")
    reporter = RecordingReporter()
    assert roll_back(world.store, world.machine(), reporter) == 3
    assert there(world) == set()
    assert reporter.named("conflict") == []


def test_what_was_changed_by_hand_stays_and_is_named(world: World) -> None:
    (world.tree / "vm02").write_text("mine now\n")
    assert some(world, "vm02") == (0, 1)
    assert there(world) == {"host", "vm01", "vm02", "vm03"}


def test_a_run_that_only_added_is_taken_back_by_itself(world: World) -> None:
    assert [entry.action for entry in to_take_back(world.store, only=2)] != []
    assert roll_back(world.store, world.machine(), RecordingReporter(), only=2) == 1
    assert there(world) == {"host", "vm01", "vm03"}
    assert roll_back(world.store, world.machine(), RecordingReporter()) == 3
    assert there(world) == set()


def test_the_hosts_run_is_not_taken_back_from_under_the_others(world: World) -> None:
    with pytest.raises(UsageError, match="Run 1 cannot be taken back by itself: run 2 stands"):
        roll_back(world.store, world.machine(), RecordingReporter(), only=1)
    assert there(world) == {"host", "vm01", "vm02", "vm03"}
    some(world, "vm02", "vm03")
    assert roll_back(world.store, world.machine(), RecordingReporter(), only=1) == 2


def test_a_run_that_is_not_there_is_said_so(world: World) -> None:
    with pytest.raises(UsageError, match="There is no run 9"):
        to_take_back(world.store, only=9)
