"""Our reading of menu.lst against that of GRUB Legacy itself.

GRUB 0.97's shell (Debian's grub-legacy, unpacked by tests/run) is its stage 2 as a program: it
shows a menu that lies on a disk image, and boots from it as far as the first file that is missing.
Entries, their numbers, and which of them are tried are compared with `menu_lst.py`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steps.hosts.menu_lst import parse, with_fallback, with_own
from tests.hosts.test_menu_lst import DEBIANS, FOUR, OURS, READ, menus
from tests.hosts.unpacked import UNPACKED

GRUB = UNPACKED / "usr/sbin/grub"
LOADER = UNPACKED / "lib32/ld-linux.so.2"
pytestmark = [
    pytest.mark.skipif(not GRUB.exists(), reason="tests/run fetches GRUB Legacy"),
    pytest.mark.skipif(shutil.which("mke2fs", path="/usr/sbin:/sbin") is None, reason="no mke2fs"),
]


@dataclass(frozen=True)
class Seen:
    """What GRUB showed: the titles in the order of their numbers, and what it tried to boot."""

    titles: list[str]
    tried: list[str]


def seen_by_grub(folder: Path, texts: list[str]) -> list[Seen]:
    """What GRUB makes of each menu: they are files of one ext3 filesystem."""
    tree = folder / "tree"
    tree.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts):
        quick = re.sub(r"^timeout[ =\t].*$", "timeout 0", text, flags=re.MULTILINE)
        (tree / f"menu{number}").write_bytes(b"timeout 0\n" + quick.encode())
    image = folder / "disk.img"
    image.unlink(missing_ok=True)
    with image.open("wb") as file:
        file.truncate(9 << 20)
    table = ["sfdisk", "--quiet", "--no-tell-kernel", str(image)]
    subprocess.run(table, input=b"label: dos\nstart=2048, type=83\n", check=True)
    options = ["-q", "-F", "-t", "ext3", "-I", "128", "-O", "^64bit,^metadata_csum"]
    subprocess.run(
        ["/usr/sbin/mke2fs", *options, "-d", str(tree), "-E", "offset=1048576", str(image), "8M"],
        check=True, capture_output=True,
    )  # fmt: skip
    (folder / "map").write_text(f"(hd0) {image}\n")
    return [_show(folder, number) for number in range(len(texts))]


def _show(folder: Path, number: int) -> Seen:
    done = subprocess.run(
        [LOADER, "--library-path", LOADER.parent, GRUB, "--batch", "--no-floppy",
         f"--device-map={folder / 'map'}"],
        input=f"root (hd0,0)\nconfigfile /menu{number}\n", timeout=60,
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    shown = done.stdout.partition("Use the ^")[0]
    titles = [_one_blank(line) for line in re.findall(r"^ \d+: (.*)$", shown, re.MULTILINE)]
    once = done.stdout.partition("Press any key")[0]
    return Seen(titles, [_one_blank(line) for line in re.findall(r"Booting '(.*)'", once)])


def _one_blank(title: str) -> str:
    # In a joined line we keep a blank for each character, so that places stay those of the text.
    return " ".join(title.split())


def expected(text: str) -> Seen:
    """The same by our reading: GRUB goes on with the fallbacks while an entry does not boot."""
    menu = parse(text)
    booted = menu.boots(None)
    assert booted is not None
    order = [booted.number, *menu.fallbacks]
    return Seen(
        [_one_blank(entry.title) for entry in menu.entries],
        [_one_blank(menu.entries[number].title) for number in order],
    )


def bootable(text: str) -> str:
    """A menu whose entries all fail to load a file, so that GRUB says which ones it tried."""
    plain = text.encode("ascii", "replace").decode().replace("chainloader", "kernel /none #")
    return re.sub(r"^(\s*(?:boot|savedefault|kernel|root|lock)\b).*$", "kernel /none", plain,
                  flags=re.MULTILINE)  # fmt: skip


CASES = [FOUR, DEBIANS, with_own(FOUR, OURS), with_own(DEBIANS, OURS), with_fallback(DEBIANS, 0)]


def test_grub_itself_reads_these_menus_as_we_do(tmp_path: Path) -> None:
    texts = [bootable(text) for text in (*CASES, *(row[1] for row in READ))]
    texts = [text for text in texts if parse(text).entries]
    assert len(texts) > 15
    for text, seen in zip(texts, seen_by_grub(tmp_path, texts), strict=True):
        assert expected(text).titles == seen.titles, text
        assert expected(text).tried[:1] == seen.tried[:1], text


def test_grub_falls_back_in_the_order_that_the_menu_says(tmp_path: Path) -> None:
    text = bootable(FOUR.replace("fallback 0", "fallback 0 1"))
    (seen,) = seen_by_grub(tmp_path, [text])
    assert ["Debian", "Rescue, single user", "Debian, quiet"] == seen.tried


@settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(menus, min_size=12, max_size=12))
def test_grub_itself_reads_any_menu_as_we_do(tmp_path: Path, drawn: list[str]) -> None:
    texts = [bootable(text).replace("default saved", "default 1") for text in drawn]
    texts = [with_own(text, OURS) for text in texts]
    texts = [bootable(text) for text in texts]
    for text, seen in zip(texts, seen_by_grub(tmp_path, texts), strict=True):
        assert expected(text).titles == seen.titles, text
        assert expected(text).tried[:1] == seen.tried[:1], text
