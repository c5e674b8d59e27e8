"""Real messages and what is found in them: each rule is known to fit what was really said.

captured/ holds what commands printed on machines that had the fault, with the command before it
and its exit status after it. Hosts and folders of tests are renamed; nothing else is.
Where a whole machine with the fault was not at hand, the program that says it was run alone: the
comments say which. What nobody has seen yet is in FROM_SOURCES, with the reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from steps.failures import RULES
from wizard.diagnosis import explain, in_words
from wizard.program_learn import topic_names

CAPTURED = Path(__file__).with_name("captured")

# The file, and the rules that must be found in it, the first first.
FOUND: dict[str, tuple[str, ...]] = {
    # apt and debootstrap on Debian 12, with a web server that plays a broken mirror.
    "apt-bad-signature": ("signature-wrong", "release-unsigned"),
    "apt-broke-off": ("mirror-broke-off",),
    "apt-captive": ("captive-portal", "release-unsigned"),
    "apt-conflict": ("package-conflict",),
    "apt-early": ("apt-expired",),
    "apt-expired": ("apt-expired",),
    "apt-gone": ("apt-not-found",),
    "apt-hash": ("apt-damaged",),
    "apt-locked": ("apt-locked",),
    "apt-no-answer": ("mirror-unreachable",),
    "apt-no-key": ("apt-key", "release-unsigned"),
    "apt-no-name": ("no-name-service",),
    "apt-no-release": ("apt-not-found",),
    "apt-refused": ("mirror-unreachable",),
    "apt-space": ("apt-space",),
    "apt-unknown": ("package-unknown",),
    "apt-unsigned": ("release-unsigned",),
    "debootstrap-bad-signature": ("signature-wrong",),
    "debootstrap-captive": ("release-unsigned",),
    "debootstrap-captive-page": ("release-unsigned",),
    "debootstrap-extract-full": ("bootstrap-extract",),
    "debootstrap-full": ("bootstrap-download",),
    # With debootstrap's own log, where wget's words go.
    "debootstrap-log-broke-off": ("mirror-broke-off", "release-missing"),
    "debootstrap-log-no-name": ("no-name-service", "release-missing"),
    "debootstrap-log-no-release": ("release-missing",),
    "debootstrap-log-refused": ("mirror-unreachable", "release-missing"),
    "debootstrap-no-keyring": ("keyring-missing",),
    "debootstrap-no-release": ("release-missing",),
    "debootstrap-no-script": ("release-unknown",),
    "debootstrap-noexec": ("bootstrap-target",),
    "debootstrap-refused": ("release-missing",),
    "debootstrap-unknown-key": ("apt-key",),
    "dpkg-broken": ("package-broken",),
    "dpkg-locked": ("apt-locked",),
    # Filesystems on Debian 12, on a file and on a loop device.
    "full": ("disk-full",),
    "mkfs-mounted": ("device-busy",),
    "mkfs-zero": ("device-refused",),
    "mkswap-mounted": ("device-busy",),
    "read-only": ("read-only",),
    "umount-busy": ("device-busy",),
    # ifupdown and dhclient of Debian 12 in a network namespace: a bridge beside which nobody is,
    # and none.
    "dhcp-silent": ("dhcp-silent",),
    "ifup-no-device": ("no-such-interface", "ifup-failed"),
    # On a Debian that runs without Xen, and on a kernel without a device mapper.
    "no-device-mapper": ("no-device-mapper",),
    "xl-missing": ("xl-missing",),
    "plain-linux": ("plain-linux",),
    # The practice machine: Debian 12 under Xen 4.17, each fault made in its guest's config.
    "bootloader-path": ("bootloader-failed", "create-failed"),
    "bootloader-pygrub": ("bootloader-failed", "create-failed"),
    "bridge-missing": ("bridge-missing", "create-failed"),
    "config-python": ("config-python", "config-syntax"),
    "config-python-line": ("config-python", "config-syntax"),
    "config-syntax": ("config-syntax",),
    "disk-path": ("disk-path", "create-failed"),
    "hvm": ("no-hap", "create-failed"),
    "kernel-missing": ("kernel-missing", "create-failed"),
    "kernel-no-kernel": ("kernel-unreadable", "create-failed"),
    "memory": ("too-little-memory", "create-failed"),
    "name-taken": ("name-taken", "create-failed"),
    "dpkg-broken-before-xen-runs": ("package-broken", "plain-linux-wrapper"),
    "plain-linux-wrapper": ("plain-linux-wrapper",),
    "memory-kernel": ("guest-memory-kernel", "create-failed"),
    "memory-initrd": ("guest-memory-kernel", "create-failed"),
    "not-root": ("not-root",),
    # The network's module kept from being loaded, xenconsoled ended.
    "no-network-backend": ("no-network-backend", "create-failed"),
    "xenconsoled-down": ("xenconsoled-down",),
    # The last lines of consoles: without an initrd; with /bin/false for its init; in 136 MiB.
    "root-unmountable": ("root-unmountable", "guest-panic"),
    "guest-panic": ("guest-panic",),
    "guest-memory-initrd": ("guest-memory-initrd", "guest-panic"),
    # After a power cut, when reading the machine still wrote to a filesystem without its journal.
    "guest-emergency": ("guest-emergency",),
    # A device of device-mapper's target "error".
    "disk-broken": ("disk-broken",),
    "no-domain": ("no-such-domain",),
    "pvh": ("no-hap", "create-failed"),
    "ramdisk-missing": ("kernel-missing", "create-failed"),
    "bootloader-log": ("bootloader-failed",),
    "pygrub-log": ("bootloader-failed",),
    # LVM and GRUB in the practice machine, on loop devices and on files made for it.
    "grub-env": ("grub-environment",),
    "grub-no-device": ("grub-not-installable",),
    "grub-partition": ("grub-not-installable",),
    "grub-quote": ("grub-settings",),
    "grub-settings": ("grub-settings",),
    "lv-in-use": ("volume-in-use",),
    "lv-signature": ("old-signature",),
    "lv-taken": ("volume-taken",),
    "pv-missing": ("device-refused",),
    "pv-mounted": ("device-busy",),
    "pv-partitioned": ("device-refused",),
    "pv-signature": ("old-signature",),
    "vg-full": ("volume-group-full",),
    "vg-in-use": ("old-signature",),
    "vg-missing": ("volume-group-missing",),
    "vg-taken": ("volume-group-taken",),
    "xm-gone": ("xm-gone",),
    # Programs of Debian 12's Xen 4.17 where no xenstored runs.
    "xen-init-dom0": ("xenstored-down",),
    "xenconsole": ("xenstored-down",),
    "xenstore-ls": ("xenstored-down",),
    # Xen's own block script (xen-utils-common 4.17) on a loop device that was mounted, or another
    # domain's; a stand-in answered for xenstore. These are the words that xl then shows, behind
    # `libxl: error: … script:`.
    "block-in-guest": ("disk-in-guest",),
    "block-mounted": ("disk-mounted",),
    # The script of an initrd that waits for its root (initramfs-tools 0.142), by itself.
    "initrd-no-root": ("root-device",),
    # GRUB 2.06 itself, as a program (grub-emu), with the files that it looks for gone.
    "grub-no-file": ("no-xen-entry",),
    "grub-no-multiboot": ("multiboot-missing",),
    # Under Xen, beside four other emulated machines.
    "hotplug-slow": ("hotplug-slow", "create-failed"),
}

# Rules that no captured text stands for: the message as its program's source has it, and why it
# was not made for real.
FROM_SOURCES: dict[str, tuple[str, str]] = {
    "no-disk-backend": (
        "libxl: error: libxl_device.c:1109:device_backend_callback: Domain 3:unable to add device "
        "with path /local/domain/0/backend/vbd/3/51713",
        "libxl; the kernel of the practice machine has xen-blkback",
    ),
    "tls-libraries": (
        "4gb seg fixup, process init (pid 1), cs:ip 73:b7e4d2a0",
        "XenLinux 2.6; only 32-bit paravirtual kernels of then print it",
    ),
    "ssh-lost": (
        "client_loop: send disconnect: Broken pipe",
        "OpenSSH; the practice machine's session outlives its bridge",
    ),
    "secure-boot": (
        "error: shim_lock protocol not found.",
        "GRUB; its words as they stand in Debian 12's grubx64.efi. The practice machine has a BIOS",
    ),
    "dom0-not-built": (
        "(XEN) Panic on CPU 0: Could not construct domain 0",
        "Xen; a host that does not boot cannot be asked",
    ),
    "grub-legacy-file": (
        "Error 15: File not found",
        "GRUB Legacy; it is on the screen before any system runs",
    ),
    "grub-legacy-initrd": (
        "Error 19: Linux kernel must be loaded before initrd",
        "GRUB Legacy; it is on the screen before any system runs",
    ),
    "dpkg-interrupted": (
        "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the "
        "problem.",
        "apt; it wants a cut in the middle of dpkg's own database",
    ),
    "bootstrap-chroot": (
        'W: Failure trying to run: chroot "/srv/target" /sbin/ldconfig',
        "debootstrap; it wants a whole download for a processor that is not there",
    ),
    "console-silent": (
        "Warning: unable to open an initial console.",
        "Linux; a guest whose console is silent says nothing at all, which is how it is known",
    ),
}


def captured(name: str) -> str:
    return (CAPTURED / f"{name}.txt").read_text(encoding="utf-8")


def test_every_captured_text_has_its_row() -> None:
    assert {path.stem for path in CAPTURED.iterdir()} == set(FOUND)


def test_every_rule_is_held_to_a_captured_text_or_to_its_programs_source() -> None:
    seen = {name for names in FOUND.values() for name in names}
    assert {rule.name for rule in RULES} == seen | set(FROM_SOURCES)
    assert not seen & set(FROM_SOURCES), "what was captured needs no other text"


@pytest.mark.parametrize("name", FROM_SOURCES)
def test_what_is_found_in_a_message_from_the_sources(name: str) -> None:
    message, _reason = FROM_SOURCES[name]
    assert name in [finding.rule.name for finding in explain(message, RULES)]


@pytest.mark.parametrize("name", FOUND)
def test_what_is_found_in_a_captured_text(name: str) -> None:
    findings = explain(captured(name), RULES)
    assert [finding.rule.name for finding in findings] == [*FOUND[name]]
    for finding in findings:
        for words in in_words(finding):
            assert "  " not in words
            assert "{" not in words
            assert not words.startswith("$ "), "what is told is the message, not the command"


@pytest.mark.parametrize(
    "text",
    [*map(captured, FOUND), *(message for message, _reason in FROM_SOURCES.values())],
    ids=[*FOUND, *FROM_SOURCES],
)
def test_every_message_gets_a_cause_a_fix_and_a_place_to_read_on(text: str) -> None:
    told = in_words(explain(text, RULES)[0])
    assert ["Likely cause", "What to do", "More"] == [words.partition(": ")[0] for words in told]
    topic = told[-1].removeprefix("More: xen-setup learn ")
    assert topic in dict(topic_names())


@pytest.mark.parametrize("name", FOUND)
def test_a_text_through_a_serial_console_is_found_too(name: str) -> None:
    text = captured(name).replace("\n", "\x1b[0m\r\r\n")
    assert [one.rule.name for one in explain(text, RULES)] == [*FOUND[name]]
