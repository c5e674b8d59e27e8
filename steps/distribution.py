"""Whether this machine can become a Xen host: every check there is, before anything changes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from steps.boot_drop_in import dom0_kernel
from steps.facts import Facts
from steps.guest_disks import root_device
from steps.guest_files import is_complete
from steps.hosts.choices import BOOT_LOADERS, disagreements
from steps.hosts.distributions import DISTRIBUTIONS, host_distribution
from steps.hosts.guest_releases import RELEASES
from steps.kinds import round_size, show_size, size_to_read
from steps.lessons import distribution as lesson
from steps.memory import (
    GUEST_OVERHEAD,
    XEN_MEMORY,
    guests_in_words,
    total_memory,
    wanted_memory,
)
from steps.settings import GUEST_MEMORY, LEAST_DOM0_MEMORY, NO_BRIDGE, SPARE_SPACE, Settings
from steps.storage import wanted_region
from wizard.step import Plan, Problem

TITLE = "What this machine has"
LESSON = lesson.LESSON
QUESTIONS = ("host.ignore",)

# MiB that the work takes in each file system, with room to breathe: Xen's packages and their
# downloads, the boot menu and the hypervisor, debootstrap's scripts, the journal and its backups.
_NEEDED_SPACE = {"/": 400, "/boot": 20, "/var": 300}
_TOOLS = ("udev", "iproute2")


def check(settings: Settings, facts: Facts) -> list[Problem]:
    """Everything at once; each by its name, so that it can be ignored by that name."""
    checks = (
        _distribution,
        _architecture,
        _container,
        _inside_guest,
        _service_manager,
        _memory,
        _spare_space,
        _disk_space,
        _network_card,
        _boot_loader,
        _choices,
        _firmware,
        _kernel,
        _tools,
        _graphics,
        _mirror,
        _keyring,
    )
    return [problem for one in checks for problem in one(settings, facts)]


def plan(settings: Settings, facts: Facts) -> Plan[Facts]:
    """Nothing to do; what was found, in words."""
    notes = []
    hardware = {"vmx", "svm"} & set(facts.processor.flags)
    if facts.xen.running and facts.xen.control_domain:
        notes.append(
            f"This machine runs under Xen {facts.xen.version} already: what is there is kept."
        )
    elif hardware:
        notes.append(
            f"The processor can virtualise ({' '.join(sorted(hardware))}). Paravirtual guests do "
            "without; the fully virtualised ones that you may make later do not."
        )
    else:
        notes.append(
            "The processor does not show vmx or svm. Paravirtual guests, as made here, do without."
        )
    if facts.firmware == "uefi" and facts.secure_boot is False:
        notes.append("UEFI without Secure Boot: Xen can be booted.")
    need = wanted_memory(settings)
    return Plan(
        (),
        facts,
        skipped=(
            f"{facts.distribution.name}, {facts.architecture}, "
            f"{size_to_read(total_memory(facts))} of memory, of which "
            f"{size_to_read(need, up=True)} are wanted.",
        ),
        notes=tuple(notes),
    )


def verify(_settings: Settings, _facts: Facts) -> list[Problem]:
    """Nothing was changed, so there is nothing to look at again: the checks were it."""
    return []


def _distribution(_settings: Settings, facts: Facts) -> Iterator[Problem]:
    known = host_distribution(facts.distribution.family)
    supported = " and ".join(item.name for item in DISTRIBUTIONS.values() if item.supported)
    name = facts.distribution.name or "This distribution"
    if known is None:
        yield Problem(
            "distribution",
            f"{name} is not a distribution that this program knows how to install Xen on.",
            f"It knows {supported}, and those made from them.",
        )
    elif not known.supported:
        yield Problem(
            "distribution",
            f"{name} is known, but this program cannot install Xen there yet.",
            f"It can on {supported}. Here the packages are called "
            f"{', '.join(known.xen_packages)}: install them by hand.",
        )
    elif known.id == facts.distribution.id and _is_older(facts.distribution.version, known.oldest):
        yield Problem(
            "distribution",
            f"{name} is older than what this was tried with ({known.name} {known.oldest:g}).",
            "Upgrade the distribution first. If you want to try all the same: --ignore "
            "distribution",
        )


def _is_older(version: str, oldest: float) -> bool:
    found = re.match(r"\d+(\.\d+)?", version)
    return found is not None and float(found[0]) < oldest


def _architecture(_settings: Settings, facts: Facts) -> Iterator[Problem]:
    if facts.architecture not in ("x86_64", "amd64"):
        yield Problem(
            "architecture",
            f"This system is {facts.architecture}; Xen's hypervisor runs on x86_64 here.",
            "Install the amd64 version of the distribution. 32-bit hypervisors ended with Xen 4.2.",
        )
    elif facts.processor.flags and "lm" not in facts.processor.flags:
        yield Problem(
            "processor",
            "The processor does not show the flag lm (64-bit mode).",
            "Xen needs a 64-bit processor; in a virtual machine, choose another processor model.",
        )


def _container(_settings: Settings, facts: Facts) -> Iterator[Problem]:
    if facts.container:
        yield Problem(
            "container",
            f"This is a container ({facts.container}): it has neither a boot loader nor a kernel "
            "of its own.",
            "Start xen-setup on the machine itself, or try it out with: xen-setup practice",
        )


def _inside_guest(_settings: Settings, facts: Facts) -> Iterator[Problem]:
    if facts.xen.running and not facts.xen.control_domain:
        yield Problem(
            "inside-guest",
            "This system is itself a guest of a Xen host: it cannot give orders to that Xen.",
            "Start xen-setup on the host (dom0).",
        )


def _service_manager(_settings: Settings, facts: Facts) -> Iterator[Problem]:
    if not facts.udev:
        yield Problem(
            "udev",
            "udev does not run: nothing makes device files for volumes and guests' disks.",
            "Install udev and boot with it.",
        )


def _memory(settings: Settings, facts: Facts) -> Iterator[Problem]:
    if facts.xen.running and facts.xen.total_memory is None:
        yield Problem(
            "memory",
            "Under Xen, only `xl info` knows how much memory the machine has, and it gave no "
            "answer.",
            "Start again with sudo. If it was root already: systemctl restart xen",
            "unknown",
        )
        return
    total, wanted = total_memory(facts), wanted_memory(settings)
    if wanted > total:
        spare = total - XEN_MEMORY - GUEST_OVERHEAD * len(settings.guests)
        hint = (
            f"dom0 and the guests may have {round_size(max(spare, 0))} together: give dom0 "
            "(host.dom0_memory) or a guest (guests: memory) less, or leave guests out."
        )
        if spare < LEAST_DOM0_MEMORY:  # no answer helps
            hint = (
                f"Take a machine with more: dom0 alone needs {LEAST_DOM0_MEMORY}MiB, and a guest "
                f"with Debian's own kernel {GUEST_MEMORY}MiB."
            )
        yield Problem(
            "memory",
            f"{show_size(settings.host.dom0_memory)} for dom0, "
            f"{guests_in_words(settings.guests)}, {XEN_MEMORY}MiB for Xen itself and "
            f"{GUEST_OVERHEAD}MiB for its books on each guest are {round_size(wanted, up=True)} of "
            f"memory, and the machine has {round_size(total)}.",
            hint,
        )


def _spare_space(settings: Settings, facts: Facts) -> Iterator[Problem]:
    storage = settings.storage
    group = facts.group(storage.volume_group)
    if group is not None:
        own = {
            f"{guest.name}-{part}" for guest in settings.guests for part in ("root", "swap")
        }  # what an earlier run made is not asked for again
        size = group.free + sum(item.size for item in group.volumes if item.name in own)
        place = f"The volume group {group.name} has {show_size(size)} for the guests"
        needed = sum(guest.root_size + guest.swap_size for guest in settings.guests)
    elif storage.use == "existing-group":
        return  # whether that group is there is its own step's question
    elif any(_names_disk(storage.device, disk.path, disk.names) for disk in facts.disks):
        disk = next(
            item for item in facts.disks if _names_disk(storage.device, item.path, item.names)
        )
        region = wanted_region(disk, storage.region)
        free = region.size if region is not None else 0
        if storage.use == "free-space" and disk.table is None and not facts.as_root:
            yield Problem(
                "spare-space",
                f"Only root can see how much unpartitioned space {disk.path} has.",
                "Start again with sudo.",
                "unknown",
            )
            return
        size = free if storage.use == "free-space" else disk.size
        place = f"{disk.path} has {show_size(size)} in one free piece"
        needed = storage.partition_size or SPARE_SPACE
    else:
        partition = next(
            (
                item
                for disk in facts.disks
                for item in disk.partitions
                if _names_disk(storage.device, item.path, item.names)
            ),
            None,
        )
        if partition is None:
            return  # volume_group says that the device is not there
        size, needed = partition.size, SPARE_SPACE
        place = f"{partition.path} has {show_size(size)}"
    if size < needed:
        yield Problem(
            "spare-space",
            f"{place}; {show_size(needed)} are needed, {show_size(needed - size)} more.",
            "Choose another place for the guests' disks (storage.use, storage.device), or smaller "
            "sizes.",
        )


def _names_disk(device: str, path: str, names: tuple[str, ...]) -> bool:
    return device == path or device in names


def _disk_space(_settings: Settings, facts: Facts) -> Iterator[Problem]:
    for place, needed in _NEEDED_SPACE.items():
        free = facts.space.get(place)
        if free is not None and free < needed:
            yield Problem(
                "disk-space",
                f"{place} has {free} MiB free; about {needed} are needed.",
                "Make room: apt-get clean removes downloaded packages, apt-get autoremove old "
                "kernels.",
            )


def _network_card(settings: Settings, facts: Facts) -> Iterator[Problem]:
    if settings.host.bridge == NO_BRIDGE or facts.bridge(settings.host.bridge):
        return
    if not facts.network.cards:
        yield Problem(
            "network-card",
            "No network card was found that Linux has a driver for.",
            "Look at what `ip link` and `lspci` list. Without a network: set host.bridge to none.",
        )


def _boot_loader(_settings: Settings, facts: Facts) -> Iterator[Problem]:
    if facts.boot.kind in BOOT_LOADERS:
        return
    words = {
        "other": "The boot loader is another than GRUB 2 or GRUB Legacy.",
        "none": "No boot loader was found.",
    }
    package = "grub-efi-amd64" if facts.firmware == "uefi" else "grub-pc"
    yield Problem(
        "boot-loader",
        words[facts.boot.kind],
        f"Install {package}, boot with it, and start again.",
    )


def _choices(settings: Settings, facts: Facts) -> Iterator[Problem]:
    host = settings.host
    yield from disagreements(
        facts,
        boot_loader=host.boot_loader,
        service_manager=host.service_manager,
        toolstack=host.toolstack,
        source=host.xen_source,
    )


def _firmware(_settings: Settings, facts: Facts) -> Iterator[Problem]:
    if facts.secure_boot:
        yield Problem(
            "secure-boot",
            "Secure Boot is on. The firmware then starts only signed programs, and Xen's "
            "hypervisor is not: the screen stays black.",
            "Turn Secure Boot off in the firmware's settings (key F2 or Del at power-on).",
        )
    elif facts.secure_boot is None and facts.firmware == "uefi":
        yield Problem(
            "secure-boot",
            "It is not known whether Secure Boot is on.",
            "mokutil --sb-state tells; it must be off for Xen.",
            "unknown",
        )


def _kernel(_settings: Settings, facts: Facts) -> Iterator[Problem]:
    kernel = dom0_kernel(facts)
    if not facts.kernels:
        yield Problem(
            "kernel",
            "There is no kernel in /boot.",
            "Install one: apt-get install linux-image-amd64",
        )
    elif kernel is None:
        names = ", ".join(item.version for item in facts.kernels)
        yield Problem(
            "kernel",
            f"No kernel in /boot can be dom0 ({names}): CONFIG_XEN_DOM0 is not set.",
            "Install the distribution's own kernel (linux-image-amd64, linux-image-generic); "
            "“cloud” kernels leave Xen out.",
        )
    elif kernel.xen_dom0 is None:
        yield Problem(
            "kernel",
            f"It is not known whether {kernel.version} can be dom0: /boot/config-{kernel.version} "
            "is missing.",
            "update-grub makes a Xen entry only for kernels with that file. Reinstall the kernel's "
            "package.",
            "unknown",
        )


def _tools(_settings: Settings, facts: Facts) -> Iterator[Problem]:
    # What xen_packages installs, it checks itself; these must be there before.
    missing = [name for name in _TOOLS if name not in facts.packages]
    absent = [name for name in missing if name not in facts.installable]
    if absent and facts.packages:
        yield Problem(
            "tools",
            f"{' and '.join(absent)} can be neither found nor installed.",
            "Look at /etc/apt/sources.list and run apt-get update.",
        )
    elif missing:
        yield Problem(
            "tools",
            f"{' and '.join(missing)} is not installed.",
            f"apt-get install {' '.join(missing)}",
        )


def _graphics(_settings: Settings, facts: Facts) -> Iterator[Problem]:
    if facts.graphics_modules:
        yield Problem(
            "graphics-driver",
            f"A proprietary graphics driver is in use ({', '.join(facts.graphics_modules)}). Such "
            "drivers reach around the kernel for memory, and fail under Xen.",
            "Remove it and boot with the kernel's own driver (nouveau, amdgpu). If no screen is "
            "needed under Xen: --ignore graphics-driver",
        )


def _mirror(settings: Settings, facts: Facts) -> Iterator[Problem]:
    from_host = any(guest.mirror == "host" for guest in settings.guests)
    if facts.apt.login and from_host and _fetches(settings, facts):
        host = facts.apt.mirror.partition("://")[2].partition("/")[0]
        yield Problem(
            "mirror-login",
            f"The mirror {facts.apt.mirror} asks for a name and a password, and debootstrap takes "
            "them only in its command line, where everyone could read them.",
            "Choose a mirror without, or file:///PATH (guests: mirror). Or have debootstrap's wget "
            f"find them: write `machine {host} login NAME password WORD` to /root/.netrc, "
            "chmod 600 it, and pass --ignore mirror-login.",
        )
    if facts.apt.reachable is False and _fetches(settings, facts):
        yield Problem(
            "mirror",
            f"The mirror {facts.apt.mirror} does not answer.",
            "Look at the network: ip route, and the name servers in /etc/resolv.conf. Behind a "
            "proxy, set Acquire::http::Proxy in /etc/apt/apt.conf.d.",
        )
    elif not facts.apt.mirror and from_host:
        yield Problem(
            "mirror",
            "The host's apt sources name no mirror that a guest could be installed from.",
            "debootstrap's own default is taken. To choose: guests.mirror",
            "warning",
        )


def _fetches(settings: Settings, facts: Facts) -> bool:
    """Whether the mirror is needed at all: for Xen, or for a guest's system."""
    if "xen-system-amd64" not in facts.packages:
        return True
    trees = ((guest, facts.tree(root_device(settings, guest))) for guest in settings.guests)
    return any(
        facts.domain(guest.name) is None and not (tree and is_complete(tree, guest))
        for guest, tree in trees
    )


def _keyring(settings: Settings, facts: Facts) -> Iterator[Problem]:
    for guest in settings.guests:
        release = RELEASES.get(guest.release)
        if release is None:
            continue  # whether that release can be installed is guest_system's question
        package = release.keyring_package
        if package not in facts.packages and package not in facts.installable:
            yield Problem(
                "keyring",
                f"The keys that {guest.release} is signed with are not here, and {package} cannot "
                "be installed.",
                f"Without them nobody could tell a forged package. Install {package}, or choose "
                "another release for the guest.",
            )
