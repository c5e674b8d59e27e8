"""What a question's JSON Schema accepts, its parser accepts, and the other way round."""

from __future__ import annotations

import ipaddress
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from steps import kinds
from steps.credentials import key_trouble
from steps.settings import Settings
from tests.credentials import HASH, key_body, public_key
from tests.hostile import HOSTILE
from wizard.answers import parts
from wizard.questions import Question, questions_of

KEY = public_key("b")
QUESTIONS: dict[str, Question[Any]] = {
    f"{part.name}.{name}": question
    for part in parts(Settings)
    for name, question in questions_of(part.section)
}

# What people write, by the kinds that some question has; each is tried on every question.
WRITTEN: tuple[object, ...] = (
    "512MiB",
    "2GiB",
    "2G",
    "2g",
    "1.5GiB",
    "1.5 GiB",
    " 2GiB",
    "2GB",
    "2 gb",
    "2048",
    "0.5GiB",
    "2.GiB",
    "1e3MiB",
    "64MiB",
    "63MiB",
    "0MiB",
    "99999999TiB",
    "2GIB",
    "2giB",
    "2Gi",
    "2KiB",
    "rest",
    "none",
    "50%FREE",
    "100%free",
    "0%FREE",
    "101%FREE",
    "50%",
    "5GiB",
    "4.9GiB",
    "no",
    "yes",
    "host",
    "dhcp",
    "locked",
    "asked",
    "screen",
    "serial",
    "existing-group",
    "by-hand",
    "grub-legacy",
    "update-rc.d",
    "xm",
    "tarball",
    "move",
    "ext4",
    "192.0.2.1",
    "192.0.2.10/24",
    "192.0.2.0/24",
    "192.0.2.255/24",
    "192.0.2.0/31",
    "192.0.2.7/32",
    "192.0.2.7/0",
    "192.0.2.7/33",
    "192.0.2.7/255.255.255.0",
    "192.0.2.7/255.0.255.0",
    "192.0.2.7/0.0.0.255",
    "192.0.2.07",
    "192.0.2",
    "256.0.0.1",
    "1.2.3.4/24/24",
    "/dev/sda",
    "/dev/disk/by-id/a.b:c",
    "/dev/..",
    "/dev/a/..",
    "/dev/a/../b",
    "/dev/..a",
    "/dev/a..",
    "/dev/",
    "/dev",
    "/dev/" + "a" * 255,
    "/dev/" + "a" * 256,
    "vg",
    "_vg",
    "+vg",
    "..",
    ".",
    "...",
    "a-b",
    "vm01",
    "vm-01",
    "-vm",
    "vm-",
    "VM",
    "a" * 63,
    "a" * 64,
    "xenbr0",
    "eth0.1",
    "a" * 15,
    "a" * 16,
    "bookworm",
    "9",
    "g++",
    "libc6",
    "a",
    "openssh-server",
    "http://mirror.example.org",
    "http://mirror.example.org/debian",
    "https://[::1]:80/x",
    "ftp://a/",
    "file:///srv",
    "file://srv",
    "http://a/?b",
    "http://",
    "file:/root/x",
    "file:/",
    "file:x",
    "file:/a/",
    "file:/a b",
    "env:ONE",
    "env:1",
    "env:",
    HASH,
    HASH[:-1],
    HASH + "x",
    "$5$rounds=5000$salt$" + "a" * 43,
    "$1$saltsalt$" + "a" * 22,
    "$2b$05$" + "a" * 53,
    "$y$j9T$salt$" + "a" * 43,
    "$y$j9T$$" + "a" * 43,
    "$gy$j9T$salt$" + "a" * 43,
    "$7$CU..../....saltsalt$" + "a" * 43,
    "$6$abc$def",
    "$6$",
    "$5$a",
    "$y$j9T$a$b",
    "$0$a",
    "hunter2",
    KEY,
    KEY.rpartition(" ")[0],
    KEY[:60],
    f"ssh-rsa {key_body(b'3', b'n', kind='ssh-rsa')} ü",
    "ssh-ed25519 AAAA",
    "ssh-ed25519 AAAA a b",
    "ssh-ed25519  AAAA",
    "ssh-rsa AAA= ü",
    "sk-x@y AAAA",
    "ecdsa-sha2-nistp256 AAAA",
    "ssh-x AAAA",
    0,
    1,
    2,
    4,
    64,
    65,
    -1,
    1024,
    True,
    False,
    1.5,
    2.0,
    None,
    [],
    {},
    ["vim"],
    ["vim", "g++"],
    ["no such"],
    [1],
    [["vim"]],
    ["192.0.2.1", "192.0.2.2"],
    ["192.0.2.256"],
    [KEY],
    [KEY, KEY[:60]],
)


