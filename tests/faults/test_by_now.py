"""What somebody has made of our work since: no undo takes it for ours, and no resume is stuck."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from steps.facts import Content
from steps.identifiers import TAG
from tests.faults.ground import Ground
from tests.faults.host import Host, Image
from tests.faults.state import Group, Link, Volume
from tests.machines import stock, with_second_disk
from tests.steps.answered import answered
from wizard.actions import InstallPackages
from wizard.commands import Answer
from wizard.errors import RollbackIncomplete
from wizard.rollback import roll_back
from wizard.status import status

ROOT = "xendisks/vm01-root"
ANOTHER = "77777777-1111-4222-8333-444444444444"
DROP_IN = "etc/default/grub.d/w-xen-setup.cfg"


@pytest.fixture(scope="module")
def ground(grounds: Callable[[str], Ground]) -> Ground:
    return grounds("fresh")


def cut_off(images: list[Image], point: str, right: Callable[[Image], bool]) -> Image:
    """The first moment at that point at which something is so."""
    return next(image for image in images if image.point.endswith(point) and right(image))


def made_anew(host: Host, kind: str = "ext4", tags: tuple[str, ...] = ()) -> Path:
    """The guest's root volume is somebody's own now, by the old name: a file of theirs in it."""
    inside = host.tree / "volumes" / ROOT
    shutil.rmtree(inside)
    inside.mkdir()
    host.model.state.volumes[ROOT] = Volume(4096, tags)
    host.model.state.content[f"/dev/{ROOT}"] = Content("filesystem", kind, "", ANOTHER)
    precious = inside / "precious"
    precious.write_text("mine")
    return precious


# --- volumes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "tags"), [("ext4", ()), ("ext4", (TAG,)), ("xfs", (TAG,))])
def test_what_was_made_anew_on_a_guests_volume_is_not_taken_back(
    ground: Ground, kind: str, tags: tuple[str, ...]
) -> None:
    # debootstrap's undo emptied the volume, and lvremove took what bore the tag.
    host = ground.host
    host.restore(ground.undisturbed.after)
    host.model.state.domains.clear()
    precious = made_anew(host, kind, tags)
    with pytest.raises(RollbackIncomplete) as caught:
        host.roll_back()
    assert precious.read_text() == "mine"
    assert tags == host.model.state.volumes[ROOT].tags
    if tags:
        assert any("holds something that was made since" in line for line in caught.value.details)


def test_a_debootstrap_that_was_cut_off_empties_no_volume_that_was_made_anew(
    ground: Ground,
) -> None:
    host = ground.host
    image = cut_off(ground.applying, "during debootstrap", lambda _image: True)
    ground.stands_after(image, power=True)
    precious = made_anew(host)
    with pytest.raises(RollbackIncomplete, match="guest_system cannot go on"):
        host.resume()
    assert precious.read_text() == "mine"


def test_a_guests_volume_that_somebody_has_mounted_is_not_emptied(ground: Ground) -> None:
    host = ground.host
    host.restore(ground.undisturbed.after)
    host.model.state.domains.clear()
    volumes = host.model.state.volumes
    mounted, free = replace(volumes[ROOT], somebodys_mount=("/mnt/look",)), volumes[ROOT]
    volumes[ROOT] = mounted
    with pytest.raises(RollbackIncomplete) as caught:
        host.roll_back()
    assert any("is mounted at" in line for line in caught.value.details)
    assert (host.tree / "volumes" / ROOT / "etc/fstab").is_file()
    volumes[ROOT] = free
    host.roll_back()
    host.questions.clear()  # vgremove's, of a group that was not empty
    assert [] == ground.wrong_at_the_start()


# --- guests ---------------------------------------------------------------------------------------


def test_a_domain_that_only_has_the_guests_name_is_not_destroyed(ground: Ground) -> None:
    host = ground.host
    host.restore(ground.undisturbed.after)
    host.model.state.domains["vm01"] = 7
    host.model.state.domain_uuids["vm01"] = ANOTHER
    with pytest.raises(RollbackIncomplete, match="2 things"):  # Xen's tools stay as long
        host.roll_back()
    assert {"vm01": 7} == host.model.state.domains
    assert ROOT not in host.model.state.volumes
    host.model.state.domains.clear()
    host.roll_back()
    assert [] == ground.wrong_at_the_start()


# --- files, network -------------------------------------------------------------------------------


def test_a_file_of_ours_that_somebody_removed_is_gone_however_often_it_was_written(
    ground: Ground,
) -> None:
    # Our own earlier text was to be put back first, by hand.
    host = ground.host
    host.restore(ground.undisturbed.after)
    (host.tree / DROP_IN).unlink()
    host.roll_back()
    assert [] == ground.wrong_at_the_start()


def test_a_file_that_a_step_to_stay_wrote_is_missed(ground: Ground) -> None:
    host = ground.host
    host.restore(ground.undisturbed.after)
    (host.tree / DROP_IN).unlink()
    with pytest.raises(RollbackIncomplete, match="One thing") as caught:
        roll_back(host.store, host.machine(), host.reporter, "grub_entry")
    assert "it was removed since it was written" in str(caught.value.details)


def test_a_card_that_is_the_port_of_somebodys_bridge_is_left_there(ground: Ground) -> None:
    # It was brought up with an address of its own, in vain, at every rollback; Xen stayed for it.
    host = ground.host
    host.restore(ground.undisturbed.after)
    host.model.state.domains.clear()
    interfaces = host.tree / "etc/network/interfaces"
    interfaces.write_text(interfaces.read_text().replace("xenbr0", "br0"))
    links = host.model.state.links
    links["br0"] = links.pop("xenbr0")
    links["ens3"].master = "br0"
    own = (interfaces.read_text(), replace(links["br0"]), replace(links["ens3"]))
    with pytest.raises(RollbackIncomplete, match="One thing") as caught:
        host.roll_back()
    assert "interfaces stays as it is" in str(caught.value.details)
    assert own == (interfaces.read_text(), links["br0"], links["ens3"])
    assert "xen-utils-common" not in host.model.state.packages
    assert not any(argv[0] in ("ifup", "ifdown") for argv in host.commands)


@pytest.mark.parametrize("guarded", [True, False])
def test_a_guest_of_somebodys_keeps_the_bridge_that_it_is_in(tmp_path: Path, guarded: bool) -> None:
    # The bridge was taken from under it: it lost its network, and only Xen's tools stayed.
    facts = with_second_disk(stock())
    if not guarded:
        card = replace(facts.network.cards[0], addresses=(), default_route=False)
        files = {**facts.files, "/etc/network/interfaces": "auto lo\niface lo inet loopback\n"}
        facts = replace(facts, network=replace(facts.network, cards=(card,)), files=files)
    host = Host(tmp_path / "host", facts, answered(facts, guests=1))
    host.apply()
    (run,) = host.store.runs()
    assert guarded == ("network_bridge" in host.store.ledger(run).guarded)
    state, interfaces = host.model.state, host.tree / "etc/network/interfaces"
    state.domains["mine"], state.domain_uuids["mine"] = 9, ANOTHER
    state.links["vif9.0"] = Link(True, (), master="xenbr0")
    kept = (interfaces.read_text(), replace(state.links["xenbr0"]), replace(state.links["ens3"]))
    with pytest.raises(RollbackIncomplete) as caught:
        host.roll_back()
    assert "would harm what depends on that and is not ours: vif9.0." in str(caught.value.details)
    assert kept == (interfaces.read_text(), state.links["xenbr0"], state.links["ens3"])
    assert "bridge-utils" in state.packages
    del state.domains["mine"], state.links["vif9.0"]
    host.roll_back()
    assert "xenbr0" not in state.links
    assert "bridge-utils" not in state.packages


# --- packages -------------------------------------------------------------------------------------


@pytest.fixture
def bare(tmp_path: Path) -> Host:
    """A machine without LVM, after a run."""
    facts = with_second_disk(stock())
    host = Host(tmp_path / "host", facts, answered(facts, {"guests.0.filesystem": "xfs"}, guests=1))
    host.apply()
    for name in ("lvm2", "libaio1", "bridge-utils", "xfsprogs"):
        assert name in host.model.state.packages
    host.commands.clear()
    return host


def told(host: Host) -> str:
    """What the newest run's packages were taken back with."""
    (run,) = host.store.runs()
    entries = host.store.ledger(run).entries.values()
    (text,) = (one.text for one in entries if isinstance(one.action, InstallPackages))
    return text


