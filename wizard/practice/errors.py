"""What can go wrong with the practice machine; each error says what to do next.

ChecksFailed
└── HostNotReady     this computer lacks something: a program, space, a mirror
Stopped
└── MachineTrouble   the machine did not boot, or did not answer
    └── ConnectionLost   it fell silent: switched off, rebooting, or ssh failed
"""

from __future__ import annotations

from wizard.errors import ChecksFailed, Stopped


class HostNotReady(ChecksFailed):
    """This computer cannot build or run the practice machine as it is; nothing was changed."""


class MachineTrouble(Stopped):
    """The practice machine did not do what was asked of it; it can be started again."""


class ConnectionLost(MachineTrouble):
    """The connection broke before the command's exit status was known."""
