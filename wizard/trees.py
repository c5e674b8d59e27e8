"""A tree of files that its own script installs, put in place and taken back file by file. For
machine.py.

The script never writes to the machine: it installs into a folder of the run (install.sh takes the
destination as its argument), what it made is held against the plan, and each file is then brought
to its place as files.py does, so that a crash leaves the old or the new one. That also spares a
system whose /lib is a link what `tar` would do to it: replace the link by a folder.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wizard.actions import InstallTree, TreeEntry
from wizard.attributes import of_any_content
from wizard.errors import Conflict, StepFailed
from wizard.files import (
    Checkpoint,
    holds,
    is_as_before,
    is_regular,
    keep_copy,
    make_directory,
    put_in_place,
    remove_half_written,
    resolve,
    sha256_of,
    sync_directory,
    write_atomically,
)
from wizard.running import Running, Watch, Workplace
from wizard.undo import EntryBefore, TreeUndo

# What the script decides by the udev of 2006, and what of it no system of today reads.
LEFT_OUT = ("/etc/hotplug", "/etc/udev")
# cp in the script needs these to be there.
_EXPECTED_BY_SCRIPT = ("etc/init.d", "etc/udev/rules.d", "etc/hotplug")
_SCRIPT = "install.sh"
_NAMED = 10  # of the places that stay, in the sentence that says so


def is_left_out(path: str) -> bool:
    """Whether the tree's script, and not the plan, would decide about this path of the host."""
    return any(path == place or path.startswith(f"{place}/") for place in LEFT_OUT)


def is_installed(action: InstallTree) -> bool:
    """Whether every entry is on the machine as the tree has it."""
    return all(_is_there(_place(entry), entry) for entry in action.entries)


def prepare(action: InstallTree, place: Workplace, label: str) -> TreeUndo:
    """What is in the entries' places now; copies of files that will be replaced are saved."""
    before = []
    made: dict[str, None] = {}
    for number, entry in enumerate(action.entries):
        target = _place(entry)
        _refuse_in_the_way(target, entry)
        for folder in (*reversed(target.parents), *([target] if entry.kind == "directory" else [])):
            if not folder.is_dir():
                made[str(folder)] = None
        if entry.kind == "directory":
            continue
        file = link = None
        if target.is_symlink():
            link = str(target.readlink())
        elif is_regular(target):
            file = keep_copy(target, place.backups, f"{label}-{number}")
        before.append(EntryBefore(entry.path, str(target), file, link))
    return TreeUndo(tuple(before), tuple(made))


@dataclass(frozen=True)
class Work:
    """What installing takes: the run's own place, commands, and the points of the crash tests."""

    place: Workplace
    running: Running
    checkpoint: Checkpoint


def install(action: InstallTree, undo: TreeUndo, with_: Work, watch: Watch) -> None:
    """Have the script install into a folder, look at what it made, and put that in place."""
    checkpoint = with_.checkpoint
    work = _work(with_.place)
    shutil.rmtree(work, ignore_errors=True)
    stage = work / "root"
    for name in _EXPECTED_BY_SCRIPT:
        (stage / name).mkdir(parents=True)
    try:
        dist = _dist(action, work)
        checkpoint("InstallTree: unpacked")
        script = dist / _SCRIPT
        if not is_regular(script) or sha256_of(script) != action.script_sha256:
            raise _not_as_planned(
                action, str(script), "is not the script that the plan was made of"
            )
        with_.running.do(
            ("env", f"--chdir={dist}", "sh", f"./{_SCRIPT}", str(stage)), action.timeout, watch
        )
        checkpoint("InstallTree: script ended")
        _compare(action, stage)
        _put_in_place(action, undo, stage, checkpoint)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def clear(place: Workplace) -> None:
    """Remove what an installation that was cut off has unpacked."""
    shutil.rmtree(_work(place), ignore_errors=True)


def take_back(
    action: InstallTree, undo: TreeUndo, place: Workplace, checkpoint: Checkpoint
) -> None:
    """Make every place as it was; `Conflict` names those that someone changed since."""
    clear(place)
    entries = {entry.path: entry for entry in action.entries}
    left = []
    for before in reversed(undo.before):
        words = _take_back(entries[before.path], before, place.backups, checkpoint)
        if words:
            left.append(f"{before.target}: {words}")
        checkpoint("InstallTree: entry taken back")
    for folder in reversed(undo.made):
        left += _remove_folder(Path(folder), action.leavings)
        checkpoint("InstallTree: folder removed")
    if left:
        stay = (
            "One place stays as it is" if len(left) == 1 else f"{len(left)} places stay as they are"
        )
        named = "; ".join(left[:_NAMED]) + ("; …" if len(left) > _NAMED else "")
        raise Conflict(
            f"{stay} of what {action.source} brought: {named}.",
            hint="Look at each: move away what is yours, and roll back again.",
            details=tuple(left[:20]),
        )


# ---- before


