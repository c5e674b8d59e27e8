"""Passwords become hashes that the system itself accepts."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from steps.kinds import PASSWORD
from tests.fast import share
from wizard.passwords import LONGEST, hash_password


def test_a_hash_is_an_answer_and_another_one_each_time() -> None:
    first, second = hash_password("xen"), hash_password("xen")
    assert first == PASSWORD.parse(first)
    assert first != second


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is the second opinion here")
@pytest.mark.parametrize(
    "password", share(["xen", "corréct horse", "$6$x$y", "a:b", "x" * 200], one_in=3)
)
def test_openssl_makes_the_same_hash_of_it(password: str) -> None:
    hashed = hash_password(password)
    _, method, rounds, salt, _ = hashed.split("$")
    made = [
        subprocess.run(
            ["openssl", "passwd", f"-{method}", "-salt", f"{rounds}${salt}", "-stdin"],
            input=f"{typed}\n", text=True, capture_output=True, check=True,
        ).stdout.strip()
        for typed in (password, f"{password}!")
    ]  # fmt: skip
    assert hashed == made[0]
    assert hashed != made[1]


@pytest.mark.parametrize("password", ["", "a\nb", "a\x00b", "\x7f", "ü" * LONGEST])
def test_what_no_login_prompt_could_take_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="password"):
        hash_password(password)
