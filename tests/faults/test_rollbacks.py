"""Rollbacks long after the run, on a machine that its owner has gone on using: what was found by
reading, each a test of its own name.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from steps.identifiers import ABSENT_IN_LVM
from tests.faults.elsewhere import Elsewhere
from tests.faults.ground import Ground
from tests.faults.host import Host, Image, Lie
from tests.faults.state import State, Volume
from tests.machines import stock, with_second_disk
from tests.steps.answered import answered
from wizard.actions import CommandShows
from wizard.commands import Answer
from wizard.errors import Interrupted, RollbackIncomplete, SetupError, StepFailed
from wizard.probing import still_shows
from wizard.program_add_guests import STEPS
from wizard.rollback import (
    refuse_half_taken_back,
    roll_back,
    take_back_some,
    take_back_unconfirmed,
    to_take_back,
)
from wizard.status import status
from wizard.step import step_name


@pytest.fixture(scope="module")
def ground(grounds: Callable[[str], Ground]) -> Ground:
    return grounds("fresh")


@pytest.fixture
def finished(ground: Ground) -> Host:
    """The host as a whole run has made it."""
    ground.host.restore(ground.undisturbed.after)
    return ground.host


def addresses(host: Host) -> list[str]:
    return [name for name, link in host.model.state.links.items() if link.addresses]


def test_a_network_whose_file_was_edited_stays_whole(finished: Host, ground: Ground) -> None:
    # The bridge was taken down first, the file stayed with the bridge in it, and the host was left
    # without an address, its bridge-utils purged.
    path = finished.tree / "etc/network/interfaces"
    ours = path.read_text()
    path.write_text(f"{ours}# a line of mine\n")
    with pytest.raises(RollbackIncomplete) as caught:
        finished.roll_back()
    told = "\n".join(caught.value.details)
    assert f"{path} stays as it is: it was edited since it was written" in told
    assert f"It belongs to {path}, which cannot be put back, and stays" in told
    assert addresses(finished) == ["xenbr0"]
    assert "bridge-utils" in finished.model.state.packages
    path.write_text(ours)
    finished.roll_back()
    assert [] == ground.wrong_at_the_start()


@pytest.mark.parametrize("whole_disk", [False, True])
def test_lvm_stays_as_long_as_a_group_that_holds_a_volume_of_somebodys(
    tmp_path: Path, whole_disk: bool
) -> None:
    # lvm2 was purged though the group stayed; without it the next rollback took the group for gone.
    facts = with_second_disk(stock()) if whole_disk else stock()
    answers = {"storage.use": "device", "storage.device": "/dev/vdb"} if whole_disk else {}
    host = Host(tmp_path / "host", facts, answered(facts, answers, guests=1))
    before = host.image()
    assert "lvm2" not in host.model.state.packages
    host.apply()
    host.model.state.volumes["xendisks/data"] = Volume(100, ())
    for _again in range(2):
        with pytest.raises(RollbackIncomplete, match="could not be taken back"):
            host.roll_back()
        assert "lvm2" in host.model.state.packages
        assert list(host.model.state.volumes) == ["xendisks/data"]
    # And where somebody has purged it meanwhile, that is said, and nothing is taken for gone.
    lvm2 = host.model.state.packages.pop("lvm2")
    with pytest.raises(RollbackIncomplete) as caught:
        host.roll_back()
    assert "The program vgs is not there" in "\n".join(caught.value.details)
    assert "xendisks" in host.model.state.groups
    host.model.state.packages["lvm2"] = lvm2
    del host.model.state.volumes["xendisks/data"]
    host.roll_back()
    assert "lvm2" not in host.model.state.packages
    assert host.model.state.groups == State.from_copy(before.state).groups


@pytest.mark.parametrize(
    ("program", "status_"),
    [
        *((program, 124) for program in ("lvs", "vgs", "pvs", "xl", "ip")),
        *((program, -9) for program in ("lvs", "xl", "ip")),
        *((program, 5) for program in ("lvs", "vgs", "pvs")),  # LVM's, for anything
    ],
)
def test_what_does_not_answer_is_not_taken_for_gone(
    finished: Host, ground: Ground, program: str, status_: int
) -> None:
    # It counted as taken back, for good: the next rollback did not try it again.
    silent = Answer(status_, "", "Can't get lock for xendisks")
    finished.mute = lambda argv: silent if argv[0] == program else None
    with pytest.raises(RollbackIncomplete) as caught:
        finished.roll_back()
    finished.mute = lambda _argv: None
    finished.questions.clear()  # vgremove's, of a group with volumes: nobody is there, so "no"
    assert "it cannot be told whether there is something to take back" in str(caught.value.details)
    finished.roll_back()
    assert [] == ground.wrong_at_the_start()


@pytest.mark.parametrize("scenario", ["fresh", "several-guests"])
def test_a_hangup_while_the_network_is_taken_back_leaves_no_host_without_address(
    grounds: Callable[[str], Ground], scenario: str
) -> None:
    # ssh goes as the bridge does: the rollback ended between two of the step's actions.
    ground = grounds(scenario)
    host = ground.host
    begins = next(
        place for place, image in enumerate(ground.undoing) if "during ifdown" in image.point
    )
    for number in range(begins - 3, begins + 30):
        host.restore(ground.undisturbed.after)
        host.interrupts = type(host.interrupts)()
        seen: list[str] = []

        def at(point: str, seen: list[str] = seen, number: int = number) -> None:
            seen.append(point)
            if len(seen) == number + 1:
                host.interrupts.note(signal.SIGHUP)

        host.at_point = at
        with pytest.raises(Interrupted):
            host.roll_back()
        host.at_point = lambda _name: None
        assert addresses(host) != [], seen[-1]


def with_another_guest(host: Host, name: str = "vm02", filesystem: str = "ext4") -> None:
    """`guests add`: a run of its own, upon the host's."""
    settings = host.settings
    guest = replace(settings.guests[0], name=name, filesystem=filesystem)
    host.settings = replace(
        settings, guests=(guest,), host=replace(settings.host, make_default=False)
    )
    pipeline = host.pipeline()
    pipeline.alone = True
    own = {step_name(step): step for step in STEPS}
    pipeline.steps = [
        replace(step, step=own[step_name(step)])
        for step in pipeline.steps
        if isinstance(step, Elsewhere) and step_name(step) in own
    ]
    try:
        pipeline.apply(host.settings, "version: 1\n")
    finally:
        host.settings = settings


