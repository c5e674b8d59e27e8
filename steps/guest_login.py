"""What shows that a guest is up: its login prompt, or the shell of someone logged in already."""

from __future__ import annotations

import re


def login_prompt(guest: str) -> str:
    """A regular expression for what the guest's console shows when someone can log in."""
    name = re.escape(guest)
    return rf"^{name} login: ?|^\S+@{name}:.*[#$] ?$"
