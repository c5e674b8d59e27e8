"""A machine's disk looked at without a machine: a real image, its partition, and its ext4."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.engine.devices import needs_loop, tool
from tests.vm.on_disk import empty_files, journal_of, opened

pytestmark = [
    needs_loop,
    pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img makes the copy"),
]

HELPERS_LIST = "var/lib/systemd/deb-systemd-helper-enabled/lvm2-monitor.service.dsh-also"


def disk_with(folder: Path, files: dict[str, str]) -> Path:
    """A qcow2 image whose first partition holds these files."""
    tree, raw, image = folder / "tree", folder / "made.raw", folder / "disk.qcow2"
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with raw.open("wb") as file:
        file.truncate(32 << 20)
    table = b"label: dos\nstart=2048, size=49152, type=83\nstart=51200, size=8192, type=8e\n"
    subprocess.run(["/usr/sbin/sfdisk", "--quiet", raw], input=table, check=True)
    tool("mkfs.ext4", "-q", "-d", str(tree), "-E", "offset=1048576", str(raw), "24576k")
    tool("qemu-img", "convert", "-O", "qcow2", str(raw), str(image))
    return image


def test_what_has_no_content_is_found_and_the_journal_read(tmp_path: Path) -> None:
    files = {
        "etc/default/xen": "",
        "etc/hostname": "stock\n",
        "etc/.pwd.lock": "",
        "var/lib/ucf/registry.2": "",
        "opt/app/__pycache__/a.pyc": "",
        "home/me/empty": "",
        HELPERS_LIST: "",
        "var/lib/xen-setup/runs/0001/journal.jsonl": "older\n",
        "var/lib/xen-setup/runs/0002/journal.jsonl": "one\ntwo\n",
    }
    image = disk_with(tmp_path, files)
    before = image.read_bytes()
    work = tmp_path / "work"
    work.mkdir()
    with opened(image, work) as root:
        assert empty_files(root, ["etc/.pwd.lock"]) == ["etc/default/xen", HELPERS_LIST]
        assert empty_files(root) == ["etc/.pwd.lock", "etc/default/xen", HELPERS_LIST]
        assert journal_of(root) == ["one", "two"]
        assert journal_of(root / "etc") == []
        (root / "etc/hostname").write_text("other\n")
    assert list(work.iterdir()) == []
    assert image.read_bytes() == before
