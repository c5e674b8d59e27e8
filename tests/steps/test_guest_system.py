"""A guest's system: how it is installed, configured, known to be complete, and held to be right."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from steps import guest_files, guest_system
from steps.expected import with_file, with_tree
from steps.facts import Domain, Facts, GuestTree
from steps.hosts.guest_releases import RELEASES
from tests.credentials import HASH, public_key
from tests.machines import machines, running, stock
from tests.steps.answered import answered
from tests.steps.prepared import before
from wizard.actions import Action, RunCommand, SecretInput, WriteFile, undo_class

ROOT = "/dev/xendisks/vm01-root"
PLACE = "/run/xen-setup/vm01"
KEY = public_key("someone@example.org")
WITH_PASSWORD = {"guests.0.root_password": HASH}
WITH_KEY = {"guests.0.ssh_keys": (KEY,), "guests.0.packages": ("openssh-server",)}
FIXED = {
    **WITH_PASSWORD,
    "guests.0.network": "192.0.2.10/24",
    "guests.0.gateway": "192.0.2.1",
}


def ready(answers: Mapping[str, object] | None = None, facts: Facts | None = None) -> Facts:
    """A machine with empty volumes for vm01."""
    facts = facts or stock()
    return before(guest_system, answered(facts, answers), facts)


def actions(
    answers: Mapping[str, object] | None = None, facts: Facts | None = None
) -> tuple[Action, ...]:
    settings = answered(facts or stock(), answers)
    return guest_system.plan(settings, ready(answers, facts)).actions


def bootstrap(
    answers: Mapping[str, object] | None = None, facts: Facts | None = None
) -> RunCommand:
    return next(one for one in actions(answers, facts) if isinstance(one, RunCommand))


def written(
    answers: Mapping[str, object] | None = None, facts: Facts | None = None
) -> dict[str, str]:
    """The files that are written in the guest, by their path in it."""
    return {
        action.path.removeprefix(PLACE): action.text
        for action in actions(answers, facts)
        if isinstance(action, WriteFile)
    }


def test_debootstrap_checks_signatures_always() -> None:
    argv = bootstrap().argv
    assert "--force-check-gpg" in argv
    assert "--keyring=/usr/share/keyrings/debian-archive-keyring.gpg" in argv
    assert ("bookworm", PLACE, "http://mirror.example.org/debian") == argv[-3:]
    assert "--variant=minbase" in argv


@pytest.mark.parametrize(("release", "script"), [("forky", "sid"), ("noble", "gutsy")])
def test_a_release_younger_than_debootstrap_gets_the_script_of_its_elders(
    release: str, script: str
) -> None:
    """Debian 12's debootstrap: "No such script: /usr/share/debootstrap/scripts/noble"."""
    mirror = "http://mirror.example.org/all"
    argv = bootstrap({"guests.0.release": release, "guests.0.mirror": mirror}).argv
    assert (release, PLACE, mirror, f"/usr/share/debootstrap/scripts/{script}") == argv[-4:]


def test_what_debootstrap_has_fetched_is_kept_for_the_next_try_and_the_next_guest() -> None:
    assert "--cache-dir=/var/cache/apt/archives" in bootstrap().argv


def test_debootstrap_is_undone_when_it_is_half_done_too() -> None:
    made = bootstrap()
    assert made.traces is not None
    assert made.traces != made.probe
    keeping = ("-not", "-path", f"{PLACE}/lost+found")
    assert ("find", PLACE, "-xdev", "-mindepth", "1", *keeping, "-delete") == made.undo
    assert "by removal" == undo_class(made)


def test_another_distributions_release_has_its_own_mirror_and_keyring() -> None:
    argv = bootstrap({"guests.0.release": "noble"}).argv
    assert ("noble", PLACE) == argv[-2:]
    assert "--keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg" in argv
    assert "--components=main,universe" in argv
    assert "/etc/apt/sources.list" not in written({"guests.0.release": "noble"})


@pytest.mark.parametrize("name", RELEASES)
def test_every_release_gets_what_a_login_and_the_network_need(name: str) -> None:
    argv = bootstrap({"guests.0.release": name}).argv
    include = next(word for word in argv if word.startswith("--include=")).split("=")[1].split(",")
    assert {"systemd-sysv", "ifupdown", "iproute2", "e2fsprogs"} <= set(include)
    assert {"isc-dhcp-client", "dhcpcd-base"} & set(include)


