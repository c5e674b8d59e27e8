"""The image's cache: keyed by the recipe, whole or not there, built once."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from wizard.practice import processes
from wizard.practice.errors import HostNotReady
from wizard.practice.image import Progress, cached, ensure, silent, with_files
from wizard.practice.recipe import GIB, ImageFile, Recipe
from wizard.practice.sources import Mirror

RECIPE = Recipe(Mirror("http://mirror.example.org/debian"))

OTHER_RECIPES = {
    "another mirror": replace(RECIPE, mirror=Mirror("http://other.example.org/debian")),
    "another package": replace(RECIPE, packages=(*RECIPE.packages, "vim-tiny")),
    "another size": replace(RECIPE, root_bytes=5 * GIB),
    "another text": replace(RECIPE, files=(*RECIPE.files, ImageFile("etc/motd", "hello"))),
    "another mode": replace(RECIPE, files=(replace(RECIPE.files[0], mode=0o600),)),
}


def builds(work: Path, _recipe: Recipe, _progress: Progress) -> None:
    (work / "disk.raw").write_text("a disk")


def test_the_same_recipe_has_the_same_key() -> None:
    assert RECIPE.key() == Recipe(Mirror("http://mirror.example.org/debian")).key()


@pytest.mark.parametrize("what", OTHER_RECIPES)
def test_another_recipe_has_another_key(what: str) -> None:
    assert OTHER_RECIPES[what].key() != RECIPE.key()


def test_an_image_is_built_once(tmp_path: Path) -> None:
    def must_not_build(_work: Path, _recipe: Recipe, _progress: Progress) -> None:
        raise AssertionError

    first = ensure(tmp_path, RECIPE, build=builds)
    assert first.disk.read_text() == "a disk"
    assert ensure(tmp_path, RECIPE, build=must_not_build) == first


def test_a_build_that_fails_leaves_no_image_but_its_logs(tmp_path: Path) -> None:
    def fails(work: Path, _recipe: Recipe, _progress: Progress) -> None:
        (work / "disk.raw").write_text("half a disk")
        (work / "build.log").write_text("what happened")
        raise HostNotReady("The mirror is away.", hint="Wait.")

    with pytest.raises(HostNotReady, match="The mirror is away"):
        ensure(tmp_path, RECIPE, build=fails)
    assert cached(tmp_path, RECIPE) is None
    assert [path.name for path in tmp_path.rglob("*.raw")] == []
    assert (tmp_path / "failed-build/build.log").read_text() == "what happened"


def test_what_a_killed_build_left_is_removed_and_never_taken_for_an_image(tmp_path: Path) -> None:
    left = tmp_path / f"building-{RECIPE.key()}"
    left.mkdir()
    (left / "disk.raw").write_text("half a disk")
    assert cached(tmp_path, RECIPE) is None
    assert ensure(tmp_path, RECIPE, build=builds).disk.read_text() == "a disk"
    assert not left.exists()


def test_the_image_of_an_older_recipe_is_removed(tmp_path: Path) -> None:
    older = ensure(tmp_path, OTHER_RECIPES["another size"], build=builds)
    ensure(tmp_path, RECIPE, build=builds)
    assert not older.folder.exists()


def test_two_builds_at_once_are_one(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()
    built: list[str] = []

    def slowly(work: Path, _recipe: Recipe, _progress: Progress) -> None:
        begun.set()
        assert go_on.wait(10)
        built.append("slowly")
        (work / "disk.raw").write_text("a disk")

    def second(work: Path, _recipe: Recipe, _progress: Progress) -> None:
        built.append("second")

    def told(words: str) -> None:
        assert "waiting" in words
        go_on.set()

    one = threading.Thread(target=ensure, args=(tmp_path, RECIPE), kwargs={"build": slowly})
    one.start()
    assert begun.wait(10)
    ensure(tmp_path, RECIPE, told, build=second)
    one.join()
    assert built == ["slowly"]


def test_the_disk_is_filled_however_many_files_are_open(tmp_path: Path) -> None:
    for name in ("root.tar", "files.tar", "disk.raw"):
        (tmp_path / name).write_text(f"{name};")
    script = "cat - /dev/fd/3 /dev/fd/4; printf rewritten >&4"
    with ExitStack() as opened:
        for _ in range(20):
            opened.enter_context((tmp_path / "root.tar").open())
        done = processes.run(with_files(tmp_path, ["sh", "-c", script]))
    assert (done.status, done.out, done.err) == (0, b"root.tar;files.tar;disk.raw;", b"")
    assert (tmp_path / "disk.raw").read_text() == "rewritten"


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(HostNotReady) as caught:
        ensure(tmp_path / "cache", RECIPE, silent, build=builds)
    assert str(tmp_path / "cache") in caught.value.hint


def test_the_recipe_leaves_the_wizards_work_to_the_wizard() -> None:
    wizards = {"lvm2", "debootstrap", "bridge-utils", "xen-system-amd64"}
    assert not wizards & set(RECIPE.packages)


def test_the_partition_table_leaves_ten_gib_free() -> None:
    assert RECIPE.partition_table() == ("label: dos\nstart=2048, size=8388608, type=83, bootable\n")
    assert RECIPE.disk_bytes - RECIPE.root_bytes == 10 * GIB
