"""How what is shown looks: in styles that a light and a dark terminal can show, and never by a
colour alone. tests/console/test_colours.py has the colours that are not used, and why.
"""

from __future__ import annotations

from collections.abc import Mapping

from wizard.actions import UndoClass
from wizard.lesson import Kind
from wizard.step import Severity

UNDO_STYLE: Mapping[UndoClass, str] = {
    "exact": "green",
    "by removal": "magenta",
    "nothing to undo": "",
    "no undo": "bold red",
}
SEVERITY_STYLE: Mapping[Severity, str] = {
    "error": "bold red",
    "warning": "magenta",
    "unknown": "magenta",
}
SEVERITY_WORD: Mapping[Severity, str] = {
    "error": "PROBLEM",
    "warning": "warning",
    "unknown": "unknown",
}
LESSON_STYLE: Mapping[Kind, str] = {
    "title": "bold",
    "words": "",
    "subject": "italic",
    "command": "bold",
    "symptom": "magenta",
    "drawing": "",
    "past": "",
}
