"""Services: present, enabled, active, as the service manager says it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from steps.facts import Service
from steps.reading.view import View
from steps.what_matters import SERVICES

# systemd.unit(5), "Unit File Load Path" of the system manager.
_UNIT_FOLDERS = (
    "/etc/systemd/system",
    "/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/usr/local/lib/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/run/systemd/generator.early",
    "/run/systemd/generator.late",
    "/run/systemd/transient",
    "/run/systemd/system.control",
    "/etc/systemd/system.control",
    "/run/systemd/system.attached",
    "/etc/systemd/system.attached",
)
_ENABLED = ("enabled", "enabled-runtime", "alias", "static", "linked")


def parse_units(text: str) -> dict[str, dict[str, str]]:
    """`systemctl show --property=Id,...` for several units: properties by unit."""
    found: dict[str, dict[str, str]] = {}
    for block in text.split("\n\n"):
        pairs = (line.partition("=") for line in block.splitlines())
        properties = {name: value for name, equals, value in pairs if equals}
        if "Id" in properties:
            found[properties["Id"]] = properties
    return found


def read_services(
    view: View, manager: Literal["systemd", "sysvinit", "openrc", "unknown"]
) -> tuple[Service, ...]:
    """The services that matter and are there."""
    if manager == "systemd":
        return tuple(_by_systemd(view))
    return tuple(_by_scripts(view, manager))


def begin_services(view: View, manager: str) -> None:
    """Start what `read_services` will ask systemd."""
    if manager == "systemd" and (question := _question(view)):
        view.begin(question)


def _question(view: View) -> tuple[str, ...]:
    # For a unit that it does not have, systemd goes through all its folders: seconds, emulated.
    names = [f"{name}.service" for name in SERVICES if _has_unit(view, name)]
    properties = "--property=Id,LoadState,ActiveState,UnitFileState"
    return ("systemctl", "show", properties, *names) if names else ()


def _by_systemd(view: View) -> Iterator[Service]:
    question = _question(view)
    if not question:
        return
    answer = view.ask(question, 60.0)
    if answer.status != 0:
        view.not_known("services", "systemctl does not answer")
    units = parse_units(answer.out)
    for name in SERVICES:
        unit = units.get(f"{name}.service", {})
        if unit.get("LoadState", "not-found") == "not-found":
            # systemd makes a unit of an init script when it is reloaded: a new one is there all the
            # same, and `systemctl enable` puts its links in (seen with Xen from a tarball).
            if answer.status == 0 and view.is_file(f"/etc/init.d/{name}"):
                yield _of_script(view, name, active=False)
            continue
        state = unit.get("UnitFileState", "")
        active = unit.get("ActiveState") == "active"
        # A unit made from an init script is enabled by the script's links, as systemctl
        # is-enabled sees it too.
        if state == "generated":
            yield _of_script(view, name, active=active)
        else:
            masked = state.startswith("masked")
            yield Service(name, True, state in _ENABLED, active, masked=masked)


def _of_script(view: View, name: str, *, active: bool) -> Service:
    """A service that its links in the runlevels start."""
    enabled = _has_start_link(view, name)
    off = not enabled and _has_link(view, name, "K", "2345")
    return Service(name, True, enabled, active, off, script=True)


def _has_unit(view: View, name: str) -> bool:
    """Whether systemd can have it: as a file or a link, or made from an init script."""
    return any(view.is_there(f"{folder}/{name}.service") for folder in _UNIT_FOLDERS) or (
        view.is_there(f"/etc/init.d/{name}")
    )


def _by_scripts(view: View, manager: str) -> Iterator[Service]:
    for name in SERVICES:
        script = f"/etc/init.d/{name}"
        if not view.is_file(script):
            continue
        active = manager != "unknown" and view.ask((script, "status"), 5.0).status == 0
        if manager != "openrc":
            yield _of_script(view, name, active=active)
            continue
        # OpenRC goes by its own runlevels; Debian's package makes the other links there too.
        levels = (f"/etc/runlevels/{level}" for level in ("boot", "default"))
        enabled = any(view.names(level, name) for level in levels)
        yield Service(name, True, enabled, active, script=True)


def _has_start_link(view: View, name: str) -> bool:
    return _has_link(view, name, "S", "2345S")


def _has_link(view: View, name: str, kind: str, levels: str) -> bool:
    return any(view.names(f"/etc/rc{level}.d", f"{kind}[0-9][0-9]{name}") for level in levels)
