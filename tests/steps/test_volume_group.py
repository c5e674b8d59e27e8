"""Where the volume group goes: every refusal by name, every plan, and what a crash leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from steps import identifiers, volume_group
from steps.facts import Content, Disk, Facts, FreeRegion, Partition
from steps.settings import Settings
from steps.spare_place import lost_devices, with_partition
from steps.suggest_storage import device_choices
from tests.machines import (
    MIB,
    as_user,
    disk,
    ext4,
    foreign,
    full,
    gpt,
    in_pieces,
    machines,
    partition,
    stock,
    with_second_disk,
    with_spare_partition,
    with_volume_group,
)
from tests.steps.answered import answered
from wizard.actions import CommandShows, CreatePartition, RunCommand, undo_class
from wizard.questions import Known
from wizard.step import Problem

VDA = "/dev/disk/by-id/virtio-practice-disk"
VDB = "/dev/disk/by-id/virtio-vdb-serial"
SPARE = f"{VDB}-part1"


def device(name: str, overwrite: str = "no") -> dict[str, object]:
    return {"storage.use": "device", "storage.device": name, "storage.overwrite": overwrite}


def on(disk_: Disk) -> Facts:
    return replace(stock(), disks=(stock().disks[0], disk_))


def without_free_space(facts: Facts) -> Facts:
    return replace(facts, disks=(replace(facts.disks[0], free=()), *facts.disks[1:]))


def with_region(facts: Facts, region: FreeRegion) -> Facts:
    return replace(facts, disks=(replace(facts.disks[0], free=(region,)), *facts.disks[1:]))


FREE_SPACE: dict[str, object] = {"storage.use": "free-space", "storage.device": VDA}
PIECES: dict[str, object] = {"storage.use": "free-space", "storage.device": VDB}
MOUNTED = gpt(
    disk("/dev/vdb", 20480), (partition("/dev/vdb", 1, 1, 8192, ext4("", "u", "/srv")),), ()
)
OWN_SYSTEM = {"storage.use": "device", "storage.device": VDA, "storage.overwrite": VDA}


@dataclass(frozen=True)
class Case:
    facts: Facts
    answers: Mapping[str, object] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    words: str = ""


CHECKS = {
    "free space": Case(stock()),
    "a group that is there": Case(with_volume_group(stock())),
    "an empty partition": Case(with_spare_partition(stock()), device(SPARE)),
    "an empty disk": Case(with_second_disk(stock()), device(VDB)),
    "by the kernel's name": Case(with_second_disk(stock()), device("/dev/vdb")),
    "no such group": Case(
        stock(), {"storage.use": "existing-group"}, ("volume-group-missing",), "xendisks"
    ),
    "the name is taken": Case(
        with_volume_group(stock()),
        {**FREE_SPACE, "storage.volume_group": "xendisks"},
        ("volume-group-name-taken",),
    ),
    "nothing spare": Case(full(stock()), {}, ("no-spare-place",)),
    "no such disk": Case(
        stock(), {**FREE_SPACE, "storage.device": "/dev/sdz"}, ("device-missing",), VDA
    ),
    "free space of a partition": Case(
        stock(), {**FREE_SPACE, "storage.device": "/dev/vda1"}, ("device-missing",), "a partition"
    ),
    "no such device": Case(stock(), device("/dev/sdz1"), ("device-missing",)),
    "no partition table": Case(
        with_second_disk(stock()), {**FREE_SPACE, "storage.device": VDB}, ("no-partition-table",)
    ),
    "no free space": Case(without_free_space(stock()), FREE_SPACE, ("no-free-space",)),
    "four primaries": Case(
        with_region(stock(), FreeRegion(8390656, 20969472, 10239, 5, usable=False)),
        FREE_SPACE,
        ("partition-table-full",),
    ),
    "little free space": Case(
        with_region(stock(), FreeRegion(8390656, 4096 * 2048, 4096, 2)),
        FREE_SPACE,
        ("free-space-too-small",),
        "4GiB",
    ),
    "more than is free": Case(
        stock(), {**FREE_SPACE, "storage.partition_size": 12288}, ("free-space-too-small",), "12GiB"
    ),
    "read-only disk": Case(
        on(replace(disk("/dev/vdb", 20480), read_only=True)), device(VDB), ("device-read-only",)
    ),
    "read-only disk with space": Case(
        replace(stock(), disks=(replace(stock().disks[0], read_only=True),)),
        FREE_SPACE,
        ("device-read-only",),
    ),
    "small disk": Case(on(disk("/dev/vdb", 4096)), device(VDB), ("device-too-small",), "4 GiB"),
    "the system's disk": Case(stock(), OWN_SYSTEM, ("device-is-the-systems",)),
    "the system's partition": Case(
        stock(), device("/dev/vda1", "/dev/vda1"), ("device-is-the-systems", "device-too-small")
    ),
    "mounted": Case(
        with_spare_partition(stock()),
        device(f"{VDB}-part2", f"{VDB}-part2"),
        ("device-in-use", "device-too-small"),
        "/home",
    ),
    "a partition of it is mounted": Case(on(MOUNTED), device(VDB, VDB), ("device-in-use",), "/srv"),
    "raid": Case(
        foreign(stock()), device("/dev/vdb"), ("device-in-use", "device-not-empty"), "RAID"
    ),
    "luks in use": Case(
        foreign(stock()),
        device("/dev/vdc1"),
        ("device-in-use", "device-too-small", "device-not-empty"),
        "LUKS",
    ),
    "filesystem": Case(
        foreign(stock()), device("/dev/vdd"), ("device-not-empty",), "ext4 filesystem labelled keep"
    ),
    "partition table": Case(
        with_spare_partition(replace(stock(), disks=stock().disks)),
        {**device(VDB)},
        ("device-in-use", "device-not-empty"),
    ),
    "another group": Case(
        with_volume_group(stock()),
        {**device("/dev/vdb"), "storage.volume_group": "other"},
        ("device-in-use", "device-not-empty"),
    ),
    "extended partition": Case(
        on(
            replace(
                disk("/dev/vdb", 20480),
                table="msdos",
                partitions=(
                    replace(
                        partition("/dev/vdb", 1, 1, 20000, Content("partition table", "dos")),
                        type="0x5",
                    ),
                ),
            )
        ),
        device("/dev/vdb1"),
        ("device-is-extended", "device-not-empty"),
    ),
    "guests too large": Case(
        stock(), {"guests.0.root_size": 10240}, ("guests-do-not-fit",), "10368MiB"
    ),
    "guests too large for a group": Case(
        with_volume_group(stock()), {"guests.0.root_size": 8192}, ("guests-do-not-fit",)
    ),
    "a filesystem that may be lost": Case(
        foreign(stock()), device("/dev/vdd", "/dev/vdd"), ("device-is-overwritten",)
    ),
    "lost by its other name": Case(
        foreign(stock()),
        device("/dev/vdd", "/dev/disk/by-id/virtio-vdd-serial"),
        ("device-is-overwritten",),
    ),
    "another device may be lost": Case(
        foreign(stock()), device("/dev/vdd", "/dev/vdb"), ("device-not-empty",)
    ),
    "unread": Case(
        on(disk("/dev/vdb", 20480, Content("unknown"))), device(VDB), ("device-unread",)
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_check_names_each_problem(name: str) -> None:
    case = CHECKS[name]
    problems = volume_group.check(answered(case.facts, case.answers), case.facts)
    assert case.problems == tuple(problem.name for problem in problems)
    assert case.words in " ".join(f"{problem.what} {problem.hint}" for problem in problems)
    assert all(problem.hint for problem in problems)
    warned = {problem.name for problem in problems if problem.severity != "error"}
    assert warned <= {"device-is-overwritten"}


@pytest.mark.parametrize("name", machines())
def test_what_the_interview_offers_is_what_the_check_accepts(name: str) -> None:
    facts = machines()[name]
    if facts.volume_groups is None or facts.group("xendisks") is not None:
        facts = replace(facts, volume_groups=())
    for choice in device_choices(Known(facts, {"storage.use": "device"})):
        agreed = choice.value if choice.loss is not None else "no"
        settings = answered(facts, device(choice.value, agreed))
        found = [
            problem
            for problem in volume_group.check(settings, facts)
            # How much the guests want is not the device's.
            if problem.severity != "warning" and problem.name != "guests-do-not-fit"
        ]
        assert bool(choice.refused) == bool(found), (choice, found)
        lost = lost_devices(settings, facts)
        assert bool(choice.loss) == bool(lost), (choice, lost)
        if choice.loss is not None:
            assert choice.is_called(lost[0])
            without = volume_group.check(answered(facts, device(choice.value)), facts)
            assert ["device-not-empty"] == [problem.name for problem in without]


def test_the_systems_own_disk_is_never_offered() -> None:
    for name, facts in machines().items():
        choices = device_choices(Known(facts, {"storage.use": "device"}))
        own = {disk.path for disk in facts.disks if disk.system}
        own |= {part.path for disk in facts.disks for part in disk.partitions if part.system}
        refused = {choice.title.split()[0] for choice in choices if choice.refused}
        assert own <= refused, name


UNKNOWN: dict[str, tuple[Facts, dict[str, object], str]] = {
    "groups": (replace(as_user(stock()), volume_groups=None), {}, "volume-groups-unread"),
    "a disk's content": (as_user(stock()), device(VDB), "device-unread"),
    "free space": (as_user(stock()), FREE_SPACE, "free-space-unread"),
    "any spare place": (as_user(stock()), {}, "spare-place-unread"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_only_root_can_read_is_unknown_and_not_guessed(name: str) -> None:
    facts, answers, problem = UNKNOWN[name]
    found = volume_group.check(answered(facts, answers), facts)
    assert [(problem, "unknown")] == [(item.name, item.severity) for item in found]


def argvs(facts: Facts, settings: Settings) -> list[tuple[str, ...]]:
    actions = volume_group.plan(settings, facts).actions
    return [action.argv for action in actions if isinstance(action, RunCommand)]


def test_free_space_becomes_a_partition_and_nothing_else_is_touched() -> None:
    first, *others = volume_group.plan(answered(stock()), stock()).actions
    assert isinstance(first, CreatePartition)
    assert (2, 8390656, 10239 * 2048) == (first.number, first.start, first.sectors)
    assert f"{VDA}-part2" == first.path
    assert ("practice-disk", "8c0ff1ce") == (first.disk.serial, first.disk.table_id)
    assert "msdos" == first.label
    uuid = identifiers.physical_volume_uuid(stock(), "xendisks")
    assert [
        ("pvcreate", "--yes", "--uuid", uuid, "--norestorefile", f"{VDA}-part2"),
        ("vgcreate", "--addtag", "xen-setup", "xendisks", f"{VDA}-part2"),
    ] == [action.argv for action in others if isinstance(action, RunCommand)]


def test_a_partition_size_takes_only_that_much() -> None:
    settings = answered(stock(), {**FREE_SPACE, "storage.partition_size": 6144})
    first = volume_group.plan(settings, stock()).actions[0]
    assert isinstance(first, CreatePartition)
    assert 6144 * 2048 == first.sectors


def test_sectors_are_the_disks_own() -> None:
    large = replace(stock().disks[0], sector_size=4096,
                    free=(FreeRegion(1048832, 2621184, 10239, 2),))  # fmt: skip
    facts = replace(stock(), disks=(large,))
    first = volume_group.plan(answered(facts), facts).actions[0]
    assert isinstance(first, CreatePartition)
    assert (4096, 10239 * 256) == (first.sector_size, first.sectors)


def test_an_empty_device_is_taken_without_agreeing_to_any_question() -> None:
    # pvcreate asks when something is on it; nobody answers, and it fails: that is wanted.
    facts = with_second_disk(stock())
    commands = argvs(facts, answered(facts, device(VDB)))
    assert ["pvcreate", "vgcreate"] == [argv[0] for argv in commands]
    assert "--yes" not in commands[0]


def test_a_device_is_recognised_again_just_before_it_is_touched() -> None:
    facts = with_second_disk(stock())
    first = volume_group.plan(answered(facts, device(VDB)), facts).actions[0]
    assert isinstance(first, RunCommand)
    assert first.identity is not None
    assert (VDB, 20480 * MIB, "vdb-serial", "") == (
        first.identity.path,
        first.identity.size,
        first.identity.serial,
        first.identity.content,
    )


def test_what_may_be_lost_is_a_point_of_no_return() -> None:
    facts = foreign(stock())
    actions = volume_group.plan(answered(facts, device("/dev/vdd", "/dev/vdd")), facts).actions
    first = actions[0]
    assert isinstance(first, RunCommand)
    assert ("wipefs", "--all", "/dev/disk/by-id/virtio-vdd-serial") == first.argv
    assert "no undo" == undo_class(first)
    assert "storage.overwrite" == first.agreed_by
    assert "keep" in first.undo_note
    assert "ext4" == (first.identity.content if first.identity else None)
    second = actions[1]
    assert isinstance(second, RunCommand)
    assert "" == (second.identity.content if second.identity else None)


def test_what_is_agreed_to_be_lost_is_warned_of_with_what_it_is() -> None:
    facts = foreign(stock())
    (warning,) = volume_group.check(answered(facts, device("/dev/vdd", "/dev/vdd")), facts)
    assert ("device-is-overwritten", "warning") == (warning.name, warning.severity)
    assert "an ext4 filesystem labelled keep" in warning.what


def test_the_group_is_known_again_by_our_tag_and_uuid() -> None:
    action = volume_group.plan(answered(stock()), stock()).actions[-1]
    assert isinstance(action, RunCommand)
    assert isinstance(action.probe, CommandShows)
    uuid = identifiers.physical_volume_uuid(stock(), "xendisks")
    shown = matches(action.probe)
    assert shown(f"  xendisks xen-setup {uuid}\n")
    assert shown(f"  xendisks backup,xen-setup {uuid}\n")
    assert not shown(f"  xendisks           {uuid}\n")
    assert not shown("  xendisks xen-setup Wq1x2y-Zabc-defg-hijk-lmno-pqrs-tuvwxy\n")
    assert not shown("")


def matches(probe: CommandShows) -> Callable[[str], bool]:
    import re

    return lambda text: re.search(probe.pattern, text, re.MULTILINE) is not None


# ---- what a crash leaves is known again


def with_made_partition(facts: Facts, content: Content, size: int = 10239) -> Facts:
    """The stock machine after the partition was made, read again."""
    made = Partition(
        path="/dev/vda2",
        names=(f"{VDA}-part2",),
        number=2,
        start=8390656,
        sectors=size * 2048,
        size=size,
        size_bytes=size * MIB,
        uuid="8c0ff1ce-02",
        type="0x8e",
        content=content,
    )
    left = 10239 - size
    free = (FreeRegion(8390656 + size * 2048, left * 2048, left, 3),) if left else ()
    whole = facts.disks[0]
    changed = replace(whole, partitions=(*whole.partitions, made), free=free)
    return replace(facts, disks=(changed, *facts.disks[1:]))


@pytest.mark.parametrize("size", [0, 6144])
def test_a_partition_that_was_made_before_a_crash_is_used(size: int) -> None:
    answers = {**FREE_SPACE, "storage.partition_size": size}
    facts = with_made_partition(stock(), Content("empty"), size or 10239)
    settings = answered(facts, answers)
    assert [] == volume_group.check(settings, facts)
    plan = volume_group.plan(settings, facts)
    assert ["pvcreate", "vgcreate"] == [argv[0] for argv in argvs(facts, settings)]
    assert "meant for LVM" in plan.skipped[0]


def test_a_physical_volume_that_was_made_before_a_crash_is_used() -> None:
    uuid = identifiers.physical_volume_uuid(stock(), "xendisks")
    facts = with_made_partition(stock(), Content("lvm", "LVM2_member", "", uuid))
    settings = answered(facts, FREE_SPACE)
    assert [] == volume_group.check(settings, facts)
    assert ["vgcreate"] == [argv[0] for argv in argvs(facts, settings)]


@pytest.mark.parametrize("start", [8193, 24577, 0])
@pytest.mark.parametrize("size", [0, 6144])
def test_the_piece_of_the_disk_that_was_asked_for_is_taken_and_known_again(
    start: int, size: int
) -> None:
    facts = in_pieces(stock())
    answers = {**PIECES, "storage.region": start, "storage.partition_size": size}
    settings = answered(facts, answers)
    assert (start or 24577) == settings.storage.region
    action = volume_group.plan(settings, facts).actions[0]
    assert isinstance(action, CreatePartition)
    whole = {8193: 8192, 24577: 12288}[start or 24577]
    assert ((start or 24577) * 2048, (size or whole) * 2048) == (action.start, action.sectors)
    # Cut off after that action: another piece is the largest now, and the partition is still ours.
    (other,) = [disk for disk in facts.disks if disk.path == "/dev/vdb"]
    made = with_partition(facts, other, action, size or whole)
    again = answered(made, {**answers, "storage.region": settings.storage.region})
    assert [] == volume_group.check(again, made)
    assert ["pvcreate", "vgcreate"] == [argv[0] for argv in argvs(made, again)]
    assert (f"{VDB}-part3",) == argvs(made, again)[0][-1:]


def test_a_piece_that_is_not_there_is_named_with_those_that_are() -> None:
    facts = in_pieces(stock())
    (problem,) = volume_group.check(answered(facts, {**PIECES, "storage.region": 5}), facts)
    assert "no-such-region" == problem.name
    assert "begins at 5MiB" in problem.what
    assert "8GiB from 8193MiB on, 12GiB from 24577MiB on" in problem.hint


@pytest.mark.parametrize(
    "content",
    [ext4("", "u"), Content("lvm", "LVM2_member", "", "Wq1x2y-Zabc-defg-hijk-lmno-pqrs-tuvwxy")],
)
def test_a_partition_of_somebody_elses_is_not_taken_for_ours(content: Content) -> None:
    facts = with_made_partition(stock(), content)
    names = [problem.name for problem in volume_group.check(answered(facts, FREE_SPACE), facts)]
    assert ["no-free-space"] == names


def test_an_empty_partition_that_is_not_meant_for_lvm_is_not_taken() -> None:
    facts = with_made_partition(stock(), Content("empty"))
    whole = facts.disks[0]
    changed = replace(
        whole, partitions=(whole.partitions[0], replace(whole.partitions[1], type="0x83"))
    )
    facts = replace(facts, disks=(changed,))
    names = [problem.name for problem in volume_group.check(answered(facts, FREE_SPACE), facts)]
    assert ["no-free-space"] == names


# ---- verify


def test_verify_misses_a_group_that_is_not_there() -> None:
    found = volume_group.verify(answered(stock()), stock())
    assert ["volume-group-missing"] == [problem.name for problem in found]


def test_our_own_group_is_there_on_the_second_run() -> None:
    settings = answered(stock())
    then = volume_group.plan(settings, stock()).then
    assert [] == volume_group.check(settings, then)
    assert () == volume_group.plan(settings, then).actions


def test_a_group_with_our_tag_on_another_device_is_not_ours() -> None:
    settings = answered(with_second_disk(stock()), device(VDB))
    facts = with_volume_group(stock())
    group = replace(facts.group("xendisks") or pytest.fail("no group"), tags=("xen-setup",))
    facts = replace(
        facts,
        volume_groups=(replace(group, devices=("/dev/vda2",)),),
        disks=(with_made_partition(stock(), Content("lvm")).disks[0], disk("/dev/vdb", 20480)),
    )
    found: list[Problem] = volume_group.check(settings, facts)
    assert ["volume-group-name-taken"] == [problem.name for problem in found]


def test_no_machine_makes_the_plan_stumble() -> None:
    for name, facts in machines().items():
        settings = answered(facts)
        first = volume_group.plan(settings, facts)
        assert first == volume_group.plan(settings, facts), name
