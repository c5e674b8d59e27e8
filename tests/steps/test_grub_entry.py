"""The menu entry for Xen: what the drop-in says, what a shell and update-grub make of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from steps import grub_entry, xen_packages
from steps.boot_drop_in import (
    DROP_IN,
    default_entry,
    drop_in,
    guard_text,
    is_promoted,
    natural,
    with_menu,
    xen_entry,
    xen_entry_path,
)
from steps.boot_fallback import SCRIPT
from steps.expected import with_file
from steps.facts import BootEntry, Facts
from steps.settings import Settings
from tests.machines import as_user, in_container, running, stock
from tests.steps.answered import answered
from wizard.actions import MakeDirectory, RunCommand, WriteFile
from wizard.step import Problem

UUID = stock().boot.root_uuid


def settings_with(console: str = "serial", memory: int = 1024) -> Settings:
    return answered(stock(), {"host.console": console, "host.dom0_memory": memory})


def with_xen(facts: Facts | None = None) -> Facts:
    """Xen's packages are in; the menu has an entry without options."""
    facts = facts or stock()
    return xen_packages.plan(answered(facts), facts).then


def done(settings: Settings) -> Facts:
    return grub_entry.plan(settings, with_xen()).then


def names(problems: list[Problem]) -> list[str]:
    return [problem.name for problem in problems]


def changed(facts: Facts, **fields: str) -> Facts:
    """The top-level Xen entry with other fields."""
    entry = xen_entry(facts)
    assert entry is not None
    entries = tuple(
        replace(item, **fields) if item == entry else item  # type: ignore[arg-type]
        for item in facts.boot.entries or ()
    )
    return replace(facts, boot=replace(facts.boot, entries=entries))


# ---- what a shell makes of the file


def sourced(text: str, before: str = "") -> dict[str, str]:
    """The GRUB variables after a shell has read these texts, as grub-mkconfig reads them."""
    shown = [
        "XEN_OVERRIDE_GRUB_DEFAULT", "GRUB_DEFAULT", "GRUB_CMDLINE_XEN_DEFAULT",
        "GRUB_CMDLINE_LINUX_XEN_REPLACE", "GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT",
    ]  # fmt: skip
    ends = "".join(f"printf '%s\\n' \"{name}=${name}\"\n" for name in shown)
    out = subprocess.run(
        ["sh", "-eu"], input=f"{before}\n{text}\n{ends}", capture_output=True, text=True, check=True
    )
    assert out.stderr == ""
    pairs = (line.partition("=") for line in out.stdout.splitlines())
    return {name: " ".join(value.split()) for name, _, value in pairs}


BEFORE = """\
GRUB_DEFAULT=0
GRUB_CMDLINE_LINUX="{linux}"
GRUB_CMDLINE_LINUX_DEFAULT="{default}"
GRUB_CMDLINE_XEN_DEFAULT="{xen}"
"""

LINES = [
    ("serial", "console=tty0 console=ttyS0,115200n8", "quiet", "console=tty0 panic=10",
     "quiet console=hvc0"),
    ("serial", "console=ttyS0", "", "panic=10", "console=hvc0"),
    ("serial", "console=ttyS1,9600", "console=ttyS0 quiet", "console=ttyS1,9600 panic=10",
     "quiet console=hvc0"),
    ("both", "console=ttyS0", "quiet", "panic=10", "quiet console=tty0 console=hvc0"),
    ("screen", "console=ttyS0", "quiet", "console=ttyS0 panic=10", "quiet console=tty0"),
    ("screen", "", "", "panic=10", "console=tty0"),
]  # fmt: skip


@pytest.mark.parametrize(("console", "linux", "default", "always", "mostly"), LINES)
def test_a_shell_reads_dom0s_options_out_of_it(
    console: str, linux: str, default: str, always: str, mostly: str
) -> None:
    before = BEFORE.format(linux=linux, default=default, xen="")
    read = sourced(drop_in(settings_with(console), stock(), xen_default=False), before)
    assert always == read["GRUB_CMDLINE_LINUX_XEN_REPLACE"]
    assert mostly == read["GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT"]


