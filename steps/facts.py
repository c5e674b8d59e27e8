"""What is known of the machine: a read-only snapshot, JSON in and out.

None, in a field that allows it, means "not known" (mostly because only root can read it);
`unknown` says which and why. Sizes are in MiB unless the name says otherwise. Readers are in
`read_facts.py` and beside it; here are only the shapes and small questions to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

FACTS_VERSION = 1


@dataclass(frozen=True)
class Distribution:
    """os-release's words. `family` holds its id and then those of ID_LIKE."""

    id: str  # "debian"
    name: str  # "Debian GNU/Linux 12 (bookworm)"
    version: str  # "12"
    codename: str  # "bookworm"
    family: tuple[str, ...]


@dataclass(frozen=True)
class Processor:
    """`flags` are /proc/cpuinfo's; under Xen dom0 sees fewer than the hardware has."""

    vendor: str
    model: str
    count: int
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Kernel:
    """One kernel in /boot that update-grub would list. `initrd_has_blkfront` None: not known."""

    version: str  # "6.1.0-40-amd64"
    image: str  # "/boot/vmlinuz-6.1.0-40-amd64"
    initrd: str | None
    xen_dom0: bool | None
    xen_blkfront_builtin: bool | None  # CONFIG_XEN_BLKDEV_FRONTEND=y
    initrd_has_blkfront: bool | None
    initrd_unpacked_mib: int | None
    modules: str | None  # "/lib/modules/6.1.0-40-amd64", if it is there


@dataclass(frozen=True)
class BootEntry:
    """One entry of the parsed menu. `path` is the ids from the outer submenu on, joined by >.

    Where an id would lead elsewhere (update-grub gives two submenus the same), its title or
    number stands in the path: `grub-reboot PATH` always means this entry.
    """

    id: str
    path: str
    title: str
    kind: Literal["linux", "xen", "other"]
    kernel: str = ""
    initrd: str = ""
    hypervisor: str = ""
    hypervisor_options: str = ""
    kernel_options: str = ""
    recovery: bool = False


@dataclass(frozen=True)
class GrubLegacy:
    """What is to be known of GRUB Legacy beside its menu, whose text is in `files`.

    `drive` is the filesystem with /boot in GRUB's words, "(hd0,0)"; "" if it is not on a plain
    partition, or not known. `prefix` is /boot's place in it: "/boot", "" where /boot has a
    filesystem of its own. `saved` is the number in /boot/grub/default, None without that file.
    `unread` says why the menu could not be read, "" if it could.
    """

    drive: str
    prefix: str
    saved: int | None
    read_only: bool  # /boot is mounted so
    mode: int = 0o644  # of the menu, which may hold a password
    uid: int = 0
    gid: int = 0
    unread: str = ""


@dataclass(frozen=True)
class BootLoader:
    """`default` is the raw word of the configuration, `default_entry` the path that it means.

    `fallback_entry` is the path of what GRUB 2 boots by itself where it cannot load an entry; None
    where it then waits at its menu. `unwritable`: where GRUB 2 keeps its environment, if it cannot
    write there itself; `broken`: why nobody can write to that block. Both "" where that works.
    """

    kind: Literal["grub2", "grub-legacy", "other", "none"]
    version: str
    config: str  # "/boot/grub/grub.cfg"
    entries: tuple[BootEntry, ...] | None  # None: the menu could not be read
    default: str
    default_entry: str | None
    next_entry: str | None  # set by grub-reboot, for one boot
    saved_entry: str | None
    submenu_disabled: bool  # GRUB_DISABLE_SUBMENU
    root_uuid: str  # of /, as in the ids of GRUB's entries
    legacy: GrubLegacy | None = None
    fallback_entry: str | None = None
    unwritable: str = ""  # "/boot (btrfs)"
    broken: str = ""  # "has no room for another entry"


