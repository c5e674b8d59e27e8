"""Example machines: facts as they were read of real ones, to look at and to play with.

`xen-setup --simulate NAME` plays a whole run on one; the tests plan for all of them. Each file is
what `xen-setup facts --json` printed there; a name is a file's, without `.json`.
"""

from __future__ import annotations

import os
from pathlib import Path

from steps.facts import Facts
from steps.saved_facts import load_facts
from wizard.errors import UsageError

_FOLDER = Path(__file__).parent

# Each with what is to be known of it before one chooses it.
EXAMPLES: dict[str, str] = {
    "stock": "Debian 12 as it is installed: one disk, and 10 GiB of it free",
    "debian-13": "Debian 13: one disk, and 8 GiB of it free",
    "ubuntu-24.04": "Ubuntu 24.04: its network is netplan's, which stands in the way",
    "spare-partition": "Debian 12 on UEFI, a second disk; Secure Boot stands in the way",
    "under-xen": "Debian 12 under Xen already, with a guest that somebody else made",
}


def example(name: str) -> Path:
    """The facts of the example machine of this name."""
    return _FOLDER / f"{name}.json"


def machine_file(word: str) -> Path:
    """The file that a word means: an example machine's name, or else a path. `UsageError` lists
    the examples when it is neither.
    """
    if word in EXAMPLES:
        return example(word)
    try:
        is_file = bool(word) and Path(word).is_file()
    except OSError:  # it cannot be looked at: whoever reads it says why
        is_file = True
    if is_file:
        return Path(word)
    width = max(map(len, EXAMPLES))
    raise UsageError(
        f"{word} is neither an example machine nor a file with saved facts."
        if word
        else "Which machine is to be simulated?",
        hint="Name one of these, or a file that `xen-setup facts --json` was saved to: "
        "xen-setup --simulate stock",
        details=tuple(f"{name:{width}}  {about}" for name, about in EXAMPLES.items()),
    )


def facts_of(path: Path) -> Facts:
    """The facts saved in that file, or else of the example machine of that name; `UsageError` says
    why they cannot be read.
    """
    # By os.path, which answers also in a folder that nobody may look into.
    is_example = str(path) in EXAMPLES and not os.path.lexists(path)
    return example_facts(str(path)) if is_example else load_facts(path)


def example_facts(name: str) -> Facts:
    """The facts of the example machine of this name."""
    return load_facts(example(name))
