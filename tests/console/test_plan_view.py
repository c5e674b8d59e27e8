"""What a plan looks like: in a terminal of 80 by 24, and as plain lines."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from steps.saved_facts import facts_text
from tests.cli.program import ROOT, STOCK, environment, xen_setup
from tests.machines import foreign, stock
from tests.terminal import Terminal
from wizard.actions import Action, InstallPackages, MakeDirectory, RunCommand
from wizard.wording import effort, folded, in_short, shown

PACKAGED = ROOT / "wizard/practice/first-guest.yaml"
WIPE = ("--set=storage.use=device", "--set=storage.device=/dev/vdd",
        "--set=storage.overwrite=/dev/vdd")  # fmt: skip


def in_terminal(tmp_path: Path, *arguments: str | Path, columns: int = 80) -> Terminal:
    """The plan in a terminal, read to its end."""
    program = [sys.executable, "-P", "-m", "wizard", "plan", *map(str, arguments)]
    with Terminal(program, ROOT, columns=columns, environment=environment()) as screen:
        assert 0 == screen.ends()
    return screen


def lines_of(screen: Terminal) -> list[str]:
    return [line.rstrip() for line in screen.whole_text.splitlines()]


def test_the_last_screen_tells_of_every_step_and_of_all_together(tmp_path: Path) -> None:
    screen = in_terminal(tmp_path, PACKAGED, "--facts", STOCK)
    last = lines_of(screen)[-23:]
    assert "In all:" in last
    assert "   1  distribution    nothing to do" in last
    assert "   9  guest_system    17 actions, usually 6 min 13 s, 40 MiB to download" in last
    assert "41 actions, usually 11 min 8 s, 46 MiB to download." in last


def test_a_long_command_can_be_copied_from_a_narrow_terminal(tmp_path: Path) -> None:
    lines = lines_of(in_terminal(tmp_path, PACKAGED, "--facts", STOCK))
    start = next(i for i, line in enumerate(lines) if line.strip().startswith("$ pvcreate"))
    end = next(i for i in range(start, len(lines)) if not lines[i].endswith("\\"))
    assert end > start
    typed = " ".join(line.strip().removesuffix("\\") for line in lines[start : end + 1])
    assert shlex.split(typed.removeprefix("$ ")) == [
        "pvcreate", "--yes", "--uuid", "beLmR0-TXcj-YUHU-iz3n-02mA-8Dss-gdRMKG",
        "--norestorefile", "/dev/disk/by-id/virtio-practice-disk-part2",
    ]  # fmt: skip


def test_a_long_line_of_a_file_goes_on_marked_as_such(tmp_path: Path) -> None:
    lines = lines_of(in_terminal(tmp_path, PACKAGED, "--facts", STOCK))
    start = lines.index(
        "      +# GRUB_DEFAULT alone: plain Linux boots by itself until Xen has proved"
    )
    assert "      ↳ that it works here." == lines[start + 1]


def test_differences_have_their_colours(tmp_path: Path) -> None:
    raw = in_terminal(tmp_path, PACKAGED, "--facts", STOCK).raw
    assert b"\x1b[32m+iface xenbr0 inet dhcp" in raw
    assert b"\x1b[31m-iface ens3 inet dhcp" in raw
    assert b"\x1b[35m@@ -9,4 +9,12 @@" in raw


def test_a_point_of_no_return_is_marked_where_it_stands_and_at_the_end(tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text(facts_text(foreign(stock())))
    done = xen_setup("plan", "--facts", facts, *WIPE)
    lines = done.stdout.splitlines()
    place = lines.index("   1. Run wipefs")
    assert (
        "      POINT OF NO RETURN: rollback cannot take this back."
        " The answer storage.overwrite agrees to it."
    ) == lines[place + 1]
    assert any(line.startswith("  NO WAY BACK: run wipefs: ") for line in lines[-6:])
    assert b"\x1b[1;31mPOINT OF NO RETURN" in in_terminal(tmp_path, "--facts", facts, *WIPE).raw


def test_a_pipe_gets_each_command_in_one_line() -> None:
    lines = xen_setup("plan", PACKAGED, "--facts", STOCK).stdout.splitlines()
    (line,) = [line for line in lines if line.strip().startswith("$ debootstrap")]
    assert line.endswith(" http://mirror.example.org/debian")
    assert not any(line.endswith("\\") for line in lines)


@pytest.mark.parametrize("width", [12, 20, 40, 74])
@pytest.mark.parametrize(
    "argv",
    [
        ("true",),
        ("apt-get", "install", "--no-install-recommends", "xen-system-amd64", "lvm2"),
        ("sh", "-c", "echo 'a  b' \\ \"c\"", "--", "", "it's", "a\nb"),
        ("a" * 100, "b c", "d" * 30),
    ],
    ids=["short", "long", "quoted", "wide"],
)
def test_a_folded_command_is_the_same_command(argv: tuple[str, ...], width: int) -> None:
    lines = folded(shown(argv), width)
    # A shell takes a backslash at a line's end, and that end, for nothing.
    assert list(argv) == shlex.split("\n".join(lines).replace("\\\n", ""))
    assert all(line.endswith(" \\") for line in lines[:-1])
    longest = max(map(len, map(shlex.quote, argv)))
    assert all(len(line) <= max(width, longest + 6) for line in lines)


def test_a_command_with_a_remark_behind_it_is_left_as_it_is() -> None:
    text = "chpasswd --encrypted   (its input is a secret: it is shown nowhere)"
    assert (text,) == folded(text, 20)


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        ([MakeDirectory("/a", "Why.")], "1 action, usually a moment"),
        ([RunCommand(("a",), "Why.", estimate=75)], "1 action, usually 1 min 15 s"),
        ([InstallPackages(("a",), "Why.", estimate=60, download=4.2)] * 2,
         "2 actions, usually 2 min, 9 MiB to download"),
        ([RunCommand(("a",), "Why.", estimate=340, download=40)] * 60,
         "60 actions, usually 5 h 40 min, 2.3 GiB to download"),
    ],
)  # fmt: skip
def test_the_effort_is_told_in_words(actions: list[RunCommand], words: str) -> None:
    assert words == effort(actions)


def test_actions_of_a_kind_are_named_together_and_cut_to_the_width() -> None:
    actions: list[Action] = [
        RunCommand(("pvcreate", "/dev/vdb"), "Why."),
        MakeDirectory("/etc/xen/auto", "Why."),
        RunCommand(("vgcreate", "xendisks"), "Why."),
        InstallPackages(("a", "b"), "Why."),
        RunCommand(("pvcreate", "/dev/vdc"), "Why."),
    ]
    assert "run pvcreate, vgcreate; install a, b" == in_short(actions, 80)
    assert "run pvcreate, vgcreate;…" == in_short(actions, 24)
    assert "make the directory /etc/xen/auto" == in_short(actions[1:2], 80)
