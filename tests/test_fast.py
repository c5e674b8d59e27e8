"""What `tests/run fast` leaves out: rows of tables, never a whole test."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from tests import fast


def rows(name: str, count: int) -> list[pytest.Item]:
    named = [SimpleNamespace(nodeid=f"{name}[{row}]") for row in range(count)]
    return cast("list[pytest.Item]", named)


@pytest.mark.parametrize(
    ("count", "kept"), [(1, 1), (3, 3), (4, 3), (15, 3), (16, 4), (100, 20), (3000, 600)]
)
def test_each_test_keeps_a_few_rows_and_of_many_a_fifth(count: int, kept: int) -> None:
    one, other = rows("a.py::test_one", count), rows("a.py::test_other", 1)
    left = fast.thinned([*one, *other])
    assert left[-1] is other[0]
    assert [item for item in one if item in left] == left[:-1]
    assert kept == len(left) - 1
