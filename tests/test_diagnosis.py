"""Rules and texts: what fits, which comes first, and that no text does harm."""

from __future__ import annotations

import time

from wizard.diagnosis import Rule, explain, explain_error, in_words, wrapped
from wizard.errors import StepFailed

DISK = Rule(
    "disk-path",
    (r"failed to stat: (?P<path>[^:\s]+)", r"no such disk"),
    "A disk is not there: {path}.",
    "Look: `ls -l {path}`.",
    lesson="guest_config",
)
FULL = Rule("disk-full", (r"No space left",), "The disk is full.", "Make room.")
FAILED = Rule("failed", (r"unable to",), "It failed.", "Read on.", consequence=True)
RULES = (FAILED, DISK, FULL)


def names(text: str) -> list[str]:
    return [finding.rule.name for finding in explain(text, RULES)]


def test_nothing_is_found_in_what_no_rule_knows() -> None:
    assert explain("", RULES) == []
    assert explain("all is well\n", RULES) == []


def test_the_names_in_a_message_stand_in_the_words_about_it() -> None:
    (finding,) = explain("one\nDisk failed to stat: xendisks/vm01-root: No such\n", RULES)
    assert finding.cause == "A disk is not there: xendisks/vm01-root."
    assert finding.fix == "Look: `ls -l xendisks/vm01-root`."
    assert (finding.number, finding.line) == (
        2,
        "Disk failed to stat: xendisks/vm01-root: No such",
    )


def test_a_name_that_the_message_does_not_have_leaves_no_hole() -> None:
    (finding,) = explain("no such disk", RULES)
    assert finding.fix == "Look: `ls -l`."


def test_a_cause_comes_before_a_consequence_and_the_last_word_before_the_first() -> None:
    text = "No space left\nfailed to stat: /dev/a\nunable to add disk devices\n"
    assert names(text) == ["disk-path", "disk-full", "failed"]


def test_of_a_message_that_comes_again_the_last_counts() -> None:
    (finding,) = explain("failed to stat: /dev/a\nfailed to stat: /dev/b\n", RULES)
    assert (finding.number, finding.cause) == (2, "A disk is not there: /dev/b.")


def test_colours_and_the_line_ends_of_a_serial_console_do_not_hide_a_message() -> None:
    text = "one\r\r\n\x1b[31mfailed\x1b[0m to stat: /dev/a\r\r\n10%\r20%\rNo space left\r\n"
    found = explain(text, RULES)
    assert [(one.rule.name, one.number) for one in found] == [("disk-full", 5), ("disk-path", 2)]
    assert "\x1b" not in found[1].line


def test_a_failure_is_explained_by_its_own_words_and_its_commands_last_lines() -> None:
    error = StepFailed("It did not work.", hint="Try again.", details=("a", "failed to stat: /b"))
    assert [finding.rule.name for finding in explain_error(error, RULES)] == ["disk-path"]


def test_a_finding_is_told_as_cause_what_to_do_and_where_to_read_on() -> None:
    (finding,) = explain("failed to stat: /dev/a", RULES)
    assert in_words(finding) == (
        "Likely cause: A disk is not there: /dev/a.",
        "What to do: Look: `ls -l /dev/a`.",
        "More: xen-setup learn guest_config",
    )
    assert all(len(line) <= 30 for line in wrapped(finding, 30))


def test_a_line_without_end_costs_no_more_than_a_long_one() -> None:
    began = time.process_time()
    assert explain("a" * 5_000_000 + "No space left", RULES) == []
    assert time.process_time() - began < 2
