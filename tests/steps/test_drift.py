"""Which facts a saved plan stands on: what has changed is named, what changes by itself is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from steps.drift import VOLATILE, VOLATILE_THINGS, as_planned, differences
from steps.facts import Domain, Facts
from tests.fast import share
from tests.machines import machines, running, stock, with_bridge, with_second_disk
from wizard.codec import decode, encode

CARD = stock().network.cards[0]
INTERFACES = "/etc/network/interfaces"


def changed(**fields: object) -> Facts:
    return replace(stock(), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (changed(secure_boot=True), "secure boot: not known → yes"),
        (changed(kernel="6.1.0-99-amd64"), "kernel: 6.1.0-56-amd64 → 6.1.0-99-amd64"),
        (changed(memory=1024), "memory: 2971MiB → 1GiB"),
        (changed(space={**stock().space, "/": 100}), "free space on /: 2825MiB → 100MiB"),
        (with_second_disk(stock()), "disk /dev/vdb: not there → there"),
        (changed(directories=(*stock().directories, "/etc/xen")),
         "directory /etc/xen: not there → there"),
        (changed(packages={}), "package apt: installed → not there"),
        (changed(files={**stock().files, "/etc/xen/vm01.cfg": "x"}),
         "file /etc/xen/vm01.cfg: not there → there"),
        (changed(files={**stock().files, INTERFACES: stock().files[INTERFACES].replace(
            "inet dhcp", "inet manual")}),
         f"file {INTERFACES}: “iface ens3 inet dhcp” → “iface ens3 inet manual”"),
        (changed(network=replace(stock().network, cards=(replace(CARD, addresses=()),))),
         "network card ens3, has an address: yes → no"),
        (changed(boot=replace(stock().boot, next_entry="1>2")),
         "boot next entry: not known → 1>2"),
        (changed(disks=(replace(stock().disks[0], partitions=()),)),
         "disk /dev/vda, partition /dev/vda1: there → not there"),
        (changed(volume_groups=None), "volume groups: known → not known"),
        (running(stock(), Domain("vm09", 3, 512, 1, "-b----")),
         "xen domains: not known → known"),
    ],
)  # fmt: skip
def test_what_has_changed_is_named_as_it_was_and_as_it_is(now: Facts, words: str) -> None:
    assert words in differences(stock(), now)


def test_a_thing_that_is_new_is_one_difference_and_not_one_for_each_of_its_facts() -> None:
    assert ("disk /dev/vdb: not there → there",) == differences(stock(), with_second_disk(stock()))


@pytest.mark.parametrize(
    "now",
    [
        changed(boot_id="another", program="/opt/xen-setup", unknown=("a", "b")),
        changed(memory=stock().memory - 20, space={path: free - 40 for path, free in
                                                   stock().space.items()}),
        changed(memory=99_999, space=dict.fromkeys(stock().space, 99_999)),  # more is no harm
        changed(apt=replace(stock().apt, lists_age_hours=99, reachable=True), installable=()),
        changed(packages=dict.fromkeys(stock().packages, "99")),
        changed(network=replace(stock().network, session_card="ens3",
                                cards=(replace(CARD, addresses=("192.0.2.77/24",), up=False),))),
        changed(services=tuple(replace(one, active=not one.active) for one in stock().services)),
        changed(directories=(*stock().directories, "/run/xen-setup")),
        changed(files={**stock().files, "/etc/resolv.conf": "# by another client\n"}),
        changed(processor=replace(stock().processor, flags=("more",))),
    ],
)  # fmt: skip
def test_what_changes_by_itself_is_no_difference(now: Facts) -> None:
    assert () == differences(stock(), now)


def test_guests_that_come_and_go_are_differences_and_their_moments_are_not() -> None:
    before = running(stock(), Domain("vm09", 3, 512, 1, "-b----", True))
    later = running(stock(), Domain("vm09", 7, 500, 1, "r-----", False))
    assert () == differences(before, later)
    assert ("domain vm09: there → not there",) == differences(before, running(stock()))


@pytest.mark.parametrize("name", machines())
def test_a_machine_does_not_differ_from_itself(name: str) -> None:
    assert () == differences(machines()[name], machines()[name])


def leaves(value: Any, kind: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Every value in facts as JSON: its holder, its key, and its place without things' names."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        named = isinstance(value, list) or kind in ("packages", "files", "links", "space")
        below = kind if named else f"{kind}.{key}".lstrip(".")
        if isinstance(inner, dict | list) and inner:
            yield from leaves(inner, below)
        else:
            yield value, key, below


@pytest.mark.parametrize(
    "machine", share(["stock", "under-xen", "volume-group", "bridge"], one_in=4)
)
def test_every_fact_counts_but_for_those_that_have_a_reason_not_to(machine: str) -> None:
    facts = machines()[machine]
    tried = set()
    value = encode(facts)
    for holder, key, kind in list(leaves(value)):
        old = holder[key]
        match old:
            case bool():
                holder[key] = not old
            case int():
                holder[key] = old + 1
            case str() if kind in CHOICES:
                holder[key] = CHOICES[kind]
            case str():
                holder[key] = f"{old}x"
            case _:
                continue
        volatile = (kind, key) in VOLATILE_THINGS or any(
            kind == name or kind.startswith(f"{name}.") for name in VOLATILE
        )
        found = differences(facts, decode(Facts, value))
        holder[key] = old
        assert volatile == (found == ()), (kind, found)
        tried.add(kind)
    assert len(tried) > 70


# Words that may stand where only some may.
CHOICES = {
    "firmware": "uefi",
    "service_manager": "openrc",
    "boot.kind": "other",
    "boot.entries.kind": "other",
    "network.manager": "none",
    "disks.content.kind": "unknown",
    "disks.partitions.content.kind": "unknown",
    "disks.free.kind": "logical",
    "volume_groups.volumes.content.kind": "unknown",
    "guest_trees.root_password": "empty",
}


def test_every_reason_belongs_to_a_fact_that_there_is() -> None:
    kinds = {kind for facts in (*machines().values(), with_bridge(running(stock())))
             for _holder, _key, kind in leaves(encode(facts))}  # fmt: skip
    kinds |= {kind.rpartition(".")[0] for kind in kinds}
    assert [] == [name for name in VOLATILE if name not in kinds]
    assert all(len(reason.split()) > 3 for reason in VOLATILE.values())


def test_whether_package_lists_are_fetched_is_decided_once() -> None:
    later = changed(apt=replace(stock().apt, lists_age_hours=99))
    assert stock().apt.lists_age_hours == as_planned(stock(), later).apt.lists_age_hours
    none = changed(apt=replace(stock().apt, lists_age_hours=None))
    assert as_planned(stock(), none) == none
    # apt's own timer may fetch them between the plan and its run.
    assert as_planned(none, later) == none


def test_what_guests_do_to_bridges_by_starting_is_no_difference() -> None:
    before = with_bridge(stock())
    (bridge, *others) = before.network.bridges

    def ports(*names: str) -> Facts:
        bridges = (replace(bridge, ports=names), *others)
        return replace(before, network=replace(before.network, bridges=bridges))

    assert () == differences(ports("ens3", "vif1.0"), ports("ens3", "vif2.0", "vif3.0"))
    assert () != differences(ports("ens3", "vif1.0"), ports("vif1.0"))
