"""Many guests from a few lines: ranges, what holds for all, and several files in order."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from steps import PIPELINE
from steps.settings import GuestSettings, Settings
from tests.machines import stock
from wizard.answer_file import read_answers, read_text, write_answers
from wizard.answers import Answers, draft, settle
from wizard.errors import AnswersInvalid
from wizard.preview import preview
from wizard.ranges import expand
from wizard.yaml_text import Place

# what is written → the names
RANGES = {
    "vm01": ["vm01"],
    "vm{01..03}": ["vm01", "vm02", "vm03"],
    "vm{8..11}": ["vm8", "vm9", "vm10", "vm11"],
    "vm{08..11}": ["vm08", "vm09", "vm10", "vm11"],
    "vm{8..011}": ["vm008", "vm009", "vm010", "vm011"],
    "{0..1}": ["0", "1"],
    "{00..1}-web": ["00-web", "01-web"],
    "a{7..7}b": ["a7b"],
}


@pytest.mark.parametrize("written", RANGES)
def test_a_range_makes_the_names_that_bash_makes(written: str) -> None:
    assert RANGES[written] == list(expand(written, 100))


# what is written → a piece of what is said
NO_RANGES = {
    "vm{3..1}": "runs backwards: write {1..3}",
    "vm{1..101}": "It makes 101 of them, and 100 are possible.",
    "vm{1..999999999}": "100 are possible",
    "vm{1..2}{1..2}": "not several",
    "vm{}": "as in vm{01..20}",
    "vm{..}": "as in vm{01..20}",
    "vm{1..}": "as in vm{01..20}",
    "vm{-1..3}": "as in vm{01..20}",
    "vm{1..10..2}": "as in vm{01..20}",
    "vm{a..c}": "as in vm{01..20}",
    "vm{1,2}": "as in vm{01..20}",
    "vm{1..2": "as in vm{01..20}",
    "vm1..2}": "as in vm{01..20}",
    "vm{٣..٤}": "as in vm{01..20}",
}


@pytest.mark.parametrize("written", NO_RANGES)
def test_what_is_no_range_says_how_one_is_written(written: str) -> None:
    with pytest.raises(ValueError, match=re.escape(NO_RANGES[written])):
        expand(written, 100)


def read(*lines: str) -> Answers[Settings]:
    return read_text("\n".join(["version: 1", *lines, ""]), Settings, "lab.yaml")


def guests(answers: Answers[Settings]) -> tuple[GuestSettings, ...]:
    return settle(answers, stock()).guests


def test_a_range_makes_as_many_guests_with_the_same_answers() -> None:
    made = guests(read("guests:", "- {name: web}", "- {name: 'vm{01..20}', memory: 1GiB}"))
    assert ["web", *(f"vm{number:02}" for number in range(1, 21))] == [item.name for item in made]
    assert [512, *[1024] * 20] == [item.memory for item in made]


def test_an_address_counts_up_from_the_first() -> None:
    made = guests(
        read("guests:", "- {name: 'vm{1..4}', network: 192.0.2.253/23, gateway: 192.0.3.254}")
    )
    assert ["192.0.2.253/23", "192.0.2.254/23", "192.0.2.255/23", "192.0.3.0/23"] == [
        item.network for item in made
    ]
    assert {"dhcp"} == {item.network for item in guests(read("guests: [{name: 'vm{1..3}'}]"))}


def test_what_holds_for_all_gives_way_to_what_a_guest_says() -> None:
    made = guests(
        read(
            "guests: [{name: a}, {name: b, memory: 2GiB}, {name: 'c{1..2}'}]",
            "defaults: {memory: 1GiB, packages: [vim]}",
        )
    )
    assert [1024, 2048, 1024, 1024] == [item.memory for item in made]
    assert {("vim",)} == {item.packages for item in made}


def test_what_holds_for_all_holds_for_the_one_guest_that_nobody_named() -> None:
    answers = read("defaults: {memory: 1GiB}")
    assert [1024] == [item.memory for item in guests(answers)]
    assert answers.given.items() >= read_text(write_answers(answers), Settings).given.keys() - (
        answers.given.keys()
    )
    assert 1024 == read_text(write_answers(answers), Settings).given["guests.0.memory"].value


def test_each_answer_knows_where_it_stands() -> None:
    answers = read(
        "defaults: {memory: 1GiB}", "guests:", "- name: vm{1..3}", "  network: 192.0.2.10/24"
    )
    assert Place("lab.yaml", 2, 20) == answers.given["guests.2.memory"].place
    assert Place("lab.yaml", 4, 9) == answers.given["guests.2.name"].place
    assert Place("lab.yaml", 5, 12) == answers.given["guests.2.network"].place
    assert Place("lab.yaml", 4, 3) == answers.places["guests.2"]


# lines → (line, column, key, a piece of what is said) of each problem
PROBLEMS: dict[str, tuple[list[str], list[tuple[int, int, str, str]]]] = {
    "a backward range": (
        ["guests:", "- name: vm{3..1}"],
        [(3, 9, "guests.0.name", "'vm{3..1}' is no range that is understood here. The range runs")],
    ),
    "too many": (
        ["guests:", "- {name: x}", "- name: vm{1..1001}"],
        [(4, 9, "guests.1.name", "It makes 1001 of them, and 1000 are possible.")],
    ),
    "too many together": (
        ["guests:", "- name: a{1..600}", "- name: b{1..600}", "- name: c{1..600}"],
        [(3, 1, "guests", "The list has over 1000 items")],
    ),
    "no name": (
        ["guests:", "- name: Vm{1..3}"],
        [(3, 9, "guests.0.name", "'Vm1' is not a guest's name.")],
    ),
    "a name too long at the end": (
        ["guests:", "- name: " + "v" * 62 + "{9..10}"],
        [(3, 9, "guests.0.name", "is not a guest's name")],
    ),
    "out of the network": (
        ["guests:", "- name: vm{1..3}", "  network: 192.0.2.254/24", "  gateway: none"],
        [(4, 12, "guests.1.network", "'192.0.2.254/24' is for vm1, and cannot be counted up to "
          "vm3. For vm2: 192.0.2.255 is the broadcast address of 192.0.2.0/24.")],
    ),
    "out of a small network": (
        ["guests:", "- name: vm{1..3}", "  network: 192.0.2.6/31", "  gateway: none"],
        [(4, 12, "guests.2.network", "192.0.2.8 is outside the network 192.0.2.6/31.")],
    ),
    "out of all networks": (
        ["guests:", "- name: vm{1..3}", "  network: 255.255.255.254/31", "  gateway: none"],
        [(4, 12, "guests.2.network", "there is no further address")],
    ),
    "a name twice": (
        ["guests:", "- name: vm{1..3}", "- name: vm2"],
        [(4, 9, "guests.3.name", "Another guest is called vm2: give each its own name.")],
    ),
    "an address twice": (
        ["guests:", "- {name: 'vm{1..3}', network: 192.0.2.10/24}",
         "- {name: x, network: 192.0.2.12/24}"],
        [(4, 22, "guests.3.network", "Another guest has the address 192.0.2.12")],
    ),
    "one address for all": (
        ["defaults: {network: 192.0.2.10/24}", "guests: [{name: a}, {name: b}]"],
        [(2, 21, "guests.1.network", "Another guest has the address 192.0.2.10")],
    ),
    "a gateway that is a guest": (
        ["guests:", "- {name: 'vm{1..3}', network: 192.0.2.1/24}",
         "- {name: x, network: 192.0.2.12/24, gateway: 192.0.2.2}"],
        [(4, 46, "guests.3.gateway", "Another guest has the address 192.0.2.2.")],
    ),
    "a guest that is a gateway": (
        ["guests:", "- {name: x, network: 192.0.2.12/24, gateway: 192.0.2.1}",
         "- {name: 'vm{1..3}', network: 192.0.2.1/24}"],
        [(4, 31, "guests.1.network", "192.0.2.1 is the gateway of another guest")],
    ),
    "its own gateway": (
        ["guests:", "- {name: x, network: 192.0.2.12/24, gateway: 192.0.2.12}"],
        [(3, 46, "guests.0.gateway", "It is the guest's own address")],
    ),
    "a name for all": (
        ["defaults: {name: x}"],
        [(2, 12, "defaults.name", "cannot be the same for all: give it to each of the `guests`")],
    ),
    "an unknown key for all": (
        ["defaults: {memry: 1GiB}"],
        [(2, 12, "defaults.memry", "Did you mean `memory`?")],
    ),
    "a wrong value for all": (
        ["defaults: {memory: much}"],
        [(2, 20, "defaults.memory", "is not a size")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PROBLEMS)
def test_each_problem_is_found_at_its_place(case: str) -> None:
    lines, expected = PROBLEMS[case]
    with pytest.raises(AnswersInvalid) as caught:
        read(*lines)
    found = [(problem.line, problem.column, problem.key) for problem in caught.value.problems]
    assert [item[:3] for item in expected] == found
    for (*_, piece), problem in zip(expected, caught.value.problems, strict=True):
        assert piece in f"{problem.what} {problem.hint}"


def test_the_hosts_addresses_are_refused_for_a_guest_at_their_place() -> None:
    answers = read(
        "guests:",
        "- {name: 'vm{1..2}', network: 10.0.2.14/24, gateway: none}",
        "- {name: x, network: 10.0.2.2/24, gateway: none}",
    )
    drafted = draft(answers, stock())
    assert [
        ("guests.1.network", 3, 31, "The host itself has the address 10.0.2.15 (ens3)."),
        ("guests.2.network", 4, 22, "10.0.2.2 is the host's gateway: give the guest an address "
         "of its own."),
    ] == [(one.key, one.line, one.column, one.hint) for one in drafted.problems]  # fmt: skip


def test_twenty_guests_are_planned_in_a_moment() -> None:
    settings = settle(read("defaults: {memory: 64MiB}", "guests: [{name: 'vm{01..20}'}]"), stock())
    began = time.process_time()
    preview(PIPELINE, settings, stock(), frozenset())
    assert time.process_time() - began < 2


# ---- several files


@pytest.mark.parametrize("word", ["3", "03", "12345678901", "vm04", "VM01", ""])
def test_set_changes_guests_that_are_there_and_adds_none(tmp_path: Path, word: str) -> None:
    with pytest.raises(AnswersInvalid) as caught:
        merged(
            tmp_path, "guests: [{name: 'vm{01..03}'}]", assignments=(f"guests.{word}.memory=1GiB",)
        )
    (told,) = caught.value.details
    assert f"There is no `{word}` in the list: it has 3 items, 0 (vm01) to 2 (vm03)." in told


def merged(tmp_path: Path, *texts: str, assignments: tuple[str, ...] = ()) -> Answers[Settings]:
    paths = []
    for number, text in enumerate(texts):
        paths.append(tmp_path / f"{number}.yaml")
        paths[-1].write_text(f"version: 1\n{text}\n")
    return read_answers(paths, Settings, assignments)


def test_guests_of_several_files_match_by_name_and_new_ones_are_added(tmp_path: Path) -> None:
    answers = merged(
        tmp_path,
        "guests: [{name: 'vm{1..3}', memory: 1GiB}]",
        "guests: [{name: web, memory: 3GiB}, {name: vm2, memory: 2GiB, vcpus: 4}]",
        "guests: [{name: 'vm{2..4}', vcpus: 2}]",
    )
    assert [
        ("vm1", 1024, 1), ("vm2", 2048, 2), ("vm3", 1024, 2), ("web", 3072, 1), ("vm4", 512, 2),
    ] == [(guest.name, guest.memory, guest.vcpus) for guest in guests(answers)]  # fmt: skip
    assert str(tmp_path / "1.yaml") == answers.given["guests.1.memory"].place.file


def test_guests_without_a_name_match_by_position(tmp_path: Path) -> None:
    answers = merged(
        tmp_path, "guests: [{name: a}, {name: b}]", "guests: [{}, {memory: 1GiB}, {memory: 2GiB}]"
    )
    assert [("a", 512), ("b", 1024), ("vm01", 2048)] == [
        (guest.name, guest.memory) for guest in guests(answers)
    ]


def test_two_items_of_one_file_for_the_same_guest_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnswersInvalid) as caught:
        merged(
            tmp_path,
            "guests: [{name: a}, {name: b}]",
            "guests:\n- {name: b, vcpus: 2}\n- {vcpus: 3}",
        )
    (problem,) = caught.value.problems
    assert (4, 3, "guests.1") == (problem.line, problem.column, problem.key)
    assert "This is for the same one as what stands in line 3." == problem.what


def test_a_name_twice_in_a_later_file_is_refused_as_in_the_first(tmp_path: Path) -> None:
    with pytest.raises(AnswersInvalid) as caught:
        merged(tmp_path, "guests: [{name: a}]", "guests:\n- name: a\n- name: a")
    assert [(4, "Another guest is called a: give each its own name.")] == [
        (problem.line, problem.hint) for problem in caught.value.problems
    ]


def test_what_holds_for_all_comes_from_all_files_and_counts_less_than_a_guest(
    tmp_path: Path,
) -> None:
    answers = merged(
        tmp_path,
        "guests: [{name: a, memory: 2GiB}, {name: b}]\ndefaults: {vcpus: 2, memory: 1GiB}",
        "defaults: {memory: 3GiB}",
        assignments=("defaults.swap_size=none", "guests.b.vcpus=3"),
    )
    assert [("a", 2048, 2, 0), ("b", 3072, 3, 0)] == [
        (guest.name, guest.memory, guest.vcpus, guest.swap_size) for guest in guests(answers)
    ]
    assert Place("--set") == answers.given["guests.0.swap_size"].place


def test_an_option_names_a_guest_of_a_range(tmp_path: Path) -> None:
    answers = merged(
        tmp_path, "guests: [{name: 'vm{01..20}'}]", assignments=("guests.vm07.memory=1GiB",)
    )
    assert [6] == [index for index, one in enumerate(guests(answers)) if one.memory == 1024]


def test_a_range_cannot_be_given_by_an_option() -> None:
    with pytest.raises(AnswersInvalid, match="1 problem") as caught:
        read_answers([], Settings, ["guests.0.name=vm{1..3}"])
    assert "'vm{1..3}' is not a guest's name." in caught.value.details[0]


def test_what_an_unreadable_file_may_have_is_not_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(AnswersInvalid, match=r"1\.yaml cannot be read") as caught:
        merged(tmp_path, "host: {}", "guests: [", assignments=("guests.vm07.memory=1GiB",))
    assert 1 == len(caught.value.problems)


def test_the_most_guests_there_can_be_are_read_in_a_moment() -> None:
    began = time.process_time()
    answers = read("guests: [{name: 'vm{0001..1000}', network: 192.0.2.1/16, gateway: none}]")
    assert 1000 == answers.count_of("guests")
    assert time.process_time() - began < 5


def test_what_is_wrong_with_one_answer_of_a_range_is_told_once() -> None:
    with pytest.raises(AnswersInvalid) as caught:
        read("guests:", "- name: vm{01..20}", "  network: 192.0.2.10/24", "  gateway: 192.0.2.11")
    told = [(problem.key, problem.what) for problem in caught.value.problems]
    assert ["guests.1.network", "guests.1.gateway", "guests.2.gateway"] == [key for key, _ in told]
    hint = caught.value.problems[2].hint
    assert hint.endswith("The same holds for 17 more, up to guests.19.gateway.")


def test_a_default_that_does_not_fit_this_machine_is_told_once() -> None:
    nowhere = replace(stock(), network=replace(stock().network, gateway=""))
    answers = read("guests: [{name: 'vm{1..2}', network: 192.0.2.10/24}]")
    problems = draft(answers, nowhere).problems
    assert ["guests.0.gateway"] == [problem.key for problem in problems]
    assert problems[0].missing
    assert problems[0].hint.endswith("The same holds for guests.1.gateway.")
