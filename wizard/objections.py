"""What an answer comes to on this machine, tried by the steps themselves when it is given.

The steps' checks say whether the settings that an answer leads to can be carried out. What stands
in the way only with that answer is the answer's: it is told at once, not after the last question.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from wizard.answers import Answers, draft
from wizard.preview import errors_in, preview
from wizard.step import Problem, Step

S = TypeVar("S")
F = TypeVar("F")


def obstacles(
    steps: Sequence[Step[S, F]], answers: Answers[S], facts: F, ignore: frozenset[str]
) -> list[Problem]:
    """What would stop a run with what was answered so far, and else with what is suggested; each
    check once.
    """
    previews = preview(steps, draft(answers, facts).settings, facts, ignore)
    found = [problem for one in previews for problem in errors_in(one.problems)]
    return list({problem.name: problem for problem in reversed(found)}.values())[::-1]


def objections(
    steps: Sequence[Step[S, F]],
    before: Answers[S],
    after: Answers[S],
    facts: F,
    ignore: frozenset[str],
) -> list[Problem]:
    """What stands in the way with the later answers, and did not with the earlier ones.

    Nothing is said of answers that are not whole: what the missing one will be is not known.
    """
    if draft(after, facts).problems or draft(before, facts).problems:
        return []
    known = {problem.name for problem in obstacles(steps, before, facts, ignore)}
    for one in preview(steps, draft(after, facts).settings, facts, ignore):
        if found := [problem for problem in errors_in(one.problems) if problem.name not in known]:
            return found  # later steps only miss what this one would have made
    return []
