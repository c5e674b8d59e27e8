"""The line of a problem, marked; and that no secret is in it."""

from __future__ import annotations

import json

import pytest

from steps.settings import Settings
from wizard.answer_file import read_text
from wizard.answer_problems import lines_of, marked, problems_as_json, without_secrets
from wizard.errors import AnswersInvalid

# (line, column) → what is shown
MARKED = {
    ("  brige: xenbr0", 3): "  brige: xenbr0\n  ^",
    ("x", 1): "x\n^",
    ("", 1): "\n^",
    ("a: ", 4): "a:\n   ^",
    ("a: b", 9): "a: b\n    ^",
    ("\tbridge: x", 1): "    bridge: x\n^",
    ("\tbridge: x", 2): "    bridge: x\n    ^",
    ("名前: vm 01", 5): "名前: vm 01\n      ^",
    ("e\u0301: x", 4): "e\u0301: x\n  ^",
    ("a\x1b[2J\x00b: \u202ex", 8): "a?[2J?b: ?x\n       ^",
    ("k" * 200, 1): "k" * 70 + "…\n^",
    ("k" * 200, 200): "…" + "k" * 70 + "\n" + " " * 70 + "^",
    ("k" * 50 + "!" + "k" * 150, 51): "…" + "k" * 35 + "!" + "k" * 34 + "…\n" + " " * 36 + "^",
    ("名" * 100, 50): "…" + "名" * 35 + "…\n" + " " * 35 + "^",
}


@pytest.mark.parametrize(("line", "column"), MARKED)
def test_a_line_is_shown_with_a_mark_below_the_column(line: str, column: int) -> None:
    assert MARKED[line, column] == marked(line, column)


@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"])
def test_lines_are_counted_as_the_reader_counts_them(breaks: str) -> None:
    text = f"version: 1\nhost:\n  bridge: 'a{breaks}    b'\n  brige: x y\n"
    with pytest.raises(AnswersInvalid) as caught:
        read_text(text, Settings)
    _, problem = caught.value.problems
    assert "  brige: x y\n  ^" == problem.excerpt
    assert "  brige: x y" == lines_of(text)[problem.line - 1]


# text in which some line is wrong; PLANTED never comes out
SECRETS = [
    "guests:\n- root_password: PLANTED",
    "guests:\n- root_password: [PLANTED, b]",
    "guests:\n- root_password: {PLANTED: b}",
    "guests:\n- root_password: *PLANTED",
    "guests:\n- root_password: !PLANTED x",
    "guests:\n- root_password: 'PLANTED",
    'guests:\n- root_password: "PLANTED\\q"',
    "guests:\n- root_password:PLANTED",
    "guests:\n- root_password: PLANTED: x",
    "guests:\n- root_password: |\n    PLANTED\n    : PLANTED: x\n  x",
    "guests:\n- root_password: >\n    PLANTED\n\tPLANTED",
    "guests:\n- root_password:\n    PLANTED",
    "guests:\n- root_password:\n    PLANTED: x: PLANTED",
    "guests:\n- root_password:\n    - PLANTED\n    - {a: PLANTED",
    "guests: [{memory: 1, root_password: PLANTED, vcpus: 0}]",
    "guests: [{memory: 1, 'root_password': PLANTED, vcpus: 0}]",
    'guests: [{"root_password":"PLANTED"}, {"root_password":\n"PLANTED", "vcpus": 0}]',
    "guests:\n- root_pasword: PLANTED",
    "guests:\n- rootpassword: PLANTED",
    "guests:\n- password: PLANTED",
    "guests:\n- Root-Password: PLANTED",
    "guests:\n- passwd: PLANTED\n  vcpus: 0",
    "guests:\n- ? root_password\n  : PLANTED\n  : x",
    "guests:\n- root_password: a\n  root_password: PLANTED",
    "host:\n  root_password: PLANTED",
    "defaults: {root_password: PLANTED}",
    "root_password: PLANTED",
    "guests:\n- # root_password: PLANTED\n  vcpus: 0 # PLANTED password: PLANTED\n".replace(
        "# PLANTED password", "# password"
    ),
    "guests:\n- {root_password: &a PLANTED, name: *a}",
]


@pytest.mark.parametrize("text", SECRETS)
def test_no_secret_is_shown_with_a_problem(text: str) -> None:
    with pytest.raises(AnswersInvalid) as caught:
        read_text(f"version: 1\n{text}\n", Settings)
    error = caught.value
    said = [error.what, error.hint, *error.details, json.dumps(problems_as_json(error.problems))]
    assert "PLANTED" not in "\n".join(said)
    assert any(problem.excerpt for problem in error.problems)


def test_what_stands_beside_a_secret_is_shown() -> None:
    lines = ["- root_password: x", "  memory: 2GB", "ssh_keys:", "  - a"]
    shown = [without_secrets(lines, number, {"root_password"}) for number in range(1, 5)]
    assert ["- root_password: …", "  memory: 2GB", "ssh_keys:", "  - a"] == shown


def test_problems_for_programs_have_a_version_and_every_field() -> None:
    with pytest.raises(AnswersInvalid) as caught:
        read_text("version: 1\nhost:\n  brige: xenbr0\n", Settings, "lab.yaml")
    assert {
        "shape": "xen-setup answers validate",
        "version": 1,
        "problems": [
            {
                "key": "host.brige",
                "what": "There is no such key.",
                "hint": "Did you mean `bridge`?",
                "file": "lab.yaml",
                "line": 3,
                "column": 3,
                "missing": False,
                "excerpt": "  brige: xenbr0\n  ^",
            }
        ],
    } == problems_as_json(caught.value.problems)


def test_problems_stand_in_the_order_of_the_lines() -> None:
    with pytest.raises(AnswersInvalid) as caught:
        read_text(
            "version: 1\nguests: [{vcpus: 0}]\nhost: {brige: x}\ndefaults: {memory: 1}\n", Settings
        )
    assert [2, 3, 4] == [problem.line for problem in caught.value.problems]
