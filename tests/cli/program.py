"""The real program as a process: what the tests of the command line start it with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
STOCK = ROOT / "tests" / "facts" / "stock.json"


def environment(**others: str) -> dict[str, str]:
    """A plain environment, with a terminal that nobody has."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        **others,
    }


def xen_setup(
    *arguments: str | Path, user: int | None = None, stdin: str | None = None, **others: str
) -> subprocess.CompletedProcess[str]:
    """Run it to its end. `user`: as whom (a number); `stdin`: text, else nothing is there."""
    given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    return subprocess.run(
        [sys.executable, "-P", "-m", "wizard", *map(str, arguments)],
        capture_output=True, text=True, env=environment(**others), timeout=120, check=False,
        user=user, cwd=ROOT, **given,
    )  # fmt: skip
