"""Each action's reason teaches: none is empty, and none is another's by accident."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from tests.machines import machines
from tests.steps.test_laws import ANSWERS, GUESTS, chain
from wizard.actions import Action
from wizard.wording import headline

# What a reason needs at the least: what is done, and what for.
FEWEST_WORDS = 8


def reasons(machine: str, answers: str) -> dict[str, list[Action]]:
    found = defaultdict(list)
    for tried in chain(machine, answers):
        for action in tried.plan.actions:
            found[action.why].append(action)
    return found


@pytest.mark.parametrize("answers", ANSWERS)
def test_every_reason_is_a_sentence_that_teaches(answers: str) -> None:
    for machine in machines():
        for why, (action, *_) in reasons(machine, answers).items():
            where = f"{machine}: {headline(action)}: {why!r}"
            assert len(why.split()) >= FEWEST_WORDS, where
            assert why.endswith((".", "?")) or re.search(r": sudo xen-setup [a-z]+$", why), where
            assert why == " ".join(why.split()), where


@pytest.mark.parametrize("answers", [name for name in ANSWERS if name not in GUESTS])
def test_no_two_actions_have_the_same_reason(answers: str) -> None:
    for machine in machines():
        for why, actions in reasons(machine, answers).items():
            assert len(actions) == 1, (machine, [headline(action) for action in actions], why)


def test_the_machines_bring_forth_enough_reasons_to_look_at() -> None:
    found = {
        why for machine in machines() for answers in ANSWERS for why in reasons(machine, answers)
    }
    assert len(found) > 60
