"""How a Xen host and its guests fail: every rule, for `wizard.diagnosis.explain`.

A rule is data: real messages, what they mean, what to do. Where a message comes from stands in
the tests: most were captured from a machine that had the fault (tests/failures/).
"""

from __future__ import annotations

from steps.failures import boot, guest, packages, storage, toolstack
from wizard.diagnosis import Rule

RULES: tuple[Rule, ...] = (
    *toolstack.RULES,
    *guest.RULES,
    *boot.RULES,
    *storage.RULES,
    *packages.RULES,
)
