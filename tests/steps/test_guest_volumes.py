"""The guests' volumes: what is made, with which identity, and what stands in the way."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from steps import guest_volumes, identifiers
from steps.expected import with_volume_group as with_group
from steps.facts import Content, Facts, LogicalVolume, VolumeGroup
from tests.machines import MIB, ext4, machines, stock, with_volume_group
from tests.steps.answered import answered
from tests.steps.prepared import before
from wizard.actions import CommandShows, Identity, Probe, RunCommand
from wizard.commands import ask
from wizard.probing import shows

ROOT = "/dev/xendisks/vm01-root"
SWAP = "/dev/xendisks/vm01-swap"


def ready(answers: Mapping[str, object] | None = None) -> Facts:
    """The stock machine with its new volume group, 10236 MiB."""
    return before(guest_volumes, answered(stock(), answers), stock())


def group(facts: Facts) -> VolumeGroup:
    return facts.group("xendisks") or pytest.fail("no volume group")


def with_root(content: Content, size: int = 2048, used: bool = False, tag: str = "") -> Facts:
    """A volume vm01-root is there already."""
    facts = ready()
    tags = (tag,) if tag else ()
    volume = LogicalVolume("vm01-root", ROOT, "uuid", tags, size, used, content)
    return with_group(
        facts, replace(group(facts), volumes=(volume,), free=group(facts).free - size)
    )


def commands(facts: Facts, answers: Mapping[str, object] | None = None) -> list[RunCommand]:
    actions = guest_volumes.plan(answered(stock(), answers), facts).actions
    return [action for action in actions if isinstance(action, RunCommand)]


def test_makes_a_root_and_a_swap_volume_with_chosen_uuids() -> None:
    uuids = [identifiers.filesystem_uuid(stock(), device) for device in (ROOT, SWAP)]
    made = [action.argv for action in commands(ready())]
    assert [argv[0] for argv in made] == ["lvcreate", "mkfs.ext4", "lvcreate", "mkswap"]
    assert ("mkfs.ext4", "-U", uuids[0], ROOT) == made[1]
    assert ("mkswap", "--uuid", uuids[1], SWAP) == made[3]
    assert "--name vm01-root --size 2048m --addtag xen-setup" in " ".join(made[0])
    assert "--name vm01-swap --size 128m" in " ".join(made[2])


def test_a_filesystem_is_made_only_where_nothing_is_even_on_a_volume_of_our_own() -> None:
    # mkfs asks nobody without a terminal: a script finds what was put on the volume since.
    for action in commands(ready()):
        device = action.argv[-1]
        if action.argv[0].startswith("mk"):
            assert action.identity == Identity(device, size=0, content="")


FILESYSTEMS = {
    "ext4": ("mkfs.ext4", "-U"),
    "ext3": ("mkfs.ext3", "-U"),
    "xfs": ("mkfs.xfs", "-m"),
    "btrfs": ("mkfs.btrfs", "--uuid"),
}


@pytest.mark.parametrize("name", FILESYSTEMS)
def test_each_filesystem_is_made_with_our_uuid(name: str) -> None:
    answers = {"guests.0.filesystem": name}
    made = commands(ready(answers), answers)[1]
    assert FILESYSTEMS[name] == made.argv[:2]
    assert identifiers.filesystem_uuid(stock(), ROOT) in made.argv[2]
    volume = guest_volumes.plan(answered(stock(), answers), ready()).then.volume(
        "xendisks", "vm01-root"
    )
    assert volume is not None
    assert name == volume.content.detail


@pytest.mark.skipif(
    shutil.which("mkfs.xfs", path="/usr/sbin:/sbin:/usr/bin") is None, reason="no mkfs.xfs"
)
def test_an_xfs_that_mkfs_did_not_end_has_its_uuid_and_is_not_made(tmp_path: Path) -> None:
    """mkfs.xfs, stopped at any write after its first, leaves the UUID (6.1, seen); what it says at
    its end is the byte sb_inprogress, the 126th of the superblock."""
    answers = {"guests.0.filesystem": "xfs"}
    made = commands(ready(answers), answers)[1]
    image = tmp_path / "volume"
    with image.open("wb") as volume:
        volume.truncate(300 * MIB)
    subprocess.run([*made.argv[:-1], image], check=True, capture_output=True)

    def shown(probe: Probe | None) -> bool:
        assert isinstance(probe, CommandShows)
        return shows(probe, ask((*probe.argv[:-1], str(image))))

    assert (True, True) == (shown(made.probe), shown(made.traces))
    with image.open("r+b") as superblock:
        superblock.seek(126)
        superblock.write(b"\1")
    assert (False, True) == (shown(made.probe), shown(made.traces))
    subprocess.run(["wipefs", "--all", image], check=True, capture_output=True)
    assert (False, False) == (shown(made.probe), shown(made.traces))


def test_without_swap_there_is_one_volume() -> None:
    answers = {"guests.0.swap_size": 0}
    assert ["lvcreate", "mkfs.ext4"] == [
        action.argv[0] for action in commands(ready(answers), answers)
    ]


def test_every_guest_gets_its_own() -> None:
    facts = ready()
    settings = answered(stock(), guests=2)
    then = guest_volumes.plan(settings, facts).then
    names = [volume.name for volume in group(then).volumes]
    assert ["vm01-root", "vm01-swap", "vm02-root", "vm02-swap"] == names
    assert 4 == len({volume.content.uuid for volume in group(then).volumes})
    assert group(facts).free - 2 * (2048 + 128) == group(then).free


def test_sizes_are_rounded_up_to_extents_as_lvcreate_does() -> None:
    answers = {"guests.0.root_size": 2049}
    facts = ready(answers)
    volume = guest_volumes.plan(answered(stock(), answers), facts).then.volume(
        "xendisks", "vm01-root"
    )
    assert volume is not None
    assert 2052 == volume.size


def test_a_volume_that_a_crash_left_empty_only_gets_its_filesystem() -> None:
    facts = with_root(Content("empty"), tag="xen-setup")
    made = commands(facts)
    assert ["mkfs.ext4", "lvcreate", "mkswap"] == [action.argv[0] for action in made]
    assert made[0].identity is not None
    assert (ROOT, 2048 * MIB, "") == (
        made[0].identity.path,
        made[0].identity.size,
        made[0].identity.content,
    )


def test_what_is_made_is_left_alone() -> None:
    uuid = identifiers.filesystem_uuid(stock(), ROOT)
    facts = with_root(Content("filesystem", "ext4", "", uuid), used=True)
    plan = guest_volumes.plan(answered(stock()), facts)
    assert f"{ROOT} is there, with ext4 on it." in plan.skipped
    assert ["lvcreate", "mkswap"] == [action.argv[0] for action in commands(facts)]


def test_the_volume_is_known_again_by_name_and_tag() -> None:
    probe = commands(ready())[0].probe
    assert isinstance(probe, CommandShows)

    def shown(line: str) -> bool:
        return re.search(probe.pattern, line, re.MULTILINE) is not None

    assert shown("  vm01-root xen-setup\n")
    assert shown("  vm01-root backup,xen-setup\n")
    assert not shown("  vm01-root           \n")
    assert not shown("  vm01-root not-xen-setup\n")
    assert not shown("")


@dataclass(frozen=True)
class Case:
    facts: Facts
    answers: Mapping[str, object] = field(default_factory=dict)
    problems: tuple[tuple[str, str], ...] = ()


TAKEN = ext4("mine", "c0ffee00-1111-4222-8333-444455556666")

CHECKS = {
    "all is well": Case(ready()),
    "an empty volume is there": Case(with_root(Content("empty"))),
    "no group": Case(stock(), {}, (("volume-group-missing", "error"),)),
    "groups are not known": Case(replace(stock(), volume_groups=None)),
    "somebody's filesystem": Case(with_root(TAKEN), {}, (("volume-taken", "error"),)),
    "empty but in use": Case(
        with_root(Content("empty"), used=True), {}, (("volume-taken", "error"),)
    ),
    "too small": Case(
        with_root(Content("empty"), size=1024), {}, (("volume-too-small", "error"),)
    ),
    "not readable": Case(with_root(Content("unknown")), {}, (("volume-unread", "error"),)),
    "only root may read it": Case(
        replace(with_root(Content("unknown")), as_root=False), {}, (("volume-unread", "unknown"),)
    ),
    "too large together": Case(
        ready(), {"guests.0.root_size": 10232}, (("guests-do-not-fit", "error"),)
    ),
    "no mkfs.xfs to be had": Case(
        replace(ready(), installable=()),
        {"guests.0.filesystem": "xfs"},
        (("filesystem-tools-missing", "error"),),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKS)
def test_check_names_each_problem(name: str) -> None:
    case = CHECKS[name]
    found = guest_volumes.check(answered(stock(), case.answers), case.facts)
    assert case.problems == tuple((problem.name, problem.severity) for problem in found)
    assert all(problem.what and problem.hint for problem in found)


def test_verify_misses_volumes_and_filesystems() -> None:
    settings = answered(stock())
    missing = guest_volumes.verify(settings, ready())
    assert ["volume-missing", "volume-missing"] == [problem.name for problem in missing]
    other = guest_volumes.verify(settings, with_root(TAKEN))
    assert ["volume-not-made", "volume-missing"] == [problem.name for problem in other]
    unread = with_root(Content("unknown"))
    for facts, severity in ((unread, "error"), (replace(unread, as_root=False), "unknown")):
        found = guest_volumes.verify(settings, facts)[0]
        assert ("volume-unread", severity) == (found.name, found.severity)


def test_other_volumes_of_the_group_stay_as_they_are() -> None:
    facts = before(guest_volumes, answered(with_volume_group(stock())), with_volume_group(stock()))
    then = guest_volumes.plan(answered(facts), facts).then
    assert group(facts).volumes[0] == group(then).volumes[0]


def test_the_plan_is_the_same_each_time_on_every_machine() -> None:
    for name, facts in machines().items():
        settings = answered(facts)
        assert guest_volumes.plan(settings, facts) == guest_volumes.plan(settings, facts), name
