"""The engine of a guided installer: plans, a journal, undo. It knows nothing of Xen.

Copyright (C) 2026 the xen-setup authors. GPL-3.0-or-later, see LICENSE.
"""

VERSION = "0.1.0"  # pyproject.toml says the same; a test compares them
