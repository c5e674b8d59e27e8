"""What holds for many guests is told once; what follows from another problem is not counted."""

from __future__ import annotations

import pytest

from steps import PIPELINE
from steps.each_guest import each_guest
from steps.settings import GuestSettings
from tests.machines import machines, stock
from tests.steps.answered import answered
from wizard.errors import ChecksFailed
from wizard.preview import own_errors, preview, refuse_problems
from wizard.shapes import failed_checks
from wizard.step import Problem


@pytest.mark.parametrize(
    ("guests", "ending"),
    [
        (1, "."),
        (2, ". The same holds for vm02."),
        (3, ". The same holds for vm02 and vm03."),
        (20, ". The same holds for 19 more, vm02 to vm20."),
    ],
)
def test_a_problem_of_several_guests_is_told_once(guests: int, ending: str) -> None:
    def check(guest: GuestSettings) -> list[Problem]:
        return [Problem("odd", f"{guest.name} is odd.", f"Mend /dev/g/{guest.name}-root.")]

    (told,) = each_guest(answered(stock(), guests=guests), check)
    assert f"vm01 is odd{ending}" == told.what
    assert "Mend /dev/g/vm01-root." == told.hint


def test_problems_that_differ_in_more_than_the_name_are_told_one_by_one() -> None:
    def check(guest: GuestSettings) -> list[Problem]:
        size = 1 if guest.name == "vm02" else 2
        return [Problem("odd", f"{guest.name} has {size}.", ""), Problem("all", "All.", "")]

    told = each_guest(answered(stock(), guests=3), check)
    assert ["vm01 has 2. The same holds for vm03.", "All.", "vm02 has 1."] == [
        problem.what for problem in told
    ]


def test_one_wrong_gateway_of_twenty_guests_is_one_problem() -> None:
    answers: dict[str, object] = {}
    for index in range(20):
        answers |= {
            f"guests.{index}.network": f"192.0.2.{index + 10}/24",
            f"guests.{index}.gateway": "10.9.9.1",
            f"guests.{index}.memory": 64,
        }
    settings = answered(stock(), answers, 20)
    found = [p for one in preview(PIPELINE, settings, stock()) for p in one.problems]
    (told,) = [problem for problem in found if problem.name == "gateway-outside"]
    assert "vm01's gateway 10.9.9.1 is not in its network" in told.what
    assert told.what.endswith("The same holds for 19 more, vm02 to vm20.")
    assert 1 == sum(problem.name == "nobody-can-log-in" for problem in found)


def test_what_follows_from_an_earlier_problem_is_shown_and_not_counted() -> None:
    settings = answered(stock(), {"storage.device": "/dev/sdq"})
    previews = preview(PIPELINE, settings, stock())
    volumes = next(one for one in previews if one.name == "guest_volumes")
    (follows,) = volumes.problems
    assert ("volume-group-missing", True) == (follows.name, follows.follows)
    assert [] == own_errors(volumes.problems)
    assert volumes.plan is None
    assert 1 == failed_checks(previews)
    with pytest.raises(ChecksFailed) as caught:
        refuse_problems(previews, consent=False)
    assert "A check failed; nothing was changed." == caught.value.what
    assert 1 == len(caught.value.details)


def test_what_could_follow_stands_for_itself_where_nothing_went_before() -> None:
    """A step alone, as in a run that comes to it: then it is what is wrong."""
    step = next(step for step in PIPELINE if step.__name__.endswith("guest_volumes"))
    (one,) = preview([step], answered(stock()), stock())
    assert [False] == [problem.follows for problem in one.problems]
    assert 1 == failed_checks([one])


@pytest.mark.parametrize("name", sorted(machines()))
def test_no_machine_has_only_problems_that_follow(name: str) -> None:
    facts = machines()[name]
    previews = preview(PIPELINE, answered(facts), facts)
    assert (failed_checks(previews) == 0) == all(one.plan is not None for one in previews)
