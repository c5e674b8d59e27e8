"""The commands that change nothing, and how all of them end: real processes, real statuses."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from steps.saved_facts import facts_text
from tests import machines
from tests.cli.program import ROOT, STOCK, environment, xen_setup
from wizard.arguments import Command, parse
from wizard.cli import run
from wizard.errors import AnswersInvalid, Exit
from wizard.journal import Store

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start it as somebody else")


@pytest.fixture
def container(tmp_path: Path) -> Path:
    """Facts of a machine that is as stock as can be, but for being a container."""
    path = tmp_path / "container.json"
    path.write_text(facts_text(replace(machines.stock(), container="docker")))
    return path


def told_an_error(done: subprocess.CompletedProcess[str], status: Exit, *words: str) -> None:
    """It ended with that status and said these words, as an error and not as a crash."""
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith("xen-setup: ")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


# ---- help


def test_help_names_every_command_and_every_exit_status() -> None:
    done = xen_setup("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    for command in set(get_args(Command)) - {"guided"}:
        assert re.search(rf"^    {command}\b", done.stdout, re.MULTILINE), command
    for status in Exit:
        if status != Exit.HUNG_UP:
            assert re.search(rf"\b{int(status)}\b", done.stdout), status


@pytest.mark.parametrize("command", sorted(set(get_args(Command)) - {"guided"}))
def test_every_command_has_help(command: str) -> None:
    done = xen_setup(command, "--help")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 4


def test_the_help_fits_a_terminal_of_80_columns() -> None:
    done = xen_setup("--help", COLUMNS="80")
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []


def test_what_is_for_the_program_itself_is_not_in_the_help() -> None:
    text = xen_setup("rollback", "--help").stdout + xen_setup("--help").stdout
    assert "--unconfirmed" not in text
    assert "--state-dir" not in text


def test_version_is_one_line() -> None:
    assert re.fullmatch(r"xen-setup \d+\.\d+\.\d+\n", xen_setup("--version").stdout)


def test_an_example_machine_is_known_by_its_name() -> None:
    named, read = (xen_setup("plan", "--facts", machine) for machine in ("stock", STOCK))
    assert Exit.DONE == named.returncode, named.stderr
    assert read.stdout == named.stdout


# ---- 2: usage


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["frobnicate"], "frobnicate"),
        (["aply"], "Did you mean apply?"),
        (["answers", "shw"], "Did you mean show?"),
        (["--frobnicate"], "--frobnicate"),
        (["apply"], "ANSWERS"),
        (["rollback", "--to"], "--to"),
        (["apply", "--simulate", "stock", "--to", "grub_entry", "x.yaml"], "not both"),
        (["apply", "--simulate", "stock", "--log-file", "x", "x.yaml"], "not both"),
        (["--teach", "apply", "x.yaml"], "--teach --answers"),
        (["practice", "exec"], "two dashes"),
        (["practice", "exec", "--"], "two dashes"),
        (["practice", "stop", "--", "ls"], "practice exec"),
        (["practice", "stop", "--name", "../.."], "name"),
        (["resume", "--on-failure", "panic"], "panic"),
        (["plan", "--facts", "/nonexistent/facts.json"], "/nonexistent/facts.json"),
        (["plan", "--facts", "/etc/passwd"], "not JSON"),
        (["plan", "--facts", "/etc"], "/etc"),
        (["plan", "--facts", str(STOCK), "--set", "nonsense"], "KEY=VALUE"),
        (["plan", "--script", "--out", "x"], "not both"),
        (["guests", "--watch", "--json"], "not both"),
        (["--no-input"], "apply ANSWERS"),
        ([], "apply ANSWERS"),
    ],
    ids=" ".join,
)
def test_a_wrong_call_is_a_usage_error(arguments: list[str], words: str) -> None:
    told_an_error(xen_setup(*arguments), Exit.USAGE, words)


@needs_root
@pytest.mark.parametrize("command", [["apply", "x.yaml"], ["resume"], ["rollback", "--yes"]])
def test_who_is_not_root_is_told_to_start_it_with_sudo(command: list[str]) -> None:
    told_an_error(xen_setup(*command, user=NOBODY), Exit.USAGE, "sudo xen-setup")


@pytest.mark.slow  # three starts from nothing, of an account with no compiled modules
@needs_root
def test_an_ordinary_user_can_see_the_facts_and_check_and_plan() -> None:
    for command in (["facts", "--json"], ["check"], ["plan"]):
        done = xen_setup(*command, user=NOBODY)
        assert done.returncode in {Exit.DONE, Exit.CHECKS_FAILED, Exit.ANSWERS_INVALID}
        assert "Traceback" not in done.stderr
    assert "only root can read" in done.stdout


@needs_root
def test_a_journal_that_only_root_can_read_is_no_mystery_to_a_user(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    tmp_path.chmod(0o755)
    for parent in [*tmp_path.parents][:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    done = xen_setup("status", "--state-dir", state, user=NOBODY)
    told_an_error(done, Exit.USAGE, "sudo xen-setup status")


# ---- 3: answers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "version"),
        ("version: 1\nhost:\n  bridg: xenbr0\n", "answers.yaml:3:3"),
        ("version: 1\nhost:\n  dom0_memory: lots\n", "answers.yaml:3"),
        ("version: 99\n", "version 99"),
        ("version: 1\nguests:\n  - memory: 512MiB\n    memory: 1GiB\n", "answers.yaml:4"),
        ("version: 1\n\thost: x\n", "answers.yaml:2"),
    ],
    ids=["empty", "unknown key", "not a size", "newer", "twice", "no YAML"],
)
def test_bad_answers_are_named_with_their_place(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "answers.yaml"
    path.write_text(text)
    for command in ("plan", "check"):
        done = xen_setup(command, path, "--facts", STOCK)
        told_an_error(done, Exit.ANSWERS_INVALID, words)


def test_a_missing_answer_file_is_named() -> None:
    done = xen_setup("check", "/nonexistent/answers.yaml", "--facts", STOCK)
    told_an_error(done, Exit.ANSWERS_INVALID, "/nonexistent/answers.yaml")


def test_an_answer_that_the_machine_cannot_suggest_is_missing_and_the_checks_still_show(
    tmp_path: Path,
) -> None:
    path = tmp_path / "full.json"
    path.write_text(facts_text(machines.full(machines.stock())))
    done = xen_setup("check", "--facts", path)
    assert (done.returncode, done.stderr) == (Exit.CHECKS_FAILED, "")
    assert "What this machine has" in done.stdout
    assert "nothing here suggests an answer for storage.use, storage.device." in done.stdout
    assert "4 checks failed; nothing was changed." in done.stdout
    # A wrong answer is one, whatever the machine is like.
    done = xen_setup("check", "--facts", path, "--set", "guests.0.network=10.0.2.15/24")
    told_an_error(done, Exit.ANSWERS_INVALID, "guests.0.network")


@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_machine_that_is_not_fit_is_told_by_all_its_checks(tmp_path: Path, command: str) -> None:
    """A container without a spare place ended with the two answers that nothing suggests there."""
    path = tmp_path / "facts.json"
    path.write_text(facts_text(machines.in_container(machines.full(machines.stock()))))
    done = xen_setup(command, "--facts", path)
    assert (done.returncode, done.stderr) == (Exit.CHECKS_FAILED, "")
    for name in ("[container]", "[memory]", "[no-guest-kernel]"):
        assert name in done.stdout
    assert "checks failed; nothing was changed." in done.stdout


# ---- 4 and 0: checks


def test_failed_checks_have_their_names_and_their_status(container: Path) -> None:
    done = xen_setup("check", "--facts", container)
    assert done.returncode == Exit.CHECKS_FAILED
    assert "[container]" in done.stdout
    assert "failed; nothing was changed." in done.stdout


def test_a_misspelt_check_is_not_ignored_in_silence() -> None:
    done = xen_setup("check", "--facts", STOCK, "--ignore", "spare-spce")
    assert Exit.USAGE == done.returncode
    assert "--ignore spare-spce: no check is called that.\nDid you mean spare-space" in done.stderr
    done = xen_setup("check", "--facts", STOCK, "--set", "host.ignore=grub, nonsense")
    assert Exit.ANSWERS_INVALID == done.returncode
    assert "'grub, nonsense' is not a list of names of checks." in done.stderr


def test_an_ignored_check_is_a_warning(container: Path) -> None:
    before = xen_setup("check", "--facts", container)
    names = re.findall(r"PROBLEM .*\[([a-z0-9-]+)\]", before.stdout)
    assert "container" in names
    after = xen_setup("check", "--facts", container, *(f"--ignore={name}" for name in names))
    assert after.returncode == Exit.DONE, after.stdout
    assert "PROBLEM" not in after.stdout
    assert re.search(r"warning .*\[container\]", after.stdout)


@pytest.mark.parametrize("name", sorted(machines.machines()))
@pytest.mark.parametrize("command", ["check", "plan"])
def test_every_machine_gets_an_answer(name: str, command: str, tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text(facts_text(machines.machines()[name]))
    try:
        status = run(parse([command, "--facts", str(path)]))
    except AnswersInvalid as error:
        assert error.problems
    else:
        assert status in {Exit.DONE, Exit.CHECKS_FAILED}


# ---- plans


def test_the_plan_shows_commands_differences_reasons_and_undos() -> None:
    text = xen_setup("plan", "--facts", STOCK).stdout
    for part in (
        "Step 1 of 11: ",
        "Step 11 of 11: ",
        "$ vgcreate",
        "+iface xenbr0 inet dhcp",
        "-iface ens3 inet dhcp",
        "undo: by removal: ",
        "undo: exact: ",
        "actions, usually 11 min",
    ):
        assert part in text


def test_the_plan_is_the_same_every_time() -> None:
    first, second = (xen_setup("plan", "--facts", STOCK).stdout for _ in range(2))
    assert first == second


def test_the_plan_has_the_lessons_when_asked() -> None:
    assert len(xen_setup("plan", "--lessons", "--facts", STOCK).stdout) > 2000 + len(
        xen_setup("plan", "--facts", STOCK).stdout
    )


def test_an_answer_on_the_command_line_gets_into_the_plan() -> None:
    done = xen_setup("plan", "--facts", STOCK, "--set", "storage.volume_group=pool")
    assert "vgcreate --addtag xen-setup pool" in done.stdout


def test_a_password_hash_is_not_in_the_plan(tmp_path: Path) -> None:
    digest = "$6$ThisIsTheSalt$" + "h4sh" * 21 + "ab"
    path = tmp_path / "answers.yaml"
    path.write_text(f"version: 1\nguests:\n  - root_password: '{digest}'\n")
    done = xen_setup("plan", path, "--facts", STOCK)
    assert "chpasswd" in done.stdout
    assert "ThisIsTheSalt" not in done.stdout + done.stderr


# ---- facts


def test_saved_facts_are_read_back_the_same(tmp_path: Path) -> None:
    done = xen_setup("facts", "--json", "--facts", STOCK)
    assert done.returncode == Exit.DONE
    path = tmp_path / "again.json"
    path.write_text(done.stdout)
    assert xen_setup("facts", "--json", "--facts", path).stdout == done.stdout
    assert json.loads(done.stdout)["hostname"] == machines.stock().hostname


def test_the_facts_of_this_machine_are_shown() -> None:
    done = xen_setup("facts")
    assert done.returncode == Exit.DONE, done.stderr
    assert re.search(r"^distribution +\S", done.stdout, re.MULTILINE)


# ---- status, resume, rollback where nothing was begun


def test_status_says_what_to_type_where_nothing_was_begun(tmp_path: Path) -> None:
    done = xen_setup("status", "--state-dir", tmp_path)
    assert done.returncode == Exit.DONE
    assert "Nothing was begun" in done.stdout
    assert "sudo xen-setup" in done.stdout


@needs_root
def test_nothing_to_go_on_with_and_nothing_to_take_back_is_no_error(tmp_path: Path) -> None:
    assert xen_setup("resume", "--state-dir", tmp_path).returncode == Exit.DONE
    assert xen_setup("rollback", "--yes", "--state-dir", tmp_path).returncode == Exit.DONE


@needs_root
def test_a_second_instance_is_told_of_the_first(tmp_path: Path) -> None:
    with Store(tmp_path).lock("apply"):
        done = xen_setup("rollback", "--yes", "--state-dir", tmp_path)
        told_an_error(done, Exit.LOCKED, f"process {os.getpid()}")
        shown = xen_setup("status", "--state-dir", tmp_path).stdout
    assert f"Process {os.getpid()}" in shown


# ---- how it is told


@pytest.mark.parametrize(
    "command", [["plan"], ["check"], ["facts"], ["plan", "--plain"]], ids=" ".join
)
def test_a_pipe_gets_no_escape_sequences(command: list[str]) -> None:
    done = xen_setup(*command, "--facts", STOCK, CLICOLOR_FORCE="1", FORCE_COLOR="1")
    assert "\x1b" not in done.stdout + done.stderr
    assert all(line == line.rstrip() for line in done.stdout.splitlines() if line[:1] != "+")


def test_a_reader_that_leaves_early_is_no_error_to_talk_about() -> None:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "wizard", "plan", "--facts", str(STOCK)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), cwd=ROOT,
    )  # fmt: skip
    assert process.stdout and process.stderr
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 141
    assert told == b""


@pytest.mark.parametrize(
    "command", [["plan", "--facts", str(STOCK)], ["--version"], ["plan", "--help"]], ids=" ".join
)
def test_a_full_disk_behind_the_output_is_said(command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "wizard", *command],
            stdout=full, stderr=subprocess.PIPE, text=True,
            env=environment(), cwd=ROOT, check=False,
        )  # fmt: skip
    told_an_error(done, Exit.USAGE, "cannot be written")


def test_a_terminal_without_utf8_gets_question_marks_and_no_crash() -> None:
    done = xen_setup("plan", "--facts", STOCK, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "Traceback" not in done.stderr
    assert done.stdout.isascii()


def test_it_holds_far_less_than_100_mb() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    xen_setup("plan", "--facts", STOCK)
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    # The largest of all children so far: only a growth of it can be blamed on this one.
    assert largest == before or largest < 100 * 1024


def test_a_ctrl_c_is_told_where_the_launcher_left_it_to_the_system() -> None:
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL);"
        "from wizard import cli; print(flush=True); sys.exit(cli.main(['explain', '-']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(), cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()  # from here on it is the program that catches it
        status = Path(f"/proc/{process.pid}/status")
        ends = time.monotonic() + 60
        while not int(re.findall(r"SigCgt:\s*(\w+)", status.read_text())[0], 16) & 2:
            assert time.monotonic() < ends
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "stopped by Ctrl-C" in process.stderr.read()
    assert Exit.INTERRUPTED == process.returncode


# ---- 1: bugs


def test_a_bug_leaves_a_report_without_secrets(tmp_path: Path) -> None:
    digest = "$6$ThisIsTheSalt$" + "h4sh" * 21 + "ab"
    code = (
        "import sys; from wizard import crash; sys.excepthook = crash.hook(sys.argv[1:]);"
        f"raise LookupError('no such thing: {digest}')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "apply", "--set", f"guests.0.root_password={digest}"],
        env=environment(HOME=str(tmp_path), PATH="/usr/bin:/bin", XEN_SETUP_PROGRAM="/srv/x/y"),
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    told_an_error(done, Exit.BUG, "this is a bug", "LookupError", "`/srv/x/y resume`")
    (report,) = (tmp_path / ".local/state/xen-setup").iterdir()
    assert str(report) in done.stderr
    text = report.read_text()
    assert "Traceback" in text
    assert "guests.0.root_password=…" in text
    assert "ThisIsTheSalt" not in text + done.stderr
    assert report.stat().st_mode & 0o777 == 0o600


# ---- practice, as far as it goes without a machine


def test_a_practice_machine_that_was_never_started_is_told_as_such(tmp_path: Path) -> None:
    place = str(tmp_path)
    done = xen_setup(
        "practice", "status", "--name", "mine", XDG_STATE_HOME=place, XDG_CACHE_HOME=place
    )
    assert done.returncode == Exit.DONE
    assert re.search(r"state: +absent", done.stdout)
    for command in ("stop", "reset"):
        done = xen_setup("practice", command, XDG_STATE_HOME=place, XDG_CACHE_HOME=place)
        assert done.returncode == Exit.DONE
    assert list(tmp_path.iterdir()) == []


def test_guided_practice_without_a_terminal_names_the_other_way(tmp_path: Path) -> None:
    done = xen_setup("practice", XDG_STATE_HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    told_an_error(done, Exit.USAGE, "practice --unattended")
