"""Small things of the loop over steps that a mutant of pipeline.py showed to be untested."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.engine.world import DieAt, World, full_world, in_child
from wizard.errors import Interrupted, RebootNeeded


@pytest.fixture
def world(tmp_path: Path) -> World:
    return full_world(tmp_path)


def test_a_signal_while_the_machine_is_read_stops_before_there_is_a_run(world: World) -> None:
    machine = world.machine()
    world.after_reading = lambda: machine.interrupts.note(signal.SIGINT)
    with pytest.raises(Interrupted):
        world.pipeline(machine).apply("settings", "version: 1\n")
    assert world.store.runs() == []


def test_resume_tells_what_came_of_it(world: World) -> None:
    with pytest.raises(RebootNeeded):
        world.pipeline().apply("settings", "version: 1\n")
    world.reboot()
    outcome = world.pipeline().resume("settings")
    assert outcome.run == world.store.runs()[0]
    assert outcome.left_out == ()


def test_resume_of_a_rollback_tells_what_came_of_it(world: World) -> None:
    world.apply()
    world.checkpoint = DieAt(10)
    assert in_child(world.roll_back) == -signal.SIGKILL
    world.checkpoint = lambda _name: None
    assert world.pipeline().resume("settings").run == world.store.runs()[0]


def test_resume_before_the_boot_reads_nothing_and_asks_for_the_boot(world: World) -> None:
    with pytest.raises(RebootNeeded):
        world.pipeline().apply("settings", "version: 1\n")
    journal = world.store.runs()[0].journal.read_bytes()
    read: list[None] = []
    world.after_reading = lambda: read.append(None)
    with pytest.raises(RebootNeeded):
        world.pipeline().resume("settings")
    assert read == []
    assert world.store.runs()[0].journal.read_bytes() == journal