@dataclass(frozen=True)
class Domain:
    """A running domain, from `xl list`. `login_prompt`: seen on its console; None: not looked."""

    name: str
    id: int
    memory: int
    vcpus: int
    state: str
    login_prompt: bool | None = None


@dataclass(frozen=True)
class Xen:
    """`running`: under Xen now; `control_domain`: and this is dom0; `answers`: xl does too.

    `damaged`: those of the `images` that cannot be unpacked. GRUB does not notice all of them, and
    what it then starts stands still (2.06, seen).
    """

    running: bool
    control_domain: bool
    answers: bool
    version: str  # of the running hypervisor, or ""
    free_memory: int | None
    total_memory: int | None
    capabilities: tuple[str, ...]  # virt_caps: "pv", "hvm", ...
    images: tuple[str, ...]  # hypervisors in /boot
    domains: tuple[Domain, ...] | None
    commands: tuple[str, ...]  # of xl, xm that are on PATH
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True)
class Service:
    """A service by its name without suffix. `enabled` is what the service manager says.

    `switched_off`: its links in the runlevels are there, and all stop it (`update-rc.d disable`).
    `script`: it is an init script, and what starts it are those links. `masked`: systemd refuses to
    start or enable it (`systemctl mask`).
    """

    name: str
    present: bool
    enabled: bool
    active: bool
    switched_off: bool = False
    script: bool = False
    masked: bool = False


@dataclass(frozen=True)
class Card:
    """A network interface that is hardware (or a virtual machine's), never a bridge or a vif."""

    name: str
    mac: str
    driver: str
    addresses: tuple[str, ...]  # with prefix length: "10.0.2.15/24"
    up: bool
    bridge: str  # the bridge it is a port of, or ""
    default_route: bool
    wireless: bool = False


@dataclass(frozen=True)
class Bridge:
    """A bridge of the kernel's."""

    name: str
    ports: tuple[str, ...]
    addresses: tuple[str, ...]
    up: bool
    default_route: bool = False


@dataclass(frozen=True)
class Network:
    """`manager` is who configures the card with the default route. `session_card`: the interface
    that this very session comes in by (SSH), or "". `gateway`: of the default route, or "".
    `cloud_init`: it is installed, and may write the network's configuration at a boot.
    """

    manager: Literal["ifupdown", "networkd", "NetworkManager", "netplan", "none", "unknown"]
    cards: tuple[Card, ...]
    bridges: tuple[Bridge, ...]
    session_card: str
    gateway: str
    nameservers: tuple[str, ...] = ()
    domain: str = ""
    cloud_init: bool = False


# How the detail of a content begins for which blkid has no word, as only wipefs finds it.
REMAINS = "remains of "


@dataclass(frozen=True)
class Content:
    """What is on a disk, partition or volume, and what uses it.

    `kind` "empty" means that neither blkid nor wipefs finds a signature on it; "unknown" that it
    could not be read. What wipefs alone finds is no use to anybody, and may still be dear to
    somebody (a disk whose partition table is damaged): it is "other".
    """

    kind: Literal[
        "empty", "filesystem", "swap", "lvm", "raid", "luks", "partition table", "other", "unknown"
    ]
    detail: str = ""  # "ext4", "LVM2_member", "linux_raid_member", ...
    label: str = ""
    uuid: str = ""
    mounted_at: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()  # holders, active swap, the volume group's name

    @property
    def word(self) -> str:
        """blkid's own word for it; "" where it has none."""
        return "" if self.detail.startswith(REMAINS) else self.detail


@dataclass(frozen=True)
class FreeRegion:
    """Unpartitioned space, in the disk's logical sectors, aligned for a new partition."""

    start: int
    sectors: int
    size: int  # MiB
    next_number: int  # of the partition that would be made here
    usable: bool = True  # False: the table has no room for another partition
    kind: Literal["primary", "logical"] = "primary"


