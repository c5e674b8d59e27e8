"""How much is told, where, in which colours: --quiet, --verbose, --log-file, pipes, NO_COLOR."""

from __future__ import annotations

import io
import os
import re
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.program import STOCK, environment, xen_setup
from tests.cli.test_runs import Place, terminal
from wizard.actions import RunCommand
from wizard.arguments import parse
from wizard.console import Console, is_plain
from wizard.errors import Exit, StepFailed, Stopped, UsageError
from wizard.log import Log, refuse_unwritable_log
from wizard.plain_reporter import PlainReporter, QuietReporter
from wizard.step import Plan, Problem

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="commands that change need root")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def stopped_with(place: Place, words: str) -> None:
    """A run that has stopped, and whose undo says these words."""
    action = RunCommand(("true",), "Undone by words.", undo=("echo", words), undo_class="exact")
    with pytest.raises(Stopped):
        place.write(action)


# ---- the log file


@needs_root
def test_the_log_is_copied_to_a_file_that_only_its_owner_reads(
    place: Place, tmp_path: Path
) -> None:
    stopped_with(place, "told by the undo")
    log = tmp_path / "copy.log"
    done = xen_setup("rollback", "--yes", "--log-file", log, "--state-dir", place.state)
    assert (Exit.DONE, "") == (done.returncode, done.stderr)
    assert "told by the undo" in log.read_text()
    assert 0o600 == stat.S_IMODE(log.stat().st_mode)
    (whole,) = place.state.glob("runs/*/log")
    assert log.read_text() in whole.read_text()


def test_a_log_file_is_appended_to(tmp_path: Path) -> None:
    path, copy = tmp_path / "log", tmp_path / "copy"
    copy.write_text("from before\n")
    copy.chmod(0o640)
    log = Log(path, copy)
    log.begin("xl list")
    log.output("Domain-0\n")
    log.end("xl ended", ())
    assert "from before\n" + path.read_text() == copy.read_text()
    assert 0o640 == stat.S_IMODE(copy.stat().st_mode)


def test_a_copy_that_fails_on_the_way_stops_nothing(tmp_path: Path) -> None:
    log = Log(tmp_path / "log", tmp_path / "missing" / "copy")
    log.note("told")
    assert "told" in (tmp_path / "log").read_text()
    assert "missing" in log.trouble


@needs_root
@pytest.mark.parametrize("name", ["no/such/directory", ".", "file/below", "pipe"])
@pytest.mark.parametrize("command", ["apply", "resume", "rollback"])
def test_a_log_file_that_cannot_be_written_is_refused_before_anything_is_done(
    name: str, command: str, place: Place, tmp_path: Path
) -> None:
    place.write()
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    answers = tmp_path / "answers.yaml"
    answers.write_text("version: 1\n")
    more: dict[str, list[str | Path]] = {"apply": [answers], "rollback": ["--yes"]}
    log = tmp_path / name
    done = xen_setup(command, *more.get(command, []), "--log-file", log, "--state-dir", place.state)
    assert (Exit.USAGE, "") == (done.returncode, done.stdout)
    assert f"The log file {log} cannot be written" in done.stderr
    assert place.file.exists()


def test_a_pipe_that_nobody_reads_is_no_log_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError):
        refuse_unwritable_log(tmp_path / "pipe")


# ---- how much is told

COMMAND = RunCommand(("vgcreate", "xendisks"), "A pool.")


def told(reporter: PlainReporter) -> None:
    reporter.run_begins(Path("/log"), ("one",))
    plan: Plan[None] = Plan((COMMAND,), None, skipped=("lvm2 is installed",))
    reporter.step_begins("one", "Volumes", plan)
    reporter.action_begins(COMMAND, 1, 1)
    reporter.output("Volume group \x1b[31mcreated")
    reporter.progress(0.5, "half")
    reporter.action_done(COMMAND, 20)
    reporter.step_done("one", 90.0, (Problem("small", "Little space.", "Free some.", "warning"),))
    reporter.waiting("the network", 90)
    reporter.failed("one", COMMAND, StepFailed("It failed."))
    reporter.undoing(COMMAND)
    reporter.undone(COMMAND)
    reporter.conflict(COMMAND, "It is in use.")
    reporter.note("There is no systemd to watch.")


