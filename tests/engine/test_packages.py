"""Packages: exactly what came in goes again; a model that keeps state plays apt and dpkg."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from wizard.actions import InstallPackages, Need
from wizard.commands import Answer, Completed
from wizard.errors import Conflict, StepFailed
from wizard.files import nothing
from wizard.interrupts import Interrupts
from wizard.machine import Machine
from wizard.packages import Packages, Transaction, parse_states, parse_transaction
from wizard.running import Running, Unwatched, Workplace
from wizard.undo import PackagesUndo, Undo

# `apt-get --simulate --no-install-recommends install xen-system-amd64` on Debian 12, shortened.
XEN = """\
Reading package lists...
NOTE: This is only a simulation!
Inst libxenmisc4.17 (4.17.5+23-ga4e5191dc0-1 Debian:12.10/stable [amd64])
Inst xen-utils-common (4.17.5+23-ga4e5191dc0-1 Debian:12.10/stable [amd64]) []
Inst libc6 [2.36-9] (2.36-9+deb12u9 Debian:12.10/stable [amd64])
Inst libyajl2:i386 (2.1.0-3+deb12u2 Debian:12.10/stable [i386])
Conf libxenmisc4.17 (4.17.5+23-ga4e5191dc0-1 Debian:12.10/stable [amd64])
Remv exim4 [4.96-15]
Purg exim4 [4.96-15]
"""


def test_a_simulated_transaction_is_read() -> None:
    assert parse_transaction(XEN) == Transaction(
        new=("libxenmisc4.17", "xen-utils-common", "libyajl2:i386"),
        upgraded=("libc6",),
        removed=("exim4",),
    )


def test_package_states_are_known_with_and_without_architecture() -> None:
    states = parse_states(
        "dpkg amd64 installed\nlibc6:amd64 amd64 installed\nlibc6:i386 i386 config-files\n"
        "libxen:i386 i386 installed\ndebootstrap all installed\nxen-utils amd64 unpacked\n"
    )
    assert "installed" == states["libc6"]
    assert "config-files" == states["libc6:i386"]
    assert "installed" == states["debootstrap"]
    assert "unpacked" == states["xen-utils"]
    assert "libxen" not in states, "that is another package: ours is for this architecture"


# apt 2.6.1, which then does nothing at all.
_NO_ARCHIVE = "E: The package {} needs to be reinstalled, but I can't find an archive for it.\n"


@dataclass
class Apt:
    """apt and dpkg as far as the engine asks them: what depends on what, and states."""

    needs: dict[str, tuple[str, ...]]
    states: dict[str, str]
    automatic: set[str] = field(default_factory=set)
    commands: list[tuple[str, ...]] = field(default_factory=list)
    status: int = 0
    broken: set[str] = field(default_factory=set)  # cannot be configured
    half: set[str] = field(default_factory=set)  # half unpacked: dpkg wants them reinstalled
    offered: bool = True  # what is half unpacked stands in apt's lists
    unpacks: bool = True  # what it would unpack is in its cache
    conffiles: dict[str, str] = field(default_factory=dict)
    more: tuple[str, ...] = ()  # what would come in with what is unpacked anew

    def ask(
        self,
        argv: Sequence[str],
        timeout: float = 20.0,
        input: str | None = None,  # noqa: A002
    ) -> Answer:
        match argv:
            case ["dpkg-query", "--show", wanted, *names] if "Eflag" in wanted:
                flags = {name: "reinstreq" if name in self.half else "ok" for name in names}
                lines = [f"{name} amd64 {flag}" for name, flag in flags.items()]
                return Answer(0, "\n".join(lines), "")
            case ["dpkg-query", "--show", wanted, *names] if "Conffiles" in wanted:
                assert {*names} <= {*self.states}
                return Answer(0, "".join(f"{self.conffiles.get(name, '')}\n" for name in names), "")
            case ["dpkg-query", *_]:
                lines = [f"{name} amd64 {state}" for name, state in self.states.items()]
                return Answer(0, "\n".join(lines), "")
            case ["apt-mark", "showauto", *names]:
                return Answer(0, "\n".join(name for name in names if name in self.automatic), "")
            case ["apt-get", *_] if self.half and not self.offered:
                return Answer(100, "", _NO_ARCHIVE.format(min(self.half)))
            case ["apt-get", "--simulate", _, "--reinstall", verb, *names]:
                return Answer(0, self.simulated(verb, [*names, *self.more]), "")
            case ["apt-get", "--simulate", _, verb, *names]:
                unknown = [name for name in names if name not in self.needs]
                if unknown:
                    return Answer(100, "", f"E: Unable to locate package {unknown[0]}")
                return Answer(0, self.simulated(verb, names), "")
        raise AssertionError(argv)

    def simulated(self, verb: str, names: Sequence[str]) -> str:
        if verb == "install":
            new = [name for name in self.closure(names) if self.states.get(name) != "installed"]
            return "".join(f"Inst {name} (1.0 Debian:12 [amd64])\n" for name in new)
        return "".join(f"Purg {name} [1.0]\n" for name in self.dependents(names))

    def closure(self, names: Sequence[str]) -> list[str]:
        found = list(names)
        for name in found:
            found += [other for other in self.needs[name] if other not in found]
        return found

    def dependents(self, names: Sequence[str]) -> list[str]:
        found = list(names)
        for name in found:
            found += [
                other
                for other, needed in self.needs.items()
                if name in needed and other not in found and self.states.get(other) == "installed"
            ]
        return found

    def run(self, argv: Sequence[str], **options: object) -> Completed:
        self.commands.append(tuple(argv))
        words = [word for word in argv if not word.startswith("-") and "=" not in word]
        if words[1:2] in (["purge"], ["remove"]) and self.half & {*self.dependents(words[2:])}:
            # "package is in a very bad inconsistent state": nothing is removed.
            if "Dpkg::Options::=--force-remove-reinstreq" not in argv:
                return Completed(tuple(argv), 100, "exited", (), 0.0, 1.0)
            self.half.clear()
        match words:
            case ["apt-get", "install", *names] if "--reinstall" in argv and not self.unpacks:
                return Completed(tuple(argv), 100, "exited", (), 0.0, 1.0)
            case ["apt-get", "install", *names] if self.status == 0:
                self.half -= set(names)
                for name in self.closure(names):
                    self.states[name] = "half-configured"
            case ["apt-get", "purge", *names]:
                for name in self.dependents(names):
                    self.states.pop(name, None)
            case ["apt-get", "remove", *names]:
                for name in self.dependents(names):
                    self.states[name] = "config-files"
            case ["dpkg", *names] if "--force-remove-reinstreq" in argv:
                assert {*self.dependents(names)} <= {*names}, "dpkg removes nothing that is needed"
                self.half -= set(names)
                for name in names:
                    self.states[name] = "config-files"
                    if "--purge" in argv:
                        del self.states[name]
            case ["apt-mark", "auto", *names]:
                self.automatic |= set(names)
        status = self.status
        if words[0] in ("apt-get", "dpkg") and not status:
            # Whatever apt does, dpkg configures last what waits for it.
            waiting = [name for name, state in self.states.items() if state == "half-configured"]
            self.states |= {name: "installed" for name in waiting if name not in self.broken}
            status = (100 if words[0] == "apt-get" else 1) if self.broken & {*waiting} else 0
            if "--configure" in argv and self.half:
                status = 1  # "package is in a very bad inconsistent state"
        return Completed(tuple(argv), status, "exited", (), 0.0, 1.0)


XEN_SYSTEM = InstallPackages(("xen-system-amd64", "lvm2"), "Why.")


@pytest.fixture
def apt() -> Apt:
    return Apt(
        needs={
            "xen-system-amd64": ("xen-utils", "bridge-utils"),
            "xen-utils": ("libxen",),
            "libxen": (),
            "bridge-utils": (),
            "lvm2": ("libdevmapper",),
            "libdevmapper": (),
            "mine": ("libxen",),
        },
        states={"lvm2": "installed", "libdevmapper": "installed", "bridge-utils": "config-files"},
        automatic={"lvm2", "libdevmapper"},
    )


@pytest.fixture
def machine(apt: Apt, tmp_path: Path) -> Machine:
    machine = Machine(run_command=apt.run, ask_command=apt.ask, work=tmp_path)
    machine.attend(Workplace(tmp_path / "log", tmp_path))
    return machine


def install(machine: Machine) -> Undo:
    undo = machine.prepare(XEN_SYSTEM, "1")
    machine.perform(XEN_SYSTEM, undo, Unwatched())
    return undo


def test_exactly_what_came_in_goes_again_and_marks_are_as_before(
    apt: Apt, machine: Machine
) -> None:
    before = dict(apt.states), set(apt.automatic)
    assert not machine.is_done(XEN_SYSTEM)
    undo = install(machine)
    assert undo == PackagesUndo(
        names=("xen-system-amd64", "xen-utils", "bridge-utils", "libxen"),
        configured=("bridge-utils",),
        automatic=("lvm2",),
    )
    assert machine.is_done(XEN_SYSTEM)
    apt.automatic.discard("lvm2")  # as apt does with what is asked for by name
    for _twice in range(2):
        machine.revert(XEN_SYSTEM, undo, Unwatched())
        assert before == (apt.states, apt.automatic)


def test_what_others_need_by_now_stays_and_they_are_named(apt: Apt, machine: Machine) -> None:
    undo = install(machine)
    apt.states["mine"] = "installed"
    states = dict(apt.states)
    with pytest.raises(Conflict, match="in need of these packages: mine"):
        machine.revert(XEN_SYSTEM, undo, Unwatched())
    assert states == apt.states
    del apt.states["mine"]
    machine.revert(XEN_SYSTEM, undo, Unwatched())
    assert "libxen" not in apt.states


def test_what_the_user_purged_already_is_no_error(apt: Apt, machine: Machine) -> None:
    undo = install(machine)
    for name in ("xen-system-amd64", "xen-utils"):
        del apt.states[name]
    machine.revert(XEN_SYSTEM, undo, Unwatched())
    assert "libxen" not in apt.states
    purge = next(command for command in apt.commands if "purge" in command)
    assert ("purge", "libxen") == purge[-2:]


def test_what_cannot_be_configured_can_be_taken_back(apt: Apt, machine: Machine) -> None:
    """apt-get purges a package whose postinst fails (seen on Debian 12)."""
    before = dict(apt.states)
    apt.broken = {"libxen"}
    undo = machine.prepare(XEN_SYSTEM, "1")
    with pytest.raises(StepFailed, match="exit status 100"):
        machine.perform(XEN_SYSTEM, undo, Unwatched())
    assert apt.states["libxen"] == "half-configured"
    machine.revert(XEN_SYSTEM, undo, Unwatched())
    assert apt.states == before


@pytest.mark.parametrize("archives", [True, False])
def test_what_a_cut_left_half_unpacked_is_unpacked_whole_and_taken_back(
    apt: Apt, machine: Machine, archives: bool
) -> None:
    """dpkg removes no such package, and no other with it (seen after a power cut)."""
    before = dict(apt.states)
    undo = install(machine)
    apt.states["libxen"] = "half-installed"
    apt.half = {"libxen"}
    apt.commands.clear()
    apt.unpacks = archives
    machine.revert(XEN_SYSTEM, undo, Unwatched())
    (again,) = [argv for argv in apt.commands if "--reinstall" in argv]
    assert again[-2:] == ("install", "libxen")
    assert {"--no-install-recommends", "--no-remove"} <= {*again}  # 254 packages came in with it
    assert apt.states == before


@pytest.mark.parametrize("state", ["half-installed", "unpacked"])
def test_what_a_cut_left_half_unpacked_is_unpacked_whole_and_installed(
    apt: Apt, machine: Machine, state: str
) -> None:
    """dpkg configures no such package, and says so with 1 (seen after a power cut)."""
    undo = machine.prepare(XEN_SYSTEM, "1")
    apt.states |= {"libxen": state, "xen-utils": "half-configured"}
    apt.half = {"libxen"}
    assert machine.settle(XEN_SYSTEM, undo, Unwatched())
    assert machine.is_done(XEN_SYSTEM)
    assert not apt.half


def test_nothing_is_unpacked_anew_with_which_others_would_come(apt: Apt, machine: Machine) -> None:
    before = dict(apt.states)
    undo = install(machine)
    apt.states["libxen"] = "half-installed"
    apt.half, apt.more = {"libxen"}, ("mine",)
    machine.revert(XEN_SYSTEM, undo, Unwatched())
    assert not [argv for argv in apt.commands if "--reinstall" in argv]
    assert apt.states == before


def test_what_is_half_unpacked_and_no_longer_offered_goes_by_dpkg(
    apt: Apt, machine: Machine
) -> None:
    before = dict(apt.states)
    undo = install(machine)
    apt.states["libxen"] = "half-installed"
    apt.half, apt.offered = {"libxen"}, False
    machine.revert(XEN_SYSTEM, undo, Unwatched())
    assert apt.states == before


@pytest.fixture
def edited(apt: Apt, tmp_path: Path) -> Path:
    """A configuration file of one of the packages, which somebody has edited."""
    path = tmp_path / "xl.conf"
    path.write_text("mine\n")
    apt.conffiles = {"xen-utils": f" {path} {'0' * 32}"}
    return path


def test_what_was_edited_is_copied_before_dpkg_removes_by_force(
    apt: Apt, machine: Machine, edited: Path, tmp_path: Path
) -> None:
    undo = install(machine)
    apt.states["libxen"] = "half-installed"
    apt.half, apt.offered = {"libxen"}, False
    machine.revert(XEN_SYSTEM, undo, Unwatched())
    assert "xen-utils" not in apt.states
    assert Path(f"{tmp_path}/edited{edited}").read_text() == "mine\n"


def test_it_is_said_of_copies_though_the_purge_had_failed_at_first(
    apt: Apt, machine: Machine, edited: Path
) -> None:
    undo = install(machine)
    apt.broken, apt.states["libdevmapper"] = {"libdevmapper"}, "half-configured"
    with pytest.raises(StepFailed, match="gone; but dpkg cannot finish"):
        machine.revert(XEN_SYSTEM, undo, Unwatched())
    edited.unlink()
    apt.broken.clear()
    assert f"gone with their packages: {edited}." in machine.revert(XEN_SYSTEM, undo, Unwatched())


def test_what_somebody_needs_by_now_does_not_go_by_dpkg_either(apt: Apt, tmp_path: Path) -> None:
    del apt.states["lvm2"], apt.states["libdevmapper"]
    groups = Need("lvm2", "the volume group", ("vgs",), r"(\S+)")
    action = replace(XEN_SYSTEM, needs=(groups,))

    def ask(argv: Sequence[str], timeout: float = 20.0, input: str | None = None) -> Answer:  # noqa: A002
        if argv[0] == "vgs":
            return Answer(0, "  mine\n", "") if "lvm2" in apt.states else Answer(127, "", "")
        if "Provides" in argv[-1]:
            lines = (f"{name}\t\t{', '.join(needed)}" for name, needed in apt.needs.items())
            return Answer(0, "\n".join(lines), "")
        return apt.ask(argv, timeout, input)

    machine = Machine(run_command=apt.run, ask_command=ask, work=tmp_path)
    machine.attend(Workplace(tmp_path / "log", tmp_path))
    undo = machine.prepare(action, "1")
    machine.perform(action, undo, Unwatched())
    apt.states["libxen"] = "half-installed"
    apt.half, apt.offered = {"libxen"}, False
    said = machine.revert(action, undo, Unwatched())
    assert "lvm2, for the volume group mine" in said
    assert {"lvm2", "libdevmapper"} == {*apt.states} - {"bridge-utils"}


def test_a_removal_that_was_cut_off_goes_on(apt: Apt, machine: Machine) -> None:
    before = dict(apt.states)
    undo = install(machine)
    apt.states["libxen"] = "half-installed"
    machine.revert(XEN_SYSTEM, undo, Unwatched())
    assert not [argv for argv in apt.commands if "--reinstall" in argv]
    assert apt.states == before


def test_it_is_not_all_taken_back_while_another_package_cannot_be_configured(
    apt: Apt, machine: Machine
) -> None:
    """A full /boot has no room for the initrd that another package's trigger makes."""
    before = dict(apt.states)
    undo = install(machine)
    apt.broken = {"libdevmapper"}
    apt.states["libdevmapper"] = "half-configured"
    for _twice in range(2):
        with pytest.raises(StepFailed, match="gone; but dpkg cannot finish with libdevmapper"):
            machine.revert(XEN_SYSTEM, undo, Unwatched())
        assert "libxen" not in apt.states
    apt.broken.clear()
    machine.revert(XEN_SYSTEM, undo, Unwatched())
    assert apt.states == before


