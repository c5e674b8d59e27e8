"""The interview's logic, asked by a script."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from steps.facts import Facts
from steps.kinds import INTERFACE
from steps.settings import Settings
from tests.credentials import HASH
from tests.interview.conversation import STEPS, Part
from tests.interview.keys import Deciding
from tests.interview.replay import check_replay
from tests.machines import disk, machines, stock
from wizard.answer_file import read_answers, read_text
from wizard.answers import Answers, settle
from wizard.consent import confirm
from wizard.decision import Review, guided
from wizard.errors import Cancelled, Exit
from wizard.interview import Interview
from wizard.prompts import InputEnded, ScriptedPrompter
from wizard.questions import asked
from wizard.secret_references import Surroundings, resolve

# What is asked on the stock machine when everything suggested is taken, in order.
PROMPTS = [
    "How much memory does the host itself (dom0) keep?",
    "Where do Xen and the host show their messages?",
    "Which bridge connects the guests to the network?",
    "Which network card goes into the bridge?",
    "Where shall the guests' disks live?",
    "What is the volume group called?",
    "Which device?",
    "How large shall the new partition be?",
    "What is the guest called?",
    "How large is the guest's root volume?",
    "Which filesystem has the root volume?",
    "How does the guest get its address?",
    "Which further packages go in?",
    "The guest's root password (hidden)",
    "Shall the guest start with the host?",
    "Guests so far: vm01. Another one?",
    "How does the work go on when the machine must boot into Xen?",
]
MEMORY, CONSOLE, BRIDGE, CARD, USE, GROUP, DEVICE, SIZE, NAME = range(9)
NETWORK, PACKAGES, PASSWORD, AUTOSTART, MORE, REBOOT = range(11, 17)
DECISION = "Nothing has been changed yet. What now?"


def script(**at: str | Sequence[str]) -> list[str]:
    """Enter for every prompt, except at those named by their constant."""
    answers: list[str] = []
    for index in range(len(PROMPTS)):
        given = [at[name] for name in at if globals()[name] == index] or [""]
        answers += [given[0]] if isinstance(given[0], str) else list(given[0])
    return answers


def hashed(password: str) -> str:
    """A hash of the right form that tells whose it is."""
    return "$6$salt$" + password.encode().hex().ljust(86, "0")


class Talk:
    """One guided run by a script."""

    def __init__(
        self,
        answers: Sequence[str],
        facts: Facts | None = None,
        given: Answers[Settings] | None = None,
        *,
        review: Review | None = None,
        every_question: bool = False,
        save_as: Path = Path("answers.yaml"),
    ) -> None:
        self.facts = facts or stock()
        self.prompter = Deciding(answers)
        self.shown: list[Settings] = []
        self.review = review or Review(ready=True)
        self.save_as = save_as
        self.interview = Interview(
            STEPS,
            given or Answers(Settings),
            self.facts,
            self.prompter,
            every_question=every_question,
            hasher=hashed,
        )

    def show(self, settings: Settings) -> Review:
        self.shown.append(settings)
        return self.review

    def hold(self) -> Settings:
        settings = guided(self.interview, self.facts, self.prompter, self.show, self.save_as)
        check_replay(settings, self.facts)  # whatever was said on the way to it
        return settings

    @property
    def prompts(self) -> list[str]:
        return [prompt for prompt, _ in self.prompter.asked]


def test_enter_everywhere_gives_what_no_answers_at_all_give() -> None:
    talk = Talk([*script(), "apply"])
    assert settle(Answers(Settings), stock()) == talk.hold()
    assert [*PROMPTS, DECISION] == talk.prompts
    assert [] == talk.prompter.left


def test_what_was_answered_beforehand_is_not_asked() -> None:
    given = read_answers([], Settings, ["host.bridge=none", "guests.0.name=web"])
    talk = Talk([""] * 13 + ["apply"], given=given)
    settings = talk.hold()
    left = set(PROMPTS) - {PROMPTS[BRIDGE], PROMPTS[CARD], PROMPTS[NAME], PROMPTS[MORE]}
    assert {*left, DECISION} == set(talk.prompts)
    assert ("none", "web") == (settings.host.bridge, settings.guests[0].name)


def test_an_answer_given_beforehand_that_does_not_fit_is_asked_again() -> None:
    words = ("name=web", "network=10.0.2.15/24", "gateway=none", "nameservers=")
    given = read_answers([], Settings, [f"guests.0.{word}" for word in words])
    talk = Talk([*[""] * 10, "10.0.2.77/24", *[""] * 4, "apply"], given=given)
    assert "10.0.2.77/24" == talk.hold().guests[0].network
    assert any("The host itself has the address 10.0.2.15 (ens3)" in text
               for text in talk.prompter.said)  # fmt: skip


def test_what_a_file_has_for_all_guests_is_not_asked_of_a_further_one() -> None:
    given = read_text("version: 1\ndefaults: {root_size: 3GiB}\n", Settings)
    talk = Talk([*[""] * 9, *[""] * 5, "yes", *[""] * 6, "no", "", "apply"], given=given)
    assert [3072, 3072] == [guest.root_size for guest in talk.hold().guests]
    assert not any("How large is the guest's root" in prompt for prompt in talk.prompts)


def test_a_guest_whose_password_is_to_be_asked_for_is_asked_whatever_the_others_get() -> None:
    given = read_text(
        "version: 1\ndefaults: {root_password: locked}\n"
        "guests: [{name: a, root_password: asked}, {name: b}]\n",
        Settings,
    )
    resolved = resolve(given, Surroundings({}, frozenset()), unattended=False)
    talk = Talk([*[""] * 60], given=resolved)
    with suppress(InputEnded):
        talk.hold()
    assert 1 == sum("password" in prompt for prompt in talk.prompts)


def test_an_answer_is_checked_when_it_is_given_with_the_reason() -> None:
    talk = Talk([*script(MEMORY=("lots", "64MiB", "2GiB")), "apply"])
    assert 2048 == talk.hold().host.dom0_memory
    assert [PROMPTS[0]] * 3 == talk.prompts[:3]
    said = "\n".join(talk.prompter.said)
    assert "'lots' is not a size of at least 512MiB. Write a size with its unit" in said
    assert "'64MiB' is not a size of at least 512MiB. It is too small." in said


def test_a_question_mark_explains_and_asks_again() -> None:
    talk = Talk([*script(MEMORY=("?", ""), CONSOLE=("?", "both"), PASSWORD=("?", "")), "apply"])
    assert "both" == talk.hold().host.console
    said = "\n".join(talk.prompter.said)
    for help_text in ("Linux needs 512MiB at the least", "is the monitor", "Only its hash is kept"):
        assert help_text in said


def test_the_suggestion_says_why_on_this_machine() -> None:
    talk = Talk([*script(), "apply"])
    talk.hold()
    said = "\n".join(talk.prompter.said)
    assert "Suggested: serial (this Linux was booted with console=ttyS0)." in said
    assert "Suggested: /dev/disk/by-id/virtio-practice-disk (it is /dev/vda, the largest" in said


def test_each_question_says_first_what_it_means() -> None:
    talk = Talk([*script(), "apply"])
    talk.hold()
    said = "\n".join(talk.prompter.said)
    for meaning in (
        "Xen gives this much memory to dom0",
        "A bridge is a switch in software.",
        "The guest has an address of its own in the bridge's network.",
    ):
        assert meaning in said


@pytest.mark.parametrize("at", range(1, len(PROMPTS)))
def test_back_at_every_question_asks_the_one_before_with_its_answer_kept(at: int) -> None:
    first = {MEMORY: "2GiB", CONSOLE: "both", BRIDGE: "br7", GROUP: "pool", PACKAGES: "vim"}
    answers = [first.get(index, "") for index in range(at)]
    talk = Talk([*answers, "back", *[""] * (len(PROMPTS) - at + 1), "apply"])
    settings = talk.hold()
    assert [*PROMPTS[: at + 1], *PROMPTS[at - 1 :], DECISION] == talk.prompts
    undisturbed = Talk([*answers, *[""] * (len(PROMPTS) - at), "apply"]).hold()
    assert undisturbed == settings


def test_back_at_the_first_question_says_that_it_is_the_first() -> None:
    talk = Talk([*script(MEMORY=("back", "back", "")), "apply"])
    talk.hold()
    assert 2 == talk.prompter.said.count("This is the first question.")


def test_an_answer_changed_on_the_way_back_changes_what_is_asked() -> None:
    talk = Talk([*script(CARD=("back", "none")), "apply"])
    talk.hold()
    assert [PROMPTS[BRIDGE], PROMPTS[CARD], PROMPTS[BRIDGE], PROMPTS[USE]] == talk.prompts[2:6]


def test_what_cannot_be_chosen_is_shown_with_its_reason() -> None:
    talk = Talk([*script(), "apply"])
    talk.hold()
    use = talk.prompter.offered[2]  # after the console and the card
    refused = {option.value: option.refused for option in use if option.refused}
    assert {"existing-group": "there is none on this machine"} == refused


VDB = "/dev/disk/by-id/virtio-vdb-serial"
KEEP = "/dev/disk/by-id/virtio-vdd-serial"  # in `foreign`: an ext4 filesystem labelled keep
AT_DEVICE = ["", "", "", "", "device", ""]


def test_a_device_that_is_not_empty_is_chosen_by_typing_its_name() -> None:
    facts = machines()["foreign"]
    refusals = [KEEP, "yes", KEEP, "y", KEEP, ""]
    talk = Talk([*AT_DEVICE, *refusals, KEEP, "/dev/vdd", *[""] * 9, "apply"], facts)
    storage = talk.hold().storage  # and its record, replayed, plans the same
    assert (KEEP, KEEP) == (storage.device, storage.overwrite)
    assert 3 == talk.prompter.said.count("Not agreed: /dev/vdd is not chosen.")
    said = "\n".join(talk.prompter.said)
    assert "/dev/vdd holds an ext4 filesystem labelled keep. A plan with it destroys that" in said
    assert "Type /dev/vdd to agree, or only Enter to choose again" in talk.prompts


def test_a_device_that_is_typed_loses_nothing_without_its_name_either() -> None:
    facts = machines()["foreign"]
    typed = ["other", "/dev/vdd", "no", "other", "/dev/vdd", KEEP]
    storage = Talk([*AT_DEVICE, *typed, *[""] * 9, "apply"], facts).hold().storage
    assert ("/dev/vdd", "/dev/vdd") == (storage.device, storage.overwrite)


def test_an_agreement_goes_with_its_device_and_is_asked_for_once() -> None:
    facts = machines()["foreign"]
    facts = replace(facts, disks=(*facts.disks, disk("/dev/vde", 8192)))
    empty = "/dev/disk/by-id/virtio-vde-serial"
    again = ["back", KEEP, "back", empty]
    talk = Talk([*AT_DEVICE, KEEP, "/dev/vdd", *again, *[""] * 9, "apply"], facts)
    storage = talk.hold().storage
    assert (empty, "no") == (storage.device, storage.overwrite)
    assert 1 == sum("to agree" in prompt for prompt in talk.prompts)


def test_a_device_that_was_given_beforehand_and_holds_something_is_asked_about() -> None:
    given = read_answers([], Settings, ["storage.use=device", "storage.device=/dev/vdd"])
    talk = Talk([*[""] * 5, "/dev/vdd", *[""] * 9, "apply"], machines()["foreign"], given)
    assert "/dev/vdd" == talk.hold().storage.overwrite


def test_what_is_in_use_is_never_to_be_chosen() -> None:
    talk = Talk([*AT_DEVICE, "other", "/dev/vdb", "other", "/dev/vdc", "quit"],
                machines()["foreign"])  # fmt: skip
    with pytest.raises(Cancelled):
        talk.hold()
    said = "\n".join(talk.prompter.said)
    assert "That is not possible: it is in use: it holds a member of a RAID array" in said
    assert "That is not possible: /dev/vdc1 is in use: it holds an encrypted LUKS" in said


def test_what_was_typed_instead_is_offered_on_the_way_back() -> None:
    given = script(DEVICE=("other", "/dev/vdq"), SIZE=("back", "", ""))
    talk = Talk([*given, "apply"])
    assert "/dev/vdq" == talk.hold().storage.device
    typed = [option for options in talk.prompter.offered for option in options
             if option.value == "/dev/vdq"]  # fmt: skip
    assert ["/dev/vdq  typed before"] == [option.title for option in typed]


def test_a_destruction_that_is_not_typed_is_not_agreed_to() -> None:
    talk = Talk([*script(), "apply", "yes", "apply", "", "quit"],
                review=Review(True, ("/dev/vdb",)))  # fmt: skip
    with pytest.raises(Cancelled):
        talk.hold()
    assert 2 == talk.prompter.said.count("Not agreed: /dev/vdb stays as it is.")


def test_a_question_without_a_suggestion_needs_an_answer() -> None:
    facts = stock()
    facts = replace(facts, network=replace(facts.network, gateway=""))
    talk = Talk([*script(NETWORK=("192.0.2.7/24", "", "192.0.2.1")), "apply"], facts)
    assert "192.0.2.1" == talk.hold().guests[0].gateway
    assert "Nothing is suggested: the host has none." in talk.prompter.said
    assert "An answer is needed here." in talk.prompter.said


def test_a_list_is_typed_with_commas_and_emptied_with_a_dash() -> None:
    talk = Talk([*script(PACKAGES="vim, openssh-server"), "apply"])
    assert ("vim", "openssh-server") == talk.hold().guests[0].packages
    talk = Talk([*script(PACKAGES="vim", PASSWORD=("back", "-", "")), "apply"])
    assert () == talk.hold().guests[0].packages


def test_a_word_of_the_interview_in_quotes_is_an_answer() -> None:
    assert "back" == Talk([*script(NAME='"back"'), "apply"]).hold().guests[0].name


def test_the_pieces_of_a_disk_are_offered_one_by_one() -> None:
    facts = machines()["pieces"]
    talk = Talk([*script(SIZE=("8193MiB", "")), "apply"], facts)
    assert 8193 == talk.hold().storage.region  # and its record, replayed, plans the same
    assert "Which piece of its unpartitioned space?" == talk.prompts[SIZE]
    (pieces,) = [offered for offered in talk.prompter.offered if "8193MiB" in
                 {option.value for option in offered}]  # fmt: skip
    assert [
        ("8 GiB  from 8193 MiB on, after /dev/vdb1", ""),
        ("12 GiB  from 24577 MiB on, after /dev/vdb2, the largest", ""),
        ("1022 MiB  from 39937 MiB on, after /dev/vdb2", "5 GiB is needed"),
    ] == [(option.title, option.refused) for option in pieces[:3]]
    device = next(offered for offered in talk.prompter.offered if offered[1].value == VDB)
    assert "/dev/vdb  disk  40 GiB  free in pieces: 8 GiB, 12 GiB" == device[1].title
    usual = Talk([*script(SIZE=("", "")), "apply"], facts).hold()
    assert 24577 == usual.storage.region


# ---- passwords


def test_a_password_is_asked_twice_and_kept_as_a_hash() -> None:
    talk = Talk([*script(PASSWORD=("geheim", "geheim")), "apply"])
    assert hashed("geheim") == talk.hold().guests[0].root_password
    assert "geheim" not in "\n".join([*talk.prompter.said, *talk.prompts])


def test_two_different_passwords_are_asked_again() -> None:
    talk = Talk([*script(PASSWORD=("geheim", "geheym", "anders", "anders")), "apply"])
    assert hashed("anders") == talk.hold().guests[0].root_password
    assert "The two were not the same." in talk.prompter.said


def test_a_hash_or_the_word_locked_is_taken_as_it_is() -> None:
    assert HASH == Talk([*script(PASSWORD=HASH), "apply"]).hold().guests[0].root_password
    assert "locked" == Talk([*script(PASSWORD="locked"), "apply"]).hold().guests[0].root_password


def test_a_reference_is_for_answer_files_and_no_password() -> None:
    talk = Talk([*script(PASSWORD=("env:ONE", "locked")), "apply"])
    assert "locked" == talk.hold().guests[0].root_password
    assert "That is for answer files: type the password itself." in talk.prompter.said


def test_a_password_given_before_is_not_shown() -> None:
    talk = Talk([*script(PASSWORD=("geheim", "geheim"), AUTOSTART=("back", "", "")), "apply"])
    assert hashed("geheim") == talk.hold().guests[0].root_password
    assert (PROMPTS[PASSWORD], "the one given before") in talk.prompter.asked


# ---- several guests


def test_another_guest_is_asked_for_all_its_answers() -> None:
    guest = [""] * 7
    talk = Talk([*script(MORE=("yes", "web", *guest[1:], "yes", *guest, "no")), "apply"])
    settings = talk.hold()
    assert ["vm01", "web", "vm02"] == [guest.name for guest in settings.guests]
    assert 3 == talk.prompts.count("What is the guest called?")
    assert any(words.startswith("Guest system (guests 2), ") for words in talk.prompter.said)


def test_a_guest_thought_better_of_is_gone() -> None:
    guest = ["web", "4GiB", "xfs", "", "", "", ""]
    talk = Talk([*script(MORE=("yes", *guest, "no", "back", "back", *["back"] * 7, "no")), "apply"])
    settings = talk.hold()
    assert ["vm01"] == [guest.name for guest in settings.guests]


def test_going_back_over_guests_keeps_those_after() -> None:
    second, third = ["web", *[""] * 6], ["db", *[""] * 6]
    back = ["back"] * 16  # from the last "another?" to the first one
    again = ["yes", *[""] * 7, "yes", *[""] * 7, ""]
    talk = Talk([*script(MORE=("yes", *second, "yes", *third, *back, *again)), "apply"])
    assert ["vm01", "web", "db"] == [guest.name for guest in talk.hold().guests]


def test_a_name_that_is_taken_is_refused_at_once() -> None:
    guest = ["vm01", "web", *[""] * 6]
    talk = Talk([*script(MORE=("yes", *guest, "no")), "apply"])
    assert ["vm01", "web"] == [guest.name for guest in talk.hold().guests]
    assert "Another guest is called vm01: give each its own name." in talk.prompter.said


# ---- advanced questions


def test_advanced_questions_come_only_when_every_question_is_wanted() -> None:
    usual = Talk([*script(), "apply"])
    usual.hold()
    every = Talk(
        [*script(CONSOLE=("", "spare-space"), SIZE=("", "")), "apply"], every_question=True
    )
    assert ("spare-space",) == every.hold().host.ignore
    asked = set(every.prompts) - set(usual.prompts)
    # Of a disk with one piece of free space, nobody else is asked which.
    assert {
        "Which failed checks shall be taken as warnings?",
        "Which piece of its unpartitioned space?",
    } == asked


def test_an_advanced_question_that_nothing_answers_is_asked_all_the_same() -> None:
    @dataclass(frozen=True)
    class Only:
        card: str = asked("Which card?", INTERFACE, help="", advanced=True)

    @dataclass(frozen=True)
    class Whole:
        only: Only

    # Classes in a function cannot be looked up by their names.
    Only.__annotations__["card"] = str
    Whole.__annotations__["only"] = Only
    prompter = ScriptedPrompter(["", "eth0"])
    steps = (Part("Only", ("only.card",)),)
    interview = Interview(steps, Answers(Whole), stock(), prompter)
    interview.ask_all()
    assert "eth0" == interview.answers.given["only.card"].value


# ---- the decision


def test_going_back_from_the_decision_asks_the_last_question_again() -> None:
    talk = Talk([*script(), "back", "by-itself", "apply"])
    assert "by-itself" == talk.hold().host.after_reboot
    assert ["by-hand", "by-itself"] == [settings.host.after_reboot for settings in talk.shown]


def test_quitting_changes_nothing_and_says_so() -> None:
    for answers in (["quit"], [*script(), "quit"], ["", "quit"]):
        with pytest.raises(Cancelled) as caught:
            Talk(answers).hold()
        assert Exit.CANCELLED == caught.value.status
        assert "Nothing was changed." == caught.value.hint


def test_the_end_of_input_changes_nothing_and_says_so() -> None:
    with pytest.raises(InputEnded) as caught:
        Talk(["", ""]).hold()
    assert "Nothing was changed." in caught.value.what
    assert "apply ANSWERS" in caught.value.hint


def test_a_plan_with_problems_cannot_be_applied() -> None:
    talk = Talk([*script(), "quit"], review=Review(ready=False))
    with pytest.raises(Cancelled):
        talk.hold()
    refused = [option.value for option in talk.prompter.offered[-1] if option.refused]
    assert ["apply"] == refused


def test_saved_answers_replay_to_the_same_settings(tmp_path: Path) -> None:
    path = tmp_path / "my lab.yaml"
    answers = script(CONSOLE="both", PACKAGES="vim", PASSWORD=("geheim", "geheim"))
    talk = Talk([*answers, "save", str(path)])
    with pytest.raises(Cancelled) as caught:
        talk.hold()
    assert f"To go on with them: sudo xen-setup apply '{path}'" == caught.value.hint
    assert talk.shown[0] == settle(read_text(path.read_text(), Settings), stock())
    assert "mirror: host" in path.read_text()  # what was not even asked is recorded too
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert "geheim" not in path.read_text()


def test_saving_overwrites_nothing(tmp_path: Path) -> None:
    taken, missing = tmp_path / "taken.yaml", tmp_path / "no" / "folder.yaml"
    taken.write_text("mine")
    names = [str(taken), str(missing), "~nosuch/lab.yaml", "a" * 300, ""]
    talk = Talk([*script(), "save", *names], save_as=tmp_path / "ok.yaml")
    with pytest.raises(Cancelled):
        talk.hold()
    assert "mine" == taken.read_text()
    assert (tmp_path / "ok.yaml").exists()


def test_saving_can_be_thought_better_of(tmp_path: Path) -> None:
    talk = Talk([*script(), "save", "back", "apply"], save_as=tmp_path / "ok.yaml")
    talk.hold()
    assert [] == list(tmp_path.iterdir())


def test_yes_and_no_are_typed() -> None:
    assert confirm(ScriptedPrompter(["perhaps", "", "YES"]), "Well?")
    assert not confirm(ScriptedPrompter(["n"]), "Well?", default=True)
    assert confirm(ScriptedPrompter([""]), "Well?", default=True)
