"""The JSON Schemas of what the program prints and saves: `python -m wizard.program_schemas`
writes them to wizard/schemas/, after a shape has changed.
"""

from __future__ import annotations

import json
from pathlib import Path

from steps.facts import Facts
from wizard.answer_origins import ShowDocument
from wizard.answer_problems import ProblemsDocument
from wizard.program_convert import ConvertDocument
from wizard.program_guests import GuestsDocument, NetworkDocument
from wizard.saved_plan import SavedPlan
from wizard.shape_schema import schema_of
from wizard.shapes import CheckDocument, ExplainDocument, PlanDocument, StatusDocument

FOLDER = Path(__file__).with_name("schemas")
_DOCUMENTS: dict[str, tuple[type, str]] = {
    "answers-show": (ShowDocument, "xen-setup answers show --json"),
    "answers-validate": (ProblemsDocument, "xen-setup answers validate --json"),
    "check": (CheckDocument, "xen-setup check --json"),
    "convert": (ConvertDocument, "xen-setup convert --json"),
    "explain": (ExplainDocument, "xen-setup explain --json"),
    "facts": (Facts, "xen-setup facts --json"),
    "guests": (GuestsDocument, "xen-setup guests --json"),
    "network": (NetworkDocument, "xen-setup network --json"),
    "plan": (PlanDocument, "xen-setup plan --json"),
    "saved-plan": (SavedPlan, "xen-setup plan --out FILE"),
    "status": (StatusDocument, "xen-setup status --json"),
}


def schema_texts() -> dict[Path, str]:
    """The text of each schema, by the file it belongs into."""
    return {
        FOLDER / f"{name}.schema.json": json.dumps(schema_of(declared, title), indent=1) + "\n"
        for name, (declared, title) in _DOCUMENTS.items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in schema_texts().items():
        path.write_text(text, encoding="utf-8")
