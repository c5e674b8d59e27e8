"""/lib/tls on a real machine: planted in the host and in a guest, moved, booted, taken back.

Debian 12's loader (glibc 2.36) is the last that looks into directories of that name, so what is
planted is really used until it is moved: `ldd` says so. host.tls: move, as on amd64 nothing else
would move it. The tests of this file are one journey, in this order; after a failure the rest is
not tried.
"""

from __future__ import annotations

import pytest

from tests.vm import snapshot
from tests.vm.conftest import JOURNEY, Say
from tests.vm.whole_run import ANSWERS, give_answers, log_in_to_guest, state_of, typed
from wizard.errors import Exit
from wizard.practice.machine import PracticeMachine

pytestmark = [JOURNEY, pytest.mark.full]

LIB = "/lib/x86_64-linux-gnu"
# Real libraries of the very system, where its loader takes them first.
PLANT = """\
set -eu
mkdir {top}{lib}/tls
cp {top}{lib}/libc.so.6 {top}{lib}/libm.so.6 {top}{lib}/tls/
chroot {top}/ /sbin/ldconfig
"""
IN_GUEST = """\
set -eu
xl shutdown -w vm01
mount /dev/xendisks/vm01-root /mnt
{plant}
umount /mnt
"""
LOOK = """\
set -eu
mount -o ro /dev/xendisks/vm01-root /mnt
ls /mnt{lib}/tls
umount /mnt
"""


class Journey:
    """What one test leaves for the next."""

    before: snapshot.Snapshot
    runs: list[int]


@pytest.fixture(scope="module")
def journey() -> Journey:
    return Journey()


def loaded(machine: PracticeMachine) -> str:
    """Where the loader takes the C library from."""
    return machine.run(["ldd", "/bin/ls"]).out.decode()


def runs_of(host: PracticeMachine) -> list[int]:
    """The numbers of the runs that the host knows, newest first."""
    listed = host.run(["ls", "/var/lib/xen-setup/runs"]).out.split()
    return sorted((int(name) for name in listed), reverse=True)


def test_the_planted_libraries_are_what_the_loader_takes(
    host: PracticeMachine, journey: Journey, say: Say
) -> None:
    give_answers(host, "  tls: move\n")
    assert f"{LIB}/tls/" not in loaded(host)
    status, said = typed(host, say, "sh", "-c", PLANT.format(top="", lib=LIB))
    assert status == 0, said
    assert f"{LIB}/tls/libc.so.6" in loaded(host)
    journey.runs = runs_of(host)
    journey.before = state_of(host)


def test_auto_explains_why_it_can_stay_on_this_processor(host: PracticeMachine, say: Say) -> None:
    status, said = typed(host, say, "xen-setup", "plan", ANSWERS, "--set", "host.tls=auto")
    assert status == 0, said
    assert f"{LIB}/tls can stay: x86_64 reaches" in " ".join(said.split())


def test_they_are_moved_and_host_and_guest_boot(host: PracticeMachine, say: Say) -> None:
    status, said = typed(host, say, "xen-setup", "apply", ANSWERS)
    assert status == 0, said[-4000:]
    assert f"{LIB}/tls/" not in loaded(host)
    assert host.run(["test", "-e", f"{LIB}/tls.disabled/libc.so.6"]).status == 0
    host.reboot()
    assert f"{LIB}/tls/" not in loaded(host)
    assert "uid=0(root)" in log_in_to_guest(host, say)


def test_in_a_guest_too_they_are_moved_and_it_boots(host: PracticeMachine, say: Say) -> None:
    plant = IN_GUEST.format(plant=PLANT.format(top="/mnt", lib=LIB))
    status, said = typed(host, say, "sh", "-c", plant)
    assert status == 0, said
    status, said = typed(host, say, "xen-setup", "check", ANSWERS)
    assert status == 0, said
    status, said = typed(host, say, "xen-setup", "apply", ANSWERS)
    assert status == 0, said[-4000:]
    assert "tls.disabled" in said
    assert "uid=0(root)" in log_in_to_guest(host, say)


def test_an_upgrade_that_brings_it_back_is_noticed(host: PracticeMachine, say: Say) -> None:
    status, said = typed(host, say, "sh", "-c", PLANT.format(top="", lib=LIB))
    assert status == 0, said
    status, said = typed(host, say, "xen-setup", "check", ANSWERS)
    assert status == Exit.CHECKS_FAILED, said
    assert "has brought it again" in " ".join(said.split())
    host.run(["rm", "-r", f"{LIB}/tls"])
    host.run(["ldconfig"])


def test_rollback_moves_them_back(host: PracticeMachine, journey: Journey, say: Say) -> None:
    for number in runs_of(host):
        if number not in journey.runs:
            status, said = typed(host, say, "xen-setup", "rollback", "--yes", "--run", str(number))
            assert status == 0, said[-4000:]
    assert f"{LIB}/tls/libc.so.6" in loaded(host)
    looked = typed(host, say, "sh", "-c", LOOK.format(lib=LIB))
    assert (0, ["libc.so.6", "libm.so.6"]) == (looked[0], looked[1].split())
    host.reboot()
    after = state_of(host)
    say("What differs after the rollback and a reboot:")
    say(snapshot.table(journey.before, after))
    assert snapshot.compare(journey.before, after) == []