def test_further_packages_go_in_once() -> None:
    answers = {"guests.0.packages": ("openssh-server", "udev"), "guests.0.filesystem": "xfs"}
    include = next(word for word in bootstrap(answers).argv if word.startswith("--include="))
    assert 1 == include.count("udev")
    assert "openssh-server" in include
    assert "xfsprogs" in include


def test_the_guest_knows_its_name_disks_and_card() -> None:
    files = written(WITH_PASSWORD)
    assert "vm01\n" == files["/etc/hostname"]
    assert "127.0.1.1 vm01\n" in files["/etc/hosts"]
    assert "/dev/xvda1 / ext4 errors=remount-ro 0 1\n" in files["/etc/fstab"]
    assert "/dev/xvda2 none swap sw 0 0\n" in files["/etc/fstab"]
    assert "iface eth0 inet dhcp\n" in files["/etc/network/interfaces"]
    assert "" == files["/etc/machine-id"]
    assert "/etc/resolv.conf" not in files
    assert guest_files.INSTALLING == next(iter(files))
    last = actions(WITH_PASSWORD)[-1]
    assert isinstance(last, RunCommand)
    assert (f"{PLACE}{guest_files.INSTALLING}", f"{PLACE}{guest_files.MARKER}") == last.argv[-2:]


def test_a_slow_guest_still_gets_its_login() -> None:
    # The device's default of 90 seconds passed on a busy machine: no getty, no prompt (seen).
    text = written()["/etc/systemd/system/dev-hvc0.device.d/patience.conf"]
    assert "JobRunningTimeoutSec=infinity" in text


def test_filesystems_that_are_not_checked_at_boot_say_so_in_fstab() -> None:
    for name in ("xfs", "btrfs"):
        text = written({"guests.0.filesystem": name, "guests.0.swap_size": 0})["/etc/fstab"]
        assert f"/dev/xvda1 / {name} defaults 0 0\n" in text
        assert "xvda2" not in text


def test_a_fixed_address_brings_gateway_and_name_servers() -> None:
    files = written(FIXED)
    assert "address 192.0.2.10/24\n    gateway 192.0.2.1\n" in files["/etc/network/interfaces"]
    assert "nameserver 10.0.2.3\n" == files["/etc/resolv.conf"]
    assert "192.0.2.10 vm01\n" in files["/etc/hosts"]
    own = written({**FIXED, "guests.0.nameservers": ("192.0.2.53",), "guests.0.gateway": "none"})
    assert "nameserver 192.0.2.53\n" == own["/etc/resolv.conf"]
    assert "gateway" not in own["/etc/network/interfaces"]


def test_the_hosts_own_stub_resolver_is_of_no_use_to_a_guest() -> None:
    network = replace(
        stock().network, nameservers=("127.0.0.53", "192.0.2.53"), domain="example.org"
    )
    files = written(FIXED, replace(stock(), network=network))
    assert "search example.org\nnameserver 192.0.2.53\n" == files["/etc/resolv.conf"]
    assert "192.0.2.10 vm01.example.org vm01\n" in files["/etc/hosts"]


def test_without_a_bridge_the_guest_has_only_its_loopback() -> None:
    files = written({**FIXED, "host.bridge": "none"})
    assert "eth0" not in files["/etc/network/interfaces"]
    assert "/etc/resolv.conf" not in files


def test_the_guests_apt_gets_updates_and_security_updates() -> None:
    assert (
        "deb http://mirror.example.org/debian bookworm main\n"
        "deb http://mirror.example.org/debian bookworm-updates main\n"
        "deb http://mirror.example.org/debian-security bookworm-security main\n"
    ) == written()["/etc/apt/sources.list"]
    given = written({"guests.0.mirror": "http://other.example.org/debian"})
    assert "deb http://other.example.org/debian bookworm main\n" in given["/etc/apt/sources.list"]
    assert "sid-updates" not in written({"guests.0.release": "sid"})["/etc/apt/sources.list"]
    assert "/etc/apt/sources.list" not in written({"guests.0.mirror": "file:///srv/debian"})


