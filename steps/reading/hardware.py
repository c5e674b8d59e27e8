"""Processor, memory, firmware, and what sort of machine it is that we run on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from steps.facts import Distribution, Processor
from steps.reading.view import View
from steps.what_matters import PROPRIETARY_MODULES

# The variable's name ends in the GUID of EFI's global variables (UEFI specification, 3.3).
_CONTAINER = ("systemd-detect-virt", "--container")
_SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def parse_os_release(text: str) -> dict[str, str]:
    """The values of an os-release file (man 5 os-release), their quotes taken off."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = re.sub(r"\\(.)", r"\1", value[1:-1])
            found[name] = value
    return found


def distribution_of(values: Mapping[str, str]) -> Distribution:
    """The distribution that os-release's values name; "linux" where they name none."""
    own = values.get("ID", "linux").lower()
    like = [word.lower() for word in values.get("ID_LIKE", "").split()]
    return Distribution(
        id=own,
        name=values.get("PRETTY_NAME") or values.get("NAME") or "an unknown Linux",
        version=values.get("VERSION_ID", ""),
        codename=values.get("VERSION_CODENAME") or values.get("UBUNTU_CODENAME", ""),
        family=(own, *(word for word in like if word != own)),
    )


def read_distribution(view: View) -> Distribution:
    """The machine's distribution, by os-release."""
    text = view.text("/etc/os-release")
    if text is None:
        text = view.text("/usr/lib/os-release")
    return distribution_of(parse_os_release(text or ""))


def parse_processor(text: str) -> Processor:
    """/proc/cpuinfo: the first processor's words, and how many there are."""
    first: dict[str, str] = {}
    count = 0
    for line in text.splitlines():
        name, _, value = line.partition(":")
        name = name.strip()
        count += name == "processor"
        first.setdefault(name, value.strip())
    return Processor(
        vendor=first.get("vendor_id", ""),
        model=first.get("model name", ""),
        count=count,
        flags=tuple(first.get("flags", "").split()),
    )


def parse_memory(text: str) -> int:
    """/proc/meminfo: all memory that Linux has, in MiB; 0 when it does not say."""
    match = re.search(r"^MemTotal:\s*([0-9]+) kB", text, re.MULTILINE)
    return int(match[1]) // 1024 if match else 0


def read_firmware(view: View) -> tuple[Literal["bios", "uefi"], bool | None]:
    """The firmware, and with UEFI whether Secure Boot is on (None: not known, or no UEFI)."""
    if not view.is_directory("/sys/firmware/efi"):
        return "bios", None
    # Four bytes of attributes come before the value.
    value = view.read(_SECURE_BOOT, 16)
    if value is not None and len(value) == 5:
        return "uefi", value[4] == 1
    if view.names("/sys/firmware/efi/efivars"):
        return "uefi", False  # firmware without that variable does not know Secure Boot
    view.not_known("Secure Boot", "the firmware's variables are not there to be read")
    return "uefi", None


def begin_container(view: View) -> None:
    """Start what `read_container` will ask."""
    view.begin_when_changed(_CONTAINER, ())


def read_container(view: View) -> str:
    """The kind of container that this runs in, in systemd-detect-virt's words; "" for none."""
    answer = view.ask_again_when_changed(_CONTAINER, 20.0, ())
    word = answer.out.strip()
    if answer.status in (0, 1) and word:
        return "" if word == "none" else word
    for path, name in (("/.dockerenv", "docker"), ("/run/.containerenv", "podman")):
        if view.exists(path):
            return name
    return view.word("/run/systemd/container")


def read_graphics(view: View, packages: Mapping[str, str]) -> tuple[str, ...]:
    """Proprietary graphics modules: loaded, or there for a kernel, or by their packages."""
    loaded = {line.split(" ", 1)[0] for line in (view.text("/proc/modules") or "").splitlines()}
    found = {name for name in PROPRIETARY_MODULES if name in loaded}
    for version in view.names("/lib/modules"):
        for folder in ("updates", "updates/dkms", "extra", "extra/nvidia"):
            for name in view.names(f"/lib/modules/{version}/{folder}", "*.ko*"):
                module = name.partition(".")[0].replace("-", "_")
                if module in PROPRIETARY_MODULES:
                    found.add(module)
    for package in packages:
        if package.startswith(("nvidia-kernel-dkms", "nvidia-driver", "fglrx")):
            found.add("fglrx" if package.startswith("fglrx") else "nvidia")
    return tuple(sorted(found))


def read_service_manager(view: View) -> Literal["systemd", "sysvinit", "openrc", "unknown"]:
    """Who starts the services: what runs now, and is not only installed."""
    if view.is_directory("/run/systemd/system"):
        return "systemd"
    if view.is_directory("/run/openrc"):
        return "openrc"
    if view.word("/proc/1/comm") == "init" and view.exists("/etc/inittab"):
        return "sysvinit"
    return "unknown"
