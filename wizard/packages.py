"""The distribution's package manager, asked and told. For machine.py.

apt's simulation says beforehand what a transaction brings in; only that is taken back.
"""

from __future__ import annotations

import fcntl
import re
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wizard import emptied, needed
from wizard.actions import InstallPackages, Need
from wizard.apt import REPAIR, install_command, removal_command
from wizard.edited_configs import keep_edited, said_of_copies
from wizard.errors import Conflict, StepFailed
from wizard.running import Running, Unwatched, Watch
from wizard.undo import PackagesUndo

_ASK_TIME = 120.0  # seconds; emulated machines are slow
_REMOVAL_TIME = 1800.0
_LOCK_TIME = 120.0  # seconds to wait for dpkg's lock, as apt's DPkg::Lock::Timeout
_LOCK = "var/lib/dpkg/lock-frontend"
_UNFINISHED = ("half-installed", "unpacked", "half-configured", "triggers-pending")
_THERE = (*_UNFINISHED, "triggers-awaited", "installed")
_SHOW = "--showformat=${binary:Package} ${Architecture} "


@dataclass(frozen=True)
class Transaction:
    """What apt would do: names that come in, change version, or go."""

    new: tuple[str, ...]
    upgraded: tuple[str, ...]
    removed: tuple[str, ...]


def parse_transaction(text: str) -> Transaction:
    """The "Inst", "Remv" and "Purg" lines of `apt-get --simulate`.

    "Inst name (1.2 Debian:12 [amd64])" comes in; "Inst name [1.1] (1.2 ...)" is upgraded.
    """
    new, upgraded, removed = [], [], []
    for line in text.splitlines():
        found = re.match(r"(Inst|Remv|Purg) (\S+)( \[[^\]]*\])?", line)
        if not found:
            continue
        word, name, old = found.groups()
        if word != "Inst":
            removed.append(name)
        elif old:
            upgraded.append(name)
        else:
            new.append(name)
    return Transaction(tuple(new), tuple(upgraded), tuple(dict.fromkeys(removed)))


def parse_states(text: str) -> dict[str, str]:
    """Package states by name from `dpkg-query`, whose lines are "name architecture state":
    "installed", "config-files", "half-configured"…

    A name with this machine's architecture ("libc6:amd64") is there without it too: dpkg's own.
    """
    rows = [words for line in text.splitlines() if len(words := line.split(maxsplit=2)) == 3]
    native = next((architecture for name, architecture, _ in rows if name == "dpkg"), "")
    states = {name: state.strip() for name, _, state in rows}
    for name, state in list(states.items()):
        bare, _colon, architecture = name.partition(":")
        if architecture == native:
            states.setdefault(bare, state)
    return states


