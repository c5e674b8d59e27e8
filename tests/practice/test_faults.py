"""The faults for a class: as data, as scripts that plant and mend, and how the class goes on.

That a real machine has the fault, and that its check sees it, is tests/vm/test_faults.py's.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from steps.failures import RULES
from steps.faults import FAULTS, SETTLE
from tests.cli.program import xen_setup
from wizard.errors import Exit
from wizard.practice.fault import Fault

CONFIG = """\
# Written by xen-setup for `xl create`; `man xl.cfg` explains the lines.

name = "vm01"
type = "pv"

kernel = "/boot/vmlinuz-6.1.0-56-amd64"
ramdisk = "/boot/initrd.img-6.1.0-56-amd64"
root = "/dev/xvda1 ro"
extra = "console=hvc0 net.ifnames=0"

memory = 512
vcpus = 1

disk = [
    "/dev/xendisks/vm01-root,raw,xvda1,rw",
    "/dev/xendisks/vm01-swap,raw,xvda2,rw",
]

vif = [ "mac=00:16:3e:0e:d4:b3,bridge=xenbr0" ]
"""
# What stands in for the programs of a Xen host: each notes that it was called.
_NOTES = '#!/bin/sh\necho "$(basename "$0") $*" >>"$NOTES"\n'
_PROGRAMS = ("xl", "vgchange", "mount", "umount", "systemctl", "update-grub", "grub-editenv",
             "reboot")  # fmt: skip
_FOLDERS = ("/etc/xen", "/etc/default", "/root", "/boot", "/srv")


def fault_name(fault: Fault) -> str:
    return fault.name


class Host:
    """A folder with a guest's config and a kernel, and programs that only note their calls."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.notes = top / "notes"
        self.config = top / "etc/xen/vm01.cfg"
        for name in ("etc/xen/auto", "etc/default/grub.d", "root", "boot", "srv", "bin"):
            (top / name).mkdir(parents=True)
        (top / "etc/xen/auto/vm01.cfg").symlink_to(self.config)
        (top / "boot/vmlinuz-6.1.0-56-amd64").touch()
        self.config.write_text(CONFIG.replace('"/boot', f'"{top}/boot'))
        for name in _PROGRAMS:
            (top / "bin" / name).write_text(_NOTES)
            (top / "bin" / name).chmod(0o755)

    def run(self, script: str) -> None:
        for folder in _FOLDERS:
            script = re.sub(rf"(?<![\w./]){folder}\b", f"{self.top}{folder}", script)
        environment = {"PATH": f"{self.top}/bin:/usr/bin:/bin", "NOTES": str(self.notes)}
        done = subprocess.run(
            ["/bin/sh", "-c", script], env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), done

    def calls(self) -> str:
        text = self.notes.read_text() if self.notes.exists() else ""
        self.notes.unlink(missing_ok=True)
        return text

    def state(self) -> dict[str, str]:
        return {
            path.relative_to(self.top).as_posix(): path.read_text()
            for folder in ("etc", "srv")
            for path in sorted((self.top / folder).rglob("*"))
            if path.is_file()
        }


def test_there_are_at_least_ten_and_no_two_have_one_name() -> None:
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names) >= 10


@pytest.mark.parametrize("fault", FAULTS, ids=fault_name)
def test_a_fault_is_whole(fault: Fault) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", fault.name)
    assert len(f"{fault.title}{fault.name:<14}") <= 80
    assert len(fault.hints) >= 2
    for text in (fault.seen, *fault.hints):
        assert text == text.strip()
        assert text
    assert fault.rule in {"", *(rule.name for rule in RULES)}
    assert "echo" in fault.check, "a check says what it saw"


@pytest.mark.parametrize("fault", FAULTS, ids=fault_name)
def test_planting_changes_something_and_the_solution_takes_it_back(
    fault: Fault, tmp_path: Path
) -> None:
    host = Host(tmp_path)
    before = host.state()
    host.run(fault.plant)
    planted, calls = host.state(), host.calls()
    assert planted != before or calls, "nothing was broken"
    host.run(fault.solution)
    assert before == host.state()
    assert host.calls(), "a solution ends with something done"


