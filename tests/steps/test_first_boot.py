"""The first boot: Xen once, the guests, then Xen as the default; and what is missing later on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from steps import first_boot
from steps.boot_drop_in import DROP_IN, promoted, xen_entry_path
from steps.expected import with_file, with_link
from steps.facts import Domain, Facts
from steps.guest_login import login_prompt
from steps.resume_unit import LINK, UNIT, unit_text
from steps.settings import Settings
from tests.machines import machines, running, stock
from tests.steps.answered import answered
from tests.steps.prepared import before
from wizard.actions import (
    Action,
    CommandShows,
    MakeLink,
    PathAbsent,
    Reboot,
    RunCommand,
    WriteFile,
    undo_class,
)
from wizard.commands import Answer
from wizard.probing import shows
from wizard.step import Plan

BY_ITSELF = {"host.after_reboot": "by-itself"}
VM01 = Domain("vm01", 1, 512, 1, "-b----")
ENTRY = "xen-gnulinux-simple-6f0d4c1e-4f6b-4f0c-9a43-0d8f3a5b7c21"


def ready(answers: Mapping[str, object] | None = None) -> Facts:
    """The stock machine, all prepared, still plain Linux."""
    return before(first_boot, answered(stock(), answers), stock())


def in_xen(*domains: Domain, answers: Mapping[str, object] | None = None) -> Facts:
    """The same under Xen, after the boot."""
    return running(ready(answers), *domains)


def plan(facts: Facts, answers: Mapping[str, object] | None = None) -> Plan[Facts]:
    return first_boot.plan(answered(stock(), answers), facts)


def words(actions: tuple[Action, ...]) -> list[str]:
    """The actions in short."""
    found = []
    for action in actions:
        match action:
            case RunCommand():
                found.append(" ".join(action.argv[:3]))
            case WriteFile() | MakeLink():
                found.append(f"{action.kind} {action.path}")
            case _:
                found.append(action.kind)
    return found


def test_xen_is_booted_once_and_proves_itself_before_it_becomes_the_default() -> None:
    assert [
        f"grub-reboot {ENTRY}",
        "Reboot",
        "xl create /etc/xen/vm01.cfg",
        "xl console vm01",
        "MakeLink /etc/xen/auto/vm01.cfg",
        f"WriteFile {DROP_IN}",
        "xl list",
    ] == words(plan(ready()).actions)


def test_by_itself_leaves_a_service_that_takes_itself_away_again() -> None:
    facts = ready(BY_ITSELF)
    made = plan(facts, BY_ITSELF).actions
    assert [f"WriteFile {UNIT}", f"MakeLink {LINK}"] == words(made)[:2]
    assert f"rm --force {LINK}" == words(made)[-2]
    remove = made[-2]
    assert isinstance(remove, RunCommand)
    assert PathAbsent(UNIT) == remove.probe
    assert UNIT in remove.argv
    reboots = [action for action in made if isinstance(action, Reboot)]
    assert [True] == [action.automatic for action in reboots]
    then = plan(facts, BY_ITSELF).then
    assert UNIT not in then.files
    assert LINK not in then.links


def test_by_hand_nothing_is_left_for_the_boot_and_the_user_boots() -> None:
    made = plan(ready()).actions
    assert not any("resume" in word for word in words(made))
    assert [False] == [action.automatic for action in made if isinstance(action, Reboot)]


def test_the_service_runs_under_xen_only_and_once() -> None:
    text = unit_text(stock())
    assert "ConditionPathExists=/sys/hypervisor/type\n" in text
    assert f"ExecStartPre=/bin/rm --force {LINK}\n" in text
    assert "ExecStart=/usr/local/bin/xen-setup resume --no-input\n" in text
    elsewhere = unit_text(replace(stock(), program="/opt/my tools/100%/xen-setup"))
    assert "ExecStart=/opt/my\\x20tools/100%%/xen-setup resume" in elsewhere
    by_name = unit_text(replace(stock(), program="xen-setup"))
    assert "ExecStart=/usr/bin/env xen-setup resume" in by_name


def test_a_boot_that_is_prepared_already_is_not_prepared_again() -> None:
    facts = ready()
    facts = replace(facts, boot=replace(facts.boot, next_entry=ENTRY))
    assert "Reboot" == words(plan(facts).actions)[0]


def test_what_was_to_be_booted_next_is_given_back() -> None:
    facts = ready()
    first = plan(facts).actions[0]
    assert isinstance(first, RunCommand)
    assert ("grub-editenv", "-", "unset", "next_entry") == first.undo
    other = replace(facts, boot=replace(facts.boot, next_entry="memtest"))
    again = plan(other).actions[0]
    assert isinstance(again, RunCommand)
    assert ("grub-reboot", "memtest") == again.undo
    assert "exact" == undo_class(again)


def test_the_entry_for_one_boot_is_known_by_grubs_own_environment() -> None:
    first = plan(ready()).actions[0]
    assert isinstance(first, RunCommand)
    assert isinstance(first.probe, CommandShows)
    shown = f"saved_entry=0\nnext_entry={ENTRY}\n"
    assert re.search(first.probe.pattern, shown, re.MULTILINE)
    assert not re.search(first.probe.pattern, "next_entry=\n", re.MULTILINE)
    assert not re.search(first.probe.pattern, f"next_entry={ENTRY}-2\n", re.MULTILINE)


def test_after_the_boot_only_the_rest_is_done() -> None:
    made = words(plan(in_xen()).actions)
    assert ["xl create /etc/xen/vm01.cfg", "xl console vm01"] == made[:2]
    assert "Reboot" not in made
    assert not any("grub-reboot" in word for word in made)


def test_after_the_boot_the_service_is_removed() -> None:
    facts = with_link(with_file(in_xen(), UNIT, unit_text(stock())), LINK, UNIT)
    assert f"rm --force {LINK}" in words(plan(facts, BY_ITSELF).actions)


def test_a_toolstack_that_does_not_answer_is_started_first() -> None:
    facts = in_xen()
    facts = replace(facts, xen=replace(facts.xen, answers=False, domains=None))
    assert "systemctl start xen.service" == words(plan(facts).actions)[0]


def test_a_guest_that_runs_without_a_login_prompt_is_only_watched() -> None:
    for seen in (False, None):
        made = words(plan(in_xen(replace(VM01, login_prompt=seen))).actions)
        assert "xl console vm01" == made[0]


def done(answers: Mapping[str, object] | None = None) -> Facts:
    """Everything is done."""
    return plan(in_xen(answers=answers), answers).then


def test_the_second_run_does_nothing() -> None:
    assert () == plan(done()).actions
    assert [] == first_boot.verify(answered(stock()), done())


def test_a_further_guest_is_started_without_a_boot() -> None:
    settings = answered(stock(), guests=2)
    made = words(first_boot.plan(settings, done()).actions)
    assert [
        "xl create /etc/xen/vm02.cfg",
        "xl console vm02",
        "MakeLink /etc/xen/auto/vm02.cfg",
        "xl list",
    ] == made


def test_domains_get_their_numbers_in_order() -> None:
    settings = answered(stock(), guests=2)
    then = first_boot.plan(settings, before(first_boot, settings, stock())).then
    assert [("Domain-0", 0), ("vm01", 1), ("vm02", 2)] == [
        (domain.name, domain.id) for domain in then.xen.domains or ()
    ]


def test_xen_stays_the_second_choice_if_that_is_wanted() -> None:
    answers = {"host.make_default": False}
    then = plan(ready(answers), answers).then
    assert not promoted(then)
    assert "gnulinux-simple-6f0d4c1e-4f6b-4f0c-9a43-0d8f3a5b7c21" == then.boot.default_entry
    assert [] == first_boot.verify(answered(stock(), answers), then)


def test_xen_is_the_default_by_the_menu_and_not_by_the_file_alone() -> None:
    then = done()
    assert xen_entry_path(then) == then.boot.default_entry
    ignored = replace(then, boot=replace(then.boot, default_entry="gnulinux-simple"))
    # The file is right: only the menu is written again, else the step could not be repeated.
    assert ["update-grub", "xl list"] == words(plan(ignored).actions)
    found = first_boot.verify(answered(stock()), ignored)
    assert ["xen-not-default"] == [problem.name for problem in found]


def test_a_guest_that_is_not_to_start_by_itself_is_not_linked() -> None:
    answers = {"guests.0.autostart": False}
    assert not any("auto/" in word for word in words(plan(ready(answers), answers).actions))


def test_the_guest_is_followed_until_its_own_login_prompt() -> None:
    console = plan(in_xen()).actions[1]
    assert isinstance(console, RunCommand)
    assert login_prompt("vm01") == console.until


PROMPTS = {
    "Debian GNU/Linux 12 vm01 hvc0\r\n\r\nvm01 login: ": True,
    "vm01 login:": True,
    "root@vm01:~# ": True,
    "user@vm01:/srv$": True,
    "vm011 login: ": False,
    "xvm01 login: ": False,
    "[    1.2] systemd[1]: Hostname set to <vm01>.": False,
    "Last login: Mon": False,
    "#1 SMP PREEMPT_DYNAMIC Debian": False,
}


@pytest.mark.parametrize("text", PROMPTS)
def test_what_shows_that_someone_could_log_in(text: str) -> None:
    assert PROMPTS[text] is (re.search(login_prompt("vm01"), text, re.MULTILINE) is not None)


def test_a_dot_in_no_name_matches_anything() -> None:
    assert not re.search(login_prompt("a-b"), "axb login: ", re.MULTILINE)


# ---- check


@dataclass(frozen=True)
class Case:
    facts: Facts = field(default_factory=ready)
    answers: Mapping[str, object] = field(default_factory=dict)
    problems: tuple[tuple[str, str], ...] = ()


def with_boot(**changes: Any) -> Facts:
    facts = ready()
    return replace(facts, boot=replace(facts.boot, **changes))


def domu() -> Facts:
    facts = ready()
    return replace(facts, xen=replace(facts.xen, running=True))


def with_damaged(image: str) -> Facts:
    facts = ready()
    return replace(facts, xen=replace(facts.xen, damaged=(image,)))


def without_hypervisor() -> Facts:
    facts = ready()
    return replace(facts, xen=replace(facts.xen, images=()))


def short_of_memory() -> Facts:
    facts = in_xen()
    return replace(facts, xen=replace(facts.xen, free_memory=500))


def all_in_dom0() -> Facts:
    facts = in_xen()
    dom0 = Domain("Domain-0", 0, 2909, 2, "r-----")
    return replace(facts, xen=replace(facts.xen, free_memory=20, domains=(dom0,)))


CHECKS = {
    "all is well": Case(),
    "by itself": Case(ready(), BY_ITSELF),
    "under Xen": Case(in_xen()),
    "all is done": Case(done()),
    "no entry": Case(stock(), {}, (("no-xen-entry", "error"),)),
    "a hypervisor that is gone": Case(without_hypervisor(), {}, (("no-hypervisor", "error"),)),
    "a damaged hypervisor": Case(
        with_damaged("/boot/xen-4.17-amd64.gz"), {}, (("hypervisor-damaged", "error"),)
    ),
    "a damaged one that is not booted": Case(with_damaged("/boot/xen-4.11-amd64.gz")),
    "the menu is not known": Case(replace(stock(), boot=replace(stock().boot, entries=None))),
    "boot where GRUB cannot write": Case(
        with_boot(unwritable="/boot (btrfs)"), {}, (("cannot-boot-once", "error"),)
    ),
    "a spoiled environment block": Case(
        with_boot(broken="has no room for another entry"), {}, (("boot-environment", "error"),)
    ),
    "the boot before ended in plain Linux": Case(
        with_file(ready(), UNIT, "x"), {}, (("xen-did-not-come-up", "warning"),)
    ),
    "the boot is still to come": Case(
        replace(with_file(ready(), UNIT, "x"), boot=replace(ready().boot, next_entry=ENTRY))
    ),
    "no systemd": Case(
        replace(ready(), service_manager="sysvinit"),
        BY_ITSELF,
        (("cannot-go-on-by-itself", "error"),),
    ),
    "no systemd is needed by hand": Case(replace(ready(), service_manager="sysvinit")),
    "a guest of Xen's": Case(domu(), {}, (("not-dom0", "error"),)),
    "no memory left": Case(short_of_memory(), {}, (("too-little-free-memory", "error"),)),
    "dom0 has it all, and can give": Case(all_in_dom0()),
    "a guest that stands still": Case(
        in_xen(replace(VM01, state="--p---")), {}, (("guest-paused", "warning"),)
    ),
    "memory for what runs is not needed again": Case(
        replace(in_xen(VM01), xen=replace(in_xen(VM01).xen, free_memory=10))
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_check_names_each_problem(name: str) -> None:
    case = CHECKS[name]
    found = first_boot.check(answered(stock(), case.answers), case.facts)
    assert case.problems == tuple((problem.name, problem.severity) for problem in found)
    assert all(problem.what and problem.hint for problem in found)


STATES = {"r-----": True, "-b----": True, "------": True, "--p---": False, "-bp---": False}


@pytest.mark.parametrize("state", STATES)
def test_a_guest_that_xl_has_built_and_not_let_go_is_not_started(state: str) -> None:
    (create, *_) = first_boot.plan(answered(stock()), in_xen()).actions
    assert isinstance(create, RunCommand)
    assert isinstance(create.probe, CommandShows)
    assert ("xl", "list", "vm01") == create.probe.argv
    listed = (
        "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
        f"vm01                                         1   512     1     {state}       0.0\n"
    )
    assert STATES[state] == bool(re.search(create.probe.pattern, listed, re.MULTILINE))


VM_LIST = """\
UUID                                  ID    name
00000000-0000-0000-0000-000000000000  0    Domain-0
{uuid}  3    {name:30}
"""  # `xl vm-list`, of Xen 4.17
LONG = """\
(domain
    (domid 3)
    (uuid {uuid})
    (vcpus 1)
    (name {name})
"""  # `xm list --long`, of Xen 3.0.3


@pytest.mark.parametrize(("tool", "shown"), [("xl", VM_LIST), ("xm", LONG)])
def test_only_the_very_domain_is_taken_for_the_guest_and_no_other_of_its_name(
    tool: str, shown: str
) -> None:
    facts = replace(in_xen(), xen=replace(in_xen().xen, commands=(tool,)))
    settings = answered(stock(), {"host.toolstack": tool})
    (create, *_) = first_boot.plan(settings, facts).actions
    assert isinstance(create, RunCommand)
    assert isinstance(create.traces, CommandShows)
    asked = {"xl": ("xl", "vm-list"), "xm": ("xm", "list", "--long", "vm01")}
    assert asked[tool] == create.traces.argv
    config = facts.files["/etc/xen/vm01.cfg"]
    (uuid,) = re.findall('^uuid = "(.*)"$', config, re.MULTILINE)
    other = "59e1cf6c-6ab9-4879-90e7-adc8d1c63bf5"
    found = [
        shows(create.traces, Answer(0, shown.format(uuid=number, name="vm01"), ""))
        for number in (uuid, other)
    ]
    assert [True, False] == found


# ---- verify


def _silent() -> Facts:
    return replace(done(), xen=replace(done().xen, domains=None, answers=False))


def _with_domain(domain: Domain | None) -> Facts:
    dom0 = Domain("Domain-0", 0, 1024, 2, "r-----")
    domains = (dom0, domain) if domain is not None else (dom0,)
    return replace(done(), xen=replace(done().xen, domains=domains))


def _as_user() -> Facts:
    return replace(_silent(), as_root=False)


VERIFY = {
    "all is done": (done(), ()),
    "plain Linux": (ready(), (("xen-not-running", "error"),)),
    "xl is silent": (_silent(), (("toolstack-silent", "error"),)),
    "xl is not for users": (_as_user(), (("toolstack-silent", "unknown"),)),
    "no guest": (_with_domain(None), (("guest-not-running", "error"),)),
    "no prompt": (
        _with_domain(replace(VM01, login_prompt=False)),
        (("no-login-prompt", "error"),),
    ),
    "not looked": (_with_domain(VM01), (("no-login-prompt", "unknown"),)),
    "no link": (replace(done(), links={}), (("no-autostart", "error"),)),
}


@pytest.mark.parametrize("name", VERIFY)
def test_verify_names_what_is_missing(name: str) -> None:
    facts, expected = VERIFY[name]
    settings: Settings = answered(stock())
    found = first_boot.verify(settings, facts)
    assert expected == tuple((problem.name, problem.severity) for problem in found)


def test_the_plan_is_the_same_each_time_on_every_machine() -> None:
    for name, facts in machines().items():
        settings = answered(facts)
        assert first_boot.plan(settings, facts) == first_boot.plan(settings, facts), name
