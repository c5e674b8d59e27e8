"""GRUB Legacy's menu.lst: read as GRUB does, and edited without a byte of the rest lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steps.hosts.menu_lst import (
    BEGIN,
    END,
    Menu,
    own_entry,
    parse,
    with_default,
    with_fallback,
    with_own,
    without_own,
)

FOUR = """\
# My menu. Do not touch: I count the entries by hand!
default=2
fallback 0
timeout   2
password --md5 $1$xensetup$3W1pQ0r1Y3l6p0Zk5m8oD/

title  Rescue, single user
root   (hd0,0)
kernel /vmlinuz-6.1.0-40-amd64 root=/dev/vda2 ro single
initrd /initrd.img-6.1.0-40-amd64

title  Debian, quiet
kernel /vmlinuz-6.1.0-40-amd64 root=/dev/vda2 ro quiet

title  Debian
kernel /vmlinuz-6.1.0-40-amd64 root=/dev/vda2 ro
savedefault 2

title  The other disk
lock
rootnoverify (hd1)
chainloader  +1
"""

DEBIANS = """\
default\t\t0
timeout\t\t2

title\t\tMemory test
kernel\t\t/boot/memtest86+.bin

### BEGIN AUTOMAGIC KERNELS LIST
## lines between the AUTOMAGIC KERNELS LIST markers will be modified
# kopt=root=UUID=5f ro
title\t\tDebian GNU/Linux, kernel 6.1.0-40-amd64
root\t\t(hd0,0)
kernel\t\t/boot/vmlinuz-6.1.0-40-amd64 root=UUID=5f ro
initrd\t\t/boot/initrd.img-6.1.0-40-amd64

