"""A bug: what the user is told, and a report to attach. Installed as `sys.excepthook`.

The report holds the traceback, the program's and the machine's versions, and the command line.
Values of --set and anything that looks like a password's hash are left out of it.
"""

# What a report needs is imported when there is one: this module is there at every start.
# ruff: noqa: PLC0415

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

from wizard import VERSION

if TYPE_CHECKING:
    from pathlib import Path

# crypt(5): $id$ and then parameters, salt and hash.
_HASH = r"\$(?:1|5|6|7|2[aby]|y|gy)\$[./A-Za-z0-9$=,]+"

Hook = Callable[[type[BaseException], BaseException, TracebackType | None], None]


def hook(argv: Sequence[str]) -> Hook:
    """A `sys.excepthook` for this command line; the interpreter exits with status 1 after it."""

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        import traceback

        text = report(argv, "".join(traceback.format_exception(kind, error, trace)))
        words = "".join(traceback.format_exception_only(kind, error)).strip().splitlines()[-1]
        lines = [f"xen-setup: this is a bug in xen-setup: {_masked(words)}"]
        place = _save(text)
        if place is None:
            lines += ["The report could be written nowhere, so here it is:", text.rstrip()]
        else:
            lines.append(f"Please report it, with this file attached: {place}")
        lines.append(
            _as_typed(
                "If a run was on its way: `xen-setup status` shows how far it came, `xen-setup "
                "resume` goes on, `xen-setup rollback` takes it back."
            )
        )
        sys.stderr.write("\n".join(lines) + "\n")

    return tell


def report(argv: Sequence[str], trace: str) -> str:
    """The text of a report, without secrets."""
    import platform
    import re
    import shlex
    import time

    words = [re.sub(r"=.*", "=…", word, flags=re.DOTALL) for word in argv]
    for place, word in enumerate(argv[:-1], start=1):
        if word == "--set":  # what follows may lack its =
            words[place] = re.sub(r"[^\w.].*", "=…", words[place], flags=re.DOTALL)
    return _masked(
        f"xen-setup {VERSION}, {time.strftime('%Y-%m-%d %H:%M:%S %z')}\n"
        f"$ xen-setup {shlex.join(words)}\n"
        f"Python {platform.python_version()} on {platform.platform()}, "
        f"{'root' if os.geteuid() == 0 else 'not root'}\n\n{trace}"
    )


def _as_typed(words: str) -> str:
    with suppress(ImportError):  # as below
        from wizard.own_name import as_typed

        words = as_typed(words)
    return words


def _masked(text: str) -> str:
    import re

    return re.sub(_HASH, "$…", text)


def _save(text: str) -> Path | None:
    import tempfile
    import time
    from pathlib import Path

    folders: list[Path | None] = [Path(tempfile.gettempdir())]
    with suppress(ImportError, OSError):  # the program's own file may be what is broken
        from wizard.user_folders import user_folder

        at_home = {name: value for name, value in os.environ.items() if name != "XDG_STATE_HOME"}
        in_home = user_folder("XDG_STATE_HOME", at_home)  # None for a service
        folders = [user_folder("XDG_STATE_HOME"), in_home, *folders]
    name = time.strftime("crash-%Y%m%d-%H%M%S-") + str(os.getpid()) + ".txt"
    for folder in filter(None, folders):
        path = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # O_EXCL: a name in /tmp can be guessed, and must not lead elsewhere.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
        except OSError:
            continue
        return path
    return None
