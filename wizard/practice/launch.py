"""How a practice machine was switched on last: a small file in its folder, for who comes later."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from wizard.practice.qemu import Hardware


@dataclass(frozen=True)
class Launch:
    """`console_length` is that of the console's log, in bytes, when it was switched on."""

    port: int
    sockets: str
    hardware: Hardware
    console_length: int = 0

    def write(self, path: Path) -> None:
        """Leave it there, whole or not at all."""
        new = path.with_name(f"{path.name}.new")
        new.write_text(json.dumps(asdict(self), indent=1) + "\n")
        new.replace(path)


def read_launch(path: Path) -> Launch | None:
    """What was left there; None if there is nothing that fits."""
    try:
        data = json.loads(path.read_text())
        length = data.get("console_length", 0)  # not in those of earlier versions
        return Launch(data["port"], data["sockets"], Hardware(**data["hardware"]), length)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
