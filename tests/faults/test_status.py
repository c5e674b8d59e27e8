"""What `status` says where it is not the newest run that tells how the machine stands."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from tests.faults.ground import Ground
from tests.faults.host import Host
from tests.faults.test_rollbacks import busy, with_another_guest
from tests.faults.test_several_runs import back, cut_off
from wizard.console import Console
from wizard.errors import Exit, RollbackIncomplete
from wizard.shapes import status_document
from wizard.status import status


@pytest.fixture
def finished(grounds: Callable[[str], Ground]) -> Host:
    """The host as a whole run has made it."""
    ground = grounds("fresh")
    ground.host.restore(ground.undisturbed.after)
    return ground.host


def shown(host: Host) -> list[str]:
    """Its lines, without the steps' own."""
    stream = io.StringIO()
    Console(stream, plain=True).status(status(host.store, f"boot-{host.model.state.boots}"))
    words = ("Run ", "left as it is: guest_volumes: ", "Next:", "verified", "rolled back")
    lines = [line.strip() for line in stream.getvalue().splitlines()]
    return [line for line in lines if line.startswith(words)]


def document(host: Host) -> tuple[str, int | None, str]:
    """How `status --json` has it."""
    made = status_document(status(host.store, f"boot-{host.model.state.boots}"))
    return made.state, made.exit_status, made.next


def test_a_run_that_is_taken_back_is_not_said_to_be_finished(finished: Host) -> None:
    with_another_guest(finished)
    back(finished, only=2)
    lines = shown(finished)
    assert ["Run 2: rolled back", "Run 1: finished"] == lines[:2]
    assert {line.split()[0] for line in lines[2:]} == {"verified"}
    assert ("finished", Exit.DONE, "") == document(finished)


def test_a_finished_run_above_one_that_is_half_taken_back_is_not_said_to_be(
    finished: Host,
) -> None:
    with_another_guest(finished)
    with_another_guest(finished, "vm03")
    cut_off(finished, "during lvremove", lambda: back(finished, only=2))
    lines = shown(finished)
    assert ["Run 1: finished", "Run 3: finished", "Run 2: rolling back"] == lines[:3]
    assert "Next: sudo xen-setup rollback --run 2" == lines[-1]
    assert ("rolling back", None, "sudo xen-setup rollback --run 2") == document(finished)


def test_what_stays_of_a_run_below_one_that_is_finished_is_said(finished: Host) -> None:
    with_another_guest(finished)
    with_another_guest(finished, "vm03")
    finished.lies = busy("vm02-root")
    with pytest.raises(RollbackIncomplete):
        back(finished, only=2)
    finished.lies = lambda _argv: None
    lines = shown(finished)
    assert ["Run 1: finished", "Run 2: rollback incomplete"] == lines[:2]
    assert "left as it is" in lines[2]
    assert "Run 3: finished" in lines
    assert ("finished", Exit.DONE, "") == document(finished)
