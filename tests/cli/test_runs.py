"""status, resume and rollback on runs that were really made: by the engine, in a tree of a test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from steps import PIPELINE
from steps.settings import Settings
from tests import machines
from tests.cli.program import ROOT, environment, xen_setup
from tests.engine.world import Piece, Task
from tests.fast import share
from tests.terminal import CTRL_C, DOWN, ENTER, PATIENCE, Terminal
from wizard.actions import Reboot, RunCommand, WriteFile
from wizard.answer_file import write_answers
from wizard.answers import Answers, record, settle
from wizard.errors import Exit, RebootNeeded, StepFailed, Stopped
from wizard.journal import Journal, Store
from wizard.machine import Machine
from wizard.pipeline import Pipeline, Wishes
from wizard.records import RollbackBegun, Taught
from wizard.reporter import NullReporter
from wizard.step import step_name

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the commands that change need root")

LAST = step_name(PIPELINE[-1])


class Place:
    """A state directory, and a tree that a run of one step writes in."""

    def __init__(self, top: Path) -> None:
        self.state = top / "state"
        self.file = top / "tree" / "made.conf"
        self.file.parent.mkdir()
        self._work = top / "work"

    def write(self, *more: RunCommand | Reboot) -> None:
        """A run of one step, named as the pipeline's last: it writes the file, and then more."""
        why = "A test's own action."
        pieces = [Piece(WriteFile(str(self.file), "made\n", why), self.file.exists)]
        pieces += [Piece(action, lambda: False) for action in more]
        facts = machines.stock()
        answers = write_answers(record(settle(Answers(Settings), facts), facts))
        task = Task(LAST, pieces)
        pipeline = Pipeline(
            [task],
            task.facts,
            Store(self.state),
            Machine(work=self._work),
            NullReporter(),
            Wishes(on_failure="stop"),
        )
        pipeline.apply("settings", answers)

    def journal(self) -> Journal:
        """The newest run's."""
        store = Store(self.state)
        return store.journal(store.runs()[-1])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize(
    "closed", share(("<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"), one_in=3)
)
def test_a_run_is_taken_back_whichever_of_its_streams_are_closed(
    closed: str, place: Place, tmp_path: Path
) -> None:
    place.write()
    program = [sys.executable, "-P", "-m", "wizard", "rollback", "--yes"]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *program, "--state-dir", place.state],
        capture_output=True, text=True, env=environment(HOME=str(tmp_path)), cwd=ROOT,
        stdin=subprocess.DEVNULL, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert not place.file.exists()
    assert place.journal().ledger.state == "rolled back"


@pytest.mark.parametrize("where", [">/dev/full", ">/dev/full 2>&1", "| true"])
def test_the_status_of_a_rollback_is_its_own_though_nobody_can_be_told(
    where: str, place: Place, tmp_path: Path
) -> None:
    place.write()
    program = [sys.executable, "-P", "-m", "wizard", "rollback", "--yes"]
    line = f'{{ "$@"; echo $? >{tmp_path}/status; }} {where}'
    subprocess.run(
        ["sh", "-c", line, "sh", *program, "--state-dir", place.state],
        capture_output=True, env=environment(HOME=str(tmp_path)), cwd=ROOT,
        stdin=subprocess.DEVNULL, timeout=120, check=False,
    )  # fmt: skip
    assert (tmp_path / "status").read_text() == "0\n"
    assert not place.file.exists()


def test_what_is_opened_never_takes_the_place_of_a_stream_that_is_closed(tmp_path: Path) -> None:
    # What is written to standard error would be in the journal, or on the disk that is opened.
    script = (
        "import os, sys; from wizard.cli import main; status = main(['completion', 'bash']); "
        "places = [os.readlink(f'/proc/self/fd/{number}') for number in range(3)]; "
        f"open({str(tmp_path / 'said')!r}, 'w').write(f'{{status}} {{places}}')"
    )
    subprocess.run(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-P", "-c", script],
        env=environment(HOME=str(tmp_path)), cwd=ROOT, timeout=120, check=True,
    )  # fmt: skip
    assert (tmp_path / "said").read_text() == f"0 {[os.devnull] * 3}"


def terminal(tmp_path: Path, *arguments: str) -> Terminal:
    program = [sys.executable, "-P", "-W", "error", "-m", "wizard", *arguments]
    return Terminal(program, ROOT, environment=environment(HOME=str(tmp_path)))


# ---- rollback


def test_rollback_takes_a_finished_run_back(place: Place) -> None:
    place.write()
    assert place.file.exists()
    shown = xen_setup("status", "--state-dir", place.state).stdout
    assert "finished" in shown
    done = xen_setup("rollback", "--yes", "--state-dir", place.state)
    assert done.returncode == Exit.DONE, done.stderr
    assert "1 action was taken back" in done.stdout
    assert not place.file.exists()
    assert "rolled back" in xen_setup("status", "--state-dir", place.state).stdout


