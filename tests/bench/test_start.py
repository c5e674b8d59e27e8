"""How long the program takes to start and to plan, as multiples of a bare Python's start.

CPU time of the processes, the best of several: other work on the machine shows less in it than in
the time on the wall. Ratios, since machines differ. They are told beside their aims, and not
asserted: a busy computer is not this program's fault.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.cli.program import ROOT, STOCK, environment

ROUNDS = 8
BARE = (sys.executable, "-c", "pass")
PROGRAM = (sys.executable, "-P", "-m", "wizard")


def processor_seconds(argv: Sequence[str], env: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, env=dict(env), cwd=ROOT, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ratio(argv: Sequence[str], rounds: int = ROUNDS, **others: str) -> tuple[float, float]:
    """How many bare Pythons a command costs, and its seconds. They take turns."""
    env = environment(**others)
    processor_seconds(argv, env)  # compiles what is not compiled yet
    pairs = [(processor_seconds(argv, env), processor_seconds(BARE, env)) for _ in range(rounds)]
    ours, bare = (min(times) for times in zip(*pairs, strict=True))
    return ours / bare, ours


def tell(
    capsys: pytest.CaptureFixture[str], what: str, times: float, seconds: float, aim: str
) -> None:
    with capsys.disabled():
        print(f"\n  {what}: {times:.1f} times `python3 -c pass` ({seconds * 1000:.0f} ms); {aim}")
    assert times > 1  # it did start


def test_help_against_a_bare_python(capsys: pytest.CaptureFixture[str]) -> None:
    times, seconds = ratio([*PROGRAM, "--help"])
    tell(capsys, "xen-setup --help", times, seconds, "aim: under 4 times")


def test_the_launcher_against_a_bare_python(
    capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = Path(sys.executable).parents[2]
    launcher = str(ROOT / "xen-setup")
    if not list(cache.glob("python3*/bin/python")):  # not started by tests/run
        cache = tmp_path_factory.mktemp("cache")
    times, seconds = ratio([launcher, "--help"], XEN_SETUP_CACHE=str(cache))
    tell(capsys, "./xen-setup --help", times, seconds, "aim: under 4 times")


def test_a_plan_of_the_whole_pipeline_against_a_bare_python(
    capsys: pytest.CaptureFixture[str],
) -> None:
    times, seconds = ratio([*PROGRAM, "plan", "--facts", str(STOCK)], rounds=4)
    tell(capsys, "xen-setup plan --facts", times, seconds, "aim: under a second")
