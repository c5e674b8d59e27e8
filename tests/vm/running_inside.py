"""xen-setup in the machine, watched line by line from outside; and what must hold after a fault."""

from __future__ import annotations

import json
import queue
import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.vm import snapshot
from tests.vm.conftest import Say
from tests.vm.power import Shelf, cut_power
from tests.vm.snapshot import Allowed, Difference, Snapshot
from tests.vm.whole_run import ANSWERS, inside, typed
from wizard.errors import Exit
from wizard.practice.errors import ConnectionLost
from wizard.practice.machine import PracticeMachine

ROOT = Path(__file__).parent.parent.parent
HOURS = 3600.0
# What differs between two undisturbed ends, too.
SAME_END = (
    *snapshot.ALLOWED,
    Allowed("network", "*vif*", "a domain's number counts its starts"),
    Allowed("leftovers", "/var/cache/*", "what was fetched before the fault is kept there"),
    Allowed("units", "failed: *", "compared apart, with what they say"),
)


def watched(
    machine: PracticeMachine,
    *argv: str,
    on_line: Callable[[str], None] = lambda _line: None,
    on_tick: Callable[[], None] = lambda: None,
) -> tuple[int, str]:
    """A command in the machine: `on_line` gets each line as it comes, `on_tick` comes five times a
    second. Its exit status (255: the connection broke), and all it said.
    """
    lines: queue.Queue[str | None] = queue.Queue()
    said: list[str] = []
    command = [
        str(ROOT / "xen-setup"),
        "practice",
        "exec",
        "--name",
        str(machine.name),
        "--",
        *argv,
    ]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace",
    ) as process:  # fmt: skip

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                lines.put(line.rstrip("\r\n"))
            lines.put(None)

        reader = threading.Thread(target=read)
        reader.start()
        while True:
            try:
                line = lines.get(timeout=0.2)
            except queue.Empty:
                on_tick()
                continue
            if line is None:
                break
            said.append(line)
            on_line(line)
        reader.join()
    return process.returncode, "\n".join(said)


def watched_apart(
    machine: PracticeMachine, *argv: str, on_line: Callable[[str], None], seconds: float
) -> tuple[int, str]:
    """A command in the machine that no connection carries, for as long as the machine's network may
    be away: its exit status and all it said; `on_line` gets each line within some seconds.
    """
    kept = '"$@" >/root/apart.said 2>&1; echo $? >/root/apart.status'
    # Nothing of it holds the connection's ends: the call returns at once.
    script = (
        f"rm -f /root/apart.*; setsid --fork sh -c '{kept}' sh \"$@\" </dev/null >/dev/null 2>&1"
    )
    machine.run(["sh", "-c", script, "sh", *argv])
    said: list[str] = []
    status = ""
    until = time.monotonic() + seconds
    while not status:
        assert time.monotonic() < until, "\n".join(said[-30:])
        time.sleep(3)
        with suppress(ConnectionLost):
            # The status first: what was said before it is whole then.
            ended = machine.run(["cat", "/root/apart.status"], seconds=300).out.decode()
            lines = machine.read_file("/root/apart.said").decode(errors="replace").splitlines()
            status = ended.strip()
            whole = lines if status else lines[:-1]  # its last line may be half there
            for line in whole[len(said) :]:
                said.append(line)
                on_line(line)
    machine.run(["sh", "-c", "rm /root/apart.*"])
    return int(status), "\n".join(said)


def status_of(machine: PracticeMachine) -> dict[str, Any]:
    """`status --json`: it can be read whatever happened, and nobody holds the lock."""
    done = machine.run(["xen-setup", "status", "--json"], seconds=600)
    document: dict[str, Any] = json.loads(done.out)
    assert document["holder"] is None, document
    assert document["state"] != "running", document
    return document


def is_xen(machine: PracticeMachine) -> bool:
    """Whether the machine runs under Xen now."""
    return machine.run(["grep", "-q", "control_d", "/proc/xen/capabilities"]).status == 0


