"""A small archive of packages in Debian's form, signed with a key that is made for it.

Its packages hold a file each and run nothing. The form is that of the repository format
("DebianRepository/Format" in Debian's wiki): dists/SUITE/InRelease, Release, Release.gpg, Packages
below it, and a pool.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from tests.engine.devices import tool

SUITE = "bookworm"
KIB = 1024


@dataclass(frozen=True)
class Archive:
    """Its files are below `top`; `keyring` is for who checks its signatures."""

    top: Path
    keyring: Path
    home: Path  # of the one who signs

    def sign(self, *, valid_for: float = 86400.0, date: float | None = None) -> None:
        """Write the lists of what is in it, signed; `valid_for` in seconds, from now."""
        date = date if date is not None else time.time()
        packages = self.top / "dists" / SUITE / "main/binary-amd64/Packages"
        packages.parent.mkdir(parents=True, exist_ok=True)
        data = "".join(self._stanza(path) for path in sorted(self.top.rglob("*.deb"))).encode()
        packages.write_bytes(data)
        packages.with_suffix(".gz").write_bytes(gzip.compress(data, mtime=0))
        listed = [
            f" {hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_size} "
            f"main/binary-amd64/{path.name}\n"
            for path in sorted(packages.parent.iterdir())
        ]
        release = self.top / "dists" / SUITE / "Release"
        release.write_text(
            f"Origin: Debian\nLabel: Debian\nSuite: stable\nCodename: {SUITE}\n"
            f"Date: {formatdate(date, usegmt=True)}\n"
            f"Valid-Until: {formatdate(time.time() + valid_for, usegmt=True)}\n"
            "Architectures: amd64\nComponents: main\nSHA256:\n" + "".join(listed)
        )
        for word, name in (("--clearsign", "InRelease"), ("--detach-sign", "Release.gpg")):
            signed = release.with_name(name)
            signed.unlink(missing_ok=True)
            self._gpg("--armor", "--output", str(signed), word, str(release))

    def _gpg(self, *argv: str) -> None:
        gpg(self.home, *argv)

    def _stanza(self, path: Path) -> str:
        data = path.read_bytes()
        return (
            tool("dpkg-deb", "--field", str(path))
            + f"\nFilename: {path.relative_to(self.top)}\nSize: {len(data)}\n"
            f"SHA256: {hashlib.sha256(data).hexdigest()}\n\n"
        )


def gpg(home: Path, *argv: str) -> None:
    """GnuPG with a home of its own, and no agent that stays afterwards."""
    subprocess.run(
        ["gpg", "--homedir", str(home), "--batch", "--quiet", "--no-tty", "--yes",
         "--pinentry-mode", "loopback", "--passphrase", "", *argv],
        check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True)


def new_key(home: Path, keyring: Path) -> None:
    """A key pair of a person who does not exist; its public half goes into `keyring`."""
    home.mkdir(mode=0o700)
    gpg(home, "--quick-generate-key", "Archive for tests <archive@example.org>", "ed25519", "sign")
    gpg(home, "--output", str(keyring), "--export")


def make_archive(top: Path, names: Sequence[str], *, size: int = 64 * KIB) -> Archive:
    """An archive in a new folder, with a package of each name; each has `size` bytes of noise."""
    archive = Archive(top / "archive", top / "keyring.gpg", top / "gpg")
    new_key(archive.home, archive.keyring)
    pool = archive.top / "pool/main"
    pool.mkdir(parents=True)
    for number, name in enumerate(names):
        tree = top / "trees" / name
        (tree / "DEBIAN").mkdir(parents=True)
        tree.chmod(0o755)
        (tree / "DEBIAN/control").write_text(
            f"Package: {name}\nVersion: 1:1.{number}\nArchitecture: amd64\nMulti-Arch: no\n"
            "Maintainer: Nobody <nobody@example.org>\nPriority: required\nSection: misc\n"
            f"Description: {name}, for tests\n"
        )
        inside = tree / "usr/share" / name
        inside.mkdir(parents=True)
        (inside / "noise").write_bytes(os.urandom(size))
        deb = pool / f"{name}_1.{number}_amd64.deb"
        tool("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(deb))
    archive.sign()
    return archive
