"""What `tests/run fast` leaves out: here alone, and nothing of it is left out by `tests/run`.

Sweeps try a share of their cases, the same each time; a test that is marked `slow` waits for
`tests/run`; and the command line is forked, not started from nothing (nursery.py). `pytest` by
hand does everything, unless XEN_SETUP_TESTS=fast is set.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

FAST = os.environ.get("XEN_SETUP_TESTS") == "fast"
SEED = int(os.environ.get("TESTS_SEED", "20061124"))


def share(cases: Sequence[T], one_in: int = 25) -> list[T]:
    """All cases; when fast, those that the seed chooses: one in so many, at least one."""
    if not FAST:
        return list(cases)
    dice = random.Random(SEED)
    wanted = sorted(dice.sample(range(len(cases)), -(-len(cases) // one_in)))
    return [cases[index] for index in wanted]


def count(*, fast: int, usual: int) -> int:
    """How many random cases."""
    return fast if FAST else usual
