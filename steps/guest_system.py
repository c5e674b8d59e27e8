"""Step 9: a small Debian or Ubuntu in each guest's root volume, ready for its first boot."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from steps import guest_files, not_known
from steps.each_guest import each_guest
from steps.expected import with_tree
from steps.facts import Facts, GuestTree
from steps.guest_disks import fstab, root_device
from steps.guest_install import install_actions, tls_actions
from steps.guest_kernel import kernel_for
from steps.hosts.guest_releases import RELEASES, GuestRelease
from steps.lessons import guest_system as lesson
from steps.settings import LOCKED, NO_BRIDGE, GuestSettings, Settings
from steps.tls import DISABLED, is_moved
from wizard.actions import Action
from wizard.step import Plan, Problem

TITLE = "A system for each guest"
LESSON = lesson.LESSON

QUESTIONS = (
    "guests.release",
    "guests.mirror",
    "guests.packages",
    "guests.network",
    "guests.gateway",
    "guests.nameservers",
    "guests.root_password",
    "guests.ssh_keys",
)


# ---- check


def check(settings: Settings, facts: Facts) -> list[Problem]:
    """Whether each guest's release can be installed, and someone will be able to log in."""

    def of_guest(guest: GuestSettings) -> list[Problem]:
        if _is_complete(settings, facts, guest):
            return []
        return [
            *_check_source(facts, guest),
            *_check_place(settings, facts, guest),
            *_check_network(settings, guest),
            *_check_login(guest),
        ]

    return each_guest(settings, of_guest)


def _check_source(facts: Facts, guest: GuestSettings) -> list[Problem]:
    problems = []
    release = RELEASES.get(guest.release)
    if release is None:
        return [
            Problem(
                "release-unknown",
                f"{guest.name} shall get {guest.release}: xen-setup does not know that release.",
                f"Releases that it knows: {', '.join(RELEASES)}.",
            )
        ]
    if "debootstrap" not in facts.packages and "debootstrap" not in facts.installable:
        problems.append(
            Problem(
                "debootstrap-missing",
                "debootstrap, which installs a guest's system, is not there and cannot be "
                "installed.",
                "See with `apt-get update` whether the package lists are current.",
            )
        )
    package = release.keyring_package
    to_be_had = package in facts.packages or package in facts.installable
    if not to_be_had and not guest_files.host_has_keyring(facts, release):
        problems.append(
            Problem(
                "keyring-missing",
                f"The keyring for {guest.release} ({release.keyring}) is not there, and its "
                f"package {package} cannot be installed.",
                "Without it nothing proves that what comes from the mirror is genuine. "
                f"Install {package}.",
            )
        )
    return problems


def _check_place(settings: Settings, facts: Facts, guest: GuestSettings) -> list[Problem]:
    device = root_device(settings, guest)
    tree = facts.tree(device)
    if facts.group(settings.storage.volume_group) is None:
        return []  # the steps before say so, or that nothing is known
    if facts.volume(settings.storage.volume_group, f"{guest.name}-root") is None:
        return [
            Problem(
                "root-volume-missing",
                f"The root volume of {guest.name}, {device}, is not there.",
                "The step guest_volumes makes it, once in a run, or says what stands in the way. "
                "If it was there: see with `lvs` what became of it.",
                follows=True,
            )
        ]
    if tree is None and _is_open(settings, facts, guest) and not _is_in_use(settings, facts, guest):
        return [_in_use_by_others(device, guest)]
    if tree is None and facts.as_root and _holds_filesystem(settings, facts, guest):
        return [_unread(device, as_root=True, follows=True)]
    return _not_ours(tree, guest) if tree is not None else []


def _not_ours(tree: GuestTree, guest: GuestSettings) -> list[Problem]:
    """What is in the volume, if nothing proves that it is ours to go on with."""
    if tree.empty or guest_files.is_half_made(tree, guest):
        return []
    if not tree.os_id:
        return [
            Problem(
                "root-volume-not-empty",
                f"{tree.device} holds files, and no system: xen-setup does not know what they are.",
                f"Look: mount --options ro {tree.device} /mnt. {_without_it(tree.device)}",
            )
        ]
    fault = "has none" if not tree.marker else "has another's"
    mark = f"echo '{guest_files.marker_line(guest)}' >/mnt{guest_files.MARKER}"
    return [
        Problem(
            "guest-system-not-ours",
            f"{tree.device} holds a system, {tree.os_id} {tree.codename} with the host name "
            f"{tree.hostname or '(none)'}, that xen-setup did not install for {guest.name}: the "
            f"mark of that would be {guest_files.MARKER} in it, and it {fault}.",
            f"If it is {guest.name}'s and whole, say so, and it is left as it is: "
            f"mount {tree.device} /mnt; {mark}; umount /mnt. {_without_it(tree.device)}",
        )
    ]


