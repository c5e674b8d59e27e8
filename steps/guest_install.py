"""The actions that fill a guest's root volume: for the step that installs its system."""

from __future__ import annotations

from collections.abc import Sequence

from steps import guest_files, tls
from steps.facts import Facts
from steps.guest_disks import dependents, fstab, mount_point, root_filesystem
from steps.guest_kernel import kernel_for
from steps.hosts.guest_releases import GuestRelease, packages_for
from steps.settings import LOCKED, NO_BRIDGE, GuestSettings, Settings
from wizard.actions import (
    Action,
    CommandShows,
    MakeDirectory,
    MakeLink,
    PathAbsent,
    PathPresent,
    RunCommand,
    SecretInput,
    WriteFile,
)

_BOOTSTRAP_TIME = 7200  # seconds: 350 emulated here, and networks can be slow
# debootstrap fails in the end for one package that did not come, and asks for all the others until
# then, each twenty times by wget: three minutes for each of a hundred where the line breaks (seen).
_LACKING = r"^W: Couldn't download package "
_BOOTSTRAP_USUAL = 340.0
# MiB: a bookworm with these packages is 101 archives of 31 together (by apt's own lists), and
# their index, Packages.xz, is 9. Further packages are not counted.
_BOOTSTRAP_DOWNLOAD = 40.0
# Where apt keeps what it fetches (apt.conf(5), Dir::Cache::archives), under the names that
# debootstrap gives its own: what came before a failure is there for the next try, and for the next
# guest; what is not as the signed list says is fetched anew. `apt-get clean` empties it.
_ARCHIVES = "/var/cache/apt/archives"
_SCRIPTS = "/usr/share/debootstrap/scripts"
# systemd's names in a Debian guest: lib is a link to usr/lib in releases of today.
_GETTY = "etc/systemd/system/getty.target.wants"
_CONSOLE = "serial-getty@hvc0.service"
# systemd gives up on a device after 90 seconds, and then there is no login at all: on a slow
# machine udev had not come to hvc0 by then (seen, emulated).
_PATIENCE = "etc/systemd/system/dev-hvc0.device.d"
_PATIENCE_TEXT = "[Unit]\nJobRunningTimeoutSec=infinity\n"


def install_actions(
    settings: Settings, facts: Facts, guest: GuestSettings, release: GuestRelease
) -> list[Action]:
    """All that makes a complete system of an empty volume, in order; its marker is there from the
    first, and in its place at the last.
    """
    return [
        _begin(settings, facts, guest),
        _bootstrap(settings, facts, guest, release),
        *_configuration(settings, facts, guest, release),
        *_login(settings, facts, guest),
        *_modules(settings, facts, guest),
        *_fresh_tls(settings, facts, guest),
        *_finish(settings, facts, guest),
    ]


def _fresh_tls(settings: Settings, facts: Facts, guest: GuestSettings) -> list[Action]:
    """What moves /lib/tls away in a system that nobody has looked into yet."""
    if not tls.is_moved(settings.host.tls, facts.architecture, facts.glibc):
        return []
    place, inside = mount_point(guest), root_filesystem(settings, facts, guest)
    # The slash: /lib is a link in releases of today. What is moved is not to be looked into.
    search = ("find", f"{place}/lib/", "-maxdepth", "2", "-name", "tls", "-type", "d", "-prune")
    move = ("mv", "--no-target-directory", "tls", f"tls{tls.DISABLED}")
    return [
        RunCommand(
            (*search, "-execdir", *move, ";"),
            why="In the guest too, libraries for thread-local storage go out of the loader's way.",
            probe=CommandShows(search, "/tls$", lacks=True, inside=inside),
            undo_note="it goes with the volume that it is in",
            inside=inside,
        )
    ]


def tls_actions(
    settings: Settings, facts: Facts, guest: GuestSettings, directories: Sequence[str]
) -> list[Action]:
    """What moves these away in a system that is complete, and may have run: with an undo."""
    place = mount_point(guest)
    inside = root_filesystem(settings, facts, guest, system=True)
    ldconfig = ("chroot", place, "/sbin/ldconfig")
    # Twice: what is taken back is taken back in reverse, and the cache must come after the move.
    actions: list[Action] = [
        RunCommand(
            ldconfig,
            why=f"{guest.name}'s loader keeps a list of its libraries. It is made now, so that "
            "rollback makes it again after it has moved them back.",
            undo=ldconfig,
            undo_class="exact",
            inside=inside,
        )
    ]
    for path in directories:
        source, target = f"{place}{path}", f"{place}{path}{tls.DISABLED}"
        actions.append(
            RunCommand(
                ("mv", "--no-target-directory", source, target),
                why=f"In {guest.name} too, {path} goes out of the loader's way.",
                probe=PathAbsent(source, inside=inside),
                undo=("mv", "--no-target-directory", target, source),
                undo_class="exact",
                inside=inside,
            )
        )
    actions.append(
        RunCommand(
            ldconfig,
            why=f"{guest.name}'s loader is told.",
            undo_note="the first of these does it",
            inside=inside,
        )
    )
    return actions


