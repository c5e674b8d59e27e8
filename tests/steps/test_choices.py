"""The four choices: what is found on each machine, what an answer changes, what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from steps import distribution, first_boot, xend_services
from steps.expected import with_packages, with_service
from steps.facts import BootLoader, Facts, Service
from steps.hosts.choices import chosen_boot, xen_version
from steps.hosts.service_managers import MANAGERS
from tests.machines import running, stock
from tests.steps.answered import answered
from wizard.actions import CommandShows, RunCommand

Change = Callable[[Facts], Facts]
MENU = "/boot/grub/menu.lst"


def legacy_loader() -> BootLoader:
    return replace(stock().boot, kind="grub-legacy", version="0.97-80", config=MENU)


def legacy(facts: Facts) -> Facts:
    return replace(facts, boot=legacy_loader())


def both(facts: Facts) -> Facts:
    return replace(facts, other_boot=legacy_loader())


def uefi(facts: Facts) -> Facts:
    return replace(facts, firmware="uefi", secure_boot=False)


def sysv(*tools: str) -> Change:
    return lambda facts: replace(facts, service_manager="sysvinit", tools=tools)


def openrc(facts: Facts) -> Facts:
    return replace(facts, service_manager="openrc", tools=("insserv", "rc-update"))


def xen(*, version: str, commands: tuple[str, ...], packages: tuple[str, ...] = ()) -> Change:
    def changed(facts: Facts) -> Facts:
        images = (f"/boot/xen-{version}.gz",)
        facts = replace(facts, xen=replace(facts.xen, images=images, commands=commands))
        return with_packages(replace(facts, installable=()), packages)

    return changed


FOUND: list[tuple[str, Change, tuple[str, str, str, str]]] = [
    ("stock Debian", lambda facts: facts, ("grub2", "systemd", "xl", "packages")),
    ("GRUB Legacy", legacy, ("grub-legacy", "systemd", "xl", "packages")),
    ("both menus", both, ("grub2", "systemd", "xl", "packages")),
    ("Debian with SysV init", sysv("update-rc.d", "insserv"),
     ("grub2", "update-rc.d", "xl", "packages")),
    ("SysV init elsewhere", sysv("insserv"), ("grub2", "insserv", "xl", "packages")),
    ("SysV init, tools not read", lambda facts: replace(facts, service_manager="sysvinit"),
     ("grub2", "update-rc.d", "xl", "packages")),
    ("OpenRC", openrc, ("grub2", "openrc", "xl", "packages")),
    ("the tutorial's Xen", xen(version="3.0.3", commands=("xm",)),
     ("grub2", "systemd", "xm", "tarball")),
    ("xl and xm", xen(version="4.4", commands=("xl", "xm"), packages=("xen-utils-4.4",)),
     ("grub2", "systemd", "xl", "packages")),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in FOUND],
                         ids=[row[0] for row in FOUND])  # fmt: skip
def test_each_choice_is_found_on_the_machine(
    change: Change, expected: tuple[str, str, str, str]
) -> None:
    facts = change(stock())
    host = answered(facts).host
    assert expected == (host.boot_loader, host.service_manager, host.toolstack, host.xen_source)
    assert [] == choice_problems(facts, {}), "what was found fits together"


def choice_problems(facts: Facts, answers: Mapping[str, object]) -> list[str]:
    found = distribution.check(answered(facts, answers), facts)
    return [problem.name for problem in found if problem.name.startswith("choice-")]


REFUSED: list[tuple[str, Change, dict[str, object], str, str]] = [
    ("GRUB Legacy on UEFI", uefi, {"host.boot_loader": "grub-legacy"},
     "choice-boot-loader", "BIOS only"),
    ("a menu that is not here", lambda facts: facts, {"host.boot_loader": "grub-legacy"},
     "choice-boot-loader", "/boot/grub/grub.cfg"),
    ("GRUB 2 where there is none", legacy, {"host.boot_loader": "grub2"},
     "choice-boot-loader", MENU),
    ("systemd below SysV init", sysv("update-rc.d"), {"host.service_manager": "systemd"},
     "choice-service-manager", "SysV init is process 1"),
    ("OpenRC below systemd", lambda facts: facts, {"host.service_manager": "openrc"},
     "choice-service-manager", "systemd is process 1"),
    ("no insserv", sysv("update-rc.d"), {"host.service_manager": "insserv"},
     "choice-service-manager", "the command insserv is not here"),
    ("xm of Xen 4.17", xen(version="4.17-amd64", commands=("xl",), packages=("xen-utils-4.17",)),
     {"host.toolstack": "xm"}, "choice-toolstack", "this is Xen 4.17"),
    ("xm of the packages to come",
     lambda facts: replace(facts, installable=("xen-hypervisor-4.17-amd64",)),
     {"host.toolstack": "xm"}, "choice-toolstack", "this is Xen 4.17"),
    ("xl of Xen 3", xen(version="3.4", commands=("xm",)), {"host.toolstack": "xl"},
     "choice-toolstack", "xl came with Xen 4.1"),
    ("a tarball over packages",
     xen(version="4.17", commands=("xl",), packages=("xen-utils-4.17",)),
     {"host.xen_source": "tarball"}, "choice-source", "xen-utils-4.17"),
    ("packages over a tarball", xen(version="4.17", commands=("xl",)),
     {"host.xen_source": "packages"}, "choice-source", "/boot/xen-4.17.gz"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "answers", "name", "words"), [row[1:] for row in REFUSED],
                         ids=[row[0] for row in REFUSED])  # fmt: skip
def test_what_does_not_fit_is_refused_with_the_reason(
    change: Change, answers: dict[str, object], name: str, words: str
) -> None:
    facts = change(stock())
    assert [name] == choice_problems(facts, answers)
    problem = next(
        item for item in distribution.check(answered(facts, answers), facts) if item.name == name
    )
    assert words in problem.what


WORKS: list[tuple[str, Change, dict[str, object]]] = [
    ("insserv below systemd", lambda facts: replace(facts, tools=("systemctl", "insserv")),
     {"host.service_manager": "insserv"}),
    ("the other menu", both, {"host.boot_loader": "grub-legacy"}),
    ("GRUB Legacy, SysV init, xl", lambda facts: legacy(sysv("insserv")(facts)), {}),
    ("xm of Xen 4.4", xen(version="4.4.1", commands=("xl", "xm")), {"host.toolstack": "xm"}),
    ("a tarball on a machine without Xen", lambda facts: facts, {"host.xen_source": "tarball"}),
]  # fmt: skip


@pytest.mark.parametrize(("change", "answers"), [row[1:] for row in WORKS],
                         ids=[row[0] for row in WORKS])  # fmt: skip
def test_mixtures_that_make_sense_are_let_pass(change: Change, answers: dict[str, object]) -> None:
    assert [] == choice_problems(change(stock()), answers)


def test_of_two_menus_the_chosen_one_counts() -> None:
    facts = both(stock())
    assert MENU == chosen_boot("grub-legacy", facts).config
    assert "/boot/grub/grub.cfg" == chosen_boot("grub2", facts).config


@pytest.mark.parametrize(
    ("running_version", "images", "installable", "expected"),
    [
        ("4.17.5-pre", ("/boot/xen-4.14-amd64.gz",), (), (4, 17)),
        ("", ("/boot/xen-4.9-amd64.gz", "/boot/xen-4.17-amd64.gz"), (), (4, 17)),
        ("", ("/boot/xen-3.0.3.gz",), ("xen-hypervisor-4.17-amd64",), (3, 0)),
        ("", (), ("lvm2", "xen-hypervisor-4.17-amd64"), (4, 17)),
        ("", ("/boot/xen.gz",), ("lvm2",), None),
    ],
)
def test_the_version_is_that_which_runs_or_is_installed_or_would_be(
    running_version: str,
    images: tuple[str, ...],
    installable: tuple[str, ...],
    expected: tuple[int, int] | None,
) -> None:
    xen_facts = replace(stock().xen, version=running_version, images=images)
    assert expected == xen_version(replace(stock(), xen=xen_facts, installable=installable))


@pytest.mark.parametrize("manager", MANAGERS.values(), ids=MANAGERS)
def test_each_manager_enables_asks_and_undoes_in_its_own_words(manager: object) -> None:
    name = next(name for name, item in MANAGERS.items() if item is manager)
    facts = with_service(stock(), Service("xen", True, False, False))
    facts = with_service(facts, Service("xendomains", True, True, False))
    first_process = MANAGERS[name].below[0]
    facts = replace(facts, service_manager=first_process, tools=(MANAGERS[name].tool,))
    settings = answered(facts, {"host.service_manager": name})
    action = xend_services.plan(settings, facts).actions[0]
    assert isinstance(action, RunCommand)
    assert action.argv[0] == MANAGERS[name].tool
    assert action.undo is not None
    assert action.undo[0] == MANAGERS[name].tool
    assert isinstance(action.probe, CommandShows)
    words = (*action.argv, *action.undo, *action.probe.argv, action.probe.pattern)
    assert "xen" in " ".join(words)
    assert not any("{}" in word for word in words)


def test_a_silent_toolstack_is_started_by_the_machines_own_manager() -> None:
    facts = with_packages(running(stock()), ("xen-utils-4.17",))
    facts = replace(facts, service_manager="sysvinit")
    facts = replace(facts, xen=replace(facts.xen, answers=False, domains=None))
    first = first_boot.plan(answered(facts), facts).actions[0]
    assert isinstance(first, RunCommand)
    assert ("service", "xen", "start") == first.argv
