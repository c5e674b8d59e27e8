"""The topic `start-and-stop`."""

from __future__ import annotations

from wizard.topics import Topic

TOPIC = Topic(
    name="start-and-stop",
    title="In which order guests start with the host, and stop",
    text="""\
The service xendomains starts every guest that has a link in /etc/xen/auto, one after another, in
alphabetical order of the links' names. It does not wait until one is ready for its work, only
until it runs.

    host starts                              host stops

    xen           xenstored, xenconsoled     xendomains
       │                                        │  each guest: saved to disk,
       ▼                                        │  or asked to end
    xendomains    /etc/xen/auto:                ▼
       │            10-base.cfg              xen           stays to the end
       │            20-web.cfg                  │
       ▼            30-mail.cfg                 ▼
    domains 1, 2, 3                          disks, power

In 2006 guests were stopped one by one, by falling domain number: the youngest first. That was the
order of starting reversed only as long as nobody restarted a guest: a restart gives the highest
number. Debian's script today goes through them as `xl list` has them, the lowest number first: it
saves one after another, or else asks all of them to end at once and then waits, up to five minutes
for each. Rely on no order of stopping.

Hence the old rule, as true today: put no service into a guest that its host, or a guest that
starts before it, needs. No DNS, no DHCP, no NFS, no syslog server for the host. It would wait at
its own start for a guest that has not been started, and lose at its stop what it still wants to
write.

What becomes of running guests when the host stops is in /etc/default/xendomains:

    XENDOMAINS_SAVE=/var/lib/xen/save    written to disk, and woken up again
    XENDOMAINS_SAVE=""                   shut down in order, and started anew
    XENDOMAINS_AUTO=/etc/xen/auto        whom to start; "" for nobody
    XENDOMAINS_RESTORE=true              wake up what was saved, before that

A guest that was saved goes on in the middle of what it did, with a clock that was stopped and
network connections that are gone. Each needs as much disk as it has memory. Who wants neither
sets SAVE to "".

By hand, in order: `xl shutdown vm01` asks the guest to end, like its power button, and it may
take a minute; `--wait` waits for it. `xl destroy vm01` pulls the plug: what was not written is
lost, and the filesystem has to be mended at the next start. It is for guests that do not listen.

    xl create  ──▶ running ──▶ xl shutdown ──▶ ended by itself    in order
                      │
                      ├──────▶ xl reboot ────▶ a new number, the same name
                      ├──────▶ xl save ──────▶ a file ──▶ xl restore
                      └──────▶ xl destroy ───▶ gone, as by a power cut

What happens when the guest itself halts, reboots or crashes is in its config: on_poweroff,
on_reboot, on_crash.""",
    see=("xend_services", "first_boot", "administration"),
    look=("ls -l /etc/xen/auto", "xl list", "cat /etc/default/xendomains"),
    read_on=("xl(1)", "xl.cfg(5)"),
)
