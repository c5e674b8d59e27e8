"""What every text of the tree must be: no host of anybody's in it, and nothing left unsaid."""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from steps import PIPELINE
from steps.check_names import CHECK_NAMES
from steps.facts import Facts
from steps.failures import RULES
from steps.settings import Settings
from wizard import VERSION
from wizard.answer_reference import every_question
from wizard.arguments import command_line
from wizard.lesson import WIDTH, Lesson, plain_text, texts
from wizard.step import Step, step_name

ROOT = Path(__file__).parent.parent

# A host's name: labels and a top-level domain that hosts of the net have.
HOST = re.compile(r"(?<![\w@.-])(?:[a-z0-9-]+\.)+(?:org|net|com|io|dev|edu|de|info)(?![\w.-]*\w)")
# Reserved for examples (RFC 2606); names that are no addresses: the tag of YAML's types, the name
# of JSON Schema's draft, SVG's namespace, a Debian package; where a bug in a captured file was
# reported, and where the licence stands.
ALLOWED = re.compile(
    r"(?:.*\.)?example\.(?:org|com|net)|yaml\.org|json-schema\.org|www\.w3\.org|netplan\.io|bugs\.debian\.org|(?:www\.)?(?:gnu|fsf)\.org"
)


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def test_no_host_of_the_net_is_named_anywhere() -> None:
    found = []
    for path in tracked():
        for number, line in enumerate(path.read_bytes().decode(errors="replace").splitlines(), 1):
            found += [
                f"{path.relative_to(ROOT)}:{number}: {name}"
                for name in HOST.findall(line.lower())
                if not ALLOWED.fullmatch(name)
            ]
    assert found == []


def test_the_search_for_hosts_would_find_one() -> None:
    name = ".".join(("mirror", "somewhere", "net"))
    assert HOST.findall(f"see {name}/debian") == [name]
    assert not ALLOWED.fullmatch(name)
    assert HOST.findall("os.path.join, vm01.cfg, a.conf") == []


def test_the_pipeline_has_its_eleven_steps_in_order() -> None:
    assert [step_name(step) for step in PIPELINE] == [
        "distribution",
        "xen_packages",
        "grub_entry",
        "xend_services",
        "tls_libraries",
        "network_bridge",
        "volume_group",
        "guest_volumes",
        "guest_system",
        "guest_config",
        "first_boot",
    ]


@pytest.mark.parametrize("step", PIPELINE, ids=step_name)
def test_every_step_has_a_title_and_teaches_something(step: object) -> None:
    title, lesson = getattr(step, "TITLE", ""), getattr(step, "LESSON", None)
    assert 0 < len(title) <= 60
    assert title == title.strip()
    assert isinstance(lesson, Lesson)
    assert len(lesson.idea.split()) >= 40, "an idea is a few sentences"
    assert len(lesson.then_and_now) >= 2
    assert len(lesson.check) >= 2
    assert len(lesson.wrong) >= 2
    assert lesson.read_on
    for place, text in texts(lesson):
        assert text.strip(), place
        assert text == text.strip(), place
    for trouble in lesson.wrong:
        assert trouble.check in {"", *CHECK_NAMES}, trouble.check
        assert trouble.rule in {"", *(rule.name for rule in RULES)}, trouble.rule
    for page in lesson.read_on:
        assert re.fullmatch(r"[a-z][\w.-]*\([1-9]\)", page), page


@pytest.mark.parametrize("step", PIPELINE, ids=step_name)
def test_a_lesson_fits_a_terminal_of_80_columns(step: Step[Settings, Facts]) -> None:
    too_long = [line for line in plain_text(step.LESSON).splitlines() if len(line) > WIDTH]
    assert too_long == []
    assert len(plain_text(step.LESSON).splitlines()) < 100


_ADVISED = re.compile(r"\b((?:host|storage)\.\w+): ([\w-]+)")  # as in (host.bridge: none)


def test_an_answer_that_a_text_advises_can_be_given() -> None:
    questions = {key: question for key, _, question in every_question(Settings)}
    advised = {
        found
        for path in (ROOT / "steps").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for found in _ADVISED.findall(node.value)
    }
    assert ("storage.use", "existing-group") in advised
    for key, value in sorted(advised):
        questions[key].kind.parse(value)  # complains of what is no answer


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION


def calls_of(name: str) -> list[tuple[str, ast.Call]]:
    """Every call of that class in wizard/ and steps/, with its place."""
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno}", node)
        for folder in ("wizard", "steps")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def test_every_problem_says_what_to_do() -> None:
    found = calls_of("Problem")
    assert len(found) > 80
    for place, call in found:
        hints = [key.value for key in call.keywords if key.arg == "hint"] or call.args[2:3]
        assert hints, place
        assert not (isinstance(hints[0], ast.Constant) and not hints[0].value), place


def test_every_question_and_option_has_its_words() -> None:
    for key, _, question in every_question(Settings):
        assert question.prompt.strip(), key
        assert len(question.help.split()) >= 5, key
    parsers = [command_line()]
    for parser in parsers:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
                assert all(choice.help for choice in action._choices_actions)
            else:
                assert action.help, (parser.prog, action.dest)
