"""What the answer of a probe's command says: it is there, it is not, or that cannot be told."""

from __future__ import annotations

import re
import shlex

from wizard.actions import CommandShows
from wizard.commands import NOT_INSTALLED, PACKAGES, Answer
from wizard.errors import StepFailed

# Of commands.ask: its time was out. Of a shell and of commands.ask: it cannot be started.
_TIME_OUT, _NOT_EXECUTABLE, _NO_PROGRAM = 124, 126, 127


def shows(probe: CommandShows, answer: Answer) -> bool:
    """Whether it shows that the work is there."""
    if answer.status != 0:
        return False
    return (re.search(probe.pattern, answer.out, re.MULTILINE) is not None) is not probe.lacks


def still_shows(probe: CommandShows, answer: Answer) -> bool:
    """Whether it shows something to take back. Raises `StepFailed` where it does not tell: taken
    for "nothing", what stays would be forgotten.
    """
    if answer.status == 0:
        return shows(probe, answer)
    command = f"`{shlex.join(probe.argv)}`"
    cannot = "so it cannot be told whether there is something to take back."
    hint = "See what it says when you run it; then go on."
    # A wrapper may end with the same status: Debian's xl, without its version.
    if answer.status == _NO_PROGRAM and NOT_INSTALLED in answer.err:
        if probe.by_program:
            return False
        package = PACKAGES.get(probe.argv[0], f"that {probe.argv[0]} is in")
        raise StepFailed(
            f"The program {probe.argv[0]} is not there, {cannot}",
            hint=f"Install the package {package} again; then go on.",
        )
    if answer.status == _TIME_OUT:
        raise StepFailed(f"{command} did not answer in time, {cannot}", hint=hint)
    strange = answer.status < 0 or answer.status in (_NOT_EXECUTABLE, _NO_PROGRAM)
    if strange or (probe.absent and not re.search(probe.absent, answer.err)):
        raise StepFailed(
            f"{command} failed (exit status {answer.status}), {cannot}",
            hint=hint,
            details=tuple(answer.err.splitlines()[-6:]),
        )
    return False
