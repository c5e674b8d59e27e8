"""`guests` and `network`: orders to a host whose xl is played, and what is said when it hangs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from steps.guests import AttachedCard, AttachedDisk, Guest, Guests
from tests.cli.program import ROOT, environment, xen_setup
from tests.cli.test_json import must_fit
from tests.engine.recording import RecordingReporter
from tests.engine.world import Piece, Task, World
from tests.terminal import Terminal
from wizard.actions import PathPresent, RunCommand
from wizard.arguments import Arguments, parse
from wizard.commands import Completed
from wizard.errors import ChecksFailed, Exit, Stopped, UsageError
from wizard.journal import Store
from wizard.machine import Machine
from wizard.program_guests import Host, run
from wizard.rollback import roll_back

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may start and stop guests")

HOST = Guest("Domain-0", 0, "running", 1024, 2, 349.4, (), (), "", False)
DISKS = (AttachedDisk("xvda1", "/dev/xendisks/vm01-root", True),)
RUNNING = Guest("vm01", 1, "idle", 512, 1, 63.1, DISKS, (), "/etc/xen/vm01.cfg", True)
STOPPED = replace(RUNNING, name="web", id=None, state="stopped", seconds=None,
                  config="/etc/xen/web.cfg")  # fmt: skip


@dataclass
class Played:
    """A host of which each look is one second, and each order changes what is seen next.

    `deaf` guests answer, and do not end; `hangs` is a word of the command that never ends;
    `fails` has the last words of a command that fails, by a word of it.
    """

    guests: list[Guest] = field(default_factory=lambda: [HOST, RUNNING, STOPPED])
    deaf: bool = False
    hangs: str = ""
    fails: dict[str, str] = field(default_factory=dict)
    silent: str = ""
    said: list[str] = field(default_factory=list)
    clock: float = 0.0

    def look(self) -> Guests:
        self.clock += 1.0
        return Guests(tuple(self.guests), self.silent, "Start it: systemctl restart xen.")

    def run(self, argv: Sequence[str], *, timeout: float, **_more: Any) -> Completed:
        words = tuple(argv)
        self.said.append(" ".join(words))
        if self.hangs and self.hangs in words:
            return Completed(words, -15, "timeout", ("xl: waiting",), timeout, timeout)
        for word, last in self.fails.items():
            if word in words:
                return Completed(words, 1, "exited", (last,), 0.1, timeout)
        match words[1:]:
            case ("create", config):
                self._change(config, 7)
            case ("shutdown", name) if not self.deaf:
                self._change(name, None)
            case ("destroy", name):
                self._change(name, None)
            case ("reboot", name) if not self.deaf:
                self._change(name, 8)
        return Completed(words, 0, "exited", (), 0.1, timeout)

    def in_terminal(self, argv: Sequence[str]) -> int:
        self.said.append(f"{' '.join(argv)} (here)")
        return 0

    def sleep(self, seconds: float) -> None:
        self.clock += seconds

    def host(self) -> Host:
        return Host(self.look, self.run, self.in_terminal, self.sleep, lambda: self.clock)

    def _change(self, named: str, number: int | None) -> None:
        self.guests = [
            replace(guest, id=number, state="stopped" if number is None else "idle")
            if named in (guest.name, guest.config)
            else guest
            for guest in self.guests
        ]


def asked(*words: str) -> Arguments:
    return parse(["guests", *words])


@needs_root
@pytest.mark.parametrize(
    ("words", "orders", "end"),
    [
        (("start", "web"), ["xl create /etc/xen/web.cfg"], "web runs: domain 7."),
        (("start", "vm01"), [], "vm01 runs already: domain 1."),
        (("stop", "vm01"), ["xl shutdown vm01"], "vm01 has ended."),
        (("stop", "web"), [], "web does not run."),
        (("reboot", "vm01"), ["xl reboot vm01"], "it was domain 1, and is 8 now."),
    ],
)
def test_an_order_is_given_once_and_its_end_is_seen(
    words: tuple[str, ...], orders: list[str], end: str, capsys: pytest.CaptureFixture[str]
) -> None:
    played = Played()
    assert run(asked(*words), played.host()) == Exit.DONE
    assert played.said == orders
    assert end in capsys.readouterr().out


@needs_root
def test_a_guest_that_does_not_end_runs_on_unless_its_plug_is_to_be_pulled() -> None:
    played = Played(deaf=True)
    with pytest.raises(Stopped, match="vm01 runs on") as stopped:
        run(asked("stop", "vm01", "--no-input"), played.host())
    assert "guests stop --force vm01" in stopped.value.hint
    assert played.said == ["xl shutdown vm01"]
    assert 120 < played.clock < 140
    assert run(asked("stop", "vm01", "--force"), played.host()) == Exit.DONE
    assert played.said[-2:] == ["xl shutdown vm01", "xl destroy vm01"]
    assert not next(guest for guest in played.guests if guest.name == "vm01").runs


@needs_root
def test_a_guest_that_does_not_come_back_is_started_the_hard_way_only_when_told_to() -> None:
    played = Played(deaf=True)
    with pytest.raises(Stopped, match="did not come back"):
        run(asked("reboot", "vm01", "--no-input"), played.host())
    assert run(asked("reboot", "vm01", "--force"), played.host()) == Exit.DONE
    assert played.said[-2:] == ["xl destroy vm01", "xl create /etc/xen/vm01.cfg"]


class Unfinished(Played):
    """xl builds the domain anew for some seconds, and it comes to nothing."""

    def look(self) -> Guests:
        found = super().look()
        if "xl reboot vm01" in self.said:
            built = replace(RUNNING, id=9, state="paused")
            gone = replace(RUNNING, id=None, state="stopped")
            return replace(found, guests=(HOST, built if self.clock < 20 else gone))
        return found


@needs_root
def test_a_domain_that_is_only_being_built_has_not_started_again() -> None:
    # Seen on a starved host: libxl gave its block script up, after the domain had a number.
    with pytest.raises(Stopped, match="did not come back") as stopped:
        run(asked("reboot", "vm01", "--no-input"), Unfinished().host())
    assert "explain /var/log/xen/xl-vm01.log" in stopped.value.hint


@needs_root
@pytest.mark.parametrize("words", [("start", "web"), ("stop", "vm01"), ("reboot", "vm01")])
def test_an_xl_that_hangs_is_given_up_and_explained(words: tuple[str, ...]) -> None:
    played = Played(hangs={"start": "create", "stop": "shutdown"}.get(words[0], words[0]))
    with pytest.raises(Stopped, match="did not end within") as stopped:
        run(asked(*words), played.host())
    assert "xenstored" in stopped.value.hint


@needs_root
@pytest.mark.parametrize(
    ("last", "meaning"),
    [
        ("libxl: error: Device [/dev/x] is mounted in the privileged domain", "mounted"),
        ("xc: error: can't allocate low memory for domain: Out of memory", "memory"),
        ("something that nobody has seen", "xen-setup explain"),
    ],
)
def test_what_xl_says_when_it_fails_is_shown_and_explained(last: str, meaning: str) -> None:
    played = Played(fails={"create": last})
    with pytest.raises(Stopped, match="ended with exit status 1") as stopped:
        run(asked("start", "web"), played.host())
    assert stopped.value.details == (last,)
    assert meaning in stopped.value.hint


@needs_root
@pytest.mark.parametrize("command", ["start", "stop", "reboot", "console", "remove"])
def test_a_wrong_name_is_answered_with_the_nearest(command: str, tmp_path: Path) -> None:
    more = ("--state-dir", str(tmp_path)) if command == "remove" else ()
    with pytest.raises(UsageError, match="There is no guest 'vm1'") as refused:
        run(asked(command, "vm1", *more), Played().host())
    assert "Did you mean vm01?" in refused.value.hint


@needs_root
@pytest.mark.parametrize("command", ["start", "stop", "reboot", "console"])
def test_nothing_is_ordered_while_xl_is_silent_or_for_the_host_itself(command: str) -> None:
    played = Played(silent="xl did not answer within 15 seconds.")
    with pytest.raises(ChecksFailed, match="did not answer"):
        run(asked(command, "vm01"), played.host())
    with pytest.raises(UsageError, match="is the host itself"):
        run(asked(command, "Domain-0"), Played().host())
    assert played.said == []


@needs_root
def test_what_xen_setup_did_not_make_is_not_removed_but_named(tmp_path: Path) -> None:
    played = Played()
    with pytest.raises(UsageError, match="did not make vm01") as refused:
        run(asked("remove", "vm01", "--yes", "--state-dir", str(tmp_path)), played.host())
    assert "/etc/xen/vm01.cfg" in refused.value.hint
    assert "/dev/xendisks/vm01-root" in refused.value.hint
    assert played.said == []


def made(tmp_path: Path, *names: str) -> Path:
    """A journal's folder, of a run that made a file for each of these guests."""
    world = World(tmp_path)
    world.boot.write_text("boot-1")
    pieces = []
    for name in names:
        path = tmp_path / name
        action = RunCommand(
            ("sh", "-c", 'echo >"$0"', str(path), f"{name}-root"),
            why="The test wants something that is this guest's alone.",
            probe=PathPresent(str(path)),
            undo=("rm", str(path)),
            undo_class="by removal",
        )
        pieces.append(Piece(action, path.exists))
    world.tasks = [Task("guests", pieces)]
    state = tmp_path / "state-of-this-machine"
    replace(world.pipeline(), store=Store(state)).apply("settings", "version: 1\n")
    return state


