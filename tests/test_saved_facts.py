"""Saved facts come back the same, and a file that holds none is refused with its place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from steps.facts import FACTS_VERSION, Facts
from steps.saved_facts import facts_from_text, facts_text, load_facts, save_facts, without_secrets
from tests.machines import SAVED, machines, stock
from wizard.errors import UsageError


@pytest.mark.parametrize("name", sorted(machines()))
def test_facts_come_back_from_json_as_they_were(name: str) -> None:
    facts = machines()[name]
    # But for passwords in files, which are left out (GRUB Legacy's menu can have one).
    assert facts_from_text(facts_text(facts)) == without_secrets(facts)


def test_saved_fixtures_are_written_as_the_program_writes_them() -> None:
    for path in SAVED.values():
        assert path.read_text() == facts_text(load_facts(path)), path


def test_saving_and_loading_gives_the_same_machine(tmp_path: Path) -> None:
    save_facts(stock(), tmp_path / "machine.json")
    assert load_facts(tmp_path / "machine.json") == stock()


def _changed(**fields: object) -> str:
    return json.dumps({**json.loads(facts_text(stock())), **fields})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is not JSON"),
        ("[1, 2", "is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "does not hold the facts"),
        ('{"a": 1}', "does not hold the facts"),
        (_changed(version=FACTS_VERSION + 1), f"version {FACTS_VERSION + 1}"),
        (_changed(memory="much"), "$.memory"),
        (_changed(colour="blue"), "'colour' is not known"),
        (_changed(firmware="openfirmware"), "$.firmware"),
    ],
)
def test_what_is_wrong_with_a_facts_file_is_said(text: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        facts_from_text(text, "machine.json")
    assert expected in caught.value.what
    assert "machine.json" in caught.value.what
    assert "facts --json" in caught.value.hint


def test_a_missing_field_is_named() -> None:
    value = json.loads(facts_text(stock()))
    del value["hostname"]
    with pytest.raises(UsageError, match="'hostname' is missing"):
        facts_from_text(json.dumps(value))


@pytest.mark.parametrize("kind", ["missing", "directory", "binary"])
def test_an_unreadable_file_is_named_with_its_reason(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "facts.json"
    if kind == "directory":
        path.mkdir()
    elif kind == "binary":
        path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError) as caught:
        load_facts(path)
    assert str(path) in caught.value.what


def test_every_machine_is_a_different_one() -> None:
    found: list[Facts] = []
    for facts in machines().values():
        assert facts not in found
        found.append(facts)


@pytest.mark.parametrize(
    "line",
    [
        "    wpa-psk hunter2-secret",
        "\twpa-passphrase   hunter2-secret words",
        'vncpasswd = "hunter2-secret"',
        "vncpasswd='hunter2-secret'",
        "wireless-key1 hunter2-secret",
        "vfb = ['type=vnc,vncpasswd=hunter2-secret']",
        "vnc=1; vncpasswd='hunter2-secret'",
    ],
)
def test_passwords_in_configuration_files_are_not_saved(line: str) -> None:
    text = f"iface wlan0 inet dhcp\n{line}\n    metric 3\n"
    facts = replace(stock(), files={**stock().files, "/etc/network/interfaces.d/wlan0": text})
    saved = facts_text(facts)
    assert "hunter2" not in saved
    kept = facts_from_text(saved).files["/etc/network/interfaces.d/wlan0"]
    assert kept.splitlines()[0] == "iface wlan0 inet dhcp"
    assert kept.splitlines()[2] == "    metric 3"
    assert kept.splitlines()[1].rstrip("']").endswith("********")
