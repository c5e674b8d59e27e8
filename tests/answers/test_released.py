"""Answer files of every released version stay readable, and mean what they meant.

`released/VERSION/NAME.yaml` is a file, `NAME.json` every answer that counted when the release read
it on the stock machine. Neither is ever changed: a new version gets a folder of its own. A file
that is new is recorded by `python -m tests.answers.test_released`. (Once they were: made-up hashes
and keys became whole ones, as a person's own were all the time.)
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from steps.settings import Settings
from tests.machines import stock
from wizard.answer_file import ANSWERS_VERSION, read_answers
from wizard.answer_reference import every_question
from wizard.answers import record, settle

RELEASED = Path(__file__).parent / "released"
FILES = sorted(RELEASED.glob("*/*.yaml"))


def meaning_of(path: Path) -> dict[str, object]:
    """Every answer that counts on the stock machine, as it is written in a file."""
    answers = record(settle(read_answers([path], Settings), stock()), stock())
    questions = {key: question for key, _, question in every_question(Settings)}
    return {
        key: questions[re.sub(r"\.\d+", "", key)].kind.show(given.value)
        for key, given in answers.given.items()
    }


def test_every_version_has_files() -> None:
    assert [str(version) for version in range(1, ANSWERS_VERSION + 1)] == sorted(
        {path.parent.name for path in FILES}
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_released_file_means_what_it_meant(path: Path) -> None:
    recorded: dict[str, object] = json.loads(path.with_suffix(".json").read_text())
    # What was asked for the first time after the release is not in the record.
    assert recorded.items() <= meaning_of(path).items()


if __name__ == "__main__":
    for new in FILES:
        beside = new.with_suffix(".json")
        if not beside.exists():
            beside.write_text(json.dumps(meaning_of(new), indent=1) + "\n")
