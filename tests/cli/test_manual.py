"""The manual page: everything that can be typed is in it, and it is clean roff."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from steps.settings import Settings
from tests.cli.program import environment, xen_setup
from wizard.answer_reference import every_question
from wizard.arguments import command_line
from wizard.errors import Exit
from wizard.manual import manual


@pytest.fixture(scope="module")
def page() -> str:
    return xen_setup("man").stdout


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from parsers(command)


def plain(page: str) -> str:
    """The page without its fonts and escapes."""
    return re.sub(r"\\f[BIR]", "", page).replace("\\-", "-").replace("\\e", "\\")


def test_every_command_option_key_and_status_is_in_the_page(page: str) -> None:
    text = plain(page)
    for parser in parsers(command_line()):
        assert f".SS {parser.prog}" in text or parser.prog == "xen-setup"
        for action in parser._actions:
            if action.help != argparse.SUPPRESS:
                for option in action.option_strings:
                    assert option in text
    for key, _, question in every_question(Settings):
        assert f"\n{key}\n" in text
        assert question.prompt.split()[-1] in text
    for status in Exit:
        assert re.search(rf"^[\d, ]*\b{int(status)}\b", text, re.MULTILINE), status
    for hidden in ("--unconfirmed", "--state-dir", "__complete"):
        assert hidden not in text


def test_a_text_that_roff_would_take_for_a_request_stays_text() -> None:
    parser = argparse.ArgumentParser("xen-setup", description=".TH and 'so on: a\\b, ….")
    parser.add_argument("--it", help=".pub files\n'quoted")
    text = manual(parser, Settings)
    assert "\\&.TH and 'so on: a\\eb, \\[u2026]." in text
    assert "\\&.pub files 'quoted." in text


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_has_nothing_to_warn_of(page: str) -> None:
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z", "-Tutf8"], input=page, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert "" == done.stderr


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_mandoc_misses_nothing_but_a_date(page: str) -> None:
    done = subprocess.run(
        ["mandoc", "-T", "lint"], input=page, capture_output=True, text=True, check=False
    )
    # A date in it would make a page that differs with the day it was made.
    assert ['WARNING: missing date, using "": TH'] == [
        line.split(": ", 2)[2] for line in done.stdout.splitlines()
    ]


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_man_shows_it_with_options_that_can_be_copied(page: str) -> None:
    done = subprocess.run(
        ["man", "--local-file", "--warnings=w", "-"], input=page, capture_output=True, text=True,
        env=environment(MANWIDTH="80"), check=True,
    )  # fmt: skip
    assert "" == done.stderr
    shown = re.sub(r".\x08", "", done.stdout)
    assert "--agree-no-undo" in shown
    assert "guests.root_password" in shown
    assert max(map(len, shown.splitlines())) <= 80
