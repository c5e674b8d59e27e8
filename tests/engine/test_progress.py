"""What progress readers make of real lines."""

from __future__ import annotations

from wizard.progress import reader

MIRROR = "http://mirror.example.org/debian bookworm/main amd64"
APT = [
    ("Reading package lists...", None),
    ("0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.", 0.0),
    ("Need to get 66.8 kB of archives.", None),
    (f"Get:1 {MIRROR} libxen amd64 4.17 [33.4 kB]", 0.15),
    (f"Get:2 {MIRROR} xen-utils amd64 4.17 [33.4 kB]", 0.3),
    ("Selecting previously unselected package libxen:amd64.", None),
    ("Unpacking libxen:amd64 (4.17) ...", 0.45),
    ("Unpacking xen-utils (4.17) ...", 0.6),
    ("Setting up libxen:amd64 (4.17) ...", 0.8),
    ("Setting up xen-utils (4.17) ...", 1.0),
    ("Processing triggers for libc-bin (2.36-9) ...", 1.0),
]


def test_apt_moves_forward_by_its_own_count() -> None:
    read = reader("apt")
    found = [read(line) for line, _expected in APT]
    fractions = [round(found[0], 6) if found and found[0] is not None else None for found in found]
    assert [expected for _line, expected in APT] == fractions
    assert found[3] == (0.15, "Fetching libxen")
    assert found[6] is not None
    assert found[6][1] == "Unpacking libxen"


def test_apt_moves_forward_when_it_removes_and_when_all_was_fetched_before() -> None:
    read = reader("apt")
    read("0 upgraded, 0 newly installed, 2 to remove and 0 not upgraded.")
    assert read("Removing xen-utils (4.17) ...") == (0.5, "Removing xen-utils")
    read = reader("apt")
    read("0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.")
    assert read("Unpacking libxen:amd64 (4.17) ...") == (0.6, "Unpacking libxen")


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
