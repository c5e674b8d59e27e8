"""A transcript as a document: Markdown, or one HTML page that needs nothing else."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from wizard.transcript import Chapter, Deed, Transcript
from wizard.wording import duration

_STYLE = """\
body { font: 11pt/1.5 Georgia, "DejaVu Serif", serif; max-width: 46rem; margin: 2rem auto;
  padding: 0 1rem; color: #111; background: #fff; }
h1, h2, h3 { font-family: "Helvetica Neue", "DejaVu Sans", sans-serif; line-height: 1.25; }
h2 { margin-top: 2.2rem; border-bottom: 1px solid #999; }
h3 { font-size: 1.05rem; margin: 1.4rem 0 .3rem; }
pre { background: #f4f4f4; border-left: 3px solid #888; padding: .5rem .7rem; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: 9pt; line-height: 1.35; }
code { font-family: "DejaVu Sans Mono", Consolas, monospace; }
.state { border: 1px solid #888; padding: .6rem .9rem; font-weight: bold; }
.small { color: #444; font-size: .9em; margin: .2rem 0; }
@media print {
  body { margin: 0; max-width: none; font-size: 10pt; }
  h2, h3 { break-after: avoid; }
  pre { break-inside: avoid; background: none; }
}"""


def markdown(told: Transcript) -> str:
    """The document in Markdown (CommonMark)."""
    return "\n".join(_markdown(told)) + "\n"


def page(told: Transcript) -> str:
    """The document as one HTML page: nothing is loaded from anywhere, and it can be printed."""
    return "\n".join(_html(told)) + "\n"


def _title(told: Transcript) -> str:
    return f"xen-setup: what run {told.number} did"


def _facts(told: Transcript) -> Iterator[tuple[str, str]]:
    if told.simulated:
        yield "Simulated", "it was only played; no machine was changed"
    yield "Begun", _clock(told.begun)
    yield "Last entry", _clock(told.ended)
    yield "Program", f"xen-setup {told.program}"
    for time, why in told.stops:
        yield f"Stopped {_clock(time)}", why


def _clock(time: str) -> str:
    return time.replace("T", " ").replace("Z", " UTC")


def _about(chapter: Chapter) -> str:
    """When a step was done, in words."""
    if not chapter.begun:
        return "Not begun."
    words = f"Begun {_clock(chapter.begun)}"
    if chapter.ended:
        words += f", verified {_clock(chapter.ended)}"
    match chapter.state:
        case "rolled back":
            words += "; taken back since"
        case "begun":
            words += "; not verified yet"
        case "left out":
            words += "; left out, the run went on without it"
    return f"{words}."


def _took(deed: Deed) -> str:
    took = f", {duration(deed.seconds)}" if deed.seconds else ""
    return f"{deed.fate}{took}"


# ---- Markdown


def _markdown(told: Transcript) -> Iterator[str]:
    yield f"# {_title(told)}"
    yield ""
    yield f"**{_plain(told.state)}**"
    yield ""
    for label, words in _facts(told):
        yield f"- {label}: {_plain(words)}"
    for number, chapter in enumerate(told.chapters, 1):
        yield ""
        yield f"## {number}. {_plain(chapter.title)}"
        yield ""
        if chapter.idea:
            yield f"> {' '.join(chapter.idea.split())}"
            yield ""
        yield _plain(_about(chapter))
        for words in chapter.there:
            yield ""
            yield f"Already there: {_plain(words)}."
        if not chapter.deeds and chapter.begun:
            yield ""
            yield "Nothing had to be done."
        for index, deed in enumerate(chapter.deeds, 1):
            yield ""
            yield f"### {number}.{index} {_plain(_capital(deed.what))}"
            yield ""
            yield deed.why
            if deed.commands:
                yield from _fenced([f"$ {command}" for command in deed.commands])
            if deed.text:
                yield ""
                yield "It writes:"
                yield from _fenced(deed.text.splitlines())
            if deed.output:
                yield ""
                yield _what_came(deed)
                yield from _fenced(deed.output)
            yield ""
            yield f"Undo: {_plain(deed.undo)}. ({_plain(_took(deed))})"
    if told.left:
        yield ""
        yield "## Left as it is"
        yield ""
        for words in told.left:
            yield f"- {_plain(words)}"


def _fenced(lines: list[str] | tuple[str, ...]) -> Iterator[str]:
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield ""
    yield f"{fence}text"
    yield from lines
    yield fence


def _plain(text: str) -> str:
    """Text in which nothing is markup, but for code in backquotes, on one line."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        part
        if part.startswith("`") and len(part) > 1
        else re.sub(r"([\\*_<>#\[\]|])", r"\\\1", part)
        for part in parts
    )


# ---- HTML


def _html(told: Transcript) -> Iterator[str]:
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{_text(_title(told))}</title>"
    yield f"<style>\n{_STYLE}\n</style>"
    yield "</head>"
    yield "<body>"
    yield f"<h1>{_text(_title(told))}</h1>"
    yield f'<p class="state">{_text(told.state)}</p>'
    yield "<ul>"
    for label, words in _facts(told):
        yield f"<li>{_text(label)}: {_text(words)}</li>"
    yield "</ul>"
    for number, chapter in enumerate(told.chapters, 1):
        yield "<section>"
        yield f"<h2>{number}. {_text(chapter.title)}</h2>"
        if chapter.idea:
            yield f"<p><em>{_text(' '.join(chapter.idea.split()))}</em></p>"
        yield f'<p class="small">{_text(_about(chapter))}</p>'
        for words in chapter.there:
            yield f"<p>Already there: {_text(words)}.</p>"
        if not chapter.deeds and chapter.begun:
            yield "<p>Nothing had to be done.</p>"
        for index, deed in enumerate(chapter.deeds, 1):
            yield f"<h3>{number}.{index} {_text(_capital(deed.what))}</h3>"
            yield f"<p>{_text(deed.why)}</p>"
            if deed.commands:
                yield _preformatted([f"$ {command}" for command in deed.commands])
            if deed.text:
                yield "<p>It writes:</p>"
                yield _preformatted(deed.text.splitlines())
            if deed.output:
                yield f"<p>{_text(_what_came(deed))}</p>"
                yield _preformatted(deed.output)
            yield f'<p class="small">Undo: {_text(deed.undo)}. ({_text(_took(deed))})</p>'
        yield "</section>"
    if told.left:
        yield "<h2>Left as it is</h2>"
        yield "<ul>"
        for words in told.left:
            yield f"<li>{_text(words)}</li>"
        yield "</ul>"
    yield "</body>"
    yield "</html>"


def _text(words: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words))


def _preformatted(lines: list[str] | tuple[str, ...]) -> str:
    return f"<pre><code>{html.escape(chr(10).join(lines))}</code></pre>"


def _what_came(deed: Deed) -> str:
    return f"It printed ({deed.left_out} lines before these):" if deed.left_out else "It printed:"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
