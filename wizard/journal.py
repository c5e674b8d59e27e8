"""The journal: append-only JSON lines, each with a checksum over itself and all before it.

    DIRECTORY/                /var/lib/xen-setup, root only
      lock                    held by the program that runs; who and since when stands in it
      runs/0001/journal.jsonl
      runs/0001/backups/      files as they were
      runs/0001/answers.yaml  the answers of the run, without secrets
      runs/0001/plan.json     the saved plan that the run is held to, if there is one
      runs/0001/log           what the commands printed

A record is on the disk before the machine is touched. A last line that was cut off (a power cut
while it was written) is dropped: what it announced was not begun. Anything else that does not
fit stops everything, with a sentence: a journal that cannot be trusted undoes nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, cast

from wizard.codec import CodecError, decode, encode
from wizard.errors import Exit, Locked, SetupError, Stopped, UsageError
from wizard.files import sync_directory, write_atomically
from wizard.private_file import refuse_what_others_can_change
from wizard.records import VERSION, Ledger, Record, RunBegun, replay
from wizard.running import Workplace

STATE = Path("/var/lib/xen-setup")
_LOCK_PATIENCE = 0.4  # seconds: `status` may hold the lock for a moment
_START = "0" * 32  # the checksum before the first record


class JournalDamaged(SetupError):
    """The journal cannot be trusted; nothing was read from it, and nothing done."""

    status = Exit.CHECKS_FAILED


@dataclass(frozen=True)
class Stamped:
    """A record with the time it was written at (ISO 8601, UTC): for the reader, never for order."""

    record: Record
    time: str


def lasted(records: Sequence[Stamped]) -> float:
    """The seconds from the first record to the last, by a clock that may have been set between."""
    if not records:
        return 0.0
    first, last = (datetime.fromisoformat(records[place].time) for place in (0, -1))
    return max(0.0, (last - first).total_seconds())


def machine_fingerprint(machine_id: Path = Path("/etc/machine-id")) -> str:
    """A hash that tells this machine from others; "" when it has no id."""
    try:
        text = machine_id.read_text().strip()
    except OSError:
        return ""
    return hashlib.sha256(f"xen-setup {text}".encode()).hexdigest()[:32] if text else ""


def _checksum(body: dict[str, Any], before: str) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(f"{before}{text}".encode()).hexdigest()[:32]


def _line(record: Record, number: int, now: str, before: str) -> tuple[bytes, str]:
    body = {"n": number, "time": now, "record": encode(record, Record)}
    checksum = _checksum(body, before)
    text = json.dumps({**body, "sum": checksum}, separators=(",", ":"), ensure_ascii=True)
    return text.encode() + b"\n", checksum


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@dataclass(frozen=True)
class Content:
    """A journal as read. `length` is where the next record goes; `checksum` what it builds on."""

    records: tuple[Stamped, ...]
    length: int
    checksum: str


def read_journal(path: Path, machine: str) -> Content:
    """All records of a journal; raises `JournalDamaged` when it cannot be trusted.

    A last record that lacks only its line's end counts: what it says is true in any case.
    `machine` is this machine's fingerprint: another's journal is refused. No file reads as empty.
    """
    data = _bytes_of(path)
    records: list[Stamped] = []
    length, checksum = 0, _START
    while length < len(data):
        end = data.find(b"\n", length)
        line = data[length:] if end < 0 else data[length:end]
        try:
            stamped, after = _parse(line, len(records), checksum)
        except (ValueError, KeyError, TypeError) as error:
            if end < 0 or not data[length:].strip(b"\0\n"):
                break  # cut off, or the zeros that some filesystems leave for unwritten bytes
            raise _damaged(path, len(records) + 1, error) from error
        records.append(stamped)
        _check_header(path, records, machine)
        checksum = after
        length += len(line) + 1
    return Content(tuple(records), length, checksum)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise JournalDamaged(
            f"The journal {path} cannot be read: {error.strerror}.",
            hint="Make it readable again; nothing is done or undone without it.",
        ) from error


@lru_cache(maxsize=4096)  # a run reads its journal several times, and long ones are long
def _parse(line: bytes, number: int, before: str) -> tuple[Stamped, str]:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise CodecError("no object")
    checksum = value.pop("sum")
    if checksum != _checksum(value, before):
        version = _version_of(value)
        if version is not None and version > VERSION:
            raise CodecError(f"it is of version {version}")
        raise CodecError("its checksum is wrong")
    version = _version_of(value)
    if version is not None and version > VERSION:
        raise CodecError(f"it is of version {version}")
    if value["n"] != number:
        raise CodecError("it is not in its place")
    record: Record = decode(cast(Any, Record), value["record"])
    return Stamped(record, str(value["time"])), checksum


def _version_of(value: dict[str, Any]) -> int | None:
    record = value.get("record")
    version = record.get("version") if isinstance(record, dict) else None
    return version if isinstance(version, int) else None


def _damaged(path: Path, line: int, error: Exception) -> JournalDamaged:
    if "version" in str(error):
        return JournalDamaged(
            f"The journal {path} was written by a newer xen-setup.",
            hint="Use that version to go on or to roll back.",
        )
    return JournalDamaged(
        f"The journal {path} is damaged in line {line}: {error}.",
        hint="Nothing is done or undone by a journal that cannot be trusted. The files as they "
        f"were are in {path.parent / 'backups'}; to start afresh, move {path.parent} away.",
    )


def _check_header(path: Path, records: list[Stamped], machine: str) -> None:
    header = records[0].record
    if not isinstance(header, RunBegun):
        raise JournalDamaged(
            f"The journal {path} has no beginning.",
            hint=f"To start afresh, move {path.parent} away.",
        )
    if header.machine and machine and header.machine != machine:
        raise JournalDamaged(
            f"The journal {path} is another machine's.",
            hint=f"Nothing in it is undone here. If this machine is a copy of that one, "
            f"move {path.parent} away and start again.",
        )


def meaning(path: Path, records: tuple[Stamped, ...]) -> Ledger:
    """What the records say together; `JournalDamaged` for what no run of ours says."""
    try:
        return replay(stamped.record for stamped in records)
    except (KeyError, ValueError) as error:
        raise JournalDamaged(
            f"The journal {path} speaks of something that was never begun: {error}.",
            hint="Nothing is done or undone by a journal that cannot be trusted. The files as they "
            f"were are in {path.parent / 'backups'}; to start afresh, move {path.parent} away.",
        ) from error


@dataclass(frozen=True)
class Means:
    """How records reach the disk, and what time it is: tests pass others."""

    write: Callable[[int, bytes, int], int] = os.pwrite
    sync: Callable[[int], None] = os.fsync
    now: Callable[[], str] = _now


_USUAL = Means()
# Of a run that is only played: nothing of it need outlast a power cut.
UNSYNCED = Means(sync=lambda _descriptor: None)


class Journal:
    """One run's journal, open for appending. `ledger` is always what the records say together."""

    def __init__(self, path: Path, machine: str, means: Means = _USUAL) -> None:
        content = read_journal(path, machine)
        self.path = path
        self.ledger = meaning(path, content.records)
        self._count = len(content.records)
        self._length = content.length
        self._checksum = content.checksum
        self._means = means

    def append(self, record: Record) -> None:
        """Write a record, on the disk when this returns; raises `Stopped` when that fails."""
        line, checksum = _line(record, self._count, self._means.now(), self._checksum)
        try:
            self._write(line)
        except OSError as error:
            raise Stopped(
                f"The journal {self.path} cannot be written: {error.strerror}.",
                hint="Nothing was touched without being noted. Mend that (a full disk? `df -h`), "
                "then go on with `xen-setup resume`.",
            ) from error
        self._count += 1
        self._length += len(line)
        self._checksum = checksum
        self.ledger.take(record)

    def next_entry(self) -> int:
        """The number of the next action: that of its record."""
        return self._count

    def _write(self, line: bytes) -> None:
        new = not self.path.exists()
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, 0o600)
        try:
            # What a power cut left half written goes now: it was never acknowledged.
            os.ftruncate(descriptor, self._length)
            if self._length:
                os.pwrite(descriptor, b"\n", self._length - 1)
            try:
                written = 0
                while written < len(line):
                    written += self._means.write(descriptor, line[written:], self._length + written)
                self._means.sync(descriptor)
            except OSError:
                os.ftruncate(descriptor, self._length)
                raise
        finally:
            os.close(descriptor)
        if new:
            sync_directory(self.path.parent)


