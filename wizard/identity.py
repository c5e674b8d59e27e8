"""Is a device still the one that the plan was made for? Read again just before it is touched."""

from __future__ import annotations

import re
from pathlib import Path

from wizard.actions import Identity
from wizard.errors import StepFailed
from wizard.signatures import Ask, Signatures, signatures_of

_TIME = 30.0


def must_be_same(expected: Identity, ask: Ask, *, table_counts: bool = False) -> None:
    """Raise `StepFailed` with the differences, if there are any."""
    if found := differences(expected, ask, table_counts=table_counts):
        raise StepFailed(
            f"{expected.path} is not what it was when the plan was made.",
            hint="Nothing was written to it. See `lsblk --fs`, then start again.",
            details=tuple(found),
        )


def differences(expected: Identity, ask: Ask, *, table_counts: bool = False) -> list[str]:
    """In words, how the device differs from what is expected; empty when it is the same.

    `table_counts`: a partition table on it is what is expected, though `content` is "".
    """
    if not Path(expected.path).exists():
        return [f"{expected.path} is not there"]
    on_it = signatures_of(expected.path, ask)
    found = [*_another_size(expected, ask), *_another_name(expected, on_it, ask)]
    allowed = {expected.content}
    if (table_counts or expected.or_table) and not expected.content:
        allowed.add(on_it.properties.get("PTTYPE", ""))
    if on_it.not_known and not on_it.word:
        found.append(f"what is on it cannot be told: {on_it.not_known}")
    elif on_it.word not in allowed:
        found.append(f"{on_it.word or 'nothing'} is on it, not {expected.content or 'nothing'}")
    return found


def another_disk(expected: Identity, ask: Ask) -> list[str]:
    """In words, how a disk differs from the one that is expected, whatever is on it; empty when
    it is the same one.

    Its size counts only where its table had no id: a disk may have grown.
    """
    on_it = signatures_of(expected.path, ask)
    found = _another_name(expected, on_it, ask)
    if not expected.table_id:
        found += _another_size(expected, ask)
    if found and on_it.not_known:
        found.append(f"what is on it cannot be told: {on_it.not_known}")
    return found


def _another_size(expected: Identity, ask: Ask) -> list[str]:
    if expected.size == 0:
        return []
    size = ask(("blockdev", "--getsize64", expected.path), _TIME).out.strip()
    if size == str(expected.size):
        return []
    return [f"its size is {size or 'unknown'} bytes, not {expected.size}"]


def _another_name(expected: Identity, on_it: Signatures, ask: Ask) -> list[str]:
    found = []
    tables = {on_it.properties.get("PTUUID", "")}
    serials = set()
    # --inverse lists the disks that a partition is on too: they have serial and table id.
    answer = ask(
        (
            "lsblk",
            "--inverse",
            "--noheadings",
            "--pairs",
            "--output",
            "SERIAL,PTUUID",
            expected.path,
        ),
        _TIME,
    )
    for line in answer.out.splitlines():
        words = dict(re.findall(r'(\w+)="([^"]*)"', line))
        serials.add(_as_written(words.get("SERIAL", "")))
        tables.add(words.get("PTUUID", ""))
    if expected.serial and expected.serial.strip() not in serials:
        found.append(f"its serial number is {_named(serials)}, not {expected.serial}")
    if expected.table_id and expected.table_id not in tables:
        found.append(f"its partition table's id is {_named(tables)}, not {expected.table_id}")
    return found


def _as_written(word: str) -> str:
    """Without the "\\xHH" by which lsblk writes what a shell would take amiss."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), word).strip()


def _named(words: set[str]) -> str:
    return ", ".join(sorted(words - {""})) or "unknown"
