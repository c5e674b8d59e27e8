"""Secrets by reference: where they lead, who may read them, and that nobody sees them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from steps.kinds import PASSWORD
from steps.settings import Settings
from tests.credentials import HASH
from tests.machines import stock
from wizard.answer_file import read_text, write_answers
from wizard.answers import Answers, record, secrets, settle
from wizard.errors import AnswersInvalid
from wizard.private_file import NotAFile, read_file
from wizard.questions import is_reference
from wizard.secret_references import Surroundings, missing, resolve

MADE = HASH.replace("saltsalt", "made")


def read(*lines: str) -> Answers[Settings]:
    return read_text("\n".join(["version: 1", *lines, ""]), Settings, "lab.yaml")


def around(**variables: str) -> Surroundings:
    return Surroundings(variables, frozenset({os.getuid()}))


class Hasher:
    """Makes the same hash of everything, and remembers what it was given."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, password: str) -> str:
        self.seen.append(password)
        if not password.isprintable():
            raise ValueError("A password has no control characters in it.")
        return MADE


def secret_file(tmp_path: Path, content: bytes, mode: int = 0o600) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


# what the file holds → what becomes of it, and what was hashed for that
CONTENTS = {
    b"PLANTED": (MADE, ["PLANTED"]),
    b"PLANTED\n": (MADE, ["PLANTED"]),
    b"PLANTED\r\nmore\n": (MADE, ["PLANTED"]),
    HASH.encode() + b"\n# of 2026\n": (HASH, []),
    b"$ is a dollar": (MADE, ["$ is a dollar"]),
    b"locked\n": (MADE, ["locked"]),
    " two  words ü\n".encode(): (MADE, [" two  words ü"]),
}


@pytest.mark.parametrize("content", CONTENTS)
def test_a_file_holds_a_hash_or_the_password_in_its_first_line(
    tmp_path: Path, content: bytes
) -> None:
    path, hasher = secret_file(tmp_path, content), Hasher()
    answers = read(f"guests: [{{name: web, root_password: 'file:{path}'}}]")
    resolved = resolve(answers, around(), unattended=True, hasher=hasher)
    value, hashed = CONTENTS[content]
    assert {"guests.web.root_password": value} == secrets(settle(resolved, stock()))
    assert hashed == hasher.seen


def test_a_variable_holds_a_hash_or_the_password() -> None:
    answers = read("guests: [{root_password: 'env:ONE'}, {root_password: 'env:TWO'}]")
    resolved = resolve(answers, around(ONE="PLANTED", TWO=HASH), unattended=True, hasher=Hasher())
    assert [MADE, HASH] == [guest.root_password for guest in settle(resolved, stock()).guests]


def test_a_reference_for_all_guests_is_read_and_hashed_once() -> None:
    hasher = Hasher()
    answers = read("defaults: {root_password: 'env:ONE'}", "guests: [{name: 'vm{01..20}'}]")
    resolved = resolve(answers, around(ONE="PLANTED"), unattended=True, hasher=hasher)
    assert ["PLANTED"] == hasher.seen
    assert {MADE} == {guest.root_password for guest in settle(resolved, stock()).guests}
    assert MADE == resolved.with_count("guests", 21).given["guests.20.root_password"].value


def test_what_is_recorded_needs_no_reference_any_more() -> None:
    answers = resolve(
        read("guests: [{root_password: 'env:ONE'}]"), around(ONE="PLANTED"), unattended=True
    )
    text = write_answers(record(settle(answers, stock()), stock()))
    assert "PLANTED" not in text
    again = read_text(text, Settings)
    assert again == resolve(again, around(), unattended=True)


# reference → what is wrong, and a piece of what to do
NOWHERE = {
    "env:ONE": ("The variable ONE is not set.", "sudo --preserve-env=ONE"),
    "env:CUT": ("What it leads to begins as a hash, and is none.", "hash-password"),
    "env:EMPTY": ("The variable EMPTY is empty.", "Set it"),
    "asked": ("It is to be asked for, and this run asks nothing.", "answers hash-password"),
    "file:/nonexistent/secret": ("/nonexistent/secret: No such file or directory.", "first line"),
    "file:/dev/null": ("/dev/null is no file.", "Give the path of a file"),
    "file:/etc": ("/etc is no file.", "Give the path of a file"),
    "file:/etc/hostname/x": ("/etc/hostname/x: Not a directory.", "first line"),
}


