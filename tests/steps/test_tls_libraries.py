"""/lib/tls: moved where 32-bit processors' segments make it slow, explained everywhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps import tls, tls_libraries
from steps.facts import Facts, TlsDirectory
from tests.machines import stock
from tests.steps.answered import answered
from wizard.actions import MovePath

ACTIVE = TlsDirectory("/lib/tls", 12, disabled=False)
EMPTY = TlsDirectory("/lib/tls", 0, disabled=False)
AWAY = TlsDirectory("/lib/tls.disabled", 12, disabled=True)


def machine(architecture: str, glibc: str, *found: TlsDirectory) -> Facts:
    return replace(stock(), architecture=architecture, glibc=glibc, tls=found)


MATTERS = [
    ("i686", "2.3.6", True),
    ("i386", "2.36", True),
    ("i686", "2.37", False),
    ("i686", "2.41", False),
    ("i686", "", True),
    ("x86_64", "2.3.6", False),
    ("x86_64", "2.36", False),
    ("amd64", "2.36", False),
    ("aarch64", "2.31", False),
]


@pytest.mark.parametrize(("architecture", "glibc", "expected"), MATTERS)
def test_where_it_matters(architecture: str, glibc: str, expected: bool) -> None:
    assert expected == tls.matters(architecture, glibc)


def test_on_an_old_32_bit_system_it_is_moved_and_the_loader_told() -> None:
    facts = machine("i686", "2.31", ACTIVE)
    plan = tls_libraries.plan(answered(facts), facts)
    (action,) = plan.actions
    assert isinstance(action, MovePath)
    assert ("/lib/tls", "/lib/tls.disabled") == (action.source, action.destination)
    assert ("ldconfig",) == action.refresh
    assert (AWAY,) == plan.then.tls
    assert [] == tls_libraries.verify(answered(facts), plan.then)
    assert () == tls_libraries.plan(answered(facts), plan.then).actions


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (machine("x86_64", "2.36"), "There is no /lib/tls"),
        (machine("x86_64", "2.36", ACTIVE), "/lib/tls can stay: x86_64 reaches"),
        (machine("i686", "2.41", ACTIVE), "/lib/tls can stay: glibc 2.41 does not look there"),
        (machine("i686", "2.31", EMPTY), "no /lib/tls with libraries"),
        (machine("i686", "2.31", AWAY), "/lib/tls.disabled: moved away already"),
    ],
)
def test_elsewhere_it_is_explained(facts: Facts, words: str) -> None:
    plan = tls_libraries.plan(answered(facts), facts)
    assert () == plan.actions
    assert words in plan.skipped[0]
    assert [] == tls_libraries.verify(answered(facts), facts)


def test_what_is_left_is_found() -> None:
    facts = machine("i686", "2.31", ACTIVE)
    assert ["tls-active"] == [item.name for item in tls_libraries.verify(answered(facts), facts)]


def test_a_place_that_is_taken_is_said_beforehand() -> None:
    facts = machine("i686", "2.31", ACTIVE, AWAY)
    assert ["tls-taken"] == [item.name for item in tls_libraries.check(answered(facts), facts)]
    assert [] == tls_libraries.check(answered(stock()), stock())
