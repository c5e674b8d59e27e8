"""The guest's config: written, read back, held against the world; and the user's changes kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from steps import guest_config, identifiers
from steps.expected import with_file, with_tree
from steps.facts import Content, Domain, Facts
from steps.guest_disks import disks
from steps.xl_config import cards_of, disks_of, parse_config, text_of, whole_number_of
from tests.machines import machines, running, stock
from tests.steps.answered import answered
from tests.steps.prepared import before
from wizard.actions import WriteFile, text_hash

PATH = "/etc/xen/vm01.cfg"
ROOT = "/dev/xendisks/vm01-root"


def ready(answers: Mapping[str, object] | None = None) -> Facts:
    """The stock machine with Xen and vm01's system."""
    return before(guest_config, answered(stock(), answers), stock())


def text(answers: Mapping[str, object] | None = None) -> str:
    made = guest_config.plan(answered(stock(), answers), ready(answers)).actions
    assert ["WriteFile"] == [action.kind for action in made]
    assert isinstance(made[0], WriteFile)
    assert PATH == made[0].path
    return made[0].text


def test_xl_reads_in_it_what_was_asked_for() -> None:
    config = parse_config(text({"guests.0.memory": 768, "guests.0.vcpus": 2}))
    assert ("vm01", "pv") == (text_of(config, "name"), text_of(config, "type"))
    assert (768, 2) == (whole_number_of(config, "memory"), whole_number_of(config, "vcpus"))
    assert "/boot/vmlinuz-6.1.0-56-amd64" == text_of(config, "kernel")
    assert "/boot/initrd.img-6.1.0-56-amd64" == text_of(config, "ramdisk")
    assert "/dev/xvda1 ro" == text_of(config, "root")
    assert "console=hvc0" in text_of(config, "extra")
    assert identifiers.guest_uuid(stock(), "vm01") == text_of(config, "uuid")


def test_its_disks_are_whole_paths_and_agree_with_fstab() -> None:
    settings = answered(stock())
    specs = disks_of(parse_config(text()))
    expected = disks(settings, ready(), settings.guests[0])
    assert [(disk.device, disk.target) for disk in expected] == [
        (spec.target, spec.vdev) for spec in specs
    ]
    assert all(spec.target.startswith("/dev/xendisks/") and spec.writable for spec in specs)
    assert 1 == len(disks_of(parse_config(text({"guests.0.swap_size": 0}))))


def test_its_card_is_plugged_into_the_bridge() -> None:
    (card,) = cards_of(parse_config(text()))
    assert {"mac": identifiers.guest_mac(stock(), "vm01"), "bridge": "xenbr0"} == card
    assert () == cards_of(parse_config(text({"host.bridge": "none"})))


def test_two_guests_share_nothing() -> None:
    settings = answered(stock(), guests=2)
    facts = before(guest_config, settings, stock())
    one, two = (guest_config.config_text(settings, facts, guest) for guest in settings.guests)
    assert one is not None
    assert two is not None
    first, second = parse_config(one), parse_config(two)
    for key in ("name", "uuid"):
        assert text_of(first, key) != text_of(second, key)
    assert not {spec.target for spec in disks_of(first)} & {
        spec.target for spec in disks_of(second)
    }
    assert cards_of(first)[0]["mac"] != cards_of(second)[0]["mac"]
    then = guest_config.plan(settings, facts).then
    assert [] == guest_config.check(settings, then)


def test_a_changed_answer_changes_a_file_that_is_as_it_was_written() -> None:
    facts = with_file(ready(), PATH, text())
    assert () == guest_config.plan(answered(stock()), facts).actions
    more = guest_config.plan(answered(stock(), {"guests.0.memory": 1024}), facts)
    assert ["WriteFile"] == [action.kind for action in more.actions]


def test_it_takes_the_place_of_nothing_or_of_the_one_that_was_as_written() -> None:
    facts = ready()
    earlier = text({"guests.0.memory": 300})
    for known, there in ((facts, ""), (with_file(facts, PATH, earlier), earlier)):
        (action,) = guest_config.plan(answered(stock()), known).actions
        assert isinstance(action, WriteFile)
        assert text_hash(there) == action.made_from


def test_a_file_that_was_changed_by_hand_is_left_alone() -> None:
    mine = text().replace("memory = 512", "memory = 640")
    facts = with_file(ready(), PATH, mine)
    plan = guest_config.plan(answered(stock(), {"guests.0.memory": 1024}), facts)
    assert () == plan.actions
    assert "changed by hand" in plan.skipped[0]
    assert [] == guest_config.verify(answered(stock()), facts)


