"""The real pipeline's questions, on every machine that is known."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from steps import PIPELINE
from steps.not_known import (
    ADDRESS_BY_DHCP,
    SEVERAL_CARDS,
    XEN_BOOTS,
    has_packages,
    has_release,
    size_of_group,
)
from steps.settings import Settings
from tests.interview.keys import chosen
from tests.interview.replay import check_replay, plan_bytes
from tests.machines import machines
from wizard.answer_reference import words_of
from wizard.answers import Answers, draft, parts, settle, text_of, walk
from wizard.interview import Interview
from wizard.preview import preview
from wizard.prompts import Option, ScriptedPrompter
from wizard.questions import questions_of

MACHINES = machines()


def test_every_question_is_asked_by_exactly_one_step() -> None:
    declared = [
        f"{part.name}.{name}" for part in parts(Settings) for name, _ in questions_of(part.section)
    ]
    asked = [key for step in PIPELINE for key in step.QUESTIONS]
    assert sorted(declared) == sorted(asked)


def test_a_guests_name_is_the_first_thing_asked_of_it() -> None:
    asked = [key for step in PIPELINE for key in step.QUESTIONS if key.startswith("guests.")]
    assert "guests.name" == asked[0]


class Obliging(ScriptedPrompter):
    """Takes what is suggested, or else the first thing that can be taken, whatever it costs."""

    def __init__(self) -> None:
        super().__init__([])

    def line(
        self, prompt: str, default: str = "", *, hidden: bool = False, seconds: float | None = None
    ) -> str:
        self.asked.append((prompt, default))
        if " to agree" in prompt:
            return prompt.split()[1]
        return "" if default else chosen(prompt) or "/dev/vdz"

    def pick(self, prompt: str, options: Sequence[Option], default: str = "") -> str:
        self.offered.append(tuple(options))
        self.asked.append((prompt, default))
        assert len(self.asked) < 1000, "asked without end"
        real = [option.value for option in options if not option.refused and not option.move]
        return default if default in real else real[0]


@pytest.mark.parametrize("name", MACHINES)
def test_no_machine_is_a_dead_end(name: str) -> None:
    facts, prompter = MACHINES[name], Obliging()
    interview = Interview(PIPELINE, Answers(Settings), facts, prompter)
    interview.ask_all()
    drafted = draft(interview.answers, facts)
    assert () == drafted.problems
    check_replay(drafted.settings, facts)
    for options in prompter.offered:
        assert any(not option.refused and not option.move for option in options)


@pytest.mark.parametrize("name", MACHINES)
def test_every_suggestion_is_one_of_the_things_offered_and_has_its_reason(name: str) -> None:
    facts = MACHINES[name]
    for item in walk(Answers(Settings), facts):
        assert item.question.help
        assert item.question.because(item.known)
        if item.needed and item.default is not None and item.question.choices:
            offered = [
                choice.value for choice in item.question.choices(item.known) if not choice.refused
            ]
            assert not offered or (text_of(item.question, item.default) or "-") in offered


def test_every_word_that_can_be_chosen_has_its_meaning() -> None:
    for part in parts(Settings):
        for name, question in questions_of(part.section):
            if words := words_of(question):
                of_few = "enum" in question.kind.schema or words == ["yes", "no"]
                assert not of_few or set(words) == set(question.kind.words), name
            for word, meaning in question.kind.words.items():
                assert 2 <= len(meaning.split()) <= 12, (name, word)
                assert len(meaning) + max(map(len, question.kind.words)) + 7 <= 80, (name, word)


def test_what_cannot_be_known_yet_is_said_with_the_question_and_in_the_plan() -> None:
    prompter = Obliging()
    answers = Answers(Settings).with_answer("guests.0.packages", ("vim",))
    facts = MACHINES["stock"]
    Interview(PIPELINE, answers, facts, prompter).ask_all()
    planned = [words for one in preview(PIPELINE, settle(answers, facts), facts)
               if one.plan for words in one.plan.unknown]  # fmt: skip
    for words in (XEN_BOOTS, ADDRESS_BY_DHCP, SEVERAL_CARDS, size_of_group("xendisks")):
        assert f"Not known yet: {words}" in prompter.said
        assert words in planned
    assert f"Not known yet: {has_release('it')}" in prompter.said
    assert {has_release("bookworm"), has_packages("bookworm")} <= set(planned)
    # On a finished host nothing of that is open.
    done = MACHINES["under-xen"]
    items = {item.name: item for item in walk(Answers(Settings), done)}
    assert "" == items["make_default"].question.not_known(items["make_default"].known)


def test_the_device_follows_the_use_that_was_chosen() -> None:
    facts = MACHINES["spare-partition"]
    devices = {
        use: settle(Answers(Settings).with_answer("storage.use", use), facts).storage.device
        for use in ("free-space", "device")
    }
    assert "/dev/disk/by-id/virtio-practice-disk" == devices["free-space"]
    assert "/dev/disk/by-id/virtio-vdb-serial-part1" == devices["device"]


def test_without_a_place_of_the_chosen_use_no_device_is_suggested() -> None:
    drafted = draft(Answers(Settings).with_answer("storage.use", "device"), MACHINES["stock"])
    assert ["storage.device"] == [problem.key for problem in drafted.problems]


def test_groups_that_are_there_are_offered_with_their_room() -> None:
    facts = MACHINES["volume-group"]
    items = {item.name: item for item in walk(Answers(Settings), facts)}
    group = items["volume_group"]
    assert group.question.choices is not None
    (choice,) = group.question.choices(group.known)
    assert ("xendisks", "xendisks  9.9 GiB, 7.9 GiB of it free", "") == (
        choice.value, choice.title, choice.refused,
    )  # fmt: skip


def test_plans_that_differ_have_different_bytes() -> None:
    facts = MACHINES["stock"]
    plans = {
        plan_bytes(settle(Answers(Settings).with_answer("guests.0.memory", memory), facts), facts)
        for memory in (512, 513)
    }
    assert 2 == len(plans)
