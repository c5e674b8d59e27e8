"""How a person is asked: one interface, and the ways to do it.

    TerminalPrompter   a terminal that can draw: lists with a pointer (questionary)
    PlainPrompter      lines and numbers only, no escape sequence: dumb and serial terminals,
                       screen readers, `--plain`
    ScriptedPrompter   answers from a list: for tests

A prompter only asks: what an answer means, `?`, `back` and `quit` are the interview's
(interview.py). It raises Interrupted for Ctrl-C and signals, and InputEnded when no input can come
any more; the terminal is as it was before in either case. The only module that knows questionary.
"""

from __future__ import annotations

import codecs
import os
import select
import shutil
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from signal import SIGINT
from typing import Any, Literal, Protocol, TextIO

from wizard.columns import READABLE, at_words
from wizard.errors import Cancelled, Interrupted, UsageError
from wizard.interrupts import Interrupts
from wizard.terminal_input import never_waiting, read_typed

Look = Literal["plain", "heading", "note", "wrong", "good"]

LONGEST_LINE = 64 * 1024  # characters of one answer; an SSH key has less than one thousand


class InputEnded(Cancelled):
    """The person ended the input (Ctrl-D), or what answers come from has been closed."""


class TimeIsUp(Exception):
    """Nobody answered in the time that was given."""


@dataclass(frozen=True)
class Option:
    """One line of a list: what it gives, what it says, and why it cannot be taken (if so).

    `move` options lead elsewhere (help, back, quit): they stand last, and give words that can be
    typed in their place, whole or their first letter. `lettered` ones stand in their place, and
    can be typed alike: the values of a list then begin with letters of their own.
    """

    value: str
    title: str
    refused: str = ""
    move: bool = False
    lettered: bool = False


def _word(move: Option) -> str:
    """A move's word, as it is to be typed; with what it does, where the word does not say it."""
    if move.value not in move.title.split():
        return f"{move.value} ({move.title})"
    return _keys_of(move)


def _keys_of(option: Option) -> str:
    """What is typed for an option, in words."""
    return " or ".join(_typed(option))


def _typed(option: Option) -> Sequence[str]:
    """What is typed for an option: its word, or the first letter alone; nothing for one that has
    none, or cannot be taken.
    """
    if option.refused or not (option.move or option.lettered):
        return ()
    return tuple(dict.fromkeys((option.value, option.value[0])))


def _with_keys(option: Option) -> str:
    """What an option says, and what is typed for it."""
    keys = _keys_of(option)
    return f"{option.title}  [{keys}]" if keys else option.title


class Prompter(Protocol):
    """Someone who can be asked."""

    def say(self, text: str, look: Look = "plain") -> None:
        """Show text, wrapped to the terminal."""

    def line(
        self, prompt: str, default: str = "", *, hidden: bool = False, seconds: float | None = None
    ) -> str:
        """One line of text. Only Enter gives "" (`default` says what that stands for).

        `hidden` text is not shown. Raises TimeIsUp after so many seconds.
        """

    def pick(self, prompt: str, options: Sequence[Option], default: str = "") -> str:
        """The value of one of the options that can be taken; `default` is where the pointer is."""


def wrapped(text: str, width: int | None = None) -> str:
    """Text in lines that fit the terminal; what is indented stays so."""
    return at_words(text, min(width or shutil.get_terminal_size().columns, READABLE) - 1)


def choose_prompter(
    *,
    plain: bool = False,
    environ: Mapping[str, str] = os.environ,
    source: TextIO | None = None,
    sink: TextIO | None = None,
    unasked: str = "xen-setup apply ANSWERS",
) -> Prompter:
    """The prompter that fits this terminal; UsageError when there is none to ask on. `unasked`: the
    command that does the same without questions.
    """
    source, sink = source or sys.stdin, sink or sys.stdout
    if not source.isatty():
        raise UsageError(
            "There is no terminal to ask questions on.",
            hint=f"Start it in a terminal, or write the answers to a file and use: {unasked}",
        )
    if plain or is_plain(environ) or not sink.isatty():
        return PlainPrompter(source, sink)
    return TerminalPrompter()


