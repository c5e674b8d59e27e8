"""Distribution, processor, memory, firmware, container, graphics, service manager."""

from __future__ import annotations

from pathlib import Path

import pytest

from steps.facts import Distribution
from steps.reading.hardware import (
    distribution_of,
    parse_memory,
    parse_os_release,
    parse_processor,
    read_container,
    read_distribution,
    read_firmware,
    read_graphics,
    read_service_manager,
)
from tests.reading.looking import Said, captured, view_of

SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\n'
            "VERSION_CODENAME=bookworm\nID=debian\n",
            Distribution("debian", "Debian GNU/Linux 12 (bookworm)", "12", "bookworm", ("debian",)),
        ),
        (
            'PRETTY_NAME="Ubuntu 24.04 LTS"\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n'
            "ID=ubuntu\nID_LIKE=debian\n",
            Distribution("ubuntu", "Ubuntu 24.04 LTS", "24.04", "noble", ("ubuntu", "debian")),
        ),
        (
            'NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\nUBUNTU_CODENAME=noble\n',
            Distribution("linuxmint", "Linux Mint", "", "noble", ("linuxmint", "ubuntu", "debian")),
        ),
        ("# nothing\n", Distribution("linux", "an unknown Linux", "", "", ("linux",))),
    ],
)
def test_os_release_names_the_distribution_and_its_family(
    text: str, expected: Distribution
) -> None:
    assert distribution_of(parse_os_release(text)) == expected


def test_quotes_and_escapes_of_os_release_are_undone() -> None:
    text = 'A=\'one two\'\nB="a \\"b\\" \\$c"\nC=\n  D=4  \nno assignment\n'
    assert parse_os_release(text) == {"A": "one two", "B": 'a "b" $c', "C": "", "D": "4"}


def test_os_release_may_be_in_usr_only(tmp_path: Path) -> None:
    view = view_of(tmp_path, {"/usr/lib/os-release": "ID=arch\n"})
    assert read_distribution(view).id == "arch"


def test_the_captured_processor_is_read() -> None:
    processor = parse_processor(captured("stock-cpuinfo"))
    assert (processor.vendor, processor.count) == ("AuthenticAMD", 2)
    assert processor.model == "QEMU Virtual CPU version 2.5+"
    assert {"svm", "lm", "hypervisor"} <= set(processor.flags)


def test_another_makers_cpuinfo_gives_what_it_has() -> None:
    processor = parse_processor("processor\t: 0\nFeatures\t: fp\n\nprocessor\t: 1\n")
    assert (processor.vendor, processor.model, processor.count, processor.flags) == ("", "", 2, ())


def test_memory_is_in_mib() -> None:
    assert parse_memory(captured("stock-meminfo")) == 2971
    assert parse_memory("") == 0


@pytest.mark.parametrize(
    ("files", "expected", "unknown"),
    [
        ({}, ("bios", None), 0),
        ({SECURE_BOOT: b"\x06\x00\x00\x00\x01"}, ("uefi", True), 0),
        ({SECURE_BOOT: b"\x06\x00\x00\x00\x00"}, ("uefi", False), 0),
        ({"/sys/firmware/efi/efivars/BootOrder-8be4": b"x"}, ("uefi", False), 0),
        ({"/sys/firmware/efi/efivars": None}, ("uefi", None), 1),
    ],
)
def test_secure_boot_is_the_last_byte_of_its_variable(
    tmp_path: Path,
    files: dict[str, str | bytes | None],
    expected: tuple[str, bool | None],
    unknown: int,
) -> None:
    view = view_of(tmp_path, files)
    assert read_firmware(view) == expected
    assert len(view.unknown) == unknown


@pytest.mark.parametrize(
    ("files", "answer", "word"),
    [
        ({}, Said("none\n", 1), ""),
        ({}, Said("docker\n"), "docker"),
        ({}, Said(status=127), ""),
        ({"/.dockerenv": ""}, Said(status=127), "docker"),
        ({"/run/.containerenv": ""}, Said(status=127), "podman"),
        ({"/run/systemd/container": "lxc\n"}, Said(status=127), "lxc"),
    ],
)
def test_a_container_is_known_by_its_word_or_its_file(
    tmp_path: Path, files: dict[str, str | bytes | None], answer: Said, word: str
) -> None:
    assert read_container(view_of(tmp_path, files, {"systemd-detect-virt": answer})) == word


@pytest.mark.parametrize(
    ("files", "packages", "found"),
    [
        ({}, {}, ()),
        ({"/proc/modules": "nvidia_drm 1 2 - Live\nnouveau 1\n"}, {}, ("nvidia_drm",)),
        ({"/lib/modules/6.1/updates/dkms/nvidia-current.ko.xz": ""}, {}, ("nvidia_current",)),
        ({"/lib/modules/6.1/updates/dkms/wireguard.ko": ""}, {}, ()),
        ({}, {"nvidia-driver": "535"}, ("nvidia",)),
        ({}, {"fglrx-driver": "15"}, ("fglrx",)),
        ({"/proc/modules": "nouveau 1 2\namdgpu 1\ni915 2\n"}, {"xen-utils-4.17": "1"}, ()),
    ],
)
def test_proprietary_graphics_are_found_loaded_built_or_installed(
    tmp_path: Path,
    files: dict[str, str | bytes | None],
    packages: dict[str, str],
    found: tuple[str, ...],
) -> None:
    assert read_graphics(view_of(tmp_path, files), packages) == found


@pytest.mark.parametrize(
    ("files", "manager"),
    [
        ({"/run/systemd/system": None, "/etc/inittab": ""}, "systemd"),
        ({"/run/openrc": None}, "openrc"),
        ({"/proc/1/comm": "init\n", "/etc/inittab": "id:2:initdefault:\n"}, "sysvinit"),
        ({"/proc/1/comm": "bash\n"}, "unknown"),
    ],
)
def test_the_service_manager_is_the_one_that_runs(
    tmp_path: Path, files: dict[str, str | bytes | None], manager: str
) -> None:
    assert read_service_manager(view_of(tmp_path, files)) == manager
