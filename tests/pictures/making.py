"""The pictures of README.md, made by the program itself: a simulated run in a pseudo-terminal.

    python -m tests.pictures.making        writes all of them again, beside this file

What a terminal's screen shows is drawn as SVG by rich, with fonts that every reader has: nothing
is loaded from the net.
"""

from __future__ import annotations

import html
import io
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

from tests.simulated.playing import every_answer, terminal
from tests.terminal import CTRL_C, ENTER, PATIENCE, Terminal

FOLDER = Path(__file__).parent
DECISION = "Nothing has been changed yet"

# rich's own, without the fonts that it would load.
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""


@dataclass(frozen=True)
class Picture:
    """A screen worth showing: how to get to it, its caption, and words that are on it."""

    caption: str
    words: tuple[str, ...]
    screen: Callable[[Path], Terminal]


def _question(folder: Path) -> Terminal:
    earlier = ("dom0_memory=1GiB", "console=serial", "bridge=xenbr0", "bridge_card=ens3")
    given = [word for one in earlier for word in ("--set", f"host.{one}")]
    screen = terminal(folder, *given)
    screen.wait_for("Where shall the guests' disks live?")
    screen.wait_for("quit")
    return screen


def _plan(folder: Path) -> Terminal:
    screen = terminal(folder, "--answers", str(every_answer(folder)), rows=54)
    screen.wait_for(DECISION)
    return screen


def _running(folder: Path) -> Terminal:
    screen = terminal(folder, "--answers", str(every_answer(folder)), pace="0.1")
    screen.wait_for(DECISION)
    screen.type(ENTER)
    screen.wait_for("Extracting", without=DECISION, seconds=180)
    return screen


def _login(folder: Path) -> Terminal:
    screen = terminal(folder, "--answers", str(every_answer(folder)), "--verbose", pace="0.02")
    screen.wait_for(DECISION)
    screen.type(ENTER)
    screen.wait_for("vm01 login:", seconds=240)
    return screen


PICTURES: dict[str, Picture] = {
    "question": Picture(
        "A question, with what is suggested on this machine and why",
        ("Where shall the guests' disks live?", "free-space", "explain", "SIMULATED"),
        _question,
    ),
    "plan": Picture(
        "The whole plan, and one decision",
        ("The plan", "Volumes for the guests", DECISION),
        _plan,
    ),
    "running": Picture(
        "The run: what is done, and how far it is",
        ("debootstrap", "Extracting", "%", "verified"),
        _running,
    ),
    "login": Picture("The first guest's login prompt", ("vm01 login:",), _login),
}


def drawn(screen: Terminal, title: str) -> str:
    """What the screen shows, as SVG."""
    columns, rows = screen.screen.columns, screen.screen.lines
    console = Console(
        record=True, width=columns, file=io.StringIO(), force_terminal=True, legacy_windows=False
    )
    last = max((row for row in range(rows) if screen.screen.display[row].strip()), default=0)
    for row in range(last + 1):
        line = Text(no_wrap=True)
        cells = [screen.screen.buffer[row][column] for column in range(columns)]
        for look, run in groupby(cells, lambda cell: (cell.fg, cell.bold, cell.reverse)):
            line.append("".join(cell.data for cell in run), _style(*look))
        console.print(line, soft_wrap=True)
    text = console.export_svg(
        title=title, theme=SVG_EXPORT_THEME, code_format=_FORMAT, unique_id="screen"
    )
    return "\n".join(part.rstrip() for part in text.splitlines()) + "\n"


def _style(colour: str, bold: bool, reverse: bool) -> Style:
    names = {"default": None, "brown": "yellow"}
    name = names.get(colour, colour)
    if name and name.startswith("bright"):
        name = "bright_" + name.removeprefix("bright")
    if name and re.fullmatch("[0-9a-f]{6}", name):
        name = f"#{name}"
    return Style(color=name, bold=bold or None, reverse=reverse or None)


def words_of(svg: str) -> str:
    """The text of a picture, line by line."""
    lines: dict[float, list[tuple[float, str]]] = {}
    pattern = r'<text class="screen-(?!title)[^"]*" x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>'
    for x, y, text in re.findall(pattern, svg):
        lines.setdefault(float(y), []).append((float(x), html.unescape(text).replace("\xa0", " ")))
    return "\n".join(
        "".join(text for _, text in sorted(parts)).rstrip() for _, parts in sorted(lines.items())
    )


def leave(screen: Terminal) -> None:
    """Stop what is played, and see it end: a terminal that is closed ends it less quickly."""
    screen.type(CTRL_C)
    screen.ends(seconds=2 * PATIENCE)


def main() -> None:
    """Write every picture again."""
    for name, picture in PICTURES.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory() as folder, picture.screen(Path(folder)) as screen:
            (FOLDER / f"{name}.svg").write_text(drawn(screen, f"xen-setup: {picture.caption}"))
            leave(screen)
        sys.stdout.write(f"{name}.svg\n")


if __name__ == "__main__":
    main()
