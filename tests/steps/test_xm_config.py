"""xm's configs are read as Python would have run them, and nothing in them is ever run."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.xm_config import XmUnreadableError, parse_xm_config

TUTORIAL = """\
kernel = "/boot/vmlinuz-2.6-xen"
ramdisk = "/boot/initrd-2.6-xen"
memory = 128
name = "vm01"
disk = [ 'phy:xendisks/vm01-root,hda1,w', 'phy:xendisks/vm01-swap,hda2,w' ]
root = "/dev/hda1 ro"
"""


def test_the_tutorials_own_config_is_known_whole() -> None:
    read = parse_xm_config(TUTORIAL)
    assert {} == read.unknown
    assert () == read.opaque
    assert read.values == {
        "kernel": "/boot/vmlinuz-2.6-xen",
        "ramdisk": "/boot/initrd-2.6-xen",
        "memory": 128,
        "name": "vm01",
        "disk": ("phy:xendisks/vm01-root,hda1,w", "phy:xendisks/vm01-swap,hda2,w"),
        "root": "/dev/hda1 ro",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x = 'a' 'b'", "ab"),
        ("x = 'a' + \"b\"", "ab"),
        ("n = 3; x = 'vm%02d' % n", "vm03"),
        ("n = 3; x = '%s-%s' % ('a', n)", "a-3"),
        ("n = 3\nx = 'vm' + str(n)", "vm3"),
        ("x = ['a']\nx += ['b']\nx.append('c')\nx.extend(['d'])", ("a", "b", "c", "d")),
        ("x = ('a', 'b')", ("a", "b")),
        ("x, y = 1, 2", 1),
        ("x = y = 'z'", "z"),
        ("x = 2 * 64 - 1", 127),
        ("x = True", 1),
        ("x = int('12')", 12),
        ("x = 'é'", "é"),
        ("x = '''a\nb'''", "a\nb"),
        ("\ufeffx = 1", 1),
        ("x = 1\r\ny = 2\r\n", 1),
        ("def f():\n    pass\nx = 1", 1),
        ("import os\nx = 1", 1),
        ("if True:\n    x = 2\nx = 1", 1),
    ],
)
def test_what_is_put_together_of_known_parts_is_known(text: str, value: object) -> None:
    assert value == parse_xm_config(text).values["x"]


@pytest.mark.parametrize(
    ("text", "why", "line"),
    [
        ("import os\nx = os.uname()[4]", "runs: os.uname()[4]", 2),
        ("y = input()\nx = 'a' + y", "made of y", 2),
        ("x = 1\nif y:\n    x = 2", "condition", 2),
        ("x = []\nfor i in range(3):\n    x.append(i)", "loop", 2),
        ("while True:\n    x = 1", "loop", 1),
        ("try:\n    x = 1\nexcept ValueError:\n    pass", "try", 1),
        ("x = 1\ndel x", "deleted", 2),
        ("import x", "imported", 1),
        ("from os import name as x", "imported", 1),
        ("def f():\n    global x\n    x = 2\nx = 1\nf()", "function", 1),
        ("x = [1]\nx[0] = 2", "runs", 2),
        ("x = [1]\ny = x\ny.append(2)", "shares", 3),
        ("x = [1]\ny = x\ny += [2]", "shares", 3),
        ("x = '%9999999999d' % 1", "runs", 1),
        ("x = '%s' % ['a']", "runs", 1),
        ("x = '%d' % 'a'", "does not fit", 1),
        ("x = {'a': 1}", "runs", 1),
        ("x = lambda: 1", "runs", 1),
        ("x = 1.5", "runs", 1),
        ("x = [None]", "runs", 1),
        ("x = f'{1}'", "runs", 1),
        ("x = `1`", "backquotes", 1),
        ("x = 0755", "begins with 0", 1),
        ("x = 256L", "with L", 1),
        ("y = 1\nif y <> 2:\n    x = 1", "condition", 2),
    ],
)
def test_what_only_running_tells_is_named_with_its_line(text: str, why: str, line: int) -> None:
    read = parse_xm_config(text)
    assert "x" not in read.values
    assert why in read.unknown["x"].why
    assert line == read.unknown["x"].first


@pytest.mark.parametrize(
    "text", ["from xmdefaults import *", "execfile('/etc/xen/common')", "exec('a = 1')",
             "globals()['memory'] = 5", "exec open('x').read()"]
)  # fmt: skip
def test_what_could_set_anything_is_named(text: str) -> None:
    read = parse_xm_config(f"memory = 128\n{text}\n")
    found = read.opaque or [one for one in read.statements if one.why]
    assert [2] == [one.first for one in found]


HOSTILE = {
    "empty": ("", "nothing in it"),
    "only comments": ("# a\n\n# b\n", "nothing in it"),
    "NUL": ("memory = 1\nname = 'a\0'", "line 2: there is a NUL"),
    "ten megabytes": ("memory = 128\n" * 800_000, "KiB long"),
    "SXP": ("(vm (name vm01))", "SXP"),
    "XML": ("<domain type='xen'/>", "XML"),
    "no Python": ("memory 128", "line 1: this is no Python"),
    "a string without an end": ("name = 'a", "line 1: this is no Python"),
    "a list without an end": ("disk = [ 'a'", "line 1: this is no Python"),
    "brackets": ("x = " + "(" * 5000 + ")" * 5000, "nested"),
    "minus signs": ("x = " + "-" * 100_000 + "1", "nested"),
    "a long sum": ("x = " + "+".join(["1"] * 100_000), "nested"),
    "tabs and spaces": ("if a:\n        x = 1\n\ty = 2\n", "tabs and spaces"),
    "a huge number": ("x = " + "9" * 5000, "this is no Python"),
    "control characters": ("\x1b[2J\x07 = 1", "line 1: this is no Python"),
    "a lone surrogate": ("x = '\ud800'", "Python cannot read it"),
    "JSON": ('{"name": "vm01"', "line 1: this is no Python"),
    "a shell script": ("#!/bin/sh\nif [ -e /x ]; then y; fi", "line 2: this is no Python"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_config_gets_a_clear_answer_soon(name: str) -> None:
    text, words = HOSTILE[name]
    began = time.process_time()
    with pytest.raises(XmUnreadableError) as caught:
        parse_xm_config(text)
    assert words in str(caught.value)
    assert caught.value.hint
    assert time.process_time() - began < 3


def test_a_text_that_doubles_itself_is_not_followed() -> None:
    read = parse_xm_config("x = 'aaaaaaaaaaaaaaaa'\n" + "x = x + x\n" * 60)
    assert "x" not in read.values
    read = parse_xm_config("x = ['a']\n" + "x += x\n" * 60)
    assert "x" not in read.values


def test_nothing_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    parse_xm_config(
        f"__import__('os').system('touch {trace}')\n"
        f"x = open({str(trace)!r}, 'w')\n"
        f"y = [open({str(trace)!r}, 'w') for z in (1,)]\n"
        f"def f(a=open({str(trace)!r}, 'w')):\n    pass\n"
        f"@open({str(trace)!r}, 'w')\nclass A: pass\n"
    )
    assert not trace.exists()


WORDS = st.text("ab%'\"\\\n é", max_size=6)
NAMES = st.sampled_from(["name", "memory", "disk", "root", "extra"])
PARTS = st.one_of(
    WORDS.map(repr),
    st.integers(-5, 5).map(str),
    NAMES,
    st.lists(WORDS, max_size=3).map(repr),
    st.tuples(NAMES, WORDS).map(lambda pair: f"{pair[0]} + {pair[1]!r}"),
    NAMES.map(lambda name: f"'vm-%s' % {name}"),
    NAMES.map(lambda name: f"str({name})"),
)
LINES = st.one_of(
    st.tuples(NAMES, PARTS).map(lambda pair: f"{pair[0]} = {pair[1]}"),
    st.tuples(NAMES, PARTS).map(lambda pair: f"{pair[0]} += {pair[1]}"),
    st.tuples(NAMES, PARTS).map(lambda pair: f"{pair[0]}.append({pair[1]})"),
    st.tuples(NAMES, PARTS).map(lambda pair: f"if len(str(name)) > 2:\n    {pair[0]} = {pair[1]}"),
    st.tuples(NAMES, NAMES).map(lambda pair: f"{pair[0]} = {pair[1]} = ['a']"),
    st.tuples(NAMES, PARTS).map(lambda pair: f"for each in (1, 2):\n    {pair[0]} = {pair[1]}"),
)


def _tuples(value: object) -> object:
    if isinstance(value, list | tuple):
        return tuple(_tuples(item) for item in value)
    return value


@given(st.lists(LINES, min_size=1, max_size=8))
def test_what_is_said_to_be_known_is_what_running_gives(lines: list[str]) -> None:
    text = "\n".join(lines)
    read = parse_xm_config(text)
    ran: dict[str, object] = {}
    try:
        exec(text, ran)  # the test's own text, made of harmless lines
    except (TypeError, NameError, AttributeError, ValueError):
        return  # xm would not have taken it: nothing to compare with
    for key, value in read.values.items():
        assert _tuples(ran[key]) == value, text
    assert {"name", "memory", "disk", "root", "extra"} & set(ran) <= {*read.values, *read.unknown}
