"""Files changed so that a power cut leaves the old or the new, never a mixture. For machine.py.

A file is written beside its place, brought to the disk, renamed over it, and the directory is
brought to the disk. `checkpoint` is called between these, for the crash tests.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from wizard.actions import Action, MakeLink, MovePath, WriteFile, text_hash
from wizard.attributes import attributes_of, of_any_content, set_attributes
from wizard.errors import Conflict, StepFailed, from_os
from wizard.undo import Attribute, FileBefore, FileUndo, MoveUndo, Undo

Checkpoint = Callable[[str], None]

_HALF = ".xen-setup-new"
_MOST_LINKS = 40  # as the kernel does (path_resolution(7))


def nothing(_name: str) -> None:
    """The checkpoint of real runs."""


def resolve(path: Path, root: Path) -> Path:
    """The path with all links followed, as if `root` were the root directory.

    What a guest's link says is meant in the guest: an absolute target starts at `root`, and ".."
    stops there. The last parts need not exist. Raises `StepFailed` for a loop.
    """
    waiting = list(reversed(path.relative_to(root).parts))
    here = root
    followed = 0
    while waiting:
        part = waiting.pop()
        if part == "..":
            here = root if here == root else here.parent
            continue
        step = here / part
        if not step.is_symlink():
            here = step
            continue
        followed += 1
        if followed > _MOST_LINKS:
            raise StepFailed(
                f"The links at {path} lead in a circle.",
                hint="Remove the link, or make it lead to a file.",
            )
        target = step.readlink()
        if target.is_absolute():
            here = root
            waiting.extend(reversed(target.parts[1:]))
        else:
            waiting.extend(reversed(target.parts))
    return here


def sha256_of(path: Path) -> str:
    """The hash of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_regular(path: Path) -> bool:
    """Whether a regular file, and no link to one, is at the path."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def holds(path: Path, sha256: str) -> bool:
    """Whether the regular file at `path` has these bytes."""
    return is_regular(path) and sha256_of(path) == sha256


def same_as(path: Path, sha256: str, mode: int, uid: int, gid: int) -> bool:
    """Whether the regular file at `path` has these bytes, this mode and owner."""
    if not is_regular(path):
        return False
    state = path.lstat()
    return (
        stat.S_IMODE(state.st_mode) == mode
        and state.st_uid == uid
        and state.st_gid == gid
        and sha256_of(path) == sha256
    )


def keep_copy(path: Path, backups: Path, name: str) -> FileBefore:
    """Save a file's bytes in the backups, on the disk when this returns, and what else it is."""
    content = path.read_bytes()
    write_atomically(backups / name, content, mode=0o600, uid=os.geteuid(), gid=os.getegid())
    # Of these bytes: should the file be another by now, that is seen before it is written over.
    return _file_before(path, name, hashlib.sha256(content).hexdigest())


def without_copy(path: Path) -> FileBefore:
    """What a file is, without saving its bytes."""
    return _file_before(path, "", sha256_of(path))


def _file_before(path: Path, name: str, sha256: str) -> FileBefore:
    state = path.lstat()
    return FileBefore(
        backup=name,
        sha256=sha256,
        mode=stat.S_IMODE(state.st_mode),
        uid=state.st_uid,
        gid=state.st_gid,
        mtime_ns=state.st_mtime_ns,
        attributes=attributes_of(path),
    )


def is_as_before(path: Path, before: FileBefore) -> bool:
    """Whether the file is as it was: by bytes, mode, owner, time and attributes."""
    return (
        same_as(path, before.sha256, before.mode, before.uid, before.gid)
        and path.lstat().st_mtime_ns == before.mtime_ns
        and attributes_of(path) == before.attributes
    )


def write_atomically(
    path: Path,
    content: bytes,
    *,
    mode: int,
    uid: int,
    gid: int,
    mtime_ns: int | None = None,
    attributes: Sequence[Attribute] | None = None,
    checkpoint: Checkpoint = nothing,
) -> None:
    """Put a whole file in place; raises OSError, and then the old one is still there."""
    beside = _beside(path)
    try:
        remove_half_written(path)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            checkpoint("file: opened")
            waiting = memoryview(content)
            while waiting:
                waiting = waiting[os.write(descriptor, waiting) :]
            os.fchown(descriptor, uid, gid)
            if attributes is not None:
                set_attributes(descriptor, attributes)
            os.fchmod(descriptor, mode)
            if mtime_ns is not None:
                os.utime(descriptor, ns=(mtime_ns, mtime_ns))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        checkpoint("file: written beside")
        beside.rename(path)
    except OSError as error:
        remove_half_written(path)
        error.filename = str(path)  # the other name is gone again
        raise
    checkpoint("file: in place")
    sync_directory(path.parent)


