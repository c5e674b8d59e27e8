"""How far the questions are, said with each heading by what the answers make of them so far; and
the letters that lead back.
"""

from __future__ import annotations

import re

from steps.settings import Settings
from tests.interview.test_interview import BRIDGE, CARD, MORE, Talk, script
from wizard.answers import Answers


def places(talk: Talk) -> list[tuple[int, int]]:
    """The numbers in the headings, in order."""
    found = [re.search(r", question (\d+) of about (\d+)$", words) for words in talk.prompter.said]
    return [(int(one[1]), int(one[2])) for one in found if one]


def test_each_heading_says_which_question_it_is_of_how_many() -> None:
    talk = Talk([*script(), "apply"])
    talk.hold()
    assert [(1, 17), (3, 17), (5, 17), (9, 17), (12, 17), (15, 17), (16, 17), (17, 17)] == (
        places(talk)
    )


def test_an_answer_that_takes_questions_away_or_makes_some_counts_at_once() -> None:
    answers = script()
    answers[BRIDGE] = "none"
    talk = Talk([*answers[:CARD], *answers[CARD + 1 :], "apply"])
    talk.hold()
    assert [(1, 17), (3, 17), (4, 16)] == places(talk)[:3]
    talk = Talk([*script()[:MORE], "yes", *[""] * 7, "no", "", "apply"])
    talk.hold()
    assert (17, 25) in places(talk)
    assert (25, 25) == places(talk)[-1]


def test_what_was_given_is_not_counted_and_back_counts_back() -> None:
    given = Answers(Settings).with_answer("host.dom0_memory", 1024)
    talk = Talk([*script()[1:], "apply"], given=given)
    talk.hold()
    assert (1, 16) == places(talk)[0]
    talk = Talk([*script(CARD=("back", "back", "", "", "")), "apply"])
    talk.hold()
    assert [(1, 17), (3, 17), (3, 17), (2, 17), (3, 17)] == places(talk)[:5]


def test_a_letter_leads_back_where_it_is_no_answer() -> None:
    talk = Talk([*script(NAME="b"), "apply"])
    assert "b" == talk.hold().guests[0].name  # a name like another
    taken = "Taken as an answer. If you meant back: type the whole word."
    assert 1 == talk.prompter.said.count(taken)
    talk = Talk([*script(SIZE=("b", "", "")), "apply"])
    talk.hold()
    assert 2 == talk.prompts.count("Which device?")
    assert taken not in talk.prompter.said
