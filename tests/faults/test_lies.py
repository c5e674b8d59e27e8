"""Every command of the full plans lies, fails, hangs or talks: it is seen, and nothing is lost.

What a program prints (100 MB, no UTF-8, a question) is for real processes: see
tests/engine/test_commands.py and test_commands_that_talk.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.engine.conftest import MEMORY
from tests.fast import share
from tests.faults.host import Host, Image, Lie
from tests.faults.oracles import (
    Undisturbed,
    changed_by_a_further_run,
    not_as_before,
    not_at_the_same_end,
    same_everywhere,
)
from tests.faults.scenarios import SCENARIOS
from wizard.errors import RollbackIncomplete, StepFailed, Stopped

Argv = tuple[str, ...]

LIES = (
    Lie("ends with status 1, having done nothing", status=1),
    Lie("ends with status 1, half way", work="half", status=1),
    Lie("ends with status 1, having done it", work="all", status=1),
    Lie("is killed by a signal half way", work="half", status=-9),
    Lie("hangs, and is ended half way", work="half", status=-15, ended="timeout"),
    Lie("hangs, having done it", work="all", status=-15, ended="timeout"),
    Lie("ends with status 0, having done nothing", status=0),
    Lie("ends with status 0, half way", work="half", status=0),
    Lie("asks, and takes the end of its input for a no", status=5, out="Really? [y/N] \n"),
)
# Commands that may lie about having done it: nothing on the machine depends on them.
HARMLESS = {
    ("apt-get", "update"): "package lists are a cache; what cannot be installed is seen at once",
    ("xl", "list"): "it only shows what runs",
}


class Told:
    """A host, and for each command that its run starts: the machine just before its step.

    `once`: each program counts once, as the scenario has the others from another one.
    """

    def __init__(self, host: Host, *, once: bool = False) -> None:
        self.host = host
        self._once = once
        before = host.image()
        self.commands: list[tuple[Image, Argv]] = []
        self._last, self._steps = before, 0
        host.at_point = self._at
        host.apply()
        host.at_point = lambda _name: None
        self.undisturbed = Undisturbed(before, host.image())

    def _at(self, point: str) -> None:
        steps = len(self.host.reporter.named("step_begins"))
        if point == "before it is journaled" and steps != self._steps:
            self._steps, self._last = steps, self.host.image(point)
        if point in ("RunCommand: ended", "InstallPackages: performed", "WriteFile: performed"):
            refreshed = self.host.commands[-1:] == [("update-grub",)]
            if point == "WriteFile: performed" and not refreshed:
                return
            argv = self.host.commands[-1]
            if not self._once or argv[:2] not in [known[:2] for _, known in self.commands]:
                self.commands.append((self._last, argv))


@pytest.fixture(
    scope="module", params=["fresh", "part-present", "several-guests", "grub-legacy", "tarball"]
)
def told(request: pytest.FixtureRequest) -> Iterator[Told]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as top:
        host = SCENARIOS[request.param].host(Path(top) / "host")
        yield Told(host, once=request.param != "fresh")


def test_no_lie_of_a_command_ends_in_a_run_that_says_all_is_done(told: Told) -> None:
    host = told.host
    # Without packages nobody else runs update-grub, and this one lies to the end.
    trusted = [("update-grub",)] if host.settings.host.xen_source == "tarball" else []
    commands = [(image, argv) for image, argv in told.commands if argv not in trusted]
    cases = [(image, argv, lie) for image, argv in commands for lie in LIES]
    for image, argv, lie in share(cases):
        trace = f"{' '.join(argv)} {lie.words}"
        host.restore(image)
        used: list[Argv] = []
        host.lies = only(argv, lie, used)
        try:
            host.go_on()
        except (StepFailed, Stopped) as error:
            assert error.what, trace
            assert error.hint, trace
            assert (argv not in HARMLESS) or lie.status, trace
            seen: type[Exception] = type(error)
        except RollbackIncomplete as error:
            assert error.details, trace
            seen = RollbackIncomplete
        else:
            seen = type(None)  # type: ignore[assignment]
            assert (trace, []) == (trace, not_at_the_same_end(host, told.undisturbed))
            assert argv in HARMLESS or (trace, lie.status) == (trace, 0)
        assert used, trace
        host.lies = lambda _argv: None
        host.questions.clear()
        if seen is StepFailed:
            taken_back(host, told.undisturbed, trace)
        else:
            host.go_on() if seen is Stopped else None
            if seen is Stopped:
                assert (trace, []) == (trace, not_at_the_same_end(host, told.undisturbed))
                assert (trace, []) == (trace, changed_by_a_further_run(host))
            host.roll_back()
            taken_back(host, told.undisturbed, trace)


def only(argv: Argv, lie: Lie, used: list[Argv]) -> Callable[[Argv], Lie | None]:
    """That command lies, and no other."""

    def lies(words: Argv) -> Lie | None:
        if words != argv:
            return None
        used.append(words)
        return lie

    return lies


def test_what_fails_half_way_and_cannot_be_taken_back_is_taken_up_when_all_works_again(
    told: Told,
) -> None:
    """A disk that fails takes no undo either. What is left of a command is the run's own: `resume`
    does not take it for somebody else's.
    """
    host = told.host
    usual = host.wishes
    half = next(lie for lie in LIES if lie.work == "half")
    for image, argv in share([one for one in told.commands if one[1] not in HARMLESS]):
        trace = f"{' '.join(argv)} fails half way, and all that follows"
        # With ifdown failing, the old file is put back all the same: the host's own address counts
        # for more. Then no file knows the bridge, and it is gone at the next boot.
        bridge = argv[0] == "ifup"
        for end in ("resume", "rollback"):
            host.restore(image)
            host.lies = from_then_on(argv, half, LIES[0])
            host.wishes = replace(usual, on_failure="stop")
            try:
                with pytest.raises(Stopped):
                    host.go_on()
            finally:
                host.wishes, host.lies = usual, lambda _argv: None
            if end == "resume":
                host.model.boot() if bridge else None
                host.go_on()
                assert (trace, []) == (trace, not_at_the_same_end(host, told.undisturbed))
                assert (trace, []) == (trace, changed_by_a_further_run(host))
            elif bridge:
                with pytest.raises(RollbackIncomplete, match="could not be taken back"):
                    host.roll_back()
                host.model.boot()
            host.roll_back()
            taken_back(host, told.undisturbed, trace)


def from_then_on(argv: Argv, first: Lie, others: Lie) -> Callable[[Argv], Lie | None]:
    """That command lies, and whatever changes something after it; but what is mounted can go."""
    begun: list[Argv] = []

    def lies(words: Argv) -> Lie | None:
        if begun:
            return None if words[0] == "umount" else others
        if words != argv:
            return None
        begun.append(words)
        return first

    return lies


def taken_back(host: Host, undisturbed: Undisturbed, trace: str) -> None:
    """All is as before, and nothing of ours is left."""
    assert (trace, []) == (trace, same_everywhere(host, undisturbed.before))
    assert (trace, []) == (trace, not_as_before(host, undisturbed.before))


def test_no_lie_of_an_undo_ends_in_a_rollback_that_says_all_is_taken_back(told: Told) -> None:
    host = told.host
    host.restore(told.undisturbed.after)
    host.roll_back()
    undos = list(dict.fromkeys(host.commands))
    cases = [
        (argv, lie)
        for argv in undos
        # umount is tried a dozen times, with longer and longer waits: once is enough here.
        for lie in (LIES[:1] if argv[0] == "umount" else LIES)
    ]
    for argv, lie in share(cases):
        trace = f"{' '.join(argv)} {lie.words}"
        host.restore(told.undisturbed.after)
        host.lies = only(argv, lie, [])
        try:
            host.roll_back()
        except RollbackIncomplete as error:
            assert error.details, trace
        except StepFailed as error:
            assert error.hint, trace
        else:
            assert (trace, []) == (trace, not_as_before(host, told.undisturbed.before))
        host.lies = lambda _argv: None
        host.questions.clear()
        host.roll_back()
        taken_back(host, told.undisturbed, trace)