def _begin(settings: Settings, facts: Facts, guest: GuestSettings) -> WriteFile:
    return WriteFile(
        f"{mount_point(guest)}{guest_files.INSTALLING}",
        guest_files.marker(guest),
        "Written first: by this file a system that is half installed is known for xen-setup's own, "
        "and not for one that somebody uses.",
        inside=root_filesystem(settings, facts, guest),
    )


def _bootstrap(
    settings: Settings, facts: Facts, guest: GuestSettings, release: GuestRelease
) -> RunCommand:
    place = mount_point(guest)
    inside = root_filesystem(settings, facts, guest)
    include = dict.fromkeys((*packages_for(release, guest.filesystem), *guest.packages))
    source = guest_files.mirror(facts, guest, release)
    return RunCommand(
        (
            "debootstrap",
            "--arch=amd64",
            "--variant=minbase",
            f"--include={','.join(include)}",
            f"--components={','.join(release.components)}",
            f"--keyring={guest_files.keyring(facts, release)}",
            # Without it debootstrap goes on unsigned when it cannot check.
            "--force-check-gpg",
            f"--cache-dir={_ARCHIVES}",
            guest.release,
            place,
            *([source] if source else []),
            # debootstrap takes it after a mirror only.
            *([f"{_SCRIPTS}/{release.script}"] if source and release.script else []),
        ),
        why=f"debootstrap fetches the packages of a minimal {guest.release}, checks their "
        f"signatures, and installs them below {place}: a whole system, with what a login and the "
        "network need. What it has fetched stays with apt's own files, and is not fetched twice.",
        # debootstrap moves its log there when all is installed, and not before.
        probe=PathPresent(f"{place}/var/log/bootstrap.log", inside=inside),
        traces=CommandShows(
            (
                *("find", place, "-mindepth", "1", "-maxdepth", "1", "-not", "-name", "lost+found"),
                *("-not", "-name", guest_files.INSTALLING[1:]),
            ),
            r"\S",
            inside=inside,
        ),
        # lost+found is mkfs's, and only fsck would make it again.
        undo=(
            "find",
            place,
            "-xdev",
            "-mindepth",
            "1",
            "-not",
            "-path",
            f"{place}/lost+found",
            "-delete",
        ),
        undo_class="by removal",
        undo_note="empties the volume",
        dependents=dependents(settings.storage.volume_group, f"{guest.name}-root"),
        timeout=_BOOTSTRAP_TIME,
        fails_at=_LACKING,
        progress="debootstrap",
        estimate=_BOOTSTRAP_USUAL,
        download=_BOOTSTRAP_DOWNLOAD,
        inside=inside,
        own_log=f"{place}/debootstrap/debootstrap.log",
    )


def _configuration(
    settings: Settings, facts: Facts, guest: GuestSettings, release: GuestRelease
) -> list[Action]:
    inside = root_filesystem(settings, facts, guest)

    def write(path: str, text: str, why: str) -> WriteFile:
        return WriteFile(f"{mount_point(guest)}{path}", text, why, inside=inside)

    files = [
        write(
            "/etc/hostname",
            f"{guest.name}\n",
            "The guest's own name: its login prompt shows it, so you see whose console you are on.",
        ),
        write(
            "/etc/hosts",
            guest_files.hosts(facts, guest),
            "So that the guest finds its own name without asking a name server.",
        ),
        write(
            "/etc/fstab",
            fstab(settings, facts, guest),
            "What the guest mounts when it starts. The names must be those that its config "
            "will give the disks, or it waits in vain for its root.",
        ),
        write(
            "/etc/network/interfaces",
            guest_files.interfaces(settings, guest),
            "eth0 is the guest's end of the cable to the bridge; the other end is vifN.0 here."
            if settings.host.bridge != NO_BRIDGE
            else "The guest has no network card: only its loopback.",
        ),
    ]
    if guest.network != "dhcp" and settings.host.bridge != NO_BRIDGE:
        files.append(
            write(
                "/etc/resolv.conf",
                guest_files.resolv_conf(facts, guest),
                "A fixed address comes without name servers: these are asked.",
            )
        )
    if sources := guest_files.apt_sources(facts, guest, release):
        files.append(
            write(
                "/etc/apt/sources.list",
                sources,
                "Where the guest's own apt finds packages, updates and security updates.",
            )
        )
    return list(files)


