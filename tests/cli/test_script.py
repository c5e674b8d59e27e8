"""`plan --script`: what is printed where, and when there is no script."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from steps.facts import Facts
from steps.resume_unit import UNIT
from steps.saved_facts import facts_text
from tests.cli.program import STOCK, xen_setup
from tests.machines import saved, stock
from tests.script.running import shellcheck
from wizard.errors import Exit


def facts_file(tmp_path: Path, facts: Facts) -> Path:
    path = tmp_path / "facts.json"
    path.write_text(facts_text(facts), encoding="utf-8")
    return path


@pytest.mark.parametrize("more", [(), ("--lessons",), ("--plain",)])
def test_the_script_is_all_that_is_printed(more: tuple[str, ...], tmp_path: Path) -> None:
    done = xen_setup("plan", "--script", *more, "--facts", STOCK)
    assert (Exit.DONE, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("#!/bin/sh\n")
    path = tmp_path / "plan.sh"
    path.write_text(done.stdout, encoding="utf-8")
    assert [] == shellcheck([path])
    assert ("2006" in done.stdout) is ("--lessons" in more)


def test_nothing_that_goes_on_by_itself_is_in_it() -> None:
    by_itself = ("--set", "host.after_reboot=by-itself", "--facts", STOCK)
    assert UNIT in xen_setup("plan", *by_itself).stdout
    assert UNIT not in xen_setup("plan", "--script", *by_itself).stdout


def test_it_can_say_that_something_is_to_be_done() -> None:
    done = xen_setup("plan", "--script", "--detailed-exitcode", "--facts", STOCK)
    assert Exit.SOMETHING_TO_DO == done.returncode


def with_password(facts: Facts) -> Facts:
    path = "/etc/network/interfaces"
    text = f"{facts.files[path]}\niface wlan0 inet dhcp\n    wpa-psk marker-of-a-secret\n"
    return replace(facts, files={**facts.files, path: text})


@pytest.mark.parametrize(
    ("facts", "more", "status", "words"),
    [
        (saved("user"), (), Exit.USAGE, "sudo xen-setup plan --script"),
        (saved("under-xen"), (), Exit.CHECKS_FAILED, "--ignore NAME"),
        (stock(), ("--set", "guests.0.memory=much"), Exit.ANSWERS_INVALID, "guests.0.memory"),
        (stock(), ("--json",), Exit.USAGE, "not both"),
        (with_password(stock()), (), Exit.USAGE, "has a password in it"),
    ],
)
def test_there_is_no_script_of_half_a_plan(
    facts: Facts, more: tuple[str, ...], status: Exit, words: str, tmp_path: Path
) -> None:
    done = xen_setup("plan", "--script", *more, "--facts", facts_file(tmp_path, facts))
    assert (status, "") == (done.returncode, done.stdout)
    assert words in done.stderr
    assert "marker-of-a-secret" not in done.stderr
