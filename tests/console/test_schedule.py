"""How long a run will still take, as its reporter is told of it."""

from __future__ import annotations

import pytest

from tests.console.test_reporters import Clock
from wizard.actions import RunCommand
from wizard.schedule import Prospect, Schedule
from wizard.step import Plan
from wizard.wording import about

LONG = RunCommand(("long",), "Why.", estimate=100)
SHORT = RunCommand(("short",), "Why.", estimate=20)
PLAN: Plan[None] = Plan((SHORT, LONG), None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def schedule(clock: Clock) -> Schedule:
    schedule = Schedule(clock)
    schedule.expect([Prospect("done", "Done", "verified"), Prospect("one", "One", "to do", 120),
                     Prospect("two", "Two", "to do", 60)])  # fmt: skip
    return schedule


def test_nothing_is_said_of_a_run_that_nothing_is_known_of(clock: Clock) -> None:
    assert Schedule(clock).remaining is None


def test_what_is_left_is_what_the_steps_usually_take(schedule: Schedule, clock: Clock) -> None:
    assert 180 == schedule.remaining
    schedule.step_begins("one", PLAN)
    schedule.action_begins(SHORT)
    clock.now += 5
    assert 175 == schedule.remaining
    assert 5 == schedule.taken(schedule.rows[1])


def test_a_slow_machine_is_reckoned_at_its_own_pace(schedule: Schedule, clock: Clock) -> None:
    schedule.step_begins("one", PLAN)
    schedule.action_begins(SHORT)
    clock.now += 60  # three times as long as usual
    schedule.action_ends(60)
    assert 3 * (100 + 60) == schedule.remaining


def test_an_action_that_takes_longer_than_usual_does_not_count_backwards(
    schedule: Schedule, clock: Clock
) -> None:
    schedule.step_begins("one", PLAN)
    schedule.action_begins(SHORT)
    clock.now += 500
    assert 160 == schedule.remaining


def test_a_fraction_that_is_told_counts_more_than_the_usual_time(
    schedule: Schedule, clock: Clock
) -> None:
    schedule.step_begins("one", PLAN)
    schedule.action_begins(SHORT)
    schedule.action_ends(0)
    schedule.action_begins(LONG)
    schedule.progress(0.25)
    schedule.progress(None)
    clock.now += 30
    left = schedule.remaining
    assert left is not None
    assert 90 + 60 * 0.2 == pytest.approx(left)  # the first went faster than is believed of any


def test_a_step_that_ended_takes_nothing_any_more_and_keeps_its_time(
    schedule: Schedule, clock: Clock
) -> None:
    schedule.step_begins("one", PLAN)
    schedule.step_ends("one", "verified", 90)
    assert 60 == schedule.remaining
    schedule.expect([Prospect("one", "One", "verified"), Prospect("two", "Two", "to do", 30)])
    assert (90, 30) == (schedule.rows[0].seconds, schedule.remaining)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "a moment"), (4, "a moment"), (7, "about 5 s"), (88, "about 1 min 30 s"),
     (131, "about 2 min"), (3500, "about 58 min"), (5000, "about 1 h 20 min")],
)  # fmt: skip
def test_a_time_that_is_not_known_exactly_is_said_so(seconds: float, words: str) -> None:
    assert words == about(seconds)
