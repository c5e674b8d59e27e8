"""Installing Xen: only what is missing, and never so that it boots by itself at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from steps import xen_packages
from steps.boot_drop_in import DROP_IN, default_entry, drop_in, guard_text, xen_entry
from steps.expected import with_file, with_files, with_packages
from steps.facts import Facts
from tests.machines import stock, with_bridge
from tests.steps.answered import answered
from wizard.actions import InstallPackages, RunCommand, WriteFile


def bare() -> Facts:
    """The stock machine without ping, and a package list that names a hypervisor."""
    facts = stock()
    return replace(
        facts,
        packages={name: text for name, text in facts.packages.items() if name != "iputils-ping"},
        installable=(*facts.installable, "xen-hypervisor-4.17-amd64"),
    )


def installed(facts: Facts, answers: Mapping[str, object] | None = None) -> tuple[str, ...]:
    actions = xen_packages.plan(answered(facts, answers), facts).actions
    names = [action.packages for action in actions if isinstance(action, InstallPackages)]
    return names[0] if names else ()


WANTED: list[tuple[str, Mapping[str, object], tuple[str, ...]]] = [
    ("stock", {}, ("xen-system-amd64", "lvm2", "debootstrap", "bridge-utils", "iputils-ping")),
    ("no bridge", {"host.bridge": "none"}, ("xen-system-amd64", "lvm2", "debootstrap")),
    ("xfs", {"host.bridge": "none", "guests.0.filesystem": "xfs"},
     ("xen-system-amd64", "lvm2", "debootstrap", "xfsprogs")),
    ("btrfs and Ubuntu",
     {"host.bridge": "none", "guests.0.filesystem": "btrfs", "guests.0.release": "noble"},
     ("xen-system-amd64", "lvm2", "debootstrap", "btrfs-progs", "ubuntu-keyring")),
]  # fmt: skip


@pytest.mark.parametrize(("answers", "expected"), [row[1:] for row in WANTED],
                         ids=[row[0] for row in WANTED])  # fmt: skip
def test_what_is_installed(answers: Mapping[str, object], expected: tuple[str, ...]) -> None:
    assert expected == installed(bare(), answers)


def test_what_is_there_is_left_out_and_said() -> None:
    facts = with_packages(bare(), ("lvm2", "debootstrap"))
    assert ("xen-system-amd64", "bridge-utils", "iputils-ping") == installed(facts)
    plan = xen_packages.plan(answered(facts), facts)
    assert "lvm2" in plan.skipped[0]
    bridged = with_bridge(bare())
    assert "bridge-utils" not in installed(bridged)
    arping = with_packages(bare(), ("iputils-arping",))
    assert "iputils-ping" not in installed(arping)


def test_the_boot_default_is_guarded_before_the_package_comes_in() -> None:
    actions = xen_packages.plan(answered(bare()), bare()).actions
    first, last = actions[0], actions[-1]
    assert isinstance(first, WriteFile)
    assert (DROP_IN, guard_text(), None) == (first.path, first.text, first.refresh)
    assert isinstance(last, InstallPackages)


def test_the_directory_is_made_where_it_is_not() -> None:
    facts = replace(bare(), directories=())
    kinds = [action.kind for action in xen_packages.plan(answered(facts), facts).actions]
    assert ["MakeDirectory", "WriteFile", "InstallPackages"] == kinds


def test_a_fuller_drop_in_is_not_written_back() -> None:
    settings = answered(bare())
    for promoted in (False, True):
        facts = with_file(bare(), DROP_IN, drop_in(settings, bare(), promoted))
        actions = xen_packages.plan(settings, facts).actions
        assert ["InstallPackages"] == [action.kind for action in actions]


def test_a_tool_alone_needs_no_guard() -> None:
    facts = with_packages(bare(), ("xen-system-amd64", "lvm2", "bridge-utils", "iputils-ping"))
    actions = xen_packages.plan(answered(facts), facts).actions
    assert ["InstallPackages"] == [action.kind for action in actions]


@pytest.mark.parametrize(("age", "updates"), [(None, 1), (0, 0), (23, 0), (24, 1), (900, 1)])
def test_package_lists_are_brought_up_to_date_when_they_are_old(
    age: int | None, updates: int
) -> None:
    facts = replace(bare(), apt=replace(bare().apt, lists_age_hours=age))
    actions = xen_packages.plan(answered(facts), facts).actions
    commands = [action.argv for action in actions if isinstance(action, RunCommand)]
    assert [("apt-get", "update")] * updates == commands


def test_the_menu_to_come_has_xen_and_another_default() -> None:
    then = xen_packages.plan(answered(bare()), bare()).then
    entry, default = xen_entry(then), default_entry(then)
    assert entry is not None
    assert f"xen-gnulinux-simple-{bare().boot.root_uuid}" == entry.path
    assert "/boot/xen-4.17-amd64.gz" == entry.hypervisor
    assert "/boot/initrd.img-6.1.0-56-amd64" == entry.initrd
    assert default is not None
    assert ("linux", bare().boot.default_entry) == (default.kind, default.path)
    assert then.xen.images == ("/boot/xen-4.17-amd64.gz",)
    assert then.service("xen").enabled
    assert not then.service("xen").active


def test_the_newest_hypervisor_on_offer_is_the_one_to_come() -> None:
    names = ("xen-hypervisor-4.9-amd64", "xen-hypervisor-4.17-amd64", "xen-hypervisor-common")
    facts = replace(bare(), installable=(*bare().installable, *names))
    then = xen_packages.plan(answered(facts), facts).then
    assert then.xen.images == ("/boot/xen-4.17-amd64.gz",)
    assert "xen-hypervisor-4.17-amd64" in then.packages


def test_packages_that_apt_does_not_know_are_named() -> None:
    facts = replace(bare(), installable=())
    (problem,) = xen_packages.check(answered(facts), facts)
    assert ("package-sources", "error") == (problem.name, problem.severity)
    assert "xen-system-amd64" in problem.what
    unread = replace(facts, apt=replace(facts.apt, lists_age_hours=None))
    (problem,) = xen_packages.check(answered(unread), unread)
    assert ("package-sources", "unknown") == (problem.name, problem.severity)
    assert [] == xen_packages.check(answered(bare()), bare())


def test_what_is_missing_afterwards_is_found() -> None:
    settings = answered(bare())
    names = [problem.name for problem in xen_packages.verify(settings, bare())]
    assert ["packages-missing", "hypervisor-missing", "toolstack-missing"] == names


def test_a_default_that_changed_under_the_guard_is_found() -> None:
    settings = answered(bare())
    then = xen_packages.plan(settings, bare()).then
    entry = xen_entry(then)
    assert entry is not None
    changed = replace(then, boot=replace(then.boot, default_entry=entry.path))
    assert ["default-changed"] == [
        problem.name for problem in xen_packages.verify(settings, changed)
    ]
    meant = with_files(changed, {DROP_IN: drop_in(settings, changed, xen_default=True)})
    assert [] == xen_packages.verify(settings, meant)
