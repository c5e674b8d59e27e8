"""`explain`: why something failed, for a log or a message that somebody has.

A log may be long, broken, or no text at all. Of a long one the end is looked at, where a failure
stands; nothing of it reaches the terminal but printable characters.
"""

from __future__ import annotations

import os
import sys
from io import BufferedReader
from pathlib import Path

from steps.failures import RULES, WHEN_UNKNOWN
from wizard.arguments import Arguments
from wizard.diagnosis import Finding, explain, in_words
from wizard.errors import Exit, UsageError
from wizard.own_name import as_typed
from wizard.program_session import console_for
from wizard.shapes import document_text, explain_document
from wizard.wording import printable

_LOOKED_AT = 4 << 20  # bytes at the end: some fifty thousand lines, looked at in seconds
_MOST = 1 << 30  # bytes that are read of what has no size, such as a pipe
_TOLD = 3  # findings that are told; more only make a reader doubt the first
# Bytes that a text has not, but for a few: a serial line adds some, and colours need ESC.
_NO_TEXT = bytes({*range(0x20), 0x7F} - set(b"\b\t\n\f\r\x1b"))
_NO_TEXT_SHARE = 0.05
_GZIP, _XZ, _ZSTD = b"\x1f\x8b", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"
_READERS = {_GZIP: "zcat", _XZ: "xzcat", _ZSTD: "zstdcat"}


def run(arguments: Arguments) -> int:
    """Tell cause and fix; the exit status says whether any is known."""
    assert arguments.text is not None
    data, complete = _text_of(arguments.text)
    name = "What was read" if arguments.text == "-" else printable(arguments.text)
    _refuse_no_text(data, name, complete=complete)
    findings = explain(data.decode(errors="replace"), RULES)
    status = Exit.DONE if findings else Exit.NOT_KNOWN
    if arguments.json:
        document = explain_document(findings, status, complete=complete)
        sys.stdout.write(document_text(document))
    else:
        _tell(arguments, findings, complete=complete)
    return status


def _tell(arguments: Arguments, findings: list[Finding], *, complete: bool) -> None:
    console = console_for(arguments)
    if not complete:
        console.line(f"Only the last {_LOOKED_AT >> 20} MiB were looked at.", "magenta")
    if not findings:
        console.line("No cause is known for this text.", "bold")
        for words in WHEN_UNKNOWN:
            console.labelled("-", as_typed(words), indent=2)
        return
    causes = [finding for finding in findings if not finding.rule.consequence] or findings
    for finding in causes[:_TOLD]:
        where = f"Line {finding.number}" if complete else "It"
        console.line(f"{where} says:", "bold")
        console.line(finding.line[:500], indent=4)
        for words in in_words(finding):
            label, _, text = words.partition(": ")
            console.labelled(f"{label}:", as_typed(text), "bold", indent=2)
        console.line()
    if len(causes) > _TOLD:
        console.line(f"{len(causes) - _TOLD} more are known of in it; --json lists all.")


def _text_of(name: str) -> tuple[bytes, bool]:
    """The text's end, and whether it is the whole. Raises UsageError when it cannot be read."""
    if name == "-":
        if sys.stdin is None or sys.stdin.closed:
            raise UsageError("There is no standard input to read.", hint="Name a file instead.")
        if sys.stdin.isatty():
            sys.stderr.write("Paste the message, then press Enter and Ctrl-D.\n")
            sys.stderr.flush()
        with open(sys.stdin.fileno(), "rb", closefd=False) as file:
            return _end_of(file)
    path = Path(name)
    try:
        # No file's name, but the message itself: it may be longer than a name can be.
        if " " in name and not os.path.lexists(name):
            return name.encode(errors="replace"), True
        with path.open("rb") as file:
            data, complete = _end_of(file)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "that is no file's name"
        raise UsageError(
            f"{printable(name)} cannot be read: {reason}.",
            hint="Name a log, or give the message itself in quotes; `-` reads standard input.",
        ) from error
    return data, complete


def _refuse_no_text(data: bytes, name: str, *, complete: bool) -> None:
    """Raise UsageError for what is surely no text, and say how to make it one."""
    for beginning, reader in _READERS.items():
        if complete and data.startswith(beginning):
            raise UsageError(
                f"{name} is compressed.",
                hint=f"Unpack it on the way: {reader} FILE | xen-setup explain -",
            )
    if len(data.translate(None, _NO_TEXT)) < len(data) * (1 - _NO_TEXT_SHARE):
        raise UsageError(
            f"{name} is no text.",
            hint="A system's journal becomes text by journalctl: "
            "journalctl --boot | xen-setup explain -",
        )


def _end_of(file: BufferedReader) -> tuple[bytes, bool]:
    """What a file ends with. Of a file on a disk only that is read."""
    size = os.fstat(file.fileno()).st_size
    if size > _LOOKED_AT and file.seekable():
        file.seek(size - _LOOKED_AT)
        return file.read(_LOOKED_AT), False
    end, taken = bytearray(), 0
    while taken < _MOST:
        piece = file.read1(1 << 20)  # one Ctrl-D ends it
        if not piece:
            break
        taken += len(piece)
        end += piece
        if len(end) > 2 * _LOOKED_AT:
            del end[:-_LOOKED_AT]
    return bytes(end[-_LOOKED_AT:]), taken <= _LOOKED_AT
