"""What the faults found once, and what was mended for it: each a test of its own name."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from steps import network_bridge
from steps.facts import Content
from tests.fast import share
from tests.faults.ground import Ground, different
from tests.faults.host import Dropped, Image, Lie
from tests.faults.oracles import not_as_before
from tests.faults.scenarios import SCENARIOS, TARBALL
from tests.faults.state import Part, State, Volume
from tests.faults.test_writes import BadDisk
from tests.reading.tarballs import TREE, member, tarball
from wizard.errors import ChecksFailed, RollbackIncomplete, StepFailed, Stopped
from wizard.journal import Means
from wizard.status import status

ANOTHER = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
INTERFACES = "tree/etc/network/interfaces"


@pytest.fixture(scope="module")
def ground(grounds: Callable[[str], Ground]) -> Ground:
    return grounds("fresh")


def first(images: list[Image], right: Callable[[Image], bool]) -> Image:
    """The first moment at which something is so."""
    return next(image for image in images if right(image))


def has_bridge_in_file(image: Image) -> bool:
    return b"iface xenbr0" in bytes(image.files[INTERFACES][4] or b"")  # type: ignore[arg-type]


def test_a_power_cut_after_the_boot_into_xen_lets_resume_boot_into_it_once_more(
    ground: Ground,
) -> None:
    # It said that the machine had not booted what was prepared, and wanted a second `resume`.
    image = first(ground.applying, lambda one: bool(State.from_copy(one.state).domains))
    ground.stands_after(image, power=True)
    assert not ground.host.model.state.xen
    ground.host.resume()
    assert [] == ground.wrong_at_the_end()


def test_a_guest_that_was_built_and_not_let_go_is_started_anew(ground: Ground) -> None:
    # It is a domain, so it counted as started; its login prompt was waited for in vain.
    image = first(ground.applying, lambda one: bool(State.from_copy(one.state).paused))
    ground.stands_after(image, power=False)
    assert ground.host.model.state.paused
    ground.host.resume()
    assert not ground.host.model.state.paused
    assert [] == ground.wrong_at_the_end()


def test_a_rollback_stops_the_timer_that_a_killed_guarded_step_left(ground: Ground) -> None:
    image = first(ground.applying, lambda one: bool(State.from_copy(one.state).timer))
    ground.stands_after(image, power=False)
    ground.host.roll_back()
    assert [] == ground.wrong_at_the_start()


def test_a_file_written_twice_comes_back_in_order_when_its_command_failed_in_the_first_rollback(
    ground: Ground,
) -> None:
    # The older change was taken back though the newer one stayed; that one never could be again.
    host = ground.host
    host.restore(ground.undisturbed.after)
    host.lies = lambda argv: Lie("fails", status=1) if argv == ("update-grub",) else None
    with pytest.raises(RollbackIncomplete) as caught:
        host.roll_back()
    assert any("first that" in line for line in caught.value.details)
    host.lies = lambda _argv: None
    host.roll_back()
    assert [] == ground.wrong_at_the_start()


def test_what_keeps_the_boot_default_stays_as_long_as_xen_does(ground: Ground) -> None:
    # The guard's file went although the purge had done nothing: the next update-grub, by a kernel's
    # upgrade say, would have made the default a Xen that nobody wanted any more.
    host = ground.host
    host.restore(ground.undisturbed.after)
    host.lies = lambda argv: Lie("does nothing") if "purge" in argv else None
    with pytest.raises(RollbackIncomplete) as caught:
        host.roll_back()
    assert any("prepared for packages" in line for line in caught.value.details)
    assert "tree/etc/default/grub.d/w-xen-setup.cfg" in host.image().files
    host.lies = lambda _argv: None
    host.roll_back()
    assert [] == ground.wrong_at_the_start()


def test_a_card_whose_ifdown_was_cut_off_gets_its_address_back(ground: Ground) -> None:
    # ifup said "already configured", and the host stayed without an address.
    image = first(ground.applying, lambda one: one.point.endswith("during ifdown"))
    ground.stands_after(image, power=False)
    assert ground.host.model.state.links["ens3"].addresses == ()
    ground.host.roll_back()
    assert [] == ground.wrong_at_the_start()


def test_a_bridge_without_its_card_is_taken_down_too(ground: Ground) -> None:
    # bridge-utils makes the bridge a second before it plugs the card in.
    image = first(ground.applying, lambda one: "xenbr0" in State.from_copy(one.state).links)
    ground.stands_after(image, power=False)
    assert ground.host.model.state.links["ens3"].master == ""
    ground.host.roll_back()
    assert [] == ground.wrong_at_the_start()


@pytest.mark.parametrize("resume", [True, False])
def test_a_bridge_that_a_boot_made_by_our_file_is_taken_down_or_made_anew(
    ground: Ground, resume: bool
) -> None:
    # The file was put back and the bridge stayed: with the card's address beside its own; and
    # `resume` took it for somebody else's, so that the next boot would not have made it.
    ground.stands_after(first(ground.applying, has_bridge_in_file), power=True)
    assert "xenbr0" in ground.host.model.state.links
    if resume:
        ground.host.go_on()
        assert [] == ground.wrong_at_the_end()
    ground.host.roll_back()
    assert [] == ground.wrong_at_the_start()


def test_a_menu_that_update_grub_did_not_write_is_written_at_the_next_resume(
    ground: Ground,
) -> None:
    # The file was there, so nothing was done about the menu: `resume` failed for ever.
    host = ground.host
    image = [one for one in ground.applying if one.point.endswith("during update-grub")][-1]
    before = ground.applying[ground.applying.index(image) - 8]
    host.restore(before)
    host.lies = lambda argv: Lie("does nothing") if argv == ("update-grub",) else None
    with pytest.raises(Stopped):
        host.go_on()
    host.lies = lambda _argv: None
    host.resume()
    assert [] == ground.wrong_at_the_end()


@pytest.mark.parametrize("promoted", [False, True])
def test_a_hypervisor_that_grub_cannot_load_leaves_no_host_at_its_menu(
    ground: Ground, promoted: bool
) -> None:
    # GRUB 2 waited for a key: nothing told it what to boot instead.
    host = ground.host
    booted_next = first(
        ground.applying, lambda one: bool(State.from_copy(one.state).environment.get("next_entry"))
    )
    host.restore(ground.undisturbed.after if promoted else booted_next)
    for place in (host.model.tree / "boot").glob("xen-*.gz"):
        place.unlink()
    host.model.boot()
    assert not host.model.state.xen
    host.roll_back()
    assert [] == ground.wrong_at_the_start()


def test_an_edit_between_the_reading_and_the_writing_is_not_lost(ground: Ground) -> None:
    # The new text was made of the old one; the edit went into the backup, and no word was said.
    host = ground.host
    host.restore(ground.undisturbed.before)
    path = host.tree / "etc/network/interfaces"
    edited = path.read_text() + "# a line of mine\nauto eth7\niface eth7 inet manual\n"

    def at(point: str) -> None:
        if point == "during ifdown":
            path.write_text(edited)

    host.at_point = at
    wishes, host.wishes = host.wishes, replace(host.wishes, on_failure="stop")
    with pytest.raises(Stopped, match=r"interfaces was changed while this ran") as caught:
        host.apply()
    host.at_point = lambda _name: None
    assert "Nothing was written to it" in caught.value.hint
    assert edited == path.read_text()
    assert host.model.state.links["ens3"].addresses
    host.resume()
    host.wishes = wishes
    assert "xenbr0" in host.model.state.links
    assert path.read_text().endswith("# a line of mine\nauto eth7\niface eth7 inet manual\n")
    host.roll_back()
    assert edited == path.read_text()


def test_a_journal_whose_first_record_could_not_be_written_is_no_run(ground: Ground) -> None:
    # `status` ended with a traceback.
    host = ground.host
    host.restore(ground.undisturbed.before)
    host.means = BadDisk(1, "torn").means
    with pytest.raises(Stopped):
        host.apply()
    host.means = Means()
    assert status(host.store, "").state == "nothing yet"
    host.go_on()
    assert [] == ground.wrong_at_the_end()


def test_the_place_of_a_mount_that_was_not_made_is_cleared_away(ground: Ground) -> None:
    image = first(
        ground.applying,
        lambda one: (
            "tree/run/xen-setup/vm01" in one.files and not State.from_copy(one.state).mounts
        ),
    )
    ground.stands_after(image, power=False)
    ground.host.roll_back()
    assert [] == ground.wrong_at_the_start()


def test_a_guests_lost_and_found_outlives_a_debootstrap_that_was_cut_off(ground: Ground) -> None:
    image = first(ground.applying, lambda one: one.point.endswith("during debootstrap"))
    ground.stands_after(image, power=True)
    ground.host.go_on()
    lost = "tree/volumes/xendisks/vm01-root/lost+found"
    assert lost in ground.host.image().files
    assert [] == ground.wrong_at_the_end()


VM01 = "volumes/xendisks/vm01-root"
PLACE = "run/xen-setup/vm01"  # where it is while it is mounted


def used_guest(ground: Ground) -> Path:
    """The finished host, its guest shut down after it was used; its tree."""
    ground.host.restore(ground.undisturbed.after)
    ground.host.model.state.domains.clear()
    tree = ground.host.tree / VM01
    (tree / "home").mkdir()
    (tree / "home/precious").write_text("years of it")
    return tree


@pytest.mark.parametrize("log", [True, False])
def test_a_guest_whose_marker_is_gone_is_not_taken_for_one_that_is_half_installed(
    ground: Ground, log: bool
) -> None:
    # Its files were overwritten; without debootstrap's log it was installed anew, and emptied when
    # that failed.
    tree = used_guest(ground)
    (tree / "etc/fstab").write_text("# my own\n")
    (tree / "etc/xen-setup-guest").unlink()
    if not log:
        (tree / "var/log/bootstrap.log").unlink()
    before = ground.host.image()
    with pytest.raises(ChecksFailed) as caught:
        ground.host.apply()
    assert "[guest-system-not-ours]" in caught.value.details[0]
    changed = {name for name, entry in ground.host.image().files.items()
               if before.files.get(name) != entry and name.startswith("tree/")}  # fmt: skip
    assert set() == changed - {"tree/run"}


def test_a_kernel_that_a_guest_lacks_the_modules_of_is_no_reason_to_install_it_anew(
    ground: Ground,
) -> None:
    tree = used_guest(ground)
    shutil.rmtree(tree / "lib/modules/6.1.0-56-amd64")
    with pytest.raises(StepFailed) as caught:
        ground.host.apply()
    words = f"{caught.value.hint} {caught.value.details}"
    assert "cp --archive /lib/modules/6.1.0-56-amd64 /mnt/lib/modules/" in words
    assert "xen-setup-guest" not in words
    assert "years of it" == (tree / "home/precious").read_text()


def test_a_guest_that_was_cut_off_before_its_marker_was_in_its_place_is_gone_on_with(
    ground: Ground,
) -> None:
    image = first(ground.applying, lambda one: f"tree/{PLACE}/etc/fstab" in one.files)
    ground.stands_after(image, power=True)
    tree = ground.host.tree / VM01
    assert (tree / "xen-setup-installing").exists()
    assert not (tree / "etc/xen-setup-guest").exists()
    commands = len(ground.host.commands)
    ground.host.resume()
    assert not any(argv[0] == "debootstrap" for argv in ground.host.commands[commands:])
    assert not (tree / "xen-setup-installing").exists()
    assert [] == ground.wrong_at_the_end()


def test_a_snapshot_that_somebody_made_of_a_guests_volume_keeps_it_from_being_taken_back(
    ground: Ground,
) -> None:
    # lvremove takes along the snapshots of what it removes.
    host = ground.host
    host.restore(ground.undisturbed.after)
    volumes = host.model.state.volumes
    snapshot = replace(volumes["xendisks/vm01-root"], origin="xendisks/vm01-root", tags=())
    volumes["xendisks/before-upgrade"] = snapshot
    for _try in range(2):
        with pytest.raises(RollbackIncomplete) as caught:
            host.roll_back()
        told = [line for line in caught.value.details if "xendisks/before-upgrade" in line]
        assert ["guest_system", "guest_volumes", "guest_volumes"] == [
            line.partition(":")[0] for line in told
        ]
        assert any("`lvremove --yes xendisks/vm01-root` was not run" in line for line in told)
        assert snapshot == volumes["xendisks/before-upgrade"]
        assert (host.tree / VM01 / "etc/fstab").is_file()
    del volumes["xendisks/before-upgrade"]
    host.roll_back()
    host.questions.clear()  # vgremove's, of a group that was not empty
    assert [] == ground.wrong_at_the_start()


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_partition_that_somebody_makes_after_a_cut_keeps_nothing_from_going_on(
    ground: Ground, goes_on: bool
) -> None:
    # It had the number of ours, which was not made yet, and was taken for ours in another place.
    host = ground.host
    images = ground.applying
    made = first(images, lambda one: bool(State.from_copy(one.state).parts))
    ground.stands_after(images[images.index(made) - 1], power=True)
    mine = Part("/dev/vda", 2, 2048 * 11_910, 2048 * 2_000)
    host.model.state.parts["/dev/vda2"] = mine
    host.model.state.content["/dev/vda2"] = Content("filesystem", "ext4", "", "mine")
    if goes_on:
        host.resume()
        assert 2 == len(host.model.state.parts)
    host.roll_back()
    assert {"/dev/vda2": mine} == host.model.state.parts
    assert Content("filesystem", "ext4", "", "mine") == host.model.content("/dev/vda2")


@pytest.mark.parametrize("goes_on", [True, False])
def test_remains_in_the_space_of_a_new_partition_keep_nothing_from_going_on(
    ground: Ground, goes_on: bool
) -> None:
    # It was not empty, so somebody's: `resume` said that there is no free space any more.
    host = ground.host
    host.restore(ground.undisturbed.before)
    host.model.state.remains = Content("filesystem", "ext4", "", ANOTHER)
    images: list[Image] = []

    def keep(point: str) -> None:
        if host.model.state.parts:
            images.append(host.image(point))
            if host.model.state.remains.kind == "empty":
                raise Dropped

    host.at_point = keep
    with suppress(Dropped):
        host.apply()
    host.at_point = lambda _name: None
    assert len(images) > 3
    for image in share(different(images), one_in=3):
        ground.stands_after(image, power=True)
        if goes_on:
            host.resume()
            assert [] == ground.wrong_at_the_end(), image.point
        else:
            host.roll_back()
            assert {} == host.model.state.parts, image.point


def test_a_partition_stays_while_another_disk_has_the_name_of_its_own(ground: Ground) -> None:
    # Its number and place alone were compared: another disk's, as empty, would have gone.
    host = ground.host
    host.restore(ground.undisturbed.after)
    made = dict(host.model.state.parts)
    host.model.state.serial = "another one"
    with pytest.raises(RollbackIncomplete) as caught:
        host.roll_back()
    assert any("does not look like the disk" in line for line in caught.value.details)
    assert made == host.model.state.parts
    host.model.state.serial = ""
    host.roll_back()
    assert [] == ground.wrong_at_the_start()


def test_the_bridges_guard_fails_on_a_host_that_is_cut_off(ground: Ground) -> None:
    # `ip route get` found a way over another card, and a dead bridge was confirmed.
    host = ground.host
    host.restore(ground.undisturbed.before)
    guard = network_bridge.plan(host.settings, host.read_facts()).guard
    assert guard is not None
    for cut in (None, "the address", "the port", "the bridge", "the cable"):
        host.restore(ground.undisturbed.after)
        links = host.model.state.links
        card = links[host.settings.host.bridge_card]
        if cut == "the address":
            links["xenbr0"].addresses = ()
        card.master = "" if cut == "the port" else card.master
        card.up = cut != "the cable"
        links["xenbr0"].up = cut != "the bridge"
        assert (cut, cut is None) == (cut, host.machine().reads_well(guard.probe, 10.0))


def test_what_is_the_users_below_a_tarballs_folders_stays(tmp_path: Path) -> None:
    # /etc/xen, /var/lib/xen and others went with all that was in them: guests' configs, their
    # disks, core dumps; a vm01.cfg, too, of which it had just said that it stays.
    host = SCENARIOS["tarball"].host(tmp_path / "host")
    folders = ("etc/xen", "var/lib/xen", "var/lib/xenstored", "var/log/xen", "var/crash", "var/xen")
    own = [member(f"{TREE}/{name}", type=tarfile.DIRTYPE, mode=0o755) for name in folders]
    tarball(host.tree / TARBALL.lstrip("/"), *own)
    before = host.image()
    host.apply()
    vm01 = host.tree / "etc/xen/vm01.cfg"
    vm01.write_text(vm01.read_text() + "# mine\n")
    mine = ("etc/xen/mine.cfg", "var/lib/xen/images/disk.img", "var/lib/xen/save/vm02",
            "var/crash/core", "var/xen/dump/vm02.core", "var/log/xen/backup.log")  # fmt: skip
    xens = ("var/lib/xenstored/tdb", "var/log/xen/xl-vm01.log.1", "var/log/xen/xen-hotplug.log",
            "var/log/xen/console/guest-vm01.log", "var/log/xen/qemu-dm-vm01.log.10",
            f"var/lib/xen/userdata-d.0.{'0' * 8}-0000-0000-0000-{'0' * 12}.libxl-json")  # fmt: skip
    for name in (*mine, *xens):
        (host.tree / name).parent.mkdir(exist_ok=True)
        (host.tree / name).write_text("years of it")
    with pytest.raises(RollbackIncomplete) as caught:
        host.roll_back()
    left = {name for name in (*mine, *xens, "etc/xen/vm01.cfg") if (host.tree / name).exists()}
    assert left == {*mine, "etc/xen/vm01.cfg"}
    told = " ".join(caught.value.details)
    for name in ("etc/xen: it is not empty, mine.cfg", "var/log/xen: it is not empty, backup.log"):
        assert f"{host.tree}/{name} is in it" in told
    for name in (*mine, "etc/xen/vm01.cfg"):
        (host.tree / name).unlink()
    for folder in {(host.tree / name).parent for name in mine} - {host.tree / f for f in folders}:
        folder.rmdir()
    host.roll_back()
    assert [] == not_as_before(host, before)


@pytest.mark.parametrize("scenario", ["grub-legacy", "grub-legacy-own-menu"])
@pytest.mark.parametrize("volume", [True, False], ids=["lvm2 is needed", "apt does nothing"])
def test_update_grub_is_there_where_a_rollback_leaves_xens_packages(
    grounds: Callable[[str], Ground], scenario: str, volume: bool
) -> None:
    # It had been set aside for their going, and stayed so: kernels that came later were never in
    # the menu, and nobody was told.
    ground = grounds(scenario)
    host = ground.host
    host.restore(ground.undisturbed.after)

    def rolls_back_in_part() -> None:
        with pytest.raises(RollbackIncomplete) as caught:
            host.roll_back()
        assert any("update-grub is put back" in line for line in caught.value.details)
        assert "xen-utils-common" in host.model.state.packages
        assert not host.model.state.diverted

    if volume:
        host.model.state.volumes["xendisks/data"] = Volume(100, ())
    else:
        host.lies = lambda argv: Lie("does nothing") if "purge" in argv else None
    images = host.crashes_of(rolls_back_in_part)
    finished = host.image()
    aside = [one for one in images if State.from_copy(one.state).diverted]
    assert aside
    for image in aside:
        host.restore(image)
        rolls_back_in_part()
    host.restore(finished)
    if volume:
        host.run(("lvremove", "--yes", "xendisks/data"), timeout=60.0)
    host.lies = lambda _argv: None
    host.roll_back()
    host.questions.clear()  # vgremove's, of a group that was not empty
    assert [] == ground.wrong_at_the_start()
