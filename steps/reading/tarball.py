"""A Xen in the shape that its own build makes: `dist/` with `install.sh` and a tree `install/`, in
a tar file or unpacked. Looked into without writing anything, and without believing it.

The shape is that of `make dist` of Xen 3.0 to today: install.sh copies install/ to its argument, or
to /.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

from steps.facts import Tarball, TarballEntry
from steps.reading.elf import parse_elf
from steps.reading.view import MIB, View

_SCRIPT, _TREE = "install.sh", "install"
_READMES = ("README", "README.txt", "README.md")
_LARGEST_ARCHIVE = 1024 * MIB
_LARGEST_TREE = 4096 * MIB  # unpacked: Xen 4.17 with QEMU and debug symbols is 400
_LARGEST_FILE = 512 * MIB
_LARGEST_TEXT = 64 * 1024
_MOST_MEMBERS = 50_000
_MOST_WRONG = 8
_SUID = stat.S_ISUID | stat.S_ISGID

# No Xen ever brought anything there: a tarball that does is not one.
_NEVER = (
    "/dev", "/home", "/proc", "/root", "/run", "/sys", "/tmp",  # noqa: S108
    "/etc/cron.d", "/etc/fstab",
    "/etc/group", "/etc/ld.so.preload", "/etc/pam.d", "/etc/passwd", "/etc/shadow", "/etc/ssh",
    "/etc/sudoers", "/etc/sudoers.d", "/boot/grub", "/lib/systemd/systemd", "/sbin/init", "/bin/sh",
)  # fmt: skip
# The script, and not the list, decides about these by the udev of 2006 (wizard/trees.py).
_LEFT_OUT = ("/etc/hotplug", "/etc/udev")
_PROGRAMS = ("bin", "sbin", "lib", "lib64", "libexec")


@dataclass(frozen=True)
class _Member:
    """A thing in the archive or the folder; `open_` gives a file's bytes."""

    name: str
    kind: Literal["file", "link", "directory", "hard link", "device", "pipe", "other"]
    mode: int
    size: int
    target: str
    open_: Callable[[], BinaryIO]


@dataclass
class _Found:
    """What was found on the way, and what is wrong with it."""

    wrong: list[str] = field(default_factory=list)
    entries: dict[str, TarballEntry] = field(default_factory=dict)
    script: bytes = b""
    readme: bytes = b""
    machines: dict[str, str] = field(default_factory=dict)  # of programs, to one that has it
    needed: dict[str, str] = field(default_factory=dict)  # library to a program that needs it

    def refuse(self, words: str) -> None:
        if words not in self.wrong and len(self.wrong) < _MOST_WRONG:
            self.wrong.append(words)


_remembered: dict[object, tuple[_Found, str, str]] = {}


def read_tarball(view: View, path: str) -> Tarball | None:
    """What is at that path; None, and a line in `unknown`, where it may not be read."""
    place = view.place(path)
    try:
        state = place.stat()
    except PermissionError:
        view.not_known("tarball", f"only root can read {path}")
        return None
    except OSError:
        return Tarball(path, wrong=("it is not there",))
    if not (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)):
        return Tarball(path, wrong=("it is neither a file nor a folder",))
    if not os.access(place, os.R_OK):
        view.not_known("tarball", f"only root can read {path}")
        return None
    # A folder's own times do not change with what is in it.
    key = (str(place), state.st_ino, state.st_size, state.st_mtime_ns)
    if stat.S_ISDIR(state.st_mode):
        found, sha256, top = _look_into_folder(place)
    elif key in _remembered:
        found, sha256, top = _remembered[key]
    else:
        found, sha256, top = _look_into_file(place, state.st_size)
        _remembered[key] = (found, sha256, top)
    provided = {name.rpartition("/")[2] for name in found.entries}
    lacking = [name for name in found.needed if name not in provided]
    return Tarball(
        source=path,
        sha256=sha256,
        top=top,
        script_sha256=hashlib.sha256(found.script).hexdigest() if found.script else "",
        script=found.script.decode("utf-8", errors="replace"),
        readme=found.readme.decode("utf-8", errors="replace"),
        entries=tuple(_here(view, entry) for _, entry in sorted(found.entries.items())),
        machines=tuple(sorted(found.machines)),
        lacking=tuple(sorted(set(lacking) - _libraries_here(view))) if lacking else (),
        wrong=tuple(found.wrong),
    )


