"""Whether the guests' volumes may be mounted where they must not be.

An action may mount one, and so may what takes it back or settles it after a crash; `release` lets
all go. Nothing is mounted here: each of these only says so.
"""

from __future__ import annotations

from typing import Any

import pytest

from wizard.machine import Machine


class Volumes:
    """Told of all that a machine does; `look` fails where something may be mounted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.held = ""
        self.looked: list[str] = []
        for name, holds in (
            ("prepare", True), ("perform", True), ("settle", True), ("revert", True),
            ("release", False),
        ):  # fmt: skip
            monkeypatch.setattr(Machine, name, self._told(name, getattr(Machine, name), holds))

    def _told(self, name: str, method: Any, holds: bool) -> Any:
        def tells(*arguments: Any) -> Any:
            self.held = name if holds else ""
            return method(*arguments)

        return tells

    def look(self, where: str) -> None:
        """Somebody looks at the disks, or the program leaves them."""
        self.looked.append(where)
        assert not self.held, f"{where}, while {self.held} may have mounted something"
