"""What is seen of a run that is only played: the output of each command, a failure, the boot.

The engine shows it (wizard/simulation.py). Texts were captured in the practice machine, and are
cut to what is worth reading; names and numbers are those of the machine that is played.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from steps.expected import under_xen, with_file, with_link
from steps.expected_output import xl_list
from steps.facts import Facts
from steps.settings import Settings
from wizard.actions import (
    Action,
    CreatePartition,
    InstallPackages,
    MakeLink,
    RunCommand,
    WriteFile,
)

_FOLDER = Path(__file__).parent / "machines"
_MIRROR = "http://mirror.example.org/debian"
# What comes in with these packages on a stock Debian, as apt named it.
_BROUGHT = {
    "xen-system-amd64": "libncurses6 libxencall1 libxendevicemodel1 libxenevtchn1 "
    "libxenforeignmemory1 libxengnttab1 libxenhypfs1 libxenmisc4.17 libxenstore4 libxentoolcore1 "
    "libxentoollog1 libyajl2 xen-hypervisor-4.17-amd64 xen-hypervisor-common xen-utils-4.17 "
    "xen-utils-common xenstore-utils",
    "lvm2": "dmeventd libaio1 libdevmapper-event1.02.1 liblvm2cmd2.03",
    "debootstrap": "libpsl5 wget",
}


class Played:
    """Plays the machine of these facts; see `wizard.simulation.Script`."""

    def output(self, action: Action, then: Facts) -> Sequence[str]:
        """The lines that the action's commands print; `then`: the facts after its step."""
        match action:
            case InstallPackages():
                return tuple(_apt_install(action.packages, then))
            case WriteFile(refresh=("update-grub",)):
                return tuple(_update_grub(then))
            case CreatePartition():
                return ()
            case RunCommand():
                return tuple(_command(action.argv, then))
            case _:
                return ()

    def failure(self, action: Action) -> Sequence[str]:
        """The last words of the action when it fails, as they were seen."""
        if isinstance(action, InstallPackages):
            return FAILURES["apt-get"]
        if isinstance(action, RunCommand):
            words = " ".join(action.argv)
            for start, lines in FAILURES.items():
                if words.startswith(start):
                    return lines
        return ("No space left on device",)

    def after(self, facts: Facts, action: Action) -> Facts:
        """Files and links, which a step that is cut off looks for when it is planned again."""
        match action:
            case WriteFile(inside=None):
                return with_file(facts, action.path, action.text)
            case MakeLink(inside=None):
                return with_link(facts, action.path, action.target)
            case _:
                return facts

    def boot(self, settings: Settings, facts: Facts) -> tuple[Sequence[str], Facts]:
        """The boot into Xen, and the machine after it."""
        facts = under_xen(facts, settings.host.dom0_memory)
        total = facts.memory + settings.host.dom0_memory % 2
        xen = replace(
            facts.xen,
            version=facts.xen.version or "4.17.7",
            total_memory=total,
            free_memory=max(0, total - settings.host.dom0_memory),
            capabilities=facts.xen.capabilities or ("pv", "hvm"),
        )
        return _lines("xen-boot.txt", facts.hostname), replace(facts, xen=xen)


def _lines(name: str, host: str) -> tuple[str, ...]:
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return tuple(text.replace("{host}", host).splitlines())


def _command(argv: Sequence[str], then: Facts) -> Iterator[str]:
    words = " ".join(argv)
    match argv[0]:
        case "apt-get":
            yield from (
                f"Get:1 {_MIRROR} stable InRelease [151 kB]",
                f"Get:2 {_MIRROR} stable/main amd64 Packages [8,793 kB]",
                "Fetched 8,944 kB in 3s (2,981 kB/s)",
                "Reading package lists...",
            )
        case "update-grub":
            yield from _update_grub(then)
        case "debootstrap":
            yield from _debootstrap()
        case "pvcreate":
            yield f'  Physical volume "{argv[-1]}" successfully created.'
        case "vgcreate":
            yield f'  Volume group "{argv[-2]}" successfully created'
        case "lvcreate":
            yield f'  Logical volume "{argv[argv.index("--name") + 1]}" created.'
        case "mkfs.ext4" | "mkfs.ext3":
            yield "mke2fs 1.47.0 (5-Feb-2023)"
            yield "Creating filesystem with 524288 4k blocks and 131072 inodes"
            yield f"Filesystem UUID: {argv[argv.index('-U') + 1]}"
            yield "Allocating group tables: done"
            yield "Writing inode tables: done"
            yield "Creating journal (16384 blocks): done"
            yield "Writing superblocks and filesystem accounting information: done"
        case "mkswap":
            yield f"Setting up swapspace on {argv[-1]}"
            yield f"no label, UUID={argv[argv.index('--uuid') + 1]}"
        case "ifup":
            yield f"DHCPDISCOVER on {argv[-1]} to 255.255.255.255 port 67 interval 6"
            yield f"DHCPOFFER of {_address(then)} from {then.network.gateway}"
            yield f"DHCPACK of {_address(then)} from {then.network.gateway}"
            yield f"bound to {_address(then)} -- renewal in 40000 seconds."
        case "xl" if argv[1] == "create":
            yield f"Parsing config from {argv[2]}"
        case "xl" if argv[1] == "console":
            yield from _lines("guest-console.txt", argv[2])
        case "xl" if words == "xl list":
            yield from xl_list(then)


