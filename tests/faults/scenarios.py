"""The machines and answers that faults are tried on. Each has somebody else's disk beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from steps.facts import Content, Facts, LogicalVolume, VolumeGroup
from tests.faults.host import Host
from tests.machines import (
    disk,
    ext4,
    gpt,
    partition,
    static_with_session,
    stock,
    with_second_disk,
    with_volume_group,
)
from tests.machines_of_2006 import with_debians_default, with_own_boot
from tests.reading.tarballs import tarball
from tests.steps.answered import answered

CANARY = "canary"
TARBALL = "/root/xen.tgz"
OVERWRITTEN = "/dev/vdb"
PRECIOUS = "Nothing of ours: nobody may touch it.\n"


@dataclass(frozen=True)
class Scenario:
    """A machine, the answers to it (parsed), and how many guests."""

    name: str
    machine: Callable[[], Facts]
    answers: Mapping[str, object]
    guests: int = 1
    tarball: bool = False  # Xen's, as upstream makes it, is in root's home

    def host(self, top: Path) -> Host:
        """That machine below a directory, as it is before xen-setup comes."""
        facts = with_canary(self.machine())
        host = Host(top, facts, answered(facts, self.answers, guests=self.guests))
        inside = host.tree / "volumes" / CANARY / "keep"
        (inside / "precious").write_text(PRECIOUS)
        if self.tarball:
            place = host.tree / TARBALL.lstrip("/")
            place.parent.mkdir()
            tarball(place)
        return host


def with_canary(facts: Facts) -> Facts:
    """Somebody's disk: a partition with files, and a volume group without any room."""
    uuid = "Ca1na2-ryry-defg-hijk-lmno-pqrs-tuvwxy"
    whole = gpt(
        disk("/dev/vdz", 4096),
        (
            partition("/dev/vdz", 1, 1, 2048, ext4("keep", "11111111-2222-4333-8444-555555555555")),
            partition(
                "/dev/vdz", 2, 2049, 2046, Content("lvm", "LVM2_member", "", uuid, (), (CANARY,))
            ),
        ),
        (),
    )
    group = VolumeGroup(
        name=CANARY,
        uuid="Gr1oup-1a2b-3c4d-5e6f-7g8h-9i0j-kLmNoP",
        tags=(),
        size=2044,
        free=0,
        extent=4,
        devices=("/dev/vdz2",),
        volumes=(
            LogicalVolume(
                "keep", f"/dev/{CANARY}/keep", "Vo1ume-3456-7890-abcd-efgh-ijkl-mnopqr", (), 2044,
                False, ext4("precious", "99999999-8888-4777-8666-555555555555"),
            ),
        ),
    )  # fmt: skip
    groups = (*(facts.volume_groups or ()), group)
    packages = {**facts.packages, "lvm2": "2.03.16-2"}
    return replace(facts, disks=(*facts.disks, whole), volume_groups=groups, packages=packages)


def with_somebodys_disk(facts: Facts) -> Facts:
    """A second disk that somebody made a filesystem on."""
    held = ext4("old", "33333333-4444-4555-8666-777777777777")
    first, second, *rest = with_second_disk(facts).disks
    assert second.path == OVERWRITTEN
    return replace(facts, disks=(first, replace(second, content=held), *rest))


def _half_there() -> Facts:
    """Some of it is there already: the group, some of the packages, the service's directory."""
    facts = with_volume_group(stock())
    packages = {**facts.packages, "debootstrap": "1.0.128", "bridge-utils": "1.7.1-1"}
    return replace(
        facts,
        packages=packages,
        directories=(*facts.directories, "/etc/xen", "/etc/xen/auto"),
        apt=replace(facts.apt, lists_age_hours=50),
    )


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("fresh", stock, {"guests.0.root_password": "$6$secret$of-the-guest"}),
        Scenario("part-present", _half_there, {"storage.use": "existing-group"}),
        Scenario(
            "several-guests",
            lambda: static_with_session(stock()),
            {"host.after_reboot": "by-itself", "guests.1.filesystem": "xfs",
             "guests.1.autostart": False},
            guests=2,
        ),
        Scenario("second-disk", lambda: with_second_disk(stock()),
                 {"storage.use": "device", "storage.device": "/dev/vdb",
                  "host.bridge": "none", "host.make_default": False}),
        Scenario("overwritten-disk", lambda: with_somebodys_disk(stock()),
                 {"storage.use": "device", "storage.device": OVERWRITTEN,
                  "storage.overwrite": OVERWRITTEN}),
        Scenario("tarball", stock,
                 {"host.xen_source": "tarball", "host.tarball": TARBALL}, tarball=True),
        Scenario("grub-legacy", lambda: with_debians_default(stock()), {}),
        Scenario("grub-legacy-own-menu", lambda: with_own_boot(stock()),
                 {"host.after_reboot": "by-itself"}),
    )
}  # fmt: skip
