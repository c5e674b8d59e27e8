"""How a Xen host and its guests fail: every rule, for `wizard.diagnosis.explain`.

A rule is data: real messages, what they mean, what to do. Where a message comes from stands in
the tests: most were captured from a machine that had the fault (tests/failures/).
"""

from __future__ import annotations

from steps.failures import boot, guest, network, packages, storage, toolstack
from wizard.diagnosis import Rule

# What to try with a message that no rule knows.
WHEN_UNKNOWN = (
    "Give it the whole text: the first line that says error tells more than the last.",
    "Of a guest that does not start:\nxl -vvv create /etc/xen/vm01.cfg 2>&1 | xen-setup explain -",
    "What Xen itself said since the boot: xl dmesg",
    "What its tools said: the logs in /var/log/xen/",
    "What a run of this program did: its log, which `xen-setup status` names.",
)

RULES: tuple[Rule, ...] = (
    *toolstack.RULES,
    *guest.RULES,
    *boot.RULES,
    *network.RULES,
    *storage.RULES,
    *packages.RULES,
)
