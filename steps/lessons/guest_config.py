"""The lesson of the step `guest_config`."""

from __future__ import annotations

from wizard.lesson import Lesson, Look, ThenAndNow, Trouble

LESSON = Lesson(
    idea="""\
A guest is described in one file: its name, memory, processors, disks, network cards, and the
kernel that it boots. `xl create` reads that file and makes the guest (a domain) of it. Change the
file, and the guest's next start has the change.

In 2006 the file was a Python program that xm executed; old ones could compute their own names and
addresses. Today xl only reads `key = value`, so what was computed has to be written out.""",
    then_and_now=(
        ThenAndNow("the file", "/etc/xen/vm01", "/etc/xen/vm01.cfg"),
        ThenAndNow(
            "the kernel",
            'kernel = "/boot/vmlinuz-2.6-xen"\nramdisk = "/boot/initrd-2.6-xen"',
            'type = "pv"\nkernel = "/boot/vmlinuz-6.1.0-amd64"\n'
            'ramdisk = "/boot/initrd.img-6.1.0-amd64"',
        ),
        ThenAndNow("memory", "memory = 128", "memory = 512"),
        ThenAndNow(
            "disks",
            "disk = ['phy:xendisks/vm01-root,hda1,w']",
            'disk = ["/dev/xendisks/vm01-root,raw,xvda1,rw"]',
        ),
        ThenAndNow("the root", 'root = "/dev/hda1 ro"', 'root = "/dev/xvda1 ro"'),
        ThenAndNow("network", "vif = ['']", 'vif = ["mac=00:16:3e:...,bridge=xenbr0"]'),
        ThenAndNow("the console", 'extra = "xencons=tty"', 'extra = "console=hvc0"'),
    ),
    check=(
        Look("cat /etc/xen/vm01.cfg", "the whole description"),
        Look("xl create -n /etc/xen/vm01.cfg", "only reads it; it needs a running Xen for that"),
        Look("ls -l /dev/xendisks/", "every disk that it names must be there"),
    ),
    undo="""\
Remove the file; rollback does this, unless you have changed it. A guest that runs goes on
running: it was read at the start.""",
    wrong=(
        Trouble(
            "`Disk vdev=xvda1 failed to stat`",
            "The path is wrong or the group is not active. An old config's relative path "
            "(phy:xendisks/vm01-root) fails like this: write /dev/ before it.",
            check="config-disk",
            rule="disk-path",
        ),
        Trouble(
            "`config parsing error near 'os'`",
            "Python code from an xm config. Write the values themselves: strings, numbers, lists.",
            check="config-unreadable",
            rule="config-python",
        ),
        Trouble(
            "`failed to open file '/boot/...'`",
            "The kernel that the config names is gone, after an upgrade of the host. Name one that "
            "is there, and give the guest its modules.",
            check="config-kernel",
            rule="kernel-missing",
        ),
        Trouble(
            "`is mounted in the privileged domain`",
            "The host has the guest's disk mounted. `umount` it, and start the guest again.",
            check="config-disk-mounted",
            rule="disk-mounted",
        ),
        Trouble(
            "`ALERT! /dev/xvda1 does not exist`",
            "Config, root= and fstab name different disks, or the initrd lacks xen-blkfront.",
            check="config-root",
            rule="root-device",
        ),
    ),
    read_on=("xl.cfg(5)", "xl-disk-configuration(5)", "xl-network-configuration(5)"),
)
