"""Xen's own answers: tables of xl, a hanging xl, no xl at all."""

from __future__ import annotations

import gzip
import random
import tracemalloc
from pathlib import Path

import pytest

from steps.facts import Domain
from steps.reading.view import View
from steps.reading.xen import parse_info, parse_list, read_xen
from tests.reading.looking import Answers, Said, captured, program, view_of

LIST = captured("xl-list")
INFO = captured("xl-info")
DOM0: dict[str, str | bytes | None] = {
    "/sys/hypervisor/type": "xen\n",
    "/sys/hypervisor/version/major": "4\n",
    "/sys/hypervisor/version/minor": "17\n",
    "/sys/hypervisor/version/extra": ".7\n",
    "/proc/xen/capabilities": "control_d\n",
    "/boot/xen-4.17-amd64.gz": gzip.compress(b"hypervisor" * 1000),
    "/boot/xen-4.17-amd64.efi": "",
    "/boot/xen-4.17-amd64.map": "",
    "/boot/xenpolicy-4.17": "",
    "/boot/xen.gz": b"\x7fELF, not packed at all",
    "/run/xenstored/socket": "",
}


def dom0(root: Path, answers: dict[str, Said], *, as_root: bool = True) -> View:
    program(root, "xl")
    return view_of(root, DOM0, answers, as_root=as_root)


def never(name: str, /) -> bool:
    raise AssertionError(f"{name}'s console was looked at")


def test_the_captured_table_has_its_domains() -> None:
    domains = parse_list(LIST)
    assert domains is not None
    assert [(d.name, d.id, d.memory, d.vcpus) for d in domains] == [
        ("Domain-0", 0, 1024, 2),
        ("vm01", 1, 512, 1),
    ]


HEADER = "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"


@pytest.mark.parametrize(
    ("text", "domains"),
    [
        ("", None),
        ("xl: error\n", None),
        (HEADER, ()),
        (HEADER + "a b 7 3   64   1 -b---- 0.5\n", (Domain("a b 7", 3, 64, 1, "-b----"),)),
        (HEADER + "(null) 3 0 1 --psrd 0.5\nrubbish\n", (Domain("(null)", 3, 0, 1, "--psrd"),)),
    ],
)
def test_other_tables_and_none(text: str, domains: tuple[Domain, ...] | None) -> None:
    assert parse_list(text) == domains


def test_the_captured_info_has_memory_and_capabilities() -> None:
    info = parse_info(INFO)
    assert info["xen_version"].startswith("4.17")
    assert info["virt_caps"].split()[0] == "pv"
    assert int(info["free_memory"]) > 0


def test_dom0_knows_its_hypervisor(tmp_path: Path) -> None:
    view = dom0(tmp_path, {"xl list": Said(LIST), "xl info": Said(INFO)})
    xen = read_xen(view, (), never)
    assert (xen.running, xen.control_domain, xen.answers) == (True, True, True)
    assert xen.version == parse_info(INFO)["xen_version"]
    assert xen.images == ("/boot/xen-4.17-amd64.gz", "/boot/xen.gz")
    assert xen.damaged == ()
    assert xen.commands == ("xl",)
    assert xen.total_memory == int(parse_info(INFO)["total_memory"])
    assert view.unknown == []


_WHOLE = gzip.compress(random.Random(1).randbytes(300_000))
DAMAGED = {
    "cut off": _WHOLE[:100_000],
    "only its end missing": _WHOLE[:-1],
    "a bit is wrong": _WHOLE[:5000] + bytes([_WHOLE[5000] ^ 1]) + _WHOLE[5001:],
    "zeros, as after a power cut": bytes(len(_WHOLE)),
    "empty": b"",
    "something else": b"<html>",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_hypervisor_that_cannot_be_unpacked_is_damaged(tmp_path: Path, name: str) -> None:
    program(tmp_path, "xl")
    files = {"/boot/xen-4.16.gz": _WHOLE, "/boot/xen-4.17.gz": DAMAGED[name]}
    xen = read_xen(view_of(tmp_path, files, {}), (), never)
    assert xen.damaged == ("/boot/xen-4.17.gz",)
    tmp_path.joinpath("boot/xen-4.17.gz").write_bytes(_WHOLE)
    assert read_xen(view_of(tmp_path, {}, {}), (), never).damaged == ()


def test_a_bomb_is_no_hypervisor_and_takes_no_memory(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(80 << 20))
    files = {"/boot/xen-4.17.gz": bomb}
    tracemalloc.start()
    try:
        assert read_xen(view_of(tmp_path, files, {}), (), never).damaged == ("/boot/xen-4.17.gz",)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Said(HEADER, 124), "it did not answer in time"),
        (Said("", 1, "\nxencall: error: Could not obtain handle\n"), "xencall: error: Could not"),
        (Said("", 1), "no answer"),
    ],
)
def test_an_xl_that_does_not_answer_is_asked_once_and_explained(
    tmp_path: Path, answer: Said, reason: str
) -> None:
    view = dom0(tmp_path, {"xl list": answer})
    xen = read_xen(view, ("vm01",), never)
    assert (xen.answers, xen.domains, xen.free_memory) == (False, None, None)
    assert xen.version == "4.17.7"
    assert isinstance(view.ask, Answers)
    assert view.ask.asked == [("xl", "list")]
    assert reason in view.unknown[0]


def test_without_xenstored_xl_would_hang_and_is_not_asked(tmp_path: Path) -> None:
    view = dom0(tmp_path, {})
    (tmp_path / "run/xenstored/socket").unlink()
    assert read_xen(view, ("vm01",), never).answers is False
    assert isinstance(view.ask, Answers)
    assert view.ask.asked == []
    assert view.unknown == ["domains: xenstored does not run: start the service xen"]


def test_a_user_is_told_that_only_root_can_ask(tmp_path: Path) -> None:
    view = dom0(tmp_path, {}, as_root=False)
    xen = read_xen(view, ("vm01",), never)
    assert (xen.running, xen.control_domain, xen.domains) == (True, True, None)
    assert view.unknown == ["domains: only root can ask xl for them"]


@pytest.mark.parametrize(
    ("consoles", "seen"),
    [((), {}), (("vm01",), {"vm01": True}), (("vm02",), {}), (("Domain-0",), {})],
)
def test_only_named_guests_are_looked_at(
    tmp_path: Path, consoles: tuple[str, ...], seen: dict[str, bool]
) -> None:
    view = dom0(tmp_path, {"xl list": Said(LIST), "xl info": Said(INFO)})
    looked: list[str] = []

    def sees_login(name: str, /) -> bool:
        looked.append(name)
        return True

    domains = read_xen(view, consoles, sees_login).domains or ()
    assert looked == list(seen)
    assert {d.name: d.login_prompt for d in domains if d.login_prompt is not None} == seen


def test_plain_linux_with_xen_installed_is_not_asked(tmp_path: Path) -> None:
    program(tmp_path, "xl")
    view = view_of(tmp_path, {"/boot/xen-4.17-amd64.gz": ""})
    xen = read_xen(view, ("vm01",), never)
    assert (xen.running, xen.control_domain, xen.answers, xen.version) == (False, False, False, "")
    assert xen.images == ("/boot/xen-4.17-amd64.gz",)
    assert isinstance(view.ask, Answers)
    assert view.ask.asked == []


def test_a_guest_of_xen_is_no_control_domain(tmp_path: Path) -> None:
    view = view_of(tmp_path, {"/sys/hypervisor/type": "xen", "/proc/xen/capabilities": ""})
    xen = read_xen(view, (), never)
    assert (xen.running, xen.control_domain) == (True, False)
