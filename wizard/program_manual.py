"""`man`: the manual page, of this program with these questions."""

from __future__ import annotations

import sys

from steps.settings import Settings
from wizard.arguments import command_line
from wizard.errors import Exit
from wizard.manual import manual


def show() -> int:
    """Print the page as roff."""
    sys.stdout.write(manual(command_line(), Settings))
    return Exit.DONE