def busy(name: str) -> Callable[[tuple[str, ...]], Lie | None]:
    """lvremove does not get that volume."""
    lie = Lie("busy", status=5)
    return lambda argv: lie if argv[0] == "lvremove" and name in argv[-1] else None


def test_of_guests_that_could_not_be_taken_back_the_same_command_is_named_again(
    finished: Host,
) -> None:
    # It was the bare command: what was to try "only what is left" would have taken back the host.
    volumes = list(finished.model.state.volumes)
    with_another_guest(finished)
    finished.lies = busy("vm02-root")
    with pytest.raises(RollbackIncomplete) as caught:
        roll_back(finished.store, finished.machine(), finished.reporter, "", 2)
    finished.lies = lambda _argv: None
    command = "sudo xen-setup rollback --run 2"
    assert f"`{command}`" in caught.value.hint
    assert status(finished.store, "").next == command
    with pytest.raises(RollbackIncomplete, match="not all") as refused:
        refuse_half_taken_back(finished.store)
    assert f"`{command}`" in refused.value.hint
    assert len(to_take_back(finished.store, "", 2)) == len(caught.value.details)
    roll_back(finished.store, finished.machine(), finished.reporter, "", 2)
    refuse_half_taken_back(finished.store)
    assert list(finished.model.state.volumes) == volumes


