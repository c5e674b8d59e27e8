"""What a learner is asked to expect of each step (`--teach`), and the command that shows what came.

A wrong guess is one that people really make; its answer says why the machine sees it otherwise.
Every step has at least one; a test looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from steps.facts import Facts
from steps.guest_disks import root_device
from steps.guest_kernel import config_path
from steps.settings import Settings
from wizard.exercise import Exercise, Guess


class _Names(NamedTuple):
    """This machine's own words for the texts below."""

    guest: str
    guests: str
    group: str
    bridge: str
    card: str
    device: str
    config: str
    default: str  # the title of the entry that boots by itself


def exercises(step: str, settings: Settings, facts: Facts) -> tuple[Exercise, ...]:
    """The exercises of the step of this name, in this machine's own words."""
    return _EXERCISES[step](_names(settings, facts), settings)


def _names(settings: Settings, facts: Facts) -> _Names:
    first = settings.guests[0]
    return _Names(
        guest=first.name,
        guests=" and ".join(guest.name for guest in settings.guests),
        group=settings.storage.volume_group,
        bridge=settings.host.bridge,
        card=settings.host.bridge_card,
        device=root_device(settings, first),
        config=config_path(first),
        default=next(
            (
                entry.title
                for entry in facts.boot.entries or ()
                if entry.path == facts.boot.default_entry
            ),
            "plain Linux",
        ),
    )


def _distribution(_names: _Names, _settings: Settings) -> tuple[Exercise, ...]:
    return (
        Exercise(
            ("grep", "--count", "--word-regexp", "--extended-regexp", "vmx|svm", "/proc/cpuinfo"),
            "Intel's processors call their help for virtual machines vmx, AMD's svm. On how many "
            "processors of this machine will it be found?",
            (
                Guess(
                    "on none: then Xen cannot run here",
                    "That need not stop you. A paravirtual guest (PV) knows that it is one, and "
                    "asks the hypervisor instead of the hardware: Xen did that before processors "
                    "could help, and still does.",
                ),
                Guess(
                    "on none, and Xen runs all the same",
                    "Without that help there are paravirtual guests (PV), which need none of it. "
                    "Only PVH and HVM guests do.",
                ),
                Guess(
                    "on all of them",
                    "Where it is found, it is found on all: they are the same. Your guests will be "
                    "paravirtual (PV) and do not need it; PVH and HVM guests do.",
                ),
            ),
            "The number is how many processors have it; 0 means none, or that the firmware "
            "switched it off. Either is enough for what follows.",
        ),
    )


def _xen_packages(_names: _Names, _settings: Settings) -> tuple[Exercise, ...]:
    return (
        Exercise(
            ("cat", "/sys/hypervisor/type"),
            "The kernel names in /sys/hypervisor/type what it runs on. When Xen is installed, what "
            "will it say?",
            (
                Guess(
                    "xen: it is installed, so it runs",
                    "Installed is not running. A hypervisor is no program that Linux starts: it is "
                    "what starts Linux, so it needs a boot.",
                ),
                Guess(
                    "that there is no such file: plain Linux is still running",
                    "Unless this machine was booted with Xen before, that is so: the hypervisor "
                    "is only a file in /boot yet, and the kernel still owns the hardware.",
                ),
                Guess(
                    "linux",
                    "The file is there only when something is below the kernel. Under plain Linux "
                    "nothing is.",
                ),
            ),
            "Remember this command: after the boot into Xen, in the last step, it says xen.",
        ),
    )


def _grub_entry(names: _Names, _settings: Settings) -> tuple[Exercise, ...]:
    return (
        Exercise(
            ("grep", "--only-matching", "^menuentry [^-]*", "/boot/grub/grub.cfg"),
            "The boot menu gets entries for Xen. If somebody pressed the reset button after this "
            "step, what would boot?",
            (
                Guess(
                    "Xen: its entry is in the menu now",
                    "Being in the menu is not being the default. xen-setup boots Xen once, on "
                    "purpose, and makes it the default only when a guest has come up under it.",
                ),
                Guess(
                    "plain Linux, as before",
                    "The default is left alone until Xen has shown that it works here: a Xen that "
                    "does not come up must not take the machine with it.",
                ),
                Guess(
                    "the menu would wait until somebody chooses",
                    "GRUB waits some seconds, and then boots its default.",
                ),
            ),
            "These are the entries that can be chosen at once; the submenus have more of them. "
            f"What boots by itself now: {names.default}.",
        ),
    )