def _address(facts: Facts) -> str:
    found = [address for bridge in facts.network.bridges for address in bridge.addresses]
    return found[0].partition("/")[0] if found else "192.0.2.10"


def _apt_install(names: Sequence[str], then: Facts) -> Iterator[str]:
    brought = [name for wanted in names for name in _BROUGHT.get(wanted, "").split()]
    every = sorted({*names, *brought})
    yield "Reading package lists..."
    yield "Building dependency tree..."
    yield "The following NEW packages will be installed:"
    yield "  " + " ".join(every)
    yield f"0 upgraded, {len(every)} newly installed, 0 to remove and 0 not upgraded."
    for number, name in enumerate(every, 1):
        yield f"Get:{number} {_MIRROR} {then.distribution.codename}/main amd64 {name} amd64"
    for name in every:
        yield f"Selecting previously unselected package {name}."
        yield f"Unpacking {name} (simulated) ..."
    for name in every:
        yield f"Setting up {name} (simulated) ..."
    yield "Processing triggers for libc-bin ..."


def _update_grub(then: Facts) -> Iterator[str]:
    if then.xen.images:
        yield "Including Xen overrides from /etc/default/grub.d/xen.cfg"
    yield "Generating grub configuration file ..."
    for kernel in then.kernels:
        yield f"Found linux image: {kernel.image}"
        if kernel.initrd:
            yield f"Found initrd image: {kernel.initrd}"
    yield "done"


def _debootstrap() -> Iterator[str]:
    packages = (_FOLDER / "minbase.txt").read_text(encoding="utf-8").split()
    yield "I: Target architecture can be executed"
    yield "I: Retrieving InRelease"
    yield "I: Checking Release signature"
    yield "I: Retrieving Packages"
    yield "I: Resolving dependencies of required packages..."
    for name in packages:
        yield f"I: Retrieving {name}"
        yield f"I: Validating {name}"
    yield "I: Chosen extractor for .deb packages: dpkg-deb"
    for name in packages:
        yield f"I: Extracting {name}..."
    yield "I: Unpacking required packages..."
    for name in packages:
        yield f"I: Unpacking {name}..."
    yield "I: Configuring required packages..."
    for name in packages:
        yield f"I: Configuring {name}..."
    yield "I: Base system installed successfully."


# By the start of the command: last lines that were seen when it failed (XEN facts; the practice
# machine).
FAILURES: dict[str, tuple[str, ...]] = {
    "apt-get": (
        f"E: Failed to fetch {_MIRROR}/pool/main/x/xen/xen-utils-common_amd64.deb"
        "  Temporary failure resolving 'mirror.example.org'",
        "E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?",
    ),
    "update-grub": (
        "/usr/sbin/grub-mkconfig: 1: cannot create /boot/grub/grub.cfg.new: No space left on "
        "device",
    ),
    "ifup": ('Cannot find device "xenbr0"', "ifup: failed to bring up xenbr0"),
    "pvcreate": (
        "  Can't open /dev/vda2 exclusively.  Mounted filesystem?",
        "  Can't open /dev/vda2 exclusively.  Mounted filesystem?",
    ),
    "vgcreate": ("  /dev/xendisks: already exists in filesystem",),
    "lvcreate": (
        '  Volume group "xendisks" has insufficient free space (128 extents): 512 required.',
    ),
    "mkfs": (
        "/dev/xendisks/vm01-root is apparently in use by the system; will not make a "
        "filesystem here!",
    ),
    "debootstrap": (
        f"E: Failed getting release file {_MIRROR}/dists/bookworm/Release",
        "/run/xen-setup/vm01/debootstrap/debootstrap.log ended with:",
        f"{_MIRROR}/dists/bookworm/Release:",
        "2006-11-24 19:06:24 ERROR 404: Not Found.",
    ),
    "xl create": (
        "libxl: error: libxl_device.c:361:libxl__device_disk_set_backend: Disk vdev=xvda1 failed "
        "to stat: xendisks/vm01-root: No such file or directory",
    ),
    "xl console": (
        "Gave up waiting for root file system device.",
        "ALERT!  /dev/xvda1 does not exist.  Dropping to a shell!",
        "(initramfs)",
    ),
}
