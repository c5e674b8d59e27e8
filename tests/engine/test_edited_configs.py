"""Configuration files that were edited since they came with a package: copies, before a purge.

Asked of a real dpkg-query, with a database of ours.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.engine.rooted import Rooted
from wizard import commands
from wizard.commands import Answer, ask
from wizard.edited_configs import keep_edited, said_of_copies
from wizard.errors import StepFailed
from wizard.files import nothing
from wizard.interrupts import Interrupts
from wizard.running import Running

pytestmark = pytest.mark.skipif(
    shutil.which("dpkg-query") is None, reason="dpkg is the distribution's: not everybody has it"
)

CAME = "# as it came\n"
MD5 = hashlib.md5(CAME.encode(), usedforsecurity=False).hexdigest()
STATUS = f"""\
Package: xen-utils-common
Status: install ok installed
Architecture: amd64
Version: 4.17.5
Maintainer: nobody
Description: of a test
Conffiles:
 /etc/default/xendomains {MD5}
 /etc/xen/xl.conf {MD5}
 /etc/xen/a folder/with spaces {MD5} obsolete
 /etc/xen/gone {MD5}
 /etc/xen/link {MD5}
 /etc/xen/new newconffile

Package: lvm2
Status: install ok installed
Architecture: amd64
Version: 2.03
Maintainer: nobody
Description: of a test
Conffiles:
 /etc/lvm/lvm.conf {MD5}
"""


OF_XEN = (
    "/etc/default/xendomains",
    "/etc/xen/xl.conf",
    "/etc/xen/a folder/with spaces",
    "/etc/default/xen",  # by ucf
)


class Host(Rooted):
    """A root with a package database."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.kept = root / "kept"
        self.running = Running(commands.run, self.ask, Interrupts(), nothing, root / "running")
        self.write("/var/lib/dpkg/status", STATUS)
        for path in (*OF_XEN, "/etc/xen/new", "/etc/lvm/lvm.conf", "/etc/other"):
            self.write(path, CAME)
        self.write("/etc/elsewhere", "not the package's\n")
        (root / "etc/xen/link").symlink_to(root / "etc/elsewhere")
        self.write("/var/lib/ucf/hashfile", f"{MD5}  /etc/default/xen\n{MD5}  /etc/other\n")
        self.write(
            "/var/lib/ucf/registry", "\nxen-utils-common\t /etc/default/xen\nx\t /etc/other\n"
        )

    def ask(
        self,
        argv: Sequence[str],
        timeout: float = 20.0,
        input: str | None = None,  # noqa: A002
    ) -> Answer:
        database = f"--admindir={self.root / 'var/lib/dpkg'}"
        return ask((argv[0], database, *argv[1:]), timeout)

    def keep(self, *names: str) -> None:
        keep_edited(names, self.kept, self.running, self.root)

    def said(self) -> str:
        return said_of_copies(self.kept, self.root)

    def copies(self) -> dict[str, str]:
        files = [path for path in self.kept.rglob("*") if path.is_file()]
        return {f"/{path.relative_to(self.kept)}": path.read_text() for path in files}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_nothing_was_edited(host: Host) -> None:
    host.keep("xen-utils-common", "lvm2")
    host.keep()
    assert not host.kept.exists()
    assert host.said() == ""


@pytest.mark.parametrize("path", OF_XEN)
def test_what_was_edited_is_copied_with_its_mode(host: Host, path: str) -> None:
    file = host.write(path, "mine\n")
    file.chmod(0o640)
    for _again in range(2):
        host.keep("xen-utils-common", "lvm2")
        assert host.copies() == {path: "mine\n"}
    assert (host.kept / path.lstrip("/")).stat().st_mode & 0o777 == 0o640


def test_it_is_said_of_those_alone_that_are_gone(host: Host) -> None:
    # A purge that fails, or is cut off, has removed some of them, and says nothing.
    for path in OF_XEN:
        host.write(path, "mine\n")
    host.keep("xen-utils-common")
    host.write("/kept/etc/xen/.xl.conf.xen-setup-new", "ha")  # a power cut left that
    assert host.said() == ""
    for path in OF_XEN[:2]:
        (host.root / path.lstrip("/")).unlink()
    for _again in range(2):
        host.keep("xen-utils-common")
        words = f"their packages: {', '.join(OF_XEN[:2])}. Copies are below {host.kept}."
        assert words in host.said()


def test_no_copy_is_written_over_another(host: Host) -> None:
    # Taken back, done again, and taken back once more in one run.
    path = "/etc/xen/xl.conf"
    for number in ("first", "second", "third"):
        host.write(path, f"{number}\n").chmod(0o600)
        host.keep("xen-utils-common")
    assert host.copies() == {
        f"{path}.~1~": "first\n", f"{path}.~2~": "second\n", path: "third\n",
    }  # fmt: skip
    (host.root / path.lstrip("/")).unlink()
    assert f"packages: {path}. Copies" in host.said()


def test_what_is_anothers_or_empty_is_none_of_it(host: Host) -> None:
    for path in ("/etc/lvm/lvm.conf", "/etc/other", "/etc/elsewhere"):
        host.write(path, "mine\n")
    host.write("/etc/default/xen", "")  # a power cut does that
    host.keep("xen-utils-common")
    assert host.copies() == {}


def test_nothing_is_purged_where_dpkg_does_not_tell(host: Host) -> None:
    with pytest.raises(StepFailed, match="what was edited of them would be lost"):
        host.keep("xen-utils-common", "unknown")
