"""The launcher, started as a process, in a folder of its own with a program that only reports."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fast import FAST
from wizard.practice import processes

ROOT = Path(__file__).parent.parent.parent
LAUNCHER = ROOT / "xen-setup"
PYTHON = "/usr/bin/python3"
# What the launcher itself calls: all that a PATH of a test holds, so that nothing else is found.
TOOLS = ("sh", "env", "readlink", "cksum", "id", "mkdir", "mv", "rm", "tail", "cat")

PROGRAM = """\
import json, os, sys
if sys.argv[1:] == ["interrupted at its start"]:
    os.kill(os.getpid(), 2)
def entry():
    print(json.dumps({
        "argv": sys.argv[1:], "python": sys.executable, "path": sys.path[0],
        "program": os.environ.get("XEN_SETUP_PROGRAM"),
        "pycache": sys.pycache_prefix, "isolated": sys.flags.isolated,
    }))
"""
PROJECT = """\
[project]
dependencies = []
[project.optional-dependencies]
test = []
broken = ["xen-setup-no-such-package @ file:///nowhere/at-all.whl"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in small: the launcher, a project without dependencies, a program."""
    top = tmp_path_factory.mktemp("checkout with spaces")
    shutil.copy2(LAUNCHER, top / "xen-setup")
    (top / "pyproject.toml").write_text(PROJECT)
    (top / "wizard").mkdir()
    (top / "wizard" / "__init__.py").write_text("")
    (top / "wizard" / "cli.py").write_text(PROGRAM)
    return top


@pytest.fixture(scope="module")
def cache(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the environment in it: made by a first start, or, when fast, as that makes it
    but for pip, which it takes four seconds to put there.
    """
    place = tmp_path_factory.mktemp("cache")
    if FAST:
        environment = place / environment_name(folder)
        options = ["--system-site-packages", "--without-pip"]
        subprocess.run([PYTHON, "-I", "-m", "venv", *options, environment], check=True)
        return place
    done = start(folder / "xen-setup", "first", cache=place)
    assert done.returncode == 0, done.stderr
    assert "Preparing" in done.stderr
    assert (place / environment_name(folder) / "bin" / "python").exists()
    return place


def environment_name(folder: Path) -> str:
    """After the distribution's Python and the checksum of pyproject.toml."""
    text = (folder / "pyproject.toml").read_bytes()
    told = subprocess.run(["cksum"], input=text, capture_output=True, check=True).stdout
    return f"{Path(PYTHON).resolve().name}-{told.decode().split()[0]}"


def start(
    program: Path, *arguments: str, cache: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "XEN_SETUP_CACHE": str(cache), **environment}
    settings.pop("SUDO_UID", None)
    return subprocess.run(
        [str(program), *arguments],
        check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        env=settings, timeout=120,
    )  # fmt: skip


def test_the_second_start_says_nothing_of_its_own(folder: Path, cache: Path) -> None:
    done = start(folder / "xen-setup", "plan", "--set", "a=b c", "", cache=cache)
    assert done.returncode == 0
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert told["argv"] == ["plan", "--set", "a=b c", ""]
    assert told["path"] == str(folder)
    assert told["program"] == str(folder / "xen-setup")
    assert told["python"].startswith(str(cache))
    assert told["isolated"] == 1


def test_a_link_to_the_launcher_starts_the_same_program(
    folder: Path, cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "one").symlink_to(folder / "xen-setup")
    (tmp_path / "two").symlink_to("one")
    told = json.loads(start(tmp_path / "two", cache=cache).stdout)
    assert told["program"] == str(folder / "xen-setup")


def test_python_variables_and_the_callers_folder_do_not_get_into_the_program(
    folder: Path, cache: Path, tmp_path: Path
) -> None:
    evil = tmp_path / "wizard"
    evil.mkdir()
    (evil / "__init__.py").write_text("raise SystemExit(77)")
    settings = {**os.environ, "XEN_SETUP_CACHE": str(cache), "PYTHONPATH": str(tmp_path)}
    subprocess.run([str(folder / "xen-setup")], cwd=tmp_path, env=settings, timeout=60, check=True)


def test_an_early_ctrl_c_ends_it_in_silence(folder: Path, cache: Path) -> None:
    done = start(folder / "xen-setup", "interrupted at its start", cache=cache)
    assert (-signal.SIGINT, "", "") == (done.returncode, done.stdout, done.stderr)


def test_an_ignored_ctrl_c_stays_ignored(folder: Path, cache: Path) -> None:
    settings = {**os.environ, "XEN_SETUP_CACHE": str(cache)}
    done = subprocess.run(
        ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", folder / "xen-setup",
         "interrupted at its start"],
        env=settings, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["argv"] == ["interrupted at its start"]


def test_under_sudo_compiled_files_go_into_the_cache(folder: Path, cache: Path) -> None:
    settings = {**os.environ, "XEN_SETUP_CACHE": str(cache), "SUDO_UID": "1000"}
    done = subprocess.run(
        [str(folder / "xen-setup")],
        env=settings, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["pycache"] == str(cache / "bytecode")


@pytest.mark.slow  # makes an environment of its own: four seconds
def test_environment_prints_the_python_of_an_extra(folder: Path, cache: Path) -> None:
    done = start(folder / "xen-setup", "--environment", "test", cache=cache)
    assert done.returncode == 0
    assert Path(done.stdout.strip()).name == "python"
    assert done.stdout.strip().endswith("-test/bin/python")
    assert Path(done.stdout.strip()).exists()


@pytest.mark.slow  # makes an environment of its own: four seconds
def test_an_interrupted_first_start_is_begun_again(folder: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [str(folder / "xen-setup")],
        env={**os.environ, "XEN_SETUP_CACHE": str(tmp_path)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob("making-*/bin/python")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    left = list(tmp_path.glob("making-*"))
    assert left, "it was killed while it was at work"
    done = start(folder / "xen-setup", "again", cache=tmp_path)
    assert json.loads(done.stdout)["argv"] == ["again"]
    assert not any(path.exists() for path in left)


@pytest.mark.slow  # makes an environment of its own: four seconds
def test_packages_that_pip_cannot_get_end_in_words_and_leave_nothing(
    folder: Path, tmp_path: Path
) -> None:
    done = start(folder / "xen-setup", "--environment", "broken", cache=tmp_path)
    assert done.returncode == 2
    assert "pip could not install" in done.stderr
    assert "start again" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_launcher_without_its_folder_says_so(tmp_path: Path) -> None:
    shutil.copy2(LAUNCHER, tmp_path / "xen-setup")
    done = start(tmp_path / "xen-setup", "--help", cache=tmp_path)
    assert done.returncode == 2
    assert "does not hold the rest of xen-setup" in done.stderr


# ---- packages that are missing


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A folder for PATH with the launcher's tools, and an apt-get that only writes down."""
    place = tmp_path / "bin"
    place.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (place / tool).symlink_to(found)
    fake = place / "apt-get"
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>"{tmp_path}/apt-calls"\n')
    fake.chmod(0o755)
    return place


needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="without root the launcher calls sudo, which this PATH lacks"
)


@needs_root
def test_practice_installs_what_its_machine_needs_when_nobody_can_be_asked(
    folder: Path, cache: Path, bare_path: Path, tmp_path: Path
) -> None:
    done = start(folder / "xen-setup", "practice", "status", cache=cache, PATH=str(bare_path))
    assert done.returncode == 0, done.stderr
    assert "qemu-system-x86" in done.stderr
    called = (tmp_path / "apt-calls").read_text().splitlines()
    assert len(called) == 1
    assert "install --no-install-recommends" in called[0]
    assert {"qemu-system-x86", "mmdebstrap", "openssh-client"} <= set(called[0].split())


@needs_root
def test_other_commands_install_nothing(
    folder: Path, cache: Path, bare_path: Path, tmp_path: Path
) -> None:
    assert start(folder / "xen-setup", "plan", cache=cache, PATH=str(bare_path)).returncode == 0
    assert not (tmp_path / "apt-calls").exists()


def read_until(descriptor: int, words: str) -> str:
    text = ""
    deadline = time.monotonic() + 30
    while words not in text and time.monotonic() < deadline:
        if select.select([descriptor], [], [], 0.2)[0]:
            try:
                text += os.read(descriptor, 4096).decode(errors="replace")
            except OSError:  # the other side of the terminal is closed
                break
    return text


@needs_root
@pytest.mark.parametrize("answer", ["n", ""])
def test_on_a_terminal_it_asks_before_it_installs(
    folder: Path, cache: Path, bare_path: Path, tmp_path: Path, answer: str
) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(folder / "xen-setup"), "practice"],
        stdin=theirs, stdout=theirs, stderr=theirs,
        env={"PATH": str(bare_path), "XEN_SETUP_CACHE": str(cache)},
    )  # fmt: skip
    os.close(theirs)
    assert "[Y/n]" in read_until(ours, "[Y/n]")
    assert not (tmp_path / "apt-calls").exists()
    os.write(ours, f"{answer}\n".encode())
    read_until(ours, "no such words")
    assert process.wait(timeout=30) == (10 if answer == "n" else 0)
    os.close(ours)
    assert (tmp_path / "apt-calls").exists() == (answer != "n")


@needs_root
def test_where_there_is_no_apt_the_packages_are_named(
    folder: Path, cache: Path, bare_path: Path
) -> None:
    (bare_path / "apt-get").unlink()
    done = start(folder / "xen-setup", "practice", cache=cache, PATH=str(bare_path))
    assert done.returncode == 2
    assert "qemu-system-x86" in done.stderr


def _pairs() -> Iterator[tuple[str, str]]:
    text = LAUNCHER.read_text()
    found = re.search(r'packages_practice="([^"]*)"', text)
    assert found
    for word in found[1].split():
        program, _, package = word.partition(":")
        yield program, package


def test_the_launcher_names_the_packages_that_the_practice_machine_requires() -> None:
    assert dict(_pairs()) == processes._PACKAGE_OF


def test_the_tab_key_installs_nothing(folder: Path, tmp_path: Path) -> None:
    done = start(folder / "xen-setup", "__complete", "pl", cache=tmp_path / "empty")
    assert (1, "", "") == (done.returncode, done.stdout, done.stderr)
    assert not (tmp_path / "empty").exists()
