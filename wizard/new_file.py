"""A file that a command writes for the user: a new one, never over another."""

from __future__ import annotations

import os
from pathlib import Path

from wizard.errors import UsageError


def create(path: Path, text: str, mode: int) -> None:
    """Write a new file; UsageError when there is one of that name, or it cannot be written."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise in_the_way(path) from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}.",
            hint="Choose a folder that is there, and that you may write to.",
        ) from None


def in_the_way(path: Path) -> UsageError:
    return UsageError(
        f"{path} is there already, and stays as it is.",
        hint="Choose another name, or move that file away.",
    )
