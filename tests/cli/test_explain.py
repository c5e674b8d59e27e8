"""`explain`: cause and fix for a text, and that no text does harm."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from steps.failures import RULES
from tests.cli.program import ROOT, environment, xen_setup
from tests.cli.test_json import must_fit
from tests.terminal import Terminal
from wizard.errors import Exit

MESSAGE = "Could not find bridge device xenbr0"
DISK = """\
Parsing config from /etc/xen/vm01.cfg
libxl: error: libxl_device.c:391:x: Disk vdev=xvda1 failed to stat: xendisks/a: No such file
libxl: error: libxl_create.c:1677:x: Domain 3:unable to add disk devices
"""


def test_a_log_is_answered_with_cause_fix_and_lesson(tmp_path: Path) -> None:
    log = tmp_path / "xl vm01.log"
    log.write_text(DISK)
    done = xen_setup("explain", log)
    assert done.returncode == Exit.DONE
    assert "Line 2 says:" in done.stdout
    assert "Likely cause: The config names a disk that is not there (xendisks/a)." in done.stdout
    assert "What to do: " in done.stdout
    assert "xen-setup learn guest_config" in done.stdout
    assert "earlier line says why" not in done.stdout, "a consequence says less than the cause"


def test_the_message_itself_will_do_and_standard_input() -> None:
    given = xen_setup("explain", MESSAGE)
    piped = xen_setup("explain", "-", stdin=MESSAGE)
    assert given.returncode == piped.returncode == Exit.DONE
    assert "the bridge xenbr0" in given.stdout
    assert given.stdout == piped.stdout


def test_a_message_longer_than_a_files_name_is_a_message() -> None:
    done = xen_setup("explain", f"{MESSAGE} {'as was said before ' * 20}")
    assert done.returncode == Exit.DONE, done.stderr
    assert "the bridge xenbr0" in done.stdout


def test_what_is_not_known_is_said_to_be(tmp_path: Path) -> None:
    done = xen_setup("explain", "-", stdin="all is well\n")
    assert done.returncode == Exit.NOT_KNOWN
    assert "No cause is known for this text." in done.stdout
    assert "xl dmesg" in done.stdout


def test_what_to_type_when_no_cause_is_known_can_be_typed() -> None:
    clone = "/home/alice/xen-setup/xen-setup"
    done = xen_setup("explain", "all is well", XEN_SETUP_PROGRAM=clone, PATH="/usr/bin:/bin")
    assert f"| {clone} explain -" in done.stdout
    assert f"`{clone} status`" in done.stdout


def test_programs_read_all_findings(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(DISK)
    value = must_fit("explain", xen_setup("explain", "--json", log).stdout)
    assert [(one["rule"], one["line"]) for one in value["findings"]] == [
        ("disk-path", 2),
        ("create-failed", 3),
    ]
    assert value["findings"][0]["row"] == 7
    done = xen_setup("explain", "--json", "-", stdin="nothing\n")
    value = must_fit("explain", done.stdout)
    assert (done.returncode, value["exit_status"], value["findings"]) == (21, 21, [])


@pytest.mark.parametrize("name", ["/nowhere", "/", ""])
def test_a_file_that_cannot_be_read_is_named(name: str) -> None:
    done = xen_setup("explain", name)
    assert done.returncode == Exit.USAGE
    assert "cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_commands_a_terminal_or_turns_text_around_does_not_come_out() -> None:
    hostile = f"\x1b]0;evil\x07\u202e{MESSAGE[:-4]}\x1b[31m\u200bbr\u202e0\x9b2J\r\r\n"
    done = xen_setup("explain", "-", stdin=hostile)
    assert done.returncode == Exit.DONE
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]", done.stdout)


def test_a_binary_file_is_refused_with_a_way_to_read_it(tmp_path: Path) -> None:
    file = tmp_path / "system.journal"
    file.write_bytes(os.urandom(300_000))
    done = xen_setup("explain", file)
    assert done.returncode == Exit.USAGE
    assert "is no text" in done.stderr
    assert "journalctl" in done.stderr
    file.write_bytes(b"\x1f\x8b\x08" + os.urandom(1000))
    assert "zcat" in xen_setup("explain", file).stderr


@pytest.mark.slow  # writes and reads a hundred megabytes
def test_of_a_hundred_megabytes_the_end_is_looked_at_in_little_memory(tmp_path: Path) -> None:
    big = tmp_path / "big"
    with big.open("w") as file:
        for _ in range(100):
            file.write("a line that says nothing at all, as most lines do\n" * 20_000)
        file.write(MESSAGE + "\n")
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20));"
        "sys.argv[0] = 'xen-setup'; from wizard.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", limited, "explain", big], cwd=ROOT, env=environment(),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == Exit.DONE, done.stderr
    assert "Only the last 4 MiB were looked at." in done.stdout
    assert "the bridge xenbr0" in done.stdout


def test_on_a_terminal_it_is_told_how_to_end_the_input(tmp_path: Path) -> None:
    program = [sys.executable, "-P", "-m", "wizard", "explain", "-"]
    with Terminal(program, ROOT, environment=environment(HOME=str(tmp_path))) as screen:
        screen.wait_for("Ctrl-D")
        screen.type(MESSAGE + "\r\x04")
        assert screen.ends() == Exit.DONE
        screen.wait_for("Likely cause")
        assert all(len(line) <= 80 for line in screen.whole_text.splitlines())


def test_every_rule_is_told_in_a_whole_sentence_of_json(tmp_path: Path) -> None:
    texts = json.dumps([(rule.cause, rule.fix) for rule in RULES])
    assert "Look: " not in texts
