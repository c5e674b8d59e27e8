"""What the guided wizard asks on the stock machine, in order, and the keys that answer it.

The first question is asked for its help, given a bad answer and then a good one; for the rest
what is suggested is taken, but for the password, and for what happens after the reboot.
"""

from __future__ import annotations

from tests.terminal import DOWN, ENTER
from wizard.prompts import ScriptedPrompter

ANSWERED = (
    ("How much memory does the host itself", f"?{ENTER}"),
    ("comfortable for a host", f"a lot{ENTER}"),
    ("Write a size with its unit", f"1GiB{ENTER}"),
    ("Where do Xen and the host show", ENTER),
    ("Which bridge connects", ENTER),
    ("Which network card", ENTER),
    ("Where shall the guests' disks", ENTER),
    ("What is the volume group called", ENTER),
    ("Which device", ENTER),
    ("How large shall the new partition", ENTER),
    ("What is the guest called", ENTER),
    ("How large is the guest's root", ENTER),
    ("How large is its swap", ENTER),
    ("Which filesystem", ENTER),
    ("Which Debian or Ubuntu release", ENTER),
    ("Which further packages", ENTER),
    ("How does the guest get its address", ENTER),
    ("The guest's root password", f"xen{ENTER}"),
    ("again", f"xen{ENTER}"),
    ("Which public SSH keys", ENTER),
    ("How much memory does the guest", ENTER),
    ("How many processors", ENTER),
    ("Shall the guest start with the host", ENTER),
    ("Another one?", ENTER),
    ("How does the work go on", f"{DOWN}{ENTER}"),
    ("Shall Xen be what the machine boots", ENTER),
    ("What now?", ENTER),
)

# What a guided run has answered in words, as Enter alone is no answer: what answer files that say
# nothing of it come to.
CHOSEN = {"The guest's root password": "locked", "Which public SSH keys": "-"}


def chosen(prompt: str, answer: str = "") -> str:
    """The answer; where it is Enter, and Enter is none, what it would have stood for."""
    return answer or next((words for part, words in CHOSEN.items() if part in prompt), "")


class Deciding(ScriptedPrompter):
    """Where Enter is no answer, an empty one of the script chooses what it would have stood for."""

    def line(
        self, prompt: str, default: str = "", *, hidden: bool = False, seconds: float | None = None
    ) -> str:
        answer = super().line(prompt, default, hidden=hidden, seconds=seconds)
        return answer if default else chosen(prompt, answer)
