"""A person decides after a failure: answers changed on the way, and a step left out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.engine.holding import Volumes
from tests.engine.world import Facts, Task, World, in_child, written
from tests.fast import count
from wizard.actions import Action, PathPresent, RunCommand
from wizard.errors import Interrupted, StepFailed, Stopped
from wizard.failure import Changed, Changing, Failure, OnFailure
from wizard.pipeline import Wishes
from wizard.rollback import to_take_back
from wizard.status import status
from wizard.step import Plan, Problem

ANSWERS = "version: 1\n# {}\n"


@dataclass
class Writing(Task):
    """Writes the n-th word of the settings into a file; the word `bad` fails after that."""

    place: Path = Path("/")
    nth: int = 0

    @property
    def file(self) -> Path:
        return self.place / f"{self.name}.txt"

    def word(self, settings: str) -> str:
        return settings.split()[self.nth]

    def facts(self) -> Facts:
        return frozenset({f"{self.name}={self.file.read_text()}"} if self.file.exists() else ())

    def plan(self, settings: str, facts: Facts, /) -> Plan[Facts]:
        word = self.word(settings)
        then = f"{self.name}={word}"
        if then in facts and word != "bad":
            return Plan((), facts)
        fails = RunCommand(("sh", "-c", "echo last words; exit 7"), "It fails.",
                           probe=PathPresent(str(self.place / "never")), undo=("true",),
                           undo_class="by removal")  # fmt: skip
        actions: list[Action] = [written(self.file, word, "A word.")]
        actions += [fails] if word == "bad" else []
        kept = {fact for fact in facts if not fact.startswith(f"{self.name}=")}
        return Plan(tuple(actions), frozenset(kept | {then}))

    def verify(self, settings: str, facts: Facts, /) -> list[Problem]:
        right = f"{self.name}={self.word(settings)}" in facts
        return [] if right else [Problem("wrong", f"{self.name} is wrong.", "Look why.")]


class Person:
    """Decides as told, in turn; and changes the settings to these, in turn."""

    def __init__(self, *decisions: OnFailure, settings: tuple[str, ...] = ()) -> None:
        self.decisions = list(decisions)
        self.settings = list(settings)
        self.failures: list[Failure] = []
        self.redone: list[list[str]] = []
        self.seen: list[Facts] = []

    def decide(self, failure: Failure) -> OnFailure:
        self.failures.append(failure)
        return self.decisions.pop(0)

    def change(self, asking: Changing[str, Facts]) -> Changed[str] | None:
        self.seen.append(asking.facts)
        new = self.settings.pop(0)
        if not new:
            return None
        self.redone.append([step.TITLE for step in asking.redone(new)])
        return Changed(new, ANSWERS.format(new))


@dataclass
class Death:
    """The end of the process at the n-th checkpoint after the person was asked."""

    person: Person
    left: int

    def __call__(self, _name: str) -> None:
        self.left -= bool(self.person.failures)
        if self.left == 0:
            os._exit(1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.tree.mkdir()
    world.boot.write_text("boot-1")
    world.tasks = [
        Writing(name, [], TITLE=f"The {name}", place=world.tree, nth=nth)
        for nth, name in enumerate(("head", "first", "second", "third"))
    ]
    return world


def run(world: World, person: Person, settings: str, **wishes: object) -> Callable[[], None]:
    world.wishes = Wishes(on_failure=person.decide, change=person.change, **wishes)  # type: ignore[arg-type]
    return lambda: _ignore(world.pipeline().apply(settings, ANSWERS.format(settings)))


def _ignore(_outcome: object) -> None: ...


def words(world: World) -> dict[str, str]:
    return {path.stem: path.read_text() for path in sorted(world.tree.iterdir())}


def answers(world: World) -> str:
    return world.store.runs()[-1].answers.read_text()


def test_an_answer_that_nothing_has_used_yet_is_changed_and_the_run_goes_on(world: World) -> None:
    person = Person("change", settings=("h a good c",))
    run(world, person, "h a bad c")()
    assert {"head": "h", "first": "a", "second": "good", "third": "c"} == words(world)
    assert [[]] == person.redone
    # What the step had done with the old answer was taken back before the person was asked.
    assert [frozenset({"head=h", "first=a"})] == person.seen
    assert ANSWERS.format("h a good c") == answers(world)
    assert 1 == world.reporter.events.count(("step_begins", "first"))


def test_volumes_are_let_go_before_the_machine_is_read_for_other_answers(world: World) -> None:
    volumes = Volumes()
    world.kind = volumes.machine()
    world.after_reading = lambda: volumes.look("the machine is read")
    run(world, Person("change", settings=("h a good c",)), "h a bad c")()
    assert len(volumes.looked) > 5


def test_an_answer_that_a_verified_step_has_used_takes_the_run_back_to_that_step(
    world: World,
) -> None:
    person = Person("change", settings=("h other good c",))
    run(world, person, "h a bad c")()
    assert [["The first"]] == person.redone
    assert {"head": "h", "first": "other", "second": "good", "third": "c"} == words(world)
    assert 2 == world.reporter.events.count(("step_begins", "first"))
    assert 1 == world.reporter.events.count(("step_begins", "head"))
    # All of it is the run's own: rolled back, nothing is left.
    world.roll_back()
    assert {} == words(world)


def test_another_try_is_by_the_same_answers(world: World) -> None:
    person = Person("retry", "stop")
    with pytest.raises(Stopped):
        run(world, person, "h a bad c")()
    assert ["second", "second"] == [failure.step for failure in person.failures]
    assert {"head": "h", "first": "a", "second": "bad"} == words(world)


def test_answers_left_as_they_were_lead_back_to_the_choice(world: World) -> None:
    person = Person("change", "stop", settings=("",))
    with pytest.raises(Stopped):
        run(world, person, "h a bad c")()
    assert 2 == len(person.failures)
    assert ANSWERS.format("h a bad c") == answers(world)
    assert {"head": "h", "first": "a"} == words(world)


def test_a_run_whose_answers_were_changed_is_resumed_with_them(world: World) -> None:
    person = Person("change", "stop", settings=("h a good bad",))
    with pytest.raises(Stopped):
        run(world, person, "h a bad c")()
    assert ANSWERS.format("h a good bad") == answers(world)
    world.wishes = Wishes()
    world.pipeline().resume("h a good fine")
    assert {"head": "h", "first": "a", "second": "good", "third": "fine"} == words(world)


def test_answers_that_leave_nothing_of_the_run_are_for_a_new_run(world: World) -> None:
    person = Person("change", settings=("other a good c",))
    with pytest.raises(Stopped, match="nothing of this run can stay"):
        run(world, person, "h a bad c")()
    assert ANSWERS.format("h a bad c") == answers(world)
    assert "stopped" == status(world.store, "boot-1").state


def test_ctrl_c_while_the_answers_are_changed_leaves_a_run_that_goes_on(world: World) -> None:
    person = Person("change")

    def interrupted(_asking: Changing[str, Facts]) -> Changed[str] | None:
        raise KeyboardInterrupt

    work = run(world, person, "h a bad c")
    world.wishes = Wishes(on_failure=person.decide, change=interrupted)
    with pytest.raises(Interrupted):
        work()
    assert "stopped" == status(world.store, "boot-1").state
    world.wishes = Wishes()
    world.pipeline().resume("h a good c")
    assert "finished" == status(world.store, "boot-1").state


def test_a_crash_at_any_point_of_a_change_leaves_answers_that_fit_what_was_done(
    tmp_path: Path,
) -> None:
    """Killed at each checkpoint between the failure and the end: resumed by the recorded answers
    until it is finished, the machine is what those answers say.
    """
    finished = 0
    for point in range(1, 60, count(fast=4, usual=1)):
        world = World(tmp_path / str(point))
        world.tree.mkdir(parents=True)
        world.boot.write_text("boot-1")
        world.tasks = [
            Writing(name, [], place=world.tree, nth=nth)
            for nth, name in enumerate(("head", "first", "second", "third"))
        ]
        person = Person("change", settings=("h other good c",))
        world.checkpoint = Death(person, point)
        if in_child(run(world, person, "h a bad c")) == 0:
            finished += 1
            break
        world.checkpoint = lambda _name: None
        for _again in range(3):
            if status(world.store, "boot-1").state == "finished":
                break
            settings = answers(world).partition("# ")[2].strip().replace("bad", "good")
            world.pipeline().resume(settings)
        assert settings in ("h a good c", "h other good c")
        names = ("head", "first", "second", "third")
        assert dict(zip(names, settings.split(), strict=True)) == words(world), point
    assert finished, "the points of the change have an end"
    assert point > 10


# ---- a step left out


def test_a_step_that_is_left_out_stays_ours_and_the_run_ends_without_it(world: World) -> None:
    person = Person("skip")
    run(world, person, "h a bad c", optional={"second": "nobody needs it"})()
    assert "nobody needs it" == person.failures[0].skip
    assert {"head": "h", "first": "a", "second": "bad", "third": "c"} == words(world)
    (said,) = status(world.store, "boot-1").runs
    assert "finished" == said.state
    assert ["verified", "verified", "left out", "verified"] == [one.state for one in said.steps]
    assert 4 == len(to_take_back(world.store))
    world.roll_back()
    assert {} == words(world)


def test_only_what_is_optional_can_be_left_out(world: World) -> None:
    person = Person("stop")
    with pytest.raises(Stopped):
        run(world, person, "h a bad c", optional={"third": "nobody needs it"})()
    assert "" == person.failures[0].skip


def test_the_person_is_told_what_was_tried_and_where_the_log_is(world: World) -> None:
    person = Person("roll back")
    with pytest.raises(StepFailed):
        run(world, person, "h a bad c")()
    (failure,) = person.failures
    assert ("second", "The second", True) == (failure.step, failure.title, failure.changes)
    assert isinstance(failure.action, RunCommand)
    assert ("last words",) == failure.error.details
    assert "last words" in failure.log.read_text()


def test_answers_can_be_changed_only_where_there_is_somebody_to_ask(world: World) -> None:
    person = Person("roll back")
    work = run(world, person, "h a bad c")
    world.wishes = replace(world.wishes, change=None)
    with pytest.raises(StepFailed):
        work()
    assert [False] == [failure.changes for failure in person.failures]


def test_what_is_left_out_is_told(world: World) -> None:
    run(world, Person("skip"), "h a bad c", optional={"second": "nobody needs it"})()
    assert "second is left out." in world.reporter.named("note")
