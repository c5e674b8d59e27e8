"""The guests: xl's table and its JSON together, configs that nobody started, and a silent xl."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from steps.guests import Guests, state_of
from steps.reading.guests import Devices, parse_long_list, parse_neighbours, read_guests
from tests.reading.looking import Said, captured, program, view_of

MAC = "00:16:3e:79:07:a9"
LONG = captured("xl-list-long.json")
NEIGHBOURS = json.dumps(
    [
        {"dst": "10.0.2.16", "dev": "xenbr0", "lladdr": MAC, "state": ["STALE"]},
        {"dst": "fe80::216:3eff:fe79:7a9", "dev": "xenbr0", "lladdr": MAC, "state": ["STALE"]},
        {"dst": "10.0.2.9", "dev": "xenbr0", "state": ["FAILED"]},
    ]
)
CONFIG = f"""\
name = "{{name}}"
memory = 512
vcpus = 2
disk = [ "/dev/xendisks/{{name}}-root,raw,xvda1,rw" ]
vif = [ "mac={MAC},bridge=xenbr0" ]
"""
HOST: dict[str, str | bytes | None] = {
    "/sys/hypervisor/type": "xen\n",
    "/run/xenstored/socket": "",
    "/etc/xen/vm01.cfg": CONFIG.format(name="vm01"),
    "/etc/xen/web.cfg": CONFIG.format(name="web"),
    "/etc/xen/xl.conf": "autoballoon=0\n",
    # Debian's package brings examples; they are nobody's guests.
    "/etc/xen/xlexample.pvlinux": CONFIG.format(name="example.pvlinux"),
    "/etc/xen/old": "import os\nname = 'old'\n",
    "/etc/xen/auto/10-vm01.cfg": "-> /etc/xen/vm01.cfg",
    "/etc/xen/auto/gone.cfg": "-> /etc/xen/gone.cfg",
}
ANSWERS = {
    "xl list --long": Said(LONG),
    "xl list": Said(captured("xl-list")),
    "ip -json neighbour": Said(NEIGHBOURS),
}


def guests(root: Path, answers: dict[str, Said], *, as_root: bool = True) -> Guests:
    program(root, "xl")
    return read_guests(view_of(root, HOST, answers, as_root=as_root))


def test_a_guest_that_runs_has_what_xl_knows_of_it_and_what_its_config_says(tmp_path: Path) -> None:
    found = guests(tmp_path, ANSWERS)
    assert (found.silent, [guest.name for guest in found.guests]) == (
        "",
        ["Domain-0", "vm01", "web"],
    )
    vm01 = found.named("vm01")
    assert vm01 is not None
    assert (vm01.id, vm01.memory, vm01.vcpus, vm01.autostart) == (1, 512, 1, True)
    assert vm01.seconds is not None
    assert vm01.seconds > 0
    assert [(disk.target, disk.device) for disk in vm01.disks] == [
        ("xvda1", "/dev/xendisks/vm01-root"),
        ("xvda2", "/dev/xendisks/vm01-swap"),
    ]
    assert [(card.name, card.interface, card.mac) for card in vm01.cards] == [
        ("eth0", "vif1.0", MAC)
    ]
    assert vm01.addresses == ("10.0.2.16",)
    assert vm01.config == "/etc/xen/vm01.cfg"


def test_a_guest_that_is_only_defined_is_stopped(tmp_path: Path) -> None:
    web = guests(tmp_path, ANSWERS).named("web")
    assert web is not None
    assert (web.id, web.state, web.seconds, web.runs) == (None, "stopped", None, False)
    assert (web.memory, web.vcpus, web.autostart) == (512, 2, False)
    assert [card.interface for card in web.cards] == [""]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Said(status=124), "did not answer within 15 seconds"),
        (Said(status=1, err="xl: failed\n"), "it said: xl: failed"),
        (Said("rubbish\n"), "it said: rubbish"),
        (Said(status=127, err="xl: not installed"), "xl: not installed"),
    ],
)
def test_a_silent_xl_leaves_the_state_unknown_with_a_reason(
    tmp_path: Path, answer: Said, why: str
) -> None:
    found = guests(tmp_path, {**ANSWERS, "xl list": answer})
    assert why in found.silent
    assert found.remedy
    assert [(guest.name, guest.state) for guest in found.guests] == [
        ("vm01", "unknown"),
        ("web", "unknown"),
    ]


def test_xl_is_not_asked_where_it_would_hang_or_refuse(tmp_path: Path) -> None:
    program(tmp_path, "xl")
    view = view_of(tmp_path, {**HOST, "/sys/hypervisor/type": None}, {})
    assert read_guests(view).silent == "Xen does not run here."
    as_user = tmp_path / "user"
    assert "Only root" in guests(as_user, ANSWERS, as_root=False).silent
    bare = tmp_path / "bare"
    program(bare, "xl")
    stored = {path: text for path, text in HOST.items() if "xenstored" not in path}
    assert "xenstored does not run" in read_guests(view_of(bare, stored, ANSWERS)).silent


def test_a_long_list_that_fails_costs_only_what_it_would_have_told(tmp_path: Path) -> None:
    found = guests(tmp_path, {**ANSWERS, "xl list --long": Said(status=124)})
    vm01 = found.named("vm01")
    assert vm01 is not None
    assert (found.silent, vm01.id, vm01.disks) == ("", 1, ())


@pytest.mark.parametrize(
    ("text", "devices"),
    [
        ("", None),
        ("{}", None),
        ("[]", {}),
        ('[{"domid": 3}]', {3: Devices()}),
        (
            '[{"domid": 3, "config": {"disks": 7, "nics": [null]}}, {"domid": "x"}, 5]',
            {3: Devices()},
        ),
    ],
)
def test_what_is_no_list_of_domains_is_none(text: str, devices: dict[int, Devices] | None) -> None:
    assert parse_long_list(text) == devices


def test_neighbours_that_did_not_answer_have_no_address() -> None:
    assert parse_neighbours(NEIGHBOURS) == {MAC: ("10.0.2.16",)}
    assert parse_neighbours("no json") == {}


@pytest.mark.parametrize(
    ("letters", "word"),
    [("r-----", "running"), ("-b----", "idle"), ("------", "ready"), ("--p---", "paused"),
     ("---s--", "shut down"), ("----c-", "crashed"), ("--ps-d", "dying")],
)  # fmt: skip
def test_a_state_is_a_word(letters: str, word: str) -> None:
    assert state_of(letters) == word