def test_rollback_leaves_what_the_user_edited_and_says_so(place: Place) -> None:
    place.write()
    place.file.write_text("edited by its owner\n")
    done = xen_setup("rollback", "--yes", "--state-dir", place.state)
    assert done.returncode == Exit.ROLLBACK_INCOMPLETE
    assert str(place.file) in done.stderr
    assert place.file.read_text() == "edited by its owner\n"
    shown = xen_setup("status", "--state-dir", place.state).stdout
    assert "rollback incomplete" in shown
    assert str(place.file) in shown


def test_without_a_terminal_rollback_wants_yes(place: Place) -> None:
    place.write()
    done = xen_setup("rollback", "--state-dir", place.state)
    assert done.returncode == Exit.USAGE
    assert "--yes" in done.stderr
    assert place.file.exists()


@pytest.mark.parametrize(("answer", "status"), [("no", 10), ("", 10), ("yes", 0)])
def test_rollback_shows_what_it_takes_back_and_asks(
    place: Place, tmp_path: Path, answer: str, status: int
) -> None:
    place.write()
    with terminal(tmp_path, "rollback", "--state-dir", str(place.state)) as screen:
        screen.wait_for("Take all of this back?")
        assert "made.conf" in "".join(screen.whole_text.split())  # it may be wrapped
        screen.type(answer + ENTER)
        assert screen.ends() == status
        assert screen.is_whole
    assert place.file.exists() == (status != 0)


def test_rollback_to_a_step_that_no_run_has_names_those_it_has(place: Place) -> None:
    place.write()
    done = xen_setup("rollback", "--yes", "--to", "nonsense", "--state-dir", place.state)
    assert done.returncode == Exit.USAGE
    assert LAST in done.stderr


# ---- as far as a step


@pytest.mark.parametrize("command", [("apply", "x.yaml"), ("resume",)])
def test_a_step_to_go_as_far_as_must_be_one(place: Place, command: tuple[str, ...]) -> None:
    done = xen_setup(*command, "--to", "grub", "--no-input", "--state-dir", place.state)
    assert done.returncode == Exit.USAGE
    assert "--to grub: there is no step of that name." in done.stderr
    assert "grub_entry" in done.stderr


# ---- resume


def test_resume_before_the_boot_says_to_boot(place: Place) -> None:
    with pytest.raises(RebootNeeded):
        place.write(Reboot("To see another boot id."))
    done = xen_setup("resume", "--no-input", "--state-dir", place.state)
    assert done.returncode == Exit.REBOOT_NEEDED, done.stderr
    assert "sudo reboot" in done.stderr
    assert "sudo reboot" in xen_setup("status", "--state-dir", place.state).stdout


@pytest.fixture
def lesson(place: Place) -> Place:
    """A run that was begun as a lesson, and stopped."""
    with pytest.raises(Stopped):
        place.write(RunCommand(("false",), "It fails."))
    place.journal().append(Taught(on=True))
    return place


def test_resume_goes_on_with_a_lesson_by_itself(lesson: Place, tmp_path: Path) -> None:
    with terminal(tmp_path, "resume", "--state-dir", str(lesson.state)) as screen:
        screen.wait_for("How much do you want to see?")
        told = " ".join(screen.text.split())
        assert "It goes on with the step that it stopped in." in told
        assert "sudo xen-setup resume --no-teach" in told
        screen.type(CTRL_C)
        assert screen.ends() == Exit.INTERRUPTED
        assert "Go on with `sudo xen-setup resume`" in " ".join(screen.text.split())
        assert screen.is_whole
    assert lesson.journal().ledger.taught


def test_status_says_that_a_stopped_run_is_a_lesson(lesson: Place, tmp_path: Path) -> None:
    shown = xen_setup("status", "--state-dir", lesson.state).stdout
    assert "It is a lesson, and goes on as one. Without: sudo" in shown
    assert "resume --no-teach" in shown
    document = json.loads(xen_setup("status", "--json", "--state-dir", lesson.state).stdout)
    assert document["runs"][-1]["taught"] is True
    lesson.journal().append(Taught(on=False))
    assert "lesson" not in xen_setup("status", "--state-dir", lesson.state).stdout
    lesson.journal().append(RollbackBegun(""))
    with terminal(tmp_path, "resume", "--teach", "--state-dir", str(lesson.state)) as screen:
        assert screen.ends() == Exit.DONE
        told = " ".join(screen.text.split())
        assert "This run is a rollback, with no answers to ask for: it goes on without" in told


@pytest.mark.parametrize(
    ("words", "taught"), share([((), True), (("--no-teach",), False)], one_in=2)
)
def test_a_lesson_is_ended_by_a_word_and_not_because_nobody_is_there(
    lesson: Place, words: tuple[str, ...], taught: bool
) -> None:
    options = ("--no-input", "--on-failure", "stop", "--state-dir", lesson.state)
    done = xen_setup("resume", *words, *options)
    assert done.returncode == Exit.STOPPED, done.stderr
    assert lesson.journal().ledger.taught is taught