def test_quietly_only_problems_are_told() -> None:
    stream = io.StringIO()
    told(QuietReporter(stream))
    assert [
        "warning: one: Little space. Free some. [small]",
        "    FAILED: one, run vgcreate xendisks: It failed.",
        "    LEFT AS IT IS: run vgcreate xendisks: It is in use.",
        "    There is no systemd to watch.",
    ] == stream.getvalue().splitlines()


def test_verbosely_the_output_of_commands_is_told_as_it_comes() -> None:
    usual, verbose = io.StringIO(), io.StringIO()
    told(PlainReporter(usual))
    told(PlainReporter(verbose, verbose=True))
    assert "created" not in usual.getvalue()
    assert "        | Volume group \N{REPLACEMENT CHARACTER}[31mcreated\n" in verbose.getvalue()


@needs_root
def test_a_quiet_rollback_says_how_it_ended_and_no_more(place: Place) -> None:
    place.write()
    done = xen_setup("rollback", "--yes", "--quiet", "--state-dir", place.state)
    assert (Exit.DONE, "") == (done.returncode, done.stderr)
    assert ["1 action was taken back; nothing of them is left."] == done.stdout.splitlines()


@needs_root
def test_a_verbose_rollback_shows_what_its_commands_print(place: Place) -> None:
    stopped_with(place, "shown on the screen")
    done = xen_setup("--verbose", "rollback", "--yes", "--state-dir", place.state)
    assert "        | shown on the screen\n" in done.stdout


def test_quiet_and_verbose_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="told quietly"):
        parse(["--quiet", "apply", "--verbose", "answers.yaml"])


@pytest.mark.parametrize("command", [[], ["apply", "a.yaml"], ["resume"], ["rollback"]])
def test_they_stand_before_a_command_or_after_it(command: list[str]) -> None:
    words = ["--quiet", "--log-file", "log"]
    for argv in ([*words, *command], [*command, *words]):
        found = parse(argv)
        assert (True, Path("log")) == (found.quiet, found.log_file)


# ---- colours


