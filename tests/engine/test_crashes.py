"""Killed at every point, in apply and in rollback: resume reaches the end, rollback the start."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.engine.world import Count, DieAt, Snapshot, World, full_world, in_child
from tests.fast import count, share


@dataclass(frozen=True)
class Undisturbed:
    """What an apply and a rollback pass and leave when nothing happens to them."""

    before: Snapshot
    after: Snapshot
    applying: tuple[str, ...]
    undoing: tuple[str, ...]


def undisturbed(tmp_path: Path) -> Undisturbed:
    world = full_world(tmp_path / "undisturbed")
    before = world.snapshot(times=True)
    applying, undoing = Count(), Count()
    world.checkpoint = applying
    world.apply()
    after = world.snapshot(times=False)
    world.checkpoint = undoing
    world.roll_back()
    assert before == world.snapshot(times=True)
    return Undisturbed(before, after, tuple(applying.names), tuple(undoing.names))


def killed(world: World, number: int, work: Callable[[], None]) -> bool:
    """Whether it was killed at that point; false when it ended before."""
    world.checkpoint = DieAt(number)
    status = in_child(work)
    world.checkpoint = lambda _name: None
    assert status in (0, -signal.SIGKILL)
    return status != 0


def nothing_left(world: World) -> bool:
    """No temporary file, no note of a command; the lock is free."""
    names = [path.name for path in world.top.rglob("*.xen-setup-new")]
    return not names and world.store.running() is None


def test_a_crash_at_any_point_of_apply_is_resumed_to_the_same_end(
    tmp_path: Path,
) -> None:
    expected = undisturbed(tmp_path)
    assert len(expected.applying) > 60
    for number, name in share(list(enumerate(expected.applying, start=1)), one_in=10):
        world = full_world(tmp_path / str(number))
        assert killed(world, number, world.apply), name
        world.resume_or_apply()
        assert (name, expected.after) == (name, world.snapshot(times=False))
        assert nothing_left(world), name
        if number % 5 == 0:
            world.roll_back()
            assert (name, expected.before) == (name, world.snapshot(times=True))


def test_a_crash_at_any_point_of_apply_is_rolled_back_to_the_bytes_modes_and_times_before(
    tmp_path: Path,
) -> None:
    expected = undisturbed(tmp_path)
    for number, name in share(list(enumerate(expected.applying, start=1)), one_in=10):
        world = full_world(tmp_path / str(number))
        assert killed(world, number, world.apply), name
        world.roll_back()
        assert (name, expected.before) == (name, world.snapshot(times=True))
        assert nothing_left(world), name


def test_a_crash_at_any_point_of_rollback_is_finished_by_rolling_back_again(tmp_path: Path) -> None:
    expected = undisturbed(tmp_path)
    assert len(expected.undoing) > 40
    for number, name in share(list(enumerate(expected.undoing, start=1)), one_in=10):
        world = full_world(tmp_path / str(number))
        world.apply()
        assert killed(world, number, world.roll_back), name
        # `resume` of a rollback goes on with the rollback.
        if number % 2:
            world.roll_back()
        else:
            world.resume()
        assert (name, expected.before) == (name, world.snapshot(times=True))
        assert nothing_left(world), name


def test_two_crashes_at_random_points_lose_nothing(tmp_path: Path) -> None:
    expected = undisturbed(tmp_path)
    seed = int(os.environ.get("CRASH_SEED", "20061124"))
    dice = random.Random(seed)
    for turn in range(count(fast=6, usual=30)):
        world = full_world(tmp_path / str(turn))
        first = dice.randrange(1, len(expected.applying) + 1)
        second = dice.randrange(1, 60)
        trace = f"seed {seed}, turn {turn}: {first}, then {second}"
        assert killed(world, first, world.apply), trace
        killed(world, second, world.resume_or_apply)
        if turn % 2:
            world.resume_or_apply()
            assert (trace, expected.after) == (trace, world.snapshot(times=False))
        world.roll_back()
        assert (trace, expected.before) == (trace, world.snapshot(times=True))


def test_a_second_apply_after_a_crash_and_resume_changes_nothing(tmp_path: Path) -> None:
    world = full_world(tmp_path / "again")
    assert killed(world, 30, world.apply)
    world.resume()
    runs = len(world.store.runs())
    before = world.snapshot(times=True)
    world.apply()
    assert before == world.snapshot(times=True)
    assert runs == len(world.store.runs())
