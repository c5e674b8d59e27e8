"""apt and dpkg, simulated: packages come unpacked before they are configured, and bring files."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator

from tests.faults.menu import update_grub
from tests.faults.model import HYPERVISOR, Model
from tests.faults.said import OK, Program, Said, refused
from tests.faults.state import Package

Argv = tuple[str, ...]

_DEPENDS = {
    "xen-system-amd64": (HYPERVISOR, "xen-utils-4.17", "xen-utils-common"),
    HYPERVISOR: ("xen-hypervisor-common",),
    "xen-utils-4.17": ("libxenmisc4.17",),
    "lvm2": ("dmsetup", "libaio1"),
}
_FILES = {
    HYPERVISOR: {"boot/xen-4.17-amd64.gz": "the hypervisor"},
    "xen-hypervisor-common": {"etc/default/grub.d/xen.cfg": "# Debian's own\n"},
    "xen-utils-common": {
        "etc/xen/xl.conf": "# autoballoon\n",
        "etc/default/xendomains": "XENDOMAINS_AUTO=/etc/xen/auto\n",
    },
}
_DIRECTORIES = {"xen-utils-common": ("etc/xen", "var/log/xen")}
_BROKEN = ("unpacked", "half-configured")


def apt_get(model: Model, argv: Argv) -> Program:
    """update, install, purge and remove, and the simulation of them."""
    verbs = {"update", "install", "purge", "remove"}
    verb = next(word for word in argv if word in verbs)
    names = argv[argv.index(verb) + 1 :]
    if "--simulate" in argv:
        found = _new(model, names) if verb == "install" else _going(model, names)
        word = "Inst" if verb == "install" else "Purg"
        return Said(0, "".join(f"{word} {name} (1.0 Debian:12 [amd64])\n" for name in found))
    if verb == "update":
        yield
        model.state.lists_age = 0
        return OK
    if broken(model):
        return refused("E: dpkg was interrupted, you must manually run 'dpkg --configure -a'")
    if verb == "install":
        new = _new(model, names)
        for name in new:
            (model.tree / f"var/cache/apt/archives/{name}_1.0.deb").write_text("a package")
        yield
        for name in new:
            _unpack(model, name, automatic=name not in names)
        for name in names:
            model.state.packages[name].automatic = False
        yield
        yield from _configure(model)
        return OK
    yield
    going = _going(model, names)
    for name in going:
        model.state.packages[name].state = "half-installed"
        _remove_files(model, name)
        if name == HYPERVISOR and not model.state.diverted:
            yield from update_grub(model.tree, model.now())  # its postrm
        yield
        del model.state.packages[name]
    return OK


def dpkg(model: Model, argv: Argv) -> Program:
    """`dpkg --configure --pending`."""
    assert argv[1] == "--configure"
    yield
    yield from _configure(model)
    return OK


def dpkg_query(model: Model, argv: Argv) -> Program:
    """The states of all packages, what they depend on, or some packages' configuration files."""
    yield from ()
    if "Conffiles" in argv[2]:
        files = (file for name in argv[3:] for file in _FILES.get(name, {}).items())
        ours = ((model.tree / path, _md5(text)) for path, text in files if path.startswith("etc/"))
        return Said(0, "".join(f" {path} {digest}\n" for path, digest in ours))
    if "Depends" in argv[-1]:
        rows = (
            f"{name}\t\t, {', '.join(_DEPENDS.get(name, ()))}\n" for name in model.state.packages
        )
        return Said(0, "".join(rows))
    lines = (f"{name} amd64 {one.state}\n" for name, one in model.state.packages.items())
    return Said(0, "".join(lines))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def apt_mark(model: Model, argv: Argv) -> Program:
    """showauto, auto."""
    if argv[1] == "showauto":
        marked = [name for name in argv[2:] if model.state.packages[name].automatic]
        return Said(0, "".join(f"{name}\n" for name in marked))
    yield
    for name in argv[2:]:
        model.state.packages[name].automatic = True
    return OK


def broken(model: Model) -> bool:
    """Whether a package stands half way."""
    return any(one.state in _BROKEN for one in model.state.packages.values())


def _new(model: Model, names: Iterable[str]) -> list[str]:
    found: list[str] = []
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found.append(name)
            waiting += _DEPENDS.get(name, ())
    return [name for name in found if name not in model.state.packages]


def _going(model: Model, names: Iterable[str]) -> list[str]:
    """These, and what needs them."""
    going = [name for name in names if name in model.state.packages]
    for name, needs in _DEPENDS.items():
        if name in model.state.packages and name not in going and set(needs) & set(going):
            going.append(name)
    return going


def _unpack(model: Model, name: str, *, automatic: bool) -> None:
    model.state.packages[name] = Package("unpacked", automatic)
    for directory in _DIRECTORIES.get(name, ()):
        (model.tree / directory).mkdir(parents=True, exist_ok=True)
    for path, text in _FILES.get(name, {}).items():
        (model.tree / path).write_text(text)


def _configure(model: Model) -> Iterator[None]:
    waiting = [name for name, one in model.state.packages.items() if one.state in _BROKEN]
    for name in waiting:
        model.state.packages[name].state = "installed"
        if name == "xen-utils-common":
            model.state.enabled.update(xen=True, xendomains=True)
        if name == waiting[0]:
            yield
    if HYPERVISOR in waiting and not model.state.diverted:
        yield from update_grub(model.tree, model.now())


def _remove_files(model: Model, name: str) -> None:
    for path in _FILES.get(name, {}):
        (model.tree / path).unlink(missing_ok=True)
    if name == "xen-utils-common":
        for service in ("xen", "xendomains"):
            model.state.enabled.pop(service, None)
        shutil.rmtree(model.tree / "var/log/xen", ignore_errors=True)
        directory = model.tree / "etc/xen"
        if directory.is_dir() and not any(directory.iterdir()):
            directory.rmdir()
