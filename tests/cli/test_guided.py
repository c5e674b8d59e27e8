"""The guided run up to its decision, with somebody who agrees to everything, on a saved machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.program import STOCK, xen_setup
from wizard.arguments import Arguments
from wizard.errors import Cancelled
from wizard.program import interview
from wizard.prompts import Look, Option


class Agreeing:
    """Takes every suggestion, and decides at the end as told."""

    def __init__(self, decision: str, file: str = "") -> None:
        self.decision = decision
        self.file = file
        self.prompts: list[str] = []
        self.said: list[str] = []

    def say(self, text: str, look: Look = "plain") -> None:
        self.said.append(text)

    def line(
        self, prompt: str, default: str = "", *, hidden: bool = False, seconds: float | None = None
    ) -> str:
        self.prompts.append(prompt)
        return self.file if prompt.startswith("Which file?") else ""

    def pick(self, prompt: str, options: Sequence[Option], default: str = "") -> str:
        self.prompts.append(prompt)
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
    assert "Step 11 of 11" in capsys.readouterr().out


def test_saved_answers_plan_the_same_as_the_conversation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    with pytest.raises(Cancelled) as left:
        interview(Arguments(facts=STOCK), Agreeing("save", str(path)))
    assert str(path) in left.value.what
    shown = capsys.readouterr().out
    planned = xen_setup("plan", path, "--facts", STOCK)
    assert planned.stdout.startswith(shown)
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
