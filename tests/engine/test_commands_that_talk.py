"""Commands that talk too much, in no known letters, or ask: in actions and all around them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.doing import do, take_back
from tests.engine.world import script, written
from tests.fast import share
from wizard.actions import Action, CommandShows, PathPresent, RunCommand
from wizard.errors import StepFailed
from wizard.machine import Machine

MUCH = 100 * 1024 * 1024  # bytes
TALKS = {
    "100 MB in one line": f"head -c {MUCH} /dev/zero | tr '\\0' x",
    "100 MB in lines": f"yes 'a line of it' | head -c {MUCH}",
    "no UTF-8": r"printf '\377\376 \303( \355\240\200 \000 \033[2J\n'",
    "a question": 'printf "Really? [y/N] "; read -r answer && test "$answer" != n',
}


def action_of(use: str, tree: Path, talk: str) -> Action:
    """An action whose command, undo, probe or refresh says that, and then does its work."""
    place = tree / "made"
    say = f"{{ {talk}; }} || true"
    make = script(tree / "make", f"{say if use == 'command' else ':'}\ntouch {place}")
    remove = script(tree / "remove", f"{say if use == 'undo' else ':'}\nrm -f {place}")
    look = script(tree / "look", f"{say if use == 'probe' else ':'}\ntest -e {place} && echo yes")
    if use == "refresh":
        told = script(tree / "told", f"{say}\ntouch {tree}/told-of-it")
        return written(place, "text", "Why.", refresh=(told,))
    probe = CommandShows((look,), "yes$") if use == "probe" else PathPresent(str(place))
    return RunCommand((make,), "Why.", probe=probe, undo=(remove,), undo_class="by removal")


@pytest.mark.parametrize("talk", ["no UTF-8", "a question"])
@pytest.mark.parametrize("use", ["command", "undo", "probe", "refresh"])
def test_what_a_command_says_does_not_matter_to_what_it_does(
    machine: Machine, tree: Path, use: str, talk: str
) -> None:
    action = action_of(use, tree, TALKS[talk])
    undo = do(machine, action)
    assert (tree / "made").exists()
    take_back(machine, action, undo)
    assert not (tree / "made").exists()


@pytest.mark.parametrize("talk", share(["100 MB in one line", "100 MB in lines"], one_in=2))
def test_what_a_command_says_at_length_is_kept_in_a_few_lines(
    machine: Machine, tree: Path, talk: str
) -> None:
    action = action_of("command", tree, TALKS[talk])
    do(machine, action)
    log = tree.parent / "log"
    assert log.stat().st_size < 20 * 1024 * 1024


def test_a_command_whose_question_nobody_answers_fails_and_is_shown_asking(
    machine: Machine, tree: Path
) -> None:
    ask = script(tree / "ask", TALKS["a question"])
    action = RunCommand((ask,), "Why.", probe=PathPresent(str(tree / "made")))
    with pytest.raises(StepFailed) as caught:
        do(machine, action)
    assert "Really? [y/N] " in caught.value.details[-1]
