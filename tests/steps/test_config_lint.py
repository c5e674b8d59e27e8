"""check looks into every guest config in /etc/xen, and says what xl would make of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps import guest_config
from steps.config_lint import guest_configs, lint
from steps.expected import with_file, with_link
from steps.facts import Facts
from tests.machines import stock
from tests.steps.answered import answered
from tests.steps.test_guest_config import text as our_config
from tests.steps.test_xm_config import HOSTILE, TUTORIAL
from wizard.step import Problem

OLD = ("guest-config-outdated", "guest-config-refused")


def found(facts: Facts) -> list[Problem]:
    return [one for one in guest_config.check(answered(facts), facts) if one.name in OLD]


def test_the_tutorials_config_is_found_with_its_lines_and_the_way_out() -> None:
    problems = found(with_file(stock(), "/etc/xen/old01", TUTORIAL))
    assert problems
    assert {"warning"} == {problem.severity for problem in problems}
    assert "/etc/xen/old01, line 5: disk: xm looked below /dev" in problems[0].what
    assert "xen-setup convert /etc/xen/old01" in problems[0].hint


def test_python_is_refused_with_xls_own_reason() -> None:
    text = TUTORIAL + "import os\nvcpus = len(os.listdir('/sys/class/cpuid'))\n"
    problems = found(with_file(stock(), "/etc/xen/old01", text))
    refused = [one.what for one in problems if one.name == "guest-config-refused"]
    assert ["line 7", "line 8"] == [what.partition(", ")[2].partition(":")[0] for what in refused]
    assert "xl reads no Python" in refused[0]
    assert "vcpus cannot be known" in refused[1]


def test_our_own_configs_pass() -> None:
    facts = with_file(stock(), "/etc/xen/vm02.cfg", our_config().replace("vm01", "vm02"))
    assert [] == found(facts)
    assert ["/etc/xen/vm02.cfg"] == [path for path, _ in guest_configs(facts)]


@pytest.mark.parametrize(
    "path",
    ["/etc/xen/xend-config.sxp", "/etc/xen/xl.conf", "/etc/xen/xmexample1", "/etc/xen/cpupool",
     "/etc/xen/vm01~", "/etc/xen/scripts/x", "/etc/other"],
)  # fmt: skip
def test_what_is_no_guests_config_is_let_alone(path: str) -> None:
    assert [] == found(with_file(stock(), path, TUTORIAL))
    assert [] == found(with_file(stock(), "/etc/xen/qemu", "name = 'x'\n"))


def test_all_in_auto_counts_and_a_link_once() -> None:
    facts = with_file(stock(), "/etc/xen/auto/any", "hello")
    assert ["guest-config-refused"] == [one.name for one in found(facts)]
    facts = with_file(stock(), "/etc/xen/old01", TUTORIAL)
    once = found(facts)
    facts = with_file(with_link(facts, "/etc/xen/auto/01", "/etc/xen/old01"),
                      "/etc/xen/auto/01", TUTORIAL)  # fmt: skip
    assert once == found(facts)


def test_a_link_that_leads_nowhere_is_named() -> None:
    (problem,) = found(with_link(stock(), "/etc/xen/auto/01", "/etc/xen/gone"))
    assert "leads to /etc/xen/gone, which is not there" in problem.what


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_finding(name: str) -> None:
    text, _ = HOSTILE[name]
    if len(text) > 256 * 1024:
        pytest.skip("a file of that size is never in the facts: tests/test_read_facts.py")
    findings = lint(text, "/etc/xen/auto/x")
    assert findings
    assert all(finding.what and finding.hint for finding in findings)
    assert len(findings) < 5


def test_the_linter_never_forbids_a_run() -> None:
    facts = replace(stock(), files={**stock().files, "/etc/xen/auto/x": "\0"})
    assert {"warning"} == {problem.severity for problem in found(facts)}
