"""Facts as a JSON file: `facts --json` writes it, `plan --facts FILE` reads it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from steps.facts import FACTS_VERSION, Facts
from wizard.codec import CodecError, decode, encode
from wizard.errors import UsageError

_AGAIN = "Save the machine's facts again: xen-setup facts --json > FILE"


# Passwords that configuration files may hold: ifupdown's for wireless networks, a guest's screen,
# that of GRUB Legacy's menu.
_SECRET = re.compile(
    r"^([ \t]*(?:password\b(?:[ \t=]+--md5)?"
    r"|wpa-(?:psk|passphrase|password|private-key-passwd\S*|wep-key\d)|wireless-key\d?"
    r"|vncpasswd|spicepasswd)[ \t]*=?[ \t]*).+$",
    re.MULTILINE,
)
# The same within a line: vfb = ['type=vnc,vncpasswd=…'].
_INLINE = re.compile(r"((?:vnc|spice)passwd[ \t]*=[ \t]*['\"]?)[^'\",\]\s]+")
_HIDDEN = "********"


def hidden(text: str) -> str:
    """A file's text without the passwords in it."""
    for pattern in (_SECRET, _INLINE):
        text = pattern.sub(rf"\g<1>{_HIDDEN}", text)
    return text


def holds_password(text: str) -> bool:
    """Whether a file's text has a password in it, or the place of one that was left out."""
    return hidden(text) != text or _HIDDEN in text


def facts_text(facts: Facts) -> str:
    """The JSON text of these facts, ending in a newline; passwords in files are left out of it."""
    value = encode(without_secrets(facts))
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def without_secrets(facts: Facts) -> Facts:
    """The same facts; passwords that files hold are left out of them."""
    return replace(facts, files={path: hidden(text) for path, text in facts.files.items()})


def facts_from_text(text: str, name: str = "The text") -> Facts:
    """The facts that a JSON text holds; `UsageError` naming `name` and the place if it has none."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{name} is not JSON: {error}.", hint=_AGAIN) from error
    except RecursionError as error:
        raise UsageError(f"{name} is nested too deeply to be saved facts.", hint=_AGAIN) from error
    if not isinstance(value, dict) or "version" not in value or "disks" not in value:
        raise UsageError(f"{name} does not hold the facts of a machine.", hint=_AGAIN)
    if value["version"] != FACTS_VERSION:
        raise UsageError(
            f"{name} holds facts of version {value['version']!r:.20};"
            f" this program reads version {FACTS_VERSION}.",
            hint=_AGAIN,
        )
    try:
        return decode(Facts, value)
    except CodecError as error:
        raise UsageError(f"{name} holds no facts that fit: {error}.", hint=_AGAIN) from error


def load_facts(path: Path) -> Facts:
    """The facts saved in a file; `UsageError` says why they cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise UsageError(f"{path} cannot be read: {reason}.", hint=_AGAIN) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a text file (UTF-8).", hint=_AGAIN) from error
    return facts_from_text(text, str(path))


def save_facts(facts: Facts, path: Path) -> None:
    """Write these facts as a JSON file; OSError if that fails."""
    path.write_text(facts_text(facts), encoding="utf-8")
