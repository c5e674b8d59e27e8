"""The script of every plan that the tests know: good shell, and all that the plan has."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from steps import PIPELINE
from steps.facts import Facts
from steps.settings import Settings
from tests.credentials import HASH
from tests.fast import share
from tests.script.running import MACHINE, Shell, script_of, shellcheck
from tests.steps.answered import answered
from tests.steps.test_laws import ANSWERS, GUESTS, all_machines
from wizard.actions import (
    Action,
    CommandShows,
    InstallPackages,
    Probe,
    RunCommand,
    WriteFile,
    undo_class,
)
from wizard.apt import REPAIR, install_command
from wizard.preview import StepPreview, preview
from wizard.shell_script import shell_script

PLANS = [(machine, kind) for machine in all_machines() for kind in ANSWERS]
SOME = share(PLANS, one_in=4)


@cache
def previews(machine: str, kind: str) -> tuple[StepPreview[Settings, Facts], ...]:
    facts = all_machines()[machine]
    guests = GUESTS.get(kind, 1)
    keys = {f"guests.{index}.root_password": HASH for index in range(guests)}
    settings = answered(facts, {**ANSWERS[kind], **keys}, guests)
    return tuple(preview(PIPELINE, settings, facts))


def actions_of(machine: str, kind: str) -> list[Action]:
    return [action for one in previews(machine, kind) if one.plan for action in one.plan.actions]


@cache
def script(machine: str, kind: str) -> str:
    return shell_script(previews(machine, kind), MACHINE)


USUAL = [(name, kind) for name, kind in PLANS if kind == "defaults" or name == "stock"]


@pytest.mark.parametrize(
    "plans", [share(USUAL, one_in=4), pytest.param(PLANS, marks=pytest.mark.full)]
)
def test_shellcheck_has_nothing_to_say(plans: list[tuple[str, str]], tmp_path: Path) -> None:
    paths: list[Path] = []
    for text in {script(machine, kind) for machine, kind in plans}:
        paths.append(tmp_path / f"{len(paths)}.sh")
        paths[-1].write_text(text, encoding="utf-8")
    assert len(paths) > 5
    assert [] == shellcheck(paths)


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_every_shell_reads_all_of_them(shell: str, tmp_path: Path) -> None:
    for text in {script(machine, kind) for machine, kind in SOME}:
        done = subprocess.run(
            [shell, "-n"], input=text, text=True, capture_output=True, check=False
        )
        assert (0, "") == (done.returncode, done.stderr)


def test_a_disabled_warning_has_its_reason_beside_it() -> None:
    for machine, kind in SOME:
        for line in re.findall(r".*shellcheck disable.*", script(machine, kind)):
            assert re.fullmatch(r"# shellcheck disable=[SC0-9,]+ # .{10,}", line)


def test_the_same_plan_gives_the_same_script_byte_for_byte() -> None:
    text = script("stock", "two-guests")
    assert text == shell_script(tuple(previews("stock", "two-guests")), MACHINE)


@pytest.mark.parametrize(("machine", "kind"), PLANS)
def test_every_reason_is_in_it_and_no_secret(machine: str, kind: str) -> None:
    text = script(machine, kind)
    bare = re.sub(r"\n *# ", " ", text)
    for action in actions_of(machine, kind):
        if action.kind != "Reboot":
            assert " ".join(action.why.split()) in " ".join(bare.split())
    assert "hashhash" not in text


@pytest.mark.parametrize(("machine", "kind"), PLANS)
def test_every_text_of_a_file_is_in_it_line_by_line(machine: str, kind: str) -> None:
    text = script(machine, kind)
    for action in actions_of(machine, kind):
        if isinstance(action, WriteFile) and action.text:
            assert f"\n{action.text}" in text


def test_every_pattern_is_one_that_grep_takes() -> None:
    patterns = {
        pattern
        for machine, kind in SOME
        for action in actions_of(machine, kind)
        if isinstance(action, RunCommand)
        for pattern in (
            *([action.until] if action.until else []),
            *(probe.pattern for probe in probes(action)),
        )
    }
    assert len(patterns) > 10
    for pattern in patterns:
        done = subprocess.run(
            ["grep", "--perl-regexp", f"--regexp={pattern}"],
            input="", text=True, capture_output=True, check=False,
        )  # fmt: skip
        assert (1, "") == (done.returncode, done.stderr), pattern


def probes(action: RunCommand) -> list[CommandShows]:
    return [one for one in (action.probe, action.traces) if isinstance(one, CommandShows)]


def test_what_cannot_be_taken_back_is_named_in_the_head() -> None:
    lost = RunCommand(
        ("wipefs", "--all", "/dev/vdb"), "You typed its path.",
        undo_class="no undo", undo_note="what /dev/vdb holds (ext4) is lost",
    )  # fmt: skip
    head = script_of([lost]).partition("set -eu")[0]
    assert "# THERE IS NO WAY BACK FROM THIS:\n# - what /dev/vdb holds (ext4) is lost\n" in head
    assert undo_class(lost) == "no undo"


def expected_calls(action: Action) -> list[tuple[str, ...]]:
    """How programs are called that all end well and print nothing."""
    match action:
        case RunCommand():
            calls: list[tuple[str, ...]] = []
            if isinstance(action.probe, CommandShows):
                calls.append(action.probe.argv)
                if action.probe.lacks:
                    return calls  # it prints nothing, so it is done
            if isinstance(action.traces, CommandShows):
                calls.append(action.traces.argv)
            return [*calls, action.argv]
        case InstallPackages():
            return [REPAIR, install_command(action.packages)]
        case _:
            return []


def without_mounts(action: Action) -> Action:
    """The same where no volume is mounted, no device is there to look at, and no console."""
    if not isinstance(action, RunCommand):
        return action

    def outside(probe: Probe) -> Probe:
        return replace(probe, inside=None) if isinstance(probe, CommandShows) else probe

    return replace(
        action, inside=None, identity=None, until=None, probe=outside(action.probe),
        traces=outside(action.traces) if action.traces else None, own_log="",
    )  # fmt: skip


@pytest.mark.parametrize("machine", ["stock", "second-disk", "bridge"])
@pytest.mark.parametrize("kind", ANSWERS)
def test_programs_are_called_as_the_plan_says(machine: str, kind: str, tmp_path: Path) -> None:
    wanted = [
        without_mounts(action)
        for action in actions_of(machine, kind)
        if isinstance(action, RunCommand | InstallPackages)
        and not (isinstance(action, RunCommand) and absent_by_path(action.probe))
    ]
    shell = Shell(tmp_path)
    expected = [argv for action in wanted for argv in expected_calls(action)]
    for name in {argv[0] for argv in expected}:
        shell.stand_in(name, 'test -t 0 && exit 9\n[ -z "$(cat)" ] || true')
    done = shell.run(script_of(wanted), **{f"GUESTS_VM0{n}_ROOT_PASSWORD": HASH for n in (1, 2)})
    assert (0, "") == (done.returncode, done.stderr)
    assert expected == shell.calls
    assert len(expected) > 10, shlex.join(expected[0])


def absent_by_path(probe: Probe) -> bool:
    return type(probe).__name__ in ("PathAbsent", "PathPresent")
