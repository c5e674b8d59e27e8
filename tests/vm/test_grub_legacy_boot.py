"""GRUB Legacy with /boot on a partition of its own, and a menu of four entries that somebody keeps.

The third of them boots by itself (`default=2`); no other number may come to mean another entry.
"""

from __future__ import annotations

import pytest

from tests.vm.conftest import JOURNEY
from tests.vm.legacy_journey import LegacyJourney, kept

__all__ = ["kept"]

VARIANT = "grub-legacy-boot"
pytestmark = [JOURNEY, pytest.mark.full]


class TestOwnMenu(LegacyJourney):
    """Ours goes in behind the four."""

    entries = 4
    default = 2
    own = 4
