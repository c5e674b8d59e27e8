"""Whole runs: what is done, what is refused, what failures and boots mean, what status says."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.world import Piece, Task, World, full_world, written
from wizard.actions import PathPresent, Reboot, RunCommand
from wizard.errors import (
    ChecksFailed,
    Interrupted,
    RebootNeeded,
    RollbackIncomplete,
    StepFailed,
    Stopped,
    UsageError,
)
from wizard.failure import Failure, OnFailure
from wizard.pipeline import Pipeline, Wishes
from wizard.preview import errors_in, preview
from wizard.rollback import roll_back, to_take_back
from wizard.status import Status, status


@pytest.fixture
def world(tmp_path: Path) -> World:
    return full_world(tmp_path)


def breaking(world: World, name: str = "breaks") -> Task:
    """A task whose command fails until the file "mended" is there."""
    tree = world.tree
    text = f"cd {tree}; test -e mended || exit 7; touch {name}"
    action = RunCommand(
        ("sh", "-c", text),
        "It breaks.",
        probe=PathPresent(str(tree / name)),
        undo=("rm", str(tree / name)),
        undo_class="by removal",
    )
    return Task(name, [Piece(action, (tree / name).exists)])


def said(world: World) -> Status:
    return status(world.store, world.boot.read_text())


# --- previews -------------------------------------------------------------------------------------


def test_a_preview_plans_each_step_on_what_the_one_before_leaves(world: World) -> None:
    found = preview(world.tasks, "settings", world.read_facts())
    assert ["files", "commands", "booted", "last"] == [step.name for step in found]
    assert [6, 3, 1, 1] == [len(step.plan.actions) for step in found if step.plan]
    assert "files/0" in found[1].before
    assert "files/0" not in found[0].before


def test_a_preview_finds_the_problems_of_all_steps_at_once(world: World) -> None:
    world.tasks[0].unfit = world.tasks[3].unfit = True
    found = preview(world.tasks, "settings", world.read_facts())
    assert [1, 0, 0, 1] == [len(errors_in(step.problems)) for step in found]
    assert [True, False, False, True] == [step.plan is None for step in found]
    ignored = preview(world.tasks, "settings", world.read_facts(), frozenset({"unfit"}))
    assert all(step.plan for step in ignored)


def test_failed_checks_change_nothing_and_leave_no_run(world: World) -> None:
    world.tasks[0].unfit = world.tasks[3].unfit = True
    before = world.snapshot(times=True)
    with pytest.raises(ChecksFailed, match="2 checks failed") as error:
        world.apply()
    assert ["files: It is not fit. Mend it. [unfit]", "last: It is not fit. Mend it. [unfit]"] == [
        *error.value.details
    ]
    assert before == world.snapshot(times=True)
    assert [] == world.store.runs()
    world.wishes = Wishes(ignore=frozenset({"unfit"}))
    world.apply()
    assert "finished" == said(world).state


def test_a_point_of_no_return_needs_consent(world: World) -> None:
    gone = RunCommand(("true",), "It cannot be undone.", undo_class="no undo")
    world.tasks.append(Task("final", [Piece(gone, bool)]))
    with pytest.raises(ChecksFailed) as error:
        world.apply()
    assert "cannot be taken back" in error.value.details[0]
    assert [] == world.store.runs()


# --- runs that go well ----------------------------------------------------------------------------


def test_a_run_does_all_steps_over_a_boot_and_a_second_one_changes_nothing(world: World) -> None:
    world.apply()
    applied = world.snapshot(times=True)
    assert ["files", "commands", "booted", "last"] == world.reporter.named("step_done")
    assert "finished" == said(world).state
    assert "version: 1\n" == world.store.runs()[0].answers.read_text()
    runs = world.store.runs()
    world.apply()
    assert runs == world.store.runs()
    assert applied == world.snapshot(times=True)


def test_what_was_there_before_is_skipped_and_never_undone(world: World) -> None:
    (world.tree / "one").touch()
    facts = world.read_facts
    pipeline = replace(world.pipeline(), read_facts=lambda: facts() - {"commands/0"})
    world.tasks[1].pieces = [
        replace(
            world.tasks[1].pieces[0], seen=lambda: "action_skipped" in str(world.reporter.events)
        ),
        *world.tasks[1].pieces[1:],
    ]
    with pytest.raises(RebootNeeded):
        replace(pipeline, read_facts=facts).apply("settings", "")
    assert ["RunCommand"] == world.reporter.named("action_skipped")
    world.roll_back()
    assert (world.tree / "one").exists()
    assert not (world.tree / "two words").exists()


def test_nothing_to_resume_is_no_error(world: World) -> None:
    assert world.pipeline().resume("settings").run is None
    world.apply()
    assert world.pipeline().resume("settings").run is None


def test_the_time_in_commands_is_counted_apart(world: World) -> None:
    machine = world.machine()
    with pytest.raises(RebootNeeded):
        world.pipeline(machine).apply("settings", "")
    assert 0 < machine.command_seconds < 30


# --- failures -------------------------------------------------------------------------------------


def test_a_failure_takes_everything_back(world: World) -> None:
    world.tasks.insert(2, breaking(world))
    before = world.snapshot(times=True)
    with pytest.raises(
        StepFailed, match=r"exit status 7.*All that was done is taken back"
    ) as error:
        world.apply()
    assert 5 == error.value.status
    assert before == world.snapshot(times=True)
    assert "rolled back" == said(world).state
    assert ["breaks: " + error.value.what.partition(" All that")[0]] == world.reporter.named(
        "failed"
    )


def test_a_verification_that_fails_is_a_failure_though_every_command_succeeded(
    world: World,
) -> None:
    world.tasks[1].broken = True
    before = world.snapshot(times=True)
    with pytest.raises(StepFailed, match="did its work, but it is not right") as error:
        world.apply()
    assert ("commands/broken is missing. Look why. [missing]",) == error.value.details
    assert before == world.snapshot(times=True)


def test_a_failure_can_stop_instead_and_resume_goes_on_from_there(world: World) -> None:
    undisturbed = full_world(world.top / "undisturbed")
    undisturbed.tasks.insert(2, breaking(undisturbed))
    (undisturbed.tree / "mended").touch()
    undisturbed.apply()
    world.wishes = Wishes(on_failure="stop")
    world.tasks.insert(2, breaking(world))
    with pytest.raises(Stopped, match="Stopped in the step breaks") as error:
        world.apply()
    assert 7 == error.value.status
    assert (world.tree / "etc" / "made" / "new.conf").exists()
    assert ("stopped", "sudo xen-setup resume") == (said(world).state, said(world).next)
    assert "exit status 7" in said(world).runs[0].reason
    (world.tree / "mended").touch()
    begun = world.reporter.events.count(("step_begins", "files"))
    world.resume()
    assert begun == world.reporter.events.count(("step_begins", "files"))
    assert undisturbed.snapshot(times=False) == world.snapshot(times=False)


def test_the_user_decides_to_try_again(world: World) -> None:
    world.tasks.insert(2, breaking(world))
    asked: list[str] = []

    def decide(failure: Failure) -> OnFailure:
        asked.append(f"{failure.step}: {failure.error.what[-14:]}")
        if len(asked) == 2:
            (world.tree / "mended").touch()
        return "retry"

    world.wishes = Wishes(on_failure=decide)
    world.apply()
    assert ["breaks: exit status 7."] * 2 == asked
    assert "finished" == said(world).state


def test_a_failure_after_a_boot_stops_and_keeps_the_host(world: World) -> None:
    world.tasks.append(breaking(world))
    with pytest.raises(Stopped) as error:
        world.apply()
    assert 7 == error.value.status
    assert (world.tree / "last.conf").exists()
    (world.tree / "mended").touch()
    world.resume()
    assert "finished" == said(world).state


def test_an_unfinished_run_is_not_started_over(world: World) -> None:
    world.wishes = Wishes(on_failure="stop")
    world.tasks.insert(2, breaking(world))
    for said_so in ("Stopped in the step breaks", "An earlier run is not finished"):
        with pytest.raises(Stopped, match=said_so):
            world.apply()
    assert 1 == len(world.store.runs())


def test_an_unfinished_run_that_left_nothing_gives_way_to_a_new_one(world: World) -> None:
    world.wishes = Wishes(on_failure="stop")
    world.tasks.insert(0, breaking(world))
    with pytest.raises(Stopped):
        world.apply()
    (world.tree / "mended").touch()
    world.apply()
    assert ["rolled back", "finished"] == [run.state for run in said(world).runs]


# --- rollback -------------------------------------------------------------------------------------


def test_what_the_user_edited_stays_and_the_rest_is_taken_back(world: World) -> None:
    world.apply()
    edited = world.tree / "etc" / "old.conf"
    edited.write_text("the user's\n")
    with pytest.raises(RollbackIncomplete, match="One thing could not be taken back") as error:
        world.roll_back()
    assert 6 == error.value.status
    assert "the user's\n" == edited.read_text()
    assert "backups" in error.value.details[0]
    assert not (world.tree / "one").exists()
    assert not (world.tree / "etc" / "made").exists()
    found = said(world)
    assert ("rollback incomplete", 1) == (found.state, len(found.runs[0].left))
    edited.write_text("other\n")  # as we wrote it
    world.roll_back()
    assert b"as it was \xff\n" == edited.read_bytes()
    assert "rolled back" == said(world).state


def test_rolling_back_to_a_step_keeps_it_and_all_before(world: World) -> None:
    world.apply()
    applied = world.snapshot(times=False)
    assert ["last", "booted", "commands", "commands", "commands"] == [
        entry.step for entry in to_take_back(world.store, "files")
    ]
    assert 5 == roll_back(world.store, world.machine(), world.reporter, "files")
    assert (world.tree / "etc" / "made" / "new.conf").exists()
    assert not (world.tree / "one").exists()
    assert ["verified", "rolled back", "rolled back", "rolled back"] == [
        step.state for step in said(world).runs[0].steps
    ]
    assert "stopped" == said(world).state
    world.boot.write_text("boot-1")
    world.resume()
    assert applied == world.snapshot(times=False)
    world.roll_back()
    assert "rolled back" == said(world).state


def test_rolling_back_to_a_step_that_is_none_names_the_steps(world: World) -> None:
    with pytest.raises(UsageError, match="no step nowhere"):
        roll_back(world.store, world.machine(), world.reporter, "nowhere")
    world.apply()
    with pytest.raises(UsageError) as error:
        roll_back(world.store, world.machine(), world.reporter, "nowhere")
    assert "files, commands, booted, last" in error.value.hint


def test_all_runs_are_taken_back_the_newest_first(world: World) -> None:
    before = world.snapshot(times=True)
    later = world.tasks.pop()
    world.apply()
    world.tasks.append(later)
    old = world.tree / "etc" / "old.conf"
    world.tasks.append(Task("over", [Piece(written(old, "twice\n", "Again."), bool)]))
    world.tasks[-1].pieces = [
        replace(world.tasks[-1].pieces[0], seen=lambda: old.read_bytes() == b"twice\n")
    ]
    world.apply()
    assert 2 == len(world.store.runs())
    world.roll_back()
    assert before == world.snapshot(times=True)
    assert ["rolled back", "rolled back"] == [run.state for run in said(world).runs]


def test_nothing_to_roll_back_is_no_error(world: World) -> None:
    assert 0 == roll_back(world.store, world.machine(), world.reporter)
    world.apply()
    world.roll_back()
    assert 0 == roll_back(world.store, world.machine(), world.reporter)


def test_an_undo_that_fails_does_not_keep_the_others_from_being_taken_back(world: World) -> None:
    world.apply()
    grown = world.tree / "etc" / "made" / "grown"
    (grown / "the user's").touch()
    with pytest.raises(RollbackIncomplete) as error:
        world.roll_back()
    # The directory that cannot go keeps the one it is in, and nothing else.
    assert ["commands", "files"] == [line.partition(":")[0] for line in error.value.details]
    assert b"as it was \xff\n" == (world.tree / "etc" / "old.conf").read_bytes()
    (grown / "the user's").unlink()
    world.roll_back()
    assert "rolled back" == said(world).state


# --- boots ----------------------------------------------------------------------------------------


def test_a_boot_that_has_not_happened_is_asked_for_again(world: World) -> None:
    pipeline: Pipeline[str, frozenset[str]] = world.pipeline()
    with pytest.raises(RebootNeeded) as error:
        pipeline.apply("settings", "")
    assert 8 == error.value.status
    assert ("waiting for a boot", "sudo reboot") == (said(world).state, said(world).next)
    with pytest.raises(RebootNeeded):
        world.pipeline().resume("settings")
    world.reboot()
    assert ("stopped", "sudo xen-setup resume") == (said(world).state, said(world).next)
    world.resume()
    assert "finished" == said(world).state


def test_a_boot_into_something_else_is_noticed_and_tried_again_only_when_asked(
    world: World,
) -> None:
    world.tasks[2].pieces = [Piece(Reboot("Why."), (world.tree / "under xen").exists)]
    with pytest.raises(RebootNeeded):
        world.pipeline().apply("settings", "")
    world.reboot()
    with pytest.raises(Stopped, match="booted, but not into what was prepared"):
        world.pipeline().resume("settings")
    with pytest.raises(RebootNeeded):
        world.pipeline().resume("settings")
    (world.tree / "under xen").touch()
    world.reboot()
    world.resume()
    assert "finished" == said(world).state


def test_an_automatic_boot_is_asked_for_after_everything_is_journaled(world: World) -> None:
    world.tasks[2].pieces = [
        replace(world.tasks[2].pieces[0], action=Reboot("Why.", automatic=True))
    ]
    machine = replace(world.machine(), reboot_command=("touch", str(world.top / "booting")))
    with pytest.raises(RebootNeeded, match="boots now"):
        world.pipeline(machine).apply("settings", "")
    assert (world.top / "booting").exists()
    assert "waiting for a boot" == said(world).state
    assert [""] == world.reporter.named("machine goes down")


def test_a_boot_that_cannot_be_asked_for_is_left_to_the_user(world: World) -> None:
    world.tasks[2].pieces = [
        replace(world.tasks[2].pieces[0], action=Reboot("Why.", automatic=True))
    ]
    machine = replace(world.machine(), reboot_command=("false",))
    with pytest.raises(RebootNeeded, match="could not be booted from here") as error:
        world.pipeline(machine).apply("settings", "")
    assert "sudo reboot" in error.value.hint
    assert (world.tree / "one").exists()
    world.reboot()
    world.resume()
    assert "finished" == said(world).state


# --- signals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [2, 15, 1])
def test_a_signal_while_a_command_runs_undoes_it_and_resume_goes_on(
    world: World, number: int
) -> None:
    expected = full_world(world.top / "undisturbed")
    expected.apply()

    machine = replace(world.machine(), checkpoint=signal_at(1, number, name="command: runs"))
    with pytest.raises(Interrupted) as error:
        world.pipeline(machine).apply("settings", "")
    assert 128 + number == error.value.status
    assert "resume" in error.value.hint
    assert "stopped" == said(world).state
    assert not list(world.top.rglob("*.xen-setup-new"))
    world.resume()
    assert expected.snapshot(times=False) == world.snapshot(times=False)


def test_a_signal_at_any_point_stops_cleanly_and_rollback_gives_back_what_was(
    tmp_path: Path,
) -> None:
    for point in range(1, 70, 3):
        world = full_world(tmp_path / str(point))
        before = world.snapshot(times=True)
        world.checkpoint = signal_at(point)
        try:
            world.apply()
        except Interrupted as error:
            assert 130 == error.status
        world.checkpoint = lambda _name: None
        assert not [
            entry for run in world.store.runs() for entry in world.store.ledger(run).cut_off
        ]
        world.roll_back()
        assert (point, before) == (point, world.snapshot(times=True))


def signal_at(point: int, number: int = 2, name: str = "") -> Callable[[str], None]:
    """A checkpoint that sends a signal to its own process the n-th time it is passed."""
    passed = 0

    def checkpoint(here: str) -> None:
        nonlocal passed
        passed += name in ("", here)
        if passed == point and name in ("", here):
            os.kill(os.getpid(), number)

    return checkpoint


def test_a_signal_during_rollback_stops_between_two_undos_and_it_goes_on(world: World) -> None:
    before = world.snapshot(times=True)
    world.apply()
    world.checkpoint = signal_at(12)
    with pytest.raises(Interrupted, match="Ctrl-C") as error:
        world.roll_back()
    assert "rollback" in error.value.hint
    assert "rolling back" == said(world).state
    world.checkpoint = lambda _name: None
    world.resume()
    assert before == world.snapshot(times=True)


def test_an_undo_that_hangs_can_be_broken_off_and_is_finished_later(world: World) -> None:
    made = world.tree / "hanging"
    hanging = f"test -e {world.tree}/mended || sleep 60; rm {made}"
    action = RunCommand(
        ("touch", str(made)),
        "Its undo hangs.",
        probe=PathPresent(str(made)),
        undo=("sh", "-c", hanging),
        undo_class="by removal",
    )
    world.tasks = [Task("hangs", [Piece(action, made.exists)])]
    world.apply()
    for seconds in (0.3, 0.5, 0.7):
        threading.Timer(seconds, os.kill, (os.getpid(), 2)).start()
    with pytest.raises(Interrupted):
        world.roll_back()
    assert made.exists()
    assert "rolling back" == said(world).state
    (world.tree / "mended").touch()
    world.roll_back()
    assert not made.exists()
    assert "rolled back" == said(world).state


# --- status ---------------------------------------------------------------------------------------


def test_status_says_what_is_there_and_what_to_type(world: World) -> None:
    assert ("nothing yet", "sudo xen-setup") == (said(world).state, said(world).next)
    with world.store.lock("apply"):
        found = said(world)
        assert ("running", "") == (found.state, found.next)
        assert found.holder is not None
        assert os.getpid() == found.holder.pid
    world.apply()
    found = said(world)
    assert ("finished", "") == (found.state, found.next)
    assert [6, 3, 1, 1] == [step.actions for step in found.runs[0].steps]
    assert all(
        step.begun.endswith("Z") and step.ended.endswith("Z") for step in found.runs[0].steps
    )
    world.roll_back()
    assert ("rolled back", "sudo xen-setup") == (said(world).state, said(world).next)
