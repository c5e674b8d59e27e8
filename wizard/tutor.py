"""`--teach`: a run as a lesson. Each step is read, asked, shown, predicted, done and looked at.

    lesson → questions → what will happen, and why → what do you expect? → doing
           → what came, by the command that shows it → the next step

The learner chooses how much to see, sees anything again, or goes over it. Nothing is graded: what
was expected is shown beside what came. The doing is the pipeline's own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from wizard.actions import Reboot, undo_class
from wizard.answer_file import write_answers
from wizard.answers import Answers, draft, parts, record, walk
from wizard.commands import Answer
from wizard.consent import agreed_to_lose
from wizard.console import Console
from wizard.errors import Cancelled
from wizard.exercise import Exercise
from wizard.interview import BACK, Interview
from wizard.lesson import Line
from wizard.lesson import lines as lesson_lines
from wizard.preview import errors_in
from wizard.prompts import Option, Prompter
from wizard.step import Plan, Problem, Step, ignoring, step_name

S = TypeVar("S")
F = TypeVar("F")

Pace = Literal["everything", "usual", "quick"]
Move = Literal["on", "again", "skip"]

_PACES: dict[Pace, str] = {
    "everything": "everything: whole lessons, and each command by itself",
    "usual": "usual: the idea, then and now; you guess what will be seen",
    "quick": "quick: only what will happen, and what came of it",
}
# Titles of a lesson's parts, as wizard/lesson.py gives them: what comes before the first is its
# idea, "".
_USUAL_PARTS = ("", "Then and now")
_BOOTS_BY_HAND = "The lesson stops for the boot. Log in after it, and type: sudo xen-setup resume"
_BOOTS_BY_ITSELF = (
    "The machine boots at once, and a service does the rest: nobody is there then to be taught. To "
    "see the rest as a lesson, type leave below, then sudo xen-setup resume, and answer there that "
    "you boot it by hand."
)
_RESUMED = (
    "It goes on with the step that it stopped in. (The run without the lesson: leave it, then sudo "
    "xen-setup resume --no-teach.)"
)
_LEFT = "You left the lesson."
_MOST_LINES = 20  # of a command's output
_EXPLAINED = """\
Enter    goes on
again    shows this once more
skip     goes over the rest of what is to be read here
pace     shows more, or less, from now on
leave    stops here; `sudo xen-setup resume` goes on later, even after a reboot"""
_HINT = "Enter goes on (or: again, skip, pace, leave, ?)"


@dataclass(frozen=True)
class Classroom(Generic[S, F]):
    """What a tutor has beside the learner: `steps` in their order; `exercises` of a step;
    `look` runs a command that only reads; `text_of` gives a file's present text, to be compared;
    `destroys` names what the settings allow to destroy, `ignored` the checks that only warn.
    """

    steps: Sequence[Step[S, F]]
    exercises: Callable[[str, S, F], Sequence[Exercise]]
    look: Callable[[Exercise, F], Answer]
    text_of: Callable[[F, str], str | None]
    destroys: Callable[[S, F], Sequence[str]]
    ignored: Callable[[S], frozenset[str]]


class Tutor(Generic[S, F]):
    """Leads one learner; `paused` makes room on the screen while the learner is talked with.

    `resumed`: the answers are those of the run so far, defaults included, so what is not done yet
    is asked all the same; otherwise what was given beforehand is not.
    """

    def __init__(
        self,
        room: Classroom[S, F],
        answers: Answers[S],
        facts: F,
        prompter: Prompter,
        console: Console,
        *,
        every_question: bool = False,
        resumed: bool = False,
    ) -> None:
        self.settings = draft(answers, facts).settings
        self.paused: Callable[[], AbstractContextManager[None]] = nullcontext
        self._room = room
        self._answers = answers
        self._known = frozenset(() if resumed else answers.given)
        self._known_lists = frozenset(() if resumed else answers.counts)
        self._prompter = prompter
        self._console = console
        self._every_question = every_question
        self._resumed = resumed
        self._pace: Pace = "usual"
        self._led: list[str] = []  # the steps that were read and asked about
        self._redone: frozenset[str] = frozenset()
        self._expected: list[tuple[Exercise, str, str]] = []

    def welcome(self) -> None:
        """Say how it goes, and ask for the pace."""
        self._prompter.say("A run as a lesson", "heading")
        if self._resumed:
            self._prompter.say(_RESUMED)
            self._choose_pace()
            return
        self._prompter.say(
            "Each step is explained, asked about, shown command by command, and done only then. "
            "Before that you may say what you expect to see; afterwards it is looked at. Nothing "
            "is graded, and no guess changes what is done. Where it says 2006, the Xen tutorial "
            "of that year typed this for the same."
        )
        self._choose_pace()

    # --- as the pipeline knows it -------------------------------------------------------------

    def before(self, step: Step[S, F], facts: F, *, again: bool) -> S:
        """The lesson and the questions of a step."""
        self._expected = []
        with self.paused():
            self._prompter.say(f"Step {self._number(step)}: {step.TITLE}", "heading")
            if again:
                self._prompter.say("This step was begun before; it goes on now.")
                return self.settings
            if step_name(step) in self._redone:
                self._prompter.say("This step is done again, as your answers are others now.")
                return self.settings
            self._read_lesson(step)
            while True:
                self._ask(step, facts)
                problems = self._problems(step, facts)
                self._console.problems(problems)
                if not self._mends(problems, step):
                    self._led.append(step_name(step))
                    return self.settings

    def changed(self, settings: S, facts: F) -> None:
        """Take over what the learner answered otherwise after a failure. What was led through once
        is not read and asked again; the questions of later steps are still to come.
        """
        before = record(self.settings, facts).given
        for key, one in record(settings, facts).given.items():
            if key not in before or before[key].value != one.value:
                self._answers = self._answers.with_answer(key, one.value)
        self._redone = frozenset(self._led)
        self.settings = settings

    def wanted(self) -> S:
        """The settings by the answers so far."""
        return self.settings

    def answers(self, facts: F) -> str:
        """The answers so far, for the run's own file."""
        return write_answers(record(self.settings, facts))

    def ignored(self) -> frozenset[str]:
        """The names of checks that only warn."""
        return self._room.ignored(self.settings)

    def ready(self, step: Step[S, F], plan: Plan[F], facts: F, *, because: str) -> None:
        """The plan, and what the learner expects of it."""
        with self.paused():
            if because:
                self._prompter.say(because, "note")
            elif not plan.actions:
                self._prompter.say("Nothing is to be done here:", "plain")
                for words in plan.skipped:
                    self._console.labelled("already there:", words, "green", 2)
            if plan.actions:
                self._tell_of_boot(plan)
                self._show_plan(plan, facts)
                if any(undo_class(action) == "no undo" for action in plan.actions):
                    self._agree(self._room.destroys(self.settings, facts))
            if not because and not any(isinstance(action, Reboot) for action in plan.actions):
                self._predict(step, plan.then)

    def after(self, step: Step[S, F], facts: F) -> None:
        """What came, beside what was expected."""
        with self.paused():
            self._prompter.say("What came of it", "heading")
            if not self._expected:  # it was gone over, or the machine has booted since
                found = self._room.exercises(step_name(step), self.settings, facts)
                self._expected = [(exercise, "", "") for exercise in found]
            index = 0
            while index < len(self._expected):
                self._look(*self._expected[index], facts)
                last = index == len(self._expected) - 1
                if last:
                    self._prompter.say(self._next_words(step), "note")
                match self._pause():
                    case "again":
                        continue
                    case "skip":
                        return
                index += 1

    # --- reading ------------------------------------------------------------------------------

    def _read_lesson(self, step: Step[S, F]) -> None:
        for title, told in _parts(lesson_lines(step.LESSON)):
            if self._pace == "quick" or (self._pace == "usual" and title not in _USUAL_PARTS):
                return
            with self._console.kept() as block:
                self._console.told(told)
            if self._read(_pages([block], self._height())) == "skip":
                return

    def _show_plan(self, plan: Plan[F], facts: F) -> None:
        """What is done: as much at a time as a screen holds, or a command at a time."""
        self._prompter.say("What will happen, and why", "heading")
        blocks = []
        for number, action in enumerate(plan.actions, 1):
            with self._console.kept() as block:
                if number == 1:
                    self._console.plan_head(plan)
                self._console.action(action, f"{number}.", self._room.text_of, facts)
                if number == len(plan.actions):
                    self._console.plan_foot(plan)
            blocks.append(block)
        pages = _pages(blocks, self._height(), apart=self._pace == "everything")
        self._read(pages, "That is all of it. Enter does it.")

    def _tell_of_boot(self, plan: Plan[F]) -> None:
        """How the lesson goes on after a boot, which ends it here."""
        for action in plan.actions:
            if isinstance(action, Reboot) and action.automatic:
                self._prompter.say(_BOOTS_BY_ITSELF, "note")
            elif isinstance(action, Reboot):
                self._prompter.say(_BOOTS_BY_HAND, "note")

    def _read(self, pages: Sequence[Sequence[str]], end: str = "") -> Move:
        """Show pages, the learner turning them; `end` is said below the last."""
        index = 0
        while index < len(pages):
            self._console.as_it_is(pages[index])
            left = len(pages) - index - 1
            if words := f"Screens left of this: {left}." if left else end:
                self._prompter.say(words, "note")
            match self._pause():
                case "skip":
                    return "skip"
                case "on":
                    index += 1
        return "on"

    def _height(self) -> int:
        """Lines on a screen, without those of the question below them."""
        return max(shutil.get_terminal_size().lines - 4, 10)

    # --- asking -------------------------------------------------------------------------------

    def _ask(self, step: Step[S, F], facts: F) -> None:
        """The step's own questions, until what is answered fits."""
        lists = {part.name for part in parts(self._answers.settings) if part.many}
        sections = {key.partition(".")[0] for key in step.QUESTIONS}
        first = all(
            not sections & lists & {key.partition(".")[0] for key in earlier.QUESTIONS}
            for earlier in self._room.steps[: self._index(step)]
        )
        while True:
            interview = Interview(
                [step],
                self._answers,
                facts,
                self._prompter,
                every_question=self._every_question,
                preset=self._known,
                # How many there are is asked once, with the first question about them.
                preset_lists=self._known_lists if first else lists,
            )
            try:
                interview.ask_all()
            finally:
                self._take_over(interview.answers, facts)
            wrong = False
            for item in walk(self._answers, facts):
                if not _belongs(item.key, step.QUESTIONS) or not item.needed:
                    continue
                if item.problem is not None:
                    wrong = True
                    self._prompter.say(f"{item.problem.what} {item.problem.hint}", "wrong")
                else:  # what counted here counts from now on, whatever the machine looks like then
                    self._answers = self._answers.with_answer(item.key, item.value)
            if not wrong:
                break
        self.settings = draft(self._answers, facts).settings

    def _take_over(self, answers: Answers[S], facts: F) -> None:
        """What was answered; it counts for the run as soon as it is whole, also if it was left."""
        self._answers = answers
        drafted = draft(answers, facts)
        if not drafted.problems:
            self.settings = drafted.settings

    def _problems(self, step: Step[S, F], facts: F) -> list[Problem]:
        """What stands in the way of the step, or, with the new answers, of one before it."""
        found = [
            problem
            for earlier in self._room.steps[: self._index(step)]
            for problem in errors_in(ignoring(earlier.check(self.settings, facts), self.ignored()))
        ]
        return [*found, *ignoring(step.check(self.settings, facts), self.ignored())]

    def _mends(self, problems: Sequence[Problem], step: Step[S, F]) -> bool:
        """Whether the learner wants to answer again, as something stands in the way, or is to be
        thought over.
        """
        if not errors_in(problems):
            return bool(problems and step.QUESTIONS) and self._thinks_better(step)
        options = [
            Option("answer", "answer the questions of this step again",
                   "" if step.QUESTIONS else "it has none"),
            Option("on", "go on all the same; the step will say that it cannot"),
            Option("leave", "leave here, and go on later"),
        ]  # fmt: skip
        default = "answer" if step.QUESTIONS else "on"
        match self._prompter.pick("That stands in the way. What now?", options, default):
            case "answer":
                self._ask_again(step)
                return True
            case "leave":
                raise Cancelled(_LEFT)
        return False

    def _thinks_better(self, step: Step[S, F]) -> bool:
        options = [
            Option("on", "go on: I know, and want it so"),
            Option("answer", "answer the questions of this step again"),
        ]
        picked = self._prompter.pick("That is only a warning. What now?", options, "on")
        if picked == "answer":
            self._ask_again(step)
        return picked == "answer"

    def _ask_again(self, step: Step[S, F]) -> None:
        """Let what was given beforehand be asked too."""
        self._known -= {key for key in self._known if _belongs(key, step.QUESTIONS)}

    def _agree(self, destroys: Sequence[str]) -> None:
        if not agreed_to_lose(self._prompter, destroys):
            raise Cancelled(_LEFT)

    def _predict(self, step: Step[S, F], then: F) -> None:
        if self._pace == "quick":
            return
        for exercise in self._room.exercises(step_name(step), self.settings, then):
            words, answer = self._guess(exercise) if exercise.guesses else ("", "")
            self._expected.append((exercise, words, answer))

    def _guess(self, exercise: Exercise) -> tuple[str, str]:
        """What the learner expects, and what is to be said of it."""
        self._prompter.say("What do you expect?", "heading")
        options = [
            Option(str(number), guess.words) for number, guess in enumerate(exercise.guesses, 1)
        ]
        options += [Option("own", "something else: say it"), Option("show", "no idea: show me")]
        self._prompter.say(exercise.question)
        picked = self._prompter.pick("Your guess?", options, "show")
        if picked == "own":
            return self._prompter.line("What will it show?").strip(), ""
        if picked == "show":
            return "", ""
        guess = exercise.guesses[int(picked) - 1]
        return guess.words, guess.answer

    # --- looking ------------------------------------------------------------------------------

    def _look(self, exercise: Exercise, words: str, answer: str, facts: F) -> None:
        found = self._room.look(exercise, facts)
        printed = [*found.out.splitlines(), *(found.err.splitlines() if found.status else ())]
        if words:
            self._console.labelled("You expected:", words, "bold")
        self._console.command(exercise.command)
        for line in printed[:_MOST_LINES] or ["(it prints nothing)"]:
            self._console.line(line, whole=True)
        if len(printed) > _MOST_LINES:
            self._console.line(f"(and {len(printed) - _MOST_LINES} lines more)")
        self._console.line()
        for text in (answer, exercise.notice):
            if text:
                self._console.line(text)

    # --- moving -------------------------------------------------------------------------------

    def _pause(self) -> Move:
        """Wait for the learner: on, once more, or over the rest."""
        while True:
            typed = self._prompter.line(_HINT).strip().lower()
            match typed:
                case "":
                    return "on"
                case "again" | "a":
                    return "again"
                case "skip" | "s":
                    return "skip"
                case "pace" | "p":
                    self._choose_pace()
                    return "on"
                case "leave" | "l" | "quit" | "q":
                    raise Cancelled(_LEFT)
                case _ if typed in {BACK, "b"}:
                    self._prompter.say("What is done stays: `again` shows this once more.", "note")
                case _:
                    self._prompter.say(_EXPLAINED)

    def _choose_pace(self) -> None:
        options = [Option(name, words) for name, words in _PACES.items()]
        picked = self._prompter.pick("How much do you want to see?", options, self._pace)
        self._pace = next(name for name in _PACES if name == picked)

    def _next_words(self, step: Step[S, F]) -> str:
        after = self._room.steps[self._index(step) + 1 :]
        if not after:
            return "That was the last step."
        return f"Step {self._number(step)} is done and verified. Next: {after[0].TITLE}."

    def _number(self, step: Step[S, F]) -> str:
        return f"{self._index(step) + 1} of {len(self._room.steps)}"

    def _index(self, step: Step[S, F]) -> int:
        return [step_name(each) for each in self._room.steps].index(step_name(step))


def _belongs(key: str, questions: Sequence[str]) -> bool:
    """Whether an answer's key (`guests.0.memory`) is one of these questions (`guests.memory`)."""
    section, _, rest = key.partition(".")
    return f"{section}.{rest.rpartition('.')[2]}" in questions


def _pages(blocks: Sequence[list[str]], height: int, *, apart: bool = False) -> list[list[str]]:
    """Blocks of lines on pages; `apart`: each on its own. What is too long is cut."""
    pages: list[list[str]] = [[]]
    for block in blocks:
        if pages[-1] and (apart or len(pages[-1]) + len(block) > height):
            pages.append([])
        pages[-1] += block
        while len(pages[-1]) > height:
            pages.append(pages[-1][height:])
            pages[-2] = pages[-2][:height]
    return pages


def _parts(told: Iterator[Line]) -> Iterator[tuple[str, list[Line]]]:
    """A lesson in its parts, each with its title; the first has none."""
    title, part = "", list[Line]()
    for line in told:
        if line.kind == "title" and part:
            yield title, part
            title, part = line.text, []
        part.append(line)
    yield title, part
