"""A failed run says what its rules know of the failure, whatever becomes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.test_pipeline import breaking
from tests.engine.world import World, full_world
from wizard.diagnosis import Rule
from wizard.errors import StepFailed, Stopped
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