def _without_it(device: str) -> str:
    return (
        f"If nothing in it is needed, remove the volume (lvremove {device}): a new run makes it "
        "again, and so does this one, once it has gone back before guest_volumes (rollback --to)."
    )


def _check_network(settings: Settings, guest: GuestSettings) -> list[Problem]:
    if guest.network == "dhcp" or settings.host.bridge == NO_BRIDGE or guest.gateway == "none":
        return []
    network = ipaddress.IPv4Interface(guest.network).network
    if not guest.gateway or ipaddress.IPv4Address(guest.gateway) in network:
        return []
    return [
        Problem(
            "gateway-outside",
            f"{guest.name}'s gateway {guest.gateway} is not in its network {network}.",
            "Give the router's address in that network, or none (guests: gateway).",
        )
    ]


def _check_login(guest: GuestSettings) -> list[Problem]:
    problems = []
    if guest.root_password == LOCKED and not guest.ssh_keys:
        problems.append(
            Problem(
                "nobody-can-log-in",
                f"{guest.name} gets no password and no SSH key: nobody can log in.",
                "Give a root password, or an SSH key and the package openssh-server (guests: "
                "root_password, ssh_keys, packages).",
                severity="warning",
            )
        )
    if guest.ssh_keys and "openssh-server" not in guest.packages:
        problems.append(
            Problem(
                "no-ssh-server",
                f"{guest.name} gets SSH keys, and no SSH server that would use them.",
                "Add openssh-server to its packages (guests: packages).",
                severity="warning",
            )
        )
    return problems


# ---- plan


def plan(settings: Settings, facts: Facts) -> Plan[Facts]:
    """For each guest without a complete system: install one, and make it this guest."""
    actions: list[Action] = []
    skipped: list[str] = []
    notes: list[str] = []
    unknown: dict[str, None] = {}  # a set in order
    for guest in settings.guests:
        device = root_device(settings, guest)
        if _is_complete(settings, facts, guest):
            skipped.append(f"{device} holds a complete system.")
            tree = facts.tree(device)
            if tree is not None and tree.tls and _moves_tls(settings, facts):
                actions += tls_actions(settings, facts, guest, tree.tls)
                facts = with_tree(facts, replace(tree, tls=()))
            continue
        release = RELEASES.get(guest.release)
        tree = facts.tree(device)
        if tree is not None and _not_ours(tree, guest):
            skipped.append(f"{device} holds what xen-setup did not make; it is left alone.")
            continue
        if release is None:
            continue  # check says so
        actions += install_actions(settings, facts, guest, release)
        if not guest_files.mirror(facts, guest, release):
            notes.append(f"{guest.name}: debootstrap's own mirror for {guest.release} is used.")
        notes.append(_about_tls(guest))
        unknown[not_known.has_release(guest.release)] = None
        if guest.packages:
            unknown[not_known.has_packages(guest.release)] = None
        facts = with_tree(facts, _expected(settings, facts, guest, release))
    return Plan(
        tuple(actions), facts, skipped=tuple(skipped), notes=tuple(notes), unknown=tuple(unknown)
    )


def _about_tls(guest: GuestSettings) -> str:
    return (
        f"{guest.name}: /lib/tls is looked for in the new system too; a 64-bit {guest.release} has "
        "none, and would not use it."
    )


# ---- verify


def verify(settings: Settings, facts: Facts) -> list[Problem]:
    """Every guest's volume holds a complete system, as it was asked for."""
    problems = []
    for guest in settings.guests:
        if _is_in_use(settings, facts, guest):
            continue  # a guest that runs is not looked into
        tree = facts.tree(root_device(settings, guest))
        if tree is None and _is_open(settings, facts, guest):
            problems.append(_in_use_by_others(root_device(settings, guest), guest))
        elif tree is None:
            problems.append(_unread(root_device(settings, guest), as_root=facts.as_root))
        else:
            problems += _verify_tree(settings, facts, guest, tree)
    return problems


