"""A run held to a saved plan goes back to a step, and on again: what is left is no change."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.ground import Ground
from tests.faults.host import Host
from tests.faults.test_meanwhile import promise_of
from wizard.errors import RebootNeeded, StepFailed
from wizard.rollback import roll_back
from wizard.saved_plan import Promise


@pytest.fixture(scope="module")
def ground(grounds: Callable[[str], Ground]) -> Ground:
    return grounds("fresh")


def gone_back(ground: Ground) -> tuple[Host, Promise[object]]:
    """A finished host that was taken back as far as its bridge; Xen runs still."""
    host = ground.host
    host.restore(ground.undisturbed.before)
    promise = promise_of(host)
    pipeline = host.pipeline()
    pipeline.promise = promise  # type: ignore[assignment]
    with pytest.raises(RebootNeeded):
        pipeline.apply(host.settings, "version: 1\n")
    host.model.boot()
    resume(host, promise)
    roll_back(host.store, host.machine(), host.reporter, "network_bridge")
    return host, promise


def resume(host: Host, promise: Promise[object]) -> None:
    """`xen-setup resume`, of a run that is held to that plan."""
    pipeline = host.pipeline()
    pipeline.promise = promise  # type: ignore[assignment]
    pipeline.resume(host.settings)


def test_xen_that_still_runs_is_not_booted_again_and_is_no_change_of_the_plan(
    ground: Ground,
) -> None:
    # "you reboot the machine → nothing": it stopped until somebody booted, which nothing said.
    host, promise = gone_back(ground)
    resume(host, promise)
    host.questions.clear()
    assert [] == ground.wrong_at_the_end()


def test_what_the_plan_does_not_say_is_refused_after_going_back_too(ground: Ground) -> None:
    host, promise = gone_back(ground)
    host.model.state.kernel = "6.1.0-99-amd64"
    with pytest.raises(StepFailed, match="would not do what the saved plan says"):
        resume(host, promise)
