"""Packages that this setup calls on: whether they can be had, what installs them, and who needs
them by the time that they are taken back. For the steps that install some.
"""

from __future__ import annotations

from dataclasses import replace

from steps.facts import Facts
from steps.hosts.guest_releases import FILESYSTEM_PACKAGES, RELEASES
from steps.settings import Settings
from wizard.actions import Action, InstallPackages, Need, RunCommand
from wizard.step import Problem

XEN = "xen-system-amd64"
_STALE_HOURS = 24


def wanted_by_guests(settings: Settings) -> tuple[str, ...]:
    """What the guests' own filesystems and releases call for on the host."""
    wanted = []
    for guest in settings.guests:
        wanted.append(FILESYSTEM_PACKAGES[guest.filesystem])
        release = RELEASES.get(guest.release)
        if release is not None:
            wanted.append(release.keyring_package)
    return tuple(dict.fromkeys(wanted))


def check_sources(wanted: tuple[str, ...], facts: Facts) -> list[Problem]:
    """Whether apt can install all of these."""
    missing = [name for name in wanted if name not in facts.installable]
    if not missing:
        return []
    if facts.apt.lists_age_hours is not None:
        return [
            Problem(
                "package-sources",
                f"apt knows no package called {', '.join(missing)}.",
                "Look at /etc/apt/sources.list and /etc/apt/sources.list.d: the distribution's own "
                "main archive must be there. Then: apt-get update",
            )
        ]
    return [
        Problem(
            "package-sources",
            "apt has no package lists yet, so it is not known whether "
            f"{', '.join(missing)} can be installed.",
            "apt-get update brings the lists. This step does it first.",
            "unknown",
        )
    ]


def not_installed(missing: tuple[str, ...]) -> list[Problem]:
    """A problem, where these are missing after all."""
    if not missing:
        return []
    return [
        Problem(
            "packages-missing",
            f"Not installed: {', '.join(missing)}.",
            "Look into the log at what apt said; `apt-get install` by hand says it again.",
        )
    ]


def are_installed(names: list[str]) -> str:
    """That these packages are there, in a sentence."""
    if len(names) == 1:
        return f"The package {names[0]} is installed."
    return f"The packages {', '.join(names[:-1])} and {names[-1]} are installed."


def update_lists(age: int | None) -> RunCommand:
    """Have apt fetch its lists; `age` in hours."""
    state = "has no package lists yet" if age is None else f"has package lists of {age} hours ago"
    return RunCommand(
        ("apt-get", "update"),
        f"apt {state}. Old lists name package versions that the mirror no longer has.",
        undo_note="Package lists are a cache: the next apt-get update makes them anew.",
        timeout=600.0,
        estimate=20.0,
        download=9.0,  # Packages.xz of bookworm's main for amd64; updates and security are small
        progress="apt",
    )


_REASONS = {
    XEN: "the hypervisor with xl and its services",
    "lvm2": "cuts the guests' disks out of a volume group",
    "debootstrap": "installs a guest's system into a directory",
    "bridge-utils": "lets ifupdown make the bridge",
    "iputils-ping": "asks the gateway whether the host is still connected",
    "e2fsprogs": "makes ext3 and ext4",
    "xfsprogs": "makes xfs",
    "btrfs-progs": "makes btrfs",
    "debian-archive-keyring": "holds the keys that Debian signs with",
    "ubuntu-keyring": "holds the keys that Ubuntu signs with",
}


# MiB that apt fetched, and said it would take on the disk, on a Debian 12 without them; libraries
# that they need included.
_DOWNLOADS = {XEN: 3.4, "lvm2": 1.3, "xfsprogs": 1.2, "btrfs-progs": 0.8}
_SPACES = {XEN: 17.0, "lvm2": 7.2, "xfsprogs": 3.8, "btrfs-progs": 4.5}


_SERVED = "xen-backend/devices"
_WITH_FILESYSTEM = ("lsblk", "--noheadings", "--list", "--output", "NAME,FSTYPE")
# Who has come to need them, in the words that a rollback says it with. A domain is known by its
# disks and cards, which dom0 serves; what stops Xen's services would save it or shut it down.
_NEEDS = (
    Need(
        XEN,
        "the domain that `xl list` shows as number",
        ("find", "/sys/bus", "-mindepth", "3", "-maxdepth", "3", "-path", f"*/{_SERVED}/*"),
        rf"/{_SERVED}/[a-z]+-(\d+)-",
        stops=True,
    ),
    Need("lvm2", "the volume group", ("vgs", "--noheadings", "--options", "vg_name"), r"(\S+)"),
    Need(
        "bridge-utils",
        "the bridge in",
        ("find", "/etc", "-path", "/etc/network/*", "-type", "f",
         "-exec", "grep", "--quiet", "--extended-regexp", r"^\s*bridge[_-]ports\s", "{}", ";",
         "-print"),
        "^(.+)$",
    ),
    *(
        Need(package, f"the {name} on", _WITH_FILESYSTEM, rf"^(\S+)\s+{kinds}\s*$")
        for package, name, kinds in (
            ("xfsprogs", "XFS", "xfs"), ("btrfs-progs", "btrfs", "btrfs"),
            ("e2fsprogs", "ext filesystem", "ext[234]"),
        )
    ),
)  # fmt: skip


def install(missing: tuple[str, ...], facts: Facts) -> tuple[list[Action], Facts]:
    """What installs these, by lists that are not old; the facts with these lists alone."""
    actions: list[Action] = []
    age = facts.apt.lists_age_hours
    if age is None or age >= _STALE_HOURS:
        actions.append(update_lists(age))
        facts = replace(facts, apt=replace(facts.apt, lists_age_hours=0))
    actions.append(_install(missing))
    return actions, facts


def _install(missing: tuple[str, ...]) -> InstallPackages:
    reasons = "; ".join(f"{name} {_REASONS[name]}" for name in missing)
    return InstallPackages(
        missing,
        f"What is missing here: {reasons}. Without recommended packages, so QEMU stays out.",
        estimate=90.0 if XEN in missing else 20.0,
        download=round(sum(_DOWNLOADS.get(name, 0.2) for name in missing), 1),
        space=round(sum(_SPACES.get(name, 0.3) for name in missing), 1),
        needs=tuple(need for need in _NEEDS if need.package in missing),
    )
