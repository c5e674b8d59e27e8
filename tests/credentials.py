"""Password hashes and SSH keys of the right form, which nobody has the other half of."""

from __future__ import annotations

import base64
import hashlib

# Characters that crypt(5) takes; of no password.
HASH = "$6$saltsalt$" + "NotOfAnyPassword./0123" * 3 + "NotOfAnyPassword./01"


def public_key(note: str, kind: str = "ssh-ed25519") -> str:
    """The line of a .pub file with that note: a key for each note, made of its hash."""
    return f"{kind} {key_body(hashlib.sha256(note.encode()).digest())} {note}"


def key_body(*fields: bytes, kind: str = "ssh-ed25519") -> str:
    """The middle of that line, from the fields behind the type (RFC 4253 6.6)."""
    whole = b"".join(len(each).to_bytes(4, "big") + each for each in (kind.encode(), *fields))
    return base64.b64encode(whole).decode()
