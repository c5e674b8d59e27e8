"""Where tests/run unpacks Debian's tools that must not be installed: they change how a machine
starts.
"""

from __future__ import annotations

import os
from pathlib import Path

UNPACKED = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "xen-setup", "unpacked")
