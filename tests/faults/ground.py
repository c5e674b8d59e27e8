"""What the tests of faults stand on: a host, what a run makes of it, and every crash on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.engine.conftest import MEMORY
from tests.faults.host import Host, Image
from tests.faults.oracles import (
    Undisturbed,
    not_as_before,
    not_at_the_same_end,
    plain_linux_does_not_boot,
    same_everywhere,
)
from tests.faults.scenarios import SCENARIOS
from wizard.errors import SetupError


class Ground:
    """A host, what a whole run makes of it, and what a crash leaves at every point of it."""

    def __init__(self, host: Host) -> None:
        self.host = host
        before = host.image()
        self.applying = host.crashes_of(host.apply)
        after = host.image()
        self.undoing = host.crashes_of(host.roll_back)
        self.undisturbed = Undisturbed(before, after)
        assert not_as_before(host, before) == []

    def stands_after(self, image: Image, *, power: bool) -> None:
        """The machine as the crash left it; with `power` it was the power, and it boots again."""
        self.host.restore(image)
        assert list(plain_linux_does_not_boot(self.host)) == []
        if power:
            self.host.model.boot()

    def wrong_at_the_end(self) -> list[str]:
        """After a resume: O3, and what always holds."""
        return [
            *not_at_the_same_end(self.host, self.undisturbed),
            *same_everywhere(self.host, self.undisturbed.before),
        ]

    def wrong_at_the_start(self) -> list[str]:
        """After a rollback: O2, and what always holds."""
        return [
            *same_everywhere(self.host, self.undisturbed.before),
            *not_as_before(self.host, self.undisturbed.before),
        ]


@contextmanager
def ground_of(name: str) -> Iterator[Ground]:
    """The ground of a scenario, in memory."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as top:
        yield Ground(SCENARIOS[name].host(Path(top) / "host"))


def different(images: list[Image]) -> list[Image]:
    """One of those that leave the very same machine: two points with nothing between them."""
    kept: list[Image] = []
    for image in images:
        if not kept or (image.files, image.state) != (kept[-1].files, kept[-1].state):
            kept.append(image)
    return kept


class Wrong:
    """What went wrong at which point: all of it is shown, not only the first."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def note(self, point: str, problems: list[str]) -> None:
        self.found += [f"{point}: {problem}" for problem in problems]


def attempt(work: Callable[[], object]) -> list[str]:
    """Do it; its error, if it raises one that it should not."""
    try:
        work()
    except SetupError as error:
        return [f"{type(error).__name__}: {error.what} {error.details}"]
    return []
