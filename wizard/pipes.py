"""Pipes to a command that may be gone: writing to one, and closing it, is then no error."""

from __future__ import annotations

import os
from typing import IO


def write_some(pipe: IO[bytes], waiting: memoryview) -> memoryview:
    """What is still to be written; nothing when the reader has gone."""
    if not waiting:
        return waiting
    try:
        return waiting[os.write(pipe.fileno(), waiting) :]
    except BlockingIOError:
        return waiting
    except BrokenPipeError:
        return waiting[:0]


def close_pipe(pipe: IO[bytes]) -> None:
    """Close a pipe; that its reader has gone is no error."""
    try:
        pipe.close()
    except BrokenPipeError:
        return