def remove_half_written(path: Path) -> None:
    """Remove what an interrupted `write_atomically` may have left beside the file."""
    # Looked for first: on a read-only filesystem nothing is there to remove, and that may not be
    # tried either.
    if os.path.lexists(_beside(path)):
        _beside(path).unlink(missing_ok=True)


def is_half_written(path: Path) -> bool:
    """Whether this is what an interrupted `write_atomically` has left, by its name."""
    return path.name.startswith(".") and path.name.endswith(_HALF)


def refuse_unwritable(target: Path, path: str) -> None:
    """Raise `StepFailed` when no file can be written there."""
    if not target.parent.is_dir():
        raise StepFailed(
            f"The directory {target.parent} for the file {path} is missing.",
            hint=f"Make it, and go on: mkdir -p {shlex.quote(str(target.parent))}",
        )
    if os.path.lexists(target) and not is_regular(target):
        raise StepFailed(
            f"{target} is no file: it cannot be written.", hint="Move it away, and go on."
        )


def refuse_changed(target: Path, action: WriteFile) -> None:
    """Raise `StepFailed` when another text is there than the one that the action's was made from.

    After the copy of it is saved: what changes since then, `write` sees.
    """
    if not action.made_from:
        return
    content = target.read_bytes() if is_regular(target) else b""
    # As steps read it: bytes that are no UTF-8 are replaced.
    there = text_hash(content.decode("utf-8", errors="replace"))
    if there not in (action.made_from, text_hash(action.text)):
        raise StepFailed(
            f"{action.path} was changed while this ran.",
            hint="Nothing was written to it, as the change would be lost. Go on or begin again: "
            "the file is read anew then.",
        )


def is_written(action: WriteFile, target: Path) -> bool:
    """Whether the action's text is there, with its mode and owner unless those are another's."""
    sha256 = text_hash(action.text)
    if action.made_from:
        return holds(target, sha256)
    return same_as(target, sha256, action.mode, action.uid, action.gid)


def write(action: WriteFile, undo: FileUndo, checkpoint: Checkpoint) -> None:
    """Write the action's text, unless the file changed since `undo` was recorded."""
    target = Path(undo.target)
    before = undo.before.sha256 if undo.before is not None else None
    if _hash_there(target, undo) not in (before, undo.sha256):
        raise StepFailed(
            f"{action.path} was changed while this ran.",
            hint="Someone else writes to it: find out who, then start again.",
        )
    kept = undo.before if action.made_from else None
    write_atomically(
        target,
        action.text.encode(),
        mode=kept.mode if kept is not None else action.mode,
        uid=kept.uid if kept is not None else action.uid,
        gid=kept.gid if kept is not None else action.gid,
        attributes=of_any_content(undo.before.attributes) if undo.before is not None else None,
        checkpoint=checkpoint,
    )


def put_back(undo: FileUndo, backups: Path, checkpoint: Checkpoint) -> None:
    """Make the file as it was; raises `Conflict` when someone changed what we wrote."""
    target, before = Path(undo.target), undo.before
    remove_half_written(target)
    now = _to_be_put_back(undo, backups)
    if before is None:
        if now is not None:
            target.unlink()
            sync_directory(target.parent)
        return
    if is_as_before(target, before):
        # Nothing is written that need not be: it may be what could not be written to before.
        sync_directory(target.parent)
        return
    put_in_place(target, before, backups, checkpoint)


def put_in_place(target: Path, before: FileBefore, backups: Path, checkpoint: Checkpoint) -> None:
    """Make the file as it was, from its backup, whatever is there."""
    write_atomically(
        target,
        (backups / before.backup).read_bytes(),
        mode=before.mode,
        uid=before.uid,
        gid=before.gid,
        mtime_ns=before.mtime_ns,
        attributes=before.attributes,
        checkpoint=checkpoint,
    )


def in_the_way(action: Action, undo: Undo, backups: Path) -> str:
    """Why `put_back` would refuse a file of the system, in a sentence or two; "" when it would not,
    and for other actions.
    """
    if not isinstance(action, WriteFile) or not isinstance(undo, FileUndo) or action.inside:
        return ""
    try:
        _to_be_put_back(undo, backups)
    except Conflict as error:
        return f"{error.what} {error.hint}"
    except OSError as error:
        told = from_os(error, action.why)
        return f"{told.what} {told.hint}"
    return ""


