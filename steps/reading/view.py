"""A machine being looked at: its files below a root, and the answers of its read-only commands.

Everything a reader touches comes through here, so that tests hand in a tree and captured answers.
Nothing raises for a strange machine: what is missing is None or empty.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from wizard.private_file import read_file

SEARCH_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_MOST_STEPS = 256  # parts and links of one path; more is a loop
LARGEST_TEXT = 8 * 1024 * 1024  # bytes: no file read here is longer on a sane machine
MIB = 1024 * 1024


class Answer(Protocol):
    """What a command said: 127 is a missing program, 124 one that took too long."""

    @property
    def status(self) -> int: ...
    @property
    def out(self) -> str: ...
    @property
    def err(self) -> str: ...


class Ask(Protocol):
    """Run a read-only command with a time limit in seconds; never raises for its failure."""

    def __call__(self, argv: tuple[str, ...], timeout: float = 20.0, /) -> Answer: ...


class Begin(Protocol):
    """Start a read-only command whose answer will be asked for soon."""

    def __call__(self, argv: tuple[str, ...], /) -> None: ...


def nothing_begins(_argv: tuple[str, ...], /) -> None:
    return


_MOST_REMEMBERED = 64
_remembered: dict[object, Answer] = {}


@dataclass
class View:
    """One machine: files below `root`, commands by `ask`, and what could not be found out."""

    ask: Ask
    as_root: bool
    root: Path = Path("/")
    environment: Mapping[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    begin: Begin = nothing_begins

    def place(self, path: str, follow: bool = True) -> Path:
        """Where that path of the machine is for this process.

        Links are followed inside the root: a guest's absolute link leads into the guest, and
        never out of it. Without `follow` the last part may be a link itself.
        """
        if self.root == Path("/"):
            return Path(path)
        waiting = [part for part in path.split("/") if part not in ("", ".")][::-1]
        here = self.root
        for _ in range(_MOST_STEPS):
            if not waiting:
                return here
            part = waiting.pop()
            if part == "..":
                here = here.parent if here != self.root else here
                continue
            step = here / part
            if step.is_symlink() and (waiting or follow):
                target = str(step.readlink())
                if target.startswith("/"):
                    here = self.root
                waiting += [part for part in target.split("/") if part not in ("", ".")][::-1]
            else:
                here = step
        return self.root / "too-many-links"

    def read(self, path: str, limit: int = LARGEST_TEXT) -> bytes | None:
        """The file's first `limit` bytes; None if it is not there or may not be read."""
        try:
            # Unbuffered and by size: files of /proc and /sys say that they have length 0.
            with self.place(path).open("rb") as file:
                return file.read(limit)
        except (OSError, ValueError):
            return None

    def text(self, path: str, limit: int = LARGEST_TEXT) -> str | None:
        """The file's text, bytes that are no UTF-8 replaced; None if there is none to read."""
        content = self.read(path, limit)
        return None if content is None else content.decode("utf-8", errors="replace")

    def text_owned_by(self, user_id: int, path: str, limit: int) -> str | None:
        """The text of a file that is this user's own; None for another's, and for what is no file:
        in a home there may be anything, a pipe that nobody writes to included.
        """
        try:
            content, state = read_file(self.place(path), limit)
        except OSError:
            return None
        return content.decode("utf-8", errors="replace") if state.st_uid == user_id else None

    def word(self, path: str) -> str:
        """The file's text without the white space around it; "" if there is none."""
        return (self.text(path, 65536) or "").strip()

    def number(self, path: str) -> int | None:
        """The whole number that a file of /sys holds."""
        word = self.word(path)
        return int(word) if word.isascii() and word.isdigit() else None

    def exists(self, path: str) -> bool:
        """Whether something is at that path; a broken link is nothing."""
        try:
            return self.place(path).exists()
        except OSError:
            return False

    def is_there(self, path: str) -> bool:
        """Whether something is at that path, be it a link that leads nowhere."""
        return os.path.lexists(self.place(path, follow=False))

    def is_directory(self, path: str) -> bool:
        try:
            return self.place(path).is_dir()
        except OSError:
            return False

    def is_file(self, path: str) -> bool:
        try:
            return self.place(path).is_file()
        except OSError:
            return False

    def names(self, directory: str, pattern: str = "*") -> list[str]:
        """The sorted names in a directory that match the pattern; none if it is not there."""
        try:
            found = os.listdir(self.place(directory))  # noqa: PTH208 - names are wanted
        except OSError:
            return []
        return sorted(name for name in found if fnmatchcase(name, pattern))

    def matching(self, pattern: str) -> list[str]:
        """The paths that a pattern with * in its last part stands for."""
        directory, _, last = pattern.rpartition("/")
        if "*" not in last:
            return [pattern]
        return [f"{directory}/{name}" for name in self.names(directory, last)]

    def link(self, path: str) -> str | None:
        """Where the symbolic link at that path leads, as written in it."""
        try:
            return str(self.place(path, follow=False).readlink())
        except (OSError, ValueError):
            return None

    def real_path(self, path: str) -> str:
        """The path with every link in it followed, as seen inside the machine."""
        try:
            real = self.place(path)
            if self.root == Path("/"):
                return str(real.resolve())
        except (OSError, RuntimeError):
            return path
        return "/" + str(real.relative_to(self.root))

    def program(self, name: str) -> str | None:
        """Where that program is on the machine's usual path, if it is."""
        for directory in SEARCH_PATH:
            place = self.place(f"{directory}/{name}")
            if place.is_file() and os.access(place, os.X_OK):
                return f"{directory}/{name}"
        return None

    def ask_again_when_changed(
        self, argv: tuple[str, ...], timeout: float, paths: tuple[str, ...]
    ) -> Answer:
        """The command's answer, remembered in this process until one of the files changes.

        A run reads the machine again after every step, and some commands take seconds.
        """
        key = self._key(argv, paths)
        answer = _remembered.get(key)
        if answer is None:
            if len(_remembered) > _MOST_REMEMBERED:
                _remembered.clear()
            answer = self.ask(argv, timeout)
            if answer.status in (0, 1):
                _remembered[key] = answer
        return answer

    def begin_when_changed(self, argv: tuple[str, ...], paths: tuple[str, ...]) -> None:
        """Start a command that `ask_again_when_changed` will be asked for, unless it remembers."""
        if self._key(argv, paths) not in _remembered:
            self.begin(argv)

    def _key(self, argv: tuple[str, ...], paths: tuple[str, ...]) -> object:
        return (self.ask, argv, str(self.root), tuple(self._state(path) for path in paths))

    def _state(self, path: str) -> tuple[int, int, int]:
        try:
            state = self.place(path).stat()
        except OSError:
            return (0, 0, 0)
        return (state.st_ino, state.st_mtime_ns, state.st_size)

    def not_known(self, what: str, why: str) -> None:
        """Note that `what` could not be found out, once."""
        line = f"{what}: {why}"
        if line not in self.unknown:
            self.unknown.append(line)
