"""A run with a learner: what the pipeline asks of a companion, and when."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.engine.test_failure_choices import Person, Writing
from tests.engine.world import Facts, Task, World, written
from wizard.actions import text_hash
from wizard.errors import Cancelled, Interrupted, Stopped
from wizard.pipeline import Pipeline, Wishes
from wizard.records import Taught
from wizard.step import Plan, Problem, Step, step_name

ANSWERS = "version: 1\n# {}\n"


@dataclass
class Tutor:
    """Answers with these settings, step after step (the last ones from then on); notes all."""

    settings: list[str]
    told: list[str] = field(default_factory=list)
    left: list[Facts] = field(default_factory=list)
    leaves_after: str = ""
    gone: bool = False
    warn: frozenset[str] = frozenset()
    now: str = "nothing yet"

    def before(self, step: Step[str, Facts], facts: Facts, /, *, again: bool) -> str:
        self.told.append(f"before {step_name(step)}{' again' if again else ''}")
        if self.gone:
            raise EOFError
        self.now = self.settings.pop(0) if len(self.settings) > 1 else self.settings[0]
        return self.now

    def wanted(self) -> str:
        return self.now

    def answers(self, facts: Facts, /) -> str:
        return ANSWERS.format(self.settings[0])

    def ignored(self) -> frozenset[str]:
        return self.warn

    def ready(
        self, step: Step[str, Facts], plan: Plan[Facts], facts: Facts, /, *, because: str
    ) -> None:
        self.told.append(f"{len(plan.actions)} for {step_name(step)} {because}".strip())

    def after(self, step: Step[str, Facts], facts: Facts, /) -> None:
        self.told.append(f"after {step_name(step)}")
        self.left.append(facts)
        if self.leaves_after == step_name(step):
            raise Cancelled("You left.", hint="")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.tree.mkdir()
    world.boot.write_text("boot-1")
    world.tasks = [
        Writing(name, [], TITLE=f"The {name}", place=world.tree, nth=nth)
        for nth, name in enumerate(("first", "second"))
    ]
    return world


def pipeline(world: World, tutor: Tutor) -> Pipeline[str, Facts]:
    made = world.pipeline()
    made.companion = tutor
    return made


def words(world: World) -> list[str]:
    return sorted(path.read_text() for path in world.tree.glob("*.txt"))


def test_each_step_is_asked_shown_done_and_looked_at_before_the_next(world: World) -> None:
    tutor = Tutor(["one two"])
    outcome = pipeline(world, tutor).apply("nothing yet", ANSWERS)
    assert tutor.told == [
        "before first", "1 for first", "after first",
        "before second", "1 for second", "after second",
    ]  # fmt: skip
    assert words(world) == ["one", "two"]
    assert tutor.left == [{"first=one"}, {"first=one", "second=two"}]
    assert outcome.run is not None
    assert outcome.run.answers.read_text() == ANSWERS.format("one two")


def test_an_answer_that_asks_for_more_of_an_earlier_step_has_that_done_first(world: World) -> None:
    tutor = Tutor(["one x", "other two"])
    pipeline(world, tutor).apply("nothing yet", ANSWERS)
    because = "Your answers ask for more of an earlier step: The first."
    assert tutor.told[3:] == [
        "before second", f"1 for first {because}", "1 for second", "after second",
    ]  # fmt: skip
    assert words(world) == ["other", "two"]


def test_a_check_of_a_later_step_does_not_keep_a_learner_from_beginning(world: World) -> None:
    world.tasks[1].unfit = True
    world.wishes = Wishes(on_failure="stop")
    tutor = Tutor(["one two"])
    with pytest.raises(Stopped, match="The step second cannot go on"):
        pipeline(world, tutor).apply("nothing yet", ANSWERS)
    assert words(world) == ["one"]
    # What the learner agrees to ignore only warns: the run goes on.
    tutor.warn = frozenset({"unfit"})
    pipeline(world, tutor).resume("nothing yet")
    assert words(world) == ["one", "two"]
    assert tutor.told[-3:] == ["before second", "1 for second", "after second"]


def test_a_learner_who_leaves_pauses_the_run_and_comes_back_to_the_same_step(world: World) -> None:
    tutor = Tutor(["one two"], leaves_after="first")
    with pytest.raises(Stopped, match="You left"):
        pipeline(world, tutor).apply("nothing yet", ANSWERS)
    assert world.store.ledger(world.store.runs()[0]).state == "paused"
    again = Tutor(["one two"])
    pipeline(world, again).resume("nothing yet")
    assert again.told == ["before second", "1 for second", "after second"]


def taught(world: World) -> bool:
    return world.store.ledger(world.store.runs()[-1]).taught


def lesson_records(world: World) -> list[bool]:
    records = world.store.records(world.store.runs()[-1])
    return [stamped.record.on for stamped in records if isinstance(stamped.record, Taught)]


def left_lesson(world: World) -> None:
    with pytest.raises(Stopped, match="You left"):
        pipeline(world, Tutor(["one two"], leaves_after="first")).apply("nothing yet", ANSWERS)


def test_a_run_remembers_that_it_is_a_lesson(world: World) -> None:
    left_lesson(world)
    assert taught(world)
    pipeline(world, Tutor(["one two"])).resume("nothing yet")
    assert [True] == lesson_records(world)


def test_a_lesson_that_was_cut_off_before_its_first_action_is_one_still(world: World) -> None:
    with pytest.raises(Interrupted):
        pipeline(world, Tutor(["one two"], gone=True)).apply("nothing yet", ANSWERS)
    assert taught(world)


def test_a_run_without_a_learner_is_no_lesson_and_its_journal_says_nothing_of_it(
    world: World,
) -> None:
    world.pipeline().apply("one two", ANSWERS)
    assert not taught(world)
    assert [] == lesson_records(world)


def test_a_lesson_that_nobody_goes_on_with_in_person_is_one_still(world: World) -> None:
    left_lesson(world)
    world.tasks[1].unfit = True
    world.wishes = Wishes(on_failure="stop")
    with pytest.raises(Stopped, match="cannot go on"):
        world.pipeline().resume("one two")
    assert taught(world)


def test_a_lesson_can_be_ended_and_begun_again_in_the_middle_of_a_run(world: World) -> None:
    left_lesson(world)
    world.tasks[1].unfit = True
    for ends, companion in ((True, None), (False, None), (False, Tutor(["one two"]))):
        world.wishes = Wishes(on_failure="stop", lesson_ends=ends)
        made = world.pipeline()
        made.companion = companion
        with pytest.raises(Stopped, match="cannot go on"):
            made.resume("one two")
        assert taught(world) is (companion is not None)
    assert [True, False, True] == lesson_records(world)


def test_a_learner_whose_terminal_is_gone_is_no_mistake(world: World) -> None:
    with pytest.raises(Interrupted) as caught:
        pipeline(world, Tutor(["one two"], gone=True)).apply("nothing yet", ANSWERS)
    assert caught.value.status == 129
    assert words(world) == []


@dataclass
class Adding(Task):
    """Adds a line to a file that is the user's."""

    place: Path = Path("/")

    def facts(self) -> Facts:
        return frozenset({self.place.read_text()})

    def plan(self, settings: str, facts: Facts, /) -> Plan[Facts]:
        (text,) = facts
        if text.endswith("ours\n"):
            return Plan((), facts)
        new = f"{text}ours\n"
        action = replace(written(self.place, new, "A line."), made_from=text_hash(text))
        return Plan((action,), frozenset({new}))

    def verify(self, settings: str, facts: Facts, /) -> list[Problem]:
        return []


