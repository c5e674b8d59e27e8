"""A rollback that was cut off, and whatever is typed after it: the machine comes to a whole end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.fast import share
from tests.faults.ground import Ground, Wrong, attempt, different
from tests.faults.host import Host, Image
from tests.faults.oracles import Undisturbed, not_as_before, not_at_the_same_end
from tests.faults.test_rollbacks import with_another_guest
from tests.faults.test_several_runs import back
from wizard.errors import UsageError
from wizard.journal import unfinished_run
from wizard.status import status

WAYS: dict[str, Mapping[str, Any]] = {
    "all": {},
    "run 2": {"only": 2},
    "some of run 2": {"to": "guest_volumes"},
    "all but packages": {"to": "xen_packages"},
    "some of run 1": {"to": "network_bridge"},  # run 2 has no such step
}


def typed(host: Host, how: Mapping[str, Any]) -> None:
    with suppress(UsageError):  # that run has no such step: nothing is done
        back(host, **how)


def go_on(host: Host) -> bool:
    """`resume`, by the answers of the run that goes on; whether there was one."""
    run = unfinished_run(host.store)
    if run is None:
        return False
    settings = host.settings
    if run.number == 2:
        guest = replace(settings.guests[0], name="vm02")
        own = replace(settings.host, make_default=False)
        host.settings = replace(settings, guests=(guest,), host=own)
    try:
        host.resume()
    finally:
        host.settings = settings
    return True


def end_of(host: Host, ground: Ground, both: Image) -> str:
    """Which whole end the machine came to; "" for none."""
    before, after = ground.undisturbed.before, ground.undisturbed.after
    if not not_at_the_same_end(host, Undisturbed(before, both)):
        return "finished"
    if not not_at_the_same_end(host, Undisturbed(before, after)):
        return "finished"
    return "" if not_as_before(host, before) else "rolled back"


@pytest.mark.parametrize("first", [way for way in WAYS if way != "some of run 1"])
def test_every_end_is_a_whole_one_and_status_says_which(
    grounds: Callable[[str], Ground], first: str
) -> None:
    ground = grounds("fresh")
    host = ground.host
    host.restore(ground.undisturbed.after)
    with_another_guest(host)
    both = host.image()
    wrong = Wrong()
    images = different(host.crashes_of(lambda: back(host, **WAYS[first])))
    for image in share(images[::5], one_in=10):
        for then, how in WAYS.items():
            host.restore(image)
            host.model.boot()
            point = f"{image.point}, then {then}"
            wrong.note(point, attempt(partial(typed, host, how)))
            for _time in range(3):
                wrong.note(point, attempt(lambda: go_on(host)))
            told, came = status(host.store, "").state, end_of(host, ground, both)
            if told != came or unfinished_run(host.store) is not None:
                wrong.note(point, [f"it is said to be {told}, and is {came or 'no whole end'}"])
    assert wrong.found == []