def _login(settings: Settings, facts: Facts, guest: GuestSettings) -> list[Action]:
    place = mount_point(guest)
    inside = root_filesystem(settings, facts, guest)
    actions: list[Action] = [
        MakeDirectory(
            f"{place}/{_PATIENCE}",
            "A file in this directory adds to systemd's own description of the login on hvc0.",
            inside=inside,
        ),
        WriteFile(
            f"{place}/{_PATIENCE}/patience.conf",
            _PATIENCE_TEXT,
            "The login waits for its console as long as that takes: after 90 seconds systemd would "
            "give up, and a slow guest would never let anyone in.",
            inside=inside,
        ),
        MakeDirectory(
            f"{place}/{_GETTY}",
            "systemd starts the logins that are linked in this directory, one for each console.",
            inside=inside,
        ),
        MakeLink(
            f"{place}/{_GETTY}/{_CONSOLE}",
            "/lib/systemd/system/serial-getty@.service",
            "hvc0 is a paravirtual guest's console: without a login there the guest runs, and its "
            "console stays silent.",
            inside=inside,
        ),
    ]
    if guest.root_password != LOCKED:
        actions.append(
            RunCommand(
                ("chpasswd", "--encrypted", "--root", place),
                why="root's password, as a hash; it goes in by standard input, and is written down "
                "nowhere else.",
                probe=CommandShows(
                    ("passwd", "--root", place, "--status", "root"), "^root P ", inside=inside
                ),
                undo_note="it goes with the volume's content",
                input=SecretInput(f"guests.{guest.name}.root_password", "root:{}\n"),
                inside=inside,
            )
        )
    if guest.ssh_keys:
        actions += [
            MakeDirectory(
                f"{place}/root/.ssh",
                "SSH reads keys only from a directory that nobody else can write to.",
                mode=0o700,
                inside=inside,
            ),
            WriteFile(
                f"{place}/root/.ssh/authorized_keys",
                "".join(f"{key}\n" for key in guest.ssh_keys),
                "Whoever has a private key to one of these public keys may log in as root, over "
                "the network and without a password.",
                mode=0o600,
                inside=inside,
            ),
        ]
    return actions


def _modules(settings: Settings, facts: Facts, guest: GuestSettings) -> list[Action]:
    kernel = kernel_for(facts, guest)
    if kernel is None or kernel.modules is None:
        return []
    place = mount_point(guest)
    inside = root_filesystem(settings, facts, guest)
    copy = f"{place}/lib/modules/{kernel.version}"
    return [
        MakeDirectory(
            f"{place}/lib/modules",
            "The guest's kernel looks for its modules here; a system that was installed without a "
            "kernel may not have the directory.",
            inside=inside,
        ),
        RunCommand(
            ("cp", "--archive", kernel.modules, f"{place}/lib/modules/"),
            why="The guest boots the host's kernel, and needs that kernel's modules: the network "
            "card's driver is one of them.",
            # cp gives a directory its own time only when all is in it: a copy cut off is newer.
            probe=CommandShows(
                ("find", copy, "-maxdepth", "0", "-not", "-newer", kernel.modules),
                r"\S",
                inside=inside,
            ),
            undo_note="they go with the volume's content",
            timeout=1800,
            estimate=30,
            inside=inside,
        ),
    ]


def _finish(settings: Settings, facts: Facts, guest: GuestSettings) -> list[Action]:
    place = mount_point(guest)
    inside = root_filesystem(settings, facts, guest)
    cache = f"{place}/var/cache/apt/archives"
    packages = ("find", cache, "-name", "*.deb")
    return [
        WriteFile(
            f"{place}/etc/machine-id",
            "",
            "Empty, so that the guest draws an id of its own at its first boot: two machines with "
            "one id get one address from some DHCP servers.",
            mode=0o444,
            inside=inside,
        ),
        RunCommand(
            (*packages, "-delete"),
            why="The fetched packages are installed: the guest's volume has better uses for the "
            "space.",
            probe=CommandShows(packages, r"\S", lacks=True, inside=inside),
            undo_note="they go with the volume's content",
            inside=inside,
        ),
        RunCommand(
            (
                *("mv", "--force", "--no-target-directory"),
                f"{place}{guest_files.INSTALLING}",
                f"{place}{guest_files.MARKER}",
            ),
            why="Done last: a volume with this file in its place holds a complete system, and is "
            "left alone from then on.",
            probe=PathAbsent(f"{place}{guest_files.INSTALLING}", inside=inside),
            undo_note="it goes with the volume's content",
            estimate=0.1,
            inside=inside,
        ),
    ]
