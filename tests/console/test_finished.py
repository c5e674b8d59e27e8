"""The last lines of a run: how long it took, and since when that is counted."""

from __future__ import annotations

import io
from pathlib import Path

from wizard.console import Console
from wizard.journal import Stamped, Store, lasted
from wizard.records import Finished
from wizard.wishes import Outcome


def told(tmp_path: Path, begun_before: float) -> str:
    stream = io.StringIO()
    run = Store(tmp_path).new_run("version: 1\n")
    console = Console(stream, plain=True)
    console.finished(Outcome(run, 137.0, 95.0), (), begun_before=begun_before)
    return " ".join(stream.getvalue().split())


def test_a_run_without_a_break_says_its_time(tmp_path: Path) -> None:
    assert "Done and verified in 2 min 17 s (1 min 35 s of it in commands)." in told(tmp_path, 0)


def test_a_run_over_a_boot_says_since_when_each_time_is_counted(tmp_path: Path) -> None:
    words = "Done and verified 17 min after the run began, 2 min 17 s after it last went on (1 min"
    assert words in told(tmp_path, 1020.0)


def test_a_journal_tells_how_long_its_run_took_and_a_clock_set_back_makes_no_negative() -> None:
    def at(*times: str) -> float:
        return lasted([Stamped(Finished(), f"2026-11-26T{time}Z") for time in times])

    assert 0.0 == at()
    assert 3725.0 == at("07:00:00", "09:00:00", "08:02:05")
    assert 0.0 == at("07:00:00", "06:00:00")
