"""How far a run goes after a power cut, and what is compared there; tried without a machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from steps import PIPELINE
from tests.vm import guest_tree
from tests.vm.story import BORDERS, border_differences, next_border
from wizard.step import step_name

STEPS = [step_name(step) for step in PIPELINE]


def document(state: str, *states: str) -> dict[str, Any]:
    all_states = [*states, *["to do"] * (len(STEPS) - len(states))]
    steps = [{"name": n, "state": s} for n, s in zip(STEPS, all_states, strict=True)]
    return {"state": state, "runs": [{"steps": steps}]}


def test_a_run_goes_as_far_as_the_border_that_comes_next() -> None:
    assert set(BORDERS) < set(STEPS)
    assert sorted(BORDERS, key=STEPS.index) == list(BORDERS)
    assert next_border({"state": "nothing yet", "runs": []}) == "xen_packages"
    assert next_border(document("stopped")) == "xen_packages"
    assert next_border(document("stopped", "verified", "begun")) == "xen_packages"
    assert next_border(document("stopped", "verified", "verified")) == "grub_entry"
    done = STEPS.index("tls_libraries")
    assert next_border(document("stopped", *["verified"] * done)) == "network_bridge"
    assert next_border(document("stopped", *["verified"] * done, "begun")) == "network_bridge"


@pytest.mark.parametrize("state", ["waiting for a boot", "finished", "rolling back"])
def test_past_the_last_border_it_goes_to_the_end(state: str) -> None:
    assert next_border(document(state)) is None
    assert next_border(document("stopped", *["verified"] * 10, "begun")) is None


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


def shadow_of(top: Path, tree: Path, old: str, new: str) -> str:
    """What is told of a guest's /etc/shadow in which something was replaced."""
    other, disk = top / f"other{new}", top / f"disk{new}"
    (other / "etc").mkdir(parents=True)
    text = (tree / "etc/shadow").read_text()
    (other / "etc/shadow").write_text(text.replace(old, new))
    subprocess.run(["truncate", "--size=8M", disk], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-d", other, disk], check=True)
    return guest_tree.take(str(disk))["/etc/shadow"]


@needs_root
def test_a_guests_files_are_told_apart_and_its_volume_is_not_written_to(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/hostname").write_text("vm01\n")
    (tree / "etc/mtab").symlink_to("/proc/mounts")
    (tree / "etc/shadow").write_text("root:$y$hash:20783:0:99999:7:::\nsync:*:20783:0:9:7:::\n")
    disk = tmp_path / "disk"
    subprocess.run(["truncate", "--size=8M", disk], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-d", tree, disk], check=True)
    before = disk.read_bytes()
    first = guest_tree.take(str(disk))
    assert disk.read_bytes() == before
    assert first[guest_tree.STATE] == "clean"
    assert first["/etc/mtab"].endswith("to /proc/mounts")
    assert first["/etc/hostname"].startswith("-rw")
    assert shadow_of(tmp_path, tree, "20783", "20784") == first["/etc/shadow"]  # another day
    assert shadow_of(tmp_path, tree, "$hash", "$hesh") != first["/etc/shadow"]
    for command in ("set_inode_field /etc/hostname mode 0100600", "set_super_value state 2"):
        subprocess.run(["debugfs", "-w", "-R", command, disk], check=True, capture_output=True)
    second = guest_tree.take(str(disk))
    found = border_differences({"lvm": {}, "guest": first}, {"lvm": {}, "guest": second})
    assert [difference.key for difference in found] == ["/etc/hostname", guest_tree.STATE]
    assert "error" in second[guest_tree.STATE]
