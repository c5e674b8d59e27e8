"""Apply and resume: the loop over steps and actions, the journal around it, what failures mean."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from wizard import VERSION as PROGRAM
from wizard.actions import Action, CreatePartition, Reboot
from wizard.companion import Asking, Companion, led_through, remember
from wizard.diagnosis import Rule, likely
from wizard.errors import (
    Cancelled,
    Exit,
    Interrupted,
    RebootNeeded,
    StepFailed,
    Stopped,
    UsageError,
)
from wizard.failure import (
    Change,
    Changing,
    Failure,
    reached,
    refuse_boot_loop,
    rolled_back,
    stop_for,
    stopped,
    take_back_from,
    used_by,
    waited_out,
)
from wizard.journal import Journal, RunDirectory, Store, unfinished_run
from wizard.lost_work import lost_work
from wizard.performer import Performer
from wizard.preview import (
    StepPreview,
    errors_in,
    points_of_no_return,
    preview,
    refuse_problems,
)
from wizard.records import (
    ENDED,
    VERSION,
    Begun,
    Confirmed,
    Done,
    Finished,
    Ledger,
    Paused,
    RollbackBegun,
    RollbackEnded,
    RunBegun,
    Skipped,
    StepBegun,
    StepLeftOut,
    StepVerified,
)
from wizard.reporter import Reporter
from wizard.rollback import (
    not_confirmed,
    open_run,
    roll_back_all,
    settle,
    take_back,
    take_back_entry,
    take_back_step,
)
from wizard.saved_plan import Promise
from wizard.schedule import prospects
from wizard.scope import go_on, newest, scope_of
from wizard.step import Guard, Step, ignoring, step_name
from wizard.wishes import OnFailure, Outcome, Wishes

__all__ = ["OnFailure", "Outcome", "Pipeline", "StepPreview", "Wishes", "preview", "unfinished_run"]

S = TypeVar("S")
F = TypeVar("F")
A = TypeVar("A")

_PROBE_TIME = 10.0


@dataclass
class Pipeline(Generic[S, F]):
    """The steps in their order, and all that is needed to run them.

    `read_facts` reads the machine anew. `promise`: the saved plan that the run is held to, and a
    step that would do anything else fails. `rules`: what is known of failures; what they say of one
    is in its error's `likely`, before anybody is asked what to do. `companion`: who goes through it
    with a learner, and asks for the answers on the way. `alone`: no later run will stand on a new
    one. Everything raised is a `SetupError` that says how it ended; the exit status is in it.
    """

    steps: Sequence[Step[S, F]]
    read_facts: Callable[[], F]
    store: Store
    machine: Performer
    reporter: Reporter
    wishes: Wishes = field(default_factory=Wishes)
    promise: Promise[F] | None = None
    rules: Sequence[Rule] = ()
    companion: Companion[S, F] | None = None
    alone: bool = False

    def __post_init__(self) -> None:
        self._step_now = ""
        self._action_now: Action | None = None
        self._again: set[str] = set()  # steps that were tried once more by themselves

    # --- the two ways in ----------------------------------------------------------------------

    def apply(self, settings: S, answers: str) -> Outcome:
        """Check all, then do all; `answers` is the text that is kept with the run.

        Raises `ChecksFailed` before the first change, `StepFailed` when all was taken back,
        `RollbackIncomplete`, `Stopped`, `Interrupted`, `RebootNeeded`, `Locked`.
        """
        started = time.monotonic()
        with self.store.lock("apply"), self.machine.interrupts:
            self._refuse_unfinished()
            self.machine.clear_leftovers()
            facts = self.read_facts()
            previews = preview(self.steps, settings, facts, self.wishes.ignore)
            if self.promise is not None:
                self.promise.refuse_drift(facts, previews)
            # A learner has answered nothing yet: what a later step refuses may be answered away.
            now = previews[:1] if self.companion is not None else previews
            refuse_problems(now, consent=self.wishes.consent)
            self.machine.interrupts.check()
            if not any(step.plan and step.plan.actions for step in previews):
                for step in self.steps:
                    errors = errors_in(ignoring(step.verify(settings, facts), self.wishes.ignore))
                    stop_for(step_name(step), "has nothing to do, but is not right", errors)
                return self._outcome(None, started)
            run = self.store.new_run(answers, self.promise.text if self.promise else "")
            journal = open_run(self.store, self.machine, run)
            names = tuple(step_name(step) for step in self.steps)
            plan = self.promise.fingerprint if self.promise else ""
            begun = RunBegun(VERSION, self.store.fingerprint, PROGRAM, names, plan, self.alone)
            journal.append(begun)
            remember(journal, self.companion, ends=False)
            self._go(run, journal, settings, facts)
            return self._outcome(run, started)

    def resume(self, settings: S) -> Outcome:
        """Go on with the newest run where it stopped; nothing to go on with is no error.

        A rollback that was cut off is finished instead.
        """
        started = time.monotonic()
        with self.store.lock("resume"), self.machine.interrupts:
            if (run := unfinished_run(self.store)) is None:
                return self._outcome(None, started)
            ledger = self.store.ledger(run)
            if ledger.state == "rolling back":
                roll_back_all(self.store, self.machine, self.reporter, scope_of(ledger, run))
                return self._outcome(run, started)
            journal = open_run(self.store, self.machine, run)
            remember(journal, self.companion, ends=self.wishes.lesson_ends)
            self._refuse_same_boot(journal)
            self._go(run, journal, settings, None)
            return self._outcome(run, started)

    # --- the loop -----------------------------------------------------------------------------

    def _go(self, run: RunDirectory, journal: Journal, settings: S, facts: F | None) -> None:
        """Run the steps from the one that the journal stands at. No facts: read them."""
        self.reporter.run_begins(run.workplace.log, journal.ledger.steps)
        keep = self.store.keeping(run)
        try:
            while True:
                try:
                    self._settle(journal)
                    current = self.read_facts() if facts is None else facts
                    wanted = self.wishes.wanted(self.steps)
                    ahead = prospects(wanted, journal.ledger, settings, current, self.wishes.ignore)
                    self.reporter.outlook(ahead)
                    while (place := self._position(journal.ledger)) < len(self.steps):
                        self.wishes.stop_past_last(self.steps, place)
                        step = self.steps[place]
                        settings = self._asked_for(journal, settings, step, current, keep)
                        current = self._led(journal, settings, step, current)
                    break
                except StepFailed as error:
                    settings = self._failed(run, journal, settings, error)
                    facts = None
            journal.append(Finished())
        except Interrupted as error:
            self._pause(journal, error.what, error.status)
            error.hint = go_on(run)
            raise
        except Cancelled as error:
            self._pause(journal, error.what, Exit.STOPPED)
            raise Stopped(error.what, hint=go_on(run)) from error
        finally:
            self.machine.release()

    def _asked_for(
        self, journal: Journal, before: S, step: Step[S, F], facts: F, keep: Callable[[str], None]
    ) -> S:
        """The settings after a learner was asked for a step's answers, if somebody is led."""
        if (companion := self.companion) is None:
            return before
        self._step_now, self._action_now = step_name(step), None
        asking = Asking(self.steps, step, before, journal, keep)
        settings = self._asked(lambda: led_through(companion, asking, facts))
        self.wishes = replace(self.wishes, ignore=companion.ignored())
        return settings

    def _led(self, journal: Journal, settings: S, step: Step[S, F], facts: F) -> F:
        """One step, and with a learner before it what is asked for more of earlier ones."""
        if (companion := self.companion) is None:
            return self._step(journal, settings, step, facts)
        for earlier in self.steps[: self.steps.index(step)]:
            if journal.ledger.step_states.get(step_name(earlier)) == "begun":
                because = f"Your answers ask for more of an earlier step: {earlier.TITLE}."
                facts = self._step(journal, settings, earlier, facts, because)
        facts = self._step(journal, settings, step, facts)
        self._asked(lambda: companion.after(step, facts))
        return facts

    def _step(
        self, journal: Journal, settings: S, step: Step[S, F], facts: F, because: str = ""
    ) -> F:
        """Check, plan, do and verify one step; the facts after it."""
        name = step_name(step)
        self._step_now, self._action_now = name, None
        started = time.monotonic()
        problems = ignoring(step.check(settings, facts), self.wishes.ignore)
        stop_for(name, "cannot go on", errors_in(problems))
        plan = step.plan(settings, facts)
        if self.promise is not None:
            self.promise.hold(name, plan, again=journal.ledger.step_states[name] != "to do")
        if not self.wishes.consent:
            stop_for(name, "needs your consent", points_of_no_return(plan))
        refuse_boot_loop(journal.ledger, name, plan)
        companion, known = self.companion, facts
        if companion is not None:
            self._asked(lambda: companion.ready(step, plan, known, because=because))
            started = time.monotonic()  # reading is not doing
        self.reporter.step_begins(name, step.TITLE, plan)
        guard = plan.guard if plan.actions else None
        journal.append(StepBegun(name, guarded=guard is not None))
        try:
            if guard is not None:
                self.machine.arm((*self.wishes.program, "rollback", "--unconfirmed"), guard.seconds)
            for index, action in enumerate(plan.actions, start=1):
                self._action(journal, name, action, index, len(plan.actions))
            self._action_now = None
            self.machine.release()
            if plan.actions:
                facts = self.read_facts()
            problems = ignoring(step.verify(settings, facts), self.wishes.ignore)
            stop_for(name, "did its work, but it is not right", errors_in(problems))
            if guard is not None:
                self._confirm(name, guard)
        except (StepFailed, Interrupted, Cancelled):
            if guard is not None:
                # Whoever could go on from here may have lost the way to this machine.
                self._take_back_guarded(journal, name)
            raise
        if guard is not None:
            journal.append(Confirmed(name))
            self.machine.disarm()
        journal.append(StepVerified(name))
        self.reporter.step_done(name, time.monotonic() - started, tuple(problems))
        return facts

    def _action(self, journal: Journal, name: str, action: Action, index: int, of: int) -> None:
        """Do one action by the journal's rules."""
        self.machine.interrupts.check()
        self._action_now = action
        self.reporter.action_begins(action, index, of)
        if not isinstance(action, CreatePartition) and self.machine.is_done(action):
            journal.append(Skipped(name, action))
            self.reporter.action_skipped(action)
            return
        started = time.monotonic()
        number = journal.next_entry()
        undo = self.machine.prepare(action, f"{number:04}")
        self.machine.checkpoint("before it is journaled")
        journal.append(Begun(number, name, action, undo))
        self.machine.checkpoint("journaled")
        if isinstance(action, Reboot):
            self._boot(action)
        try:
            self.machine.perform(action, undo, self.reporter)
        except (StepFailed, Interrupted) as error:
            entry = journal.ledger.entries[number]
            take_back_entry(journal, self.machine, self.reporter, entry, error)
            raise
        self.machine.checkpoint("before its end is journaled")
        journal.append(Done(number))
        self.machine.checkpoint("its end is journaled")
        self.reporter.action_done(action, time.monotonic() - started)

    def _settle(self, journal: Journal) -> None:
        """Finish or take back what a crash cut off, and what could not be taken back before."""
        ledger = journal.ledger
        behind = ledger.left_behind
        if ledger.guard_open:
            self._take_back_guarded(journal, ledger.current)
        settle(journal, self.machine, self.reporter, behind)
        self.machine.release()  # what reads the facts next must find the volumes free

    def _position(self, ledger: Ledger) -> int:
        """The index of the first step that is neither verified nor left out."""
        names = [step_name(step) for step in self.steps]
        for name in ledger.steps:
            if ledger.step_states[name] in ENDED:
                continue
            if name in names:
                return names.index(name)
            raise UsageError(
                f"The run stands at the step {name}, which this version does not have.",
                hint=f"Go on with xen-setup {ledger.program}, or roll back.",
            )
        return len(names)

    # --- reboot -------------------------------------------------------------------------------

    def _boot(self, action: Reboot) -> None:
        self.machine.release()
        by_hand = "Boot with `sudo reboot`; afterwards go on with `sudo xen-setup resume`."
        if not action.automatic:
            raise RebootNeeded("Everything is ready for the boot.", hint=by_hand)
        self.reporter.machine_goes_down()
        try:
            self.machine.request_reboot()
        except StepFailed as error:
            raise RebootNeeded(
                f"The machine could not be booted from here: {error.what}",
                hint=by_hand,
                details=error.details,
            ) from error
        raise RebootNeeded(
            "The machine boots now.",
            hint="The run goes on by itself afterwards; `xen-setup status` shows it.",
        )

    def _refuse_same_boot(self, journal: Journal) -> None:
        entry = journal.ledger.waits_for_boot
        if entry is None or self.machine.is_done(entry.action, entry.undo):
            return
        assert isinstance(entry.action, Reboot)
        self._boot(entry.action)

    # --- guarded steps ------------------------------------------------------------------------

    def _confirm(self, name: str, guard: Guard) -> None:
        """Wait for the confirmation; raises `StepFailed` when it does not come in time."""
        confirm = self.wishes.confirm if guard.ask else None
        # A question that nobody is asked would look like one that waits for an answer.
        words = guard.question if confirm else f"until {guard.condition}"
        self.reporter.waiting(words, guard.seconds)
        if confirm is not None:
            if self._asked(lambda: confirm(guard.question, guard.seconds)):
                return
        elif self._probe_confirms(guard):
            return
        self.machine.interrupts.check()
        raise StepFailed(
            f"{name} was not confirmed within {guard.seconds} seconds, and is taken back.",
            hint="See why the machine could not be reached (or did not reach out) with it.",
        )

    def _probe_confirms(self, guard: Guard) -> bool:
        deadline = time.monotonic() + guard.seconds
        while True:
            self.machine.interrupts.check()
            if self.machine.reads_well(guard.probe, _PROBE_TIME):
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.machine.interrupts.wait(min(1.0, left))

    def _take_back_guarded(self, journal: Journal, name: str) -> None:
        self.reporter.note(f"{name} is taken back: it was not confirmed.")
        whole = take_back_step(journal, self.machine, self.reporter, name)
        self._pause(journal, not_confirmed(name, whole=whole), Exit.STOPPED)
        self.machine.disarm()

    # --- what failures mean -------------------------------------------------------------------

    def _failed(self, run: RunDirectory, journal: Journal, settings: S, error: StepFailed) -> S:
        """Decide what becomes of the run; returns only when it goes on, with these settings."""
        step = self._step_now or journal.ledger.current
        self.machine.release()
        error.likely = likely(error, self.rules)
        self.machine.note("\n".join((f"failed: {error.what}", *error.likely)))
        self.reporter.failed(step, self._action_now, error)
        facts = self.read_facts
        ignore = self.wishes.ignore
        if lost := lost_work(self.steps, journal.ledger, settings, facts, error, ignore=ignore):
            self._pause(journal, lost.what, Exit.STOPPED)
            raise lost from error
        while True:
            match self._decide(run, journal.ledger, step, error):
                case "roll back":
                    self._roll_back_failed(run, journal, error)
                case "stop":
                    self._pause(journal, error.to_keep, Exit.STOPPED)
                    raise stopped(step, error, go_on(run)) from error
                case "retry":
                    self._pause(journal, error.to_keep, Exit.STOPPED)
                    return settings
                case "skip":
                    journal.append(StepLeftOut(step))
                    self.reporter.note(f"{step} is left out.")
                    return settings
                case "change":
                    changed = self._changed(run, journal, settings, step)
                    if changed is None:
                        continue  # the person thought better of it, and is asked again
                    self._pause(journal, error.to_keep, Exit.STOPPED)
                    return changed

    def _decide(self, run: RunDirectory, ledger: Ledger, name: str, error: StepFailed) -> OnFailure:
        wish = self.wishes.on_failure
        if callable(wish):
            titles = {step_name(step): step.TITLE for step in self.steps}
            failure = Failure(
                name, titles.get(name, name), self._action_now, error, run.workplace.log,
                skip=self.wishes.optional.get(name, ""),
                changes=self.wishes.change is not None and self.promise is None,
            )  # fmt: skip
            return self._asked(lambda: wish(failure))
        if name not in self._again and waited_out(
            error, self.rules, self.machine.interrupts, self.reporter
        ):
            self._again.add(name)
            return "retry"
        if wish == "roll back" and ledger.has_booted():
            # A guest that is slow to start must not cost the user the whole host.
            return "stop"
        return wish

    def _changed(self, run: RunDirectory, journal: Journal, settings: S, name: str) -> S | None:
        """Other settings, if a person wants them. The old answers stay the run's until nothing on
        the machine comes from them any more.
        """
        change: Change[S, F] | None = self.wishes.change
        assert change is not None
        take_back_step(journal, self.machine, self.reporter, name)
        self.machine.release()
        facts = self.read_facts()

        def redone(new: S) -> list[Step[S, F]]:
            return used_by(self.steps, journal.ledger, settings, new, facts)

        asking = Changing(settings, name, facts, redone, reached(journal.ledger))
        changed = self._asked(lambda: change(asking))
        if changed is None:
            return None
        take_back_from(journal, self.machine, self.reporter, redone(changed.settings))
        self.store.keep_answers(run, changed.answers)
        return changed.settings

    def _roll_back_failed(self, run: RunDirectory, journal: Journal, error: StepFailed) -> None:
        scope = newest(run)
        left = take_back(journal, self.machine, self.reporter, scope)
        raise rolled_back(error, left, scope) from error

    def _pause(self, journal: Journal, reason: str, status: int) -> None:
        """Journal a stop. A rollback that is cut off stays one."""
        if journal.ledger.open and journal.ledger.state != "rolling back":
            journal.append(Paused(reason, int(status)))

    def _asked(self, ask: Callable[[], A]) -> A:
        """A person's answer. Ctrl-C and a terminal that is gone are signals like any other."""
        try:
            return ask()
        except KeyboardInterrupt:
            self.machine.interrupts.note(signal.SIGINT)
        except EOFError:
            self.machine.interrupts.note(signal.SIGHUP)
        raise self.machine.interrupts.error()

    # --- small things -------------------------------------------------------------------------

    def _refuse_unfinished(self) -> None:
        while (run := unfinished_run(self.store)) is not None:
            journal = self.store.journal(run)
            if journal.ledger.to_take_back:
                raise Stopped("An earlier run is not finished.", hint=go_on(run, journal.ledger))
            # It changed nothing that is still there: this run takes its place.
            journal.append(RollbackBegun(""))
            journal.append(RollbackEnded(complete=True))

    def _outcome(self, run: RunDirectory | None, started: float) -> Outcome:
        left_out = self.store.ledger(run).left_out if run is not None else ()
        return Outcome(run, time.monotonic() - started, self.machine.command_seconds, left_out)
