"""From xm to xl: what changes has its reason, what does not stays to the byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.config_conversion import Conversion, converted
from steps.xl_config import Value, cards_of, disks_of, parse_config
from tests.steps.test_xm_config import TUTORIAL


def xl(text: str) -> dict[str, Value]:
    """What xl reads in the converted text."""
    return parse_config(converted(text, "vm09").text)


def why(conversion: Conversion, key: str) -> str:
    return " ".join(change.why for change in conversion.changes if change.key == key)


def test_the_tutorials_guest_becomes_one_that_xl_starts() -> None:
    made = converted(TUTORIAL, "vm01")
    config = parse_config(made.text)
    assert [("/dev/xendisks/vm01-root", "xvda1"), ("/dev/xendisks/vm01-swap", "xvda2")] == [
        (disk.target, disk.vdev) for disk in disks_of(config)
    ]
    assert "/dev/xvda1 ro" == config["root"]
    assert "console=hvc0" == config["extra"]
    assert "whole path" in why(made, "disk")
    assert "hda1 becomes xvda1" in why(made, "disk")
    assert any("/dev/hda1 is /dev/xvda1" in words for words in made.in_guest)
    assert any("getty on hvc0" in words for words in made.in_guest)
    assert [5, 6, 0] == [change.line for change in made.changes]


def test_what_is_converted_needs_no_second_conversion() -> None:
    once = converted(TUTORIAL, "vm01").text
    again = converted(once, "vm01")
    assert () == again.changes
    assert once == again.text


def test_comments_and_what_xl_reads_alike_stay_to_the_byte() -> None:
    text = (
        "# mine\n\nname   = 'vm01' # the name\nmemory = 128\n\n# end\n" + 'extra = "console=hvc0"\n'
    )
    assert text == converted(text, "x").text


def test_comments_inside_a_changed_setting_are_kept() -> None:
    made = converted("memory=1\nname='a'\ndisk = [ # all\n 'phy:g/a,hda1,w', # root\n]\n", "a").text
    assert "# all\n# root\n" in made


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("builder = 'linux'", "type", "pv"),
        ("builder = 'hvm'", "type", "hvm"),
        ("bootloader = '/usr/lib/xen-3.2-1/bin/pygrub'", "bootloader", "pygrub"),
        ("bootloader = '/my/own'", "bootloader", "/my/own"),
        ("cpu_cap = 50", "cap", 50),
        ("cpu = 1", "cpus", "1"),
        ("nics = 2", "vif", ("", "")),
        ("vif = 'bridge=xenbr0'", "vif", ("bridge=xenbr0",)),
        ("vif = [ 'mac=00:16:3e:00:00:01, bridge=xenbr0' ]", "vif",
         ("mac=00:16:3e:00:00:01, bridge=xenbr0",)),
        ("restart = 'never'", "on_reboot", "destroy"),
        ("restart = 'onreboot'", "on_reboot", "restart"),
        ("on_crash = 'coredump-restart'", "on_crash", "coredump-restart"),
        ("on_crash = 'rename_restart'", "on_crash", "rename-restart"),
        ("on_crash = 'explode'", "on_crash", "destroy"),
        ("extra = '4'", "extra", "4 console=hvc0"),
        ("extra = 'xencons=tty console=tty1 4'", "extra", "4 console=hvc0"),
        ("extra = 'console=hvc0 4'", "extra", "console=hvc0 4"),
        ("root = 'root=/dev/xvda1 ro'", "root", "/dev/xvda1 ro"),
        ("dhcp = 'dhcp'", "extra", "ip=:127.0.255.255::::eth0:dhcp console=hvc0"),
        ("ip='10.0.0.2'\nnetmask='255.0.0.0'\ngateway='10.0.0.1'\nhostname='a'", "extra",
         "ip=10.0.0.2:127.0.255.255:10.0.0.1:255.0.0.0:a:eth0:off console=hvc0"),
        ("nfs_server='10.0.0.1'\nnfs_root='/r'\nroot='/dev/nfs'", "extra",
         "nfsroot=10.0.0.1:/r console=hvc0"),
        ("kernel = '/usr/lib/xen/boot/hvmloader'\nbuilder='hvm'", "kernel", None),
        ("device_model = '/usr/lib/xen/bin/qemu-dm'\nbuilder='hvm'", "device_model", None),
        ("on_xend_start = 'start'", "on_xend_start", None),
        ("x = -1\nrtc_timeoffset = x", "rtc_timeoffset", "-1"),
        ("name = 'it\\'s \"so\" \\\\'", "name", "it's \"so\" \\"),
    ],
)  # fmt: skip
def test_each_option_becomes_what_xl_has_for_it(line: str, key: str, value: object) -> None:
    made = converted(f"name = 'vm01'\nmemory = 128\n{line}\n", "vm01")
    config = parse_config(made.text)
    assert value == config.get(key)
    assert config["name"] == ("vm01" if key != "name" else value)
    assert all(change.why for change in made.changes)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("phy:g/v,hda1,w", "/dev/g/v,raw,xvda1,rw"),
        ("phy:sda5,sda1,r", "/dev/sda5,raw,xvda1,r"),
        ("phy:/dev/g/v,xvda1,w", "phy:/dev/g/v,xvda1,w"),
        ("file:/img/a,xvda1,w", "file:/img/a,xvda1,w"),
        ("file:/img/a,sda1,w", "/img/a,raw,xvda1,rw"),
        ("tap:aio:/img/a,xvda1,w", "/img/a,raw,xvda1,rw"),
        ("tap:qcow2:/img/a,xvda1,w", "/img/a,qcow2,xvda1,rw"),
        ("tap2:vhd:/img/a,xvda1,r", "/img/a,vhd,xvda1,r"),
        ("phy:g/v,xvda1,w!", "/dev/g/v,raw,xvda1,rw"),
        ("file:/a.iso,hdc:cdrom,r", "file:/a.iso,hdc:cdrom,r"),
        ("phy:g/v,hda1,w,other", "/dev/g/v,raw,xvda1,rw,backend=other"),
        ("/dev/g/v,raw,hda1,rw", "/dev/g/v,raw,hda1,rw"),
        ("format=raw, vdev=xvda1, access=rw, target=/dev/g/v",) * 2,
        ("phy:g/v", "phy:g/v"),
    ],
)
def test_each_form_of_a_disk(old: str, new: str) -> None:
    assert (new,) == xl(f"disk = [ {old!r} ]")["disk"]


def test_two_disks_are_never_given_one_name() -> None:
    disks = disks_of(xl("disk = [ 'phy:g/a,hda1,w', 'phy:g/b,sda1,w', 'phy:g/c,xvdb1,w', "
                        "'phy:g/d,hdb1,w' ]"))  # fmt: skip
    assert ["xvda1", "sda1", "xvdb1", "hdb1"] == [disk.vdev for disk in disks]


def test_a_hardware_virtual_guest_keeps_its_ide_disks_and_its_command_line() -> None:
    config = xl("builder = 'hvm'\ndisk = [ 'phy:g/a,hda,w' ]")
    assert "/dev/g/a,raw,hda,rw" in config["disk"]  # type: ignore[operator]
    assert "extra" not in config


def test_what_xm_took_for_granted_is_written_down() -> None:
    config = xl("kernel = '/boot/vmlinuz'")
    assert ("vm09", 128) == (config["name"], config["memory"])


def test_what_is_not_known_is_a_comment_with_the_old_lines() -> None:
    made = converted("memory = 1\nname = 'a'\nif x:\n    vcpus = 2\nprint 'hello'\n", "a")
    assert ["vcpus"] == [one.key for one in made.unknown]
    assert "vcpus" not in parse_config(made.text)
    assert "#         vcpus = 2" in made.text
    assert "#     print 'hello'" in made.text


def test_a_setting_of_several_lines_is_written_where_the_last_of_them_was() -> None:
    text = "name = 'a'\nmemory = 1\nvif = []\n# cards\nall = 'bridge=xenbr0'\nvif.append(all)\n"
    made = converted(text, "a")
    assert ({"bridge": "xenbr0"},) == cards_of(parse_config(made.text))
    assert made.text.index("# cards") < made.text.index('bridge=xenbr0" ]')


KEYS = st.sampled_from(["kernel", "ramdisk", "uuid", "boot", "serial", "my_own"])
VALUES = st.one_of(
    st.text(max_size=8),
    st.integers(0, 9999),
    st.lists(st.text(st.characters(codec="utf-8"), max_size=8), max_size=3),
)


@given(st.dictionaries(KEYS, VALUES))
def test_every_value_comes_through(values: dict[str, object]) -> None:
    text = "name = 'a'\nmemory = 1\n" + "".join(f"{k} = {v!r}\n" for k, v in values.items())
    config = xl(text)
    for key, value in values.items():
        expected = tuple(value) if isinstance(value, list) else value
        # xl's texts are bytes: beyond that, what cannot be printed is written by its number.
        assert expected == config[key], text


def test_where_an_option_went_is_said_with_its_name() -> None:
    # Its line is gone from the new config: "it is in extra" would be said of the line above.
    made = converted("name = 'vm01'\nmemory = 128\nroot = '/dev/sda1 ro'\ndhcp = 'dhcp'\n", "vm01")
    assert "# dhcp is in extra now" in made.text
