"""What must hold after every fault, O1 to O11: each a function that lists what is wrong.

A list of differences that are allowed is in this file alone, each with its reason.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from steps.boot_drop_in import default_entry, is_promoted, plain_entries
from steps.boot_fallback import falls_back_to_plain
from steps.hosts import grub_legacy
from steps.what_matters import DROP_IN
from tests.faults.host import Entry, Host, Image, files_below
from tests.faults.scenarios import CANARY, PRECIOUS
from tests.faults.state import State
from wizard.codec import encode
from wizard.errors import SetupError
from wizard.shapes import status_document
from wizard.status import status

# What may differ after a rollback: nothing else.
FILES_THAT_MAY_STAY = {
    "state*": "the journal of what was done and taken back, with its backups",
    "tree/var/cache/apt/archives/*": "apt keeps what it fetched, for the next time",
}
STATE_THAT_MAY_DIFFER = {
    "boots": "the machine was booted",
    "domain_count": "Xen counts its domains, and never gives a number twice",
    "domains": "compared by name: the numbers differ after a second start",
    "domain_uuids": "those of domains that are not there any more stay in the model",
    "lists_age": "package lists are a cache",
    "xen": "the hypervisor that runs, runs until the next boot",
}


@dataclass(frozen=True)
class Undisturbed:
    """A machine before, and as a whole run leaves it when nothing happens to it."""

    before: Image
    after: Image


def same_everywhere(host: Host, before: Image) -> list[str]:
    """O1, O5, O6, O7, O8, O10 and O11: what holds whatever became of the run."""
    return [
        *canary_changed(host, before),
        *plain_linux_does_not_boot(host),
        *secrets_found(host),
        *journal_or_lock_wrong(host),
        *left_behind(host),
        *questions_asked(host),
    ]


def canary_changed(host: Host, before: Image) -> Iterator[str]:
    """O1: what is somebody else's is as it was, to the byte, the mode and the time."""
    state, then = host.model.state, State.from_copy(before.state)
    keys = ("/dev/vdz", "/dev/vdz1", "/dev/vdz2", f"/dev/{CANARY}/keep")
    for key in keys:
        if state.content.get(key) != then.content.get(key):
            yield f"O1: {key} holds {state.content.get(key)}"
    if state.groups.get(CANARY) != then.groups.get(CANARY):
        yield "O1: the foreign volume group changed"
    name = f"tree/volumes/{CANARY}/keep/precious"
    now = dict(_only(host, name))
    if now.get(name) != before.files[name] or before.files[name][4] != PRECIOUS.encode():
        yield "O1: the foreign file changed"


def not_as_before(host: Host, before: Image) -> list[str]:
    """O2, after a rollback; and once more after a boot, in which plain Linux must come up."""
    found = [*_file_differences(host, before, times=True), *_state_differences(host, before)]
    host.model.boot()
    if host.model.state.xen:
        found.append("O2: the machine boots Xen after the rollback")
    facts = host.read_facts()
    if facts.xen.images:
        found.append("O2: Xen's files are there after the rollback")
    return found


def not_at_the_same_end(host: Host, undisturbed: Undisturbed) -> list[str]:
    """O3, after a resume: what an undisturbed run leaves."""
    found = [
        *_file_differences(host, undisturbed.after, times=False),
        *_state_differences(host, undisturbed.after),
    ]
    if host.model.state.xen != State.from_copy(undisturbed.after.state).xen:
        found.append("O3: another system runs than after an undisturbed run")
    return found


def changed_by_a_further_run(host: Host) -> list[str]:
    """O4: an `apply` after all is done changes nothing, runs nothing, and keeps no run."""
    before = host.image()
    runs = len(host.store.runs())
    host.commands.clear()
    host.apply()
    found = [f"O4: a further run ran {' '.join(words)}" for words in host.commands]
    after = host.image()
    changed = [
        name
        for name in {*before.files, *after.files}
        if before.files.get(name) != after.files.get(name)
        and name not in ("state/lock", "state", "tree/run")
        and stat.S_ISREG((after.files.get(name) or before.files[name])[0])
    ]
    if changed or before.state != after.state:
        found.append(f"O4: a further run changed {changed or 'the state'}")
    if len(host.store.runs()) != runs:
        found.append("O4: a further run left a journal")
    return found


