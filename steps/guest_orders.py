"""What is said to xl about one guest: the commands, how long each may take, and what it means."""

from __future__ import annotations

from dataclasses import dataclass

from steps.guests import Guest


@dataclass(frozen=True)
class Order:
    """A command; `limit` in seconds: xl waits for ever when xenstored does not answer."""

    argv: tuple[str, ...]
    limit: float


# An emulated machine took 5 s to create a guest, and 6 to shut one down (seen).
_CREATE = 180.0
_ASK = 60.0
# How long a guest may take to end in order, or to come back, before somebody is asked.
ENDS_WITHIN = 120.0


def start(guest: Guest) -> Order:
    """Make a domain of the guest's config."""
    return Order(("xl", "create", guest.config), _CREATE)


def shut_down(guest: Guest) -> Order:
    """Ask the guest to end, as by its power button; it answers at once, the end comes later."""
    return Order(("xl", "shutdown", guest.name), _ASK)


def reboot(guest: Guest) -> Order:
    """Ask the guest to end and to be started again: it gets a new number."""
    return Order(("xl", "reboot", guest.name), _ASK)


def destroy(guest: Guest) -> Order:
    """Pull the plug: what the guest has not written is lost."""
    return Order(("xl", "destroy", guest.name), _CREATE)


def console(guest: Guest) -> tuple[str, ...]:
    """The guest's console in this terminal, until Ctrl-]: it takes as long as it takes."""
    return ("xl", "console", guest.name)


HANGS = (
    "xl waits for xenstored when that does not answer. Look whether it runs: "
    "systemctl status xen; start it: systemctl restart xen."
)
