"""xl's config format: what xl reads, what it refuses, and the disks and cards in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.xl_config import (
    ConfigError,
    DiskSpec,
    Value,
    cards_of,
    disks_of,
    parse_config,
    text_of,
    whole_number_of,
)

READ: dict[str, tuple[str, dict[str, Value]]] = {
    "number": ("memory = 512", {"memory": 512}),
    "hexadecimal": ("x = 0x1F", {"x": 31}),
    "leading zero is decimal": ("x = 010", {"x": 10}),
    "double quotes": ('name = "vm01"', {"name": "vm01"}),
    "single quotes": ("name = 'vm01'", {"name": "vm01"}),
    "quote in the other kind": ('a = "it\'s"', {"a": "it's"}),
    "escapes": (r"a = 'x\'y\\z\x41\n'", {"a": "x'y\\zA\n"}),
    "comment": ("# first\nname = 'a' # behind\n", {"name": "a"}),
    "hash in a string": ("a = '#1'", {"a": "#1"}),
    "semicolon": ("a = 1; b = 2", {"a": 1, "b": 2}),
    "no blanks": ("a=1\nb='c'", {"a": 1, "b": "c"}),
    "empty list": ("vif = [ ]", {"vif": ()}),
    "list": ("disk = ['a', 'b']", {"disk": ("a", "b")}),
    "list over lines, comma at the end": ("d = [\n 'a',\n\n 'b', # second\n]\n", {"d": ("a", "b")}),
    "list in a list": ("d = [['a', 1], 2]", {"d": (("a", 1), 2)}),
    "a later one counts": ("a = 1\na = 2", {"a": 2}),
    "joined lists": ("d = ['a']\nd += ['b']", {"d": ("a", "b")}),
    "joined strings": ("e = 'a'\ne += ' b'", {"e": "a b"}),
    "joined to nothing": ("d += ['b']", {"d": ("b",)}),
    "carriage returns": ("a = 1\r\nb = 2\r\n", {"a": 1, "b": 2}),
    "continued line": ("a = \\\n1", {"a": 1}),
    "nothing": ("", {}),
    "only comments": ("# a\n\n#b", {}),
}


@pytest.mark.parametrize("name", READ)
def test_reads_as_xl_does(name: str) -> None:
    text, expected = READ[name]
    assert expected == parse_config(text)


REFUSED = {
    "python import": ("import os\nname = 'a'", 1, "= is missing after import"),
    "python code": ("name = 'a'\nif True:\n  memory = 1", 2, "xl cannot read: :"),
    "python expression": ("memory = 256 * 2", 1, "xl cannot read: * 2"),
    "word as value": ("a = 1\nbuilder = linux", 2, "linux is no value"),
    "no value": ("a =\nb = 2", 1, "a value is missing"),
    "string without end": ("a = 1\nname = 'vm01", 2, "has no end"),
    "string over lines": ("a = 'x\ny'", 1, "has no end"),
    "list without end": ("a = 1\nd = [ 'a',\n'b'", 2, "has no ]"),
    "no comma": ("d = [ 'a' 'b' ]", 1, "a comma or ] was expected"),
    "two commas": ("d = [ 'a',, 'b' ]", 1, "a comma or ] was expected"),
    "two on a line": ("a = 1 b = 2", 1, "nothing was expected here"),
    "number first": ("1 = a", 1, "a key was expected"),
    "list and string joined": ("a = ['b']\na += 'c'", 2, "joins two lists or two strings"),
    "strange character": ("a = 1\nb = 2\n@", 3, "xl cannot read: @"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_what_xl_refuses_and_names_the_line(name: str) -> None:
    text, line, words = REFUSED[name]
    with pytest.raises(ConfigError, match=r"^line ") as caught:
        parse_config(text)
    assert line == caught.value.line
    assert words in caught.value.what


DISKS = {
    "by place": ("/dev/xendisks/vm01-root,raw,xvda1,rw", "/dev/xendisks/vm01-root", "xvda1", True),
    "read only": ("/dev/a/b,raw,xvdb,r", "/dev/a/b", "xvdb", False),
    "no format": ("/dev/a/b,,xvdb,ro", "/dev/a/b", "xvdb", False),
    "xm": ("phy:/dev/a/b,xvda1,w", "/dev/a/b", "xvda1", True),
    "the tutorial's": ("phy:xendisks/vm01-root,hda1,w", "/dev/xendisks/vm01-root", "hda1", True),
    "by key": ("format=raw, vdev=xvda, access=ro, target=/dev/a/b", "/dev/a/b", "xvda", False),
    "cd": ("/x.iso,raw,hdc:cdrom,r", "/x.iso", "hdc", False),
}


@pytest.mark.parametrize("name", DISKS)
def test_reads_disks_in_all_their_forms(name: str) -> None:
    spec, target, vdev, writable = DISKS[name]
    assert (DiskSpec(target, vdev, writable),) == disks_of({"disk": (spec,)})


def test_reads_cards_numbers_and_texts() -> None:
    config = parse_config("vif = ['mac=00:16:3e:00:00:01, bridge=xenbr0']\nmemory = '512'\nn = 7")
    assert ({"mac": "00:16:3e:00:00:01", "bridge": "xenbr0"},) == cards_of(config)
    assert 512 == whole_number_of(config, "memory")
    assert "7" == text_of(config, "n")
    assert None is whole_number_of(config, "vif")
    assert "" == text_of(config, "absent")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        parse_config(text)
    except ConfigError as error:
        assert error.what
        assert 1 <= error.line <= text.count("\n") + 1


@pytest.mark.parametrize("text", ["x = " + "9" * 5000, "x = " + "[" * 100_000, "x = " + "[" * 11])
def test_a_hostile_value_is_refused_like_any_other(text: str) -> None:
    with pytest.raises(ConfigError, match="line 1: "):
        parse_config(text)
