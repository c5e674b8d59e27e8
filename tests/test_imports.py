"""Who may import whom: the arrows of the architecture, and the modules that have effects."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*ROOT.glob("wizard/**/*.py"), *ROOT.glob("steps/**/*.py")])
TESTS = sorted(ROOT.glob("tests/**/*.py"))

# What has effects on the world, and the only modules that may use it.
EFFECTS = {
    "subprocess": {"wizard/commands.py", "wizard/practice/processes.py"},
    "pty": set(),
    "questionary": {"wizard/prompts.py"},
    "prompt_toolkit": {"wizard/prompts.py"},
    "rich": {"wizard/console.py", "wizard/live_reporter.py"},
    "parted": {"steps/disks.py", "wizard/partitions.py"},
    "_ped": {"steps/disks.py", "wizard/partitions.py"},
}
# What puts the engine and the steps together.
COMPOSITION = re.compile(r"wizard/program(_\w+)?\.py")
# Reading the machine starts processes, and saved facts have a format: more than a step needs.
READERS = {"steps/read_facts.py", "steps/saved_facts.py", "steps/disks.py", "steps/drift.py"}
STEP_NEEDS = {
    "wizard.actions", "wizard.diagnosis", "wizard.errors", "wizard.exercise", "wizard.lesson",
    "wizard.practice.fault",
    "wizard.questions", "wizard.step", "wizard.topics",
}  # fmt: skip
# What the engine's inner modules must not know: each is used by those before it.
LAYERS = [
    {"wizard.cli"},
    {
        "wizard.program",
        "wizard.program_add_guests",
        "wizard.program_answers",
        "wizard.program_changes",
        "wizard.program_completion",
        "wizard.program_convert",
        "wizard.program_explain",
        "wizard.program_faults",
        "wizard.program_guests",
        "wizard.program_learn",
        "wizard.program_manual",
        "wizard.program_plans",
        "wizard.program_saved",
        "wizard.program_script",
        "wizard.program_session",
        "wizard.program_simulate",
        "wizard.program_teach",
        "wizard.program_transcript",
        "wizard.program_unfit",
    },
    {"wizard.tutor"},
    {"wizard.interview", "wizard.console"},
    {"wizard.prompts", "wizard.pipeline", "wizard.simulation"},
    {"wizard.machine", "wizard.journal", "wizard.simulated_machine"},
    {"wizard.commands", "wizard.files", "wizard.mounts"},
    {
        "wizard.actions",
        "wizard.errors",
        "wizard.step",
        "wizard.questions",
        "wizard.lesson",
        "wizard.topics",
    },
]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    return name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def imports_of(path: Path) -> tuple[str, ...]:
    """Every module that a file imports, wherever in it, by its full name."""
    return tuple(_imports_of(path))


def _imports_of(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                inner = ROOT / (whole.replace(".", "/") + ".py")
                yield whole if inner.exists() else node.module


def importers_of(top: str) -> set[str]:
    return {
        name_of(path)
        for path in SOURCES
        if any(name == top or name.startswith(f"{top}.") for name in imports_of(path))
    }


def test_there_is_something_to_look_at() -> None:
    found = {name_of(path) for path in SOURCES}
    assert {"wizard/commands.py", "wizard/cli.py", "steps/settings.py"} <= found


@pytest.mark.parametrize("library", sorted(EFFECTS))
def test_a_library_with_effects_is_used_in_its_own_module_only(library: str) -> None:
    assert importers_of(library) <= EFFECTS[library]


def test_no_module_starts_processes_through_os() -> None:
    starting = re.compile(
        r"\bos\.(system|popen|fork|forkpty|posix_spawn\w*|spawn\w+|exec[lv]\w*)\b"
    )
    allowed = {"wizard/commands.py", "wizard/practice/processes.py"}
    found = {name_of(path) for path in SOURCES if starting.search(path.read_text(encoding="utf-8"))}
    assert found <= allowed


def test_the_engine_never_imports_the_steps() -> None:
    engine = {name for name in importers_of("steps") if name.startswith("wizard/")}
    assert [] == [name for name in sorted(engine) if not COMPOSITION.fullmatch(name)]


def test_steps_import_only_what_a_step_needs_of_the_engine() -> None:
    for path in SOURCES:
        name = name_of(path)
        if not name.startswith("steps/") or name in READERS or name.startswith("steps/reading/"):
            continue
        used = {module for module in imports_of(path) if module.split(".")[0] == "wizard"}
        assert used <= STEP_NEEDS, name


def test_steps_never_import_each_other() -> None:
    steps = {
        module_of(path)
        for path in SOURCES
        if name_of(path).startswith("steps/")
        and re.search(r"^def plan\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert steps, "no step was found"
    for path in SOURCES:
        if module_of(path) in steps:
            assert not steps & set(imports_of(path)), name_of(path)


@pytest.mark.parametrize("depth", range(1, len(LAYERS)))
def test_inner_modules_do_not_know_the_outer_ones(depth: int) -> None:
    outer = set().union(*LAYERS[:depth])
    for module in LAYERS[depth]:
        path = ROOT / (module.replace(".", "/") + ".py")
        assert not outer & set(imports_of(path)), module


def test_practice_and_the_pipeline_do_not_know_each_other() -> None:
    practice = {name for name in importers_of("wizard.practice") if "practice" not in name}
    # Completion looks where the machines are, for their names.
    # A class puts Xen's faults, which are data, into a machine.
    assert practice <= {
        "steps/faults.py", "wizard/cli.py", "wizard/program_completion.py",
        "wizard/program_faults.py",
    }  # fmt: skip


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=name_of)
def test_a_source_file_has_fewer_than_500_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 500


def test_no_test_replaces_code_behind_its_back() -> None:
    replacing = re.compile(r"mock\.patch|monkeypatch\.(set|del)attr|unittest\.mock")
    found = [name_of(path) for path in TESTS if path != Path(__file__)
             and replacing.search(path.read_text(encoding="utf-8"))]  # fmt: skip
    assert found == []
