"""What a power cut empties of what a package had just made: it has its content again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.engine.rooted import Rooted
from wizard import commands
from wizard.actions import InstallPackages
from wizard.commands import Answer, Completed
from wizard.emptied import fill_configs, fill_lists
from wizard.errors import StepFailed
from wizard.files import nothing
from wizard.interrupts import Interrupts
from wizard.packages import Packages
from wizard.running import Running, Unwatched
from wizard.undo import PackagesUndo

TEMPLATE = "# XENCONSOLED_TRACE=none\n"
UNIT = "[Unit]\nDescription=Monitoring\n[Install]\nWantedBy=sysinit.target\n"
LIST = "/etc/systemd/system/sysinit.target.wants/lvm2-monitor.service\n"
OURS = {
    "xen-utils-common": ["/usr/share/xen-utils-common/default.xen", "/usr/share/doc/xen"],
    "lvm2": ["/lib/systemd/system/lvm2-monitor.service"],
}
UNDO = PackagesUndo(names=tuple(OURS), configured=(), automatic=())
ACTION = InstallPackages(tuple(OURS), "Why.")


class Host(Rooted):
    """A root of its own, in which dpkg is asked by hand, and deb-systemd-helper is the real one."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.owned = OURS
        self.helper = ""
        self.status = 0
        self.commands: list[tuple[str, ...]] = []
        self.running = Running(self.run, self.ask, Interrupts(), nothing, root / "running")
        self.write("/usr/share/xen-utils-common/default.xen", TEMPLATE)
        self.write("/lib/systemd/system/lvm2-monitor.service", UNIT)
        digest = hashlib.md5(TEMPLATE.encode(), usedforsecurity=False).hexdigest()
        self.write("/var/lib/ucf/hashfile", f"{digest}  /etc/default/xen\n")

    def ask(
        self,
        argv: Sequence[str],
        timeout: float = 20.0,
        input: str | None = None,  # noqa: A002
    ) -> Answer:
        match argv:
            case ["dpkg-query", "--listfiles", *names]:
                return Answer(
                    self.status, "\n".join(path for name in names for path in self.owned[name]), ""
                )
            case ["dpkg-query", *_]:
                return Answer(0, "".join(f"{name} amd64 installed\n" for name in OURS), "")
            case ["apt-get", "--simulate", *_]:
                return Answer(0, "", "")
        raise AssertionError(argv)

    def run(self, argv: Sequence[str], **options: Any) -> Completed:
        self.commands.append(tuple(argv))
        if "deb-systemd-helper" not in argv:
            argv = ("true",)
        elif self.helper:
            argv = (self.helper, *argv)
        return commands.run(argv, environment={"DPKG_ROOT": str(self.root)}, **options)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


HELPER = "/var/lib/systemd/deb-systemd-helper-enabled/lvm2-monitor.service.dsh-also"


def fill(names: Iterable[str], host: Host) -> None:
    """All that there is to fill."""
    fill_lists(names, host.running, Unwatched(), host.root)
    fill_configs(names, host.running, host.root)


def test_what_a_cut_emptied_of_ours_has_its_content_again(host: Host) -> None:
    config, links = host.write("/etc/default/xen", ""), host.write(HELPER, "")
    config.chmod(0o600)
    Packages(host.running, host.root).install(ACTION, UNDO, Unwatched())
    assert ["env", "apt-get"] == [words[0] for words in host.commands]
    assert config.read_text() == TEMPLATE
    assert config.stat().st_mode & 0o777 == 0o600  # its own: a cut takes content, not the mode
    assert links.read_text() == LIST


def test_a_configuration_of_an_earlier_time_is_its_users(host: Host) -> None:
    config, links = host.write("/etc/default/xen", ""), host.write(HELPER, "")
    undo = replace(UNDO, configured=UNDO.names)
    Packages(host.running, host.root).install(ACTION, undo, Unwatched())
    assert config.read_text() == links.read_text() == ""