def test_what_was_edited_of_their_configuration_is_kept_beside_the_run(bare: Host) -> None:
    # A purge takes it along, and it was nowhere any more.
    edited = bare.tree / "etc/xen/xl.conf"
    edited.write_text("autoballoon=0\n")
    bare.roll_back()
    assert not edited.exists()
    (run,) = bare.store.runs()
    copies = run.workplace.edited
    assert (copies / str(edited).lstrip("/")).read_text() == "autoballoon=0\n"
    assert [path.name for path in copies.rglob("*") if path.is_file()] == ["xl.conf"]
    assert f"gone with their packages: {edited}. Copies are below {copies}." in told(bare)


def test_packages_that_somebody_needs_by_now_stay_and_no_others(bare: Host) -> None:
    # Somebody's group on another disk, whose lvm2 was purged: it did not come up at the next boot.
    state = bare.model.state
    state.groups["data"] = Group((), "/dev/vdb", 4000)
    state.content["/dev/vdb"] = Content("lvm", "LVM2_member", "", ANOTHER, (), ("data",))
    bare.roll_back()
    assert ("lvm2" in state.packages, "libaio1" in state.packages) == (True, True)
    for name in ("bridge-utils", "xfsprogs", "xen-utils-common", "debootstrap"):
        assert name not in state.packages
    assert "lvm2, for the volume group data" in told(bare)
    assert "apt-get purge dmsetup libaio1 lvm2" in told(bare)
    assert status(bare.store, f"boot-{state.boots}").state == "rolled back"


