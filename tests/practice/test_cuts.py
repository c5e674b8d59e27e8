"""Which power cuts a journey takes, and when; tried with a clock of our own."""

from __future__ import annotations

import pytest

from steps import PIPELINE
from tests.vm.cuts import RANDOM, Cut, Recorder, all_cuts, chosen_cuts, summary


def test_there_are_three_in_each_step_three_at_the_boot_and_thirty_more() -> None:
    cuts = all_cuts()
    assert len(cuts) == 3 * len(PIPELINE) + 3 + RANDOM
    assert len({cut.name for cut in cuts}) == len(cuts)


def test_a_seed_draws_the_same_again_and_another_draws_others() -> None:
    assert all_cuts(7) == all_cuts(7)
    assert all_cuts(7) != all_cuts(8)
    assert chosen_cuts("5", 7) == chosen_cuts("5", 7)


def test_the_choice_is_a_number_a_share_names_or_all() -> None:
    everything = chosen_cuts("all")
    assert everything == all_cuts()
    assert len(chosen_cuts("6")) == 6
    assert len(chosen_cuts("1000")) == len(everything)
    shares = [cut for number in range(1, 9) for cut in chosen_cuts(f"{number}/8")]
    assert sorted(map(str, shares)) == sorted(map(str, everything))
    assert [str(cut) for cut in chosen_cuts("random-03,guest_system-within")] == [
        "random-03",
        "guest_system-within",
    ]
    with pytest.raises(ValueError, match="no cuts are called nonsense"):
        chosen_cuts("nonsense")


def test_what_is_said_before_has_what_makes_the_same_again() -> None:
    cuts = chosen_cuts("4", 7)
    said = summary(cuts, 7)
    assert "XEN_SETUP_CUT_SEED=7" in said
    assert chosen_cuts(said.rpartition("XEN_SETUP_CUTS=")[2], 7) == cuts


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_cuts_are_taken_as_steps_begin_within_them_and_as_they_end() -> None:
    clock = Clock()
    cuts = [
        Cut("a-begins", "a_step", "begins"), Cut("a-within", "a_step", "within", 5.0),
        Cut("a-ends", "a_step", "ends"), Cut("b-within", "b_step", "within", 60.0),
        Cut("b-ends", "b_step", "ends"), Cut("reboot-begins", "reboot", "begins"),
        Cut("reboot-1", "reboot", "within", 3.0), Cut("reboot-2", "reboot", "within", 50.0),
        Cut("random-01", "", "within", 12.0), Cut("random-02", "", "within", 900.0),
    ]  # fmt: skip
    moments: list[tuple[str, float]] = []

    def take(name: str) -> None:
        moments.append((name, clock.now))
        clock.now += 1000  # a copy takes its time, which is not the run's

    recorder = Recorder(cuts, take, clock)

    def wait(seconds: float) -> None:
        clock.now += seconds
        recorder.tick()

    def names() -> list[str]:
        return [name for name, _when in moments]

    recorder.begin()
    wait(1)
    assert names() == []
    recorder.line("1/2 The first (a_step); about 5 min left in all")
    assert names() == ["a-begins"]
    recorder.line("    1/1 run something (or other)")
    wait(4)
    assert names() == ["a-begins"]
    wait(2)
    assert names()[1:] == ["a-within"]
    recorder.line("    verified (7 s)")
    assert names()[2:] == ["a-ends"]
    wait(6)
    assert names()[3:] == ["random-01"]
    recorder.line("2/2 The second (b_step)")
    wait(3)
    recorder.end()
    clock.now += 5000
    recorder.begin("reboot")
    assert names()[4:] == ["reboot-begins"]
    wait(4)
    assert names()[5:] == ["reboot-1"]
    recorder.end()
    assert names()[6:] == ["reboot-2"], "the machine is up before: taken late, and taken"
    recorder.begin()
    recorder.line("2/2 The second (b_step)")
    wait(2)
    recorder.line("    verified (1 s)")
    assert names()[7:] == ["b-within", "b-ends"]
    recorder.finish()
    assert names()[9:] == ["random-02"]
    assert recorder.taken == names()
