"""The topic `administration`."""

from __future__ import annotations

from wizard.topics import Topic

TOPIC = Topic(
    name="administration",
    title="Every day: look, start, stop, console, another guest",
    text="""\
What you type in dom0, as root. xl knows guests by name or number; take the name, as the number is
another after each start.

    xl list                       who runs, with memory, processors, time used
    xl top                        the same, moving (q leaves)
    xl create /etc/xen/vm01.cfg   start a guest; -c shows its console at once
    xl console vm01               its console; Ctrl and ] together leave it
    xl shutdown vm01              end it in order; --wait waits for it
    xl reboot vm01                and start it again
    xl destroy vm01               pull the plug, if it does not listen
    xl mem-set vm01 384           MiB; the guest has to help
    xl vcpu-set vm01 2            processors, up to those of its config
    xl pause, xl unpause          hold it, let it go on
    xl dmesg                      what the hypervisor has said

The column State of `xl list` has a letter for each thing that is so:

    r-----   runs on a processor at this moment
    -b----   waits: for a disk, a packet, a key. Most guests, most of the time
    --p---   paused
    ---s--   has shut down, and is being cleared away
    ----c-   has crashed
    -----d   is dying: something still holds a page of its memory

No letter at all means that it is ready to run, and waits for its turn.

xen-setup has the same for the guests that it made, with those too that do not run:

    xen-setup guests              all guests; --watch for a live table
    xen-setup guests start NAME   and stop, reboot, console
    xen-setup guests add          one more guest, on a host that is finished
    xen-setup guests remove NAME  with its volumes, after you typed its name
    xen-setup network             the bridge, and who is plugged into it

A guest with the host: link its config into /etc/xen/auto. A guest less: `xl shutdown` it, remove
that link, its config, and its volumes (`lvremove`). Each of these is yours to do in that order;
a volume in use is not removed.

When something hangs: `xl list` that prints only its heading waits for xenstored
(`systemctl status xen`). When a guest does not start, xl says why on the spot, and the rest is in
/var/log/xen/: xl-vm01.log, xen-hotplug.log. `xen-setup explain FILE` knows the usual messages.

Look after the guests as after any machine: each has updates, a clock, logs and passwords of its
own. When the host gets a new kernel, guests that boot from dom0's /boot keep theirs as long as
the file is there; to change it, change the config, and give the guest the modules.""",
    see=("start-and-stop", "toolstack", "lvm", "bridge"),
    look=("xl list", "xen-setup guests", "ls /var/log/xen"),
    read_on=("xl(1)", "xentop(1)"),
)
