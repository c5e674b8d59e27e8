"""The JSON Schema of answer files: valid itself, and of one mind with the reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from steps.settings import Settings
from tests.cli.program import xen_setup
from tests.credentials import HASH
from wizard.answer_file import read_text
from wizard.answer_schema import answers_schema
from wizard.errors import AnswersInvalid
from wizard.yaml_text import Listing, Node, Scalar, Section, parse_yaml

SCHEMA = answers_schema(Settings)
VALIDATOR = Draft202012Validator(SCHEMA)

# Files as people write them, and whether they are right.
GOOD = {
    "the version alone": "version: 1\n",
    "empty sections": "version: 1\nhost:\nstorage:\n",
    "a choice": "version: 1\nhost: {console: serial, make_default: false}\n",
    "sizes": "version: 1\nguests: [{memory: 2GiB, root_size: 4096MiB, swap_size: none}]\n",
    "the rest": "version: 1\nstorage: {use: free-space, partition_size: rest}\n",
    "a number": "version: 1\nguests: [{vcpus: 64}]\n",
    "lists": "version: 1\nguests: [{packages: [openssh-server], nameservers: []}]\n",
    "addresses": "version: 1\nguests: [{network: 192.0.2.10/24, gateway: 192.0.2.1}]\n",
    "a locked password": "version: 1\nguests: [{root_password: locked}]\n",
    "a hash": "version: 1\nguests: [{root_password: '" + HASH + "'}]\n",
    "references": "version: 1\ndefaults: {root_password: 'env:NAME'}\n"
    "guests: [{root_password: 'file:/root/pw'}, {root_password: asked}]\n",
    "a share": "version: 1\nstorage: {partition_size: 50%FREE}\n",
    "defaults": "version: 1\ndefaults: {memory: 1GiB}\n",
    "a range": "version: 1\nguests: [{name: 'vm{01..20}'}]\n",
    "empty defaults": "version: 1\ndefaults:\n",
    "two guests": "version: 1\nguests: [{name: a}, {name: b}]\n",
}
BAD = {
    "no version": "host: {}\n",
    "another version": "version: 2\n",
    "a version as text": "version: one\n",
    "an unknown section": "version: 1\nhots: {}\n",
    "an unknown key": "version: 1\nhost: {brige: xenbr0}\n",
    "a key of another section": "version: 1\nhost: {vcpus: 2}\n",
    "no such choice": "version: 1\nhost: {console: printer}\n",
    "no unit": "version: 1\nguests: [{memory: 2048}]\n",
    "a number that is too large": "version: 1\nguests: [{vcpus: 65}]\n",
    "text for yes or no": "version: 1\nhost: {make_default: perhaps}\n",
    "a section as text": "version: 1\nhost: xenbr0\n",
    "guests that are no list": "version: 1\nguests: {name: vm01}\n",
    "no guests": "version: 1\nguests: []\n",
    "a name in capitals": "version: 1\nguests: [{name: VM01}]\n",
    "a name for all": "version: 1\ndefaults: {name: vm01}\n",
    "a range that is none": "version: 1\nguests: [{name: 'vm{01-20}'}]\n",
    "two ranges in a name": "version: 1\nguests: [{name: 'vm{1..2}{1..2}'}]\n",
    "no device": "version: 1\nstorage: {device: sda}\n",
    "a plain password": "version: 1\nguests: [{root_password: xen}]\n",
    "a section as a list": "version: 1\nhost: [bridge]\n",
    "a value with keys": "version: 1\nhost: {bridge: {name: xenbr0}}\n",
    "a list of lists": "version: 1\nguests: [{packages: [[bash]]}]\n",
}


def plain(node: Node) -> Any:
    """A document as a validator wants it."""
    match node:
        case Scalar(value=value):
            return value
        case Listing(items=items):
            return [plain(item) for item in items]
        case Section(entries=entries):
            return {entry.key: plain(entry.node) for entry in entries}


def test_the_schema_is_one_of_draft_2020_12() -> None:
    assert "https://json-schema.org/draft/2020-12/schema" == SCHEMA["$schema"]
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", GOOD)
def test_what_the_reader_takes_is_right_by_the_schema(name: str) -> None:
    read_text(GOOD[name], Settings)
    assert [] == list(VALIDATOR.iter_errors(plain(parse_yaml(GOOD[name], ""))))


@pytest.mark.parametrize("name", BAD)
def test_what_the_reader_refuses_is_wrong_by_the_schema(name: str) -> None:
    with pytest.raises(AnswersInvalid):
        read_text(BAD[name], Settings)
    assert not VALIDATOR.is_valid(plain(parse_yaml(BAD[name], "")))


def test_the_packaged_answers_are_right_by_the_schema() -> None:
    packaged = Path(__file__).parents[2] / "wizard/practice/first-guest.yaml"
    VALIDATOR.validate(plain(parse_yaml(packaged.read_text(), "")))


def test_every_default_and_example_in_the_schema_is_right_by_it() -> None:
    found = 0

    def look(schema: object) -> None:
        nonlocal found
        if isinstance(schema, dict):
            values = list(schema.get("examples", ()))
            values += [schema["default"]] if "default" in schema else []
            for value in values:
                Draft202012Validator(schema).validate(value)
                found += 1
            for inner in schema.values():
                look(inner)
        elif isinstance(schema, list):
            for inner in schema:
                look(inner)

    look(SCHEMA)
    assert found > 27


def test_the_command_prints_the_schema_and_writes_it_where_nothing_is(tmp_path: Path) -> None:
    out = tmp_path / "answers.json"
    assert json.loads(xen_setup("answers", "schema").stdout) == SCHEMA
    assert 0 == xen_setup("answers", "schema", "--out", out).returncode
    assert json.loads(out.read_text()) == SCHEMA
    again = xen_setup("answers", "schema", "--out", out)
    assert (2, "") == (again.returncode, again.stdout)
    assert "is there already, and stays as it is" in again.stderr