def test_a_later_run_of_which_something_stays_keeps_what_it_stands_on(finished: Host) -> None:
    with_another_guest(finished)
    finished.lies = busy("vm02-root")
    with pytest.raises(RollbackIncomplete) as caught:
        finished.roll_back()
    finished.lies = lambda _argv: None
    assert "`sudo xen-setup rollback`" in caught.value.hint
    assert status(finished.store, "").next == "sudo xen-setup rollback"
    assert "xen-system-amd64" in finished.model.state.packages
    finished.roll_back()
    assert "xen-system-amd64" not in finished.model.state.packages


def test_back_to_a_step_is_what_is_named_again_when_it_was_cut_off(finished: Host) -> None:
    def at(point: str) -> None:
        if point == "during lvremove":
            finished.interrupts.note(signal.SIGINT)

    finished.at_point = at
    with pytest.raises(Interrupted) as caught:
        roll_back(finished.store, finished.machine(), finished.reporter, "volume_group")
    finished.at_point = lambda _name: None
    command = "sudo xen-setup rollback --to volume_group"
    assert caught.value.hint == f"Go on with `{command}`."
    assert status(finished.store, "").next == command


def test_a_failing_run_upon_another_names_itself(finished: Host) -> None:
    finished.lies = lambda argv: Lie("fails", status=1) if argv[0] in BAD else None
    with pytest.raises(SetupError) as caught:
        with_another_guest(finished)
    finished.lies = lambda _argv: None
    assert "`sudo xen-setup rollback --run 2`" in caught.value.hint


BAD = ("debootstrap", "lvremove")


def test_a_bridge_that_its_owner_took_away_keeps_nothing(finished: Host) -> None:
    # With the file edited all of the step stayed, and so did Xen, though nothing stood on it.
    path = finished.tree / "etc/network/interfaces"
    path.write_text("auto ens3\niface ens3 inet static\n    address 192.0.2.9/24\n")
    links = finished.model.state.links
    links["ens3"].addresses = links.pop("xenbr0").addresses
    with pytest.raises(RollbackIncomplete) as caught:
        finished.roll_back()
    (left,) = caught.value.details
    assert f"{path} stays as it is" in left
    assert addresses(finished) == ["ens3"]
    assert "xen-system-amd64" not in finished.model.state.packages


def test_a_step_that_nobody_confirmed_stays_whole_too(ground: Ground) -> None:
    host = ground.host
    image = next(
        image
        for image in reversed(ground.applying)
        if image.point.endswith("its end is journaled") and guards(host, image)
    )
    host.restore(image)
    path = host.tree / "etc/network/interfaces"
    path.write_text(f"{path.read_text()}# a line of mine\n")
    assert take_back_unconfirmed(host.store, host.machine(), host.reporter)
    assert addresses(host) == ["xenbr0"]
    (run,) = status(host.store, "").runs
    assert "could not be taken back" in run.reason


def guards(host: Host, image: Image) -> bool:
    """Whether the bridge is up there, and not confirmed."""
    host.restore(image)
    runs = host.store.runs()
    return bool(runs) and host.store.ledger(runs[-1]).guard_open and addresses(host) == ["xenbr0"]


def test_a_file_that_cannot_be_read_is_no_end_of_the_rollback(finished: Host) -> None:
    path = finished.tree / "etc/network/interfaces"
    path.unlink()
    path.symlink_to(path)  # what is there cannot be told
    with pytest.raises(RollbackIncomplete):
        finished.roll_back()
    assert addresses(finished) == ["xenbr0"]


def test_without_xens_tools_there_is_no_domain_to_end(finished: Host, ground: Ground) -> None:
    # Who had purged Xen by hand was to install it again, so that it could be removed.
    absent = Answer(127, "", "xl: not installed")
    finished.mute = lambda argv: absent if argv[0] == "xl" else None
    finished.model.state.domains.clear()
    finished.model.state.xen = False
    finished.roll_back()
    finished.mute = lambda _argv: None
    assert [] == ground.wrong_at_the_start()


