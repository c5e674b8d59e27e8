"""`transcript`: a document of what a run did; whole, safe to open, and without a secret in it."""

from __future__ import annotations

import json
import os
from html.parser import HTMLParser
from pathlib import Path

import pytest

from steps import PIPELINE
from steps.machines import example
from tests.cli.program import below_temporary, xen_setup
from tests.simulated.playing import play
from wizard.errors import Exit
from wizard.passwords import hash_password

PASSWORD = "MARKER-in-the-clear"
PSK = "MARKER-of-the-wireless"
HASH = hash_password(PASSWORD)
ANSWERS = f"version: 1\nguests: [{{name: vm01, root_password: '{HASH}'}}]\n"
VOID = {"meta", "br", "hr", "img", "link", "input"}


def run_of(folder: Path, *words: str | Path, machine: str | Path = "stock") -> Path:
    """The state directory of a run that was played."""
    answers = folder / "answers.yaml"
    answers.write_text(ANSWERS)
    state = folder / "state"
    play(folder, "apply", "--simulate", machine, "--state-dir", state, *words, answers)
    return state


def told(state: Path, *words: str | Path) -> str:
    done = xen_setup("transcript", "--state-dir", state, *words)
    assert done.returncode == Exit.DONE, done.stderr
    return done.stdout


class Page(HTMLParser):
    """Sees that every element ends, within the one it began in, and what a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.loads += [f"{name}={value}" for name, value in attrs if name in {"src", "href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> ends nothing"
        assert self.open.pop() == tag


def parsed(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_of(tmp_path_factory.mktemp("finished"))


def test_a_finished_run_is_told_step_by_step(finished: Path) -> None:
    text = told(finished)
    assert text.startswith("# xen-setup: what run 1 did\n")
    assert "**Finished: every step is done and verified.**" in text
    for number, step in enumerate(PIPELINE, 1):
        assert f"## {number}. {step.TITLE}" in text
    assert "$ lvcreate --name vm01-root --size 2048m" in text
    assert 'Logical volume "vm01-root" created.' in text  # what it printed
    assert "Undo: by removal: lvremove" in text
    assert "Domain-0" in text  # the output of the last command
    assert "Simulated: it was only played" in text


def test_each_command_has_the_output_that_was_its_own(finished: Path) -> None:
    text = told(finished)
    root, swap = (text.index(f"--name {name}") for name in ("vm01-root", "vm01-swap"))
    assert root < text.index('"vm01-root" created') < swap < text.index('"vm01-swap" created')
    assert text.count("Generating grub configuration file") == 3


@pytest.mark.parametrize("form", [(), ("--html",)])
def test_no_secret_is_told(form: tuple[str, ...], tmp_path: Path) -> None:
    facts = json.loads(example("stock").read_text())
    path = "/etc/network/interfaces"
    facts["files"][path] += f"\niface wlan0 inet dhcp\n    wpa-psk {PSK}\n"
    machine = tmp_path / "machine.json"
    machine.write_text(json.dumps(facts))
    state = run_of(tmp_path, machine=machine)
    (log,) = state.glob("runs/*/log")
    with log.open("a") as file:
        file.write(f"[2026-01-01 00:00:00] $ xl list\n{HASH}\n    wpa-psk {PSK}\n")
    (journal,) = state.glob("runs/*/journal.jsonl")
    assert PSK in journal.read_text(), "the file that was written has it: rollback needs that"
    text = told(state, *form)
    assert "wpa-psk" in text
    for marker in (PASSWORD, PSK, HASH, HASH.rpartition("$")[2]):
        assert marker not in text


def test_a_run_that_was_taken_back_says_so(tmp_path: Path) -> None:
    text = told(run_of(tmp_path, "--simulate-failure", "guest_volumes"))
    assert "**Taken back: nothing of what is told here is left on the machine.**" in text
    assert "(taken back" in text
    assert "(done" not in text
    assert "## 9. A system for each guest" in text
    assert text.count("Not begun.") == 3


def test_a_run_that_stopped_says_where_and_why(tmp_path: Path) -> None:
    text = told(run_of(tmp_path, "--simulate-failure", "first_boot"))
    assert "**Not finished: it stands in the step first\\_boot: " in text
    assert "xl console vm01" in text
    assert "not verified yet" in text


def test_the_page_is_whole_needs_nothing_else_and_says_the_same(finished: Path) -> None:
    text = told(finished, "--html")
    page = parsed(text)
    assert page.loads == []
    assert not {"script", "link", "img", "iframe"} & set(page.seen)
    assert "url(" not in text
    assert "@import" not in text
    assert "@media print" in text
    assert page.seen.count("section") == len(PIPELINE)
    assert page.seen.count("h3") == told(finished).count("\n### ")


def test_what_a_command_printed_commands_nothing(tmp_path: Path) -> None:
    state = run_of(tmp_path)
    (log,) = state.glob("runs/*/log")
    text = log.read_text().replace(
        'Logical volume "vm01-root" created.',
        "<script>alert(1)</script> </pre></code> ```` \x1b[31m &amp; [x](y) `a` created.",
    )
    log.write_text(text)
    page = told(state, "--html")
    assert "script" not in parsed(page).seen
    assert "&lt;script&gt;" in page
    assert "&amp;amp;" in page
    markdown = told(state)
    assert "\x1b" not in page + markdown
    assert "`````text" in markdown  # a fence that the text cannot end


def test_the_zeros_that_a_power_cut_leaves_in_a_log_are_not_told(tmp_path: Path) -> None:
    state = run_of(tmp_path)
    before = told(state)
    (log,) = state.glob("runs/*/log")
    line = b'Logical volume "vm01-root"'
    assert line in log.read_bytes()
    log.write_bytes(log.read_bytes().replace(line, b"\0" * 40 + line))
    assert told(state) == before


def test_without_a_log_the_rest_is_told(tmp_path: Path) -> None:
    state = run_of(tmp_path)
    (log,) = state.glob("runs/*/log")
    log.unlink()
    text = told(state)
    assert "It printed" not in text
    assert "$ lvcreate --name vm01-root" in text


def test_a_file_is_written_once_and_never_over_another(finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.html"
    assert told(finished, "--html", "--out", path) == ""
    assert path.read_text() == told(finished, "--html")
    again = xen_setup("transcript", "--state-dir", finished, "--out", path)
    assert again.returncode == Exit.USAGE
    assert str(path) in again.stderr


def test_a_run_is_named_by_its_number(tmp_path: Path) -> None:
    state = run_of(tmp_path)
    run_of(tmp_path, "--simulate-failure", "guest_volumes", "--set", "guests.vm01.name=second")
    assert "what run 2 did" in told(state)
    assert "what run 1 did" in told(state, "1")
    none = xen_setup("transcript", "7", "--state-dir", state)
    assert none.returncode == Exit.USAGE
    assert "1, 2" in none.stderr


def test_before_any_run_there_is_nothing_to_tell(tmp_path: Path) -> None:
    done = xen_setup("transcript", "--state-dir", tmp_path / "none")
    assert done.returncode == Exit.USAGE
    assert "Nothing was begun" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a directory that others cannot read")
def test_who_may_not_read_the_journals_is_told_how_to(tmp_path: Path) -> None:
    for folder in (tmp_path, *below_temporary(tmp_path)):
        folder.chmod(0o755)
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    done = xen_setup("transcript", "--state-dir", state, user=65534)
    assert done.returncode == Exit.USAGE
    assert "sudo xen-setup transcript" in done.stderr
