"""A conversation's recorded answers, replayed: the same settings, and the same plan to the byte."""

from __future__ import annotations

import json

from steps import PIPELINE
from steps.facts import Facts
from steps.settings import Settings
from wizard.answer_file import read_text, write_answers
from wizard.answers import record, settle
from wizard.codec import encode
from wizard.preview import preview


def plan_bytes(settings: Settings, facts: Facts) -> bytes:
    """All that the steps say and would do."""
    previews = preview(PIPELINE, settings, facts)
    plain = [
        (one.name, encode(list(one.problems)), [encode(action) for action in one.plan.actions],
         one.plan.skipped, one.plan.notes)
        if one.plan is not None
        else (one.name, [problem.what for problem in one.problems])
        for one in previews
    ]  # fmt: skip
    return json.dumps(plain, indent=1, default=encode).encode()


def check_replay(settings: Settings, facts: Facts) -> None:
    """Raises AssertionError when the record of these settings gives another plan."""
    text = write_answers(record(settings, facts))
    again = settle(read_text(text, Settings), facts)
    assert settings == again
    assert text == write_answers(record(again, facts))
    assert plan_bytes(settings, facts) == plan_bytes(again, facts)
