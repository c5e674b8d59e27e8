"""Step 11: the first boot into Xen, and the first guest's login prompt.

Safe by construction: Xen is booted once, by `grub-reboot`; if it does not come up, the next reset
brings plain Linux back. Only after the guests have shown their login prompts does Xen become the
entry that boots by itself.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath

from steps import identifiers, not_known
from steps.boot_drop_in import xen_entry
from steps.expected import (
    under_xen,
    with_answering_toolstack,
    with_file,
    with_link,
    without_file,
)
from steps.facts import Domain, Facts
from steps.guest_kernel import config_path
from steps.guest_login import login_prompt
from steps.guests import state_of
from steps.hosts.boot_loaders import boot_loader, in_view, out_of_view
from steps.hosts.service_managers import MANAGERS
from steps.hosts.toolstacks import services_of
from steps.kinds import show_size
from steps.lessons import first_boot as lesson
from steps.memory import guests_in_words, guests_memory
from steps.resume_unit import LINK, UNIT, unit_text
from steps.settings import NO_BRIDGE, GuestSettings, Settings
from wizard.actions import (
    Action,
    CommandShows,
    MakeLink,
    PathAbsent,
    Reboot,
    RunCommand,
    WriteFile,
)
from wizard.step import Plan, Problem

TITLE = "First boot into Xen, and the guests"
LESSON = lesson.LESSON

QUESTIONS = ("host.after_reboot", "host.make_default", "guests.autostart")

AUTOSTART = "/etc/xen/auto"
_LOGIN_TIME = 1200  # seconds: 56 emulated, ten times that on a machine that is busy


# ---- check


def check(settings: Settings, facts: Facts) -> list[Problem]:
    """Whether Xen can be booted once, and what is needed after that is there."""
    facts = in_view(settings, facts)
    if facts.xen.running and not facts.xen.control_domain:
        return [
            Problem(
                "not-dom0",
                "This machine runs under Xen, and is not dom0: it is a guest itself.",
                "Install on the real machine; paravirtual guests have no hypervisor below them.",
            )
        ]
    if facts.xen.control_domain:
        return _check_under_xen(settings, facts)
    return [*_check_boot_once(settings, facts), *_check_by_itself(settings, facts)]


def _check_boot_once(settings: Settings, facts: Facts) -> list[Problem]:
    problems = []
    if facts.boot.entries is not None and xen_entry(facts) is None:
        problems.append(
            Problem(
                "no-xen-entry",
                f"The boot menu ({facts.boot.config or 'of GRUB'}) has no entry for Xen.",
                "The step grub_entry makes it, once in a run, or says what stands in the way. If "
                "it was there: see what `update-grub` says.",
            )
        )
    problems += _check_hypervisor(settings, facts)
    problems += boot_loader(settings).check_boot_once(facts)
    if UNIT in facts.files and facts.boot.next_entry is None:
        problems.append(
            Problem(
                "xen-did-not-come-up",
                "The machine was to boot Xen, and plain Linux is running.",
                "What Xen said is lost unless a serial console or the screen showed it; "
                "`journalctl --boot=-1` may have dom0's part. The boot is tried once more.",
                severity="warning",
            )
        )
    return problems


def _check_hypervisor(settings: Settings, facts: Facts) -> list[Problem]:
    entry = xen_entry(facts)
    if entry is not None and not facts.xen.images:
        # The menu may still have it: the machine would be booted for nothing, at each resume.
        return [
            Problem(
                "no-hypervisor",
                "The boot menu has an entry for Xen, and there is no hypervisor in /boot: "
                f"{entry.hypervisor} is gone.",
                "The step xen_packages brings it, once in a run. If it was there: install its "
                "package again, or unpack the tarball.",
                follows=True,
            )
        ]
    name = PurePosixPath(entry.hypervisor).name if entry is not None else ""
    damaged = next((path for path in facts.xen.damaged if PurePosixPath(path).name == name), None)
    if damaged is None:
        return []
    again = (
        "Unpack it again from the tarball that it came from."
        if settings.host.xen_source == "tarball"
        else f"Its package brings it back whole: apt-get install --reinstall "
        f"$(dpkg-query --search {damaged} | cut -d: -f1)"
    )
    return [
        Problem(
            "hypervisor-damaged",
            f"The hypervisor {damaged} is damaged: it cannot be unpacked. Booted, it would stand "
            "still, and somebody would have to reset the machine.",
            again,
        )
    ]


def _check_by_itself(settings: Settings, facts: Facts) -> list[Problem]:
    if settings.host.after_reboot != "by-itself" or facts.service_manager == "systemd":
        return []
    return [
        Problem(
            "cannot-go-on-by-itself",
            "Going on by itself after the boot needs systemd, which does not run here.",
            "Choose host.after_reboot: by-hand.",
        )
    ]


def _check_paused(guest: GuestSettings, facts: Facts, tool: str) -> list[Problem]:
    domain = facts.domain(guest.name)
    if domain is None or state_of(domain.state) != "paused":
        return []
    return [
        Problem(
            "guest-paused",
            f"{guest.name} is paused. It is just being built, or it stands still, and then no "
            "login prompt comes.",
            f"If `{tool} list` still shows a p in a minute: {tool} destroy {guest.name}, then "
            f"sudo xen-setup resume. If you paused it yourself: {tool} unpause {guest.name}",
            severity="warning",
        )
    ]


def _check_under_xen(settings: Settings, facts: Facts) -> list[Problem]:
    if facts.xen.domains is None:
        return []
    problems = []
    for guest in settings.guests:
        problems += _check_paused(guest, facts, settings.host.toolstack)
    return [*problems, *_check_memory(settings, facts)]


def _check_memory(settings: Settings, facts: Facts) -> list[Problem]:
    if facts.xen.free_memory is None:
        return []
    starting = [guest for guest in settings.guests if facts.domain(guest.name) is None]
    needed = guests_memory(starting)
    dom0 = facts.domain("Domain-0")
    # Where dom0_mem does not fix it, dom0 has all, and xl takes from it what a guest needs.
    spare = max(0, dom0.memory - settings.host.dom0_memory) if dom0 is not None else 0
    free = facts.xen.free_memory + spare
    if needed <= free:
        return []
    return [
        Problem(
            "too-little-free-memory",
            f"{guests_in_words(starting)}: {show_size(needed)} of memory is needed with Xen's "
            f"books, and Xen has {show_size(free)} to give, {show_size(needed - free)} less.",
            "Give dom0 less (host.dom0_memory, then boot), or the guests; `xl list` shows who has "
            "what.",
        )
    ]


# ---- plan


def plan(settings: Settings, facts: Facts) -> Plan[Facts]:
    """Boot Xen once if it does not run; then start the guests, and make Xen the default."""
    given, facts = facts, in_view(settings, facts)
    before: list[Action] = []
    skipped: list[str] = []
    notes: list[str] = []
    if not facts.xen.control_domain:
        before, facts, notes = _into_xen(settings, facts)
    else:
        skipped.append("Xen runs, and this is dom0.")
        if not facts.xen.answers:
            before.append(_start_toolstack(settings))
            facts = with_answering_toolstack(facts, settings.host.dom0_memory)
    after: list[Action] = []
    for guest in settings.guests:
        actions, facts, words = _start_guest(guest, facts, settings.host.toolstack)
        after += actions
        skipped += words
    for guest in settings.guests:
        actions, facts = _autostart(guest, facts)
        after += actions
    if settings.host.make_default:
        actions, facts, words = _make_default(settings, facts)
        after += actions
        skipped += words
    actions, facts = _remove_unit(facts)
    after += actions
    if before or after:
        after.append(_show_domains(settings))
        notes += [
            f"To get into {guest.name}: xl console {guest.name} (Ctrl and ] leave it again)."
            for guest in settings.guests
        ]
    unknown = [] if given.xen.control_domain else [not_known.XEN_BOOTS]
    starting = [guest for guest in settings.guests if given.domain(guest.name) is None]
    if settings.host.bridge != NO_BRIDGE and any(guest.network == "dhcp" for guest in starting):
        unknown.append(not_known.ADDRESS_BY_DHCP)
    return Plan(
        (*before, *after),
        out_of_view(given, facts),
        skipped=tuple(skipped),
        notes=tuple(notes),
        unknown=tuple(unknown),
    )


def _into_xen(settings: Settings, facts: Facts) -> tuple[list[Action], Facts, list[str]]:
    by_itself = settings.host.after_reboot == "by-itself"
    actions: list[Action] = []
    if by_itself:
        actions, facts = _go_on_by_itself(facts)
    once, facts = boot_loader(settings).boot_once(settings, facts)
    actions += once
    actions.append(
        Reboot(
            "Xen can only be started instead of Linux, not beside it: the machine boots. "
            + (
                "A service goes on with the work after that."
                if by_itself
                else "Log in after that, and type: sudo xen-setup resume"
            ),
            automatic=by_itself,
        )
    )
    notes = ["xen-setup plans anew what comes after the boot, from what the machine shows then."]
    if facts.boot.entries is None:
        notes.append(
            "The boot menu can only be read as root: the entry's name is as GRUB makes it."
        )
    return actions, under_xen(facts, settings.host.dom0_memory), notes


def _go_on_by_itself(facts: Facts) -> tuple[list[Action], Facts]:
    actions: list[Action] = []
    text = unit_text(facts)
    if facts.files.get(UNIT) != text:
        actions.append(
            WriteFile(
                UNIT,
                text,
                "A service that goes on with the work after the boot. It runs under Xen only, and "
                "once.",
            )
        )
        facts = with_file(facts, UNIT, text)
    if LINK not in facts.links:
        actions.append(
            MakeLink(LINK, UNIT, "systemd starts the services that are linked here at each boot.")
        )
        facts = with_link(facts, LINK, UNIT)
    return actions, facts


def _start_toolstack(settings: Settings) -> RunCommand:
    service = services_of(settings.host.toolstack, settings.host.xen_source)[0]
    return RunCommand(
        MANAGERS[settings.host.service_manager].starting(service),
        why=f"{settings.host.toolstack} does not answer: xenstored, which keeps what domains tell "
        "each other, and "
        "xenconsoled, which holds their consoles, are started.",
        probe=CommandShows((settings.host.toolstack, "list"), r"^Domain-0\s"),
        undo_note="they are part of a running Xen",
        timeout=180,
    )


def _start_guest(
    guest: GuestSettings, facts: Facts, tool: str
) -> tuple[list[Action], Facts, list[str]]:
    domain = facts.domain(guest.name)
    if domain is not None and domain.login_prompt:
        return [], facts, [f"{guest.name} is running, with its login prompt."]
    actions: list[Action] = []
    if domain is None:
        actions.append(
            RunCommand(
                (tool, "create", config_path(guest)),
                why=f"Makes the domain {guest.name} of its config, and starts it.",
                # It is built paused, and let go at the end: cut off before, it stands still.
                probe=CommandShows((tool, "list", guest.name), _not_paused(guest.name)),
                traces=_is_there(guest, facts, tool),
                undo=(tool, "destroy", guest.name),
                undo_class="by removal",
                undo_note="as by pulling the plug; the volume stays",
                timeout=180,
                estimate=5,
            )
        )
        number = 1 + max(known.id for known in facts.xen.domains or (_NO_DOMAIN,))
        domain = Domain(guest.name, number, guest.memory, guest.vcpus, "-b----")
    actions.append(
        RunCommand(
            (tool, "console", guest.name),
            why=f"{guest.name}'s console is followed until someone could log in there: the proof "
            "that kernel, disk and system work together.",
            undo_note="it only looks",
            # Without a terminal xenconsole only shows; what nobody has read yet, it shows first.
            until=login_prompt(guest.name),
            timeout=_LOGIN_TIME,
            estimate=60,
        )
    )
    domain = replace(domain, login_prompt=True)
    others = tuple(known for known in facts.xen.domains or () if known.name != guest.name)
    facts = replace(facts, xen=replace(facts.xen, domains=(*others, domain)))
    return actions, facts, []


_NO_DOMAIN = Domain("", 0, 0, 0, "")


def _is_there(guest: GuestSettings, facts: Facts, tool: str) -> CommandShows:
    """Whether this very domain is there, and no other one of its name: its config gives a UUID."""
    uuid = identifiers.guest_uuid(facts, guest.name)
    if tool == "xm":
        shows = CommandShows((tool, "list", "--long", guest.name), rf"\(uuid {uuid}\)")
    else:
        shows = CommandShows((tool, "vm-list"), rf"^{uuid}\s+\d+\s+{re.escape(guest.name)}\s*$")
    return replace(shows, by_program=True)


def _not_paused(name: str) -> str:
    """Its line in `xl list`: name, number, memory, processors, and its state, with no p in it."""
    return rf"^{re.escape(name)}(\s+\d+){{3}}\s+[^\sp]+\s"


def _autostart(guest: GuestSettings, facts: Facts) -> tuple[list[Action], Facts]:
    link = _autostart_link(guest)
    if not guest.autostart or link in facts.links or link in facts.files:
        return [], facts
    action = MakeLink(
        link,
        config_path(guest),
        f"xendomains starts what is linked here when the host boots, in the order of the names: "
        f"{guest.name} comes back with it.",
    )
    return [action], with_link(facts, link, config_path(guest))


def _autostart_link(guest: GuestSettings) -> str:
    return f"{AUTOSTART}/{guest.name}.cfg"


def _make_default(settings: Settings, facts: Facts) -> tuple[list[Action], Facts, list[str]]:
    loader = boot_loader(settings)
    if loader.is_default(settings, facts):
        return [], facts, ["Xen is what boots by itself."]
    actions, facts = loader.make_default(settings, facts)
    return actions, facts, []


def _remove_unit(facts: Facts) -> tuple[list[Action], Facts]:
    if UNIT not in facts.files and LINK not in facts.links:
        return [], facts
    action = RunCommand(
        ("rm", "--force", LINK, UNIT),
        why="The service that went on after the boot has done its work: nothing of it stays.",
        probe=PathAbsent(UNIT),
        undo_note="it was for this one boot",
    )
    links = {path: target for path, target in facts.links.items() if path != LINK}
    return [action], without_file(replace(facts, links=links), UNIT)


def _show_domains(settings: Settings) -> RunCommand:
    return RunCommand(
        (settings.host.toolstack, "list"),
        why="Shows what runs: Domain-0, which is this Linux and always number 0, and the guests "
        "beside it, numbered as they started.",
        undo_note="it only looks",
        timeout=60,
    )


# ---- verify


def verify(settings: Settings, facts: Facts) -> list[Problem]:
    """Xen runs, the toolstack answers, every guest shows its login prompt, the default is right."""
    if not facts.xen.control_domain:
        return [
            Problem(
                "xen-not-running",
                "The machine did not boot Xen: plain Linux is running.",
                "See the serial console or the screen at the next try; `xen-setup resume` tries "
                "again, `xen-setup rollback` takes all back.",
            )
        ]
    if facts.xen.domains is None:
        return [
            Problem(
                "toolstack-silent",
                "xl does not answer, so nothing is known of the domains.",
                "See `systemctl status xen.service`; only root can ask xl.",
                severity="error" if facts.as_root else "unknown",
            )
        ]
    problems = []
    for guest in settings.guests:
        problems += _verify_guest(guest, facts)
    facts = in_view(settings, facts)
    loader, known = boot_loader(settings), facts.boot.entries is not None
    if settings.host.make_default and known and not loader.is_default(settings, facts):
        problems.append(
            Problem(
                "xen-not-default",
                f"Xen is not what boots by itself: {facts.boot.default_entry or 'no entry'} is.",
                loader.default_source(facts),
            )
        )
    return problems


def _verify_guest(guest: GuestSettings, facts: Facts) -> list[Problem]:
    domain = facts.domain(guest.name)
    if domain is None:
        return [
            Problem(
                "guest-not-running",
                f"{guest.name} is not running.",
                f"See /var/log/xen/xl-{guest.name}.log; start it with its console: "
                f"xl create -c {config_path(guest)}",
            )
        ]
    problems = []
    if not domain.login_prompt:
        problems.append(
            Problem(
                "no-login-prompt",
                f"{guest.name} runs, and its console shows no login prompt."
                if domain.login_prompt is False
                else f"{guest.name} runs; whether its console shows a login prompt is not known.",
                f"Look: xl console {guest.name} (Ctrl and ] leave it).",
                severity="error" if domain.login_prompt is False else "unknown",
            )
        )
    link = _autostart_link(guest)
    if guest.autostart and link not in facts.links and link not in facts.files:
        problems.append(
            Problem(
                "no-autostart",
                f"{link} is not there: {guest.name} would not start with the host.",
                f"ln --symbolic {config_path(guest)} {link}",
            )
        )
    return problems
