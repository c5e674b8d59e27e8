"""`xen-setup practice …`: each command as a function that returns the exit status.

What the program itself says goes to standard error, so that `practice exec` passes the machine's
output on untouched.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from wizard.errors import Cancelled, Exit, UsageError
from wizard.practice import program, serial, variants
from wizard.practice.errors import ConnectionLost, MachineTrouble
from wizard.practice.machine import PracticeMachine, State
from wizard.practice.places import DEFAULT_NAME, MachineName

FIRST_GUEST = Path(__file__).with_name("first-guest.yaml")

# What is started inside. After a reboot the run goes on by the second.
_GUIDED = ("xen-setup",)
_APPLY = ("xen-setup", "apply", "/root/answers.yaml")
_RESUME = ("xen-setup", "resume")
# When the run goes on by itself, a service does it, and the boot is not over before it ends: what
# it prints is shown until then. Otherwise there is nothing to wait for.
_FOLLOW = (
    "sh",
    "-c",
    "test -e /etc/systemd/system/xen-setup-resume.service || exit 0; "
    "journalctl --boot --lines=all --follow --output=cat --unit=xen-setup-resume.service & "
    "systemctl is-system-running --wait >/dev/null; sleep 1; kill $!",
)
_MOST_REBOOTS = 5


def machine_of(name: str | None = None) -> PracticeMachine:
    """The practice machine with this name (None: the usual one); its progress is told. One that
    is called like a variant is of that kind.
    """
    variant = name if name in variants.NAMES else variants.STOCK
    return PracticeMachine(MachineName(name) if name else None, progress=say, variant=variant)


def run_guided(name: str | None = None, options: Sequence[str] = ()) -> int:
    """The guided wizard in the machine, in this terminal, over its reboots to the end."""
    if not _has_terminal():
        raise UsageError(
            "The guided wizard needs a terminal.",
            hint="Without one: xen-setup practice --unattended",
        )
    machine = ready(machine_of(name))
    again = [word for word in options if word != "--teach"]  # the run knows that it is a lesson
    status = _over_reboots(machine, [*_GUIDED, *options], [*_RESUME, *again], tty=True)
    return _end(machine, status)


def run_unattended(
    answers: bytes | None = None, name: str | None = None, options: Sequence[str] = ()
) -> int:
    """The whole journey from an answer file's text (None: the packaged first guest's), without a
    person.
    """
    text = FIRST_GUEST.read_bytes() if answers is None else answers
    machine = ready(machine_of(name))
    machine.write_file(_APPLY[-1], text, mode=0o600)
    status = _over_reboots(machine, [*_APPLY, *options], [*_RESUME, *options], tty=False)
    return _end(machine, status)


def exec_(argv: Sequence[str], name: str | None = None) -> int:
    """One command in the machine, booted if it is off: its exit status."""
    machine = ready(machine_of(name))
    if _has_terminal():
        return machine.execute(argv, tty=True)
    # A program started without standard input has none to pass on.
    stdin = None if sys.stdin is None or sys.stdin.closed else sys.stdin.fileno()
    return machine.execute(argv, stdin=stdin)


def console(name: str | None = None) -> int:
    """The machine's serial console in this terminal, booted if it is off."""
    machine = machine_of(name)
    machine.start(wait=False)
    machine.console()
    return Exit.DONE


def stop(name: str | None = None) -> int:
    """Shut the machine down; it keeps what was done."""
    machine = machine_of(name)
    if machine.status().state in {State.ABSENT, State.OFF}:
        say(f"The practice machine '{machine.name}' is off already.")
    else:
        say("Shutting the practice machine down …")
        if not machine.stop():
            say("It did not shut down in time, and was switched off.")
    return Exit.DONE


def reset(name: str | None = None, *, yes: bool = False, asks: bool = True) -> int:
    """Throw the machine away, after a yes: its next start is a stock Debian again."""
    machine = machine_of(name)
    if machine.status().state is State.ABSENT:
        say(f"There is no practice machine '{machine.name}': nothing to reset.")
        return Exit.DONE
    if not yes:
        if not asks or not _has_terminal():
            raise UsageError(
                "Resetting the practice machine throws away all that was done in it, and nobody "
                "is there to be asked.",
                hint="To do it without being asked: xen-setup practice reset --yes",
            )
        question = f"Throw away the practice machine '{machine.name}', and all in it? [y/N] "
        sys.stderr.write(question)
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise Cancelled("The practice machine is kept.")
    machine.reset()
    say("The practice machine is gone; the next start is a stock Debian again.")
    return Exit.DONE


