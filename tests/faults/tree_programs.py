"""Programs that work on files, simulated on real ones: debootstrap, find, cp, passwords."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.faults.model import Model
from tests.faults.said import OK, Program, Said, nothing, refused

Argv = tuple[str, ...]
INSTALLING = "xen-setup-installing"


def debootstrap(model: Model, argv: Argv) -> Program:
    top = model.place(argv[-2] if "://" in argv[-1] else argv[-1])
    if any(item.name not in ("lost+found", INSTALLING) for item in top.iterdir()):
        return refused(f"E: {top} is not empty")
    for directory in ("debootstrap", "etc/apt", "etc/systemd/system", "usr/lib", "root"):
        (top / directory).mkdir(parents=True)
    (top / "lib").symlink_to("usr/lib")
    (top / "debootstrap/debootstrap.log").write_text("half way\n")
    yield
    for directory in ("var/cache/apt/archives", "var/log", "etc/network"):
        (top / directory).mkdir(parents=True)
    (top / "var/cache/apt/archives/dash_1.deb").write_text("a package")
    (top / "usr/lib/os-release").write_text("ID=debian\nVERSION_CODENAME=bookworm\n")
    (top / "etc/os-release").symlink_to("../usr/lib/os-release")
    (top / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (top / "etc/shadow").write_text("root:*:19000:0:99999:7:::\n")
    yield
    (top / "debootstrap/debootstrap.log").rename(top / "var/log/bootstrap.log")
    (top / "debootstrap").rmdir()
    return OK


def install_script(model: Model, argv: Argv) -> Program:
    """`env --chdir=DIST sh ./install.sh STAGE`: what Xen's install.sh does, below the tree's path
    in the stage, as the plan's paths are below the tree.
    """
    assert argv[2:4] == ("sh", "./install.sh"), argv
    source, stage = Path(argv[1].removeprefix("--chdir=")) / "install", Path(argv[4])
    below = stage / str(model.tree).lstrip("/")
    for number, path in enumerate(sorted(source.rglob("*"))):
        if path.is_dir() or path.is_relative_to(source / "etc/udev"):
            continue
        if number % 3 == 1:
            yield
        target = below / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target, follow_symlinks=False)
    return OK


def find(model: Model, argv: Argv) -> Program:
    """The eight ways in which plans call find."""
    if argv[1] == "/sys/bus":
        served = (f"vbd-{number}-51713" for number in model.state.domains.values())
        return Said(0, "".join(f"/sys/bus/xen-backend/devices/{name}\n" for name in served))
    if argv[1].startswith("/sys/class/net/"):
        links, bridge = model.state.links, argv[1].split("/")[4]
        if bridge not in links or not links[bridge].bridge:
            return refused(f"find: '{argv[1]}': No such file or directory")
        ports = [port for port, one in links.items() if one.master == bridge]
        others = [port for port in ports if port != argv[argv.index("-name") + 1]]
        return Said(0, "".join(f"{port}\n" for port in others))
    top = model.place(argv[1])
    if not top.exists():
        return refused(f"find: '{argv[1]}': No such file or directory")
    if "-exec" in argv:
        pattern = re.compile(argv[argv.index("--extended-regexp") + 1], re.MULTILINE)
        below = model.place(argv[argv.index("-path") + 1].removesuffix("/*"))
        files = (item for item in sorted(below.rglob("*")) if item.is_file())
        found = [item for item in files if pattern.search(item.read_text())]
        return Said(0, "".join(f"{model.own(str(item))}\n" for item in found))
    if "-newer" in argv:
        reference = model.place(argv[-1])
        newer = top.stat().st_mtime_ns > reference.stat().st_mtime_ns
        return Said(0, "" if newer else f"{argv[1]}\n")
    if "*.deb" in argv:
        found = sorted(top.rglob("*.deb"))
    elif "-delete" in argv:
        keep = {model.own(argv[argv.index("-path") + 1])} if "-path" in argv else set()
        found = [item for item in sorted(top.iterdir()) if model.own(str(item)) not in keep]
    else:
        kept = {argv[place + 1] for place, word in enumerate(argv) if word == "-name"}
        found = [item for item in sorted(top.iterdir()) if item.name not in kept]
    if "-delete" not in argv:
        return Said(0, "".join(f"{model.own(str(item))}\n" for item in found))
    for index, item in enumerate(found):
        if index == len(found) // 2:
            yield
        shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()
    return OK


def cp(model: Model, argv: Argv) -> Program:
    source, parent = model.place(argv[-2]), model.place(argv[-1])
    if not parent.is_dir() or not source.is_dir():
        return refused(f"cp: cannot create directory '{argv[-1]}'")
    copy = parent / source.name
    copy.mkdir(exist_ok=True)
    files = sorted(source.iterdir())
    for index, item in enumerate(files):
        if index == 1:
            yield
        shutil.copy2(item, copy / item.name)
    shutil.copystat(source, copy)
    return OK


def mv(model: Model, argv: Argv) -> Program:
    yield
    model.place(argv[-2]).rename(model.place(argv[-1]))
    return OK


def rm(model: Model, argv: Argv) -> Program:
    for index, path in enumerate(argv[2:]):
        if index:
            yield
        model.place(path).unlink(missing_ok=True)
    return OK


def chpasswd(model: Model, argv: Argv) -> Program:
    yield
    shadow = model.place(argv[-1]) / "etc/shadow"
    shadow.write_text("root:$6$hash:19000:0:99999:7:::\n")
    return OK


def passwd(model: Model, argv: Argv) -> Program:
    yield from nothing()
    shadow = model.place(argv[2]) / "etc/shadow"
    if not shadow.is_file():
        return refused("passwd: user 'root' does not exist")
    return Said(0, f"root {'P' if '$6$' in shadow.read_text() else 'L'} 2026-01-01 0 99999 7 -1\n")
