"""How the machine's memory is shared out, in MiB: dom0, the guests, and Xen itself."""

from __future__ import annotations

from collections.abc import Sequence

from steps.facts import Facts
from steps.kinds import round_size, show_size
from steps.settings import GuestSettings, Settings

# MiB that Xen keeps for itself and for its books on guests. Seen on Xen 4.17: 3071 in all, 1024 for
# dom0, 2014 free; the plain Linux of that machine had counted 2971.
XEN_MEMORY = 64
GUEST_OVERHEAD = 16  # MiB that a paravirtual guest costs beside its own memory
_NAMED = 3  # guests of a list in a sentence; more are only counted


def total_memory(facts: Facts) -> int:
    """What the machine has. In dom0, Linux knows of its own part alone; the hypervisor of all."""
    return facts.xen.total_memory or facts.memory


def guests_memory(guests: Sequence[GuestSettings]) -> int:
    """What these guests take when they run."""
    return sum(guest.memory + GUEST_OVERHEAD for guest in guests)


def wanted_memory(settings: Settings) -> int:
    """What dom0, Xen and all guests take together: each is started at the end of the run."""
    return settings.host.dom0_memory + guests_memory(settings.guests) + XEN_MEMORY


def guests_in_words(guests: Sequence[GuestSettings]) -> str:
    """What each guest gets: "512MiB for vm01 and 1GiB for vm02", "10GiB for 20 guests"."""
    if len(guests) > _NAMED:
        together = round_size(sum(guest.memory for guest in guests))
        return f"{together} for {len(guests)} guests"
    return " and ".join(f"{show_size(guest.memory)} for {guest.name}" for guest in guests)
