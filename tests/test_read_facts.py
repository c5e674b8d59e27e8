"""The whole reading: a captured machine, an empty one, this one."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from steps.facts import BootLoader, Facts
from steps.read_facts import is_in_xen, look_into_guests, read_facts
from steps.reading.view import Ask
from steps.saved_facts import facts_from_text, facts_text
from steps.what_now import after_rollback
from tests.machines import stock
from tests.reading.looking import Answers, Said, captured, program, tree
from tests.reading.test_block_devices import EXT4, STOCK, probed
from tests.reading.test_initrd import archive
from tests.reading.test_network import ANSWERS, DEVICE

OS_RELEASE = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
VERSION_ID="12"
VERSION_CODENAME=bookworm
ID=debian
"""


def practice(root: Path) -> tuple[Path, Answers]:
    """The practice machine's files and answers, as far as they were captured."""
    files = (
        STOCK
        | DEVICE
        | dict(stock().files)
        | {
            "/etc/os-release": OS_RELEASE,
            "/etc/machine-id": "0123456789abcdef\n",
            "/etc/xen/README": "left out",
            "/etc/xen/xlexample.hvm": 'name = "example.hvm"',
            "/etc/xen/big.cfg": "x" * 300_000,
            "/etc/xen/vm01.cfg": 'name = "vm01"\n',
            "/etc/xen/auto/10-vm01": "-> ../vm01.cfg",
            "/etc/apt/sources.list": "deb http://mirror.example.org/debian bookworm main\n",
            "/proc/cpuinfo": captured("stock-cpuinfo"),
            "/proc/meminfo": captured("stock-meminfo"),
            "/proc/cmdline": stock().kernel_options + "\n",
            "/proc/sys/kernel/hostname": "practice\n",
            "/proc/sys/kernel/osrelease": stock().kernel + "\n",
            "/proc/sys/kernel/random/boot_id": stock().boot_id + "\n",
            "/run/systemd/system": None,
            **{f"/lib/systemd/system/{service.name}.service": "" for service in stock().services},
            "/run/udev/control": "",
            "/boot/grub/grub.cfg": captured("stock-grub.cfg"),
            "/boot/vmlinuz-6.1.0-56-amd64": "",
            "/boot/config-6.1.0-56-amd64": "CONFIG_XEN_DOM0=y\nCONFIG_XEN_BLKDEV_FRONTEND=m\n",
            "/boot/initrd.img-6.1.0-56-amd64": gzip.compress(
                archive(("usr/lib/xen-blkfront.ko", b"x" * (2**20 - 500)))
            ),
            "/lib/modules/6.1.0-56-amd64": None,
            "/usr/share/keyrings/debian-archive-keyring.gpg": "",
        }
    )
    program(root, "ifup")
    tree(root, files)
    installed = "".join(f"{name}\t{text}\tii \n" for name, text in stock().packages.items())
    candidates = "".join(f"{name}:\n  Candidate: 1\n" for name in stock().installable)
    answers = {
        **ANSWERS,
        **probed(vda="PTTYPE=dos\nPTUUID=5cc03136\n", vda1=EXT4),
        "dpkg-query": Said(installed),
        "apt-cache policy": Said(candidates),
        "systemctl show": Said(captured("stock-systemctl-show")),
        "systemd-detect-virt": Said("none\n", 1),
    }
    return root, Answers(answers)


def read(root: Path, ask: Ask, *, as_root: bool = True) -> Facts:
    return read_facts(ask=ask, root=root, as_root=as_root)


def test_the_captured_machine_is_the_saved_stock_machine(tmp_path: Path) -> None:
    facts = read(*practice(tmp_path))
    (kernel,) = stock().kernels
    saved = replace(stock(), kernels=(replace(kernel, initrd_unpacked_mib=1),))
    for name in (
        "hostname", "distribution", "architecture", "processor", "memory", "firmware",
        "secure_boot", "container", "kernel", "kernel_options", "kernels", "udev",
        "service_manager", "graphics_modules", "xen", "packages", "installable", "boot_id",
    ):  # fmt: skip
        assert getattr(facts, name) == getattr(saved, name), name
    assert facts.network.cards == saved.network.cards
    assert facts.network.manager == "ifupdown"
    assert facts.service("networking").enabled
    assert [entry.title for entry in facts.boot.entries or ()] == [
        entry.title for entry in saved.boot.entries or ()
    ]


