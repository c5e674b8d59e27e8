"""The lesson of the step `guest_system`."""

from __future__ import annotations

from wizard.lesson import Lesson, Look, ThenAndNow, Trouble

LESSON = Lesson(
    idea="""\
A guest is a whole machine, so it needs a whole system: not a copy of the host's, but one installed
into its root volume. The host mounts that volume, lets debootstrap fill it, writes the few files
that make it this guest (name, disks, network, login on the console), and unmounts it again.

The guest boots the host's own kernel, so that kernel's modules are copied into it. Its fstab must
name the disks as its config does: that is where many first guests fail.""",
    then_and_now=(
        ThenAndNow(
            "Debian, Ubuntu",
            "debootstrap sarge /mnt",
            "debootstrap --keyring=... --force-check-gpg bookworm /mnt",
        ),
        ThenAndNow("SuSE", "YaST, installation into a directory", "zypper --installroot /mnt"),
        ThenAndNow("its fstab", "/dev/hda1 / ext3 defaults", "/dev/xvda1 / ext4 defaults"),
        ThenAndNow("its console", "tty1, or xvc0", "hvc0, with a getty of its own"),
        ThenAndNow("/lib/tls", "moved away in the guest too", "not there in a 64-bit guest"),
    ),
    check=(
        Look("mount /dev/xendisks/vm01-root /mnt", "only while the guest does not run"),
        Look("cat /mnt/etc/fstab", "the same disk names as in the guest's config"),
        Look("chroot /mnt dpkg --list", "what is installed in it"),
        Look("umount /mnt", "before the guest starts, or Xen refuses the disk"),
    ),
    undo="""\
The volume is emptied, or goes with the step before; rollback does this. What a guest has changed
in itself meanwhile goes with it.""",
    wrong=(
        Trouble(
            "`Failed getting release file`",
            "The mirror does not answer, or has no such release. `apt-get update` on the host "
            "tries the same network.",
            check="mirror",
            rule="release-missing",
        ),
        Trouble(
            "`Release signed by unknown key`",
            "The host has no keyring for that distribution: debian-archive-keyring, or "
            "ubuntu-keyring. Nothing unsigned is installed here.",
            check="keyring-missing",
            rule="apt-key",
        ),
        Trouble(
            "the guest runs, and its console is silent",
            "No getty on hvc0, or no console=hvc0 for its kernel.",
            check="guest-console",
            rule="console-silent",
        ),
        Trouble(
            "`login incorrect`, whatever is typed",
            "No password was set: a guest's root is locked until one is given "
            "(guests.root_password), or an SSH key is.",
            check="nobody-can-log-in",
        ),
    ),
    read_on=("debootstrap(8)", "chroot(8)", "fstab(5)", "agetty(8)"),
)
