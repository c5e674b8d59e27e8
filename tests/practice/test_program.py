"""The program as it is packed for the practice machine."""

from __future__ import annotations

import fcntl
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from wizard.practice.errors import HostNotReady
from wizard.practice.program import UNPACK, Pack, packed


@pytest.fixture(scope="module")
def pack() -> Pack:
    return packed()


def names(pack: Pack) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(pack.data)) as tar:
        return set(tar.getnames())


def test_the_pack_holds_the_program_and_its_libraries(pack: Pack) -> None:
    wanted = {
        "app/wizard/__main__.py",
        "app/wizard/practice/first-guest.yaml",
        "app/steps/settings.py",
        "site/questionary/__init__.py",
        "site/prompt_toolkit/__init__.py",
        "site/rich/__init__.py",
        "site/markdown_it/__init__.py",
        "site/ruamel/yaml/__init__.py",
    }
    assert wanted <= names(pack)


def test_the_pack_holds_nothing_compiled(pack: Pack) -> None:
    found = names(pack)
    assert [name for name in found if name.endswith((".so", ".pyc"))] == []
    assert not any(name.startswith("site/parted") for name in found)


def test_the_packed_program_runs_on_its_own(pack: Pack, tmp_path: Path) -> None:
    subprocess.run(["tar", "-xz", "-C", str(tmp_path)], input=pack.data, check=True)
    done = subprocess.run(
        # -S: without this Python's own libraries.
        [sys.executable, "-S", "-m", "wizard", "--version"],
        cwd="/",
        env={"PYTHONPATH": f"{tmp_path}/app:{tmp_path}/site"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("xen-setup ")


def test_equal_programs_are_equal_packs(pack: Pack) -> None:
    assert packed() == pack


def unpack(pack: Pack, place: Path, lock: Path) -> int:
    argv = ["sh", "-c", UNPACK, "sh", pack.digest, str(place), str(lock)]
    return subprocess.run(argv, input=pack.data, check=False).returncode


def test_a_newer_program_takes_the_place_of_the_older(pack: Pack, tmp_path: Path) -> None:
    place, lock = tmp_path / "xen-setup", tmp_path / "lock"
    place.mkdir()
    (place / "old").write_text("")
    lock.write_text("")
    assert unpack(pack, place, lock) == 0
    assert {path.name for path in place.iterdir()} == {"app", "site", "hash"}
    assert {path.name for path in tmp_path.iterdir()} == {"xen-setup", "lock"}


def test_the_program_is_not_taken_from_under_a_run(pack: Pack, tmp_path: Path) -> None:
    place, lock = tmp_path / "xen-setup", tmp_path / "lock"
    place.mkdir()
    (place / "old").write_text("")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert unpack(pack, place, lock) == 75
    assert [path.name for path in place.iterdir()] == ["old"]


def tree(folder: Path, dependency: str) -> Path:
    for package in ("wizard", "steps"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text("")
    (folder / "pyproject.toml").write_text(f'[project]\ndependencies = ["{dependency}"]\n')
    return folder


def test_a_library_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostNotReady, match="no-such-library"):
        packed(tree(tmp_path, "no_such.library>=1"))


def test_a_compiled_library_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    (site / "fast-1.0.dist-info").mkdir(parents=True)
    (site / "fast-1.0.dist-info/METADATA").write_text("Name: fast\nVersion: 1.0\n")
    (site / "fast-1.0.dist-info/RECORD").write_text("fast.py,,\nfast.cpython-311.so,,\n")
    (site / "fast.py").write_text("")
    (site / "fast.cpython-311.so").write_text("")
    monkeypatch.syspath_prepend(str(site))
    with pytest.raises(HostNotReady, match="fast is compiled"):
        packed(tree(tmp_path, "fast"))


def test_a_library_without_a_list_of_its_files_is_packed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As Debian's own packages of Python libraries are.
    site = tmp_path / "site"
    (site / "plain_words-1.0.egg-info").mkdir(parents=True)
    (site / "plain_words-1.0.egg-info/PKG-INFO").write_text("Name: plain-words\nVersion: 1.0\n")
    (site / "plain_words-1.0.egg-info/top_level.txt").write_text("plainwords\n")
    (site / "plainwords").mkdir()
    (site / "plainwords/__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(site))
    assert {
        "site/plainwords/__init__.py",
        "site/plain_words-1.0.egg-info/PKG-INFO",
    } <= names(packed(tree(tmp_path, "plain-words; python_version > '3'")))
