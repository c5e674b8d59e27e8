"""Engine tests write and sync much: in memory, where there is a tmpfs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from wizard.machine import Machine
from wizard.running import Workplace

MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A directory in memory: the order of writes is what is tested here, not the disk."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "backups").mkdir()
    (tmp_path / "tree").mkdir()
    machine = Machine(
        work=tmp_path / "work",
        secrets={"guests.0.root_password": "s3cret"}.__getitem__,
        to_disk=lambda *_more, **_how: None,
    )
    machine.attend(Workplace(tmp_path / "log", tmp_path / "backups"))
    return machine


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return tmp_path / "tree"
