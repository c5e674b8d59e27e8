"""The bridge cuts the very connection that the run is watched over: the network comes back by
itself, in the time that was promised; also when the program is killed meanwhile.

A run goes once to the border before the bridge; each case begins from a copy of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from steps.network_bridge import GUARD_SECONDS
from tests.vm.conftest import FAILED, Say, save_logs, teller
from tests.vm.power import HONEST, Shelf
from tests.vm.running_inside import booted_from, copied_as_it_begins, status_of
from tests.vm.whole_run import ANSWERS, give_answers, inside, typed
from wizard.errors import Exit
from wizard.practice.errors import ConnectionLost
from wizard.practice.machine import PracticeMachine
from wizard.practice.places import MachineName
from wizard.timer import AGAIN, LATER

pytestmark = pytest.mark.full

HARDWARE = HONEST
BORDER = "network_bridge"
# Seconds that ifdown, ifup and DHCP take there and back, emulated and busy.
SLACK = 240.0

# A fixed address: with DHCP the lease itself has come over the bridge, and that is all that is
# asked; with a fixed one the gateway must answer.
STATIC = """\
auto lo
iface lo inet loopback

allow-hotplug ens3
iface ens3 inet static
    address 10.0.2.15/24
    gateway 10.0.2.2
"""
# A bridge that comes up, and over which nothing goes out: as with a switch that knows only the
# card. It goes with the bridge.
_DEAF = "/etc/network/if-up.d/zz-deaf"
DEAF = """\
#!/bin/sh
[ "$IFACE" = xenbr0 ] || exit 0
tc qdisc replace dev xenbr0 root netem loss 100% || tc qdisc replace dev xenbr0 root blackhole
"""
NETWORK = "cat /etc/network/interfaces; ip -4 -brief address; ip -4 route"
# The run, apart from the connection that started it; with `kill`, SIGKILL when it waits.
APART = """
exec </dev/null >/root/run.log 2>&1
setsid sh -c '
    xen-setup resume --no-input --on-failure stop &
    program=$!
    if [ "$0" = kill ]; then
        until grep -q "waiting, at most" /root/run.log; do sleep 0.2; done
        kill -KILL $program
    fi
    wait $program
    echo "exit status $?"
' "$1" &
"""


@pytest.fixture(scope="module")
def shelf(request: pytest.FixtureRequest, machine: PracticeMachine) -> Iterator[Shelf]:
    shelf = Shelf(machine)
    try:
        give_answers(machine)
        machine.write_file("/etc/network/interfaces", STATIC.encode())
        machine.reboot()
        copied_as_it_begins(machine, shelf, BORDER, teller(request), "apply", ANSWERS)
        yield shelf
    finally:
        shelf.clear()


@pytest.fixture
def tried(
    request: pytest.FixtureRequest, shelf: Shelf, machine: PracticeMachine, say: Say
) -> Iterator[PracticeMachine]:
    """A machine at the border, whose bridge will be deaf."""
    tried = PracticeMachine(MachineName(f"{machine.name}-try"), hardware=HARDWARE, progress=say)
    try:
        booted_from(shelf, BORDER, tried)
        tried.write_file(_DEAF, DEAF.encode(), mode=0o755)
        yield tried
    finally:
        if request.node.parent.stash.get(FAILED, False):
            say(f"The logs of the failed machine are in {save_logs(tried)}")
        tried.reset()


def answers(machine: PracticeMachine) -> bool:
    """Whether a command gets through, in a few seconds."""
    with suppress(ConnectionLost, TimeoutError):
        return machine.run(["true"], seconds=8).status == 0
    return False


def silence(machine: PracticeMachine, say: Say) -> float:
    """Start to end of the time in which no command gets through, in seconds."""
    deadline = time.monotonic() + 600
    while answers(machine):
        assert time.monotonic() < deadline, "the connection was never cut"
        time.sleep(1)
    began = time.monotonic()
    while not answers(machine):
        assert time.monotonic() - began < 1200, "the machine never came back"
        time.sleep(1)
    lasted = time.monotonic() - began
    say(f"the machine was not reached for {lasted:.0f} s")
    return lasted


@pytest.mark.parametrize("killed", ["left alone", "kill"])
def test_a_bridge_that_cuts_the_connection_is_taken_back_in_time(
    tried: PracticeMachine, killed: str, say: Say
) -> None:
    before = inside(tried, "sh", "-c", NETWORK)[1]
    tried.run(["sh", "-c", APART, "sh", killed])
    lasted = silence(tried, say)
    # The timer comes somewhat later than the program itself would.
    promised = GUARD_SECONDS + (LATER + AGAIN if killed == "kill" else 0)
    assert lasted < promised + SLACK
    deadline = time.monotonic() + 300
    while b"exit status" not in tried.read_file("/root/run.log"):
        assert time.monotonic() < deadline
        time.sleep(2)
    say(tried.read_file("/root/run.log").decode(errors="replace"))
    assert inside(tried, "sh", "-c", NETWORK)[1] == before
    assert "xenbr0" not in before
    status, said = typed(tried, say, "xen-setup", "status")
    assert status == 0
    assert "not confirmed" in " ".join(said.split()), said
    document = status_of(tried)
    assert document["next"] == "sudo xen-setup resume"
    # The switch was told: now it goes through.
    inside(tried, "rm", _DEAF)
    status, said = typed(tried, say, "xen-setup", "resume", "--no-input", "--to", BORDER)
    assert status == Exit.STOPPED, said[-3000:]
    assert f"Done as far as {BORDER}" in said, said[-3000:]
    assert "xenbr0" in inside(tried, "sh", "-c", NETWORK)[1]