def test_an_interrupted_transaction_is_finished_first(apt: Apt, machine: Machine) -> None:
    apt.states["half"] = "half-configured"
    install(machine)
    assert "dpkg" == apt.commands[0][0]
    assert "installed" == apt.states["half"]


def test_dpkg_is_waited_for_while_another_program_has_its_lock(apt: Apt, tmp_path: Path) -> None:
    """The daily update, just after a boot: apt waits for the lock, dpkg itself does not."""
    lock = tmp_path / "var/lib/dpkg/lock-frontend"
    lock.parent.mkdir(parents=True)
    lock.touch()
    apt.states["half"] = "half-configured"
    holder = (
        "import fcntl, sys; file = open(sys.argv[1], 'r+b'); fcntl.lockf(file, fcntl.LOCK_EX); "
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        (sys.executable, "-c", holder, str(lock)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert b"held\n" == process.stdout.readline()
        running = Running(apt.run, apt.ask, Interrupts(), nothing, tmp_path / "running")
        release = threading.Timer(0.8, process.stdin.close)
        began = time.monotonic()
        release.start()
        Packages(running, tmp_path).undo_for(("lvm2",))
        release.join()
    assert time.monotonic() - began >= 0.8
    assert "dpkg" == apt.commands[0][0]
    assert "installed" == apt.states["half"]


def test_a_killed_installation_goes_on_where_it_was(apt: Apt, machine: Machine) -> None:
    undo = machine.prepare(XEN_SYSTEM, "1")
    apt.states["libxen"] = "half-configured"
    assert machine.settle(XEN_SYSTEM, undo, Unwatched())
    assert machine.is_done(XEN_SYSTEM)
    machine.revert(XEN_SYSTEM, undo, Unwatched())
    assert "libxen" not in apt.states


def test_an_unknown_package_is_a_failure_before_anything_is_begun(
    apt: Apt, machine: Machine
) -> None:
    with pytest.raises(StepFailed, match="apt cannot install nowhere") as error:
        machine.prepare(InstallPackages(("nowhere",), "Why."), "1")
    assert ("E: Unable to locate package nowhere",) == error.value.details
    assert [] == apt.commands


def test_a_failing_apt_is_a_failure(apt: Apt, machine: Machine) -> None:
    apt.status = 100
    with pytest.raises(StepFailed, match="exit status 100"):
        install(machine)


def test_packages_are_never_asked_about_and_nothing_is_removed_by_installing(
    apt: Apt, machine: Machine
) -> None:
    install(machine)
    command = apt.commands[0]
    assert {"--yes", "--no-remove", "--no-install-recommends"} <= set(command)
    assert "Dpkg::Options::=--force-confold" in command
