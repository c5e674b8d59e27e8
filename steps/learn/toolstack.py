"""The topic `toolstack`."""

from __future__ import annotations

from wizard.topics import Topic

TOPIC = Topic(
    name="toolstack",
    title="xm and xend then, xl now: what became of each thing",
    text="""\
The programs by which dom0 gives its orders are called the toolstack. Up to Xen 4.4 that was xend,
a daemon in Python, and `xm`, which talked to it. xl came with 4.1, and since 4.5 it is the only
one. It is no daemon: each `xl` does its work and ends.

    2006                                    today

    xm ──▶ xend ──▶ xenstored               xl ─────────▶ xenstored
            │   ╲                            │  ╲
            │    ▶ network-bridge            │   ▶ one small watcher a guest
            ▼                                ▼
           Xen                              Xen

The orders are called as they were; mostly `xm` becomes `xl`:

    2006                                today
    ─────────────────────────────────────────────────────────────────────────
    xm list, xm top                     xl list, xl top (xentop)
    xm create vm01 -c                   xl create -c /etc/xen/vm01.cfg
    xm console vm01                     xl console vm01
    xm shutdown, xm reboot, xm destroy  xl shutdown, xl reboot, xl destroy
    xm mem-set vm01 384                 xl mem-set vm01 384
    /etc/xen/vm01, a Python program     /etc/xen/vm01.cfg, key = value only
    phy:xendisks/vm01-root,hda1,w       /dev/xendisks/vm01-root,raw,xvda1,rw
    hda1, sda1 in the guest             xvda1
    tty1 or xvc0, the guest's console   hvc0: console=hvc0, and a login on it
    eth0 becomes peth0, by xend         the host's own bridge; no renaming
    menu.lst, GRUB Legacy               grub.cfg, made by update-grub
    service xend                        service xen (elsewhere xencommons)
    mv /lib/tls /lib/tls.disabled       nothing: 64 bits never needed it
    a 32-bit hypervisor                 64 bits only, since Xen 4.3
    HVM for foreign systems             HVM, and PVH beside it

xl has no memory of guests that do not run: a guest exists for it while it runs. What is defined
is what stands in /etc/xen, and `xen-setup guests` puts both lists together.

Other toolstacks stand on the same library: libvirt (virsh, virt-manager), XAPI (XCP-ng). Use one
of them at a time on a host: each believes that it alone starts and stops guests.

Without xend there is one trap less and one more. Less: nothing is renamed, nothing answers for a
crashed daemon. More: `service xen status` says that all is well on plain Linux too, so believe
only `xl list`.""",
    see=("administration", "xend_services", "guest_config"),
    look=("xl help", "xl info xen_version", "systemctl status xen"),
    read_on=("xl(1)", "xl.cfg(5)", "xl.conf(5)"),
)
