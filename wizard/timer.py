"""A dead man's switch: a command is run later, unless it is told in time that it need not be.

It outlives this program, its terminal and the network connection it was started over: a timer of
systemd's, or, where another init runs, a shell in a session of its own that only sleeps.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from wizard.actions import Argv
from wizard.errors import StepFailed
from wizard.running import Running
from wizard.sessions import end_session

UNIT = "xen-setup-unconfirmed"
AGAIN = 20  # seconds between tries: the first may come while the program still holds the lock
LATER = 15  # seconds after the program itself would have taken the step back
_TIME = 30.0
_START_TIME = 5.0

# Its note holds its own number for as long as it is wanted: who takes the note away, or puts
# another watchman's number there, has it end without a deed.
_WATCHMAN = """\
exec </dev/null >/dev/null 2>&1
trap '' HUP
note=$1 later=$2 again=$3
shift 3
wanted() { [ "$(cat "$note")" = $$ ]; }
echo $$ >"$note.new" && mv -f "$note.new" "$note" || exit
sleep "$later"
while wanted; do
    "$@"
    wanted || exit 0
    sleep "$again"
done
"""


def arm_command(argv: Argv, seconds: int) -> Argv:
    """The command that has systemd run `argv` after `seconds`, and again until it is stopped."""
    return (
        "systemd-run",
        f"--unit={UNIT}",
        "--collect",  # a failed try must not be in the way of the next timer
        "--description=Take back a change that was not confirmed",
        f"--on-active={seconds + LATER}",
        f"--on-unit-inactive={AGAIN}",
        "--timer-property=AccuracySec=1s",
        "--",
        *argv,
    )


def watchman_command(argv: Argv, note: Path, later: float, again: float) -> Argv:
    """The command that starts a shell which does the same, and is known by its note."""
    start = ("setsid", "--fork", "sh", "-c", _WATCHMAN, UNIT)
    return (*start, str(note), str(later), str(again), *argv)


def arm(running: Running, argv: Argv, seconds: int, note: Path) -> bool:
    """Start systemd's timer, or a watchman with this note; false where neither can be had."""
    return _succeeds(running, arm_command(argv, seconds)) or set_watchman(
        running, argv, note, seconds + LATER, AGAIN
    )


def set_watchman(running: Running, argv: Argv, note: Path, later: float, again: float) -> bool:
    """Have a shell run `argv` after `later` seconds, and then every `again`; whether it stands."""
    try:
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        note.unlink(missing_ok=True)
    except OSError:
        return False
    if not _succeeds(running, watchman_command(argv, note, later, again)):
        return False
    ends = time.monotonic() + _START_TIME
    while not note.exists() and time.monotonic() < ends:
        time.sleep(0.02)
    return note.exists()


def disarm(running: Running, note: Path) -> None:
    """Stop the timer and the watchman, if there is one."""
    # Only the timer: the service may be who calls this.
    if running.ask(("systemctl", "is-active", f"{UNIT}.timer"), _TIME).status == 0:
        running.quietly(("systemctl", "stop", f"{UNIT}.timer"), _TIME)
    try:
        watchman = int(note.read_text())
        words = Path(f"/proc/{watchman}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        watchman, words = 0, []
    with suppress(OSError):
        note.unlink()
    # Another process may have the number by now; and the watchman may be who calls this.
    if os.fsencode(note) in words and os.getsid(0) != watchman:
        end_session(watchman)


def _succeeds(running: Running, argv: Argv) -> bool:
    try:
        return running.quietly(argv, _TIME).status == 0
    except StepFailed:
        return False
