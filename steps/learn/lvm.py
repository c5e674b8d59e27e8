"""The topic `lvm`."""

from __future__ import annotations

from wizard.topics import Topic

TOPIC = Topic(
    name="lvm",
    title="LVM: disks cut to measure, and snapshots of a guest",
    text="""\
Partitions are cut once, and stay. LVM (the logical volume manager) puts a floor between: disks go
into a pool, and volumes are cut out of the pool, as large as needed, as many as needed, at any
time.

    vm01-root  vm01-swap  vm02-root      free     logical volumes (lvs)
    ┌────────┬──────────┬─────────────┬────────┐
    │        xendisks                          │  volume group (vgs)
    ├──────────────────────┬───────────────────┤
    │  /dev/sda5           │  /dev/sdb1        │  physical volumes (pvs)
    └──────────────────────┴───────────────────┘

    pvcreate /dev/sda5                           LVM may use it
    vgcreate xendisks /dev/sda5                  a pool of it
    lvcreate --name vm01-root --size 2G xendisks a volume
    vgextend xendisks /dev/sdb1                  more pool, later

Each volume is a device, /dev/xendisks/vm01-root: make a filesystem on it, mount it, hand it to a
guest. A filesystem on a volume grows in two steps, with the guest ended: `lvextend --size +1G
xendisks/vm01-root`, then `e2fsck -f` and `resize2fs` for ext4. Growing is safe; shrinking has to
be done the other way round, and is where filesystems are lost.

A snapshot is a second volume that shows the first as it was at one moment. Nothing is copied then,
so it takes a few seconds. When the first changes afterwards, the old blocks are put aside into the
snapshot's own space:

    vm01-root        A  B' C  D' E       written to since: B, D
                     │     │     │
    vm01-before      A  B  C  D  E       the state from before
                        ▲     ▲
                  its own space: the old B and D

    xl shutdown --wait vm01              or the state is as after a power cut
    lvcreate --snapshot --name vm01-before --size 1G xendisks/vm01-root
    xl create /etc/xen/vm01.cfg          try what you wanted to try

Did it go well: `lvremove xendisks/vm01-before`. Did it not: end the guest, and
`lvconvert --merge xendisks/vm01-before` makes vm01-root what it was. A snapshot whose own space is
full is worth nothing any more, and LVM drops it: `lvs` shows how full it is (Data%). And every
block is written twice as long as there is one, so it is no backup to keep.

A snapshot has the same UUIDs as its origin. Mount it read-only in the host to copy files out of
it; never hand both to the same guest without knowing which is which.

Names are words between you and yourself: vm01-root says whose it is. xen-setup marks its own
groups and volumes with a tag (`lvs -o +lv_tags`), as names prove nothing.""",
    see=("volume_group", "guest_volumes", "guest-disks"),
    look=("pvs", "vgs", "lvs -o +lv_tags", "lsblk"),
    read_on=("lvm(8)", "lvcreate(8)", "lvconvert(8)", "lvextend(8)", "resize2fs(8)"),
)