def _place(entry: TreeEntry) -> Path:
    """Where an entry goes: links on the way are followed, the last part is replaced itself."""
    path = Path(entry.path)
    if entry.kind == "directory":
        return resolve(path, Path("/"))
    return resolve(path.parent, Path("/")) / path.name


def _is_there(target: Path, entry: TreeEntry) -> bool:
    try:
        state = target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    match entry.kind:
        case "directory":
            return stat.S_ISDIR(state.st_mode)
        case "link":
            return stat.S_ISLNK(state.st_mode) and str(target.readlink()) == entry.content
        case "file":
            return (
                stat.S_ISREG(state.st_mode)
                and stat.S_IMODE(state.st_mode) == entry.mode
                and sha256_of(target) == entry.content
            )


def _refuse_in_the_way(target: Path, entry: TreeEntry) -> None:
    try:
        state = target.lstat()
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise StepFailed(
            f"{entry.path} cannot be installed: a part of its path is a file.",
            hint="Move that file away, and start again.",
        ) from None
    folder = stat.S_ISDIR(state.st_mode)
    if folder != (entry.kind == "directory") or not (
        folder or stat.S_ISREG(state.st_mode) or stat.S_ISLNK(state.st_mode)
    ):
        raise StepFailed(
            f"{target} is in the way: {entry.path} is to be a {entry.kind}.",
            hint="Move it away, and start again.",
        )


# ---- installing


def _work(place: Workplace) -> Path:
    return place.backups.parent / "installing"


