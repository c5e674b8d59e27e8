"""A detached OpenPGP signature of a file, checked by gpgv against a keyring that the user names.

gpgv ends with status 0 also when the key has expired or was revoked (seen, GnuPG 2.2.40): what
counts are its status lines, which GnuPG's doc/DETAILS describes.
"""

from __future__ import annotations

import re

from steps.facts import Signature
from steps.reading.view import View

_LIMIT = 120.0  # seconds: the largest tarball that is looked into, on an emulated machine
_ARMOUR = b"-----BEGIN PGP "
# The word of a status line, and what it means in a sentence about a signature.
_REFUSED = {
    "BADSIG": "it is not of this file: one of the two was changed, or damaged on the way",
    "EXPSIG": "it has expired",
    "EXPKEYSIG": "its key has expired",
    "REVKEYSIG": "its key was revoked by its owner",
}


def read_signature(view: View, path: str, file: str, keyring: str) -> Signature:
    """What the signature in `file` says of what is at `path`."""

    def refused(words: str) -> Signature:
        return Signature(file, keyring, wrong=words)

    if not view.is_file(path):
        return refused("only a file is signed, and this is a folder")
    for needed, what in ((file, "the signature"), (keyring, "the keyring")):
        if not needed:
            return refused(f"no answer says where {what} is")
        if not view.is_file(needed):
            return refused(f"{what} {needed} is not there")
    if (view.read(keyring, len(_ARMOUR)) or b"") == _ARMOUR:
        return refused(
            f"{keyring} is a key in letters, and gpgv reads keyrings in bytes "
            f"(gpg --dearmor {keyring} makes one)"
        )
    places = (str(view.place(one)) for one in (keyring, file, path))
    ring, signature, signed = places
    answer = view.ask_again_when_changed(
        ("gpgv", "--keyring", ring, "--status-fd", "1", "--", signature, signed),
        _LIMIT,
        (keyring, file, path),
    )
    if answer.status == 127:
        return refused("gpgv, which checks it, is not installed (apt-get install gpgv)")
    signers, wrong = parse_gpgv(answer.out)
    if not wrong and (answer.status != 0 or not signers):
        wrong = f"gpgv ended with status {answer.status}"
    return Signature(file, keyring, () if wrong else signers, wrong)


def parse_gpgv(text: str) -> tuple[tuple[str, ...], str]:
    """Whose good signatures gpgv's status lines name, each with its key's fingerprint; and what is
    wrong with one of them, "" if nothing is.
    """
    names: list[str] = []
    fingerprints: list[str] = []
    for line in text.splitlines():
        found = re.fullmatch(r"\[GNUPG:\] (\S+) ?(.*)", line)
        if found is None:
            continue
        word, rest = found[1], found[2]
        if word in _REFUSED:
            return (), f"{_REFUSED[word]} ({_shown(rest.partition(' ')[2])})"
        if word == "NO_PUBKEY":
            return (), f"it was made with the key {_shown(rest)}, which is not in the keyring"
        if word == "ERRSIG" and rest.split()[5:6] != ["9"]:  # 9: there is no key, told above
            return (), "it is of a kind that this gpgv cannot check"
        if word == "NODATA":
            return (), "there is no signature in it"
        if word == "GOODSIG":
            names.append(_shown(rest.partition(" ")[2]))
        if word == "VALIDSIG":
            fingerprints.append(rest.split()[-1])
    if not fingerprints or len(names) != len(fingerprints):
        return (), "gpgv found none that is good"
    return tuple(f"{name}, {key}" for name, key in zip(names, fingerprints, strict=True)), ""


def _shown(text: str) -> str:
    # A key's name is its owner's choice: nothing of it may act on a terminal.
    return "".join(one if one.isprintable() else "?" for one in text)[:120]
