"""Saved plans: written and read, mutated, and what a run that is held to one does and refuses."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.engine.world import DieAt, Facts, Piece, World, full_world, in_child, written
from tests.fast import count
from wizard.actions import InstallPackages, RunCommand, WriteFile
from wizard.errors import RebootNeeded, StepFailed, Stopped
from wizard.preview import preview
from wizard.saved_plan import (
    Fingerprints,
    PlanRefused,
    Promise,
    SavedPlan,
    SavedStep,
    plan_from_text,
    plan_text,
    read_plan,
    saved_steps,
    sealed,
    write_plan,
)
from wizard.shapes import Machine
from wizard.step import Guard


@pytest.fixture
def world(tmp_path: Path) -> World:
    return full_world(tmp_path)


def differences(before: Facts, now: Facts) -> tuple[str, ...]:
    """What is there now and was not, and the other way round."""
    gone = [f"{name}: there → not there" for name in sorted(before - now)]
    return (*gone, *(f"{name}: not there → there" for name in sorted(now - before)))


def saved(steps: tuple[SavedStep, ...] = (), facts: object = None) -> SavedPlan:
    return sealed(
        SavedPlan(
            "xen-setup saved plan", 1, "0.1.0", Machine("id", "host", True), "version: 1\n",
            (), (), (), steps, facts, None, Fingerprints("", "", "", ""),
        )
    )  # fmt: skip


def promise(world: World) -> Promise[Facts]:
    """The world's plan as it is now, saved."""
    facts = world.read_facts()
    plan = saved(saved_steps(preview(world.tasks, "settings", facts)), sorted(facts))
    return Promise(plan, plan_text(plan), facts, differences, lambda action: action)


def hold(world: World) -> Promise[Facts]:
    """Hold every run of this world to its plan as it is now."""
    promised = promise(world)
    free = world.pipeline
    world.pipeline = lambda machine=None: replace(free(machine), promise=promised)  # type: ignore[method-assign]
    return promised


# --- running --------------------------------------------------------------------------------------


def test_a_run_that_is_held_to_its_plan_goes_through_over_the_boot(world: World) -> None:
    promised = hold(world)
    world.apply()
    (run,) = world.store.runs()
    assert "finished" == world.store.ledger(run).state
    assert promised.fingerprint == world.store.ledger(run).plan
    assert promised.text == run.plan.read_text()
    assert 0o600 == run.plan.stat().st_mode & 0o777
    world.apply()  # everything is there: nothing is refused, and nothing done
    assert [run] == world.store.runs()


def test_a_run_without_a_saved_plan_keeps_none(world: World) -> None:
    world.apply()
    (run,) = world.store.runs()
    assert "" == world.store.ledger(run).plan
    assert not run.plan.exists()


def test_a_machine_that_has_changed_is_refused_with_each_difference(world: World) -> None:
    hold(world)
    (world.tree / "one").touch()
    world.tasks[3].unfit = True
    before = world.snapshot(times=True)
    with pytest.raises(PlanRefused) as error:
        world.apply()
    assert 4 == error.value.status
    assert (
        "commands/0: not there → there",
        f"commands: run touch ($ touch {world.tree}/one) → nothing",
        "last cannot be planned any more: It is not fit. Mend it. [unfit]",
    ) == error.value.details
    assert before == world.snapshot(times=True)
    assert [] == world.store.runs()


def test_a_step_that_would_do_something_else_on_the_way_fails(world: World) -> None:
    hold(world)
    late = world.tasks[1]
    new = Piece(written(world.tree / "more.conf", "more\n", "One more."), lambda: False)
    before = world.snapshot(times=True)
    facts = world.read_facts

    def read() -> Facts:
        if (world.tree / "etc" / "made").exists():  # the first step is done
            late.pieces = [*late.pieces[:2], new]
        return facts()

    pipeline = replace(world.pipeline(), read_facts=read)
    with pytest.raises(StepFailed, match="commands would not do what the saved plan says") as error:
        pipeline.apply("settings", "version: 1\n")
    assert (
        f"commands: run mkdir ($ mkdir {world.tree}/etc/made/grown) → write {world.tree}/more.conf",
    ) == tuple(f"commands: {line.removeprefix('commands: ')}" for line in error.value.details)
    assert before == world.snapshot(times=True)


@pytest.mark.parametrize("point", range(2, 86, 4))
def test_a_run_that_was_killed_goes_on_with_what_is_left_of_the_plan(
    world: World, point: int
) -> None:
    hold(world)
    world.checkpoint = DieAt(point)
    assert -9 == in_child(world.apply)
    world.checkpoint = lambda _name: None
    world.resume_or_apply()
    (run,) = world.store.runs()
    assert "finished" == world.store.ledger(run).state


def test_after_the_boot_the_run_is_still_held_to_the_plan(world: World) -> None:
    hold(world)
    with pytest.raises(RebootNeeded):
        world.pipeline().apply("settings", "version: 1\n")
    world.reboot()
    (piece,) = world.tasks[3].pieces
    assert isinstance(piece.action, WriteFile)
    other = replace(piece.action, text="another text\n")
    world.tasks[3].pieces = [replace(piece, action=other)]
    with pytest.raises(Stopped, match="last would not do what the saved plan says") as error:
        world.pipeline().resume("settings")
    assert ", text: “xxx" in error.value.details[0]
    assert error.value.details[0].endswith("” → “another text”")
    # A new plan would find this run in its way.
    assert "when all is taken back, make the plan anew" in error.value.hint
    assert "sudo xen-setup rollback" in error.value.hint
    assert not (world.tree / "last.conf").exists()


