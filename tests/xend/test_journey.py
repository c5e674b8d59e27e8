"""The whole way with xm and xend, and back, over a model of a host: README.md says what that
cannot prove.

Plans are the steps' own. Files go below a root directory, `xm` is the stand-in, run as a process;
what no model is needed for (LVM, debootstrap, GRUB) is taken as done.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from steps import PIPELINE
from steps.expected import with_directories, with_file, with_service
from steps.facts import Bridge, Facts, Service
from steps.reading.view import View
from steps.reading.xen import parse_list, parse_long_list, read_xen
from steps.settings import Settings
from steps.xl_config import disks_of, parse_config
from tests.machines import stock
from tests.reading.looking import Said
from tests.steps.answered import answered
from wizard.actions import (
    Action,
    CommandShows,
    MakeDirectory,
    MakeLink,
    Probe,
    Reboot,
    RunCommand,
    WriteFile,
)
from wizard.preview import preview
from wizard.step import step_name

XM = Path(__file__).with_name("xm_stand_in.py")
CONFIG = "/etc/xen/vm01.cfg"
XEND = """\
# -*- sh -*-
#(network-script network-dummy)
(network-script network-bridge)
(vif-script vif-bridge)
(dom0-min-mem 196)
"""
# What a model need not do: no file and no domain comes of it.
TAKEN_AS_DONE = {
    "systemctl", "pvcreate", "vgcreate", "lvcreate", "mkfs.ext4", "mkswap", "debootstrap", "mv",
    "chpasswd", "chroot", "cp", "grub-reboot", "rm", "depmod", "apt-get", "find", "update-grub",
    "install", "ln", "mkdir",
}  # fmt: skip
# And the same of undos.
TAKEN_BACK = {"systemctl", "pvremove", "vgremove", "wipefs", "grub-editenv", "find"}


def xen_3_host() -> Facts:
    """The stock machine, with a Xen of 2006 and its xend on it."""
    facts = stock()
    facts = replace(
        facts,
        xen=replace(facts.xen, images=("/boot/xen-3.0.gz",), commands=("xm",)),
        boot=replace(facts.boot, entries=facts.boot.entries),
    )
    facts = with_directories(facts, "/etc/xen", "/var/log/xen")
    for name in ("xend", "xendomains"):
        service = Service(name, present=True, enabled=False, active=False)
        facts = with_service(facts, service)
    return with_file(facts, "/etc/xen/xend-config.sxp", XEND)


@dataclass
class Host:
    """A model of the host: a root directory, and xend when it is started."""

    root: Path
    done: list[tuple[Action, str | None]] = field(default_factory=list)

    def path(self, path: str) -> Path:
        """A path of the host: a guest's mounted volume is a directory beside its device."""
        found = re.fullmatch(r"/run/xen-setup/(\w+)(/.*)?", path)
        if found:
            path = f"/dev/xendisks/{found[1]}-root.tree{found[2] or ''}"
        return self.root / path.lstrip("/")

    def write(self, path: str, text: str = "") -> None:
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_text(text)

    def xm(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(XM), str(self.root), *words],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def boots(self) -> None:
        """Under Xen: xend runs, and its network-bridge has made xenbr0."""
        self.write("/proc/xen/capabilities", "control_d\n")
        self.write("/sys/hypervisor/type", "xen\n")
        self.write("/var/run/xend.pid", "1\n")
        self.write("/var/run/xenstored/socket")
        dom0 = {"name": "Domain-0", "domid": 0, "memory": 1024, "vcpus": 2, "state": "r-----"}
        state = {"domains": {"Domain-0": dom0}, "next": 1, "memory": 3072, "mounted": [],
                 "bridges": ["xenbr0"]}  # fmt: skip
        self.write("/var/lib/xend/state.json", json.dumps(state))

    def does(self, action: Action) -> None:
        before = None
        match action:
            case WriteFile():
                if self.path(action.path).is_file():
                    before = self.path(action.path).read_text()
                self.write(action.path, action.text)
            case MakeDirectory():
                self.path(action.path).mkdir(parents=True, exist_ok=True)
            case MakeLink():
                place = self.path(action.path)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(action.target)
            case Reboot():
                self.boots()
            case RunCommand(argv=("xm", *words)):
                said = self.xm(*words)
                assert said.returncode == 0, (action.argv, said.stderr)
                if action.until is not None:
                    assert re.search(action.until, said.stdout, re.MULTILINE), said.stdout
                if words[0] == "create":
                    assert self.shows(action.probe)
            case RunCommand(argv=("lvcreate", "--name", name, *_)):
                self.write(f"/dev/xendisks/{name}")
            case RunCommand():
                assert action.argv[0] in TAKEN_AS_DONE, action.argv
            case _:
                assert action.kind in ("CreatePartition", "InstallPackages"), action.kind
        self.done.append((action, before))

    def takes_back(self, action: Action, before: str | None) -> None:
        """As the engine does it, in the same order (`Machine.revert`)."""
        match action:
            case RunCommand() if action.undo is not None:
                if action.argv[0] == "xm" and not self.shows(action.traces or action.probe):
                    return
                self.undoes(action.undo)
            case RunCommand():
                assert action.undo_class == "nothing to undo", action.argv
            case WriteFile() | MakeLink() | MakeDirectory() if action.inside is not None:
                pass  # it goes with the volume
            case WriteFile():
                if before is None:
                    self.path(action.path).unlink()
                else:
                    self.write(action.path, before)
            case MakeLink():
                self.path(action.path).unlink()
            case MakeDirectory():
                self.path(action.path).rmdir()
            case _:
                assert action.kind in ("CreatePartition", "InstallPackages", "Reboot"), action.kind

    def undoes(self, argv: tuple[str, ...]) -> None:
        match argv:
            case ("xm", *words):
                said = self.xm(*words)
                assert said.returncode == 0, (argv, said.stderr)
            case ("lvremove", "--yes", volume):
                device = self.path(f"/dev/{volume}")
                assert str(volume) not in self.disks_in_use(), "LVM: it is in use"
                device.unlink()
                shutil.rmtree(device.with_name(f"{device.name}.tree"), ignore_errors=True)
            case _:
                assert argv[0] in TAKEN_BACK, argv

    def shows(self, probe: Probe) -> bool:
        assert isinstance(probe, CommandShows)
        said = self.ask(probe.argv)
        return said.status == 0 and re.search(probe.pattern, said.out, re.MULTILINE) is not None

    def disks_in_use(self) -> str:
        """What the running domains were started with, in SXP; nothing without xend."""
        return self.xm("list", "--long").stdout

    def ask(self, argv: tuple[str, ...], timeout: float = 20.0, /) -> Said:
        if argv[0] != "xm":
            return Said(status=127)
        said = self.xm(*argv[1:])
        return Said(said.stdout, said.returncode, said.stderr)

    def look(self, facts: Facts) -> Facts:
        """Facts with what is really there of Xen, read as on a machine."""
        program = self.path("/usr/sbin/xm")
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        view = View(ask=self.ask, as_root=True, root=self.root)

        def sees(name: str, /) -> bool:
            return f"{name} login: " in self.xm("console", name).stdout

        xen = read_xen(view, ("vm01",), sees)
        bridges = facts.network.bridges
        if xen.control_domain:
            bridges = (Bridge("xenbr0", ("peth0", "vif0.0"), ("10.0.2.15/24",), True),)
        network = replace(facts.network, bridges=bridges)
        images = facts.xen.images
        return replace(facts, xen=replace(xen, images=images), network=network)


