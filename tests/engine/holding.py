"""Whether the guests' volumes may be mounted where they must not be.

An action may mount one, and so may what takes it back or settles it after a crash; `release` lets
all go. Nothing is mounted here: each of these only says so.
"""

from __future__ import annotations

from wizard.actions import Action
from wizard.machine import Machine
from wizard.running import Watch
from wizard.undo import Undo


class Volumes:
    """Told of all that a machine does; `look` fails where something may be mounted."""

    def __init__(self) -> None:
        self.held = ""
        self.looked: list[str] = []

    def look(self, where: str) -> None:
        """Somebody looks at the disks, or the program leaves them."""
        self.looked.append(where)
        assert not self.held, f"{where}, while {self.held} may have mounted something"

    def machine(self) -> type[Machine]:
        """A machine that tells of what it does."""
        volumes = self

        class Holding(Machine):
            def is_done(self, action: Action, undo: Undo | None = None) -> bool:
                volumes.held = "is_done"
                return super().is_done(action, undo)

            def prepare(self, action: Action, label: str) -> Undo:
                volumes.held = "prepare"
                return super().prepare(action, label)

            def perform(self, action: Action, undo: Undo, watch: Watch) -> None:
                volumes.held = "perform"
                super().perform(action, undo, watch)

            def settle(self, action: Action, undo: Undo, watch: Watch) -> bool:
                volumes.held = "settle"
                return super().settle(action, undo, watch)

            def revert(self, action: Action, undo: Undo, watch: Watch) -> str:
                volumes.held = "revert"
                return super().revert(action, undo, watch)

            def release(self) -> None:
                volumes.held = ""
                super().release()

            def request_reboot(self) -> None:
                volumes.look("the boot")

        return Holding
