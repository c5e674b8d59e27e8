"""A step that may cut the user's own connection: kept when confirmed, undone by itself if not."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.recording import RecordingReporter
from tests.engine.test_watchman import watchmen
from tests.engine.world import DieAt, Piece, Task, World, in_child, written
from wizard import commands
from wizard.commands import Answer, Completed, ProgramMissing, Run
from wizard.errors import Interrupted, StepFailed, Stopped
from wizard.machine import Machine
from wizard.pipeline import Wishes
from wizard.rollback import take_back_unconfirmed
from wizard.status import status
from wizard.step import Guard
from wizard.timer import UNIT, arm_command


class Systemd:
    """Stands in for systemd-run and systemctl: whether the timer runs, and what it would run."""

    def __init__(self) -> None:
        self.armed: list[str] = []
        self.told: list[str] = []

    def run(self, argv: Sequence[str], **options: object) -> Completed:
        if argv[0] not in ("systemd-run", "systemctl"):
            return commands.run(argv, **options)  # type: ignore[arg-type]
        self.told.append(argv[0])
        self.armed = list(argv) if argv[0] == "systemd-run" else []
        return Completed(tuple(argv), 0, "exited", (), 0.0, 1.0)

    def ask(
        self,
        argv: Sequence[str],
        timeout: float = 20.0,
        input: str | None = None,  # noqa: A002
    ) -> Answer:
        if tuple(argv[:2]) == ("systemctl", "is-active"):
            return Answer(0 if self.armed else 3, "", "")
        return commands.ask(argv, timeout, input)


@pytest.fixture
def systemd() -> Systemd:
    return Systemd()


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.tree.mkdir()
    world.boot.write_text("boot-1")
    first, second = world.tree / "first", world.tree / "network"
    world.tasks = [
        Task("first", [Piece(written(first, "x", "Why."), first.exists)]),
        Task(
            "bridge",
            [Piece(written(second, "x", "Why."), second.exists)],
            guard=Guard(
                1, ("test", "-e", str(tmp_path / "reached")), True, "Do you still see this?"
            ),
        ),
    ]
    return world


def machine(world: World, systemd: Systemd) -> Machine:
    return replace(world.machine(), run_command=systemd.run, ask_command=systemd.ask)


def apply(world: World, systemd: Systemd) -> None:
    world.pipeline(machine(world, systemd)).apply("settings", "")


def test_unattended_a_guarded_step_stays_when_its_probe_succeeds_in_time(
    world: World, systemd: Systemd
) -> None:
    timer = threading.Timer(0.3, (world.top / "reached").touch)
    timer.start()
    apply(world, systemd)
    timer.join()
    assert (world.tree / "network").exists()
    assert [] == systemd.armed
    assert "systemd-run" in systemd.told


def test_unattended_a_guarded_step_is_taken_back_when_its_probe_never_succeeds(
    world: World, systemd: Systemd
) -> None:
    world.wishes = Wishes(on_failure="stop")
    with pytest.raises(Stopped, match="was not confirmed within 1 seconds"):
        apply(world, systemd)
    assert (world.tree / "first").exists()
    assert not (world.tree / "network").exists()
    assert [] == systemd.armed
    (world.top / "reached").touch()
    world.pipeline(machine(world, systemd)).resume("settings")
    assert (world.tree / "network").exists()


@pytest.mark.parametrize("answer", [True, False])
def test_a_person_confirms_or_does_not(world: World, systemd: Systemd, answer: bool) -> None:
    asked: list[tuple[str, float]] = []

    def confirm(question: str, seconds: float) -> bool:
        assert systemd.armed, "the timer watches while the person thinks"
        asked.append((question, seconds))
        return answer

    world.wishes = Wishes(confirm=confirm)
    (world.top / "reached").touch()  # the probe is not what counts when a person is there
    if answer:
        apply(world, systemd)
    else:
        with pytest.raises(StepFailed, match="All that was done is taken back"):
            apply(world, systemd)
    assert answer == (world.tree / "network").exists()
    assert answer == (world.tree / "first").exists()
    assert [("Do you still see this?", 1)] == asked


@pytest.mark.parametrize(("raised", "status"), [(KeyboardInterrupt, 130), (EOFError, 129)])
def test_a_person_who_leaves_instead_of_answering_has_not_confirmed(
    world: World, systemd: Systemd, raised: type[BaseException], status: int
) -> None:
    def leave(_question: str, _seconds: float) -> bool:
        raise raised

    world.wishes = Wishes(confirm=leave)
    with pytest.raises(Interrupted) as error:
        apply(world, systemd)
    assert status == error.value.status
    assert (world.tree / "first").exists()
    assert not (world.tree / "network").exists()


def test_a_guarded_step_whose_verification_fails_is_taken_back_at_once(
    world: World, systemd: Systemd
) -> None:
    world.wishes = Wishes(on_failure="stop")
    world.tasks[1].broken = True
    with pytest.raises(Stopped):
        apply(world, systemd)
    assert (world.tree / "first").exists()
    assert not (world.tree / "network").exists()


def test_a_closed_terminal_while_it_waits_takes_the_guarded_step_back(
    world: World, systemd: Systemd
) -> None:
    hang_up = ("sh", "-c", f"kill -HUP {os.getpid()}; exit 1")
    # At once: longer than any test waits.
    world.tasks[1].guard = Guard(30_000, hang_up, True, "?")
    with pytest.raises(Interrupted) as error:
        apply(world, systemd)
    assert 129 == error.value.status
    assert (world.tree / "first").exists()
    assert not (world.tree / "network").exists()


def killed_before_it_is_confirmed(world: World, systemd: Systemd) -> None:
    """The guarded step's action is done and journaled; the confirmation is still to come."""
    points: list[str] = []
    (world.top / "reached").touch()
    world.checkpoint = points.append
    apply(world, systemd)
    last = len(points)
    world.roll_back()
    world.checkpoint = DieAt(last)
    assert -9 == in_child(lambda: apply(world, systemd))
    world.checkpoint = lambda _name: None
    assert (world.tree / "network").exists()


