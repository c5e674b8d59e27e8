"""The lesson of the step `xen_packages`."""

from __future__ import annotations

from wizard.lesson import Lesson, Look, ThenAndNow, Trouble

LESSON = Lesson(
    idea="""\
Xen is a small program that boots before Linux, and then boots your Linux as its first guest:
Domain-0, or dom0, the one that may give orders. So there are two parts to install: the
hypervisor, a file in /boot, and the tools by which dom0 gives its orders.

Installing changes nothing yet: the machine runs plain Linux until it is booted another way. It is
not recompiled either; Debian's own kernel has been able to be dom0 for many years.""",
    then_and_now=(
        ThenAndNow(
            "installing",
            "tar xzf xen-3.0.3_0-install-x86_32.tgz\ncd dist; sh ./install.sh",
            "apt-get install --no-install-recommends xen-system-amd64",
        ),
        ThenAndNow(
            "the kernel",
            "a patched one came in the tarball: vmlinuz-2.6-xen",
            "the distribution's own: Linux can be dom0 since 3.0",
        ),
        ThenAndNow("giving orders", "xm list, answered by the daemon xend", "xl list, no xend"),
        ThenAndNow(
            "taking it out",
            "by hand: no one had written down which files came in",
            "apt-get purge, of exactly what came in",
        ),
    ),
    check=(
        Look("dpkg --list 'xen-*'", "`ii` before each package that is installed"),
        Look("ls /boot/xen-*", "the hypervisor: one file of some megabytes"),
        Look("xl list", "an error, as yet: plain Linux runs, and there is no Xen to ask"),
    ),
    undo="""\
`apt-get purge` of exactly the packages that came in, which rollback does; what was there before
stays, and what other packages have come to need since stays too.""",
    wrong=(
        Trouble(
            "`Unable to locate package xen-system-amd64`",
            "apt's lists are old or empty, or the machine's sources do not have Debian's main "
            "section. `apt-get update` shows which source does not answer.",
            check="package-sources",
            rule="package-unknown",
        ),
        Trouble(
            "QEMU comes along with it",
            "It is only recommended, for guests that are fully virtualised. "
            "`--no-install-recommends` leaves it out; paravirtual guests need none.",
        ),
        Trouble(
            "plain Linux, or suddenly Xen, is booted at the next start",
            "Debian's package makes Xen the default entry, by the entry's title. The next step "
            "sets a default that does not depend on titles, and takes Xen only when it has "
            "proved itself.",
            check="default-changed",
        ),
    ),
    read_on=("xl(1)", "apt-get(8)", "dpkg(1)"),
)