def _xend_services(_names: _Names, _settings: Settings) -> tuple[Exercise, ...]:
    return (
        Exercise(
            ("systemctl", "is-enabled", "xen.service", "xendomains.service"),
            "In 2006 the daemon xend had to be put into the runlevels. Which services start at the "
            "next boot?",
            (
                Guess(
                    "xend and xendomains",
                    "xend is gone since Xen 4.5. `xl` does its work itself; what is left in the "
                    "background is xenstored and xenconsoled, which the service xen starts.",
                ),
                Guess(
                    "xen and xendomains",
                    "xen starts xenstored (what domains tell each other) and xenconsoled (their "
                    "consoles); xendomains starts the guests that are linked in /etc/xen/auto.",
                ),
                Guess(
                    "none: the hypervisor does it all",
                    "The hypervisor only shares out processor and memory. Consoles, disks and "
                    "network cards of the guests are the business of programs in dom0.",
                ),
            ),
            "enabled means: started at boot. Under plain Linux the service xen starts nothing, and "
            "says that it went well: that is no proof that Xen runs.",
        ),
    )


def _tls_libraries(_names: _Names, _settings: Settings) -> tuple[Exercise, ...]:
    return (
        Exercise(
            ("ls", "--directory", "/lib/tls", "/lib/tls.disabled"),
            "In 2006 one typed `mv /lib/tls /lib/tls.disabled`. What is there on this machine?",
            (
                Guess(
                    "/lib/tls: it must be moved away",
                    "Those libraries were for 32-bit machines, where they cost a guest up to half "
                    "of its speed. Libraries for 64-bit processors never needed them.",
                ),
                Guess(
                    "neither: 64-bit systems never had that trouble",
                    "A 64-bit processor reaches thread-local storage by another register, which "
                    "Xen need not watch. glibc ignores the directory altogether since 2.37.",
                ),
                Guess(
                    "/lib/tls.disabled: the step has moved it",
                    "It would have, had there been anything to move.",
                ),
            ),
            '"No such file" is the good answer here. A step with nothing to do is worth a look '
            "all the same: it says why.",
        ),
    )


def _network_bridge(names: _Names, settings: Settings) -> tuple[Exercise, ...]:
    if settings.host.bridge == "none":
        return (
            Exercise(
                ("bridge", "link"),
                "You chose to do without a bridge. How do the guests reach the network?",
                (
                    Guess("not at all", "Right so: a guest's card has to be plugged into a bridge "
                          "(or be routed), and there is none."),
                    Guess("xl makes a bridge when it needs one", "xend did in 2006, unasked. `xl` "
                          "makes none: it uses one that is there."),
                ),
                "Each line would be a card that is plugged into a bridge.",
            ),
        )  # fmt: skip
    return (
        Exercise(
            ("bridge", "link"),
            f"A bridge is a switch made of software. Which ports will {names.bridge} have after "
            "this step, before any guest runs?",
            (
                Guess(
                    f"{names.card} and one for each guest",
                    "A guest's port (vif1.0: interface 0 of domain 1) comes when the guest starts, "
                    "and goes with it. There are none yet.",
                ),
                Guess(
                    f"only the card {names.card}",
                    "The card is the bridge's way out. Guests' ports (vif1.0: interface 0 of "
                    "domain 1) come when they start.",
                ),
                Guess(
                    "none: the card keeps the host's address",
                    "The address moves to the bridge, and the card becomes a port without one: "
                    "what comes in by the card is for all who are on the bridge, host included.",
                ),
            ),
            f"`master {names.bridge}` names the bridge that the card is plugged into; forwarding "
            "means that it passes frames on. In 2006 one typed `brctl show`.",
        ),
    )


def _volume_group(names: _Names, _settings: Settings) -> tuple[Exercise, ...]:
    return (
        Exercise(
            ("vgs",),
            f"What will the volume group {names.group} have in it?",
            (
                Guess(
                    "a filesystem, ready to be mounted",
                    "A group holds no filesystem: it is a pool of space, of which volumes are cut. "
                    "Each volume gets its own filesystem, in the next step.",
                ),
                Guess(
                    "only free space, of which volumes can be cut",
                    "A fresh group is a pool, cut into extents of 4 MiB, and nothing more. (One "
                    "that was there before may have volumes.)",
                ),
                Guess(
                    f"the disk of {names.guest}",
                    "That comes in the next step: the group is the pool that it is cut from.",
                ),
            ),
            "#PV counts the devices in the group, #LV the volumes that were cut; VFree is what is "
            "left. VSize is a little less than the device: LVM writes its own notes on it.",
        ),
    )