Ended = tuple[Host, Settings, Facts]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A host at the end of the way: made once."""
    host = Host(tmp_path_factory.mktemp("host"))
    for kernel in xen_3_host().kernels:
        host.write(kernel.image)
        host.write(kernel.initrd or "")
    return host, *go_to_the_end(host)


@pytest.fixture
def host(ended: Ended, tmp_path: Path) -> Host:
    """A copy of it, to be changed."""
    shutil.copytree(ended[0].root, tmp_path / "host", symlinks=True)
    return Host(tmp_path / "host")


def settings_for(facts: Facts, **answers: object) -> Settings:
    return answered(facts, {"host.toolstack": "xm", "host.bridge": "xenbr0", **answers})


def go_to_the_end(host: Host) -> tuple[Settings, Facts]:
    """Every step checked, planned, done, and verified by what is there."""
    facts = xen_3_host()
    settings = settings_for(facts)
    assert "xm" == settings.host.toolstack
    for step in PIPELINE:
        wrong = [one for one in step.check(settings, facts) if one.severity == "error"]
        assert [] == wrong, step_name(step)
        for _boot in range(2):
            plan = step.plan(settings, facts)
            booted = False
            for action in plan.actions:
                host.does(action)
                if isinstance(action, Reboot):
                    booted = True
                    break
            # What comes after the boot is still to be done then, whatever the plan expects.
            facts = host.look(plan.then if not booted else replace(
                plan.then, xen=replace(plan.then.xen, domains=None), files=facts.files,
                links=facts.links, boot=facts.boot))  # fmt: skip
            if not booted:
                break
        assert [] == step.verify(settings, facts), step_name(step)
    return settings, facts


def test_the_whole_way_ends_at_the_guests_login_prompt(ended: Ended) -> None:
    _, settings, facts = ended
    assert facts.domain("vm01") is not None
    assert facts.domain("vm01").login_prompt  # type: ignore[union-attr]
    assert "3.0.3" == facts.xen.version
    for step in PIPELINE:
        assert () == step.plan(settings, facts).actions or step_name(step) in (
            "guest_system", "first_boot"
        )  # fmt: skip


XENDS_OWN = ("proc/", "sys/", "var/run/", "var/lib/xend/", "usr/sbin/xm")


def tree(host: Host) -> dict[str, str]:
    """Every file and link of the host but xend's own, and every folder that was made for one."""
    found = {}
    for path in sorted(host.root.rglob("*")):
        name = str(path.relative_to(host.root))
        if path.is_symlink():
            found[name] = f"leads to {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_text()
    return {name: text for name, text in found.items() if not name.startswith(XENDS_OWN)}


