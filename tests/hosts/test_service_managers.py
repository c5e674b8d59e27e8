"""Each service manager's own tools, in a root of their own: what we have them do, and its undo.

The tools are Debian's (update-rc.d, insserv, OpenRC's rc-update), unpacked by tests/run and not
installed, since they change how a machine starts. The scripts have the headers of Debian's
xen and xendomains, and of two neighbours that stand before and behind them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from steps import xend_services
from steps.expected import with_service
from steps.facts import Facts, Service
from steps.hosts.service_managers import MANAGERS
from steps.reading.services import read_services
from steps.reading.view import View
from tests.hosts.unpacked import UNPACKED
from tests.machines import stock
from tests.reading.looking import Answers
from tests.steps.answered import answered
from wizard.actions import CommandShows, RunCommand

pytestmark = [
    pytest.mark.skipif(not UNPACKED.is_dir(), reason="tests/run fetches the service managers"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a root of its own"),
]

# Headers as in Debian 12: dbus before, and what says that it is to start before Xen's guests stop.
HEADERS = {
    "dbus": ("$remote_fs $syslog", "", "2 3 4 5", ""),
    "xen": ("$syslog $remote_fs", "$syslog $remote_fs", "2 3 4 5", "0 1 6"),
    "xendomains": ("$syslog $network $remote_fs xen", "$syslog $network $remote_fs xen",
                   "2 3 4 5", "0 1 6"),
    "late": ("$remote_fs xendomains", "$remote_fs xendomains", "2 3 4 5", "0 1 6"),
    "xend": ("$syslog $remote_fs", "$syslog $remote_fs", "2 3 4 5", "0 1 6"),
}  # fmt: skip


def script(name: str) -> str:
    starts_after, stops_before, start, stop = HEADERS[name]
    return f"""\
#!/bin/sh
### BEGIN INIT INFO
# Provides:          {name}
# Required-Start:    {starts_after}
# Required-Stop:     {stops_before}
# Default-Start:     {start}
# Default-Stop:      {stop}
# Short-Description: {name}
### END INIT INFO
exit 0
"""


class ScratchRoot:
    """A root with the tools, the scripts and empty runlevels; the rest of /usr is this one's."""

    def __init__(self, top: Path) -> None:
        self.top = top
        for folder in ("usr", "dev", "run", "tmp", "etc/init.d"):
            (top / folder).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (top / name).symlink_to(f"usr/{name}")
        for level in "0123456S":
            (top / f"etc/rc{level}.d").mkdir()
        # Debian's older packages still have /sbin and /lib beside /usr: one layer of both.
        self.tools = top.with_name("tools")
        for folder in ("usr", "."):
            shutil.copytree(
                UNPACKED / folder,
                self.tools,
                ignore=lambda *_: ["usr", "etc", "var"],
                symlinks=True,
                dirs_exist_ok=True,
            )
        (top / "etc/insserv.conf").write_bytes((UNPACKED / "etc/insserv.conf").read_bytes())
        for name in HEADERS:
            place = top / f"etc/init.d/{name}"
            place.write_text(script(name))
            place.chmod(0o755)

    def run(self, argv: Sequence[str]) -> tuple[int, str]:
        """A command in there: its exit status, and all that it said."""
        mounts = f'mount -t overlay overlay -o lowerdir={self.tools}:/usr "$0/usr"'
        inside = f'{mounts} && mount --bind /dev "$0/dev" && exec chroot "$0" "$@"'
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", inside, str(self.top), *argv],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
        )  # fmt: skip
        return done.returncode, done.stdout

    def links(self) -> list[str]:
        """Every link in the runlevels, of either kind."""
        found = [*self.top.glob("etc/rc?.d/*"), *self.top.glob("etc/runlevels/*/*")]
        return sorted(str(path.relative_to(self.top / "etc")) for path in found)

    def number(self, level: str, kind: str, name: str) -> int:
        """The place of a service's start (S) or stop (K) in a runlevel."""
        pattern = rf"rc{level}\.d/{kind}(\d\d){name}"
        (found,) = [match for link in self.links() if (match := re.fullmatch(pattern, link))]
        return int(found[1])

    def shows(self, probe: object) -> bool:
        """Whether a probe finds the work done."""
        assert isinstance(probe, CommandShows)
        status, said = self.run(probe.argv)
        return status == 0 and (re.search(probe.pattern, said, re.MULTILINE) is not None)

    def facts(self, manager: str) -> Facts:
        """A machine with the services as they are in here."""
        kind = MANAGERS[manager].below[0]
        view = View(Answers(), as_root=True, root=self.top)
        facts = stock()
        for service in read_services(view, kind):
            facts = with_service(facts, service)
        return facts


@pytest.fixture
def root(tmp_path: Path) -> ScratchRoot:
    made = ScratchRoot(tmp_path / "root")
    if made.run(("true",))[0] != 0:
        pytest.skip("this kernel lets nobody mount an overlay, or unshare")
    return made


def enabled(root: ScratchRoot, manager: str, toolstack: str = "xl") -> list[RunCommand]:
    """What the step does there, done."""
    facts = root.facts(manager)
    settings = answered(facts, {"host.service_manager": manager, "host.toolstack": toolstack})
    actions = [
        one for one in xend_services.plan(settings, facts).actions if isinstance(one, RunCommand)
    ]
    for action in actions:
        assert not root.shows(action.probe), action.argv
        status, said = root.run(action.argv)
        assert status == 0, said
        assert root.shows(action.probe), said
    return actions


