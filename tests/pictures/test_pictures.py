"""The pictures of README.md show what the program shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pictures.making import FOLDER, PICTURES, drawn, leave, words_of
from tests.simulated.playing import terminal

README = (FOLDER.parent.parent / "README.md").read_text(encoding="utf-8")
# What is the same each time: the others are caught while something moves.
STILL = ("question", "plan")


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_in_the_readme_and_has_its_words(name: str) -> None:
    assert f"tests/pictures/{name}.svg" in README
    words = words_of((FOLDER / f"{name}.svg").read_text())
    for expected in PICTURES[name].words:
        assert expected in words


@pytest.mark.parametrize("name", STILL)
def test_a_picture_is_what_the_program_shows_now(name: str, tmp_path: Path) -> None:
    picture = PICTURES[name]
    with picture.screen(tmp_path) as screen:
        while not screen.is_quiet(0.5):
            pass
        shown = words_of(drawn(screen, picture.caption))
        leave(screen)
    again = "make them again: python -m tests.pictures.making"
    assert words_of((FOLDER / f"{name}.svg").read_text()) == shown, again


@pytest.mark.slow  # a run played to its end, nine seconds; simulated/ plays smaller ones
@pytest.mark.parametrize("name", sorted(set(PICTURES) - set(STILL)))
def test_a_moving_picture_still_comes(name: str, tmp_path: Path) -> None:
    with PICTURES[name].screen(tmp_path) as screen:
        for words in PICTURES[name].words:
            assert words in screen.whole_text
        leave(screen)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_loads_nothing(name: str) -> None:
    text = (FOLDER / f"{name}.svg").read_text()
    assert not re.search(r"url\((?!#)|@font-face|@import|href|<script", text)
    assert "\x1b" not in text


def test_a_picture_has_the_screens_words_and_spaces(tmp_path: Path) -> None:
    with terminal(tmp_path, "--set", "host.dom0_memory=1GiB") as screen:
        screen.wait_for("show their messages")
        while not screen.is_quiet(0.5):
            pass
        lines = [line for line in screen.text.splitlines() if line.strip()]
        shown = [line for line in words_of(drawn(screen, "")).splitlines() if line.strip()]
    assert [line.split() for line in lines] == [line.split() for line in shown]
