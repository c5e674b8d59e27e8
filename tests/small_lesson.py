"""A lesson with one of everything, for steps that only tests have."""

from __future__ import annotations

from wizard.lesson import Lesson, Look, ThenAndNow, Trouble

SMALL_LESSON = Lesson(
    idea="What this part is about.",
    then_and_now=(ThenAndNow("the subject", "an old command", "a new command"),),
    check=(Look("true", "nothing, with exit status 0"),),
    undo="There is nothing to undo.",
    wrong=(Trouble("`a message`", "Its cause.", check="a-check"),),
    read_on=("true(1)",),
)