@dataclass(frozen=True)
class RunDirectory:
    """One run's place on the disk."""

    path: Path

    @property
    def number(self) -> int:
        """Runs are numbered from 1, in order."""
        return int(self.path.name)

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.path / "journal.jsonl"

    @property
    def answers(self) -> Path:
        """The answers of the run, without secrets."""
        return self.path / "answers.yaml"

    @property
    def plan(self) -> Path:
        """The saved plan that the run is held to; not there for most runs."""
        return self.path / "plan.json"

    @property
    def workplace(self) -> Workplace:
        """Its log and backups."""
        return Workplace(log=self.path / "log", backups=self.path / "backups")


@dataclass(frozen=True)
class Holder:
    """Who holds the lock."""

    pid: int
    since: str
    command: str


class Store:
    """All runs of this machine. `machine` is its fingerprint."""

    def __init__(
        self,
        directory: Path = STATE,
        fingerprint: Callable[[], str] = machine_fingerprint,
        means: Means = _USUAL,
    ) -> None:
        self.directory = directory
        self._means = means
        self._fingerprint = fingerprint

    @contextmanager
    def lock(self, command: str) -> Iterator[None]:
        """Hold the lock of this machine; raises `Locked` when another run does."""
        self._make(self.directory)
        refuse_what_others_can_change((self.directory,), JournalDamaged)
        path = self.directory / "lock"
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise _cannot(path, error) from error
        try:
            deadline = time.monotonic() + _LOCK_PATIENCE
            while not _try_lock(descriptor):
                if time.monotonic() > deadline:
                    raise _locked(self.holder())
                time.sleep(0.05)
            text = json.dumps({"pid": os.getpid(), "since": self._means.now(), "command": command})
            try:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, text.encode(), 0)
            except OSError as error:
                raise _cannot(path, error) from error
            try:
                yield
            finally:
                os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def running(self) -> Holder | None:
        """Who holds the lock now; None when it is free."""
        try:
            descriptor = os.open(self.directory / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            if _try_lock(descriptor, fcntl.LOCK_SH):
                return None
        finally:
            os.close(descriptor)
        return self.holder()

    def holder(self) -> Holder:
        """What the lock's holder wrote into it; zeros and nothing if that cannot be read."""
        try:
            value = json.loads((self.directory / "lock").read_text())
            return Holder(int(value["pid"]), str(value["since"]), str(value["command"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Holder(0, "", "")

    def runs(self) -> list[RunDirectory]:
        """All runs, oldest first; a directory in which nothing was begun is none."""
        top = self.directory / "runs"
        try:
            found = [RunDirectory(path) for path in top.iterdir() if path.name.isdecimal()]
        except FileNotFoundError:
            return []
        except PermissionError as error:
            raise UsageError(
                f"Only root can read {top}, where the journals are.",
                hint="Type it with sudo in front.",
            ) from error
        except OSError as error:
            raise JournalDamaged(
                f"{top} cannot be read: {error.strerror}.",
                hint="Nothing is done or undone without it: move what is in its place away.",
            ) from error
        runs = sorted(found, key=lambda run: run.number)
        return [run for run in runs if os.path.lexists(run.journal)]

    def new_run(self, answers: str, plan: str = "") -> RunDirectory:
        """A place for a new run, with its answers, and with the plan that it is held to."""
        top = self.directory / "runs"
        self._make(top)
        taken = [int(path.name) for path in top.iterdir() if path.name.isdecimal()]
        run = RunDirectory(top / f"{max(taken, default=0) + 1:04}")
        self._make(run.workplace.backups)
        self._keep(run.answers, answers)
        if plan:
            self._keep(run.plan, plan)
        return run

    def keep_answers(self, run: RunDirectory, answers: str) -> None:
        """Let these be the run's answers from now on."""
        self._keep(run.answers, answers)

    def keeping(self, run: RunDirectory) -> Callable[[str], None]:
        """`keep_answers` of that run."""
        return partial(self.keep_answers, run)

    def _keep(self, path: Path, text: str) -> None:
        try:
            write_atomically(path, text.encode(), mode=0o600, uid=os.geteuid(), gid=os.getegid())
        except OSError as error:
            raise _cannot(path, error) from error

    def journal(self, run: RunDirectory) -> Journal:
        """The run's journal, open for appending; refused if others could have written in it."""
        files = (run.path.parent, run.path, run.journal, run.answers, run.plan)
        refuse_what_others_can_change((self.directory, *files), JournalDamaged)
        return Journal(run.journal, self._fingerprint(), self._means)

    def ledger(self, run: RunDirectory) -> Ledger:
        """What the run's journal says."""
        return meaning(run.journal, self.records(run))

    def records(self, run: RunDirectory) -> tuple[Stamped, ...]:
        """The run's records."""
        return read_journal(run.journal, self._fingerprint()).records

    @property
    def fingerprint(self) -> str:
        """This machine's."""
        return self._fingerprint()

    def _make(self, path: Path) -> None:
        try:
            missing = [place for place in (path, *path.parents) if not place.exists()]
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for place in missing:
                place.chmod(0o700)
                sync_directory(place.parent)
        except OSError as error:
            raise _cannot(path, error) from error


def unfinished_run(store: Store) -> RunDirectory | None:
    """The run that can go on: one whose rollback was cut off, whichever it is, and first one of
    which something is left; or the newest. One that never began, or is gone, counts for nothing.
    """
    known = [(run, store.ledger(run)) for run in reversed(store.runs())]
    known = [(run, ledger) for run, ledger in known if ledger.steps and not ledger.taken_back]
    back = [(run, ledger) for run, ledger in known if ledger.state == "rolling back"]
    if back:
        return min(back, key=lambda one: not one[1].to_take_back)[0]
    return known[0][0] if known and known[0][1].open else None


def _cannot(path: Path, error: OSError) -> Stopped:
    return Stopped(
        f"{path} cannot be written: {error.strerror}.",
        hint="Nothing was changed. xen-setup keeps its journal there: it needs root, and a disk "
        "that can be written (`df -h`).",
    )


def _try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked(holder: Holder) -> Locked:
    who = f"process {holder.pid} ({holder.command}), since {holder.since}" if holder.pid else "it"
    return Locked(
        f"Another xen-setup is at work: {who}.",
        hint="Wait until it ends; `xen-setup status` shows how far it is.",
    )
