"""A machine for the readers: a tree in a temporary directory, and captured answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from steps.reading.view import View

CAPTURED = Path(__file__).parent / "captured"


def captured(name: str) -> str:
    """The text of a captured file or command output."""
    return (CAPTURED / name).read_text()


@dataclass(frozen=True)
class Said:
    """What a command said."""

    out: str = ""
    status: int = 0
    err: str = ""


@dataclass(eq=False)  # hashable: answers are remembered by who gave them
class Answers:
    """Answers by the beginning of the command line; what is not there is not installed."""

    by_words: Mapping[str, Said] = field(default_factory=dict)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, argv: tuple[str, ...], timeout: float = 20.0, /) -> Said:
        self.asked.append(argv)
        line = " ".join(argv)
        for words, answer in self.by_words.items():
            if line == words or line.startswith(words + " "):
                return answer
        return Said(status=127, err=f"{argv[0]}: not installed")


def tree(root: Path, files: Mapping[str, str | bytes | None]) -> Path:
    """Fill a directory: text or bytes by path, None for a directory, "-> x" for a link to x."""
    for path, content in files.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            place.mkdir(exist_ok=True)
        elif isinstance(content, bytes):
            place.write_bytes(content)
        elif content.startswith("-> "):
            place.symlink_to(content[3:])
        else:
            place.write_text(content)
    return root


def program(root: Path, name: str) -> None:
    """Put a program of that name on the tree's path: it is only looked for, never run."""
    place = root / "usr/sbin" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("#!/bin/false\n")
    place.chmod(0o755)


def view_of(
    root: Path,
    files: Mapping[str, str | bytes | None],
    answers: Mapping[str, Said] | None = None,
    *,
    as_root: bool = True,
    environment: Mapping[str, str] | None = None,
) -> View:
    """A view of such a tree with these answers."""
    return View(
        ask=Answers(answers or {}),
        as_root=as_root,
        root=tree(root, files),
        environment=environment or {},
    )
