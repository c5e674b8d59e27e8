"""Each scenario's undisturbed run is made once for all tests of faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.faults.ground import Ground, ground_of


@pytest.fixture(scope="session")
def grounds() -> Iterator[Callable[[str], Ground]]:
    """The ground of a scenario, by its name."""
    made: dict[str, Ground] = {}
    with ExitStack() as stack:

        def ground(name: str) -> Ground:
            if name not in made:
                made[name] = stack.enter_context(ground_of(name))
            return made[name]

        yield ground
