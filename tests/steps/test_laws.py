"""The laws of steps, for every step on every machine, with several answers.

    verify(settings, plan.then) == []              what the plan promises is what is asked for
    plan(settings, plan.then).actions == ()        and then there is nothing left to do

They give the preview of the whole pipeline without root, and the second run that changes nothing.
Each step is tried on the machine as it is, and on what the steps before it are to make of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import pytest

from steps import PIPELINE
from steps.expected import with_packages
from steps.facts import Facts, Service
from steps.settings import Settings
from tests.machines import machines, running, stock
from tests.steps.answered import answered
from wizard.actions import (
    Action,
    InstallPackages,
    Reboot,
    RunCommand,
    SecretInput,
    WriteFile,
    undo_class,
)
from wizard.codec import decode, encode
from wizard.step import Plan, Problem, Step, step_name

ANSWERS: dict[str, Mapping[str, object]] = {
    "defaults": {},
    "no-bridge": {"host.bridge": "none", "host.console": "screen", "guests.0.swap_size": 0},
    "both-consoles": {
        "host.console": "both",
        "host.make_default": False,
        "host.after_reboot": "by-itself",
        "guests.0.filesystem": "xfs",
        "guests.0.autostart": False,
    },
    "two-guests": {"guests.0.memory": 512, "guests.1.memory": 512, "guests.1.filesystem": "btrfs"},
}
GUESTS = {"two-guests": 2}

# Each of these stands on its own; the guest's steps stand on the volume group, and each other.
ON_THEIR_OWN = (
    "distribution",
    "xen_packages",
    "grub_entry",
    "xend_services",
    "tls_libraries",
    "network_bridge",
    "volume_group",
)


@dataclass(frozen=True)
class Tried:
    """One step on one machine, its checks passed."""

    step: Step[Settings, Facts]
    settings: Settings
    facts: Facts
    plan: Plan[Facts]


@cache
def all_machines() -> dict[str, Facts]:
    """The machines of the tables, and two more: under Xen, and with Xen installed by hand."""
    by_hand = replace(
        stock(),
        packages={**stock().packages, "xen-system-amd64": "4.17", "lvm2": "2", "debootstrap": "1"},
        xen=replace(stock().xen, images=("/boot/xen-4.17-amd64.gz",), commands=("xl",)),
        services=(Service("xen", True, True, False), Service("xendomains", True, False, False)),
    )
    unprepared = with_packages(running(stock()), ("xen-hypervisor-4.17-amd64",))
    return machines() | {"under-xen-unprepared": unprepared, "xen-by-hand": by_hand}


@cache
def chain(machine: str, answers: str) -> tuple[Tried, ...]:
    """The steps whose checks pass, each on what those before it are to leave; up to where one
    fails that others stand on."""
    facts = all_machines()[machine]
    settings = answered(facts, ANSWERS[answers], GUESTS.get(answers, 1))
    found = []
    for step in PIPELINE:
        if errors(step.check(settings, facts)):
            if step_name(step) in ON_THEIR_OWN[:-1]:
                continue
            break
        plan = step.plan(settings, facts)
        found.append(Tried(step, settings, facts, plan))
        facts = plan.then
    return tuple(found)


@cache
def alone(machine: str, answers: str) -> tuple[Tried, ...]:
    """The steps whose checks pass on the machine as it is."""
    facts = all_machines()[machine]
    settings = answered(facts, ANSWERS[answers], GUESTS.get(answers, 1))
    return tuple(
        Tried(step, settings, facts, step.plan(settings, facts))
        for step in PIPELINE
        if step_name(step) in ON_THEIR_OWN and not errors(step.check(settings, facts))
    )


def errors(problems: Sequence[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.severity == "error"]


def tried(machine: str, answers: str) -> Iterator[Tried]:
    yield from alone(machine, answers)
    yield from chain(machine, answers)


each = pytest.mark.parametrize(
    ("machine", "answers"), [(name, kind) for name in all_machines() for kind in ANSWERS]
)


@each
def test_verification_accepts_what_the_plan_promises(machine: str, answers: str) -> None:
    for one in tried(machine, answers):
        found = one.step.verify(one.settings, one.plan.then)
        # What an ordinary user cannot read cannot be verified either, and is said to be unknown.
        assert ([], step_name(one.step)) == (
            [problem for problem in found if problem.severity != "unknown"],
            step_name(one.step),
        )


@each
def test_a_second_run_has_nothing_to_do(machine: str, answers: str) -> None:
    for one in tried(machine, answers):
        again = one.step.plan(one.settings, one.plan.then)
        assert ((), step_name(one.step)) == (again.actions, step_name(one.step))
        assert one.plan.then == again.then
        assert again.guard is None, "nothing is changed, so nothing needs a guard"


@each
def test_the_second_run_passes_its_checks(machine: str, answers: str) -> None:
    done = chain(machine, answers)
    if not done:
        return
    final = done[-1].plan.then
    for one in done:
        assert ([], step_name(one.step)) == (
            errors(one.step.check(one.settings, final)),
            step_name(one.step),
        )
        assert () == one.step.plan(one.settings, final).actions, step_name(one.step)


@each
def test_plans_are_the_same_byte_for_byte_and_go_to_json_and_back(
    machine: str, answers: str
) -> None:
    for one in tried(machine, answers):
        again = one.step.plan(one.settings, one.facts)
        assert written(one.plan) == written(again)
        for action in one.plan.actions:
            text = json.dumps(encode(action, Action))
            assert action == decode(Action, json.loads(text))  # type: ignore[arg-type]


def written(plan: Plan[Facts]) -> str:
    return json.dumps([encode(action, Action) for action in plan.actions], sort_keys=False)


@each
def test_every_action_says_why_and_how_it_is_undone(machine: str, answers: str) -> None:
    for one in tried(machine, answers):
        for action in one.plan.actions:
            assert 4 <= len(action.why.split()), action
            if isinstance(action, RunCommand):
                undone = action.undo is not None or action.undo_note != ""
                assert undone, f"{action.argv}: neither an undo nor a word on why not"
                assert action.undo is None or undo_class(action) in ("exact", "by removal")
                assert all(isinstance(word, str) and "\n" not in word for word in action.argv)
                # The lines of such a log are shown, and nothing in them is masked.
                assert not (action.own_log and isinstance(action.input, SecretInput)), action
        if not one.plan.actions:
            assert one.plan.skipped or one.plan.notes, "nothing to do, and not a word on why"


@each
def test_problems_are_named_in_kebab_case_and_say_what_to_do(machine: str, answers: str) -> None:
    facts = all_machines()[machine]
    settings = answered(facts, ANSWERS[answers], GUESTS.get(answers, 1))
    for step in PIPELINE:
        for problem in (*step.check(settings, facts), *step.verify(settings, facts)):
            assert problem.name == problem.name.lower()
            assert problem.name.replace("-", "").isalnum(), problem.name
            assert problem.what.endswith((".", "?", "!", ")")), problem.what
            assert problem.hint, problem.name


@pytest.mark.parametrize("machine", all_machines())
def test_no_check_changes_with_being_asked_twice(machine: str) -> None:
    facts = all_machines()[machine]
    settings = answered(facts)
    for step in PIPELINE:
        assert step.check(settings, facts) == step.check(settings, facts)


def test_the_laws_were_put_to_every_step() -> None:
    assert [step_name(step) for step in PIPELINE] == [
        step_name(one.step) for one in chain("stock", "defaults")
    ]
    for name in ON_THEIR_OWN:
        assert any(
            name == step_name(one.step)
            for machine in all_machines()
            for one in alone(machine, "defaults")
        ), name


def test_the_laws_were_put_to_every_kind_of_action() -> None:
    kinds = {
        action.kind
        for machine in all_machines()
        for one in chain(machine, "both-consoles")
        for action in one.plan.actions
    }
    assert {"RunCommand", "WriteFile", "InstallPackages", "CreatePartition", "Reboot"} <= kinds


def test_on_a_stock_machine_the_boot_default_is_kept_before_xen_comes_in() -> None:
    actions = [action for one in chain("stock", "defaults") for action in one.plan.actions]
    kinds = [action.kind for action in actions]
    assert kinds.index("WriteFile") < kinds.index("InstallPackages") < kinds.index("Reboot")
    first = next(action for action in actions if isinstance(action, WriteFile))
    assert "XEN_OVERRIDE_GRUB_DEFAULT=0" in first.text.splitlines()
    assert sum(isinstance(action, InstallPackages) for action in actions) == 1
    assert sum(isinstance(action, Reboot) for action in actions) == 1
