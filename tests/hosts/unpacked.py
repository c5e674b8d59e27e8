"""Where tests/run unpacks Debian's tools that must not be installed: they change how a machine
starts.
"""

from __future__ import annotations

import os
from pathlib import Path

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "xen-setup")
UNPACKED = _CACHE / "unpacked"
GRUB_EMU = _CACHE / "grub-emu"
