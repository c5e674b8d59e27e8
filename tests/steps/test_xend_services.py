"""Xen's services: enabled where they are not, and the directory for guests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from steps import xend_services
from steps.expected import with_directories, with_file, with_service
from steps.facts import Facts, Service
from tests.machines import stock
from tests.steps.answered import answered
from wizard.actions import CommandShows, MakeDirectory, RunCommand


def with_services(xen: bool, xendomains: bool) -> Facts:
    facts = with_directories(stock(), "/etc/xen")
    facts = with_service(facts, Service("xen", True, xen, False))
    return with_service(facts, Service("xendomains", True, xendomains, False))


def test_on_a_fresh_debian_both_are_enabled_and_only_the_directory_is_missing() -> None:
    facts = with_services(xen=True, xendomains=True)
    plan = xend_services.plan(answered(facts), facts)
    assert [MakeDirectory("/etc/xen/auto", plan.actions[0].why)] == list(plan.actions)
    assert 2 == sum("enabled already" in text for text in plan.skipped)


def test_what_is_disabled_is_enabled_and_disabled_again_on_undo() -> None:
    facts = with_services(xen=False, xendomains=True)
    first = xend_services.plan(answered(facts), facts).actions[0]
    assert isinstance(first, RunCommand)
    assert ("systemctl", "enable", "xen") == first.argv
    assert ("systemctl", "disable", "xen") == first.undo
    assert CommandShows(("systemctl", "is-enabled", "xen"), "^enabled$") == first.probe


def test_nothing_is_left_to_do_when_all_is_there() -> None:
    facts = with_directories(with_services(xen=True, xendomains=True), "/etc/xen/auto")
    plan = xend_services.plan(answered(facts), facts)
    assert () == plan.actions
    assert "/etc/xen/auto is there already." in plan.skipped


def test_both_directories_are_made_where_xen_has_none() -> None:
    facts = replace(with_services(xen=True, xendomains=True), directories=())
    paths = [
        action.path
        for action in xend_services.plan(answered(facts), facts).actions
        if isinstance(action, MakeDirectory)
    ]
    assert ["/etc/xen", "/etc/xen/auto"] == paths


def defaults(text: str) -> Callable[[Facts], Facts]:
    return lambda facts: with_file(facts, "/etc/default/xendomains", text)


CHECKS: list[tuple[str, Callable[[Facts], Facts], list[str]]] = [
    ("all is well", lambda facts: facts, []),
    ("OpenRC", lambda facts: replace(facts, service_manager="openrc"), []),
    ("SysV init", lambda facts: replace(facts, service_manager="sysvinit"), []),
    ("another", lambda facts: replace(facts, service_manager="unknown"), ["service-manager"]),
    ("no services", lambda facts: replace(facts, services=()), ["services-missing"]),
    ("the package's own", defaults("XENDOMAINS_AUTO=/etc/xen/auto\n"), []),
    ("in quotes, with a slash", defaults('XENDOMAINS_AUTO="/etc/xen/auto/"\n'), []),
    ("elsewhere", defaults("XENDOMAINS_AUTO=/srv/guests\n"), ["autostart-directory"]),
    ("turned off", defaults('XENDOMAINS_AUTO=""\n'), ["autostart-directory"]),
    ("the last one counts", defaults("XENDOMAINS_AUTO=/etc/xen/auto\n XENDOMAINS_AUTO=/x\n"),
     ["autostart-directory"]),
    ("commented out", defaults("#XENDOMAINS_AUTO=/srv/guests\n"), []),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in CHECKS],
                         ids=[row[0] for row in CHECKS])  # fmt: skip
def test_what_stands_in_the_way(change: Callable[[Facts], Facts], expected: list[str]) -> None:
    facts = change(with_services(xen=True, xendomains=True))
    assert expected == [item.name for item in xend_services.check(answered(facts), facts)]


def masked() -> Facts:
    facts = with_services(xen=True, xendomains=False)
    return with_service(facts, replace(facts.service("xendomains"), masked=True))


def test_a_masked_service_is_named_before_anything_is_done() -> None:
    (problem,) = xend_services.check(answered(masked()), masked())
    assert "service-masked" == problem.name
    assert "systemctl unmask xendomains" in problem.hint


def test_who_wants_it_masked_gets_the_rest() -> None:
    plan = xend_services.plan(answered(masked()), masked())
    assert "The service xendomains is masked, and stays so." in plan.skipped
    assert [] == [action for action in plan.actions if isinstance(action, RunCommand)]
    assert [] == xend_services.verify(answered(masked()), plan.then)


def test_enabled_is_verified_by_name() -> None:
    facts = with_services(xen=False, xendomains=True)
    problems = xend_services.verify(answered(facts), facts)
    assert ["service-disabled", "autostart-missing"] == [item.name for item in problems]
    assert "xen " in problems[0].what