def test_the_passwords_hash_is_in_no_action() -> None:
    made = actions(WITH_PASSWORD)
    assert HASH not in repr(made)
    command = next(
        action for action in made if isinstance(action, RunCommand) and action.argv[0] == "chpasswd"
    )
    assert SecretInput("guests.vm01.root_password", "root:{}\n") == command.input
    assert not any("chpasswd" in repr(action) for action in actions())


def test_keys_are_for_root_alone() -> None:
    made = {getattr(action, "path", ""): action for action in actions(WITH_KEY)}
    directory, keys = made[f"{PLACE}/root/.ssh"], made[f"{PLACE}/root/.ssh/authorized_keys"]
    assert isinstance(keys, WriteFile)
    assert (0o700, 0o600, f"{KEY}\n") == (getattr(directory, "mode", 0), keys.mode, keys.text)


def test_the_modules_are_those_of_the_kernel_that_the_guest_boots() -> None:
    copy = next(
        action for action in actions() if isinstance(action, RunCommand) and action.argv[0] == "cp"
    )
    assert "/lib/modules/6.1.0-56-amd64" in copy.argv
    old = replace(
        stock().kernels[0],
        version="6.1.0-9-amd64",
        image="/boot/vmlinuz-6.1.0-9-amd64",
        initrd="/boot/initrd.img-6.1.0-9-amd64",
        modules="/lib/modules/6.1.0-9-amd64",
    )
    facts = replace(stock(), kernels=(old, *stock().kernels))
    assert "/lib/modules/6.1.0-56-amd64" in shlex.join(_copy(facts).argv)
    # A config that is there names its kernel: that one's modules are needed, as long as it is there
    config = f'kernel = "{old.image}"\nramdisk = "{old.initrd}"\n'
    facts = with_file(facts, "/etc/xen/vm01.cfg", config)
    assert "/lib/modules/6.1.0-9-amd64" in shlex.join(_copy(facts).argv)


def _copy(facts: Facts) -> RunCommand:
    return next(
        action
        for action in actions(None, facts)
        if isinstance(action, RunCommand) and action.argv[0] == "cp"
    )


def test_all_work_is_done_inside_the_guests_volume() -> None:
    for action in actions({**WITH_PASSWORD, **WITH_KEY}):
        assert action.inside is not None, action
        assert (ROOT, PLACE, "ext4") == (
            action.inside.device,
            action.inside.mount_point,
            action.inside.filesystem,
        )


def test_a_complete_guest_is_left_alone_whatever_the_answers_are_now() -> None:
    then = guest_system.plan(answered(stock()), ready()).then
    other = answered(stock(), {**FIXED, "guests.0.release": "trixie"})
    assert () == guest_system.plan(other, then).actions


def test_a_guest_that_runs_is_not_looked_into() -> None:
    facts = running(replace(ready(), guest_trees=()), Domain("vm01", 1, 512, 1, "-b----"))
    settings = answered(stock())
    assert [] == guest_system.check(settings, facts)
    assert () == guest_system.plan(settings, facts).actions
    assert [] == guest_system.verify(settings, facts)


@dataclass(frozen=True)
class Case:
    answers: Mapping[str, object] = field(default_factory=dict)
    facts: Facts | None = None
    problems: tuple[str, ...] = ()


