"""`--to STEP`: a run that stops after a step that was named, and goes on later."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.world import World, full_world
from wizard.errors import RebootNeeded, Stopped
from wizard.pipeline import Wishes
from wizard.status import Status, status


@pytest.fixture
def world(tmp_path: Path) -> World:
    return full_world(tmp_path)


def said(world: World) -> Status:
    return status(world.store, world.boot.read_text())


def goes_as_far_as(world: World, last: str, words: str) -> None:
    world.wishes = Wishes(last=last)
    with pytest.raises(Stopped, match=words) as error:
        world.pipeline().resume("settings")
    assert "xen-setup resume" in error.value.hint
    assert ("stopped", "sudo xen-setup resume") == (said(world).state, said(world).next)
    assert words in said(world).runs[-1].reason


def test_a_run_stops_after_the_step_that_was_named_and_goes_on_from_there(world: World) -> None:
    world.wishes = Wishes(last="files")
    with pytest.raises(Stopped, match=r"Done as far as files; the next step is commands\."):
        world.pipeline().apply("settings", "")
    assert ["files"] == world.reporter.named("step_done")
    stands = world.snapshot(times=True)
    goes_as_far_as(world, "files", "Done as far as files; the next step is commands.")
    assert stands == world.snapshot(times=True)
    goes_as_far_as(world, "commands", "Done as far as commands; the next step is booted.")
    goes_as_far_as(world, "files", "This run is already past files; the next step is booted.")
    assert ["files", "commands"] == world.reporter.named("step_done")
    world.wishes = Wishes(last="last")
    with pytest.raises(RebootNeeded):
        world.pipeline().resume("settings")
    world.reboot()
    world.pipeline().resume("settings")
    assert "finished" == said(world).state
    assert ["files", "commands", "booted", "last"] == world.reporter.named("step_done")


def test_only_the_steps_that_are_wanted_are_reckoned_with(world: World) -> None:
    world.wishes = Wishes(last="commands")
    with pytest.raises(Stopped):
        world.pipeline().apply("settings", "")
    assert [["files", "commands"]] == world.reporter.reckoned


def test_what_was_done_so_far_is_taken_back_as_ever(world: World) -> None:
    before = world.snapshot(times=False)
    world.wishes = Wishes(last="commands")
    with pytest.raises(Stopped):
        world.pipeline().apply("settings", "")
    assert before != world.snapshot(times=False)
    world.roll_back()
    assert before == world.snapshot(times=False)


def test_where_all_is_done_there_is_nothing_to_stop_at(world: World) -> None:
    world.apply()
    world.wishes = Wishes(last="files")
    assert world.pipeline().apply("settings", "").run is None
    assert world.pipeline().resume("settings").run is None