def test_a_group_of_ours_that_moved_to_another_disk_keeps_lvm(bare: Host) -> None:
    # By the UUID of its physical volume it counted as gone.
    state = bare.model.state
    content = state.content.pop(state.groups["xendisks"].device)
    state.groups["xendisks"].device = "/dev/vdb"
    state.content["/dev/vdb"] = replace(content, uuid=ANOTHER)
    state.volumes["xendisks/data"] = Volume(100, ())
    bare.roll_back()
    assert "lvm2" in state.packages
    assert "xendisks/data" in state.volumes


def test_a_bridge_and_an_xfs_of_somebodys_keep_what_they_need(bare: Host) -> None:
    state = bare.model.state
    (bare.tree / "etc/network/interfaces.d").mkdir(exist_ok=True)
    own = bare.tree / "etc/network/interfaces.d/br1"
    own.write_text("auto br1\niface br1 inet manual\n    bridge_ports none\n")
    state.content["/dev/vdb"] = Content("filesystem", "xfs", "", ANOTHER)
    bare.roll_back()
    assert ("bridge-utils" in state.packages, "xfsprogs" in state.packages) == (True, True)
    assert "lvm2" not in state.packages
    assert "bridge-utils, for the bridge in /etc/network/interfaces.d/br1" in told(bare)
    assert "xfsprogs, for the XFS on vdb" in told(bare)


def test_an_xfs_that_did_without_its_programs_does_so_again(tmp_path: Path) -> None:
    # They stayed "for the XFS on vdb", which had been there, without them, all the time.
    facts = with_second_disk(stock())
    host = Host(tmp_path / "host", facts, answered(facts, {"guests.0.filesystem": "xfs"}, guests=1))
    host.model.state.content["/dev/vdb"] = Content("filesystem", "xfs", "", ANOTHER)
    host.apply()
    assert "xfsprogs" in host.model.state.packages
    host.roll_back()
    assert "xfsprogs" not in host.model.state.packages


def test_xens_tools_stay_while_a_domain_of_somebodys_runs(bare: Host) -> None:
    # Its services save domains, or shut them down, when they go.
    state = bare.model.state
    state.domains["mine"], state.domain_uuids["mine"] = 9, ANOTHER
    with pytest.raises(RollbackIncomplete) as caught:
        bare.roll_back()
    words = "needed by now, for the domain that `xl list` shows as number 9"
    assert words in str(caught.value.details)
    assert "xen-utils-common" in state.packages
    del state.domains["mine"]
    bare.roll_back()
    assert "xen-utils-common" not in state.packages


def test_what_cannot_say_whether_a_package_is_needed_is_asked_again(bare: Host) -> None:
    # All that asks LVM has passed by then; packages are the last that go.
    silent = Answer(5, "", "Can't get lock")
    bare.mute = lambda argv: silent if argv[0] == "vgs" and argv[-1] == "vg_name" else None
    with pytest.raises(RollbackIncomplete) as caught:
        bare.roll_back()
    assert "Whether lvm2 is needed by now cannot be told" in str(caught.value.details)
    bare.mute = lambda _argv: None
    bare.roll_back()
    assert "lvm2" not in bare.model.state.packages


# --- resume ---------------------------------------------------------------------------------------


def test_an_edit_after_a_cut_within_update_grub_does_not_keep_every_resume_from_going_on(
    ground: Ground,
) -> None:
    # Each resume ended with the conflict before any step could say what to do.
    host = ground.host
    image = cut_off(
        ground.applying, "during update-grub", lambda one: f"tree/{DROP_IN}" in one.files
    )
    ground.stands_after(image, power=True)
    drop_in = host.tree / DROP_IN
    drop_in.write_text(drop_in.read_text() + "GRUB_TIMEOUT=3\n")
    edited = drop_in.read_text()
    host.resume()
    assert status(host.store, f"boot-{host.model.state.boots}").state == "finished"
    # It is written anew, as by any run, and what was edited comes back with the rollback.
    assert edited != drop_in.read_text()
    with pytest.raises(RollbackIncomplete, match="could not be taken back"):
        host.roll_back()
    assert edited == drop_in.read_text()
    drop_in.write_text(edited.removesuffix("GRUB_TIMEOUT=3\n"))
    host.roll_back()
    assert [] == ground.wrong_at_the_start()


def test_a_bridge_that_somebodys_guest_is_on_stays_whole(ground: Ground) -> None:
    # Xen stayed for that guest; its network was taken down.
    host = ground.host
    host.restore(ground.undisturbed.after)
    state = host.model.state
    state.domains["theirs"], state.domain_uuids["theirs"] = 7, ANOTHER
    state.links["vif7.0"] = Link(master="xenbr0", mode="none", configured=False)
    for _again in range(2):
        with pytest.raises(RollbackIncomplete) as caught:
            host.roll_back()
        assert "would harm what depends on that and is not ours: vif7.0" in str(
            caught.value.details
        )
        assert state.links["vif7.0"].master == "xenbr0"
        assert state.links["xenbr0"].addresses
        assert "xenbr0" in (host.tree / "etc/network/interfaces").read_text()
    del state.domains["theirs"], state.links["vif7.0"]
    host.roll_back()
    assert [] == ground.wrong_at_the_start()
