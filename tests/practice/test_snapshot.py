"""The comparison of two states of a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vm import snapshot
from tests.vm.snapshot import ALLOWED, Allowed, Difference, NotWhole, compare, table

BEFORE = {"etc": {"/etc/a": "1", "/etc/b": "1"}, "lvm": {}}


def test_equal_states_have_no_difference() -> None:
    assert compare(BEFORE, BEFORE) == []
    assert table(BEFORE, BEFORE) == "no difference"


def test_what_came_went_and_changed_is_found() -> None:
    after = {"etc": {"/etc/a": "2", "/etc/c": "1"}, "new": {"x": "y"}}
    assert compare(BEFORE, after, allowed=()) == [
        Difference("etc", "/etc/a", "1", "2"),
        Difference("etc", "/etc/b", "1", None),
        Difference("etc", "/etc/c", None, "1"),
        Difference("new", "x", None, "y"),
    ]


def test_a_difference_is_allowed_in_its_own_section_only() -> None:
    after = {"etc": {"/etc/a": "2", "/etc/b": "1"}, "boot": {"/etc/a": "2"}, "lvm": {}}
    rule = Allowed("etc", "/etc/a*", "why not")
    assert compare(BEFORE, after, [rule]) == [Difference("boot", "/etc/a", None, "2")]
    assert "why not" in table(BEFORE, after, [rule])
    assert "NOT ALLOWED" in table(BEFORE, after, [rule])


def test_a_changed_text_is_shown_by_its_lines() -> None:
    shown = str(Difference("boot", "grub.cfg", "a\nb\n", "a\nc\n"))
    assert "-b" in shown
    assert "+c" in shown


def test_every_allowed_difference_has_its_reason() -> None:
    assert all(len(rule.reason) > 15 for rule in ALLOWED)


# ---- taken whole, or not at all


def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "grub").mkdir()
    (tmp_path / "grub" / "grub.cfg").touch()
    assert 2 == len(list(snapshot._files(str(tmp_path))))
    with pytest.raises(NotWhole, match="No such file or directory"):
        list(snapshot._files(str(tmp_path / "gone")))


def test_a_command_that_fails_is_not_taken_for_one_that_found_nothing(tmp_path: Path) -> None:
    assert "x\n" == snapshot._run("echo", "x")
    assert "" == snapshot._run("no-such-program-anywhere")
    with pytest.raises(NotWhole, match=r"^ls .*/gone: status 2: .*No such file"):
        snapshot._run("ls", str(tmp_path / "gone"))


def test_a_state_without_what_every_machine_has_is_refused() -> None:
    whole = {section: {"a": "b"} for section in snapshot._NEVER_EMPTY}
    snapshot.refuse_part(whole)
    with pytest.raises(NotWhole, match="nothing was found of: boot"):
        snapshot.refuse_part({**whole, "boot": {}})
