"""Whoever leaves the questions finds the answers again: kept for its owner alone, offered once."""

from __future__ import annotations

import os
import signal
import stat
import sys
import time
from pathlib import Path

import pytest

from steps.settings import Settings
from tests.cli.program import BYTECODE, ROOT, STOCK, environment
from tests.credentials import HASH
from tests.fast import share
from tests.interview.conversation import STEPS
from tests.interview.keys import Deciding
from tests.interview.replay import check_replay
from tests.interview.test_interview import hashed
from tests.machines import machines, stock
from tests.terminal import CTRL_C, CTRL_D, ENTER, PATIENCE, Terminal
from wizard.answer_file import read_text, write_answers
from wizard.answers import Answers
from wizard.arguments import Arguments
from wizard.decision import Review, guided
from wizard.errors import Cancelled, Exit, Interrupted, SetupError
from wizard.interview import Interview
from wizard.kept_answers import KeptAnswers, beneath, fitting, kept_path
from wizard.program import interview
from wizard.prompts import InputEnded, ScriptedPrompter
from wizard.step import Problem

MEMORY = "How much memory does the host itself (dom0) keep?"
CONSOLE = "Where do Xen and the host show their messages?"
PLACE = ".local/state/xen-setup/answers-so-far.yaml"
KEPT = "Your answers so far are kept in"


def talk(
    place: Path,
    answers: list[str],
    *,
    given: Answers[Settings] | None = None,
    machine: str = "stock",
    leaves: BaseException | None = None,
) -> tuple[Settings | None, ScriptedPrompter, SetupError | None]:
    """A guided run as the program holds it: what was agreed to, or how it was left."""
    facts, prompter = machines()[machine], Leaving(answers, leaves or Cancelled("You quit."))
    kept = KeptAnswers(Settings, place)
    given = given or Answers(Settings)
    earlier = kept.offered(prompter)
    interview = Interview(
        STEPS, given if earlier is None else beneath(earlier, given), facts, prompter,
        hasher=hashed, preset=given.given, preset_lists=given.counts,
    )  # fmt: skip
    try:
        settings = guided(
            interview, facts, prompter, lambda _: Review(True), place.parent / "saved.yaml",
            kept=kept,
        )  # fmt: skip
    except SetupError as error:
        return None, prompter, error
    check_replay(settings, facts)
    return settings, prompter, None


class Leaving(Deciding):
    """Leaves in that way when the script is at its end."""

    def __init__(self, answers: list[str], leaves: BaseException) -> None:
        super().__init__(answers)
        self.leaves = leaves

    def _next(self, prompt: str, default: str) -> str:
        if not self._answers:
            raise self.leaves
        return super()._next(prompt, default)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "state" / "xen-setup" / "answers.yaml"


def test_what_was_answered_is_suggested_again_and_gone_once_it_is_agreed_to(place: Path) -> None:
    nothing, _, left = talk(place, ["2GiB", "both", "quit"])
    assert nothing is None
    assert left is not None
    assert f"Nothing was changed. {KEPT} {place}: the next start offers them again." == left.hint
    assert 0o600 == stat.S_IMODE(place.stat().st_mode)
    settings, prompter, _ = talk(place, ["on", *[""] * 17, "apply"])
    assert settings is not None
    assert (2048, "both") == (settings.host.dom0_memory, settings.host.console)
    assert "Go on with these answers?" == prompter.asked[0][0]
    assert [(MEMORY, "2GiB"), (CONSOLE, "both")] == prompter.asked[1:3]
    assert not place.exists()


