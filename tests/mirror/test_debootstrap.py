"""A guest's system through a broken mirror: explained, never unsigned, and not fetched twice.

debootstrap itself works here, by the step's own command, into a folder; the mirror is a small
archive with a key of its own, and a server that breaks as real ones do.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from steps import guest_system
from steps.failures import RULES
from tests.credentials import HASH
from tests.fast import share
from tests.machines import stock
from tests.mirror.archive import Archive, make_archive, new_key
from tests.mirror.broken import Fault, Mirror, folder_of_files
from tests.mirror.surroundings import elsewhere
from tests.steps.answered import answered
from tests.steps.prepared import before
from wizard.actions import CommandShows, PathPresent, RunCommand
from wizard.diagnosis import likely
from wizard.errors import StepFailed
from wizard.machine import Machine
from wizard.running import Unwatched, Workplace
from wizard.undo import PlainUndo

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("debootstrap") is None or shutil.which("gpg") is None,
    reason="debootstrap is root's, and gpg signs the archive",
)

SUITE = Path(__file__).with_name("suite.sh")


@dataclass
class Place:
    """A machine, the archive, its mirror, and debootstrap's own command for a folder here."""

    machine: Machine
    archive: Archive
    mirror: Mirror
    target: Path
    cache: Path
    action: RunCommand

    def install(self) -> None:
        """What the engine does with the action."""
        undo = self.machine.prepare(self.action, "1")
        self.machine.perform(self.action, undo, Unwatched())

    def take_back(self) -> None:
        """What the engine does after a failure, and `resume` before it begins again."""
        self.machine.revert(self.action, PlainUndo(), Unwatched())

    def fails(self) -> StepFailed:
        """The failure of an installation, which leaves nothing in the guest's volume."""
        with pytest.raises(StepFailed) as caught:
            self.install()
        assert not self.machine.is_done(self.action)
        self.take_back()
        assert ["lost+found"] == [path.name for path in self.target.iterdir()]
        return caught.value

    def kept(self) -> list[str]:
        """The packages that are kept for the next try."""
        return sorted(path.name for path in self.cache.glob("*.deb"))


def in_folder(action: RunCommand, target: Path, cache: Path, keyring: Path) -> RunCommand:
    """The step's own command, for a folder in the place of the volume, with our suite and key."""
    place = action.argv[action.argv.index("bookworm") + 1]

    def here(words: Sequence[str]) -> tuple[str, ...]:
        changed = (word.replace(place, str(target)) for word in words)
        changed = (re.sub("^--cache-dir=.*", f"--cache-dir={cache}", word) for word in changed)
        return tuple(re.sub("^--keyring=.*", f"--keyring={keyring}", word) for word in changed)

    assert isinstance(action.probe, PathPresent)
    (log, own_log) = here([action.probe.path, action.own_log])
    assert isinstance(action.traces, CommandShows)
    assert action.undo is not None
    return replace(
        action,
        argv=(*here(action.argv), str(SUITE)),
        probe=PathPresent(log),
        traces=CommandShows(here(action.traces.argv), action.traces.pattern),
        undo=here(action.undo),
        inside=None,
        own_log=own_log,
        dependents=(),
    )


def bootstrap(address: str) -> RunCommand:
    """The step's command for a guest whose mirror is there."""
    answers: Mapping[str, object] = {"guests.0.root_password": HASH, "guests.0.mirror": address}
    settings = answered(stock(), answers)
    plan = guest_system.plan(settings, before(guest_system, settings, stock()))
    return next(action for action in plan.actions if isinstance(action, RunCommand))


def packages_of(action: RunCommand) -> list[str]:
    """What the command includes."""
    include = next(word for word in action.argv if word.startswith("--include="))
    return include.partition("=")[2].split(",")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    names = packages_of(bootstrap("http://mirror.example.org/debian"))
    return make_archive(tmp_path_factory.mktemp("mirror"), [*names, "usr-is-merged", "zlib1g"])


@pytest.fixture
def place(tmp_path: Path, whole: Archive) -> Iterator[Place]:
    archive = replace(whole, top=tmp_path / "archive")
    shutil.copytree(whole.top, archive.top)
    target, cache = tmp_path / "vm01", tmp_path / "archives"
    (target / "lost+found").mkdir(parents=True)
    (cache / "partial").mkdir(parents=True)
    (tmp_path / "backups").mkdir()
    # wget waits for minutes before it gives up; what it says then is the same.
    (tmp_path / "wgetrc").write_text("tries = 2\nwaitretry = 0\n")
    surroundings = {"WGETRC": str(tmp_path / "wgetrc")}
    machine = Machine(run_command=elsewhere(surroundings), work=tmp_path / "work")
    machine.attend(Workplace(tmp_path / "log", tmp_path / "backups"))
    with Mirror(folder_of_files(archive.top)) as mirror:
        action = in_folder(bootstrap(mirror.address()), target, cache, archive.keyring)
        yield Place(machine, archive, mirror, target, cache, action)


def explained(error: StepFailed) -> str:
    """The likely cause, as the person reads it."""
    return " ".join(likely(error, RULES))


def test_a_good_mirror_gives_a_system_and_each_file_is_fetched_once(place: Place) -> None:
    place.install()
    assert place.machine.is_done(place.action)
    fetched = place.mirror.fetched(r"\.deb$")
    assert len(fetched) == len(set(fetched)) > 5
    assert sorted(path.name for path in (place.target / "usr/share").iterdir()) == sorted(
        name.partition("_")[0] for name in fetched
    )