def _to_be_put_back(undo: FileUndo, backups: Path) -> str | None:
    """The hash of what is there; raises `Conflict` when it is not ours to replace."""
    target, before = Path(undo.target), undo.before
    now = _hash_there(target, undo, backups)
    if before is None:
        if now not in (None, undo.sha256):
            raise _edited(undo, "it was edited since it was written", backups)
        return now
    if now is None and not undo.may_be_missing:
        raise _edited(undo, "it was removed since it was written", backups)
    if now not in (None, undo.sha256, before.sha256):
        raise _edited(undo, "it was edited since it was written", backups)
    backup = backups / before.backup
    if not is_regular(backup) or sha256_of(backup) != before.sha256:
        raise Conflict(
            f"{target} stays as it is: its backup {backup} is missing or damaged.",
            hint="Put the old file back from another backup.",
        )
    return now


def _hash_there(target: Path, undo: FileUndo, backups: Path | None = None) -> str | None:
    """The hash of the regular file at the target, None for nothing; `Conflict` for another kind."""
    if is_regular(target):
        return sha256_of(target)
    if os.path.lexists(target):
        raise _edited(undo, "something that is no file is in its place", backups)
    return None


def _edited(undo: FileUndo, what: str, backups: Path | None) -> Conflict:
    if undo.before is None or backups is None:
        hint = "There was no such file before: remove it if nothing needs it."
    else:
        hint = f"The file as it was before is kept as {backups / undo.before.backup}."
    return Conflict(f"{undo.target} stays as it is: {what}.", hint=hint)


def rename(source: Path, destination: Path) -> None:
    """Rename, never over something that is there."""
    if os.path.lexists(destination):
        raise StepFailed(
            f"{source} cannot be moved: {destination} is there already.",
            hint="Move that away first, and go on.",
        )
    source.rename(destination)
    sync_directory(destination.parent)
    if source.parent != destination.parent:
        sync_directory(source.parent)


def move_back(action: MovePath, undo: MoveUndo) -> None:
    """Rename what was moved to its old name; nothing when it is there. Raises `Conflict`."""
    source, destination = Path(action.source), Path(action.destination)
    moved = os.path.lexists(destination) and destination.lstat().st_ino == undo.inode
    if moved and os.path.lexists(source):
        raise Conflict(
            f"{destination} stays where it is: {source} is there again.",
            hint="Keep the one you need under that name, and remove the other.",
        )
    if moved:
        rename(destination, source)
    elif not os.path.lexists(source):
        raise Conflict(
            f"{source} cannot be put back: what was moved to {destination} is gone.",
            hint="Put it back from a backup.",
        )


def refuse_in_the_way(path: Path) -> None:
    """Raise `StepFailed` when something is where a link or a directory is to be made."""
    if os.path.lexists(path):
        raise StepFailed(f"{path} is there already.", hint="Move it away, and go on.")


def make_directory(path: Path, mode: int) -> None:
    """Make a directory with exactly this mode."""
    before = os.umask(0)
    try:
        path.mkdir(mode=mode)
    finally:
        os.umask(before)
    path.chmod(mode)  # mkdir(2) leaves out the set-user and set-group bits
    sync_directory(path.parent)


def remove_directory(path: Path) -> None:
    """Remove a directory that is empty; `Conflict` for another, none there is no error."""
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_dir():
        raise Conflict(f"{path} stays: it is no directory any more.", hint="Look what it is.")
    if any(path.iterdir()):
        raise Conflict(
            f"The directory {path} stays: it is not empty.",
            hint="Remove what is in it if nothing needs it, then roll back again.",
        )
    path.rmdir()
    sync_directory(path.parent)


def leads_there(action: MakeLink) -> bool:
    """Whether the action's link is there, with its target."""
    path = Path(action.path)
    return path.is_symlink() and str(path.readlink()) == action.target


def make_link(path: Path, target: str) -> None:
    """Make a symbolic link where nothing is."""
    refuse_in_the_way(path)
    try:
        path.symlink_to(target)
    except OSError as error:
        error.filename = str(path)  # Python names what it leads to
        raise
    sync_directory(path.parent)


def remove_link(action: MakeLink) -> None:
    """Remove the link if it is still the one we made."""
    if not leads_there(action):
        raise Conflict(
            f"{action.path} stays: it is not the link to {action.target} any more.",
            hint="Remove it yourself if nothing needs it.",
        )
    path = Path(action.path)
    path.unlink()
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Bring a directory's entries to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path) -> Path:
    # Hidden, and with an ending that no *.cfg, *.conf or run-parts directory takes in.
    return path.with_name(f".{path.name[:200]}{_HALF}")
