"""The lesson of the step `xend_services`."""

from __future__ import annotations

from wizard.lesson import Lesson, Look, ThenAndNow, Trouble

LESSON = Lesson(
    idea="""\
dom0 needs programs that keep Xen's books: xenstored, a small database that all domains share, and
xenconsoled, which holds the guests' consoles. A second service, xendomains, starts guests when the
host starts, and stops them before it stops.

Guests that shall start with the host have a link in /etc/xen/auto. They start in the order of the
links' names; on their order of stopping nobody should rely. When the host stops,
xendomains writes running guests to /var/lib/xen/save and wakes them up at the next start, if
there is room; XENDOMAINS_SAVE in /etc/default/xendomains changes that.""",
    then_and_now=(
        ThenAndNow("who takes orders", "xend, a daemon: xm asks it", "nobody: xl does it itself"),
        ThenAndNow("who keeps the books", "xenstored, started by xend", "xenstored, by `xen`"),
        ThenAndNow(
            "with the host",
            "update-rc.d xend defaults 20 21\nupdate-rc.d xendomains defaults 21 20",
            "systemctl enable xen xendomains",
        ),
        ThenAndNow("on SuSE", "insserv xend", "systemctl enable xencommons xendomains"),
    ),
    check=(
        Look("systemctl is-enabled xen xendomains", "`enabled`, twice"),
        Look("ls -l /run/xenstored/socket", "it is there when xenstored runs"),
        Look("xl list", "the only proof: the services say all is well in plain Linux too"),
    ),
    undo="""\
`systemctl disable` for what was enabled here, and rmdir for /etc/xen/auto if it is empty; rollback
does both, and leaves what was enabled before.""",
    wrong=(
        Trouble(
            "`xl list` prints its heading and hangs",
            "xenstored is down, and every question to it waits. `systemctl restart xen` brings it "
            "up; guests that run then may need a restart too.",
            check="toolstack-silent",
            rule="xenstored-down",
        ),
        Trouble(
            "a guest with a link in /etc/xen/auto does not start with the host",
            "xendomains is not enabled, XENDOMAINS_AUTO names another directory, or there was no "
            "room. `journalctl --unit xendomains` tells.",
            check="service-disabled",
        ),
        Trouble(
            "the host's own network waits for a name server that is a guest",
            "Guests start after the host and stop before it. Put no service into a guest that its "
            "host, or a guest that starts earlier, cannot do without.",
        ),
    ),
    read_on=("systemctl(1)", "xl(1)", "xenstore-ls(1)"),
)
