"""Root's way into a guest: Enter alone never leads to one that nobody can log in to."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from steps.settings import Settings
from tests.credentials import public_key
from tests.interview.conversation import Part
from tests.interview.test_interview import hashed
from tests.machines import machines, stock
from wizard.answer_file import read_text, write_answers
from wizard.answers import Answers, record, settle
from wizard.interview import Interview
from wizard.prompts import ScriptedPrompter

PUBLIC_KEY = public_key("alice")


@dataclass(frozen=True)
class Way:
    """What is answered to the questions about root's way in, and what is the outcome."""

    answers: tuple[str, ...]
    insisted: int  # how often Enter was no answer
    password: str = "locked"
    keys: tuple[str, ...] = ()


WAYS_IN = {
    "Enter is no answer to either": Way(("", "locked", "", "-"), 2),
    "a password, and Enter for no key": Way(("geheim", "geheim", ""), 0, hashed("geheim")),
    "a key behind a password that is locked": Way(("locked", PUBLIC_KEY), 0, keys=(PUBLIC_KEY,)),
    "chosen once, Enter keeps it": Way(("locked", "-", "back", "back", "", ""), 0),
    "another password makes Enter one": Way(
        ("locked", "back", "neu", "neu", ""), 0, hashed("neu")
    ),
    "Enter for no key, and then no password either": Way(
        ("geheim", "geheim", "", "back", "back", "locked", "", "-"), 1
    ),
    "no key in words, and then no password either": Way(
        ("geheim", "geheim", "-", "back", "back", "locked", "", "-"), 1
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS_IN)
def test_nobody_comes_to_a_guest_without_a_way_in_by_enter_alone(name: str) -> None:
    way = WAYS_IN[name]
    prompter = ScriptedPrompter([*way.answers, ""])
    part = Part("Guest", ("guests.root_password", "guests.ssh_keys", "guests.autostart"))
    interview = Interview(
        [part], Answers(Settings), stock(), prompter, hasher=hashed, preset_lists=("guests",)
    )
    interview.ask_all()
    guest = settle(interview.answers, stock()).guests[0]
    assert (way.password, way.keys) == (guest.root_password, guest.ssh_keys)
    assert [] == prompter.left
    told = [words for words in prompter.said if words.startswith("An answer is needed here: ")]
    assert way.insisted == len(told)
    assert all("nobody could log in" in words for words in told)


def test_a_way_in_that_was_only_recorded_is_chosen_all_the_same() -> None:
    """A lesson records what counts, before anybody is asked for it."""
    given = record(settle(Answers(Settings), stock()), stock())
    prompter = ScriptedPrompter(["", "locked"])
    part = Part("Guest", ("guests.root_password",))
    Interview([part], given, stock(), prompter, preset=(), preset_lists=("guests",)).ask_all()
    assert [] == prompter.left
    assert ["", ""] == [shown for _, shown in prompter.asked], "no default is shown that is none"


def test_a_key_without_an_ssh_server_is_said_to_be_of_no_use() -> None:
    for packages, words in (((), "back leads there"), (("openssh-server",), "for no key all")):
        given = Answers(Settings).with_answer("guests.0.packages", packages)
        prompter = ScriptedPrompter(["locked", "-"])
        part = Part("Guest", ("guests.root_password", "guests.ssh_keys"))
        Interview([part], given, stock(), prompter, preset_lists=("guests",)).ask_all()
        assert words in prompter.said[-1]
        assert ("back leads there" in prompter.said[-1]) is (packages == ())


def test_on_the_way_back_locked_is_shown_and_a_password_is_not() -> None:
    prompter = ScriptedPrompter(["q", "q", "back", "locked", "back", "", "-"])
    part = Part("Guest", ("guests.root_password", "guests.ssh_keys"))
    Interview(
        [part], Answers(Settings), stock(), prompter, hasher=hashed, preset_lists=("guests",)
    ).ask_all()
    passwords = [shown for prompt, shown in prompter.asked if "password" in prompt]
    assert ["", "the one given before", "locked"] == passwords
    assert "Taken as an answer. If you meant quit: type the whole word." in prompter.said
    assert "Suggested: nothing (the password lets root in)." in prompter.said


HERE = public_key("you@desktop")
BARE = public_key("you@laptop").rpartition(" ")[0]  # its own words have a comma in them


@pytest.mark.parametrize(
    ("answers", "keys"),
    [
        (("locked", "", "", HERE), (HERE,)),
        (("locked", "-"), ()),
        (("locked", f"{HERE}, {BARE}"), (HERE, BARE)),
        (("locked", "other", "", "other", PUBLIC_KEY), (PUBLIC_KEY,)),
        (("geheim", "geheim", ""), ()),
        (("locked", BARE, "back", ""), (BARE,)),
        (("locked", "other", PUBLIC_KEY, "back", ""), (PUBLIC_KEY,)),
        (("locked", "-", "back", ""), ()),
    ],
    ids=["Enter chooses none", "none", "all", "typed", "a password beside it", "one, kept",
         "typed, kept", "none, kept"],
)  # fmt: skip
def test_the_keys_of_whoever_is_asked_are_offered(
    answers: tuple[str, ...], keys: tuple[str, ...]
) -> None:
    facts = machines()["desktop"]
    prompter = ScriptedPrompter([*answers, ""])
    part = Part("Guest", ("guests.root_password", "guests.ssh_keys", "guests.autostart"))
    interview = Interview(
        [part], Answers(Settings), facts, prompter, hasher=hashed, preset_lists=("guests",)
    )
    interview.ask_all()
    guest = settle(interview.answers, facts).guests[0]
    assert keys == guest.ssh_keys
    assert [] == prompter.left
    titles = [option.title for option in prompter.offered[0]]
    assert titles[0].startswith("ssh-ed25519  you@desktop  SHA256:")
    assert ["all 2 of these", "none"] == titles[2:4]
    again = read_text(write_answers(interview.answers), Settings)
    assert keys == again.given["guests.0.ssh_keys"].value