def _dist(action: InstallTree, work: Path) -> Path:
    """The folder with the script in it: the unpacked one itself, or the tarball's, unpacked."""
    source = Path(action.source)
    if not action.sha256:
        return source
    if not is_regular(source) or sha256_of(source) != action.sha256:
        raise _not_as_planned(action, action.source, "is not the file that the plan was made of")
    folder = work / "dist"
    folder.mkdir()
    try:
        with tarfile.open(source) as archive:
            for member in archive:
                _unpack(archive, member, action.top, folder)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise StepFailed(
            f"{action.source} cannot be unpacked: {error}.", hint="Fetch it again."
        ) from error
    return folder


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, top: str, folder: Path) -> None:
    """Write one member below `top` into the folder; what could lead out of it is refused."""
    path = PurePosixPath(member.name)
    parts = [part for part in path.parts if part != "."]
    above = [part for part in PurePosixPath(top).parts if part != "."]
    if parts[: len(above)] != above or len(parts) == len(above):
        return
    parts = parts[len(above) :]
    target = folder.joinpath(*parts)
    on_the_way = [folder.joinpath(*parts[:count]) for count in range(1, len(parts))]
    if path.is_absolute() or ".." in parts or any(step.is_symlink() for step in on_the_way):
        raise StepFailed(
            f"{member.name} would be unpacked elsewhere.", hint="Do not use this file."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    if member.isdir():
        target.mkdir(exist_ok=True)
    elif member.issym():
        target.symlink_to(member.linkname)
    elif member.isreg() or member.islnk():
        content = archive.extractfile(member)
        assert content is not None  # of a file and of a hard link, which it follows
        with content, target.open("xb") as file:
            shutil.copyfileobj(content, file)
        target.chmod(member.mode & 0o755)
    else:
        raise StepFailed(f"{member.name} is no file, link or folder.", hint="Do not use this file.")


def _compare(action: InstallTree, stage: Path) -> None:
    """The script must have made exactly what is in the plan."""
    expected = {entry.path: entry for entry in action.entries if entry.kind != "directory"}
    made = dict(_made(stage))
    for path, target in made.items():
        if path not in expected:
            raise _not_as_planned(action, path, "was installed by the script, and is in no plan")
        entry = expected[path]
        content = str(target.readlink()) if target.is_symlink() else sha256_of(target)
        if ("link" if target.is_symlink() else "file", content) != (entry.kind, entry.content):
            raise _not_as_planned(action, path, "is not what the plan says")
    for path in expected:
        if path not in made:
            raise _not_as_planned(action, path, "was not installed by the script")


def _made(stage: Path) -> Iterator[tuple[str, Path]]:
    for folder, folders, files in os.walk(stage):
        for name in (*files, *(one for one in folders if Path(folder, one).is_symlink())):
            target = Path(folder, name)
            path = f"/{target.relative_to(stage)}"
            if not is_left_out(path):
                yield path, target


def _put_in_place(action: InstallTree, undo: TreeUndo, stage: Path, checkpoint: Checkpoint) -> None:
    modes = {
        str(_place(entry)): entry.mode for entry in action.entries if entry.kind == "directory"
    }
    for folder in undo.made:
        if not Path(folder).is_dir():
            make_directory(Path(folder), modes.get(folder, 0o755))
            checkpoint("InstallTree: folder made")
    known = {before.path: before for before in undo.before}
    for entry in action.entries:
        if entry.kind != "directory":
            _refuse_changed(known[entry.path], entry)
    for entry in action.entries:
        if entry.kind == "directory":
            continue
        target, file = Path(known[entry.path].target), known[entry.path].file
        if _is_there(target, entry):
            continue
        if entry.kind == "link":
            _link(target, entry.content)
        else:
            write_atomically(
                target,
                (stage / entry.path.lstrip("/")).read_bytes(),
                mode=entry.mode,
                uid=os.geteuid(),
                gid=os.getegid(),
                attributes=of_any_content(file.attributes) if file is not None else None,
                checkpoint=checkpoint,
            )
        checkpoint("InstallTree: entry in place")


def _refuse_changed(before: EntryBefore, entry: TreeEntry) -> None:
    """The script takes its time: what somebody wrote meanwhile has no backup."""
    target = Path(before.target)
    if before.file is not None:
        same = holds(target, before.file.sha256)
    elif before.link is not None:
        same = target.is_symlink() and str(target.readlink()) == before.link
    else:
        same = not os.path.lexists(target)
    if not same and not _is_there(target, entry):
        raise StepFailed(
            f"{target} was changed while this ran.",
            hint="Nothing of it was installed, as the change would be lost. Go on or begin again: "
            "the file is read anew then.",
        )


def _link(path: Path, content: str) -> None:
    beside = path.with_name(f".{path.name[:200]}.xen-setup-new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(content)
    beside.rename(path)
    sync_directory(path.parent)


def _not_as_planned(action: InstallTree, path: str, words: str) -> StepFailed:
    return StepFailed(
        f"{path} {words}.",
        hint=f"Nothing of {action.source} was installed. Look what changed it; then make the plan "
        "again.",
    )


# ---- taking back


def _take_back(entry: TreeEntry, before: EntryBefore, backups: Path, checkpoint: Checkpoint) -> str:
    """Make one place as it was; why not, if it must stay."""
    target = Path(before.target)
    if target.parent.is_dir():
        remove_half_written(target)
    if _is_as_before(target, before):
        return ""
    if not os.path.lexists(target):
        return "it was removed since; see the backups of this run"
    # Put back already, by a rollback that was cut off: its mode or label may be another since.
    again = before.file is not None and holds(target, before.file.sha256)
    if not again and not _is_ours(target, entry):
        return "it was changed since it was installed, and is left as it is"
    if before.link is not None:
        _link(target, before.link)
    elif before.file is not None:
        backup = backups / before.file.backup
        if not is_regular(backup) or sha256_of(backup) != before.file.sha256:
            return f"its backup {backup} is missing or damaged"
        put_in_place(target, before.file, backups, checkpoint)
    else:
        target.unlink()
        sync_directory(target.parent)
    return ""


def _is_as_before(target: Path, before: EntryBefore) -> bool:
    if before.link is not None:
        return target.is_symlink() and str(target.readlink()) == before.link
    if before.file is not None:
        return is_as_before(target, before.file)
    return not os.path.lexists(target)


def _is_ours(target: Path, entry: TreeEntry) -> bool:
    """By its content: a mode that was changed since is no work that would be lost."""
    if entry.kind == "link":
        return target.is_symlink() and str(target.readlink()) == entry.content
    return is_regular(target) and sha256_of(target) == entry.content


def _remove_folder(folder: Path, leavings: tuple[str, ...]) -> list[str]:
    """Remove a folder that was made, if nothing of another's is in it; why not, if it must stay."""
    if not folder.is_dir() or folder.is_symlink():
        return []
    # Python keeps what it has compiled beside a program's modules.
    compiled = rf"{re.escape(str(folder))}/__pycache__(/|/[^/]+\.pyc)"
    with suppress(OSError):  # what cannot be removed is seen below
        device = folder.parent.lstat().st_dev
        _remove_leavings(folder, re.compile("|".join((compiled, *leavings))), device)
    try:
        folder.rmdir()
    except FileNotFoundError:
        pass
    except OSError as error:
        return [f"{folder}: {_why_it_stays(folder, error)}"]
    sync_directory(folder.parent)
    return []


def _remove_leavings(folder: Path, leavings: re.Pattern[str], device: int) -> None:
    """Remove what the installed programs have written: files by name, and folders once they are
    empty. No link is followed, and nothing is looked at that is mounted there.
    """
    if folder.lstat().st_dev != device:
        return
    for item in sorted(folder.iterdir()):
        mode = item.lstat().st_mode
        if stat.S_ISREG(mode) and leavings.fullmatch(str(item)):
            item.unlink()
        elif stat.S_ISDIR(mode) and leavings.fullmatch(f"{item}/"):
            _remove_leavings(item, leavings, device)
            with suppress(OSError):  # then the folder above is not empty
                item.rmdir()


def _why_it_stays(folder: Path, error: OSError) -> str:
    with suppress(OSError):
        if folder.is_mount():
            return "something is mounted there"
        for item in sorted(folder.iterdir()):
            return f"it is not empty, {item.name} is in it"
    return error.strerror or "it cannot be removed"
