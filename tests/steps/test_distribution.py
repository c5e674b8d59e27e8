"""The first check: each thing that stands in the way has a name, and all are found at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from steps import distribution
from steps.boot_drop_in import dom0_kernel
from steps.facts import Disk, Facts, Kernel
from steps.memory import GUEST_OVERHEAD, XEN_MEMORY
from steps.settings import Settings
from tests.machines import (
    as_user,
    desktop,
    foreign,
    full,
    in_container,
    machines,
    running,
    stock,
    with_second_disk,
    with_spare_partition,
    with_volume_group,
)
from tests.steps.answered import answered
from wizard.answer_file import read_text
from wizard.answers import settle


def kernel(**changes: object) -> Callable[[Facts], Facts]:
    def change(facts: Facts) -> Facts:
        return replace(facts, kernels=tuple(replace(k, **changes) for k in facts.kernels))  # type: ignore[arg-type]

    return change


def named(id_: str, version: str, *like: str) -> Callable[[Facts], Facts]:
    def change(facts: Facts) -> Facts:
        known = replace(
            facts.distribution, id=id_, name=id_.title(), version=version, family=(id_, *like)
        )
        return replace(facts, distribution=known)

    return change


def small_group(facts: Facts) -> Facts:
    facts = with_volume_group(facts)
    (group,) = facts.volume_groups or ()
    return replace(facts, volume_groups=(replace(group, free=1024),))


def without(*names: str) -> Callable[[Facts], Facts]:
    """Packages that are neither there nor to be had."""

    def change(facts: Facts) -> Facts:
        return replace(
            facts,
            packages={name: text for name, text in facts.packages.items() if name not in names},
            installable=tuple(name for name in facts.installable if name not in names),
        )

    return change


def not_installed(name: str) -> Callable[[Facts], Facts]:
    def change(facts: Facts) -> Facts:
        installable = (*facts.installable, name)
        return replace(without(name)(facts), installable=installable)

    return change


FOUND: list[tuple[str, Callable[[Facts], Facts], Mapping[str, object], list[str]]] = [
    ("stock", lambda facts: facts, {}, []),
    ("a second disk", with_second_disk, {}, []),
    ("a container", in_container, {}, ["container", "udev", "boot-loader", "kernel"]),
    ("nvidia", desktop, {}, ["graphics-driver"]),
    ("secure boot", with_spare_partition, {}, ["secure-boot"]),
    ("everything full", full, {"storage.use": "free-space", "storage.device": "/dev/vda"},
     ["memory", "spare-space", "disk-space", "disk-space"]),
    ("Fedora", named("fedora", "41"), {}, ["distribution"]),
    ("unheard of", named("plan9", "4"), {}, ["distribution"]),
    ("old Debian", named("debian", "10"), {}, ["distribution"]),
    ("Debian testing", named("debian", ""), {}, []),
    ("made from Debian", named("raspbian", "9", "debian"), {}, []),
    ("made from Ubuntu", named("linuxmint", "21", "ubuntu", "debian"), {}, []),
    ("32-bit", lambda facts: replace(facts, architecture="i686"), {}, ["architecture"]),
    ("no long mode",
     lambda facts: replace(facts, processor=replace(facts.processor, flags=("fpu", "pae"))),
     {}, ["processor"]),
    ("inside a guest",
     lambda facts: replace(
         facts, xen=replace(facts.xen, running=True, total_memory=4096)),
     {}, ["inside-guest"]),
    ("xl does not answer",
     lambda facts: replace(
         facts, xen=replace(facts.xen, running=True, control_domain=True)),
     {}, ["memory"]),
    ("too much for dom0", lambda facts: facts, {"host.dom0_memory": 2560}, ["memory"]),
    ("under Xen, dom0's own part does not count",
     lambda facts: replace(running(facts), memory=900), {}, []),
    ("a full group", small_group,
     {"storage.use": "existing-group", "storage.volume_group": "xendisks"}, ["spare-space"]),
    ("a partition too small", foreign,
     {"storage.use": "device", "storage.device": "/dev/vdc1"}, ["spare-space"]),
    ("no card",
     lambda facts: replace(facts, network=replace(facts.network, cards=())),
     {"host.bridge": "xenbr0", "host.bridge_card": "eth0"}, ["network-card"]),
    ("no card, and none wanted",
     lambda facts: replace(facts, network=replace(facts.network, cards=())),
     {"host.bridge": "none"}, []),
    ("GRUB Legacy",
     lambda facts: replace(facts, boot=replace(facts.boot, kind="grub-legacy")),
     {}, []),
    ("another boot loader",
     lambda facts: replace(facts, boot=replace(facts.boot, kind="other")), {}, ["boot-loader"]),
    ("secure boot unknown",
     lambda facts: replace(facts, firmware="uefi", secure_boot=None), {}, ["secure-boot"]),
    ("a kernel without Xen", kernel(xen_dom0=False), {}, ["kernel"]),
    ("a kernel without its configuration", kernel(xen_dom0=None), {}, ["kernel"]),
    ("no udev", lambda facts: replace(facts, udev=False), {}, ["udev"]),
    ("no iproute2", not_installed("iproute2"), {}, ["tools"]),
    ("no iproute2 to be had", without("iproute2"), {}, ["tools"]),
    ("the mirror is silent",
     lambda facts: replace(facts, apt=replace(facts.apt, reachable=False)), {}, ["mirror"]),
    ("the mirror asks for a password",
     lambda facts: replace(facts, apt=replace(facts.apt, login=True)), {}, ["mirror-login"]),
    ("another mirror for the guest",
     lambda facts: replace(facts, apt=replace(facts.apt, login=True)),
     {"guests.0.mirror": "http://mirror.example.org/debian"}, []),
    ("no mirror", lambda facts: replace(facts, apt=replace(facts.apt, mirror="")), {}, ["mirror"]),
    ("no keyring", without("debian-archive-keyring"), {}, ["keyring"]),
    ("Ubuntu's keyring can be installed", not_installed("ubuntu-keyring"),
     {"guests.0.release": "noble"}, []),
    ("Ubuntu's keyring cannot", without("ubuntu-keyring"), {"guests.0.release": "noble"},
     ["keyring"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "answers", "expected"),
    [row[1:] for row in FOUND],
    ids=[row[0] for row in FOUND],
)
def test_what_stands_in_the_way(
    change: Callable[[Facts], Facts], answers: Mapping[str, object], expected: list[str]
) -> None:
    facts = change(stock())
    problems = distribution.check(answered(facts, answers), facts)
    assert expected == [problem.name for problem in problems]


def test_what_an_ordinary_user_cannot_see_is_unknown_and_not_wrong() -> None:
    facts = as_user(stock())
    hidden = tuple(replace(item, table=None) for item in facts.disks)
    facts = replace(facts, disks=hidden)
    answers = {"storage.use": "free-space", "storage.device": "/dev/vda"}
    problems = distribution.check(answered(facts, answers), facts)
    assert [("spare-space", "unknown")] == [(one.name, one.severity) for one in problems]


def test_memory_counts_dom0_and_every_guest_and_xen_itself() -> None:
    facts = stock()
    spare = facts.memory - 1024 - XEN_MEMORY - GUEST_OVERHEAD
    fits = answered(facts, {"host.dom0_memory": 1024, "guests.0.memory": spare})
    assert [] == distribution.check(fits, facts)
    over = answered(facts, {"host.dom0_memory": 1024, "guests.0.memory": spare + 1})
    (problem,) = distribution.check(over, facts)
    assert "memory" == problem.name
    assert f"{spare + 1}MiB for vm01" in problem.what
    assert problem.what.startswith("1GiB for dom0, ")
    assert "are 2972MiB of memory, and the machine has 2971MiB." in problem.what
    assert f"may have {spare + 1024}MiB together" in problem.hint


def test_a_machine_in_which_no_answer_makes_room_is_told_to_be_another() -> None:
    for memory, words in ((700, "may have 620MiB together"), (200, "Take a machine with more")):
        (problem,) = distribution.check(answered(facts := replace(stock(), memory=memory)), facts)
        assert words in problem.hint


def test_much_memory_is_said_in_gib_with_what_is_wanted_above_what_is_there() -> None:
    facts = replace(stock(), memory=24105)
    spare = facts.memory - 1024 - XEN_MEMORY - GUEST_OVERHEAD
    for memory in (spare + 1, spare + 900):  # by less than a tenth of a GiB, and by more
        over = answered(facts, {"host.dom0_memory": 1024, "guests.0.memory": memory})
        (problem,) = distribution.check(over, facts)
        assert f"{memory}MiB for vm01" in problem.what  # as it was answered
        found = re.search(
            r"are ([\d.]+)GiB of memory, and the machine has ([\d.]+)GiB", problem.what
        )
        assert found is not None
        assert float(found[1]) > float(found[2])
        assert "23.5" == found[2]
        assert "may have 23.4GiB together" in problem.hint


def test_many_guests_are_counted_and_not_listed() -> None:
    facts = stock()
    answers = read_text("version: 1\nguests: [{name: 'vm{01..20}'}]\n", Settings)
    problem = distribution.check(settle(answers, facts), facts)[0]
    assert "10GiB for 20 guests" in problem.what
    assert "vm07" not in problem.what


def test_what_an_earlier_run_took_from_the_group_is_not_asked_for_again() -> None:
    facts = with_volume_group(stock())
    (group,) = facts.volume_groups or ()
    answers = {"storage.use": "existing-group", "storage.volume_group": "xendisks"}
    volume = replace(group.volumes[0], name="vm01-root", size=2048)
    swap = replace(group.volumes[0], name="vm01-swap", size=128)
    used = replace(group, free=0, volumes=(*group.volumes, volume, swap))
    facts = replace(facts, volume_groups=(used,))
    assert [] == distribution.check(answered(facts, answers), facts)


def test_the_newest_kernel_counts_as_version_sort_sees_it() -> None:
    facts = stock()
    (base,) = facts.kernels
    old: Kernel = replace(base, version="6.1.0-9-amd64", image="/boot/vmlinuz-6.1.0-9-amd64")
    facts = replace(facts, kernels=(old, base, replace(base, version="5.10.0-9", xen_dom0=False)))
    found = dom0_kernel(facts)
    assert found is not None
    assert "6.1.0-56-amd64" == found.version


def test_the_plan_changes_nothing_and_says_what_is_here() -> None:
    for facts in machines().values():
        plan = distribution.plan(answered(facts), facts)
        assert () == plan.actions
        assert plan.then == facts
        assert facts.distribution.name in plan.skipped[0]


def test_the_plan_says_whether_the_processor_can_virtualise() -> None:
    facts = stock()
    assert "svm" in distribution.plan(answered(facts), facts).notes[0]
    plain = replace(facts, processor=replace(facts.processor, flags=("lm",)))
    assert "does not show" in distribution.plan(answered(plain), plain).notes[0]
    under = running(facts)
    assert "already" in distribution.plan(answered(under), under).notes[0]


def test_a_disk_is_meant_by_any_of_its_names() -> None:
    facts = full(stock())
    only: Disk = facts.disks[0]
    for name in (only.path, *only.names):
        answers = {"storage.use": "free-space", "storage.device": name}
        names = [item.name for item in distribution.check(answered(facts, answers), facts)]
        assert "spare-space" in names


def test_a_silent_mirror_is_no_problem_where_nothing_is_to_be_fetched() -> None:
    facts = machines()["under-xen"]
    silent = replace(facts, apt=replace(facts.apt, reachable=False))
    settings = answered(facts)
    names = [problem.name for problem in distribution.check(settings, silent)]
    assert "mirror" not in names
    elsewhere = replace(silent, guest_trees=(), xen=replace(silent.xen, domains=()))
    assert "mirror" in [problem.name for problem in distribution.check(settings, elsewhere)]
