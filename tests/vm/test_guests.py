"""A finished host's guests looked after: stopped, started, rebooted, one added, one removed, back.

XEN_SETUP_HOST=NAME takes a practice machine that is a finished host already, and uses it up.
The tests of this file are one journey, in this order; after a failure the rest is not tried.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vm.conftest import JOURNEY, Say
from tests.vm.whole_run import inside
from wizard.practice.machine import PracticeMachine
from wizard.practice.places import MachineName

# A host and a second guest are installed: half an hour and more, emulated.
pytestmark = [JOURNEY, pytest.mark.full]

ROOT = Path(__file__).parent.parent.parent
MORE = b"""\
version: 1
guests:
  - name: vm02
    memory: 512MiB
    root_size: 1GiB
    swap_size: none
"""
# Types Enter at the console until the guest asks who is there, then leaves it by Ctrl-].
CONSOLE = b"""\
import os, pty, select, sys, time
child, terminal = pty.fork()
if child == 0:
    os.execvp("xen-setup", ["xen-setup", "guests", "console", "vm01"])
seen, ends, nudged = "", time.monotonic() + 300, 0.0
while "vm01 login:" not in seen and time.monotonic() < ends:
    if time.monotonic() - nudged > 15:
        os.write(terminal, b"\\n")
        nudged = time.monotonic()
    if select.select([terminal], [], [], 1)[0]:
        seen += os.read(terminal, 65536).decode(errors="replace")
os.write(terminal, b"\\x1d")
try:
    while True:
        seen += os.read(terminal, 65536).decode(errors="replace")
except OSError:
    pass
print(seen)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.exit(status if "vm01 login:" in seen else 99)
"""


@pytest.fixture(scope="module")
def host(request: pytest.FixtureRequest) -> Iterator[PracticeMachine]:
    """A finished host with the guest vm01."""
    name = os.environ.get("XEN_SETUP_HOST")
    if name:
        machine = PracticeMachine(MachineName(name))
        command = ["practice", "exec", "--name", name, "--", "true"]
    else:
        machine = request.getfixturevalue("machine")
        command = ["practice", "--unattended", "--name", str(machine.name)]
    subprocess.run([ROOT / "xen-setup", *command], check=True, stdin=subprocess.DEVNULL)
    yield machine


def typed(host: PracticeMachine, say: Say, *words: str) -> str:
    """What `xen-setup` says to these words, which must be right."""
    started = time.monotonic()
    status, said = inside(host, "xen-setup", *words, seconds=3600)
    say(f"xen-setup {' '.join(words)}: exit {status} in {time.monotonic() - started:.0f} s")
    for line in said.splitlines():
        say(f"    {line}")
    assert status == 0, said
    return said


def guests(host: PracticeMachine) -> dict[str, Any]:
    """`guests --json`, by name."""
    status, said = inside(host, "xen-setup", "guests", "--json", seconds=300)
    assert status == 0, said
    return {guest["name"]: guest for guest in json.loads(said)["guests"]}


def test_the_guests_and_the_bridge_are_shown(host: PracticeMachine, say: Say) -> None:
    table = typed(host, say, "guests")
    assert re.search(r"^Domain-0 +0 +running ", table, re.MULTILINE)
    found = guests(host)
    assert found["vm01"]["id"] > 0
    assert [disk["target"] for disk in found["vm01"]["disks"]] == ["xvda1", "xvda2"]
    number = found["vm01"]["id"]
    drawing = typed(host, say, "network", "--plain")
    assert re.search(rf"vif{number}\.0 +---- eth0 of vm01 \(domain {number}\)", drawing), drawing
    assert max(map(len, drawing.splitlines())) < 80


def test_a_guest_is_stopped_in_order(host: PracticeMachine, say: Say) -> None:
    assert "vm01 has ended." in typed(host, say, "guests", "stop", "vm01")
    assert guests(host)["vm01"]["state"] == "stopped"
    assert "vm01" not in inside(host, "xl", "list")[1]


def test_it_is_started_again_and_its_console_asks_who_is_there(
    host: PracticeMachine, say: Say
) -> None:
    assert re.search(r"vm01 runs: domain \d+\.", typed(host, say, "guests", "start", "vm01"))
    host.write_file("/tmp/console.py", CONSOLE)
    status, said = inside(host, "python3", "/tmp/console.py", seconds=600)
    say(said[-500:])
    assert status == 0, said
    assert "Ctrl-] leaves it" in said


def test_after_a_reboot_it_has_a_new_number(host: PracticeMachine, say: Say) -> None:
    before = guests(host)["vm01"]["id"]
    said = typed(host, say, "guests", "reboot", "vm01")
    assert f"it was domain {before}, and is" in said
    assert guests(host)["vm01"]["id"] > before


def test_a_second_guest_is_added_as_a_run_of_its_own(host: PracticeMachine, say: Say) -> None:
    host.write_file("/root/more.yaml", MORE)
    said = typed(host, say, "guests", "add", "/root/more.yaml", "--quiet")
    found = guests(host)
    assert {"vm01", "vm02"} <= set(found)
    assert found["vm02"]["autostart"]
    status = json.loads(inside(host, "xen-setup", "status", "--json")[1])
    assert [run["state"] for run in status["runs"]] == ["finished", "finished"], said
    assert "Nothing was to be done" in typed(host, say, "guests", "add", "/root/more.yaml")


def test_the_first_guest_is_removed_with_what_is_its_own(host: PracticeMachine, say: Say) -> None:
    status, refused = inside(host, "xen-setup", "guests", "remove", "vm01")
    assert status == 2, refused
    assert "vm01 is removed" in typed(host, say, "guests", "remove", "vm01", "--yes")
    assert set(guests(host)) == {"Domain-0", "vm02"}
    volumes = inside(host, "lvs", "--noheadings", "--options", "lv_name")[1].split()
    assert volumes == ["vm02-root"]
    listed = inside(host, "ls", "/etc/xen/auto")[1].split()
    assert listed == ["vm02.cfg"]


def test_the_run_that_added_is_taken_back_alone(host: PracticeMachine, say: Say) -> None:
    status, refused = inside(host, "xen-setup", "rollback", "--run", "1", "--yes")
    assert status == 2, refused
    assert "run 2 stands on it" in refused
    typed(host, say, "rollback", "--run", "2", "--yes")
    assert set(guests(host)) == {"Domain-0"}
    assert inside(host, "vgs", "xendisks")[0] == 0
    assert inside(host, "test", "-e", "/etc/xen/vm02.cfg")[0] == 1


def test_the_host_is_taken_back_without_a_word_of_what_was_removed(
    host: PracticeMachine, say: Say
) -> None:
    said = typed(host, say, "rollback", "--yes")
    assert "vm01" not in said
    assert "could not be taken back" not in said
    assert inside(host, "vgs", "xendisks")[0] != 0
    assert inside(host, "dpkg", "--status", "xen-system-amd64")[0] != 0
