"""ucf's books (ucf(1)): configuration that packages' scripts copy, of which dpkg knows nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def digests(root: Path) -> Iterator[tuple[str, str]]:
    """The MD5 of what a file was made from, and its path."""
    return _lines(root / "var/lib/ucf/hashfile")


def owners(root: Path) -> Iterator[tuple[str, str]]:
    """A package, and the path of a file of it."""
    return _lines(root / "var/lib/ucf/registry")


def _lines(book: Path) -> Iterator[tuple[str, str]]:
    with suppress(FileNotFoundError):
        for line in book.read_text(errors="surrogateescape").splitlines():
            match line.split(maxsplit=1):
                case [first, path]:
                    yield first, path.strip()
