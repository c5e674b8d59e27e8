"""Settings for a machine: its own defaults, and a few answers of the test's."""

from __future__ import annotations

from collections.abc import Mapping

from steps.facts import Facts
from steps.settings import Settings
from wizard.answers import Answers, draft


def answered(
    facts: Facts, answers: Mapping[str, object] | None = None, guests: int = 1
) -> Settings:
    """The settings as the wizard would have them. Keys are as in "storage.use", "guests.0.memory";
    values are parsed ones (sizes in MiB)."""
    given = Answers(Settings).with_count("guests", guests)
    for key, value in (answers or {}).items():
        given = given.with_answer(key, value)
    return draft(given, facts).settings
