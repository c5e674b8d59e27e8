"""Which actions of a run made a guest: what goes when that guest alone is removed."""

from __future__ import annotations

import re

from wizard.actions import Action, MakeLink, RunCommand, WriteFile


def belongs_to(action: Action, name: str) -> bool:
    """Whether the action made something of the guest with this name, and of nothing else."""
    if action.inside is not None:
        return _is_volume(action.inside.device, name)
    config = f"/etc/xen/{name}.cfg"
    match action:
        case WriteFile():
            return action.path == config
        case MakeLink():
            return action.target == config
        case RunCommand():
            if action.argv[0] == "xl":
                return bool({name, config} & set(action.argv[2:]))
            return any(_is_volume(word, name) for word in action.argv)
    return False


def _is_volume(word: str, name: str) -> bool:
    """Whether a word of a command is one of the guest's volumes: by its path, or its name alone."""
    return re.fullmatch(rf"(/dev/[^/]+/)?{re.escape(name)}-(root|swap)", word) is not None
