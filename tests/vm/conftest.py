"""A practice machine for each file of journeys; what it leaves when a test fails is kept.

A file's VARIANT says which practice machine it is; without one it is the stock one. Its HARDWARE
says what that is made of: a disk that keeps flushes, say.
The machine has a name of its own, so that several test runs, and the person's own machine, do not
meet. XEN_SETUP_KEEP=1 leaves it running, for looking around; XEN_SETUP_MACHINE=NAME takes a machine
of the right kind that was started, and not used, and uses it up: one file at a time.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from steps.faults import SETTLE
from tests.conftest import SAID
from tests.vm.snapshot import Snapshot
from wizard.errors import SetupError
from wizard.practice import classroom, hosts
from wizard.practice.machine import PracticeMachine
from wizard.practice.places import MachineName
from wizard.practice.program import packed
from wizard.practice.variants import STOCK

HERE = Path(__file__).parent
# What was said in a process without a terminal: it goes with the next report.
_UNSAID: list[str] = []
FAILED = pytest.StashKey[bool]()
# The host that the unattended journey made, for the one that makes it by hand.
_FINISHED = "xen-setup/finished-host"

# What is looked at first when a journey failed, from inside the machine.
_INSIDE = {
    "journal.txt": "journalctl --boot --no-pager | tail --lines=3000",
    "status.txt": "ps -ef; mount; ip address; ip route; lsblk; systemctl --failed",
    "xen.txt": "timeout 20 xl list; timeout 20 xl dmesg; tail --lines=200 /var/log/xen/*",
    "grub.txt": "cd /boot/grub; tail --lines=+1 grub.cfg grubenv menu.lst default device.map",
}
_TREES = "etc/xen etc/network etc/default/grub.d var/lib/xen-setup var/log/apt var/log/xen"


Say = Callable[[str], None]
# Marks a file whose tests are one journey, in their order: after a failure the rest is not tried.
JOURNEY = pytest.mark.usefixtures("one_after_the_other")


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Say:
    """Tells the person who watches: seen although pytest keeps the output of passing tests."""
    return teller(request)


@pytest.fixture
def one_after_the_other(request: pytest.FixtureRequest) -> None:
    module = request.node.getparent(pytest.Module)
    assert module is not None
    if module.stash.get(FAILED, False):
        pytest.fail("An earlier part of this journey failed.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.vm)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    report.user_properties += [(SAID, words) for words in _UNSAID]
    _UNSAID.clear()
    module = item.getparent(pytest.Module)
    if report.failed and module is not None:
        module.stash[FAILED] = True
    return report


@pytest.fixture(scope="module")
def machine(request: pytest.FixtureRequest) -> Iterator[PracticeMachine]:
    """A fresh practice machine, running; stopped and removed after the file's last test."""
    yield from _machine(request)


@pytest.fixture(scope="module")
def machine_off(request: pytest.FixtureRequest) -> Iterator[PracticeMachine]:
    """A fresh practice machine that was not started yet."""
    yield from _machine(request, start=False)


@pytest.fixture(scope="module")
def host(request: pytest.FixtureRequest) -> PracticeMachine:
    """A machine that runs a finished host, its guest off. The first time a whole run of this very
    program makes that host; then it is in the cache, and this takes a boot. XEN_SETUP_HOST=NAME
    takes a machine that is one already, whichever program made it, and uses it up.
    """
    if given := os.environ.get("XEN_SETUP_HOST"):
        machine = PracticeMachine(MachineName(given), progress=teller(request))
        machine.start()
        classroom.run_script(machine, SETTLE, "This host cannot be taken for a test.")
        return machine
    fresh: PracticeMachine = request.getfixturevalue("machine_off")
    hosts.start_from(fresh, classroom.finished_host(fresh, SETTLE))
    fresh.start()
    return fresh


def keep_finished_host(config: pytest.Config, host: Snapshot) -> None:
    """Keep what the unattended journey made, with the program that made it."""
    if (cache := _cache(config)) is not None:
        cache.set(_FINISHED, {"program": packed().digest, "host": host})


def finished_host(config: pytest.Config) -> Snapshot | None:
    """What this very program made in an earlier journey, perhaps of an earlier test run."""
    cache = _cache(config)
    kept = cache.get(_FINISHED, None) if cache is not None else None
    if kept is None or kept["program"] != packed().digest:
        return None
    host: Snapshot = kept["host"]
    return host


def _cache(config: pytest.Config) -> pytest.Cache | None:
    """None with `-p no:cacheprovider`: a journey needs no host that is kept."""
    return getattr(config, "cache", None)


def _machine(request: pytest.FixtureRequest, *, start: bool = True) -> Iterator[PracticeMachine]:
    module = Path(str(request.node.path)).stem
    given = os.environ.get("XEN_SETUP_MACHINE")
    name = MachineName(given or f"{module}-{secrets.token_hex(3)}")
    say = teller(request)
    machine = PracticeMachine(
        name,
        progress=say,
        variant=getattr(request.module, "VARIANT", STOCK),
        hardware=getattr(request.module, "HARDWARE", None),
    )
    try:
        if start:
            machine.start()
        yield machine
    except BaseException as error:
        request.node.stash[FAILED] = True
        if isinstance(error, SetupError):
            say("\n".join(error.details))
        raise
    finally:
        if request.node.stash.get(FAILED, False):
            say(f"The logs of the failed run are in {save_logs(machine)}")
        if os.environ.get("XEN_SETUP_KEEP"):
            say(f"The machine was kept: ./xen-setup practice exec --name {name} -- bash")
        else:
            machine.reset()


def save_logs(machine: PracticeMachine) -> Path:
    """What the machine can tell, in a folder outside of it: its console's log, and more if it
    still answers.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"xen-setup-{machine.name}-"))
    if machine.console_log.exists():
        shutil.copy(machine.console_log, folder)
    try:
        for name, command in _INSIDE.items():
            done = machine.run(["sh", "-c", f"exec 2>&1; {command}"], seconds=120)
            (folder / name).write_bytes(done.out)
        tree = machine.run(["sh", "-c", f"cd /; tar -cz {_TREES} 2>/dev/null"], seconds=120)
        (folder / "files.tar.gz").write_bytes(tree.out)
    except (SetupError, TimeoutError) as error:
        (folder / "incomplete.txt").write_text(f"{error}\n")
    return folder


def teller(request: pytest.FixtureRequest) -> Say:
    """Words that are seen although pytest keeps the output of passing tests."""
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    capture = request.config.pluginmanager.get_plugin("capturemanager")

    def say(words: str) -> None:
        if reporter is None or capture is None or hasattr(request.config, "workerinput"):
            _UNSAID.append(words)  # a process of pytest-xdist: its report takes them along
            return
        # Within a test, what the reporter writes is captured too, and dropped when it passes.
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(words, flush=True)

    return say
