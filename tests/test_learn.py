"""`xen-setup learn`: all that the tutorial of 2006 teaches has its place, and fits a screen."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from steps import PIPELINE
from steps.learn import TOPICS
from tests.cli.program import ROOT, environment, xen_setup
from tests.terminal import Terminal
from wizard.arguments import parse
from wizard.cli import run
from wizard.errors import Exit, UsageError
from wizard.lesson import WIDTH, plain_text, wrapped
from wizard.step import step_name
from wizard.topics import Topic, blocks, in_ascii, is_drawing, lines, nearest, pages

BY_NAME = {topic.name: topic for topic in TOPICS}
LESSONS = {step_name(step): step.LESSON for step in PIPELINE}
NAMES = [*BY_NAME, *LESSONS]
# Rows of a terminal of 24, less the question below a page and the row that is typed on.
PAGE = 22

# The tutorial's sections, in its order, and then its world beside today's: where each is taught,
# and words that must be there.
TUTORIAL: dict[str, tuple[str, tuple[str, ...]]] = {
    "requirements": ("distribution", ("processor", "256 MiB", "5 GiB", "card")),
    "preparing dom0": ("distribution", ("GRUB", "udev", "lvm2", "bridge-utils", "iproute",
                                        "proprietary", "works well before Xen")),
    "installing Xen": ("xen_packages", ("tar xzf xen-3.0.3_0-install-x86_32.tgz", "install.sh")),
    "boot entry": ("grub_entry", ("menu.lst", "kernel /boot/xen-3.0.gz", "module /boot/initrd",
                                  "savedefault", "`initrd`")),
    "boot entry: the order of loading": ("boot-chain", ("module", "ramdisk", "never an `initrd`")),
    "services": ("xend_services", ("xend", "xendomains", "update-rc.d xend defaults", "insserv")),
    "TLS": ("tls_libraries", ("mv /lib/tls /lib/tls.disabled", "thread-local", "half the speed",
                              "every guest")),
    "reboot": ("first_boot", ("xm list", "Domain-0", "GRUB's menu")),
    "LVM": ("volume_group", ("pvcreate /dev/hda5", "vgcreate xendisks /dev/hda5", "in use")),
    "LVM: the idea": ("lvm", ("lvcreate", "snapshot", "vgextend")),
    "guest disks": ("guest_volumes", ("lvcreate -n vm01-swap -L128M", "lvcreate -n vm01-root -L2G",
                                      "mkswap", "mke2fs -j")),
    "guest system": ("guest_system", ("debootstrap", "YaST", "fstab")),
    "guest config": ("guest_config", ("/etc/xen/vm01", "phy:xendisks/vm01-root,hda1,w", "ramdisk",
                                      "memory = 128", "fstab", "mounted")),
    "first boot": ("first_boot", ("xm create /etc/xen/vm01 -c", "login prompt")),
    "networking": ("bridge", ("peth0", "vif0.0", "vifN.M", "brctl show", "ethM")),
    "networking: on this host": ("network_bridge", ("network-bridge", "peth0", "xenbr0")),
    "administration": ("administration", ("xl list", "xl create", "xl shutdown", "xl reboot",
                                          "another after each start")),
    "limits: the disk's speed": ("limits", ("The disk is felt first",)),
    "limits: graphics": ("limits", ("No accelerated graphics",)),
    "limits: PCI": ("limits", ("PCI device", "handed over")),
    "limits: power": ("limits", ("No power management",)),
    "limits: memory": ("limits", ("balloon", "asks the guest")),
    "limits: one filesystem, one domain": ("guest-disks", ("One filesystem, one kernel",)),
    "limits: order": ("start-and-stop", ("alphabetical order", "falling domain number", "DNS",
                                         "NFS", "syslog", "/etc/xen/auto")),
    "ideas: rings": ("rings", ("ring 0", "ring 3", "ring 1", "hypercall")),
    "ideas: dom0 and domU": ("domains", ("Domain-0", "domU", "unprivileged")),
    "ideas: hardware": ("hardware", ("VMX", "Pacifica", "Windows")),
    "then and now: toolstack": ("toolstack", ("xend", "xm", "xl", "4.5", "xenstored")),
    "then and now: config": ("toolstack", ("Python", "key = value")),
    "then and now: disk": ("guest-disks", ("phy:xendisks/vm01-root,hda1,w", "failed to stat")),
    "then and now: disk names": ("guest-disks", ("hda", "xvda1")),
    "then and now: console": ("toolstack", ("tty1", "xvc0", "hvc0", "console=hvc0")),
    "then and now: network": ("bridge", ("netplan", "systemd-networkd", "interfaces")),
    "then and now: boot loader": ("grub_entry", ("grub.cfg", "update-grub")),
    "then and now: /lib/tls": ("tls_libraries", ("2.37", "4.16")),
    "then and now: 32 bits": ("distribution", ("4.3", "64-bit")),
    "then and now: PVH": ("hardware", ("pvh", "hap", "hvm")),
}  # fmt: skip


def told(name: str, *, ascii_only: bool = False) -> list[str]:
    """The lines of a topic or lesson, as wide as they may be."""
    if name in BY_NAME:
        shown = lines(BY_NAME[name], ascii_only=ascii_only)
        return [text for line in shown for text in wrapped(line)]
    return plain_text(LESSONS[name]).splitlines()


@pytest.mark.parametrize("section", TUTORIAL)
def test_what_the_tutorial_teaches_has_its_place(section: str) -> None:
    name, words = TUTORIAL[section]
    text = " ".join(" ".join(told(name)).split())
    assert len(text.split()) > 100
    assert [word for word in words if word not in text] == []


def test_every_idea_is_somewhere_in_the_tutorials_table_or_named_by_another() -> None:
    places = {name for name, _ in TUTORIAL.values()}
    assert [name for name in NAMES if name not in places] == []


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_is_whole(topic: Topic) -> None:
    assert 20 < len(topic.title) <= 62
    drawings = [block for block in blocks(topic.text) if is_drawing(block)]
    words = [block for block in blocks(topic.text) if not is_drawing(block)]
    assert drawings, "an idea has a drawing"
    assert sum(len(block.split()) for block in words) > 120
    for block in words:
        inner = "  " if block.startswith("- ") else ""
        for line in block.split("\n"):
            assert line.startswith("- ") or line.lstrip() == line.removeprefix(inner), line
    assert topic.look
    assert topic.read_on
    assert topic.see
    assert set(topic.see) <= set(NAMES) - {topic.name}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_wider_than_a_terminal(name: str, *, ascii_only: bool) -> None:
    text = told(name, ascii_only=ascii_only)
    assert [line for line in text if len(line) > WIDTH] == []
    assert [line for line in text if line != line.rstrip() and line.strip()] == []
    if ascii_only:
        assert "\n".join(text).isascii()


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_drawing_keeps_its_shape_in_ascii_and_fits_a_page(topic: Topic) -> None:
    for drawing in filter(is_drawing, blocks(topic.text)):
        plain = in_ascii(drawing)
        assert plain.isascii()
        assert [len(line) for line in plain.split("\n")] == [
            len(line) for line in drawing.split("\n")
        ]
        assert len(drawing.split("\n")) <= PAGE


def test_pages_cut_no_block_in_two() -> None:
    told = [["a"] * 10, ["b"] * 10, ["c"] * 10, ["d"] * 30, ["e"]]
    assert [[0, 1], [2], [3], [4]] == list(pages(told, 22))
    assert [] == list(pages([], 22))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("brige", "bridge"), ("disks", "guest-disks"), ("grub", "grub_entry"), ("LVMs", "lvm"),
     ("hard-ware", "hardware"), ("tls", "tls_libraries")],
)  # fmt: skip
def test_a_wrong_name_is_answered_with_the_nearest(typed: str, meant: str) -> None:
    assert nearest(typed, NAMES)[0] == meant
    with pytest.raises(UsageError) as refused:
        run(parse(["learn", typed]))
    assert f"Did you mean {meant}" in refused.value.hint


def test_a_name_that_is_like_none_is_answered_with_the_list() -> None:
    done = xen_setup("learn", "xyzzy")
    assert done.returncode == Exit.USAGE
    assert "Did you mean" not in done.stderr
    assert "The list of topics: xen-setup learn" in done.stderr


def test_the_list_has_every_topic_in_80_columns() -> None:
    done = xen_setup("learn")
    assert done.returncode == Exit.DONE
    shown = done.stdout.splitlines()
    assert all(any(line.startswith(f"{name} ") for line in shown) for name in NAMES)
    assert [line for line in shown if len(line) > 79] == []


def test_names_are_taken_with_either_hyphen_and_any_case() -> None:
    assert xen_setup("learn", "GRUB-entry").stdout == xen_setup("learn", "grub_entry").stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_pipe_gets_the_whole_topic_without_an_escape(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(parse(["learn", name])) == Exit.DONE
    shown = capsys.readouterr().out
    assert shown.isascii()
    assert "\x1b" not in shown
    assert "Read on" in shown


@pytest.mark.parametrize("options", [(), ("--plain",)])
def test_a_terminal_gets_it_page_by_page(options: tuple[str, ...]) -> None:
    program = [sys.executable, "-P", "-m", "wizard", "learn", *options, "bridge"]
    with Terminal(program, ROOT, columns=80, environment=environment()) as screen:
        screen.wait_for("Enter goes on, q stops:")
        assert "Bridged networking" in screen.text
        assert "A wireless card" not in screen.text
        screen.type("\r" * 8)  # typed ahead: more than there are pages
        assert 0 == screen.ends()
    assert 2 <= screen.whole_text.count("q stops:") <= 7
    assert "Read on" in screen.text
    drawn = "┌" in screen.whole_text
    assert drawn is (not options)


def test_q_ends_the_reading(tmp_path: Path) -> None:
    program = [sys.executable, "-P", "-m", "wizard", "learn", "bridge"]
    with Terminal(program, ROOT, columns=80, environment=environment()) as screen:
        screen.wait_for("q stops:")
        screen.type("q\r")
        assert 0 == screen.ends()
    assert "Read on" not in screen.whole_text
