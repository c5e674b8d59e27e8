"""When two power cuts count as one: tried without a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vm.leavings import Leavings, deeds_of
from tests.vm.snapshot import Snapshot
from wizard.actions import MakeDirectory, Reboot
from wizard.journal import Journal
from wizard.records import (
    VERSION,
    Begun,
    Confirmed,
    Done,
    Paused,
    Record,
    RunBegun,
    StepBegun,
    StepVerified,
    UndoBegun,
    Undone,
)
from wizard.undo import PlainUndo

MAKE = Begun(0, "one", MakeDirectory("/a", "Why."), PlainUndo())
BEGUN = RunBegun(VERSION, "here", "1", ("one", "two"))


def journal_of(path: Path, *records: Record) -> list[str]:
    journal = Journal(path, "here")
    for record in (BEGUN, *records):
        journal.append(record)
    return path.read_text().splitlines()


def test_that_a_step_ends_and_the_next_begins_is_one_state(tmp_path: Path) -> None:
    done = (StepBegun("one"), MAKE, Done(0))
    deeds = deeds_of(journal_of(tmp_path / "1", *done))
    assert deeds == {"0": "done"}
    more = (StepVerified("one"), Paused("as far as one", 7), StepBegun("two"))
    assert deeds_of(journal_of(tmp_path / "2", *done, *more)) == deeds
    assert deeds_of([]) == {}


def test_what_was_undone_and_an_open_guard_are_another_state(tmp_path: Path) -> None:
    done = (StepBegun("one", guarded=True), MAKE, Done(0))
    assert deeds_of(journal_of(tmp_path / "1", *done)) == {"0": "done", "guard": "one"}
    assert deeds_of(journal_of(tmp_path / "2", *done, Confirmed("one"))) == {"0": "done"}
    undone = (*done, Confirmed("one"), UndoBegun(0), Undone(0))
    assert deeds_of(journal_of(tmp_path / "3", *undone)) == {"0": "undone"}


@pytest.mark.parametrize(
    "within",
    [(MAKE,), (MAKE, Done(0), UndoBegun(0)), (Begun(0, "one", Reboot("Why."), PlainUndo()),)],
    ids=["an action", "an undo", "the boot"],
)
def test_what_was_cut_within_an_action_is_like_nothing_else(
    within: tuple[Record, ...], tmp_path: Path
) -> None:
    assert deeds_of(journal_of(tmp_path / "1", StepBegun("one"), *within)) is None


def test_a_torn_journal_is_like_nothing_else(tmp_path: Path) -> None:
    lines = journal_of(tmp_path / "1", StepBegun("one"))
    assert deeds_of([*lines[:-1], lines[-1][:-5]]) is None


def left(**changed: dict[str, str]) -> Snapshot:
    return {"deeds": {"0": "done"}, "etc": {"/etc/fstab": "1"}, **changed}


def test_only_what_left_the_same_and_went_well_that_way_is_known(tmp_path: Path) -> None:
    leavings = Leavings(tmp_path, "digest")
    for cut in ("first", "second"):
        leavings.note(cut, left())
    assert leavings.twin("second", "resumed") is None
    leavings.well("first", "resumed")
    assert leavings.twin("second", "resumed") == "first"
    assert leavings.twin("second", "rolled-back") is None
    assert leavings.twin("never seen", "resumed") is None
    assert leavings.twin("first", "resumed") is None  # it is looked at anew when it is asked for
    assert Leavings(tmp_path, "another program").twin("second", "resumed") is None
    # A boot makes these anew.
    leavings.note("second", left(leftovers={"/run/utmp": "-", "/tmp/systemd-private-1": "d"}))
    assert leavings.twin("second", "resumed") == "first"


@pytest.mark.parametrize(
    "other",
    [
        left(deeds={"0": "done", "1": "done"}),
        left(etc={"/etc/fstab": "2"}),
        left(guest={"/etc/hostname": "-"}),
        left(leftovers={"/tmp/ours": "-"}),
        None,
    ],
    ids=["one more done", "a file", "a guest", "something left over", "cannot be compared"],
)
def test_what_differs_is_gone_through_itself(other: Snapshot | None, tmp_path: Path) -> None:
    leavings = Leavings(tmp_path, "digest")
    leavings.note("first", left())
    leavings.well("first", "resumed")
    leavings.note("second", other)
    assert leavings.has("second")
    assert leavings.twin("second", "resumed") is None