def test_a_new_kernel_of_the_host_changes_no_guest() -> None:
    new = replace(
        stock().kernels[0],
        version="6.1.0-57-amd64",
        image="/boot/vmlinuz-6.1.0-57-amd64",
        initrd="/boot/initrd.img-6.1.0-57-amd64",
    )
    facts = with_file(ready(), PATH, text())
    with_both = replace(facts, kernels=(*facts.kernels, new))
    assert () == guest_config.plan(answered(stock()), with_both).actions
    only_new = replace(facts, kernels=(new,))
    (action,) = guest_config.plan(answered(stock()), only_new).actions
    assert isinstance(action, WriteFile)
    assert new.image in action.text


# ---- check


@dataclass(frozen=True)
class Case:
    facts: Facts = field(default_factory=ready)
    answers: Mapping[str, object] = field(default_factory=dict)
    problems: tuple[tuple[str, str], ...] = ()
    words: str = ""


def with_kernel(**changes: object) -> Facts:
    facts = ready()
    return replace(facts, kernels=(replace(facts.kernels[0], **changes),))  # type: ignore[arg-type]


OTHER = "name = 'other'\nmemory = 256\n"
CHECKS = {
    "all is well": Case(),
    "our own config": Case(with_file(ready(), PATH, text())),
    "no kernel": Case(
        replace(ready(), kernels=()), {}, (("no-guest-kernel", "error"),), "linux-image"
    ),
    "a kernel that cannot be dom0": Case(
        with_kernel(xen_dom0=False), {}, (("no-guest-kernel", "error"),)
    ),
    "no initrd": Case(
        with_kernel(initrd=None), {}, (("no-guest-initrd", "error"),), "update-initramfs"
    ),
    "no blkfront": Case(
        with_kernel(initrd_has_blkfront=False), {}, (("initrd-without-blkfront", "error"),)
    ),
    "blkfront in the kernel": Case(
        with_kernel(initrd_has_blkfront=False, xen_blkfront_builtin=True)
    ),
    "initrd not read": Case(
        with_kernel(initrd_unpacked_mib=None), {}, (("initrd-unread", "unknown"),)
    ),
    "the memory that panics": Case(
        ready(), {"guests.0.memory": 256}, (("guest-memory-too-small", "error"),), "256MiB"
    ),
    "a small initrd and little memory": Case(
        with_kernel(initrd_unpacked_mib=40), {"guests.0.memory": 256}
    ),
    "a file of somebody else's": Case(
        with_file(ready(), PATH, OTHER), {}, (("guest-name-taken", "error"),), PATH
    ),
    "a guest of that name": Case(
        with_file(ready(), "/etc/xen/web.cfg", "name = 'vm01'\n"),
        {},
        (("guest-name-taken", "error"),),
        "/etc/xen/web.cfg",
    ),
    "a domain of that name": Case(
        running(ready(), Domain("vm01", 1, 512, 1, "-b----")), {}, (("guest-name-taken", "error"),)
    ),
    "a disk of another guest's": Case(
        with_file(ready(), "/etc/xen/web.cfg", f"name = 'web'\ndisk = ['phy:{ROOT},hda1,w']\n"),
        {},
        (("guest-disk-taken", "error"),),
    ),
    "a mac of another guest's": Case(
        with_file(
            ready(),
            "/etc/xen/web.cfg",
            f"name = 'web'\nvif = ['mac={identifiers.guest_mac(stock(), 'vm01').upper()}']\n",
        ),
        {},
        (("guest-mac-taken", "error"),),
    ),
    "other guests are no matter": Case(with_file(ready(), "/etc/xen/other.cfg", OTHER)),
    "files that are no configs are no matter": Case(
        with_file(ready(), "/etc/xen/scripts.conf", "vif_setup() {\n  true\n}\n")
    ),
    "no bridge": Case(
        replace(ready(), network=replace(ready().network, bridges=())),
        {},
        (("bridge-missing", "error"),),
    ),
    "no bridge wanted": Case(
        replace(ready(), network=replace(ready().network, bridges=())), {"host.bridge": "none"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKS)
def test_check_names_each_problem(name: str) -> None:
    case = CHECKS[name]
    found = guest_config.check(answered(stock(), case.answers), case.facts)
    assert case.problems == tuple((problem.name, problem.severity) for problem in found)
    assert case.words in " ".join(f"{problem.what} {problem.hint}" for problem in found)
    assert all(problem.hint for problem in found)


# ---- verify


def changed(before_: str, after: str) -> Facts:
    """vm01's config with a line changed."""
    made = text()
    assert before_ in made
    return with_file(ready(), PATH, made.replace(before_, after))


def _mounted() -> Facts:
    facts = with_file(ready(), PATH, text())
    group = facts.volume_groups or ()
    volumes = tuple(
        replace(volume, content=replace(volume.content, mounted_at=("/mnt",)))
        if volume.path == ROOT
        else volume
        for volume in group[0].volumes
    )
    return replace(facts, volume_groups=(replace(group[0], volumes=volumes),))


def _other_fstab() -> Facts:
    facts = with_file(ready(), PATH, text())
    tree = facts.tree(ROOT) or pytest.fail("no tree")
    return with_tree(facts, replace(tree, fstab="/dev/hda1 / ext3 defaults 0 1\n"))


VERIFY = {
    "as it should be": (with_file(ready(), PATH, text()), ()),
    "not there": (ready(), ("config-missing",)),
    "python": (changed("memory = 512", "memory = 2 * 256"), ("config-unreadable",)),
    "another name": (changed('name = "vm01"', 'name = "web"'), ("config-name",)),
    "no such kernel": (changed("vmlinuz-6.1.0-56", "vmlinuz-6.1.0-1"), ("config-kernel",)),
    "another initrd": (changed("initrd.img-6.1.0-56", "initrd.img-6.1.0-1"), ("config-ramdisk",)),
    "pygrub instead of a kernel": (
        changed('kernel = "/boot/vmlinuz-6.1.0-56-amd64"', 'bootloader = "pygrub"'),
        (),
    ),
    "too little memory": (changed("memory = 512", "memory = 256"), ("config-memory",)),
    "no such disk": (changed("/vm01-swap,raw", "/vm01-tmp,raw"), ("config-disk",)),
    "a disk of the user's": (changed('disk = [', 'disk = [ "/srv/x.img,raw,xvdz,rw",'), ()),
    "root is none of its disks": (changed('root = "/dev/xvda1 ro"', 'root = "/dev/hda1 ro"'),
                                  ("config-root",)),
    "root by uuid": (changed('root = "/dev/xvda1 ro"', 'root = "UUID=12 ro"'), ()),
    "no such bridge": (changed("bridge=xenbr0", "bridge=br0"), ("config-bridge",)),
    "a disk is mounted": (_mounted(), ("config-disk-mounted",)),
    "fstab names other disks": (_other_fstab(), ("config-fstab",)),
}  # fmt: skip


@pytest.mark.parametrize("name", VERIFY)
def test_verify_names_what_does_not_fit(name: str) -> None:
    facts, expected = VERIFY[name]
    found = guest_config.verify(answered(stock()), facts)
    assert expected == tuple(problem.name for problem in found)
    assert all(problem.hint and PATH in problem.what for problem in found)


def test_an_unreadable_config_is_named_with_its_line() -> None:
    facts = with_file(ready(), PATH, "name = 'vm01'\nimport os\n")
    (problem,) = guest_config.verify(answered(stock()), facts)
    assert f"{PATH}, line 2:" in problem.what


def test_disks_in_a_group_that_cannot_be_read_are_not_missed() -> None:
    facts = replace(with_file(ready(), PATH, text()), volume_groups=None)
    assert [] == guest_config.verify(answered(stock()), facts)


def test_an_empty_disk_content_is_no_mount() -> None:
    facts = with_file(ready(), PATH, text())
    group = (facts.volume_groups or ())[0]
    volumes = tuple(replace(volume, content=Content("empty")) for volume in group.volumes)
    facts = replace(facts, volume_groups=(replace(group, volumes=volumes),))
    assert [] == guest_config.verify(answered(stock()), facts)


def test_the_plan_is_the_same_each_time_on_every_machine() -> None:
    for name, facts in machines().items():
        settings = answered(facts)
        assert guest_config.plan(settings, facts) == guest_config.plan(settings, facts), name


def test_two_names_that_come_to_one_hardware_address_are_refused() -> None:
    # Found by trying: for the stock machine, 23 bits of both names' digests are the same.
    names = {"guests.0.name": "vm3161", "guests.1.name": "vm3303"}
    problems = guest_config.check(answered(stock(), names, guests=2), stock())
    assert ["The cards of vm3161 and vm3303 would both have the address 00:16:3e:24:9e:53."] == [
        problem.what for problem in problems if problem.name == "guest-mac-taken"
    ]
