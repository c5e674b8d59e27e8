"""What GRUB 2 does when it cannot load an entry, by GRUB itself.

grub-emu (Debian's, unpacked by tests/run) is GRUB's own menu and script language as a program; it
has no loaders. A captured menu lies with its grubenv on a disk image; Linux is loaded by a function
of ours, and the hypervisor by a command that is not there, which fails as one does that finds no
file: with an error on the screen, and nothing to boot.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from steps.boot_fallback import in_menu, plain_number, script, written_number
from steps.facts import BootLoader
from steps.reading.boot_menu import parse_environment, parse_menu
from tests.hosts.unpacked import GRUB_EMU
from tests.machines import stock
from tests.reading.looking import captured
from tests.terminal import Terminal

PROGRAM = GRUB_EMU / "usr/bin/grub-emu"
LIBRARIES = GRUB_EMU / "usr/lib/x86_64-linux-gnu"
ENVIRONMENT = {"LD_LIBRARY_PATH": f"{LIBRARIES}:{LIBRARIES}/pulseaudio"}
UUID = "e5cc039c-f379-4ac4-ae69-c4bab086b463"
PLAIN, XEN = f"gnulinux-simple-{UUID}", f"xen-gnulinux-simple-{UUID}"
WAITS = "Failed to boot both default and fallback entries."
# The one that loads says so, and stands, as a machine would go on in Linux.
LOADS = 'function linux { echo "LOADED $1"; sleep 1000; }\n'


def _runs() -> bool:
    if not PROGRAM.exists():
        return False
    asked = subprocess.run(
        [PROGRAM, "--version"], env=ENVIRONMENT, capture_output=True, check=False
    )
    return asked.returncode == 0


pytestmark = [
    pytest.mark.skipif(not _runs(), reason="tests/run fetches grub-emu, for Debian 12"),
    pytest.mark.skipif(shutil.which("mke2fs", path="/usr/sbin:/sbin") is None, reason="no mke2fs"),
]


def menu_with(line: str, *, default: str = PLAIN) -> str:
    """The captured menu of a Xen host, quick, with this default and this line at its end."""
    text = re.sub(r"set timeout=\d+", "set timeout=0", captured("xen-grub.cfg"))
    text = re.sub(r"(terminal_\w+|serial) .*\n", "", text)
    text = text.replace('default="Debian GNU/Linux, with Xen hypervisor"', f'default="{default}"')
    return LOADS + text + line + "\n"


def boot(folder: Path, menu: str, ends: str, next_entry: str = "") -> tuple[str, dict[str, str]]:
    """What GRUB shows when the machine is switched on, up to these words, and grubenv afterwards.

    Nobody is at its keyboard, but for a key that shortens the ten seconds in which an error stands.
    """
    grub = folder / "tree/boot/grub"
    grub.mkdir(parents=True)
    (grub / "grub.cfg").write_text(menu)
    head = "# GRUB Environment Block\n" + (f"next_entry={next_entry}\n" if next_entry else "")
    (grub / "grubenv").write_text(head.ljust(1024, "#"))
    image = folder / "disk.img"
    subprocess.run(
        ["/usr/sbin/mke2fs", "-q", "-t", "ext2", "-U", UUID, "-d", folder / "tree", image, "8M"],
        check=True, capture_output=True,
    )  # fmt: skip
    (folder / "map").write_text(f"(hd0) {image}\n")
    argv = [str(PROGRAM), "--root=hd0", "--directory=/boot/grub", f"--device-map={folder / 'map'}"]
    with Terminal(argv, folder, columns=120, environment=ENVIRONMENT) as terminal:
        terminal.wait_for("Press any key")
        terminal.type(" ")
        terminal.wait_for(ends)
        # A submenu clears the screen: all that was ever on it.
        shown = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", terminal.raw.decode(errors="replace"))
    environment = subprocess.run(
        ["/usr/sbin/debugfs", "-R", "cat /boot/grub/grubenv", image],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return shown, parse_environment(environment)


def booted_instead(shown: str) -> list[str]:
    """The titles that GRUB named, after the one that failed."""
    return re.findall(r"(?:Falling back to|Booting) `(.*)'", shown)[1:]


def our_line() -> str:
    """What our script prints for the captured menu, run as update-grub runs it."""
    entries = parse_menu(menu_with("")).entries
    number = plain_number(entries)
    assert number is not None
    text = script(entries, number)
    return subprocess.run(
        ["sh", "-eu"], input=text, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize(
    ("default", "next_entry"), [(PLAIN, XEN), (XEN, "")], ids=["booted once", "the default"]
)
def test_a_hypervisor_that_cannot_be_loaded_gives_way_to_plain_linux_by_our_line(
    tmp_path: Path, default: str, next_entry: str
) -> None:
    shown, environment = boot(
        tmp_path, menu_with(our_line(), default=default), "LOADED /boot/vmlinuz", next_entry
    )
    assert "Booting `Debian GNU/Linux, with Xen hypervisor'" in shown
    assert ["Debian GNU/Linux"] == booted_instead(shown)
    assert not environment.get("next_entry"), "Xen would be booted again"


FALLBACKS = [
    ("", None),  # it stands at its menu: what our line is for
    (f"set fallback={PLAIN}", None),  # a name is none
    ("set fallback='Debian GNU/Linux'", None),
    ("set fallback=0", "Debian GNU/Linux"),
    ('set fallback="1 0"', "Advanced options for Debian GNU/Linux"),
]


@pytest.mark.parametrize(("line", "title"), FALLBACKS)
def test_grub_falls_back_to_what_we_read_out_of_its_menu(
    tmp_path: Path, line: str, title: str | None
) -> None:
    text = menu_with(line)
    menu = parse_menu(text)
    path = menu.falls_back_to()
    shown, _ = boot(tmp_path, text, "LOADED" if path else WAITS, next_entry=XEN)
    booted = booted_instead(shown)
    assert ([title] if title else []) == booted[:1]
    last = [entry.title for entry in menu.entries if entry.path == path]
    assert last == booted[-1:]


def test_the_number_is_that_of_plain_linux_wherever_it_stands() -> None:
    other = "menuentry Tool --id tool { chainloader /tool }\n"
    menus = {
        0: menu_with(""),
        1: other + menu_with(""),
        2: other + other + captured("stock-grub.cfg"),
        # Without an entry of its own, the submenu that begins with one.
        4: other * 4 + "submenu More { menuentry A --id a { linux /a } }\n",
        None: other + "menuentry Rescue --id r { linux /a single }\n",
    }
    for number, text in menus.items():
        menu = parse_menu(text)
        assert number == plain_number(menu.entries)
        if number is not None:
            assert number == written_number(script(menu.entries, number))
            fallback = parse_menu(f"{text}set fallback={number}\n").falls_back_to()
            boot_loader: BootLoader = replace(stock().boot, entries=menu.entries)
            assert fallback == in_menu(boot_loader, number).fallback_entry
            assert fallback is not None
