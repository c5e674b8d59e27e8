"""What an action does and how it is taken back, in words: for plans, progress and logs.

Pure functions of the action data; nothing here knows of terminals or colours.
"""

from __future__ import annotations

import difflib
import math
import shlex
from collections.abc import Iterator, Sequence
from typing import assert_never

from wizard.actions import (
    Action,
    Argv,
    CommandShows,
    CreatePartition,
    InstallPackages,
    InstallTree,
    MakeDirectory,
    MakeLink,
    MovePath,
    Never,
    PathAbsent,
    PathPresent,
    Probe,
    Reboot,
    RunCommand,
    SecretInput,
    UndoClass,
    WriteFile,
    download,
    undo_class,
)
from wizard.errors import SetupError
from wizard.step import Guard

UNDO_MEANING: dict[UndoClass, str] = {
    "exact": "rollback puts back what was there, to the byte",
    "by removal": "rollback removes what was made, and only that",
    "nothing to undo": "nothing stays behind that would have to be undone",
    "no undo": "a point of no return: rollback cannot take it back",
}


def shown(argv: Argv) -> str:
    """A command as one would type it in a shell; a long one is shown whole."""
    return shlex.join(argv)


def headline(action: Action) -> str:
    """What is done, in one line."""
    match action:
        case RunCommand(argv=(program, word, *_)) if word.isalpha():  # `xl create`, `ip link`
            return f"run {program} {word}"
        case RunCommand():
            return f"run {action.argv[0]}"
        case WriteFile():
            return f"write {action.path}"
        case MovePath():
            return f"move {action.source} to {action.destination}"
        case MakeDirectory():
            return f"make the directory {action.path}"
        case MakeLink():
            return f"link {action.path} to {action.target}"
        case InstallPackages():
            return f"install {', '.join(action.packages)}"
        case InstallTree():
            return f"install {action.source}"
        case CreatePartition():
            size = action.sectors * action.sector_size // (1024 * 1024)
            return f"make partition {action.number} of {size} MiB on {action.disk.path}"
        case Reboot():
            return "reboot the machine" if action.automatic else "you reboot the machine"
    assert_never(action)


def commands(action: Action) -> tuple[str, ...]:
    """The exact commands, one a line; none where the program does it itself."""
    match action:
        case RunCommand():
            return (shown(action.argv) + _input_words(action),)
        case InstallPackages():
            names = shown(action.packages)
            return (f"apt-get install --no-install-recommends {names}",)
        case InstallTree():
            lines = (
                () if not action.sha256 else (f"tar --extract --file {shown((action.source,))}",)
            )
            refresh = (shown(action.refresh),) if action.refresh else ()
            return (*lines, "sh ./install.sh FOLDER-OF-THE-RUN", *refresh)
        case WriteFile() | MovePath():
            return (shown(action.refresh),) if action.refresh else ()
        case MakeDirectory() | MakeLink() | CreatePartition() | Reboot():
            return ()
    assert_never(action)


def details(action: Action) -> tuple[str, ...]:
    """What else belongs to the action: where, with which rights, for how long."""
    lines = []
    match action:
        case RunCommand():
            if action.until:
                lines.append(f"until its output shows {action.until!r}")
            if action.fails_at:
                lines.append(f"given up when its output shows {action.fails_at!r}")
            if action.identity:
                lines.append(f"only if {action.identity.path} is still the same device then")
        case WriteFile():
            owner = "" if action.uid == action.gid == 0 else f", owner {action.uid}:{action.gid}"
            lines.append(f"mode {action.mode:04o}{owner}")
        case MakeDirectory():
            lines.append(f"mode {action.mode:04o}")
        case CreatePartition():
            lines.append(
                f"sectors {action.start} to {action.start + action.sectors - 1}"
                f" of {action.sector_size} bytes; it becomes {action.path}"
            )
        case InstallTree():
            lines += _tree_details(action)
        case MovePath() | MakeLink() | InstallPackages() | Reboot():
            pass
        case _:
            assert_never(action)
    if action.inside is not None:
        lines.append(f"with {action.inside.device} mounted at {action.inside.mount_point}")
    return tuple(lines)


def undo_words(action: Action) -> str:
    """How the action is taken back, and of which class that is."""
    name = undo_class(action)
    if action.inside is not None and name == "nothing to undo":
        return f"{name}: it goes with the volume that it is in"
    match action:
        case RunCommand():
            words = shown(action.undo) if action.undo else action.undo_note or UNDO_MEANING[name]
        case WriteFile():
            words = "the text, mode, owner and times from before come back (or no file at all)"
            if action.before_undo:
                words = f"first {shown(action.before_undo)}; {words}"
            if action.refresh:
                words += f", then {shown(action.refresh)}"
        case MovePath():
            words = "it is moved back"
            if action.refresh:
                words += f", then {shown(action.refresh)}"
        case MakeDirectory():
            words = "the directory is removed if it is empty"
        case MakeLink():
            words = "the link is removed"
        case InstallPackages():
            words = "the packages that came in are purged, and no others"
        case InstallTree():
            words = (
                "what it replaced comes back to the byte, all else that it brought is removed; a "
                "folder with something of yours in it stays"
            )
        case CreatePartition():
            words = "the partition is removed if nothing is on it"
        case Reboot():
            words = UNDO_MEANING[name]
        case _:
            assert_never(action)
    return f"{name}: {words}"


def guard_words(guard: Guard) -> str:
    """What takes a guarded step back by itself, and what keeps it."""
    kept = "you say that you are still there" if guard.ask else guard.condition
    return f"taken back by itself after {guard.seconds} s, unless {kept}"


