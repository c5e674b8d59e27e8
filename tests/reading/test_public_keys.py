"""The public keys of whoever started the program: theirs, whole, and nobody else's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from steps.reading.public_keys import read_public_keys
from steps.reading.view import View
from steps.what_matters import MOST_PUBLIC_KEYS
from tests.credentials import public_key
from tests.reading.looking import Answers, Said, view_of

PASSWD = (
    "root:x:0:0:root:/root:/bin/bash\n"
    "ada:x:1000:1000:Ada,,,:/home/ada:/bin/bash\n"
    "bob:x:1001:1001::/home/bob:/bin/sh\n"
)
FIRST, SECOND, THIRD = map(public_key, ("ada@laptop", "ada@work", "bob@home"))
BY_ADA = {"SUDO_UID": "1000"}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="files are given to another user")


def homes(root: Path, files: dict[str, str], environment: dict[str, str], **more: Said) -> View:
    """A machine with these files in its homes, each its user's own."""
    view = view_of(root, {"/etc/passwd": PASSWD, **files}, more, environment=environment)
    for name, number in (("ada", 1000), ("bob", 1001)):
        for path in (root / "home" / name).rglob("*"):
            os.chown(path, number, number, follow_symlinks=False)
    return view


@needs_root
def test_the_keys_of_whoever_called_sudo_are_found_each_once(tmp_path: Path) -> None:
    files = {
        "/home/ada/.ssh/id_ed25519.pub": f"{FIRST}\n",
        "/home/ada/.ssh/id_ed25519": "PRIVATE",
        "/home/ada/.ssh/authorized_keys": f"# mine\n\n{FIRST} again\r\n  {SECOND}  \n",
        "/home/bob/.ssh/id_ed25519.pub": THIRD,
        "/root/.ssh/authorized_keys": THIRD,
    }
    assert (FIRST, SECOND) == read_public_keys(homes(tmp_path, files, BY_ADA))


@needs_root
def test_root_without_sudo_and_a_user_have_their_own(tmp_path: Path) -> None:
    files = {"/root/.ssh/id.pub": FIRST, "/home/ada/.ssh/id.pub": SECOND}
    assert (FIRST,) == read_public_keys(homes(tmp_path, files, {}))
    assert (FIRST,) == read_public_keys(homes(tmp_path / "b", files, {"SUDO_UID": "x"}))
    user = homes(tmp_path / "c", files, BY_ADA)
    user.as_root = False  # what the variable says is nothing to whoever is no root
    assert (FIRST,) == read_public_keys(user)  # this process is root's


@pytest.mark.parametrize(
    "line",
    [
        f'command="/bin/false" {FIRST}',
        f"restrict {FIRST}",
        f"@cert-authority *.example.org {FIRST}",
        FIRST[:60],
        f"ssh-rsa {FIRST.split()[1]} another type",
        f"{FIRST}\x1b[31m",
        "\0\udcff",
    ],
)
@needs_root
def test_what_is_no_whole_key_or_trusted_with_less_is_left_out(tmp_path: Path, line: str) -> None:
    text = f"{line}\n{SECOND}\n".encode("utf-8", "surrogateescape")
    view = homes(tmp_path, {"/home/ada/.ssh/authorized_keys": ""}, BY_ADA)
    (tmp_path / "home/ada/.ssh/authorized_keys").write_bytes(text)
    assert (SECOND,) == read_public_keys(view)


@needs_root
def test_nothing_of_others_is_read_through_a_home(tmp_path: Path) -> None:
    files = {
        "/home/ada/.ssh/one.pub": "-> /home/bob/.ssh/id.pub",
        "/home/ada/.ssh/two.pub": "-> /root/id.pub",
        "/home/ada/.ssh/own.pub": "-> ../keys/mine.pub",
        "/home/ada/keys/mine.pub": FIRST,
        "/home/bob/.ssh/id.pub": SECOND,
        "/root/id.pub": THIRD,
    }
    view = homes(tmp_path, files, BY_ADA)
    os.mkfifo(tmp_path / "home/ada/.ssh/pipe.pub")
    (tmp_path / "home/ada/.ssh/folder.pub").mkdir()
    assert (FIRST,) == read_public_keys(view)


def test_who_has_no_keys_or_no_home_is_told_apart(tmp_path: Path) -> None:
    assert () == read_public_keys(view_of(tmp_path, {"/etc/passwd": PASSWD}, environment=BY_ADA))
    nobody = {"SUDO_UID": "4711"}
    assert None is read_public_keys(
        view_of(tmp_path / "b", {"/etc/passwd": PASSWD}, environment=nobody)
    )
    assert None is read_public_keys(view_of(tmp_path / "c", {}))


@needs_root
def test_a_user_whom_only_the_directory_service_knows_is_found(tmp_path: Path) -> None:
    told = Said("eve:*:4711:4711:Eve:/home/ada:/bin/sh\n")
    view = homes(tmp_path, {"/home/ada/.ssh/id.pub": FIRST}, {"SUDO_UID": "4711"})
    view.ask = Answers({"getent passwd 4711": told})
    os.chown(tmp_path / "home/ada/.ssh/id.pub", 4711, 4711)
    assert (FIRST,) == read_public_keys(view)


@needs_root
def test_no_more_are_offered_than_a_list_can_show(tmp_path: Path) -> None:
    many = "\n".join(public_key(f"key{number}") for number in range(100))
    found = read_public_keys(homes(tmp_path, {"/home/ada/.ssh/authorized_keys": many}, BY_ADA))
    assert found is not None
    assert MOST_PUBLIC_KEYS == len(found)