@dataclass
class SlowReader(Tutor):
    """Edits a file while there is something to be read of the first step."""

    edited: Path = Path("/")

    def ready(
        self, step: Step[str, Facts], plan: Plan[Facts], facts: Facts, /, *, because: str
    ) -> None:
        super().ready(step, plan, facts, because=because)
        if "mine" not in self.edited.read_text():
            self.edited.write_text(f"{self.edited.read_text()}mine\n")


@pytest.mark.parametrize("there_is_a_person", [True, False])
def test_what_is_edited_while_a_learner_reads_is_not_lost_and_the_step_is_made_anew(
    there_is_a_person: bool, world: World
) -> None:
    path = world.tree / "interfaces"
    path.write_text("theirs\n")
    world.tasks = [Adding("adding", [], place=path)]
    decisions = Person("retry" if there_is_a_person else "stop")
    world.wishes = Wishes(on_failure=decisions.decide)
    tutor = SlowReader(["settings"], edited=path)
    if there_is_a_person:
        pipeline(world, tutor).apply("settings", ANSWERS)
    else:
        with pytest.raises(Stopped, match="changed while this ran"):
            pipeline(world, tutor).apply("settings", ANSWERS)
        assert "theirs\nmine\n" == path.read_text()
        pipeline(world, tutor).resume("settings")
    assert "theirs\nmine\nours\n" == path.read_text()
    assert "before adding again" in tutor.told
    world.roll_back()
    assert "theirs\nmine\n" == path.read_text()


def test_a_step_that_goes_on_after_a_failure_is_met_again(world: World) -> None:
    world.wishes = Wishes(on_failure="stop")
    tutor = Tutor(["one bad"])
    with pytest.raises(Stopped):
        pipeline(world, tutor).apply("nothing yet", ANSWERS)
    again = Tutor(["one two"])
    pipeline(world, again).resume("nothing yet")
    assert again.told[0] == "before second again"
    assert words(world) == ["one", "two"]
