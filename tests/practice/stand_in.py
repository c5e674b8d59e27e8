"""A process that stands in for a machine's QEMU: the pid file's path is among its words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SLEEPS = "print(flush=True); import time; time.sleep(60)"


@contextmanager
def running(pid_file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """It runs and its number is in the file, until the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-c", _SLEEPS, str(pid_file)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        pid_file.write_text(f"{process.pid}\n")
        try:
            yield process
        finally:
            process.kill()