@needs_root
def test_a_guest_is_ended_and_removed_and_a_later_rollback_is_silent_about_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = made(tmp_path, "vm01", "web")
    remove = asked("remove", "vm01", "--yes", "--state-dir", str(state))
    played = Played()
    assert run(remove, played.host()) == Exit.DONE
    assert played.said == ["xl shutdown vm01"]
    assert "vm01 is removed: 1 action was taken back." in capsys.readouterr().out
    assert ((tmp_path / "vm01").exists(), (tmp_path / "web").exists()) == (False, True)
    reporter = RecordingReporter()
    assert roll_back(Store(state), Machine(work=tmp_path / "work"), reporter) == 1
    assert reporter.named("conflict") == []
    assert not (tmp_path / "web").exists()


@needs_root
def test_nothing_is_removed_while_the_guest_runs_on_or_may_run(tmp_path: Path) -> None:
    state = made(tmp_path, "vm01")
    words = ("remove", "vm01", "--no-input", "--state-dir", str(state))
    with pytest.raises(UsageError, match="nobody is there to agree"):
        run(asked(*words), Played().host())
    with pytest.raises(Stopped, match="vm01 runs on"):
        run(asked(*words, "--yes"), Played(deaf=True).host())
    with pytest.raises(ChecksFailed, match="did not answer"):
        run(asked(*words, "--yes"), Played(silent="xl did not answer.").host())
    assert (tmp_path / "vm01").exists()
    assert run(asked(*words, "--yes", "--force"), Played(deaf=True).host()) == Exit.DONE
    assert not (tmp_path / "vm01").exists()