def plain_linux_does_not_boot(host: Host) -> Iterator[str]:
    """O5: plain Linux is in the menu with its kernel; Xen is the default only once it has proved
    itself, and otherwise booted once at the most."""
    facts = host.read_facts()
    if not plain_entries(facts.boot.entries or ()):
        yield "O5: the menu has no plain Linux"
    default = default_entry(facts)
    promoted = is_promoted(facts.files.get(DROP_IN, ""))
    if facts.boot.legacy is not None:
        promoted = grub_legacy.is_default(host.settings, facts)
    if default is None:
        yield "O5: nothing boots by itself"
    elif default.kind == "xen" and not (promoted or host.model.state.xen):
        yield "O5: a Xen that nobody has tried boots by itself"
    next_is_xen = facts.boot.next_entry is not None or (default and default.kind == "xen")
    if next_is_xen and facts.boot.legacy is None and not falls_back_to_plain(facts):
        yield "O5: GRUB waits at its menu for a key if it cannot load Xen"


def secrets_found(host: Host) -> Iterator[str]:
    """O6: no file has the secret in it, and no command line."""
    for name, entry in _only(host, ""):
        content = entry[4]
        if isinstance(content, bytes) and b"secret of guests" in content:
            yield f"O6: the secret is in {name}"
    for words in host.commands:
        if any("secret of guests" in word for word in words):
            yield f"O6: the secret is in the command {words[0]}"


def journal_or_lock_wrong(host: Host) -> Iterator[str]:
    """O7 and O10: the lock is free, every journal can be read, and `status` says what it shows and
    what to type next, in words and as JSON."""
    if host.store.running() is not None:
        yield "O7: the lock is held"
    try:
        found = status(host.store, f"boot-{host.model.state.boots}")
    except SetupError as error:
        yield f"O7: {error.what}"
        return
    json.dumps(encode(status_document(found)))
    expected = {"finished": 0, "waiting for a boot": 8, "rollback incomplete": 6}
    for run in found.runs:
        if run.exit_status != expected.get(run.state) and run.state != "stopped":
            yield f"O10: {run.state} with exit status {run.exit_status}"
    if found.runs and found.state not in ("finished", "rolled back") and not found.next:
        yield f"O10: nothing is said to type next when it is {found.state}"


def left_behind(host: Host) -> Iterator[str]:
    """O8: no mount, no timer, no file that is half written or says that something runs."""
    for point, device in host.model.state.mounts:
        yield f"O8: {device} is mounted at {point}"
    if host.model.state.timer:
        yield "O8: the timer runs"
    for name, _entry in _only(host, ""):
        if name.endswith((".xen-setup-new", "grub.cfg.new", "run/xen-setup/running")):
            yield f"O8: {name} is left"


def questions_asked(host: Host) -> Iterator[str]:
    """O11: no program came to a question that somebody must answer."""
    for words in host.questions:
        yield f"O11: {words[0]} asked a question"


# ---- comparing


def _only(host: Host, name: str) -> Iterable[tuple[str, Entry]]:
    for path, entry in files_below(host.top):
        if not name or path == name:
            yield path, entry


def _file_differences(host: Host, expected: Image, *, times: bool) -> Iterator[str]:
    now = host.image().files
    for name in sorted({*now, *expected.files}):
        if any(fnmatchcase(name, pattern) for pattern in FILES_THAT_MAY_STAY):
            continue
        if name.startswith("tree/run"):
            if name in now and name != "tree/run":
                yield f"O8: {name} is left"
            continue
        found, wanted = (
            _shown(now.get(name), times, name),
            _shown(expected.files.get(name), times, name),
        )
        if found != wanted:
            yield f"O2, O3: {name} is {found}, not {wanted}"


def _shown(entry: Entry | None, times: bool, name: str) -> Any:
    """What of a file counts. Only files that nobody writes anew keep their times: not the menu that
    update-grub writes, nor the number that GRUB Legacy writes itself.
    """
    if entry is None:
        return None
    mode, uid, gid, when, content = entry
    timed = times and stat.S_ISREG(mode) and not name.endswith(("grub.cfg", "boot/grub/default"))
    return (stat.filemode(mode), uid, gid, when if timed else 0, content)


def _state_differences(host: Host, expected: Image) -> Iterator[str]:
    now, then = vars(host.model.state), vars(State.from_copy(expected.state))
    if lost := host.settings.storage.overwrite:  # a point of no return, agreed to
        now = {**now, "content": {**now["content"], lost: None}}
        then = {**then, "content": {**then["content"], lost: None}}
    for key, value in then.items():
        if key not in STATE_THAT_MAY_DIFFER and now[key] != value:
            yield f"O2, O3: {key} is {now[key]}, not {value}"
    if sorted(now["domains"]) != sorted(then["domains"]):
        yield f"O2, O3: the domains are {sorted(now['domains'])}, not {sorted(then['domains'])}"