@pytest.mark.parametrize(
    "how", [Interrupted("Stopped.", status=Exit.TERMINATED), KeyboardInterrupt(), SystemExit(143),
            OSError(5)],
    ids=["a signal", "Ctrl-C between two prompts", "another signal there", "a mistake of ours"],
)  # fmt: skip
def test_however_it_is_left_the_answers_are_kept(place: Path, how: BaseException) -> None:
    kept = KeptAnswers(Settings, place)
    prompter = Leaving(["2GiB"], how)
    interview = Interview(STEPS, Answers(Settings), stock(), prompter)
    with pytest.raises((SetupError, SystemExit, OSError)) as left:
        guided(interview, stock(), prompter, lambda _: Review(True), kept=kept)
    assert "dom0_memory: 2GiB" in place.read_text()
    assert not isinstance(left.value, SetupError) or str(place) in left.value.hint


def test_who_answered_nothing_leaves_nothing_behind(place: Path) -> None:
    given = Answers(Settings).with_answer("host.bridge", "none")
    _, _, left = talk(place, ["quit"], given=given)
    assert left is not None
    assert "Nothing was changed." == left.hint
    assert not place.parent.exists()


def test_who_begins_anew_or_saves_the_answers_has_none_kept(place: Path) -> None:
    talk(place, ["2GiB", "quit"])
    _, prompter, _ = talk(place, ["anew", "quit"])
    assert (MEMORY, "1GiB") == prompter.asked[1]
    assert not place.exists()
    talk(place, ["2GiB", "quit"])
    _, _, left = talk(place, ["on", *[""] * 17, "save", ""])
    assert left is not None
    assert "saved.yaml" in left.what
    assert ["saved.yaml"] == [path.name for path in place.parent.iterdir()]


def test_the_file_itself_says_that_it_is_no_finished_one(place: Path) -> None:
    talk(place, ["2GiB", "quit"])
    head = [line for line in place.read_text().splitlines() if line.startswith("#")]
    assert "# The answers so far to questions of xen-setup that were left" in head[0]
    assert "THIS-FILE" not in place.read_text()
    assert "the next guided start offers them again" in " ".join(head)
    finished = write_answers(Answers(Settings).with_answer("host.console", "both"))
    assert "apply THIS-FILE" in finished


def test_what_is_given_now_counts_over_what_was_kept(place: Path) -> None:
    talk(place, ["2GiB", "both", "quit"])
    given = Answers(Settings).with_answer("host.dom0_memory", 3072)
    settings, prompter, _ = talk(place, ["on", *[""] * 16, "apply"], given=given)
    assert settings is not None
    assert 3072 == settings.host.dom0_memory
    assert MEMORY not in [prompt for prompt, _ in prompter.asked]


def test_a_password_is_kept_as_its_hash_and_a_second_guest_too(place: Path) -> None:
    guest = [""] * 5
    talk(place, [*[""] * 8, *guest, "geheim", "geheim", "", "yes", "web", "quit"])
    kept = read_text(place.read_text(), Settings)
    assert "geheim" not in place.read_text()
    assert hashed("geheim") == kept.given["guests.0.root_password"].value
    assert 2 == kept.counts["guests"]
    settings, _, _ = talk(place, ["on", *[""] * 15, "", "", *[""] * 6, "", "", "apply"])
    assert settings is not None
    assert ["vm01", "web"] == [one.name for one in settings.guests]
    assert hashed("geheim") == settings.guests[0].root_password


def test_what_was_agreed_to_lose_is_agreed_to_anew(place: Path) -> None:
    device, agrees = "/dev/disk/by-id/virtio-vdd-serial", "/dev/vdd"
    given = Answers(Settings).with_answer("host.bridge", "none")
    given = given.with_answer("storage.use", "device")
    talk(place, ["", "", "", device, agrees, "quit"], given=given, machine="foreign")
    text = place.read_text()
    assert device in text
    assert "overwrite" not in text
    _, prompter, _ = talk(place, ["on", "", "", "", "", agrees], given=given, machine="foreign")
    assert ("Which device?", device) == prompter.asked[4]
    assert "to agree" in prompter.asked[5][0]