@pytest.mark.parametrize("reference", NOWHERE)
def test_a_reference_that_leads_nowhere_is_told_at_its_place(reference: str) -> None:
    answers = read("guests:", f"- root_password: {reference}")
    with pytest.raises(AnswersInvalid) as caught:
        resolve(answers, around(EMPTY="", CUT="$6$salt$abc def"), unattended=True)
    (problem,) = caught.value.problems
    what, piece = NOWHERE[reference]
    assert (what, "lab.yaml", 3, 18) == (
        problem.what, problem.file, problem.line, problem.column,
    )  # fmt: skip
    assert piece in problem.hint
    seen = missing(answers, around(EMPTY="", CUT="$6$salt$abc def"))
    assert seen == (() if reference in ("asked", "env:CUT") else (problem,))


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o602, 0o601])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = secret_file(tmp_path, b"PLANTED", mode)
    answers = read(f"guests: [{{root_password: 'file:{path}'}}]")
    with pytest.raises(AnswersInvalid) as caught:
        resolve(answers, around(), unattended=True)
    (problem,) = caught.value.problems
    assert f"Others may read or write {path} (mode {mode:o})." == problem.what
    assert f"chmod 600 {path}" == problem.hint
    assert (problem,) == missing(answers, around())


def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = secret_file(tmp_path, b"PLANTED")
    answers = read(f"guests: [{{root_password: 'file:{path}'}}]")
    with pytest.raises(AnswersInvalid, match="1 problem") as caught:
        resolve(answers, Surroundings({}, frozenset({os.getuid() + 1})), unattended=True)
    assert "belongs to another user" in caught.value.details[0]


def test_a_pipe_that_nobody_writes_to_does_not_hold_it_up(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o600)
    with pytest.raises(AnswersInvalid) as caught:
        resolve(read(f"guests: [{{root_password: 'file:{path}'}}]"), around(), unattended=True)
    assert f"{path} is no file." == caught.value.problems[0].what


def test_nothing_but_a_file_is_ever_opened(tmp_path: Path) -> None:
    """Only to open a device can do something: rewind a tape, start a watchdog."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    # Who writes to a pipe waits until somebody opens it, even for a moment.
    waiting = threading.Thread(target=lambda: os.close(os.open(pipe, os.O_WRONLY)))
    waiting.start()
    try:
        with pytest.raises(NotAFile):
            read_file(pipe, 1)
        waiting.join(0.2)
        assert waiting.is_alive()
    finally:
        os.close(os.open(pipe, os.O_RDONLY))
        waiting.join()


@pytest.mark.parametrize("content", [b"", b"\nPLANTED\n", b"PLANTED\x1b[2J\n"])
def test_what_can_be_no_password_is_refused_and_not_repeated(
    tmp_path: Path, content: bytes
) -> None:
    path = secret_file(tmp_path, content)
    with pytest.raises(AnswersInvalid) as caught:
        resolve(read(f"guests: [{{root_password: 'file:{path}'}}]"), around(), unattended=True)
    assert "PLANTED" not in "".join(caught.value.details)


def test_a_reference_for_all_is_told_of_once() -> None:
    answers = read("defaults: {root_password: 'env:ONE'}", "guests: [{name: 'vm{1..20}'}]")
    with pytest.raises(AnswersInvalid, match="The answers have 1 problem"):
        resolve(answers, around(), unattended=True)
    assert 1 == len(missing(answers, around()))


def test_what_is_to_be_asked_is_left_to_the_interview() -> None:
    answers = read("defaults: {root_password: asked}", "guests: [{name: a}, {name: b}]")
    left = resolve(answers, around(), unattended=False)
    assert not any("root_password" in key for key in {**left.given, **left.defaults})
    assert ["a", "b"] == [guest.name for guest in settle(left, stock()).guests]


def test_a_reference_that_was_not_resolved_is_no_secret() -> None:
    answers = read("guests: [{root_password: 'env:ONE'}]")
    assert {} == secrets(settle(answers, stock()))


@pytest.mark.parametrize(
    ("written", "piece"),
    [
        ("file:secret", "the whole path of the file: file:/root/password"),
        ("file:", "the whole path of the file"),
        ("env:NOT-A-NAME", "env:ROOT_PASSWORD"),
        ("env:", "env:ROOT_PASSWORD"),
        ("hunter2", "A password never stands in an answer file."),
        ("$6$", "the salt and the hash are missing"),
        ("Asked", "A password never stands"),
    ],
)
def test_what_is_no_reference_says_how_one_is_written(written: str, piece: str) -> None:
    assert not is_reference(written)
    with pytest.raises(ValueError, match=piece.replace("$", r"\$")):
        PASSWORD.parse(written)
