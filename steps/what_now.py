"""What a person types after all is done, or taken back: into the guests, and around them."""

from __future__ import annotations

from steps.guest_disks import root_device
from steps.settings import LOCKED, GuestSettings, Settings


def what_now(settings: Settings, run: int | None = None) -> tuple[tuple[str, str], ...]:
    """Commands to type next, each with what it does. `run`: the run's number, if it can be taken
    back by itself.
    """
    first = settings.guests[0]
    tool = settings.host.toolstack
    if first.root_password != LOCKED:
        login = "its login prompt: log in as root (Ctrl-] leaves)"
    elif first.ssh_keys:
        login = "its login prompt; no password opens it, use SSH (Ctrl-] leaves)"
    else:
        login = "its login prompt (Ctrl-] leaves); nobody can log in: no password, no key"
    lines = [
        (f"sudo {tool} list", "the host (Domain-0) and its guests"),
        ("sudo xen-setup guests", "the same with their addresses and disks"),
        (f"sudo {tool} console {first.name}", login),
    ]
    if settings.host.bridge != "none":
        lines.append(
            (f"sudo {tool} network-list {first.name}", "its network card on the host's bridge")
        )
    lines += [
        (f"sudo {tool} shutdown {first.name}", "stop it in order"),
        *_password(settings, first),
        (f"sudo {tool} create /etc/xen/{first.name}.cfg", "start it again"),
        ("sudo xen-setup transcript", "what was done, as a document"),
        ("sudo xen-setup rollback", "take everything back")
        if run is None
        else (f"sudo xen-setup rollback --run {run}", "take these guests back, and nothing else"),
    ]
    return tuple(lines)


def _password(settings: Settings, guest: GuestSettings) -> tuple[tuple[str, str], ...]:
    """How a guest that nobody can log in to gets a password after all."""
    if guest.root_password != LOCKED or guest.ssh_keys:
        return ()
    mount = f"sudo mount {root_device(settings, guest)} /mnt"
    words = "give root a password, while the guest is stopped"
    return ((f"{mount} && sudo chroot /mnt passwd; sudo umount /mnt", words),)


def after_rollback(in_xen: bool) -> tuple[tuple[str, str], ...]:
    """Commands to type after a rollback, each with what it does."""
    if not in_xen:
        return ()
    return (("sudo reboot", "Xen itself runs until the next boot, which is plain Linux's again"),)
