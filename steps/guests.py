"""The guests of a host as they are now, running or only defined: for whoever looks after them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# What the letters of `xl list` mean; a guest that waits for its turn has none of them.
State = Literal[
    "running", "idle", "ready", "paused", "shut down", "crashed", "dying", "stopped", "unknown"
]
_LETTERS: dict[str, State] = {
    "d": "dying",
    "c": "crashed",
    "s": "shut down",
    "p": "paused",
    "r": "running",
    "b": "idle",
}


@dataclass(frozen=True)
class AttachedDisk:
    """A guest's disk: its name there (xvda1), and the device or file behind it on the host."""

    target: str
    device: str
    writable: bool


@dataclass(frozen=True)
class AttachedCard:
    """A guest's card: its name there (eth0), and its end on the host: vifN.M, "" while the guest
    does not run. `addresses` are those that the host's neighbour table has for `mac`: of a guest
    that the host has not talked with lately it has none.
    """

    name: str
    mac: str
    bridge: str
    interface: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Guest:
    """One domain, or one that is defined in /etc/xen and does not run (`id` null).

    `memory` is in MiB, `seconds` is processor time since its start. `config` is its file, "" where
    none was found; `autostart`: it starts with the host.
    """

    name: str
    id: int | None
    state: State
    memory: int | None
    vcpus: int | None
    seconds: float | None
    disks: tuple[AttachedDisk, ...]
    cards: tuple[AttachedCard, ...]
    config: str
    autostart: bool

    @property
    def runs(self) -> bool:
        """Whether there is a domain of it now."""
        return self.id is not None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those of all its cards."""
        return tuple(address for card in self.cards for address in card.addresses)


@dataclass(frozen=True)
class Guests:
    """All of them, domains first by number, then the others by name.

    `silent` says why xl was not asked or did not answer, and what to do; "" when it did.
    """

    guests: tuple[Guest, ...]
    silent: str = ""
    remedy: str = ""

    def named(self, name: str) -> Guest | None:
        """The guest with that name."""
        return next((guest for guest in self.guests if guest.name == name), None)


def state_of(letters: str) -> State:
    """A state in a word, of the column State of `xl list` ("-b----")."""
    return next((word for letter, word in _LETTERS.items() if letter in letters), "ready")
