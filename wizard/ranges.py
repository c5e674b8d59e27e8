"""Ranges in names, as a shell's braces: `vm{01..20}` stands for vm01, vm02, … vm20."""

from __future__ import annotations

import re

_RANGE = re.compile(r"\{([0-9]{1,9})\.\.([0-9]{1,9})\}")
_HOW = "Write a range as in vm{01..20}: two numbers, the smaller one first."


def is_range(text: object) -> bool:
    """Whether a range is meant: no name has braces in it."""
    return isinstance(text, str) and ("{" in text or "}" in text)


def expand(text: str, most: int) -> tuple[str, ...]:
    """The names that a range stands for, with zeros in front as bash puts them; a name without
    one stands for itself. Raises ValueError with a sentence when there are none, or over `most`.
    """
    if not is_range(text):
        return (text,)
    if text.count("{") > 1 or text.count("}") > 1:
        raise ValueError(f"One range in a name is understood, not several. {_HOW}")
    found = _RANGE.search(text)
    if found is None:
        raise ValueError(_HOW)
    first, last = int(found[1]), int(found[2])
    if first > last:
        raise ValueError(f"The range runs backwards: write {{{found[2]}..{found[1]}}}.")
    if last - first >= most:
        raise ValueError(f"It makes {last - first + 1} of them, and {most} are possible.")
    padded = any(len(end) > 1 and end.startswith("0") for end in found.groups())
    width = max(len(found[1]), len(found[2])) if padded else 0
    before, after = text[: found.start()], text[found.end() :]
    return tuple(f"{before}{number:0{width}}{after}" for number in range(first, last + 1))
