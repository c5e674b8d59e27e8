"""What one run did, told afterwards: from its journal and its log, as data.

transcript_text.py makes a document of it. Nothing is read of the machine, so it can be told of a
run that stopped, or was taken back, and on another machine.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from wizard.actions import Action, InstallPackages, MovePath, RunCommand, WriteFile
from wizard.journal import Stamped
from wizard.records import (
    Begun,
    Done,
    Entry,
    Ledger,
    Paused,
    RunBegun,
    Skipped,
    StepBegun,
    StepVerified,
    replay,
)
from wizard.wording import commands, headline, printable, undo_words

_MOST_LINES = 12  # of one command's output: its last ones, which say how it ended
# As log.py writes them: a stamp, and a dollar before a command.
_NOTE = re.compile(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] (.*)$")


@dataclass(frozen=True)
class Deed:
    """One action: what, why, its commands, the text it wrote ("" for none), what came, its undo.

    `output` has the last lines of it, `left_out` counts those before. `fate` says what became of
    it. `seconds` None: it is not known how long it took.
    """

    what: str
    why: str
    commands: tuple[str, ...]
    text: str
    output: tuple[str, ...]
    left_out: int
    undo: str
    fate: str
    seconds: float | None


@dataclass(frozen=True)
class Chapter:
    """One step. `there`: what was there already. Times are ISO 8601 in UTC, "" for not yet."""

    name: str
    title: str
    idea: str
    state: str
    begun: str
    ended: str
    deeds: tuple[Deed, ...]
    there: tuple[str, ...]


@dataclass(frozen=True)
class Transcript:
    """A whole run. `state` in a sentence; `stops`: when and why it stopped on the way."""

    number: int
    program: str
    simulated: bool
    state: str
    begun: str
    ended: str
    chapters: tuple[Chapter, ...]
    stops: tuple[tuple[str, str], ...]
    left: tuple[str, ...]


def transcript(
    number: int,
    records: Sequence[Stamped],
    log: str,
    lessons: Mapping[str, tuple[str, str]],
    conceal: Callable[[str], str],
) -> Transcript:
    """The account of the run. `lessons` has each step's title and idea by its name; `conceal`
    takes out of any text what nobody else shall read.
    """
    ledger = replay(stamped.record for stamped in records)
    first = records[0].record if records else None
    outputs = _Outputs(log)
    times = _Times(records)
    deeds: dict[str, list[Deed]] = {name: [] for name in ledger.steps}
    for entry in ledger.entries.values():
        printed = outputs.of(entry.action)
        deeds[entry.step].append(_deed(entry, printed, times, conceal))
    there: dict[str, list[str]] = {name: [] for name in ledger.steps}
    for stamped in records:
        if isinstance(stamped.record, Skipped):
            there[stamped.record.step].append(conceal(headline(stamped.record.action)))
    return Transcript(
        number=number,
        program=ledger.program,
        simulated=isinstance(first, RunBegun) and first.machine == "simulated",
        state=_state(ledger),
        begun=records[0].time if records else "",
        ended=records[-1].time if records else "",
        chapters=tuple(
            Chapter(
                name,
                *lessons.get(name, (name, "")),
                ledger.step_states[name],
                times.begun.get(name, ""),
                times.verified.get(name, ""),
                tuple(deeds[name]),
                tuple(dict.fromkeys(there[name])),
            )
            for name in ledger.steps
        ),
        stops=tuple(
            (stamped.time, conceal(stamped.record.reason))
            for stamped in records
            if isinstance(stamped.record, Paused)
        ),
        left=tuple(
            conceal(f"{entry.step}: {entry.text}")
            for entry in ledger.to_take_back
            if entry.state == "not undone"
        ),
    )


def _state(ledger: Ledger) -> str:
    match ledger.state:
        case "finished":
            return "Finished: every step is done and verified."
        case "rolled back":
            return "Taken back: nothing of what is told here is left on the machine."
        case "incomplete":
            return "Taken back but for what is named at the end."
        case "rolling back":
            return "Not finished: it was being taken back, and that was cut off."
        case "paused" | "under way":
            where = f" in the step {ledger.current}" if ledger.current else ""
            why = f": {ledger.reason}" if ledger.reason else "."
            return f"Not finished: it stands{where}{why}"


def _deed(
    entry: Entry, printed: Sequence[str], times: _Times, conceal: Callable[[str], str]
) -> Deed:
    action = entry.action
    kept = [line for line in printed if line.strip()]
    text = action.text if isinstance(action, WriteFile) else ""
    return Deed(
        what=conceal(headline(action)),
        why=action.why,
        commands=tuple(map(conceal, commands(action))),
        text=conceal(text),
        output=tuple(conceal(printable(line)) for line in kept[-_MOST_LINES:]),
        left_out=max(0, len(kept) - _MOST_LINES),
        undo=conceal(undo_words(action)),
        fate=_fate(entry),
        seconds=times.seconds.get(entry.number),
    )


def _fate(entry: Entry) -> str:
    match entry.state:
        case "done":
            return "done"
        case "undone":
            return "taken back" + (f" ({entry.text})" if entry.text else "")
        case "not undone":
            return "left as it is"
        case "begun" | "undoing":
            return "cut off on the way"


class _Times:
    """When steps began and were verified, and how long actions took: to the second."""

    def __init__(self, records: Iterable[Stamped]) -> None:
        self.begun: dict[str, str] = {}
        self.verified: dict[str, str] = {}
        self.seconds: dict[int, float] = {}
        started: dict[int, str] = {}
        for stamped in records:
            match stamped.record:
                case StepBegun(step=step):
                    self.begun.setdefault(step, stamped.time)
                case StepVerified(step=step):
                    self.verified[step] = stamped.time
                case Begun(entry=entry):
                    started[entry] = stamped.time
                case Done(entry=entry):
                    self.seconds[entry] = _between(started[entry], stamped.time)
                case _:
                    continue


def _between(before: str, after: str) -> float:
    return (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()


class _Outputs:
    """What the log has of each command, in the order in which they were run."""

    def __init__(self, log: str) -> None:
        self._blocks: list[tuple[str, list[str]]] = []
        lines: list[str] | None = None
        for line in log.splitlines():
            note = _NOTE.match(line)
            if note is None:
                if lines is not None:
                    lines.append(line)
            elif note[1].startswith("$ "):
                lines = []
                self._blocks.append((note[1][2:], lines))
            else:
                lines = None

    def of(self, action: Action) -> list[str]:
        """The output of the action's own command: the next one that is it."""
        for index, (words, lines) in enumerate(self._blocks):
            if _is_of(words, action):
                del self._blocks[: index + 1]
                return lines
        return []


def _is_of(words: str, action: Action) -> bool:
    match action:
        case RunCommand():
            return words.startswith(shlex.join(action.argv))
        case InstallPackages():
            return words.startswith("apt-get ") and words.endswith(
                " " + shlex.join(action.packages)
            )
        case WriteFile() | MovePath() if action.refresh:
            return words == shlex.join(action.refresh)
        case _:
            return False
