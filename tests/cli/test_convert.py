"""xen-setup convert: what it prints, where, and how it ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from steps.xl_config import parse_config
from tests.cli.program import xen_setup
from tests.cli.test_json import must_fit
from tests.steps.test_xm_config import HOSTILE, TUTORIAL


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "vm01"
    path.write_text(TUTORIAL)
    return path


def test_the_config_goes_to_standard_output_and_the_reasons_beside_it(old: Path) -> None:
    done = xen_setup("convert", old)
    assert 0 == done.returncode
    assert "/dev/xvda1 ro" == parse_config(done.stdout)["root"]
    assert "line 5: disk: xm looked below /dev by itself" in done.stderr
    assert "in the guest: /etc/fstab must name" in done.stderr
    assert TUTORIAL == old.read_text()


def test_a_new_file_is_written_and_never_over_another(old: Path) -> None:
    new = old.with_name("vm01.cfg")
    done = xen_setup("convert", old, "--out", new)
    assert 0 == done.returncode
    assert "disk" in parse_config(new.read_text())
    assert f"{new} is written; {old} is as it was." in done.stdout
    again = xen_setup("convert", old, "--out", new)
    assert 2 == again.returncode
    assert "is there already" in again.stderr
    assert 2 == xen_setup("convert", old, "--out", old).returncode
    assert TUTORIAL == old.read_text()


def test_for_programs_there_is_json_of_a_known_shape(old: Path) -> None:
    old.write_text(TUTORIAL + "if x:\n    vcpus = 2\n")
    done = xen_setup("convert", old, "--json")
    document = must_fit("convert", done.stdout)
    assert 4 == done.returncode == document["exit_status"]
    assert [7] == [one["line"] for one in document["unknown"]]
    assert 5 == document["changes"][0]["line"]
    assert "name" in parse_config(document["text"])


def test_what_is_not_known_is_told_and_ends_with_4(old: Path) -> None:
    old.write_text(TUTORIAL + "import os\nmemory = os.getpid()\n")
    done = xen_setup("convert", old)
    assert 4 == done.returncode
    assert "line 8: memory is not known: it is only known when it runs: os.getpid()." in done.stderr
    assert "# memory = ..." in done.stdout


def test_what_needs_no_change_is_told(old: Path) -> None:
    old.write_text(xen_setup("convert", old).stdout)
    done = xen_setup("convert", old)
    assert (0, old.read_text()) == (done.returncode, done.stdout)
    assert "nothing to change" in done.stderr


# In a file a lone surrogate is no UTF-8: that character is lost, and the rest is read.
@pytest.mark.parametrize("name", sorted({*HOSTILE} - {"a lone surrogate"}))
def test_what_is_no_config_ends_in_a_sentence(name: str, tmp_path: Path) -> None:
    text, words = HOSTILE[name]
    path = tmp_path / "x"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    done = xen_setup("convert", path)
    assert done.stderr.startswith(f"xen-setup: {path}")
    assert "Traceback" not in done.stderr
    assert (2, "") == (done.returncode, done.stdout)
    assert words.partition(": ")[2] in done.stderr


def test_what_is_no_file_ends_in_a_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    for name, words in (
        ("", "is a folder"), ("none", "cannot be read"), ("fifo", "no ordinary file"),
        ("loop", "cannot be read"),
    ):  # fmt: skip
        done = xen_setup("convert", tmp_path / name)
        assert 2 == done.returncode
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_the_tab_key_and_the_manual_know_it() -> None:
    assert "convert" in xen_setup("__complete", "conv").stdout
    assert "--json" in xen_setup("__complete", "convert", "--").stdout
    assert "xen\\-setup convert" in xen_setup("man").stdout
