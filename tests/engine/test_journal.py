"""Journals that were torn, changed, reordered, or are another's: a sentence, and nothing unsafe."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.world import full_world, in_child
from tests.fast import count
from wizard import journal as journal_module
from wizard.actions import MakeDirectory, Reboot, RunCommand
from wizard.errors import Locked, SetupError, Stopped
from wizard.journal import (
    Journal,
    JournalDamaged,
    Store,
    machine_fingerprint,
    read_journal,
    unfinished_run,
)
from wizard.records import (
    VERSION,
    Begun,
    Done,
    Finished,
    NotUndone,
    Paused,
    Record,
    RollbackBegun,
    RollbackEnded,
    RunBegun,
    StepBegun,
    StepLeftOut,
    StepVerified,
    UndoBegun,
    Undone,
    replay,
)
from wizard.undo import PlainUndo, RebootUndo

RECORDS: list[Record] = [
    RunBegun(VERSION, "this machine", "0.1.0", ("one", "two")),
    StepBegun("one"),
    Begun(2, "one", MakeDirectory("/somewhere", 'Ünïcode, "quotes"\nand lines.'), PlainUndo()),
    Done(2),
    StepVerified("one"),
    StepBegun("two"),
    Begun(6, "two", RunCommand(("true",), "Why.", undo=("false",)), PlainUndo()),
]


def written(path: Path, records: list[Record] = RECORDS) -> bytes:
    journal = Journal(path, "this machine")
    for record in records:
        journal.append(record)
    return path.read_bytes()


def read(path: Path) -> list[Record]:
    return [stamped.record for stamped in read_journal(path, "this machine").records]


def test_what_is_appended_is_read_again(tmp_path: Path) -> None:
    written(tmp_path / "journal")
    assert read(tmp_path / "journal") == RECORDS


def test_a_journal_cut_off_at_any_byte_of_its_last_record_loses_only_that(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    data = written(path)
    start = data.rstrip(b"\n").rfind(b"\n") + 1
    for end in range(start, len(data)):
        path.write_bytes(data[:end])
        # Only the line's end is missing: the record is whole, and true.
        kept = RECORDS if end == len(data) - 1 else RECORDS[:-1]
        assert kept == read(path), end
        journal = Journal(path, "this machine")
        journal.append(Finished())
        assert [*kept, Finished()] == read(path), end
        last = path.read_bytes().rpartition(b"\n{")[2]
        assert last.count(b"\n") == 1, "nothing of the torn record is left"
        assert last.endswith(b"}\n")


def test_a_journal_is_ascii_so_that_any_terminal_shows_it(tmp_path: Path) -> None:
    assert written(tmp_path / "journal").isascii()


def test_an_empty_line_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    data = written(path)
    path.write_bytes(b"\n" + data)
    with pytest.raises(JournalDamaged):
        read(path)


def test_zeros_after_a_power_cut_count_as_not_written(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    data = written(path)
    path.write_bytes(data + b"\0" * 100)
    assert read(path) == RECORDS
    Journal(path, "this machine").append(Finished())
    assert [*RECORDS, Finished()] == read(path)


def test_every_single_bit_flip_is_noticed_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    data = written(path)
    last = data.rstrip(b"\n").rfind(b"\n") + 1
    dice = random.Random(1)
    noticed = 0
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << dice.randrange(8)
        path.write_bytes(flipped)
        try:
            found = read(path)
        except JournalDamaged as error:
            noticed += 1
            assert error.hint
        else:
            # The very last byte is the end of the last line: without it, that line may be torn.
            # And \u00dc may become \u00Dc, which is the same.
            assert position == len(data) - 1 or found == RECORDS
            assert found in (RECORDS, RECORDS[:-1])
    assert len(data) - 6 < noticed
    assert last < len(data)


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
        lambda lines: [*lines[:3], *lines[4:]],
        lambda lines: lines[1:],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [*lines[:2], lines[1], *lines[2:]],
        lambda lines: [*lines[:3], b"", *lines[3:]],
        lambda lines: [*lines[:3], b"null", *lines[3:]],
        lambda lines: [*lines[:3], b"[]", *lines[3:]],
        lambda lines: [*lines[:3], b"{}", *lines[3:]],
    ],
)
def test_lines_moved_removed_or_repeated_are_noticed(
    tmp_path: Path, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    path = tmp_path / "journal"
    lines = written(path).splitlines()
    path.write_bytes(b"\n".join(change(lines)) + b"\n")
    with pytest.raises(JournalDamaged, match="damaged in line"):
        read(path)


@given(data=st.binary(max_size=300))
@settings(max_examples=count(fast=100, usual=300), deadline=None)
def test_any_bytes_are_read_without_a_crash(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-bytes"
    path.write_bytes(data)
    try:
        assert [] == read(path)
    except JournalDamaged as error:
        assert error.hint


def test_a_newer_version_is_named_and_its_records_are_not_guessed_at(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, [RunBegun(VERSION + 1, "this machine", "9.0", ("one",))])
    with pytest.raises(JournalDamaged, match="newer xen-setup"):
        read(path)


def test_another_machines_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path)
    with pytest.raises(JournalDamaged, match="another machine's"):
        read_journal(path, "that machine")


def test_a_journal_without_beginning_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "journal", [RECORDS[0]])
    data = (tmp_path / "journal").read_bytes()
    value = json.loads(data)
    value["record"] = {"kind": "Finished"}
    value.pop("sum")
    value["sum"] = journal_module._checksum(value, journal_module._START)
    (tmp_path / "journal").write_text(json.dumps(value) + "\n")
    with pytest.raises(JournalDamaged, match="no beginning"):
        read(tmp_path / "journal")


def test_a_directory_in_its_place_is_an_error_with_words(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    with pytest.raises(JournalDamaged, match="cannot be read"):
        read(tmp_path / "journal")


def test_no_journal_reads_as_empty(tmp_path: Path) -> None:
    assert [] == read(tmp_path / "journal")


def test_a_full_disk_stops_the_run_and_leaves_the_journal_whole(tmp_path: Path) -> None:
    if os.geteuid() != 0 or not Path("/dev/full").exists():
        pytest.skip("a filesystem of our own can be mounted by root only")
    small = tmp_path / "small"
    small.mkdir()
    os.system(f"mount -t tmpfs -o size=16k tmpfs {small}")
    try:
        journal = Journal(small / "journal", "this machine")
        journal.append(RECORDS[0])
        with pytest.raises(Stopped, match="No space left"):
            for _turn in range(1000):
                journal.append(StepBegun("one"))
        count = len(read(small / "journal"))
        assert count > 10
        assert len(journal.ledger.steps) == 2
        (small / "journal").rename(small / "other")
        assert count == len(read(small / "other"))
    finally:
        os.system(f"umount {small}")


@pytest.mark.skipif(os.geteuid() != 0, reason="a file can be given away by root only")
@pytest.mark.parametrize("place", [".", "runs", "runs/0001", "runs/0001/journal.jsonl"])
@pytest.mark.parametrize(
    ("owner", "mode", "words"),
    [
        (65534, 0o700, "belongs to another user"),
        (0, 0o770, r"Others may write to .* \(mode 770\)"),
        (0, 0o702, r"Others may write to .* \(mode 702\)"),
        (0, 0o755, ""),
    ],
)
def test_a_journal_that_others_could_have_written_undoes_nothing(
    place: str, owner: int, mode: int, words: str, tmp_path: Path
) -> None:
    store = Store(tmp_path / "state", fingerprint=lambda: "this machine")
    with store.lock("apply"):
        run = store.new_run("version: 1\n")
        store.journal(run).append(RECORDS[0])
    path = store.directory / place
    os.chown(path, owner, 0)
    path.chmod(mode)
    if not words:
        store.journal(run).append(StepBegun("one"))
        return
    with pytest.raises(JournalDamaged, match=words) as refused:
        store.journal(run)
    assert str(path) in refused.value.what
    if place == ".":
        with pytest.raises(JournalDamaged, match=words), store.lock("rollback"):
            pass


def test_what_only_looks_like_a_number_is_no_run(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run = store.new_run("version: 1\n")
    store.journal(run).append(RECORDS[0])
    (tmp_path / "runs" / "\N{SUPERSCRIPT TWO}").mkdir()
    assert [one.path for one in store.runs()] == [run.path]
    assert store.new_run("version: 1\n").number == 2


def test_a_second_instance_is_refused_quickly_with_who_holds_the_lock(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "lock").write_text("what a killed program left there " * 99)
    with store.lock("apply"):
        who = rf"process {os.getpid()} \(apply\), since 20"
        with pytest.raises(Locked, match=who), store.lock("resume"):
            pass
        holder = store.running()
        assert holder is not None
        assert ("apply", os.getpid()) == (holder.command, holder.pid)
    assert store.running() is None
    with store.lock("again"):
        pass


def test_the_lock_of_a_killed_program_is_free(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def die_holding_it() -> None:
        with store.lock("apply"):
            os.kill(os.getpid(), 9)

    assert -9 == in_child(die_holding_it)
    assert 0o600 == (tmp_path / "lock").stat().st_mode & 0o777
    with store.lock("again"):
        pass


def test_runs_are_numbered_and_private(tmp_path: Path) -> None:
    store = Store(tmp_path / "state", fingerprint=lambda: "this machine")
    first = store.new_run("version: 1\n")
    written(first.journal)
    second = store.new_run("version: 1\n")
    assert [1] == [run.number for run in store.runs()]  # nothing was begun in the second
    written(second.journal)
    assert [1, 2] == [run.number for run in store.runs()]
    assert 0o600 == first.answers.stat().st_mode & 0o777
    assert 0o600 == first.journal.stat().st_mode & 0o777
    assert 0o700 == (tmp_path / "state").stat().st_mode & 0o777


BACK = [RollbackBegun("")]
GONE = [*BACK, UndoBegun(6), Undone(6), UndoBegun(2), Undone(2)]


@pytest.mark.parametrize(
    ("after", "it_is"),
    [
        (([], []), 2),
        (([], None), 1),  # the second was cut off within its first record
        ((BACK, []), 1),
        ((BACK, BACK), 2),
        ((BACK, GONE), 1),  # nothing of the second is left: only its last record is missing
        ((GONE, GONE), 2),
        (([], [*GONE, RollbackEnded(True)]), 1),
        (([Finished()], []), 2),
        (([], [Finished()]), None),
    ],
)
def test_the_unfinished_run_is_one_that_is_being_taken_back_or_the_newest(
    tmp_path: Path, after: tuple[list[Record], list[Record] | None], it_is: int | None
) -> None:
    store = Store(tmp_path, fingerprint=lambda: "this machine")
    for more in after:
        run = store.new_run("version: 1\n")
        whole = written(run.journal, [*RECORDS, *(more or ())])
        if more is None:
            run.journal.write_bytes(whole[:20])
    found = unfinished_run(store)
    assert it_is == (found.number if found else None)


def test_a_machine_is_told_by_its_id_and_the_id_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "machine-id"
    assert "" == machine_fingerprint(file)
    file.write_text("0123456789abcdef\n")
    found = machine_fingerprint(file)
    assert re.fullmatch("[0-9a-f]{32}", found), "as it is in the journals of every release"
    assert found != ""
    assert "0123" not in found
    file.write_text("fedcba\n")
    assert found != machine_fingerprint(file)


def test_a_damaged_journal_undoes_nothing(tmp_path: Path) -> None:
    world = full_world(tmp_path)
    world.apply()
    applied = world.snapshot(times=True)
    path = world.store.runs()[0].journal
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], *lines[5:]]))
    for action in (world.roll_back, world.resume, world.apply):
        with pytest.raises(SetupError, match="damaged"):
            action()
    assert applied == world.snapshot(times=True)


def test_the_ledger_knows_what_was_cut_off_and_what_is_to_take_back() -> None:
    ledger = replay(RECORDS)
    assert [6] == [entry.number for entry in ledger.cut_off]
    assert [6, 2] == [entry.number for entry in ledger.to_take_back]
    assert {"one": "verified", "two": "begun"} == ledger.step_states
    ledger = replay([*RECORDS, Done(6), UndoBegun(2), Undone(2), Paused("why", 7)])
    assert [] == ledger.cut_off
    assert [6] == [entry.number for entry in ledger.to_take_back]
    assert ("paused", "why") == (ledger.state, ledger.reason)


def test_the_ledger_knows_what_could_not_be_taken_back_until_something_is_done_since() -> None:
    def left(*records: Record) -> list[int]:
        return [entry.number for entry in replay([*RECORDS, *records]).left_behind]

    action = RunCommand(("true",), "Why.", undo=("false",))
    again = Begun(9, "two", action, PlainUndo())
    assert left() == left(Done(6)) == []
    assert left(UndoBegun(6), NotUndone(6, "why"), Paused("why", 7)) == [6]
    assert left(UndoBegun(6), NotUndone(6, "why"), again) == []
    assert left(NotUndone(6, "why"), again, Done(9)) == []
    assert left(NotUndone(6, "why"), again, UndoBegun(9), Undone(9)) == [6]
    assert left(NotUndone(6, "why"), again, NotUndone(9, "why")) == [9, 6]
    # What the run has gone on from stays, and is taken back with the rest; a guard has its own way.
    assert left(NotUndone(6, "why"), StepVerified("two")) == []
    assert left(NotUndone(6, "why"), StepLeftOut("two")) == []
    assert left(NotUndone(6, "why"), StepBegun("two", guarded=True)) == []
    assert left(NotUndone(6, "why"), StepBegun("two")) == [6]


def test_the_ledger_knows_that_a_boot_is_awaited_and_then_done() -> None:
    begun = [*RECORDS[:2], Begun(2, "one", Reboot("Why."), RebootUndo("boot-1"))]
    entry = replay(begun).waits_for_boot
    assert entry is not None
    assert not replay(begun).has_booted()
    after = replay([*begun, Done(2)])
    assert after.waits_for_boot is None
    assert after.has_booted()
    assert {"one"} == after.booted_for


def test_mutated_journals_never_crash_and_never_undo_what_they_should_not(tmp_path: Path) -> None:
    world = full_world(tmp_path)
    world.apply()
    path = world.store.runs()[0].journal
    data = path.read_bytes()
    whole = world.store.records(world.store.runs()[0])
    dice = random.Random(2006)
    refused = 0
    for _turn in range(1500):
        path.write_bytes(_mutated(data, dice))
        try:
            found = world.store.records(world.store.runs()[0])
        except JournalDamaged:
            refused += 1
        else:
            # What is read is the beginning of what was written: nothing is invented.
            assert whole[: len(found)] == found
    assert refused > 1000


def _mutated(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _change in range(dice.randrange(1, 4)):
        match dice.randrange(4):
            case 0:
                changed[dice.randrange(len(changed))] = dice.randrange(256)
            case 1:
                del changed[dice.randrange(len(changed))]
            case 2:
                changed.insert(dice.randrange(len(changed)), dice.randrange(256))
            case _:
                start = dice.randrange(len(changed))
                del changed[start : start + dice.randrange(1, 400)]
    return bytes(changed)


@pytest.mark.parametrize(
    ("then", "state"),
    [
        ((StepVerified("one"),), "verified"),
        ((StepLeftOut("one"),), "left out"),
        ((StepVerified("one"), UndoBegun(1), Undone(1)), "rolled back"),
        ((StepLeftOut("one"), UndoBegun(1), Undone(1)), "rolled back"),
    ],
)
def test_a_step_to_go_back_to_is_as_it_was_unless_something_of_it_has_gone_since(
    then: tuple[Record, ...], state: str
) -> None:
    action = RunCommand(("true",), "Why.")
    failed = (StepBegun("one"), Begun(1, "one", action, PlainUndo()), UndoBegun(1), Undone(1))
    back = (RollbackBegun("one"), RollbackEnded(complete=True))
    ledger = replay((RunBegun(1, "m", "0", ("one", "two")), *failed, *then, *back))
    assert state == ledger.step_states["one"]
    assert "paused" == ledger.state
