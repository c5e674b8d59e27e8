"""How each service manager is told to start a service with the machine, as data.

From the manuals: systemctl(1); update-rc.d(8) of init-system-helpers; insserv(8); rc-update(8),
rc-service(8) of OpenRC. `{}` stands for the service's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wizard.actions import Argv


@dataclass(frozen=True)
class ServiceManager:
    """Command lines, and what `question` prints (a regular expression, in multi-line mode) when
    the service is enabled. `tool` is the program that must be there; `below` are the kinds of
    process 1 (facts' words) under which it is of use.
    """

    name: str
    tool: str
    below: tuple[Literal["systemd", "sysvinit", "openrc"], ...]
    enable: Argv
    disable: Argv
    question: Argv
    enabled: str
    start: Argv
    # For a service that was switched off and left its links: a way back on, and off again.
    switch_on: Argv = ()
    switch_off: Argv = ()
    # For an init script that had no links, where `disable` is made for units and leaves some.
    remove_links: Argv = ()

    def enabling(self, service: str, switched_off: bool = False) -> Argv:
        """The command that puts a service into the machine's start."""
        return _of(self.switch_on if switched_off and self.switch_on else self.enable, service)

    def disabling(self, service: str, switched_off: bool = False, script: bool = False) -> Argv:
        """The command that takes exactly that out again."""
        if script and self.remove_links and not switched_off:
            return _of(self.remove_links, service)
        return _of(self.switch_off if switched_off and self.switch_off else self.disable, service)

    def asking(self, service: str) -> Argv:
        """The command whose output shows `enabled_pattern` when the service is enabled."""
        return _of(self.question, service)

    def enabled_pattern(self, service: str) -> str:
        return self.enabled.replace("{}", service)

    def starting(self, service: str) -> Argv:
        """The command that starts a service now."""
        return _of(self.start, service)


def _of(argv: Argv, service: str) -> Argv:
    return tuple(word.replace("{}", service) for word in argv)


# A service is started by a link in each runlevel's folder; 2 is what Debian boots into.
_LINKS = ("find", "/etc/rc2.d", "-name", "S[0-9][0-9]{}")
_LINKED = "/S[0-9][0-9]{}$"

# For a service that is an init script, systemctl asks Debian's update-rc.d itself; the answer has
# the same word (seen on Debian 12, with the init scripts xen and xendomains). update-rc.d and
# insserv serve below systemd too: its generator reads the same links.
MANAGERS = {
    manager.name: manager
    for manager in (
        ServiceManager(
            "systemd",
            "systemctl",
            ("systemd",),
            ("systemctl", "enable", "{}"),
            ("systemctl", "disable", "{}"),
            ("systemctl", "is-enabled", "{}"),
            "^enabled$",
            ("systemctl", "start", "{}.service"),
            # `systemctl disable` has update-rc.d turn the links round, so that they stop it (seen).
            remove_links=("update-rc.d", "-f", "{}", "remove"),
        ),
        ServiceManager(
            "update-rc.d",
            "update-rc.d",
            ("sysvinit", "systemd"),
            ("update-rc.d", "{}", "defaults"),
            ("update-rc.d", "-f", "{}", "remove"),
            _LINKS,
            _LINKED,
            ("service", "{}", "start"),
            # `defaults` leaves links that are there as they are (seen).
            ("update-rc.d", "{}", "enable"),
            ("update-rc.d", "{}", "disable"),
        ),
        ServiceManager(
            "insserv",
            "insserv",
            ("sysvinit", "systemd"),
            ("insserv", "{}"),
            ("insserv", "--remove", "{}"),
            _LINKS,
            _LINKED,
            ("service", "{}", "start"),
        ),
        ServiceManager(
            "openrc",
            "rc-update",
            ("openrc",),
            ("rc-update", "add", "{}", "default"),
            ("rc-update", "delete", "{}", "default"),
            ("rc-update", "show", "default"),
            r"^\s*{}\s*\|",
            ("rc-service", "{}", "start"),
        ),
    )
}