def _libraries_here(view: View) -> set[str]:
    answer = view.ask(("ldconfig", "--print-cache"), 20.0)
    return {line.split()[0] for line in answer.out.splitlines()[1:] if line.split()}


# ---- a tar file


def _look_into_file(place: Path, size: int) -> tuple[_Found, str, str]:
    found = _Found()
    if size > _LARGEST_ARCHIVE:
        found.refuse(f"it is {size // MIB} MiB long, and no Xen is")
        return found, "", ""
    try:
        with place.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        with tarfile.open(place) as archive:
            members = list(_members(archive, found))
            top = _top([member.name for member in members], found)
            _take(members, top, found)
    except (tarfile.TarError, EOFError, OSError, ValueError, MemoryError) as error:
        # tarfile tells of every kind that it tried, a line each.
        words = str(error).partition("\n")[0].rstrip(":") or "it is cut off"
        found.refuse(f"it is no tar file that can be read to its end ({words})")
        return found, "", ""
    return found, sha256, top


def _members(archive: tarfile.TarFile, found: _Found) -> Iterator[_Member]:
    """The archive's members, none of which is believed; what is wrong with them is noted."""
    total = 0
    seen: set[str] = set()
    for number, member in enumerate(archive):
        total += member.size
        if number == _MOST_MEMBERS:
            found.refuse(f"it has more than {_MOST_MEMBERS} members")
            return
        if member.size > _LARGEST_FILE or total > _LARGEST_TREE:
            found.refuse(f"unpacked it is larger than any Xen: {_shown(member.name)} ends it")
            return
        name = member.name.rstrip("/")
        if name in seen and not member.isdir():
            found.refuse(f"{_shown(name)} is in it twice")
        seen.add(name)
        yield _Member(
            name, _kind(member), member.mode, member.size, member.linkname,
            partial(_opened, archive, member),
        )  # fmt: skip


def _kind(
    member: tarfile.TarInfo,
) -> Literal["file", "link", "directory", "hard link", "device", "pipe", "other"]:
    if member.issparse():
        return "other"
    if member.isreg():
        return "file"
    if member.isdir():
        return "directory"
    if member.issym():
        return "link"
    if member.islnk():
        return "hard link"
    if member.isfifo():
        return "pipe"
    return "device" if member.isdev() else "other"


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> BinaryIO:
    content = archive.extractfile(member)
    if content is None:
        raise tarfile.TarError(f"{member.name} has no content")
    return content  # type: ignore[return-value]  # IO[bytes], which is all that is used of it


def _top(names: list[str], found: _Found) -> str:
    """The folder that has both the script and the tree."""
    plain = {"/".join(part for part in name.split("/") if part != ".") for name in names}
    folders = {
        name.removesuffix(_SCRIPT).rstrip("/") for name in plain
        if name == _SCRIPT or name.endswith(f"/{_SCRIPT}")
    }  # fmt: skip
    whole = [
        folder for folder in folders
        if any(name.startswith(f"{folder}/{_TREE}/".lstrip("/")) for name in plain)
    ]  # fmt: skip
    if len(whole) == 1:
        return whole[0]
    if whole:
        found.refuse(f"it has several Xens in it: {' and '.join(_shown(one) for one in whole)}")
    elif folders:
        found.refuse(f"there is no tree {_TREE}/ beside {_SCRIPT}: is it the source? `make dist`")
    else:
        found.refuse(f"there is no {_SCRIPT} in it: a Xen that was built has one beside {_TREE}/")
    return ""


# ---- a folder


