"""What a guest's removal takes back: all that was made for it, and nothing of anybody else's."""

from __future__ import annotations

import pytest

from steps.guest_ownership import belongs_to
from tests.steps.test_laws import chain
from wizard.actions import Action, MakeLink, RunCommand, WriteFile
from wizard.step import step_name

NAMES = ("vm01", "vm02")


def planned(answers: str) -> list[tuple[str, Action]]:
    return [
        (step_name(tried.step), action)
        for tried in chain("stock", answers)
        for action in tried.plan.actions
    ]


def test_the_actions_of_the_guests_steps_have_one_owner_each() -> None:
    for step, action in planned("two-guests"):
        owners = [name for name in NAMES if belongs_to(action, name)]
        of_all = step == "first_boot" and not isinstance(action, MakeLink)
        if step in {"guest_volumes", "guest_system", "guest_config"}:
            assert len(owners) == 1, action
        elif not of_all or owners:
            assert len(owners) <= 1, action


def test_the_host_belongs_to_no_guest() -> None:
    for step, action in planned("two-guests"):
        if not step.startswith("guest_") and step != "first_boot":
            assert not any(belongs_to(action, name) for name in NAMES), action


def test_what_starts_a_guest_is_the_guests_own() -> None:
    own = [action for step, action in planned("two-guests") if step == "first_boot"
           and belongs_to(action, "vm02")]  # fmt: skip
    assert ("xl", "create", "/etc/xen/vm02.cfg") in [
        action.argv for action in own if isinstance(action, RunCommand)
    ]
    assert "/etc/xen/auto/vm02.cfg" in [
        action.path for action in own if isinstance(action, MakeLink)
    ]


@pytest.mark.parametrize(
    ("words", "owner"),
    [
        (("lvcreate", "--name", "vm01-root", "xendisks"), True),
        (("lvcreate", "--name", "vm01-rootkit", "xendisks"), False),
        (("lvcreate", "--name", "xvm01-root", "xendisks"), False),
        (("mkswap", "/dev/pool/vm01-swap"), True),
        (("xl", "create", "/etc/xen/vm01.cfg"), True),
        (("xl", "create", "/etc/xen/vm011.cfg"), False),
        (("xl", "list"), False),
        (("vgcreate", "vm01"), False),
    ],
)
def test_a_name_that_is_only_like_it_is_another(words: tuple[str, ...], owner: bool) -> None:
    assert belongs_to(RunCommand(words, "Why it is done."), "vm01") is owner


def test_a_config_of_another_guest_stays() -> None:
    assert not belongs_to(WriteFile("/etc/xen/vm02.cfg", "", "Why."), "vm01")
