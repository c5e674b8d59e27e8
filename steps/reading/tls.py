"""Directories with libraries for thread-local storage, in a system below some directory."""

from __future__ import annotations

from steps.facts import TlsDirectory
from steps.reading.view import View
from steps.what_matters import TLS_NAMES, TLS_PARENTS


def read_tls(view: View) -> tuple[TlsDirectory, ...]:
    """Each such directory once, whatever links lead to it; `path` is as people know it."""
    found: dict[str, TlsDirectory] = {}
    for parent in TLS_PARENTS:
        for name in TLS_NAMES:
            path = f"{parent}/{name}"
            if not view.is_directory(path):
                continue
            libraries = sum(".so" in file for file in view.names(path))
            built_for_xen = any(
                view.is_directory(f"{parent}/{place}/nosegneg")
                for place in ("tls/i686", "i686", "tls")
            )
            found.setdefault(
                view.real_path(path),
                TlsDirectory(path, libraries, disabled=name != "tls", nosegneg=built_for_xen),
            )
    return tuple(found.values())