@pytest.mark.parametrize(
    ("now", "fits"),
    [
        (Guard(90, ("true",), ask=True, question="Still there?"), True),  # nobody is asked anyway
        (Guard(60, ("true",), ask=False, question=""), False),
        (Guard(90, ("false",), ask=False, question=""), False),
        (None, False),
    ],
)
def test_a_safety_net_must_be_the_saved_one(world: World, now: Guard | None, fits: bool) -> None:
    world.tasks[0].guard = Guard(90, ("true",), ask=False, question="")
    promised = promise(world)
    world.tasks[0].guard = now
    plan = world.tasks[0].plan("settings", world.read_facts())
    if fits:
        promised.hold("files", plan, again=False)
    else:
        with pytest.raises(StepFailed) as error:
            promised.hold("files", plan, again=False)
        assert "the safety net: 90 s, unless `true` succeeds → " in error.value.details[0]


# --- reading --------------------------------------------------------------------------------------


def small() -> SavedPlan:
    """A plan of every kind of value, small enough to be read thousands of times."""
    actions = (
        WriteFile("/etc/a", "text\n", "Because."),
        RunCommand(("true", "a b"), "Because.", undo_note="nothing", estimate=2.5),
        InstallPackages(("a", "b"), "Because."),
    )
    guard = Guard(90, ("true",), ask=True, question="Still there?")
    step = SavedStep("files", actions, ("there",), ("note",), guard)
    return saved((step, SavedStep("none", (), (), (), None)), {"memory": 1024, "xen": None})


PLACE = Path("lab.plan")


def test_a_plan_that_is_saved_is_read_back_the_same(tmp_path: Path) -> None:
    plan = small()
    text = write_plan(tmp_path / "lab.plan", plan)
    assert (plan, text) == read_plan(tmp_path / "lab.plan")
    assert 0o600 == (tmp_path / "lab.plan").stat().st_mode & 0o777
    write_plan(tmp_path / "lab.plan", saved())  # an older plan may be replaced
    assert saved() == read_plan(tmp_path / "lab.plan")[0]


def changed(**fields: object) -> str:
    return json.dumps({**json.loads(plan_text(small())), **fields})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is not JSON"),
        (plan_text(small())[:-30], "it is not JSON"),
        ("[]", "does not say that it is one"),
        ("[" * 100_000, "nested too deeply"),
        (changed(version=2), "a plan of version 2"),
        (changed(version=True), "True is not one of"),
        (changed(program="9.9.9"), "was made by xen-setup 9.9.9"),
        (changed(answers="version: 1\nhost: {}\n"), "was changed after it was saved"),
        (changed(facts={"memory": 4096}), "was changed after it was saved"),
        (changed(colour="blue"), "'colour' is not known"),
        (changed(steps=7), "a list was expected"),
        (changed(answers=None), "str was expected"),
        (changed(fingerprints={}), "'answers' is missing"),
    ],
)  # fmt: skip
def test_a_plan_that_is_not_whole_is_refused_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(PlanRefused) as error:
        plan_from_text(text, PLACE)
    assert words in error.value.what
    assert "lab.plan" in error.value.what
    assert error.value.hint


def must_be_refused_or_the_same(text: str, plan: SavedPlan) -> bool:
    """Whether a changed text was refused; if not, it means the same."""
    try:
        found = plan_from_text(text, PLACE)
    except PlanRefused as error:
        assert "lab.plan" in error.what
        return True
    assert plan == found
    return False


def test_a_text_that_was_changed_anywhere_is_refused_or_means_the_same() -> None:
    dice = random.Random(6)
    plan = small()
    text = plan_text(plan)
    refused = 0
    for _ in range(2500):
        place = dice.randrange(len(text))
        cut = place + dice.randrange(4)
        new = "".join(dice.choices('\0 "{}[],:0159eE.-\\ntrufalsä\ud800', k=dice.randrange(4)))
        refused += must_be_refused_or_the_same(text[:place] + new + text[cut:], plan)
    assert refused > 2000


def test_a_value_that_was_changed_anywhere_is_refused() -> None:
    dice = random.Random(7)
    plan = small()
    for _ in range(count(fast=500, usual=1500)):
        value = json.loads(plan_text(plan))
        mutate(value, dice)
        text = json.dumps(value)
        if value != json.loads(plan_text(plan)):
            assert must_be_refused_or_the_same(text, plan), text


def mutate(value: Any, dice: random.Random) -> None:
    """Drop, rename, retype or nest one thing, anywhere in it."""
    places: list[tuple[Any, Any]] = []

    def walk(inner: Any) -> None:
        keys = inner if isinstance(inner, dict) else range(len(inner))
        for key in keys:
            places.append((inner, key))
            if isinstance(inner[key], dict | list):
                walk(inner[key])

    walk(value)
    holder, key = dice.choice(places)
    ways: list[Callable[[], object]] = [
        lambda: holder.pop(key),
        lambda: holder.__setitem__(key, dice.choice([None, True, 0, -1.5, "", "x", [], {}, [[]]])),
        lambda: holder.__setitem__(key, [holder[key]]),
        lambda: holder.__setitem__(key, {"kind": holder[key]}),
    ]
    if isinstance(holder, dict):
        ways.append(lambda: holder.__setitem__(f"{key}s", holder.pop(key)))
    dice.choice(ways)()
