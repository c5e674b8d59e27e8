"""Hashes and keys that were cut short, or put together of two."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from steps.credentials import hash_trouble
from steps.kinds import PASSWORD, SSH_KEY
from tests.credentials import HASH, key_body, public_key
from wizard.passwords import hash_password

# Of the forms that openssl passwd and mkpasswd print; the digests of some are made up.
MADE = (
    "$1$saltsalt$bf0zLh1PCmbNv/Mo/o9QC0",
    "$5$saltsalt$" + "a" * 43,
    "$5$rounds=656000$saltsalt$" + "a" * 43,
    "$6$saltsalt$" + "a" * 86,
    "$6$rounds=656000$saltsaltsaltsalt$" + "a" * 86,
    "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
    "$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
    "$7$CU..../....saltsaltsalt$" + "a" * 43,
    "$2b$05$" + "a" * 53,
)


@pytest.mark.parametrize("whole", MADE)
def test_a_whole_hash_is_taken_and_any_part_of_it_is_refused(whole: str) -> None:
    assert whole == PASSWORD.parse(whole)
    assert "" == hash_trouble(whole)
    front = whole.index("$", 1) + 1
    for length in range(front, len(whole)):
        with pytest.raises(ValueError, match=r"whole|missing|character"):
            PASSWORD.parse(whole[:length])
    with pytest.raises(ValueError, match="not whole"):
        PASSWORD.parse(whole + "a")


def test_the_refusal_counts_and_repeats_nothing_of_the_hash() -> None:
    words = hash_trouble(HASH[:-3])
    assert "after the salt, $6$ has 86 characters, and here are 83" in words
    assert "salts" not in words
    assert "There is a character in it that no hash has." == hash_trouble(HASH[:40] + " " + HASH)
    assert "are missing" in hash_trouble("$6$")


def test_what_this_program_makes_is_taken() -> None:
    made = hash_password("xen")
    assert made == PASSWORD.parse(made)


KEYS = ("ed25519", "rsa", "ecdsa")


@pytest.mark.parametrize("kind", KEYS)
def test_a_whole_key_is_taken_and_any_part_of_it_is_refused(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    subprocess.run(("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", file), check=True)
    line = file.with_suffix(".pub").read_text().strip()
    assert line == SSH_KEY.parse(line)
    front, body, note = line.split(" ")
    for length in range(1, len(body), 7):
        with pytest.raises(ValueError, match=r"not whole|is nothing"):
            SSH_KEY.parse(f"{front} {body[:length]} {note}")


def test_a_key_of_another_type_than_it_says_is_refused() -> None:
    body = public_key("me").split(" ")[1]
    with pytest.raises(ValueError, match="It says ssh-rsa, and the key behind it is ssh-ed25519"):
        SSH_KEY.parse(f"ssh-rsa {body} me")
    odd = key_body(b"x", kind="\x1b[2J")
    with pytest.raises(ValueError, match="is something else"):
        SSH_KEY.parse(f"ssh-rsa {odd}")


@pytest.mark.parametrize(
    "line",
    [
        f"ssh-ed25519 {key_body(bytes(31))}",
        f"ssh-ed25519 {key_body(bytes(32), b'more')}",
        f"ssh-rsa {key_body(b'3', kind='ssh-rsa')}",
        f"ssh-rsa {key_body(b'', b'n', kind='ssh-rsa')}",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA you@example.org",
        "ssh-ed25519 AAAA",
    ],
)
def test_a_body_that_lacks_a_field_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not whole"):
        SSH_KEY.parse(line)