def probe_words(probe: Probe) -> str:
    """What must be seen for the work to count as done."""
    match probe:
        case CommandShows():
            verb = "must not show" if probe.lacks else "must show"
            return f"`{shown(probe.argv)}`, which {verb} {probe.pattern}"
        case PathPresent():
            return f"{probe.path} must be there"
        case PathAbsent():
            return f"{probe.path} must be gone"
        case Never():
            return "nothing"
    assert_never(probe)


def difference(before: str | None, action: WriteFile) -> Iterator[str]:
    """A unified difference from the file as it is (None: there is none) to its new text."""
    old = [] if before is None else before.splitlines()
    name = "/dev/null" if before is None else action.path
    yield from difflib.unified_diff(
        old, action.text.splitlines(), name, action.path, lineterm="", n=2
    )


def first_change(before: str, after: str) -> str:
    """The first line that differs and says something, was → is, and how many more do."""
    lines = [
        line
        for line in difflib.ndiff(before.splitlines(), after.splitlines())
        if line.startswith(("- ", "+ ")) and line[2:].strip() and not line[2:].startswith("#")
    ]
    if not lines:
        return "only comments or empty lines are different"
    old = next((f"“{line[2:].strip()}”" for line in lines if line[0] == "-"), "no such line")
    new = next((f"“{line[2:].strip()}”" for line in lines if line[0] == "+"), "no such line")
    gone = sum(line[0] == "-" for line in lines)
    more = max(gone, len(lines) - gone) - 1
    return f"{old} → {new}" + (f" (and {more} more lines)" if more > 0 else "")


def duration(seconds: float) -> str:
    """A time as people say it: 4 s, 2 min 5 s, 1 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def about(seconds: float) -> str:
    """A time that is not known exactly: about 9 min, about 40 s, a moment."""
    if seconds < 5:
        return "a moment"
    step = 5 if seconds < 90 else 60 if seconds < 3600 else 600
    return f"about {duration(max(round(seconds / step), 1) * step)}"


def effort(actions: Sequence[Action]) -> str:
    """How much there is to do: "3 actions, usually 2 min, 45 MiB to download"."""
    noun = "action" if len(actions) == 1 else "actions"
    return f"{len(actions)} {noun}, usually {usual(actions)}"


def usual(actions: Sequence[Action]) -> str:
    """How long it usually takes, and what usually comes over the network."""
    seconds = sum(action.estimate for action in actions)
    mib = math.ceil(sum(map(download, actions)))
    time = duration(seconds) if seconds >= 1 else "a moment"
    return f"{time}, {amount(mib)} to download" if mib else time


def amount(mib: int) -> str:
    """A size for people: 45 MiB, 2.3 GiB."""
    return f"{mib} MiB" if mib < 1024 else f"{mib / 1024:.1f} GiB"


def in_short(actions: Sequence[Action], width: int) -> str:
    """What the actions do, in one line: those of a kind are named together."""
    programs = {action.argv[0]: None for action in actions if isinstance(action, RunCommand)}
    files = [action.path for action in actions if isinstance(action, WriteFile)]
    together = {
        "RunCommand": f"run {', '.join(programs)}",
        "WriteFile": f"write {files[0]}" if len(set(files)) == 1 else f"write {len(files)} files",
    }
    phrases = dict.fromkeys(
        together.get(action.kind) or headline(action)
        for action in actions
        if not isinstance(action, MakeDirectory | MakeLink)
    )
    line = "; ".join(phrases or map(headline, actions))
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


def folded(command: str, width: int) -> tuple[str, ...]:
    """A command in lines of that width, as far as its words allow. All but the last end with a
    backslash: what is copied from the screen can be typed.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return (command,)
    if len(command) <= width or shlex.join(words) != command:  # it has a remark behind it
        return (command,)
    lines = [""]
    for word in map(shlex.quote, words):
        room = width - 2 - (4 if len(lines) > 1 else 0)
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
    return (f"{lines[0]} \\", *(f"    {line} \\" for line in lines[1:-1]), f"    {lines[-1]}")


def undo_summary(actions: Sequence[Action]) -> str:
    """How many actions there are of each undo class: "2 exact, 1 by removal"."""
    classes = [undo_class(action) for action in actions]
    return ", ".join(f"{classes.count(name)} {name}" for name in UNDO_MEANING if name in classes)


def verdict(step: str, action: Action | None, error: SetupError) -> str:
    """What failed, in one line: the step, where in it, and the error's own words."""
    where = headline(action) if action is not None else "its checks"
    return f"{step}, {where}: {error.what}"


def printable(text: str) -> str:
    """The text without control characters but tabs and line ends: what a file or a command says
    must not command the terminal.
    """
    return "".join(
        character if character.isprintable() or character in "\t\n" else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )


_MOST_NAMED = 20


def _tree_details(action: InstallTree) -> Iterator[str]:
    """How many files come where, and each that is replaced."""
    files = [entry.path for entry in action.entries if entry.kind != "directory"]
    places: dict[str, int] = {}
    for path in files:
        place = "/".join(path.split("/")[: 3 if path.startswith(("/usr/", "/var/")) else 2])
        places[place] = places.get(place, 0) + 1
    counts = ", ".join(f"{place} {count}" for place, count in sorted(places.items()))
    yield f"{len(files)} files and links: {counts} (each by name: plan --json)"
    for path in action.replaced[:_MOST_NAMED]:
        yield f"replaces {path}; a copy is kept"
    if len(action.replaced) > _MOST_NAMED:
        yield f"replaces {len(action.replaced) - _MOST_NAMED} more"


def _input_words(action: RunCommand) -> str:
    match action.input:
        case None:
            return ""
        case SecretInput():
            return "   (its input is a secret: it is shown nowhere)"
        case str():
            return f"   (its input: {action.input!r})" if action.input.strip() else ""
    assert_never(action.input)
