"""What progress readers make of real lines."""

from __future__ import annotations

import pytest

from wizard.progress import Progress, reader

APT = [
    ("Reading package lists...", None),
    ("dlstatus:1:0:Retrieving file 1 of 2", (0.0, "Retrieving file 1 of 2")),
    ("dlstatus:2:50.0000:Retrieving file 2 of 2", (0.15, "Retrieving file 2 of 2")),
    ("pmstatus:libxen:0.0000:Preparing libxen", (0.3, "Preparing libxen")),
    ("pmstatus:libxen:100.0000:Installed libxen", (1.0, "Installed libxen")),
    ("pmstatus:nonsense", None),
]


@pytest.mark.parametrize(("line", "expected"), APT)
def test_apt_status_lines_are_read(line: str, expected: Progress | None) -> None:
    assert expected == reader("apt")(line)


def test_debootstrap_moves_forward_through_its_phases_to_the_end() -> None:
    packages = [f"package{number}" for number in range(90)]
    lines = [
        "I: Target architecture can be executed",
        "I: Retrieving InRelease ",
        "I: Checking Release signature",
        *(f"I: {verb} {name} 1.0-1" for name in packages for verb in ("Retrieving", "Validating")),
        *(f"I: Extracting {name}..." for name in packages[:50]),
        "I: Installing core packages...",
        "I: Unpacking required packages...",
        *(f"I: Unpacking {name}..." for name in packages),
        "I: Configuring required packages...",
        *(f"I: Configuring {name}..." for name in packages),
        "I: Base system installed successfully.",
    ]
    read = reader("debootstrap")
    found = [read(line) for line in lines]
    fractions = [
        progress[0] for progress in found if progress is not None and progress[0] is not None
    ]
    assert len(lines) == len(fractions)
    assert sorted(fractions) == fractions
    assert 0.0 == fractions[0]
    assert 1.0 == fractions[-1]
    words = [progress[1] for progress in found if progress is not None]
    assert "Configuring package89... (90)" not in words
    assert "Configuring package89 (90)" in words
    assert fractions[lines.index("I: Unpacking package0...")] >= 0.45


def test_a_line_that_is_no_progress_says_nothing() -> None:
    assert reader("debootstrap")("W: Failure trying to run: mount") is None
    assert reader("")("   ") is None
    assert (None, "anything") == reader("a reader nobody wrote")("anything")
