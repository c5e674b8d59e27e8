"""Xen from a tarball: what stands against it, the one action, and both laws for all the steps."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from steps import PIPELINE, xen_packages
from steps.facts import Facts, Signature, Tarball
from tests.cli.program import xen_setup
from tests.machines import stock
from tests.reading.tarballs import ELF, FILES, HOSTILE, TREE, tarball
from tests.reading.test_tarball import found
from tests.steps.answered import answered
from wizard.actions import InstallPackages, InstallTree, RunCommand
from wizard.preview import preview
from wizard.step import Problem, step_name

PATH = "/root/xen.tgz"
ANSWERS = {"host.xen_source": "tarball", "host.tarball": PATH}


def read(folder: Path, **files: bytes) -> Tarball:
    tarball(folder / "xen.tgz", files={**FILES, **files})
    return replace(found(folder), source=PATH)


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    return replace(stock(), tarball=read(tmp_path))


def problems(facts: Facts, **answers: object) -> list[Problem]:
    return xen_packages.check(answered(facts, {**ANSWERS, **answers}), facts)


def test_it_is_one_action_that_holds_every_file(facts: Facts) -> None:
    actions = xen_packages.plan(answered(facts, ANSWERS), facts).actions
    packages, menu, tree = actions[-3:]
    assert isinstance(packages, InstallPackages)
    # Undone after the tree: so that the menu is written once more when Xen's files have gone.
    assert isinstance(menu, RunCommand)
    assert (("cat", "/boot/grub/grub.cfg"), ("update-grub",)) == (menu.argv, menu.undo)
    assert not [name for name in packages.packages if name.startswith("xen")]
    assert isinstance(tree, InstallTree)
    assert facts.tarball is not None
    assert [entry.path for entry in facts.tarball.entries] == [one.path for one in tree.entries]
    assert ("ldconfig",) == tree.refresh


def test_the_readme_is_shown_and_what_is_replaced_is_named(facts: Facts) -> None:
    assert facts.tarball is not None
    entries = tuple(
        replace(entry, here="other") if entry.path == "/etc/xen/xl.conf" else entry
        for entry in facts.tarball.entries
    )
    facts = replace(facts, tarball=replace(facts.tarball, entries=entries))
    plan = xen_packages.plan(answered(facts, ANSWERS), facts)
    tree = plan.actions[-1]
    assert isinstance(tree, InstallTree)
    assert ("/etc/xen/xl.conf",) == tree.replaced
    assert any("Xen, built for a test." in note for note in plan.notes)


def test_both_laws_hold_for_every_step_over_it(facts: Facts) -> None:
    settings = answered(facts, ANSWERS)
    for one in preview(PIPELINE, settings, facts):
        assert one.plan is not None, one.problems
        assert [] == one.step.verify(settings, one.plan.then), step_name(one.step)
        assert () == one.step.plan(settings, one.plan.then).actions, step_name(one.step)


def test_upstreams_services_are_enabled(facts: Facts) -> None:
    settings = answered(facts, ANSWERS)
    (services,) = [one for one in preview(PIPELINE, settings, facts) if one.name == "xend_services"]
    assert services.plan is not None
    words = " ".join(str(action) for action in services.plan.actions)
    assert "xencommons" in words
    assert "xendomains" in words


def test_what_was_edited_below_etc_is_no_reason_to_install_again(facts: Facts) -> None:
    settings = answered(facts, ANSWERS)
    then = xen_packages.plan(settings, facts).then
    assert then.tarball is not None
    for path, again in (("/etc/xen/xl.conf", False), ("/usr/sbin/xl", True)):
        entries = tuple(
            replace(entry, here="other") if entry.path == path else entry
            for entry in then.tarball.entries
        )
        edited = replace(then, tarball=replace(then.tarball, entries=entries))
        assert again == bool(xen_packages.plan(settings, edited).actions)
        found_wrong = [one.name for one in xen_packages.verify(settings, edited)]
        assert (["tarball-not-installed"] if again else []) == found_wrong


def test_no_path_and_an_unread_one_are_told_apart() -> None:
    assert "tarball-missing" in [one.name for one in problems(stock(), **{"host.tarball": ""})]
    (unread,) = [one for one in problems(stock()) if one.name == "tarball-unread"]
    assert "unknown" == unread.severity


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_one_is_refused_and_never_planned(name: str, tmp_path: Path) -> None:
    changes, words = HOSTILE[name]
    if not words:
        pytest.skip("Python's tarfile takes an unknown type for a file, and so is it looked at")
    tarball(tmp_path / "xen.tgz", *changes)
    facts = replace(stock(), tarball=replace(found(tmp_path), source=PATH))
    refused = [one for one in problems(facts) if one.name == "tarball-refused"]
    assert refused
    assert {"error"} == {one.severity for one in refused}
    assert all(one.hint for one in refused)
    actions = xen_packages.plan(answered(facts, ANSWERS), facts).actions
    assert not any(isinstance(action, InstallTree) for action in actions)


def test_another_checksum_processor_or_library_is_refused(facts: Facts, tmp_path: Path) -> None:
    assert [] == problems(facts)
    assert facts.tarball is not None
    assert [] == problems(facts, **{"host.tarball_sha256": facts.tarball.sha256})
    (other,) = problems(facts, **{"host.tarball_sha256": "0" * 64})
    assert facts.tarball.sha256 in other.what
    i386 = replace(stock(), tarball=read(tmp_path, **{f"{TREE}/usr/sbin/xl": ELF % b"\x03\x00"}))
    (other,) = problems(i386)
    assert "for i686, and this machine is x86_64" in other.what
    both = {f"{TREE}/usr/lib/xen-4.17/boot/hvmloader": ELF % b"\x03\x00"}
    assert [] == problems(replace(stock(), tarball=read(tmp_path, **both)))
    lacking = replace(facts, tarball=replace(facts.tarball, lacking=("libyajl.so.2",)))
    (other,) = problems(lacking)
    assert ("tarball-libraries", True) == (other.name, "libyajl.so.2" in other.what)


def test_only_a_good_signature_by_the_keyring_of_the_answers_will_do(facts: Facts) -> None:
    assert facts.tarball is not None
    wanted = {"host.tarball_signature": "/x.sig", "host.tarball_keyring": "/x.gpg"}

    def told(signature: Signature | None) -> list[tuple[str, str]]:
        assert facts.tarball is not None
        signed = replace(facts, tarball=replace(facts.tarball, signature=signature))
        return [(one.name, one.severity) for one in problems(signed, **wanted)]

    good = Signature("/x.sig", "/x.gpg", ("maker, ABCD",))
    assert [] == told(good)
    assert [("tarball-signature", "error")] == told(replace(good, signers=(), wrong="it is bad"))
    assert [("tarball-signature", "unknown")] == told(None)
    assert [("tarball-signature", "unknown")] == told(replace(good, keyring="/another.gpg"))
    signed = replace(facts, tarball=replace(facts.tarball, signature=good))
    noted = xen_packages.plan(answered(signed, {**ANSWERS, **wanted}), signed).notes
    assert "It is signed by maker, ABCD." in noted


@pytest.mark.skipif(os.geteuid() != 0, reason="check reads this machine's own facts as root")
def test_check_looks_into_the_tarball_of_the_answers(tmp_path: Path) -> None:
    path = tarball(tmp_path / "xen.tgz", *HOSTILE["a way up"][0])
    given = ("--set", "host.xen_source=tarball", "--set", f"host.tarball={path}")
    done = xen_setup("check", "--json", *given)
    steps = {step["name"]: step for step in json.loads(done.stdout)["steps"]}
    names = [one["name"] for one in steps["xen_packages"]["problems"]]
    assert "tarball-refused" in names
    assert "leads out of it with .." in done.stdout
