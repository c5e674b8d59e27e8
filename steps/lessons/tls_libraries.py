"""The lesson of the step `tls_libraries`."""

from __future__ import annotations

from wizard.lesson import Lesson, Look, ThenAndNow, Trouble

LESSON = Lesson(
    idea="""\
TLS here is thread-local storage, variables that each thread has for itself; it has nothing to do
with encryption. 32-bit programs reached it through a processor segment with negative offsets. Xen
guards its own memory with segment limits on 32-bit machines, and had to step in at every access:
up to half the speed was gone.

64-bit processors do not use such segments, so x86_64 never needed it. This step looks, in the host
and in every guest, and has something to move only on an old 32-bit system.""",
    then_and_now=(
        ThenAndNow(
            "in dom0", "mv /lib/tls /lib/tls.disabled", "nothing: 64-bit systems have no such cost"
        ),
        ThenAndNow(
            "in every guest",
            "mount the volume, and the same in it",
            "nothing; a 32-bit guest does not run beside it since Xen 4.16",
        ),
        ThenAndNow(
            "the C library",
            "takes /lib/tls first, unless it is moved away",
            "looks into no `tls` directory since glibc 2.37",
        ),
    ),
    check=(
        Look("ls /lib/tls", "no such directory, on today's systems"),
        Look("ldconfig --print-cache | grep /tls/", "no line: the loader knows of none"),
    ),
    undo="""\
`mv /lib/tls.disabled /lib/tls` and `ldconfig`, which rollback does where something was moved.""",
    wrong=(
        Trouble(
            "`4gb seg fixup` again and again in the kernel's messages",
            "That is what each access cost, on 32-bit paravirtual systems: the directory was "
            "forgotten, or an upgrade of libc6 brought it back.",
            check="tls-active",
            rule="tls-libraries",
        ),
        Trouble(
            "both /lib/tls and /lib/tls.disabled are there",
            "An upgrade has made the first again. Nothing is overwritten here: look which is "
            "newer, and remove the other.",
            check="tls-taken",
        ),
    ),
    read_on=("ld.so(8)", "ldconfig(8)"),
)
