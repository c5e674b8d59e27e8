"""Kernels, boot loader, packages, services and TLS directories."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from steps.facts import Service, TlsDirectory
from steps.reading.boot_loader import grub_settings, read_boot_loader
from steps.reading.kernels import config_values, read_kernels, version_order
from steps.reading.packages import (
    parse_installed,
    parse_policy,
    read_installable,
    read_packages,
)
from steps.reading.services import parse_units, read_services
from steps.reading.tls import read_tls
from tests.reading.looking import Answers, Said, captured, view_of
from tests.reading.test_initrd import archive

Files = dict[str, str | bytes | None]
DOM0 = "CONFIG_XEN_DOM0=y\nCONFIG_XEN_BLKDEV_FRONTEND=m\n# CONFIG_XEN_PVH is not set\n"


def test_kernels_come_newest_first_by_their_numbers() -> None:
    names = ["6.1.0-9-amd64", "6.1.0-56-amd64", "6.10.1", "5.10.0-30-amd64", "6.1.0-56-rt-amd64"]
    assert sorted(names, key=version_order, reverse=True) == [
        "6.10.1",
        "6.1.0-56-rt-amd64",
        "6.1.0-56-amd64",
        "6.1.0-9-amd64",
        "5.10.0-30-amd64",
    ]
    odd = "6\N{SUPERSCRIPT TWO}"
    assert sorted([odd, "6.1"], key=version_order) == ["6.1", odd]


def test_only_what_is_set_is_in_a_kernels_options() -> None:
    assert config_values(DOM0) == {"CONFIG_XEN_DOM0": "y", "CONFIG_XEN_BLKDEV_FRONTEND": "m"}


def kernel_files(config: str) -> Files:
    inside = archive(("usr/lib/modules/6.1/xen-blkfront.ko", b"x" * 3 * 2**20))
    return {
        "/boot/vmlinuz-6.1": "",
        "/boot/vmlinuz-6.1.dpkg-tmp": "",
        "/boot/vmlinuz-5.10": "",
        "/boot/config-6.1": config,
        "/boot/initrd.img-6.1": gzip.compress(inside),
        "/boot/initrd.img-5.10": "never looked into",
        "/lib/modules/6.1": None,
    }


@pytest.mark.parametrize(
    ("config", "dom0", "builtin"),
    [
        (DOM0, True, False),
        ("CONFIG_XEN_PRIVILEGED_GUEST=y\n", True, False),
        ("CONFIG_XEN_DOM0=m\n", False, False),
        ("CONFIG_XEN_BLKDEV_FRONTEND=y\n", False, True),
        ("", False, False),
    ],
)
def test_a_kernel_is_dom0s_by_the_options_that_update_grub_looks_for(
    tmp_path: Path, config: str, dom0: bool, builtin: bool
) -> None:
    newest, older = read_kernels(view_of(tmp_path, kernel_files(config)), thorough=True)
    assert (newest.version, newest.image) == ("6.1", "/boot/vmlinuz-6.1")
    assert (newest.xen_dom0, newest.xen_blkfront_builtin) == (dom0, builtin)
    assert (newest.initrd, newest.modules) == ("/boot/initrd.img-6.1", "/lib/modules/6.1")
    assert (newest.initrd_has_blkfront, newest.initrd_unpacked_mib) == (True, 4)
    assert (older.xen_dom0, older.xen_blkfront_builtin, older.modules) == (None, None, None)
    assert (older.initrd_has_blkfront, older.initrd_unpacked_mib) == (None, None)


def test_the_initrd_is_left_alone_when_that_is_wanted(tmp_path: Path) -> None:
    newest, _ = read_kernels(view_of(tmp_path, kernel_files(DOM0)), thorough=False)
    assert (newest.initrd_has_blkfront, newest.initrd_unpacked_mib) == (None, None)


def test_a_damaged_initrd_is_said_to_be_so(tmp_path: Path) -> None:
    view = view_of(tmp_path, kernel_files(DOM0) | {"/boot/initrd.img-6.1": "damaged"})
    newest, _ = read_kernels(view, thorough=True)
    assert newest.initrd_has_blkfront is None
    assert view.unknown[0].startswith("content of /boot/initrd.img-6.1: ")


def test_grubs_settings_are_those_of_the_last_file() -> None:
    first = "GRUB_DEFAULT=0\n#GRUB_A=1\nGRUB_CMDLINE_LINUX=\"a 'b' c\" # why\nexport GRUB_X=y\n"
    second = "  GRUB_DEFAULT='x>y'\nGRUB_DISTRIBUTOR=`lsb_release -i`\nGRUB_BAD='open\n"
    assert grub_settings([first, second]) == {
        "GRUB_DEFAULT": "x>y",
        "GRUB_CMDLINE_LINUX": "a 'b' c",
        "GRUB_X": "y",
        "GRUB_DISTRIBUTOR": "`lsb_release",
        "GRUB_BAD": "'open",
    }


def environment(text: str) -> str:
    return "# GRUB Environment Block\n" + text + "####"


def test_grub_2_is_read_with_menu_default_and_next_boot(tmp_path: Path) -> None:
    files: Files = {
        "/boot/grub/grub.cfg": captured("xen-grub.cfg"),
        "/boot/grub/grubenv": environment("next_entry=1>0\n"),
        "/boot/vmlinuz-6.1.0-56-amd64": "",
        "/etc/default/grub": "GRUB_DISABLE_SUBMENU=n\n",
        "/etc/default/grub.d/own.cfg": "GRUB_DISABLE_SUBMENU=y\n",
    }
    boot = read_boot_loader(view_of(tmp_path, files), {"grub-pc": "2.06", "grub-common": "1"}, "u")
    assert (boot.kind, boot.version, boot.config) == ("grub2", "2.06", "/boot/grub/grub.cfg")
    assert boot.entries is not None
    assert boot.default == "Debian GNU/Linux, with Xen hypervisor"
    assert boot.default_entry == next(e.path for e in boot.entries if e.kind == "xen")
    assert (boot.next_entry, boot.saved_entry, boot.root_uuid) == ("1>0", None, "u")
    assert boot.submenu_disabled


@pytest.mark.parametrize(("saved", "entry"), [("b", "b"), ("", "a"), ("gone", "a")])
def test_a_saved_default_is_what_is_saved(tmp_path: Path, saved: str, entry: str) -> None:
    files: Files = {
        "/boot/grub/grub.cfg": 'set default="${saved_entry}"\nmenuentry a { }\nmenuentry b { }\n',
        "/boot/grub/grubenv": environment(f"saved_entry={saved}\n"),
    }
    boot = read_boot_loader(view_of(tmp_path, files), {}, "")
    assert (boot.default, boot.default_entry) == ("saved", entry)


def test_a_menu_that_cannot_be_read_is_not_an_empty_one(tmp_path: Path) -> None:
    view = view_of(tmp_path, {"/boot/grub/grub.cfg": None})  # a directory cannot be read by root
    boot = read_boot_loader(view, {}, "")
    assert (boot.kind, boot.entries, boot.default_entry) == ("grub2", None, None)
    assert view.unknown == ["boot menu: only root can read /boot/grub/grub.cfg"]


@pytest.mark.parametrize(
    ("files", "kind", "config"),
    [
        ({}, "none", ""),
        ({"/boot/grub/menu.lst": ""}, "grub-legacy", "/boot/grub/menu.lst"),
        ({"/boot/grub2/grub.cfg": ""}, "grub2", "/boot/grub2/grub.cfg"),
        ({"/boot/efi/loader/loader.conf": ""}, "other", "/boot/efi/loader/loader.conf"),
    ],
)
def test_each_boot_loader_is_known_by_its_file(
    tmp_path: Path, files: Files, kind: str, config: str
) -> None:
    boot = read_boot_loader(view_of(tmp_path, files), {}, "")
    assert (boot.kind, boot.config) == (kind, config)


@pytest.mark.parametrize(("as_root", "why"), [(True, "update-grub"), (False, "only root")])
def test_an_installed_grub_without_a_menu_to_be_seen_is_grub(
    tmp_path: Path, as_root: bool, why: str
) -> None:
    view = view_of(tmp_path, {}, as_root=as_root)
    boot = read_boot_loader(view, {"grub-pc": "2.06-13"}, "u")
    assert (boot.kind, boot.version, boot.entries) == ("grub2", "2.06-13", None)
    assert why in view.unknown[0]


def test_removed_packages_are_not_installed() -> None:
    text = "lvm2\t2.03\tii \nbridge-utils\t1.7\trc \nxen\t\tun \nheld\t1\thi \nhalf\t1\tiF \nx\n"
    assert parse_installed(text) == {"lvm2": "2.03", "held": "1"}


def test_installable_is_what_has_a_candidate() -> None:
    names = ("bridge-utils", "btrfs-progs", "debootstrap", "lvm2", "xen-system-amd64", "xfsprogs")
    assert parse_policy(captured("stock-apt-policy")) == names
    assert parse_policy("") == ()


def test_apt_is_asked_again_only_after_something_changed(tmp_path: Path) -> None:
    view = view_of(
        tmp_path,
        {"/var/lib/dpkg/status": "1", "/var/lib/apt/lists": None},
        {
            "apt-cache policy": Said(captured("stock-apt-policy")),
            "dpkg-query": Said("a\t1\tii \n"),
        },
    )
    assert isinstance(view.ask, Answers)
    for _ in range(3):
        assert "lvm2" in read_installable(view)
        assert read_packages(view) == {"a": "1"}
    assert len(view.ask.asked) == 2
    assert view.ask.asked[0][-1] == "xen-hypervisor-*"
    (tmp_path / "var/lib/dpkg/status").write_text("12")
    read_installable(view)
    read_packages(view)
    assert len(view.ask.asked) == 4


def test_without_dpkg_that_is_said(tmp_path: Path) -> None:
    view = view_of(tmp_path, {})
    assert read_packages(view) == {}
    assert view.unknown == ["packages: this machine has no dpkg; others are not read yet"]


def test_the_captured_units_are_read() -> None:
    units = parse_units(captured("stock-systemctl-show"))
    assert units["ssh.service"] == {
        "Id": "ssh.service",
        "LoadState": "loaded",
        "ActiveState": "active",
        "UnitFileState": "enabled",
    }
    assert units["xen.service"]["LoadState"] == "not-found"


GENERATED = "Id=xen.service\nLoadState=loaded\nActiveState=active\nUnitFileState=generated\n"


@pytest.mark.parametrize(
    ("files", "enabled"),
    [({}, False), ({"/etc/rc2.d/S01xen": ""}, True), ({"/etc/rc2.d/K01xen": ""}, False)],
)
def test_a_unit_made_from_an_init_script_is_enabled_by_its_links(
    tmp_path: Path, files: Files, enabled: bool
) -> None:
    script = {"/etc/init.d/xen": "", "/run/systemd/generator.late/xen.service": ""}
    view = view_of(tmp_path, {**files, **script}, {"systemctl show": Said(GENERATED)})
    off = "/etc/rc2.d/K01xen" in files
    assert read_services(view, "systemd") == (Service("xen", True, enabled, True, off, True),)


UNREAD = "Id=xen.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n"


@pytest.mark.parametrize(("files", "enabled"), [({}, False), ({"/etc/rc2.d/S01xen": ""}, True)])
def test_an_init_script_that_systemd_has_not_read_yet_is_there(
    tmp_path: Path, files: Files, enabled: bool
) -> None:
    view = view_of(tmp_path, {**files, "/etc/init.d/xen": ""}, {"systemctl show": Said(UNREAD)})
    expected = Service("xen", True, enabled, False, script=True)
    assert read_services(view, "systemd") == (expected,)


def test_a_masked_unit_is_there_and_masked(tmp_path: Path) -> None:
    said = "Id=xen.service\nLoadState=masked\nActiveState=inactive\nUnitFileState=masked\n"
    unit = {"/lib/systemd/system/xen.service": ""}
    view = view_of(tmp_path, unit, {"systemctl show": Said(said)})
    assert read_services(view, "systemd") == (Service("xen", True, False, False, masked=True),)


def test_a_link_to_a_unit_that_is_gone_is_no_service(tmp_path: Path) -> None:
    link = {"/etc/systemd/system/xen.service": "-> /gone"}
    assert read_services(view_of(tmp_path, link, {"systemctl show": Said(UNREAD)}), "systemd") == ()


def test_a_systemctl_that_does_not_answer_is_noted(tmp_path: Path) -> None:
    unit = {"/lib/systemd/system/xen.service": ""}
    view = view_of(tmp_path, unit, {"systemctl": Said(status=1)})
    assert read_services(view, "systemd") == ()
    assert view.unknown == ["services: systemctl does not answer"]


@pytest.mark.parametrize(
    "path",
    [
        "/lib/systemd/system/xen.service",
        "/usr/lib/systemd/system/xen.service",
        "/etc/systemd/system/xen.service",
        "/run/systemd/generator.late/xen.service",
        "/etc/init.d/xen",
    ],
)
def test_only_units_that_can_be_there_are_asked_for(tmp_path: Path, path: str) -> None:
    """systemd searches its folders for each that it does not have: seconds in all, emulated."""
    for files in ({path: ""}, {path: "-> /dev/null"}):
        said = Answers({"systemctl show": Said(GENERATED)})
        view = replace(view_of(tmp_path, files), ask=said)
        assert ["xen"] == [service.name for service in read_services(view, "systemd")]
        (asked,) = said.asked
        assert ("xen.service",) == asked[3:]
        (tmp_path / path.lstrip("/")).unlink()


def test_without_any_unit_systemctl_is_not_started(tmp_path: Path) -> None:
    said = Answers({})
    view = replace(view_of(tmp_path, {"/lib/systemd/system/cron.service": ""}), ask=said)
    assert () == read_services(view, "systemd")
    assert [] == view.unknown
    assert [] == said.asked


def test_init_scripts_tell_whether_they_run(tmp_path: Path) -> None:
    files: Files = {
        "/etc/init.d/xen": "",
        "/etc/init.d/ssh": "",
        "/etc/rc3.d/S20ssh": "",
        "/etc/runlevels/default/xen": "",
    }
    answers = {"/etc/init.d/ssh status": Said(), "/etc/init.d/xen status": Said(status=3)}
    view = view_of(tmp_path, files, answers)
    # Each manager has links of its own, which the others do not look at.
    assert read_services(view, "sysvinit") == (
        Service("xen", True, False, False, script=True),
        Service("ssh", True, True, True, script=True),
    )
    assert read_services(view, "openrc") == (
        Service("xen", True, True, False, script=True),
        Service("ssh", True, False, True, script=True),
    )
    assert [service.active for service in read_services(view, "unknown")] == [False, False]


def test_tls_directories_are_counted_once_whatever_links_lead_there(tmp_path: Path) -> None:
    files: Files = {
        "/usr/lib/tls/libc.so.6": "",
        "/usr/lib/tls/libm-2.3.so": "",
        "/usr/lib/tls/README": "",
        "/lib": "-> usr/lib",
        "/usr/lib/i686/tls.disabled/libc.so.6": "",
        "/usr/lib64/tls": None,
    }
    assert read_tls(view_of(tmp_path, files)) == (
        TlsDirectory("/lib/tls", 2, disabled=False),
        TlsDirectory("/lib/i686/tls.disabled", 1, disabled=True),
        TlsDirectory("/usr/lib64/tls", 0, disabled=False),
    )
