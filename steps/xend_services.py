"""The services that make dom0 the control domain, and start and stop guests with the host."""

from __future__ import annotations

import re
from dataclasses import replace

from steps.expected import with_directories, with_service
from steps.facts import Facts
from steps.hosts.service_managers import MANAGERS
from steps.hosts.toolstacks import services_of
from steps.lessons import xend_services as lesson
from steps.settings import Settings
from wizard.actions import Action, CommandShows, MakeDirectory, RunCommand
from wizard.step import Plan, Problem

TITLE = "Xen's services"
LESSON = lesson.LESSON
QUESTIONS = ("host.service_manager",)

AUTO = "/etc/xen/auto"
_DEFAULTS = "/etc/default/xendomains"
_WHY = {
    "xen": "Starts xenstored and xenconsoled in dom0: without them every xl command hangs.",
    "xencommons": "Starts xenstored and xenconsoled in dom0: without them every xl command hangs.",
    "xend": "Starts the daemon that every xm command talks to; xendomains needs it before.",
    "xendomains": "Starts the guests of /etc/xen/auto with the host, and stops them before it.",
}


def check(settings: Settings, facts: Facts) -> list[Problem]:
    """Whether the services are there, and can be enabled in a way that is known."""
    problems = []
    services = _services(settings)
    if facts.service_manager == "unknown":
        problems.append(
            Problem(
                "service-manager",
                "What starts services here (process 1) is not one that this program can give "
                "orders to.",
                f"It knows {', '.join(MANAGERS)}. Enable {' and '.join(services)} by hand, and "
                "pass --ignore service-manager.",
            )
        )
    absent = [name for name in services if not facts.service(name).present]
    if absent:
        problems.append(
            Problem(
                "services-missing",
                f"There is no service called {' or '.join(absent)}.",
                "The package xen-utils-common brings both: "
                "apt-get install --reinstall xen-utils-common",
            )
        )
    problems += [
        Problem(
            "service-masked",
            f"Somebody has masked the service {name}: systemd refuses to enable or start it.",
            f"systemctl unmask {name}, if it may run again. Where it shall not: "
            "--ignore service-masked",
        )
        for name in services
        if facts.service(name).masked
    ]
    if settings.host.service_manager == "insserv":
        problems += [
            Problem(
                "service-switched-off",
                f"Somebody has switched {name} off, and its links that stop it are there: insserv "
                "leaves them as they are.",
                f"insserv --remove {name} takes them away; then start xen-setup again.",
            )
            for name in services
            if facts.service(name).switched_off
        ]
    directory = _autostart_directory(facts.files.get(_DEFAULTS, ""))
    if directory.rstrip("/") != AUTO:
        problems.append(
            Problem(
                "autostart-directory",
                f"{_DEFAULTS} says XENDOMAINS_AUTO={directory}, so guests in {AUTO} do not start "
                "with the host.",
                f"Set XENDOMAINS_AUTO={AUTO} there, if they shall.",
                "warning",
            )
        )
    return problems


def plan(settings: Settings, facts: Facts) -> Plan[Facts]:
    """Enable what is not enabled; make the directory for guests that start with the host."""
    actions: list[Action] = []
    skipped = []
    then = facts
    manager = MANAGERS[settings.host.service_manager]
    can_order = facts.service_manager != "unknown"
    for name in _services(settings):
        service = facts.service(name)
        if service.enabled:
            skipped.append(f"The service {name} is enabled already.")
        elif service.masked:
            skipped.append(f"The service {name} is masked, and stays so.")
        elif can_order and service.present:
            script = service.script and (facts.tools is None or "update-rc.d" in facts.tools)
            actions.append(
                RunCommand(
                    manager.enabling(name, service.switched_off),
                    _WHY[name],
                    probe=CommandShows(manager.asking(name), manager.enabled_pattern(name)),
                    undo=manager.disabling(name, service.switched_off, script),
                    undo_class="exact",
                    timeout=180.0,
                    estimate=2.0,
                )
            )
            then = with_service(then, replace(service, enabled=True, switched_off=False))
    if AUTO in facts.directories:
        skipped.append(f"{AUTO} is there already.")
    else:
        if "/etc/xen" not in facts.directories:
            actions.append(
                MakeDirectory(
                    "/etc/xen",
                    "Xen's own configuration and the guests' stand here, where xl looks for them.",
                )
            )
        actions.append(
            MakeDirectory(
                AUTO,
                "xendomains starts the guests whose configuration is linked here; Debian's "
                "package does not bring the directory.",
            )
        )
        then = with_directories(then, "/etc/xen", AUTO)
    return Plan(tuple(actions), then, skipped=tuple(skipped))


def verify(settings: Settings, facts: Facts) -> list[Problem]:
    """Enabled is what the service manager says now, not what a command's exit status said."""
    problems = [
        Problem(
            "service-disabled",
            f"The service {name} is not enabled: it does not start with the host.",
            f"{' '.join(MANAGERS[settings.host.service_manager].enabling(name))} says what stands "
            "in the way.",
        )
        for name in _services(settings)
        if not facts.service(name).enabled and not facts.service(name).masked
    ]
    if AUTO not in facts.directories:
        problems.append(
            Problem("autostart-missing", f"There is no directory {AUTO}.", f"mkdir {AUTO}")
        )
    return problems


def _services(settings: Settings) -> tuple[str, ...]:
    return services_of(settings.host.toolstack, settings.host.xen_source)


def _autostart_directory(text: str) -> str:
    found = re.findall(r"""^[ \t]*XENDOMAINS_AUTO=["']?([^"'\n#]*)""", text, re.MULTILINE)
    # Without the line the init script has no directory; without the file it is not installed yet.
    return found[-1].strip() if found else AUTO
