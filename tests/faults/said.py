"""What a simulated program comes to."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """Its exit status, and what it printed."""

    status: int = 0
    out: str = ""


OK = Said()

Program = Generator[None, None, Said]


def refused(words: str) -> Said:
    """A refusal, as LVM's exit status 5."""
    return Said(5, f"  {words}\n")


def nothing() -> Generator[None, None, None]:
    """Half way through a program that only reads, nothing has happened."""
    yield from ()
