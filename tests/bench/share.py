"""What part of a run was not spent in the run's own commands: read from the run's log."""

from __future__ import annotations

import re
from dataclasses import dataclass

# As wizard/cli.py writes it when a run ends, stops or waits for a boot.
_LINE = re.compile(
    r"^\[[^]]+\] (?P<command>\w+): (?P<whole>[\d.]+) s, of these (?P<inside>[\d.]+) s in commands$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Share:
    """The stretches of a run together, in seconds of the clock on the wall."""

    whole: float
    commands: float

    @property
    def engine(self) -> float:
        """The engine's part, from 0 to 1: reading the machine, planning, journal, screen."""
        return 1 - self.commands / self.whole if self.whole else 0.0

    def __str__(self) -> str:
        return (
            f"{self.whole:.0f} s, of these {self.commands:.0f} s in commands: "
            f"the engine's share is {self.engine:.1%}"
        )


def share(log: str) -> Share:
    """The share of all stretches in a log (apply, and a resume after each boot)."""
    found = list(_LINE.finditer(log))
    if not found:
        raise ValueError("this log has no line with a run's time")
    return Share(
        sum(float(line["whole"]) for line in found), sum(float(line["inside"]) for line in found)
    )