@dataclass(frozen=True)
class Partition:
    """A partition; `names` are its stable names (/dev/disk/by-...), best first."""

    path: str
    names: tuple[str, ...]
    number: int
    start: int
    sectors: int
    size: int  # MiB
    size_bytes: int
    uuid: str  # PARTUUID
    type: str
    content: Content
    system: bool = False  # the running system needs it (/, /boot, /usr, /var, /home, swap)


@dataclass(frozen=True)
class Disk:
    """A whole disk. `system`: the running system is on it (through LVM, RAID or LUKS too)."""

    path: str
    names: tuple[str, ...]
    size: int  # MiB
    size_bytes: int
    sector_size: int
    model: str
    serial: str
    read_only: bool
    removable: bool
    system: bool
    table: str | None  # "msdos", "gpt", None: no table or not known
    table_id: str
    content: Content
    partitions: tuple[Partition, ...]
    free: tuple[FreeRegion, ...]


@dataclass(frozen=True)
class LogicalVolume:
    """`path` is /dev/GROUP/NAME; `open`: something uses it (a mount, a guest)."""

    name: str
    path: str
    uuid: str
    tags: tuple[str, ...]
    size: int
    open: bool
    content: Content


@dataclass(frozen=True)
class VolumeGroup:
    """An LVM volume group; sizes in MiB, `extent` too."""

    name: str
    uuid: str
    tags: tuple[str, ...]
    size: int
    free: int
    extent: int
    devices: tuple[str, ...]  # physical volumes
    volumes: tuple[LogicalVolume, ...]


@dataclass(frozen=True)
class GuestTree:
    """What a guest's root volume holds, read without changing it.

    `empty`: nothing is in it but what mkfs makes, and `installing`, the text of the file that the
    installing step writes first; at its end that becomes /etc/xen-setup-guest, the `marker`.
    """

    device: str
    empty: bool
    os_id: str = ""
    codename: str = ""
    hostname: str = ""
    fstab: str = ""
    interfaces: str = ""
    console_login: bool = False  # a getty on hvc0
    root_password: Literal["set", "locked", "empty", "unknown"] = "unknown"
    modules: tuple[str, ...] = ()  # kernel versions below /lib/modules
    tls: tuple[str, ...] = ()  # directories with libraries in them, as inside the guest
    authorized_keys: tuple[str, ...] = ()
    marker: str = ""
    installing: str = ""


@dataclass(frozen=True)
class TlsDirectory:
    """A /lib/tls or one like it. `libraries` counts its files; `disabled`: moved away before."""

    path: str
    libraries: int
    disabled: bool
    nosegneg: bool = False  # in it, or beside it, is a C library that was built for Xen


@dataclass(frozen=True)
class Apt:
    """`mirror` and `security` come from the host's own sources (both formats); "" when none.

    `login`: the mirror asks for a name and a password, which are in no fact.
    """

    mirror: str
    security: str
    components: tuple[str, ...]
    keyring: str  # a keyring file that debootstrap can check with, or ""
    lists_age_hours: int | None  # None: no package lists yet
    reachable: bool | None = None  # None: not tried
    login: bool = False


@dataclass(frozen=True)
class TarballEntry:
    """What a tarball of Xen brings to one path of the host, and what is there now. `content` is a
    file's SHA-256, a link's target; `size` in bytes.
    """

    path: str
    kind: Literal["file", "link", "directory"]
    mode: int
    content: str = ""
    size: int = 0
    here: Literal["nothing", "same", "other"] = "nothing"


@dataclass(frozen=True)
class Signature:
    """A detached signature and the keyring that it was held against. `signers`: whose it is, with
    the key's fingerprint; `wrong`: why it does not count, "" when it does.
    """

    file: str
    keyring: str
    signers: tuple[str, ...] = ()
    wrong: str = ""


