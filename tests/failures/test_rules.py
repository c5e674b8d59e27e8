"""The rules as a whole: that each can be read, is complete, and has its place."""

from __future__ import annotations

import re
import time

import pytest

from steps import PIPELINE
from steps.facts import Facts
from steps.failures import RULES
from steps.played import FAILURES
from steps.settings import Settings
from wizard.diagnosis import Rule, explain
from wizard.step import Step, step_name

STEPS = {step_name(step) for step in PIPELINE}


def rule_name(rule: Rule) -> str:
    return rule.name


def test_no_two_rules_have_one_name() -> None:
    names = [rule.name for rule in RULES]
    assert sorted(set(names)) == sorted(names)


def test_each_of_the_fifteen_first_failures_has_a_rule() -> None:
    assert {rule.row for rule in RULES} - {0} == set(range(1, 16))


@pytest.mark.parametrize("rule", RULES, ids=rule_name)
def test_a_rule_is_whole(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", rule.name)
    assert rule.patterns
    assert rule.lesson in STEPS
    for text in (rule.cause, rule.fix):
        assert re.fullmatch(r"[A-Za-z`{].*[.]", text), text
        assert text.count("`") % 2 == 0, text
    groups = {name for pattern in rule.compiled for name in pattern.groupindex}
    slots = set(re.findall(r"\{(\w+)\}", rule.cause + rule.fix))
    assert slots == groups, "what is caught is told, and what is told is caught"


def test_no_pattern_is_slow_on_a_long_line() -> None:
    for piece in (
        "a",
        " ",
        "/dev/",
        "failed to stat: ",
        "Device ",
        '"',
        "0",
        "grub-install",
        "E: ",
    ):
        began = time.process_time()
        explain(piece * (2000 // len(piece)), RULES)
        assert time.process_time() - began < 0.5, piece


def test_ordinary_logs_are_not_explained() -> None:
    quiet = """\
Get:1 http://mirror.example.org/debian bookworm InRelease [151 kB]
Setting up xen-hypervisor-4.17-amd64 (4.17.7) ...
Generating grub configuration file ...
Found linux image: /boot/vmlinuz-6.1.0-41-amd64
  Logical volume "vm01-root" created.
Parsing config from /etc/xen/vm01.cfg
I: Base system installed successfully.
vm01 login:
"""
    assert explain(quiet, RULES) == []


@pytest.mark.parametrize("command", sorted(FAILURES))
def test_a_failure_that_is_played_has_a_known_cause(command: str) -> None:
    found = explain("\n".join(FAILURES[command]), RULES)
    assert found
    assert not found[0].rule.consequence


@pytest.mark.parametrize("step", PIPELINE, ids=step_name)
def test_a_lesson_names_the_rule_that_knows_its_message(step: Step[Settings, Facts]) -> None:
    for trouble in step.LESSON.wrong:
        found = explain(trouble.symptom, RULES)
        assert trouble.rule == (found[0].rule.name if found else ""), trouble.symptom
