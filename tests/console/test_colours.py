"""What is coloured can be read on a dark terminal and on a light one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.interview.test_terminal import CONSOLE, MEMORY, start
from tests.terminal import CTRL_C, ENTER

ROOT = Path(__file__).parents[2]
# Yellow, cyan and white vanish on white, blue and black on black; grey is faint on both, and so is
# what is dim: kitty mixes in sixty per cent of the background, and on Linux's own console, where a
# host is often set up, it is the darkest grey there is.
_UNREADABLE = re.compile(
    r"((bold|italic|dim|underline|fg:|bg:|ansi)\s*)*"
    r"(ansi|fg:|fg:ansi|bright_)?(yellow|white|black|cyan|blue|gr[ea]y\d*|brightblack)"
    r"(\s+(bold|italic|dim))*"
    r"|((bold|italic|underline)\s+)*dim(\s+(bold|italic|underline))*"
)
_PAGES = {"transcript_text.py"}  # its colours are a page's, with a background of its own


@pytest.mark.parametrize("path", sorted(ROOT.glob("wizard/*.py")), ids=lambda path: path.name)
def test_no_style_is_unreadable_on_a_light_or_a_dark_terminal(path: Path) -> None:
    texts = [
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert path.name in _PAGES or [] == [text for text in texts if _UNREADABLE.fullmatch(text)]


def test_what_is_asked_has_no_colour_of_a_fixed_palette(tmp_path: Path) -> None:
    with start(tmp_path, "drawn", "--steps") as terminal:
        terminal.wait_for(MEMORY)
        terminal.type("lots" + ENTER)
        terminal.wait_for("is not a size")
        terminal.type(ENTER)
        terminal.wait_for(CONSOLE)
        terminal.type(ENTER * 3)
        terminal.wait_for("(there is none on this machine)")  # an option that is refused
        terminal.type(CTRL_C)
        assert 130 == terminal.ends()
        # 38;5 and 38;2 name a colour whatever the terminal's palette is; 31 is its red.
        assert b"38;" not in terminal.raw and b"48;" not in terminal.raw
        assert b"\x1b[0;31m" in terminal.raw
