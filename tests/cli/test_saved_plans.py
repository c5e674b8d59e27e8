"""plan --out and apply FILE: what is saved, what is not, and when it is refused."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from steps import guest_volumes, volume_group
from steps.facts import Content, Facts, LogicalVolume
from steps.saved_facts import facts_text, without_secrets
from steps.settings import Settings
from steps.spare_place import with_partition
from tests import machines
from tests.cli.program import ROOT, STOCK, environment, xen_setup
from tests.cli.test_commands import NOBODY
from tests.cli.test_json import must_fit
from tests.terminal import Terminal
from wizard import VERSION as PROGRAM
from wizard.actions import CreatePartition, MakeDirectory, text_hash
from wizard.arguments import parse
from wizard.cli import run
from wizard.errors import AnswersInvalid, Exit, StepFailed, UsageError
from wizard.journal import Store
from wizard.program_saved import Held, open_plan
from wizard.records import Paused, RunBegun
from wizard.saved_plan import PlanRefused, plan_text, read_plan, sealed
from wizard.step import Step, step_name

PACKAGED = ROOT / "wizard/practice/first-guest.yaml"
HASH = "$6$PLANTED$" + "h4sh" * 21 + "ab"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="apply needs root")

ANSWERS: dict[str, Sequence[str]] = {
    "defaults": (),
    "no-bridge": ("host.bridge=none", "host.console=screen", "guests.0.swap_size=none"),
    "by-itself": ("host.after_reboot=by-itself", "guests.0.filesystem=xfs"),
    "two-guests": ("guests.0.name=vm01", "guests.1.name=vm02", "guests.1.memory=600MiB"),
}


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """An answer file with a hash in it."""
    path = tmp_path / "lab.yaml"
    path.write_text(f"version: 1\nguests:\n  - name: web\n    root_password: '{HASH}'\n")
    return path


def saved(tmp_path: Path, *arguments: str | Path, facts: Path = STOCK) -> Path:
    """A plan saved by the program."""
    path = tmp_path / "saved.plan"
    status = run(parse(["plan", "--facts", str(facts), "--out", str(path), *map(str, arguments)]))
    assert Exit.DONE == status
    return path


def opened(path: Path, facts: Facts, tmp_path: Path) -> Held:
    """The plan as `apply` would open it on that machine."""
    machine = tmp_path / "now.json"
    machine.write_text(facts_text(facts))
    return open_plan(parse(["apply", str(path)])._replace(facts=machine), path)


def refuse_drift(held: Held) -> None:
    held.promise.refuse_drift(held.session.facts, held.session.previews())


# ---- saved and read back


@pytest.mark.parametrize("answers", ANSWERS)
@pytest.mark.parametrize("name", sorted(machines.machines()))
def test_the_plan_of_every_machine_is_read_back_the_same_and_fits_that_machine(
    name: str, answers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = machines.machines()[name]
    machine = tmp_path / "facts.json"
    machine.write_text(facts_text(facts))
    path = tmp_path / "saved.plan"
    given = [f"--set={one}" for one in ANSWERS[answers]]
    try:
        status = run(parse(["plan", "--facts", str(machine), "--out", str(path), *given]))
    except AnswersInvalid:
        status = Exit.ANSWERS_INVALID
    except UsageError as error:
        assert not facts.as_root, error
        return
    assert path.exists() == (status == Exit.DONE)
    if status != Exit.DONE:
        return
    plan, text = read_plan(path)
    assert plan == sealed(plan)
    assert text == plan_text(plan)
    must_fit("saved-plan", text)
    held = opened(path, facts, tmp_path)
    assert without_secrets(facts) == held.promise.facts
    refuse_drift(held)
    for one in held.session.previews():
        assert one.plan
        held.promise.hold(one.name, one.plan, again=False)


def test_some_machines_have_a_plan_that_can_be_saved(tmp_path: Path) -> None:
    plan, _text = read_plan(saved(tmp_path, PACKAGED))
    assert 11 == len(plan.steps)
    assert 41 == sum(len(step.actions) for step in plan.steps)
    assert ("b54def06b34040be", "practice") == (plan.machine.id, plan.machine.hostname)
    assert plan.facts != plan.then


def test_a_plan_is_for_its_owner_alone_and_says_what_to_type(tmp_path: Path) -> None:
    path = tmp_path / "lab.plan"
    done = xen_setup("plan", PACKAGED, "--facts", STOCK, "--out", path)
    assert (Exit.DONE, "") == (done.returncode, done.stderr)
    assert 0o600 == path.stat().st_mode & 0o777
    assert f"sudo xen-setup apply {path}" in done.stdout


def test_saving_a_plan_again_gives_the_same_file(tmp_path: Path) -> None:
    first = saved(tmp_path, PACKAGED).read_bytes()
    assert first == saved(tmp_path, PACKAGED).read_bytes()


def test_no_plan_is_written_over_anything_else(tmp_path: Path) -> None:
    other = tmp_path / "thesis.txt"
    other.write_text("mine\n")
    link = tmp_path / "link"
    link.symlink_to(other)
    for path in (other, link, tmp_path):
        done = xen_setup("plan", PACKAGED, "--facts", STOCK, "--out", path)
        assert Exit.USAGE == done.returncode
        assert "is no saved plan" in done.stderr
    assert "mine\n" == other.read_text()


def test_a_plan_with_problems_is_not_saved(tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text(facts_text(replace(machines.stock(), container="docker")))
    path = tmp_path / "lab.plan"
    done = xen_setup("plan", "--facts", facts, "--out", path)
    assert Exit.CHECKS_FAILED == done.returncode
    assert "No plan was saved" in done.stdout
    assert not path.exists()


def test_a_plan_by_somebody_who_does_not_see_all_is_not_saved(tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text(facts_text(machines.machines()["user"]))
    done = xen_setup("plan", "--facts", facts, "--out", tmp_path / "lab.plan")
    assert Exit.USAGE == done.returncode
    assert "sudo xen-setup plan" in done.stderr


# ---- secrets


def test_no_secret_is_in_a_plan_and_it_is_found_again(tmp_path: Path, lab: Path) -> None:
    path = saved(tmp_path, lab)
    assert "PLANTED" not in path.read_text()
    held = opened(path, machines.stock(), tmp_path)
    assert HASH == held.session.settings.guests[0].root_password
    assert "web" == held.session.settings.guests[0].name
    refuse_drift(held)


def test_a_reference_is_kept_in_a_plan_and_resolved_when_it_is_run(
    tmp_path: Path, lab: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{HASH}\n")
    secret.chmod(0o600)
    lab.write_text(f"version: 1\nguests:\n  - {{name: web, root_password: 'file:{secret}'}}\n")
    path = saved(tmp_path, lab)
    assert f"file:{secret}" in path.read_text()
    held = opened(path, machines.stock(), tmp_path)
    assert HASH == held.session.settings.guests[0].root_password
    refuse_drift(held)
    secret.unlink()
    with pytest.raises(AnswersInvalid):
        opened(path, machines.stock(), tmp_path)


def test_a_reference_is_saved_as_it_is_and_followed_when_the_plan_is_opened(
    tmp_path: Path, lab: Path
) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{HASH}\n")
    secret.chmod(0o600)
    lab.write_text(lab.read_text().replace(f"'{HASH}'", f"file:{secret}"))
    path = saved(tmp_path, lab)
    plan, text = read_plan(path)
    assert f"root_password: file:{secret}" in plan.answers
    assert ((), ()) == (plan.secrets, plan.sources)
    assert "PLANTED" not in text
    lab.unlink()  # nothing is read from it again
    held = opened(path, machines.stock(), tmp_path)
    assert HASH == held.session.settings.guests[0].root_password
    refuse_drift(held)
    secret.chmod(0o644)
    with pytest.raises(AnswersInvalid, match="problem"):
        opened(path, machines.stock(), tmp_path)


def test_a_secret_that_would_be_asked_for_cannot_be_saved(tmp_path: Path, lab: Path) -> None:
    lab.write_text(lab.read_text().replace(f"'{HASH}'", "asked"))
    done = xen_setup("plan", lab, "--facts", STOCK, "--out", tmp_path / "lab.plan")
    assert Exit.USAGE == done.returncode
    assert "guests.0.root_password is to be asked for" in done.stderr


def test_a_password_in_a_file_of_the_host_is_not_in_a_plan(tmp_path: Path) -> None:
    stock = machines.stock()
    path = "/etc/network/interfaces"
    text = f"{stock.files[path]}\niface wlan0 inet dhcp\n    wpa-psk PLANTED-psk\n"
    facts = replace(stock, files={**stock.files, path: text})
    # facts_text leaves the password out by itself: these are as a live machine's.
    machine = tmp_path / "facts.json"
    machine.write_text(facts_text(facts).replace("wpa-psk ********", "wpa-psk PLANTED-psk"))
    for option in ((), ("--json",)):
        done = xen_setup("plan", "--facts", machine, "--out", tmp_path / "lab.plan", *option)
        assert Exit.DONE == done.returncode
        assert "PLANTED" not in done.stdout + done.stderr + (tmp_path / "lab.plan").read_text()
        assert "wpa-psk" in (tmp_path / "lab.plan").read_text()
        # Whoever knows all but the password could try passwords by it.
        assert text_hash(text) not in done.stdout + (tmp_path / "lab.plan").read_text()


@pytest.mark.parametrize("change", ["edited", "gone", "a pipe", "a folder", "endless"])
def test_a_secret_that_may_have_changed_is_not_used(tmp_path: Path, lab: Path, change: str) -> None:
    path = saved(tmp_path, lab)
    if change == "edited":
        lab.write_text(f"{lab.read_text()}# a remark\n")
    else:
        lab.unlink()
    if change == "a pipe":
        os.mkfifo(lab)
    elif change == "a folder":
        lab.mkdir()
    elif change == "endless":
        lab.touch()
        os.truncate(lab, 1 << 40)
    with pytest.raises(PlanRefused, match=f"{lab} (was changed|cannot be read)"):
        opened(path, machines.stock(), tmp_path)


def test_answers_that_cannot_be_read_again_have_no_plan_saved(tmp_path: Path, lab: Path) -> None:
    path = tmp_path / "lab.plan"
    done = xen_setup("plan", "/dev/stdin", "--facts", STOCK, "--out", path, stdin=lab.read_text())
    assert Exit.USAGE == done.returncode
    assert "it is no file. A saved plan holds no password" in done.stderr
    assert not path.exists()


@needs_root
@pytest.mark.parametrize(
    ("spoil", "words", "hint"),
    [
        (lambda path: os.chown(path, NOBODY, 0), "belongs to another user", "sudo chown root:"),
        (lambda path: path.chmod(0o620), "Others may write to the plan", "sudo chmod 600"),
        (lambda path: path.chmod(0o602), "(mode 602)", "sudo chmod 600"),
    ],
    ids=["owner", "group", "all"],
)
def test_a_plan_that_somebody_else_could_have_written_is_refused(
    tmp_path: Path, spoil: Callable[[Path], object], words: str, hint: str
) -> None:
    path = saved(tmp_path)
    spoil(path)
    with pytest.raises(PlanRefused) as caught:
        opened(path, machines.stock(), tmp_path)
    assert words in caught.value.what
    assert hint in caught.value.hint


def test_a_plan_that_others_may_only_read_is_as_good(tmp_path: Path) -> None:
    path = saved(tmp_path)
    path.chmod(0o644)
    refuse_drift(opened(path, machines.stock(), tmp_path))


def test_a_secret_of_the_command_line_cannot_be_saved(tmp_path: Path) -> None:
    path = tmp_path / "lab.plan"
    done = xen_setup(
        "plan", "--facts", STOCK, "--out", path, "--set", f"guests.0.root_password={HASH}"
    )
    assert Exit.USAGE == done.returncode
    assert "into the answer file" in done.stderr
    assert "PLANTED" not in done.stdout + done.stderr
    assert not path.exists()


# ---- refused


def test_a_machine_that_has_changed_is_refused_in_words(tmp_path: Path, lab: Path) -> None:
    path = saved(tmp_path, lab)
    stock = machines.stock()
    interfaces = stock.files["/etc/network/interfaces"] + "\n# vlan\nauto ens3.7\n"
    changed = replace(
        machines.with_second_disk(stock),
        files={**stock.files, "/etc/network/interfaces": interfaces},
    )
    with pytest.raises(PlanRefused) as error:
        refuse_drift(opened(path, changed, tmp_path))
    assert Exit.CHECKS_FAILED == error.value.status
    assert (
        "file /etc/network/interfaces: no such line → “auto ens3.7”",
        "disk /dev/vdb: not there → there",
    ) == error.value.details[:2]
    assert error.value.details[2].startswith("network_bridge: write /etc/network/interfaces, text:")


def test_a_machine_on_which_everything_is_done_has_nothing_refused(tmp_path: Path) -> None:
    path = saved(tmp_path)
    refuse_drift(opened(path, machines.finished(machines.stock()), tmp_path))


def test_another_machine_is_refused_by_name(tmp_path: Path) -> None:
    other = replace(machines.stock(), machine="another", hostname="elsewhere")
    with pytest.raises(PlanRefused, match="for another machine, practice; this is elsewhere"):
        opened(saved(tmp_path), other, tmp_path)


@needs_root
@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('"program": "', '"program": "9', "was made by xen-setup 9"),
        ('"version": 1,', '"version": 2,', "a plan of version 2"),
        ("xenbr0", "xenbr1", "was changed after it was saved"),
        ('"fingerprints"', '"fingers"', "is damaged"),
        ("\n}\n", "\n", "is damaged: it is not JSON"),
    ],
)
def test_apply_refuses_a_plan_that_is_not_its_own(
    tmp_path: Path, before: str, after: str, words: str
) -> None:
    path = saved(tmp_path)
    path.write_text(path.read_text().replace(before, after))
    state = tmp_path / "state"
    done = xen_setup("apply", path, "--state-dir", state)
    assert Exit.CHECKS_FAILED == done.returncode
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not state.exists()


@needs_root
def test_apply_refuses_what_does_not_belong_beside_a_plan(tmp_path: Path) -> None:
    path = saved(tmp_path)
    done = xen_setup("apply", path, "--set", "host.bridge=none")
    assert (Exit.USAGE, True) == (done.returncode, "as it is" in done.stderr)
    shown = tmp_path / "shown.json"
    shown.write_text(xen_setup("plan", "--json", "--facts", STOCK).stdout)
    done = xen_setup("apply", shown)
    assert (Exit.USAGE, True) == (done.returncode, "--out" in done.stderr)
    done = xen_setup("plan", path, "--facts", STOCK)
    assert (Exit.USAGE, True) == (done.returncode, "is a saved plan" in done.stderr)


# ---- resume


@needs_root
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_text("{"), "is damaged"),
        (lambda path: path.write_text(path.read_text().replace("xenbr0", "br7")), "was changed"),
    ],
    ids=["gone", "damaged", "edited"],
)
def test_resume_without_the_plan_that_was_agreed_to_is_refused(
    tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    plan, text = read_plan(saved(tmp_path))
    store = Store(tmp_path / "state")
    run_ = store.new_run(plan.answers, text)
    journal = store.journal(run_)
    steps = tuple(step.name for step in plan.steps)
    journal.append(RunBegun(1, store.fingerprint, PROGRAM, steps, plan.fingerprints.all))
    journal.append(Paused("A test's own.", Exit.STOPPED))
    spoil(run_.plan)
    done = xen_setup("resume", "--no-input", "--state-dir", store.directory)
    assert Exit.CHECKS_FAILED == done.returncode, done.stderr
    assert words in done.stderr
    assert "sudo xen-setup rollback" in done.stderr


@needs_root
def test_resume_says_why_a_run_that_is_held_to_a_plan_is_no_lesson(tmp_path: Path) -> None:
    plan, text = read_plan(saved(tmp_path))
    store = Store(tmp_path / "state")
    journal = store.journal(store.new_run(plan.answers, text))
    steps = tuple(step.name for step in plan.steps)
    journal.append(RunBegun(1, store.fingerprint, PROGRAM, steps, plan.fingerprints.all))
    journal.append(Paused("A test's own.", Exit.STOPPED))
    words = ["resume", "--teach", "--on-failure", "stop", "--state-dir", str(store.directory)]
    program = [sys.executable, "-P", "-W", "error", "-m", "wizard", *words]
    with Terminal(program, ROOT, environment=environment(HOME=str(tmp_path))) as terminal:
        assert Exit.DONE != terminal.ends()  # this machine is another one than the plan's
        told = " ".join(terminal.whole_text.split())
    assert (
        "This run is held to the plan that was saved, with no answers to ask for: it goes" in told
    )
    assert "How much do you want to see?" not in told


# ---- after a power cut


def facts_before(held: Held, name: str) -> Facts:
    """The facts that a step of the plan was planned on."""
    return next(one.before for one in held.session.previews() if one.name == name)


def half_made_volume(held: Held) -> Facts:
    """The first guest's root volume is there, without a filesystem."""
    facts = facts_before(held, "guest_volumes")
    (group,) = facts.volume_groups or ()
    made = LogicalVolume(
        "vm01-root", "/dev/xendisks/vm01-root", "", ("xen-setup",), 2048, False, Content("empty")
    )
    return replace(facts, volume_groups=(replace(group, free=group.free - 2048, volumes=(made,)),))


