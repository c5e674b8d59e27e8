"""GRUB Legacy on an ext3 root, with the menu that Debian's update-grub writes.

Stock → our menu.lst → Xen 4.17 boots from it → the guest's login → rollback → the menu as it was.
"""

from __future__ import annotations

import pytest

from tests.vm.conftest import JOURNEY
from tests.vm.legacy_journey import LegacyJourney, kept

__all__ = ["kept"]

VARIANT = "grub-legacy"
pytestmark = [JOURNEY, pytest.mark.full]


class TestDebiansMenu(LegacyJourney):
    """Two entries in Debian's list, before which ours goes in: both numbers move by one."""

    entries = 2
    default = 0
    own = 0
