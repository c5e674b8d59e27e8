"""GRUB's menu: captured files, hand-made corners, and the default as GRUB resolves it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.facts import BootEntry
from steps.reading.boot_menu import in_boot, parse_environment, parse_menu
from tests.reading.looking import captured

UUID = "e5cc039c-f379-4ac4-ae69-c4bab086b463"
LINUX = "6.1.0-56-amd64"


def test_the_stock_menu_has_a_plain_an_advanced_and_a_recovery_entry() -> None:
    menu = parse_menu(captured("stock-grub.cfg"))
    options = f"root=UUID={UUID} ro console=tty0 console=ttyS0,115200n8"
    advanced = f"gnulinux-advanced-{UUID}"
    kernel, initrd = f"/boot/vmlinuz-{LINUX}", f"/boot/initrd.img-{LINUX}"
    assert menu.entries == (
        BootEntry(
            f"gnulinux-simple-{UUID}",
            f"gnulinux-simple-{UUID}",
            "Debian GNU/Linux",
            "linux",
            kernel,
            initrd,
            kernel_options=options,
        ),
        BootEntry(
            f"gnulinux-{LINUX}-advanced-{UUID}",
            f"{advanced}>gnulinux-{LINUX}-advanced-{UUID}",
            f"Debian GNU/Linux, with Linux {LINUX}",
            "linux",
            kernel,
            initrd,
            kernel_options=options,
        ),
        BootEntry(
            f"gnulinux-{LINUX}-recovery-{UUID}",
            f"{advanced}>gnulinux-{LINUX}-recovery-{UUID}",
            f"Debian GNU/Linux, with Linux {LINUX} (recovery mode)",
            "linux",
            kernel,
            initrd,
            kernel_options=f"root=UUID={UUID} ro single console=tty0 console=ttyS0,115200n8",
            recovery=True,
        ),
    )
    assert menu.default == "0"
    assert menu.meant_by("0") == f"gnulinux-simple-{UUID}"
    assert menu.meant_by("1>1") == f"{advanced}>gnulinux-{LINUX}-recovery-{UUID}"


SMALL = r"""
set default="${saved_entry}"
function savedefault {
  set default="not this one"
}
menuentry 'It'\''s "first"' --class gnu --id first {
	set default="nor this"
	linux /vmlinuz root=/dev/sda1 quiet
	initrd /ucode.img /initrd.img
}
submenu "More > of it" $menuentry_id_option 'more' {
	menuentry "A \"quoted\" \$title" --unrestricted { linux16 /a; initrd16 /b }
	submenu deep --id=deep { menuentry last { chainloader +1 } }
}
menuentry 'Xen > all' {
	multiboot2 /boot/xen.gz placeholder dom0_mem=512M ${xen_rm_opts}
	module2 /boot/vmlinuz-1 placeholder root=/dev/sda1 ro
	module2 --nounzip /boot/ucode.bin
	module2 --nounzip /boot/initrd.img-1
}
menuentry 'memtest' --class memtest { multiboot /boot/memtest.elf }
"""


def test_quoting_ids_and_nesting_are_read_as_grub_reads_them() -> None:
    menu = parse_menu(SMALL)
    assert [(entry.path, entry.title, entry.kind) for entry in menu.entries] == [
        ("first", 'It\'s "first"', "linux"),
        ('more>A "quoted" $title', 'A "quoted" $title', "linux"),
        ("more>deep>last", "last", "other"),
        ("Xen >> all", "Xen > all", "xen"),
        ("memtest", "memtest", "other"),
    ]
    assert menu.default == "saved"
    assert menu.entries[0].initrd == "/initrd.img"


def test_a_xen_entry_has_hypervisor_kernel_and_initrd_from_its_modules() -> None:
    xen = parse_menu(SMALL).entries[3]
    assert xen == BootEntry(
        id="Xen > all",
        path="Xen >> all",
        title="Xen > all",
        kind="xen",
        kernel="/boot/vmlinuz-1",
        initrd="/boot/initrd.img-1",
        hypervisor="/boot/xen.gz",
        hypervisor_options="dom0_mem=512M",
        kernel_options="root=/dev/sda1 ro",
    )


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("0", "first"),
        ("first", "first"),
        ('It\'s "first"', "first"),
        ("1", 'more>A "quoted" $title'),  # a submenu: its own first entry
        ("1>1", "more>deep>last"),
        ("more>deep>last", "more>deep>last"),
        ("More >> of it>deep", "more>deep>last"),
        ("2", "Xen >> all"),
        ("Xen >> all", "Xen >> all"),
        ("99", "first"),
        ("99999999999999999999", "first"),
        # A number is one whatever follows, in C's three ways of writing (seen with GRUB 2.06).
        ("2nd", "Xen >> all"),
        ("2.6 custom", "Xen >> all"),
        ("0x2", "Xen >> all"),
        ("002", "Xen >> all"),
        ("010", "first"),
        ("gone", "first"),
        ("", "first"),
        ("more>gone", 'more>A "quoted" $title'),
        ("first>1", "first"),
    ],
)
def test_a_default_word_means_the_entry_that_grub_boots(word: str, path: str) -> None:
    assert parse_menu(SMALL).meant_by(word) == path


def test_every_path_of_a_menu_means_its_own_entry() -> None:
    for text in (SMALL, captured("stock-grub.cfg"), captured("xen-grub.cfg")):
        menu = parse_menu(text)
        for entry in menu.entries:
            assert menu.meant_by(entry.path) == entry.path


def test_a_submenu_whose_id_leads_elsewhere_is_called_by_its_title() -> None:
    menu = parse_menu(captured("xen-grub.cfg"))
    xen = [entry for entry in menu.entries if entry.kind == "xen"]
    assert xen[0].path == f"xen-gnulinux-simple-{UUID}"
    assert menu.meant_by(menu.default) == xen[0].path
    assert xen[1].path == (
        "Advanced options for Debian GNU/Linux (with Xen hypervisor)"
        f">xen-hypervisor-4.17-amd64-{UUID}"
        f">xen-gnulinux-{LINUX}-advanced-{UUID}"
    )
    assert {entry.hypervisor for entry in xen} == {
        "/boot/xen-4.17-amd64.gz",
        "/boot/xen-4.17-amd64.efi",
    }


def test_a_title_that_begins_with_a_number_is_no_name_for_its_entry() -> None:
    menu = parse_menu("menuentry one { linux /a }\nmenuentry '6.1 custom' { linux /b }\n")
    assert ["one", "1"] == [entry.path for entry in menu.entries]


def test_a_default_may_be_set_without_the_word_set() -> None:
    menu = parse_menu("default='two'\nmenuentry one { linux /a }\nmenuentry two { linux /b }\n")
    assert "two" == menu.default


def test_twins_are_told_apart_by_number() -> None:
    menu = parse_menu("menuentry same { linux /a }\nmenuentry same { linux /b }\nmenuentry 7 { }")
    assert [entry.path for entry in menu.entries] == ["same", "1", "2"]
    assert [menu.meant_by(entry.path) for entry in menu.entries] == ["same", "1", "2"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "set default=3\n", "}}}\n", "submenu x { }"])
def test_an_empty_menu_has_no_default_entry(text: str) -> None:
    menu = parse_menu(text)
    assert menu.entries == ()
    assert menu.meant_by("0") is None


# GRUB itself says the same: tests/hosts/test_grub_2_itself.py.
FALLBACKS = [
    ("", None),
    ("set fallback=0", f"gnulinux-simple-{UUID}"),
    ("set fallback='2 0'", f"xen-gnulinux-simple-{UUID}"),
    ("set fallback=1", f"gnulinux-advanced-{UUID}>gnulinux-{LINUX}-advanced-{UUID}"),
    ("set fallback=9", None),  # there is no such entry
    (f"set fallback=gnulinux-simple-{UUID}", None),  # only a number counts
    ("set fallback=2\nset fallback=0", f"gnulinux-simple-{UUID}"),
    ("function f {\nset fallback=0\n}", None),
]


@pytest.mark.parametrize(("line", "path"), FALLBACKS)
def test_the_entry_that_comes_when_another_cannot_be_loaded(line: str, path: str | None) -> None:
    assert path == parse_menu(f"{captured('xen-grub.cfg')}\n{line}\n").falls_back_to()


@given(st.text(alphabet="menuentry submenu{}'\"\\$>\n;#ab01=-"))
def test_any_text_can_be_read_as_a_menu(text: str) -> None:
    menu = parse_menu(text)
    for entry in menu.entries:
        assert menu.meant_by(entry.path) is not None


def test_files_get_their_place_in_the_system_when_boot_is_a_filesystem_of_its_own() -> None:
    entry = BootEntry("a", "a", "a", "linux", "/vmlinuz-1", "/@/boot/initrd.img-1")
    names = frozenset({"vmlinuz-1", "initrd.img-1"})
    moved = in_boot(entry, names)
    assert (moved.kernel, moved.initrd) == ("/boot/vmlinuz-1", "/boot/initrd.img-1")
    assert in_boot(entry, frozenset()) == entry


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("", {}),
        ("saved_entry=1\n", {}),
        ("# GRUB Environment Block\n###", {}),
        (
            "# GRUB Environment Block\n# WARNING\nsaved_entry=a>b\nnext_entry=Xen \\\\ all\n####",
            {"saved_entry": "a>b", "next_entry": "Xen \\ all"},
        ),
        ("# GRUB Environment Block\nnext_entry=\n####", {"next_entry": ""}),
    ],
)
def test_the_environment_block_holds_its_variables(text: str, variables: dict[str, str]) -> None:
    assert parse_environment(text) == variables