def test_a_wrapper_that_finds_no_xl_tells_nothing(finished: Host) -> None:
    lost = Answer(127, "", "ERROR: Can't find version 4.17 of xen utils")  # Debian's, of xl
    finished.mute = lambda argv: lost if argv[0] == "xl" else None
    with pytest.raises(RollbackIncomplete) as caught:
        finished.roll_back()
    finished.mute = lambda _argv: None
    assert "cannot be told" in "\n".join(caught.value.details)


def test_the_first_run_alone_is_named_as_that_where_others_stand_on_it(finished: Host) -> None:
    shutil.rmtree(finished.top / "state")  # a host that xen-setup did not make: two runs, `alone`
    with_another_guest(finished, "vm02")
    with_another_guest(finished, "vm03")
    finished.lies = busy("vm02-root")
    with pytest.raises(RollbackIncomplete) as caught:
        roll_back(finished.store, finished.machine(), finished.reporter, "", 1)
    finished.lies = lambda _argv: None
    assert "`sudo xen-setup rollback --run 1`" in caught.value.hint


def test_what_went_another_way_is_not_missed(finished: Host) -> None:
    # `status` and `resume` told for ever of nothing that could not be taken back.
    with_another_guest(finished)
    finished.lies = busy("vm02-root")
    with pytest.raises(RollbackIncomplete):
        roll_back(finished.store, finished.machine(), finished.reporter, "", 2)
    finished.lies = lambda _argv: None
    rest = to_take_back(finished.store, "", 2)
    actions = [entry.action for entry in rest]
    take_back_some(
        finished.store, finished.machine(), finished.reporter, lambda one: one in actions
    )
    refuse_half_taken_back(finished.store)
    assert status(finished.store, "").state == "finished"


@pytest.mark.parametrize(
    ("said", "absent"),
    [
        ('  Volume group "xendisks" not found\n  Cannot process volume group xendisks\n', True),
        ('  Failed to find logical volume "xendisks/vm01-root"\n', True),
        ('  Failed to find physical volume "/dev/vdb".\n', True),
        ('  Failed to find device "/dev/vdb2".\n', True),
        ("  No physical volume label read from /dev/vdb2.\n", True),
        ("  One or more specified logical volume(s) not found.\n", True),
        ("  Cannot use /dev/vdb: device is partitioned\n", True),
        ('  Failed to find logical volume "xendisks/door-lock-root"\n', True),
        ('  Volume group "lock-vg" not found\n  Cannot process volume group lock-vg\n', True),
        (
            "  WARNING: bad metadata header on /dev/vdb at 4096.\n"
            "  WARNING: scanning /dev/vdb mda1 failed to read metadata summary.\n"
            '  Volume group "xendisks" not found\n',
            False,
        ),
        ('  P_global:aux: flock failed\n  Volume group "xendisks" not found\n', False),
        (
            "  /dev/sdb: open failed: No medium found\n"
            "  Error reading device /dev/fd0 at 0 length 512.\n"
            "  No physical volume label read from /dev/vdb2.\n",
            True,
        ),
        (
            "  /dev/vdb2: open failed: No such device or address\n"
            "  No physical volume label read from /dev/vdb2.\n",
            False,
        ),
        ("  Can't get lock for xendisks\n", False),
        ("  WARNING: Device for PV aBc not found or rejected by a filter.\n", False),
        (
            "  Error reading device /dev/vdb at 0 length 512.\n"
            '  Volume group "xendisks" not found\n',
            False,
        ),
        ("", False),
    ],
)
def test_lvm_has_words_for_what_is_not_there(said: str, absent: bool) -> None:
    probe = CommandShows(("vgs", "xendisks"), "xendisks", absent=ABSENT_IN_LVM)
    answer = Answer(5, "", said)
    if absent:
        assert not still_shows(probe, answer)
    else:
        with pytest.raises(StepFailed, match="cannot be told"):
            still_shows(probe, answer)
