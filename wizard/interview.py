"""The interview: each step's questions in turn, until every answer is there.

A person can go back at every question, over step borders too: what was answered stays, as the new
default. Each answer is checked when it is given, with the reason. Nothing is changed here.

The order is the pipeline's. Questions of a list (`guests`) are asked item by item, all steps of
one before the next, where the first step that has such a question stands; then comes "another?".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from wizard.answer_file import refusal
from wizard.answers import Answers, Part, Settled, parts, text_of, walk
from wizard.consent import agreed_to_choose
from wizard.errors import Cancelled
from wizard.passwords import hash_password
from wizard.prompts import Option, Prompter
from wizard.questions import Choice, Question, is_reference
from wizard.step import Problem, Step

S = TypeVar("S")
F = TypeVar("F")
AnyStep = Step[Any, Any]

BACK, QUIT, HELP, OTHER = "back", "quit", "?", "other"
NOTHING_CHANGED = "Nothing was changed."
_INSIST = "Give another answer; or the same again, to keep it for now."
_HOW_TO_ANSWER = (
    "Enter takes what is suggested. ? explains; or type: back, quit (or b, q, where a letter is no "
    "answer)."
)
_NONE_OF_THEM = "-"  # typed for an empty list
_SHORT = {"b": BACK, "q": QUIT}


@dataclass(frozen=True)
class Screen:
    """One question to a person. `more` is "another item of this list?"."""

    key: str
    heading: str
    more: Part | None = None
    index: int = 0


Move = Literal["on", "back"]


class Interview(Generic[S]):
    """Asks what is not answered yet; `answers` grows, and is never thrown away.

    `every_question` asks the advanced ones too. `preset`: the keys that are not asked, and
    `preset_lists` the lists that get no further item; None: those that are answered already.
    """

    def __init__(
        self,
        steps: Sequence[AnyStep],
        answers: Answers[S],
        facts: object,
        prompter: Prompter,
        *,
        every_question: bool = False,
        hasher: Callable[[str], str] = hash_password,
        preset: Collection[str] | None = None,
        preset_lists: Collection[str] | None = None,
        objects: Callable[[Answers[S], Answers[S]], Sequence[Problem]] = lambda _old, _new: (),
    ) -> None:
        self.answers = answers
        self._steps = steps
        self.facts = facts
        self._prompter = prompter
        self._every_question = every_question
        self._hasher = hasher
        self._objects = objects
        self._objected: tuple[str, Any] = ("", None)  # an answer that stays if given once more
        self._agreed: set[str] = set()  # the keys that were answered by agreeing to a loss
        self._preset = frozenset(answers.given if preset is None else preset)
        self._preset_lists = frozenset(answers.counts if preset_lists is None else preset_lists)
        self._behind: list[str] = []  # the screens passed: Back goes through them
        self._chosen: set[str] = set()  # the keys answered in words where Enter was no answer
        self._heading = ""

    def ask_all(self) -> None:
        """Ask until every question is answered. Raises Cancelled when the person quits."""
        while True:
            settled = {item.key: item for item in walk(self.answers, self.facts)}
            left = list(self._left(settled))
            if not left:
                return
            screen = left[0]
            if screen.heading != self._heading:
                self._heading = screen.heading
                self._prompter.say(f"{screen.heading}{self._place(len(left))}", "heading")
                if not self._behind:
                    self._prompter.say(_HOW_TO_ANSWER, "note")
            if self._show(screen, settled) == "back":
                self.go_back()
            else:
                self._behind.append(screen.key)

    def ask_one(self, key: str) -> Move:
        """Ask this one question, answered or not; "back" leaves its answer as it was."""
        settled = {item.key: item for item in walk(self.answers, self.facts)}
        return self._show(Screen(key, ""), settled)

    def go_back(self) -> None:
        """Make the last question the next one again; at the first there is nowhere to go."""
        if self._behind:
            self._behind.pop()
            self._heading = ""  # shown again: the person sees where they are
        else:
            self._prompter.say("This is the first question.", "note")

    @property
    def so_far(self) -> Answers[S] | None:
        """What this person answered, and what was given beforehand; without what was agreed to
        lose, which nobody agrees to for a later day. None if nothing was answered.
        """
        answers = self.answers
        for key in self._agreed:
            answers = answers.without_answer(key)
        return answers if answers.given.keys() - self._preset else None

    @property
    def can_go_back(self) -> bool:
        """Whether a question was asked."""
        return bool(self._behind)

    # ---- which question is next

    def _place(self, left: int) -> str:
        """How far it is: later answers make questions, and take them away."""
        passed = len(self._behind)
        return f", question {passed + 1} of about {passed + left}" if passed + left > 1 else ""

    def _left(self, settled: dict[str, Settled]) -> Iterator[Screen]:
        """What is still to be asked, as far as the answers go."""
        for screen in self._screens():
            if screen.key in self._behind:
                continue
            if screen.more is not None:
                yield screen
                continue
            item = settled[screen.key]
            if not item.needed or (self._is_preset(screen.key) and item.problem is None):
                continue
            if item.problem is None and not self._matters(item):
                continue
            yield screen

    def _matters(self, item: Settled) -> bool:
        """Whether a question is for this person, or this machine calls for it."""
        question = item.question
        if not question.advanced or self._every_question:
            return True
        return not item.given and question.asked_if is not None and question.asked_if(item.known)

    def _is_preset(self, key: str) -> bool:
        section, _, rest = key.partition(".")
        index, _, _name = rest.rpartition(".")
        if key in self._preset or not index:
            return key in self._preset
        part = next(part for part in parts(self.answers.settings) if part.name == section)
        # A guest's own answer that is to be asked for is asked, whatever the others get.
        return key in self.answers.given and key in self.answers.defaults_of(part, int(index))

    def _screens(self) -> Iterator[Screen]:
        lists = {part.name: part for part in parts(self.answers.settings) if part.many}
        asked_lists: set[str] = set()
        for step in self._steps:
            for key in step.QUESTIONS:
                part = lists.get(key.partition(".")[0])
                if part is None:
                    yield Screen(key, step.TITLE)
                elif part.name not in asked_lists:
                    asked_lists.add(part.name)
                    yield from self._list_screens(part)

    def _list_screens(self, part: Part) -> Iterator[Screen]:
        count = self.answers.count_of(part.name)
        for index in range(count):
            for step in self._steps:
                which = f" ({part.name} {index + 1})" if count > 1 else ""
                for key in step.QUESTIONS:
                    section, _, name = key.partition(".")
                    if section == part.name:
                        yield Screen(f"{section}.{index}.{name}", step.TITLE + which)
            if part.name not in self._preset_lists:
                more = f"{part.name}.{index}.+"
                yield Screen(more, "Further " + part.name, more=part, index=index)

    # ---- one question

    def _show(self, screen: Screen, settled: dict[str, Settled]) -> Move:
        if screen.more is not None:
            return self._ask_for_more(screen, screen.more, settled)
        item = settled[screen.key]
        if item.problem is not None and self._is_preset(screen.key):
            self._prompter.say(f"{item.problem.what} {item.problem.hint}", "wrong")
        if item.question.secret:
            return self._ask_secret(item)
        options = self._options(item)
        return self._ask_list(item, options) if options else self._ask_line(item)

    def _ask_for_more(self, screen: Screen, part: Part, settled: dict[str, Settled]) -> Move:
        names = [
            str(settled[key].value) if (key := f"{part.name}.{index}.name") in settled else "one"
            for index in range(screen.index + 1)
        ]
        count = self.answers.count_of(part.name)
        options = [Option("no", "no, that is all"), Option("yes", "yes, one more")]
        default = "yes" if count > screen.index + 1 else "no"
        while True:
            prompt = f"{part.name.capitalize()} so far: {', '.join(names)}. Another one?"
            answer = self._prompter.pick(prompt, [*options, *_MOVES], default)
            if answer == HELP:
                self._prompter.say("Each gets its own answers; they are asked as before.", "note")
                continue
            if move := self._moved(answer):
                return move
            self.answers = self.answers.with_count(
                part.name, max(count, screen.index + 2) if answer == "yes" else screen.index + 1
            )
            return "on"

    def _ask_line(self, item: Settled) -> Move:
        value = self._suggested(item, [])
        shown = None if value is None else text_of(item.question, value)
        words = "nothing" if shown == "" else shown
        self._tell(item)
        while True:
            text = self._prompter.line(item.question.prompt, "" if words is None else words).strip()
            if text == HELP:
                self._prompter.say(item.question.help, "note")
            elif move := self._moved(_in_full(item.question, text)):
                return move
            elif value is not None and text in ("", shown):
                self._keep(item, value)
                return "on"
            elif text == "":
                self._insist(item)
            elif self._take(item, _unquoted(text)):
                self._tell_of_a_letter(text)
                return "on"

    def _ask_list(self, item: Settled, options: list[Option]) -> Move:
        value = self._suggested(item, options)
        shown = "" if value is None else text_of(item.question, value) or _NONE_OF_THEM
        if value is None and self._deliberate(item):
            shown = HELP  # a pointer stands somewhere: where Enter alone answers nothing
        self._tell(item)
        while True:
            answer = self._prompter.pick(item.question.prompt, [*options, *_MOVES], shown)
            if answer == HELP:
                self._prompter.say(item.question.help, "note")
            elif answer == OTHER:
                if self._ask_other(item):
                    return "on"
            elif move := self._moved(answer):
                return move
            elif self._take(item, answer):
                return "on"

    def _ask_other(self, item: Settled) -> bool:
        text = self._prompter.line(f"Type {item.question.kind.name} (Enter: back to the list)")
        text = text.strip()
        if self._moved(_in_full(item.question, text)):  # to the list
            return False
        refused = next((one.refused for one in self._choices(item) if one.is_called(text)), "")
        if refused and not self._every_question:
            self._prompter.say(f"That is not possible: {refused}.", "wrong")
            return False
        return bool(text) and self._take(item, text)

    def _ask_secret(self, item: Settled) -> Move:
        question = item.question
        value = self._suggested(item, [])
        words = "" if value is None else text_of(question, value)
        if words and value != item.default and item.key in self.answers.given:
            words = "the one given before"
        self._tell(item)
        while True:
            text = self._prompter.line(f"{question.prompt} (hidden)", words, hidden=True)
            if text == HELP:
                self._prompter.say(question.help, "note")
            elif move := self._moved(text):
                return move
            elif text == "" and value is not None:
                self._keep(item, value)
                return "on"
            elif text == "":
                self._insist(item)
            elif hashed := self._hashed(item, text):
                self._keep(item, hashed)
                return "on"

    def _hashed(self, item: Settled, text: str) -> str | None:
        kind = item.question.kind
        if is_reference(text):
            self._prompter.say("That is for answer files: type the password itself.", "wrong")
            return None
        try:
            return str(kind.parse(text))  # a hash, or a word such as `locked`
        except ValueError:
            self._tell_of_a_letter(text)  # so it is a password
        try:
            hashed = self._hasher(text)
        except ValueError as error:
            self._prompter.say(str(error), "wrong")
            return None
        if self._prompter.line("The same again, to be sure (hidden)", hidden=True) != text:
            self._prompter.say("The two were not the same.", "wrong")
            return None
        return str(kind.parse(hashed))

    # ---- its parts

    def _tell(self, item: Settled) -> None:
        """The lines above a question: what it means, what is suggested on this machine, and why."""
        self._prompter.say(f"\n{item.question.meaning}".rstrip(), "note")
        because = item.question.because(item.known)
        deliberate = self._deliberate(item)
        if not because or (item.key in self.answers.given and not deliberate):
            return
        words = f"Nothing is suggested: {deliberate or f'{because}.'}"
        if item.default is not None and not deliberate:
            words = f"Suggested: {text_of(item.question, item.default) or 'nothing'} ({because})."
        self._prompter.say(words, "note")
        if unknown := item.question.not_known(item.known):
            self._prompter.say(f"Not known yet: {unknown}", "note")

    def _tell_of_a_letter(self, text: str) -> None:
        """Say so where a letter that leads elsewhere at other questions is an answer."""
        if text in _SHORT:
            words = f"Taken as an answer. If you meant {_SHORT[text]}: type the whole word."
            self._prompter.say(words, "note")

    def _moved(self, text: str) -> Move | None:
        if text == BACK:
            return "back"
        if text == QUIT:
            raise Cancelled("You quit.", hint=NOTHING_CHANGED)
        return None

    def _take(self, item: Settled, text: str) -> bool:
        """Whether the text is an answer; it is kept then, and the reason told if not."""
        question = item.question
        raw: object = (
            [] if text == _NONE_OF_THEM and question.kind.schema.get("type") == "array" else text
        )
        try:
            value = question.kind.parse(raw)
        except ValueError as error:
            self._prompter.say(f"{refusal(question, raw)} {error}", "wrong")
            return False
        if wrong := question.refuses(value, item.known):
            self._prompter.say(wrong, "wrong")
            return False
        beside = self._with_consent(item, text)
        if beside is None:
            return False
        answers = beside.with_answer(item.key, value)
        if self._objected != (item.key, value) and (found := self._objects(self.answers, answers)):
            told = "\n".join(f"{one.what} {one.hint}" for one in found)
            self._prompter.say(_without_keys(told, self.answers.settings), "wrong")
            self._prompter.say(_INSIST)
            self._objected = (item.key, value)
            return False
        self.answers = beside
        self._keep(item, value)
        return True

    def _keep(self, item: Settled, value: Any) -> None:
        if item.question.deliberate(item.known):
            self._chosen.add(item.key)
        self.answers = self.answers.with_answer(item.key, value)

    def _deliberate(self, item: Settled) -> str:
        """Why Enter is no answer here, though there is a default; "" where it is, or where this
        person has answered, knowing that.
        """
        given = self.answers.given.get(item.key)
        if item.key in self._chosen or (given is not None and given.value != item.default):
            return ""
        return item.question.deliberate(item.known)

    def _insist(self, item: Settled) -> None:
        why = self._deliberate(item)
        self._prompter.say(f"An answer is needed here{f': {why}' if why else '.'}", "wrong")

    def _with_consent(self, item: Settled, text: str) -> Answers[S] | None:
        """The answers with the agreement that this one needs, and without an earlier one that was
        given for another; None if the person does not agree.
        """
        costly = {one: one.loss for one in self._choices(item) if one.loss is not None}
        answers = self.answers
        for key in {loss.key for loss in costly.values()} & self._agreed:
            answers = answers.without_answer(key)
        for choice, loss in costly.items():
            if not choice.is_called(text):
                continue
            given = self.answers.given.get(loss.key)
            if given is not None and choice.is_called(given.value):
                return self.answers
            if not agreed_to_choose(self._prompter, choice, loss):
                return None
            self._agreed.add(loss.key)
            return answers.with_answer(loss.key, text)
        return answers

    def _choices(self, item: Settled) -> Sequence[Choice]:
        return item.question.choices(item.known) if item.question.choices else ()

    def _options(self, item: Settled) -> list[Option]:
        """The list to pick from, or nothing when the answer is typed."""
        question = item.question
        words = question.kind.words
        width = max(map(len, words), default=0)
        choices = self._choices(item) or [
            Choice(word, f"{word:{width}}  {meaning}") for word, meaning in words.items()
        ]
        if not choices:
            return []
        options = [Option(choice.value, choice.title, choice.refused) for choice in choices]
        if not words:
            options += self._typed_before(item, options)
            options.append(Option(OTHER, "another one: type it"))
        return options

    def _typed_before(self, item: Settled, options: Sequence[Option]) -> list[Option]:
        given = self.answers.given.get(item.key)
        text = "" if given is None else text_of(item.question, given.value)
        if not text or text in {option.value for option in options}:
            return []
        return [Option(text, f"{text}  typed before")]

    def _suggested(self, item: Settled, options: list[Option]) -> Any | None:
        """The answer given before, if it still fits; else the default, where Enter may take it."""
        if self._deliberate(item):
            return None
        refused = {option.value for option in options if option.refused}
        given = self.answers.given.get(item.key)
        for value in (given.value if given else None, item.default):
            if value is None or item.question.refuses(value, item.known):
                continue
            if text_of(item.question, value) not in refused:
                return value
        return None


_MOVES = (
    Option(HELP, "explain", move=True),
    Option(BACK, "go back", move=True),
    Option(QUIT, "quit", move=True),
)


def _in_full(question: Question[Any], text: str) -> str:
    """The word that a letter stands for, where the letter is no answer."""
    if text in _SHORT:
        try:
            question.kind.parse(text)
        except ValueError:
            return _SHORT[text]
    return text


def _without_keys(text: str, settings: type) -> str:
    """Text without the answer keys that stand in parentheses: who is asked types no keys."""
    names = "|".join(part.name for part in parts(settings))
    return re.sub(rf" \((?:{names})[.:][^()]*\)", "", text)


def _unquoted(text: str) -> str:
    """Text without its quotes: `"back"` is an answer, back is a wish."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1]
    return text
