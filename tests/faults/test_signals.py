"""Ctrl-C, SIGTERM and a closed terminal at every moment of the full plan, in commands too."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.fast import share
from tests.faults.ground import Ground, Wrong, attempt
from wizard.errors import Interrupted
from wizard.records import Entry
from wizard.status import status

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture(scope="module", params=["fresh", "second-disk"])
def ground(request: pytest.FixtureRequest, grounds: Callable[[str], Ground]) -> Ground:
    return grounds(request.param)


class SignalAt:
    """A signal comes at the n-th point."""

    def __init__(self, ground: Ground, number: int, which: signal.Signals) -> None:
        self._ground, self._number, self._which = ground, number, which
        self.passed = 0

    def __call__(self, name: str) -> None:
        self.passed += 1
        if self.passed == self._number:
            self._ground.host.interrupts.note(self._which)


def test_a_signal_at_any_moment_stops_in_order_and_resume_reaches_the_same_end(
    ground: Ground,
) -> None:
    host, wrong = ground.host, Wrong()
    for number in share(range(1, len(ground.applying) + 1)):
        which = list(SIGNALS)[number % 3]
        trace = f"{which.name} at {ground.applying[number - 1].point}"
        host.restore(ground.undisturbed.before)
        host.at_point = SignalAt(ground, number, which)
        try:
            host.apply()
        except Interrupted as error:
            found = status(host.store, f"boot-{host.model.state.boots}")
            last = found.runs[-1].exit_status if found.runs else None
            if (error.status, last) != (SIGNALS[which], SIGNALS[which]) or not error.hint:
                wrong.note(trace, [f"status {error.status}, and {last} in the journal"])
        # Too late for this process: what is left of it asks for the boot, or is done.
        host.at_point = lambda _name: None
        if number % 2:
            wrong.note(trace, attempt(host.go_on))
            wrong.note(trace, ground.wrong_at_the_end())
        else:
            wrong.note(trace, attempt(host.roll_back))
            wrong.note(trace, ground.wrong_at_the_start())
    assert [] == wrong.found


def test_a_signal_during_rollback_waits_for_the_undo_and_rollback_goes_on(ground: Ground) -> None:
    host, wrong = ground.host, Wrong()
    for number in share(range(1, len(ground.undoing) + 1)):
        which = list(SIGNALS)[number % 3]
        trace = f"{which.name} at {ground.undoing[number - 1].point}"
        host.restore(ground.undisturbed.after)
        host.at_point = SignalAt(ground, number, which)
        try:
            host.roll_back()
        except Interrupted as error:
            if error.status != SIGNALS[which] or not error.hint:
                wrong.note(trace, [f"status {error.status}"])
            if any(entry.state == "undoing" for entry in _entries(ground)):
                wrong.note(trace, ["an undo was left half way"])
        host.at_point = lambda _name: None
        wrong.note(trace, attempt(host.roll_back))
        wrong.note(trace, ground.wrong_at_the_start())
    assert [] == wrong.found


def _entries(ground: Ground) -> list[Entry]:
    store = ground.host.store
    return [entry for run in store.runs() for entry in store.ledger(run).entries.values()]
