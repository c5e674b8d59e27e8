"""What can go wrong, seen from the user's side.

Each error says what is wrong and what to do next, and carries its exit status:

    SetupError                 1   (raised itself only for a bug)
    ├── UsageError             2   the command line, or how it was started
    ├── AnswersInvalid         3   the answers; holds every problem
    ├── ChecksFailed           4   the machine is not fit; nothing was changed
    ├── StepFailed             5   a step failed (the pipeline decides between 5, 6 and 7)
    ├── RollbackIncomplete     6   something could not be taken back
    ├── Conflict               6   an undo that would destroy someone else's work: left alone
    ├── Stopped                7   stopped on the way; `resume` goes on
    │   └── Interrupted            130, 143, 129   by Ctrl-C, SIGTERM, a closed terminal
    ├── RebootNeeded           8   the next thing to do is to boot
    ├── Locked                 9   another run holds the lock
    └── Cancelled             10   the user said no; nothing was changed
"""

from __future__ import annotations

import errno
from enum import IntEnum
from typing import NamedTuple


class Exit(IntEnum):
    """The exit statuses, the same in every command; 129, 130, 143: SIGHUP, SIGINT, SIGTERM."""

    DONE = 0
    BUG = 1
    USAGE = 2
    ANSWERS_INVALID = 3
    CHECKS_FAILED = 4
    ROLLED_BACK = 5
    ROLLBACK_INCOMPLETE = 6
    STOPPED = 7
    REBOOT_NEEDED = 8
    LOCKED = 9
    CANCELLED = 10
    SOMETHING_TO_DO = 20  # only of `plan --detailed-exitcode`
    NOT_KNOWN = 21  # only of `explain`
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class SetupError(Exception):
    """Something the user is told: `what` is wrong, and `hint`, what to do about it."""

    status = Exit.BUG

    def __init__(self, what: str, *, hint: str = "", details: tuple[str, ...] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.details = details  # last lines of a command, names of files, shown below
        self.likely: tuple[str, ...] = ()  # the likely cause and what to do, where a rule knows it
        self.first_problem = ""  # what a check or a verification found first

    @property
    def to_keep(self) -> str:
        """What is kept of it for who asks later: with what was wrong, or the likely cause."""
        return " ".join(
            (self.what, *([self.first_problem] if self.first_problem else self.likely[:1]))
        )


class UsageError(SetupError):
    """The command line is wrong, or the program was started where it cannot work."""

    status = Exit.USAGE


# No dataclass: their module takes as long to import as the rest of what --help needs.
class AnswerProblem(NamedTuple):
    """One thing wrong with the answers, and where: line and column count from 1, 0 is unknown.

    `missing`: there is no answer, and what is known of the machine suggests none. `excerpt` is
    the line it stands in, and a mark below it.
    """

    key: str
    what: str
    hint: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    missing: bool = False
    excerpt: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else ""
        if self.file and not self.line:
            place = f"{self.file}: "
        key = f"{self.key}: " if self.key else ""
        excerpt = "".join(f"\n    {line}" for line in self.excerpt.splitlines())
        return f"{place}{key}{self.what}" + (f" {self.hint}" if self.hint else "") + excerpt


class AnswersInvalid(SetupError):
    """The answers cannot be used; `problems` holds all that is wrong with them."""

    status = Exit.ANSWERS_INVALID

    def __init__(self, problems: tuple[AnswerProblem, ...], *, what: str = "") -> None:
        count = len(problems)
        noun, them = ("problem", "it") if count == 1 else ("problems", "them")
        place = ""
        if any(problem.line for problem in problems):
            place = " in the answer file"
        elif not any(problem.file for problem in problems):
            place = " with --set KEY=VALUE, or in an answer file,"
        super().__init__(
            what or f"The answers have {count} {noun}.",
            hint=f"Mend {them}{place} and start again; nothing was changed.",
            details=tuple(str(problem) for problem in problems),
        )
        self.problems = problems


class ChecksFailed(SetupError):
    """The machine or the settings are not fit; nothing was changed."""

    status = Exit.CHECKS_FAILED


class StepFailed(SetupError):
    """An action or a verification failed; the pipeline chooses what becomes of the run."""

    status = Exit.ROLLED_BACK


class RollbackIncomplete(SetupError):
    """Something could not be taken back; what and why stands in `details`."""

    status = Exit.ROLLBACK_INCOMPLETE


class Conflict(SetupError):
    """One action is not taken back, since it would destroy what is not ours."""

    status = Exit.ROLLBACK_INCOMPLETE


class Stopped(SetupError):
    """The run stopped on the way and can go on."""

    status = Exit.STOPPED


class Interrupted(Stopped):
    """A signal stopped the run; `status` is 128 and the signal's number."""

    status = Exit.INTERRUPTED

    def __init__(
        self, what: str, *, hint: str = "", details: tuple[str, ...] = (), status: Exit
    ) -> None:
        super().__init__(what, hint=hint, details=details)
        self.status = status


class RebootNeeded(SetupError):
    """All is ready for the boot that the plan asks for."""

    status = Exit.REBOOT_NEEDED


class Locked(SetupError):
    """Another run holds the lock."""

    status = Exit.LOCKED


class Cancelled(SetupError):
    """The user said no, and nothing was changed."""

    status = Exit.CANCELLED


def from_os(error: OSError, why: str) -> StepFailed:
    """What the kernel refused to an action that is done for that reason."""
    advice = {
        errno.ENOSPC: "Free some space (see `df -h`), and go on.",
        errno.EROFS: "The filesystem is read-only: see `dmesg` for why.",
        errno.EPERM: "Somebody may have made it unchangeable: `lsattr` shows an i or an a then, "
        "and `chattr -i -a` takes that away.",
        errno.EXDEV: "The two places are on different filesystems.",
    }
    return StepFailed(
        f"{error.filename or 'The machine'}: {error.strerror}.",
        hint=advice.get(error.errno or 0, f"This was to be done: {why}"),
    )
