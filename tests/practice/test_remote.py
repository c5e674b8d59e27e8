"""Waiting for the machine: how long, and what counts as a sign of life."""

from __future__ import annotations

import itertools
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest

from wizard.practice.errors import MachineTrouble
from wizard.practice.remote import GOES_DOWN, Remote, init_is_told


def nobody() -> Remote:
    """A port on this computer at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    return Remote(port, Path("/nonexistent/key"), Path("/nonexistent/known"))


def test_a_machine_that_shows_nothing_is_given_up_after_the_time() -> None:
    started = time.monotonic()
    with pytest.raises(MachineTrouble, match="did not answer within"):
        nobody().wait(seconds=0.1, goes_on=lambda: True)
    assert time.monotonic() - started >= 0.1


def test_a_machine_whose_console_grows_is_waited_for_to_four_times_as_long() -> None:
    grows = itertools.count()
    with pytest.raises(MachineTrouble) as found:
        nobody().wait(seconds=0.5, goes_on=lambda: True, trace=lambda: next(grows))
    waited = re.search(r"within (\d+) s", found.value.what)
    assert waited is not None
    assert int(waited[1]) >= 2


def test_a_machine_that_ended_is_not_waited_for() -> None:
    with pytest.raises(MachineTrouble, match="ended while"):
        nobody().wait(seconds=60, goes_on=lambda: False)


class Slow(Remote):
    """A machine that greets at once, and whose shell takes its time."""

    needs = 40.0
    looks: list[float]

    def answers(self, *, seconds: float = 1) -> bool:
        return True

    def boot_id(self, *, seconds: float = 60) -> str | None:
        self.looks.append(seconds)
        return "a-boot" if seconds > self.needs else None


def test_a_machine_whose_shell_is_slow_is_asked_with_more_patience_each_time() -> None:
    machine = nobody()
    slow = Slow(machine.port, machine.key, machine.known_hosts)
    object.__setattr__(slow, "looks", [])
    assert "a-boot" == slow.wait(seconds=30, goes_on=lambda: True)
    assert [12, 24, 48] == slow.looks


@pytest.mark.parametrize(
    ("said", "goes_down"),
    [
        (b"stopping", True),
        (b"running", False),
        (b"degraded", False),
        (b"2 6", True),
        (b"2 0", True),
        (b"N 2", False),
        (b"unknown", False),
        (b"", False),
    ],
)
def test_both_inits_say_whether_they_are_going_down(said: bytes, goes_down: bool) -> None:
    assert goes_down == (GOES_DOWN.fullmatch(said) is not None)


def test_the_init_that_runs_is_told(tmp_path: Path) -> None:
    for name, words in (("systemctl", 'echo systemctl "$@"'), ("reboot", "echo reboot")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{words}\n")
        (tmp_path / name).chmod(0o755)
    command = init_is_told("reboot")
    for systemd, told in ((tmp_path, "systemctl --no-block reboot"), (tmp_path / "no", "reboot")):
        argv = [word.replace("/run/systemd/system", str(systemd)) for word in command]
        path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        done = subprocess.run(argv, capture_output=True, text=True, env=path, check=True)
        assert f"{told}\n" == done.stdout
