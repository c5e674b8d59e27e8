"""Disks that are full, broken, read-only: each write of files and journal of the full plan fails.

Files fail where the engine's checkpoints are (after opening, before renaming), the journal in
pwrite and fsync, which the store gets passed in.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.fast import share
from tests.faults.ground import Ground, Wrong, attempt
from wizard.errors import RollbackIncomplete, SetupError, StepFailed, Stopped
from wizard.journal import Means

ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EMFILE)


@pytest.fixture(scope="module", params=["fresh", "part-present"])
def ground(request: pytest.FixtureRequest, grounds: Callable[[str], Ground]) -> Ground:
    return grounds(request.param)


@dataclass
class FailAt:
    """A checkpoint at which a file cannot be written, the n-th time it is passed."""

    number: int
    error: int
    names: tuple[str, ...] = ("file: opened", "file: written beside")
    passed: int = 0

    def __call__(self, name: str) -> None:
        if name in self.names:
            self.passed += 1
            if self.passed == self.number:
                raise OSError(self.error, os.strerror(self.error), "/a/file")


def test_a_file_that_cannot_be_written_stops_the_run_and_loses_nothing(ground: Ground) -> None:
    host, wrong = ground.host, Wrong()
    places = len([one for one in ground.applying if "file: opened" in one.point]) * 2
    cases = [(number, error) for number in range(1, places + 1) for error in ERRORS]
    for number, error in share(cases):
        trace = f"write {number}: {errno.errorcode[error]}"
        host.restore(ground.undisturbed.before)
        failing = FailAt(number, error)
        host.at_point = failing
        met = _fails(host.apply)
        host.at_point = lambda _name: None
        assert failing.passed >= number, trace
        if not isinstance(met, StepFailed | Stopped | RollbackIncomplete) or not met.hint:
            wrong.note(trace, [f"it ended with {met!r}"])
        if isinstance(met, Stopped):
            wrong.note(trace, attempt(host.go_on))
            wrong.note(trace, ground.wrong_at_the_end())
        if not isinstance(met, StepFailed):
            wrong.note(trace, attempt(host.roll_back))
        wrong.note(trace, ground.wrong_at_the_start())
    assert [] == wrong.found


def test_a_file_that_cannot_be_put_back_is_named_and_comes_back_later(ground: Ground) -> None:
    host, wrong = ground.host, Wrong()
    places = len([one for one in ground.undoing if "file: opened" in one.point]) * 2
    for number, error in share([(n, e) for n in range(1, places + 1) for e in ERRORS]):
        trace = f"write {number}: {errno.errorcode[error]}"
        host.restore(ground.undisturbed.after)
        host.at_point = FailAt(number, error)
        met = _fails(host.roll_back)
        host.at_point = lambda _name: None
        if not isinstance(met, RollbackIncomplete) or not met.details:
            wrong.note(trace, [f"it ended with {met!r}"])
        wrong.note(trace, attempt(host.roll_back))
        wrong.note(trace, ground.wrong_at_the_start())
    assert [] == wrong.found


@dataclass
class BadDisk:
    """A disk on which the n-th write of a record goes wrong, in a way."""

    number: int
    way: str
    writes: int = 0
    syncs: int = 0
    failed: bool = field(default=False)

    @property
    def means(self) -> Means:
        return Means(self.write, self.sync)

    def write(self, descriptor: int, data: bytes, offset: int) -> int:
        self.writes += 1
        if self.writes == self.number and self.way != "sync":
            self.failed = True
            if self.way == "short":
                return os.pwrite(descriptor, data[: len(data) // 2], offset)
            if self.way == "torn":
                os.pwrite(descriptor, data[: len(data) // 2], offset)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            number = int(self.way)
            raise OSError(number, os.strerror(number))
        return os.pwrite(descriptor, data, offset)

    def sync(self, descriptor: int) -> None:
        self.syncs += 1
        if self.syncs == self.number and self.way == "sync":
            self.failed = True
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fsync(descriptor)


WAYS = (*(str(number) for number in ERRORS), "torn", "sync", "short")


@pytest.mark.parametrize("back", [False, True], ids=["apply", "rollback"])
def test_a_record_that_cannot_be_written_stops_before_the_machine_is_touched(
    ground: Ground, back: bool
) -> None:
    host, wrong = ground.host, Wrong()
    work: Callable[[], None] = host.roll_back if back else host.apply
    begin = ground.undisturbed.after if back else ground.undisturbed.before
    for number in share(range(1, _records_of(ground, work, back) + 1)):
        way = WAYS[number % len(WAYS)]
        trace = f"record {number}: {way}"
        host.restore(begin)
        disk = BadDisk(number, way)
        host.means = disk.means
        met = _fails(work)
        host.means = Means()
        assert disk.failed, trace
        if way == "short":
            assert met is None, trace  # the rest was written after it
        elif not isinstance(met, Stopped) or not met.hint:
            wrong.note(trace, [f"it ended with {met!r}"])
        if back:
            wrong.note(trace, attempt(host.roll_back))
            wrong.note(trace, ground.wrong_at_the_start())
        elif number % 2:
            wrong.note(trace, attempt(host.go_on))
            wrong.note(trace, ground.wrong_at_the_end())
        else:
            wrong.note(trace, attempt(host.roll_back))
            wrong.note(trace, ground.wrong_at_the_start())
    assert [] == wrong.found


def _records_of(ground: Ground, work: Callable[[], None], back: bool) -> int:
    """How many records some work writes."""
    host = ground.host
    host.restore(ground.undisturbed.after if back else ground.undisturbed.before)
    disk = BadDisk(0, "none")
    host.means = disk.means
    work()
    host.means = Means()
    return disk.writes


def _fails(work: Callable[[], None]) -> SetupError | None:
    try:
        work()
    except SetupError as error:
        return error
    return None
