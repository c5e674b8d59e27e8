"""Our script in /etc/grub.d: what GRUB boots when it cannot load the entry whose turn it is.

Without a `fallback`, GRUB then shows its errors for ten seconds and stands at its menu until
somebody presses a key: a host that nobody sits at is lost. With one it goes on by itself, whether
the entry that failed was the default or grub-reboot's. Read in 2.06's normal/menu.c, and seen in
its grub-emu (tests/hosts/test_grub_2_itself.py):

- a `fallback` is a number, counted from 0 at the top of the menu; an id or a title is no entry to
  it, and is dropped in silence. A submenu's number means its first entry;
- it is tried when nothing could be loaded. A hypervisor that was loaded is booted, even without
  its modules; what resets the machine then is Xen's own panic. One whose file is cut off is loaded
  too, as GRUB's gzio does not notice the end, and stands still until a person resets the machine:
  so such a file is not booted (`first_boot.py`);
- no variable in /etc/default/grub sets it, so it takes a script that prints a line of grub.cfg.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from steps import what_matters
from steps.facts import BootEntry, BootLoader, Facts

SCRIPT = what_matters.FALLBACK_SCRIPT
_LINE = re.compile(r"^echo 'set fallback=(\d+)'$", re.MULTILINE)


def script(entries: Sequence[BootEntry], number: int) -> str:
    """The whole script, for a menu of these entries."""
    title = " ".join(_top_level(entries)[number][0].title.split())
    return f"""\
#!/bin/sh
# Written by xen-setup; `xen-setup rollback` takes it away again. What this prints, update-grub
# puts into the boot menu.
#
# When GRUB cannot load the entry whose turn it is (the hypervisor's file is gone, say), it boots
# this one instead of waiting at its menu for a key. GRUB takes no name here, only a place
# in the menu, counted from 0 at its top. What stood there when this was written:
#   {title}
echo 'set fallback={number}'
"""


def plain_number(entries: Sequence[BootEntry]) -> int | None:
    """The number of the first entry at the menu's top that boots plain Linux, or else of a submenu
    that begins with one; None where there is neither.
    """
    top = _top_level(entries)
    plain = [number for number, item in enumerate(top) if _is_plain(item[0])]
    alone = [number for number in plain if ">" not in top[number][0].path]
    return next(iter(alone or plain), None)


def falls_back_to_plain(facts: Facts) -> bool:
    """Whether GRUB boots plain Linux when it cannot load the entry whose turn it is."""
    return any(
        entry.path == facts.boot.fallback_entry and _is_plain(entry)
        for entry in facts.boot.entries or ()
    )


def in_menu(boot: BootLoader, number: int | None) -> BootLoader:
    """The boot loader with this number as its menu's fallback."""
    paths = dict(enumerate(item[0].path for item in _top_level(boot.entries or ())))
    return replace(boot, fallback_entry=None if number is None else paths.get(number))


def written_number(text: str) -> int | None:
    """What a script of this text has update-grub write; None for any other text."""
    found = _LINE.search(text)
    return int(found[1]) if found else None


def _is_plain(entry: BootEntry) -> bool:
    return entry.kind == "linux" and not entry.recovery


def _top_level(entries: Sequence[BootEntry]) -> list[list[BootEntry]]:
    """The entries by what stands at the menu's top: one by itself, a submenu with all in it."""
    # Two neighbours never have one name: paths are made so (`BootEntry`).
    return [list(item) for _, item in groupby(entries, _name_at_the_top)]


def _name_at_the_top(entry: BootEntry) -> str:
    return re.split(r"(?<!>)>(?!>)", entry.path)[0]
