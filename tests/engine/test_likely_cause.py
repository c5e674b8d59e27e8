"""A failed run says what its rules know of the failure, whatever becomes of it."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.test_pipeline import breaking, said
from tests.engine.world import Task, World, full_world
from wizard.actions import RunCommand
from wizard.diagnosis import Rule
from wizard.errors import Interrupted, StepFailed, Stopped
from wizard.failure import Failure, OnFailure
from wizard.pipeline import Wishes


@pytest.fixture
def world(tmp_path: Path) -> World:
    return full_world(tmp_path)


@pytest.mark.parametrize("wish", ["roll back", "stop"])
def test_what_is_known_of_a_failure_comes_with_its_error_and_before_the_question(
    world: World, wish: OnFailure
) -> None:
    heard: list[tuple[str, ...]] = []

    def decide(failure: Failure) -> OnFailure:
        heard.append(failure.error.likely)
        return wish

    world.rules = (Rule("seven", ("exit status 7",), "It is not mended.", "Mend it."),)
    world.wishes = Wishes(on_failure=decide)
    world.tasks.insert(2, breaking(world))
    with pytest.raises((StepFailed, Stopped)) as error:
        world.apply()
    words = ("Likely cause: It is not mended.", "What to do: Mend it.")
    assert [words] == heard
    assert words == error.value.likely
    run = world.store.runs()[-1]
    assert "\n".join(words) in run.workplace.log.read_text()


def test_status_still_knows_the_cause_later(world: World) -> None:
    world.rules = (Rule("seven", ("exit status 7",), "It is not mended.", "Mend it."),)
    world.wishes = Wishes(on_failure="stop")
    world.tasks.insert(2, breaking(world))
    with pytest.raises(Stopped):
        world.apply()
    reason = said(world).runs[-1].reason
    assert reason.endswith("ended with exit status 7. Likely cause: It is not mended.")
    # Of a check or a verification: what was wrong, by the step's own words.
    world.tasks[2].unfit = True
    with pytest.raises(Stopped):
        world.resume()
    assert said(world).runs[-1].reason == "The step breaks cannot go on. It is not fit."


def test_what_only_the_undo_knows_is_in_the_failure_too(world: World) -> None:
    world.rules = (Rule("broken", ("Input/output error",), "The disk fails.", "Look at it."),)
    world.wishes = Wishes(on_failure="stop")
    task = breaking(world)
    action = task.pieces[0].action
    assert isinstance(action, RunCommand)
    # The command says nothing of what it met; what takes it back does.
    undo = ("sh", "-c", "echo 'rm: cannot remove: Input/output error' >&2; exit 1")
    half = (*action.argv[:2], f"touch {world.tree}/breaks; exit 7")
    task.pieces = [replace(task.pieces[0], action=replace(action, argv=half, undo=undo))]
    world.tasks.insert(2, task)
    with pytest.raises(Stopped) as error:
        world.apply()
    assert error.value.likely == ("Likely cause: The disk fails.", "What to do: Look at it.")
    place = error.value.details.index(
        "Nor could it be taken back (that is tried again before anything else):"
    )
    assert "Input/output error" in error.value.details[place + 1]


PASSES = Rule("seven", ("exit status 7",), "It is busy.", "Wait.", passes=0.2)


def mended_at_the_second_try(world: World) -> Task:
    """A task whose command fails once."""
    task = breaking(world)
    action = task.pieces[0].action
    assert isinstance(action, RunCommand)
    mend = f"cd {world.tree}; test -e mended || {{ touch mended; exit 7; }}; touch breaks"
    return Task(
        task.TITLE, [replace(task.pieces[0], action=replace(action, argv=("sh", "-c", mend)))]
    )


@pytest.mark.parametrize("wish", ["roll back", "stop"])
def test_a_failure_that_may_pass_is_tried_once_more_by_itself(
    world: World, wish: OnFailure
) -> None:
    world.rules, world.wishes = (PASSES,), Wishes(on_failure=wish)
    world.tasks.insert(2, mended_at_the_second_try(world))
    world.apply()
    assert "finished" == said(world).state
    assert (world.tree / "breaks").exists()


def test_and_only_once(world: World) -> None:
    world.rules, world.wishes = (PASSES,), Wishes(on_failure="stop")
    world.tasks.insert(2, breaking(world))
    with pytest.raises(Stopped):
        world.apply()
    records = world.store.runs()[-1].journal.read_text().splitlines()
    assert 2 == sum('"kind":"Begun"' in one and "test -e mended" in one for one in records)


def test_ctrl_c_ends_the_waiting(world: World) -> None:
    world.rules, world.wishes = (replace(PASSES, passes=600.0),), Wishes(on_failure="stop")
    world.tasks.insert(2, breaking(world))
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(Interrupted):
        world.apply()
    timer.join()
    (world.tree / "mended").touch()
    world.resume()
    assert "finished" == said(world).state
