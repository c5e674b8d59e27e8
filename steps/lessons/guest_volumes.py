"""The lesson of the step `guest_volumes`."""

from __future__ import annotations

from wizard.lesson import Lesson, Look, ThenAndNow, Trouble

LESSON = Lesson(
    idea="""\
Each guest gets two logical volumes: one for its root filesystem, one for swap. The host makes the
filesystems, since it must put a system into the first one before the guest can start. The guest
sees each as a disk's partition, and knows nothing of LVM.

Never mount a volume in two places at once, host and guest or two guests: each keeps parts of it in
its own memory, and would overwrite what the other wrote. Xen refuses a disk that the host has
mounted, and this is why.""",
    then_and_now=(
        ThenAndNow(
            "swap",
            "lvcreate -n vm01-swap -L128M xendisks",
            "lvcreate --name vm01-swap --size 512M xendisks",
        ),
        ThenAndNow(
            "the root volume",
            "lvcreate -n vm01-root -L2G xendisks",
            "lvcreate --name vm01-root --size 2G xendisks",
        ),
        ThenAndNow(
            "filesystems",
            "mke2fs -j /dev/xendisks/vm01-root\nmkswap /dev/xendisks/vm01-swap",
            "mkfs.ext4 -U UUID /dev/xendisks/vm01-root\nmkswap --uuid UUID /dev/xendisks/vm01-swap",
        ),
    ),
    check=(
        Look("lvs xendisks", "the volumes, with their sizes"),
        Look("blkid /dev/xendisks/vm01-root", "its filesystem and UUID"),
        Look("lsblk --fs", "where each is mounted, if anywhere"),
    ),
    undo="""\
`lvremove` for the volumes that this step made, with all that is in them; rollback does this.
A snapshot that somebody made of one would go with it: rollback stops there, and names it.
Others of the same name are left, as their UUIDs are not ours.""",
    wrong=(
        Trouble(
            "`insufficient free space`",
            "The group has less left than the volume wants. `vgs` shows how much; `vgextend` adds "
            "another device to the group.",
            check="volume-too-small",
            rule="volume-group-full",
        ),
        Trouble(
            '`Logical Volume "vm01-root" already exists`',
            "Another guest, or another attempt, had that name. Nothing is put over it: give this "
            "guest another name, or remove the volume yourself.",
            check="volume-taken",
            rule="volume-taken",
        ),
        Trouble(
            "a filesystem is broken after it was mounted in two domains",
            "End the guest, run `fsck` on the volume in the host, and mount it in one place only. "
            "What was lost is lost: a snapshot made before helps.",
            check="config-disk-mounted",
        ),
    ),
    read_on=("lvcreate(8)", "lvs(8)", "mkfs.ext4(8)", "mkswap(8)"),
)
