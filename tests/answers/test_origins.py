"""`answers show`: the merged answers, where each is from, and no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from steps.settings import Settings
from tests.cli.program import STOCK, xen_setup
from tests.cli.test_json import must_fit
from wizard.answer_file import read_answers, read_text

HASH = "$6$PLANTED$" + "abcdefgh" * 10 + "abcdef"
LAB = f"""\
version: 1
host: {{bridge: xenbr1}}
defaults:
  memory: 1GiB
guests:
  - name: vm{{01..02}}
    network: 192.0.2.10/24
  - name: db
    root_password: {HASH}
    gateway: 192.0.2.1
"""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    lab, more = tmp_path / "lab.yaml", tmp_path / "more.yaml"
    lab.write_text(LAB)
    more.write_text("version: 1\nguests:\n  - name: db\n    vcpus: 2\n")
    return [lab, more]


def test_every_line_ends_in_where_its_answer_is_from(files: list[Path]) -> None:
    lab, more = files
    done = xen_setup("answers", "show", *files, "--set", "guests.vm02.memory=2GiB")
    assert (0, "") == (done.returncode, done.stderr)
    lines = [
        tuple(part.strip() for part in line.split("  # ")) for line in done.stdout.splitlines()
    ]
    for expected in (
        ("bridge: xenbr1", f"{lab}:2"),
        ("name: vm01", f"{lab}:6"),
        ("memory: 1GiB", f"defaults, {lab}:4"),
        ("network: 192.0.2.10/24", f"{lab}:7"),
        ("memory: 2GiB", "--set"),
        ("network: 192.0.2.11/24", f"{lab}:7"),
        ("vcpus: 2", f"{more}:4"),
    ):
        assert expected in lines


def test_what_is_shown_is_an_answer_file_of_the_same_answers(
    files: list[Path], tmp_path: Path
) -> None:
    assignment = "guests.vm02.memory=2GiB"
    before = read_answers(files, Settings, [assignment])
    shown = read_text(xen_setup("answers", "show", *files, "--set", assignment).stdout, Settings)
    assert {
        key: given.value for key, given in before.given.items() if key != "guests.2.root_password"
    } == {key: given.value for key, given in shown.given.items()}
    assert before.counts == shown.counts


def test_with_facts_the_rest_is_what_the_machine_suggests_and_why(files: list[Path]) -> None:
    done = xen_setup("answers", "show", *files, "--facts", STOCK)
    assert (0, "") == (done.returncode, done.stderr)
    assert "use: free-space" in done.stdout
    assert "# suggested: /dev/disk/by-id/virtio-practice-disk has unpart" in done.stdout
    assert "; not used, with the other answers" in done.stdout  # a gateway beside dhcp
    read_text(done.stdout, Settings)


def test_what_does_not_fit_the_machine_is_a_problem_here_too(files: list[Path]) -> None:
    done = xen_setup("answers", "show", *files, "--facts", STOCK, "--set", "guests.0.name=db")
    assert (3, "") == (done.returncode, done.stdout)


@pytest.mark.parametrize("option", [[], ["--json"], ["--facts", STOCK]])
def test_a_hash_is_not_shown_but_where_it_was_given(
    files: list[Path], option: list[str | Path]
) -> None:
    done = xen_setup("answers", "show", *files, *option)
    assert 0 == done.returncode
    assert "PLANTED" not in done.stdout + done.stderr
    assert f"{files[0]}:9" in done.stdout
    assert "PLANTED" not in xen_setup(
        "answers", "show", files[1], "--set", f"guests.0.root_password={HASH}"
    ).stdout  # fmt: skip


@pytest.mark.parametrize("value", ["locked", "asked", "env:DB_PASSWORD", "file:/root/db"])
def test_a_word_or_a_reference_for_a_password_is_no_secret(files: list[Path], value: str) -> None:
    done = xen_setup("answers", "show", *files, "--set", f"guests.db.root_password={value}")
    assert f"root_password: {value} " in done.stdout
    read_text(done.stdout, Settings)


def test_as_json_every_answer_has_its_key_value_and_source(files: list[Path]) -> None:
    document = must_fit("answers-show", xen_setup("answers", "show", *files, "--json").stdout)
    assert 1 == document["version"]
    by_key = {answer["key"]: answer for answer in document["answers"]}
    assert {
        "key": "guests.1.memory",
        "value": "1GiB",
        "shown": True,
        "given": True,
        "source": f"defaults, {files[0]}:4",
    } == by_key["guests.1.memory"]
    assert (None, False) == (
        by_key["guests.2.root_password"]["value"],
        by_key["guests.2.root_password"]["shown"],
    )


def test_a_guest_whose_only_answer_is_a_secret_is_still_a_guest(tmp_path: Path) -> None:
    lab = tmp_path / "lab.yaml"
    lab.write_text(f"version: 1\nguests:\n- root_password: {HASH}\n- name: b\n")
    shown = read_text(xen_setup("answers", "show", lab).stdout, Settings)
    assert {"guests": 2} == dict(shown.counts)