class Stream(io.StringIO):
    """A stream that is a terminal, or is not."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("terminal", "environ", "plain"),
    [
        (True, {"TERM": "xterm"}, False),
        (True, {"TERM": "dumb"}, True),
        (True, {}, True),
        (True, {"TERM": "xterm", "XEN_SETUP_ACCESSIBLE": "1"}, True),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),  # it may still draw
        (True, {"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        (False, {"TERM": "xterm"}, True),
        (False, {"TERM": "xterm", "CLICOLOR": "1"}, True),
        (False, {"TERM": "xterm", "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}, True),
    ],
)
def test_who_gets_plain_lines(terminal: bool, environ: Mapping[str, str], plain: bool) -> None:
    assert is_plain(Stream(terminal), asked=False, environ=environ) is plain
    assert is_plain(Stream(terminal), asked=True, environ=environ)


_COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d|10\d)m")


@pytest.mark.parametrize("name", ["NO_COLOR", "CLICOLOR"])
def test_no_colour_where_none_is_wanted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for other in ("NO_COLOR", "CLICOLOR", "FORCE_COLOR"):
        monkeypatch.delenv(other, raising=False)
    coloured = Stream(terminal=True)
    Console(coloured).line("words", "bold red")
    assert _COLOUR.search(coloured.getvalue())
    monkeypatch.setenv(name, "1" if name == "NO_COLOR" else "0")
    without = Stream(terminal=True)
    Console(without).line("words", "bold red")
    assert "words" in without.getvalue()
    assert not _COLOUR.search(without.getvalue())


# ---- pipes: data on standard output, errors on standard error, nothing coloured


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--help"], Exit.DONE),
        (["--version"], Exit.DONE),
        (["facts"], Exit.DONE),
        (["facts", "--json"], Exit.DONE),
        (["facts", "--facts", STOCK], Exit.DONE),
        (["plan", "--facts", STOCK], Exit.DONE),
        (["plan", "--lessons", "--facts", STOCK], Exit.DONE),
        (["plan", "--script", "--facts", STOCK], Exit.DONE),
        (["check", "--facts", STOCK], Exit.DONE),
        (["status", "--state-dir", "state"], Exit.DONE),
        (["status", "--json", "--state-dir", "state"], Exit.DONE),
        (["answers", "template"], Exit.DONE),
        (["answers", "template", "--full"], Exit.DONE),
        (["answers", "schema"], Exit.DONE),
        (["answers", "explain"], Exit.DONE),
        (["answers", "explain", "guests.memory"], Exit.DONE),
        (["practice", "status"], Exit.DONE),
        pytest.param(["resume", "--state-dir", "state"], Exit.DONE, marks=needs_root),
        pytest.param(["rollback", "--yes", "--state-dir", "state"], Exit.DONE, marks=needs_root),
        (["no-such-command"], Exit.USAGE),
        (["plan", "--no-such-option"], Exit.USAGE),
        (["plan", "/proc/no/such.yaml"], Exit.ANSWERS_INVALID),
        (["plan", "--facts", "/proc/no/such.json"], Exit.USAGE),
        (["plan", "--script", "--json"], Exit.USAGE),
        (["apply", "/proc/no/such.yaml"], Exit.ANSWERS_INVALID),
        (["answers", "explain", "no.such.key"], Exit.USAGE),
        (["--no-input"], Exit.USAGE),
        ([], Exit.USAGE),
        (["practice", "--no-input"], Exit.USAGE),
        (["practice"], Exit.USAGE),
    ],
    ids=lambda item: " ".join(Path(word).name for word in item) if isinstance(item, list) else "",
)
def test_pipes_get_words_where_they_belong_and_no_escape_bytes(
    words: list[str], status: Exit, tmp_path: Path
) -> None:
    words = [str(tmp_path / word) if word == "state" else word for word in words]
    done = xen_setup(
        *words, HOME=str(tmp_path), XDG_DATA_HOME=str(tmp_path), TERM="xterm-256color",
        COLORTERM="truecolor", CLICOLOR="1", FORCE_COLOR="1", COLUMNS="80",
    )  # fmt: skip
    assert status == done.returncode, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    if status == Exit.DONE:
        assert "" == done.stderr
        assert done.stdout
    else:
        assert "" == done.stdout
        assert done.stderr.startswith("xen-setup: ")


def test_each_pipe_is_looked_at_for_itself(tmp_path: Path) -> None:
    # Standard output to a file while the errors go to a terminal is as common as the other way.
    path = tmp_path / "plan.txt"
    line = f"{sys.executable} -P -m wizard plan --facts {STOCK} >{path}"
    subprocess.run(
        ["script", "--quiet", "--return", "--command", line, "/dev/null"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment(), check=True,
        timeout=60,
    )  # fmt: skip
    assert b"Step 11 of 11" in path.read_bytes()
    assert b"\x1b" not in path.read_bytes()


# ---- no questions


@needs_root
def test_without_input_nothing_asks_even_on_a_terminal(place: Place, tmp_path: Path) -> None:
    place.write()
    state = ("--state-dir", str(place.state))
    for words in (["--no-input"], ["rollback", "--no-input", *state],
                  ["--no-input", "rollback", *state], ["practice", "--no-input"]):  # fmt: skip
        with terminal(tmp_path, *words) as screen:
            assert screen.ends() == Exit.USAGE
    assert place.file.exists()