def test_configuration_files_and_links_are_taken_along(tmp_path: Path) -> None:
    facts = read(*practice(tmp_path))
    assert facts.files["/etc/default/grub"] == stock().files["/etc/default/grub"]
    assert facts.files["/etc/xen/vm01.cfg"] == 'name = "vm01"\n'
    assert facts.files["/etc/xen/auto/10-vm01"] == 'name = "vm01"\n'
    assert "/etc/xen/README" not in facts.files
    assert "/etc/xen/xlexample.hvm" not in facts.files
    assert "/etc/xen/big.cfg" not in facts.files
    assert facts.links["/etc/xen/auto/10-vm01"] == "../vm01.cfg"
    assert "/etc/xen/auto" in facts.directories
    assert "/etc/netplan" not in facts.directories


def test_a_machines_name_gives_its_machine_id_away_to_nobody(tmp_path: Path) -> None:
    facts = read(*practice(tmp_path))
    assert len(facts.machine) == 16
    assert "0123456789abcdef" not in facts_text(facts)


def test_what_was_read_can_be_saved(tmp_path: Path) -> None:
    facts = read(*practice(tmp_path))
    assert facts_from_text(facts_text(facts)) == facts


def test_reading_twice_gives_the_same_and_asks_less(tmp_path: Path) -> None:
    root, ask = practice(tmp_path)
    first = read(root, ask)
    asked = len(ask.asked)
    again = read(root, ask)
    # The space is this machine's own, on which others write meanwhile.
    assert first.space.keys() == again.space.keys()
    assert replace(again, space=first.space) == first
    assert len(ask.asked) < 2 * asked


def test_what_is_begun_early_is_asked_and_not_begun_again_while_it_is_remembered(
    tmp_path: Path,
) -> None:
    root, ask = practice(tmp_path)
    for name in ("pvs", "lvs", "xl"):
        program(root, name)
    tree(root, {"/proc/xen/capabilities": "control_d\n", "/run/xenstored/socket": ""})
    begun: list[tuple[str, ...]] = []
    read_facts(ask=ask, begin=begun.append, root=root, as_root=True)
    words = {argv[0] for argv in begun}
    assert words == {
        "dpkg-query", "apt-cache", "systemd-detect-virt", "systemctl", "xl", "ip", "pvs", "lvs",
        "blkid",
    }  # fmt: skip
    # xl list had no answer here, so that nobody asked for more of Xen.
    assert set(begun) - set(ask.asked) == {("xl", "info")}
    begun.clear()
    read_facts(ask=ask, begin=begun.append, root=root, as_root=True)
    assert words - {argv[0] for argv in begun} == {"dpkg-query", "apt-cache", "systemd-detect-virt"}


def test_looking_into_the_guests_later_gives_the_same_and_asks_only_for_them(
    tmp_path: Path,
) -> None:
    root, ask = practice(tmp_path)
    domains = {"xl list": Said(captured("xl-list")), "xl info": Said(captured("xl-info"))}
    ask = Answers({**ask.by_words, **domains})
    program(root, "xl")
    tree(root, {"/sys/hypervisor/type": "xen\n", "/proc/xen/capabilities": "control_d\n",
                "/run/xenstored/socket": ""})  # fmt: skip
    volumes, names = ("/dev/vda9",), ("vm01",)

    def sees_login(name: str, /) -> bool:
        return True

    whole = read_facts(volumes, names, ask=ask, root=root, as_root=True, sees_login=sees_login)
    without = read(root, ask)
    asked = len(ask.asked)
    later = look_into_guests(without, volumes, names, ask=ask, root=root, sees_login=sees_login)
    # The space is that of this computer's own disk, on which other tests write.
    assert replace(whole, space=later.space) == later
    assert whole != without
    assert {argv[0] for argv in ask.asked[asked:]} == {"xl"}


