"""The lesson of the step `first_boot`."""

from __future__ import annotations

from wizard.lesson import Lesson, Look, ThenAndNow, Trouble

LESSON = Lesson(
    idea="""\
Now the machine boots the hypervisor, and the Linux that you know becomes Domain-0 (dom0), the
first guest, which drives the hardware and starts the others. `grub-reboot` chooses the Xen entry
for the next boot only: a Xen that fails falls back to plain Linux at the next reset.

Then the guests start, each from its config, until their consoles show a login prompt. A domain's
number changes at every start, its name stays: give orders by name.""",
    then_and_now=(
        ThenAndNow(
            "booting Xen",
            "the Xen entry, chosen in GRUB's menu by hand",
            "grub-reboot ENTRY; reboot",
        ),
        ThenAndNow("proof", "xm list", "xl list"),
        ThenAndNow(
            "starting a guest", "xm create /etc/xen/vm01 -c", "xl create -c /etc/xen/vm01.cfg"
        ),
        ThenAndNow("its console", "xm console vm01", "xl console vm01"),
        ThenAndNow("stopping it", "xm shutdown vm01", "xl shutdown vm01"),
        ThenAndNow(
            "with the host",
            "ln -s /etc/xen/vm01 /etc/xen/auto",
            "ln -s /etc/xen/vm01.cfg /etc/xen/auto/vm01.cfg",
        ),
    ),
    check=(
        Look("cat /proc/xen/capabilities", "`control_d`: this is dom0"),
        Look("xl list", "Domain-0 and each guest, with number, memory and time"),
        Look("xl console vm01", "the guest's screen and keyboard; Ctrl-] leaves"),
        Look("xl dmesg", "what the hypervisor itself has said since the boot"),
    ),
    undo="""\
`xl shutdown` for the guests, their links out of /etc/xen/auto, and plain Linux as the default
again; rollback does this. The boot itself is past: Xen runs until the next one.""",
    wrong=(
        Trouble(
            "`xencall: error: Could not obtain handle on privileged command interface`",
            "Plain Linux was booted. Choose the Xen entry in the menu, or run grub-reboot again.",
            check="not-dom0",
            rule="plain-linux",
        ),
        Trouble(
            "`can't allocate low memory for domain: Out of memory`",
            "The guest wants more than is free: `xl info` says free_memory. Give it less, end "
            "another guest, or give dom0 less (dom0_mem).",
            check="too-little-free-memory",
            rule="too-little-memory",
        ),
        Trouble(
            "nothing comes on the guest's console, and `xl list` shows a p in its state",
            "It is paused, as every domain is while it is built: xl create was cut off, or "
            "somebody paused it. `xl destroy NAME`, then xl create again; after xl pause, "
            "`xl unpause NAME` lets it go on.",
            check="guest-paused",
        ),
        Trouble(
            "the guest's kernel panics while it unpacks its initrd",
            "It has too little memory: 256 MiB are not enough for Debian's, 512 MiB are.",
            check="guest-memory-too-small",
        ),
        Trouble(
            "`neither hap nor shadow paging available`",
            'The config asks for "pvh" or "hvm", and the processor has no virtualisation, or the '
            'firmware hides it. `type = "pv"` needs none.',
            rule="no-hap",
        ),
    ),
    read_on=("xl(1)", "xl.cfg(5)", "grub-reboot(8)", "xentop(1)"),
)
