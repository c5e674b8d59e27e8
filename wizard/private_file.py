"""A file that only its owner may read, written whole or not at all; and whose file one is."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable
from pathlib import Path

from wizard.errors import SetupError, UsageError


def write_private(path: Path, text: str, what: str) -> None:
    """Write the text to `path`, mode 0600; UsageError when it cannot be: `what` says what it is.

    An older file of that name is replaced whole, or stays whole.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(
            f"{what} cannot be written to {path}: {error.strerror or error}.",
            hint="Choose a folder that you may write to.",
        ) from None


class NotAFile(OSError):
    """There is something else at that path: a folder, a device, a pipe."""

    def __init__(self) -> None:
        super().__init__(0, "it is no file")


def read_file(path: Path, limit: int) -> tuple[bytes, os.stat_result]:
    """A file's first `limit` bytes, and whose it is and who may change it, as it was opened.

    OSError when it cannot be read. Nothing but a file is opened: a device may do something, and a
    pipe without a writer would make it wait for ever.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise NotAFile
    # It may be another by now: hence O_NONBLOCK, and another look.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            raise NotAFile
        return file.read(limit), state


def refuse_what_others_can_change(paths: Iterable[Path], refusal: type[SetupError]) -> None:
    """Raise the refusal for a file or folder, of those that are there, that is another user's or
    that others may write to: what is done as root by what stands in it, they could have chosen.
    """
    for path in paths:
        try:
            state = path.stat()
        except OSError:
            continue  # who opens it is told
        name = shlex.quote(str(path))
        if state.st_uid not in {0, os.geteuid()}:
            raise refusal(
                f"{path} belongs to another user, who could have changed what is in it.",
                hint=f"Nothing is done by it. If you know what is in it: chown -R root: {name}",
            )
        if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            mode = stat.S_IMODE(state.st_mode)
            raise refusal(
                f"Others may write to {path} (mode {mode:o}): they could have changed it.",
                hint=f"Nothing is done by it. If you know what is in it: chmod -R go= {name}",
            )


def trusted_users() -> frozenset[int]:
    """The users whose files are trusted: root, and who may have become root by sudo."""
    before = os.environ.get("SUDO_UID", "")
    return frozenset({0, os.geteuid(), *([int(before)] if before.isdecimal() else [])})
