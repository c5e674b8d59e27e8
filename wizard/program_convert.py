"""`convert`: an old guest config of xm's, as a config for xl."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from steps.config_conversion import Change, Conversion, Unknown, converted
from steps.xm_config import LARGEST_CONFIG, XmUnreadableError
from wizard import VERSION as PROGRAM
from wizard.arguments import Arguments
from wizard.codec import encode
from wizard.console import Console
from wizard.errors import Exit, UsageError
from wizard.new_file import create


@dataclass(frozen=True)
class ConvertDocument:
    """What `convert --json` prints: the new config's text, each change of the old one with its
    line, what could not be known without running it, and what the guest's own files must say.
    `exit_status` is the program's own."""

    shape: Literal["xen-setup convert"]
    version: Literal[1]
    program: str
    file: str
    exit_status: int
    text: str
    changes: tuple[Change, ...]
    unknown: tuple[Unknown, ...]
    in_guest: tuple[str, ...]


def convert(arguments: Arguments) -> int:
    """Print the new config, or write it where --out says; 4 when some of it is not known."""
    (path,) = arguments.files
    try:
        made = converted(_text(path), path.name)
    except XmUnreadableError as error:
        place = f"{path}:{error.line}" if error.line else str(path)
        raise UsageError(f"{place}: {error.what}.", hint=error.hint) from None
    status = Exit.CHECKS_FAILED if made.unknown else Exit.DONE
    if arguments.out is not None:
        create(arguments.out, made.text, 0o644)
    if arguments.json:
        document = ConvertDocument(
            shape="xen-setup convert",
            version=1,
            program=PROGRAM,
            file=str(path),
            exit_status=status,
            text=made.text,
            changes=made.changes,
            unknown=made.unknown,
            in_guest=made.in_guest,
        )
        sys.stdout.write(json.dumps(encode(document), indent=1, ensure_ascii=False) + "\n")
    elif arguments.out is None:
        sys.stdout.write(made.text)
        sys.stdout.flush()
    words_to = sys.stdout if arguments.out is not None and not arguments.json else sys.stderr
    _explain(Console(words_to, plain=arguments.plain), path, arguments.out, made)
    return status


def _text(path: Path) -> str:
    """The file's text; what is not UTF-8 in it (a name in a comment) is kept as question marks."""
    try:
        if path.is_dir():
            raise UsageError(f"{path} is a folder.", hint="Name one config in it.")
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is no ordinary file.", hint="Name a guest's config.")
        with path.open("rb") as file:
            content = file.read(LARGEST_CONFIG + 1)
            size = path.stat().st_size
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}.", hint="xm's configs are mostly in /etc/xen."
        ) from None
    if len(content) > LARGEST_CONFIG:
        raise UsageError(
            f"{path} is {size // 1024} KiB long, and a guest's config is a few lines.",
            hint="Is it a disk image, or a log? Name the config itself.",
        )
    return content.decode("utf-8", errors="replace")


def _explain(console: Console, path: Path, out: Path | None, made: Conversion) -> None:
    said = [
        (change.line, "", f"{change.key}: {change.why}" if change.key else change.why)
        for change in made.changes
    ] + [
        (one.line, "bold red", f"{one.key or 'any setting'} is not known: {one.why}.")
        for one in made.unknown
    ]
    for line, style, words in sorted(said, key=lambda one: one[0] or LARGEST_CONFIG):
        console.labelled(f"line {line}:" if line else "added:", words, style)
    for words in made.in_guest:
        console.labelled("in the guest:", words, "magenta")
    if out is not None:
        console.line(f"{out} is written; {path} is as it was.")
    if made.unknown:
        console.line(
            "What is not known stands in the new config as a comment: look at the old one, and "
            "write it there.",
            "bold red",
        )
    elif not made.changes:
        console.line("xl reads it as it is: nothing to change.", "bold green")
    else:
        name = out if out is not None else "NEW"
        console.line(f"Look through it, then start the guest: xl create -c {name}")
