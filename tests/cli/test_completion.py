"""Completion: what the program offers, and that bash, zsh and fish put it on the line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from steps import PIPELINE
from steps.check_names import CHECK_NAMES
from tests.cli.program import BYTECODE, ROOT, environment, xen_setup
from tests.fast import share
from tests.terminal import Terminal
from wizard.step import step_name

SHELLS = ("bash", "zsh", "fish")
WORDS = ("screen", "serial", "both")


def offered(*words: str) -> list[str]:
    """The candidates behind these words, the last of which is begun."""
    done = xen_setup("__complete", *words)
    assert (0, "") == (done.returncode, done.stderr)
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


# ---- what is offered

OFFERED: list[tuple[tuple[str, ...], list[str]]] = [
    (("pl",), ["plan"]),
    (("--no",), ["--no-input"]),
    (("--plain", "st"), ["status"]),
    (("--set", "host.bridge=a", "st"), ["status"]),
    (("--set=host.bridge=a", "st"), ["status"]),
    (("rollback", "--to", "x"), ["xen_packages", "xend_services"]),
    (("rollback", "--to=grub"), ["--to=grub_entry"]),
    (("resume", "--to", "grub"), ["grub_entry"]),
    (("rollback", ""), ["--help", "--plain", "--to", "--run", "--yes", "--no-input", "--quiet",
                        "--verbose", "--log-file"]),
    (("resume", "--on-failure", ""), ["rollback", "stop"]),
    (("check", "--ignore", "grub"), ["grub"]),
    (("check", "--set", "host.co"), ["host.console="]),
    (("check", "--set", "host.console="), [f"host.console={word}" for word in WORDS]),
    (("check", "--set", "host.ignore=grub"), ["host.ignore=grub"]),
    (("check", "--set=host.console=b"), ["--set=host.console=both"]),
    (("check", "--set", "host.make_default="), ["host.make_default=yes", "host.make_default=no"]),
    (("check", "--set", "storage.partition_size=r"), ["storage.partition_size=rest"]),
    (("check", "--set", "guests.fi"), []),
    (("check", "--set", "guests.0.fi"), ["guests.0.filesystem="]),
    (("check", "--set", "guests.web.fi"), ["guests.web.filesystem="]),
    (
        ("check", "--set", "guests.web.root_password="),
        ["guests.web.root_password=locked", "guests.web.root_password=asked"],
    ),
    (("check", "--set", "defaults.fi"), ["defaults.filesystem="]),
    (("check", "--set", "defaults.name="), []),
    (("check", "--set", "nonsense="), []),
    (("check", "--facts", "x"), [":files"]),
    (("check", "--facts=x"), [":files"]),
    (("check", "x"), [":files"]),
    (("answers", "explain", "guests.v"), ["guests.vcpus"]),
    (("answers", "validate", "one.yaml", "t"), [":files"]),
    (("completion", ""), list(SHELLS)),
    (("practice", "re"), ["reset"]),
    (("practice", "--unattended", ""), [":files"]),
    (("practice", "--unattended", "--na"), ["--name"]),
    (("practice", "exec", "--", "ls", ""), [":files"]),
    (("practice", "--name", "d"), ["default"]),
    (("nonsense", ""), ["--help"]),
]  # fmt: skip


@pytest.mark.parametrize(("words", "expected"), OFFERED, ids=lambda value: " ".join(value)[:60])
def test_what_can_follow_is_offered(words: tuple[str, ...], expected: list[str]) -> None:
    found = offered(*words)
    assert expected == found[: len(expected)]
    if expected != ["--help"]:
        assert len(expected) == len(found)


def test_steps_checks_and_devices_are_all_there() -> None:
    assert [step_name(step) for step in PIPELINE] == offered("rollback", "--to", "")
    assert list(CHECK_NAMES) == offered("plan", "--ignore", "")
    for device in offered("plan", "--set", "storage.device="):
        assert Path(device.partition("=")[2]).exists()


def test_a_candidate_has_words_beside_it() -> None:
    assert "plan\twhat would be done, and how" in xen_setup("__complete", "pl").stdout
    done = xen_setup("__complete", "plan", "--set", "host.console")
    assert "host.console=\tWhere do Xen and the host show" in done.stdout


def test_a_command_is_completed_without_what_only_a_value_needs() -> None:
    look = (
        "import sys; from wizard.program_completion import complete; complete(['plan', '--']);"
        "sys.exit(' '.join(name for name in sys.modules if name.partition('.')[0] in "
        "('steps', 'rich', 'ruamel', 'questionary', 'parted')) or None)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", look], env=environment(), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (0, "") == (done.returncode, done.stderr)


# ---- in the shells

# What is typed, and what stands on the line after the Tab key.
TYPED = [
    ("xen-setup pl", "xen-setup plan"),
    ("./xen-setup pl", "./xen-setup plan"),
    ("xen-setup rollback --to volume", "xen-setup rollback --to volume_group"),
    ("xen-setup check --ignore wireless", "xen-setup check --ignore wireless-card"),
    ("xen-setup plan --set host.conso", "xen-setup plan --set host.console="),
    ("xen-setup plan --set host.console=se", "xen-setup plan --set host.console=serial"),
    ("xen-setup answers explain guests.vc", "xen-setup answers explain guests.vcpus"),
    ("xen-setup apply la", "xen-setup apply lab.yaml"),
    ("xen-setup plan --facts=la", "xen-setup plan --facts=lab.yaml"),
    ("xen-setup plan lab.yaml --les", "xen-setup plan lab.yaml --lessons"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program in it, each shell's script, and an answer file."""
    made = tmp_path_factory.mktemp("completion")
    program = made / "xen-setup"
    settings = f"PYTHONPATH={ROOT} PYTHONPYCACHEPREFIX={BYTECODE}"
    program.write_text(f'#!/bin/sh\n{settings} exec {sys.executable} -P -m wizard "$@"\n')
    program.chmod(0o755)
    for shell in SHELLS:
        (made / shell).write_text(xen_setup("completion", shell).stdout)
    (made / "lab.yaml").write_text("version: 1\n")
    return made