@pytest.mark.parametrize(
    ("console", "expected"),
    [
        ("serial", "dom0_mem=768M,max:768M com1=115200,8n1 console=com1"),
        ("screen", "dom0_mem=768M,max:768M console=vga"),
        ("both", "dom0_mem=768M,max:768M com1=115200,8n1 console=com1,vga"),
    ],
)
def test_a_shell_reads_the_hypervisors_options_behind_the_users_own(
    console: str, expected: str
) -> None:
    before = BEFORE.format(linux="", default="", xen="ucode=scan")
    read = sourced(drop_in(settings_with(console, 768), stock(), xen_default=False), before)
    assert f"ucode=scan {expected}" == read["GRUB_CMDLINE_XEN_DEFAULT"]


def test_the_default_stays_until_the_file_is_promoted() -> None:
    before = BEFORE.format(linux="", default="", xen="")
    settings = settings_with()
    for text in (guard_text(), drop_in(settings, stock(), xen_default=False)):
        assert not is_promoted(text)
        read = sourced(text + "GRUB_CMDLINE_LINUX_XEN_REPLACE=x\n"
                       "GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT=x\n", before)  # fmt: skip
        assert ("0", "0") == (read["XEN_OVERRIDE_GRUB_DEFAULT"], read["GRUB_DEFAULT"])
    text = drop_in(settings, stock(), xen_default=True)
    assert is_promoted(text)
    read = sourced(text, before)
    assert f"xen-gnulinux-simple-{UUID}" == read["GRUB_DEFAULT"]
    assert "0" == read["XEN_OVERRIDE_GRUB_DEFAULT"]


