"""Scripts run for real, in a PATH of their own: for the tests of plans as scripts."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hostile import HOSTILE
from tests.small_lesson import SMALL_LESSON
from wizard.actions import Action
from wizard.commands import PATH
from wizard.lesson import Lesson
from wizard.preview import StepPreview
from wizard.shell_functions import BY_HAND
from wizard.shell_script import shell_script
from wizard.step import Guard, Plan, Problem

MACHINE = "a test's machine"
# A script's mark of a boot that is to come, of which a machine has one.
WAITING = "/run/waits-for-boot-of-xen-setup"
# What the scripts' own functions call.
_OWN = """
base64 cat chmod chown cp dash dd grep head id ln mkdir mkfifo mktemp mountpoint mv openssl readlink
rm rmdir script sed sh sha256sum sleep stat stty sync tail timeout touch tr
"""
# No program takes a NUL in an argument, and half a character is no text.
WORDS = tuple(
    text for text in HOSTILE if "\0" not in text and not re.search("[\ud800-\udfff]", text)
)
_STAND_IN = """\
#!/bin/sh
printf '%s\\0' "$#" {name} "$@" >>{log}
{then}
"""


@dataclass(frozen=True)
class Step:
    """A step with nothing but its title."""

    TITLE: str = "A step's title"
    LESSON: Lesson = SMALL_LESSON
    QUESTIONS: tuple[str, ...] = ()
    __name__: str = "tests.one"

    def check(self, settings: Any, facts: Any, /) -> list[Problem]:
        return []

    def plan(self, settings: Any, facts: Any, /) -> Plan[Any]:
        return Plan((), facts)

    def verify(self, settings: Any, facts: Any, /) -> list[Problem]:
        return []


def script_of(
    actions: Sequence[Action],
    *,
    guard: Guard | None = None,
    name: str = "one",
    same_secrets: Mapping[str, str] | None = None,
) -> str:
    """The script of one step with these actions."""
    plan: Plan[Any] = Plan(tuple(actions), None, guard=guard)
    previews = [StepPreview(name, Step(), (), plan, None)]
    return shell_script(previews, MACHINE, same_secrets=same_secrets)


@dataclass
class Shell:
    """A directory with stand-ins for programs, and with those that the scripts' functions need."""

    top: Path

    def __post_init__(self) -> None:
        self.programs = self.top / "programs"
        self.programs.mkdir()
        self.waiting = self.top / "waits-for-boot"
        self._log = self.top / "calls"
        self._log.touch()
        for name in _OWN.split():
            for place in PATH.split(":"):
                if Path(place, name).exists():
                    (self.programs / name).symlink_to(Path(place, name))
                    break

    def stand_in(self, name: str, then: str = "") -> None:
        """A program that notes how it is called, and then does this."""
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(_STAND_IN.format(name=name, log=self._log, then=then), encoding="utf-8")
        path.chmod(0o755)

    @property
    def calls(self) -> list[tuple[str, ...]]:
        """How the stand-ins were called, in order."""
        words = self._log.read_bytes().decode().split("\0")[:-1]
        found = []
        while words:
            length = int(words[0]) + 2
            found.append(tuple(words[1:length]))
            words = words[length:]
        return found

    def run(
        self, text: str, *words: str, shell: str = "sh", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the script, its PATH changed to this directory alone."""
        line = f"export PATH={PATH}\n"
        assert text.count(line) == 1
        path = self.top / "plan.sh"
        text = text.replace(line, f"export PATH={self.programs}\n")
        text = text.replace(BY_HAND, str(self.top / "by-hand"))
        path.write_text(text.replace(WAITING, str(self.waiting)), encoding="utf-8")
        return subprocess.run(
            [shell, path, *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
            env={"PATH": os.environ["PATH"], **environment},
        )  # fmt: skip


def shellcheck(paths: Sequence[Path]) -> list[str]:
    """What shellcheck says of these files, one complaint a line; everything it knows counts."""
    done = subprocess.run(
        ["shellcheck", "--norc", "--format=json", *paths],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return [
        f"{item['file']}:{item['line']}: SC{item['code']} {item['message']}"
        for item in json.loads(done.stdout)
    ]
