"""GRUB Legacy: our entry in menu.lst, booted once, then the default; what stands in the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from steps import first_boot, grub_entry, xen_packages
from steps.expected import under_xen
from steps.facts import BootEntry, Facts, GrubLegacy
from steps.failures import RULES
from steps.hosts.grub_legacy import memory_option
from steps.hosts.menu_lst import own_entry, parse
from tests.machines import running, stock
from tests.machines_of_2006 import (
    DEBIANS_MENU,
    MENU,
    MISTAKEN,
    OWN_MENU,
    TOOLS,
    with_legacy,
    with_mistake,
    with_own_boot,
    with_saved_default,
    written,
)
from tests.steps.answered import answered
from wizard.actions import (
    Action,
    CommandShows,
    InstallPackages,
    PathPresent,
    RunCommand,
    WriteFile,
    text_hash,
)
from wizard.diagnosis import explain

Change = Callable[[Facts], Facts]


def with_xen(facts: Facts) -> Facts:
    """The packages are in."""
    return xen_packages.plan(answered(facts), facts).then


def with_entry(facts: Facts) -> Facts:
    facts = with_xen(facts)
    return grub_entry.plan(answered(facts), facts).then


def menu_of(facts: Facts) -> str:
    return facts.files[MENU]


def default_of(facts: Facts) -> BootEntry:
    return next(one for one in facts.boot.entries or () if one.path == facts.boot.default_entry)


def argvs(actions: tuple[Action, ...]) -> list[str]:
    return [" ".join(action.argv) for action in actions if isinstance(action, RunCommand)]


# ---- the entry


def test_the_entry_is_the_tutorials_stanza_before_debians_list() -> None:
    facts = with_xen(with_legacy(stock()))
    version, uuid = facts.kernels[0].version, facts.boot.root_uuid
    (action,) = grub_entry.plan(answered(facts), facts).actions
    assert isinstance(action, WriteFile)
    own = action.text[action.text.index("title\t\tXen") : action.text.index("# xen-setup: end")]
    assert own.splitlines() == [
        f"title\t\tXen 4.17, Debian GNU/Linux 12 (bookworm), kernel {version}",
        "root\t\t(hd0,0)",
        "kernel\t\t/boot/xen-4.17-amd64.gz dom0_mem=1024M,max:1024M com1=115200,8n1 console=com1",
        f"module\t\t/boot/vmlinuz-{version} root=UUID={uuid} ro console=tty0 panic=10 console=hvc0",
        f"module\t\t/boot/initrd.img-{version}",
    ]
    assert "default\t\t1\n" in action.text, "the entry that was the first one is the second now"
    assert action.text.index("title\t\tXen") < action.text.index("### BEGIN AUTOMAGIC")


def test_below_a_boot_of_its_own_the_paths_lose_their_boot() -> None:
    facts = with_entry(with_own_boot(stock()))
    entry = next(one for one in facts.boot.entries or () if one.kind == "xen")
    assert "/boot/xen-4.17-amd64.gz" == entry.hypervisor, "as the running system sees it"
    assert "kernel\t\t/xen-4.17-amd64.gz " in menu_of(facts)
    assert menu_of(facts).startswith(written(OWN_MENU, facts)), "no byte before ours has changed"
    assert "Debian" == default_of(facts).title


def test_the_menus_mode_and_owner_stay() -> None:
    facts = with_xen(with_saved_default(stock()))
    (action,) = grub_entry.plan(answered(facts), facts).actions
    assert isinstance(action, WriteFile)
    assert 0o600 == action.mode


def test_the_menu_is_written_over_the_one_that_was_read_only() -> None:
    facts = with_legacy(stock())
    settings, known, found = answered(facts), menu_of(facts), 0
    for step in (xen_packages, grub_entry, first_boot):
        plan = step.plan(settings, facts)
        for one in plan.actions:
            if isinstance(one, WriteFile) and one.path == MENU:
                assert text_hash(known) == one.made_from
                known, found = one.text, found + 1
        facts = plan.then
    assert found == 3  # the entry, the boot once, the default


def test_a_default_that_is_saved_needs_no_other_number() -> None:
    facts = with_entry(with_saved_default(stock()))
    assert "saved" == parse(menu_of(facts)).default
    assert "Debian, quiet" == default_of(facts).title


def test_a_xen_entry_of_somebodys_stays_and_is_told() -> None:
    facts = with_xen(with_mistake(stock()))
    plan = grub_entry.plan(answered(facts), facts)
    assert any("“Xen, typed by hand” is in the menu already" in note for note in plan.notes)
    assert written(MISTAKEN, facts) in menu_of(plan.then)
    own = own_entry(parse(menu_of(plan.then)))
    assert own is not None
    assert own.title.startswith("Xen 4.17")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ((2, 0), "dom0_mem=524288"),
        ((3, 0), "dom0_mem=512M"),
        ((3, 4), "dom0_mem=512M"),
        ((4, 0), "dom0_mem=512M,max:512M"),
        ((4, 22), "dom0_mem=512M,max:512M"),
        (None, "dom0_mem=512M,max:512M"),
    ],
)
def test_memory_is_given_in_the_unit_of_that_xen(
    version: tuple[int, int] | None, expected: str
) -> None:
    assert expected == memory_option(512, version)


# ---- while the packages come in


def test_update_grub_is_set_aside_while_the_packages_come_in_and_go() -> None:
    facts = with_legacy(stock())
    plan = xen_packages.plan(answered(facts), facts)
    kinds = [
        action.argv[-2] if isinstance(action, RunCommand) else action.kind
        for action in plan.actions
        if isinstance(action, InstallPackages) or argvs((action,))[0].startswith("dpkg-divert")
    ]
    assert ["--add", "InstallPackages", "--remove"] == kinds
    divert, back = (
        action
        for action in plan.actions
        if isinstance(action, RunCommand) and action.argv[0] == "dpkg-divert"
    )
    assert (divert.undo, back.undo) == (back.argv, divert.argv)
    assert facts.tools == plan.then.tools
    assert menu_of(facts) == menu_of(plan.then)


def test_an_update_grub_that_a_crash_left_aside_is_put_back() -> None:
    facts = with_xen(with_legacy(stock()))
    tools = tuple(f"{name}.xen-setup" if name == "update-grub" else name for name in TOOLS)
    plan = xen_packages.plan(answered(facts), replace(facts, tools=tools))
    assert ["dpkg-divert"] == [words.split()[0] for words in argvs(plan.actions)]
    assert set(TOOLS) == set(plan.then.tools or ())


# ---- booted once, then the default


def test_before_the_first_boot_every_power_cut_leads_to_plain_linux() -> None:
    facts = with_entry(with_own_boot(stock()))
    plan = first_boot.plan(answered(facts), facts)
    number, menu = plan.actions[:2]
    assert isinstance(number, RunCommand)
    assert isinstance(menu, WriteFile)
    assert ("grub-set-default", "4") == number.argv
    assert ("rm", "--force", "/boot/grub/default") == number.undo
    assert PathPresent("/boot/grub/default") == number.traces
    once = parse(menu.text)
    assert ("saved", (2,)) == (once.default, once.fallbacks)
    own = own_entry(once)
    assert own is not None
    assert ("savedefault", "2") == (own.commands[0].name, own.commands[0].argument)
    for saved, title in ((4, "Xen 4.17"), (2, "Debian")):
        entry = once.boots(saved)
        assert entry is not None
        assert entry.title.startswith(title)


def test_where_the_default_is_saved_already_its_number_is_written_last() -> None:
    facts = with_entry(with_saved_default(stock()))
    menu, number = first_boot.plan(answered(facts), facts).actions[:2]
    assert isinstance(menu, WriteFile)
    assert isinstance(number, RunCommand)
    assert ("grub-set-default", "1") == number.undo
    assert isinstance(number.traces, CommandShows)
    assert number.traces.lacks


def booted(facts: Facts) -> Facts:
    """The machine after the boot into Xen, its first guest not yet started."""
    settings = answered(facts)
    then = first_boot.plan(settings, facts).then
    armed = next(
        action
        for action in first_boot.plan(settings, facts).actions
        if isinstance(action, WriteFile) and action.path == MENU
    )
    facts = replace(facts, files={**facts.files, MENU: armed.text})
    legacy = then.boot.legacy
    assert legacy is not None
    return under_xen(with_legacy_text(facts, armed.text, legacy), 1024)


def with_legacy_text(facts: Facts, text: str, legacy: GrubLegacy) -> Facts:
    plain = text.replace("{", "{{").replace("}", "}}")
    return replace(with_legacy(facts, plain, legacy), packages=facts.packages, tools=facts.tools)


@pytest.mark.parametrize("made", [with_legacy, with_own_boot, with_saved_default])
def test_after_it_ran_xen_is_the_default_by_its_number(made: Change) -> None:
    facts = booted(with_entry(made(stock())))
    assert facts.boot.next_entry is None
    assert "linux" == default_of(facts).kind, "the boot once is over"
    plan = first_boot.plan(answered(facts), facts)
    menu = next(one for one in plan.actions if isinstance(one, WriteFile) and one.path == MENU)
    own = own_entry(parse(menu.text))
    assert own is not None
    assert str(own.number) == parse(menu.text).default
    assert own.first("savedefault") is None
    assert "xen" == default_of(plan.then).kind
    assert [] == grub_entry.verify(answered(facts), plan.then)
    assert () == grub_entry.plan(answered(facts), plan.then).actions


def test_with_no_for_an_answer_plain_linux_stays_the_default() -> None:
    facts = booted(with_entry(with_own_boot(stock())))
    plan = first_boot.plan(answered(facts, {"host.make_default": False}), facts)
    assert not [one for one in plan.actions if isinstance(one, WriteFile) and one.path == MENU]
    assert "Debian" == default_of(plan.then).title


# ---- what stands in the way


def with_text(facts: Facts, text: str | None, unread: str = "", **fields: object) -> Facts:
    legacy = replace(
        GrubLegacy("(hd0,0)", "/boot", None, read_only=False, unread=unread),
        **fields,  # type: ignore[arg-type]
    )
    made = with_legacy(facts, "" if text is None else text, legacy)
    if text is None:
        files = {path: item for path, item in made.files.items() if path != MENU}
        return replace(made, files=files, boot=replace(made.boot, entries=None))
    return made


CHECKS: list[tuple[str, Change, list[str], str]] = [
    ("all is well", with_legacy, [], ""),
    ("only root reads it", lambda facts: with_text(facts, None, f"only root can read {MENU}"),
     ["boot-menu"], "could not be read"),
    ("no UTF-8", lambda facts: with_text(facts, None, f"line 3 of {MENU} holds bytes that are no "
     "UTF-8"), ["boot-menu"], "line 3"),
    ("an empty menu", lambda facts: with_text(facts, ""), ["plain-entry"], "has no entry"),
    ("titles without commands", lambda facts: with_text(facts, "title A\n\ntitle B\n"),
     ["plain-entry"], "`title` with commands"),
    ("no Linux in it", lambda facts: with_text(facts, "title W\nroot (hd0,0)\nchainloader +1\n"),
     ["plain-entry", "boot-default-other"], "no entry for plain Linux"),
    ("another disk's", lambda facts: with_text(facts, DEBIANS_MENU.replace("(hd0,0)", "(hd1,0)")),
     ["menu-drive"], "boots from (hd1,0), and /boot is (hd0,0)"),
    ("no drive known", lambda facts: with_text(facts, DEBIANS_MENU, drive=""),
     ["boot-drive"], "device.map"),
    ("read-only", lambda facts: with_text(facts, DEBIANS_MENU, read_only=True),
     ["boot-read-only"], "read-only"),
    ("the beginner's mistake", with_mistake, ["xen-entry-initrd"], f"{MENU}:27"),
    ("our marks, and nothing between them",
     lambda facts: with_text(facts, DEBIANS_MENU + "# xen-setup: this entry is its own; "
     "`xen-setup rollback` takes it away again.\n# xen-setup: end of its entry.\n"),
     ["xen-entry"], "somebody has edited it"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected", "words"), [row[1:] for row in CHECKS],
                         ids=[row[0] for row in CHECKS])  # fmt: skip
def test_what_stands_in_the_way(change: Change, expected: list[str], words: str) -> None:
    facts = change(stock())
    facts = replace(facts, xen=replace(facts.xen, images=("/boot/xen-4.17-amd64.gz",)))
    problems = grub_entry.check(answered(facts), facts)
    assert expected == [problem.name for problem in problems]
    assert words in " ".join(problem.what for problem in problems)


def test_a_boot_once_needs_a_file_that_grub_can_write() -> None:
    facts = with_entry(with_legacy(stock()))
    assert [] == first_boot.check(answered(facts), facts)
    without = replace(facts, tools=("systemctl",))
    on_ext4 = replace(facts, disks=stock().disks)
    for broken, words in ((without, "grub-set-default"), (on_ext4, "ext4")):
        (problem,) = first_boot.check(answered(broken), broken)
        assert "cannot-boot-once" == problem.name
        assert words in problem.what


def test_a_default_that_somebody_changed_is_noticed() -> None:
    facts = with_entry(with_own_boot(stock()))
    text = menu_of(facts).replace("default=2", "default=4")
    legacy = facts.boot.legacy
    assert legacy is not None
    changed = with_legacy_text(facts, text, legacy)
    assert ["default-changed"] == [
        problem.name for problem in grub_entry.verify(answered(facts), changed)
    ]


def test_on_a_running_xen_a_user_may_have_made_it_the_default() -> None:
    facts = with_entry(with_own_boot(stock()))
    text = menu_of(facts).replace("default=2", "default=4")
    legacy = facts.boot.legacy
    assert legacy is not None
    changed = running(with_legacy_text(facts, text, legacy))
    assert [] == grub_entry.verify(answered(facts), changed)


def test_the_beginners_mistake_is_explained_by_grubs_words_and_by_ours() -> None:
    facts = with_mistake(stock())
    ours = next(one for one in grub_entry.check(answered(facts), facts) if "initrd" in one.name)
    for words in ("Error 19: Linux kernel must be loaded before initrd", ours.what):
        assert ["grub-legacy-initrd"] == [one.rule.name for one in explain(words, RULES)]
