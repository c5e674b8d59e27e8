"""The full plans, killed at every point: resume reaches the end, rollback the start.

`tests/run fast` tries a seeded share of the points, everything else all of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.fast import SEED, count, share
from tests.faults.ground import Ground, Wrong, attempt, different
from tests.faults.oracles import changed_by_a_further_run
from tests.faults.scenarios import SCENARIOS


@pytest.fixture(scope="module", params=SCENARIOS)
def ground(request: pytest.FixtureRequest, grounds: Callable[[str], Ground]) -> Ground:
    return grounds(request.param)


def test_a_crash_at_any_point_of_apply_is_resumed_to_the_same_end(ground: Ground) -> None:
    host, wrong = ground.host, Wrong()
    for number, image in enumerate(share(different(ground.applying))):
        ground.stands_after(image, power=number % 2 == 0)
        wrong.note(image.point, attempt(host.go_on))
        wrong.note(image.point, ground.wrong_at_the_end())
        if number % 7 == 0:
            wrong.note(image.point, changed_by_a_further_run(host))
    assert [] == wrong.found


def test_a_crash_at_any_point_of_apply_is_rolled_back_to_the_start(ground: Ground) -> None:
    host, wrong = ground.host, Wrong()
    for number, image in enumerate(share(different(ground.applying))):
        ground.stands_after(image, power=number % 2 == 1)
        wrong.note(image.point, attempt(host.roll_back))
        wrong.note(image.point, ground.wrong_at_the_start())
    assert [] == wrong.found


def test_a_crash_at_any_point_of_rollback_is_finished_by_resume_or_rollback(
    ground: Ground,
) -> None:
    host, wrong = ground.host, Wrong()
    for number, image in enumerate(share(different(ground.undoing))):
        ground.stands_after(image, power=number % 3 == 0)
        wrong.note(image.point, attempt(host.resume if number % 2 else host.roll_back))
        wrong.note(image.point, ground.wrong_at_the_start())
    assert [] == wrong.found


def test_two_crashes_at_random_points_lose_nothing(ground: Ground) -> None:
    host, dice, wrong = ground.host, random.Random(SEED), Wrong()
    applying, undoing = different(ground.applying), different(ground.undoing)
    for turn in range(count(fast=4, usual=150)):
        forward = dice.random() < 0.6
        first = dice.choice(applying if forward else undoing)
        undoes = dice.random() < 0.4
        second = dice.randrange(1, 25)
        trace = f"seed {SEED}, turn {turn}: {first.point}, then at {second}, {undoes=}"
        ground.stands_after(first, power=dice.random() < 0.5)
        going: Callable[[], None] = host.roll_back if undoes else host.resume
        crashed: list[bool] = []
        wrong.note(trace, attempt(lambda: crashed.append(host.crash(going, second))))  # noqa: B023
        if any(crashed) and dice.random() < 0.5:
            host.model.boot()
        if forward and not undoes and turn % 2:
            wrong.note(trace, attempt(host.go_on))
            wrong.note(trace, ground.wrong_at_the_end())
        wrong.note(trace, attempt(host.roll_back))
        wrong.note(trace, ground.wrong_at_the_start())
    assert [] == wrong.found
