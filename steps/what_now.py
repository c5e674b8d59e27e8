"""What a person types after all is done, or taken back: into the guests, and around them."""

from __future__ import annotations

from steps.facts import Facts
from steps.settings import LOCKED, Settings


def what_now(settings: Settings, run: int | None = None) -> tuple[tuple[str, str], ...]:
    """Commands to type next, each with what it does. `run`: the run's number, if it can be taken
    back by itself.
    """
    first = settings.guests[0]
    tool = settings.host.toolstack
    if first.root_password == LOCKED:
        login = "its login prompt; no password opens it, use SSH (Ctrl-] leaves)"
    else:
        login = "its login prompt: log in as root (Ctrl-] leaves)"
    lines = [
        (f"sudo {tool} list", "the host (Domain-0) and its guests"),
        (f"sudo {tool} console {first.name}", login),
    ]
    if settings.host.bridge != "none":
        lines.append(
            (f"sudo {tool} network-list {first.name}", "its network card on the host's bridge")
        )
    lines += [
        (f"sudo {tool} shutdown {first.name}", "stop it in order"),
        (f"sudo {tool} create /etc/xen/{first.name}.cfg", "start it again"),
        ("sudo xen-setup rollback", "take everything back")
        if run is None
        else (f"sudo xen-setup rollback --run {run}", "take these guests back, and nothing else"),
    ]
    return tuple(lines)


def after_rollback(facts: Facts) -> tuple[tuple[str, str], ...]:
    """Commands to type after a rollback, each with what it does."""
    if not facts.xen.running:
        return ()
    return (("sudo reboot", "Xen itself runs until the next boot, which is plain Linux's again"),)
