"""Several runs on one machine, and rollbacks of them that are cut off, or of one alone."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from steps.guest_ownership import belongs_to
from tests.fast import share
from tests.faults.ground import Ground, Wrong, attempt, different
from tests.faults.host import Host, Image, Lie
from tests.faults.test_rollbacks import with_another_guest
from wizard.actions import (
    Action,
    InstallPackages,
    InstallTree,
    MakeDirectory,
    MakeLink,
    RunCommand,
    WriteFile,
)
from wizard.errors import Interrupted, RollbackIncomplete, Stopped
from wizard.interrupts import Interrupts
from wizard.journal import unfinished_run
from wizard.records import Entry, Undone
from wizard.rollback import roll_back, take_back_some, take_back_unconfirmed, to_take_back
from wizard.status import status
from wizard.taken_over import taken_over
from wizard.undo import PlainUndo


@pytest.fixture(scope="module")
def ground(grounds: Callable[[str], Ground]) -> Ground:
    return grounds("fresh")


@pytest.fixture
def finished(ground: Ground) -> Host:
    """The host as a whole run has made it."""
    ground.host.restore(ground.undisturbed.after)
    return ground.host


def back(host: Host, *, to: str = "", only: int | None = None) -> None:
    roll_back(host.store, host.machine(), host.reporter, to, only)


def cut_off(host: Host, point: str, work: Callable[[], None]) -> None:
    """Ctrl-C at that point; what is being undone there is undone first."""
    host.at_point = lambda name: host.interrupts.note(signal.SIGINT) if name == point else None
    with pytest.raises(Interrupted):
        work()
    host.at_point = lambda _name: None
    host.interrupts = Interrupts()


def without(host: Host, name: str) -> None:
    """`guests remove`."""
    tree = str(host.tree)

    def mine(action: Action) -> bool:
        inside = action.inside
        if isinstance(action, WriteFile | MakeLink | MakeDirectory):
            action = replace(action, path=action.path.removeprefix(tree))
        if inside is not None and not isinstance(action, InstallPackages | InstallTree):
            own = replace(inside, device=inside.device.removeprefix(tree))
            action = RunCommand(("true",), "Inside.", inside=own)
        return belongs_to(action, name)

    _count, left = take_back_some(host.store, host.machine(), host.reporter, mine)
    assert left == []


# --- a rollback that is cut off -------------------------------------------------------------------


@pytest.mark.parametrize("go_on", ["resume", "rollback"])
def test_a_rollback_of_two_runs_goes_on_wherever_it_was_cut_off(
    finished: Host, ground: Ground, go_on: str
) -> None:
    # Cut in the newer run, `resume` ended there; in the older one it saw nothing to do at all, and
    # another run began on top of what was left.
    with_another_guest(finished)
    wrong = Wrong()
    for image in share(different(finished.crashes_of(finished.roll_back)), one_in=20):
        finished.restore(image)
        left = [run for run in finished.store.runs() if finished.store.ledger(run).to_take_back]
        began = finished.store.ledger(finished.store.runs()[-1]).state != "finished"
        if began and left:
            assert unfinished_run(finished.store) is not None, image.point
            found = status(finished.store, "")
            assert (found.state, found.next) == ("rolling back", "sudo xen-setup rollback")
            with pytest.raises(Stopped, match="An earlier run is not finished") as refused:
                finished.apply()
            assert "`sudo xen-setup rollback`" in refused.value.hint, "as much as was begun"
        finished.model.boot()
        if go_on == "resume" and began:
            wrong.note(image.point, attempt(finished.resume))
        else:
            wrong.note(image.point, attempt(finished.roll_back))
        wrong.note(image.point, ground.wrong_at_the_start())
    assert wrong.found == []


def test_one_run_that_is_taken_back_below_another_is_gone_on_with(finished: Host) -> None:
    with_another_guest(finished)
    with_another_guest(finished, "vm03")
    volumes = [name for name in finished.model.state.volumes if "vm02" not in name]
    cut_off(finished, "during lvremove", lambda: back(finished, only=2))
    assert status(finished.store, "").next == "sudo xen-setup rollback --run 2"
    finished.resume()
    assert volumes == list(finished.model.state.volumes)
    assert status(finished.store, "").state == "finished"


# --- a run that is taken back alone ---------------------------------------------------------------


def with_precious(host: Host) -> None:
    (host.tree / "volumes/xendisks/vm02-root/precious").write_text("mine")


def has_precious(host: Host) -> bool:
    return (host.tree / "volumes/xendisks/vm02-root/precious").read_text() == "mine"


def test_what_a_failed_run_left_and_a_later_one_went_on_with_is_the_later_ones(
    finished: Host,
) -> None:
    # `rollback --run 2`, as the failed run had said, emptied and removed the guest of run 3.
    names = ("debootstrap", "wipefs", "lvremove")
    finished.lies = lambda argv: Lie("fails", status=5) if argv[0] in names else None
    with pytest.raises(RollbackIncomplete, match="could not be taken back"):
        with_another_guest(finished)
    finished.lies = lambda _argv: None
    with_another_guest(finished)
    del finished.model.state.domains["vm02"]
    with_precious(finished)
    with pytest.raises(RollbackIncomplete) as caught:
        back(finished, only=2)
    assert "Run 3 has made something of the same (xendisks/vm02-root)" in str(caught.value.details)
    assert "sudo xen-setup rollback --run 3" in str(caught.value.details)
    assert has_precious(finished)
    back(finished, only=3)
    back(finished, only=2)
    assert not any("vm02" in name for name in finished.model.state.volumes)
    assert status(finished.store, "").state == "finished"


def test_a_guest_that_was_removed_by_hand_and_added_again_is_the_later_runs(
    finished: Host, ground: Ground
) -> None:
    with_another_guest(finished)
    state = finished.model.state
    for name in [name for name in state.volumes if "vm02" in name]:
        del state.volumes[name]
        state.content.pop(f"/dev/{name}")
    with suppress(FileNotFoundError):
        finished.model.remove_nodes(("/dev/xendisks/vm02-root", "/dev/xendisks/vm02-swap"))
    state.domains.pop("vm02")
    for place in ("etc/xen/vm02.cfg", "etc/xen/auto/vm02.cfg"):
        (finished.tree / place).unlink()
    with_another_guest(finished)
    state.domains.pop("vm02")
    with_precious(finished)
    with pytest.raises(RollbackIncomplete):
        back(finished, only=2)
    assert has_precious(finished)
    assert (finished.tree / "etc/xen/vm02.cfg").is_file()
    finished.roll_back()
    finished.questions.clear()
    assert [] == ground.wrong_at_the_start()


def test_a_guest_on_another_filesystem_brings_its_programs_and_takes_them_along(
    finished: Host, ground: Ground
) -> None:
    # Volumes were made, mkfs.xfs was not there, and all was taken back.
    assert "xfsprogs" not in finished.model.state.packages
    with_another_guest(finished, filesystem="xfs")
    assert "xfsprogs" in finished.model.state.packages
    back(finished, only=2)
    assert [] == ground.wrong_at_the_end()


def test_what_a_later_run_found_finished_and_uses_is_the_later_ones_too(
    finished: Host, ground: Ground
) -> None:
    # The later run had nothing to do but the config and the start, so that nothing of its own spoke
    # of the volumes: they went, with the guest's files.
    with_another_guest(finished)
    state = finished.model.state
    volumes = set(state.volumes)
    for place in ("etc/xen/vm02.cfg", "etc/xen/auto/vm02.cfg"):
        (finished.tree / place).unlink()
    state.domains.pop("vm02")
    with_another_guest(finished)
    rest = finished.store.ledger(finished.store.runs()[-1]).to_take_back
    assert {entry.step for entry in rest} == {"guest_config", "first_boot"}
    state.domains.pop("vm02")
    with_precious(finished)
    with pytest.raises(RollbackIncomplete) as caught:
        back(finished, only=2)
    assert "Run 3 has made something of the same (xendisks/vm02-swap)" in str(caught.value.details)
    assert has_precious(finished)
    assert volumes == set(state.volumes)
    back(finished, only=3)
    back(finished, only=2)
    assert [] == ground.wrong_at_the_end()


def test_a_guest_that_a_later_run_found_running_is_not_stopped(finished: Host) -> None:
    # What the later run wrote spoke of its config and volumes; the domain is only a name.
    with_another_guest(finished)
    (finished.tree / "etc/xen/auto/vm02.cfg").unlink()
    with_another_guest(finished)
    rest = finished.store.ledger(finished.store.runs()[-1]).to_take_back
    assert {type(entry.action) for entry in rest} <= {MakeLink, RunCommand}
    assert "vm02" in finished.model.state.domains
    with pytest.raises(RollbackIncomplete):
        back(finished, only=2)
    assert "vm02" in finished.model.state.domains
    back(finished, only=3)
    back(finished, only=2)
    assert "vm02" not in finished.model.state.domains


@pytest.mark.parametrize(
    ("made", "words", "stays"),
    [
        ("disks/vm1-root", "/dev/disks/vm1-root,raw,xvda1,rw", True),
        ("disks/vm1-root", "phy:disks/vm1-root,xvda1,w", True),
        ("disks/vm1-root", "/dev/disks/vm1-root2,raw,xvda1,rw", False),
        ("disks/vm1-root", "/dev/more.disks/vm1-root,raw,xvda1,rw", False),
        ("disks/vm1-root", "/dev/disks/vm1-root/inside", False),
        ("vm1", 'name = "vm1"', False),  # a word like any other
    ],
)
def test_a_volume_is_known_where_a_later_file_names_it(made: str, words: str, stays: bool) -> None:
    undo = PlainUndo()
    mine = Entry(1, "one", RunCommand(("make",), "Made.", undo=("remove", made)), undo, "done")
    other = Entry(1, "one", WriteFile("/etc/xen/vm1.cfg", words, "Written."), undo, "done")
    assert ([1] if stays else []) == list(taken_over([mine], {2: [other]}))


def test_what_is_named_by_what_stays_for_a_later_run_stays_too() -> None:
    # The later run only started the guest: its command names the config, and that the volume.
    undo = PlainUndo()
    make = RunCommand(("make",), "Made.", undo=("lvremove", "disks/vm1-root"))
    config = WriteFile("/etc/xen/vm1.cfg", "/dev/disks/vm1-root,raw,xvda1,rw", "Written.")
    mine = [Entry(2, "one", config, undo, "done"), Entry(1, "one", make, undo, "done")]
    start = RunCommand(("xl", "create", "/etc/xen/vm1.cfg"), "Started.")
    assert [2, 1] == list(taken_over(mine, {3: [Entry(1, "one", start, undo, "done")]}))


# --- back to a step -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("point", "stays"),
    [
        ("during vgremove", "guest_volumes"),
        ("during lvremove", "guest_volumes"),
        ("during ifdown", "network_bridge"),
    ],
)
def test_a_rollback_that_was_cut_off_and_then_wanted_less_is_gone_on_from_what_is_gone(
    finished: Host, ground: Ground, point: str, stays: str
) -> None:
    # The steps up to that one counted as verified, though their work had been taken back.
    cut_off(finished, point, finished.roll_back)
    back(finished, to=stays)
    finished.resume()
    finished.questions.clear()
    assert [] == ground.wrong_at_the_end()


def test_back_to_a_step_after_a_guest_was_removed_makes_the_guest_anew(
    finished: Host, ground: Ground
) -> None:
    without(finished, "vm01")
    back(finished, to="guest_config")
    finished.resume()
    assert [] == ground.wrong_at_the_end()


def test_a_run_that_is_gone_is_not_the_one_to_go_back_in(finished: Host) -> None:
    with_another_guest(finished)
    back(finished, only=2)
    shown = to_take_back(finished.store, "volume_group")
    assert {entry.step for entry in shown} == {
        "guest_volumes", "guest_system", "guest_config", "first_boot",
    }  # fmt: skip
    back(finished, to="volume_group")
    assert not any(name.startswith("xendisks/") for name in finished.model.state.volumes)
    assert "xendisks" in finished.model.state.groups


def test_back_to_a_step_stays_in_its_run_when_nothing_of_that_is_left(
    finished: Host, ground: Ground
) -> None:
    # Typed once more, or gone on with after a power cut at its end, it took the first guest too.
    volumes = list(finished.model.state.volumes)
    with_another_guest(finished)
    cut = finished.crashes_of(lambda: back(finished, to="xen_packages"))[-1]
    assert volumes == list(finished.model.state.volumes)
    back(finished, to="xen_packages")
    assert volumes == list(finished.model.state.volumes)
    for go_on in (finished.resume, lambda: back(finished, to="xen_packages")):
        finished.restore(cut)
        assert status(finished.store, "").next == "sudo xen-setup rollback --to xen_packages"
        go_on()
        assert volumes == list(finished.model.state.volumes)
        assert status(finished.store, "").state == "stopped"
    finished.roll_back()
    assert [] == ground.wrong_at_the_start()


def test_a_rollback_of_all_that_was_then_wanted_less_is_not_gone_on_with(
    finished: Host, ground: Ground
) -> None:
    # It was cut off between the runs: `resume` after `--to` took back all of the host.
    with_another_guest(finished)
    first, later = finished.store.runs()
    images = finished.crashes_of(finished.roll_back)
    for image in images:
        finished.restore(image)
        last, *others = finished.store.ledger(later).to_take_back
        if not others and image.point.endswith("undo: before its end is journaled"):
            break
    finished.store.journal(later).append(Undone(last.number))
    assert finished.store.ledger(later).state == "rolling back"
    assert finished.store.ledger(first).state == "finished"
    back(finished, to="network_bridge")
    assert status(finished.store, "").state == "stopped"
    finished.resume()
    finished.questions.clear()
    assert [] == ground.wrong_at_the_end()


def test_a_bridge_is_guarded_in_a_run_below_one_that_is_gone(finished: Host) -> None:
    # Its timer looked at the newest run alone, and left the host as the killed program had it.
    with_another_guest(finished)
    back(finished, only=2)
    back(finished, to="tls_libraries")

    def guarded(image: Image) -> bool:
        finished.restore(image)
        ledger = finished.store.ledger(finished.store.runs()[0])
        return ledger.guard_open and "xenbr0" in finished.model.state.links

    images = different(finished.crashes_of(finished.resume))
    finished.restore(next(image for image in reversed(images) if guarded(image)))
    assert take_back_unconfirmed(finished.store, finished.machine(), finished.reporter)
    assert [name for name, link in finished.model.state.links.items() if link.addresses] == ["ens3"]
