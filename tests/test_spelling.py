"""No word that a user or a reader meets is misspelled: British English, and a list of our own.

Looked at are the sentences in wizard/ and steps/ (every string with a space in it: questions,
helps, reasons, hints, errors, lessons, topics, docstrings) and the READMEs. Words in
`backquotes`, paths, options, keys and drawings are no prose. The checker is hunspell with its
dictionary en_GB, as Debian has them; `words.txt` beside this file has what is ours to say.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent
WORDS = HERE / "words.txt"
DICTIONARY = Path("/usr/share/hunspell/en_GB.aff")

# What is taken out of a sentence before its words are looked at.
_NO_PROSE = re.compile(
    r"""`[^`]*`                            # what is typed or printed
    |```.*?```
    |\$\{?\w+\}?                           # variables
    |(?<![\w.])--?[a-z][\w-]*              # options
    |[\w.@~-]*/[\w./@*~<>{}=…-]*           # paths, and one/other
    |\b\w+(?:[._:=]\w[\w-]*)+              # keys, files, modules: host.bridge, xl.cfg, x=y
    |\b\w*[0-9_]\w*\b                      # vm01, hda1, dom0_mem
    |\b[a-z]*[A-Z]+[a-z]*[A-Z]\w*\b        # names in capitals or with humps
    |\bssh-\S+\ [A-Za-z0-9+/=]+            # keys of SSH
    |\\[a-zA-Z]                            # roff and regular expressions
    """,
    re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"[A-Za-z][a-z]{2,}(?:'[a-z]+)?")
# The last is a word of the kernel's own messages.
_WITH_Z = {"size", "sizes", "sized", "resize", "resizes", "resized", "paravirtualized"}
# Strings that are a program, a pattern or a file rather than a sentence.
_CODE = re.compile(r"^[#<{\[(^]|[;{}]\s*$|\\[sSdbw]|^\s*[\w-]+ = |\(\?P?[:<]")


def sentences_of(path: Path) -> Iterator[tuple[int, str]]:
    """The strings of a module that have spaces in them, parts of f-strings too, with their line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            if len(text.split()) > 2 and not _CODE.search(text):
                yield node.lineno, text


def words_of(text: str) -> Iterator[str]:
    """The words of the prose in a text: no drawings, nothing that is typed."""
    prose = re.sub(r"^ {4}.*$", "", text, flags=re.MULTILINE)
    for word in _WORD.findall(_NO_PROSE.sub(" ", prose)):
        yield word.removesuffix("'s").removesuffix("'")


def every_text() -> Iterator[tuple[str, str]]:
    """Each text with its place."""
    for folder in ("wizard", "steps"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for line, text in sentences_of(path):
                yield f"{path.relative_to(ROOT)}:{line}", text
    for name in ("README.md", "wizard/README.md", "steps/README.md", "tests/README.md"):
        text = re.sub(r"```.*?```", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL)
        yield name, text


def misspelled(words: set[str]) -> set[str]:
    """Those words that the dictionary does not have."""
    done = subprocess.run(
        ["hunspell", "-d", "en_GB", "-i", "utf-8", "-l"],
        input="\n".join(sorted(words)), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def places() -> dict[str, list[str]]:
    """Where each word stands."""
    assert DICTIONARY.exists(), "tests/run installs it: hunspell, hunspell-en-gb"
    found: dict[str, list[str]] = defaultdict(list)
    for place, text in every_text():
        for word in words_of(text):
            found[word].append(place)
    return found


def own_words() -> list[str]:
    lines = WORDS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_there_is_much_to_look_at(places: dict[str, list[str]]) -> None:
    assert len(places) > 2000
    assert any("steps/lessons/" in place for place in places["hypervisor"])


def test_no_word_is_misspelled(places: dict[str, list[str]]) -> None:
    own = set(own_words())
    # A word of ours may begin a sentence; a name in capitals stays one.
    unknown = {word for word in misspelled(set(places)) if not {word, word.lower()} & own}
    assert {word: places[word][:3] for word in sorted(unknown)} == {}


def test_our_own_words_are_in_order_and_no_dictionarys() -> None:
    own = own_words()
    assert own == sorted(set(own), key=lambda word: (word.lower(), word))
    assert sorted(set(own) - misspelled(set(own))) == []


def test_words_end_in_ise_as_they_do_here(places: dict[str, list[str]]) -> None:
    # The dictionary has both spellings, and a text should have one.
    ending = re.compile(r"iz(?:e|es|ed|ing|ation|ations)$")
    found = {word: places[word][:3] for word in places if ending.search(word)}
    assert {word: where for word, where in found.items() if word.lower() not in _WITH_Z} == {}


@pytest.mark.parametrize("wrong", ["hypervizor", "recieve", "color", "seperate"])
def test_the_checker_would_find_one(wrong: str) -> None:
    assert misspelled({wrong, "machine"}) == {wrong}


def test_what_is_typed_is_no_prose() -> None:
    text = "Type `xl craete` or --optoin, see /etc/foo and host.brigde in vm01: DOM.\n    drwaing\n"
    assert list(words_of(text)) == ["Type", "see", "and"]
