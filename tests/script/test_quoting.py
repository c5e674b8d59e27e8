"""Words as a shell takes them: each comes out as it went in."""

from __future__ import annotations

import subprocess

import pytest

from tests.hostile import HOSTILE
from wizard.shell_text import quoted

WORDS = [
    # No argument can have a NUL or half a surrogate pair in it.
    *(
        word
        for word in HOSTILE
        if "\0" not in word and word == word.encode(errors="ignore").decode()
    ),
    "=';echo PWNED;'",
    "='",
    "==",
    "=x y",
    "'",
    "it's",
]


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_word_comes_out_as_it_went_in(shell: str) -> None:
    line = "printf '%s\\0' " + " ".join(quoted(word) for word in WORDS)
    done = subprocess.run([shell, "-c", line], capture_output=True, check=True)
    expected = [word.encode() for word in WORDS]
    assert expected == done.stdout.split(b"\0")[:-1]
