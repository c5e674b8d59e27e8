"""The power goes: at moments of a run that a seed draws, and each time the machine boots, resumes
to the same state as an undisturbed run's; and again, rolls back to the start.

One undisturbed run is watched, and its disk is copied at each moment while the machine is frozen:
a copy is what a kill of the machine then would have left (`power.py`). `cuts.py` says which moments
there are and how to choose them; XEN_SETUP_CUTS=all takes all 66, XEN_SETUP_CUTS=1/8 an eighth.
Before anything boots, each copy is looked into (`on_disk.py`).
`story.py` says how far a run is resumed; of cuts that left the very same (`leavings.py`) one goes
each way. XEN_SETUP_CUT_STORY=NAME keeps the run that was watched,
and takes it the next time, for other cuts of it or beside this one: it needs the space of its
copies, next to nothing on a filesystem that shares blocks. XEN_SETUP_CUTS_NEWER=1 takes one of an
older program too, and gives each machine this one after its cut.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm import on_disk, snapshot
from tests.vm.conftest import FAILED, Say, save_logs, teller
from tests.vm.cuts import Cut, all_cuts, chosen_cuts
from tests.vm.leavings import Leavings, deeds_of, what_was_left
from tests.vm.power import HONEST, Shelf
from tests.vm.running_inside import (
    SAME_END,
    by_name,
    end_differences,
    go_on,
    is_xen,
    nothing_is_left,
    roll_back,
    status_of,
)
from tests.vm.snapshot import Snapshot
from tests.vm.story import (
    SAME_BORDER,
    WHOLE,
    Story,
    border_differences,
    border_state,
    next_border,
)
from tests.vm.whole_run import ANSWERS, inside, state_of, typed
from wizard.errors import Exit
from wizard.practice.machine import PracticeMachine
from wizard.practice.places import MachineName
from wizard.practice.program import packed

pytestmark = pytest.mark.full

HARDWARE = HONEST
CUTS = chosen_cuts()
HOST_AND_GUEST = ["Domain-0", "vm01"]
RESUMED, ROLLED_BACK = "resumed", "rolled-back"
KEPT = os.environ.get("XEN_SETUP_CUT_STORY", "")


class Told:
    """The run that was watched, and the machine that its cuts are tried in."""

    def __init__(self, story: Story, tried: PracticeMachine) -> None:
        self.story, self.tried = story, tried
        self.leavings = Leavings(story.shelf.folder, packed().digest)

    def is_known(self, cut: Cut, way: str, say: Say) -> bool:
        """Another cut that left the very same has gone this way: that of this one is known."""
        twin = None if WHOLE else self.leavings.twin(cut.name, way)
        if twin is not None:
            say(f"{cut}: left what {twin} left, which was {way} well")
        return twin is not None


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest) -> Iterator[Told]:
    say = teller(request)
    name = MachineName(f"{KEPT or 'test_power_cuts'}-cut-{secrets.token_hex(3)}")
    tried = PracticeMachine(name, hardware=HARDWARE, progress=say)
    shelf = None
    try:
        story = Story.kept(Shelf(tried, KEPT)) if KEPT and _is_kept(tried) else None
        if story is None:
            machine: PracticeMachine = request.getfixturevalue("machine")
            shelf = Shelf(machine, KEPT)
            story = Story(shelf)
            story.record(machine, all_cuts() if KEPT else CUTS, say)
            if KEPT:
                story.keep()
        yield Told(story, tried)
    finally:
        if request.node.stash.get(FAILED, False) and tried.folder.exists():
            say(f"The logs of the failed cut are in {save_logs(tried)}")
        tried.reset()
        if shelf is not None and not KEPT:
            shelf.clear()


def _is_kept(machine: PracticeMachine) -> bool:
    return machine.folder.with_name(f"{KEPT}.shelf").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount the copy")
@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_what_the_journal_calls_done_has_its_content(told: Told, cut: Cut, tmp_path: Path) -> None:
    if told.story.empty is None:
        pytest.skip("the story was recorded before it was noted what is empty anyway")
    with on_disk.opened(told.story.shelf.place(cut.name), tmp_path) as root:
        deeds = deeds_of(on_disk.journal_of(root))
        empty = on_disk.empty_files(root, told.story.empty)
    if deeds is None:
        pytest.skip(f"an action was under way, which is begun anew; without content: {empty}")
    assert empty == []


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_after_a_power_cut_resume_comes_to_the_state_of_an_undisturbed_run(
    told: Told, cut: Cut, say: Say
) -> None:
    machine = told.story.after(cut, told.tried, say)
    told.leavings.note(cut.name, what_was_left(machine))
    if told.is_known(cut, RESUMED, say):
        return
    document = status_of(machine)
    border = None if WHOLE else next_border(document)
    if border is None:
        goes_to_the_end(machine, told.story.finished, say)
    else:
        goes_to_the_border(machine, border, told.story.borders[border], say)
    told.leavings.well(cut.name, RESUMED)


def goes_to_the_border(
    machine: PracticeMachine, border: str, undisturbed: Snapshot, say: Say
) -> None:
    """As far as the step of that name, where the state is an undisturbed run's."""
    document = status_of(machine)
    words = ["apply", ANSWERS] if document["state"] == "nothing yet" else ["resume"]
    status, said = typed(machine, say, "xen-setup", *words, "--to", border, "--no-input")
    assert status == Exit.STOPPED, f"exit {status}: {said[-3000:]}"
    assert f"Done as far as {border}" in " ".join(said.split()), said[-3000:]
    stands = border_state(machine)
    say(snapshot.table(by_name(undisturbed), by_name(stands), SAME_BORDER))
    assert border_differences(undisturbed, stands) == []
    nothing_is_left(machine)


def goes_to_the_end(machine: PracticeMachine, finished: Snapshot, say: Say) -> None:
    """Over the boot, to the guest's login prompt; the end is an undisturbed run's."""
    go_on(machine, say)
    assert is_xen(machine)
    # After a boot the guests start with the host, beside the login that we come in by.
    inside(machine, "systemctl", "is-system-running", "--wait")
    if domains(machine) != HOST_AND_GUEST:
        told = inside(machine, "systemctl", "status", "--lines", "100", "xendomains")[1]
        # libxl gives /etc/xen/scripts/block ten seconds, which an emulated boot may exceed.
        assert "because of timeout" in told, told
        say("libxl did not wait for the guest's disks: its guests are started again")
        assert inside(machine, "systemctl", "restart", "xendomains")[0] == 0
    assert domains(machine) == HOST_AND_GUEST
    after = state_of(machine)
    say(snapshot.table(by_name(finished), by_name(after), SAME_END))
    assert end_differences(finished, after) == []
    nothing_is_left(machine)


def domains(machine: PracticeMachine) -> list[str]:
    """The names that `xl list` shows."""
    listed = machine.run(["xl", "list"]).out.decode().splitlines()[1:]
    return [line.split()[0] for line in listed]


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_after_a_power_cut_rollback_gives_back_the_machine(told: Told, cut: Cut, say: Say) -> None:
    if told.is_known(cut, ROLLED_BACK, say):
        return
    machine = told.story.after(cut, told.tried, say)
    if not told.leavings.has(cut.name):
        told.leavings.note(cut.name, what_was_left(machine))
        if told.is_known(cut, ROLLED_BACK, say):
            return
    roll_back(machine, say)
    after = state_of(machine)
    say(snapshot.table(told.story.before, after))
    assert snapshot.compare(told.story.before, after) == []
    nothing_is_left(machine)
    told.leavings.well(cut.name, ROLLED_BACK)