def _verify_tree(
    settings: Settings, facts: Facts, guest: GuestSettings, tree: GuestTree
) -> list[Problem]:
    device = tree.device
    if not guest_files.is_complete(tree, guest):
        return _not_ours(tree, guest) or [
            Problem(
                "guest-system-incomplete",
                f"{device} holds no complete system for {guest.name}.",
                "Start again: xen-setup goes on with what is there.",
            )
        ]
    lines = fstab(settings, facts, guest)
    kernel = kernel_for(facts, guest)
    modules = f"/lib/modules/{kernel.version}" if kernel is not None else ""
    expected = [
        (
            "guest-fstab",
            set(_devices(lines)) <= set(_devices(tree.fstab)),
            "its fstab does not name the disks that its config gives it",
            f"have /mnt/etc/fstab name {' and '.join(_devices(lines))}",
        ),
        (
            "guest-console",
            tree.console_login,
            "it has no login on the console hvc0",
            "chroot /mnt systemctl enable serial-getty@hvc0.service",
        ),
        (
            "guest-modules",
            _modules_there(facts, guest, tree),
            "it lacks the modules of the kernel that it boots",
            f"cp --archive {modules} /mnt/lib/modules/",
        ),
        (
            "guest-tls",
            not (tree.tls and _moves_tls(settings, facts)),
            f"it has {' and '.join(tree.tls)}, which costs speed under Xen",
            "; ".join(f"mv /mnt{path} /mnt{path}{DISABLED}" for path in tree.tls)
            + "; chroot /mnt ldconfig",
        ),
        (
            "guest-password",
            guest.root_password == LOCKED or tree.root_password in ("set", "unknown"),
            "its root password was not set",
            "chroot /mnt passwd root",
        ),
    ]
    return [
        Problem(
            name,
            f"The system on {device} is not right: {what}.",
            f"With {guest.name} shut down: mount {device} /mnt; {how}; umount /mnt. Then start "
            "again.",
        )
        for name, right, what, how in expected
        if not right
    ]


# ---- private


def _moves_tls(settings: Settings, facts: Facts) -> bool:
    return is_moved(settings.host.tls, facts.architecture, facts.glibc)


def _is_in_use(settings: Settings, facts: Facts, guest: GuestSettings) -> bool:
    """Whether the guest runs: its domain is there, or, where xl tells none, its volume is open.
    An open volume alone proves nothing: whatever looks at it opens it for that moment.
    """
    if facts.xen.domains is not None or not facts.xen.running:
        return facts.domain(guest.name) is not None
    return _is_open(settings, facts, guest)


def _in_use_by_others(device: str, guest: GuestSettings) -> Problem:
    return Problem(
        "root-volume-in-use",
        f"{device} is in use, and {guest.name} does not run: something else has it open.",
        f"See what: lsblk {device}; fuser --verbose {device}. When it is free, start again.",
    )


def _unread(device: str, *, as_root: bool, follows: bool = False) -> Problem:
    if not as_root:
        return Problem(
            "guest-system-unread",
            f"What {device} holds is not known.",
            "Only root can look into it; start with sudo.",
            severity="unknown",
        )
    return Problem(
        "guest-system-unread",
        f"What {device} holds is not known: it could not be mounted to look into it.",
        f"See why: mount --options ro {device} /mnt, and `dmesg | tail`. Unmount it again, and "
        "start again.",
        follows=follows,
    )


def _holds_filesystem(settings: Settings, facts: Facts, guest: GuestSettings) -> bool:
    volume = facts.volume(settings.storage.volume_group, f"{guest.name}-root")
    return volume is not None and volume.content.kind == "filesystem"


def _is_open(settings: Settings, facts: Facts, guest: GuestSettings) -> bool:
    volume = facts.volume(settings.storage.volume_group, f"{guest.name}-root")
    return volume is not None and volume.open


def _is_complete(settings: Settings, facts: Facts, guest: GuestSettings) -> bool:
    """Whether nothing is to be installed: it is there, or runs and cannot be looked into."""
    tree = facts.tree(root_device(settings, guest))
    if tree is None:
        return _is_in_use(settings, facts, guest)
    return guest_files.is_complete(tree, guest)


def _modules_there(facts: Facts, guest: GuestSettings, tree: GuestTree) -> bool:
    kernel = kernel_for(facts, guest)
    return kernel is None or kernel.modules is None or kernel.version in tree.modules


def _devices(text: str) -> list[str]:
    lines = (line.split() for line in text.splitlines())
    return [words[0] for words in lines if words and words[0].startswith("/dev/")]


def _expected(
    settings: Settings, facts: Facts, guest: GuestSettings, release: GuestRelease
) -> GuestTree:
    kernel = kernel_for(facts, guest)
    device = root_device(settings, guest)
    before = facts.tree(device) or GuestTree(device, empty=True)
    return replace(
        before,
        empty=False,
        os_id=release.distribution,
        codename=release.codename,
        hostname=guest.name,
        fstab=fstab(settings, facts, guest),
        interfaces=guest_files.interfaces(settings, guest),
        console_login=True,
        root_password="locked" if guest.root_password == LOCKED else "set",
        modules=(kernel.version,) if kernel is not None and kernel.modules else (),
        authorized_keys=guest.ssh_keys,
        marker=guest_files.marker(guest),
        installing="",
    )
