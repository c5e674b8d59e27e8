"""The list of checks' names against the steps themselves."""

from __future__ import annotations

import ast
from pathlib import Path

from steps.check_names import CHECK_NAMES

STEPS = Path(__file__).parents[2] / "steps"


def literals() -> tuple[set[str], set[str]]:
    """The names of problems, where they stand in the call itself; and every text of the steps."""
    names, texts = set(), set()
    for path in (*STEPS.glob("*.py"), *STEPS.glob("hosts/*.py")):
        if path.name == "check_names.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Name(id="Problem"), args=[ast.Constant(value=str(name)), *_]
                ):
                    names.add(name)
                case ast.Constant(value=str(text)):
                    texts.add(text)
    return names, names | texts


def test_every_check_is_in_the_list_and_nothing_else() -> None:
    names, texts = literals()
    assert set() == names - set(CHECK_NAMES), "add these to steps/check_names.py"
    assert set() == set(CHECK_NAMES) - texts, "remove these from steps/check_names.py"
    assert len(names) > 100
    assert sorted(set(CHECK_NAMES)) == list(CHECK_NAMES)
