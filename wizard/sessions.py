"""Sessions of processes: who is in one, and its end.

Every command is started as the leader of a session of its own, so that whatever it starts can be
found and ended with it.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Protocol

_GRACE = 5.0  # seconds from TERM to KILL
_KILL_WAIT = 2.0  # seconds for the kernel to be done with killed processes


class Child(Protocol):
    """A process of ours that has to be waited for, or it stays as a zombie."""

    def poll(self) -> int | None: ...
    def wait(self) -> int: ...


def end_session(leader: int, process: Child | None = None, grace: float = _GRACE) -> None:
    """End all processes of a session: TERM, `grace` seconds, KILL. None left is no error."""
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, _KILL_WAIT)):
        deadline = time.monotonic() + patience
        _signal(leader, number)
        while session_members(leader) and time.monotonic() < deadline:
            if process is not None:
                process.poll()
            time.sleep(0.02)
            if number == signal.SIGKILL:
                _signal(leader, number)  # who was born meanwhile
    if process is not None:
        process.wait()


def session_members(leader: int) -> list[int]:
    """The living processes whose session is `leader`'s."""
    members = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        fields = process_fields(int(entry.name))
        if fields is not None and int(fields[3]) == leader and fields[0] != "Z":
            members.append(int(entry.name))
    return members


def process_fields(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on (proc(5)); None when it is gone.

    [0] is the state, [3] the session, [19] the start time in clock ticks since boot.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in parentheses, may hold spaces and parentheses of its own.
    return text.rpartition(")")[2].split()


def _signal(leader: int, number: signal.Signals) -> None:
    for pid in session_members(leader):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
