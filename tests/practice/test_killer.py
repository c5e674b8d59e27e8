"""The program that kills another one at its lines, tried on one that goes on where it was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

KILLER = Path(__file__).parent.parent / "vm/killer.py"
# Three pieces of work, each of a quarter of a second; it goes on with the first that is not done.
WORKER = """\
import pathlib, sys, time
done = pathlib.Path(sys.argv[1])
for piece in ("one", "two", "three"):
    if piece in done.read_text():
        continue
    print(f"    $ {piece}", flush=True)
    time.sleep(0.25)
    done.write_text(done.read_text() + piece + "\\n")
print("all done", flush=True)
sys.exit(5)
"""


def test_each_line_of_the_kind_is_killed_twice_and_then_goes_on(tmp_path: Path) -> None:
    worker, done = tmp_path / "worker.py", tmp_path / "done"
    worker.write_text(WORKER)
    done.touch()
    argv = [sys.executable, str(worker), str(done)]
    finished = subprocess.run(
        [sys.executable, str(KILLER), "7", r"^ +\$ (.*)$", "--", *argv, "--", *argv],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    told = json.loads(finished.stdout)
    assert told["status"] == 5
    assert set(told["counts"]) == {"one", "two", "three"}
    assert told["counts"]["one"] == 2
    assert [kill["kill"] for kill in told["kills"] if kill["at"] == "one"] == [1, 2]
    assert told["kills"][0]["after"] < 0.2
    assert done.read_text().split() == ["one", "two", "three"]
    assert finished.stderr.splitlines()[-1] == "all done"


def test_one_that_ends_by_itself_before_any_such_line_is_left_alone(tmp_path: Path) -> None:
    argv = ["sh", "-c", "echo nothing of the kind; exit 3"]
    finished = subprocess.run(
        [sys.executable, str(KILLER), "7", r"\$ (.*)$", "--", *argv, "--", *argv],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert json.loads(finished.stdout) == {"status": 3, "kills": [], "counts": {}}