@pytest.mark.parametrize(
    "script",
    [SETTLE, *(text for one in FAULTS for text in (one.plant, one.solution, one.check))],
)
def test_a_script_is_one_that_shellcheck_takes(script: str) -> None:
    program = shutil.which("shellcheck")
    assert program, "tests/run installs it"
    done = subprocess.run(
        [program, "--shell=dash", "--exclude=SC2012", "-"],  # ls of /boot: names are Debian's
        input=script, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


# An xl whose guest's console shows the next of several texts at each look, and then nothing more.
_CONSOLE = """\
#!/bin/sh
case $1 in
    domid) test ! -e "$SHOWN/gone" || exit 1 ;;
    console)
        first=$(ls "$SHOWN" | head -n 1)
        [ -z "$first" ] || { cat "$SHOWN/$first"; rm "$SHOWN/$first"; }
        read -r typed
        ;;
esac
"""


_NO_LOGIN = (
    "The guest vm01 was started, and comes to no login prompt. This look has read what its console "
    "said: to see it, xl destroy vm01, then xl create -c /etc/xen/vm01.cfg."
)


@pytest.mark.parametrize(
    ("shown", "last", "status"),
    [
        (
            [f"booting {line}\n" for line in range(12)] + ["vm01 login: "],
            "The guest vm01 runs, and asks for a login.",
            0,
        ),
        (["root@vm01:~# "], "The guest vm01 runs, and asks for a login.", 0),
        (["booting\n"], _NO_LOGIN, 1),
        (["(initramfs) "] * 99, _NO_LOGIN, 1),
        (["Could not read tty from store\n"] * 99, _NO_LOGIN, 1),
    ],
    ids=["slow", "somebody-is-in", "silent", "no-root", "paused"],
)
def test_a_guest_that_still_boots_is_waited_for(
    shown: list[str], last: str, status: int, tmp_path: Path
) -> None:
    (fault,) = (fault for fault in FAULTS if fault.name == "small-memory")
    for folder in ("bin", "shown"):
        (tmp_path / folder).mkdir()
    for number, text in enumerate(shown, 100):
        (tmp_path / f"shown/{number}").write_text(text)
    (tmp_path / "bin/xl").write_text(_CONSOLE)
    (tmp_path / "bin/xl").chmod(0o755)
    script = re.sub(r"\bsleep \d+", "sleep 0.02", fault.check)
    environment = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "SHOWN": str(tmp_path / "shown")}
    done = subprocess.run(
        ["/bin/sh", "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (status, f"{last}\n")
    assert len(shown) < 99 or len(list((tmp_path / "shown").iterdir())) > 80, "it looked on"


def test_without_a_name_they_are_listed() -> None:
    done = xen_setup("practice", "--fault")
    assert done.returncode == Exit.DONE
    for fault in FAULTS:
        assert re.search(rf"^{fault.name} +{re.escape(fault.title)}$", done.stdout, re.MULTILINE)
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_a_fault_that_there_is_not_is_answered_with_those_there_are() -> None:
    done = xen_setup("practice", "--fault", "gremlin")
    assert done.returncode == Exit.USAGE
    assert "disk-path" in done.stderr


def test_hints_come_one_at_a_time_and_then_the_solution(tmp_path: Path) -> None:
    fault = FAULTS[0]
    folder = tmp_path / "xen-setup" / "practice" / "class"
    folder.mkdir(parents=True)
    (folder / "fault.json").write_text(json.dumps({"fault": fault.name, "hints": 0}))

    def hint() -> str:
        done = xen_setup("practice", "hint", "--name", "class", XDG_STATE_HOME=str(tmp_path))
        assert done.returncode == Exit.DONE, done.stderr
        return done.stdout

    for number, words in enumerate(fault.hints, 1):
        assert f"Hint {number} of {len(fault.hints)}: {words}\n" in hint()
    assert fault.solution.splitlines()[0] in hint()
    assert fault.solution.splitlines()[0] in hint(), "it can be shown again"


@pytest.mark.parametrize("command", ["hint", "solved"])
def test_where_no_fault_was_planted_it_is_said_how_to(command: str, tmp_path: Path) -> None:
    done = xen_setup("practice", command, XDG_STATE_HOME=str(tmp_path))
    assert done.returncode == Exit.USAGE
    assert "practice --fault NAME" in done.stderr


def test_a_machine_that_is_no_class_is_not_thrown_away(tmp_path: Path) -> None:
    folder = tmp_path / "xen-setup" / "practice" / "mine"
    folder.mkdir(parents=True)
    (folder / "disk.qcow2").write_bytes(b"mine")
    done = xen_setup(
        "practice", "--fault", "bridge", "--name", "mine", XDG_STATE_HOME=str(tmp_path)
    )
    assert done.returncode == Exit.USAGE
    assert "another name" in done.stderr
    assert (folder / "disk.qcow2").read_bytes() == b"mine"


def test_a_machine_is_set_up_or_has_a_fault_not_both() -> None:
    done = xen_setup("practice", "--fault", "bridge", "--unattended")
    assert done.returncode == Exit.USAGE
