"""A root directory of a test's own, with files in it."""

from __future__ import annotations

from pathlib import Path


class Rooted:
    """Files below `root`, by the paths that a machine would know them by."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> Path:
        """The file with that text, and the directories that it needs."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place