def is_plain(environ: Mapping[str, str]) -> bool:
    """Whether the environment asks for lines without escape sequences."""
    return environ.get("TERM", "dumb") in {"dumb", ""} or bool(environ.get("XEN_SETUP_ACCESSIBLE"))


# ---- plain lines


class PlainPrompter:
    """Asks with lines of text and numbers, and reads lines."""

    def __init__(self, source: TextIO, sink: TextIO) -> None:
        self._source = source.fileno()
        self._sink = sink
        self._pending = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def say(self, text: str, look: Look = "plain") -> None:
        prefix = "\n== " if look == "heading" else ""
        self._write(prefix + wrapped(text) + "\n")

    def line(
        self, prompt: str, default: str = "", *, hidden: bool = False, seconds: float | None = None
    ) -> str:
        ends = None if seconds is None else time.monotonic() + seconds
        # First of all: a signal must find the handlers before the echo is off.
        with Interrupts() as interrupts, _echo_off(self._source) if hidden else nullcontext():
            shown = f"{prompt} [{default}]:" if default else prompt
            self._write(wrapped(shown if shown[-1] in ":?" else shown + ":") + " ")
            try:
                line = self._read_line(interrupts, ends)
            except (Interrupted, TimeIsUp, InputEnded):
                self._write("\n")
                raise
        if hidden:
            self._write("\n")
        interrupts.check()  # one that came when the answer was already given counts too
        return line

    def pick(self, prompt: str, options: Sequence[Option], default: str = "") -> str:
        takeable = [option for option in options if not option.refused and not option.move]
        for option in options:
            if option.refused:
                self._write(wrapped(f"  -  {option.title} (not possible: {option.refused})") + "\n")
            elif not option.move:
                number = takeable.index(option) + 1
                mark = "  (default)" if option.value == default else ""
                self._write(wrapped(f"  {number}  {_with_keys(option)}{mark}") + "\n")
        moves = [option for option in options if option.move and not option.refused]
        if moves:
            words = ", ".join(map(_word, moves))
            self._write(wrapped(f"  or type: {words}") + "\n")
        values = [option.value for option in takeable]
        shown = default if default in {move.value for move in moves} else ""
        if default in values:
            shown = str(values.index(default) + 1)
        numbers = f"1 to {len(values)}" if len(values) > 1 else "1"
        while True:
            answer = self.line(prompt, shown).strip()
            answer = answer or shown
            # The numbers that are shown come first: a value may look like another one's.
            if answer.isascii() and answer.isdigit() and 1 <= int(answer[:9]) <= len(values):
                return values[int(answer[:9]) - 1]
            if answer in values:
                return answer
            for option in options:
                if answer in _typed(option):
                    return option.value
            for option in options:
                if option.refused and answer == option.value:
                    self.say(f"That is not possible: {option.refused}.", "wrong")
                    break
            else:
                wanted = f"a number, {numbers}, or one of the words" if values else "a word"
                self.say(f"Type {wanted} above.", "wrong")

    def _write(self, text: str) -> None:
        encoding = self._sink.encoding or "utf-8"
        with suppress(OSError):  # nobody is there to read it; what is read next tells
            self._sink.write(text.encode(encoding, "replace").decode(encoding))
            self._sink.flush()

    def _read_line(self, interrupts: Interrupts, ends: float | None) -> str:
        with never_waiting(self._source) as source:
            watched = [source, interrupts.descriptor or source]
            while "\n" not in self._pending:
                left = None if ends is None else max(0.0, ends - time.monotonic())
                ready, _, _ = select.select(watched, [], [], left)
                interrupts.check()
                if not ready:
                    raise TimeIsUp
                if source not in ready:
                    interrupts.quiet()
                    continue
                chunk = read_typed(source)
                if chunk is None:
                    continue
                if not chunk:
                    interrupts.check()
                    raise _input_ended(by_key=os.isatty(source))
                self._pending = (self._pending + self._decoder.decode(chunk))[-LONGEST_LINE:]
        line, _, self._pending = self._pending.partition("\n")
        return line.rstrip("\r")


