"""One undisturbed run, watched: the disk at each moment at which a power cut is tried, and how the
machine stood at the borders between steps.

The run goes as far as a border (`--to`), the machine's state there is taken, and it goes on. After
a cut, `resume` goes as far as the next border, and there the state is compared: what follows is
then the same as without the cut, as each step plans from what it reads of the machine. Past the
last border, or where XEN_SETUP_CUTS_WHOLE is set, it goes to the guest's login prompt, and the ends
are compared.

A border's state has the guest's own files in it, each by its hash (`guest_tree.py`).
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steps import PIPELINE
from tests.vm import guest_tree, on_disk, snapshot
from tests.vm.conftest import Say
from tests.vm.cuts import Cut, Recorder, summary
from tests.vm.power import Shelf, cut_power
from tests.vm.running_inside import SAME_END, by_name, is_xen, status_of, watched
from tests.vm.snapshot import Allowed, Difference, Snapshot
from tests.vm.whole_run import ANSWERS, give_answers, give_program, inside, state_of
from wizard.errors import Exit
from wizard.practice.errors import ConnectionLost
from wizard.practice.machine import PracticeMachine
from wizard.practice.program import packed
from wizard.step import step_name

# The steps that change something, but for the last.
BORDERS = (
    "xen_packages", "grub_entry", "xend_services", "network_bridge", "volume_group",
    "guest_volumes", "guest_system", "guest_config",
)  # fmt: skip
# After a mend, the cuts of a run of the program before it: a user may get a newer one, too.
NEWER = bool(os.environ.get("XEN_SETUP_CUTS_NEWER"))
WHOLE = bool(os.environ.get("XEN_SETUP_CUTS_WHOLE"))
_STEPS = [step_name(step) for step in PIPELINE]
_GUEST = "/dev/xendisks/vm01-root"
_FILE = "story.json"

# The machine whose run was watched has not booted since it began; the one that is compared has.
SAME_BORDER = (
    *SAME_END,
    Allowed("guest", "/var/log/*", "logs have the time in them"),
    Allowed("guest", "/var/cache/ldconfig/aux-cache", "has inode numbers and times of libraries"),
)


@dataclass
class Story:
    """What the undisturbed run left, by name of the border; `taken` are the cuts on the shelf,
    `of_another` that another program ran, `empty` the files without content that it left (None: not
    looked for, as in older stories).
    """

    shelf: Shelf
    before: Snapshot = field(default_factory=dict)
    borders: dict[str, Snapshot] = field(default_factory=dict)
    finished: Snapshot = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    empty: list[str] | None = None
    of_another: bool = False

    @classmethod
    def kept(cls, shelf: Shelf) -> Story | None:
        """One that was recorded earlier, by this very program or where XEN_SETUP_CUTS_NEWER is set;
        None if there is none.
        """
        path = shelf.folder / _FILE
        if not path.exists():
            return None
        told: dict[str, Any] = json.loads(path.read_text())
        ours = told.pop("program") == packed().digest
        assert ours or NEWER, f"another program recorded {shelf.folder}"
        return cls(shelf, **told, of_another=not ours)

    def keep(self) -> None:
        """Have it for another time, beside the copies of its disk."""
        told = {
            "program": packed().digest, "before": self.before, "borders": self.borders,
            "finished": self.finished, "taken": self.taken, "empty": self.empty,
        }  # fmt: skip
        (self.shelf.folder / _FILE).write_text(json.dumps(told))

    def record(self, machine: PracticeMachine, cuts: list[Cut], say: Say) -> None:
        """The whole run, its cuts on the shelf; the machine is off afterwards."""
        say(summary(cuts))
        give_answers(machine)
        machine.run(["sync"])  # the program itself is not what is tried here
        self.before = state_of(machine)
        self.empty = _empty(machine)

        def take(name: str) -> None:
            say(f"cut {name}: frozen for {self.shelf.put(machine, name):.1f} s")

        recorder = Recorder(cuts, take)
        words = ["apply", ANSWERS]
        for border in BORDERS:
            self._part(machine, recorder, [*words, "--to", border], Exit.STOPPED)
            self.borders[border] = border_state(machine)
            self.empty = sorted({*self.empty, *_empty(machine)})
            words = ["resume"]
        self._part(machine, recorder, words, Exit.REBOOT_NEEDED)
        _reboot(machine, recorder)
        self._part(machine, recorder, words, Exit.DONE)
        recorder.finish()
        self.finished = state_of(machine)
        self.empty = sorted({*self.empty, *_empty(machine)})
        self.taken = sorted(recorder.taken)
        assert self.taken == sorted(cut.name for cut in cuts)
        machine.stop()

    def _part(
        self, machine: PracticeMachine, recorder: Recorder, words: list[str], expected: Exit
    ) -> None:
        recorder.begin()
        status, said = watched(
            machine, "xen-setup", *words, "--no-input",
            on_line=recorder.line, on_tick=recorder.tick,
        )  # fmt: skip
        recorder.end()
        assert status == expected, f"exit {status}: {said[-3000:]}"

    def after(self, cut: Cut, tried: PracticeMachine, say: Say) -> PracticeMachine:
        """The machine as the cut left it, booted again: it boots, and says where it stands."""
        if tried.status().pid is not None:
            cut_power(tried)  # of no matter to the copy
        self.shelf.machine_from(cut.name, tried)
        started = time.monotonic()
        tried.start(seconds=1200)
        if self.of_another:
            give_program(tried)
        document = status_of(tried)
        under = "Xen" if is_xen(tried) else "plain Linux"
        say(
            f"{cut}: boots {under} in {time.monotonic() - started:.0f} s; {document['state']}, "
            f"next: {document['next'] or 'nothing'}"
        )
        return tried


def _reboot(machine: PracticeMachine, recorder: Recorder) -> None:
    boot = machine.boot_id()
    recorder.begin("reboot")
    with suppress(ConnectionLost):  # it may go before it has answered
        machine.run(["systemctl", "--no-block", "reboot"])
    until = time.monotonic() + 65
    while time.monotonic() < until:
        recorder.tick()
        time.sleep(0.2)
    recorder.end()
    machine.wait_for_reboot(boot, seconds=1200)


def _empty(machine: PracticeMachine) -> list[str]:
    """What has no content in a machine that nothing was cut in."""
    places = [f"/{place}" for place in on_disk.PLACES]
    wanted = ("-ignore_readdir_race", "-xdev", "-type", "f", "-empty", "-print")
    status, said = inside(machine, "find", *places, *wanted)
    assert status == 0, said
    return [path.removeprefix("/") for path in said.splitlines()]


def next_border(document: dict[str, Any]) -> str | None:
    """The border that a run comes to next, of what `status --json` tells; None: there is none."""
    if document["state"] in {"nothing yet", "rolled back"}:
        return BORDERS[0]
    if document["state"] != "stopped":
        return None
    open_ = [
        step["name"]
        for step in document["runs"][-1]["steps"]
        if step["state"] in {"to do", "begun"}
    ]
    place = _STEPS.index(open_[0]) if open_ else len(_STEPS)
    return next((border for border in BORDERS if _STEPS.index(border) >= place), None)


class GuestUnreadable(Exception):
    """The guest's volume has no filesystem that can be read."""


def border_state(machine: PracticeMachine) -> Snapshot:
    """The machine's state, and the guest's own files if it has a volume; raises GuestUnreadable."""
    taken = state_of(machine)
    if inside(machine, "test", "-b", _GUEST)[0] == 0:
        script = Path(guest_tree.__file__).read_bytes()
        done = machine.run(["python3", "-", _GUEST], stdin=script, seconds=900)
        if done.status:
            raise GuestUnreadable(done.err.decode())
        taken["guest"] = json.loads(done.out)
    return taken


def border_differences(undisturbed: Snapshot, now: Snapshot) -> list[Difference]:
    """What differs at a border, and is not allowed to."""
    return snapshot.compare(by_name(undisturbed), by_name(now), SAME_BORDER)
