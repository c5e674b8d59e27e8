"""How many faults are tried: all of them in `tests/run`, a seeded share in `tests/run fast`."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

SEED = int(os.environ.get("FAULTS_SEED", "20061124"))
ALL = os.environ.get("FAULTS") == "all"
_ONE_IN = 25


def share(cases: Sequence[T], one_in: int = _ONE_IN) -> list[T]:
    """All cases, or a share of them that the seed chooses, at least one."""
    if ALL:
        return list(cases)
    dice = random.Random(SEED)
    wanted = sorted(dice.sample(range(len(cases)), max(1, len(cases) // one_in)))
    return [cases[index] for index in wanted]


def count(*, few: int, all_of_them: int) -> int:
    """How many random cases."""
    return all_of_them if ALL else few
