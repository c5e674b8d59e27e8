"""The service that goes on with the work after the boot into Xen, once."""

from __future__ import annotations

from steps.facts import Facts

NAME = "xen-setup-resume.service"
UNIT = f"/etc/systemd/system/{NAME}"
LINK = f"/etc/systemd/system/multi-user.target.wants/{NAME}"


def unit_text(facts: Facts) -> str:
    """The unit: it runs only under Xen, and takes itself out of the next boot before it begins.

    The kernel shows /sys/hypervisor/type under Xen alone: when plain Linux came up instead, the
    service does nothing, so a Xen that fails is not tried again and again.
    """
    program = facts.program if facts.program.startswith("/") else f"/usr/bin/env {facts.program}"
    return f"""\
# Written by xen-setup; it removes this file when the work is done.
[Unit]
Description=Go on with xen-setup after the boot into Xen
ConditionPathExists=/sys/hypervisor/type
Wants=network-online.target
After=network-online.target xen.service xendomains.service

[Service]
Type=oneshot
ExecStartPre=/bin/rm --force {LINK}
ExecStart={_escaped(program)} resume --no-input
StandardOutput=journal+console
StandardError=journal+console
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target
"""


def _escaped(command: str) -> str:
    # systemd.service(5): % begins a specifier, $ a variable; a blank would end the path.
    text = command.replace("%", "%%").replace("$", "$$")
    return text if text.startswith("/usr/bin/env ") else text.replace(" ", "\\x20")
