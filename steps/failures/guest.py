"""Failures of a guest: its config, its kernel, its disks, its start, its console."""

from __future__ import annotations

from wizard.diagnosis import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        "too-little-memory",
        (
            r"can't allocate low memory for domain",
            r"xc_dom_boot_mem_init failed: Out of memory",
            r"failed to free memory for the domain",
            r"Not enough memory is available",
        ),
        "The guest wants more memory than the host has left for it.",
        "`xl info` says free_memory, in MiB. Give the guest less (`memory =` in its config), "
        "end another one, or give dom0 less (dom0_mem, then boot).",
        lesson="first_boot",
        row=4,
    ),
    Rule(
        "disk-path",
        (
            r"failed to stat: (?P<path>.+?): No such file",
            r"\bfailed to stat\b",
        ),
        "The config names a disk that is not there ({path}).",
        "Look at `ls -lL {path}`. A path begins with /dev/ today (the old phy:xendisks/vm01-root "
        "does not); if the group sleeps, `vgchange --activate y` wakes it.",
        lesson="guest_config",
        row=7,
    ),
    Rule(
        "disk-mounted",
        (
            r"[Dd]evice (?P<path>\S+) is mounted (?:read-write )?in the privileged domain",
            r"is mounted (?:read-write )?in the privileged domain",
        ),
        "The host itself has the guest's disk mounted ({path}). Two systems that write one "
        "filesystem destroy it, so Xen refuses.",
        "Look at `findmnt {path}`. `umount` it, and start the guest again.",
        lesson="guest_volumes",
        row=8,
    ),
    Rule(
        "disk-in-guest",
        (
            r"[Dd]evice (?P<path>\S+) is mounted (?:read-write )?in a guest domain",
            r"is mounted (?:read-write )?in a guest domain",
        ),
        "Another guest has this disk already ({path}).",
        "Look at `xl list`, and the `disk =` lines in /etc/xen. Each guest needs disks of its own.",
        lesson="guest_volumes",
        row=8,
    ),
    Rule(
        "kernel-missing",
        (
            r"failed to open file '(?P<path>[^']+)'",
            r"[Ff]ailed to open file (?P<path>/\S+)",
        ),
        "The guest's config names a kernel or an initrd that is not there: {path}. An upgrade of "
        "the host takes old ones away.",
        "Look at `ls /boot`. Name a kernel and an initrd that are there (`kernel =`, `ramdisk =`), "
        "and give the guest that kernel's modules.",
        lesson="guest_config",
        row=9,
    ),
    Rule(
        "kernel-unreadable",
        (
            r"unable to \S+ decompress kernel",
            r"xc_dom_find_loader: no loader found",
            r"Not a Xen-ELF image",
            r"no (?:suitable )?loader found",
            r"image not capable of booting inside a",
        ),
        "Xen cannot read the kernel that the config names: its compression is too new for this "
        "Xen, or it was not built to run as this type of guest.",
        "Look at `file -L` of the kernel. Name the host's own (/boot/vmlinuz-…), which boots "
        "under this Xen, or update Xen.",
        lesson="guest_config",
        row=9,
    ),
    Rule(
        "bootloader-failed",
        (
            r"bootloader failed",
            r"bootloader \[\d+\] exited with error",
            r"bootloader isn't executable",
            r"libxl__bootloader_run.*failed",
            r"cannot execute \S*(?:pygrub|pvgrub)",
            r"Unable to find partition containing kernel",
            r"pygrub.*(?:No such file|[Ee]rror)",
        ),
        "The bootloader of the config, which fetches the kernel out of the guest's own disk, did "
        "not run or found nothing: its path is from an older Xen, or the guest has no grub.cfg "
        "that pygrub can read (btrfs, BLS entries).",
        'Write `bootloader = "pygrub"` without a path, and read the log that is named, '
        "/var/log/xen/bootloader.*.log. Or boot the host's kernel: `kernel =`, `ramdisk =`, "
        "`root =`.",
        lesson="guest_config",
        row=10,
    ),
    Rule(
        "root-device",
        (
            r"ALERT!\s+(?P<path>\S+) does not exist",
            r"VFS: Cannot open root device \"?(?P<path>[^\"\s]+)",
            r"(?P<path>/dev/(?:xvd|sd|hd|vd)\S+) does not exist",
            r"Gave up waiting for root (?:file system )?device",
        ),
        "The guest's kernel started, and does not find its root disk {path}.",
        "Three places must name the same disk: `disk =` and `root =` in the config, and "
        "/etc/fstab in the guest. Xen's disks are xvda1, not hda1 or sda1; the initrd needs the "
        "module xen-blkfront (`lsinitramfs /boot/initrd.img-… | grep blkfront`).",
        lesson="guest_config",
        row=11,
    ),
    Rule(
        "guest-emergency",
        (
            r"You are in (?:emergency|rescue) mode",
            r"Failed to start systemd-fsck-root",
            r"UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY",
        ),
        "The guest's system started and stopped halfway: a filesystem of it has errors, or is not "
        "the one that its fstab names.",
        "The console's lines with FAILED name it. With the guest off (`xl destroy NAME`), check "
        "its root volume on the host: `e2fsck -f /dev/GROUP/NAME-root`; compare /etc/fstab in it "
        "with the disks in the config, and start the guest again.",
        lesson="guest_system",
        row=11,
    ),
    Rule(
        "guest-memory-initrd",
        (
            r"Initramfs unpacking failed",
            r"System is deadlocked on memory",
            r"Out of memory and no killable processes",
            r"rootfs image is not initramfs",
        ),
        "The guest has too little memory to unpack its initrd: Debian's is about 40 MiB packed, "
        "and several times that unpacked.",
        "Give it 512 MiB (`memory = 512` in its config); the tutorial's 128 are too few today.",
        lesson="guest_config",
        row=4,
    ),
    Rule(
        "guest-memory-kernel",
        (r"segment (?:kernel|ramdisk|module\d*) too large",),
        "The guest has less memory than its kernel and its initrd need to be put there.",
        "Give it 512 MiB (`memory = 512` in its config); the tutorial's 128 are too few today.",
        lesson="guest_config",
        row=4,
    ),
    Rule(
        "root-unmountable",
        (
            r"VFS: Unable to mount root fs on",
            r"No working init found",
            r"Requested init \S+ failed",
            r"No init found\. Try passing init=",
        ),
        "The guest's kernel found no system on its root disk: the volume is empty or another one, "
        "or the initrd is missing from the config.",
        "Mount the volume on the host (while the guest is off), and see that /sbin/init is "
        "in it. `ramdisk =` must name the initrd that belongs to `kernel =`.",
        lesson="guest_system",
        row=11,
        consequence=True,
    ),
    Rule(
        "console-silent",
        (
            r"[Uu]nable to open an initial console",
            r"(?:Timed out waiting for device|Job) \S*dev-hvc0",
            r"getty\S*: /dev/hvc0: (?:cannot|No such)",
            r"\bconsole (?:is |stays )?silent\b",
            r"did not show .*login",
        ),
        "The guest runs, and nobody sits at its Xen console: its kernel does not write there, or "
        "no login waits there.",
        "The config needs `console=hvc0` in `extra =`, and the guest a login on hvc0: "
        "`systemctl enable serial-getty@hvc0` in it. `xl console NAME`, then Enter, shows whether.",
        lesson="guest_system",
        row=12,
    ),
    Rule(
        "no-hap",
        (
            r"neither hap nor shadow paging available",
            r"HVM (?:guests? )?(?:are |is )?not (?:supported|available)",
            r"hvm (?:disabled|not available)",
            r"HAP requested but not available",
        ),
        'The config asks for type "pvh" or "hvm", and the processor has no hardware '
        "virtualisation, or the firmware hides it.",
        "In `xl info`, virt_caps needs hvm and hap. Switch it on in the firmware's setup "
        '(VT-x, AMD-V), or write `type = "pv"`, which needs none.',
        lesson="first_boot",
        row=13,
    ),
    Rule(
        "config-python",
        (
            r"config parsing error near .?(?P<word>os|import|def|arch|if|print|try|from)\b",
            r"Config file looks like it contains Python code",
        ),
        "The config has Python code ({word}), which the xm of old ran. xl reads only "
        "`key = value`: strings, numbers, lists.",
        'Write what the code would have computed: `kernel = "/boot/vmlinuz-…"` and so on. '
        "`xl create -n FILE` only reads it, and says when it is right.",
        lesson="guest_config",
        row=14,
    ),
    Rule(
        "config-syntax",
        (
            r":\d+: config parsing error",
            r"Failed to parse config",
        ),
        "xl cannot read the guest's config: a quote, a bracket or a comma is missing near that "
        "place, or it is no `key = value` at all.",
        "Look at the line that the message counts, and the one before it. Texts stand in quotes, "
        "lists in [ ] with commas; `xl create -n FILE` only reads it.",
        lesson="guest_config",
        row=14,
        consequence=True,
    ),
    Rule(
        "guest-panic",
        (r"Kernel panic - not syncing",),
        "The guest's kernel gave up; the lines before this one say why.",
        "Start it with its console, `xl create -c FILE`, and read what stands before the panic. "
        "`xl destroy NAME` clears away what is left.",
        lesson="first_boot",
        consequence=True,
        vague=True,
    ),
    Rule(
        "create-failed",
        (
            r"cannot \(re-\)build domain",
            r"domain creation fail",
            r"cannot make domain",
            r"Unable to set (?:disk defaults|domain create info defaults)",
            r"unable to add (?:disk|vif|nic) devices",
        ),
        "xl could not make the guest; an earlier line says why.",
        "Start it again with all words, `xl -vvv create FILE`, and read the first line that says "
        "error.",
        lesson="first_boot",
        consequence=True,
        vague=True,
    ),
)
