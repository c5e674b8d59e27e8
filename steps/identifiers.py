"""Identifiers that a plan chooses beforehand: UUIDs, hardware addresses, tags.

All are made from the machine's name and the thing's own (RFC 4122, version 5): the same settings
on the same machine give the same ones, so what is ours is recognised after a crash, a reboot or
an upgrade, and two machines never share any.
"""

from __future__ import annotations

import string
import uuid

from steps.facts import Facts

# Chosen once, for this program.
_NAMESPACE = uuid.UUID("5b1d54c2-6f0e-4c59-9d0a-3c1f7a86e2d4")

# LVM writes its UUIDs in these characters (lib/uuid/uuid.c has ! and # too, which it never makes).
_LVM_CHARACTERS = string.digits + string.ascii_letters
_LVM_GROUPS = (6, 4, 4, 4, 4, 4, 6)

TAG = "xen-setup"  # on every volume group and volume that is ours: `lvs @xen-setup` lists them
# What pvs, vgs and lvs say of what is not there: LVM 2.03.11, 2.03.16 and 2.03.31, seen; 2.02 of
# 2006 by its source (tools/toollib.c, lib/metadata). They fail with 5 for anything: beside words of
# a lock or of a disk that cannot be read, it may be there; an empty drive hides nothing.
_EMPTY_DRIVE = r"(?:No medium found|Wrong medium type|/dev/(?:fd|sr)\d)"
_MAY_BE_THERE = (
    r"(?:get lock|flock failed|locking initialisation failed|Error reading|open failed"
    r"|[Ii]nput/output|bad metadata|metadata summary|mda header|marked in use)"
)
ABSENT_IN_LVM = (
    rf"(?m)\A(?![\s\S]*^(?!.*{_EMPTY_DRIVE}).*{_MAY_BE_THERE})"
    r"[\s\S]*^\s*(?:Volume group \S+ not found"
    r"|Failed to find (?:device|(?:logical|physical) volume)"
    r"|No physical volume label read from|Failed to read physical volume"
    r"|One or more specified logical volume\(s\) not found"
    r"|Cannot use \S+: device (?:not found|is (?:too small|partitioned)))"
)


def _uuid(facts: Facts, *names: str) -> uuid.UUID:
    # A character that no name can have, so ("a", "bc") and ("ab", "c") differ.
    return uuid.uuid5(_NAMESPACE, "\n".join((facts.machine, *names)))


def filesystem_uuid(facts: Facts, device: str) -> str:
    """The UUID for the filesystem, or the swap space, that is made on this device."""
    return str(_uuid(facts, "filesystem", device))


def guest_uuid(facts: Facts, guest: str) -> str:
    """The UUID for the domain of this name."""
    return str(_uuid(facts, "guest", guest))


def guest_mac(facts: Facts, guest: str) -> str:
    """The hardware address for the guest's first card.

    00:16:3e is Xen's own prefix; of the three bytes after it, the first stays below 0x80, as in
    the addresses that xend drew by lot.
    """
    tail = _uuid(facts, "card", guest).bytes[-3:]
    return ":".join(f"{byte:02x}" for byte in (0x00, 0x16, 0x3E, tail[0] & 0x7F, *tail[1:]))


def physical_volume_uuid(facts: Facts, group: str) -> str:
    """The UUID for the LVM physical volume of this group, as LVM writes it."""
    number = _uuid(facts, "physical volume", group).int
    more = _uuid(facts, "physical volume", group, "second half").int
    number = number << 128 | more  # 32 characters of 62 need 191 bits
    characters = []
    for _ in range(sum(_LVM_GROUPS)):
        number, index = divmod(number, len(_LVM_CHARACTERS))
        characters.append(_LVM_CHARACTERS[index])
    text = "".join(characters)
    parts, start = [], 0
    for length in _LVM_GROUPS:
        parts.append(text[start : start + length])
        start += length
    return "-".join(parts)
