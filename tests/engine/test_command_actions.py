"""Commands as actions: a lie is caught, half work cleared away, a secret nowhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.doing import do, take_back
from tests.engine.recording import RecordingReporter
from tests.engine.world import Piece, Task, full_world, snapshot
from wizard.actions import (
    Action,
    CommandShows,
    Identity,
    MakeDirectory,
    MovePath,
    Never,
    PathAbsent,
    PathPresent,
    Reboot,
    RunCommand,
    SecretInput,
)
from wizard.codec import encode
from wizard.errors import Conflict, StepFailed
from wizard.machine import Machine
from wizard.running import Unwatched
from wizard.undo import PlainUndo, Undo


def command(tree: Path, text: str, **changes: object) -> RunCommand:
    action = RunCommand(
        ("sh", "-c", text),
        "Why.",
        probe=PathPresent(str(tree / "made")),
        undo=("rm", str(tree / "made")),
        undo_class="by removal",
        timeout=5.0,
    )
    return replace(action, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        ("exit 3", {}, "exit status 3"),
        ("kill -9 $$", {}, "signal SIGKILL"),
        ("sleep 60", {"timeout": 0.2}, "did not end within its 0.2 seconds"),
        ("true", {}, "exit status 0, but its work is not there"),
        ("touch made; exit 1", {}, "exit status 1"),
        ("read answer || exit 9", {}, "exit status 9"),
        ("printf '\\377'; exit 4", {}, "exit status 4"),
        ("touch made; echo gone; sleep 9", {"fails_at": "^gone"}, "not succeed any more, and was"),
        ("touch made; echo never", {"until": "login: "}, "never showed what was waited for"),
    ],
)
def test_a_command_that_fails_or_lies_is_a_failure_and_can_be_taken_back(
    machine: Machine, tree: Path, text: str, changes: dict[str, object], said: str
) -> None:
    action = command(tree, f"cd {tree}; {text}", **changes)
    undo = machine.prepare(action, "1")
    with pytest.raises(StepFailed, match=said):
        machine.perform(action, undo, Unwatched())
    take_back(machine, action, undo)
    assert {} == snapshot(tree, times=True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "echo out; printf 'one\\none\\n\\n\\033[1mtwo\\033[0m\\377\\n' >own",
            ("out", "{}", "one", "two\ufffd"),
        ),
        ("seq 100000 >own", ("{}", *map(str, range(99995, 100001)))),
        ("head -c 3000000 /dev/zero | tr '\\0' x >own", ("{}", "x" * 1000)),
    ],
    ids=["short", "long", "one line"],
)
def test_of_a_command_that_fails_its_own_log_is_shown_and_kept_though_the_undo_takes_it_away(
    machine: Machine, tree: Path, tmp_path: Path, text: str, shown: tuple[str, ...]
) -> None:
    own = tree / "own"
    action = command(
        tree,
        f"cd {tree}; {text}; touch made; exit 1",
        own_log=str(own),
        undo=("rm", str(own), str(tree / "made")),
    )
    undo = machine.prepare(action, "1")
    with pytest.raises(StepFailed, match="exit status 1") as caught:
        machine.perform(action, undo, Unwatched())
    assert "Its last lines are below" in caught.value.hint
    take_back(machine, action, undo)
    begins = f"{own} ended with:"
    assert caught.value.details == tuple(begins if line == "{}" else line for line in shown)
    assert not own.exists()
    told = caught.value.details[caught.value.details.index(begins) :]
    kept = [line.partition("] ")[2] for line in (tmp_path / "log").read_text().splitlines()]
    assert kept[kept.index(begins) :][: len(told)] == list(told)


# (A link to /proc/self/mem: reading it fails with EIO, as on a disk that fails, root or not.)
@pytest.mark.parametrize(
    "made", ["true", "mkdir own", "mkfifo own", "ln -s own own", "ln -s /proc/self/mem own"]
)
def test_a_log_of_a_command_that_is_none_is_passed_over(
    machine: Machine, tree: Path, made: str
) -> None:
    own = str(tree / "own")
    action = command(tree, f"cd {tree}; {made}; echo the reason; exit 1", own_log=own)
    with pytest.raises(StepFailed, match="exit status 1") as caught:
        machine.perform(action, machine.prepare(action, "1"), Unwatched())
    assert caught.value.details == ("the reason",)


@pytest.mark.parametrize(
    ("text", "changes"),
    [("true", {}), ("true", {"until": "login: "})],
    ids=["nothing done", "never shown"],
)
def test_a_commands_own_log_is_shown_when_it_claims_success(
    machine: Machine, tree: Path, text: str, changes: dict[str, object]
) -> None:
    own = str(tree / "own")
    action = command(tree, f"echo why >{own}; {text}", own_log=own, **changes)
    with pytest.raises(StepFailed) as caught:
        machine.perform(action, machine.prepare(action, "1"), Unwatched())
    assert caught.value.details == (f"{own} ended with:", "why")


def test_an_undo_that_lies_is_a_failure(machine: Machine, tree: Path) -> None:
    action = command(tree, f"touch {tree}/made", undo=("true",))
    undo = do(machine, action)
    with pytest.raises(StepFailed, match="took nothing back"):
        take_back(machine, action, undo)


def test_an_undo_is_not_run_when_the_work_is_gone_already(machine: Machine, tree: Path) -> None:
    action = command(tree, f"touch {tree}/made")
    undo = do(machine, action)
    (tree / "made").unlink()
    take_back(machine, action, undo)  # `rm` would fail


def test_half_done_work_is_cleared_away_by_its_traces(machine: Machine, tree: Path) -> None:
    half = f"mkdir {tree}/half; exit 1"
    action = command(
        tree, half, traces=PathPresent(str(tree / "half")), undo=("rm", "-r", str(tree / "half"))
    )
    undo = machine.prepare(action, "1")
    with pytest.raises(StepFailed):
        machine.perform(action, undo, Unwatched())
    take_back(machine, action, undo)
    assert {} == snapshot(tree, times=True)


def test_what_another_has_half_made_is_not_begun_upon_and_so_never_taken_away(
    machine: Machine, tree: Path
) -> None:
    half = tree / "half"
    action = command(
        tree, f"mkdir {half}", traces=PathPresent(str(half)), undo=("rm", "-r", str(half))
    )
    half.mkdir()  # after the step has looked: a domain that somebody starts, say
    with pytest.raises(StepFailed, match="is there in part already") as caught:
        machine.prepare(action, "1")
    assert caught.value.details == (f"Looked for with: {half} must be there",)
    assert half.is_dir()
    machine.prepare(replace(action, undo_class="exact"), "1")  # an undo that knows what was before


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        ("echo '  a/one'; echo '  a/two'", "depends on that and is not ours: a/one, a/two."),
        ("exit 5", "what else would go with it is not known."),
        ("true", ""),
    ],
)
def test_an_undo_that_would_take_along_what_is_not_ours_is_not_run(
    machine: Machine, tree: Path, lists: str, words: str
) -> None:
    made = tree / "made"
    action = command(
        tree, f"mkdir {made}", traces=PathPresent(str(made)), undo=("rm", "-r", str(made)),
        dependents=("sh", "-c", lists),
    )  # fmt: skip
    made.mkdir()
    if not words:
        machine.revert(action, PlainUndo(), Unwatched())
        assert not made.exists()
        return
    with pytest.raises(Conflict) as caught:
        machine.revert(action, PlainUndo(), Unwatched())
    assert caught.value.what.endswith(words)
    assert made.is_dir()


def test_a_point_of_no_return_says_that_it_cannot_be_taken_back(
    machine: Machine, tree: Path
) -> None:
    action = command(tree, f"touch {tree}/made", undo=None, undo_class="no undo", undo_note="Gone.")
    undo = do(machine, action)
    with pytest.raises(Conflict, match="cannot be taken back"):
        take_back(machine, action, undo)


def test_a_command_without_probe_runs_each_time(machine: Machine, tree: Path) -> None:
    action = RunCommand(("sh", "-c", f"echo x >> {tree}/count"), "Why.", probe=Never())
    for _twice in range(2):
        assert not machine.is_done(action)
        do(machine, action)
    assert "x\nx\n" == (tree / "count").read_text()


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        (CommandShows(("printf", "one\ntwo\n"), "^two$"), True),
        (CommandShows(("printf", "one\ntwo\n"), "^three$"), False),
        (CommandShows(("printf", "one\ntwo\n"), "^two$", lacks=True), False),
        (CommandShows(("printf", "one\ntwo\n"), "^three$", lacks=True), True),
        (CommandShows(("sh", "-c", "echo two; exit 1"), "two"), False),
        (CommandShows(("sh", "-c", "exit 1"), "two", lacks=True), False),
        (CommandShows(("no-such-program",), "two", lacks=True), False),
        (PathPresent("/dev/null"), True),
        (PathPresent("/dev/nowhere/at/all"), False),
        (PathAbsent("/dev/null"), False),
        (PathAbsent("/dev/nowhere/at/all"), True),
        (Never(), False),
    ],
)
def test_probes_tell_by_reading(
    machine: Machine, probe: CommandShows | PathPresent | PathAbsent | Never, expected: bool
) -> None:
    assert expected == machine.probe(probe)


def test_a_secret_goes_in_by_standard_input_and_is_nowhere_else(
    machine: Machine, tree: Path, tmp_path: Path
) -> None:
    text = f"cat > {tree}/made; cat {tree}/made"
    action = command(tree, text, input=SecretInput("guests.0.root_password", "root:{}\n"))
    undo = machine.prepare(action, "1")
    watch = RecordingReporter()
    machine.perform(action, undo, watch)
    assert "root:s3cret\n" == (tree / "made").read_text()
    (tree / "made").unlink()
    told = str(watch.events) + str(encode(undo, Undo)) + str(encode(action, Action))
    assert "********" in told
    assert "s3cret" not in told
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or "s3cret" not in path.read_text(), path


def test_a_secret_that_nobody_gave_is_an_error_with_its_key(tmp_path: Path, tree: Path) -> None:
    action = command(tree, "true", input=SecretInput("guests.0.root_password"))
    with pytest.raises(StepFailed, match=r"guests\.0\.root_password is not known"):
        Machine(work=tmp_path / "work").perform(action, PlainUndo(), Unwatched())


def test_input_that_is_no_secret_reaches_the_command(machine: Machine, tree: Path) -> None:
    do(machine, command(tree, f"cat > {tree}/made", input="plain\n"))
    assert "plain\n" == (tree / "made").read_text()


def test_what_is_to_be_moved_and_is_not_there_is_refused(machine: Machine, tree: Path) -> None:
    with pytest.raises(StepFailed, match="is not there"):
        machine.prepare(MovePath(str(tree / "a"), str(tree / "b"), "Why."), "1")


def test_a_command_on_another_device_than_the_planned_one_is_refused(
    machine: Machine, tree: Path
) -> None:
    action = command(tree, f"touch {tree}/made", identity=Identity("/dev/null", 12345))
    with pytest.raises(StepFailed, match="not what it was") as error:
        do(machine, action)
    assert "not 12345" in error.value.details[0]
    assert not (tree / "made").exists()


def test_a_directory_that_became_a_file_stays(machine: Machine, tree: Path) -> None:
    action = MakeDirectory(str(tree / "made"), "Why.")
    undo = do(machine, action)
    (tree / "made").rmdir()
    (tree / "made").write_text("the user's")
    with pytest.raises(Conflict, match="no directory any more"):
        take_back(machine, action, undo)


def test_moving_to_another_filesystem_is_an_error_with_words(machine: Machine, tree: Path) -> None:
    (tree / "a").touch()
    action = MovePath(str(tree / "a"), "/proc/xen-setup-test", "Why.")
    with pytest.raises(StepFailed) as error:
        do(machine, action)
    assert error.value.hint
    assert (tree / "a").exists()


def test_a_boot_is_done_when_the_boot_id_is_another(tmp_path: Path) -> None:
    boot = tmp_path / "boot"
    boot.write_text("boot-1")
    machine = Machine(work=tmp_path / "work", boot_id=boot.read_text)
    action = Reboot("Why.")
    undo = machine.prepare(action, "1")
    assert not machine.is_done(action, undo)
    assert not machine.is_done(action)
    boot.write_text("boot-2")
    assert machine.is_done(action, undo)


def test_progress_of_a_command_is_told(machine: Machine, tree: Path) -> None:
    watch = RecordingReporter()
    text = f"touch {tree}/made; echo 'I: Retrieving libc6 2.36-9'; echo done"
    action = command(tree, text, progress="debootstrap")
    machine.perform(action, machine.prepare(action, "1"), watch)
    assert ["Retrieving libc6 (1)"] == watch.named("progress")
    assert ["I: Retrieving libc6 2.36-9", "done"] == watch.named("output")
    assert machine.command_seconds > 0


def test_a_point_of_no_return_that_an_answer_agrees_to_needs_no_other_consent(
    tmp_path: Path,
) -> None:
    world = full_world(tmp_path)
    lost = world.tree / "one"
    lost.touch()
    gone = RunCommand(
        ("rm", str(lost)),
        "It cannot be undone.",
        probe=PathAbsent(str(lost)),
        undo_class="no undo",
        undo_note="it is lost",
        agreed_by="storage.overwrite",
    )
    world.tasks = [Task("final", [Piece(gone, lambda: not lost.exists())])]
    world.apply()
    assert not lost.exists()
