"""This program's name, as it can be typed here. Words say `xen-setup`; a clone's is not on the
shell's path, and what a first-time user copies from the screen after the boot must be found.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from shlex import quote
from typing import get_args

from wizard.arguments import Command

_TO_TYPE = re.compile(
    r"(?<=\bsudo )xen-setup\b"
    rf"|(?<![\w/.-])xen-setup(?= (?:(?:{'|'.join(get_args(Command))})\b|--[a-z]))"
)


def as_typed(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """The text, with the path that the launcher was started by (it says so in XEN_SETUP_PROGRAM)
    in each command of ours, unless the shell finds the name by itself.
    """
    program = environ.get("XEN_SETUP_PROGRAM", "")
    if not program or shutil.which("xen-setup", path=environ.get("PATH", os.defpath)):
        return text
    return _TO_TYPE.sub(lambda _: quote(program), text)