def half_made_group(held: Held) -> Facts:
    """The partition for the group is there, and nothing on it."""
    facts = facts_before(held, "volume_group")
    (action, *_others) = next(
        step.actions for step in held.promise.plan.steps if step.name == "volume_group"
    )
    assert isinstance(action, CreatePartition)
    return with_partition(facts, facts.disks[0], action, facts.disks[0].free[0].size)


@pytest.mark.parametrize(
    ("step", "half"),
    [(guest_volumes, half_made_volume), (volume_group, half_made_group)],
    ids=["volume", "group"],
)
def test_what_is_left_of_a_step_is_part_of_the_plan_though_its_commands_differ(
    step: Step[Settings, Facts], half: Callable[[Held], Facts], tmp_path: Path
) -> None:
    held = opened(saved(tmp_path), machines.stock(), tmp_path)
    plan = step.plan(held.session.settings, half(held))
    assert plan.actions
    held.promise.hold(step_name(step), plan, again=True)
    with pytest.raises(StepFailed) as error:
        held.promise.hold(step_name(step), plan, again=False)
    assert error.value.details
    other = replace(plan, actions=(MakeDirectory("/srv/other", "Not planned."), *plan.actions))
    with pytest.raises(StepFailed, match=step_name(step)) as error:
        held.promise.hold(step_name(step), other, again=True)
    assert ("nothing → make the directory /srv/other",) == error.value.details
