"""The guided run up to its decision, with somebody who agrees to everything, on a saved machine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from steps import PIPELINE
from steps.saved_facts import facts_text
from steps.settings import Settings
from tests.cli.program import STOCK, xen_setup
from tests.credentials import HASH
from tests.interview.keys import chosen
from tests.machines import foreign, machines, stock
from wizard.answers import Answers, record, settle
from wizard.arguments import Arguments
from wizard.errors import Cancelled
from wizard.interview import Interview
from wizard.objections import objections, obstacles
from wizard.program import interview
from wizard.prompts import Look, Option, PlainPrompter, ScriptedPrompter


class Agreeing:
    """Takes every suggestion, looks at every command if `looks`, and decides at the end as told."""

    def __init__(
        self,
        decision: str,
        file: str = "",
        *,
        looks: bool = False,
        typed: Mapping[str, str] | None = None,
    ) -> None:
        self.decision = decision
        self.unfit = "quit"
        self.typed = {"Which file?": file, **(typed or {})}
        self.looks = ["details", "all", "back"] if looks else []
        self.prompts: list[str] = []
        self.said: list[str] = []

    def say(self, text: str, look: Look = "plain") -> None:
        self.said.append(text)

    def line(
        self, prompt: str, default: str = "", *, hidden: bool = False, seconds: float | None = None
    ) -> str:
        self.prompts.append(prompt)
        typed = next((text for start, text in self.typed.items() if prompt.startswith(start)), "")
        return chosen(prompt, typed)

    def pick(self, prompt: str, options: Sequence[Option], default: str = "") -> str:
        self.prompts.append(prompt)
        if self.looks and ("What now?" in prompt or "Every command" in prompt):
            return self.looks.pop(0)
        if prompt == "What now?":
            return self.unfit
        if "What now?" in prompt:
            (chosen,) = [option for option in options if option.value == self.decision]
            assert not chosen.refused, chosen.refused
            return self.decision
        return default


def test_agreeing_to_everything_gives_the_settings_of_an_empty_answer_file() -> None:
    session = interview(Arguments(facts=STOCK), Agreeing("apply"))
    assert session.settings.guests[0].name == "vm01"
    assert session.settings.storage.use == "free-space"


def test_the_plan_is_shown_before_the_decision(capsys: pytest.CaptureFixture[str]) -> None:
    interview(Arguments(facts=STOCK), Agreeing("apply"))
    shown = capsys.readouterr().out
    assert "11  First boot into Xen" in shown
    assert "In all usually" in shown
    assert "$ vgcreate" not in shown
    assert 47 >= len(shown.splitlines()), "two screens of 24 lines, with the question"


def test_the_last_line_before_the_decision_names_the_steps_that_warn(
    capsys: pytest.CaptureFixture[str],
) -> None:
    interview(Arguments(facts=STOCK), Agreeing("apply"))
    warned = capsys.readouterr().out
    assert "Read the warnings above first: step 9." in warned.splitlines()[-1]
    locked = (f"guests.0.root_password={HASH}",)
    interview(Arguments(facts=STOCK, settings=locked), Agreeing("apply"))
    assert "Read the warnings" not in capsys.readouterr().out


def test_no_line_of_the_plan_in_short_is_wider_than_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    locked = (f"guests.0.root_password={HASH}",)
    interview(Arguments(facts=STOCK, plain=True, settings=locked), Agreeing("apply"))
    assert [] == [line for line in capsys.readouterr().out.splitlines() if len(line) > 80]


def test_the_plan_in_short_says_where_no_way_leads_back_and_that_asks_for_the_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text(facts_text(foreign(stock())))
    given = ("storage.use=device", "storage.device=/dev/vdd", "storage.overwrite=/dev/vdd")
    person = Agreeing("apply", typed={"Type /dev/vdd": "/dev/vdd"})
    interview(Arguments(facts=facts, settings=given), person)
    shown = capsys.readouterr().out
    assert "NO WAY BACK from here: wipefs --all" in shown
    assert "Points of no return: 1, as you answered (storage.overwrite)." in shown
    assert "can take all of it back" not in shown
    assert "Type /dev/vdd to agree, or only Enter to go back" in person.prompts


def test_saved_answers_plan_the_same_as_the_conversation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    with pytest.raises(Cancelled) as left:
        interview(Arguments(facts=STOCK), Agreeing("save", str(path), looks=True))
    assert str(path) in left.value.what
    shown = capsys.readouterr().out
    planned = xen_setup("plan", path, "--facts", STOCK)
    every_command = planned.stdout.partition("\nIn all:")[0]
    assert "$ vgcreate" in every_command
    assert every_command in shown
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_was_given_on_the_command_line_is_not_asked() -> None:
    person = Agreeing("apply")
    given = ("host.dom0_memory=2GiB", "guests.0.name=web")
    session = interview(Arguments(facts=STOCK, settings=given, ignore=("memory",)), person)
    assert session.settings.host.dom0_memory == 2048
    assert session.settings.host.ignore == ("memory",)
    assert session.settings.guests[0].name == "web"
    assert not any("What is the guest called?" in prompt for prompt in person.prompts)


def test_what_stands_in_answer_files_is_not_asked(tmp_path: Path) -> None:
    person = Agreeing("apply")
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("version: 1\nhost: {console: both}\nguests: [{name: 'vm{1..2}'}]\n")
    second.write_text("version: 1\nhost: {console: serial}\n")
    session = interview(Arguments(facts=STOCK, files=(first, second)), person)
    assert session.settings.host.console == "serial"
    assert ["vm1", "vm2"] == [guest.name for guest in session.settings.guests]
    asked = "\n".join(person.prompts)
    assert "show their messages" not in asked
    assert "Another one?" not in asked


# ---- a machine that is not fit


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("container", "This is a container"),
        ("foreign", "[no-spare-place]"),
        ("full", "[memory]"),
        ("spare-partition", "Secure Boot is on"),
    ],
)
def test_a_machine_that_is_not_fit_is_told_so_before_the_first_question(
    name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text(facts_text(machines()[name]))
    person = Agreeing("apply")
    with pytest.raises(Cancelled) as left:
        interview(Arguments(facts=facts), person)
    shown = capsys.readouterr().out
    assert words in shown
    assert "xen-setup practice" in shown
    assert "xen-setup practice" in left.value.hint
    assert ["What now?"] == person.prompts


def test_who_wants_is_asked_all_the_same(tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text(facts_text(machines()["spare-partition"]))
    person = Agreeing("quit")
    person.unfit = "on"
    with pytest.raises(Cancelled):
        interview(Arguments(facts=facts), person)
    assert any("What is the guest called?" in prompt for prompt in person.prompts)


def test_what_is_ignored_does_not_make_a_machine_unfit() -> None:
    facts = machines()["spare-partition"]
    given = Answers(Settings)
    assert ["secure-boot"] == [one.name for one in obstacles(PIPELINE, given, facts, frozenset())]
    assert [] == obstacles(PIPELINE, given, facts, frozenset({"secure-boot"}))


@pytest.mark.parametrize(
    ("key", "value", "names"),
    [
        ("guests.0.root_size", 20 * 1024, ["guests-do-not-fit"]),
        ("guests.0.root_size", 4096, []),
        ("storage.device", "/dev/vdq", ["device-missing"]),
        ("host.dom0_memory", 2900, ["memory"]),
    ],
)
def test_what_stands_in_the_way_only_with_an_answer_is_that_answers(
    key: str, value: object, names: list[str]
) -> None:
    before: Answers[Settings] = Answers(Settings)
    after = before.with_answer(key, value)
    found = objections(PIPELINE, before, after, stock(), frozenset())
    assert names == [problem.name for problem in found]


def test_an_answer_that_does_not_fit_the_machine_says_why_and_stays_when_it_is_insisted_on(
    tmp_path: Path,
) -> None:
    script = ScriptedPrompter(["20GiB", "20GiB"])
    given = settle(Answers(Settings), stock())
    conversation = Interview(
        PIPELINE, record(given, stock()), stock(), script,
        objects=lambda old, new: objections(PIPELINE, old, new, stock(), frozenset()),
    )  # fmt: skip
    conversation.ask_one("guests.0.root_size")
    assert any("The guests' volumes need" in words for words in script.said)
    assert any("the same again" in words for words in script.said)
    # Who is asked knows no keys of answer files.
    assert not any(re.search(r"\((host|storage|guests)[.:]", words) for words in script.said)
    assert conversation.answers.given["guests.0.root_size"].value == 20 * 1024


def test_plain_lines_say_no_word_of_a_list_twice(tmp_path: Path) -> None:
    (tmp_path / "typed").write_text("back\n")
    with (tmp_path / "typed").open() as source, (tmp_path / "told").open("w") as sink:
        moves = [
            Option("?", "explain", move=True),
            Option("back", "go back", move=True),
            Option("quit", "quit", move=True),
        ]
        picked = PlainPrompter(source, sink).pick("Which?", [Option("yes", "yes"), *moves], "yes")
    assert "back" == picked
    assert "  or type: ? (explain), back or b, quit or q\n" in (tmp_path / "told").read_text()


def test_in_plain_lines_a_way_out_can_be_what_enter_takes(tmp_path: Path) -> None:
    (tmp_path / "typed").write_text("a\napply\nb\n\n")
    options = [
        Option("apply", "do it", "it cannot be done", lettered=True),
        Option("details", "show it", lettered=True),
        Option("back", "go back", move=True),
        Option("quit", "quit", "no", move=True),
    ]
    with (tmp_path / "typed").open() as source, (tmp_path / "told").open("w") as sink:
        prompter = PlainPrompter(source, sink)
        assert ["back", "back"] == [prompter.pick("What?", options, "back") for _ in range(2)]
    told = (tmp_path / "told").read_text()
    assert "  -  do it (not possible: it cannot be done)\n" in told
    assert "  1  show it  [details or d]\n" in told
    assert "  or type: back or b\nWhat? [back]: " in told
    assert "Type a number, 1, or one of the words above." in told  # `a`, as apply is refused
    assert "That is not possible: it cannot be done." in told


def test_in_plain_lines_a_number_means_the_line_that_shows_it(tmp_path: Path) -> None:
    (tmp_path / "typed").write_text("2\n3\n")
    steps = [Option("1", "first"), Option("2", "second", "nothing to do"), Option("3", "third")]
    with (tmp_path / "typed").open() as source, (tmp_path / "told").open("w") as sink:
        prompter = PlainPrompter(source, sink)
        assert ["3", "3"] == [prompter.pick("Which step?", steps) for _ in range(2)]
    assert "  2  third\n" in (tmp_path / "told").read_text()
