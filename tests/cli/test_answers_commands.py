"""`answers validate` and `answers explain`, as a user calls them."""

from __future__ import annotations

from pathlib import Path

import pytest

from steps.saved_facts import facts_text
from steps.settings import Settings
from tests.cli.program import ROOT, STOCK, xen_setup
from tests.cli.test_commands import NOBODY, needs_root
from tests.cli.test_json import must_fit
from tests.machines import machines
from wizard import cli
from wizard.answer_reference import every_question
from wizard.arguments import parse
from wizard.errors import Exit

KEYS = [key for key, _, _ in every_question(Settings)]


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    file = tmp_path / "lab.yaml"
    file.write_text("version: 1\nguests:\n- name: web\n- name: mail\n  memory: 1GiB\n")
    return file


def test_validate_says_what_it_looked_at_and_what_it_could_not_know(lab: Path) -> None:
    done = xen_setup("answers", "validate", lab)
    assert (0, "") == (done.returncode, done.stderr)
    assert f"{lab}: no problem was found in 3 answers, 2 guests." in done.stdout
    assert "was not looked at" in done.stdout


def test_validate_says_that_references_were_not_followed(tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text("version: 1\nguests: [{name: asked, mirror: 'file:///srv'}]\n")
    assert "References" not in xen_setup("answers", "validate", file).stdout
    file.write_text("version: 1\nguests: [{root_password: 'env:NOT_SET'}]\n")
    done = xen_setup("answers", "validate", file)
    assert 0 == done.returncode
    assert "References to passwords were not followed" in done.stdout


def test_validate_tells_every_problem_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text("version: 1\nhost: {brige: a}\nguests: [{memory: 2048}]\n")
    done = xen_setup("answers", "validate", file, "--set", "host.console=printer")
    assert (3, "") == (done.returncode, done.stdout)
    for words in (f"{file}:2:8: host.brige", f"{file}:3:19: guests.0.memory", "host.console"):
        assert words in done.stderr


def test_validate_against_a_saved_machine_finds_what_does_not_fit_it(
    lab: Path, tmp_path: Path
) -> None:
    done = xen_setup("answers", "validate", lab, "--facts", STOCK)
    assert 0 == done.returncode, done.stderr
    assert f"One by one they fit the machine of {STOCK}." in done.stdout
    done = xen_setup("answers", "validate", lab, "--facts", STOCK, "--set", "guests.1.name=web")
    assert 3 == done.returncode
    assert "guests.1.name" in done.stderr
    full = tmp_path / "full.json"
    full.write_text(facts_text(machines()["full"]))
    done = xen_setup("answers", "validate", lab, "--facts", full)
    assert 3 == done.returncode
    assert "storage.use" in done.stderr


def test_what_only_root_could_have_known_is_no_problem_of_the_file(
    lab: Path, tmp_path: Path
) -> None:
    facts = tmp_path / "user.json"
    facts.write_text(facts_text(machines()["user"]))
    done = xen_setup("answers", "validate", lab, "--facts", facts)
    assert 0 == done.returncode, done.stderr
    assert "storage.use" in done.stdout
    assert "without root" in done.stdout


def test_explain_lists_every_key_with_its_question() -> None:
    done = xen_setup("answers", "explain")
    assert (0, "") == (done.returncode, done.stderr)
    assert KEYS == [line.split()[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    "key", ["guests.memory", "guests.0.memory", "guests.vm01.memory", "defaults.memory"]
)
def test_explain_tells_all_of_a_key(key: str) -> None:
    done = xen_setup("answers", "explain", key, "--facts", STOCK)
    assert (0, "") == (done.returncode, done.stderr)
    for words in (
        "How much memory does the guest get?",
        "Debian's own kernel and initrd need 512MiB to start.",
        "a size of at least 64MiB",
        "512MiB: less, and Debian's initrd does not unpack",
        "(guest_config)",
        "- memory: 512MiB",
        "--set guests.0.memory=512MiB",
    ):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("section", "first", "left_out"),
    [
        ("host", "host.dom0_memory", "storage.use"),
        ("storage", "storage.use", "host.bridge"),
        ("guests", "guests.name", "host.bridge"),
        ("defaults", "defaults.memory", "defaults.name"),
    ],
)
def test_explain_tells_the_keys_of_a_section(
    section: str, first: str, left_out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Exit.DONE == cli.run(parse(["answers", "explain", section]))
    said = capsys.readouterr().out
    keys = [line.split()[0] for line in said.splitlines() if line.startswith(f"{section}.")]
    assert first == keys[0]
    assert len(keys) > 4
    assert left_out not in keys
    assert left_out.partition(".")[0] == section or f"\n{left_out}" not in said


def test_explain_tells_what_this_machine_suggests_and_why() -> None:
    done = xen_setup("answers", "explain", "storage.use", "--facts", STOCK)
    assert "existing-group, free-space or device" in done.stdout
    assert "free-space on this machine: /dev/disk/by-id/virtio-practice-disk has" in done.stdout
    assert "(not possible: there is none on this machine)" in done.stdout
    done = xen_setup("answers", "explain", "storage.device", "--facts", STOCK)
    assert "/dev/disk/by-id/virtio-practice-disk: /dev/vda  disk" in done.stdout


@pytest.mark.parametrize("key", KEYS)
def test_explain_explains_every_key(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == cli.run(parse(["answers", "explain", key, "--facts", str(STOCK)]))
    assert key in capsys.readouterr().out


@needs_root
def test_explain_looks_at_this_machine_and_needs_no_root_for_it() -> None:
    done = xen_setup("answers", "explain", "host.dom0_memory", user=NOBODY)
    assert (0, "") == (done.returncode, done.stderr)
    assert "on this machine: about a quarter" in done.stdout


@pytest.mark.parametrize(
    ("given", "meant"),
    [("memory", "guests.memory"), ("host.brige", "host.bridge"), ("colour", "explain")],
)
def test_an_unknown_key_gets_the_nearest_one(given: str, meant: str) -> None:
    done = xen_setup("answers", "explain", given)
    assert (2, "") == (done.returncode, done.stdout)
    assert f"There is no key '{given}'" in done.stderr
    assert meant in done.stderr


@pytest.mark.parametrize("command", ["validate", "show", "migrate"])
def test_a_saved_plan_is_told_as_that_and_not_as_a_file_full_of_mistakes(
    command: str, tmp_path: Path
) -> None:
    plan = tmp_path / "lab.plan"
    plan.write_text('{\n "shape": "xen-setup saved plan",\n "version": 1\n}\n')
    done = xen_setup("answers", command, plan)
    assert done.returncode == Exit.USAGE
    assert f"{plan} is a saved plan" in done.stderr


def test_validate_gives_programs_the_problems_as_json(tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text("version: 1\nhost: {brige: a}\n")
    done = xen_setup("answers", "validate", file, "--json")
    assert 3 == done.returncode
    (problem,) = must_fit("answers-validate", done.stdout)["problems"]
    assert ("host.brige", 2, 8) == (problem["key"], problem["line"], problem["column"])
    file.write_text("version: 1\n")
    done = xen_setup("answers", "validate", file, "--json")
    assert (0, []) == (done.returncode, must_fit("answers-validate", done.stdout)["problems"])


def test_five_mistakes_in_a_labs_file_are_told_at_once() -> None:
    folder = ROOT / "tests" / "answers"
    said = (folder / "five-mistakes.txt").read_text()
    done = xen_setup("answers", "validate", folder / "five-mistakes.yaml")
    assert (done.returncode, done.stdout) == (Exit.ANSWERS_INVALID, "")
    assert said == done.stderr.replace(f"{folder}/", "")