def test_an_ordinary_users_reading_says_what_it_lacks(tmp_path: Path) -> None:
    root, ask = practice(tmp_path)
    facts = read(root, ask, as_root=False)
    assert not facts.as_root
    assert facts.disks[0].partitions[0].content.detail == "ext4"
    assert not any(argv[0] in ("blkid", "mount", "pvs", "xl") for argv in ask.asked)


def test_an_empty_tree_without_any_program_is_a_machine_too(tmp_path: Path) -> None:
    facts = read(tmp_path, Answers())
    assert facts.boot == BootLoader(
        "none", "", "", None, "", None, None, None, submenu_disabled=False, root_uuid=""
    )
    assert (facts.disks, facts.volume_groups, facts.kernels) == ((), (), ())
    assert facts.service_manager == "unknown"
    assert facts.unknown == ("packages: this machine has no dpkg; others are not read yet",)
    assert facts_from_text(facts_text(facts)) == facts


@pytest.mark.parametrize("status", [1, 124, 126])
def test_commands_that_all_fail_spoil_nothing(tmp_path: Path, status: int) -> None:
    root, _ = practice(tmp_path)

    def fails(argv: tuple[str, ...], timeout: float = 20.0, /) -> Said:
        return Said("garbage \x00 { [", status)

    facts = read(root, fails)
    assert facts.hostname == "practice"
    assert facts.unknown
    assert facts_from_text(facts_text(facts)) == facts


def read_this_machine() -> None:
    before = Path("/proc/self/mountinfo").read_text()
    facts = read_facts(("/dev/none",), ("vm01",))
    assert facts.hostname == Path("/proc/sys/kernel/hostname").read_text().strip()
    assert facts.as_root == (os.geteuid() == 0)
    assert facts_from_text(facts_text(facts)) == facts
    assert Path("/proc/self/mountinfo").read_text() == before


def test_this_machine_can_be_read_and_is_left_as_it_was() -> None:
    # Other tests mount and unmount meanwhile; who may not have mounts of his own has no such tests.
    apart = ["unshare", "--mount", "--propagation", "private"]
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        apart = []
    here = "from tests.test_read_facts import read_this_machine as read; read()"
    done = subprocess.run(
        [*apart, sys.executable, "-c", here], cwd=Path(__file__).parent.parent,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_file_longer_than_any_configuration_is_named_and_not_carried_along(
    tmp_path: Path,
) -> None:
    root, answers = practice(tmp_path)
    tree(root, {"/etc/xen/auto/disk": "x" * (10 * 1024 * 1024), "/etc/xen/auto/nul": "a\0b"})
    facts = read(root, answers)
    assert "/etc/xen/auto/disk" not in facts.files
    assert "a\0b" == facts.files["/etc/xen/auto/nul"]
    assert any(line.startswith("/etc/xen/auto/disk: ") for line in facts.unknown)


def test_after_a_rollback_only_a_host_that_is_still_in_xen_is_told_to_boot(tmp_path: Path) -> None:
    assert () == after_rollback(is_in_xen(tmp_path))
    tree(tmp_path, {"/sys/hypervisor/type": "kvm\n"})
    assert () == after_rollback(is_in_xen(tmp_path))
    tree(tmp_path, {"/sys/hypervisor/type": "xen\n"})
    ((command, _why),) = after_rollback(is_in_xen(tmp_path))
    assert "sudo reboot" == command


def test_a_file_that_ifupdown_sources_is_read_wherever_it_lies(tmp_path: Path) -> None:
    root, ask = practice(tmp_path)
    added = {"/etc/network/cards": "iface eth7 inet dhcp\n", "/etc/network/others": ""}
    main = root / "etc/network/interfaces"
    main.write_text(f"{main.read_text()}\nsource cards\n")
    files = read(tree(root, added), ask).files
    assert added["/etc/network/cards"] == files["/etc/network/cards"]
    assert "/etc/network/others" not in files