def go_on(machine: PracticeMachine, say: Say, *, boots: int = 3) -> str:
    """What a person does after a fault: resume (or apply, where nothing was begun), and boot where
    that is asked for, until all is done. All that was said.
    """
    begun = status_of(machine)["state"] not in ("nothing yet", "rolled back")
    words = ("resume",) if begun else ("apply", ANSWERS)
    told = ""
    tried_again = False
    for _ in range(boots + 1):
        status, said = typed(machine, say, "xen-setup", *words)
        told += said
        words = ("resume",)
        if status == Exit.DONE:
            return told
        if status == Exit.STOPPED and "not into what was prepared" in said and not tried_again:
            tried_again = True  # it says: `xen-setup resume` boots once more
            continue
        assert status == Exit.REBOOT_NEEDED, f"exit {status}: {said[-3000:]}"
        machine.reboot(seconds=1200)
    raise AssertionError(f"it wants to boot for ever: {told[-3000:]}")


def roll_back(machine: PracticeMachine, say: Say) -> str:
    """Take all of it back, and boot."""
    status, said = typed(machine, say, "xen-setup", "rollback", "--yes")
    assert status == 0, f"exit {status}: {said[-3000:]}"
    machine.reboot(seconds=1200)
    assert not is_xen(machine), "the machine still runs under Xen"
    return said


def end_differences(undisturbed: Snapshot, now: Snapshot) -> list[Difference]:
    """What differs from the end of an undisturbed run, and is not allowed to (O3)."""
    return snapshot.compare(by_name(undisturbed), by_name(now), SAME_END)


def by_name(taken: Snapshot) -> Snapshot:
    """The volumes by their names: LVM gives each a UUID that is drawn anew."""
    names: Mapping[str, str] = {
        f"{key.partition(' ')[0]} {value}": "there" for key, value in taken["lvm"].items()
    }
    return {**taken, "lvm": dict(names)}


def nothing_is_left(machine: PracticeMachine) -> None:
    """No mount, no timer, no half written file, no process of ours (O7, O8)."""
    script = """
        grep /run/xen-setup /proc/self/mountinfo
        systemctl list-units --all --no-legend --plain 'xen-setup*.timer'
        find /etc /boot -name '*.xen-setup-new'
        ls /run/xen-setup/running 2>/dev/null
        pgrep --full --list-full 'python3 -m wizar[d]'
        true
    """
    status, said = inside(machine, "sh", "-c", script)
    assert (status, said.strip()) == (0, ""), said


_BEGINS = re.compile(r"^\d+/\d+ .*\((\w+)\)(?:;|$)")


def copied_as_it_begins(
    machine: PracticeMachine, shelf: Shelf, step: str, say: Say, *argv: str
) -> str:
    """Run `xen-setup` until it says that this step begins: the disk of that moment is put on the
    shelf under the step's name, and the machine's power is cut. What was said until then.
    """

    def look(line: str) -> None:
        found = _BEGINS.match(line)
        if found and found[1] == step and not shelf.has(step):
            say(f"before {step}: frozen for {shelf.put(machine, step):.1f} s")
            cut_power(machine)

    _status, said = watched(machine, "xen-setup", *argv, "--no-input", on_line=look)
    assert shelf.has(step), said[-3000:]
    return said


def booted_from(shelf: Shelf, name: str, machine: PracticeMachine) -> PracticeMachine:
    """The machine, running from a copy of the shelf; what it did before goes."""
    if machine.status().pid is not None:
        cut_power(machine)
    shelf.machine_from(name, machine).start(seconds=1200)
    return machine


def stops(machine: PracticeMachine, say: Say, *argv: str, words: str) -> str:
    """A run that a fault stops: it says these words in its explanation, it can go on, and nobody
    was asked. All that it said.
    """
    status, said = typed(machine, say, "xen-setup", *argv, "--no-input", "--on-failure", "stop")
    assert status in (Exit.STOPPED, Exit.CHECKS_FAILED), f"exit {status}: {said[-3000:]}"
    flat = " ".join(said.split())
    assert words in flat, said[-3000:]
    document = status_of(machine)
    assert status == Exit.CHECKS_FAILED or document["next"] == "sudo xen-setup resume", document
    return flat
