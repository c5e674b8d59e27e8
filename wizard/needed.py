"""Which packages of ours somebody needs by now: they stay when the others are taken back."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass

from wizard.actions import Need
from wizard.errors import Conflict, StepFailed
from wizard.signatures import Ask

_TIME = 120.0  # seconds; emulated machines are slow
_RELATIONS = "--showformat=${binary:Package}\\t${Provides}\\t${Pre-Depends}, ${Depends}\\n"
_NAME = r"[a-z0-9][a-z0-9+.-]+"


@dataclass(frozen=True)
class Kept:
    """Names of packages that stay, and for what each: by package, without what it needs itself."""

    names: frozenset[str]
    reasons: dict[str, str]

    @property
    def words(self) -> str:
        """In a sentence what stays, and until when; "" for nothing."""
        if not self.reasons:
            return ""
        each = "; ".join(f"{name}, for {why}" for name, why in self.reasons.items())
        return (
            f"Packages stay that are needed by now: {each}. Once nothing needs them: "
            f"apt-get purge {' '.join(sorted(self.names))}"
        )


def served_without(needs: Iterable[Need], ask: Ask) -> tuple[str, ...]:
    """What there is that would need packages that are about to come in, and does without; what
    cannot be told counts as nothing. A domain that runs never does without.
    """
    found: list[str] = []
    for need in needs:
        with suppress(StepFailed):
            found += [] if need.stops else [f"{need.what} {thing}" for thing in _found(need, ask)]
    return tuple(found)


def kept(
    needs: Iterable[Need],
    installed: Collection[str],
    ours: Iterable[str],
    ask: Ask,
    *,
    before: Collection[str] = (),
) -> Kept:
    """What of `ours` stays, as it is needed by now by other than what did without it `before`.
    Raises `Conflict` for what must go before anything is taken back, `StepFailed` where it cannot
    be told.
    """
    reasons: dict[str, str] = {}
    names = tuple(ours)
    bare = {name.partition(":")[0] for name in names}
    some = any(name in installed for name in names)
    for need in needs:
        # One that is not whole is being taken back already, or was never there. What stops all
        # does so for those that came with it, too: it may only have stood for them.
        if need.package not in bare or not (need.package in installed or (need.stops and some)):
            continue
        found = [thing for thing in _found(need, ask) if f"{need.what} {thing}" not in before]
        if not found:
            continue
        which = f"{need.what} {', '.join(found)}"
        if need.stops:
            raise Conflict(
                f"{need.package} is needed by now, for {which}.",
                hint="If that may go, end or remove it yourself; then take back again.",
            )
        reasons[need.package] = which
    if not reasons:
        return Kept(frozenset(), {})
    answer = ask(("dpkg-query", "--show", _RELATIONS), _TIME)
    if answer.status != 0:
        raise StepFailed(
            f"dpkg does not say what {', '.join(reasons)} needs, which must stay.",
            hint="Try `dpkg --audit`, and mend what it names.",
            details=tuple(answer.err.splitlines()[-5:]),
        )
    return Kept(frozenset(with_needed(reasons, bare, answer.out)), reasons)


def with_needed(names: Iterable[str], ours: Collection[str], relations: str) -> set[str]:
    """These and all of ours that they need, by lines of name, what it provides and what it depends
    on; of alternatives, all.
    """
    provides: dict[str, set[str]] = {}
    needs: dict[str, set[str]] = {}
    for line in relations.splitlines():
        name, provided, needed = (*line.split("\t"), "", "")[:3]
        name = name.partition(":")[0]
        needs.setdefault(name, set()).update(_names(needed))
        for virtual in (name, *_names(provided)):
            provides.setdefault(virtual, set()).add(name)
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for wanted in needs.get(name, ()):
            waiting += [one for one in provides.get(wanted, ()) if one in ours]
    return found


def _found(need: Need, ask: Ask) -> list[str]:
    answer = ask(need.argv, _TIME)
    if answer.status != 0:
        raise StepFailed(
            f"Whether {need.package} is needed by now cannot be told: `{shlex.join(need.argv)}` "
            f"failed (exit status {answer.status}).",
            hint="See what it says when you run it; then take back again.",
            details=tuple(answer.err.splitlines()[-6:]),
        )
    return list(dict.fromkeys(re.findall(need.pattern, answer.out, re.MULTILINE)))


def _names(relation: str) -> list[str]:
    """The packages in "libc6 (>= 2.36), exim4 | postfix:any", by their bare names."""
    return [
        found[0]
        for word in re.split(r"[,|]", relation)
        if (found := re.match(_NAME, word.strip())) is not None
    ]
