"""The facts as people read them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.facts import Content, Domain, Service
from steps.facts_in_words import content_words, describe
from tests.machines import (
    as_user,
    desktop,
    foreign,
    in_container,
    machines,
    running,
    static_with_session,
    stock,
    with_bridge,
    with_spare_partition,
    with_volume_group,
)


def words(facts_rows: list[tuple[str, str]], label: str) -> list[str]:
    return [text for found, text in facts_rows if found == label]


@pytest.mark.parametrize("name", sorted(machines()))
def test_every_machine_can_be_told_in_words(name: str) -> None:
    rows = describe(machines()[name])
    assert len(rows) > 10
    for label, text in rows:
        assert label
        assert text == text.strip() != ""
        assert "None" not in text
        assert "\n" not in text


def test_the_stock_machine_is_told() -> None:
    rows = describe(stock())
    assert words(rows, "distribution") == ["Debian GNU/Linux 12 (bookworm), x86_64"]
    assert words(rows, "memory") == ["2.9 GiB"]
    assert words(rows, "firmware") == ["BIOS"]
    assert words(rows, "Xen") == ["not installed"]
    assert words(rows, "boot entry")[0] == "Debian GNU/Linux (default)"
    assert words(rows, "disk") == ["/dev/vda: 14 GiB, partition table (dos), the system's"]
    assert words(rows, "partition") == ["/dev/vda1: 4 GiB, ext4, mounted at /, the system's"]
    assert words(rows, "free region") == ["/dev/vda: 9.9 GiB"]
    assert words(rows, "not known") == []


def test_what_matters_of_other_machines_is_said() -> None:
    table = [
        (with_spare_partition, "firmware", "UEFI, Secure Boot on"),
        (with_volume_group, "volume group", "xendisks: 9.9 GiB, 7.9 GiB free, on /dev/vdb"),
        (in_container, "machine", "practice, in a container (docker)"),
        (desktop, "graphics", "proprietary: nvidia"),
        (foreign, "partition", "/dev/vdc1: 2 GiB, LUKS, encrypted, used by crypt"),
        (with_bridge, "bridge", "xenbr0: ens3, 10.0.2.15/24"),
        (as_user, "not known", "boot menu: only root can read /boot/grub/grub.cfg"),
    ]
    for vary, label, expected in table:
        assert expected in words(describe(vary(stock())), label)
    (card,) = words(describe(static_with_session(stock())), "network card")
    assert card.endswith("this session comes in here")


def test_a_running_xen_is_told_with_its_domains() -> None:
    rows = describe(running(stock(), Domain("vm01", 1, 512, 1, "-b----")))
    assert words(rows, "Xen") == ["running, version 4.17.7, dom0"]
    assert words(rows, "domain") == ["Domain-0, id 0, 1 GiB", "vm01, id 1, 512 MiB"]


def test_a_silent_xl_is_told() -> None:
    facts = running(stock())
    silent = replace(facts, xen=replace(facts.xen, answers=False, domains=None))
    assert words(describe(silent), "Xen") == ["running, version 4.17.7, dom0, xl does not answer"]


def test_a_services_state_is_two_words() -> None:
    facts = replace(stock(), services=(Service("xen", True, True, False),))
    assert words(describe(facts), "service") == ["xen: enabled, not active"]


def test_the_entry_of_the_next_boot_is_marked() -> None:
    entries = stock().boot.entries or ()
    facts = replace(stock(), boot=replace(stock().boot, next_entry=entries[1].path))
    assert words(describe(facts), "boot entry")[1].endswith("(next boot only)")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (Content("empty"), "empty"),
        (Content("unknown"), "content not known"),
        (Content("filesystem", "ext4", "data", "u", ("/srv", "/mnt")),
         "ext4 “data”, mounted at /srv, /mnt"),
        (Content("swap", "swap", used_by=("swap",)), "swap, used by swap"),
        (Content("raid", "linux_raid_member"), "RAID member (linux_raid_member)"),
        (Content("other", "bcache"), "bcache"),
    ],
)  # fmt: skip
def test_contents_are_told_with_their_users(content: Content, text: str) -> None:
    assert content_words(content) == text
