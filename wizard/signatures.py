"""What is on a device, as blkid says; that nothing is on it counts only where it can be read.

blkid ends with 2, "nothing found", on an empty device, on one whose reads fail, and where there is
none; on a partition it names at least that one's place, with 0.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from wizard.commands import Answer

Ask = Callable[[tuple[str, ...], float], Answer]

NOTHING, SEVERAL = 2, 8  # blkid's exit statuses: nothing found; several that contradict each other
CONTRADICTING = "several contradicting signatures"  # where blkid has no word
# Signatures stand at both ends of a device: btrfs has its superblock at 64 KiB, ZFS its labels
# in the last 512.
_ENDS = 1 << 20
_TIME = 30.0


class Signatures(NamedTuple):
    """blkid's properties of a device (TYPE, PTTYPE, PTUUID, …), and why they are not known, or "".
    Where it finds several signatures, and so names none, TYPE says that.
    """

    properties: Mapping[str, str]
    not_known: str = ""

    @property
    def word(self) -> str:
        """The one word for what is on it; "" for nothing that has one."""
        return self.properties.get("TYPE") or self.properties.get("PTTYPE", "")


def signatures_of(device: str, ask: Ask, place: tuple[int, int] | None = None) -> Signatures:
    """What blkid reads on the device now. `place`: in that part of it only, from byte and bytes."""
    where = () if place is None else ("--offset", str(place[0]), "--size", str(place[1]))
    answer = ask(("blkid", "--probe", *where, "--output", "export", device), _TIME)
    pairs = (line.partition("=") for line in answer.out.splitlines())
    found = Signatures({key: value for key, _equals, value in pairs})
    if answer.status == SEVERAL:
        return found._replace(properties={**found.properties, "TYPE": CONTRADICTING})
    if answer.status not in (0, NOTHING):
        return found._replace(not_known=f"blkid does not tell (exit status {answer.status})")
    if not found.word and (why := why_unreadable(Path(device))):
        return found._replace(not_known=f"it cannot be read ({why})")
    return found


def why_unreadable(device: Path) -> str:
    """Why a device cannot be read where signatures stand, the first and the last MiB of it; "" if
    it can.
    """
    try:
        with device.open("rb", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            for place in (0, max(0, size - _ENDS)):
                file.seek(place)
                left = min(_ENDS, size)
                # A read ends well before the first block that fails.
                while left > 0 and (got := len(file.read(left))):
                    left -= got
                if left > 0:
                    return "it ends before its size"
    except OSError as error:
        return error.strerror or "an error without a name"
    return ""
