"""The lesson of the step `volume_group`."""

from __future__ import annotations

from wizard.lesson import Lesson, Look, ThenAndNow, Trouble

LESSON = Lesson(
    idea="""\
A guest needs disks. Files would do, but a logical volume (LVM) is quicker, and can grow. LVM has
three floors: a physical volume is a partition or disk that LVM may use; a volume group is a pool
made of them; logical volumes are cut from the pool, and look like disks.

If LVM is in use already, its group can serve: this step then has nothing to do. Otherwise it takes
free space of a disk, a partition that is empty, or the device that you name, and nothing else.""",
    then_and_now=(
        ThenAndNow(
            "the physical volume",
            "pvcreate /dev/hda5",
            "pvcreate /dev/disk/by-id/ata-...-part5",
        ),
        ThenAndNow(
            "the volume group",
            "vgcreate xendisks /dev/hda5",
            "vgcreate xendisks /dev/disk/by-id/ata-...-part5",
        ),
        ThenAndNow(
            "the disk's name",
            "/dev/hda: where it is plugged in",
            "/dev/disk/by-id: what it is; /dev/sdb may be another tomorrow",
        ),
    ),
    check=(
        Look("pvs", "the physical volumes, and to which group each belongs"),
        Look("vgs", "the groups: size and what is free (VFree)"),
        Look("lsblk", "what is on which disk"),
    ),
    undo="""\
`vgremove xendisks`, `pvremove` of the device, and the partition goes if this step made it;
rollback does this. A group that was there before stays.""",
    wrong=(
        Trouble(
            "`Can't open /dev/sdb1 exclusively.  Mounted filesystem?`",
            "Something uses the device: a mount, swap, RAID, or another group. `lsblk` shows what.",
            check="device-in-use",
            rule="device-busy",
        ),
        Trouble(
            "`WARNING: ext4 signature detected ... Wipe it? [y/n]`",
            "There was a filesystem on it. Here no device is taken that has anything on it, unless "
            "you typed its path to have that lost.",
            check="device-not-empty",
            rule="old-signature",
        ),
        Trouble(
            "`A volume group called xendisks already exists.`",
            "Use it, if it has room (storage.use: existing-group), or choose another name.",
            check="volume-group-name-taken",
            rule="volume-group-taken",
        ),
    ),
    read_on=("lvm(8)", "pvcreate(8)", "vgcreate(8)", "vgs(8)"),
)
