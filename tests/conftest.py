"""What holds for all tests, and which of them may not run beside each other."""

from __future__ import annotations

import gc
import signal
from contextlib import suppress
from importlib import import_module
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import fast

# Nothing that is made while the tests are collected is garbage: looking for some takes a third of
# that time, in each process.
gc.disable()

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start too:
# then no test of Ctrl-C could pass.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an input takes says how busy this machine is, and nothing of the program.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# A property of a test's report: words for the person who watches.
SAID = "said"
HERE = Path(__file__).parent

# With `-n` and `--dist loadgroup`, those of a group run one after the other, in one process.
GROUPS = {
    # Mounts, loop devices, the kernel's partitions: there is one of each in a machine.
    "engine/test_durable.py": "machine",
    "engine/test_mounts.py": "machine",
    "engine/test_partitions.py": "machine",
    "engine/test_trees.py": "machine",
    "reading/test_guest_tree.py": "machine",
    "reading/test_old_signatures.py": "machine",
    "test_read_facts.py": "machine",
    # Each file has a dear beginning that its tests share.
    "cli/test_completion.py": "completion",
    "cli/test_manual.py": "manual",
    "launcher/test_launcher.py": "launcher",
    "practice/test_program.py": "program",
    # A journey is one story; and two emulated machines take twice as long each.
    "vm": "journeys",
    # Ratios of processor time: all on one processor.
    "bench": "bench",
}


# When fast, a folder's few tests share a dear beginning: its machines, plans or archives. All of
# its tests would take too long in one process.
if fast.FAST:
    GROUPS |= {folder: folder for folder in ("faults", "mirror", "script")}


# Tests that mostly wait: all at once, first or last, they would leave the processors idle.
WAITING = ("engine/test_commands.py", "engine/test_watchman.py", "pictures", "simulated")


def waits(item: pytest.Item) -> bool:
    """Whether a test is of those that mostly wait."""
    inside = item.path.relative_to(HERE)
    return not {str(inside), inside.parts[0]}.isdisjoint(WAITING)


def spread(items: list[pytest.Item]) -> list[pytest.Item]:
    """The same tests, those that wait one by one among the first two thirds of the others."""
    waiting = iter([item for item in items if waits(item)])
    others = [item for item in items if not waits(item)]
    every = max(1, 2 * len(others) // 3 // max(1, len(items) - len(others)))
    merged: list[pytest.Item] = []
    for number, item in enumerate(others):
        if number % every == 0:
            merged.extend(islice(waiting, 1))
        merged.append(item)
    return [*merged, *waiting]


def group_of(path: Path) -> str:
    """The group of a test file; "" for those that may run anywhere."""
    inside = path.relative_to(HERE)
    return GROUPS.get(str(inside), GROUPS.get(inside.parts[0], ""))


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """In a checkout whose tests are not compiled yet, which takes longer than all imports, several
    processes would compile the same file at the same time: each begins elsewhere.
    """
    of_worker = getattr(session.config, "workerinput", None)
    if of_worker is None or HERE not in {Path(name).resolve() for name in session.config.args}:
        return
    left_out = {Path(name).resolve() for name in session.config.getoption("ignore") or ()}
    paths = [path for path in sorted(HERE.rglob("test_*.py")) if left_out.isdisjoint(path.parents)]
    number = int(of_worker["workerid"].removeprefix("gw"))
    first = len(paths) * number // of_worker["workercount"]
    for path in paths[first:] + paths[:first]:
        with suppress(Exception):  # it is imported again, and then its error is shown
            import_module(".".join(path.relative_to(HERE.parent).with_suffix("").parts))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if fast.FAST:
        kept = fast.thinned(items)
        left_out = set(items).difference(kept)
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = kept
    items[:] = spread(items)
    for item in items:
        if group := group_of(item.path):
            item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish() -> None:
    gc.freeze()  # what is there by now stays
    gc.enable()


class Telling:
    """Shows what a test said in a process of pytest-xdist, when its report comes from there."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        for name, words in report.user_properties:
            if name == SAID and reporter is not None:
                reporter.ensure_newline()
                reporter.write_line(str(words))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Telling(config))