def test_before_a_purge_the_lists_of_links_have_their_content_and_no_more(host: Host) -> None:
    config, links = host.write("/etc/default/xen", ""), host.write(HELPER, "")
    with pytest.raises(StepFailed, match="still there"):  # nothing goes in this root
        Packages(host.running, host.root).uninstall(UNDO, (), host.root / "edited", Unwatched())
    assert links.read_text() == LIST
    assert config.read_text() == ""


def test_a_list_that_cannot_be_filled_holds_no_purge_up(host: Host) -> None:
    host.write(HELPER, "")
    host.helper = "false"
    with pytest.raises(StepFailed, match="still there"):
        Packages(host.running, host.root).uninstall(UNDO, (), host.root / "edited", Unwatched())
    assert ["env", "apt-get"] == [words[0] for words in host.commands]
    with pytest.raises(StepFailed, match="deb-systemd-helper"):
        Packages(host.running, host.root).install(ACTION, UNDO, Unwatched())


def test_a_users_unit_has_a_list_of_its_own(host: Host) -> None:
    links = host.write(HELPER.replace("-helper-", "-user-helper-"), "")
    unit = "/usr/lib/systemd/user/lvm2-monitor.service"
    host.write(unit, UNIT)
    host.owned = {"lvm2": [unit]}
    fill(["lvm2"], host)
    assert links.read_text() == LIST.replace("/system/", "/user/")


@pytest.mark.parametrize(
    ("path", "text", "names"),
    [
        ("/etc/default/xen", "", ["lvm2"]),  # not of ours
        ("/etc/default/xen", "edited\n", list(OURS)),  # not empty
        ("/etc/default/xend", "", list(OURS)),  # not in ucf's book
        (HELPER, "", ["xen-utils-common"]),
        (HELPER, "/etc/systemd/system/other\n", list(OURS)),
        (HELPER.replace("lvm2-monitor", "ssh"), "", list(OURS)),
    ],
)
def test_what_is_not_ours_or_not_empty_stays(
    host: Host, path: str, text: str, names: list[str]
) -> None:
    place = host.write(path, text)
    fill(names, host)
    assert place.read_text() == text
    assert host.commands == []


def test_a_config_whose_template_is_not_known_stays(host: Host) -> None:
    host.write("/var/lib/ucf/hashfile", f"{'0' * 32}  /etc/default/xen\n")
    place = host.write("/etc/default/xen", "")
    fill(OURS, host)
    assert place.read_text() == ""


def test_where_neither_ucf_nor_systemd_is_nothing_is_asked(tmp_path: Path) -> None:
    def never(*_words: object, **_options: object) -> Any:
        raise AssertionError

    running = Running(never, never, Interrupts(), nothing, tmp_path / "note")
    fill_lists(OURS, running, Unwatched(), tmp_path)
    fill_configs(OURS, running, tmp_path)


def test_a_spoiled_line_of_ucfs_book_is_passed_over(host: Host) -> None:
    book = host.root / "var/lib/ucf/hashfile"
    book.write_text(f"{'0' * 32}  /etc/{'x' * 300}\n\0\0\n{book.read_text()}")
    config = host.write("/etc/default/xen", "")
    fill(OURS, host)
    assert config.read_text() == TEMPLATE


def test_dpkg_is_not_asked_for_the_files_of_no_package(host: Host) -> None:
    """It ends with 2, then."""
    config = host.write("/etc/default/xen", "")
    host.status = 2
    fill_configs((), host.running, host.root)
    assert config.read_text() == ""


@pytest.mark.parametrize("status", [0, 1, 124])
def test_a_dpkg_that_does_not_answer_is_a_failure(host: Host, status: int) -> None:
    config = host.write("/etc/default/xen", "")
    host.status = status
    if status == 124:
        with pytest.raises(StepFailed, match="which files"):
            fill(OURS, host)
    else:  # 1: it does not know one of the names
        fill(OURS, host)
    assert config.read_text() == ("" if status == 124 else TEMPLATE)
