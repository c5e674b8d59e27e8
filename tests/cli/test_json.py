"""--json: what programs read, and the schemas that say its shape; statuses stay as they are."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from steps.saved_facts import facts_text
from tests import machines
from tests.cli.program import STOCK, xen_setup
from tests.engine.world import full_world
from wizard.arguments import parse
from wizard.cli import run
from wizard.errors import AnswersInvalid, Exit, RebootNeeded
from wizard.program_schemas import FOLDER, schema_texts
from wizard.shapes import document_text, status_document
from wizard.status import status

NAMES = ("check", "facts", "plan", "saved-plan", "status")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read its own journals")


def must_fit(name: str, text: str) -> Any:
    """The value of a JSON text, which fits the schema of that name."""
    value = json.loads(text)
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text())
    errors = [
        f"{error.json_path}: {error.message}"
        for error in Draft202012Validator(schema).iter_errors(value)
    ]
    assert [] == errors
    return value


def test_the_schemas_are_current_and_every_document_has_one() -> None:
    texts = schema_texts()
    assert {f"{name}.schema.json" for name in NAMES} <= {path.name for path in texts}
    assert set(texts) == set(FOLDER.iterdir())
    for path, text in texts.items():
        assert text == path.read_text(), "write them anew: python -m wizard.program_schemas"
        Draft202012Validator.check_schema(json.loads(text))


def test_the_schemas_say_no() -> None:
    text = xen_setup("plan", "--json", "--facts", STOCK).stdout
    schema = json.loads((FOLDER / "plan.schema.json").read_text())
    for spoil in (
        {"version": 2},
        {"actions": "39"},
        {"colour": "blue"},
        {"steps": [{"name": "distribution"}]},
    ):
        assert not Draft202012Validator(schema).is_valid({**json.loads(text), **spoil})


@pytest.mark.parametrize("name", sorted(machines.machines()))
def test_every_machine_fits_the_schemas(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "facts.json"
    path.write_text(facts_text(machines.machines()[name]))
    for command in ("facts", "check", "plan"):
        try:
            ended = run(parse([command, "--json", "--facts", str(path)]))
        except AnswersInvalid as error:
            ended = int(error.status)
        value = must_fit(command, capsys.readouterr().out)
        if command != "facts":
            assert ended == value["exit_status"]
            assert machines.machines()[name].hostname == value["machine"]["hostname"]
            # What nothing on a machine suggests, which is not fit, is no wrong answer.
            assert bool(value["answers"]) >= (ended == Exit.ANSWERS_INVALID)
            assert ended in {Exit.ANSWERS_INVALID, Exit.CHECKS_FAILED} or not value["answers"]


def test_words_go_to_standard_error() -> None:
    done = xen_setup("plan", "--json", "--facts", STOCK)
    assert done.returncode == Exit.DONE
    must_fit("plan", done.stdout)
    assert "No check failed" in done.stderr
    assert "Step 1" not in done.stderr


def test_failed_checks_are_in_the_json_and_keep_their_status(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text(facts_text(machines.in_container(machines.stock())))
    done = xen_setup("check", "--json", "--facts", path, "--set", "storage.device=/dev/vda")
    value = must_fit("check", done.stdout)
    failed = [step for step in value["steps"] if step["verdict"] == "failed"]
    assert "container" in [problem["name"] for step in failed for problem in step["problems"]]
    assert value["failed"] >= len(failed) > 0
    assert done.returncode == value["exit_status"]


@pytest.mark.parametrize("command", ["check", "plan"])
def test_wrong_answers_are_in_the_json_with_their_places(command: str, tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text("version: 1\nhost:\n  bridg: xenbr0\n  dom0_memory: lots\n")
    done = xen_setup(command, path, "--json", "--facts", STOCK)
    assert done.returncode == Exit.ANSWERS_INVALID
    value = must_fit(command, done.stdout)
    assert [(3, 3), (4, 16)] == [(one["line"], one["column"]) for one in value["answers"]]
    assert value["machine"] is None
    assert "lab.yaml:3:3" in done.stderr


def test_an_answer_that_does_not_fit_the_machine_is_in_the_json_too(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text(facts_text(machines.full(machines.stock())))
    done = xen_setup("plan", "--json", "--facts", path)
    assert done.returncode == Exit.CHECKS_FAILED
    value = must_fit("plan", done.stdout)
    assert "storage.use" in [one["key"] for one in value["answers"]]
    assert value["steps"]


# ---- status


def test_status_tells_of_every_state_a_run_can_be_in(tmp_path: Path) -> None:
    world = full_world(tmp_path)

    def seen() -> tuple[str, int | None, str]:
        document = status_document(status(world.store, world.boot.read_text()))
        value = must_fit("status", document_text(document))
        return value["state"], value["exit_status"], value["next"]

    assert ("nothing yet", None, "sudo xen-setup") == seen()
    with pytest.raises(RebootNeeded):
        world.pipeline().apply("settings", "version: 1\n")
    assert ("waiting for a boot", 8, "sudo reboot") == seen()
    world.reboot()
    world.tasks[-1].broken = True
    with pytest.raises(Exception, match="Stopped in the step last"):
        world.pipeline().resume("settings")
    assert ("stopped", 7, "sudo xen-setup resume") == seen()
    world.tasks[-1].broken = False
    world.resume()
    assert ("finished", 0, "") == seen()
    with world.store.lock("apply"):
        assert ("running", None, "") == seen()
    (world.tree / "last.conf").write_text("edited\n")
    with pytest.raises(Exception, match="could not be taken back"):
        world.roll_back()
    assert ("rollback incomplete", 6, "sudo xen-setup rollback") == seen()
    (world.tree / "last.conf").unlink()
    world.roll_back()
    assert ("rolled back", None, "sudo xen-setup") == seen()


@needs_root
def test_status_json_of_a_machine_where_nothing_was_begun(tmp_path: Path) -> None:
    done = xen_setup("status", "--json", "--state-dir", tmp_path)
    assert (Exit.DONE, "") == (done.returncode, done.stderr)
    assert "nothing yet" == must_fit("status", done.stdout)["state"]


# ---- plan --detailed-exitcode


def test_a_plan_with_something_to_do_says_so_by_its_status_when_asked() -> None:
    asked = xen_setup("plan", "--detailed-exitcode", "--facts", STOCK)
    assert asked.returncode == 20
    as_json = xen_setup("plan", "--detailed-exitcode", "--json", "--facts", STOCK)
    assert (20, 20) == (as_json.returncode, json.loads(as_json.stdout)["exit_status"])
    assert xen_setup("plan", "--facts", STOCK).returncode == 0


def test_a_plan_with_nothing_to_do_is_zero(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text(facts_text(machines.finished(machines.stock())))
    done = xen_setup("plan", "--detailed-exitcode", "--facts", path)
    assert (0, "") == (done.returncode, done.stderr)
    assert "Nothing is to be done" in done.stdout


def test_errors_keep_their_statuses_with_it(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text("version: 1\nhosts: {}\n")
    done = xen_setup("plan", path, "--detailed-exitcode", "--facts", STOCK)
    assert done.returncode == Exit.ANSWERS_INVALID
    facts = tmp_path / "facts.json"
    facts.write_text(facts_text(machines.in_container(machines.with_second_disk(machines.stock()))))
    done = xen_setup(
        "plan", "--detailed-exitcode", "--facts", facts,
        "--set=storage.use=device", "--set=storage.device=/dev/vdb",
    )  # fmt: skip
    assert done.returncode == Exit.CHECKS_FAILED