class Packages:
    """dpkg and apt, asked and told. `root` is where their files are."""

    def __init__(self, running: Running, root: Path = Path("/")) -> None:
        self._running = running
        self._root = root
        self._ask = running.ask

    def states(self) -> dict[str, str]:
        """The state of every package that dpkg knows."""
        answer = self._ask(("dpkg-query", "--show", _SHOW + "${db:Status-Status}\\n"), _ASK_TIME)
        if answer.status != 0:
            raise StepFailed(
                "dpkg does not say which packages are installed.",
                hint="Try `dpkg --audit`, and mend what it names.",
                details=tuple(answer.err.splitlines()[-5:]),
            )
        return parse_states(answer.out)

    def all_installed(self, names: Iterable[str]) -> bool:
        """Whether all of these are installed and configured."""
        states = self.states()
        return all(states.get(name) == "installed" for name in names)

    def waiting(self) -> list[str]:
        """What an earlier transaction that was cut off has left unfinished."""
        states = self.states().items()
        return sorted({name.partition(":")[0] for name, state in states if state in _UNFINISHED})

    def undo_for(self, names: tuple[str, ...], needs: Iterable[Need] = ()) -> PackagesUndo:
        """What the installation of these will bring in; refuses one that removes something."""
        self._repair(Unwatched())
        transaction = self._simulate("install", "--no-install-recommends", names=names)
        if transaction.removed:
            raise StepFailed(
                f"Installing {', '.join(names)} would remove {', '.join(transaction.removed)}.",
                hint="Decide about these packages yourself with apt, then start again.",
            )
        states = self.states()
        return PackagesUndo(
            names=transaction.new,
            configured=tuple(
                name for name in transaction.new if states.get(name) == "config-files"
            ),
            automatic=self.automatic(name for name in names if states.get(name) == "installed"),
            upgraded=transaction.upgraded,
            served=needed.served_without(needs, self._ask),
        )

    def automatic(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of these that are marked as automatically installed."""
        wanted = tuple(names)
        if not wanted:
            return ()
        answer = self._ask(("apt-mark", "showauto", *wanted), _ASK_TIME)
        if answer.status != 0:
            raise StepFailed(
                "apt does not say which packages came in by themselves.",
                hint=f"See what this says: apt-mark showauto {' '.join(wanted)}",
                details=tuple(answer.err.splitlines()[-5:]),
            )
        return tuple(answer.out.split())

    def ours_still_there(
        self, undo: PackagesUndo, kept: Collection[str] = ()
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is to be purged, and what only to be removed, of what came in; not what is `kept`.

        Raises `Conflict` when something that did not come with it needs it by now.
        """
        purge, remove = self._still_there(undo, kept)
        if purge or remove:
            transaction = self._simulate("purge", "--no-auto-remove", names=(*purge, *remove))
            bare = {name.partition(":")[0] for name in undo.names} - {*kept}
            others = [name for name in transaction.removed if name.partition(":")[0] not in bare]
            if others:
                raise Conflict(
                    f"Installed since then, and in need of these packages: {', '.join(others)}.",
                    hint="Remove them yourself if nothing needs them, then roll back again.",
                )
        return purge, remove

    def _still_there(
        self, undo: PackagesUndo, kept: Collection[str]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """As `ours_still_there`, whoever needs it."""
        states = self.states()
        keep = ("not-installed", None)
        names = [name for name in undo.names if name.partition(":")[0] not in kept]
        purge = tuple(
            name for name in names if states.get(name) not in keep and name not in undo.configured
        )
        remove = tuple(
            name
            for name in names
            if name in undo.configured and states.get(name) not in (*keep, "config-files")
        )
        return purge, remove

    def install(self, action: InstallPackages, undo: PackagesUndo, watch: Watch) -> None:
        """Install, and see that it is done; also what a crash has cut off."""
        try:
            self._repair(watch)
        except StepFailed:
            if not self._make_whole(undo, watch):
                raise
            self._repair(watch)
        ours = [name for name in undo.names if name not in undo.configured]
        emptied.fill_lists(ours, self._running, watch, self._root)
        emptied.fill_configs(ours, self._running, self._root)
        self._running.do(install_command(action.packages), action.timeout, watch, "apt")
        if not self.all_installed(action.packages):
            raise StepFailed(
                f"apt ended with exit status 0, but not all of {', '.join(action.packages)} "
                "are installed.",
                hint="See what `dpkg --audit` says.",
            )

    def uninstall(
        self, undo: PackagesUndo, needs: Iterable[Need], edited: Path, watch: Watch
    ) -> str:
        """Take back what came in, and see that it is gone, and nothing else left half done. Copies
        of configuration files that somebody has edited go to `edited`. What stays, as it is needed
        by now, and what was copied, in sentences.
        """
        states = self.states()
        whole = [name for name, state in states.items() if state == "installed"]
        kept = needed.kept(needs, whole, undo.names, self._ask, before=undo.served)
        with suppress(StepFailed):
            self._repair(watch)  # one of ours that cannot be configured can go all the same
        half = self._make_whole(undo, watch)
        purge, _ = self._still_there(undo, kept.names)
        keep_edited(purge, edited, self._running, self._root)
        if half:
            self._force_out(half, undo, kept.names, watch)
        purge, remove = self.ours_still_there(undo, kept.names)
        try:
            emptied.fill_lists(purge, self._running, watch, self._root)
        except (StepFailed, OSError) as error:
            self._running.log.note(f"what a power cut may have emptied is not filled: {error}")
        failed: StepFailed | None = None
        for verb, names in (("purge", purge), ("remove", remove)):
            if names:
                try:
                    self._running.do(removal_command(verb, names), _REMOVAL_TIME, watch, "apt")
                except StepFailed as error:
                    failed = error  # perhaps only of what is not ours
        if undo.automatic:
            self._running.do(("apt-mark", "auto", *undo.automatic), _ASK_TIME, watch)
        purge, remove = self.ours_still_there(undo, kept.names)
        if failed and (purge or remove):
            raise failed
        if purge or remove:
            raise StepFailed(
                f"apt ended with exit status 0, but {', '.join((*purge, *remove))} are still "
                "there.",
                hint="See what `dpkg --audit` says, then roll back again.",
            )
        try:
            self._repair(watch)
        except StepFailed as error:
            if waiting := ", ".join(self.waiting()):
                raise StepFailed(
                    f"Our packages are gone; but dpkg cannot finish with {waiting}.",
                    hint="Its last lines say why. Mend that, see that `dpkg --configure --pending` "
                    "ends well, then roll back again.",
                    details=error.details,
                ) from error
        return " ".join(filter(None, (kept.words, said_of_copies(edited))))

    def _make_whole(self, undo: PackagesUndo, watch: Watch) -> tuple[str, ...]:
        """Unpack once more what a cut left half unpacked, as far as that goes, and name it. Of such
        a package dpkg does not know all files, and what it does not know would stay; nor does it
        configure one.
        """
        states = self.states()
        # "unpacked", too: dpkg takes the flag away only after that.
        half = [name for name in undo.names if states.get(name) in _UNFINISHED]
        if not half:
            return ()
        wanted = _SHOW + "${db:Status-Eflag}\\n"
        answer = self._ask(("dpkg-query", "--show", wanted, "dpkg", *half), _ASK_TIME)
        flags = parse_states(answer.out)
        # Without the flag it waits to be configured, or its removal was cut off: that goes on.
        half = [name for name in half if flags.get(name) == "reinstreq"]
        if not half:
            return ()
        with suppress(StepFailed):  # it goes all the same, then by force
            options = ("--no-install-recommends", "--reinstall")
            transaction = self._simulate("install", *options, names=tuple(half))
            # Nothing else may come in: it would not go again.
            if not transaction.removed and {*transaction.new} <= {*undo.names}:
                self._running.do(install_command(half, again=True), _REMOVAL_TIME, watch, "apt")
        return tuple(half)

    def _force_out(
        self, half: tuple[str, ...], undo: PackagesUndo, kept: Collection[str], watch: Watch
    ) -> None:
        """Remove what came in and is not `kept`, if apt cannot for what is half unpacked."""
        states = self.states()
        try:
            self._simulate("purge", "--no-auto-remove", names=half)
        except StepFailed:
            # While no list offers a half unpacked package any more, apt does nothing at all. All
            # that came with it goes at once: dpkg, too, removes nothing that something else needs.
            there = [name for name in undo.names if states.get(name) in _THERE]
            ours = [name for name in there if name.partition(":")[0] not in kept]
            for verb, names in (
                ("--remove", ours),
                ("--purge", [name for name in ours if name not in undo.configured]),
            ):
                if names:
                    command = ("dpkg", verb, "--force-remove-reinstreq", *names)
                    self._running.do(command, _REMOVAL_TIME, watch)

    def _repair(self, watch: Watch) -> None:
        """Finish what an earlier transaction left unfinished; one that goes on is waited for."""
        if self.waiting():
            self._wait_for_lock()
        if self.waiting():
            self._running.do(REPAIR, _REMOVAL_TIME, watch)

    def _wait_for_lock(self) -> None:
        """Wait until no other program has dpkg's lock; after `_LOCK_TIME` dpkg says so itself."""
        interrupts = self._running.interrupts
        ends = time.monotonic() + _LOCK_TIME
        while time.monotonic() < ends:
            try:
                with (self._root / _LOCK).open("r+b") as file:
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                interrupts.wait(0.5)
                interrupts.check()
            except OSError:  # an older dpkg has none
                break
            else:
                break

    def _simulate(self, verb: str, *options: str, names: tuple[str, ...]) -> Transaction:
        answer = self._ask(("apt-get", "--simulate", *options, verb, *names), _ASK_TIME)
        if answer.status != 0:
            raise StepFailed(
                f"apt cannot {verb} {', '.join(names)}.",
                hint="Try `apt-get update` and `apt-get --fix-broken install`; "
                "see that the mirror is reached.",
                details=tuple((answer.out + answer.err).splitlines()[-10:]),
            )
        return parse_transaction(answer.out)
