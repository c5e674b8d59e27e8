"""What every question must declare, whatever it asks."""

from __future__ import annotations

from typing import Any

import pytest

from steps.settings import Settings
from wizard.answers import parts
from wizard.questions import Question, questions_of

QUESTIONS = {
    f"{part.name}.{name}": question
    for part in parts(Settings)
    for name, question in questions_of(part.section)
}


@pytest.mark.parametrize("key", QUESTIONS)
def test_a_question_has_words_and_something_to_begin_with(key: str) -> None:
    question = QUESTIONS[key]
    assert question.prompt
    assert question.help.endswith((".", "?"))
    assert question.constant is not None or question.example is not None


@pytest.mark.parametrize("key", QUESTIONS)
def test_a_constant_default_and_an_example_are_answers_of_their_kind(key: str) -> None:
    question: Question[Any] = QUESTIONS[key]
    for value in (question.constant, question.example):
        if value is not None:
            assert value == question.kind.parse(question.kind.show(value))
