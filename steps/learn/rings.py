"""The topic `rings`."""

from __future__ import annotations

from wizard.topics import Topic

TOPIC = Topic(
    name="rings",
    title="Processor rings, and what paravirtualisation does about them",
    text="""\
An x86 processor has four levels of privilege, called rings. What runs in ring 0 may do
everything: switch the page tables, stop interrupts, talk to devices. What runs in ring 3 may
compute, and has to ask for all else. Linux puts its kernel into ring 0 and the programs into
ring 3; rings 1 and 2 stay empty.

    ring     plain Linux         Xen, 32 bits (2006)    Xen, 64 bits (today)

          ┌───────────────┐      ┌───────────────┐      ┌───────────────┐
      3   │   programs    │      │   programs    │      │   programs    │
          ├───────────────┤      ├───────────────┤      ├- - - - - - - -┤
      1   │    (empty)    │      │ guest kernels │      │ guest kernels │ 3
          ├───────────────┤      ├───────────────┤      ├───────────────┤
      0   │    kernel     │      │      Xen      │      │      Xen      │
          └───────┬───────┘      └───────┬───────┘      └───────┬───────┘
              processor              processor              processor

Several kernels cannot share ring 0: each would believe that the machine is its own. So Xen takes
that ring, and every kernel, dom0's too, moves out of it. On 32-bit machines it went into ring 1.
On 64-bit machines rings 1 and 2 protect nothing any more, as memory is guarded by page tables,
which know only two sorts: kernel and user. There a guest's kernel lives in ring 3 like its
programs, with page tables of its own, and Xen switches between the two.

A kernel that wakes up outside ring 0 would fail at its first privileged instruction. Worse, some
instructions do not even fail there: they quietly do something else. The answer of Xen's authors
was to change the kernel: it knows that it is a guest, and where it used to give the processor an
order it calls Xen. That is paravirtualisation, and such a call is a hypercall.

    program     ── system call ──▶    guest's kernel
    kernel      ── hypercall ────▶    Xen: is it yours? then it is done
    Xen         ── event ────────▶    kernel: an interrupt, as software

It is quick, needs nothing of the processor, and works on a machine that is itself emulated, such
as the practice machine. Its price: the guest's kernel must be made for it. Linux is, since 2.6.23
as a guest and since 3.0 as dom0; Windows never was.

The 2006 trouble with thread-local storage came from here too: 32-bit Xen guarded its own memory
by limits on segments, and one of the C library's habits ran into them at every step.""",
    see=("hardware", "domains", "tls_libraries"),
    look=("grep -c svm /proc/cpuinfo", "dmesg | grep -i 'paravirtualized kernel'", "xl info"),
    read_on=("xl.cfg(5)",),
)