@pytest.mark.parametrize(
    ("text", "mode"),
    [("version: 99\n", 0o600), ("\0", 0o600), ("version: 1\n", 0o666), ("b: [", 0o600)],
)
def test_what_cannot_be_trusted_or_read_is_not_used_and_said(
    place: Path, text: str, mode: int
) -> None:
    place.parent.mkdir(parents=True)
    place.write_text(text)
    place.chmod(mode)
    _, prompter, _ = talk(place, ["quit"])
    assert f"The answers kept in {place} cannot be used: " in prompter.said[0]
    assert "Every question is asked anew" in prompter.said[0]
    assert MEMORY == prompter.asked[0][0]


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's process is started")
def test_a_folder_that_may_not_be_looked_into_is_said(place: Path) -> None:
    talk(place, ["2GiB", "quit"])
    prompter = Leaving([], Cancelled("You quit."))
    os.seteuid(65534)  # root, too, may look into no home that a server keeps from it
    try:
        assert KeptAnswers(Settings, place).offered(prompter) is None
    finally:
        os.seteuid(0)
    assert "cannot be used: Permission denied." in prompter.said[0]


def test_who_quits_at_the_offer_is_offered_them_again(place: Path) -> None:
    talk(place, ["2GiB", "quit"])
    before = place.read_text()
    with pytest.raises(Cancelled) as left:
        KeptAnswers(Settings, place).offered(Leaving(["quit"], Cancelled("")))
    assert f"Nothing was changed. {KEPT} {place}: the next start offers them again." == (
        left.value.hint
    )
    assert before == place.read_text()


def test_a_folder_that_cannot_be_made_is_said_and_nothing_else_is_lost(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    _, _, left = talk(tmp_path / "file" / "answers.yaml", ["2GiB", "quit"])
    assert left is not None
    assert "Your answers so far could not be kept: " in left.hint


def test_the_place_is_the_users_own() -> None:
    assert Path("/x/xen-setup/answers-so-far.yaml") == kept_path({"XDG_STATE_HOME": "/x"})
    assert Path("/root") / PLACE == kept_path({"HOME": "/root", "XDG_STATE_HOME": "x"})
    assert kept_path({}) is None


WAYS = {"quit": (f"quit{ENTER}", 10), "Ctrl-C": (CTRL_C, 130), "SIGTERM": ("", 143),
        "SIGHUP": ("", 129), "Ctrl-D": (CTRL_D, 10)}  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "way"), share([(mode, way) for mode in ("drawn", "plain") for way in WAYS], one_in=5)
)
def test_in_a_terminal_they_are_kept_whatever_ends_it(tmp_path: Path, mode: str, way: str) -> None:
    words = ["-m", "tests.interview.conversation", "--kept", *["--plain"] * (mode == "plain")]
    program = [sys.executable, "-W", "error", *words, "stock"]
    home = {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": BYTECODE, "HOME": str(tmp_path)}
    keys, status = WAYS[way]
    with Terminal(program, tmp_path, environment=home) as terminal:
        terminal.wait_for(MEMORY)
        terminal.type(f"2GiB{ENTER}")
        terminal.wait_for(CONSOLE)
        terminal.type(ENTER * 3)
        terminal.wait_for("Where shall the guests' disks live?")
        terminal.type(ENTER)
        terminal.wait_for("volume group called")
        if keys:
            terminal.type(keys)
        else:
            terminal.signal(signal.Signals[way])
        assert status == terminal.ends()
        assert terminal.is_whole
        assert f"Nothing was changed. {KEPT}" in " ".join(terminal.text.split())
    assert [tmp_path / PLACE] == [path for path in tmp_path.rglob("*") if path.is_file()]
    with Terminal(program, tmp_path, environment=home) as terminal:
        terminal.wait_for("Go on with these answers?")
        terminal.type(ENTER)
        terminal.wait_for(f"{MEMORY} [2GiB]:" if mode == "plain" else f"{MEMORY}  (2GiB)")
        terminal.type(CTRL_C)
        assert 130 == terminal.ends()
        assert terminal.is_whole


@pytest.mark.slow  # it reads the machine; the ones above hold the same conversation without
@pytest.mark.skipif(os.geteuid() != 0, reason="a guided run needs root")
def test_the_program_itself_keeps_them_and_a_simulated_run_does_not(tmp_path: Path) -> None:
    program = [sys.executable, "-P", "-W", "error", "-m", "wizard", "--plain"]
    program += ["--state-dir", str(tmp_path / "runs")]
    for simulate in (["--simulate", "stock"], []):
        with Terminal([*program, *simulate], ROOT,
                      environment=environment(HOME=str(tmp_path))) as terminal:  # fmt: skip
            ends = time.monotonic() + PATIENCE
            while MEMORY not in terminal.text:  # this machine may not be fit
                assert time.monotonic() < ends, terminal.text
                if terminal.is_quiet() and "What now?" in terminal.asked:
                    terminal.type(f"on{ENTER}")
            terminal.type(f"1GiB{ENTER}")
            terminal.wait_for(CONSOLE)
            terminal.type(CTRL_C)
            assert 130 == terminal.ends()
            assert (KEPT in terminal.text) is not bool(simulate)
        assert (tmp_path / PLACE).exists() is not bool(simulate)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("how", "words"),
    [(Interrupted("Stopped.", status=Exit.TERMINATED), "Nothing was changed."),
     (InputEnded("You left.", hint="Start again."), "Nothing was changed. Start again.")],
    ids=["a signal", "the end of input"],
)  # fmt: skip
def test_who_leaves_at_the_first_words_is_told_that_nothing_was_changed(
    place: Path, how: SetupError, words: str
) -> None:
    talk(place, ["2GiB", "quit"])
    before = place.read_text()
    with pytest.raises(type(how)) as left:
        interview(Arguments(facts=STOCK), Leaving([], how), kept=KeptAnswers(Settings, place))
    assert words == left.value.hint
    assert before == place.read_text()  # they are offered once more


