"""What is recorded before an action begins, so that it can be taken back: pure data for JSON.

One record for each kind of action; machine.py makes them and reads them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Attribute:
    """An extended attribute of a file; its value in base64."""

    name: str
    value: str


@dataclass(frozen=True)
class FileBefore:
    """A file as it was. `backup` is the copy's name in the run's backups; times in ns."""

    backup: str
    sha256: str
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True)
class FileUndo:
    """Of WriteFile. `target` is the file behind all links; `sha256` that of what we write.

    `may_be_missing` is not recorded: a rollback says so of what older changes have made.
    """

    target: str
    before: FileBefore | None
    sha256: str
    may_be_missing: bool = False


@dataclass(frozen=True)
class MoveUndo:
    """Of MovePath: what was moved, recognised by its inode number."""

    inode: int


@dataclass(frozen=True)
class PackagesUndo:
    """Of InstallPackages: the names that the simulated transaction brings in.

    `configured` are those of them that had left configuration files behind (their removal must
    leave these), `automatic` those that were there, marked as automatically installed, and that
    the installation marks as wanted. `upgraded` were there in an older version: they stay new.
    `served` is what would have needed them before they came, and did without ("the XFS on sdb1").
    """

    names: tuple[str, ...]
    configured: tuple[str, ...] = ()
    automatic: tuple[str, ...] = ()
    upgraded: tuple[str, ...] = ()
    served: tuple[str, ...] = ()


@dataclass(frozen=True)
class EntryBefore:
    """One path of a tree, `target` with links on the way followed, and what was there: a file, a
    link's target, or (both None) nothing.
    """

    path: str
    target: str
    file: FileBefore | None
    link: str | None


@dataclass(frozen=True)
class TreeUndo:
    """Of InstallTree: each file and link, and the folders that it makes, outer ones first."""

    before: tuple[EntryBefore, ...]
    made: tuple[str, ...]


@dataclass(frozen=True)
class RebootUndo:
    """Of Reboot: the kernel's boot id before it."""

    boot_id: str


@dataclass(frozen=True)
class PlainUndo:
    """Of actions that hold all that their undo needs. `note`, of CreatePartition: the signature
    that its space held before it was a partition (see partitions.py).
    """

    note: str = ""


Undo = FileUndo | MoveUndo | PackagesUndo | TreeUndo | RebootUndo | PlainUndo
