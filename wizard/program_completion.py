"""Completion of the command line: `xen-setup completion SHELL`, and what its scripts ask for.

It runs at every Tab: what a value does not need is not imported, and no command is started.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from wizard.arguments import Arguments, command_line
from wizard.completion import completions
from wizard.errors import Exit

_SCRIPTS = Path(__file__).with_name("completions")

Candidates = Iterable[tuple[str, str]]


def script(arguments: Arguments) -> int:
    """`completion`: the script that a shell reads."""
    sys.stdout.write((_SCRIPTS / f"xen-setup.{arguments.shell}").read_text(encoding="utf-8"))
    return Exit.DONE


def complete(words: Sequence[str]) -> int:
    """Print what can follow these words, the last of which may be begun only."""
    for line in completions(command_line(words), words, _values):
        sys.stdout.write(line + "\n")
    return Exit.DONE


def _values(action: argparse.Action, typed: str) -> Candidates | None:
    """What this option or argument takes; None for files."""
    match action.dest:
        case "settings" | "before_settings":
            return _assignments(typed)
        case "key":
            return _keys()
        case "guest":
            return _guests()
        case "topic":
            return _topics()
        case "to" | "simulate_failure":
            return _steps()
        case "simulate":
            return _examples()
        case "ignore" | "before_ignore":
            return _checks()
        case "name":
            return _practice_machines()
        case "fault":
            return _faults()
        case "argv":
            return ()
    return None


def _steps() -> Candidates:
    from steps import PIPELINE  # noqa: PLC0415 - a Tab at another word need not wait for it
    from wizard.step import step_name  # noqa: PLC0415

    return [(step_name(step), step.TITLE) for step in PIPELINE]


def _examples() -> Candidates:
    from steps.machines import EXAMPLES  # noqa: PLC0415

    return EXAMPLES.items()


def _faults() -> Candidates:
    from steps.faults import FAULTS  # noqa: PLC0415

    return [(fault.name, fault.title) for fault in FAULTS]


def _guests() -> Candidates:
    ends = ".cfg"
    return [(name.removesuffix(ends), "") for name in _names("/etc/xen") if name.endswith(ends)]


def _topics() -> Candidates:
    from wizard.program_learn import topic_names  # noqa: PLC0415

    return topic_names()


def _checks() -> Candidates:
    from steps.check_names import CHECK_NAMES  # noqa: PLC0415

    return [(name, "") for name in CHECK_NAMES]


def _keys() -> Candidates:
    from steps.settings import Settings  # noqa: PLC0415
    from wizard.answer_reference import every_question  # noqa: PLC0415

    return [(key, question.prompt) for key, _, question in every_question(Settings)]


def _assignments(typed: str) -> Candidates:
    """`KEY=`, and behind it the words that the key takes."""
    from steps.settings import Settings  # noqa: PLC0415
    from wizard.answer_reference import every_question, words_of  # noqa: PLC0415

    given, equals, _ = typed.partition("=")
    first = given.split(".")
    found: list[tuple[str, str]] = []
    for key, part, question in every_question(Settings):
        section, _, name = key.partition(".")
        keys = [key]
        if part.many:
            # guests.0 and guests.vm01 stand for an item: whichever was typed, else the first.
            item = first[1] if len(first) > 2 and first[0] == section else "0"
            keys = [f"{section}.{item}.{name}"]
        if part.defaults and not question.identity:
            keys.append(f"{part.defaults}.{name}")
        for full in keys:
            if not equals:
                found.append((f"{full}=", question.prompt))
            elif full == given:
                words = [(word, "") for word in words_of(question)]
                found += [(f"{full}={word}", about) for word, about in (*words, *_known_for(key))]
    return found


def _known_for(key: str) -> Candidates:
    """Names of checks; devices and network cards, as the kernel and udev name them."""
    match key:
        case "host.ignore":
            return _checks()
        case "storage.device" | "storage.overwrite":
            by_id = [f"/dev/disk/by-id/{name}" for name in _names("/dev/disk/by-id")]
            disks = [
                f"/dev/{name}"
                for name in _names("/sys/class/block")
                if not name.startswith(("loop", "ram", "zram", "dm-", "fd", "sr"))
            ]
            return [*((name, os.path.realpath(name)) for name in by_id), *((d, "") for d in disks)]
        case "host.bridge_card":
            return [
                (name, "")
                for name in _names("/sys/class/net")
                if Path("/sys/class/net", name, "device").exists()
            ]
    return ()


def _practice_machines() -> Candidates:
    from wizard.practice.errors import HostNotReady  # noqa: PLC0415
    from wizard.practice.places import DEFAULT_NAME, Places  # noqa: PLC0415

    try:
        there = _names(str(Places.of_user().state))
    except HostNotReady:
        there = []  # a user without a home
    return [(name, "a practice machine") for name in sorted({DEFAULT_NAME, *there})]


def _names(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name[0] != ".")  # noqa: PTH208
    except OSError:
        return []
