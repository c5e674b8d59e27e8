"""Hostile texts for every question: refused at their line, or one harmless argument in the plan."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from steps import PIPELINE
from steps.settings import Settings
from tests.credentials import key_body, public_key
from tests.fast import share
from tests.hostile import HOSTILE
from tests.machines import machines
from wizard.answer_file import read_answers, read_text
from wizard.answers import draft, parts
from wizard.codec import encode
from wizard.errors import AnswersInvalid
from wizard.preview import preview
from wizard.questions import questions_of
from wizard.yaml_text import yaml_scalar

# A machine on which each kind of answer comes to something, and what else must be said for that.
SETTINGS = {
    "storage.volume_group": ("storage.use=free-space",),
    "storage.device": ("storage.use=device",),
    "storage.overwrite": ("storage.use=device", "storage.device=/dev/vdb"),
    "host.tarball": ("host.xen_source=tarball",),
    "host.tarball_sha256": ("host.xen_source=tarball", "host.tarball=/srv/xen.tar.gz"),
    "host.tarball_signature": ("host.xen_source=tarball", "host.tarball=/srv/xen.tar.gz"),
    "host.tarball_keyring": (
        "host.xen_source=tarball",
        "host.tarball=/srv/xen.tar.gz",
        "host.tarball_signature=/srv/xen.tar.gz.sig",
    ),
    "guests.gateway": ("guests.0.network=192.0.2.10/24",),
    "guests.nameservers": ("guests.0.network=192.0.2.10/24", "guests.0.gateway=none"),
    "guests.network": ("guests.0.gateway=none",),
}
# Values that nobody wonders at, to compare plans with.
ORDINARY: dict[str, tuple[str, ...]] = {
    "host.bridge": ("xenbr7",),
    "host.bridge_card": ("eth7",),
    "host.tarball": ("/srv/xen.tar.gz", ""),
    "host.tarball_sha256": ("0" * 64,),
    "host.tarball_signature": ("/srv/xen.tar.gz.sig", ""),
    "host.tarball_keyring": ("/srv/maker.gpg", ""),
    "host.ignore": ("memory",),
    "storage.volume_group": ("lab",),
    "storage.device": ("/dev/vdy",),
    "storage.overwrite": ("/dev/vdy",),
    "guests.name": ("web",),
    "guests.release": ("woody",),
    "guests.mirror": ("http://mirror.example.org/debian", "file:///srv/mirror"),
    "guests.packages": ("vim",),
    "guests.network": ("192.0.2.20/24",),
    "guests.gateway": ("192.0.2.1",),
    "guests.nameservers": ("192.0.2.3",),
    "guests.root_password": ("env:ONE",),
    "guests.ssh_keys": (public_key("someone"),),
}
# Where a person's own words are only the end of an answer.
ENDS = {
    "guests.ssh_keys": tuple(
        f"ssh-ed25519 {key_body(bytes(range(32)))} {text}" for text in HOSTILE
    ),
    "guests.root_password": tuple(f"file:/{text}" for text in HOSTILE),
    "guests.mirror": tuple(f"http://mirror.example.org/{text}" for text in HOSTILE),
    "storage.device": tuple(f"/dev/{text}" for text in HOSTILE),
}
# Numbers and yes or no, of which some ways of writing are taken.
CHOSEN = {"true", "no", "off", "yes", "1"}
# Words that a question has for nothing, or for none: another plan follows, as it should.
WORDS = {"no"}
FACTS = machines()["second-disk"]
QUESTIONS = {
    f"{part.name}.{name}": question
    for part in parts(Settings)
    for name, question in questions_of(part.section)
}


@pytest.mark.parametrize("key", ["guests.name", "guests.memory", "guests.root_password",
                                 "guests.packages"])  # fmt: skip
def test_a_hostile_text_in_a_file_is_refused_at_its_line_in_printable_words(key: str) -> None:
    name = key.partition(".")[2]
    for text in share(HOSTILE, one_in=4):
        try:
            read_text(f"version: 1\nguests:\n- {name}: {yaml_scalar(text)}\n", Settings)
        except AnswersInvalid as error:
            (problem,) = error.problems
            assert (3, f"guests.0.{name}") == (problem.line, problem.key), text
            assert problem.what
            assert problem.hint
            said = "".join(error.details).replace("\n", "")
            assert all(character.isprintable() for character in said), text


def accepted(key: str) -> list[Any]:
    """What the hostile texts are an answer to that question as."""
    found = []
    for text in HOSTILE + ENDS.get(key, ()):
        try:
            value = QUESTIONS[key].kind.parse(text)
        except ValueError as error:
            assert str(error), text
        else:
            if text not in WORDS and value != ():
                found.append(value)
    return found


def planned(key: str, value: Any) -> list[Any]:
    """What the steps would do with that answer, as plain data."""
    answers = read_answers([], Settings, SETTINGS.get(key, ()))
    answers = answers.with_answer(key.replace("guests.", "guests.0."), value)
    previews = preview(PIPELINE, draft(answers, FACTS).settings, FACTS)
    return [
        encode(action) for one in previews if one.plan is not None for action in one.plan.actions
    ]


def shape(thing: Any) -> Any:
    """How a plan is built: its words without their letters, but with their lines and dashes."""
    match thing:
        case dict():
            return {name: shape(value) for name, value in thing.items()}
        case list():
            return [shape(value) for value in thing]
        case str():
            return (thing.count("\n"), thing.startswith("-"))
    return type(thing)


def words_of(thing: Any) -> list[str]:
    match thing:
        case dict():
            return [word for value in thing.values() for word in words_of(value)]
        case list():
            return [word for value in thing for word in words_of(value)]
        case str():
            return [thing]
    return []


@pytest.mark.parametrize("key", QUESTIONS)
def test_a_hostile_text_is_refused_or_lands_as_one_harmless_argument(key: str) -> None:
    if key not in ORDINARY:
        assert all(text in CHOSEN for text in HOSTILE if _is_taken(key, text))
        return
    parse = QUESTIONS[key].kind.parse
    ordinary = [shape(planned(key, parse(text))) for text in ORDINARY[key]]
    for value in share(accepted(key), one_in=4):
        actions = planned(key, value)
        assert shape(actions) in ordinary, value
        for word in words_of(actions):
            assert not any(map(_is_dangerous, word)), value


def _is_dangerous(character: str) -> bool:
    """A control, half a character, a line's end of Unicode's, or what turns letters around."""
    turns = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return character not in "\n\t" and (
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
        or unicodedata.bidirectional(character) in turns
    )


def _is_taken(key: str, text: str) -> bool:
    try:
        QUESTIONS[key].kind.parse(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("version", ["\N{SUPERSCRIPT TWO}", "9" * 5000])
def test_a_version_that_is_no_number_or_a_very_long_one_is_refused(version: str) -> None:
    with pytest.raises(AnswersInvalid) as refused:
        read_text(f"version: {version}\n", Settings)
    assert refused.value.problems[0].key == "version"
