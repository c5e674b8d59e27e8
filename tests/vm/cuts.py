"""Power cuts of one run: which moments, chosen by a seed, and how they are taken while it goes.

    three in each step: as it begins, somewhere within, as it ends
    three at its reboot: asked for, on the way down, on the way up
    thirty anywhere, by the clock of the run

XEN_SETUP_CUTS says which of them: a number (so many of all, drawn), `2/8` (the second eighth),
`all`, or names with commas. XEN_SETUP_CUT_SEED draws others.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from steps import PIPELINE
from wizard.step import step_name

SEED = int(os.environ.get("XEN_SETUP_CUT_SEED", "20061124"))
CHOICE = os.environ.get("XEN_SETUP_CUTS", "6")
RANDOM = 30
# Seconds that a step takes at the least, emulated: a moment within is drawn from these. Where the
# step ends before, the cut is taken as it ends.
_SECONDS = {
    "xen_packages": 200.0,
    "grub_entry": 30.0,
    "network_bridge": 15.0,
    "volume_group": 6.0,
    "guest_volumes": 8.0,
    "guest_system": 300.0,
    "first_boot": 40.0,
}
_SHORT = 2.0
_WHOLE_RUN = 700.0
_REBOOT = 60.0

_BEGINS = re.compile(r"^\d+/\d+ .*\((\w+)\)(?:;|$)")
_VERIFIED = re.compile(r"^    verified \(")


@dataclass(frozen=True)
class Cut:
    """A moment: as a step begins or ends, or so many seconds after it began; with no step, after
    the run began; with the step "reboot", after the machine was told to boot.
    """

    name: str
    step: str
    when: str  # "begins", "within", "ends"
    seconds: float = 0.0

    def __str__(self) -> str:
        return self.name


def all_cuts(seed: int = SEED) -> list[Cut]:
    """Every moment that this seed draws."""
    dice = random.Random(seed)
    found = []
    for step in PIPELINE:
        name = step_name(step)
        within = dice.uniform(0, _SECONDS.get(name, _SHORT))
        found += [
            Cut(f"{name}-begins", name, "begins"),
            Cut(f"{name}-within", name, "within", within),
            Cut(f"{name}-ends", name, "ends"),
        ]
    times = sorted(dice.uniform(0, _REBOOT) for _ in range(2))
    found += [Cut("reboot-begins", "reboot", "begins")]
    found += [Cut(f"reboot-{number}", "reboot", "within", at) for number, at in enumerate(times, 1)]
    times = sorted(dice.uniform(0, _WHOLE_RUN) for _ in range(RANDOM))
    found += [Cut(f"random-{number:02}", "", "within", at) for number, at in enumerate(times, 1)]
    return found


def chosen_cuts(choice: str = CHOICE, seed: int = SEED) -> list[Cut]:
    """Those that are to be tried; ValueError for a name that is none."""
    cuts = all_cuts(seed)
    if choice == "all":
        return cuts
    if found := re.fullmatch(r"(\d+)/(\d+)", choice):
        number, of = int(found[1]), int(found[2])
        return cuts[number - 1 :: of]
    if choice.isdigit():
        drawn = random.Random(seed).sample(range(len(cuts)), min(int(choice), len(cuts)))
        return [cuts[index] for index in sorted(drawn)]
    by_name = {cut.name: cut for cut in cuts}
    names = [name.strip() for name in choice.split(",")]
    if unknown := [name for name in names if name not in by_name]:
        raise ValueError(f"no cuts are called {', '.join(unknown)}: see tests/vm/cuts.py")
    return [by_name[name] for name in names]


class Recorder:
    """Takes the cuts while a run tells its lines: `take` makes a copy of the disk of this moment.

    The run's clock stands still while no part of it runs (`begin`, `end`), and while a copy is
    made.
    """

    def __init__(
        self,
        cuts: Iterable[Cut],
        take: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open = list(cuts)
        self._take = take
        self._clock = clock
        self._run = 0.0  # seconds of the run that are over
        self._since: float | None = None
        self._step = ""
        self._step_began = 0.0
        self.taken: list[str] = []

    @property
    def now(self) -> float:
        """Seconds that the run has run."""
        return self._run + (self._clock() - self._since if self._since is not None else 0.0)

    def begin(self, step: str = "") -> None:
        """A part of the run begins (or, with the step "reboot", the boot)."""
        self._since = self._clock()
        if step:
            self._enter(step)

    def end(self) -> None:
        """That part is over: cuts of the boot that came too late are taken now."""
        if self._step == "reboot":
            self._due(lambda cut: cut.step == "reboot")
            self._step = ""
        self._run, self._since = self.now, None

    def finish(self) -> None:
        """The run is over: what was drawn for a later moment is taken at its end."""
        self._due(lambda _cut: True)

    def line(self, text: str) -> None:
        """A line that the run tells."""
        if found := _BEGINS.match(text):
            self._enter(found[1])
        elif _VERIFIED.match(text) and self._step:
            self._due(lambda cut: cut.step == self._step)
            self._step = ""
        self.tick()

    def tick(self) -> None:
        """Time goes by."""
        self._due(
            lambda cut: (
                cut.when == "within"
                and (
                    (cut.step == "" and cut.seconds <= self.now)
                    or (cut.step == self._step != "" and cut.seconds <= self.now - self._step_began)
                )
            )
        )

    def _enter(self, step: str) -> None:
        if step != self._step:
            self._step, self._step_began = step, self.now
        self._due(lambda cut: cut.step == step and cut.when == "begins")

    def _due(self, is_due: Callable[[Cut], bool]) -> None:
        for cut in [cut for cut in self._open if is_due(cut)]:
            running = self._since is not None
            if running:
                self._run, self._since = self.now, None
            self._take(cut.name)
            if running:
                self._since = self._clock()
            self._open.remove(cut)
            self.taken.append(cut.name)


def summary(cuts: Sequence[Cut], seed: int = SEED) -> str:
    """What is said before the run, so that it can be had again."""
    names = ",".join(cut.name for cut in cuts)
    return (
        f"{len(cuts)} of {len(all_cuts(seed))} cuts; the same again: "
        f"XEN_SETUP_CUT_SEED={seed} XEN_SETUP_CUTS={names}"
    )
