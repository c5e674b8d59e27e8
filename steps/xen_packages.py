"""Xen itself: the hypervisor, its tools, and the programs that the later steps call."""

from __future__ import annotations

from dataclasses import replace

from steps import xen_tarball
from steps.boot_drop_in import default_entry, natural
from steps.expected import with_directories, with_packages, with_service
from steps.facts import Facts, Service
from steps.hosts.boot_loaders import boot_loader, in_view, out_of_view
from steps.hosts.guest_releases import FILESYSTEM_PACKAGES, RELEASES
from steps.lessons import xen_packages as lesson
from steps.settings import NO_BRIDGE, Settings
from wizard.actions import Action, InstallPackages, Need, RunCommand
from wizard.step import Plan, Problem

TITLE = "Xen itself: hypervisor and tools"
LESSON = lesson.LESSON
QUESTIONS = (
    "host.xen_source", "host.tarball", "host.tarball_sha256", "host.tarball_signature",
    "host.tarball_keyring", "host.toolstack",
)  # fmt: skip

_XEN = "xen-system-amd64"
_STALE_HOURS = 24
_HYPERVISOR = "xen-hypervisor-"


def check(settings: Settings, facts: Facts) -> list[Problem]:
    """Whether all that is missing can be installed, and whether Xen's hypervisor is one of us."""
    problems = check_sources(missing_packages(settings, facts), facts)
    if xen_tarball.from_tarball(settings):
        problems += xen_tarball.problems(settings, facts)
    return problems


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


def plan(settings: Settings, facts: Facts) -> Plan[Facts]:
    """Keep the boot default, bring the package lists up to date, install what is missing."""
    packages = _plan_packages(settings, facts)
    tarball = packages.then.tarball
    if not xen_tarball.from_tarball(settings) or tarball is None or tarball.wrong:
        return packages
    if not xen_tarball.missing(tarball):
        there = f"What is in {tarball.source} is installed."
        return replace(packages, skipped=(*packages.skipped, there))
    return replace(
        packages,
        actions=(
            *packages.actions,
            *boot_loader(settings).files_come(facts),
            xen_tarball.install(tarball),
        ),
        then=xen_tarball.installed(packages.then, tarball),
        notes=(*packages.notes, *xen_tarball.notes(tarball)),
    )


def _plan_packages(settings: Settings, facts: Facts) -> Plan[Facts]:
    missing = missing_packages(settings, facts)
    given, facts = facts, in_view(settings, facts)
    loader = boot_loader(settings)
    if not missing:
        left, then = loader.packages_are_in(facts)
        names = sorted(set(wanted_packages(settings, facts)))
        return Plan(tuple(left), out_of_view(given, then), skipped=(are_installed(names),))
    actions: list[Action] = []
    then = facts
    if _XEN in missing:
        actions, then = loader.keep_default(facts)
    installing, then = install(missing, then)
    actions += installing
    then = _installed(settings, then, missing)
    after, then = loader.packages_are_in(then)
    actions += after
    skipped = [name for name in wanted_packages(settings, facts) if name in facts.packages]
    return Plan(
        tuple(actions),
        out_of_view(given, then),
        skipped=(are_installed(skipped),) if skipped else (),
        notes=(loader.PACKAGES_NOTE,) if _XEN in missing else (),
    )


def verify(settings: Settings, facts: Facts) -> list[Problem]:
    """Packages, hypervisor and toolstack command, each looked for where it must be."""
    problems = []
    problems += not_installed(missing_packages(settings, facts))
    tarball = facts.tarball if xen_tarball.from_tarball(settings) else None
    others = xen_tarball.missing(tarball) if tarball is not None and not tarball.wrong else ()
    if tarball is not None and others:
        problems.append(
            Problem(
                "tarball-not-installed",
                f"{len(others)} of the files in {tarball.source} are not here as it has them: "
                f"{', '.join(others[:3])}{' …' if len(others) > 3 else ''}.",
                "Something wrote over them since; start again, and they are installed.",
            )
        )
    if not facts.xen.images:
        problems.append(
            Problem(
                "hypervisor-missing",
                "There is no hypervisor in /boot.",
                "The package xen-hypervisor-… brings it: "
                "apt-get install --reinstall xen-system-amd64"
                if not xen_tarball.from_tarball(settings)
                else f"{settings.host.tarball} must have it: install/boot/xen-….gz",
            )
        )
    facts = in_view(settings, facts)
    loader = boot_loader(settings)
    default = default_entry(facts)
    is_xen = default is not None and default.kind == "xen"
    if default is not None and is_xen and loader.default_should_be_plain(facts):
        problems.append(
            Problem(
                "default-changed",
                f"Installing Xen has made “{default.title}” the entry that boots by itself.",
                loader.DEFAULT_HINT,
            )
        )
    toolstack = settings.host.toolstack
    if toolstack not in facts.xen.commands:
        problems.append(
            Problem(
                "toolstack-missing",
                f"The command {toolstack} is not there.",
                "The package xen-utils-common brings it: "
                "apt-get install --reinstall xen-utils-common"
                if not xen_tarball.from_tarball(settings)
                else f"{settings.host.tarball} must have it, in install/usr/sbin.",
            )
        )
    return problems


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


