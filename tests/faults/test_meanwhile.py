"""Somebody else works at the same machine: a change between plan and apply, a second xen-setup."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count as counting

import pytest

from steps import drift
from steps.facts import Content
from tests.faults.ground import Ground
from tests.faults.host import Host
from tests.faults.model import Model
from tests.faults.state import Group
from wizard.errors import Locked, SetupError, StepFailed
from wizard.journal import Means
from wizard.preview import preview
from wizard.saved_plan import (
    Fingerprints,
    PlanRefused,
    Promise,
    SavedPlan,
    plan_text,
    saved_steps,
    sealed,
)
from wizard.shapes import Machine


@pytest.fixture(scope="module")
def ground(grounds: Callable[[str], Ground]) -> Ground:
    return grounds("fresh")


def another_disk(model: Model) -> None:
    model.state.serial = "another one"


def a_group_appears(model: Model) -> None:
    model.state.groups["xendisks"] = Group(("somebody",), "/dev/vdy", 8188)


def a_file_is_edited(model: Model) -> None:
    path = model.tree / "etc/network/interfaces"
    path.write_text(path.read_text() + "# a line of mine\n")


def the_kernel_is_upgraded(model: Model) -> None:
    model.state.kernel = "6.1.0-99-amd64"


def the_menu_is_changed(model: Model) -> None:
    model.state.environment["next_entry"] = "another"


def a_signature_appears(model: Model) -> None:
    model.state.content["/dev/vda"] = Content("filesystem", "ext4", "", "1234")


CHANGES = (another_disk, a_group_appears, a_file_is_edited, the_kernel_is_upgraded,
           the_menu_is_changed, a_signature_appears)  # fmt: skip


def promise_of(host: Host) -> Promise[object]:
    """The plan of this host as it is now, saved."""
    facts = host.read_facts()
    steps = host.pipeline().steps
    plan = sealed(
        SavedPlan(
            "xen-setup saved plan", 1, "0.1.0", Machine("id", "host", True), "version: 1\n",
            (), (), (), saved_steps(preview(steps, host.settings, facts)), None, None,
            Fingerprints("", "", "", ""),
        )
    )  # fmt: skip
    return Promise(plan, plan_text(plan), facts, drift.differences, lambda action: action)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", CHANGES)
def test_a_saved_plan_is_refused_when_the_machine_changed_and_says_what(
    ground: Ground, change: Callable[[Model], None]
) -> None:
    host = ground.host
    host.restore(ground.undisturbed.before)
    promise = promise_of(host)
    change(host.model)
    changed = host.image()
    pipeline = host.pipeline()
    pipeline.promise = promise  # type: ignore[assignment]
    with pytest.raises(PlanRefused) as caught:
        pipeline.apply(host.settings, "version: 1\n")
    assert caught.value.details
    assert host.commands == []
    assert changed.state == host.image().state


@pytest.mark.parametrize("change", [another_disk, a_signature_appears])
def test_a_device_that_is_another_when_its_turn_comes_is_not_touched(
    ground: Ground, change: Callable[[Model], None]
) -> None:
    host = ground.host
    host.restore(ground.undisturbed.before)
    partitions = []

    def at(point: str) -> None:
        if point == "CreatePartition: starts":
            change(host.model)
            partitions.append(point)

    host.at_point = at
    with pytest.raises(StepFailed, match="is not what it was"):
        host.apply()
    host.at_point = lambda _name: None
    assert partitions
    assert host.model.state.parts == {}


def test_a_file_that_somebody_edits_while_it_is_written_is_left_alone(ground: Ground) -> None:
    host = ground.host
    host.restore(ground.undisturbed.before)
    edited: list[str] = []

    def at(point: str) -> None:
        if point == "WriteFile: starts" and ("ifdown", "--force", "ens3") in host.commands:
            if not edited:
                a_file_is_edited(host.model)
            edited.append(point)

    host.at_point = at
    with pytest.raises(SetupError, match=r"was changed while this ran"):
        host.apply()
    host.at_point = lambda _name: None
    assert "# a line of mine" in (host.tree / "etc/network/interfaces").read_text()


def test_a_second_instance_is_refused_at_every_step_within_a_second(ground: Ground) -> None:
    host = ground.host
    host.restore(ground.undisturbed.before)
    seen: list[tuple[str, float]] = []

    def at(point: str) -> None:
        steps = host.reporter.named("step_begins")
        if steps and steps[-1] not in [name for name, _ in seen]:
            before, started = host.image(), time.process_time()
            wall = time.monotonic()
            with pytest.raises(Locked, match="at work"):
                host.pipeline().apply(host.settings, "version: 1\n")
            seen.append((steps[-1], time.process_time() - started))
            assert time.monotonic() - wall < 20  # seconds; the patience is 0.4, the rest is load
            assert before == replace(host.image(), point=before.point)

    host.at_point = at
    host.apply()
    host.at_point = lambda _name: None
    assert len(seen) > 5
    assert max(seconds for _, seconds in seen) < 1
    assert [] == ground.wrong_at_the_end()


def test_the_clock_may_jump_as_it_likes(ground: Ground) -> None:
    host = ground.host
    host.restore(ground.undisturbed.before)
    ticks = counting()
    years = (2026, 1970, 2038, 1999)
    host.means = Means(now=lambda: f"{years[next(ticks) % 4]}-01-01T00:00:00Z")
    host.crash(host.apply, 100)
    host.go_on()
    assert [] == ground.wrong_at_the_end()
    host.roll_back()
    host.means = Means()
    assert [] == ground.wrong_at_the_start()
