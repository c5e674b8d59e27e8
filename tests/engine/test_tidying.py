"""What a crash left cannot be tidied: that is a failure of the step that was cut off."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.engine.world import Piece, Task, World, full_world, in_child
from wizard.actions import PathPresent, RunCommand
from wizard.errors import Stopped
from wizard.pipeline import Wishes


@pytest.fixture
def world(tmp_path: Path) -> World:
    return full_world(tmp_path)


def test_what_cannot_be_tidied_at_a_resume_is_a_failure_of_the_step_that_was_cut_off(
    world: World,
) -> None:
    half, whole = world.tree / "half", world.tree / "whole"
    action = RunCommand(
        ("touch", str(half)), "Why.", PathPresent(str(whole)), ("false",), "by removal",
        traces=PathPresent(str(half)),
    )  # fmt: skip
    world.tasks = [Task("cut", [Piece(action, whole.exists)])]

    def dies(name: str) -> None:
        if name == "RunCommand: ended":
            os.kill(os.getpid(), signal.SIGKILL)

    world.checkpoint = dies
    assert in_child(world.apply) == -signal.SIGKILL
    assert half.exists()
    world.checkpoint = lambda _name: None
    world.wishes = Wishes(on_failure="stop")
    with pytest.raises(Stopped, match="`false`"):
        world.resume()
    assert ["cut: `false` ended with exit status 1."] == world.reporter.named("failed")