def test_when_the_program_is_killed_the_timer_takes_the_step_back(
    world: World, systemd: Systemd
) -> None:
    killed_before_it_is_confirmed(world, systemd)
    assert take_back_unconfirmed(world.store, machine(world, systemd), world.reporter)
    assert not (world.tree / "network").exists()
    assert (world.tree / "first").exists()
    found = status(world.store, "boot-1")
    assert "stopped" == found.state
    assert "bridge was not confirmed in time" in found.runs[-1].reason
    assert not take_back_unconfirmed(world.store, machine(world, systemd), world.reporter)
    world.resume()
    assert (world.tree / "network").exists()


def test_a_resume_that_comes_before_the_timer_takes_the_step_back_first(
    world: World, systemd: Systemd
) -> None:
    killed_before_it_is_confirmed(world, systemd)
    world.reporter.events.clear()
    world.pipeline(machine(world, systemd)).resume("settings")
    names = [name for name, _words in world.reporter.events]
    assert names.index("undone") < names.index("step_begins")
    assert world.reporter.named("note") == ["bridge is taken back: it was not confirmed."]
    assert (world.tree / "network").exists()


def test_the_timer_does_nothing_while_the_program_waits_itself(
    world: World, systemd: Systemd
) -> None:
    said: list[bool] = []

    def confirm(_question: str, _seconds: float) -> bool:
        said.append(take_back_unconfirmed(world.store, machine(world, systemd), world.reporter))
        return True

    world.wishes = Wishes(confirm=confirm)
    apply(world, systemd)
    assert [False] == said
    assert (world.tree / "network").exists()


def test_the_timer_finds_nothing_to_do_when_there_was_no_run(
    world: World, systemd: Systemd
) -> None:
    assert not take_back_unconfirmed(world.store, machine(world, systemd), world.reporter)


def without(*programs: str) -> Run:
    """Commands on a machine where these fail, or (by the name `no …`) are not there."""

    def refuse(argv: Sequence[str], **options: object) -> Completed:
        if f"no {argv[0]}" in programs:
            raise ProgramMissing(f"The program {argv[0]} is not installed.", hint="")
        if argv[0] in programs:
            return Completed(tuple(argv), 1, "exited", (), 0.0, 1.0)
        return commands.run(argv, **options)  # type: ignore[arg-type]

    return refuse


def test_with_nobody_to_watch_it_is_said_what_to_do_by_hand(world: World) -> None:
    said: list[str] = []
    (world.top / "reached").touch()
    bare = replace(
        world.machine(), run_command=without("systemd-run", "no setsid"), warn=said.append
    )
    world.pipeline(bare).apply("settings", "")
    assert "rollback --unconfirmed" in said[0]


@pytest.mark.parametrize("systemd_run", ["systemd-run", "no systemd-run"])
def test_without_systemd_a_shell_watches_until_the_step_is_confirmed(
    world: World, systemd_run: str
) -> None:
    said: list[str] = []
    note = world.top / "work/unconfirmed"
    watched: list[bytes] = []

    def confirm(_question: str, _seconds: float) -> bool:
        watched.append(Path(f"/proc/{int(note.read_text())}/cmdline").read_bytes())
        return True

    world.wishes = Wishes(confirm=confirm, program=("/opt/xen-setup",))
    bare = replace(world.machine(), run_command=without(systemd_run), warn=said.append)
    world.pipeline(bare).apply("settings", "")
    assert [] == said
    (words,) = watched
    assert words.endswith(b"16\x0020\0/opt/xen-setup\0rollback\0--unconfirmed\0")
    assert not note.exists()
    assert [] == watchmen(note)


def test_the_timer_starts_this_program_later_than_it_would_act_itself() -> None:
    command = arm_command(("/opt/xen-setup", "rollback", "--unconfirmed"), 60)
    assert f"--unit={UNIT}" in command
    assert "--on-active=75" in command
    assert ("--", "/opt/xen-setup", "rollback", "--unconfirmed") == command[-4:]


@pytest.mark.parametrize("somebody", [True, False])
def test_only_who_can_answer_is_asked_a_question(
    world: World, systemd: Systemd, tmp_path: Path, somebody: bool
) -> None:
    (tmp_path / "reached").touch()
    reporter = RecordingReporter()
    pipeline = world.pipeline(machine(world, systemd))
    pipeline.reporter = reporter
    if somebody:
        pipeline.wishes = replace(world.wishes, confirm=lambda _question, _seconds: True)
    pipeline.apply("settings", "")
    (waited,) = reporter.named("waiting")
    assert ("Do you still see this?" in waited) is somebody
    assert (f"test -e {tmp_path / 'reached'}" in waited) is not somebody
