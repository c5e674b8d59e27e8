"""The commands that GRUB Legacy's steps run, run by the real tools in a directory."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from steps import first_boot, grub_entry, xen_packages
from steps.facts import Facts
from steps.reading.legacy_menu import saved_number
from tests.hosts.unpacked import UNPACKED
from tests.machines import stock
from tests.machines_of_2006 import with_debians_default, with_legacy, with_saved_default
from tests.steps.answered import answered
from wizard.actions import CommandShows, Never, RunCommand

SET_DEFAULT = UNPACKED / "usr/sbin/grub-set-default"


def shows(probe: object, words: list[str], inside: Path) -> bool:
    """Whether a probe finds the work done, its paths taken below `inside`."""
    if isinstance(probe, Never):
        return False
    assert isinstance(probe, CommandShows)
    done = subprocess.run(
        [*words, *(str(inside) + word if word.startswith("/boot") else word
                   for word in probe.argv[1:])],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(probe.pattern, done.stdout, re.MULTILINE) is not None
    return done.returncode == 0 and found != probe.lacks


def test_update_grub_is_set_aside_and_put_back_by_dpkg(tmp_path: Path) -> None:
    program = tmp_path / "usr/sbin/update-grub"
    for folder in ("usr/sbin", "var/lib/dpkg"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").touch()
    program.write_text("the real one")
    facts = with_legacy(stock())
    aside, back = (
        action
        for action in xen_packages.plan(answered(facts), facts).actions
        if isinstance(action, RunCommand) and action.argv[0] == "dpkg-divert"
    )
    dpkg = ["dpkg-divert", f"--root={tmp_path}"]

    def run(argv: tuple[str, ...] | None) -> None:
        assert argv is not None
        subprocess.run([*dpkg, *argv[1:]], check=True, capture_output=True)

    assert not shows(aside.probe, dpkg, tmp_path)
    run(aside.argv)
    assert shows(aside.probe, dpkg, tmp_path)
    assert not shows(back.probe, dpkg, tmp_path)
    assert not program.exists()
    run(back.argv)
    assert shows(back.probe, dpkg, tmp_path)
    assert "the real one" == program.read_text()
    # The rollback: newest first, the packages going in between.
    run(back.undo)
    assert not program.exists()
    run(aside.undo)
    assert "the real one" == program.read_text()
    assert ["update-grub"] == [path.name for path in program.parent.iterdir()]


@pytest.mark.skipif(not SET_DEFAULT.exists(), reason="tests/run fetches GRUB Legacy")
@pytest.mark.parametrize("before", [None, 0, 1])
def test_the_saved_number_is_set_and_given_back_by_grubs_own_script(
    tmp_path: Path, before: int | None
) -> None:
    made = {None: with_legacy, 0: with_debians_default, 1: with_saved_default}
    facts: Facts = made[before](stock())
    for step in (xen_packages, grub_entry):
        facts = step.plan(answered(facts), facts).then
    action = next(
        one
        for one in first_boot.plan(answered(facts), facts).actions
        if isinstance(one, RunCommand) and one.argv[0] == "grub-set-default"
    )
    place = tmp_path / "boot/grub/default"
    place.parent.mkdir(parents=True)
    head = ["head"]

    def set_default(number: str) -> None:
        script = ["sh", str(SET_DEFAULT), f"--root-directory={tmp_path}", number]
        subprocess.run(script, check=True, capture_output=True)

    if before is not None:
        set_default(str(before))
    original = place.read_bytes() if before is not None else None
    assert not shows(action.probe, head, tmp_path), "it would be passed over, and not taken back"
    set_default(action.argv[1])
    assert shows(action.probe, head, tmp_path) is (before != 0)
    # As GRUB leaves it after that boot (seen): the number of plain Linux, a NUL, line ends.
    place.write_bytes(b"1\0\n\n\n\n\n\n\n\n" + place.read_bytes()[10:])
    assert 1 == saved_number(place.read_bytes())
    assert not shows(action.probe, head, tmp_path)
    assert action.undo is not None
    if before is None:
        assert ("rm", "--force", "/boot/grub/default") == action.undo
    else:
        assert shows(action.traces, head, tmp_path), "it is still to be taken back"
        set_default(action.undo[1])
        assert not shows(action.traces, head, tmp_path)
        assert original == place.read_bytes()
