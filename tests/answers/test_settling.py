"""From answers to settings on a machine: defaults, what is not needed, what is missing."""

from __future__ import annotations

import stat
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from steps import kinds
from steps.settings import ANSWERS_VERSION as SETTINGS_VERSION
from steps.settings import Settings
from tests.credentials import HASH
from tests.machines import machines, stock
from wizard.answer_file import (
    ANSWERS_VERSION,
    read_answers,
    read_text,
    save_answers,
    write_answers,
)
from wizard.answers import Answers, draft, record, secrets, settle, walk
from wizard.errors import AnswersInvalid, UsageError
from wizard.questions import Known, asked

PACKAGED = Path(__file__).parents[2] / "wizard/practice/first-guest.yaml"


def read(*lines: str) -> Answers[Settings]:
    return read_text("\n".join(["version: 1", *lines, ""]), Settings, "lab.yaml")


def test_no_answers_at_all_are_enough_for_the_stock_machine() -> None:
    settings = settle(read(), stock())
    assert "free-space" == settings.storage.use
    assert "/dev/disk/by-id/virtio-practice-disk" == settings.storage.device
    assert ["vm01"] == [guest.name for guest in settings.guests]


def test_defaults_follow_from_earlier_answers() -> None:
    settings = settle(read("storage: {use: existing-group}"), machines()["volume-group"])
    assert "xendisks" == settings.storage.volume_group
    guests = settle(read("guests: [{name: vm01}, {}, {name: web}, {}]"), stock()).guests
    assert ["vm01", "vm02", "web", "vm03"] == [guest.name for guest in guests]


def test_what_is_not_needed_has_its_default_whatever_was_given() -> None:
    settings = settle(read("host: {bridge: none, bridge_card: eth7}"), stock())
    assert "ens3" == settings.host.bridge_card


def test_what_is_not_needed_and_has_no_default_is_empty() -> None:
    machine = machines()["full"]
    settings = settle(read("storage: {use: existing-group, volume_group: data}"), machine)
    assert "" == settings.storage.device


def test_what_is_missing_is_named_with_the_place_of_its_section() -> None:
    machine = stock()
    without_gateway = replace(machine, network=replace(machine.network, gateway=""))
    with pytest.raises(AnswersInvalid) as caught:
        settle(read("guests:", "- network: 192.0.2.10/24"), without_gateway)
    (problem,) = caught.value.problems
    assert ("guests.0.gateway", "lab.yaml", 3, 3) == (
        problem.key, problem.file, problem.line, problem.column,
    )  # fmt: skip
    assert "missing" in problem.what


def test_a_machine_without_room_needs_an_answer_and_its_draft_is_still_settings() -> None:
    drafted = draft(read(), machines()["full"])
    assert ["storage.use", "storage.device"] == [problem.key for problem in drafted.problems]
    assert "" == drafted.settings.storage.use
    assert 512 == drafted.settings.guests[0].memory


def test_names_and_addresses_are_given_once() -> None:
    with pytest.raises(AnswersInvalid) as caught:
        settle(
            read(
                "guests:",
                "- {name: web, network: 192.0.2.10/24}",
                "- {name: web, network: 192.0.2.10/25}",
            ),
            stock(),
        )
    places = [(problem.key, problem.line, problem.column) for problem in caught.value.problems]
    assert [("guests.1.name", 4, 10), ("guests.1.network", 4, 24)] == places


def test_a_share_of_the_free_space_becomes_a_size_on_this_machine() -> None:
    settings = settle(read("storage: {partition_size: 60%FREE}"), stock())
    assert 10239 * 60 // 100 == settings.storage.partition_size
    assert "partition_size: 6143MiB" in write_answers(record(settings, stock()))


def test_a_share_that_is_too_small_on_this_machine_is_refused_with_figures() -> None:
    with pytest.raises(AnswersInvalid) as caught:
        settle(read("storage: {partition_size: 20%FREE}"), stock())
    (problem,) = caught.value.problems
    assert ("lab.yaml", 2, 27, "'20%FREE' does not fit.") == (
        problem.file, problem.line, problem.column, problem.what,
    )  # fmt: skip
    assert problem.hint.endswith("that is 2047MiB; 5GiB is needed.")


def test_a_share_of_what_cannot_be_seen_is_all_of_it() -> None:
    drafted = draft(read("storage: {partition_size: 60%FREE, use: free-space}"), machines()["user"])
    assert 0 == drafted.settings.storage.partition_size


@dataclass(frozen=True)
class _Odd:
    """Questions whose declarations are at fault, or that the machine's answers go against."""

    broken: str = asked("Broken?", kinds.INTERFACE, help="", default="no such/name")
    small: int = asked(
        "Small?", kinds.size(1), help="", default=8,
        check=lambda size, known: "Too large here." if size > known.facts else "",
    )  # fmt: skip


@dataclass(frozen=True)
class _OddSettings:
    odd: _Odd


