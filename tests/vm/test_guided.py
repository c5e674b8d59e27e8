"""The guided journey: a real terminal, in which a person's keys answer the wizard's questions.

The tests of this file are one journey, in this order; after a failure the rest is not tried.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.interview.keys import ANSWERED
from tests.terminal import ENTER, Terminal
from tests.vm.conftest import JOURNEY, Say
from tests.vm.whole_run import inside, log_in_to_guest
from wizard.practice.machine import PracticeMachine

pytestmark = JOURNEY

ROOT = Path(__file__).parent.parent.parent

SLOW = 300.0  # seconds: the machine is emulated, and may not be alone


def test_a_persons_answers_lead_to_a_guests_login_prompt(
    machine: PracticeMachine, say: Say
) -> None:
    command = [str(ROOT / "xen-setup"), "practice", "--name", str(machine.name)]
    started = time.monotonic()
    with Terminal(command, ROOT) as terminal:
        try:
            for words, keys in ANSWERED:
                terminal.wait_for(words, seconds=SLOW)
                terminal.type(keys)
            say(f"  {time.monotonic() - started:5.0f} s  all questions are answered")
            # The session comes in by the card that goes into the bridge: a person confirms.
            terminal.wait_for("still connected?", seconds=15 * 60)
            terminal.type(f"yes{ENTER}")
            say(f"  {time.monotonic() - started:5.0f} s  the bridge is confirmed")
            terminal.wait_for("The practice machine still runs", seconds=45 * 60)
            status = terminal.ends(seconds=60)
        except AssertionError:
            say(terminal.whole_text)
            raise
        say(f"practice, guided: {time.monotonic() - started:.0f} s")
        assert status == 0, terminal.whole_text
        assert terminal.is_whole
        assert "Domain-0" in terminal.text
        assert "vm01" in terminal.text


def test_the_answers_are_kept_and_plan_nothing_more(machine: PracticeMachine) -> None:
    kept = "$(ls -d /var/lib/xen-setup/runs/*/answers.yaml | tail -1)"
    status, said = inside(machine, "sh", "-c", f"stat --format=%a {kept}; xen-setup apply {kept}")
    assert status == 0, said
    assert said.startswith("600\n")


def test_the_service_that_went_on_after_the_boot_is_gone(machine: PracticeMachine) -> None:
    status, said = inside(
        machine, "sh", "-c", "ls /etc/systemd/system /etc/systemd/system/multi-user.target.wants"
    )
    assert status == 0
    assert "xen-setup" not in said
    assert inside(machine, "systemctl", "is-failed", "xen-setup-resume.service")[0] != 0


def test_the_guests_password_is_the_one_that_was_typed(machine: PracticeMachine, say: Say) -> None:
    assert "uid=0(root)" in log_in_to_guest(machine, say)
