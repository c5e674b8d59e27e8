"""Small things of the loop over steps that a mutant of pipeline.py showed to be untested."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.engine.holding import Volumes
from tests.engine.world import (
    DieAt,
    Facts,
    Piece,
    Task,
    World,
    full_world,
    in_child,
    snapshot,
    written,
)
from wizard.actions import Action, InstallPackages, PathPresent, Reboot, RunCommand
from wizard.errors import Conflict, Interrupted, RebootNeeded, StepFailed, Stopped
from wizard.failure import Changed, OnFailure
from wizard.machine import Machine
from wizard.pipeline import Wishes
from wizard.records import VERSION, Begun, NotUndone, Paused, RunBegun, StepBegun
from wizard.rollback import open_run, settle
from wizard.running import Watch
from wizard.step import Problem
from wizard.undo import FileUndo, PackagesUndo, Undo


@pytest.fixture
def world(tmp_path: Path) -> World:
    return full_world(tmp_path)


@pytest.fixture
def volumes(world: World) -> Volumes:
    volumes = Volumes()
    world.kind = volumes.machine()
    world.after_reading = lambda: volumes.look("the machine is read")
    return volumes


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


def test_what_a_signal_stopped_is_journaled_with_its_status(world: World) -> None:
    machine = world.machine()
    world.after_reading = lambda: machine.interrupts.note(signal.SIGTERM) if begun() else None

    def begun() -> bool:
        return "step_done" in dict(world.reporter.events)

    with pytest.raises(Interrupted) as caught:
        world.pipeline(machine).apply("settings", "version: 1\n")
    last = world.store.records(world.store.runs()[0])[-1].record
    assert last == Paused(caught.value.what, caught.value.status)
    assert last.status == 128 + signal.SIGTERM


def test_a_step_that_cannot_begin_is_named_and_nothing_of_the_one_before_it(world: World) -> None:
    def unfit_later() -> None:
        world.tasks[1].unfit = "step_begins" in dict(world.reporter.events)

    world.after_reading = unfit_later
    world.wishes = Wishes(on_failure="stop")
    with pytest.raises(Stopped, match="the step commands: "):
        world.apply()
    assert world.reporter.failures == [("commands", None)]


def test_a_step_that_did_its_work_wrongly_was_doing_no_action(world: World) -> None:
    world.tasks[0].broken = True
    world.wishes = Wishes(on_failure="stop")
    with pytest.raises(Stopped):
        world.apply()
    assert world.reporter.failures == [("files", None)]


def test_a_point_of_no_return_that_only_comes_up_on_the_way_needs_consent_too(
    world: World,
) -> None:
    gone = world.tree / "gone"
    action = RunCommand(("touch", str(gone)), "Why.", PathPresent(str(gone)), undo_class="no undo")

    def seen() -> bool:
        return gone.exists() or "step_begins" not in dict(world.reporter.events)

    world.tasks[1] = Task("gone", [Piece(action, seen)])
    world.wishes = Wishes(on_failure="stop")
    with pytest.raises(Stopped, match="needs your consent"):
        world.apply()
    assert not gone.exists()
    world.wishes = Wishes(on_failure="stop", consent=True)
    world.resume()
    assert gone.exists()


def interrupted_at(world: World, point: str) -> None:
    """A run that a Ctrl-C at that checkpoint ends."""
    machine = world.machine()
    machine.checkpoint = lambda name: (
        machine.interrupts.note(signal.SIGINT) if name == point else None
    )
    with pytest.raises(Interrupted):
        world.pipeline(machine).apply("settings", "version: 1\n")


def test_a_signal_between_two_actions_begins_no_other(world: World) -> None:
    interrupted_at(world, "its end is journaled")
    assert world.reporter.named("action_begins") == ["MakeDirectory 1/6"]
    assert world.reporter.named("action_done") == ["MakeDirectory"]


def test_a_boot_by_hand_is_asked_for_and_not_done(world: World, volumes: Volumes) -> None:
    with pytest.raises(RebootNeeded, match="Everything is ready for the boot"):
        world.pipeline().apply("settings", "version: 1\n")
    assert "the boot" not in volumes.looked
    assert world.reporter.named("machine goes down") == []


@pytest.mark.parametrize("decision", ["retry", "change"])
def test_after_a_boot_in_vain_a_person_can_have_another_at_once(
    world: World, decision: OnFailure
) -> None:
    world.tasks[2].pieces = [Piece(Reboot("Why."), (world.tree / "under xen").exists)]
    world.wishes = Wishes(
        on_failure=lambda _failure: decision, change=lambda _old: Changed("other", "version: 1\n")
    )
    with pytest.raises(RebootNeeded):
        world.pipeline().apply("settings", "version: 1\n")
    world.reboot()
    with pytest.raises(RebootNeeded):
        world.pipeline().resume("settings")
    assert [step for step, _action in world.reporter.failures] == ["booted"]


def test_an_undo_that_was_cut_off_is_finished_before_the_step_is_tried_again(
    world: World,
) -> None:
    half = world.tree / "half"
    action = RunCommand(
        ("sh", "-c", f"touch {half}; test -e {world.top}/mended"), "Why.",
        undo=("rm", str(half)), undo_class="by removal", traces=PathPresent(str(half)),
    )  # fmt: skip
    world.tasks[1] = Task("half", [Piece(action, (world.top / "mended").exists)])

    def dies(name: str) -> None:
        if name == "undo: journaled":
            os.kill(os.getpid(), signal.SIGKILL)

    world.checkpoint = dies
    assert in_child(world.apply) == -signal.SIGKILL
    assert half.exists()
    world.checkpoint = lambda _name: None
    (world.top / "mended").touch()
    with pytest.raises(RebootNeeded):
        world.pipeline().resume("settings")
    assert world.reporter.named("undone") == ["RunCommand"]
    assert not half.exists()


def test_what_appears_after_the_step_has_looked_stays_when_the_run_is_taken_back(
    world: World,
) -> None:
    half = world.tree / "half"
    action = RunCommand(
        ("sh", "-c", f"test ! -e {half}"), "Why.", PathPresent(str(world.tree / "whole")),
        undo=("rm", str(half)), undo_class="by removal", traces=PathPresent(str(half)),
    )  # fmt: skip
    world.tasks[1] = Task("half", [Piece(action, (world.tree / "whole").exists)])
    half.touch()
    before = snapshot(world.tree, times=False)
    with pytest.raises(StepFailed, match="is there in part already"):
        world.apply()
    assert snapshot(world.tree, times=False) == before


def test_what_a_crash_cut_off_is_done_again_and_counts_once(world: World) -> None:
    def dies(name: str) -> None:
        if name == "command: runs":
            os.kill(os.getpid(), signal.SIGKILL)

    world.tasks.pop(0)
    slow = world.tree / "slow"
    action = RunCommand(
        ("sh", "-c", f"sleep 1; touch {slow}"), "Why.", PathPresent(str(slow)),
        undo=("rm", str(slow)), undo_class="by removal",
    )  # fmt: skip
    world.tasks = [Task("slow", [Piece(action, slow.exists)])]
    world.checkpoint = dies
    assert in_child(world.apply) == -signal.SIGKILL
    world.checkpoint = lambda _name: None
    world.resume()
    ledger = world.store.ledger(world.store.runs()[0])
    assert [entry.state for entry in ledger.entries.values()] == ["undone", "done"]


def test_actions_are_counted_from_one(world: World) -> None:
    world.apply()
    begun = world.reporter.named("action_begins")
    assert [words.split()[1] for words in begun[:6]] == [f"{index}/6" for index in range(1, 7)]


def test_volumes_are_let_go_before_the_machine_is_read_and_where_a_run_ends(
    world: World, volumes: Volumes
) -> None:
    with pytest.raises(RebootNeeded):
        world.pipeline().apply("settings", "version: 1\n")
    volumes.look("the run ends")
    world.reboot()
    world.resume()
    volumes.look("the run ends")
    assert volumes.looked.count("the machine is read") == 5


def test_volumes_are_let_go_before_the_boot(world: World, volumes: Volumes) -> None:
    (boot,) = world.tasks[2].pieces
    world.tasks[2].pieces = [replace(boot, action=Reboot("Why.", automatic=True))]
    with pytest.raises(RebootNeeded, match="boots now"):
        world.pipeline().apply("settings", "version: 1\n")
    assert volumes.looked[-1] == "the boot"
    assert world.reporter.named("machine goes down") == [""]


def test_volumes_are_let_go_before_a_person_decides(world: World, volumes: Volumes) -> None:
    def decides(_failure: object) -> OnFailure:
        volumes.look("a person decides")
        return "stop"

    fails = RunCommand(("false",), "It fails.", PathPresent(str(world.tree / "never")))
    world.tasks[1] = Task("fails", [Piece(fails, lambda: False)])
    world.wishes = Wishes(on_failure=decides)
    with pytest.raises(Stopped):
        world.apply()
    assert volumes.looked[-1] == "a person decides"
    volumes.look("the run ends")


def test_volumes_are_let_go_when_a_signal_ends_an_action(world: World, volumes: Volumes) -> None:
    interrupted_at(world, "RunCommand: ended")
    volumes.look("the run ends")


def test_volumes_are_let_go_after_what_a_crash_left_is_settled(
    world: World, volumes: Volumes
) -> None:
    world.checkpoint = DieAt(12)
    assert in_child(world.apply) == -signal.SIGKILL
    world.checkpoint = lambda _name: None
    world.resume()
    volumes.look("the run ends")


def test_what_could_not_be_taken_back_when_it_failed_is_taken_back_before_the_step_is_tried_again(
    world: World,
) -> None:
    """A disk that fails while a guest's system is installed takes no deletion either. Once it is
    mended, the step would find files there that it does not know.
    """
    place, bad, fails = world.tree / "system", world.top / "bad", world.top / "fails"
    place.mkdir()
    bad.touch()
    fails.touch()

    @dataclass
    class System(Task):
        def check(self, settings: str, facts: Facts, /) -> list[Problem]:
            strange = any(place.iterdir()) and "system/0" not in facts
            return [Problem("not-empty", "It holds files.", "Look.")] if strange else []

    script = f"touch {place}/half; test ! -e {fails}; touch {place}/whole"
    action = RunCommand(
        ("sh", "-ec", script), "Why.", PathPresent(str(place / "whole")),
        undo=("sh", "-ec", f"test ! -e {bad}; rm {place}/*"), undo_class="by removal",
        traces=PathPresent(str(place / "half")),
    )  # fmt: skip
    whole = place / "whole"
    world.tasks[3] = System("system", [Piece(action, whole.exists)])
    world.wishes = Wishes(on_failure="stop")
    with pytest.raises(Stopped, match="ended with exit status 1"):
        world.apply()
    assert [path.name for path in place.iterdir()] == ["half"]
    # Not mended yet: it is tried, and the step's check stops the run as before.
    fails.unlink()
    with pytest.raises(Stopped, match="cannot go on"):
        world.resume()
    bad.unlink()
    world.resume()
    assert whole.exists()
    world.roll_back()
    assert list(place.iterdir()) == []


def test_what_somebody_has_finished_meanwhile_is_not_taken_back(world: World) -> None:
    """Nor later, when the run has gone on from it."""
    bad, work = world.top / "bad", world.tree / "work"
    bad.touch()
    action = RunCommand(
        ("sh", "-c", f"touch {work}; exit 1"), "Why.", PathPresent(str(work)),
        undo=("sh", "-ec", f"test ! -e {bad}; rm {work}"), undo_class="by removal",
    )  # fmt: skip
    world.tasks[2:] = [Task("work", [Piece(action, work.exists)]), Task("next", [], unfit=False)]
    world.wishes = Wishes(on_failure="stop")
    with pytest.raises(Stopped, match="ended with exit status 1"):
        world.apply()
    world.after_reading = lambda: setattr(world.tasks[3], "unfit", True)
    bad.unlink()
    with pytest.raises(Stopped, match="The step next cannot go on"):
        world.resume()
    assert work.exists()
    world.after_reading = lambda: setattr(world.tasks[3], "unfit", False)
    world.resume()
    assert work.exists()
    world.roll_back()
    assert not work.exists()


def test_what_prepared_for_packages_stays_with_them_when_it_is_tried_again(world: World) -> None:
    """What keeps Xen from becoming the boot default, say."""
    reverted: list[str] = []

    class Stubborn(Machine):
        def is_done(self, action: Action, undo: Undo | None = None) -> bool:
            return False

        def revert(self, action: Action, undo: Undo, watch: Watch) -> str:
            reverted.append(action.kind)
            if isinstance(action, InstallPackages):
                raise Conflict("Something needs it.", hint="Look.")
            return ""

    world.kind = Stubborn
    prepared = written(world.tree / "prepared", "x", "Why.")
    with world.store.lock("resume"):
        journal = open_run(world.store, world.machine(), world.store.new_run("version: 1\n"))
        for record in (
            RunBegun(VERSION, world.store.fingerprint, "1", ("files",)),
            StepBegun("files"),
            Begun(3, "files", prepared, FileUndo(prepared.path, None, "")),
            Begun(4, "files", InstallPackages(("xen",), "Why."), PackagesUndo(("xen",))),
            NotUndone(4, "Something needs it."),
            NotUndone(3, "first the packages"),
        ):
            journal.append(record)
        settle(journal, world.machine(), world.reporter, journal.ledger.left_behind)
    assert reverted == ["InstallPackages"]
    assert [entry.state for entry in journal.ledger.entries.values()] == ["not undone"] * 2