def wanted_packages(settings: Settings, facts: Facts) -> tuple[str, ...]:
    """All that this setup calls on the host, installed or not, in the order of their use."""
    wanted = ["lvm2", "debootstrap"]
    # Where xm is, its Xen is there too, by packages whose names were others every year.
    has_xm = settings.host.toolstack == "xm" and "xm" in facts.xen.commands
    if not xen_tarball.from_tarball(settings) and not (has_xm and facts.xen.images):
        wanted.insert(0, _XEN)
    if settings.host.bridge != NO_BRIDGE and facts.bridge(settings.host.bridge) is None:
        wanted.append("bridge-utils")
        # The static address's guard asks the gateway whether it is still reached.
        if "iputils-arping" not in facts.packages:
            wanted.append("iputils-ping")
    return tuple(dict.fromkeys((*wanted, *wanted_by_guests(settings))))


def wanted_by_guests(settings: Settings) -> tuple[str, ...]:
    """What the guests' own filesystems and releases call for on the host."""
    wanted = []
    for guest in settings.guests:
        wanted.append(FILESYSTEM_PACKAGES[guest.filesystem])
        release = RELEASES.get(guest.release)
        if release is not None:
            wanted.append(release.keyring_package)
    return tuple(dict.fromkeys(wanted))


def missing_packages(settings: Settings, facts: Facts) -> tuple[str, ...]:
    """Those of the wanted packages that are not installed."""
    return tuple(name for name in wanted_packages(settings, facts) if name not in facts.packages)


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
    _XEN: "the hypervisor with xl and its services",
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
_DOWNLOADS = {_XEN: 3.4, "lvm2": 1.3, "xfsprogs": 1.2, "btrfs-progs": 0.8}
_SPACES = {_XEN: 17.0, "lvm2": 7.2, "xfsprogs": 3.8, "btrfs-progs": 4.5}


_SERVED = "xen-backend/devices"
_WITH_FILESYSTEM = ("lsblk", "--noheadings", "--list", "--output", "NAME,FSTYPE")
# Who has come to need them, in the words that a rollback says it with. A domain is known by its
# disks and cards, which dom0 serves; what stops Xen's services would save it or shut it down.
_NEEDS = (
    Need(
        _XEN,
        "the domain that runs as number",
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
        estimate=90.0 if _XEN in missing else 20.0,
        download=round(sum(_DOWNLOADS.get(name, 0.2) for name in missing), 1),
        space=round(sum(_SPACES.get(name, 0.3) for name in missing), 1),
        needs=tuple(need for need in _NEEDS if need.package in missing),
    )


def _installed(settings: Settings, facts: Facts, missing: tuple[str, ...]) -> Facts:
    then = with_packages(facts, missing)
    if _XEN not in missing:
        return then
    hypervisor, image = _hypervisor_to_come(facts)
    then = with_packages(then, (hypervisor, "xen-hypervisor-common", "xen-utils-common"))
    then = with_directories(then, "/etc/xen", "/var/log/xen")
    for name in ("xen", "xendomains"):
        if not facts.service(name).present:
            # The package enables them; outside Xen neither has anything to do.
            then = with_service(then, Service(name, present=True, enabled=True, active=False))
    then = replace(
        then,
        xen=replace(
            then.xen,
            images=then.xen.images or (image,),
            commands=then.xen.commands if "xl" in then.xen.commands else ("xl",),
        ),
    )
    return boot_loader(settings).menu_after_packages(then)


def _hypervisor_to_come(facts: Facts) -> tuple[str, str]:
    names = [name for name in facts.installable if name.startswith(_HYPERVISOR)]
    names = [name for name in names if natural(name)[1:2] and name.endswith("-amd64")]
    newest = max(names, key=natural, default="xen-hypervisor-amd64")
    version = newest.removeprefix(_HYPERVISOR)
    return newest, f"/boot/xen-{version}.gz"
