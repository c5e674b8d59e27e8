"""The program's entry: parses the command line, starts the command, and is the one place that
catches errors.

The commands are in program.py, imported when one runs: --help costs little more than Python.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn, TextIO, assert_never

from wizard import crash
from wizard.arguments import Arguments, parse
from wizard.errors import Exit, SetupError, UsageError

# As if SIGPIPE had ended the program: `xen-setup plan | head` is not an error to talk about.
_BROKEN_PIPE = 128 + signal.SIGPIPE
# Their status says what became of the machine, not of the output.
_CHANGING = {"guided", "apply", "resume", "rollback"}
_OUTPUT_FAILED = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


class _Terminated(BaseException):
    """SIGTERM or SIGHUP came while no run was under way (a run notes them by itself)."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def entry() -> NoReturn:
    """The console script: run the command line of this process, and exit with its status."""
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Run one command line: its exit status. Errors are told on standard error, here only.

    What is not a SetupError is a bug: it goes to `sys.excepthook`, which writes a report.
    """
    _open_what_is_closed()
    sys.excepthook = crash.hook(argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 gets question marks
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # ignored ones (nohup) stay ignored
            signal.signal(number, _terminate)
    try:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # the launcher has it so until here
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if argv[:1] == ["__complete"]:
            status = _complete(argv[1:])
        else:
            status = run(arguments := _parsed(argv))
            if arguments.command in _CHANGING or arguments.guests != "list":
                _flush()
        sys.stdout.flush()
    except SetupError as error:
        tell(error, plain="--plain" in argv)
        return int(error.status)
    except KeyboardInterrupt:
        _say("\nxen-setup: stopped by Ctrl-C.")
        return int(Exit.INTERRUPTED)
    except _Terminated as stop:
        _say(f"\nxen-setup: stopped by {signal.Signals(stop.number).name}.")
        return 128 + stop.number
    except BrokenPipeError:
        # The rest of the output goes nowhere, or the interpreter's own flush would complain.
        _discard(sys.stdout)
        return _BROKEN_PIPE
    except OSError as error:
        # All others belong to files or devices, and were given words where they happened.
        if error.errno not in _OUTPUT_FAILED or error.filename is not None:
            raise
        _discard(sys.stdout)
        tell(UsageError(f"The output cannot be written: {os.strerror(error.errno)}."))
        return int(Exit.USAGE)
    return status


def _parsed(argv: Sequence[str]) -> Arguments:
    try:
        return parse(argv)
    except SystemExit:  # --help and --version have said it: whether that arrives is seen here
        sys.stdout.flush()
        raise


def _open_what_is_closed() -> None:
    """Have the three streams lead somewhere: `xen-setup … >&-` is as good as >/dev/null.

    What is opened next would take a closed one's number, be it the journal or a disk, and be
    written to by whoever has something to say on standard error, such as a C library.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    # Python has none for what was closed when it began.
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _discard(stream: TextIO) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def tell(error: SetupError, *, plain: bool = False) -> None:
    """Say on standard error what is wrong, the details, the likely cause, and what to do. Who
    asked for `plain` lines is told to go on in plain lines.
    """
    lines = [f"xen-setup: {error.what}"]
    lines += [f"    {line}" for detail in error.details for line in detail.splitlines()]
    from wizard.own_name import as_typed

    lines += map(as_typed, error.likely)
    if error.hint:
        lines.append(as_typed(_in_plain_lines(error.hint) if plain else error.hint))
    if sys.stderr.isatty():
        import shutil
        import textwrap

        from wizard.columns import READABLE

        width = max(min(shutil.get_terminal_size().columns, READABLE), 40)
        lines = [
            textwrap.fill(line, width, subsequent_indent="    " * line.startswith(" "),
                          break_long_words=False, break_on_hyphens=False)
            for line in lines
        ]  # fmt: skip
    from wizard.wording import printable

    _say(printable("\n".join(lines)))


def _in_plain_lines(hint: str) -> str:
    import re

    return re.sub(
        r"\bxen-setup (resume|rollback|status)\b(?! --plain)", r"xen-setup \1 --plain", hint
    )


def run(arguments: Arguments) -> int:
    """Do what the arguments say; the exit status, unless a SetupError has it."""
    if arguments.command == "practice":
        return _practice(arguments)
    if arguments.command == "answers":
        from wizard import program_answers

        return program_answers.run(arguments)
    if arguments.command == "convert":
        from wizard import program_convert

        return program_convert.convert(arguments)
    if arguments.command == "completion":
        from wizard import program_completion

        return program_completion.script(arguments)
    if arguments.command == "man":
        from wizard import program_manual

        return program_manual.show()
    if arguments.simulate is not None or arguments.simulate_failure is not None:
        from wizard import program_simulate

        return program_simulate.run(arguments)
    if arguments.command == "learn":
        from wizard import program_learn

        return program_learn.show(arguments)
    if arguments.command == "explain":
        from wizard import program_explain

        return program_explain.run(arguments)
    from wizard import program, program_plans

    match arguments.command:
        case "guided":
            return program.guided(arguments)
        case "apply":
            return program.apply(arguments)
        case "plan" if arguments.script:
            from wizard import program_script

            return program_script.show_script(arguments)
        case "check" | "plan":
            return program_plans.look_ahead(arguments)
        case "facts":
            return program_plans.show_facts(arguments)
        case "status":
            return program_plans.show_status(arguments)
        case "transcript":
            from wizard import program_transcript

            return program_transcript.show_transcript(arguments)
        case "resume":
            return program.resume(arguments)
        case "rollback":
            return program.rollback(arguments)
        case "guests":
            from wizard import program_guests

            return program_guests.run(arguments)
        case "network":
            from wizard import program_guests

            return program_guests.show_network(arguments)
    assert_never(arguments.command)


def _complete(words: Sequence[str]) -> int:
    from wizard import program_completion

    return program_completion.complete(words)


def _practice(arguments: Arguments) -> int:
    if arguments.fault is not None or arguments.practice in {"hint", "solved"}:
        from wizard import program_faults

        return program_faults.run(arguments)
    from wizard.practice import front

    name = arguments.name
    options = tuple(
        word
        for word, wanted in (("--plain", arguments.plain), ("--teach", arguments.teach))
        if wanted
    )
    match arguments.practice:
        case "start" if arguments.unattended:
            return front.run_unattended(_portable_answers(arguments), name, options)
        case "start" if arguments.no_input:
            raise UsageError(
                "A guided run asks questions, and --no-input forbids them.",
                hint="Without questions: xen-setup practice --unattended",
            )
        case "start":
            return front.run_guided(name, options)
        case "exec":
            return front.exec_(arguments.argv, name)
        case "console":
            return front.console(name)
        case "stop":
            return front.stop(name)
        case "reset":
            return front.reset(name, yes=arguments.yes, asks=not arguments.no_input)
        case "status":
            return front.status(name)
        case "hint" | "solved":
            raise AssertionError("told by program_faults")
    assert_never(arguments.practice)


def _portable_answers(arguments: Arguments) -> bytes | None:
    """The answers for the practice machine, with hashes where secrets are only referred to."""
    if not arguments.files:
        return None
    from wizard import program_session

    return program_session.portable_answers(arguments)


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise _Terminated(number)


def _flush() -> None:
    """Write out what standard output holds back, or forget it."""
    try:
        sys.stdout.flush()
    except OSError:
        _discard(sys.stdout)


def _say(text: str) -> None:
    # A stream that is gone is left behind: what stays in its buffer would make the interpreter
    # end with a status of its own (120).
    _flush()
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)  # nobody is there to be told: the exit status says it
