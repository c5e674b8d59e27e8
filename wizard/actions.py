"""The closed set of actions: pure data, each with its reason and its undo.

A step returns these; `machine.py` is the only module that performs and reverts them. Each
action is one unit of reversion, and goes to JSON and back (`codec.py`) without loss: the
journal holds it, so a run can be undone by a later version of the program.

Rules that hold for all of them:

- `why` teaches: one or two sentences on what this does and why it is needed here.
- An action whose work is there before it is begun is skipped, and never undone: not ours.
- What is ours is recognised by what was recorded (hash, UUID, tag), not by its name.
- A probe only reads. It runs before an action, after it, before its undo and after that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Argv = tuple[str, ...]


@dataclass(frozen=True)
class Volume:
    """A filesystem that the engine mounts while an action needs it, and always unmounts again.

    `mount_point` is below /run/xen-setup/. Paths and argv of an action `inside` a volume are the
    host's, so they begin with the mount point. Links in it are followed as the guest would: an
    absolute one starts at the mount point, and none leads out of it.

    `system` binds /dev (with pts), /proc and /sys below it too, for commands in a chroot.

    `uuid` is the filesystem's; another one by the same device's name is not this volume. "": any.

    Files, links, directories and moves inside a volume have no undo of their own (see
    `undo_class`): they go with what filled it, since the system in it, once it has run, has
    changed such files as /etc/machine-id itself. Only a RunCommand inside has its undo.
    """

    device: str
    mount_point: str
    filesystem: str
    system: bool = False
    uuid: str = ""


@dataclass(frozen=True)
class CommandShows:
    """The work is done when the command exits 0 and its output has `pattern` (a regular
    expression, searched in multi-line mode) in it; `lacks` turns that round: exits 0 without it.
    `absent`: what it says on standard error (searched for) when there is nothing that it could
    show; another failure then tells nothing, and an undo does not take it for "gone already".
    `by_program`: where the program itself is gone, so is the work (domains, without Xen's tools).
    """

    argv: Argv
    pattern: str
    lacks: bool = False
    inside: Volume | None = None
    absent: str = ""
    by_program: bool = False


@dataclass(frozen=True)
class PathPresent:
    """The work is done when the path is there (a link counts, wherever it leads)."""

    path: str
    inside: Volume | None = None


@dataclass(frozen=True)
class PathAbsent:
    """The work is done when nothing is at the path."""

    path: str
    inside: Volume | None = None


@dataclass(frozen=True)
class Never:
    """Nothing tells whether the work is done: the command is run each time, and must allow it."""


Probe = CommandShows | PathPresent | PathAbsent | Never

UndoClass = Literal["exact", "by removal", "nothing to undo", "no undo"]


@dataclass(frozen=True)
class SecretInput:
    """Standard input that must not be recorded: a template whose `{}` is the secret of that key.

    The key is an answer key such as `guests.0.root_password`; the engine fetches the secret when
    the command runs, and nothing else ever holds it.
    """

    key: str
    template: str = "{}"


@dataclass(frozen=True)
class Identity:
    """What a device must still be just before it is touched: read again and compared.

    `size` is in bytes. `content` is `blkid`'s word for what is on it ("" for nothing known).
    An empty `serial` or `table_id` is not compared, nor is a `size` of 0. `path` is a stable name
    where there is one.
    With `or_table` a partition table may be on it as well, if `content` is "".
    """

    path: str
    size: int
    serial: str = ""
    table_id: str = ""
    content: str = ""
    or_table: bool = False


@dataclass(frozen=True)
class RunCommand:
    """Run a program: no shell, no terminal, a time limit in seconds.

    `undo` is the command that takes it back (class `undo_class`), run only while `probe` says
    that the work is there, or `traces`, for work that can be half there (a system half installed:
    not done, and yet to be cleared away); what `traces` shows before it begins is another's, and
    refused if the undo is "by removal". `dependents` is a command that lists what else would go
    with it, and prints nothing where there is none: what it lists keeps the undo from being run.
    `spared` is a command, too: what it prints is somebody's by now, on what the undo would remove.
    Without `undo` the class must say so: "nothing to undo"
    with the reason in `undo_note` (a check, a cache, a thing that goes with another's undo), or
    "no undo", a point of no return; `agreed_by` is the answer that agrees to it, by naming what is
    lost ("": nothing does, and consent is asked for). `until` ends the command successfully, and
    terminates it, as soon as its output matches that regular expression; without a match it has
    failed. `fails_at` (not with `until`) ends it as failed, where it would go on in vain for hours.
    `own_log` is a file that the command keeps, in which it says more than it prints: when it fails,
    its last lines are shown too. They are not masked: no command that gets a secret has one.
    `identity` is checked just before. `progress` names a reader of its output (see
    commands.py). `estimate` is the usual duration in seconds, for the remaining time; `download`
    what usually comes over the network, and `space` what stays on the disks, both in MiB.
    """

    argv: Argv
    why: str
    probe: Probe = field(default_factory=Never)
    undo: Argv | None = None
    undo_class: UndoClass = "nothing to undo"
    undo_note: str = ""
    agreed_by: str = ""
    input: SecretInput | str | None = None
    until: str | None = None
    fails_at: str | None = None
    timeout: float = 600.0
    progress: str = ""
    estimate: float = 1.0
    download: float = 0.0
    space: float = 0.0
    identity: Identity | None = None
    inside: Volume | None = None
    traces: Probe | None = None
    own_log: str = ""
    dependents: Argv = ()
    spared: Argv = ()
    kind: Literal["RunCommand"] = "RunCommand"


@dataclass(frozen=True)
class WriteFile:
    """Write a whole text file, atomically; the undo gives back bytes, mode, owner, times and
    attributes (an access control list, an SELinux label).

    Its directory must be there. A symbolic link stays: the file that it leads to is written.
    `refresh` is a command that makes others notice the file (update-grub, say): it runs after
    the file is written, and again after the old one is back. `before_undo` runs while our text is
    still there, for what a boot makes of it (an interface that only it describes): it must be
    harmless where there is nothing to do, and how it ends does not count. When the volume it is
    `inside` is gone at the undo, it went with it, and there is nothing to restore.

    `made_from` is the SHA-256 (`text_hash`) of the text that this one was made from, or was to
    take the place of; that of an empty text where there was no file. It is written over that one
    only, as an edit since would be lost, and that one's mode and owner stay: there may be a
    password in it. "": it takes the place of whatever is there.
    """

    path: str
    text: str
    why: str
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    refresh: Argv | None = None
    before_undo: Argv | None = None
    estimate: float = 0.1
    inside: Volume | None = None
    made_from: str = ""
    kind: Literal["WriteFile"] = "WriteFile"


@dataclass(frozen=True)
class MovePath:
    """Rename a file or directory within one filesystem; the undo renames it back.

    `refresh` runs after either (ldconfig, say).
    """

    source: str
    destination: str
    why: str
    refresh: Argv | None = None
    estimate: float = 0.1
    inside: Volume | None = None
    kind: Literal["MovePath"] = "MovePath"


@dataclass(frozen=True)
class MakeDirectory:
    """Make one directory; the undo removes it if it is empty."""

    path: str
    why: str
    mode: int = 0o755
    estimate: float = 0.1
    inside: Volume | None = None
    kind: Literal["MakeDirectory"] = "MakeDirectory"


@dataclass(frozen=True)
class MakeLink:
    """Make a symbolic link; the undo removes it if it still leads there."""

    path: str
    target: str
    why: str
    estimate: float = 0.1
    inside: Volume | None = None
    kind: Literal["MakeLink"] = "MakeLink"


@dataclass(frozen=True)
class Need:
    """What needs a package: in the output of `argv`, a command that only reads and ends with 0,
    each match of `pattern` (multi-line) has the name of one such thing as its first group; `what`
    says in words what these are. With `stops` they keep all from being taken back until they are
    gone; without it the package stays, and what it needs itself.
    """

    package: str
    what: str
    argv: Argv
    pattern: str
    stops: bool = False


@dataclass(frozen=True)
class InstallPackages:
    """Have the distribution's package manager install packages, without recommended ones.

    Before it begins, the transaction is simulated and the names that will come in are recorded;
    the undo purges those of them that are there, and only those. What somebody needs by then
    stays: `needs` says how that is seen. `download` and `space` as in RunCommand.
    """

    packages: tuple[str, ...]
    why: str
    manager: Literal["apt"] = "apt"
    timeout: float = 1800.0
    estimate: float = 90.0
    download: float = 0.0
    space: float = 0.0
    needs: tuple[Need, ...] = ()
    inside: None = None
    kind: Literal["InstallPackages"] = "InstallPackages"


@dataclass(frozen=True)
class TreeEntry:
    """What is to be at one path of the host. `content` is a file's SHA-256, a link's target, ""
    for a directory; a link's `mode` says nothing.
    """

    path: str
    kind: Literal["file", "link", "directory"]
    mode: int
    content: str = ""


@dataclass(frozen=True)
class InstallTree:
    """Have a tree's own script (`install.sh DESTINATION`) install what is in its `install/`.

    `source` is a tar file, whose SHA-256 must still be `sha256`, or the unpacked folder (`sha256`
    ""); `top` is the folder in the tar file that holds script and tree. The script installs into a
    folder of the run; what it made must be exactly `entries`, which are then put in place one by
    one, owned by root. The undo gives back every file that was replaced, and removes the others;
    directories that this made go when they are empty. `leavings` are regular expressions for the
    paths of what the installed programs write in those themselves, which goes first: files, and
    with / at the end directories, which go when they are empty. `replaced` are the paths at
    which something else was when the plan was made. `refresh` runs after either.
    """

    source: str
    sha256: str
    top: str
    script_sha256: str
    entries: tuple[TreeEntry, ...]
    why: str
    replaced: tuple[str, ...] = ()
    leavings: tuple[str, ...] = ()
    refresh: Argv | None = None
    timeout: float = 1800.0
    estimate: float = 30.0
    space: float = 0.0
    inside: None = None
    kind: Literal["InstallTree"] = "InstallTree"


@dataclass(frozen=True)
class CreatePartition:
    """Make one partition in free space (libparted); sectors are the disk's logical sectors.

    `number` is the number that it will get. The undo removes the partition with that number
    only when start, length and disk are still these, and it is seen that nothing is on it or
    uses it.
    """

    disk: Identity
    number: int
    start: int
    sectors: int
    sector_size: int
    why: str
    path: str  # of the partition's device node
    label: Literal["msdos", "gpt"] = "msdos"
    estimate: float = 3.0
    inside: None = None
    kind: Literal["CreatePartition"] = "CreatePartition"


@dataclass(frozen=True)
class Reboot:
    """Boot the machine; done when the kernel's boot id is another than at "begun".

    The run stops here, to be resumed after the boot. `automatic`: the program itself asks the
    service manager to reboot; otherwise the user does.
    """

    why: str
    automatic: bool = False
    estimate: float = 60.0
    inside: None = None
    kind: Literal["Reboot"] = "Reboot"


Action = (
    RunCommand
    | WriteFile
    | MovePath
    | MakeDirectory
    | MakeLink
    | InstallPackages
    | InstallTree
    | CreatePartition
    | Reboot
)


def text_hash(text: str) -> str:
    """The SHA-256, in hexadecimal, of what a text is when written (UTF-8)."""
    return hashlib.sha256(text.encode()).hexdigest()


def texts_by_path(actions: Iterable[Action]) -> dict[str, list[str]]:
    """By path, the hashes of what these actions write there."""
    texts: dict[str, list[str]] = {}
    for action in actions:
        if isinstance(action, WriteFile):
            texts.setdefault(action.path, []).append(text_hash(action.text))
    return texts


def download(action: Action) -> float:
    """What usually comes over the network for it, in MiB."""
    match action:
        case RunCommand() | InstallPackages():
            return action.download
        case _:
            return 0.0


def space(action: Action) -> float:
    """What it takes of the disks for good, in MiB; small files count as nothing."""
    match action:
        case RunCommand() | InstallPackages() | InstallTree():
            return action.space
        case _:
            return 0.0


def agreed_by(action: Action) -> str:
    """The answer that agrees to a point of no return, by naming what is lost; "" for none."""
    return action.agreed_by if isinstance(action, RunCommand) else ""


def undo_class(action: Action) -> UndoClass:
    """How an action is taken back: shown beside it in the plan."""
    match action:
        case RunCommand():
            return action.undo_class
        case WriteFile() | MovePath() | MakeLink():
            return "exact" if action.inside is None else "nothing to undo"
        case InstallTree():
            return "exact"
        case MakeDirectory():
            return "by removal" if action.inside is None else "nothing to undo"
        case InstallPackages() | CreatePartition():
            return "by removal"
        case Reboot():
            return "nothing to undo"
