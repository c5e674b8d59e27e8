"""What the user removes between a stop and `resume`: named, and done again if he wants."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.ground import Ground
from tests.faults.host import Host, Lie
from wizard.errors import Stopped
from wizard.journal import unfinished_run
from wizard.rollback import roll_back
from wizard.status import status


@pytest.fixture(scope="module")
def ground(grounds: Callable[[str], Ground]) -> Ground:
    return grounds("fresh")


def stopped_after(ground: Ground, step: str) -> Host:
    """The machine where a run was killed just after that step was verified."""
    host = ground.host
    for image in ground.applying:
        host.restore(image)
        run = unfinished_run(host.store)
        if run and host.store.ledger(run).step_states[step] == "verified":
            return host
    raise AssertionError(step)


def no_volumes(host: Host) -> None:
    state = host.model.state
    for name in [name for name in state.volumes if name.startswith("xendisks/")]:
        del state.volumes[name]
        state.content.pop(f"/dev/{name}", None)
        shutil.rmtree(host.tree / "volumes" / name, ignore_errors=True)
        host.model.remove_nodes((f"/dev/{name}",))


def no_group(host: Host) -> None:
    no_volumes(host)
    del host.model.state.groups["xendisks"]


def no_debootstrap(host: Host) -> None:
    del host.model.state.packages["debootstrap"]


def no_config(host: Host) -> None:
    (host.tree / "etc/xen/vm01.cfg").unlink()


GONE: list[tuple[str, Callable[[Host], None], str, str]] = [
    ("volume_group", no_group, "volume_group", "network_bridge"),
    ("guest_volumes", no_group, "volume_group", "network_bridge"),
    ("guest_volumes", no_volumes, "guest_volumes", "volume_group"),
    ("guest_system", no_volumes, "guest_volumes", "volume_group"),
    ("guest_config", no_volumes, "guest_volumes", "volume_group"),
    ("guest_volumes", no_debootstrap, "xen_packages", "distribution"),
    ("guest_config", no_config, "guest_config", "guest_system"),
]


@pytest.mark.parametrize(
    ("stood", "gone", "step", "before"), GONE, ids=[f"{row[0]}-{row[1].__name__}" for row in GONE]
)
def test_resume_says_whose_work_is_gone_and_how_it_is_done_again(
    ground: Ground, stood: str, gone: Callable[[Host], None], step: str, before: str
) -> None:
    # It said that "the step before this one makes it", or that a device cannot be mounted, at each
    # resume; unattended it took all back.
    host = stopped_after(ground, stood)
    gone(host)
    for _try in range(2):
        with pytest.raises(Stopped, match=f"The work of an earlier step, {step}, is not") as caught:
            host.resume()
        assert f"sudo xen-setup rollback --to {before}" in caught.value.hint
        # No step is done twice in a run: what was said beside it must not promise that.
        for promise in ("step before", "remove the file"):
            assert promise not in str(caught.value.details)
        now = status(host.store, f"boot-{host.model.state.boots}")
        assert ("stopped", caught.value.what) == (now.state, now.runs[-1].reason)
    roll_back(host.store, host.machine(), host.reporter, before)
    host.resume()
    host.questions.clear()
    assert [] == ground.wrong_at_the_end()


@pytest.mark.parametrize("purged", [True, False])
def test_for_a_hypervisor_that_is_gone_nothing_is_booted(ground: Ground, purged: bool) -> None:
    # The menu had its entry still: the machine was booted into plain Linux, at each resume.
    host = stopped_after(ground, "guest_config")
    for place in (host.tree / "boot").glob("xen-*.gz"):
        place.unlink()
    if purged:
        del host.model.state.packages["xen-system-amd64"]
    boots = host.model.state.boots
    for _try in range(2):
        with pytest.raises(Stopped, match="The work of an earlier step, xen_packages, is not"):
            host.resume()
    assert boots == host.model.state.boots


def test_what_the_user_goes_on_without_is_no_lost_work(ground: Ground) -> None:
    host = stopped_after(ground, "guest_volumes")
    del host.model.state.packages["debian-archive-keyring"]
    wishes = host.wishes
    host.wishes = replace(wishes, on_failure="stop", ignore=frozenset({"packages-missing"}))
    host.lies = lambda argv: Lie("fails", status=1) if argv[0] == "debootstrap" else None
    with pytest.raises(Stopped, match="Stopped in the step guest_system"):
        host.resume()
    host.lies, host.wishes = lambda _argv: None, wishes


def test_a_failure_with_all_earlier_work_there_is_decided_as_ever(ground: Ground) -> None:
    host = stopped_after(ground, "guest_volumes")
    wishes, host.wishes = host.wishes, replace(host.wishes, on_failure="stop")
    host.lies = lambda argv: Lie("fails", status=1) if argv[0] == "debootstrap" else None
    with pytest.raises(Stopped, match="Stopped in the step guest_system: `debootstrap"):
        host.resume()
    host.lies = lambda _argv: None
    host.resume()
    host.wishes = wishes
    assert [] == ground.wrong_at_the_end()
