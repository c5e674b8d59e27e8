"""A lesson in which a later answer asks for more of a step that is done: packages come in after
what stands on the first ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from steps.facts import Facts
from steps.settings import Settings
from tests.fast import share
from tests.faults.ground import Wrong, attempt, different
from tests.faults.host import Lie
from tests.faults.oracles import (
    Undisturbed,
    not_as_before,
    not_at_the_same_end,
    same_everywhere,
)
from tests.faults.scenarios import SCENARIOS
from wizard.actions import InstallPackages
from wizard.errors import RebootNeeded
from wizard.failure import Changed, Changing
from wizard.step import Plan, Step, step_name

USUAL, MORE = "version: 1\n# ext4\n", "version: 1\n# xfs\n"


@dataclass
class Learner:
    """Takes ext4 for the guest, and `then` when it is asked for its volumes."""

    settings: dict[str, Settings]
    text: str
    then: str = MORE

    def before(self, step: Step[Settings, Facts], facts: Facts, /, *, again: bool) -> Settings:
        if step_name(step) == "guest_volumes":
            self.text = self.then
        return self.wanted()

    def wanted(self) -> Settings:
        return self.settings[self.text]

    def answers(self, facts: Facts, /) -> str:
        return self.text

    def ignored(self) -> frozenset[str]:
        return frozenset()

    def ready(
        self, step: Step[Settings, Facts], plan: Plan[Facts], facts: Facts, /, *, because: str
    ) -> None:
        """It has nothing to say."""

    def after(self, step: Step[Settings, Facts], facts: Facts, /) -> None:
        """It has nothing to ask."""


class School:
    """A host on which lessons are given."""

    def __init__(self, top: Path) -> None:
        self.host = SCENARIOS["fresh"].host(top)
        usual = self.host.settings
        (guest,) = usual.guests
        more = replace(usual, guests=(replace(guest, filesystem="xfs"),))
        self.settings = {USUAL: usual, MORE: more}
        self.learner = Learner(self.settings, USUAL)
        self.before = self.host.image()

    def apply(self) -> None:
        self._led(resumes=False)

    def resume(self) -> None:
        """Another process: it knows the answers that were kept."""
        (run,) = self.host.store.runs()
        self.learner = Learner(self.settings, run.answers.read_text())
        self._led(resumes=True)

    def _led(self, *, resumes: bool) -> None:
        while True:
            pipeline = self.host.pipeline()
            pipeline.companion = self.learner
            go = pipeline.resume if resumes else partial(pipeline.apply, answers=USUAL)
            try:
                go(self.learner.wanted())
            except RebootNeeded:
                self.host.model.boot()
                resumes = True
            else:
                return

    def wrong_at_the_start(self) -> list[str]:
        return [
            *same_everywhere(self.host, self.before),
            *not_as_before(self.host, self.before),
        ]


@pytest.fixture
def school(tmp_path: Path) -> School:
    return School(tmp_path / "host")


def packages(school: School) -> list[tuple[str, ...]]:
    ledger = school.host.store.ledger(school.host.store.runs()[-1])
    actions = [entry.action for entry in ledger.entries.values()]
    return [one.packages for one in actions if isinstance(one, InstallPackages)]


def test_it_is_gone_on_with_and_taken_back_wherever_it_was_cut_off(school: School) -> None:
    host = school.host
    applying = different(host.crashes_of(school.apply))
    assert packages(school)[1:] == [("xfsprogs",)]
    undisturbed = Undisturbed(school.before, host.image())
    undoing = different(host.crashes_of(host.roll_back))
    assert [] == school.wrong_at_the_start()
    wrong = Wrong()
    ways: tuple[Callable[[], None], ...] = (school.resume, host.roll_back)
    for image in share(applying, one_in=20):
        for way in ways if "runs" in "".join(image.files) else ():
            host.restore(image)
            host.model.boot()
            if not host.store.ledger(host.store.runs()[-1]).steps:
                continue
            wrong.note(image.point, attempt(way))
            if way == host.roll_back:
                wrong.note(image.point, school.wrong_at_the_start())
            else:
                wrong.note(image.point, not_at_the_same_end(host, undisturbed))
                wrong.note(image.point, same_everywhere(host, school.before))
    for image in share(undoing, one_in=20):
        host.restore(image)
        host.model.boot()
        wrong.note(image.point, attempt(host.roll_back))
        wrong.note(image.point, school.wrong_at_the_start())
    assert wrong.found == []


def test_what_fails_of_it_does_not_cost_what_the_steps_between_stand_on(school: School) -> None:
    # To change an answer, all of the packages step was taken back: Xen and bridge-utils below the
    # bridge, which came again after it, so that a rollback could purge them no more.
    def change(asking: Changing[Settings, Facts]) -> Changed[Settings]:
        assert (asking.step, asking.reached) == ("xen_packages", "guest_volumes")
        assert asking.settings == school.settings[MORE]
        school.learner.text = school.learner.then = USUAL
        return Changed(school.settings[USUAL], USUAL)

    host = school.host
    host.lies = lambda argv: Lie("fails", status=100) if "xfsprogs" in argv else None
    host.wishes = replace(host.wishes, on_failure=lambda _failure: "change", change=change)
    school.apply()
    came = packages(school)
    assert "xfsprogs" not in host.model.state.packages
    assert came[1:] == [("xfsprogs",)]
    host.roll_back()
    assert [] == school.wrong_at_the_start()
