"""The template: right as it is, and right with every commented answer made one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from steps.settings import Settings
from tests.cli.program import STOCK, xen_setup
from tests.machines import stock
from wizard.answer_file import read_text
from wizard.answer_reference import every_question
from wizard.answer_schema import FILE_NAME
from wizard.answers import settle


def template(*options: str) -> str:
    done = xen_setup("answers", "template", *options)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def uncommented(text: str) -> str:
    """Every answer behind a # as an answer; comments have a space there."""
    return re.sub(r"^( *)#(?=[^ ])", r"\1", text, flags=re.MULTILINE)


@pytest.mark.parametrize("options", [(), ("--full",)], ids=["short", "full"])
def test_a_template_is_valid_as_it_is_and_with_every_answer_in_it(options: tuple[str]) -> None:
    text = template(*options)
    settle(read_text(text, Settings), stock())
    answers = read_text(uncommented(text), Settings)
    settle(answers, stock())
    assert text.count("\n") > uncommented(text).count("#")


def test_the_full_template_has_every_key_and_the_short_one_what_a_lab_changes() -> None:
    keys = {key for key, _, _ in every_question(Settings)}
    full = read_text(uncommented(template("--full")), Settings)
    assert keys == {re.sub(r"\.\d+", "", key) for key in full.given}
    short = read_text(uncommented(template()), Settings)
    assert {"storage.use", "guests.0.name", "guests.2.memory"} < set(short.given) < set(full.given)


def test_no_line_of_a_template_is_too_long_to_read() -> None:
    lines = template("--full").splitlines()
    # A public key is one word, and as long as it is.
    long = [line for line in lines if len(line) > 95 and "ssh-ed25519" not in line]
    assert [] == long


def test_out_writes_the_template_and_the_schema_that_its_first_line_names(tmp_path: Path) -> None:
    out = tmp_path / "lab.yaml"
    done = xen_setup("answers", "template", "--out", out)
    assert (0, "") == (done.returncode, done.stdout)
    assert f"# yaml-language-server: $schema={FILE_NAME}" == out.read_text().splitlines()[0]
    assert xen_setup("answers", "schema").stdout == (tmp_path / FILE_NAME).read_text()
    assert 0o600 == out.stat().st_mode & 0o777
    assert 0 == xen_setup("answers", "validate", out, "--facts", STOCK).returncode


def test_a_second_template_shares_the_schema_and_no_file_is_overwritten(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    assert 0 == xen_setup("answers", "template", "--out", first).returncode
    assert 0 == xen_setup("answers", "template", "--full", "--out", second).returncode
    before = first.read_text()
    done = xen_setup("answers", "template", "--full", "--out", first)
    assert (2, before) == (done.returncode, first.read_text())
    (tmp_path / FILE_NAME).write_text("{}")
    done = xen_setup("answers", "template", "--out", tmp_path / "c.yaml")
    assert 2 == done.returncode
    assert FILE_NAME in done.stderr
    assert not (tmp_path / "c.yaml").exists()
