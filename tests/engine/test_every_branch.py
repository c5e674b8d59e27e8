"""The rarer ways through machine.py, journal.py and pipeline.py, that no other test goes."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.world import DieAt, Piece, Task, World, full_world, in_child, written
from wizard.actions import (
    CreatePartition,
    Identity,
    MakeLink,
    MovePath,
    PathPresent,
    Reboot,
    RunCommand,
    Volume,
    WriteFile,
)
from wizard.codec import encode
from wizard.commands import Answer
from wizard.errors import (
    Cancelled,
    ChecksFailed,
    Conflict,
    Exit,
    Interrupted,
    Locked,
    RebootNeeded,
    RollbackIncomplete,
    StepFailed,
    Stopped,
    UsageError,
)
from wizard.failure import OnFailure
from wizard.journal import Holder, JournalDamaged, Means, Store, _checksum
from wizard.machine import Machine
from wizard.pipeline import Wishes
from wizard.records import VERSION, Done, Paused, Record, RunBegun, Skipped, StepBegun, StepVerified
from wizard.running import Unwatched, Workplace
from wizard.status import status
from wizard.undo import PlainUndo, RebootUndo


@pytest.fixture
def world(tmp_path: Path) -> World:
    return full_world(tmp_path)


def store_at(path: Path) -> Store:
    return Store(path, fingerprint=lambda: "this machine")


# ---- journal.py


def test_a_record_with_the_right_checksum_in_the_wrong_place_is_refused(world: World) -> None:
    world.apply()
    path = world.store.runs()[0].journal
    before, changed = "0" * 32, []
    for line in path.read_bytes().splitlines():
        body = json.loads(line)
        del body["sum"]
        body["n"] += body["n"] > 3
        before = _checksum(body, before)
        changed.append(json.dumps({**body, "sum": before}).encode() + b"\n")
    path.write_bytes(b"".join(changed))
    with pytest.raises(JournalDamaged, match="in line 5: it is not in its place"):
        world.roll_back()


def test_a_lock_that_cannot_be_opened_stops_before_anything_is_done(world: World) -> None:
    (world.top / "state" / "lock").mkdir(parents=True)
    with pytest.raises(Stopped, match="lock cannot be written"):
        world.apply()
    assert world.store.runs() == []


def test_a_lock_whose_words_are_not_there_yet_is_held_all_the_same(tmp_path: Path) -> None:
    store = store_at(tmp_path / "state")
    with store.lock("apply"):
        (tmp_path / "state" / "lock").write_text("not yet")
        assert store.holder() == Holder(0, "", "")
        with pytest.raises(Locked, match=r"at work: it\."), store.lock("resume"):
            raise AssertionError("two hold the lock")


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes somebody else, which only root can")
def test_a_user_who_may_not_read_the_journals_is_told_to_use_sudo(world: World) -> None:
    world.apply()
    world.top.chmod(0o755)

    def as_nobody() -> None:
        os.seteuid(65534)
        with pytest.raises(UsageError, match="Only root can read"):
            world.store.runs()

    assert in_child(as_nobody) == 0


def test_something_else_in_the_runs_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("no directory")
    with pytest.raises(JournalDamaged, match="cannot be read"):
        store_at(tmp_path).runs()


def test_a_state_that_cannot_be_made_stops_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(Stopped, match="file/state cannot be written"),
        store_at(tmp_path / "file" / "state").lock("apply"),
    ):
        raise AssertionError("it cannot be locked")


def test_answers_that_cannot_be_kept_stop_before_anything_is_done(tmp_path: Path) -> None:
    store = store_at(tmp_path / "state")

    def with_a_full_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        store.new_run("version: 1\n")

    assert in_child(with_a_full_disk) == int(Exit.STOPPED)
    assert store.runs() == []


def test_a_lock_on_a_full_disk_stops_in_words(tmp_path: Path) -> None:
    store = store_at(tmp_path / "state")
    with store.lock("apply"):
        pass

    def with_a_full_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        with store.lock("apply"):
            raise AssertionError("who holds it cannot be written")

    assert in_child(with_a_full_disk) == int(Exit.STOPPED)


def test_the_clock_in_the_lock_is_the_one_that_was_passed_in(tmp_path: Path) -> None:
    store = Store(tmp_path / "state", lambda: "", Means(now=lambda: "1970-01-01T00:00:00Z"))
    with store.lock("apply"):
        assert store.running() == Holder(os.getpid(), "1970-01-01T00:00:00Z", "apply")


def test_a_holder_with_fewer_words_than_the_one_before_is_read_all_the_same(tmp_path: Path) -> None:
    store = Store(tmp_path / "state", lambda: "", Means(now=lambda: "1970-01-01T00:00:00Z"))
    with store.lock("rollback --unconfirmed"):
        pass
    with store.lock("apply"):
        assert store.running() == Holder(os.getpid(), "1970-01-01T00:00:00Z", "apply")


def test_checksums_are_those_that_earlier_versions_wrote() -> None:
    body = {"n": 0, "time": "", "record": "Ünï"}
    assert _checksum(body, "0" * 32) == "b59267ad2cf5b501fc6a6f22610061c3"


def test_a_newer_version_is_named_though_its_checksums_are_made_otherwise(world: World) -> None:
    world.apply()
    path = world.store.runs()[0].journal
    first, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([first.replace(b'"version":1', b'"version":2'), *others]))
    with pytest.raises(JournalDamaged, match="newer xen-setup"):
        world.roll_back()


# ---- machine.py


def test_what_is_done_is_seen_by_all_that_it_takes(machine: Machine, tree: Path) -> None:
    source, destination = tree / "tls", tree / "tls.disabled"
    move = MovePath(str(source), str(destination), "Why.")
    link = MakeLink(str(tree / "link"), "there", "Why.")
    command = RunCommand(("true",), "Why.", probe=PathPresent(str(source)))
    seen = [[machine.is_done(one) for one in (move, link, command)]]
    source.mkdir()
    seen.append([machine.is_done(one) for one in (move, link, command)])
    destination.mkdir()
    (tree / "link").symlink_to("elsewhere")
    seen.append([machine.is_done(one) for one in (move, link, command)])
    source.rmdir()
    (tree / "link").unlink()
    (tree / "link").symlink_to("there")
    seen.append([machine.is_done(one) for one in (move, link, command)])
    assert [
        [False, False, False],
        [False, False, True],
        [False, False, True],
        [True, True, False],
    ] == seen


def test_where_nothing_is_left_nothing_is_said_to_be_cleared(machine: Machine) -> None:
    assert machine.clear_leftovers() == []


def test_a_boot_is_never_done_by_performing_it(machine: Machine) -> None:
    with pytest.raises(RebootNeeded):
        machine.perform(Reboot("Why."), RebootUndo("boot-1"), Unwatched())


def test_a_boot_that_did_not_come_is_not_done_and_nothing_is_taken_back(machine: Machine) -> None:
    now = machine.boot_id()
    assert not machine.settle(Reboot("Why."), RebootUndo(now), Unwatched())
    machine.revert(Reboot("Why."), RebootUndo(now), Unwatched())
    assert machine.settle(Reboot("Why."), RebootUndo("another boot"), Unwatched())


def test_what_a_command_did_in_a_volume_that_is_gone_went_with_it(
    machine: Machine, tree: Path
) -> None:
    gone = Volume("/dev/of/nothing", f"{machine.work}/vm01", "ext4")
    (tree / "there").touch()
    action = RunCommand(
        ("true",),
        "Why.",
        probe=PathPresent(str(tree / "there")),
        undo=("false",),
        undo_class="by removal",
        inside=gone,
    )
    machine.revert(action, PlainUndo(), Unwatched())
    assert (tree / "there").exists()


# ---- pipeline.py


def test_a_run_tells_what_came_of_it(world: World) -> None:
    world.tasks[2].pieces = ()  # no boot
    outcome = world.pipeline().apply("settings", "version: 1\n")
    assert outcome.run == world.store.runs()[0]
    assert outcome.seconds >= outcome.command_seconds > 0
    assert world.pipeline().apply("settings", "version: 1\n").run is None


def test_a_machine_on_which_nothing_is_to_be_done_is_verified_all_the_same(world: World) -> None:
    world.apply()
    world.tasks[1].broken = True
    with pytest.raises(StepFailed, match="has nothing to do, but is not right"):
        world.apply()
    assert len(world.store.runs()) == 1


def killed_in(world: World, work: Callable[[], None], number: int) -> None:
    world.checkpoint = DieAt(number)
    assert in_child(work) == -signal.SIGKILL
    world.checkpoint = lambda _name: None


def test_resume_of_a_rollback_that_cannot_be_complete_says_what_stays(world: World) -> None:
    world.apply()
    killed_in(world, world.roll_back, 10)
    (world.tree / "etc" / "real.conf").write_text("edited by the user\n")
    with pytest.raises(RollbackIncomplete) as caught:
        world.resume()
    assert any("real.conf" in line for line in caught.value.details)


def test_a_person_who_leaves_at_the_question_stops_the_run_and_resume_goes_on(
    world: World,
) -> None:
    def leaves(*_words: object) -> str:
        raise Cancelled("You quit.", hint="")

    world.wishes = Wishes(on_failure=leaves)  # type: ignore[arg-type]
    world.tasks[1].broken = True
    with pytest.raises(Stopped, match="You quit"):
        world.apply()
    world.tasks[1].broken = False
    world.resume()
    assert world.store.ledger(world.store.runs()[0]).state == "finished"


def test_a_run_that_died_after_its_last_step_has_only_to_be_finished(world: World) -> None:
    names: list[str] = []
    world.checkpoint = names.append
    world.apply()
    run = world.store.runs()[0]
    lines = run.journal.read_bytes().splitlines(keepends=True)
    run.journal.write_bytes(b"".join(lines[:-1]))
    assert isinstance(world.store.records(run)[-1].record, StepVerified)
    before = world.snapshot(times=True)
    world.resume()
    assert world.store.ledger(run).state == "finished"
    assert before == world.snapshot(times=True)


def test_a_run_of_a_version_with_other_steps_is_not_guessed_at(world: World) -> None:
    world.tasks[1].broken = True
    world.wishes = Wishes(on_failure="stop")
    with pytest.raises(Stopped):
        world.apply()
    world.tasks[1].name = "renamed"
    with pytest.raises(UsageError, match="which this version does not have"):
        world.resume()


def test_a_failure_whose_rollback_is_incomplete_says_both(world: World) -> None:
    world.tasks[1].broken = True
    world.after_reading = lambda: None
    edited = world.tree / "etc" / "real.conf"

    def edit(name: str) -> None:
        if name == "RunCommand: performed" and edited.read_text() == "through\n":
            edited.write_text("edited by the user\n")

    world.checkpoint = edit
    with pytest.raises(RollbackIncomplete, match="One thing could not be taken back") as caught:
        world.apply()
    assert "is not right" in caught.value.what
    assert world.store.ledger(world.store.runs()[0]).state == "incomplete"


def test_a_person_who_changes_their_mind_about_changing_is_asked_again(world: World) -> None:
    decisions: list[OnFailure] = ["change", "stop"]
    world.wishes = Wishes(on_failure=lambda _failure: decisions.pop(0), change=lambda _asking: None)
    world.tasks[1].broken = True
    with pytest.raises(Stopped):
        world.apply()
    assert decisions == []


def test_what_cannot_be_agreed_to_be_done_is_a_failed_step_and_no_conflict(
    machine: Machine, tree: Path
) -> None:
    class Tables:
        """A table in which something else is at the place."""

        def create(self, *_words: object) -> None:
            raise Conflict("Another partition is there.", hint="Look.", details=("sda2",))

    machine.partition_tables = Tables()  # type: ignore[assignment]
    device = tree / "disk"
    device.touch()
    action = CreatePartition(Identity(str(device), 0), 2, 2048, 2048, 512, "Why.", f"{device}2")
    machine.ask_command = lambda *_: Answer(0, "0\n", "")
    machine.__post_init__()
    machine.attend(Workplace(tree / "log", tree))
    with pytest.raises(StepFailed, match="Another partition is there") as caught:
        machine.perform(action, PlainUndo(), Unwatched())
    assert (caught.value.hint, caught.value.details) == ("Look.", ("sda2",))


def test_a_journal_that_speaks_of_what_was_never_begun_is_refused(tmp_path: Path) -> None:
    store = store_at(tmp_path / "state")
    run = store.new_run("version: 1\n")
    journal = store.journal(run)
    journal.append(RunBegun(VERSION, "this machine", "1.0", ("one",)))
    text = run.journal.read_bytes()
    body = {"n": 1, "time": "", "record": encode(Done(7), Record)}
    checksum = _checksum(body, json.loads(text)["sum"])
    run.journal.write_bytes(text + json.dumps({**body, "sum": checksum}).encode() + b"\n")
    with pytest.raises(JournalDamaged, match="speaks of something that was never begun"):
        store.ledger(run)


def test_answers_that_cannot_be_kept_stop_the_run(tmp_path: Path) -> None:
    store = store_at(tmp_path / "state")
    run = store.new_run("version: 1\n")
    run.answers.unlink()
    run.answers.mkdir()
    with pytest.raises(Stopped, match=r"answers\.yaml cannot be written"):
        store.keep_answers(run, "version: 1\n")


def test_a_record_that_may_not_be_on_the_disk_is_taken_out_again(tmp_path: Path) -> None:
    def fails(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    store = store_at(tmp_path / "state")
    run = store.new_run("version: 1\n")
    store.journal(run).append(RunBegun(VERSION, "this machine", "1.0", ("one",)))
    before = run.journal.read_bytes()
    unsure = Store(tmp_path / "state", lambda: "this machine", Means(sync=fails))
    with pytest.raises(Stopped, match="cannot be written"):
        unsure.journal(run).append(StepBegun("one"))
    assert run.journal.read_bytes() == before


def test_a_rollback_that_a_person_cuts_off_stays_one_and_resume_finishes_it(world: World) -> None:
    before = world.snapshot(times=True)
    world.tasks[1].broken = True
    machine = world.machine()

    def leaves(name: str) -> None:
        if name == "RunCommand: undo starts":
            machine.interrupts.note(signal.SIGINT)

    machine._running._checkpoint = leaves
    machine.checkpoint = leaves
    with pytest.raises(Interrupted):
        world.pipeline(machine).apply("settings", "version: 1\n")
    run = world.store.runs()[0]
    assert world.store.ledger(run).state == "rolling back"
    assert not isinstance(world.store.records(run)[-1].record, Paused)
    world.resume()
    assert world.store.ledger(run).state == "rolled back"
    assert before == world.snapshot(times=True)


def test_a_journal_that_begins_with_an_empty_line_is_damaged_and_no_empty_one(
    world: World,
) -> None:
    world.apply()
    path = world.store.runs()[0].journal
    path.write_bytes(b"\n" + path.read_bytes())
    with pytest.raises(JournalDamaged, match="damaged in line 1"):
        world.roll_back()


def test_the_plan_that_a_run_is_held_to_is_kept_with_it(tmp_path: Path) -> None:
    store = store_at(tmp_path / "state")
    assert store.new_run("version: 1\n", "the plan").plan.read_text() == "the plan"
    assert not store.new_run("version: 1\n").plan.exists()


def test_what_the_kernel_refuses_at_an_undo_is_a_failed_undo_and_no_silence(
    machine: Machine, tree: Path
) -> None:
    (tree / "lib" / "tls").mkdir(parents=True)
    move = MovePath(str(tree / "lib/tls"), str(tree / "tls.disabled"), "Why.")
    undo = machine.prepare(move, "1")
    machine.perform(move, undo, Unwatched())
    (tree / "lib").rmdir()
    with pytest.raises(StepFailed, match="No such file or directory"):
        machine.revert(move, undo, Unwatched())


def test_a_file_that_is_put_back_is_told_to_who_reads_it(machine: Machine, tree: Path) -> None:
    file, seen = tree / "config", tree / "seen"
    file.write_text("before\n")
    refresh = ("cp", str(file), str(seen))
    action = written(file, "after\n", "Why.", refresh=refresh)
    undo = machine.prepare(action, "1")
    machine.perform(action, undo, Unwatched())
    assert seen.read_text() == "after\n"
    machine.revert(action, undo, Unwatched())
    assert seen.read_text() == "before\n"


def test_a_step_that_is_tried_again_is_planned_by_the_machine_as_it_is_now(world: World) -> None:
    def again(_failure: object) -> OnFailure:
        world.tasks[1].broken = False
        return "retry"

    world.tasks[1].broken = True
    world.wishes = Wishes(on_failure=again)
    world.apply()
    records = world.store.records(world.store.runs()[0])
    # By what it was at the run's beginning, all of the step would be done and skipped once more.
    assert not any(isinstance(one.record, Skipped) for one in records)


def test_what_somebody_else_did_meanwhile_is_journaled_as_skipped(world: World) -> None:
    ours, theirs = world.tree / "ours", world.tree / "theirs"
    world.tasks = [
        Task("files", [Piece(written(one, "x", "Why."), one.exists) for one in (ours, theirs)])
    ]

    def meanwhile(name: str) -> None:
        if name == "WriteFile: performed":
            theirs.write_text("x")
            theirs.chmod(ours.stat().st_mode & 0o777)

    world.checkpoint = meanwhile
    world.apply()
    (run,) = world.store.runs()
    skipped = [
        one.record.action for one in world.store.records(run) if isinstance(one.record, Skipped)
    ]
    assert [str(theirs)] == [one.path for one in skipped if isinstance(one, WriteFile)]
    (step,) = status(world.store, "boot-1").runs[-1].steps
    assert (1, 1) == (step.actions, step.skipped)
    world.roll_back()
    assert theirs.exists()
    assert not ours.exists()


def test_a_point_of_no_return_is_passed_with_consent_and_not_without(world: World) -> None:
    gone = world.tree / "gone"
    action = RunCommand(("touch", str(gone)), "Why.", PathPresent(str(gone)), undo_class="no undo")
    world.tasks = [Task("gone", [Piece(action, gone.exists)])]
    with pytest.raises(ChecksFailed):
        world.apply()
    assert not gone.exists()
    world.wishes = Wishes(consent=True)
    world.apply()
    assert gone.exists()
