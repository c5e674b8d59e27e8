"""Answers on the command line: what only root knows, what is secret, what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

from steps.saved_facts import facts_text
from tests.cli.program import ROOT, STOCK, xen_setup
from tests.credentials import HASH
from tests.machines import machines
from wizard.arguments import Arguments
from wizard.program_session import portable_answers

PACKAGED = ROOT / "wizard/practice/first-guest.yaml"


def test_what_only_root_could_suggest_is_unknown_and_not_an_invalid_answer(tmp_path: Path) -> None:
    facts = tmp_path / "user.json"
    facts.write_text(facts_text(machines()["user"]))
    for command in ("check", "plan"):
        done = xen_setup(command, "--facts", facts)
        assert 0 == done.returncode, done.stdout + done.stderr
        assert "Without root nothing suggests an answer for storage.use" in done.stdout


def test_a_wrong_answer_is_wrong_for_an_ordinary_user_too(tmp_path: Path) -> None:
    facts = tmp_path / "user.json"
    facts.write_text(facts_text(machines()["user"]))
    done = xen_setup("check", "--facts", facts, "--set", "guests.0.memory=12")
    assert 3 == done.returncode
    assert "guests.0.memory" in done.stderr
    assert "Mend it and start again" in done.stderr  # there is no file to mend it in


def test_the_packaged_answers_plan_without_a_problem_and_show_no_hash() -> None:
    (hashed,) = [line.split('"')[1] for line in PACKAGED.read_text().splitlines() if '"$6$' in line]
    for command in ("check", "plan"):
        done = xen_setup(command, PACKAGED, "--facts", STOCK)
        assert 0 == done.returncode, done.stdout + done.stderr
        assert hashed not in done.stdout + done.stderr


def test_a_plain_password_is_refused_without_being_shown(tmp_path: Path) -> None:
    answers = tmp_path / "lab.yaml"
    answers.write_text("version: 1\nguests:\n- root_password: PLANTED-secret\n")
    done = xen_setup("plan", answers, "--facts", STOCK)
    assert 3 == done.returncode
    assert f"{answers}:3:18: guests.0.root_password:" in done.stderr
    assert "PLANTED" not in done.stdout + done.stderr


def test_all_problems_of_a_file_come_at_once_on_standard_error(tmp_path: Path) -> None:
    answers = tmp_path / "lab.yaml"
    answers.write_text("version: 1\nhost: {brige: a}\nguests: [{memory: 2048}, {vcpus: 0}]\n")
    done = xen_setup("plan", answers, "--facts", STOCK)
    assert 3 == done.returncode
    assert "" == done.stdout
    for place in (":2:8: host.brige:", ":3:19: guests.0.memory:", ":3:34: guests.1.vcpus:"):
        assert place in done.stderr
    assert "Mend them in the answer file and start again" in done.stderr


def test_several_files_count_in_their_order_and_options_last(tmp_path: Path) -> None:
    lab, mine = tmp_path / "lab.yaml", tmp_path / "mine.yaml"
    lab.write_text("version: 1\ndefaults: {root_size: 1GiB}\nguests: [{name: 'vm{01..03}'}]\n")
    mine.write_text("version: 1\nguests: [{name: vm02, root_size: 3GiB}]\n")
    options = ("--set", "guests.vm03.root_size=2GiB", "--set", "host.dom0_memory=512MiB")
    commands: tuple[tuple[str | Path, ...], ...] = (
        ("plan", lab, mine),
        ("--answers", lab, "plan", mine),
    )
    for command in commands:
        done = xen_setup(*command, "--facts", STOCK, *options)
        assert 0 == done.returncode, done.stdout + done.stderr
        for name, size in (("vm01", 1024), ("vm02", 3072), ("vm03", 2048)):
            assert f"--name {name}-root --size {size}m" in done.stdout


def test_a_problem_is_shown_with_its_line_marked(tmp_path: Path) -> None:
    answers = tmp_path / "lab.yaml"
    answers.write_text("version: 1\nhost:\n  brige: xenbr0\n")
    done = xen_setup("plan", answers, "--facts", STOCK)
    assert "\n          brige: xenbr0\n          ^\n" in done.stderr


def test_a_plan_does_not_depend_on_how_the_password_was_given(tmp_path: Path) -> None:
    answers = tmp_path / "lab.yaml"
    answers.write_text("version: 1\nguests: [{name: vm01}]\n")
    plans = {
        xen_setup(
            "plan", answers, "--facts", STOCK, "--set", f"guests.0.root_password={given}"
        ).stdout
        for given in (HASH, "env:NOT_SET", "file:/nonexistent", "asked")
    }
    assert 1 == len(plans)
    assert "chpasswd" in plans.pop()


def test_check_says_which_reference_leads_nowhere_here(tmp_path: Path) -> None:
    answers = tmp_path / "lab.yaml"
    answers.write_text("version: 1\nguests:\n- root_password: env:LAB_PASSWORD\n")
    done = xen_setup("check", answers)
    assert 3 == done.returncode
    assert f"{answers}:3:18: guests.0.root_password: The variable LAB_PASSWORD is not set." in (
        done.stderr
    )
    again = xen_setup("check", answers, LAB_PASSWORD="PLANTED")
    assert "LAB_PASSWORD" not in again.stderr
    assert "PLANTED" not in again.stdout + again.stderr


def test_answers_for_the_practice_machine_are_looked_at_before_it_starts(tmp_path: Path) -> None:
    answers = tmp_path / "lab.yaml"
    answers.write_text("version: 1\nguests:\n- root_password: env:LAB_PASSWORD\n")
    done = xen_setup("practice", "--unattended", answers)
    assert 3 == done.returncode
    assert "The variable LAB_PASSWORD is not set." in done.stderr


def test_answers_for_the_practice_machine_hold_hashes_in_place_of_references(
    tmp_path: Path,
) -> None:
    plain, secret = tmp_path / "plain.yaml", tmp_path / "secret"
    plain.write_text("version: 1\n# as it is\nguests: [{name: web}]\n")
    assert plain.read_bytes() == portable_answers(Arguments(files=(plain,)))
    secret.write_text("PLANTED\n")
    secret.chmod(0o600)
    plain.write_text(f"version: 1\nguests: [{{root_password: 'file:{secret}'}}]\n")
    text = portable_answers(Arguments(files=(plain,))).decode()
    assert "$6$" in text
    assert "PLANTED" not in text
    assert "file:" not in text


def test_answers_for_the_practice_machine_may_come_through_a_pipe() -> None:
    reads, writes = os.pipe()
    os.write(writes, b"version: 1\nhost: {bridge: xenbr7}\n")
    os.close(writes)
    try:
        assert "xenbr7" in portable_answers(Arguments(files=(Path(f"/dev/fd/{reads}"),))).decode()
    finally:
        os.close(reads)