SYSV = ("update-rc.d", "insserv")


@pytest.mark.parametrize("manager", SYSV)
def test_the_services_start_in_the_order_of_their_headers(root: ScratchRoot, manager: str) -> None:
    assert ["xen", "xendomains"] == [
        next(word for word in action.argv if word in HEADERS) for action in enabled(root, manager)
    ]
    for level in "2345":
        assert root.number(level, "S", "xen") < root.number(level, "S", "xendomains")
    for level in "016":
        assert root.number(level, "K", "xendomains") < root.number(level, "K", "xen")
    again = root.facts(manager)
    assert [] == xend_services.verify(answered(again), again)[:-1], "only /etc/xen/auto is missing"


@pytest.mark.parametrize("manager", SYSV)
@pytest.mark.parametrize("neighbours", [(), ("dbus",)], ids=["alone", "with-a-neighbour"])
def test_the_undo_removes_exactly_the_links_that_came_in(
    root: ScratchRoot, manager: str, neighbours: tuple[str, ...]
) -> None:
    for name in neighbours:
        assert root.run(("insserv", name))[0] == 0
    before = root.links()
    for action in reversed(enabled(root, manager)):
        assert action.undo is not None
        status, said = root.run(action.undo)
        assert status == 0, said
        assert not root.shows(action.probe)
    assert before == root.links()


def test_a_service_that_was_switched_off_is_so_again_after_the_undo(root: ScratchRoot) -> None:
    for words in (("xen", "defaults"), ("xendomains", "defaults"), ("xen", "disable")):
        root.run(("update-rc.d", *words))
    before = root.links()
    assert 0 < root.number("2", "K", "xen")
    assert root.facts("update-rc.d").service("xen").switched_off
    (action,) = enabled(root, "update-rc.d")
    assert ("update-rc.d", "xen", "enable") == action.argv
    assert action.undo is not None
    assert root.run(action.undo)[0] == 0
    assert before == root.links()


def below_systemd(root: ScratchRoot) -> RunCommand:
    """What the step does there of xen, an init script; its links are as they are in the root."""
    off = root.facts("update-rc.d").service("xen").switched_off
    facts = with_service(stock(), Service("xendomains", True, True, False, script=True))
    facts = with_service(facts, Service("xen", True, False, False, off, script=True))
    plan = xend_services.plan(answered(facts), facts)
    (action,) = [one for one in plan.actions if isinstance(one, RunCommand)]
    assert ("systemctl", "enable", "xen") == action.argv
    return action


def test_an_init_script_below_systemd_has_no_link_left_after_the_undo(root: ScratchRoot) -> None:
    """Found by vm/test_tarball.py: `systemctl disable` left a K link in each runlevel."""
    before = root.links()
    undo = below_systemd(root).undo
    assert undo is not None
    # What systemd-sysv-install of Debian does at `systemctl enable`.
    for words in (("xen", "defaults"), ("xen", "enable")):
        assert root.run(("update-rc.d", *words))[0] == 0
    assert before != root.links()
    assert root.run(undo)[0] == 0
    assert before == root.links()


def test_an_init_script_that_was_switched_off_is_so_again_below_systemd(root: ScratchRoot) -> None:
    for words in (("xen", "defaults"), ("xen", "disable")):
        root.run(("update-rc.d", *words))
    assert ("systemctl", "disable", "xen") == below_systemd(root).undo


def test_insserv_leaves_a_service_that_was_switched_off_and_the_check_says_so(
    root: ScratchRoot,
) -> None:
    for words in (("xen", "defaults"), ("xendomains", "defaults"), ("xen", "disable")):
        root.run(("update-rc.d", *words))
    before = root.links()
    root.run(("insserv", "xen"))
    assert before == root.links(), "so the step must not try"
    facts = root.facts("insserv")
    problems = xend_services.check(answered(facts, {"host.service_manager": "insserv"}), facts)
    assert ["service-switched-off"] == [problem.name for problem in problems]


@pytest.mark.parametrize("manager", SYSV)
def test_the_tutorials_xend_comes_before_xendomains(root: ScratchRoot, manager: str) -> None:
    header = script("xendomains").replace("$remote_fs xen", "$remote_fs xend")
    (root.top / "etc/init.d/xendomains").write_text(header)
    enabled(root, manager, toolstack="xm")
    assert root.number("2", "S", "xend") < root.number("2", "S", "xendomains")
    assert not [link for link in root.links() if link.endswith("xen")]


def test_openrc_has_them_in_its_default_runlevel_and_takes_exactly_them_out(
    root: ScratchRoot,
) -> None:
    (root.top / "etc/runlevels/default").mkdir(parents=True)
    root.run(("rc-update", "add", "dbus", "default"))
    before = root.links()
    actions = enabled(root, "openrc")
    assert {"runlevels/default/xen", "runlevels/default/xendomains"} <= set(root.links())
    for action in reversed(actions):
        assert action.undo is not None
        assert root.run(action.undo)[0] == 0
        assert not root.shows(action.probe)
    assert before == root.links()