@dataclass(frozen=True)
class Tarball:
    """The tarball or unpacked dist/ that was asked for. `wrong`: why it is none that could be
    installed. `top` is the folder in it with install.sh; `sha256` is that of the file, "" for a
    folder. `machines` are those that its programs are for; `lacking` the libraries that they need,
    and that are neither in it nor on the host.
    """

    source: str
    sha256: str = ""
    top: str = ""
    script_sha256: str = ""
    script: str = ""
    readme: str = ""
    entries: tuple[TarballEntry, ...] = ()
    machines: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    signature: Signature | None = None  # None: no answer names one


@dataclass(frozen=True)
class Facts:
    """The snapshot. `space` is free MiB by directory (/, /boot, /var). `files` holds the texts of
    configuration files that steps decide on, by path; a path that is not in it does not exist
    (one that could not be read is in `unknown`).
    """

    as_root: bool
    machine: str  # a hash of the machine id: names this machine, gives nothing away
    boot_id: str
    hostname: str
    distribution: Distribution
    architecture: str
    processor: Processor
    memory: int
    firmware: Literal["bios", "uefi"]
    secure_boot: bool | None
    container: str  # systemd-detect-virt's word, or ""
    kernel: str
    kernel_options: str  # /proc/cmdline
    kernels: tuple[Kernel, ...]
    udev: bool
    service_manager: Literal["systemd", "sysvinit", "openrc", "unknown"]
    graphics_modules: tuple[str, ...]  # proprietary ones that are loaded or installed
    boot: BootLoader
    xen: Xen
    packages: Mapping[str, str]  # installed, name to version; only those that matter here
    installable: tuple[str, ...]  # of those that matter, what the package manager could install
    services: tuple[Service, ...]
    glibc: str
    tls: tuple[TlsDirectory, ...]
    network: Network
    disks: tuple[Disk, ...]
    volume_groups: tuple[VolumeGroup, ...] | None
    space: Mapping[str, int]
    apt: Apt
    guest_trees: tuple[GuestTree, ...]
    files: Mapping[str, str]
    directories: tuple[str, ...]  # of those that matter, what is there
    links: Mapping[str, str]  # symbolic links that matter, to where
    # A second boot loader whose menu is here too; `boot` is the one that is taken to boot.
    other_boot: BootLoader | None = None
    tools: tuple[str, ...] | None = None  # of those that matter, which programs are here
    tarball: Tarball | None = None  # None: none was asked for, or it could not be read
    # Of the person who started this (by sudo, say): lines of .pub files. None: not looked for.
    public_keys: tuple[str, ...] | None = None
    program: str = "xen-setup"  # the command that starts this program again (an absolute path)
    unknown: tuple[str, ...] = ()
    version: int = field(default=FACTS_VERSION)

    def service(self, name: str) -> Service:
        """The service of that name; one that is not there is neither enabled nor active."""
        for service in self.services:
            if service.name == name:
                return service
        return Service(name, present=False, enabled=False, active=False)

    def group(self, name: str) -> VolumeGroup | None:
        """The volume group of that name, if it is there (and known)."""
        for group in self.volume_groups or ():
            if group.name == name:
                return group
        return None

    def volume(self, group: str, name: str) -> LogicalVolume | None:
        """The logical volume of that name in that group, if it is there."""
        found = self.group(group)
        for volume in found.volumes if found else ():
            if volume.name == name:
                return volume
        return None

    def bridge(self, name: str) -> Bridge | None:
        """The bridge of that name, if it is there."""
        return next((bridge for bridge in self.network.bridges if bridge.name == name), None)

    def card(self, name: str) -> Card | None:
        """The network card of that name, if it is there."""
        return next((card for card in self.network.cards if card.name == name), None)

    def domain(self, name: str) -> Domain | None:
        """The running domain of that name, if there is one."""
        return next((domain for domain in self.xen.domains or () if domain.name == name), None)

    def tree(self, device: str) -> GuestTree | None:
        """What was read in that guest volume, if it was."""
        return next((tree for tree in self.guest_trees if tree.device == device), None)