def _look_into_folder(place: Path) -> tuple[_Found, str, str]:
    found = _Found()
    names = [one for one in (_SCRIPT, _TREE) if not (place / one).exists()]
    if names:
        found.refuse(f"there is no {' and no '.join(names)} in it; name the folder dist/")
        return found, "", ""
    try:
        _take(_walk(place, found), "", found)
    except OSError as error:
        found.refuse(f"{error.filename} cannot be read ({error.strerror})")
    return found, "", ""


def _walk(place: Path, found: _Found) -> Iterator[_Member]:
    count = total = 0
    for folder, folders, files in os.walk(place):
        folders.sort()
        for name in sorted([*folders, *files]):
            path = Path(folder, name)
            state = path.lstat()
            count, total = count + 1, total + state.st_size
            relative = str(path.relative_to(place))
            if count > _MOST_MEMBERS or total > _LARGEST_TREE or state.st_size > _LARGEST_FILE:
                found.refuse(f"it is larger than any Xen: {_shown(relative)} ends it")
                return
            kinds: dict[int, Literal["file", "link", "directory", "device", "pipe"]] = {
                stat.S_IFREG: "file", stat.S_IFLNK: "link", stat.S_IFDIR: "directory",
                stat.S_IFBLK: "device", stat.S_IFCHR: "device", stat.S_IFIFO: "pipe",
            }  # fmt: skip
            target = str(path.readlink()) if path.is_symlink() else ""
            yield _Member(
                relative, kinds.get(stat.S_IFMT(state.st_mode), "other"),
                stat.S_IMODE(state.st_mode), state.st_size, target,
                partial(_opened_file, path),
            )  # fmt: skip


def _opened_file(path: Path) -> BinaryIO:
    return path.open("rb")


# ---- what is in either


def _take(members: Iterator[_Member] | list[_Member], top: str, found: _Found) -> None:
    """Look at each member, and keep what the script will install."""
    links: set[str] = set()
    files: dict[str, _Member] = {}
    for member in members:
        if not _is_sane(member, found):
            continue
        name = "/".join(part for part in member.name.split("/") if part not in ("", "."))
        if any(name.startswith(f"{link}/") for link in links):
            found.refuse(f"{_shown(name)} lies below a link, and would be written elsewhere")
            continue
        if top and not name.startswith(f"{top}/"):
            continue
        name = name.removeprefix(f"{top}/") if top else name
        if member.kind == "link":
            links.add(f"{top}/{name}".lstrip("/"))
        if member.kind == "hard link":
            first = files.get(member.target.removeprefix(f"{top}/"))
            if first is None:
                found.refuse(f"{_shown(name)} is a hard link to {_shown(member.target)}, which is "
                             "not in the tree")  # fmt: skip
                continue
            member = _Member(name, "file", first.mode, first.size, "", first.open_)  # noqa: PLW2901
        if member.kind == "file":
            files[name] = member
        if name == _SCRIPT:
            found.script = _start(member) if member.kind == "file" else b""
            if not found.script.startswith(b"#!"):
                found.refuse(f"{_SCRIPT} is no shell script")
        elif name in _READMES and member.kind == "file":
            found.readme = _start(member)
        elif name.startswith(f"{_TREE}/"):
            _entry(name.removeprefix(_TREE), member, found)
    _judge(found)


def _is_sane(member: _Member, found: _Found) -> bool:
    name = _shown(member.name)
    parts = PurePosixPath(member.name).parts
    if member.name.startswith("/"):
        found.refuse(f"{name} has an absolute path")
    elif ".." in parts:
        found.refuse(f"{name} leads out of it with ..")
    elif not member.name.isprintable():
        found.refuse(f"a name in it cannot be printed: {name}")
    elif len(member.name) > 1000:
        found.refuse(f"a name in it is {len(member.name)} characters long")
    elif member.kind in ("device", "pipe", "other"):
        found.refuse(f"{name} is a {member.kind if member.kind != 'other' else 'strange thing'}, "
                     "and no file")  # fmt: skip
    elif member.kind == "file" and member.mode & _SUID:
        found.refuse(f"{name} is set-user-ID or set-group-ID, which no program of Xen is")
    elif member.kind == "file" and member.mode & stat.S_IWOTH:
        found.refuse(f"{name} could be written by everybody")
    else:
        return True
    return False