def test_the_table_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parse(["guests"]), Played().host()) == Exit.DONE
    assert capsys.readouterr().out.splitlines() == [
        "Name      ID  State     MiB  CPUs   Time  Address  Disks  Auto",
        "Domain-0   0  running  1024     2  349.4",
        "vm01       1  idle      512     1   63.1  -        xvda1  yes",
        "web        -  stopped   512     1      -  -        xvda1  yes",
    ]


CARD = AttachedCard("eth0", "00:16:3e:79:07:a9", "xenbr0", "vif1.0", ())


def test_a_guest_whose_address_is_not_known_is_said_where_to_find_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    second = replace(RUNNING, name="vm02", id=2, cards=(CARD,))
    run(parse(["guests"]), Played([HOST, replace(RUNNING, cards=(CARD,)), second]).host())
    shown = " ".join(capsys.readouterr().out.split())
    assert "The address of vm01, vm02 is not known here" in shown
    assert "`sudo xen-setup guests console vm01`" in shown
    assert CARD.mac in shown


@pytest.mark.parametrize(
    "guest",
    [
        replace(RUNNING, cards=(replace(CARD, addresses=("10.0.2.16",)),)),
        replace(STOPPED, cards=(CARD,)),  # it has none
        RUNNING,  # without a card it never has one
    ],
    ids=["known", "stopped", "no card"],
)
def test_nothing_is_said_where_no_address_is_missing(
    guest: Guest, capsys: pytest.CaptureFixture[str]
) -> None:
    run(parse(["guests"]), Played([HOST, guest]).host())
    assert "not known here" not in capsys.readouterr().out


def test_the_json_fits_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    run(parse(["guests", "--json"]), Played().host())
    value = must_fit("guests", capsys.readouterr().out)
    assert [guest["id"] for guest in value["guests"]] == [0, 1, None]


def test_a_silent_xl_shows_what_is_defined_and_says_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    played = Played([replace(STOPPED, state="unknown")], silent="xenstored does not run.")
    assert run(parse(["guests"]), played.host()) == Exit.CHECKS_FAILED
    shown = capsys.readouterr().out
    assert "web    -  unknown" in shown
    assert "xenstored does not run. Shown is what is defined in /etc/xen." in shown
    assert "systemctl restart xen" in shown


def test_plain_linux_is_told_what_to_boot() -> None:
    done = xen_setup("guests")
    assert (done.returncode, done.stderr) == (Exit.CHECKS_FAILED, "")
    assert "Xen does not run here." in done.stdout
    assert "If it is installed, boot its entry" in done.stdout
    network = xen_setup("network")
    assert network.returncode == Exit.DONE
    must_fit("network", xen_setup("network", "--json").stdout)
    must_fit("guests", xen_setup("guests", "--json").stdout)


@needs_root
def test_a_guest_is_not_added_where_xen_does_not_run(tmp_path: Path) -> None:
    answers = tmp_path / "more.yaml"
    answers.write_text("version: 1\nguests:\n  - name: vm02\n")
    done = xen_setup("guests", "add", answers, "--state-dir", tmp_path / "state")
    assert done.returncode == Exit.CHECKS_FAILED
    assert "Xen does not run here" in done.stderr
    asked_for = xen_setup("guests", "add", "--state-dir", tmp_path / "state")
    assert asked_for.returncode == Exit.USAGE
    assert "guests add ANSWERS" in asked_for.stderr


@pytest.mark.parametrize("options", [(), ("--plain",)])
def test_watching_ends_with_ctrl_c_and_leaves_the_terminal_whole(options: tuple[str, ...]) -> None:
    program = [sys.executable, "-P", "-m", "wizard", "guests", "--watch", *options]
    with Terminal(program, ROOT, environment=environment()) as screen:
        screen.wait_for("Xen does not run here.")
        screen.type("\x03")
        assert screen.ends() == Exit.DONE
        assert screen.is_whole
    assert (b"\x1b" in screen.raw) is (not options)