def test_who_asked_for_plain_lines_is_told_to_go_on_in_plain_lines(place: Place) -> None:
    with pytest.raises(RebootNeeded):
        place.write(Reboot("To see another boot id."))
    for words, expected in share([(("--plain",), "resume --plain`."), ((), "resume`.")], one_in=2):
        done = xen_setup("resume", *words, "--no-input", "--state-dir", place.state)
        assert f"go on with `sudo xen-setup {expected}" in done.stderr


def test_an_unfinished_run_stands_in_the_way_of_another_until_it_is_decided(
    place: Place, tmp_path: Path
) -> None:
    with pytest.raises(Stopped):
        place.write(RunCommand(("false",), "It fails."))
    shown = xen_setup("status", "--state-dir", place.state).stdout
    assert "stopped" in shown
    assert "sudo xen-setup resume" in shown
    with terminal(tmp_path, "--state-dir", str(place.state)) as screen:
        assert screen.ends() == Exit.STOPPED
        assert "xen-setup rollback" in screen.whole_text.replace("\n", " ")
    done = xen_setup("rollback", "--yes", "--state-dir", place.state)
    assert done.returncode == Exit.DONE
    assert not place.file.exists()


def test_a_journal_that_was_tampered_with_is_not_used(place: Place) -> None:
    place.write()
    (journal,) = place.state.glob("runs/*/journal.jsonl")
    journal.write_bytes(journal.read_bytes().replace(b"made.conf", b"else.conf", 1))
    done = xen_setup("rollback", "--yes", "--state-dir", place.state)
    assert done.returncode not in {Exit.DONE, Exit.ROLLBACK_INCOMPLETE}
    assert "damaged" in done.stderr
    assert "Traceback" not in done.stderr
    assert place.file.exists()


def test_a_failed_run_rolls_back_by_itself_when_nobody_decides(place: Place) -> None:
    # The same engine as above, with the policy of an unattended run.
    pieces = [
        Piece(WriteFile(str(place.file), "made\n", "A test's own."), place.file.exists),
        Piece(RunCommand(("false",), "It fails."), lambda: False),
    ]
    pipeline = Pipeline(
        [Task(LAST, pieces)], frozenset, Store(place.state), Machine(work=place.state / "work"),
        NullReporter(),
    )  # fmt: skip
    with pytest.raises(StepFailed) as failure:
        pipeline.apply("settings", "version: 1\n")
    assert failure.value.status == Exit.ROLLED_BACK
    assert not place.file.exists()


# ---- the guided run, as far as it goes without a change


def to_the_first_question(screen: Terminal, *, plain: bool = False) -> None:
    """This machine may not be fit to become a Xen host: then that is said and asked first."""
    ends = time.monotonic() + PATIENCE
    question, unfit = "How much memory does the host itself", "ask the questions all the same"
    while question not in screen.text and unfit not in screen.text and time.monotonic() < ends:
        screen.is_quiet()
    if unfit in screen.text:
        screen.wait_for("What now?")
        screen.type(("2" if plain else DOWN) + ENTER)
    screen.wait_for(question)


@pytest.mark.parametrize("plain", share([True, False], one_in=2))
def test_quit_at_the_first_question_changes_nothing(tmp_path: Path, plain: bool) -> None:
    options = ["--plain"] if plain else []
    with terminal(tmp_path, *options, "--state-dir", str(tmp_path / "state")) as screen:
        to_the_first_question(screen, plain=plain)
        screen.type("quit" + ENTER)
        assert screen.ends() == Exit.CANCELLED
        assert "Nothing was changed" in screen.whole_text
        assert screen.is_whole
        assert not plain or b"\x1b" not in screen.raw
    assert not (tmp_path / "state").exists()


@pytest.mark.slow  # every way to stop at a question: interview/test_terminal.py
def test_ctrl_c_at_a_question_gives_the_terminal_back(tmp_path: Path) -> None:
    with terminal(tmp_path, "--state-dir", str(tmp_path / "state")) as screen:
        to_the_first_question(screen)
        screen.type(CTRL_C)
        assert screen.ends() == Exit.INTERRUPTED
        assert "Nothing was changed" in screen.whole_text
        assert screen.is_whole


@pytest.mark.parametrize("number", share([signal.SIGTERM, signal.SIGHUP], one_in=2))
def test_a_signal_at_a_question_gives_the_terminal_back(
    tmp_path: Path, number: signal.Signals
) -> None:
    with terminal(tmp_path, "--state-dir", str(tmp_path / "state")) as screen:
        to_the_first_question(screen)
        screen.signal(number)
        assert screen.ends() == 128 + number
        assert screen.is_whole
