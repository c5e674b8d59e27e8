"""Real messages and what is found in them: each rule is known to fit what was really said.

captured/ holds what commands printed on machines that had the fault, with the command before it
and its exit status after it. Hosts of mirrors and folders of tests are renamed; nothing else is.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from steps.failures import RULES
from wizard.diagnosis import explain, in_words

CAPTURED = Path(__file__).with_name("captured")

# The file, and the rules that must be found in it, the first first.
FOUND: dict[str, tuple[str, ...]] = {
    # apt and debootstrap on Debian 12, with a web server that plays a broken mirror.
    "apt-captive": ("captive-portal",),
    "apt-early": ("apt-expired",),
    "apt-expired": ("apt-expired",),
    "apt-gone": ("apt-not-found",),
    "apt-hash": ("apt-damaged",),
    "apt-locked": ("apt-locked",),
    "apt-no-key": ("apt-key",),
    "apt-no-name": ("no-name-service",),
    "apt-no-release": ("apt-not-found",),
    "apt-refused": ("mirror-unreachable",),
    "apt-unknown": ("package-unknown",),
    "debootstrap-captive": ("release-missing",),
    "debootstrap-full": ("bootstrap-download",),
    "debootstrap-no-keyring": ("keyring-missing",),
    "debootstrap-no-release": ("release-missing",),
    "debootstrap-no-script": ("release-unknown",),
    "debootstrap-noexec": ("bootstrap-target",),
    "debootstrap-refused": ("release-missing",),
    "debootstrap-unknown-key": ("apt-key",),
    # Filesystems on Debian 12, on a file and on a loop device.
    "full": ("disk-full",),
    "mkfs-mounted": ("device-busy",),
    "mkfs-zero": ("device-refused",),
    "mkswap-mounted": ("device-busy",),
    "read-only": ("read-only",),
    "umount-busy": ("device-busy",),
    # xl 4.17 on a Debian that runs without Xen.
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
    "no-domain": ("no-such-domain",),
    "pvh": ("no-hap", "create-failed"),
    "ramdisk-missing": ("kernel-missing", "create-failed"),
    # The same, beside four other emulated machines.
    "hotplug-slow": ("hotplug-slow", "create-failed"),
}


def captured(name: str) -> str:
    return (CAPTURED / f"{name}.txt").read_text(encoding="utf-8")


def test_every_captured_text_has_its_row() -> None:
    assert {path.stem for path in CAPTURED.iterdir()} == set(FOUND)


@pytest.mark.parametrize("name", FOUND)
def test_what_is_found_in_a_captured_text(name: str) -> None:
    findings = explain(captured(name), RULES)
    assert [finding.rule.name for finding in findings] == [*FOUND[name]]
    for finding in findings:
        for words in in_words(finding):
            assert "  " not in words
            assert "{" not in words
            assert not words.startswith("$ "), "what is told is the message, not the command"


@pytest.mark.parametrize("name", FOUND)
def test_a_text_through_a_serial_console_is_found_too(name: str) -> None:
    text = captured(name).replace("\n", "\x1b[0m\r\r\n")
    assert [one.rule.name for one in explain(text, RULES)] == [*FOUND[name]]