def _guest_volumes(names: _Names, _settings: Settings) -> tuple[Exercise, ...]:
    return (
        Exercise(
            ("lvs", names.group),
            f"What does the guest {names.guest} need of the group {names.group}?",
            (
                Guess(
                    "a file in /var/lib, as large as its disk",
                    "That is possible too, and slower: every block goes through the host's "
                    "filesystem. A volume is a block device of its own.",
                ),
                Guess(
                    "a partition of the host's disk",
                    "In 2006 that was the other way. Partitions can hardly be made larger later; a "
                    "volume grows with one command.",
                ),
                Guess(
                    "two volumes: one for its root, one for swap",
                    "Each is a block device that the guest gets as if it were a partition: xvda1 "
                    "and xvda2 there.",
                ),
            ),
            "In Attr, a says that the volume is active, o that something has it open. When the "
            "guest runs there is an o; now there should be none.",
        ),
    )


def _guest_system(names: _Names, _settings: Settings) -> tuple[Exercise, ...]:
    return (
        Exercise(
            ("findmnt", "--source", names.device),
            f"A Debian is put into {names.device}. Where will that volume be mounted on the host "
            "afterwards?",
            (
                Guess(
                    "below /run/xen-setup, so that it can be looked into",
                    "It is, while files are written, and not a moment longer: two systems that "
                    "write to one filesystem destroy it, as neither knows what the other caches.",
                ),
                Guess(
                    "nowhere: it belongs to the guest now",
                    "Xen even refuses to start a guest whose disk is mounted in dom0: two systems "
                    "that write to one filesystem destroy it.",
                ),
                Guess(
                    "at /, beside the host's own system",
                    "Only one filesystem is at /. The guest's has a / of its own, which the host "
                    "never sees.",
                ),
            ),
            "Nothing is printed: the volume is mounted nowhere. That is what Xen wants to see.",
        ),
    )


def _guest_config(names: _Names, _settings: Settings) -> tuple[Exercise, ...]:
    return (
        Exercise(
            ("grep", "--invert-match", "^#", names.config),
            f"The host calls the disk {names.device}. What does the guest call it?",
            (
                Guess(
                    "the same",
                    "It does not know the host's names, nor that there is LVM: it sees a disk with "
                    "the name that stands in its config.",
                ),
                Guess(
                    "hda1, as in the tutorial of 2006",
                    "That name belongs to a driver for IDE disks, which modern kernels do not "
                    "have. Paravirtual disks are called xvda, xvdb, …",
                ),
                Guess(
                    "xvda1",
                    "x and v stand for Xen's virtual disks; the config says which volume it is. "
                    "The guest's own fstab must use the same name.",
                ),
            ),
            "kernel and ramdisk are files of the host: a guest made this way has no boot loader. "
            "root= tells its kernel where its system is, console=hvc0 where to talk.",
        ),
    )


def _first_boot(names: _Names, settings: Settings) -> tuple[Exercise, ...]:
    count = len(settings.guests)
    return (
        Exercise(
            ("xl", "list"),
            "What will `xl list` show?",
            (
                Guess(
                    f"only {names.guests}",
                    "The host is in the list too: the Linux that you know is Domain-0, which Xen "
                    "has started, and which drives the hardware for all others.",
                ),
                Guess(
                    f"Domain-0 and {names.guests}",
                    f"That makes {count + 1} domains. Domain-0 is the host; it is number 0 always. "
                    "A guest's number changes at every start, its name does not.",
                ),
                Guess(
                    "only Domain-0: a guest must be started by hand",
                    "`xl create` has started it, and its console was watched until it asked for a "
                    "login.",
                ),
            ),
            "State: r runs just now, b waits for something to do (which is what an idle guest "
            "does), p is paused, s shuts down, c crashed. Mem is in MiB.",
        ),
        Exercise(
            ("cat", "/proc/xen/capabilities"),
            "Does this system control the others?",
            (),
            "control_d: this Linux is the control domain, dom0. In a guest the file is empty.",
        ),
        Exercise(
            ("cat", "/sys/hypervisor/type"),
            "What is below the kernel now?",
            (),
            "You met this command after the packages were installed.",
        ),
    )


_EXERCISES: Mapping[str, Callable[[_Names, Settings], tuple[Exercise, ...]]] = {
    "distribution": _distribution,
    "xen_packages": _xen_packages,
    "grub_entry": _grub_entry,
    "xend_services": _xend_services,
    "tls_libraries": _tls_libraries,
    "network_bridge": _network_bridge,
    "volume_group": _volume_group,
    "guest_volumes": _guest_volumes,
    "guest_system": _guest_system,
    "guest_config": _guest_config,
    "first_boot": _first_boot,
}
