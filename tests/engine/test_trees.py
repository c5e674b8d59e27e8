"""A tree that its own script installs: exactly what the plan says, crash-safe, taken back."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import stat
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.doing import do, take_back
from tests.engine.test_crashes import killed, nothing_left
from tests.engine.world import Count, Piece, Snapshot, Task, World, snapshot
from tests.fast import share
from wizard.actions import InstallTree, TreeEntry
from wizard.codec import decode, encode
from wizard.errors import Conflict, StepFailed
from wizard.machine import Machine
from wizard.running import Unwatched
from wizard.undo import TreeUndo, Undo

# Upstream's own words where they matter: the destination, the three folders that tar leaves out,
# and that it ends with 0 whatever happened.
SCRIPT = """\
#!/bin/sh
src=./install
dst=/
if [ $# -ne 0 ]; then
  dst=$1
fi
(cd $src; tar -cf - --exclude etc/init.d --exclude etc/hotplug *) | tar -C $dst -xf -
cp -fdRL $src/etc/init.d/* $dst/etc/init.d/
cp -f $src/etc/hotplug/*.agent $dst/etc/hotplug/
exit 0
"""
OLD = 1_100_000_000_123_456_789


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def build(top: Path, tree: Path, script: str = SCRIPT) -> Path:
    """dist/ with a tree for the places below `tree`, which stands for the root directory."""
    dist = top / "source" / "dist"
    install = dist / "install"
    place = install / str(tree).lstrip("/")
    (place / "opt" / "deep").mkdir(parents=True)
    (place / "etc").mkdir()
    (install / "etc" / "init.d").mkdir(parents=True)
    (install / "etc" / "hotplug").mkdir()
    (install / "etc" / "hotplug" / "xen.agent").write_text("nobody reads it\n")
    (place / "opt" / "deep" / "new").write_text("new\n" * 10_000)
    (place / "opt" / "deep" / "program").write_text("#!/bin/sh\n")
    (place / "opt" / "deep" / "program").chmod(0o755)
    (place / "etc" / "replaced").write_text("ours\n")
    (place / "etc" / "same").write_text("same\n")
    (place / "opt" / "link").symlink_to("deep/new")
    (place / "etc" / "was-a-link").write_text("a file now\n")
    (dist / "install.sh").write_text(script)
    return dist


def planned(dist: Path, tree: Path, **others: object) -> InstallTree:
    """The action for that dist, its entries read from it."""
    install = dist / "install"
    entries = []
    for path in sorted(install.rglob("*")):
        on_host = "/" + str(path.relative_to(install))
        if not on_host.startswith(f"{tree}/"):
            continue
        state = path.lstat()
        if path.is_symlink():
            entries.append(TreeEntry(on_host, "link", 0o777, str(path.readlink())))
        elif path.is_dir():
            entries.append(TreeEntry(on_host, "directory", stat.S_IMODE(state.st_mode)))
        else:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            entries.append(TreeEntry(on_host, "file", stat.S_IMODE(state.st_mode), content))
    action = InstallTree(
        source=str(dist),
        sha256="",
        top="",
        script_sha256=hashlib.sha256((dist / "install.sh").read_bytes()).hexdigest(),
        entries=tuple(entries),
        why="Because.",
    )
    return replace(action, **others)  # type: ignore[arg-type]


def fill(tree: Path) -> None:
    """What is there before: a file that will be replaced, one that is the same, a link."""
    (tree / "etc").mkdir(parents=True)
    (tree / "etc" / "replaced").write_bytes(b"as it was \xff\n")
    (tree / "etc" / "replaced").chmod(0o640)
    (tree / "etc" / "same").write_text("same\n")
    (tree / "etc" / "same").chmod(0o644)
    (tree / "etc" / "was-a-link").symlink_to("replaced")
    for name in ("replaced", "same"):
        os.utime(tree / "etc" / name, ns=(OLD, OLD))


@pytest.fixture
def prepared(tree: Path, tmp_path: Path) -> Path:
    fill(tree)
    return build(tmp_path, tree)


def test_it_installs_what_the_plan_says_and_everything_comes_back(
    machine: Machine, tree: Path, prepared: Path
) -> None:
    action = planned(prepared, tree)
    before = snapshot(tree, times=True)
    assert not machine.is_done(action)
    undo = do(machine, action)
    assert machine.is_done(action)
    assert "ours\n" == (tree / "etc" / "replaced").read_text()
    assert "a file now\n" == (tree / "etc" / "was-a-link").read_text()
    assert "deep/new" == str((tree / "opt" / "link").readlink())
    assert os.access(tree / "opt" / "deep" / "program", os.X_OK)
    take_back(machine, action, undo)
    assert before == snapshot(tree, times=True)
    take_back(machine, action, undo)
    assert before == snapshot(tree, times=True)


def test_who_keeps_a_list_of_it_is_told_when_it_came_and_when_it_went(
    machine: Machine, tree: Path, prepared: Path
) -> None:
    seen = tree / "seen"
    refresh = ("sh", "-c", f"ls {tree}/opt/deep >>{seen} 2>/dev/null; echo told >>{seen}")
    action = planned(prepared, tree, refresh=refresh)
    undo = do(machine, action)
    assert seen.read_text() == "new\nprogram\ntold\n"
    take_back(machine, action, undo)
    assert seen.read_text() == "new\nprogram\ntold\ntold\n"


def test_a_folder_that_is_a_link_on_this_host_stays_one(
    machine: Machine, tree: Path, tmp_path: Path
) -> None:
    fill(tree)
    (tree / "usr" / "opt").mkdir(parents=True)
    (tree / "opt").symlink_to("usr/opt")
    before = snapshot(tree, times=True)
    action = planned(build(tmp_path, tree), tree)
    undo = do(machine, action)
    assert (tree / "opt").is_symlink()
    assert (tree / "usr" / "opt" / "deep" / "new").is_file()
    take_back(machine, action, undo)
    assert before == snapshot(tree, times=True)


def as_tarball(dist: Path, action: InstallTree) -> InstallTree:
    path = dist.parent / "xen.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(dist, "xen-4.17/dist")
    return replace(
        action,
        source=str(path),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        top="xen-4.17/dist",
    )


def test_a_tarball_does_the_same_as_the_unpacked_folder(
    machine: Machine, tree: Path, prepared: Path
) -> None:
    action = as_tarball(prepared, planned(prepared, tree))
    before = snapshot(tree, times=True)
    undo = do(machine, action)
    assert machine.is_done(planned(prepared, tree))
    take_back(machine, action, undo)
    assert before == snapshot(tree, times=True)


def test_action_and_undo_go_to_json_and_back(machine: Machine, tree: Path, prepared: Path) -> None:
    action = planned(prepared, tree)
    assert action == decode(InstallTree, encode(action))
    undo = machine.prepare(action, "1")
    assert isinstance(undo, TreeUndo)
    assert undo == decode(Undo, encode(undo, Undo))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (SCRIPT.replace("exit 0", "echo x >$1/etc/passwd"),
         "/etc/passwd was installed by the script"),
        ("exit 0\n", "was not installed by the script"),
        ("exit 3\n", "exit status 3"),
        (SCRIPT.replace("exit 0", "find $1 -name same -exec sh -c 'echo y >{}' \\;"),
         "/etc/same is not what the plan says"),
        (SCRIPT.replace("exit 0", "find $1 -name link -exec ln -sf /etc/shadow {} \\;"),
         "/opt/link is not what the plan says"),
    ],
)  # fmt: skip
def test_a_script_that_does_something_else_installs_nothing(
    machine: Machine, tree: Path, tmp_path: Path, script: str, words: str
) -> None:
    fill(tree)
    action = planned(build(tmp_path, tree, script), tree)
    before = snapshot(tree, times=True)
    undo = machine.prepare(action, "1")
    with pytest.raises(StepFailed) as caught:
        do(machine, action)
    assert words in str(caught.value)
    assert before == snapshot(tree, times=True)
    take_back(machine, action, undo)
    assert before == snapshot(tree, times=True)


def test_what_changed_since_the_plan_is_refused(
    machine: Machine, tree: Path, prepared: Path
) -> None:
    action = planned(prepared, tree)
    (prepared / "install.sh").write_text(SCRIPT + "# more\n")
    with pytest.raises(StepFailed, match="is not the script that the plan was made of"):
        do(machine, action)
    (prepared / "install.sh").write_text(SCRIPT)
    packed = as_tarball(prepared, action)
    Path(packed.source).write_bytes(Path(packed.source).read_bytes() + b"\0")
    with pytest.raises(StepFailed, match="is not the file that the plan was made of"):
        do(machine, packed)


@pytest.mark.parametrize("kind", ["..", "absolute", "device", "through a link", "cut off"])
def test_the_engine_itself_unpacks_nothing_outside(
    machine: Machine, tree: Path, tmp_path: Path, prepared: Path, kind: str
) -> None:
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as archive:
        if kind == "through a link":
            link = tarfile.TarInfo("dist/a")
            link.type, link.linkname = tarfile.SYMTYPE, str(tree)
            archive.addfile(link)
        name = {"..": "dist/../../../evil", "absolute": f"{tree}/evil", "device": "dist/evil",
                "through a link": "dist/a/evil", "cut off": "dist/evil"}[kind]  # fmt: skip
        member = tarfile.TarInfo(name)
        member.size = 4
        if kind == "device":
            member.type, member.size = tarfile.CHRTYPE, 0
        archive.addfile(member, io.BytesIO(b"evil"))
    if kind == "cut off":
        path.write_bytes(path.read_bytes()[:514])
    action = replace(
        planned(prepared, tree),
        source=str(path),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        top="" if kind == "absolute" else "dist",
    )
    before = snapshot(tree, times=True)
    with pytest.raises(StepFailed):
        do(machine, action)
    assert before == snapshot(tree, times=True)
    assert not list(tmp_path.rglob("evil"))


def test_a_file_that_has_its_old_bytes_is_none_that_was_edited(
    machine: Machine, tree: Path, prepared: Path
) -> None:
    # A cut took the power after it was put back; a boot gave it another label, or somebody a mode.
    action = planned(prepared, tree)
    before = snapshot(tree, times=True)
    undo = do(machine, action)
    replaced = tree / "etc" / "replaced"
    replaced.write_bytes(b"as it was \xff\n")
    os.setxattr(replaced, "user.note", b"labelled")
    take_back(machine, action, undo)
    assert before == snapshot(tree, times=True)


@pytest.mark.parametrize("name", ["etc/replaced", "etc/was-a-link", "opt/deep/new"])
def test_what_somebody_edits_while_the_script_runs_is_not_written_over(
    machine: Machine, tree: Path, tmp_path: Path, name: str
) -> None:
    fill(tree)
    place = tree / name
    edit = f"mkdir -p {place.parent}; rm -f {place}; echo mine >{place}\nexit 0\n"
    action = planned(build(tmp_path, tree, SCRIPT.replace("exit 0\n", edit)), tree)
    undo = machine.prepare(action, "0001")
    with pytest.raises(StepFailed, match=f"{place} was changed while this ran"):
        machine.perform(action, undo, Unwatched())
    with pytest.raises(Conflict, match=f"{place}: it was changed"):
        machine.revert(action, undo, Unwatched())
    assert place.read_text() == "mine\n"
    assert not (tree / "opt" / "deep" / "program").exists()


def test_a_folder_in_the_place_of_a_file_is_refused_before_anything_is_done(
    machine: Machine, tree: Path, prepared: Path
) -> None:
    (tree / "opt" / "deep" / "new").mkdir(parents=True)
    with pytest.raises(StepFailed, match="is in the way"):
        machine.prepare(planned(prepared, tree), "1")


def test_what_was_edited_since_stays_and_the_rest_goes(
    machine: Machine, tree: Path, prepared: Path
) -> None:
    action = planned(prepared, tree)
    undo = do(machine, action)
    (tree / "etc" / "replaced").write_text("mine\n")
    (tree / "opt" / "mine").write_text("mine\n")
    with pytest.raises(Conflict) as caught:
        machine.revert(action, undo, Unwatched())
    assert any("etc/replaced: it was changed" in line for line in caught.value.details)
    assert any("opt: it is not empty" in line for line in caught.value.details)
    assert "mine\n" == (tree / "etc" / "replaced").read_text()
    assert not (tree / "opt" / "deep").exists()
    (tree / "opt" / "mine").unlink()
    (tree / "etc" / "replaced").write_text("ours\n")
    take_back(machine, action, undo)
    assert not (tree / "opt").exists()
    assert b"as it was \xff\n" == (tree / "etc" / "replaced").read_bytes()


def test_what_programs_wrote_goes_by_its_name_and_all_else_stays(
    machine: Machine, tree: Path, prepared: Path
) -> None:
    # A folder of which the plan said so went with all that was in it: disks of guests, too.
    deep = tree / "opt" / "deep"
    own = (r"opt/deep/(old/)?\d\.log", "opt/deep/(old|link|busy)/", r"etc/\d\.log")
    leavings = tuple(re.escape(f"{tree}/") + name for name in own)
    action = planned(prepared, tree, leavings=leavings)
    undo = do(machine, action)
    for folder in ("old", "busy", "../__pycache__", "../elsewhere"):
        (deep / folder).mkdir()
    files = ("deep/1.log", "deep/old/2.log", "elsewhere/3.log", "deep/mine.log", "deep/busy/my.img",
             "__pycache__/a.pyc", "__pycache__/notes", "../etc/4.log")  # fmt: skip
    for name in files:
        (tree / "opt" / name).write_text("x\n")
    (deep / "link").symlink_to("../elsewhere")
    (deep / "9.log").symlink_to("../elsewhere/3.log")
    with pytest.raises(Conflict) as caught:
        machine.revert(action, undo, Unwatched())
    assert f"{deep}: it is not empty, 9.log is in it" in caught.value.what
    assert f"{tree}/opt: it is not empty, __pycache__ is in it" in caught.value.what
    left = {name for name in files if (tree / "opt" / name).exists()}
    assert left == {*files} - {"deep/1.log", "deep/old/2.log", "__pycache__/a.pyc"}
    assert not (deep / "old").exists()
    assert (deep / "link").is_symlink()
    for mine in (deep / "busy", tree / "opt" / "__pycache__", tree / "opt" / "elsewhere"):
        shutil.rmtree(mine)
    for name in ("link", "9.log", "mine.log"):
        (deep / name).unlink()
    take_back(machine, action, undo)
    assert not (tree / "opt").exists()
    assert (tree / "etc" / "4.log").exists(), "the directory was there before"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts, as root")
def test_what_is_mounted_in_a_programs_folder_is_not_looked_at(
    machine: Machine, tree: Path, prepared: Path
) -> None:
    deep = tree / "opt" / "deep"
    own = re.escape(str(deep))
    action = planned(prepared, tree, leavings=(rf"{own}/\d\.log", f"{own}/disks/",
                                               rf"{own}/disks/\d\.log"))  # fmt: skip
    undo = do(machine, action)
    (deep / "disks").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "disks", str(deep / "disks")], check=True)
    try:
        (deep / "disks" / "1.log").write_text("mine\n")
        with pytest.raises(Conflict, match="it is not empty, disks is in it"):
            machine.revert(action, undo, Unwatched())
        assert "mine\n" == (deep / "disks" / "1.log").read_text()
    finally:
        subprocess.run(["umount", str(deep / "disks")], check=True)
    take_back(machine, action, undo)
    assert not deep.exists()


# ---- crashes


def world_of(top: Path) -> World:
    world = World(top)
    tree = world.tree
    fill(tree)
    world.boot.write_text("boot-1")
    action = planned(build(top, tree), tree)
    action = replace(action, refresh=("touch", str(top / "refreshed")))
    piece = Piece(action, lambda: (tree / "opt" / "link").is_symlink()
                  and (tree / "etc" / "was-a-link").is_file()
                  and not (tree / "etc" / "was-a-link").is_symlink())  # fmt: skip
    world.tasks = [Task("tree", [piece])]
    return world


def counted(tmp_path: Path) -> tuple[Snapshot, Snapshot, list[str], list[str]]:
    world = world_of(tmp_path / "undisturbed")
    before = world.snapshot(times=True)
    applying, undoing = Count(), Count()
    world.checkpoint = applying
    world.apply()
    after = world.snapshot(times=False)
    world.checkpoint = undoing
    world.roll_back()
    assert before == world.snapshot(times=True)
    shutil.rmtree(world.top)
    return before, after, applying.names, undoing.names


def test_a_crash_at_any_point_is_resumed_to_the_end_or_rolled_back_to_the_start(
    tmp_path: Path,
) -> None:
    before, after, applying, _ = counted(tmp_path)
    assert len(applying) >= 30
    for number, name in share(list(enumerate(applying, start=1)), one_in=4):
        world = world_of(tmp_path / "undisturbed")
        assert killed(world, number, world.apply), name
        if number % 2:
            world.resume_or_apply()
            assert (name, after) == (name, world.snapshot(times=False))
        world.roll_back()
        assert (name, before) == (name, world.snapshot(times=True))
        assert nothing_left(world), name
        assert not list(world.top.rglob("installing")), name
        shutil.rmtree(world.top)


def test_a_crash_at_any_point_of_the_rollback_is_finished_by_another(tmp_path: Path) -> None:
    before, _, _, undoing = counted(tmp_path)
    assert len(undoing) > 15
    for number, name in share(list(enumerate(undoing, start=1)), one_in=4):
        world = world_of(tmp_path / "undisturbed")
        world.apply()
        assert killed(world, number, world.roll_back), name
        world.roll_back()
        assert (name, before) == (name, world.snapshot(times=True))
        shutil.rmtree(world.top)
