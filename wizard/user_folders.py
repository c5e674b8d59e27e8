"""Where this user's things lie, by the XDG base directory specification."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

# Of each variable, the folder below the home where it is not set.
_USUAL = {"XDG_CACHE_HOME": ".cache", "XDG_STATE_HOME": ".local/state"}


def user_folder(variable: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Our folder in XDG_CACHE_HOME or XDG_STATE_HOME, or in the home; None without either.

    A relative path counts as none, as the specification says. Nothing is made.
    """
    for given, below in ((variable, ""), ("HOME", _USUAL[variable])):
        if (top := environ.get(given, "")).startswith("/"):
            return Path(top, below, "xen-setup")
    return None