### END DEBIAN AUTOMAGIC KERNELS LIST
"""

OURS = ("title\t\tXen", "root\t\t(hd0,0)", "kernel\t\t/boot/xen.gz", "module\t\t/boot/vmlinuz")


def titles(menu: Menu) -> list[str]:
    return [entry.title for entry in menu.entries]


def test_a_menu_is_read_with_its_numbers_and_its_default() -> None:
    menu = parse(FOUR)
    assert ["Rescue, single user", "Debian, quiet", "Debian", "The other disk"] == titles(menu)
    assert "2" == menu.default
    assert (0,) == menu.fallbacks
    assert menu.has_password
    booted = menu.boots(None)
    assert booted is not None
    assert "Debian" == booted.title
    kernel = booted.first("kernel")
    assert kernel is not None
    assert ("/vmlinuz-6.1.0-40-amd64 root=/dev/vda2 ro", 16) == (kernel.argument, kernel.line)


# Name, text, titles, title of what boots by itself (nothing saved).
READ: list[tuple[str, str, list[str], str | None]] = [
    ("nothing", "", [], None),
    ("no title", "default 0\ntimeout 5\nkernel /vmlinuz\n", [], None),
    ("a title alone is no entry", "title Others:\n\ntitle A\nroot (hd0,0)\n", ["A"], "A"),
    ("nor one with unknown commands", "title X\nkernal /x\ntitle A\nboot\n", ["A"], "A"),
    ("= and blanks", "default = 1\ntitle=A\nboot\ntitle \t B\nboot\n", ["A", "B"], "B"),
    ("the last default counts", "default 1\ndefault 0\ntitle A\nboot\ntitle B\nboot", ["A", "B"],
     "A"),
    ("a default below a title is a command", "title A\ndefault 1\ntitle B\nboot\n", ["A", "B"],
     "A"),
    ("hexadecimal", "default 0x1\ntitle A\nboot\ntitle B\nboot\n", ["A", "B"], "B"),
    ("a word", "default linux\ntitle A\nboot\n", ["A"], "A"),
    ("beyond the last", "default 7\ntitle A\nboot\ntitle B\nboot\n", ["A", "B"], "A"),
    ("beyond, with a fallback", "default 7\nfallback 9 1\ntitle A\nboot\ntitle B\nboot\n",
     ["A", "B"], "B"),
    ("comments", "# title X\n  # boot\ntitle A # not one\nboot\n", ["A # not one"], "A # not one"),
    ("a joined line", "title A\\\n B\nboot\n", ["A   B"], "A   B"),
    ("a joined comment", "# a comment \\\ntitle X\ntitle A\nboot\n", ["A"], "A"),
    ("carriage returns", "default 1\r\ntitle A\r\nboot\r\ntitle B\r\nboot\r\n", ["A", "B"], "B"),
    ("capitals are no commands", "Title X\nTITLE Y\ntitle A\nboot\n", ["A"], "A"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected", "booted"), [row[1:] for row in READ],
                         ids=[row[0] for row in READ])  # fmt: skip
def test_it_is_read_as_grub_reads_it(text: str, expected: list[str], booted: str | None) -> None:
    menu = parse(text)
    assert expected == titles(menu)
    entry = menu.boots(None)
    assert booted == (entry.title if entry else None)


def test_a_saved_default_is_the_number_in_the_other_file() -> None:
    menu = parse(FOUR.replace("default=2", "default saved"))
    for saved, title in ((3, "The other disk"), (None, "Rescue, single user"), (8, "Rescue")):
        entry = menu.boots(saved)
        assert entry is not None
        assert entry.title.startswith(title)


def test_our_entry_goes_to_the_end_and_no_number_changes() -> None:
    text = with_own(FOUR, OURS)
    assert text == FOUR + "\n".join((BEGIN, *OURS, END)) + "\n"
    own = own_entry(parse(text))
    assert own is not None
    assert 4 == own.number


def test_our_entry_goes_before_debians_list_and_the_numbers_behind_it_move() -> None:
    text = with_own(DEBIANS.replace("default\t\t0", "default\t\t1\nfallback 1 0"), OURS)
    menu = parse(text)
    assert ["Memory test", "Xen"] == titles(menu)[:2]
    assert ("2", (2, 0)) == (menu.default, menu.fallbacks)
    assert text.index(END) < text.index("### BEGIN AUTOMAGIC")


def test_a_default_that_nobody_wrote_is_written_when_our_entry_comes_first() -> None:
    text = DEBIANS[DEBIANS.index("###") :]
    menu = parse(with_own(text, OURS))
    assert "Xen" == titles(menu)[0]
    booted = menu.boots(None)
    assert booted is not None
    assert booted.title.startswith("Debian")


def test_our_entry_is_replaced_in_its_place() -> None:
    for text in (FOUR, DEBIANS, FOUR.replace("default=2", "default saved")):
        once = with_own(text, OURS)
        own = own_entry(parse(once))
        assert own is not None
        promoted = with_default(once, str(own.number))
        other = with_own(promoted, (*OURS, "module\t\t/boot/initrd"))
        assert with_own(other, OURS) == promoted
        assert promoted == with_own(promoted, OURS)


def test_words_are_put_where_they_are_or_to_the_top() -> None:
    assert with_default("default 1 # one\ntitle A\nboot\n", "saved").startswith("default saved\n")
    assert with_default("title A\nboot\n", "0") == "default 0\ntitle A\nboot\n"
    assert with_fallback(FOUR, 2) == FOUR
    assert with_fallback("title A\nboot\n", 0) == "fallback 0\ntitle A\nboot\n"
    assert with_fallback("# Mine\ndefault 1\ntimeout 2\n", 0) == (
        "# Mine\ndefault 1\nfallback 0\ntimeout 2\n"
    )


# ---- properties

_word = st.sampled_from(["A", "Debian GNU/Linux", "the one", "é", "日本", "(hd0,0)", "+1", "/x=1"])
_blank = st.sampled_from([" ", "\t", "  ", "=", " = "])
_line = st.one_of(
    st.builds("{}{}{}".format, st.sampled_from(["root", "kernel", "savedefault", "nonsense"]),
              _blank, _word),
    st.builds("# {}".format, _word),
    st.just(""),
    st.just("savedefault 1"),
    st.just("  boot"),
)  # fmt: skip
_head = st.lists(
    st.one_of(
        st.builds("default{}{}".format, _blank, st.integers(0, 9) | st.just("saved")),
        st.builds("fallback {}".format, st.integers(0, 9)),
        st.just("timeout 5"),
        st.just("# title no"),
        st.just("password --md5 $1$x"),
    ),
    max_size=5,
)
_entry = st.builds(
    lambda title, lines: [f"title {title}", *lines], _word, st.lists(_line, max_size=5)
)
_list = st.just(["### BEGIN AUTOMAGIC KERNELS LIST", "title Debian", "kernel /vmlinuz",
                 "### END DEBIAN AUTOMAGIC KERNELS LIST"])  # fmt: skip
menus = st.builds(
    lambda head, entries, end: end.join(
        [*head, *(line for entry in entries for line in entry), ""]
    ),
    _head,
    st.lists(st.one_of(_entry, _entry, _list), max_size=5),
    st.sampled_from(["\n", "\r\n"]),
)


@given(menus)
@example(FOUR)
@example(DEBIANS)
def test_taking_our_entry_out_gives_every_byte_back(text: str) -> None:
    new = with_own(text, OURS)
    back = without_own(new)
    if back != text:
        # Only where the default had to be said: it was left to a rule that counts from the front.
        assert parse(text).boots(None) is not None
        said = parse(back).boots(None)
        meant = parse(text).boots(None)
        assert said is not None
        assert meant is not None
        assert said.number == meant.number
        without = [re.sub(r"^default.*", "", one, flags=re.M) for one in (back, text)]
        assert without[0].strip() == without[1].strip()


@given(menus, st.integers(0, 9))
@example(FOUR, 2)
@example(DEBIANS, 0)
def test_every_number_still_means_the_same_entry(text: str, saved: int) -> None:
    menu, new = parse(text), parse(with_own(text, OURS))
    own = own_entry(new)
    assert own is not None
    others = [entry for entry in new.entries if entry is not own]
    assert titles(menu) == [entry.title for entry in others]

    def there(number: int) -> int:
        return number + (number >= own.number)

    before, after = menu.boots(saved), new.boots(there(saved))
    if before is not None and not (menu.default == "saved" and saved >= len(menu.entries)):
        assert after is not None
        assert after.number == there(before.number)
    assert new.fallbacks == tuple(there(number) for number in menu.fallbacks)
    for old, now in zip(menu.entries, others, strict=True):
        numbers = [
            [int(one.argument) for one in entry.all("savedefault") if one.argument.isdigit()]
            for entry in (old, now)
        ]
        assert numbers[1] == [there(number) for number in numbers[0]]


@given(menus | st.text(alphabet="title boot\n\\\r\t #=12Aé", max_size=60))
def test_any_text_is_read_and_edited_without_an_error(text: str) -> None:
    new = with_own(text, OURS)
    assert own_entry(parse(new)) is not None
    assert with_own(new, OURS) == new
    parse(with_default(with_fallback(new, 0), "saved"))
