"""Answer files of older versions: brought up to date to the word, and nothing but the word."""

from __future__ import annotations

from pathlib import Path

import pytest

from steps.settings import Settings
from tests.cli.program import xen_setup
from wizard.answer_file import read_text
from wizard.answer_migration import MIGRATIONS, Migrations, Renamed, Reworded, migrated, newest
from wizard.errors import AnswersInvalid
from wizard.program_answers import replace_file

# Invented: what three versions of answer files could have changed.
CHANGES: Migrations = (
    (Renamed("host", "brige", "bridge"), Reworded("host", "console", {"com1": "serial"})),
    (
        Renamed("", "domains", "guests"),
        Renamed("domains", "ram", "memory"),
        Reworded("domains", "swap", {"0": "none", "off": "none"}),
    ),
)

OLD = """\
# My lab, and its own comments: brige, ram, com1.
version:   1   # the first

host:   {console: "com1",   brige: xenbr0}   # flow, oddly spaced


domains:
      - name: brige      # a value that is called like a key
        "ram" : 2GiB
        swap: 0
      -   name: 'ram'
          ram: &much 1GiB
          swap: 'off'    # quoted
"""
NEW = """\
# My lab, and its own comments: brige, ram, com1.
version:   3   # the first

host:   {console: serial,   bridge: xenbr0}   # flow, oddly spaced


guests:
      - name: brige      # a value that is called like a key
        memory : 2GiB
        swap: none
      -   name: 'ram'
          memory: &much 1GiB
          swap: none    # quoted
"""


def test_every_word_is_changed_and_every_other_character_stays() -> None:
    assert NEW == migrated(OLD, 1, CHANGES)


def test_a_file_goes_through_the_versions_that_came_after_it_only() -> None:
    second = "version: 2\nhost: {brige: a}\ndomains: [{ram: 1GiB}]\n"
    assert "version: 3\nhost: {brige: a}\nguests: [{memory: 1GiB}]\n" == migrated(
        second, 2, CHANGES
    )


@pytest.mark.parametrize("text", [NEW, "version: 3\n", "version: 3\nhost:\n"])
def test_what_is_up_to_date_stays_as_it_is(text: str) -> None:
    assert text == migrated(text, 3, CHANGES)


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nhost: [brige]\n",
        "version: 1\nhost: brige\n",
        "version: 1\nhost:\ndomains: {ram: 1}\n",
        "version: 1\r\nhost: {console: [com1]}\r\n",
        "version: 1\ndomains: [ram, [ram], {ram: {ram: 1}}]",
    ],
)
def test_shapes_that_the_reader_will_refuse_bring_no_migration_down(text: str) -> None:
    assert migrated(text, 1, CHANGES).startswith("version: 3")


def test_what_was_released_so_far_is_version_1() -> None:
    assert () == MIGRATIONS
    assert 1 == newest()


# ---- the reader


def test_an_older_file_is_read_as_if_it_were_of_the_newest_version() -> None:
    changes: Migrations = ((Renamed("host", "brige", "bridge"), Renamed("", "domains", "guests")),)
    read = read_text(
        "version: 1\nhost: {brige: br0}\ndomains: [{name: web}]\n", Settings, migrations=changes
    )
    assert "br0" == read.given["host.bridge"].value
    assert 3 == read.given["guests.0.name"].place.line


def test_a_problem_in_an_older_file_is_told_at_its_line() -> None:
    changes: Migrations = ((Renamed("host", "brige", "bridge"),),)
    with pytest.raises(AnswersInvalid) as raised:
        read_text("version: 1\nhost:\n  brige: a b\n", Settings, migrations=changes)
    (problem,) = raised.value.problems
    assert ("host.bridge", 3) == (problem.key, problem.line)


def test_a_version_that_is_yet_to_come_is_refused() -> None:
    changes: Migrations = ((Renamed("host", "brige", "bridge"),),)
    with pytest.raises(AnswersInvalid, match="problem"):
        read_text("version: 3\n", Settings, migrations=changes)
    read_text("version: 2\nhost: {bridge: a}\n", Settings, migrations=changes)


# ---- the command


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    file = tmp_path / "lab.yaml"
    file.write_text("version: 1 # mine\nguests: [{name: web}]\n")
    file.chmod(0o640)
    return file


def test_what_is_of_the_newest_version_stays_to_the_byte(lab: Path, tmp_path: Path) -> None:
    before = lab.read_bytes()
    done = xen_setup("answers", "migrate", lab)
    assert (0, before.decode()) == (done.returncode, done.stdout)
    assert f"{lab} is of version 1 already: nothing to change." in done.stderr
    piped = xen_setup("answers", "migrate", "/dev/stdin", stdin=lab.read_text())
    assert (0, done.stdout) == (piped.returncode, piped.stdout), piped.stderr
    assert 0 == xen_setup("answers", "migrate", lab, "--out", tmp_path / "new.yaml").returncode
    assert before == (tmp_path / "new.yaml").read_bytes()
    assert 0 == xen_setup("answers", "migrate", lab, "--in-place").returncode
    assert (before, 0o640) == (lab.read_bytes(), lab.stat().st_mode & 0o777)


@pytest.mark.parametrize("text", ["version: 2\n", "version: 1\nhost: {brige: a}\n", "- a\n"])
def test_a_file_that_cannot_be_read_is_not_migrated(text: str, lab: Path) -> None:
    lab.write_text(text)
    done = xen_setup("answers", "migrate", lab, "--in-place")
    assert (3, "", text) == (done.returncode, done.stdout, lab.read_text())
    assert f"{lab}:" in done.stderr


def test_migrate_writes_over_no_file_but_its_own(lab: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("mine")
    done = xen_setup("answers", "migrate", lab, "--out", other)
    assert (2, "mine") == (done.returncode, other.read_text())
    assert 2 == xen_setup("answers", "migrate", lab, "--out", "x", "--in-place").returncode


def test_the_changed_file_takes_the_old_ones_place_with_its_mode(lab: Path) -> None:
    lab.write_text(OLD)
    link = lab.with_name("link.yaml")
    link.symlink_to(lab)
    replace_file(link, migrated(OLD, 1, CHANGES))
    assert (NEW, 0o640) == (lab.read_text(), lab.stat().st_mode & 0o777)
    assert link.is_symlink()
    assert sorted(["lab.yaml", "link.yaml"]) == sorted(path.name for path in lab.parent.iterdir())
