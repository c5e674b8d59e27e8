"""A journal of the full plan, spoiled in every way: a sentence, and nothing is done by it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

from tests.fast import SEED, count, share
from tests.faults.ground import Ground, Wrong, attempt, different
from tests.faults.host import Image
from wizard.errors import SetupError
from wizard.journal import JournalDamaged, _checksum
from wizard.records import VERSION
from wizard.status import status

JOURNAL = "state/runs/0001/journal.jsonl"
Spoil = Callable[[list[bytes], random.Random], list[bytes]]


@pytest.fixture(scope="module")
def ground(grounds: Callable[[str], Ground]) -> Ground:
    return grounds("second-disk")


def lines_of(image: Image) -> list[bytes]:
    content = image.files[JOURNAL][4]
    assert isinstance(content, bytes)
    return content.splitlines(keepends=True)


def bits_flipped(lines: list[bytes], dice: random.Random) -> list[bytes]:
    data = bytearray(b"".join(lines))
    for _ in range(dice.randrange(1, 4)):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return [bytes(data)]


def line_removed(lines: list[bytes], dice: random.Random) -> list[bytes]:
    index = dice.randrange(len(lines) - 1)  # without its last line it is only an older one
    return [*lines[:index], *lines[index + 1 :]]


def lines_swapped(lines: list[bytes], dice: random.Random) -> list[bytes]:
    one, other = dice.sample(range(len(lines)), 2)
    changed = list(lines)
    changed[one], changed[other] = lines[other], lines[one]
    return changed


def line_repeated(lines: list[bytes], dice: random.Random) -> list[bytes]:
    index = dice.randrange(len(lines))
    return [*lines[: index + 1], lines[index], *lines[index + 1 :]]


def middle_torn(lines: list[bytes], dice: random.Random) -> list[bytes]:
    index = dice.randrange(len(lines) - 1)
    torn = lines[index][: dice.randrange(1, len(lines[index]) - 1)]
    return [*lines[:index], torn, *lines[index + 1 :]]


def bytes_put_in(lines: list[bytes], dice: random.Random) -> list[bytes]:
    index = dice.randrange(len(lines))
    noise = dice.randbytes(dice.randrange(1, 60)).replace(b"\0", b"x")
    return [*lines[:index], noise + b"\n", *lines[index:]]


def summed_again(lines: list[bytes], change: Callable[[dict[str, object]], None]) -> list[bytes]:
    """The whole journal with every record changed, and its checksums right again."""
    changed, before = [], "0" * 32
    for line in lines:
        body = json.loads(line)
        del body["sum"]
        change(body)
        before = _checksum(body, before)
        changed.append(json.dumps({**body, "sum": before}).encode() + b"\n")
    return changed


def record_changed(lines: list[bytes], dice: random.Random) -> list[bytes]:
    """Wrong records with right checksums: by a program that is not ours."""
    victim = dice.randrange(1, len(lines))
    what = dice.choice(["kind", "unknown", "type", "number"])

    def change(body: dict[str, object]) -> None:
        if body["n"] != victim:
            return
        record = body["record"]
        assert isinstance(record, dict)
        key = dice.choice([name for name in record if name != "kind"] or ["kind"])
        match what:
            case "kind":
                record["kind"] = "Undone!"
            case "number" if "entry" in record and record["kind"] != "Begun":
                record["entry"] = 4711
            case "number":
                record["entry"] = "4711"
            case "unknown":
                record["more"] = 1
            case "type":
                record[key] = [{}]

    return summed_again(lines, change)


SPOILS: tuple[Spoil, ...] = (
    bits_flipped, line_removed, lines_swapped, line_repeated, middle_torn, bytes_put_in,
    record_changed,
)  # fmt: skip


def test_a_spoiled_journal_is_refused_with_a_sentence_and_nothing_is_done(ground: Ground) -> None:
    host, dice = ground.host, random.Random(SEED)
    images = [one for one in different(ground.applying) if JOURNAL in one.files]
    images = [one for one in images if 4 < len(lines_of(one)) < 60][::7]
    refused = 0
    for turn in range(count(fast=300, usual=5000)):
        if turn % 200 == 0:
            image = images[turn // 200 % len(images)]
            host.restore(image)
            lines, untouched = lines_of(image), host.image()
        spoil = SPOILS[turn % len(SPOILS)]
        data = b"".join(spoil(list(lines), dice))
        trace = f"seed {SEED}, turn {turn}: {spoil.__name__} of {image.point}"
        (host.top / JOURNAL).write_bytes(data)
        try:
            host.store.ledger(host.store.runs()[-1])
        except JournalDamaged as error:
            refused += 1
            assert error.what.endswith("."), trace
            assert error.hint.endswith("."), trace
            if turn % 10 == 0:
                for work in (
                    host.resume,
                    host.roll_back,
                    host.apply,
                    lambda: status(host.store, ""),
                ):
                    with pytest.raises(SetupError):
                        work()
                assert host.commands == [], trace
                (host.top / JOURNAL).write_bytes(b"".join(lines))
                now = host.image()
                assert now.state == untouched.state, trace
                for name, entry in untouched.files.items():
                    if name.startswith("tree/"):
                        assert (name, entry) == (name, now.files.get(name)), trace
        else:
            # It may still be true: the last line's end is lost, or a letter is written another way.
            ledger = host.store.ledger(host.store.runs()[-1])
            assert spoil is bits_flipped, trace
            assert ledger.steps, trace
    assert refused > count(fast=290, usual=4900)


def test_a_last_record_cut_off_at_any_byte_was_not_begun(ground: Ground) -> None:
    host, wrong = ground.host, Wrong()
    journaled = [one for one in ground.applying if one.point.endswith(" journaled")]
    image = journaled[len(journaled) // 2]
    data = b"".join(lines_of(image))
    start = data.rstrip(b"\n").rfind(b"\n") + 1
    for end in share(range(start, len(data)), one_in=100):
        host.restore(image)
        (host.top / JOURNAL).write_bytes(data[:end])
        wrong.note(f"cut at {end}", attempt(host.roll_back))
        wrong.note(f"cut at {end}", ground.wrong_at_the_start())
    assert [] == wrong.found


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("newer", lambda record: record.update(version=VERSION + 1)),
        ("another machine's", lambda record: record.update(machine="another machine")),
    ],
)
def test_a_journal_of_elsewhere_is_named(
    ground: Ground, words: str, change: Callable[[dict[str, object]], None]
) -> None:
    host = ground.host
    host.restore(ground.applying[40])

    def in_the_first(body: dict[str, object]) -> None:
        record = body["record"]
        assert isinstance(record, dict)
        if body["n"] == 0:
            change(record)

    changed = summed_again(lines_of(ground.applying[40]), in_the_first)
    (host.top / JOURNAL).write_bytes(b"".join(changed))
    for work in (host.resume, host.roll_back, host.apply):
        with pytest.raises(JournalDamaged, match=words):
            work()
    assert host.commands == []


def test_a_directory_in_the_journals_place_is_named(ground: Ground) -> None:
    host = ground.host
    host.restore(ground.applying[40])
    (host.top / JOURNAL).unlink()
    (host.top / JOURNAL).mkdir()
    for work in (host.resume, host.roll_back, host.apply):
        with pytest.raises(JournalDamaged, match="cannot be read"):
            work()
    assert host.commands == []


def test_a_journal_of_the_first_version_is_read(ground: Ground) -> None:
    # What versions before this one did not write has a default: a run of theirs can be undone.
    host = ground.host
    image = ground.applying[-1]
    host.restore(image)

    def older(body: dict[str, object]) -> None:
        record = body["record"]
        assert isinstance(record, dict)
        record.pop("plan", None)
        action = record.get("action")
        if isinstance(action, dict):
            for name in ("before_undo", "agreed_by", "traces"):
                if action.get(name) in (None, ""):
                    action.pop(name, None)

    (host.top / JOURNAL).write_bytes(b"".join(summed_again(lines_of(image), older)))
    host.roll_back()
    assert [] == ground.wrong_at_the_start()