@contextmanager
def _echo_off(descriptor: int) -> Iterator[None]:
    try:
        before = termios.tcgetattr(descriptor)
    except termios.error:  # no terminal: nothing is shown anyway
        yield
        return
    silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(descriptor, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _input_ended(*, by_key: bool = False) -> InputEnded:
    """What is said of it. `by_key`: there still is a terminal, so Ctrl-D was pressed at it."""
    if by_key:
        words = "To go on, start the same command again."
        return InputEnded("You left with Ctrl-D, the end of the input.", hint=words)
    return InputEnded(
        "The input ended before the questions did.",
        hint="Start it in a terminal, or write the answers to a file and use: "
        "xen-setup apply ANSWERS",
    )


# ---- a terminal that can draw

# Readable on a dark and on a light terminal: no yellow, no grey, nothing said by colour alone.
_STYLE: dict[Look, str] = {
    "plain": "",
    "heading": "bold",
    "note": "",
    "wrong": "fg:ansired",
    "good": "fg:ansigreen",
}
_MORE_KEYS = 0.6  # seconds in which the rest of a word may follow its first letter
Keys = tuple[str, ...]  # pressed one after the other
# What stands before a line of a list, or before what is left of it on the next.
_BESIDE = " " * 5
_PROMPT_STYLE = (
    # The library's own colours stay unless another is named: `default` is the terminal's.
    ("qmark", "fg:default bold"),
    ("question", "fg:default bold"),
    ("answer", "fg:default bold"),
    ("pointer", "fg:default bold"),
    ("highlighted", "fg:default bold"),
    ("selected", "fg:default"),
    ("disabled", "fg:default italic"),
    ("separator", "fg:default"),
    ("instruction", "fg:default"),
    ("text", "fg:default"),
)


class TerminalPrompter:
    """Asks with questionary: a line to edit, or a list with a pointer."""

    def say(self, text: str, look: Look = "plain") -> None:
        import questionary  # noqa: PLC0415 - slow to import; only a guided run needs it

        if look == "heading":
            text = f"\n{wrapped(f'── {text}')} ".ljust(
                min(shutil.get_terminal_size().columns, READABLE), "─"
            )
        else:
            text = wrapped(text)
        with suppress(OSError):  # nobody is there to read it; what is read next tells
            questionary.print(text, style=_STYLE[look] or None)

    def line(
        self, prompt: str, default: str = "", *, hidden: bool = False, seconds: float | None = None
    ) -> str:
        import questionary  # noqa: PLC0415

        with _session():
            ask = questionary.password if hidden else questionary.text
            question = ask(
                wrapped(prompt),
                instruction=f"({default})" if default else None,
                style=questionary.Style(list(_PROMPT_STYLE)),
            )
            filled = False

            def enter(event: Any) -> None:
                # What Enter stands for is shown where it would have been typed.
                nonlocal filled
                buffer = event.current_buffer
                if not buffer.text and default and not hidden:
                    filled, buffer.text = True, default
                buffer.validate_and_handle()

            typed = str(_run(question, {("enter",): enter}, seconds))
        return "" if filled else typed

    def pick(self, prompt: str, options: Sequence[Option], default: str = "") -> str:
        import questionary  # noqa: PLC0415

        choices: list[Any] = []
        width = shutil.get_terminal_size().columns - len(_BESIDE)
        for option in options:
            if option.move and not any(isinstance(each, questionary.Separator) for each in choices):
                choices.append(questionary.Separator("  " + "─" * 20))
            title = _with_keys(option)
            if option.refused:
                title += f" ({option.refused})"
            title = wrapped(title, width).replace("\n", f"\n{_BESIDE}")
            disabled: Any = bool(option.refused) or None  # declared as text: it would be appended
            choices.append(questionary.Choice(title, value=option.value, disabled=disabled))
        # A list in which nothing can be taken still has its moves; the pointer needs a place.
        takeable = [option.value for option in options if not option.refused]
        start = default if default in takeable else takeable[0]
        with _session():
            question = questionary.select(
                wrapped(prompt, width), choices, default=start, instruction=" ", use_jk_keys=False,
                style=questionary.Style(list(_PROMPT_STYLE)),
            )  # fmt: skip
            # Also with Enter, which would otherwise answer the next question.
            keys: dict[Keys, Callable[[Any], None]] = {
                (*word, *enter): _leave_with(option.value)
                for option in options for word in _typed(option) for enter in ((), ("enter",))
            } | {("c-d",): _leave_with(None), ("c-c",): _stop}  # fmt: skip
            # The list goes when it is answered; what was picked stays, in whole words.
            question.application.erase_when_done = True
            answer = _run(question, keys, None)
        if answer is None:
            raise _input_ended(by_key=True)
        for option in options:
            if option.value == answer and not option.move:
                questionary.print(wrapped(f"? {prompt} {option.title}"), style="bold")
        return str(answer)


@contextmanager
def _session() -> Iterator[None]:
    """A prompt_toolkit session that never asks the terminal where its cursor is.

    Serial consoles do not answer, or so late that the answer lands in what is read next.
    """
    from prompt_toolkit.application import create_app_session  # noqa: PLC0415
    from prompt_toolkit.output import create_output  # noqa: PLC0415
    from prompt_toolkit.output.vt100 import Vt100_Output  # noqa: PLC0415

    output = create_output()
    if isinstance(output, Vt100_Output):
        output.enable_cpr = False
    with create_app_session(output=output):
        yield


def _run(question: Any, keys: Mapping[Keys, Callable[[Any], None]], seconds: float | None) -> Any:
    """Ask, with these further keys. Signals and the end of input are raised."""
    # Imported with questionary, which stands on it.
    from prompt_toolkit.filters import to_filter  # noqa: PLC0415
    from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings  # noqa: PLC0415

    application = question.application
    bindings = KeyBindings()
    for typed, handler in keys.items():
        longer = any(other != typed and other[: len(typed)] == typed for other in keys)
        bindings.add(*typed, eager=not longer)(handler)
    application.timeoutlen = _MORE_KEYS
    application.key_bindings = merge_key_bindings([application.key_bindings, bindings])
    for window in application.layout.find_all_windows():
        window.wrap_lines = to_filter(True)  # long titles stay readable at 80 columns
    with Interrupts() as interrupts:

        def watch() -> None:
            loop = application.loop
            if interrupts.descriptor is not None:
                loop.add_reader(interrupts.descriptor, leave, interrupts)
            if seconds is not None:
                loop.call_later(seconds, leave, None)

        def leave(interrupts: Interrupts | None) -> None:
            if application.is_running and not application.is_done:
                application.erase_when_done = False
                error = TimeIsUp() if interrupts is None else interrupts.error()
                application.exit(exception=error)

        try:
            answer = application.run(pre_run=watch, handle_sigint=False)
        except KeyboardInterrupt:
            interrupts.note(SIGINT)
            raise interrupts.error() from None
        except (EOFError, OSError):  # OSError: the terminal is gone (EIO)
            interrupts.check()
            raise _input_ended(by_key=sys.stdin.isatty()) from None
    interrupts.check()  # one that came when the answer was already given counts too
    return answer


def _stop(event: Any) -> None:
    """Ctrl-C: what was asked stays to be seen."""
    event.app.erase_when_done = False
    event.app.exit(exception=KeyboardInterrupt)


def _leave_with(value: str | None) -> Callable[[Any], None]:
    def leave(event: Any) -> None:
        event.app.exit(result=value)

    return leave


# ---- a script


class ScriptedPrompter:
    """Gives the answers of a script in turn, and keeps what was said and asked.

    A script that is too short is the end of input. `asked` has (prompt, default) in order;
    `offered` the options of each list.
    """

    def __init__(self, answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.said: list[str] = []
        self.asked: list[tuple[str, str]] = []
        self.offered: list[tuple[Option, ...]] = []

    @property
    def left(self) -> list[str]:
        """The answers that nobody asked for."""
        return self._answers

    def say(self, text: str, look: Look = "plain") -> None:
        self.said.append(text)

    def line(
        self, prompt: str, default: str = "", *, hidden: bool = False, seconds: float | None = None
    ) -> str:
        return self._next(prompt, default)

    def pick(self, prompt: str, options: Sequence[Option], default: str = "") -> str:
        self.offered.append(tuple(options))
        answer = self._next(prompt, default) or default
        possible = [option.value for option in options if not option.refused]
        if answer not in possible:
            raise ValueError(f"{answer!r} cannot be picked from {possible} ({prompt})")
        return answer

    def _next(self, prompt: str, default: str) -> str:
        self.asked.append((prompt, default))
        if not self._answers:
            raise _input_ended()
        return self._answers.pop(0)
