"""`--teach`: every step is read, asked, shown, predicted, done and looked at; nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from steps import PIPELINE
from steps.expected_output import show
from steps.facts import Facts
from steps.played import Played
from steps.settings import Settings
from steps.teaching import exercises
from tests.cli.program import xen_setup
from tests.credentials import public_key
from tests.fast import share
from tests.machines import finished, machines
from tests.simulated.lesson import PAUSE, Learner, Lesson
from tests.simulated.playing import NOTHING, press_enter_until, terminal, tree
from wizard.actions import Action, InstallPackages
from wizard.answer_file import read_answers
from wizard.answers import Answers, draft, settle
from wizard.errors import Exit, StepFailed, Stopped
from wizard.simulation import Simulation
from wizard.step import step_name

NAMES = [step_name(step) for step in PIPELINE]
STOCK = machines()["stock"]
SETTINGS = settle(Answers(Settings), STOCK)
MORE = "Your answers ask for more of an earlier step"
# Commands that show, and change nothing.
SHOWING = {"bridge", "cat", "findmnt", "grep", "ls", "lvs", "systemctl", "vgs", "xl"}


# ---- what stands with each step


@pytest.mark.parametrize("name", NAMES)
def test_every_step_has_something_to_expect_and_a_command_that_shows_it(name: str) -> None:
    found = exercises(name, SETTINGS, STOCK)
    assert found
    assert found[0].guesses, "the first is asked about"
    for exercise in found:
        assert exercise.command[0] in SHOWING
        assert len(exercise.question.split()) > 3
        assert exercise.question.endswith("?")
        assert len(exercise.notice.split()) > 5
        for guess in exercise.guesses:
            assert len(guess.words) <= 70, "one line of a list"
            assert len(guess.answer.split()) > 5, "each guess is answered"


@pytest.mark.parametrize("machine", sorted(machines()))
@pytest.mark.parametrize("name", NAMES)
def test_what_is_shown_in_a_play_follows_from_the_facts(name: str, machine: str) -> None:
    facts = machines()[machine]
    settings = draft(Answers(Settings), facts).settings
    for exercise in exercises(name, settings, facts):
        for line in show(exercise.command, facts):
            assert line.isprintable()


def test_at_the_end_xl_list_shows_the_host_and_its_guest() -> None:
    lines = show(("xl", "list"), finished(STOCK))
    assert ["Name", "Domain-0", "vm01"] == [line.split()[0] for line in lines]
    assert all(len(line) <= 80 for line in lines)


# ---- the lesson


def test_a_lesson_leads_through_every_step_to_the_login_prompt(tmp_path: Path) -> None:
    lesson = Lesson(tmp_path, Learner())
    lesson.go()
    titles = [step.TITLE for step in PIPELINE]
    assert titles == list(dict.fromkeys(lesson.steps_taught()))
    heard = lesson.learner.all_heard
    for name in NAMES:
        for exercise in exercises(name, lesson.tutor.settings, lesson.simulation.read_facts()):
            assert exercise.notice.partition(".")[0] in heard
    assert "Then and now" in heard
    assert "What will happen, and why" in heard
    assert "That was the last step." in heard
    (run,) = lesson.store.runs()
    assert lesson.store.ledger(run).state == "finished"


def test_every_question_of_a_guided_run_is_asked_in_its_step(tmp_path: Path) -> None:
    lesson = Lesson(tmp_path, Learner())
    lesson.go()
    for words in ("dom0", "Which bridge", "volume group called", "guest called", "(hidden)"):
        assert any(words in prompt for prompt in lesson.learner.asked), words


@pytest.mark.parametrize("name", share(NAMES, one_in=4))
def test_a_guess_is_shown_beside_what_came_and_answered(name: str, tmp_path: Path) -> None:
    number = NAMES.index(name)
    for index, guess in enumerate(exercises(name, SETTINGS, STOCK)[0].guesses):
        picks = ["show"] * number + [str(index + 1)]
        folder = tmp_path / str(index)
        folder.mkdir()
        lesson = Lesson(folder, Learner({"Your guess?": picks}))
        lesson.go()
        heard = lesson.learner.all_heard
        assert f"You expected: {guess.words}" in heard
        assert guess.answer in heard


def test_what_one_says_in_own_words_stands_beside_what_came(tmp_path: Path) -> None:
    learner = Learner({"Your guess?": ["own"], "What will it show?": ["a penguin"]})
    Lesson(tmp_path, learner).go()
    assert "You expected: a penguin" in learner.all_heard


def test_again_shows_the_same_once_more_and_skip_goes_over_the_rest(tmp_path: Path) -> None:
    once, twice, over = (Learner({PAUSE: list(keys)}) for keys in ([], ["again"], ["skip"]))
    for number, learner in enumerate((once, twice, over)):
        folder = tmp_path / str(number)
        folder.mkdir()
        Lesson(folder, learner).go()
    idea = "A Xen host needs little"
    assert [1, 2, 1] == [each.all_heard.count(idea) for each in (once, twice, over)]
    assert once.all_heard.count("Then and now") == 1 + over.all_heard.count("Then and now")


@pytest.mark.parametrize(
    ("pace", "some_words", "expected"),
    [
        ("quick", "What do you expect?", 0),
        ("quick", "Then and now", 0),
        ("usual", "Then and now", len(PIPELINE)),
        ("usual", "Read on", 0),
        ("everything", "Read on", len(PIPELINE)),
    ],
)
def test_the_pace_says_which_parts_are_seen(
    pace: str, some_words: str, expected: int, tmp_path: Path
) -> None:
    learner = Learner({"How much": [pace]})
    Lesson(tmp_path, learner).go()
    assert expected == len([text for text in learner.heard if some_words in text])


def test_the_pace_can_be_changed_on_the_way_and_help_is_there(tmp_path: Path) -> None:
    learner = Learner({PAUSE: ["?", "pace", ""], "How much": ["usual", "quick"]})
    Lesson(tmp_path, learner).go()
    assert "goes over the rest" in learner.all_heard
    assert learner.all_heard.count("Then and now") <= 1


# ---- leaving, failing, going on


@pytest.mark.parametrize("pauses", [0, 3, 8, 20, 33])
def test_who_leaves_goes_on_where_it_was_left_and_loses_nothing(
    pauses: int, tmp_path: Path
) -> None:
    learner = Learner({PAUSE: [""] * pauses + ["leave"], "guest called": ["web", "web"]})
    lesson = Lesson(tmp_path, learner)
    with pytest.raises(Stopped, match="You left the lesson"):
        lesson.go()
    (run,) = lesson.store.runs()
    assert lesson.store.ledger(run).state == "paused"
    verified = [
        name for name, state in lesson.store.ledger(run).step_states.items() if state == "verified"
    ]
    assert lesson.store.ledger(run).taught
    lesson.tutor = lesson.new_tutor(read_answers([run.answers], Settings), resumed=True)
    learner.heard.clear()
    lesson.go()
    titles = [step.TITLE for step in PIPELINE[len(verified) :]]
    assert titles == list(dict.fromkeys(lesson.steps_taught()))
    assert lesson.store.ledger(run).state == "finished"
    assert lesson.tutor.settings.guests[0].name == "web"


@pytest.mark.parametrize("asked", ["How large is its swap", "Which filesystem"])
def test_who_leaves_among_the_questions_of_a_step_finds_its_answers_again(
    asked: str, tmp_path: Path
) -> None:
    learner = Learner({"guest's root volume": ["3GiB"], asked: ["quit"], "guest called": ["web"]})
    lesson = Lesson(tmp_path, learner)
    with pytest.raises(Stopped, match="You quit"):
        lesson.go()
    (run,) = lesson.store.runs()
    kept = read_answers([run.answers], Settings)
    assert 3072 == kept.given["guests.0.root_size"].value
    lesson.tutor = lesson.new_tutor(kept, resumed=True)
    lesson.go()
    assert 2 == sum("guest's root volume" in prompt for prompt in learner.asked)
    assert 3072 == lesson.tutor.settings.guests[0].root_size  # by Enter alone


def test_who_leaves_before_an_answer_that_nothing_suggests_can_go_on(tmp_path: Path) -> None:
    """What is not whole yet is no answer of the run: it could not be read again."""
    learner = Learner({"How does the guest get": ["192.0.2.7/24"], "Which gateway": ["quit"]})
    lesson = Lesson(tmp_path, learner)
    lesson.facts = replace(lesson.facts, network=replace(lesson.facts.network, gateway=""))
    lesson.simulation = Simulation(PIPELINE, lesson.facts, Played(), pace=0)
    lesson.tutor = lesson.new_tutor(Answers(Settings))
    with pytest.raises(Stopped, match="You quit"):
        lesson.go()
    (run,) = lesson.store.runs()
    settle(read_answers([run.answers], Settings), lesson.simulation.read_facts())


def test_a_failure_in_a_lesson_is_a_failure_and_it_can_go_on(tmp_path: Path) -> None:
    lesson = Lesson(tmp_path, Learner(), failure="guest_volumes")
    with pytest.raises(Stopped, match="guest_volumes"):
        lesson.go()
    lesson.go()
    (run,) = lesson.store.runs()
    assert lesson.store.ledger(run).state == "finished"


def test_after_a_failure_an_answer_is_changed_and_the_lesson_goes_on(tmp_path: Path) -> None:
    answers = ["guests.0.root_size", "go on"]
    learner = Learner(
        {"which answer shall be another": answers, "guest's root volume": ["", "3GiB"]}
    )
    lesson = Lesson(tmp_path, learner, failure="guest_volumes", decisions=("change",))
    lesson.go()
    (run,) = lesson.store.runs()
    assert lesson.store.ledger(run).state == "finished"
    assert "root_size: 3GiB" in run.answers.read_text()
    assert lesson.tutor.settings.guests[0].root_size == 3072
    # What comes after is taught and asked as ever.
    titles = [step.TITLE for step in PIPELINE]
    assert titles == list(dict.fromkeys(lesson.steps_taught()))
    assert 1 == sum("How many processors" in asked for asked in learner.asked)


def test_what_was_answered_in_the_step_that_failed_stays_answered(tmp_path: Path) -> None:
    """What was changed was the answers from before that step: its own were forgotten."""
    learner = Learner(
        {
            "which answer shall be another": ["guests.0.root_size", "go on"],
            "guest's root volume": ["", "3GiB"],
            "Which filesystem": ["xfs"],
        }
    )
    lesson = Lesson(tmp_path, learner, failure="guest_volumes", decisions=("change",))
    lesson.go()
    guest = lesson.tutor.settings.guests[0]
    assert ("xfs", 3072) == (guest.filesystem, guest.root_size)


def test_steps_that_are_done_again_after_a_change_are_not_asked_again(tmp_path: Path) -> None:
    answers = ["steps", "storage.volume_group", "go on"]
    learner = Learner(
        {
            "which answer shall be another": answers,
            "An answer of which step": ["volume_group"],
            "volume group called": ["", "pool"],
            "do them again": ["yes"],
        }
    )
    lesson = Lesson(tmp_path, learner, failure="guest_volumes", decisions=("change",))
    lesson.go()
    assert "This step is done again, as your answers are others now." in learner.heard
    assert "pool" == lesson.tutor.settings.storage.volume_group
    assert ["pool"] == [group.name for group in lesson.simulation.read_facts().volume_groups or ()]
    assert 2 == sum("volume group called" in asked for asked in learner.asked)


@pytest.mark.parametrize("way", ["by-hand", "by-itself"])
def test_before_the_boot_is_said_how_the_lesson_goes_on_after_it(way: str, tmp_path: Path) -> None:
    learner = Learner({"How does the work go on": [way]})
    Lesson(tmp_path, learner).go()
    (told,) = [text for text in learner.heard if text.endswith((" resume", " by hand."))]
    assert "sudo xen-setup resume" in told
    assert ("a service does the rest" in told) is (way == "by-itself")


def test_an_answer_that_needs_more_of_an_earlier_step_gets_it(tmp_path: Path) -> None:
    learner = Learner({"Which filesystem": ["xfs"]})
    lesson = Lesson(tmp_path, learner)
    lesson.go()
    assert f"{MORE}: Xen itself" in learner.all_heard
    assert "xfsprogs" in lesson.simulation.read_facts().packages
    assert lesson.tutor.settings.guests[0].filesystem == "xfs"


class WithoutXfs(Played):
    """A machine for which xfsprogs cannot be had."""

    def output(self, action: Action, then: Facts) -> Sequence[str]:
        if isinstance(action, InstallPackages) and "xfsprogs" in action.packages:
            raise StepFailed("apt-get ended with exit status 100.", hint="")
        return super().output(action, then)


def test_what_an_answer_asks_of_an_earlier_step_and_fails_can_be_answered_otherwise(
    tmp_path: Path,
) -> None:
    """Only the answers up to that earlier step were offered: it could not be gone on."""
    learner = Learner(
        {
            "Which filesystem": ["xfs", "ext4"],
            "which answer shall be another": ["steps", "guests.0.filesystem", "go on"],
            "An answer of which step": ["guest_volumes"],
        }
    )
    lesson = Lesson(tmp_path, learner, decisions=("change",))
    lesson.simulation = Simulation(PIPELINE, lesson.facts, WithoutXfs(), pace=0)
    lesson.tutor = lesson.new_tutor(Answers(Settings))
    lesson.go()
    assert lesson.tutor.settings.guests[0].filesystem == "ext4"
    assert "xfsprogs" not in lesson.simulation.read_facts().packages


class LeavesWhenAskedForMore(Learner):
    """Leaves before what an answer asks of an earlier step is done."""

    def line(self, prompt: str, default: str = "", **more: Any) -> str:
        if PAUSE in prompt and any(MORE in text for text in self.heard):
            self.heard.clear()
            return "leave"
        return super().line(prompt, default, **more)


@pytest.mark.parametrize(
    ("learner", "package"),
    [
        (LeavesWhenAskedForMore({"Which filesystem": ["xfs"]}), "xfsprogs"),
        (
            Learner({"Ubuntu release": ["noble"], "Which further packages": ["quit"]}),
            "ubuntu-keyring",
        ),
    ],
)
def test_what_an_answer_asks_of_an_earlier_step_is_not_forgotten_by_leaving(
    learner: Learner, package: str, tmp_path: Path
) -> None:
    """The answers were kept, and nothing told that they were new: mkfs.xfs was not there then."""
    lesson = Lesson(tmp_path, learner)
    known = (*lesson.facts.installable, "ubuntu-keyring")
    lesson.facts = replace(lesson.facts, installable=known)
    lesson.simulation = Simulation(PIPELINE, lesson.facts, Played(), pace=0)
    lesson.tutor = lesson.new_tutor(Answers(Settings))
    with pytest.raises(Stopped, match="You "):
        lesson.go()
    (run,) = lesson.store.runs()
    assert package not in lesson.simulation.read_facts().packages
    lesson.tutor = lesson.new_tutor(read_answers([run.answers], Settings), resumed=True)
    lesson.go()
    assert package in lesson.simulation.read_facts().packages
    assert lesson.store.ledger(run).state == "finished"


def test_what_stands_in_the_way_can_be_answered_otherwise(tmp_path: Path) -> None:
    learner = Learner({"How much memory does the guest": ["2900MiB", "512MiB"]})
    lesson = Lesson(tmp_path, learner)
    lesson.go()
    assert "That stands in the way. What now?" in learner.asked
    assert lesson.tutor.settings.guests[0].memory == 512


def test_a_warning_can_be_answered_too(tmp_path: Path) -> None:
    key = public_key("alice@example.org")
    learner = Learner({"only a warning": ["answer"], "public SSH keys": ["-", key]})
    lesson = Lesson(tmp_path, learner)
    lesson.go()
    assert "nobody can log in" in learner.all_heard
    assert lesson.tutor.settings.guests[0].ssh_keys == (key,)
    # The key has no server that would use it: that is told in its turn, and can be left so.
    assert "no SSH server" in learner.all_heard
    assert 2 == sum("only a warning" in asked for asked in learner.asked)


def test_the_runs_own_answers_are_those_of_the_lesson(tmp_path: Path) -> None:
    lesson = Lesson(tmp_path, Learner({"guest called": ["web"], "Which bridge": ["br7"]}))
    lesson.go()
    (run,) = lesson.store.runs()
    kept = read_answers([run.answers], Settings)
    assert settle(kept, lesson.simulation.read_facts()) == lesson.tutor.settings
    assert lesson.tutor.settings.host.bridge == "br7"


def test_several_guests_are_asked_about_once_and_each_answered(tmp_path: Path) -> None:
    learner = Learner({"Another one?": ["yes", "no"], "guest called": ["vm01", "vm02"]})
    lesson = Lesson(tmp_path, learner)
    lesson.go()
    assert [guest.name for guest in lesson.tutor.settings.guests] == ["vm01", "vm02"]
    assert learner.asked.count("Guests so far: vm01. Another one?") == 1
    assert "vm02" in "\n".join(show(("xl", "list"), lesson.simulation.read_facts()))


# ---- as a program


@pytest.mark.parametrize("mode", share(["drawn", "plain"], one_in=2))
def test_a_lesson_runs_in_a_terminal(mode: str, tmp_path: Path) -> None:
    words = ["--teach", *(["--plain"] if mode == "plain" else [])]
    with terminal(tmp_path, *words) as screen:
        press_enter_until(screen, "Step 2 of 11")
        assert "What came of it" in screen.whole_text
        press_enter_until(screen, "Step 7 of 11", seconds=90)
        while not screen.is_quiet(0.3):
            pass
        screen.type("leave\r")
        assert screen.ends() == Exit.STOPPED
        assert screen.is_whole
        assert NOTHING in screen.whole_text.replace("\n", " ")
        assert "sudo xen-setup resume" in screen.whole_text.replace("\n", " ")
        assert "Traceback" not in screen.whole_text
        assert (b"\x1b" in screen.raw) is (mode == "drawn")
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--teach", "--no-input"], "--no-input forbids them"),
        (["practice", "--unattended", "--teach"], "needs somebody who learns"),
        (["resume", "--teach", "--no-input"], "--no-input forbids them"),
        (["--teach"], "no terminal"),
    ],
)
def test_a_lesson_needs_somebody(words: list[str], expected: str) -> None:
    done = xen_setup(*words)
    assert done.returncode == Exit.USAGE
    assert expected in done.stderr