def runs_on(_host: Host) -> None:
    """The guest runs."""


def is_shut_down(host: Host) -> None:
    """Somebody has shut it down before."""
    assert 0 == host.xm("shutdown", "vm01").returncode


def plain_linux_runs(host: Host) -> None:
    """The host was booted without Xen: no xend, no domain."""
    host.path("/proc/xen/capabilities").unlink()
    host.path("/var/run/xend.pid").unlink()


@pytest.mark.parametrize("meanwhile", [runs_on, is_shut_down, plain_linux_runs])
def test_the_whole_way_back_leaves_the_host_as_it_was(
    tmp_path: Path, meanwhile: Callable[[Host], None]
) -> None:
    host = Host(tmp_path)
    for kernel in xen_3_host().kernels:
        host.write(kernel.image)
        host.write(kernel.initrd or "")
    host.write("/etc/xen/xend-config.sxp", XEND)
    before = tree(host)
    go_to_the_end(host)
    assert "/etc/xen/auto/vm01.cfg" in {
        action.path for action, _ in host.done if isinstance(action, MakeLink)
    }
    assert "phy:xendisks/vm01-root" in host.disks_in_use()
    meanwhile(host)
    for action, text in reversed(host.done):
        host.takes_back(action, text)
    assert before == tree(host)
    if meanwhile is not plain_linux_runs:
        assert ["Domain-0"] == [one.name for one in parse_list(host.xm("list").stdout) or ()]


def test_the_config_is_what_the_tutorial_prints_and_xl_reads_it_too(host: Host) -> None:
    text = host.path(CONFIG).read_text()
    ran: dict[str, object] = {}
    exec(text, ran)  # as xm did
    assert ran["disk"] == ["phy:xendisks/vm01-root,hda1,w", "phy:xendisks/vm01-swap,hda2,w"]
    assert ran["root"] == "/dev/hda1 ro"
    read = parse_config(text)
    assert ["hda1", "hda2"] == [disk.vdev for disk in disks_of(read)]
    assert {key: ran[key] for key in ("name", "memory", "kernel", "ramdisk")} == {
        key: read[key] for key in ("name", "memory", "kernel", "ramdisk")
    }
    fstab = host.path("/dev/xendisks/vm01-root.tree/etc/fstab").read_text()
    assert ["/dev/hda1", "/dev/hda2"] == re.findall(r"^/dev/\w+", fstab, re.MULTILINE)


def test_the_bridge_step_does_nothing_and_says_who_does(ended: Ended) -> None:
    facts = xen_3_host()
    (step,) = [
        one for one in preview(PIPELINE, settings_for(facts), facts) if one.name == "network_bridge"
    ]
    assert step.plan is not None
    assert () == step.plan.actions
    assert "xend makes xenbr0 by itself" in step.plan.skipped[0]
    _, settings, facts = ended
    (said,) = step.step.plan(settings, facts).skipped
    assert "xend has made xenbr0, with peth0, vif0.0" in said


