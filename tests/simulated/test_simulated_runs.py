"""`--simulate`: whole runs that are only played, by the real program, as a process."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from steps.machines import EXAMPLES, example
from tests.cli.program import below_temporary, xen_setup
from tests.simulated.playing import ANSWERS, NOBODY, NOTHING, place, play, tree
from wizard.errors import Exit
from wizard.journal import Store

# What must be said for a machine before a run on it ends well.
SETTINGS = {
    "stock": (),
    "debian-13": (),
    "ubuntu-24.04": (
        "host.bridge=none", "guests.vm01.memory=1GiB", "host.after_reboot=by-itself",
    ),
    "spare-partition": ("host.ignore=secure-boot",),
    "under-xen": ("guests.vm01.name=web",),
}  # fmt: skip


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    path = tmp_path / "answers.yaml"
    path.write_text(ANSWERS)
    path.chmod(0o644)
    return path


def test_every_example_has_its_file_and_is_said_how_to_run() -> None:
    assert set(SETTINGS) == set(EXAMPLES)
    assert all(example(name).is_file() for name in EXAMPLES)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_run_is_played_to_the_login_prompt_on_every_example(
    name: str, tmp_path: Path, answers: Path
) -> None:
    given = [word for one in SETTINGS[name] for word in ("--set", one)]
    before = tree(tmp_path)
    done = play(tmp_path, "apply", "--simulate", name, *given, answers)
    assert done.returncode == Exit.DONE, done.stdout + done.stderr
    assert done.stdout.startswith(f"SIMULATED, on the machine {name}")
    assert "xl console" in done.stdout
    assert "Domain-0" in done.stdout
    assert done.stdout.rstrip().endswith(f"{NOTHING}.")
    assert tree(tmp_path) == before
    assert "\x1b" not in done.stdout


def test_every_step_says_that_it_is_simulated(tmp_path: Path, answers: Path) -> None:
    done = play(tmp_path, "apply", "--simulate", "stock", answers)
    steps = [line for line in done.stdout.splitlines() if re.match(r"\d+/11 ", line)]
    assert len(steps) == 12  # the last one again, after the boot
    assert all("(simulated)" in line for line in steps)


@pytest.mark.slow  # it waits: without, no second goes by; console/test_finished.py has the words
def test_the_time_of_the_whole_run_is_said_and_not_only_since_the_boot(
    tmp_path: Path, answers: Path
) -> None:
    words = ("apply", "--simulate", "stock", "--simulate-pace", "0.001", answers)
    given = place(tmp_path)
    done = xen_setup(*words, HOME=given["HOME"], TMPDIR=given["TMPDIR"])
    assert re.search(r"Done and verified \d+ s after the run began, \d+ s after it", done.stdout)


def test_it_needs_no_root_and_changes_nothing_that_anybody_could_change(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for folder in below_temporary(tmp_path):
        folder.chmod(0o755)
    (tmp_path / "answers.yaml").write_text(ANSWERS)
    given = place(tmp_path)
    (tmp_path / "tmp").chmod(0o777)
    before = tree(tmp_path)
    done = xen_setup(
        "apply", "--simulate", "stock", "--simulate-pace", "0", tmp_path / "answers.yaml",
        user=NOBODY, HOME=given["HOME"], TMPDIR=given["TMPDIR"],
    )  # fmt: skip
    assert done.returncode == Exit.DONE, done.stdout + done.stderr
    assert tree(tmp_path) == before


def test_the_journal_of_a_play_is_no_machines(tmp_path: Path, answers: Path) -> None:
    state = tmp_path / "state"
    done = play(tmp_path, "apply", "--simulate", "stock", "--state-dir", state, answers)
    assert done.returncode == Exit.DONE
    (run,) = Store(state, lambda: "simulated").runs()
    assert Store(state, lambda: "simulated").ledger(run).state == "finished"
    refused = xen_setup("rollback", "--yes", "--state-dir", state)
    assert refused.returncode not in {Exit.DONE, Exit.BUG}
    assert "another machine's" in refused.stderr


# ---- failures that are asked for

FAILING = [
    "xen_packages", "grub_entry", "xend_services", "network_bridge", "volume_group",
    "guest_volumes", "guest_system", "guest_config", "first_boot",
]  # fmt: skip


@pytest.mark.parametrize("step", FAILING)
def test_a_failure_ends_as_on_a_real_machine(step: str, tmp_path: Path, answers: Path) -> None:
    done = play(tmp_path, "apply", "--simulate", "stock", "--simulate-failure", step, answers)
    after_the_boot = step == "first_boot"
    assert done.returncode == (Exit.STOPPED if after_the_boot else Exit.ROLLED_BACK)
    assert f"FAILED: {step}" in done.stdout
    assert NOTHING in done.stderr
    assert ("All that was done is taken back" in done.stderr) is not after_the_boot


def test_a_step_with_nothing_to_do_cannot_fail(tmp_path: Path, answers: Path) -> None:
    done = play(
        tmp_path, "apply", "--simulate", "stock", "--simulate-failure", "tls_libraries", answers
    )
    assert done.returncode == Exit.USAGE
    assert "nothing to do" in done.stderr


# ---- what cannot be played


@pytest.mark.parametrize("words", [["--simulate"], ["--simulate", "nosuch"]])
def test_without_a_known_machine_the_examples_are_listed(words: list[str]) -> None:
    done = xen_setup(*words)
    assert done.returncode == Exit.USAGE
    for name, about in EXAMPLES.items():
        assert name in done.stderr
        assert about in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--simulate", "stock", "--simulate-failure", "nosuch"], "There is no step nosuch"),
        (["--simulate-failure", "first_boot"], "only be let happen in a simulated run"),
        (["--simulate", "stock", "rollback"], "cannot be simulated"),
        (["--simulate", "stock", "--no-input"], "--no-input forbids them"),
        (["--simulate", "stock"], "no terminal to ask questions on"),
        (["--simulate", "stock"], "use: xen-setup apply --simulate stock ANSWERS"),
    ],
)
def test_what_cannot_be_played_says_why(words: list[str], expected: str) -> None:
    done = xen_setup(*words)
    assert done.returncode == Exit.USAGE
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_facts_that_were_saved_can_be_played(tmp_path: Path, answers: Path) -> None:
    saved = tmp_path / "mine.json"
    saved.write_bytes(example("debian-13").read_bytes())
    done = play(tmp_path, "apply", "--simulate", saved, answers)
    assert done.returncode == Exit.DONE, done.stderr