@pytest.fixture(params=["bash", "zsh"])
def shell(request: pytest.FixtureRequest, folder: Path) -> Iterator[Terminal]:
    """An interactive shell that has read its script."""
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    options = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"]}[name]
    begin = {
        "bash": "",
        "zsh": "autoload -U compinit; compinit -D -u; ",
    }[name]
    with Terminal(
        [name, *options], folder, columns=120, environment={"PATH": f"{folder}:/usr/bin:/bin"}
    ) as terminal:
        terminal.type(f"PS1='> '; {begin}source ./{name}; echo is ready\n")
        terminal.wait_for("\nis ready")
        yield terminal


def test_the_tab_key_completes_the_line(shell: Terminal) -> None:
    for typed, line in share(TYPED, one_in=3):
        shell.type(f"{typed}\t")
        shell.wait_for(f"> {line}")
        shell.type("\x15\n")  # Ctrl-U: the line is emptied


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_finds_a_script_that_is_kept_in_a_folder_of_fpath(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "_xen-setup").write_text((folder / "zsh").read_text())
    begin = f"PS1='> '; fpath+=({tmp_path}); autoload -U compinit; compinit -D -u; echo is ready\n"
    paths = {"PATH": f"{folder}:/usr/bin:/bin"}
    with Terminal(["zsh", "-f", "-i"], folder, columns=120, environment=paths) as terminal:
        terminal.type(begin)
        terminal.wait_for("\nis ready")
        terminal.type("xen-setup pl\t")
        terminal.wait_for("> xen-setup plan")


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_finds_a_script_that_is_kept_with_its_settings(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "fish/completions"
    kept.mkdir(parents=True)
    (kept / "xen-setup.fish").write_text((folder / "fish").read_text())
    paths = {"PATH": f"{folder}:/usr/bin:/bin", "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run(
        ["fish", "--command", "complete --do-complete 'xen-setup pl'"],
        env={**environment(), **paths, "HOME": str(tmp_path)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert "plan\t" in done.stdout


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize(("typed", "line"), share(TYPED, one_in=3))
def test_fish_offers_the_same(typed: str, line: str, folder: Path) -> None:
    done = subprocess.run(
        ["fish", "--no-config", "--command", f"source fish; complete --do-complete '{typed}'"],
        cwd=folder, capture_output=True, text=True, check=False,
        # fish makes its folders in a home that is not there yet, if it may.
        env={**environment(), "PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)},
    )  # fmt: skip
    assert "" == done.stderr
    assert [line.rpartition(" ")[2]] == [
        each.partition("\t")[0] for each in done.stdout.splitlines()
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_script_is_understood_by_its_shell(shell: str, folder: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    assert (
        ""
        == subprocess.run(
            [shell, "-n", folder / shell], capture_output=True, text=True, check=True
        ).stderr
    )


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_script_for_bash_passes_shellcheck(folder: Path) -> None:
    done = subprocess.run(
        ["shellcheck", "--shell=bash", folder / "bash"], capture_output=True, text=True, check=False
    )
    assert "" == done.stdout
