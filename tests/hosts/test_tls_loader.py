"""/lib/tls and the C library's own loader: planted in a small root, it is used; moved, it is not.

The commands are those that the plan has for a guest; the root is made of this machine's programs.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from steps import guest_config, guest_system
from steps.expected import with_tree
from steps.reading.tls import read_tls
from steps.reading.view import View
from tests.machines import stock
from tests.reading.looking import Answers
from tests.steps.answered import answered
from tests.steps.prepared import before
from wizard.actions import RunCommand

GLIBC = tuple(int(part) for part in platform.libc_ver()[1].split(".")[:2] if part.isdigit())
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root"),
    pytest.mark.skipif(
        not (2, 0) < GLIBC < (2, 37), reason="glibc 2.37 and later do not look into such folders"
    ),
]
PROGRAMS = ("/bin/ls", "/sbin/ldconfig.real", "/sbin/ldconfig")


def libraries(program: str) -> list[str]:
    """The files that the loader takes for this program, on this machine."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    return re.findall(r"(/\S+\.so\S*)", done.stdout)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a loader that knows its libraries, and a second C library below tls/."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (tmp_path / "usr" / name).mkdir(parents=True)
        (tmp_path / name).symlink_to(f"usr/{name}")
    there = [name for name in PROGRAMS if Path(name).exists()]
    files = {*there, *(file for name in there for file in libraries(name))}
    for file in (*files, "/bin/sh", *libraries("/bin/sh")):
        target = tmp_path / file.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    (tmp_path / "etc").mkdir()
    folder = Path(libc_of(tmp_path)).parent
    (tmp_path / "etc/ld.so.conf").write_text(f"{folder}\n")
    tls = tmp_path / str(folder).lstrip("/") / "tls"
    tls.mkdir()
    shutil.copy(tmp_path / libc_of(tmp_path).lstrip("/"), tls)
    subprocess.run(["chroot", tmp_path, "/sbin/ldconfig"], check=True)
    return tmp_path


def libc_of(root: Path) -> str:
    """The C library that the loader in that root takes for a program."""
    # What ldd does: the program's own loader is asked, and starts nothing.
    asked = "LD_TRACE_LOADED_OBJECTS=1 /bin/ls"
    done = subprocess.run(
        ["chroot", root, "/bin/sh", "-c", asked], capture_output=True, text=True, check=True
    )
    found = re.search(r"libc\.so\.6 => (\S+)", done.stdout)
    assert found is not None, done.stdout
    return found[1]


def test_a_guests_libraries_are_moved_out_of_the_loaders_way_and_back(root: Path) -> None:
    planted = libc_of(root)
    assert "/tls/" in planted
    (known,) = read_tls(View(ask=Answers({}), as_root=True, root=root))
    assert (1, False) == (known.libraries, known.disabled)

    facts = before(guest_config, answered(stock()), stock())
    tree = facts.tree("/dev/xendisks/vm01-root")
    assert tree is not None
    facts = with_tree(facts, replace(tree, tls=(known.path,)))
    plan = guest_system.plan(answered(facts, {"host.tls": "move"}), facts)
    actions = [action for action in plan.actions if isinstance(action, RunCommand)]

    def run(argv: tuple[str, ...]) -> None:
        there = [word.replace("/run/xen-setup/vm01", str(root)) for word in argv]
        subprocess.run(there, check=True)

    for action in actions:
        run(action.argv)
    assert planted.replace("/tls/", "/") == libc_of(root)
    (known,) = read_tls(View(ask=Answers({}), as_root=True, root=root))
    assert (1, True) == (known.libraries, known.disabled)

    for action in reversed(actions):
        if action.undo is not None:
            run(action.undo)
    assert planted == libc_of(root)
