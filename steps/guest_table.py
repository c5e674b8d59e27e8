"""The guests as a table, in words that fit a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from steps.guests import Guest

Row = tuple[str, ...]

HEADINGS: Row = ("Name", "ID", "State", "MiB", "CPUs", "Time", "Address", "Disks", "Auto")
# Numbers stand to the right.
_RIGHT = {1, 3, 4, 5}


def table(guests: Sequence[Guest]) -> list[Row]:
    """The headings, and a row for each guest."""
    return [HEADINGS, *map(_row, guests)]


def _row(guest: Guest) -> Row:
    host = guest.id == 0
    return (
        guest.name,
        "-" if guest.id is None else str(guest.id),
        guest.state,
        "?" if guest.memory is None else str(guest.memory),
        "?" if guest.vcpus is None else str(guest.vcpus),
        "-" if guest.seconds is None else f"{guest.seconds:.1f}",
        ", ".join(guest.addresses) or ("" if host else "-"),
        ",".join(disk.target for disk in guest.disks) or ("" if host else "-"),
        "" if host else "yes" if guest.autostart else "no",
    )


def without_address(guests: Sequence[Guest]) -> list[str]:
    """What a `-` below Address means for a guest that runs, and where to find its address.

    A guest with a fixed address is found too once the host has talked with it. Nothing on the host
    knows what a DHCP server elsewhere gave out.
    """
    silent = [guest for guest in guests if guest.id and guest.cards and not guest.addresses]
    if not silent:
        return []
    names = ", ".join(guest.name for guest in silent)
    first = silent[0]
    return [
        f"The address of {names} is not known here: this host has not talked with "
        f"{'them' if len(silent) > 1 else 'it'} lately. The guest itself knows: `ip address` in "
        f"`sudo xen-setup guests console {first.name}`. So does your network's DHCP server, often "
        f"the router, by the card's number {first.cards[0].mac}."
    ]


def columns(rows: Sequence[Row]) -> list[str]:
    """The rows as lines, each column as wide as it must be."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS))]
    return [
        "  ".join(
            f"{cell:>{width}}" if place in _RIGHT else f"{cell:{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
