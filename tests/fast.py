"""What `tests/run fast` leaves out: here alone, and nothing of it is left out by `tests/run`.

Sweeps and tables try a share of their cases, the same each time; a test that is marked `slow`
waits for `tests/run`; and the command line is forked, not started from nothing (nursery.py).
`pytest` by hand does everything, unless XEN_SETUP_TESTS=fast is set.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TypeVar

import pytest

T = TypeVar("T")

FAST = os.environ.get("XEN_SETUP_TESTS") == "fast"
SEED = int(os.environ.get("TESTS_SEED", "20061124"))


def share(cases: Sequence[T], one_in: int = 50) -> list[T]:
    """All cases; when fast, those that the seed chooses: one in so many, at least one."""
    return _chosen(cases, -(-len(cases) // one_in)) if FAST else list(cases)


def count(*, fast: int, usual: int) -> int:
    """How many random cases."""
    return fast if FAST else usual


def thinned(items: Iterable[pytest.Item], at_least: int = 3, one_in: int = 5) -> list[pytest.Item]:
    """Of each test with many rows, one in so many of them, and a few at least."""
    kept: list[pytest.Item] = []
    for _, rows in groupby(items, key=lambda item: item.nodeid.partition("[")[0]):
        of_one = list(rows)
        kept += _chosen(of_one, max(at_least, -(-len(of_one) // one_in)))
    return kept


def _chosen(cases: Sequence[T], wanted: int) -> list[T]:
    """So many of the cases, in their order, chosen by the seed."""
    dice = random.Random(SEED)
    return [
        cases[index] for index in sorted(dice.sample(range(len(cases)), min(wanted, len(cases))))
    ]
