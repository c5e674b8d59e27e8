"""How a script goes: where it stops, what it does not do twice, boots, secrets, consoles."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from pathlib import Path

import pexpect
import pytest

from tests.hostile import HOSTILE
from tests.script.running import MACHINE, WORDS, Shell, Step, script_of, shellcheck
from wizard.actions import (
    Action,
    CommandShows,
    PathAbsent,
    PathPresent,
    Reboot,
    RunCommand,
    SecretInput,
    WriteFile,
)
from wizard.preview import StepPreview
from wizard.shell_script import AFTER_BOOT, shell_script
from wizard.step import Guard, Plan

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a script runs as root only")

HASH = "$6$rounds=1000$saltsalt$hash/hash.hash"
KEPT = "/var/lib/xen-setup-by-hand"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def told(*words: str) -> RunCommand:
    return RunCommand(("tell", *words), "It notes how it is called.")


# ---- words, order, stopping


@pytest.mark.parametrize("name", ["sh", "bash"])
def test_hostile_words_land_as_one_argument_each(name: str, shell: Shell) -> None:
    shell.stand_in("tell")
    text = script_of([told(*WORDS), *(told(word) for word in WORDS)])
    done = shell.run(text, shell=name)
    assert (0, "") == (done.returncode, done.stderr)
    assert [("tell", *WORDS), *(("tell", word) for word in WORDS)] == shell.calls
    assert [] == shellcheck([shell.top / "plan.sh"])


def test_hostile_words_in_reasons_and_titles_are_only_words(shell: Shell) -> None:
    shell.stand_in("tell")
    actions = [RunCommand(("tell", str(n)), f"Why {text}") for n, text in enumerate(HOSTILE)]
    plans = [
        StepPreview(f"step{n}", Step(TITLE=f"Title {text}"), (),
                    Plan((action,), None, (f"There: {text}",), (text,)), None)
        for n, (text, action) in enumerate(zip(HOSTILE, actions, strict=True))
    ]  # fmt: skip
    done = shell.run(shell_script(plans, MACHINE))
    assert (0, "") == (done.returncode, done.stderr)
    assert [("tell", str(n)) for n in range(len(HOSTILE))] == shell.calls
    assert [] == shellcheck([shell.top / "plan.sh"])


@pytest.mark.parametrize("name", ["sh", "bash"])
@pytest.mark.parametrize(
    "failing",
    [
        RunCommand(("fail",), "It fails."),
        RunCommand(("fail",), "Not done yet.", probe=CommandShows(("tell", "probe"), "never")),
        RunCommand(("fail",), "Not there.", probe=PathPresent("/proc/no/such/file")),
        RunCommand(("fail",), "Fed.", input="text\n"),
        RunCommand(("fail",), "Fed.", input="text without newline"),
        RunCommand(("fail",), "Fed.", input=SecretInput("a.b", "{}\n")),
        RunCommand(("fail",), "Half done.", probe=PathPresent("/proc/no/such/file"),
                   traces=CommandShows(("tell", "traces"), "never"), undo=("tell",)),
        RunCommand(("tell",), "Its clearing away fails.", probe=PathPresent("/proc/no/such/file"),
                   traces=PathPresent("/"), undo=("fail",)),
        WriteFile("/proc/no/such/file", "text", "It cannot be written."),
    ],
)  # fmt: skip
def test_it_stops_at_the_first_command_that_fails(failing: Action, name: str, shell: Shell) -> None:
    shell.stand_in("tell")
    shell.stand_in("fail", "exit 3")
    done = shell.run(script_of([failing, told("not come to")]), shell=name, A_B=HASH)
    assert done.returncode != 0
    assert ("tell", "not come to") not in shell.calls


@pytest.mark.parametrize(
    ("probe", "done"),
    [
        (CommandShows(("look",), "^shown$"), True),
        (CommandShows(("look",), r"^sh\w+$"), True),
        (CommandShows(("look",), "^hown"), False),
        (CommandShows(("look",), "shown", lacks=True), False),
        (CommandShows(("look",), "other", lacks=True), True),
        (CommandShows(("fail",), "shown"), False),
        (CommandShows(("fail",), "other", lacks=True), False),
        (CommandShows(("missing-program",), "shown"), False),
        (PathPresent("/"), True),
        (PathPresent("/proc/no/such"), False),
        (PathAbsent("/proc/no/such"), True),
        (PathAbsent("/"), False),
    ],
)
def test_what_a_probe_finds_done_is_not_done_again(
    probe: CommandShows, done: bool, shell: Shell
) -> None:
    shell.stand_in("tell")
    shell.stand_in("look", "echo first; echo shown")
    shell.stand_in("fail", "echo shown; exit 1")
    ended = shell.run(script_of([RunCommand(("tell",), "Why it is told.", probe=probe)]))
    assert (0, "") == (ended.returncode, ended.stderr)
    assert (("tell",) not in shell.calls) is done


def test_what_is_half_there_is_cleared_away_first(shell: Shell) -> None:
    shell.stand_in("tell")
    traces, undo = CommandShows(("look",), r"\S"), ("tell", "clear")
    action = RunCommand(
        ("tell", "fill"), "Filling.", probe=PathPresent("/none"), traces=traces, undo=undo
    )
    shell.stand_in("look", "echo half")
    assert shell.run(script_of([action])).returncode == 0
    assert [("look",), ("tell", "clear"), ("tell", "fill")] == shell.calls


def test_only_what_the_script_itself_began_is_removed_to_begin_again(shell: Shell) -> None:
    # A guest long in use, whose installation's log somebody has removed, was emptied.
    filled = shell.top / "filled"
    shell.stand_in("look", f"[ ! -e {filled} ] || echo half")
    shell.stand_in("clear", f"rm {filled}")
    shell.stand_in("fill", f"[ ! -e {filled} ] && touch {filled}; [ -e {shell.top}/whole ]")
    done = CommandShows(("whole",), "yes")
    shell.stand_in("whole", f"[ ! -e {shell.top}/whole ] || echo yes")
    action = RunCommand(("fill",), "Filling.", probe=done, traces=CommandShows(("look",), r"\S"),
                        undo=("clear",), undo_class="by removal")  # fmt: skip
    text = script_of([action])
    filled.touch()
    refused = shell.run(text)
    assert refused.returncode == 1
    assert "this did not begin it" in refused.stderr
    assert ("clear",) not in shell.calls
    filled.unlink()
    assert shell.run(text).returncode == 1  # it fails half way, and is tried again
    assert filled.exists()
    (shell.top / "whole").touch()
    assert shell.run(text).returncode == 0  # by the first look: it is whole
    (shell.top / "whole").unlink()
    shell.stand_in("fill", f"touch {filled} {shell.top}/whole")
    assert shell.run(text).returncode == 0
    assert shell.calls.count(("clear",)) == 1
    (shell.top / "whole").unlink()
    assert shell.run(text).returncode == 1
    assert shell.calls.count(("clear",)) == 1
    assert filled.exists()
    assert [] == shellcheck([shell.top / "plan.sh"])


def test_commands_have_the_engines_surroundings_and_nothing_to_read(shell: Shell) -> None:
    shell.stand_in("tell", 'cat; echo "$LC_ALL $DEBIAN_FRONTEND $PWD $(umask)"')
    done = shell.run(script_of([told()]), LC_ALL="de_DE.UTF-8")
    assert "C noninteractive / 0022" in done.stdout


def test_who_is_not_root_is_told_so(shell: Shell) -> None:
    shell.stand_in("id", "echo 1000")
    shell.stand_in("tell")
    done = shell.run(script_of([told()]))
    assert done.returncode == 1
    assert "needs root" in done.stderr
    assert ("tell",) not in shell.calls


def test_a_plan_with_nothing_to_do_says_so_and_does_nothing(shell: Shell) -> None:
    text = script_of([])
    assert "There is nothing to do" in text
    done = shell.run(text)
    assert (0, "Done.\n", "") == (done.returncode, done.stdout, done.stderr)
    assert [] == shellcheck([shell.top / "plan.sh"])


# ---- boots


def boots() -> str:
    return script_of([told("before"), Reboot("It must boot."), told("after")])


def test_a_boot_cuts_the_script_and_it_says_how_to_go_on(shell: Shell) -> None:
    shell.stand_in("tell")
    done = shell.run(boots())
    assert 0 == done.returncode
    assert [("tell", "before")] == shell.calls
    assert done.stdout.splitlines()[-1].endswith(f"plan.sh {AFTER_BOOT}")


def test_after_the_boot_only_the_rest_is_done(shell: Shell) -> None:
    shell.stand_in("tell")
    done = shell.run(boots(), AFTER_BOOT)
    assert (0, "") == (done.returncode, done.stderr)
    assert [("tell", "after")] == shell.calls


def test_the_rest_waits_until_the_machine_has_booted(shell: Shell) -> None:
    shell.stand_in("tell")
    shell.run(boots())
    done = shell.run(boots(), AFTER_BOOT)
    assert 1 == done.returncode
    assert "did not boot yet" in done.stderr
    assert [("tell", "before")] == shell.calls


def test_an_unknown_word_does_nothing(shell: Shell) -> None:
    shell.stand_in("tell")
    done = shell.run(boots(), "after-boat")
    assert 1 == done.returncode
    assert AFTER_BOOT in done.stderr
    assert [] == shell.calls


def test_a_second_boot_has_a_word_of_its_own(shell: Shell) -> None:
    shell.stand_in("tell")
    text = script_of([told("1"), Reboot("A boot."), told("2"), Reboot("Another."), told("3")])
    for word in ((), (AFTER_BOOT,), (f"{AFTER_BOOT}-2",)):
        shell.waiting.unlink(missing_ok=True)
        assert shell.run(text, *word).returncode == 0
    assert [("tell", "1"), ("tell", "2"), ("tell", "3")] == shell.calls


# ---- the guarded step


def test_a_step_that_may_cut_the_connection_says_so_and_how_to_come_back() -> None:
    guard = Guard(90, ("tell", "reached"), True, "Are you there?")
    actions: list[Action] = [
        RunCommand(("down",), "Why down.", undo=("up", "again"), undo_class="exact"),
        WriteFile("/etc/a file", "text\n", "Why written."),
    ]
    text = script_of(actions, guard=guard)
    assert "DANGER: this may cut the connection" in text
    copy = f"{KEPT}/etc/a file"
    assert f"    #   cp --archive '{copy}' '/etc/a file'\n    #   up again\n" in text
    assert "    keep_copy '/etc/a file'\n" in text


def test_what_such_a_step_changes_is_kept_as_it_was_at_first(shell: Shell) -> None:
    changed = shell.top / "changed"
    changed.write_text("at first")
    changed.chmod(0o640)
    guard = Guard(1, ("true",), True, "Are you there?")
    text = script_of([WriteFile(str(changed), "then\n", "Why.")], guard=guard)
    (shell.programs / "true").symlink_to("/usr/bin/true")
    kept = shell.top / "kept"
    for _ in range(2):
        done = shell.run(text.replace(KEPT, str(kept)))
        assert (0, "") == (done.returncode, done.stderr)
    copy = Path(f"{kept}{changed}")
    assert ("then\n", "at first") == (changed.read_text(), copy.read_text())
    assert 0o640 == copy.stat().st_mode & 0o777
    assert 0o700 == kept.stat().st_mode & 0o777


@pytest.mark.parametrize("link", ["../elsewhere", "{top}/elsewhere"])
def test_what_a_link_leads_to_is_kept_and_comes_back_through_it(link: str, shell: Shell) -> None:
    real, changed = shell.top / "elsewhere", shell.top / "etc/changed"
    real.write_text("at first")
    changed.parent.mkdir()
    changed.symlink_to(link.format(top=shell.top))
    guard = Guard(1, ("true",), True, "Are you there?")
    text = script_of([WriteFile(str(changed), "then\n", "Why.")], guard=guard)
    (shell.programs / "true").symlink_to("/usr/bin/true")
    for _ in range(2):
        assert (0, "then\n") == (shell.run(text).returncode, real.read_text())
    (way_back,) = re.findall("# +(cp --archive .*)", (shell.top / "plan.sh").read_text())
    subprocess.run(shlex.split(way_back), check=True)
    assert (changed.is_symlink(), real.read_text()) == (True, "at first")


@pytest.mark.parametrize("reached", [True, False])
def test_a_step_that_may_cut_the_connection_is_looked_at_afterwards(
    reached: bool, shell: Shell
) -> None:
    shell.stand_in("tell", "" if reached else "[ $1 != reached ]")
    guard = Guard(1, ("tell", "reached"), True, "Are you there?")
    done = shell.run(script_of([told("changed")], guard=guard))
    assert reached is (done.returncode == 0)
    assert reached is ("not connected" not in done.stderr)


# ---- secrets

CHPASSWD = RunCommand(
    ("tell", "chpasswd"), "The password.",
    input=SecretInput("guests.vm-1.root_password", "root:{}\n100%\\"),
)  # fmt: skip


def test_a_secret_comes_from_its_variable_and_stands_in_no_argument(shell: Shell) -> None:
    shell.stand_in("tell", "cat; export")
    done = shell.run(script_of([CHPASSWD]), GUESTS_VM_1_ROOT_PASSWORD=HASH)
    assert (0, "") == (done.returncode, done.stderr)
    assert f"root:{HASH}\n100%\\" in done.stdout
    assert done.stdout.count(HASH) == 1, "the environment of commands must not have it"
    assert [("tell", "chpasswd")] == shell.calls


def test_a_plain_password_in_the_variable_is_refused(shell: Shell) -> None:
    shell.stand_in("tell")
    done = shell.run(script_of([CHPASSWD]), GUESTS_VM_1_ROOT_PASSWORD="geheim")
    assert 1 == done.returncode
    assert "openssl passwd -6" in done.stderr
    assert "geheim" not in done.stderr
    assert [] == shell.calls


def test_without_a_terminal_a_missing_secret_is_said_before_anything_is_done(
    shell: Shell,
) -> None:
    shell.stand_in("tell")
    done = shell.run(script_of([told("first"), CHPASSWD]))
    assert 1 == done.returncode
    assert "GUESTS_VM_1_ROOT_PASSWORD" in done.stderr
    assert [] == shell.calls


def test_two_keys_that_look_alike_have_a_variable_each(shell: Shell) -> None:
    shell.stand_in("tell", "cat")
    actions: list[Action] = [
        RunCommand(("tell",), "A password.", input=SecretInput(f"guests.{name}.root_password"))
        for name in ("a-b", "a.b")
    ]
    environment = {"GUESTS_A_B_ROOT_PASSWORD": "$6$one", "GUESTS_A_B_ROOT_PASSWORD_2": "$6$two"}
    done = shell.run(script_of(actions), **environment)
    assert "$6$one$6$two" in done.stdout


def test_one_password_for_all_is_asked_for_once(shell: Shell) -> None:
    shell.stand_in("tell", "cat")
    keys = [f"guests.vm0{number}.root_password" for number in (1, 2, 3)]
    script = script_of(
        [RunCommand(("tell",), "A password.", input=SecretInput(key)) for key in keys],
        same_secrets=dict.fromkeys(keys, keys[0]),
    )
    done = shell.run(script, GUESTS_VM01_ROOT_PASSWORD="$6$one")
    assert "$6$one$6$one$6$one" in done.stdout
    assert 1 == script.count("\n        password_hash ")
    assert "which serves 2 more, up to" in script


def test_a_password_is_typed_twice_without_being_shown(shell: Shell) -> None:
    shell.stand_in("tell", "cat >$(dirname $0)/../got; echo done with it")
    (shell.programs / "dirname").symlink_to("/usr/bin/dirname")
    shell.run(script_of([CHPASSWD]))  # writes the script
    child = pexpect.spawn("sh", [str(shell.top / "plan.sh")], timeout=20, encoding="utf-8")
    child.expect("root_password: ")
    child.sendline("mistyped")
    child.expect("once more: ")
    child.sendline("pass word")
    child.expect("root_password: ")
    child.sendline("pass word")
    child.expect("once more: ")
    child.sendline("pass word")
    child.expect("done with it")
    child.expect(pexpect.EOF)
    child.close()
    assert 0 == child.exitstatus
    assert "pass" not in (child.before or "")
    got = (shell.top / "got").read_text().removeprefix("root:").split("\n")[0]
    salt = got.split("$")[2]
    expected = subprocess.run(
        ["openssl", "passwd", "-6", "-salt", salt, "pass word"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert expected.stdout.strip() == got


# ---- consoles


def console(then: str, shell: Shell, seconds: float = 20) -> subprocess.CompletedProcess[str]:
    shell.stand_in("show", then)
    action = RunCommand(
        ("show", "a console's name"), "It is followed.",
        until=r"^vm01 login: ?|^\S+@vm01:.*[#$] ?$", timeout=seconds,
    )  # fmt: skip
    shell.stand_in("tell")
    return shell.run(script_of([action, told("after")]))


@pytest.mark.parametrize(
    "then",
    [
        "printf 'booting\\r\\n\\r\\nvm01 login: '; sleep 100",
        "sleep 1.5; printf 'vm01 login: '; sleep 100",
        "read -r enter; printf 'root@vm01:~# '; sleep 100",
        "printf '\\000\\033[?2004hroot@vm01:/tmp# '; cat",
        "echo 'vm01 login: '",
    ],
)
def test_a_console_is_followed_until_it_shows_the_prompt(then: str, shell: Shell) -> None:
    started = time.monotonic()
    done = console(then, shell)
    assert (0, "") == (done.returncode, done.stderr)
    assert [("show", "a console's name"), ("tell", "after")] == shell.calls
    assert time.monotonic() - started < 15


@pytest.mark.parametrize(
    ("then", "seconds"),
    [("echo 'no vm01 login: '; sleep 100", 1), ("echo 'vm01 is gone'; exit 1", 100)],
)
def test_a_console_without_the_prompt_ends_in_time_and_stops_it(
    then: str, seconds: float, shell: Shell
) -> None:
    done = console(then, shell, seconds)
    assert 1 == done.returncode
    assert "vm01" in done.stderr
    assert ("tell", "after") not in shell.calls
