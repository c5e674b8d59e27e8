"""The topic `boot-chain`."""

from __future__ import annotations

from wizard.topics import Topic

TOPIC = Topic(
    name="boot-chain",
    title="From power-on to a guest's login prompt, link by link",
    text="""\
Xen is started in Linux's place, so the chain has one link more than usual:

    firmware
       │   BIOS or UEFI: finds a disk with a boot loader
       ▼
    GRUB
       │   loads three files into memory, and starts the first:
       │      multiboot2  /boot/xen-4.17-amd64.gz     options for Xen
       │      module2     /boot/vmlinuz-6.1.0-amd64   options for dom0
       │      module2     /boot/initrd.img-6.1.0-amd64
       ▼
    Xen
       │   takes the processors and the memory; makes Domain-0
       │   of the first module, and gives it the second
       ▼
    dom0's kernel ──▶ its initrd ──▶ its root filesystem ──▶ systemd

From there it is Linux that starts, as ever, and Xen's services in it start the guests:

    systemd
       │
       ▼
    xen.service           xenstored, xenconsoled
    xendomains.service    for each link in /etc/xen/auto: xl create
       │
       ▼
    guest's kernel ──▶ its initrd ──▶ /dev/xvda1 ──▶ login on hvc0

GRUB does not know what a module is. It loads each and hands on the list; Xen takes the first for
dom0's kernel, the second for its ramdisk. That is why the ramdisk is a `module` line and never an
`initrd` line: GRUB would keep it for itself, and dom0 would not find its root disk. It was the
first thing that went wrong for readers of 2006, and still is for those who write the entry
themselves.

Options stand behind the file that they are for: `dom0_mem=1024M,max:1024M console=com1` are
Xen's; `root=UUID=... ro console=hvc0` are Linux's. What Xen does not know it swallows without a
word.

A guest has no firmware and no boot loader. For a paravirtual one xl reads kernel and ramdisk from
dom0's own /boot, as the config says, puts them into the new domain's memory and starts it. So the
kernel is the host's, and only its modules are inside the guest. `bootloader = "pygrub"` is the
other way: it looks into the guest's disk, reads the menu there, and takes the kernel from it.

When it breaks off, the last link that you saw says where to look: nothing after GRUB is Xen or
its console options; messages with `(XEN)` and then nothing is dom0's kernel; a kernel that waits
for its root is an initrd without the driver, or a root= that names another disk.

Xen's own messages are kept: `xl dmesg`. They are the only ones from before dom0's time.""",
    see=("grub_entry", "first_boot", "start-and-stop"),
    look=("xl dmesg | head", "cat /proc/cmdline", "xl info xen_commandline"),
    read_on=("update-grub(8)", "grub-reboot(8)", "xl.cfg(5)"),
)
