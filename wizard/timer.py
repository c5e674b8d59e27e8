"""A dead man's switch: systemd runs a command later, unless it is told in time not to.

It outlives this program, its terminal and the network connection it was started over.
"""

from __future__ import annotations

from wizard.actions import Argv
from wizard.errors import StepFailed
from wizard.running import Running

UNIT = "xen-setup-unconfirmed"
AGAIN = 20  # seconds between tries: the first may come while the program still holds the lock
LATER = 15  # seconds after the program itself would have taken the step back
_TIME = 30.0


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


def arm(running: Running, argv: Argv, seconds: int) -> bool:
    """Start the timer; false where there is no systemd to do it."""
    try:
        return running.quietly(arm_command(argv, seconds), _TIME).status == 0
    except StepFailed:
        return False


def disarm(running: Running) -> None:
    """Stop the timer, if it runs."""
    # Only the timer: the service may be who calls this.
    if running.ask(("systemctl", "is-active", f"{UNIT}.timer"), _TIME).status == 0:
        running.quietly(("systemctl", "stop", f"{UNIT}.timer"), _TIME)
