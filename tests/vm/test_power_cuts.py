"""The power goes: at moments of a run that a seed draws, and each time the machine boots, resumes
to the same end; and again, rolls back to the start.

One undisturbed run is watched, and its disk is copied at each moment while the machine is frozen:
a copy is what a kill of the machine then would have left (`power.py`). `cuts.py` says which moments
there are and how to choose them; XEN_SETUP_CUTS=all takes all 66, XEN_SETUP_CUTS=1/8 an eighth.
A cut takes about a quarter of an hour, emulated: there, and back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.vm import snapshot
from tests.vm.conftest import FAILED, Say, save_logs, teller
from tests.vm.cuts import Cut, Recorder, chosen_cuts, summary
from tests.vm.power import HONEST, Shelf, cut_power
from tests.vm.running_inside import (
    end_differences,
    go_on,
    is_xen,
    nothing_is_left,
    roll_back,
    status_of,
    watched,
)
from tests.vm.snapshot import Snapshot
from tests.vm.whole_run import ANSWERS, give_answers, state_of
from wizard.errors import Exit
from wizard.practice.errors import ConnectionLost
from wizard.practice.machine import PracticeMachine
from wizard.practice.places import MachineName

pytestmark = pytest.mark.full

HARDWARE = HONEST
CUTS = chosen_cuts()


class Story:
    """The run that was watched, and the machine that its cuts are tried in."""

    def __init__(self, shelf: Shelf, tried: PracticeMachine, say: Say) -> None:
        self.shelf = shelf
        self.tried = tried
        self.say = say
        self.before: Snapshot = {}
        self.finished: Snapshot = {}

    def record(self, machine: PracticeMachine) -> None:
        """The whole run, its cuts on the shelf; the machine is off afterwards."""
        self.say(summary(CUTS))
        self.before = state_of(machine)

        def take(name: str) -> None:
            self.say(f"cut {name}: frozen for {self.shelf.put(machine, name):.1f} s")

        recorder = Recorder(CUTS, take)
        words = ["apply", ANSWERS]
        for _ in range(3):
            recorder.begin()
            status, said = watched(
                machine, "xen-setup", *words, "--no-input",
                on_line=recorder.line, on_tick=recorder.tick,
            )  # fmt: skip
            recorder.end()
            if status != Exit.REBOOT_NEEDED:
                break
            self._reboot(machine, recorder)
            words = ["resume"]
        assert status == 0, said[-3000:]
        recorder.finish()
        self.finished = state_of(machine)
        assert sorted(recorder.taken) == sorted(cut.name for cut in CUTS)
        machine.stop()

    def _reboot(self, machine: PracticeMachine, recorder: Recorder) -> None:
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

    def after(self, cut: Cut) -> PracticeMachine:
        """The machine as the cut left it, booted again: it boots, and says where it stands."""
        if self.tried.status().pid is not None:
            cut_power(self.tried)  # of no matter to the copy
        self.shelf.machine_from(cut.name, self.tried)
        started = time.monotonic()
        self.tried.start(seconds=1200)
        document = status_of(self.tried)
        under = "Xen" if is_xen(self.tried) else "plain Linux"
        self.say(
            f"{cut}: boots {under} in {time.monotonic() - started:.0f} s; {document['state']}, "
            f"next: {document['next'] or 'nothing'}"
        )
        return self.tried


@pytest.fixture(scope="module")
def story(request: pytest.FixtureRequest, machine: PracticeMachine) -> Iterator[Story]:
    say = teller(request)
    shelf = Shelf(machine)
    tried = PracticeMachine(MachineName(f"{machine.name}-cut"), hardware=HARDWARE, progress=say)
    try:
        give_answers(machine)
        machine.run(["sync"])  # the program itself is not what is tried here
        story = Story(shelf, tried, say)
        story.record(machine)
        yield story
    finally:
        if request.node.stash.get(FAILED, False) and tried.folder.exists():
            say(f"The logs of the failed cut are in {save_logs(tried)}")
        tried.reset()
        shelf.clear()


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_after_a_power_cut_resume_reaches_the_end_of_an_undisturbed_run(
    story: Story, cut: Cut, say: Say
) -> None:
    machine = story.after(cut)
    go_on(machine, say)
    assert is_xen(machine)
    listed = machine.run(["xl", "list"]).out.decode().splitlines()[1:]
    assert [line.split()[0] for line in listed] == ["Domain-0", "vm01"]
    after = state_of(machine)
    say(snapshot.table(story.finished, after))
    assert end_differences(story.finished, after) == []
    nothing_is_left(machine)


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_after_a_power_cut_rollback_gives_back_the_machine(
    story: Story, cut: Cut, say: Say
) -> None:
    machine = story.after(cut)
    roll_back(machine, say)
    after = state_of(machine)
    say(snapshot.table(story.before, after))
    assert snapshot.compare(story.before, after) == []
    nothing_is_left(machine)
