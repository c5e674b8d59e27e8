"""This program, packed for the practice machine: the same version, with the libraries it needs.

    /opt/xen-setup/app        wizard/ and steps/
    /opt/xen-setup/site       the libraries of the Python that runs this, all of them pure Python
    /usr/local/bin/xen-setup  starts it with the machine's own Python

libparted's binding is left out: it is compiled, and the machine has Debian's own.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from wizard.arguments import STATE_DIRECTORY
from wizard.practice.errors import HostNotReady, MachineTrouble
from wizard.practice.machine import PracticeMachine

PLACE = "/opt/xen-setup"
COMMAND = "/usr/local/bin/xen-setup"

_ROOT = Path(__file__).resolve().parent.parent.parent
_OURS = ("wizard", "steps")
# Not packed: Debian has it inside; and what only makes another library faster.
_LEFT_OUT = {"pyparted", "ruamel-yaml-clib", "ruamel-yaml-clibz"}
_COMPILED = {".so", ".pyd", ".dylib"}
# One date for all, so that equal programs are equal packs (0 would make tar complain).
_DATE = 1_600_000_000

_WRAPPER = f"""\
#!/bin/sh
PYTHONPATH={PLACE}/app:{PLACE}/site exec /usr/bin/python3 -m wizard "$@"
"""

_RUN_UNDER_WAY = 75
# $1: the pack's hash, $2: where it belongs, $3: the lock that a run holds. The old program goes
# only when the new one is whole, and never from under a run, which still imports from it.
UNPACK = f"""\
set -e
if [ -e "$3" ]; then
    flock --nonblock "$3" true || exit {_RUN_UNDER_WAY}
fi
rm -rf "$2.new"
mkdir -p "$2.new"
tar --extract --gzip --no-same-owner --directory="$2.new"
echo "$1" >"$2.new/hash"
rm -rf "$2"
mv "$2.new" "$2"
"""


@dataclass(frozen=True)
class Pack:
    """The program as a compressed tar, and the hash of what is in it."""

    data: bytes
    digest: str


def push(machine: PracticeMachine) -> bool:
    """Have this program in the running `machine`; False if it was there already, or if a run is
    under way in it, which goes on with the program that it was begun with.
    """
    pack = packed()
    pushed = machine.folder / "program"
    if pushed.exists() and pushed.read_text() == pack.digest:
        return False
    done = machine.run(
        ["sh", "-c", UNPACK, "sh", pack.digest, PLACE, f"{STATE_DIRECTORY}/lock"], stdin=pack.data
    )
    if done.status == _RUN_UNDER_WAY:
        return False
    if done.status:
        raise MachineTrouble(
            "The program could not be put into the practice machine.",
            hint="`xen-setup practice reset` makes a new one.",
            details=tuple(done.err.decode(errors="replace").splitlines()[-5:]),
        )
    machine.write_file(COMMAND, _WRAPPER.encode(), mode=0o755)
    pushed.write_text(pack.digest)
    return True


def packed(root: Path = _ROOT) -> Pack:
    """The program of the source tree or installation at `root`; HostNotReady if it cannot be."""
    files = dict(_our_files(root))
    for library in libraries(root):
        files.update(_library_files(library))
    digest = hashlib.sha256()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, path in sorted(files.items()):
            data = path.read_bytes()
            digest.update(f"{name}\0{len(data)}\0".encode() + data)
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(data), _DATE, 0o644
            tar.addfile(member, io.BytesIO(data))
    return Pack(gzip.compress(buffer.getvalue(), compresslevel=3, mtime=0), digest.hexdigest())


def libraries(root: Path = _ROOT) -> list[metadata.Distribution]:
    """Every library the program needs, those of its libraries included; HostNotReady if missing."""
    found: dict[str, metadata.Distribution] = {}
    wanted = list(_requirements(root))
    while wanted:
        line = wanted.pop()
        name = _name(line)
        marker = line.partition(";")[2]
        if name in found or name in _LEFT_OUT or "extra" in marker:
            continue
        try:
            library = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if marker:  # for another Python or another system than this one
                continue
            raise HostNotReady(
                f"The library {name} is not installed for this Python, so it cannot be packed "
                "for the practice machine.",
                hint="Start the program by its launcher, ./xen-setup, which installs it.",
            ) from None
        found[name] = library
        wanted += library.requires or []
    return [library for _, library in sorted(found.items())]


def _requirements(root: Path) -> list[str]:
    project = root / "pyproject.toml"
    if project.is_file():
        listed = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
        return [str(line) for line in listed]
    return metadata.requires("xen-setup") or []


def _our_files(root: Path) -> Iterator[tuple[str, Path]]:
    for package in _OURS:
        yield from _tree(root / package, f"app/{package}")


def _library_files(library: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    top = Path(str(library.locate_file("")))
    listed = [path for path in library.files or () if ".." not in path.parts]
    # Debian's own packages of Python libraries keep no list of their files.
    if any(path.suffix == ".py" for path in listed) and _exist(library, listed):
        files = [(f"site/{path}", Path(str(library.locate_file(path)))) for path in listed]
    else:
        files = list(_unlisted(library, top))
    for name, path in files:
        if path.suffix in _COMPILED:
            if path.name.startswith("_") and any(other.suffix == ".py" for _, other in files):
                continue  # a private accelerator, as wcwidth's: it is pure Python without it
            raise HostNotReady(
                f"The library {library.name} is compiled ({name}), and would not run in the "
                "practice machine.",
                hint=f"Install its pure Python form: pip install --no-binary :all: {library.name}",
            )
        if "__pycache__" not in path.parts and path.is_file():
            yield name, path


def _exist(library: metadata.Distribution, files: list[metadata.PackagePath]) -> bool:
    return all(Path(str(library.locate_file(path))).exists() for path in files
               if path.suffix == ".py")  # fmt: skip


def _unlisted(library: metadata.Distribution, top: Path) -> Iterator[tuple[str, Path]]:
    modules = (library.read_text("top_level.txt") or "").split()
    plain = re.sub(r"[-.]", "_", library.name)
    for module in modules or [plain, library.name.replace(".", "/"), plain.lower()]:
        if (top / module).is_dir():
            yield from _tree(top / module, f"site/{module}")
        elif (top / f"{module}.py").is_file():
            yield f"site/{module}.py", top / f"{module}.py"
    for pattern in (library.name, plain):
        # Some libraries ask for their own version.
        for folder in top.glob(f"{pattern}-{library.version}*-info"):
            yield from _tree(folder, f"site/{folder.name}")


def _tree(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"{name}/{path.relative_to(folder)}", path


def _name(requirement: str) -> str:
    match = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match[1]).lower()
