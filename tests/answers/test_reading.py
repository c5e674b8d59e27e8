"""Answer files in, problems out: every one, at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from steps.kinds import Share
from steps.settings import Settings
from tests.machines import stock
from wizard.answer_file import read_answers, read_text
from wizard.answers import settle
from wizard.errors import AnswersInvalid, Exit, UsageError
from wizard.yaml_text import LARGEST_FILE

# text → (line, column, key, a piece of what is said) of each problem, in order
PROBLEMS: dict[str, tuple[str, list[tuple[int, int, str, str]]]] = {
    "no version": ("host: {}\n", [(1, 1, "version", "missing")]),
    "empty file": ("", [(1, 1, "version", "missing")]),
    "only a comment": ("# nothing\n", [(1, 1, "version", "missing")]),
    "newer version": (
        "version: 2\nnew_section: {}\n",
        [(1, 10, "version", "reads version 1 at most")],
    ),
    "version zero": ("version: 0\n", [(1, 10, "version", "no such version")]),
    "version as text": ("version: one\n", [(1, 10, "version", "must be a number")]),
    "version as a truth": ("version: true\n", [(1, 10, "version", "must be a number")]),
    "version as a list": ("version: [1]\n", [(1, 10, "version", "must be a number")]),
    "version without a number": ("version:\nhost:\n", [(1, 1, "version", "must be a number")]),
    "guests without anything": ("version: 1\nguests:\nhost:\n", [(2, 1, "guests", "A list is")]),
    "a list": ("- version: 1\n", [(1, 1, "", "made of keys")]),
    "unknown section": ("version: 1\nhots: {}\n", [(2, 1, "hots", "Did you mean `host`?")]),
    "unknown key": (
        "version: 1\nhost:\n  brige: xenbr0\n",
        [(3, 3, "host.brige", "Did you mean `bridge`?")],
    ),
    "a key of another section": (
        "version: 1\nhost:\n  vcpus: 2\n",
        [(3, 3, "host.vcpus", "`vcpus` belongs into `guests`.")],
    ),
    "a key of nowhere": (
        "version: 1\nstorage:\n  colour: red\n",
        [(3, 3, "storage.colour", "Known here: use, volume_group")],
    ),
    "a merge key": ("version: 1\nhost:\n  <<: {}\n", [(3, 3, "host.<<", "no such key")]),
    "a key twice": (
        "version: 1\nhost:\n  bridge: xenbr0\n  bridge: xenbr1\n",
        [(4, 3, "host.bridge", "stands in line 3 already")],
    ),
    "a section twice": ("version: 1\nhost:\nhost:\n", [(3, 1, "host", "stands in line 2 already")]),
    "no unit": (
        "version: 1\nguests:\n- memory: 2048\n",
        [(3, 11, "guests.0.memory", "2048MiB or 2048GiB?")],
    ),
    "a nought for none": (
        "version: 1\nguests:\n- swap_size: 0\n",
        [(3, 14, "guests.0.swap_size", "For none at all, write none.")],
    ),
    "a unit of two sizes": (
        "version: 1\nguests:\n- memory: 2GB\n",
        [(3, 11, "guests.0.memory", "2GB can mean 1907MiB (1000 based) or 2GiB (1024 based)")],
    ),
    "a small unit of two sizes": (
        "version: 1\nguests:\n- memory: 512 mb\n",
        [(3, 11, "guests.0.memory", "512 mb can mean 488MiB (1000 based) or 512MiB (1024 based)")],
    ),
    "a decimal comma": (
        "version: 1\nguests:\n- memory: 1,5GiB\n",
        [(3, 11, "guests.0.memory", "Write a point in the number: 1.5GiB.")],
    ),
    "a share of nothing": (
        "version: 1\nstorage: {partition_size: 50%}\n",
        [(2, 27, "storage.partition_size", "50% of what: 50%FREE?")],
    ),
    "a share that is too large": (
        "version: 1\nstorage: {partition_size: 101%FREE}\n",
        [(2, 27, "storage.partition_size", "Write a share from 1%FREE to 100%FREE.")],
    ),
    "a share for a guest": (
        "version: 1\nguests: [{root_size: 50%FREE}]\n",
        [(2, 22, "guests.0.root_size", "A share cannot be given here. Write a size")],
    ),
    "a number of YAML 1.1": (
        "version: 1\nguests: [{vcpus: 010}, {vcpus: 08}]\n",
        [
            (2, 18, "guests.0.vcpus", "010 can mean 10 or 8 (octal). Write it without the zero."),
            (2, 32, "guests.1.vcpus", "08 can mean 8. Write it without the zero."),
        ],
    ),
    "a number that is none": (
        "version: 1\nguests: [{vcpus: 1e0}, {vcpus: 1_0}, {vcpus: 12:30}, {vcpus: 2.0}]\n",
        [
            (2, 18, "guests.0.vcpus", "1e0 is not a whole number from 1 to 64. Write it in digits"),
            (2, 32, "guests.1.vcpus", "'1_0' is not a whole number"),
            (2, 46, "guests.2.vcpus", "'12:30' is not a whole number"),
            (2, 62, "guests.3.vcpus", "2.0 is not a whole number"),
        ],
    ),
    "a size as a number with an exponent": (
        "version: 1\nguests: [{memory: 1e3}]\n",
        [(2, 19, "guests.0.memory", "1e3 is not a size of at least 64MiB. Write a size with")],
    ),
    "null": (
        "version: 1\nhost: {bridge: null, console: ~}\n",
        [(2, 16, "host.bridge", "has no value"), (2, 31, "host.console", "has no value")],
    ),
    "a truth for text": (
        "version: 1\nhost: {bridge: true, console: off}\n",
        [
            (2, 16, "host.bridge", 'Put it in quotes: "true".'),
            (2, 31, "host.console", "'off' is not a console."),
        ],
    ),
    "too little": (
        "version: 1\nhost: {dom0_memory: 64MiB}\n",
        [(2, 21, "host.dom0_memory", "'64MiB' is not a size of at least 512MiB. It is too small.")],
    ),
    "a number for text": (
        "version: 1\nguests: [{name: 12}]\n",
        [(2, 17, "guests.0.name", '12 is not a guest\'s name. Put it in quotes: "12".')],
    ),
    "a number that is no name either": (
        "version: 1\nguests: [{name: -1}]\n",
        [(2, 17, "guests.0.name", "Use 1 to 63 lower-case letters")],
    ),
    "a date stays text": (
        "version: 1\nguests: [{name: 2026-11-23}, {release: 2026-11-23}]\n",
        [(2, 40, "guests.1.release", "'2026-11-23' is not a release's code name.")],
    ),
    "no value": ("version: 1\nhost:\n  bridge:\n", [(3, 3, "host.bridge", "has no value")]),
    "a section as text": ("version: 1\nhost: xenbr0\n", [(2, 7, "host", "Keys are needed here")]),
    "guests without a list": (
        "version: 1\nguests:\n  name: vm01\n",
        [(3, 3, "guests", "Put `- ` before the first key")],
    ),
    "no guests": ("version: 1\nguests: []\n", [(2, 9, "guests", "The list has 0 items")]),
    "a guest as text": (
        "version: 1\nguests: [vm01]\n",
        [(2, 10, "guests.0", "Keys are needed here")],
    ),
    "a mapping for a value": (
        "version: 1\nhost:\n  bridge: {name: xenbr0}\n",
        [(3, 11, "host.bridge", "one value, or a list of simple values")],
    ),
    "a list in a list": (
        "version: 1\nguests: [{packages: [[a], b]}]\n",
        [(2, 21, "guests.0.packages", "one value, or a list of simple values")],
    ),
    "a list for one value": (
        "version: 1\nhost:\n  bridge: [xenbr0]\n",
        [(3, 11, "host.bridge", "['xenbr0'] is not a network interface")],
    ),
    "one bad item of a list": (
        "version: 1\nguests: [{packages: [vim, 'no such']}]\n",
        [(2, 21, "guests.0.packages", "Use a package's name")],
    ),
    "all at once": (
        "version: 1\nhost:\n  console: loud\n  nothing: 1\nguests:\n- {vcpus: 0}\n- {vcpus: a}\n",
        [
            (3, 12, "host.console", "Choose one of: screen, serial, both."),
            (4, 3, "host.nothing", "no such key"),
            (6, 11, "guests.0.vcpus", "from 1 to 64"),
            (7, 11, "guests.1.vcpus", "from 1 to 64"),
        ],
    ),
    "a tab": ("version: 1\nhost:\n\tbridge: xenbr0\n", [(3, 1, "", "A tab stands")]),
    "a colon too many": ("version: 1\nhost: bridge: xenbr0\n", [(2, 13, "", "not YAML")]),
    "a range without quotes": (
        "version: 1\nguests: [{name: vm{1..3}}]\n",
        [(2, 19, "", "Between brackets a range needs quotes around it.")],
    ),
    "an open quote": ("version: 1\nhost: 'xenbr0\n", [(3, 1, "", "not YAML")]),
    "two documents": ("version: 1\n---\nversion: 1\n", [(2, 1, "", "second document")]),
    "a directive": ("%YAML 1.1\n---\nversion: 1\n", [(1, 1, "", "directive")]),
    "a tag": ("version: !!python/none 1\n", [(1, 10, "", "YAML tag")]),
    "an alias of nothing": ("version: *one\n", [(1, 10, "", "Put the value in quotes")]),
    "a control character": ("version: 1\nhost: \x07\n", [(2, 7, "", "does not allow")]),
    "a list that holds itself": (
        "version: 1\nhost: &a\n  bridge: [*a]\n",
        [(2, 7, "", "nested too deeply")],
    ),
    "thousands of brackets": ("version: " + "[" * 1000, [(0, 0, "", "nested too deeply")]),
    "a key that is a list": ("? [version]\n: 1\n", [(1, 3, "", "A key must be a word.")]),
    "a very long key": (
        "version: 1\n" + "k" * 1000 + ": 1\n",
        [(2, 1, "k" * 57 + "...", "no such key")],
    ),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_each_problem_is_found_at_its_place(case: str) -> None:
    text, expected = PROBLEMS[case]
    with pytest.raises(AnswersInvalid) as caught:
        read_text(text, Settings, "lab.yaml")
    found = [(problem.line, problem.column, problem.key) for problem in caught.value.problems]
    assert [item[:3] for item in expected] == found
    for (*_, piece), problem in zip(expected, caught.value.problems, strict=True):
        assert piece in f"{problem.what} {problem.hint}"
        assert problem.file == "lab.yaml"
    assert caught.value.status == Exit.ANSWERS_INVALID


def test_a_problem_reads_as_file_line_column_key_what_and_hint_and_shows_the_line() -> None:
    with pytest.raises(AnswersInvalid) as caught:
        read_text("version: 1\nhost:\n  brige: xenbr0\n", Settings, "lab.yaml")
    assert caught.value.details == (
        "lab.yaml:3:3: host.brige: There is no such key. Did you mean `bridge`?\n"
        "      brige: xenbr0\n"
        "      ^",
    )


# What stands on the left is read as the settings' value on the right.
VALUES = [
    ("host: {overwritten: 1}", None, None),
    ("storage: {overwrite: no}", "storage.overwrite", "no"),
    ("host: {make_default: no}", "host.make_default", False),
    ("host: {make_default: 'Yes'}", "host.make_default", True),
    ("host: {make_default: true}", "host.make_default", True),
    ("guests: [{memory: 1.5GiB}]", "guests.0.memory", 1536),
    ("guests: [{memory: 1g}]", "guests.0.memory", 1024),
    ("guests: [{memory: 2 GiB}]", "guests.0.memory", 2048),
    ("guests: [{memory: 2048MiB}]", "guests.0.memory", 2048),
    ("guests: [{memory: 2048 M}]", "guests.0.memory", 2048),
    ("storage: {partition_size: 7 GiB}", "storage.partition_size", 7168),
    ("storage: {partition_size: rest}", "storage.partition_size", 0),
    ("storage: {partition_size: 100%FREE}", "storage.partition_size", 0),
    ("storage: {partition_size: 50%free}", "storage.partition_size", Share(50)),
    ("host: {make_default: off}", "host.make_default", False),
    ("host: {make_default: on}", "host.make_default", True),
    ("guests: [{name: 2026-11-23}]", "guests.0.name", "2026-11-23"),
    ("guests: [{swap_size: none}]", "guests.0.swap_size", 0),
    ("guests: [{vcpus: 0x2}]", "guests.0.vcpus", 2),
    ("guests: [{vcpus: '2'}]", "guests.0.vcpus", 2),
    ("guests: [{packages: vim openssh-server}]", "guests.0.packages", ("vim", "openssh-server")),
    ("guests: [{packages: []}]", "guests.0.packages", ()),
    ("guests: [&a {packages: [vim]}, {name: x}, *a]", "guests.2.packages", ("vim",)),
    ("guests: [{network: 192.0.2.10/255.255.255.0}]", "guests.0.network", "192.0.2.10/24"),
    ("guests: [{name: !!str 12}]", "guests.0.name", "12"),
    ("host:\nguests:\n-\n- name: x", "guests.1.name", "x"),
]


@pytest.mark.parametrize(("text", "key", "value"), VALUES)
def test_values_are_read_as_people_write_them(text: str, key: str | None, value: object) -> None:
    whole = f"version: 1\n{text}\n"
    if key is None:
        with pytest.raises(AnswersInvalid):
            read_text(whole, Settings)
    else:
        assert value == read_text(whole, Settings).given[key].value


def test_a_plain_password_is_refused_and_not_repeated() -> None:
    text = "version: 1\nguests: [{root_password: PLANTED-secret}]\n"
    with pytest.raises(AnswersInvalid) as caught:
        read_text(text, Settings)
    said = f"{caught.value} {caught.value.hint} {caught.value.details}"
    assert "PLANTED" not in said
    assert "A password never stands in an answer file." in said
    assert "xen-setup answers hash-password" in said


@pytest.mark.parametrize("password", ["*PLANTED", "!PLANTED", "@PLANTED", "PLANTED: x", "%PLANTED"])
def test_a_password_that_is_no_yaml_is_not_repeated_either(password: str) -> None:
    with pytest.raises(AnswersInvalid) as caught:
        read_text(f"version: 1\nguests:\n- root_password: {password}\n", Settings)
    assert "PLANTED" not in f"{caught.value} {caught.value.hint} {caught.value.details}"


def test_later_files_and_assignments_count_more(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text(
        "version: 1\nhost: {bridge: br0, console: both}\nguests: [{name: a}, {name: b}, {name: c}]"
    )
    second.write_text("version: 1\nhost: {bridge: br1}\nguests: [{memory: 1GiB}]")
    answers = read_answers(
        [first, second],
        Settings,
        ["host.console=screen", "guests.b.memory=2GiB", "guests.2.vcpus=3"],
    )
    settings = settle(answers, stock())
    assert ("br1", "screen") == (settings.host.bridge, settings.host.console)
    assert [("a", 1024, 1), ("b", 2048, 1), ("c", 512, 3)] == [
        (guest.name, guest.memory, guest.vcpus) for guest in settings.guests
    ]
    assert str(second) == answers.given["host.bridge"].place.file


ASSIGNMENTS = {
    "memory=1GiB": "--set: memory: There is no such key. `memory` belongs into `guests`.",
    "hots.bridge=br0": "--set: hots.bridge: There is no such key. Did you mean `host`?",
    "host=1": "--set: host: There is no such key. Write host.KEY=VALUE.",
    "host.brige=br0": "--set: host.brige: There is no such key. Did you mean `bridge`?",
    "guests.memory=1GiB": "--set: guests.memory: There is no such key. Write guests.0.KEY=VALUE.",
    "guests.2.memory=1GiB": "--set: guests.2.memory: There is no `2` in the list: "
    "its only item is 0. A further one is written in an answer file: guests: [{name: …}]",
    "guests.-1.memory=1GiB": "--set: guests.-1.memory: There is no `-1` in the list:",
    "guests.vm07.memory=1GiB": "--set: guests.vm07.memory: There is no `vm07` in the list:",
    "guests.0.memory=": "--set: guests.0.memory: '' is not a size of at least 64MiB.",
}


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_a_wrong_assignment_says_what_is_wrong(assignment: str) -> None:
    with pytest.raises(AnswersInvalid) as caught:
        read_answers([], Settings, [assignment])
    assert caught.value.details[0].startswith(ASSIGNMENTS[assignment])


@pytest.mark.parametrize("assignment", ["host.bridge", "=br0", ""])
def test_an_assignment_without_key_and_value_is_a_usage_error(assignment: str) -> None:
    with pytest.raises(UsageError, match="KEY=VALUE"):
        read_answers([], Settings, [assignment])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder, binary, large = tmp_path / "folder", tmp_path / "binary", tmp_path / "large"
    folder.mkdir()
    binary.write_bytes(b"version: 1\n\xff\xfe")
    large.write_text("# " + "x" * LARGEST_FILE)
    for path, piece in (
        (tmp_path / "missing", "No such file or directory. Check the path."),
        (folder, "Is a directory"),
        (binary, ":2:1: This is not UTF-8 text."),
        (large, "larger than 1 MiB"),
        (Path("/dev/zero"), "larger than 1 MiB"),
    ):
        with pytest.raises(AnswersInvalid) as caught:
            read_answers([path], Settings)
        assert f"The answer file {path} cannot be read." == caught.value.what
        assert piece in "".join(caught.value.details)


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "windows.yaml"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\r\nhost:\r\n  bridge: br0\r\n")
    assert "br0" == read_answers([path], Settings).given["host.bridge"].value


def test_problems_of_all_files_come_together(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("version: 1\nhost: {brige: br0}\n")
    second.write_text("version: [\n")
    with pytest.raises(AnswersInvalid) as caught:
        read_answers([first, second], Settings, ["guests.0.vcpus=0"])
    assert "The answers have 3 problems." == caught.value.what
    assert [str(first), str(second), "--set"] == [problem.file for problem in caught.value.problems]
