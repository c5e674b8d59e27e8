from __future__ import annotations

import re
from dataclasses import replace

from steps import identifiers
from tests.machines import stock


def test_the_same_machine_and_name_give_the_same_identifiers() -> None:
    again = replace(stock(), hostname="renamed", memory=1)
    assert identifiers.guest_uuid(stock(), "vm01") == identifiers.guest_uuid(again, "vm01")
    assert identifiers.guest_mac(stock(), "vm01") == identifiers.guest_mac(again, "vm01")


def test_other_machines_and_other_names_give_other_identifiers() -> None:
    other = replace(stock(), machine="0000000000000001")
    made = {
        maker(facts, name)
        for facts in (stock(), other)
        for name in ("vm01", "vm02")
        for maker in (
            identifiers.guest_uuid,
            identifiers.filesystem_uuid,
            identifiers.guest_mac,
            identifiers.physical_volume_uuid,
        )
    }
    assert 16 == len(made)


def test_names_do_not_run_into_each_other() -> None:
    one = replace(stock(), machine="a")
    two = replace(stock(), machine="ab")
    assert identifiers.guest_uuid(one, "bc") != identifiers.guest_uuid(two, "c")


def test_a_mac_has_xens_prefix() -> None:
    for number in range(50):
        mac = identifiers.guest_mac(stock(), f"vm{number:02}")
        assert re.fullmatch(r"00:16:3e:[0-7][0-9a-f]:[0-9a-f]{2}:[0-9a-f]{2}", mac), mac


def test_a_physical_volumes_uuid_is_as_lvm_writes_it() -> None:
    # lvm: 32 characters in groups of 6-4-4-4-4-4-6
    made = identifiers.physical_volume_uuid(stock(), "xendisks")
    assert re.fullmatch(r"\w{6}(-\w{4}){5}-\w{6}", made)
    assert "_" not in made