def _size(value: object) -> float | None:
    found = re.fullmatch(r"\s*([0-9.]+)\s*([MGT])[iIbB]*\s*", str(value), re.IGNORECASE)
    units = {"M": 1.0, "G": 1024.0, "T": 1024.0 * 1024}
    return float(found[1]) * units[found[2].upper()] if found else None


def _odd_network(value: object) -> bool:
    """An address that no machine of its network can have, or a mask that is none."""
    try:
        address = ipaddress.IPv4Interface(str(value))
    except ValueError:
        return True
    ends = (address.network.network_address, address.network.broadcast_address)
    return address.network.prefixlen < 31 and address.ip in ends


def _has_half_a_key(value: object) -> bool:
    return isinstance(value, list) and any(key_trouble(line) for line in value)


# What only the parser refuses, since a schema cannot say it.
STRICTER_PARSER: dict[str, Callable[[object], bool]] = {
    "size": lambda value: _size(value) is not None,  # least, most, and a whole number of MiB
    "dhcp or an address": _odd_network,
    "a list of public SSH keys": _has_half_a_key,
    "whole number": lambda value: isinstance(value, float),  # 2.0: JSON has one kind of number
}
# What only the parser accepts, since it is the way to type it, not to write it in a file: an
# editor that follows the schema shall suggest the plain way.
TYPED: dict[str, Callable[[object], bool]] = {
    "list": lambda value: isinstance(value, str),  # with commas between
    "whole number": lambda value: isinstance(value, str),
    "yes or no": lambda value: isinstance(value, str),
}


def excused(
    table: dict[str, Callable[[object], bool]], question: Question[Any], value: object
) -> bool:
    names = [question.kind.name]
    if question.kind.schema.get("type") == "array":
        names.append("list")
    return any(word in name and test(value) for word, test in table.items() for name in names)


def accepts(question: Question[Any], value: object) -> bool:
    try:
        question.kind.parse(value)
    except ValueError:
        return False
    return True


def edits(chance: random.Random) -> Iterator[object]:
    """What is written, with one character another, more or less."""
    for value in WRITTEN:
        if not isinstance(value, str) or not value:
            continue
        for _ in range(3):
            at = chance.randrange(len(value))
            other = chance.choice(" -./:%$09azAZ_é\t{}")
            yield chance.choice(
                [value[:at] + value[at + 1 :], value[:at] + other + value[at:],
                 value[:at] + other + value[at + 1 :]]
            )  # fmt: skip


@pytest.mark.parametrize("key", QUESTIONS)
def test_the_schema_and_the_parser_of_a_question_agree(key: str) -> None:
    question = QUESTIONS[key]
    validator = Draft202012Validator(dict(question.kind.schema))
    yes = 0
    for value in (*WRITTEN, *HOSTILE, *edits(random.Random(key))):
        if isinstance(value, str) and value.endswith("\n"):
            continue  # `$` of Python's expressions is also before a line's end; a schema's is not
        parser, schema = accepts(question, value), validator.is_valid(value)
        yes += parser and schema
        if parser == schema:
            continue
        table = STRICTER_PARSER if schema else TYPED
        assert excused(table, question, value), (value, f"parser {parser}, schema {schema}")
    assert yes, "nothing that was tried is an answer"


@pytest.mark.parametrize("key", QUESTIONS)
def test_what_a_parser_shows_its_schema_accepts(key: str) -> None:
    question = QUESTIONS[key]
    validator = Draft202012Validator(dict(question.kind.schema))
    for value in (*WRITTEN, *HOSTILE):
        if accepts(question, value):
            shown = question.kind.show(question.kind.parse(value))
            assert validator.is_valid(shown), (value, shown)


def test_a_share_is_shown_as_it_is_written() -> None:
    kind = kinds.size_or_share(1)
    assert "50%FREE" == kind.show(kind.parse("50%free"))
