"""A fault for a class, as data: what is broken in a practice machine, and how a learner gets on.

What the scripts do is not known here; they run in the machine as its root, by /bin/sh.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One fault. `title` says in a line what it is about, without the cause; `seen`, in sentences,
    what the learner meets.

    `plant` breaks the machine, which is a finished host whose guest is off; `reboots`: it shows
    only after a boot. `hints` are told one at a time, and go from where to look to what it is;
    `solution` is the script that mends it: the last hint shows it. `check` ends with status 0 when
    all works now, and says in its last line what it saw; it changes nothing, and takes
    `check_seconds` at most. `rule` is the failure rule that knows its message ("": it has none).
    """

    name: str
    title: str
    seen: str
    plant: str
    hints: tuple[str, ...]
    solution: str
    check: str
    rule: str = ""
    reboots: bool = False
    check_seconds: int = 900
