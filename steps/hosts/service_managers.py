"""How each service manager is told to start a service with the machine, as data."""

from __future__ import annotations

from dataclasses import dataclass

from wizard.actions import Argv


@dataclass(frozen=True)
class ServiceManager:
    """Command lines, to which a service's name is added; `enabled` is a regular expression for
    what the question prints (in multi-line mode) when the service is enabled."""

    name: str
    enable: Argv
    disable: Argv
    question: Argv
    enabled: str


# For a service that is an init script, systemctl asks Debian's update-rc.d itself; the answer has
# the same word (seen on Debian 12, with the init scripts xen and xendomains).
MANAGERS = {
    manager.name: manager
    for manager in (
        ServiceManager(
            "systemd",
            ("systemctl", "enable"),
            ("systemctl", "disable"),
            ("systemctl", "is-enabled"),
            "^enabled$",
        ),
    )
}
