"""What a power cut left, as data: so that of cuts that left the very same, one is resumed and one
rolled back, and the others are known by it.

The journal is compared by what was done and undone, not by which step it says has begun (that
"grub_entry" ends and "xend_services" begins are two moments, and one state of the machine); that
each prefix of the journal is read rightly is held by `tests/faults`, on a model. What is compared
of the machine is `border_state`, and what dpkg, apt and this program keep, by hash.

What was cut within an action is like nothing else: a filesystem that was being written has more to
it than its files. XEN_SETUP_CUTS_WHOLE goes each way, whatever it is like.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from tests.vm import snapshot
from tests.vm.snapshot import Allowed, Snapshot
from tests.vm.story import GuestUnreadable, border_state
from tests.vm.whole_run import inside
from wizard.codec import decode
from wizard.practice.machine import PracticeMachine
from wizard.records import Record, replay

# Of one watched run, so that nearly nothing may differ: not even what LVM draws.
SAME_CUT = (
    Allowed("leftovers", "/run/*", "volatile"),
    Allowed("leftovers", "*/systemd-private-*", "named anew at each boot"),
    Allowed("leftovers", "/var/log/*", "logs have been turned, or not"),
)
# Our journal and log tell of steps too, and grow while nothing is done.
_KEPT = r"""
    cd /var/lib && find dpkg apt xen-setup ../cache/apt/archives -type f \
        ! -name journal.jsonl ! -name log ! -name lock ! -path 'apt/periodic/*' -print0 |
        sort --zero-terminated | xargs --null sha256sum
"""
_JOURNAL = "cat /var/lib/xen-setup/runs/*/journal.jsonl 2>/dev/null || true"


def what_was_left(machine: PracticeMachine) -> Snapshot | None:
    """What the cut left in a machine that has only booted since; None: an action was
    under way, or the guest's volume is not whole.
    """
    deeds = deeds_of(machine.run(["sh", "-c", _JOURNAL]).out.decode().splitlines())
    if deeds is None:
        return None
    try:
        taken = border_state(machine)
    except GuestUnreadable:
        return None
    status, listed = inside(machine, "sh", "-c", _KEPT)
    assert status == 0, listed
    lines = (line.split(maxsplit=1) for line in listed.splitlines())
    taken["kept"] = {path: digest for digest, path in lines}
    taken["deeds"] = deeds
    return taken


def deeds_of(journal: Iterable[str]) -> dict[str, str] | None:
    """Each action of a run and what became of it; None when one was under way."""
    try:
        values = [json.loads(line) for line in journal]
    except ValueError:
        return None  # its last line is torn
    records: list[Record] = [decode(cast(Any, Record), value["record"]) for value in values]
    ledger = replay(records)
    if ledger.cut_off:
        return None
    more = {"guard": ledger.current} if ledger.guard_open else {}
    more |= dict.fromkeys(ledger.booted_for, "booted for")
    return {f"{entry.number}": entry.state for entry in ledger.entries.values()} | more


class Leavings:
    """What each cut of a story left, and which were resumed and rolled back well by a program (its
    digest): in files beside its copies, so that two test runs share them.
    """

    def __init__(self, folder: Path, program: str) -> None:
        self._folder = folder
        self._program = program[:12]

    def note(self, cut: str, left: Snapshot | None) -> None:
        """What the cut left."""
        self._write(self._left(cut), json.dumps(left))

    def has(self, cut: str) -> bool:
        """Whether it was looked at, comparable or not."""
        return self._left(cut).exists()

    def left(self, cut: str) -> Snapshot | None:
        """What the cut left, if that is known and can be compared."""
        path = self._left(cut)
        found: Snapshot | None = json.loads(path.read_text()) if path.exists() else None
        return found

    def well(self, cut: str, way: str) -> None:
        """It was resumed, or rolled back (`way`), and all was as it must be."""
        self._write(self._folder / f"{cut}.{way}.{self._program}", "")

    def twin(self, cut: str, way: str) -> str | None:
        """Another that left the same, and from which this way was gone and went well."""
        mine = self.left(cut)
        if mine is None:
            return None
        for done in sorted(self._folder.glob(f"*.{way}.{self._program}")):
            other = done.name.partition(".")[0]
            theirs = self.left(other) if other != cut else None
            if theirs is not None and snapshot.compare(mine, theirs, SAME_CUT) == []:
                return other
        return None

    def _left(self, cut: str) -> Path:
        return self._folder / f"{cut}.left.json"

    @staticmethod
    def _write(place: Path, text: str) -> None:
        new = place.with_name(f"{place.name}.new")
        new.write_text(text)
        new.rename(place)
