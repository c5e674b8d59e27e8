"""The practice machines of 2006's kinds: what their recipes differ in, and that all are kept."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from steps.hosts.menu_lst import parse
from wizard.argument_options import VARIANTS
from wizard.practice.front import machine_of
from wizard.practice.image import Progress, cached, ensure
from wizard.practice.recipe import GIB, MIB, Recipe, boot_uuid
from wizard.practice.sources import Mirror
from wizard.practice.variants import NAMES, STOCK, all_recipes

MIRROR = Mirror("http://mirror.example.org/debian")
RECIPES = all_recipes(MIRROR)
UUID = "1ad4a0f6-7e8f-4f4d-9a8f-0b2c3d4e5f60"


def file_of(variant: str, path: str) -> str:
    return next(file.text for file in RECIPES[variant].files if file.path == path)


def test_each_variant_has_an_image_of_its_own_and_stock_is_the_practice_machines() -> None:
    assert len(RECIPES) == len({recipe.key() for recipe in RECIPES.values()})
    assert Recipe(MIRROR).key() == RECIPES[STOCK].key()


def test_the_command_line_offers_the_variants() -> None:
    assert VARIANTS == NAMES
    assert (STOCK, *NAMES) == tuple(RECIPES)


def test_a_machine_that_is_called_like_a_variant_is_of_that_kind() -> None:
    assert "sysv-init" == machine_of("sysv-init").variant
    assert [STOCK, STOCK] == [machine_of(name).variant for name in (None, "mine")]


def test_the_images_of_all_variants_are_kept_and_older_ones_go(tmp_path: Path) -> None:
    def builds(work: Path, _recipe: Recipe, _progress: Progress) -> None:
        (work / "disk.raw").write_text("a disk")

    older = ensure(tmp_path, Recipe(MIRROR, root_bytes=3 * GIB), build=builds)
    for recipe in RECIPES.values():
        ensure(tmp_path, recipe, build=builds, also=RECIPES.values())
    assert not older.folder.exists()
    assert all(cached(tmp_path, recipe) for recipe in RECIPES.values())


def test_no_file_is_in_an_image_twice() -> None:
    for variant, recipe in RECIPES.items():
        paths = [file.path for file in recipe.files]
        assert len(paths) == len(set(paths)), variant


@pytest.mark.parametrize("variant", RECIPES)
def test_the_scripts_of_an_image_are_sound(variant: str) -> None:
    recipe = RECIPES[variant]
    for script in (recipe.fill_script(UUID), file_of(variant, "first-boot")):
        subprocess.run(["sh", "-n"], input=script, text=True, check=True)
        assert "@COMMANDS@" not in script
    assert recipe.fill_script(UUID).count("mke2fs -q") == (2 if recipe.boot_bytes else 1)


def test_a_boot_of_its_own_lies_before_the_root() -> None:
    recipe = RECIPES["grub-legacy-boot"]
    assert recipe.partition_table() == (
        "label: dos\nstart=2048, size=1048576, type=83, bootable\n"
        "start=1050624, size=8388608, type=83\n"
    )
    assert 2 == recipe.root_partition
    script = recipe.fill_script(UUID)
    offsets = re.findall(r"offset=(\d+)", script)
    assert [MIB, 513 * MIB] == [int(offset) for offset in offsets]
    assert script.index(boot_uuid(UUID)) < script.index(f"-U {UUID}")
    assert "UUID=@BOOT_UUID@ /boot" in file_of("grub-legacy-boot", "etc/fstab")


def test_grub_legacy_gets_filesystems_that_it_reads() -> None:
    for variant in ("grub-legacy", "grub-legacy-boot"):
        recipe = RECIPES[variant]
        assert "-t ext3" in recipe.fill_script(UUID)
        assert "extent" not in recipe.fill_script(UUID)
        assert "inode_size = 128" in recipe.fill_script(UUID)
        assert "grub-legacy" in recipe.packages
        assert "grub-pc" not in recipe.packages
    assert "-t ext4" in RECIPES[STOCK].fill_script(UUID)


@pytest.mark.parametrize(
    ("last", "status"), [("succeeded\nDone.", 0), ("failed\n\nError 22: No such partition", 1)]
)
def test_a_grub_that_was_not_installed_is_no_image(tmp_path: Path, last: str, status: int) -> None:
    """GRUB's shell ends with 0 all the same (seen)."""
    (tmp_path / "grub").write_text(f"#!/bin/sh\ncat >/dev/null\necho '{last}'\n")
    (tmp_path / "grub").chmod(0o755)
    for variant in ("grub-legacy", "grub-legacy-boot"):
        script = file_of(variant, "first-boot")
        install = script[script.index("grub --batch") : script.index("exit 1; fi\n") + 11]
        done = subprocess.run(
            ["sh", "-euc", install.replace("/run/", f"{tmp_path}/")],
            env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
            check=False,
        )
        assert status == done.returncode


def test_the_menu_that_somebody_keeps_has_four_entries_of_which_the_third_boots() -> None:
    script = file_of("grub-legacy-boot", "first-boot")
    menu = parse(script.partition("menu.lst <<END\n")[2].partition("\nEND\n")[0])
    assert 4 == len(menu.entries)
    booted = menu.boots(None)
    assert booted is not None
    assert "Debian on the practice machine" == booted.title


def test_without_systemd_init_is_sysvs() -> None:
    recipe = RECIPES["sysv-init"]
    assert not {"systemd-sysv", "libpam-systemd"} & set(recipe.packages)
    assert "sysvinit-core" in recipe.packages
    assert "systemd-machine-id-setup" not in file_of("sysv-init", "first-boot")
    assert re.search(r"^id:2:initdefault:$", file_of("sysv-init", "etc/inittab"), re.MULTILINE)


def test_the_filesystems_uuids_are_written_into_the_files(tmp_path: Path) -> None:
    from wizard.practice.image import _our_files

    for name in ("host_key.pub", "ssh_key.pub"):
        (tmp_path / name).write_text("ssh-ed25519 AAAA test\n")
    packed = _our_files(tmp_path, RECIPES["grub-legacy-boot"], UUID, "key")
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        fstab = tar.extractfile("etc/fstab")
        assert fstab is not None
        text = fstab.read().decode()
    assert f"UUID={UUID} /  " in text
    assert f"UUID={boot_uuid(UUID)} /boot" in text
