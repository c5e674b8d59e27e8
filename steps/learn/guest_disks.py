"""The topic `guest-disks`."""

from __future__ import annotations

from wizard.topics import Topic

TOPIC = Topic(
    name="guest-disks",
    title="How a guest's disk reaches it, from a file down to the iron",
    text="""\
A program in the guest writes a line to a file. On its way to the disk it passes both systems:

    guest vm01                           host (dom0)

    a program
       │ write()
       ▼
    ext4, mounted on /
       │
       ▼
    /dev/xvda1                           /dev/xendisks/vm01-root
    xen-blkfront    ◀── shared page ──▶  xen-blkback
                        of requests         │
                                            ▼
                                         volume group xendisks
                                            │
                                            ▼
                                         /dev/sda5 ──▶ the disk

The config names both ends in one line:

    disk = [ "/dev/xendisks/vm01-root,raw,xvda1,rw" ]
              on the host             │   │     │
                                 format   │     access: rw or r
                                     in the guest

In 2006 the line was `phy:xendisks/vm01-root,hda1,w`, with a path below /dev and the guest's name
for an IDE disk. Both are gone: xl wants the whole path, and says `failed to stat` otherwise; and
a Linux guest calls the disk xvda1, whatever the config says of hda or sda.

Three places must agree on that name: the config's `disk`, the kernel's `root=`, and the guest's
own /etc/fstab. Most first guests that do not come up name different ones. That a disk is called
like a partition (xvda1 without an xvda) is no mistake: each volume is handed over for itself, and
needs no table of partitions.

One filesystem, one kernel. A mounted filesystem lives in a kernel's memory as much as on the
disk; two kernels that have it mounted each write over what the other has just decided, and after
minutes nothing can be saved. Xen looks whether the volume is mounted in dom0, and refuses to hand
it over: `is mounted in the privileged domain`. It cannot look into your second config that names
the same volume. Share files over the network (NFS, sshfs), not a disk.

The volumes of all guests lie on the same disk. Its speed is shared: one guest that copies makes
all wait. Swapping counts double, so give a guest memory before you give it swap.""",
    see=("lvm", "guest_volumes", "guest_config", "domains"),
    look=("xl block-list vm01", "lsblk", "cat /etc/xen/vm01.cfg"),
    read_on=("xl-disk-configuration(5)", "xl.cfg(5)", "lvs(8)"),
)
