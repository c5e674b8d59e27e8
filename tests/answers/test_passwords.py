"""Passwords become hashes that the system itself accepts."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from steps.kinds import PASSWORD
from wizard.passwords import LONGEST, fits, hash_password


def test_a_hash_fits_its_password_only_and_is_an_answer() -> None:
    hashed = hash_password("corréct horse")
    assert fits("corréct horse", hashed)
    assert not fits("correct horse", hashed)
    assert hashed == PASSWORD.parse(hashed)
    assert hashed != hash_password("corréct horse")  # another salt


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is the second opinion here")
def test_openssl_makes_the_same_hash() -> None:
    hashed = hash_password("xen")
    _, method, rounds, salt, _ = hashed.split("$")
    made = subprocess.run(
        ["openssl", "passwd", f"-{method}", "-salt", f"{rounds}${salt}", "-stdin"],
        input="xen\n", text=True, capture_output=True, check=True,
    ).stdout.strip()  # fmt: skip
    assert hashed == made


@pytest.mark.parametrize("password", ["", "a\nb", "a\x00b", "\x7f", "ü" * LONGEST])
def test_what_no_login_prompt_could_take_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="password"):
        hash_password(password)
