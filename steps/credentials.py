"""Password hashes and public SSH keys, looked at closely enough to see that one was cut short.

Nobody can log in with half of either, and nothing would say so before the guest is running.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from wizard.questions import CHARACTER

_64 = "[./0-9A-Za-z]"


@dataclass(frozen=True)
class _Scheme:
    """One way to hash: what stands between its mark and the digest, and the digest's length."""

    before: str
    digest: int


# crypt(5) of libxcrypt, "Hashed passphrase format" of each method.
_SHA = rf"\$(?:rounds=[1-9][0-9]{{0,8}}\$)?{_64}{{1,16}}\$"
_YESCRYPT = rf"\$[./A-Za-z0-9,=]+\${_64}{{0,86}}\$"
_SCHEMES: Mapping[str, _Scheme] = {
    "y": _Scheme(_YESCRYPT, 43),
    "gy": _Scheme(_YESCRYPT, 43),
    "7": _Scheme(rf"\${_64}{{11,97}}\$", 43),
    # Salt and digest in one: 22 and 31.
    **dict.fromkeys(("2a", "2b", "2y"), _Scheme(r"\$[0-9]{2}\$", 53)),
    "6": _Scheme(_SHA, 86),
    "5": _Scheme(_SHA, 43),
    "1": _Scheme(rf"\${_64}{{1,8}}\$", 22),
}
HASH = re.compile(
    "|".join(
        rf"\${mark}{scheme.before}{_64}{{{scheme.digest}}}" for mark, scheme in _SCHEMES.items()
    )
)

# The fields of a key's body after its type: RFC 4253 6.6 (rsa, dss), RFC 5656 3.1 (ecdsa),
# RFC 8709 4 (ed25519), OpenSSH's PROTOCOL.u2f (sk).
_FIELDS = {
    "ssh-ed25519": 1,
    "ssh-rsa": 2,
    "ssh-dss": 4,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "sk-ssh-ed25519@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256@openssh.com": 3,
}
_KINDS = "|".join(kind.replace(".", r"\.") for kind in _FIELDS)
KEY_LINE = re.compile(rf"({_KINDS}) [A-Za-z0-9+/]+={{0,2}}( {CHARACTER}*)?")


def hash_trouble(text: str) -> str:
    """What keeps a text that begins as a hash from being one, without repeating it; "" if it does
    not begin as one, or is one.
    """
    for mark, scheme in _SCHEMES.items():
        front = f"${mark}$"
        if not text.startswith(front) or HASH.fullmatch(text):
            continue
        found = re.match(rf"\${mark}{scheme.before}({_64}*)", text)
        if found is None:
            return f"After {front} the salt and the hash are missing, or are not a hash's."
        if found.end() < len(text):
            return "There is a character in it that no hash has."
        return (
            f"The hash is not whole: after the salt, {front} has {scheme.digest} characters, and "
            f"here are {len(found[1])}."
        )
    return ""


def key_trouble(line: str) -> str:
    """What keeps a line of the form of a public key from being one; "" if it is one."""
    kind, body = line.split(" ")[:2]
    try:
        fields = list(_fields(base64.b64decode(body, validate=True)))
    except (binascii.Error, ValueError):
        return "The key is not whole: copy the line of the .pub file again, from end to end."
    if not fields or fields[0] != kind.encode():
        inside = fields[0].decode("ascii", "replace") if fields else "nothing"
        inside = inside if inside in _FIELDS else "something else"
        return f"It says {kind}, and the key behind it is {inside}."
    whole = len(fields) == 1 + _FIELDS[kind] and all(fields)
    if not whole or (kind == "ssh-ed25519" and len(fields[1]) != 32):
        return "The key is not whole: copy the line of the .pub file again, from end to end."
    return ""


def whole_key(line: str) -> str:
    """A public key as a .pub file has it, from a line of one or of authorized_keys; "" if
    the line is none, or begins with options.
    """
    key = " ".join(line.split(None, 2)).rstrip()
    return key if KEY_LINE.fullmatch(key) and not key_trouble(key) else ""


def key_words(key: str) -> str:
    """What a key is known by: its type, whose it is, and how `ssh-keygen -l` begins its print."""
    kind, body, *note = key.split(" ", 2)
    digest = hashlib.sha256(base64.b64decode(body)).digest()
    words = [kind, *note, f"SHA256:{base64.b64encode(digest).decode()[:8]}…"]
    return "  ".join(filter(None, words))


def _fields(body: bytes) -> list[bytes]:
    """The strings that a body is made of, each behind its length (RFC 4251 5); ValueError."""
    found = []
    while body:
        length = int.from_bytes(body[:4], "big")
        if len(body) < 4 + length or len(body) < 4:
            raise ValueError("it ends too early")
        found.append(body[4 : 4 + length])
        body = body[4 + length :]
    return found