BARE = replace(ready(), packages={}, installable=())
CHECKS = {
    "all is well": Case(WITH_PASSWORD),
    "a key and a server": Case(WITH_KEY),
    "no login": Case({}, None, ("nobody-can-log-in",)),
    "a key and no server": Case({"guests.0.ssh_keys": (KEY,)}, None, ("no-ssh-server",)),
    "unknown release": Case(
        {**WITH_PASSWORD, "guests.0.release": "potato"}, None, ("release-unknown",)
    ),
    "no debootstrap": Case(WITH_PASSWORD, BARE, ("debootstrap-missing",)),
    "no keyring": Case(
        {**WITH_PASSWORD, "guests.0.release": "noble"},
        BARE,
        ("debootstrap-missing", "keyring-missing"),
    ),
    "gateway elsewhere": Case(
        {**FIXED, "guests.0.gateway": "198.51.100.1"}, None, ("gateway-outside",)
    ),
    "no volume": Case(WITH_PASSWORD, before(guest_system, answered(stock()), stock()), ()),
    "volume gone": Case(
        {**WITH_PASSWORD, "guests.0.name": "web"}, ready(), ("root-volume-missing",)
    ),
    "files that are no system": Case(
        WITH_PASSWORD,
        with_tree(ready(), GuestTree(ROOT, empty=False)),
        ("root-volume-not-empty",),
    ),
    "a volume that could not be looked into": Case(
        WITH_PASSWORD, replace(ready(), guest_trees=()), ("guest-system-unread",)
    ),
    "nothing but what is written first": Case(
        WITH_PASSWORD, with_tree(ready(), GuestTree(ROOT, empty=True, installing="guest: vm02\n"))
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_check_names_each_problem(name: str) -> None:
    case = CHECKS[name]
    facts = case.facts or ready(case.answers)
    found = guest_system.check(answered(stock(), case.answers), facts)
    assert case.problems == tuple(problem.name for problem in found)
    assert all(problem.what and problem.hint for problem in found)


OURS = guest_files.marker(answered(stock()).guests[0])
# What a volume with a system in it has of our two files, and what is found of it.
WHOSE = {
    "neither: the marker was removed, or the system restored": ("", "", "guest-system-not-ours"),
    "another guest's marker: a copy": ("", "guest: vm02\n", "guest-system-not-ours"),
    "another guest's, half made": ("guest: vm02\nrelease: bookworm\n", "", "guest-system-not-ours"),
    "another release, half made": ("guest: vm01\nrelease: sid\n", "", "guest-system-not-ours"),
    "half made": (OURS, "", ""),
    "half made by another version of the program": ("guest: vm01\nrelease: bookworm\n", "", ""),
    "whole": ("", OURS, ""),
    "whole, as its user says": ("", "guest: vm01\n", ""),
}


@pytest.mark.parametrize("name", WHOSE)
def test_a_system_is_installed_over_no_other_than_our_own_half_made_one(name: str) -> None:
    # A guest of months whose marker was gone was planned anew, with an undo that empties it.
    installing, marker, problem = WHOSE[name]
    settings = answered(stock(), WITH_PASSWORD)
    whole = guest_system.plan(settings, ready(WITH_PASSWORD)).then
    tree = whole.tree(ROOT)
    assert tree is not None
    facts = with_tree(whole, replace(tree, installing=installing, marker=marker))
    found = guest_system.check(settings, facts)
    assert [problem] * bool(problem) == [one.name for one in found]
    planned = guest_system.plan(settings, facts)
    assert bool(planned.actions) == name.startswith("half made")
    unmade = ["guest-system-incomplete"] if planned.actions else [problem] * bool(problem)
    assert unmade == [one.name for one in guest_system.verify(settings, facts)]
    if problem:
        # Whoever knows better has it left as it is.
        assert planned.then == facts
        assert "it is left alone" in planned.skipped[0]


def test_the_user_is_told_how_to_say_that_a_system_is_whole(tmp_path: Path) -> None:
    settings = answered(stock(), WITH_PASSWORD)
    whole = guest_system.plan(settings, ready(WITH_PASSWORD)).then.tree(ROOT)
    assert whole is not None
    lost = with_tree(ready(WITH_PASSWORD), replace(whole, marker=""))
    (problem,) = guest_system.check(settings, lost)
    (command,) = re.findall("echo '.*' >/mnt/etc/xen-setup-guest", problem.hint)
    marker = tmp_path / "marker"
    subprocess.run(
        ["sh", "-c", command.replace("/mnt/etc/xen-setup-guest", str(marker))], check=True
    )
    assert guest_files.is_complete(replace(whole, marker=marker.read_text()), settings.guests[0])


def test_what_is_wrong_in_a_complete_system_is_mended_in_it_and_never_by_installing_it_anew() -> (
    None
):
    # The hint was to remove the marker and start again.
    settings = answered(stock(), WITH_PASSWORD)
    then = guest_system.plan(settings, ready(WITH_PASSWORD)).then
    tree = then.tree(ROOT)
    assert tree is not None
    bare = replace(tree, modules=(), fstab="", console_login=False, root_password="locked")
    hints = {one.name: one.hint for one in guest_system.verify(settings, with_tree(then, bare))}
    commands = {
        "guest-fstab": "have /mnt/etc/fstab name /dev/xvda1 and /dev/xvda2",
        "guest-console": "chroot /mnt systemctl enable serial-getty@hvc0.service",
        "guest-modules": "cp --archive /lib/modules/6.1.0-56-amd64 /mnt/lib/modules/",
        "guest-password": "chroot /mnt passwd root",
    }
    for name, command in commands.items():
        assert f": mount {ROOT} /mnt; {command}; umount /mnt. Then start again." in hints[name]
        assert guest_files.MARKER not in hints[name]


def test_what_only_makes_the_guest_less_useful_is_a_warning() -> None:
    for answers in ({}, {"guests.0.ssh_keys": (KEY,)}):
        found = guest_system.check(answered(stock(), answers), ready(answers))
        assert ["warning"] == [problem.severity for problem in found]


WRONG: dict[str, dict[str, object]] = {
    "guest-system-incomplete": {"marker": "", "installing": OURS},
    "guest-fstab": {"fstab": "/dev/hda1 / ext3 defaults 0 1\n"},
    "guest-console": {"console_login": False},
    "guest-modules": {"modules": ("5.10.0-1-amd64",)},
    "guest-password": {"root_password": "locked"},
}


@pytest.mark.parametrize("name", WRONG)
def test_verify_names_what_is_wrong_in_the_tree(name: str) -> None:
    settings = answered(stock(), WITH_PASSWORD)
    then = guest_system.plan(settings, ready(WITH_PASSWORD)).then
    tree = then.tree(ROOT)
    assert tree is not None
    wrong = with_tree(then, replace(tree, **WRONG[name]))  # type: ignore[arg-type]
    assert [name] == [problem.name for problem in guest_system.verify(settings, wrong)]


def test_verify_minds_tls_only_where_it_costs_something() -> None:
    settings = answered(stock(), WITH_PASSWORD)
    then = guest_system.plan(settings, ready(WITH_PASSWORD)).then
    tree = then.tree(ROOT)
    assert tree is not None
    with_tls = with_tree(then, replace(tree, tls=("/lib/tls",)))
    assert [] == guest_system.verify(settings, with_tls)
    old = replace(with_tls, architecture="i686", glibc="2.3.6")
    assert ["guest-tls"] == [problem.name for problem in guest_system.verify(settings, old)]


def test_a_volume_that_was_not_looked_into_is_not_taken_for_right() -> None:
    settings = answered(stock())
    blind = replace(ready(), guest_trees=())
    assert [("guest-system-unread", "error")] == [
        (problem.name, problem.severity) for problem in guest_system.verify(settings, blind)
    ]
    user = guest_system.verify(settings, replace(blind, as_root=False))
    assert ["unknown"] == [problem.severity for problem in user]


def with_open_volume(facts: Facts) -> Facts:
    """The guest's volume open, and so not looked into; by whom is not known."""
    (group,) = facts.volume_groups or ()
    volumes = tuple(replace(one, open=one.path == ROOT) for one in group.volumes)
    return replace(facts, volume_groups=(replace(group, volumes=volumes),), guest_trees=())


def test_a_volume_that_something_has_open_is_no_guest_that_runs() -> None:
    # It was taken for one: nothing was installed, and all was well until the guest did not boot.
    settings, facts = answered(stock(), WITH_PASSWORD), with_open_volume(ready(WITH_PASSWORD))
    assert facts.xen.domains is None and not facts.xen.running
    assert ["root-volume-in-use"] == [one.name for one in guest_system.check(settings, facts)]
    assert guest_system.plan(settings, facts).actions
    assert ["root-volume-in-use"] == [one.name for one in guest_system.verify(settings, facts)]


def test_where_xl_tells_nothing_an_open_volume_is_a_guest_that_runs() -> None:
    settings, facts = answered(stock(), WITH_PASSWORD), with_open_volume(ready(WITH_PASSWORD))
    under_xen = replace(facts, xen=replace(facts.xen, running=True, control_domain=True))
    assert [] == guest_system.check(settings, under_xen)
    assert () == guest_system.plan(settings, under_xen).actions
    assert [] == guest_system.verify(settings, under_xen)
    dom0 = Domain("Domain-0", 0, 1024, 2, "r-----")
    told = replace(under_xen, xen=replace(under_xen.xen, domains=(dom0,)))
    assert ["root-volume-in-use"] == [one.name for one in guest_system.check(settings, told)]


def test_the_plan_is_the_same_each_time_on_every_machine() -> None:
    for name, facts in machines().items():
        settings = answered(facts)
        assert guest_system.plan(settings, facts) == guest_system.plan(settings, facts), name
