"""A script that is run later: what was edited meanwhile is not written over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.script.running import Shell, script_of, shellcheck
from wizard.actions import Action, Reboot, RunCommand, WriteFile, text_hash
from wizard.shell_script import AFTER_BOOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a script runs as root only")


def test_what_was_edited_since_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("tell")
    path, new = shell.top / "a file", shell.top / "new"
    path.write_text("at first\n")
    actions: list[Action] = [
        RunCommand(("tell", "down"), "It notes how it is called."),
        WriteFile(str(path), "one\n", "Why.", made_from=text_hash("at first\n")),
        WriteFile(str(path), "two\n", "Why.", made_from=text_hash("one\n")),
        WriteFile(str(new), "new\n", "Why.", made_from=text_hash("")),
        Reboot("Boot."),
        WriteFile(str(path), "three\n", "Why.", made_from=text_hash("two\n")),
    ]
    text = script_of(actions)
    for edited in (path, new):
        before = edited.read_text() if edited.exists() else None
        edited.write_text("edited\n")
        done = shell.run(text)
        assert f"{edited} was changed since the plan was made" in done.stderr
        assert (1, []) == (done.returncode, shell.calls)
        edited.unlink() if before is None else edited.write_text(before)
    for _again in range(2):
        assert 0 == shell.run(text).returncode
    shell.waiting.unlink()
    path.write_text("edited\n")
    assert "was changed since" in shell.run(text, AFTER_BOOT).stderr
    path.write_text("two\n")
    for _again in range(2):
        assert 0 == shell.run(text, AFTER_BOOT).returncode
    assert ("three\n", "new\n") == (path.read_text(), new.read_text())
    assert [] == shellcheck([shell.top / "plan.sh"])


def test_where_bytes_were_replaced_in_what_was_read_nothing_is_compared(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"f\xfcr\n")
    known = path.read_text(errors="replace")
    action = WriteFile(str(path), f"{known}new\n", "Why.", made_from=text_hash(known))
    assert 0 == Shell(tmp_path).run(script_of([action])).returncode