def status(name: str | None = None) -> int:
    """Say whether it runs, and where its things are."""
    machine = machine_of(name)
    now = machine.status()
    rows = [("practice machine", str(machine.name)), ("state", str(now.state))]
    if now.pid is not None:
        how = "KVM" if now.accelerator == "kvm" else "emulated (slow, but the same machine)"
        rows += [("processor", how), ("process", str(now.pid)), ("ssh port", str(now.port))]
    if now.state is not State.ABSENT:
        rows += [
            ("its own disk", f"{now.disk_bytes / 1024**2:.0f} MiB"),
            ("folder", str(now.folder)),
            ("console log", str(now.console_log)),
        ]
    for title, value in rows:
        sys.stdout.write(f"{title + ':':<18}{value}\n")
    return Exit.DONE


def complete_run(machine: PracticeMachine, answers: bytes) -> int:
    """A run from an answer file's text, over its reboots: its exit status."""
    ready(machine)
    machine.write_file(_APPLY[-1], answers, mode=0o600)
    return _over_reboots(machine, _APPLY, _RESUME, tty=False)


def ready(machine: PracticeMachine) -> PracticeMachine:
    """The machine, taking commands, with this program on its PATH."""
    machine.start()
    if program.push(machine):
        say("The program is in the practice machine.")
    return machine


def _over_reboots(
    machine: PracticeMachine, first: Sequence[str], again: Sequence[str], *, tty: bool
) -> int:
    """Run `first`, and after each reboot it asks for `again`: the last one's exit status."""
    argv = first
    for _ in range(_MOST_REBOOTS):
        boot = machine.boot_id()
        try:
            status = machine.execute(argv, tty=tty)
        except ConnectionLost:
            if tty and "--plain" not in argv:
                serial.show_cursor()
            # It may be rebooting by itself. If it is not, that is an error after all.
            if not _rebooted(machine, boot):
                raise
        else:
            if status == Exit.REBOOT_NEEDED:
                say("Rebooting the practice machine (about a minute when emulated) …")
                machine.reboot(before=boot)
            elif status != Exit.TERMINATED or not _rebooted(machine, boot):
                return status
        machine.execute(_FOLLOW)
        argv = again
    raise MachineTrouble(
        f"The practice machine wanted to be rebooted more than {_MOST_REBOOTS} times.",
        hint="See: xen-setup practice exec -- xen-setup status",
    )


def _rebooted(machine: PracticeMachine, before: str) -> bool:
    """Whether it went from the boot `before` into another by itself, or is on the way."""
    boot = machine.wait_until_up()
    if boot == before and machine.is_going_down():
        boot = machine.wait_for_reboot(before)
    return boot != before


def _end(machine: PracticeMachine, status: int) -> int:
    """Show what came of it, and how to get in; `status` as it was."""
    if status == Exit.DONE:
        listed = machine.run(["xl", "list"], seconds=60)
        if listed.status == 0:
            sys.stdout.write("\n" + listed.out.decode(errors="replace"))
            sys.stdout.flush()
    elif status != Exit.CANCELLED:
        say(f"The console of the practice machine was logged to {machine.console_log}")
    name = "" if machine.name == MachineName(DEFAULT_NAME) else f" --name {machine.name}"
    ways = (
        (f"exec{name} -- bash", "a shell in it"),
        (f"exec{name} -- xl console vm01", "the guest (Ctrl-] leaves)"),
        (f"console{name}", "its serial console (Ctrl-] leaves)"),
        (f"stop{name}", "shut it down; `practice reset` throws it away"),
    )
    # As a run's own end has them: with a machine's name, both would not fit into 80 columns.
    lines = [f"    ./xen-setup practice {command}\n        {words}" for command, words in ways]
    say("\n".join(("\nThe practice machine still runs. From here:", *lines)))
    return status


def _has_terminal() -> bool:
    return bool(sys.stdin and sys.stdin.isatty() and sys.stdout.isatty())


def filled(text: str) -> list[str]:
    """Sentences as lines that fit a terminal of 80 columns, indented a little."""
    return textwrap.wrap(text, 74, break_long_words=False, break_on_hyphens=False)


def say(text: str) -> None:
    """Words for the person, on standard error."""
    sys.stdout.flush()
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
