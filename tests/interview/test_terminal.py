"""The interview in a real pseudo-terminal of 80 by 24: drawn, and in plain lines."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from steps.settings import Settings
from tests.cli.program import BYTECODE
from tests.fast import share
from tests.interview.keys import ANSWERED, chosen
from tests.interview.replay import check_replay
from tests.machines import stock
from tests.terminal import CTRL_C, CTRL_D, DOWN, ENTER, PATIENCE, UP, Terminal
from wizard.answer_file import read_text
from wizard.answers import Answers, settle

ROOT = Path(__file__).parents[2]
MODES = ("drawn", "plain")
MEMORY = "How much memory does the host itself (dom0) keep?"
CONSOLE = "Where do Xen and the host show their messages?"


def start(folder: Path, mode: str, *more: str, machine: str = "stock") -> Terminal:
    environment = {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": BYTECODE}
    if mode == "plain":
        environment["TERM"] = "dumb"
    words = [*more, *([machine] if machine else [])]
    program = [sys.executable, "-W", "error", "-m", "tests.interview.conversation", *words]
    return Terminal(program, folder, environment=environment)


def stands_at(terminal: Terminal, prompt: str) -> None:
    """Wait until it asks that, and goes no further by itself."""
    ends = time.monotonic() + PATIENCE
    while not terminal.is_quiet(0.6) or prompt not in terminal.asked:
        assert time.monotonic() < ends, f"It does not stand at {prompt}:\n{terminal.text}"


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def terminal(tmp_path: Path, mode: str) -> Iterator[Terminal]:
    with start(tmp_path, mode) as terminal:
        yield terminal


def test_enter_everywhere_agrees_to_what_is_suggested(terminal: Terminal, mode: str) -> None:
    terminal.wait_for(MEMORY)
    terminal.type(ENTER)
    for prompt in (
        CONSOLE, "Which bridge", "Which network card", "Where shall", "volume group called",
        "Which device", "new partition", "guest called", "root volume?", "Which filesystem",
        "its address", "further packages", "(hidden)", "start with the host", "Another one?",
        "must boot into Xen",
    ):  # fmt: skip
        terminal.wait_for(prompt)
        terminal.type(chosen(terminal.asked) + ENTER)
    terminal.wait_for("What now?")
    assert "THE PLAN for vm01" in terminal.whole_text
    terminal.type(ENTER)
    assert 0 == terminal.ends()
    assert terminal.is_whole
    settings = str(settle(Answers(Settings), stock()))
    assert settings in terminal.raw.decode()
    if mode == "plain":
        assert b"\x1b" not in terminal.raw


def test_the_keys_of_the_guided_journey_answer_every_question_of_the_steps(tmp_path: Path) -> None:
    with start(tmp_path, "drawn", "--steps") as terminal:
        for words, keys in ANSWERED:
            terminal.wait_for(words)
            terminal.type(keys)
        assert 0 == terminal.ends()
        assert "after_reboot='by-itself'" in terminal.raw.decode()
        assert "root_password='$6$" in terminal.raw.decode()


def test_no_line_is_cut_at_eighty_columns(terminal: Terminal) -> None:
    terminal.wait_for(MEMORY)
    terminal.type("?" + ENTER)
    terminal.wait_for("comfortable for a host that only runs guests.")
    terminal.type(CTRL_C)
    assert 130 == terminal.ends()
    assert "in now, and the" in " ".join(terminal.text.split())


def test_a_wrong_answer_says_why_and_can_be_mended(terminal: Terminal) -> None:
    terminal.wait_for(MEMORY)
    terminal.type("64MiB" + ENTER)
    terminal.wait_for("is not a size of at least 512MiB")
    terminal.type("2GiB" + ENTER)
    terminal.wait_for(CONSOLE)
    terminal.type(CTRL_C)
    assert 130 == terminal.ends()


def test_quit_ends_with_status_ten_and_says_that_nothing_was_changed(terminal: Terminal) -> None:
    terminal.wait_for(MEMORY)
    terminal.type("quit" + ENTER)
    assert 10 == terminal.ends()
    assert terminal.is_whole
    assert "Nothing was changed." in terminal.text
    assert "Traceback" not in terminal.whole_text


# The prompt before a key is pressed: a line, a list, a hidden line.
PLACES = {
    MEMORY: [],
    CONSOLE: [],
    "(hidden)": ["--set", "host.dom0_memory=1GiB", "--set", "host.console=both",
                 "--set", "host.bridge=none", "--set", "storage.use=existing-group",
                 "--set", "storage.volume_group=x", "--set", "guests.0.name=a",
                 "--set", "guests.0.root_size=2GiB", "--set", "guests.0.filesystem=ext4",
                 "--set", "guests.0.network=dhcp", "--set", "guests.0.packages="],
}  # fmt: skip
ENDINGS = {
    "Ctrl-C": (130, "Stopped by Ctrl-C."),
    "Ctrl-D": (
        10,
        "You left with Ctrl-D, the end of the input. Nothing was changed. To go on, "
        "start the same command again.",
    ),
    "SIGINT": (130, "Stopped by Ctrl-C."),
    "SIGTERM": (143, "Stopped by the signal SIGTERM."),
    "SIGHUP": (129, "Stopped by the end of the terminal session."),
}


# The signals that reach a drawn and a plain prompt by one way are tried where most is at stake.
@pytest.mark.parametrize(
    ("place", "ending"),
    share(
        [(place, ending) for place in PLACES for ending in ("Ctrl-C", "Ctrl-D", "SIGTERM")]
        + [("(hidden)", "SIGINT"), ("(hidden)", "SIGHUP")],
        one_in=3,
    ),
)
def test_every_way_to_stop_leaves_the_terminal_whole(
    tmp_path: Path, mode: str, place: str, ending: str
) -> None:
    with start(tmp_path, mode, *PLACES[place]) as terminal:
        if place == CONSOLE:
            terminal.wait_for(MEMORY)
            terminal.type(ENTER)
        terminal.wait_for(place)
        match ending:
            case "Ctrl-C":
                terminal.type(CTRL_C)
            case "Ctrl-D":
                terminal.type(CTRL_D)
            case _:
                terminal.signal(signal.Signals[ending])
        status, words = ENDINGS[ending]
        assert status == terminal.ends()
        assert terminal.is_whole
        shown = " ".join(terminal.text.split())
        assert words in shown
        assert "Nothing was changed." in shown
        assert "Traceback" not in shown
        assert [] == list(tmp_path.iterdir())


def test_a_password_is_never_on_the_screen(tmp_path: Path, mode: str) -> None:
    with start(tmp_path, mode, *PLACES["(hidden)"]) as terminal:
        terminal.wait_for("root password (hidden)")
        terminal.type("PLANTED" + ENTER)
        terminal.wait_for("The same again")
        terminal.type("PLANTED" + ENTER)
        terminal.wait_for("start with the host")
        assert b"PLANTED" not in terminal.raw
        terminal.type(CTRL_C)
        assert 130 == terminal.ends()
        assert terminal.is_whole


def test_enter_alone_does_not_lock_everybody_out(tmp_path: Path, mode: str) -> None:
    with start(tmp_path, mode, "--steps", *PLACES["(hidden)"]) as terminal:
        ends, answered = time.monotonic() + PATIENCE, ""
        while "root password" not in terminal.asked:
            assert time.monotonic() < ends, terminal.text
            # Quiet before its first word too, and between an Enter and what comes of it.
            if terminal.is_quiet() and terminal.text != answered:
                answered = terminal.text
                terminal.type(ENTER)
        assert "Nothing is suggested: without a password or an SSH key" in terminal.text
        for keys, words in (
            (ENTER, "An answer is needed here: without a password or an SSH key nobody could"),
            (f"locked{ENTER}", "Which public SSH keys may log in as root?"),
            (ENTER, "An answer is needed here: no password opens this guest"),
            (f"-{ENTER}", "How much memory does the guest"),
        ):
            terminal.type(keys)
            terminal.wait_for(words)
        terminal.type(CTRL_C)
        assert 130 == terminal.ends()
        assert terminal.is_whole


def test_ones_own_keys_are_offered_and_enter_alone_takes_none(tmp_path: Path, mode: str) -> None:
    rest = ("guests.0.release=bookworm", "guests.0.swap_size=none")
    given = [*PLACES["(hidden)"], *(word for one in rest for word in ("--set", one))]
    with start(tmp_path, mode, "--steps", *given, machine="desktop") as terminal:
        terminal.wait_for("root password (hidden)")
        terminal.type(f"locked{ENTER}")
        stands_at(terminal, "Which public SSH keys")
        for words in ("ssh-ed25519  you@desktop  SHA256:", "all 2 of these", "another one: type it",
                      "Choose a key; or none all the same."):  # fmt: skip
            assert words in terminal.text
        terminal.type(ENTER)
        terminal.wait_for("Whoever has such a key logs in over the network, without a password. ")
        stands_at(terminal, "Which public SSH keys")
        terminal.type(f"1{ENTER}" if mode == "plain" else UP * 5 + ENTER)
        terminal.wait_for("How much memory does the guest")
        terminal.type(f"back{ENTER}")
        terminal.wait_for("Which public SSH keys")
        terminal.type(CTRL_C)
        assert 130 == terminal.ends()
        assert terminal.is_whole


def test_answers_are_saved_and_replay(terminal: Terminal, tmp_path: Path) -> None:
    terminal.wait_for(MEMORY)
    terminal.type("3GiB" + ENTER)
    terminal.wait_for(CONSOLE)
    terminal.type(ENTER * 12)
    terminal.wait_for("(hidden)")
    terminal.type(f"locked{ENTER}")
    terminal.wait_for("start with the host")
    terminal.type(ENTER * 3)
    terminal.wait_for("What now?")
    terminal.type(f"save{ENTER}")
    terminal.wait_for("Which file?")
    terminal.type(ENTER)
    assert 10 == terminal.ends()
    assert "sudo xen-setup apply" in terminal.whole_text
    text = (tmp_path / "answers.yaml").read_text()
    settings = settle(read_text(text, Settings), stock())
    assert 3072 == settings.host.dom0_memory
    check_replay(settings, stock())


def test_the_decision_is_taken_by_letters_that_stand_beside_it(tmp_path: Path, mode: str) -> None:
    enter = ENTER if mode == "plain" else ""
    with start(tmp_path, mode, *PLACES["(hidden)"]) as terminal:
        terminal.wait_for("(hidden)")
        terminal.type(f"locked{ENTER}")
        terminal.wait_for("start with the host")
        terminal.type(ENTER * 2)
        stands_at(terminal, "What now?")
        for keys in ("[apply or a]", "[save or s]", "back or b", "quit or q"):
            assert keys in terminal.text
        terminal.type("s" + enter)
        stands_at(terminal, "Which file?")
        terminal.type(f"back{ENTER}")
        stands_at(terminal, "What now?")
        terminal.type("b" + enter)
        stands_at(terminal, "must boot into Xen")
        terminal.type(ENTER)
        stands_at(terminal, "What now?")
        terminal.type("a" + enter)
        assert 0 == terminal.ends()
        assert terminal.is_whole
        assert "Settings(" in terminal.raw.decode()
    assert [] == list(tmp_path.iterdir())


def test_no_letter_leads_where_one_cannot_go(tmp_path: Path, mode: str) -> None:
    rest = ("guests.0.root_password=locked", "guests.0.autostart=yes", "host.after_reboot=by-hand")
    everything = [*PLACES["(hidden)"], *(word for one in rest for word in ("--set", one))]
    enter = ENTER if mode == "plain" else ""
    with start(tmp_path, mode, *everything) as terminal:
        stands_at(terminal, "What now?")
        assert "none was asked" in terminal.text
        assert "back or b" not in terminal.text
        terminal.type("b" + enter)
        stands_at(terminal, "What now?")
        terminal.type("q" + enter)
        assert 10 == terminal.ends()


@pytest.mark.parametrize("controlling", [True, False])
def test_a_terminal_that_is_gone_ends_it_with_a_sentence(
    tmp_path: Path, mode: str, controlling: bool
) -> None:
    ours, theirs = pty.openpty()
    words = tmp_path / "words"
    term = {"TERM": "dumb" if mode == "plain" else "xterm"}
    with words.open("w") as errors:
        program = subprocess.Popen(
            [sys.executable, "-m", "tests.interview.conversation", "stock"],
            stdin=theirs, stdout=theirs, stderr=errors, start_new_session=True, cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **term},
            preexec_fn=(  # noqa: PLW1509 - there are no threads here
                (lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) if controlling else None
            ),
        )  # fmt: skip
    os.close(theirs)
    shown = b""
    while b"keep?" not in shown:
        shown += os.read(ours, 65536)
    os.close(ours)
    status = program.wait(PATIENCE)
    # The kernel tells of it by a signal to whoever has it as the controlling terminal.
    assert status in ({129, 10} if controlling else {10})
    assert "Nothing was changed." in words.read_text()
    assert "Ctrl-D" not in words.read_text()
    assert "Traceback" not in words.read_text()


@pytest.mark.parametrize(("keys", "seconds", "outcome"), [
    ("", "0.5", "The time is up."),
    ("yes" + ENTER, "60", "Agreed: True"),
    ("perhaps" + ENTER + "no" + ENTER, "60", "Agreed: False"),
])  # fmt: skip
def test_a_confirmation_waits_no_longer_than_it_may(
    tmp_path: Path, mode: str, keys: str, seconds: str, outcome: str
) -> None:
    with start(tmp_path, mode, "--confirm", seconds, machine="") as terminal:
        terminal.wait_for("Is it well?")
        terminal.type(keys)
        assert 0 == terminal.ends()
        assert outcome in terminal.text
        assert terminal.is_whole


def test_a_line_without_a_size_is_taken_for_eighty_columns(tmp_path: Path, mode: str) -> None:
    with start(tmp_path, mode) as terminal:
        terminal.process.setwinsize(0, 0)
        terminal.wait_for(MEMORY)
        terminal.type(ENTER)
        terminal.wait_for(CONSOLE)
        terminal.type(CTRL_C)
        assert 130 == terminal.ends()


# ---- drawn only


def test_a_list_is_moved_through_and_helped_with_single_keys(tmp_path: Path) -> None:
    with start(tmp_path, "drawn") as terminal:
        terminal.wait_for(MEMORY)
        terminal.type(ENTER)
        terminal.wait_for("» serial")
        terminal.type("?")
        terminal.wait_for("through hvc0")
        terminal.wait_for("» serial")
        terminal.type(UP)
        terminal.wait_for("» screen")
        terminal.type("b")
        terminal.wait_for(MEMORY, without="» screen")
        terminal.type(ENTER)
        terminal.wait_for("» serial")
        terminal.type("q")
        assert 10 == terminal.ends()


@pytest.mark.parametrize("keys", share(["b", "back", f"b{ENTER}", f"back{ENTER}"], one_in=4))
def test_back_is_understood_in_a_list_as_a_letter_and_as_a_word(
    tmp_path: Path, mode: str, keys: str
) -> None:
    if mode == "plain" and ENTER not in keys:
        keys += ENTER
    with start(tmp_path, mode) as terminal:
        terminal.wait_for(MEMORY)
        terminal.type(f"2GiB{ENTER}")
        terminal.wait_for("back or b")
        terminal.type(keys)
        # Nothing of it, and no Enter, has answered the question that it went back to.
        stands_at(terminal, MEMORY)
        assert terminal.asked.endswith("[2GiB]:" if mode == "plain" else "(2GiB)")
        terminal.type(f"b{ENTER}")
        terminal.wait_for("This is the first question.")
        terminal.type(f"?{ENTER}{ENTER}")
        terminal.wait_for(CONSOLE)
        terminal.type(f"?{ENTER}")
        terminal.wait_for("through hvc0")
        stands_at(terminal, CONSOLE)
        terminal.type(f"q{ENTER}")
        assert 10 == terminal.ends()


def test_what_is_typed_ahead_is_not_lost(tmp_path: Path) -> None:
    with start(tmp_path, "drawn") as terminal:
        terminal.type("\n" * 4)  # as the terminal hands over an Enter that nobody waited for
        terminal.wait_for("Where shall")
        terminal.type("\n")
        terminal.wait_for("volume group called")
        terminal.type(CTRL_C)
        assert 130 == terminal.ends()


def test_what_cannot_be_chosen_is_passed_over(tmp_path: Path) -> None:
    with start(tmp_path, "drawn", "--set", "host.bridge=none") as terminal:
        terminal.wait_for(MEMORY)
        terminal.type(ENTER * 2)
        terminal.wait_for("(there is none on this machine)")
        terminal.wait_for("» free-space")
        terminal.type(UP)
        terminal.wait_for("» quit")  # round the end of the list, over the one that is refused
        terminal.type(CTRL_C)
        assert 130 == terminal.ends()


def test_a_terminal_made_smaller_and_larger_still_shows_the_question(tmp_path: Path) -> None:
    with start(tmp_path, "drawn") as terminal:
        terminal.wait_for(MEMORY)
        terminal.type(ENTER)
        terminal.wait_for("» serial")
        for columns, rows in ((40, 12), (200, 50), (80, 24)):
            terminal.resize(columns, rows)
            terminal.type(DOWN)
            terminal.wait_for("» both")
            terminal.type(UP)
            terminal.wait_for("» serial")
        terminal.type(ENTER)
        terminal.wait_for("Which bridge")
        terminal.type(CTRL_C)
        assert 130 == terminal.ends()
        assert terminal.is_whole


# ---- plain only


def test_plain_lines_are_chosen_by_number_or_word(tmp_path: Path) -> None:
    with start(tmp_path, "drawn", "--plain") as terminal:
        terminal.wait_for(MEMORY)
        terminal.type(ENTER)
        terminal.wait_for("messages? [2]:")
        assert "2  serial  the first serial port  (default)" in terminal.text
        terminal.type("7" + ENTER)
        terminal.wait_for("Type a number, 1 to 3, or one of the words above.")
        terminal.type("3" + ENTER)
        terminal.wait_for("Which bridge")
        terminal.type("back" + ENTER)
        terminal.wait_for("messages? [3]:")
        terminal.type("screen" + ENTER)
        terminal.wait_for("== Network bridge")
        terminal.type("quit" + ENTER)
        assert 10 == terminal.ends()
        assert b"\x1b" not in terminal.raw


def test_no_terminal_is_a_usage_error_that_names_what_to_do() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.interview.conversation", "stock"],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    assert 2 == done.returncode
    assert "xen-setup apply ANSWERS" in done.stderr
    assert "" == done.stdout
