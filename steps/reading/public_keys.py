"""The public SSH keys of the person who started this program: offered for a guest's root.

Root may read every home; only the one of this person is looked into, and there only files that are
their own: a link in it may lead to another's.
"""

from __future__ import annotations

import os

from steps.credentials import whole_key
from steps.reading.view import View
from steps.what_matters import LARGEST_FILE, MOST_PUBLIC_KEYS, PUBLIC_KEYS


def read_public_keys(view: View) -> tuple[str, ...] | None:
    """Each key once, those of .pub files first; None if this person has no home here.

    A line of authorized_keys with options (a command, addresses) is left out: the key is trusted
    with less than a guest's root there.
    """
    user_id = _user_id(view)
    home = _home(view, user_id)
    if not home.startswith("/"):
        return None
    found: dict[str, str] = {}
    for pattern in PUBLIC_KEYS:
        for path in view.matching(f"{home}/{pattern}"):
            text = view.text_owned_by(user_id, path, LARGEST_FILE) or ""
            for key in filter(None, map(whole_key, text.splitlines())):
                found.setdefault(" ".join(key.split(" ")[:2]), key)
    return tuple(found.values())[:MOST_PUBLIC_KEYS]


def _user_id(view: View) -> int:
    """Whoever called sudo, or else who runs this."""
    if not view.as_root:
        return os.geteuid()
    before = view.environment.get("SUDO_UID", "")  # sudo(8), ENVIRONMENT
    return int(before) if before.isascii() and before.isdigit() else 0


def _home(view: View, user_id: int) -> str:
    """By passwd(5), or by whatever else this machine knows its users from; "" for nobody's."""
    for line in (view.text("/etc/passwd") or "").splitlines():
        if home := _home_of(line, user_id):
            return home
    return _home_of(view.ask(("getent", "passwd", str(user_id)), 5.0).out.strip(), user_id)


def _home_of(line: str, user_id: int) -> str:
    fields = line.split(":")
    return fields[5] if len(fields) == 7 and fields[2] == str(user_id) else ""
