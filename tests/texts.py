"""Texts that nobody means well: names, answers and words that go to shells, files and screens."""

from __future__ import annotations

_SHELL = (
    "$(id)", "`id`", "${HOME}", "$HOME", "$'\\n'", "a;id", "a && id", "a | id", "a > /tmp/x",
    "a < b", "a & b", "'", '"', "'\"'\"'", '"; id; "', "'; id; '", "\\", "\\\\", "\\'", "a\\",
    "*", "?", "[a]", "{a,b}", "~", "~root", "!", "!!", "#", "a#b", "a b", " a", "a ", "a\tb",
    "=", "a=b", "=a", "(a)", "((1))", "[[ a ]]", "%s", "%n%n%n", "%", "%%", "END", "EOF",
    "<<END", "\\n", "\\0", "$", "$$", "$1",
)  # fmt: skip
_OPTIONS = (
    "-", "--", "-rf", "-n", "-e", "--help", "--version", "-o", "--=", "-- -rf",
)  # fmt: skip
_PATHS = (
    ".", "..", "../", "../../etc/passwd", "/", "//", "/etc/passwd", "a/b", "a/../b", "./a",
    "C:\\a", "\\\\host\\a", "/dev/null", "file:///etc/passwd",
)  # fmt: skip
_CONTROL = (
    "\n", "a\nb", "\r", "a\r\nb", "\x1b[31mred", "\x1b]0;title\x07", "\x07", "\x08", "\x7f",
    "\0", "a\0b", "\x85", "\x9b31m",
)  # fmt: skip
_LETTERS = (
    "ä", "é", "世界", "😀", "\u202ereversed", "a\u202eb", "\u2066a\u2069", "\u200b", "a\u200db",
    "\ufeff", "\u00a0", "\u2028", "‘a’", "“a”", "…", "–", "ﬁ", "\u0301", "а", "І", "\U000e0041",
    "\ud7ff", "\ufffd",
)  # fmt: skip
_WORDS = (
    "null", "true", "yes", "no", "~", "0", "-1", "1e3", "0x10", "NaN", "[]", "{}", "- a",
    "a: b", "&a", "*a", "!!python/object:os.system", "%YAML 1.2", "---", "...", "<<: *a", "@a",
    "| a", "> a", "<script>", "' OR 1=1 --", "{{ a }}", "{}", "{0}", "${a}",
    "shellcheck disable=all",
)  # fmt: skip
_LONG = ("a" * 255, "a" * 256, "a" * 4096, "ä" * 128, "a" * 100 + "$(id)", " " * 64)

HOSTILE = (
    "",
    *dict.fromkeys((*_SHELL, *_OPTIONS, *_PATHS, *_CONTROL, *_LETTERS, *_WORDS, *_LONG)),
)