# What is broken, what must be said of it, and whether packages were fetched before.
BROKEN = {
    "it refuses": (Fault("refuse"), "broke off", False),
    "it refuses packages": (Fault("refuse", ".deb", skip=4), "broke off", True),
    "the line breaks in the list": (Fault("reset", "Packages", at=90), "did not come", False),
    "the line breaks in a package": (
        Fault("reset", ".deb", at=5000, skip=4), "did not come over the network", True
    ),
    "no such release": (Fault("missing", "/dists/"), "no such release", False),
    "a package is gone": (Fault("missing", ".deb", skip=4), "did not come", True),
    "another content": (Fault("spoiled", ".deb", skip=4), "came damaged", True),
    "another list": (Fault("spoiled", "Packages"), "came damaged", False),
    "a spoiled signature": (Fault("spoiled", "Release"), "not the one that was signed", False),
    "a login page": (Fault("captive"), "wants a login first", False),
    "a login page for packages": (Fault("captive", ".deb", skip=4), "came damaged", True),
}  # fmt: skip


@pytest.mark.parametrize("broken", share(list(BROKEN), one_in=8))
def test_a_broken_mirror_is_explained_and_resume_goes_on_with_what_came(
    place: Place, broken: str
) -> None:
    fault, words, some_came = BROKEN[broken]
    place.mirror.fault = fault
    error = place.fails()
    assert words in explained(error), (error.what, error.details, explained(error))
    assert bool(place.kept()) == some_came
    came = place.kept()
    place.mirror.fault = None
    place.mirror.forget()
    place.install()
    assert place.machine.is_done(place.action)
    again = place.mirror.fetched(r"\.deb$")
    names = {name.partition("_")[0] for name in came}
    assert not names & {name.partition("_")[0] for name in again}
    assert len(came) + len(again) == len(place.kept())


def test_the_words_at_which_it_is_given_up_are_its_own(place: Place) -> None:
    # Whether it comes to its end before it is ended is a race here, where an answer takes no time.
    place.mirror.fault = Fault("missing", ".deb", skip=2)
    error = place.fails()
    assert place.action.fails_at
    assert re.search(place.action.fails_at, "\n".join(error.details), re.MULTILINE), error.details


def test_a_mirror_that_is_not_there_is_explained(place: Place, tmp_path: Path) -> None:
    with Mirror(folder_of_files(tmp_path)) as other:
        address = other.address()
    argv = tuple(address if word.startswith("http:") else word for word in place.action.argv)
    place.action = replace(place.action, argv=argv)
    assert "The mirror was not reached" in explained(place.fails())


def test_a_list_that_another_key_signed_is_refused(place: Place, tmp_path: Path) -> None:
    home = tmp_path / "other"
    new_key(home, tmp_path / "other.gpg")
    replace(place.archive, home=home).sign()
    assert "does not have" in explained(place.fails())
    assert [] == place.mirror.fetched(r"\.deb$")


def test_a_list_without_a_signature_is_refused(place: Place) -> None:
    for name in ("InRelease", "Release.gpg"):
        next(place.archive.top.rglob(name)).unlink()
    assert "no signature" in explained(place.fails())
    assert [] == place.mirror.fetched("Packages|deb$")


@pytest.mark.slow  # a whole debootstrap
def test_a_line_that_breaks_once_is_taken_up_again_without_anybody(place: Place) -> None:
    whole = place.mirror
    broken: list[str] = []
    source = whole.source

    def breaks_once(path: str) -> bytes | None:
        if path.endswith(".deb") and not broken:
            broken.append(path)
            whole.fault = Fault("reset", path, at=9000)
        elif broken:
            whole.fault = None
        return source(path)

    whole.source = breaks_once
    place.install()
    assert place.machine.is_done(place.action)
    assert broken


@pytest.mark.slow  # a whole debootstrap
def test_a_mirror_that_crawls_is_waited_for_up_to_the_actions_own_limit(place: Place) -> None:
    place.mirror.fault = Fault("crawl", ".deb", at=20_000)
    place.action = replace(place.action, timeout=4.0)
    error = place.fails()
    assert "did not end within its 4 seconds" in error.what
    place.mirror.fault = Fault("crawl", "Packages", at=20_000)
    place.action = replace(place.action, timeout=120.0)
    place.install()
    assert place.machine.is_done(place.action)


@pytest.mark.slow  # a whole debootstrap
def test_what_is_kept_and_was_spoiled_on_the_disk_is_fetched_anew(place: Place) -> None:
    place.install()
    place.take_back()
    first, second = sorted(place.cache.glob("*.deb"))[:2]
    first.write_bytes(first.read_bytes()[:-1] + b"?")
    second.write_bytes(b"")
    place.mirror.forget()
    place.install()
    assert {first.name.partition("_")[0], second.name.partition("_")[0]} == {
        name.partition("_")[0] for name in place.mirror.fetched(r"\.deb$")
    }


@pytest.mark.slow  # a whole debootstrap
def test_debootstrap_does_not_look_whether_a_list_is_expired(place: Place) -> None:
    """So it is: apt is the one that refuses it, on the host before, and in the guest after."""
    place.archive.sign(valid_for=-3600.0)
    place.install()
    assert place.machine.is_done(place.action)
