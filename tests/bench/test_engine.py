"""What the engine itself costs: for each action, and as a share of a run's time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.bench.share import share
from tests.bench.test_start import BARE, processor_seconds
from tests.cli.program import environment
from tests.engine.world import Piece, Task, World
from wizard.actions import MakeDirectory
from wizard.log import Log

ACTIONS = 40


def test_an_action_against_a_bare_python(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(tmp_path)
    world.tree.mkdir()
    world.boot.write_text("boot-1")
    places = [world.tree / f"{number:02}" for number in range(ACTIONS)]
    world.tasks = [
        Task("many", [Piece(MakeDirectory(str(p), "A place."), p.is_dir) for p in places])
    ]
    begun = time.process_time()
    world.apply()
    each = (time.process_time() - begun) / ACTIONS
    bare = min(processor_seconds(BARE, environment()) for _ in range(5))
    with capsys.disabled():
        print(f"\n  one action: {each / bare:.2f} times `python3 -c pass`; aim: under 1")
    assert all(place.is_dir() for place in places)
    assert each > 0


def test_the_share_is_read_from_the_line_that_a_run_leaves_in_its_log(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.note("apply: 400.0 s, of these 390.0 s in commands")
    log.output("resume: 1.0 s, of these 9.0 s in commands\n")  # a command's own words
    log.note("resume: 100.0 s, of these 95.0 s in commands")
    found = share((tmp_path / "log").read_text())
    assert (found.whole, found.commands) == (500.0, 485.0)
    assert round(found.engine, 3) == 0.03
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_a_log_without_a_time_is_no_measurement() -> None:
    with pytest.raises(ValueError, match="no line"):
        share("[2026-01-01 00:00:00] $ xl list\n")
