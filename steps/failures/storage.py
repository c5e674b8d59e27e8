"""Failures of disks: LVM, filesystems, and disks that are full or broken."""

from __future__ import annotations

from wizard.diagnosis import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        "volume-group-taken",
        (
            r"[Aa] volume group called (?P<name>\S+) already exists",
            r"/dev/(?P<name>[\w+.-]+): already exists in filesystem",
        ),
        "There is a volume group {name} already (or something else of that name in /dev).",
        "Look at `vgs`. Use that group if it is yours (storage.volume_group), or choose another "
        "name.",
        lesson="volume_group",
    ),
    Rule(
        "volume-group-missing",
        (
            r'Volume group "(?P<name>[^"]+)" not found',
            r"Cannot process volume group (?P<name>\S+)",
        ),
        "LVM knows no volume group {name}: its disk is missing, or it was never made.",
        "Look at `vgs`, `pvs` and `lsblk`. A disk that came back is found by `vgscan`; "
        "`vgchange --activate y {name}` makes its volumes usable.",
        lesson="volume_group",
    ),
    Rule(
        "volume-group-full",
        (
            r'Volume group "(?P<name>[^"]+)" has insufficient free space',
            r"Insufficient suitable allocatable extents for logical volume (?P<name>\S+)",
            r"\b[Ii]nsufficient free space",
        ),
        "The volume group {name} has less room left than the new volume needs.",
        "Look at `vgs`, column VFree. Make the volume smaller, remove one that nobody needs, or "
        "add a disk: `vgextend`.",
        lesson="guest_volumes",
    ),
    Rule(
        "volume-taken",
        (r'[Ll]ogical [Vv]olume "(?P<name>[^"]+)" already exists',),
        "There is a volume {name} already; a second one of that name cannot be.",
        "Look at `lvs`. Name the guest or its volume otherwise, or remove the old one "
        "(`lvremove`), if nothing on it matters.",
        lesson="guest_volumes",
    ),
    Rule(
        "volume-in-use",
        (
            r"[Ll]ogical volume (?P<name>\S+) (?:is )?(?:in use|used|contains a filesystem in use)",
            r"Can't (?:remove|deactivate) (?:open|active) .*volume (?P<name>\S+)",
        ),
        "The volume {name} is still used: it is mounted, a guest has it, or a program stands in "
        "it.",
        "Look at `findmnt`, `xl list`, `dmsetup info`, column Open. Unmount it or end the guest "
        "first.",
        lesson="guest_volumes",
    ),
    Rule(
        "old-signature",
        (
            r"signature detected(?: on (?P<path>\S+) at offset)?",
            r"[Aa]borted wiping of",
            r"(?P<path>\S+) contains a \S+ file ?system",
            r"(?P<path>\S+) appears to contain an existing",
            r"Can't initialize physical volume \"(?P<path>[^\"]+)\" of volume group",
        ),
        "Something is left from before on the device {path}, and is overwritten only when told.",
        "Look what it is: `wipefs {path}` (it only shows), `lsblk --fs`. If nothing on it matters: "
        "name the device in storage.overwrite, or `wipefs --all` it.",
        lesson="volume_group",
    ),
    Rule(
        "device-busy",
        (
            r"Can't open (?P<path>\S+) exclusively",
            r"(?P<path>\S+) is mounted; will not make",
            r"(?P<path>\S+) is apparently in use by the system",
            r"(?P<path>\S+): Device or resource busy",
            r"(?P<path>/\S+): target is busy",
        ),
        "{path} is in use: mounted, swap, part of a group or an array, or held by a program.",
        "Look at `lsblk {path}`, `findmnt {path}`, `fuser --verbose --mount {path}`. Unmount it, "
        "or take another device.",
        lesson="volume_group",
    ),
    Rule(
        "device-refused",
        (
            r"Cannot use (?P<path>\S+): device is (?:partitioned|too small)",
            r"Device (?P<path>\S+) excluded by a filter",
            r"Device (?P<path>\S+) not found",
            r"No device found for (?P<path>\S+?)\.?$",
            r"Device size reported to be zero",
        ),
        "LVM or mkfs does not take the device {path}: it has partitions on it, is not there, is "
        "empty, or a filter in /etc/lvm/lvm.conf leaves it out.",
        "Look at `lsblk`, `pvs --all`. Name a partition instead of a disk that has some.",
        lesson="volume_group",
    ),
    Rule(
        "no-device-mapper",
        (
            r"/dev/mapper/control: open failed",
            r"[Ii]s device-mapper driver missing from kernel",
            r"Failure to communicate with kernel device-mapper driver",
        ),
        "The kernel has no device mapper, which LVM's volumes are made of; or this is a container.",
        "`modprobe dm-mod`; in a container it must be loaded on its host. `xen-setup practice` "
        "needs none.",
        lesson="volume_group",
    ),
    Rule(
        "disk-full",
        (r"No space left on device", r"[Dd]isk quota exceeded"),
        "A filesystem is full.",
        "Look at `df --human-readable` and `df --inodes`. `apt-get clean` frees what apt keeps; "
        "old logs and kernels are the usual rest. A guest's own disk: make root_size larger.",
        lesson="guest_volumes",
    ),
    Rule(
        "read-only",
        (r"Read-only file system",),
        "A filesystem is mounted read-only: on purpose, or because the kernel found it damaged.",
        "Look at `findmnt` (ro), and `dmesg | tail` for errors. Check it with `fsck` while it is "
        "not mounted.",
        lesson="guest_volumes",
        consequence=True,  # mostly of a disk that fails
    ),
    Rule(
        "disk-broken",
        (
            r"I/O error, dev (?P<name>\w+)",
            r"Error (?:reading|writing) device (?P<name>\S+)",
            r"Input/output error",
        ),
        "The disk {name} could not be read or written: it is failing, or its cable is.",
        "Look at `dmesg | tail`, `smartctl --all` of the disk. Save what matters before anything "
        "else.",
        lesson="volume_group",
    ),
)