def _entry(path: str, member: _Member, found: _Found) -> None:
    """Keep one thing of the tree, by the path that it gets on the host."""
    if any(path == place or path.startswith(f"{place}/") for place in _LEFT_OUT):
        return
    if member.kind != "directory" and any(
        path == place or path.startswith(f"{place}/") for place in _NEVER
    ):
        found.refuse(f"it would install {_shown(path)}, where no Xen has anything")
        return
    if member.kind == "link":
        above = PurePosixPath(path).parent
        climbs = 0 if member.target.startswith("/") else member.target.split("/").count("..")
        if climbs > len(above.parts) - 1:
            found.refuse(f"the link {_shown(path)} leads out of the tree: {_shown(member.target)}")
            return
        found.entries[path] = TarballEntry(path, "link", 0o777, member.target)
    elif member.kind == "directory":
        found.entries[path] = TarballEntry(path, "directory", member.mode & 0o755)
    else:
        with member.open_() as content:
            data = content.read()
        found.entries[path] = TarballEntry(
            path, "file", member.mode & 0o755, hashlib.sha256(data).hexdigest(), member.size
        )
        if set(path.split("/")[:-1]) & set(_PROGRAMS) and (elf := parse_elf(data)):
            found.machines.setdefault(elf.machine, path)
            for name in elf.needed:
                found.needed.setdefault(name, path)


def _start(member: _Member) -> bytes:
    with member.open_() as content:
        return content.read(_LARGEST_TEXT)


def _judge(found: _Found) -> None:
    if found.wrong:
        return
    files = [path for path, entry in found.entries.items() if entry.kind != "directory"]
    if not files:
        found.refuse(f"its tree {_TREE}/ is empty")
    elif not any(path.startswith("/boot/xen") and path.endswith(".gz") for path in files):
        found.refuse(f"there is no hypervisor in it ({_TREE}/boot/xen-....gz)")
    elif not any(path.rpartition("/")[2] in ("xl", "xm") for path in files):
        found.refuse("there is neither xl nor xm in it")


def _shown(text: str) -> str:
    words = "".join(one if one.isprintable() else "?" for one in text)
    return words if len(words) <= 80 else f"{words[:77]}..."


# ---- the host beside it


def _here(view: View, entry: TarballEntry) -> TarballEntry:
    """The entry with what is at its path now."""
    folder, _, name = entry.path.rpartition("/")
    place = view.place(folder or "/") / name
    if entry.kind == "directory":
        place = view.place(entry.path)
    here: Literal["nothing", "same", "other"] = "other"
    try:
        state = place.lstat()
        if entry.kind == "directory":
            here = "same" if stat.S_ISDIR(state.st_mode) else "other"
        elif entry.kind == "link":
            is_link = stat.S_ISLNK(state.st_mode)
            here = "same" if is_link and str(place.readlink()) == entry.content else "other"
        elif stat.S_ISREG(state.st_mode) and state.st_size == entry.size:
            same = stat.S_IMODE(state.st_mode) == entry.mode
            here = "same" if same and _hash(place, state) == entry.content else "other"
    except (FileNotFoundError, NotADirectoryError):
        here = "nothing"
    except OSError:
        here = "other"
    return TarballEntry(entry.path, entry.kind, entry.mode, entry.content, entry.size, here)


_hashes: dict[tuple[str, int, int, int], str] = {}


def _hash(place: Path, state: os.stat_result) -> str:
    """A file's hash, remembered while it is the same file: the machine is read after each step."""
    key = (str(place), state.st_ino, state.st_size, state.st_mtime_ns)
    if key not in _hashes:
        with place.open("rb") as file:
            _hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _hashes[key]
