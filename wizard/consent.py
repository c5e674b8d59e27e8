"""What a person agrees to by typing: yes or no; and, where something is lost, its name."""

from __future__ import annotations

from collections.abc import Sequence

from wizard.prompts import Prompter
from wizard.questions import Choice, Loss


def agreed_to_lose(prompter: Prompter, destroys: Sequence[str]) -> bool:
    """Whether the name of each thing that is destroyed was typed, before it is done."""
    for name in destroys:
        prompter.say(f"Everything that is on {name} now will be lost.", "wrong")
        if prompter.line(f"Type {name} to agree, or only Enter to go back").strip() != name:
            prompter.say(f"Not agreed: {name} stays as it is.", "good")
            return False
    return True


def agreed_to_choose(prompter: Prompter, choice: Choice, loss: Loss) -> bool:
    """Whether a name was typed of a thing that loses what is on it, if the plan that is made with
    it is carried out.
    """
    name = choice.names[0] if choice.names else choice.value
    prompter.say(
        f"{name} holds {loss.what}. A plan with it destroys that, and no rollback brings it back. "
        "Nothing is done yet: the plan comes first, and asks once more.",
        "wrong",
    )
    typed = prompter.line(f"Type {name} to agree, or only Enter to choose again").strip()
    if choice.is_called(typed):
        return True
    prompter.say(f"Not agreed: {name} is not chosen.", "good")
    return False


def confirm(
    prompter: Prompter, question: str, *, default: bool | None = None, seconds: float | None = None
) -> bool:
    """Yes or no, typed. Without a default Enter is no answer. Raises TimeIsUp after `seconds`."""
    shown = {True: "yes", False: "no", None: ""}[default]
    while True:
        match prompter.line(question, shown or "yes or no", seconds=seconds).strip().lower():
            case "yes" | "y":
                return True
            case "no" | "n":
                return False
            case "" if default is not None:
                return default
        prompter.say("Type yes or no.", "wrong")