def test_what_no_longer_fits_the_machine_is_told_and_asked_as_new(place: Path) -> None:
    place.parent.mkdir(parents=True)
    place.write_text(
        "version: 1\nhost:\n  dom0_memory: 64GiB\n  console: both\n  bridge_card: eth7\n"
        "storage:\n  use: existing-group\n  volume_group: gone\n  device: /dev/sdz\n"
        f"guests:\n  - root_size: 500GiB\n    swap_size: 256MiB\n    root_password: {HASH}\n"
    )
    place.chmod(0o600)
    prompter = Leaving(["on", *[""] * 11], Cancelled("You quit."))
    with pytest.raises(Cancelled):
        interview(Arguments(facts=STOCK), prompter, kept=KeptAnswers(Settings, place))
    told = next(text for text in prompter.said if "still fit" in text)
    assert 6 == len(told.splitlines())
    for refused in ("64GiB. ", "eth7. ", "existing-group. ", "/dev/sdz. ", "500GiB. "):
        assert refused in told
    shown = dict(prompter.asked)
    assert ("1GiB", "both") == (shown[MEMORY], shown[CONSOLE])
    assert "ens3" == shown["Which network card goes into the bridge?"]
    assert "gone" == shown["What is the volume group called?"]
    assert "2GiB" == shown["How large is the guest's root volume?"]
    assert "256MiB" == shown["How large is its swap volume?"]
    assert HASH in place.read_text()


def test_a_device_whose_loss_is_agreed_to_anew_still_fits() -> None:
    device = "/dev/disk/by-id/virtio-vdd-serial"
    kept = Answers(Settings).with_answer("storage.use", "device")
    kept = kept.with_answer("storage.device", device)
    facts, prompter = machines()["foreign"], Leaving([], Cancelled(""))

    def objects(old: Answers[Settings], new: Answers[Settings]) -> list[Problem]:
        asked = "storage.device" in new.given
        return [Problem("device-in-use", "It holds something.", "")] if asked else []

    fit = fitting(kept, Answers(Settings), facts, objects, prompter)
    assert kept.given == fit.given
    assert [] == prompter.said