XEN_CFG = """\
if [ "$XEN_OVERRIDE_GRUB_DEFAULT" = "" ]; then XEN_OVERRIDE_GRUB_DEFAULT=1; fi
if [ "$XEN_OVERRIDE_GRUB_DEFAULT" = "1" ]; then GRUB_DEFAULT="Debian GNU/Linux, with Xen"; fi
"""


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "en_US.UTF-8"])
def test_among_other_files_it_takes_their_options_over_and_keeps_the_default(
    tmp_path: Path, locale: str
) -> None:
    ours = Path(DROP_IN).name
    files = {
        "50-cloudimg.cfg": 'GRUB_CMDLINE_LINUX="console=ttyS0 net.ifnames=0"\n',
        "init-select.cfg": "GRUB_CMDLINE_LINUX_DEFAULT=quiet\n",
        "xen.cfg": XEN_CFG,
        ours: drop_in(settings_with(), stock(), xen_default=False),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    # As grub-mkconfig does it: for x in …/grub.d/*.cfg; do . "$x"; done
    names_in_order = subprocess.run(
        ["sh", "-c", 'cd "$1" && printf "%s\\n" *.cfg', "sh", str(tmp_path)],
        capture_output=True, text=True, check=True, env={"LC_ALL": locale, "PATH": "/usr/bin:/bin"},
    ).stdout.split()  # fmt: skip
    assert names_in_order[-2:] == [ours, "xen.cfg"]
    text = "".join(files[name] for name in names_in_order)
    read = sourced(text, BEFORE.format(linux="", default="", xen=""))
    assert "0" == read["GRUB_DEFAULT"]
    assert "net.ifnames=0 panic=10" == read["GRUB_CMDLINE_LINUX_XEN_REPLACE"]
    assert "quiet console=hvc0" == read["GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT"]


# ---- the plan


def test_two_files_are_written_and_the_menu_with_them() -> None:
    settings = settings_with()
    action, caught = grub_entry.plan(settings, with_xen()).actions
    assert isinstance(action, WriteFile)
    assert isinstance(caught, WriteFile)
    assert (SCRIPT, 0o755, ("update-grub",)) == (caught.path, caught.mode, caught.refresh)
    assert caught.text.endswith("\n#   Debian GNU/Linux\necho 'set fallback=0'\n")
    assert (DROP_IN, ("update-grub",)) == (action.path, action.refresh)
    assert drop_in(settings, with_xen(), xen_default=False) == action.text


def test_the_directory_is_made_where_it_is_not() -> None:
    facts = replace(with_xen(), directories=())
    first, second, _ = grub_entry.plan(settings_with(), facts).actions
    assert isinstance(first, MakeDirectory)
    assert isinstance(second, WriteFile)


def test_a_host_from_before_there_was_a_fallback_gets_that_alone() -> None:
    settings = settings_with()
    facts = boot(done(settings), fallback_entry=None)
    facts = replace(
        facts, files={path: text for path, text in facts.files.items() if path != SCRIPT}
    )
    (action,) = grub_entry.plan(settings, facts).actions
    assert isinstance(action, WriteFile)
    assert SCRIPT == action.path


def test_a_fallback_of_somebody_elses_that_is_plain_linux_stays() -> None:
    settings = settings_with()
    facts = boot(with_xen(), fallback_entry=(stock().boot.entries or ())[1].path)
    (action,) = grub_entry.plan(settings, facts).actions
    assert isinstance(action, WriteFile)
    assert DROP_IN == action.path


def test_a_menu_that_has_no_plain_entry_to_be_numbered_gets_no_fallback() -> None:
    settings = settings_with()
    advanced = tuple(
        replace(entry, path=f"all>{entry.path}")
        for entry in (BootEntry("rescue", "rescue", "Rescue", "linux", "/vmlinuz", recovery=True),
                      *(stock().boot.entries or ()))
    )  # fmt: skip
    facts = boot(with_xen(), entries=advanced, fallback_entry=None)
    plan = grub_entry.plan(settings, facts)
    assert [DROP_IN] == [action.path for action in plan.actions if isinstance(action, WriteFile)]
    assert "boot-fallback" not in names(grub_entry.verify(settings, plan.then))


def test_a_menu_that_was_not_written_is_written_again() -> None:
    # The file was written, and the machine stopped before update-grub had read it.
    settings = settings_with()
    facts = with_file(with_xen(), DROP_IN, drop_in(settings, with_xen(), xen_default=False))
    facts = with_file(facts, SCRIPT, done(settings).files[SCRIPT])
    (action,) = grub_entry.plan(settings, facts).actions
    assert isinstance(action, RunCommand)
    assert ("update-grub",) == action.argv
    assert [] == grub_entry.verify(settings, grub_entry.plan(settings, facts).then)


def test_the_entry_to_come_has_the_options_and_plain_linux_stays_the_default() -> None:
    settings = settings_with("serial", 768)
    then = grub_entry.plan(settings, with_xen()).then
    entry, default = xen_entry(then), default_entry(then)
    assert entry is not None
    assert "dom0_mem=768M,max:768M com1=115200,8n1 console=com1" == entry.hypervisor_options
    words = entry.kernel_options.split()
    assert ["console=tty0", "console=hvc0"] == [word for word in words if "console" in word]
    assert "panic=10" in words
    assert default is not None
    assert "linux" == default.kind
    assert "console=ttyS0,115200n8" in default.kernel_options


def test_a_promoted_file_is_left_alone_when_its_other_lines_fit() -> None:
    settings = settings_with()
    facts = with_file(done(settings), DROP_IN, drop_in(settings, done(settings), xen_default=True))
    facts = with_menu(facts, settings)
    default = default_entry(facts)
    assert default is not None
    assert "xen" == default.kind
    assert () == grub_entry.plan(settings, facts).actions
    assert [] == grub_entry.verify(settings, facts)


def test_a_promoted_file_stays_promoted_when_an_option_changes() -> None:
    settings = settings_with()
    facts = with_file(done(settings), DROP_IN, drop_in(settings, done(settings), xen_default=True))
    facts = with_menu(facts, settings)
    (action,) = grub_entry.plan(settings_with(memory=2048), facts).actions
    assert isinstance(action, WriteFile)
    assert is_promoted(action.text)
    assert "dom0_mem=2048M,max:2048M" in action.text


def test_who_booted_xen_by_choice_goes_on_booting_xen() -> None:
    # Debian's package made it the default, before this program came.
    facts = with_xen()
    files = {path: text for path, text in facts.files.items() if path != DROP_IN}
    entry = xen_entry(facts)
    assert entry is not None
    facts = replace(facts, files=files, boot=replace(facts.boot, default_entry=entry.path))
    action = grub_entry.plan(settings_with(), facts).actions[0]
    assert isinstance(action, WriteFile)
    assert is_promoted(action.text)


def test_without_submenus_the_entry_has_the_kernels_version_in_its_name() -> None:
    facts = replace(stock(), boot=replace(stock().boot, submenu_disabled=True))
    expected = f"xen-gnulinux-6.1.0-56-amd64-advanced-{UUID}"
    assert expected == xen_entry_path(facts)
    then = grub_entry.plan(settings_with(), with_xen(facts)).then
    entry = xen_entry(then)
    assert entry is not None
    assert expected == entry.path
    assert f"GRUB_DEFAULT='{expected}'" in drop_in(settings_with(), then, xen_default=True)
    assert ["submenus-disabled"] == names(grub_entry.check(settings_with(), with_xen(facts)))


def test_versions_sort_as_numbers() -> None:
    assert sorted(["6.1.0-10", "6.1.0-9", "5.10.0-30"], key=natural) == [
        "5.10.0-30", "6.1.0-9", "6.1.0-10",
    ]  # fmt: skip
    odd = "6\N{SUPERSCRIPT TWO}"
    assert sorted([odd, "6.1"], key=natural) == ["6.1", odd]


# ---- the checks


def boot(facts: Facts, **fields: object) -> Facts:
    return replace(facts, boot=replace(facts.boot, **fields))  # type: ignore[arg-type]


def other_linux(facts: Facts) -> Facts:
    """Another distribution's entry behind ours, and the default by its number."""
    other = BootEntry("osprober-1", "osprober-1", "Arch Linux (on /dev/sdb2)", "linux", "/vmlinuz")
    boot_entries = (*(facts.boot.entries or ()), other)
    return boot(facts, entries=boot_entries, default="2", default_entry="osprober-1")


def windows(facts: Facts) -> Facts:
    other = BootEntry("osprober-efi", "osprober-efi", "Windows Boot Manager", "other")
    entries = (*(facts.boot.entries or ()), other)
    return boot(facts, entries=entries, default="osprober-efi", default_entry="osprober-efi")


CHECKS: list[tuple[str, Callable[[Facts], Facts], list[str]]] = [
    ("all is well", lambda facts: facts, []),
    ("a container", in_container, ["grub"]),
    ("an ordinary user", as_user, ["boot-menu"]),
    ("no plain entry", lambda facts: boot(facts, entries=(), default_entry=None),
     ["plain-entry", "boot-default"]),
    ("no known default", lambda facts: boot(facts, default_entry=None), ["boot-default"]),
    ("Windows is the default", windows, ["boot-default-other"]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in CHECKS],
                         ids=[row[0] for row in CHECKS])  # fmt: skip
def test_what_stands_in_the_way(change: Callable[[Facts], Facts], expected: list[str]) -> None:
    assert expected == names(grub_entry.check(settings_with(), change(with_xen())))


def test_a_default_by_number_that_xens_entries_would_shift_is_refused() -> None:
    facts = other_linux(replace(stock(), xen=with_xen().xen))
    (problem,) = grub_entry.check(settings_with(), facts)
    assert "boot-default-shifts" == problem.name
    assert "GRUB_DEFAULT='osprober-1'" in problem.hint
    by_name = boot(facts, default="osprober-1")
    assert [] == grub_entry.check(settings_with(), by_name)


def test_so_is_a_number_that_was_saved() -> None:
    facts = other_linux(replace(stock(), xen=with_xen().xen))
    saved = boot(facts, default="saved", saved_entry=facts.boot.default)
    (problem,) = grub_entry.check(settings_with(), saved)
    assert "boot-default-shifts" == problem.name
    assert "grub-set-default 'osprober-1'" in problem.hint
    assert [] == grub_entry.check(settings_with(), boot(saved, saved_entry="osprober-1"))


def test_without_a_hypervisor_there_is_nothing_to_start() -> None:
    assert ["no-hypervisor"] == names(grub_entry.check(settings_with(), stock()))


# ---- the verification


FOUND: list[tuple[str, Callable[[Facts], Facts], list[str]]] = [
    ("all is well", lambda facts: facts, []),
    ("no Xen entry",
     lambda facts: boot(
         facts, entries=tuple(e for e in facts.boot.entries or () if e.kind != "xen")),
     ["xen-entry"]),
    ("no plain entry",
     lambda facts: boot(
         facts,
         entries=tuple(e for e in facts.boot.entries or () if e.kind == "xen"),
         default_entry=None),
     ["plain-entry", "default-changed"]),
    ("no initrd", lambda facts: changed(facts, initrd=""), ["xen-entry-parts"]),
    ("no hypervisor options", lambda facts: changed(facts, hypervisor_options=""),
     ["xen-entry-options"]),
    ("another dom0_mem", lambda facts: changed(facts, hypervisor_options="dom0_mem=512M,max:512M "
                                               "com1=115200,8n1 console=com1"),
     ["xen-entry-options"]),
    ("the serial port twice",
     lambda facts: changed(
         facts, kernel_options="root=x ro console=ttyS0,115200n8 panic=10 console=hvc0"),
     ["xen-entry-console"]),
    ("Xen is the default",
     lambda facts: boot(facts, default_entry=xen_entry_path(facts)), ["default-changed"]),
    ("no fallback", lambda facts: boot(facts, fallback_entry=None), ["boot-fallback"]),
    ("a fallback to Xen", lambda facts: boot(facts, fallback_entry=xen_entry_path(facts)),
     ["boot-fallback"]),
    ("the file is another", lambda facts: with_file(facts, DROP_IN, guard_text()), ["drop-in"]),
    ("not to be read", lambda facts: boot(facts, entries=None), ["boot-menu"]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in FOUND],
                         ids=[row[0] for row in FOUND])  # fmt: skip
def test_what_the_menu_read_again_shows(
    change: Callable[[Facts], Facts], expected: list[str]
) -> None:
    settings = settings_with()
    assert expected == names(grub_entry.verify(settings, change(done(settings))))


def test_who_makes_a_running_xen_the_default_by_hand_is_let_be() -> None:
    settings = settings_with()
    by_hand = boot(running(done(settings)), default_entry=xen_entry_path(done(settings)))
    assert [] == grub_entry.verify(settings, by_hand)
    assert () == grub_entry.plan(settings, by_hand).actions
    assert [] == xen_packages.verify(settings, by_hand)


def test_a_promoted_default_that_another_file_took_back_is_found() -> None:
    settings = settings_with()
    facts = with_file(done(settings), DROP_IN, drop_in(settings, done(settings), xen_default=True))
    assert ["default-changed"] == names(grub_entry.verify(settings, facts))


def test_an_entry_without_an_initrd_is_right_where_the_kernel_has_none() -> None:
    settings = settings_with()
    facts = replace(stock(), kernels=tuple(replace(k, initrd=None) for k in stock().kernels))
    then = grub_entry.plan(settings, with_xen(facts)).then
    assert [] == grub_entry.verify(settings, then)