@pytest.mark.parametrize(
    "line", ["", "#(network-script network-bridge)", "(network-script network-dummy)",
             "(network-script 'network-bridge bridge=other')"]
)  # fmt: skip
def test_where_xend_makes_no_such_bridge_the_step_makes_it(line: str) -> None:
    facts = with_file(xen_3_host(), "/etc/xen/xend-config.sxp", line)
    (step,) = [
        one for one in preview(PIPELINE, settings_for(facts), facts) if one.name == "network_bridge"
    ]
    assert step.plan is not None
    assert step.plan.actions


def test_both_forms_of_xm_list_are_read(host: Host) -> None:
    table, long = host.xm("list").stdout, host.xm("list", "--long").stdout
    read = parse_list(table)
    assert read is not None
    assert [("Domain-0", 0), ("vm01", 1)] == [(one.name, one.id) for one in read]
    assert read == parse_long_list(long)
    assert None is parse_long_list(table)
    assert None is parse_list(long)


def test_a_domains_number_changes_at_every_start_and_its_name_does_not(host: Host) -> None:
    assert 0 == host.xm("reboot", "vm01").returncode
    assert [1 + 1] == [one.id for one in parse_list(host.xm("list").stdout) or () if one.id]
    assert 0 == host.xm("shutdown", "vm01").returncode
    assert 1 == host.xm("domid", "vm01").returncode
    said = host.xm("create", "-c", CONFIG)
    assert "vm01 login: " in said.stdout
    assert "3" == host.xm("domid", "vm01").stdout.strip()


REFUSED = {
    "name = 'vm01'": "already in use by domain 1",
    "name = 'a b'": "is invalid",
    "kernel = '/boot/none'": 'Cannot find kernel "/boot/none"',
    "ramdisk = '/boot/none'": 'Cannot find ramdisk "/boot/none"',
    "memory = 'much'": "invalid literal",
    "memory = 100000": "I need 102400000 KiB",
    "disk = ['phy:xendisks/none,hda1,w']": "does not exist",
    "disk = ['phy:xendisks/vm01-root,hda1,w']": "is mounted in a guest domain",
    "disk = ['xendisks/vm01-root,hda1,w']": "Unknown type",
    "disk = ['phy:xendisks/vm01-root,hda1']": "Invalid disk specifier",
    "disk = ['phy:xendisks/other,hda1,rw']": "Invalid disk mode: rw",
    "disk = ['phy:xendisks/other,nvme0,w']": "Unable to find number for device",
    "vif = ['brigde=xenbr0']": "Invalid vif option: brigde",
    "vif = ['bridge=br9']": "bridge br9 does not exist",
    "vif = ['mac=1:2']": "Invalid MAC address",
    "on_crash = 'explode'": "Invalid value for on_crash",
    "builder = 'pv'": "No such builder",
    "memory = 1 / 0": "ZeroDivisionError",
    "memory =": "SyntaxError",
}


@pytest.mark.parametrize("line", REFUSED)
def test_the_stand_in_refuses_what_xm_refused(host: Host, line: str) -> None:
    host.write("/dev/xendisks/other")
    kernel = xen_3_host().kernels[0].image
    host.write("/etc/xen/other", f"kernel = {kernel!r}\nmemory = 64\n{line}\n")
    said = host.xm("create", "other")
    assert 1 == said.returncode
    assert REFUSED[line] in said.stderr


def test_the_stand_in_needs_xen_and_xend(tmp_path: Path) -> None:
    host = Host(tmp_path)
    assert "is this Xen?" in host.xm("list").stderr
    host.write("/proc/xen/capabilities", "control_d\n")
    assert "Is xend running?" in host.xm("list").stderr


def test_a_guest_whose_fstab_names_other_disks_shows_no_login_prompt(host: Host) -> None:
    fstab = "/dev/xendisks/vm01-root.tree/etc/fstab"
    text = host.path(fstab).read_text()
    host.write(fstab, text.replace("hda2", "xvda2"))
    assert "No such file or directory: /dev/xvda2" in host.xm("console", "vm01").stdout
    host.xm("destroy", "vm01")
    host.write(fstab, text)
    host.write(
        CONFIG, host.path(CONFIG).read_text().replace('root = "/dev/hda1', 'root = "/dev/sda1')
    )
    assert "ALERT! /dev/sda1 does not exist" in host.xm("create", "-c", CONFIG).stdout
