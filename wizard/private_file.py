"""A file that only its owner may read, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from wizard.errors import UsageError


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
