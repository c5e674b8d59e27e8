"""The real program as a process: what the tests of the command line start it with."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.fast import FAST
from tests.nursery import Nursery

ROOT = Path(__file__).parent.parent.parent
STOCK = ROOT / "steps" / "machines" / "stock.json"

# Compiled modules are kept, in the environment's cache and not in the checkout: where they are not
# (a user may forbid them), each start of the program compiles a hundred modules again.
BYTECODE = sys.pycache_prefix or str(Path(sys.executable).parents[2] / "bytecode")


def environment(**others: str) -> dict[str, str]:
    """A plain environment, with a terminal that nobody has."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": BYTECODE,
        **others,
    }


def below_temporary(path: Path) -> list[Path]:
    """The folders above a path that pytest made: one more where pytest-xdist runs it."""
    whole = Path(tempfile.gettempdir()).resolve()
    return [folder for folder in path.resolve().parents if whole in folder.parents]


@cache
def readable_by_all() -> Path:
    """A copy of the program for another user: the checkout may be in a home of one's own."""
    folder = Path(tempfile.mkdtemp(prefix="xen-setup-for-all-"))
    atexit.register(shutil.rmtree, folder)
    folder.chmod(0o755)
    for name in ("wizard", "steps"):
        shutil.copytree(ROOT / name, folder / name)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


@cache
def nursery() -> Nursery:
    """Where `tests/run fast` has the program from: one in each process that runs tests."""
    return Nursery(ROOT, environment())


def xen_setup(
    *arguments: str | Path, user: int | None = None, stdin: str | None = None, **others: str
) -> subprocess.CompletedProcess[str]:
    """Run it to its end. `user`: as whom (a number); `stdin`: text, else nothing is there."""
    program = ROOT if user is None else readable_by_all()
    others = {"PYTHONPATH": str(program), **others}
    argv = [sys.executable, "-P", "-m", "wizard", *map(str, arguments)]
    if FAST and user is None and nursery().takes(argv, environment(**others), stdin):
        return nursery().run(argv, ROOT, environment(**others), stdin=stdin, timeout=120)
    given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    return subprocess.run(
        argv,
        capture_output=True, text=True, env=environment(**others), timeout=120, check=False,
        user=user, cwd=program, **given,
    )  # fmt: skip