def test_a_default_that_its_kind_refuses_counts_as_none() -> None:
    drafted = draft(Answers(_OddSettings), 8)
    assert ["odd.broken"] == [problem.key for problem in drafted.problems]
    assert "" == drafted.settings.odd.broken


def test_a_default_that_does_not_fit_the_machine_is_said_to_be_one() -> None:
    drafted = draft(Answers(_OddSettings).with_answer("odd.broken", "br0"), 4)
    (problem,) = drafted.problems
    assert "No answer was given, and the default: '8MiB' does not fit. Too large here." == (
        f"{problem.what} {problem.hint}"
    )


def test_a_question_sees_the_answers_before_it_and_no_others() -> None:
    seen: list[Known] = []

    def remember(known: Known) -> str:
        seen.append(known)
        return "br0"

    @dataclass(frozen=True)
    class Late:
        first: str = asked("First?", kinds.INTERFACE, help="", default="eth0")
        second: str = asked("Second?", kinds.INTERFACE, help="", default=remember)
        third: str = asked("Third?", kinds.INTERFACE, help="", default="eth2")

    @dataclass(frozen=True)
    class Two:
        items: tuple[Late, ...]

    # The annotations of classes in a function cannot be looked up by their names.
    Two.__annotations__["items"] = tuple[Late, ...]
    Late.__annotations__.update(first=str, second=str, third=str)
    draft(Answers(Two, counts={"items": 2}), None)
    assert {"items.0.first": "eth0", "first": "eth0"} == dict(seen[0].answers)
    known = {item.key: item.known for item in walk(Answers(Settings), stock())}
    assert {"host.dom0_memory": 1024} == dict(known["host.console"].answers)
    assert {"items.1.first": "eth0", "first": "eth0"} == dict(seen[1].answers)
    (before,) = seen[1].earlier
    assert ("eth0", "br0", "eth2") == (before["first"], before["second"], before["third"])


def test_secrets_are_named_by_the_guests_name() -> None:
    settings = settle(read(f"guests: [{{name: web, root_password: '{HASH}'}}, {{}}]"), stock())
    assert {"guests.web.root_password": HASH, "guests.vm01.root_password": "locked"} == secrets(
        settings
    )


def test_the_packaged_answers_fit_the_practice_machine() -> None:
    settings = settle(read_answers([PACKAGED], Settings), stock())
    assert ("vm01", "xenbr0", "free-space") == (
        settings.guests[0].name, settings.host.bridge, settings.storage.use,
    )  # fmt: skip
    assert "by-hand" == settings.host.after_reboot


def test_one_version_is_meant() -> None:
    assert SETTINGS_VERSION == ANSWERS_VERSION


def test_a_number_given_for_a_secret_is_not_repeated_either() -> None:
    @dataclass(frozen=True)
    class Hidden:
        code: str = asked("Code?", kinds.INTERFACE, help="", secret=True)

    @dataclass(frozen=True)
    class Whole:
        hidden: Hidden

    Hidden.__annotations__["code"] = str
    Whole.__annotations__["hidden"] = Hidden
    with pytest.raises(AnswersInvalid) as caught:
        read_text("version: 1\nhidden: {code: 4711}\n", Whole)
    assert "4711" not in str(caught.value.details)


# ---- writing


def test_the_same_answers_give_the_same_text_with_each_question_beside_its_answer() -> None:
    answers = record(settle(read(), stock()), stock())
    text = write_answers(answers)
    assert write_answers(record(settle(read_text(text, Settings), stock()), stock())) == text
    assert "  # Which bridge connects the guests to the network?\n  bridge: xenbr0\n" in text
    assert "overwrite" not in text  # it is not asked for free space


def test_a_recorded_answer_does_not_change_when_the_machine_does() -> None:
    settings = settle(read(), stock())
    text = write_answers(record(settings, stock()))
    assert settings == settle(read_text(text, Settings), machines()["second-disk"])


def test_answers_given_so_far_can_be_written_too() -> None:
    answers = Answers(Settings).with_answer("host.bridge", "br0")
    assert answers.given.keys() == read_text(write_answers(answers), Settings).given.keys()


def test_saved_answers_are_for_their_owner_only_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "answers.yaml"
    path.write_text("old")
    path.chmod(0o644)
    save_answers(path, "new ü\n")
    assert "new ü\n" == path.read_text(encoding="utf-8")
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(tmp_path.iterdir())


def test_saving_does_not_follow_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "answers.yaml"
    target.write_text("keep")
    link.symlink_to(target)
    save_answers(link, "new")
    assert "keep" == target.read_text()
    assert "new" == link.read_text()


def test_answers_that_cannot_be_saved_say_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        save_answers(tmp_path / "missing" / "answers.yaml", "text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        save_answers(tmp_path / "folder", "text")
    assert [tmp_path / "folder"] == list(tmp_path.iterdir())
