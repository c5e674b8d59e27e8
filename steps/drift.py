"""How a machine differs from the facts that a plan was made from, in words: was → is.

Every fact counts, but for those in `VOLATILE`; a new fact counts until it is put there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from steps.facts import Facts
from steps.kinds import show_size
from wizard.codec import encode
from wizard.wording import first_change

Place = tuple[str, ...]
Leaves = dict[Place, Any]

# Facts that change by themselves, and change no plan that is still right: each with its reason.
VOLATILE: Mapping[str, str] = {
    "as_root": "a plan is saved by root and applied by root",
    "boot_id": "every boot has another",
    "version": "of the facts' shape: other versions are not read at all",
    "public_keys": "a person's own; the ones that were chosen stand in the answers",
    "program": "where this program lies; what of it stands in a file is compared as that file",
    "unknown": "words; what could not be read is not known in its own fact too",
    "memory": "Linux keeps some for itself at each boot; checks look at how much is left",
    "tarball": "its hashes stand in the plan's own action, which is compared",
    "space": "logs grow and caches are emptied; checks look whether it is enough",
    "processor.flags": "updates of the microcode and the kernel add some",
    "kernels.initrd_unpacked_mib": "it is made anew at updates; a check looks at its size",
    "packages": "updates change versions; which ones are installed counts (see _view)",
    "installable": "changes whenever apt fetches its lists; a check looks for what is needed",
    "apt.lists_age_hours": "time goes by; whether the lists are fetched stays as planned",
    "apt.reachable": "it was tried at another time, or not at all",
    "services.active": "services come and go; whether one is enabled counts",
    "network.session_card": "the plan may have been made at another keyboard",
    "network.cards.up": "cables; whether the card has an address counts (see _view)",
    "network.cards.addresses": "DHCP and IPv6 give other ones; having one counts (see _view)",
    "volume_groups.volumes.open": "guests start and stop; steps look before they touch a volume",
    "boot.version": "updates of GRUB change it; what its menu holds counts",
    "network.bridges.up": "as with network cards: cables and DHCP",
    "network.bridges.addresses": "as with network cards: cables and DHCP",
    "xen.free_memory": "guests come and go; a check looks whether it is enough",
    "xen.domains.id": "counts up at every start",
    "xen.domains.memory": "ballooning; what a guest is given stands in its config",
    "xen.domains.state": "running, blocked: it changes by the moment",
    "xen.domains.login_prompt": "somebody may be logged in there",
}

# The same for single things.
VOLATILE_THINGS: Mapping[Place, str] = {
    ("directories", "/run/xen-setup"): "this program's own, and gone after a boot",
    (
        "files",
        "/etc/resolv.conf",
    ): "DHCP writes it anew; name servers and domain count by themselves",
}

# A difference below this many MiB is none.
_LITTLE = {"memory": 64, "space": 1024}

_THINGS = {
    "kernels": "kernel",
    "entries": "boot entry",
    "domains": "domain",
    "services": "service",
    "cards": "network card",
    "bridges": "bridge",
    "disks": "disk",
    "partitions": "partition",
    "free": "free space at sector",
    "volume_groups": "volume group",
    "volumes": "volume",
    "tls": "libraries in",
    "guest_trees": "system on",
    "packages": "package",
    "files": "file",
    "links": "link",
    "directories": "directory",
    "space": "free space on",
}
_NAMES = ("name", "path", "device", "version", "start")
_IN_MIB = {"memory", "space", "size", "extent", "total_memory"}


def differences(before: Facts, now: Facts) -> tuple[str, ...]:
    """Each fact that counts and is not what it was, in a line."""
    was, is_now = _leaves(before), _leaves(now)
    lines: list[str] = []
    for place in (*was, *(place for place in is_now if place not in was)):
        if was.get(place, _ABSENT) != is_now.get(place, _ABSENT):
            line = _words(place, was, is_now)
            if line not in lines:  # a thing that is new has many facts
                lines.append(line)
    return (*lines, *_moved(before, now))


def as_planned(before: Facts, now: Facts) -> Facts:
    """The facts to plan with again: whether package lists are fetched is not decided anew."""
    if now.apt.lists_age_hours is None:
        return now
    return replace(now, apt=replace(now.apt, lists_age_hours=before.apt.lists_age_hours))


_ABSENT = object()
_OF_GUESTS = ("vif", "veth", "tap")


def _view(facts: Facts) -> dict[str, Any]:
    """The facts as JSON, and what counts of those that are volatile as a whole."""
    view: dict[str, Any] = encode(facts)
    view["packages"] = dict.fromkeys(view["packages"], "installed")
    for kind in ("cards", "bridges"):
        for item in view["network"][kind]:
            item["has_an_address"] = bool(item["addresses"])
    for bridge in view["network"]["bridges"]:
        # A guest's port has another number at each start of it.
        bridge["ports"] = [port for port in bridge["ports"] if not port.startswith(_OF_GUESTS)]
    return view


def _leaves(facts: Facts) -> Leaves:
    volatile = set(VOLATILE) - {"packages"}
    found = dict(_flat(_view(facts), (), "", volatile))
    return {place: value for place, value in found.items() if place not in VOLATILE_THINGS}


def _flat(value: Any, place: Place, kind: str, volatile: set[str]) -> Iterator[tuple[Place, Any]]:
    """Every value with its place. `kind` is the place without the names of things in it."""
    if kind in volatile:
        return
    if isinstance(value, dict):
        named = kind in ("packages", "files", "links")
        for key, inner in value.items():
            below = kind if named else f"{kind}.{key}".lstrip(".")
            yield from _flat(inner, (*place, key), below, volatile)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for name, item in _named(value):
            yield (*place, name), "there"
            yield from _flat(item, (*place, name), kind, volatile)
    elif isinstance(value, list) and kind == "directories":
        yield from (((*place, path), "there") for path in value)
    elif value != [] or kind.rpartition(".")[2] not in _THINGS:
        yield place, value


def _named(items: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    seen: dict[str, int] = {}
    for item in items:
        name = next((str(item[key]) for key in _NAMES if key in item), "")
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})", item


def _words(place: Place, was: Leaves, is_now: Leaves) -> str:
    for end in range(1, len(place)):
        # What a thing has is no news when the thing itself is new, or gone.
        above = place[:end]
        if (above in was) != (above in is_now) and "there" in (was.get(above), is_now.get(above)):
            place = above
            break
    before, after = was.get(place, _ABSENT), is_now.get(place, _ABSENT)
    if place[0] == "files" and isinstance(before, str) and isinstance(after, str):
        return f"{_name(place)}: {first_change(before, after)}"
    if None in (before, after) and _ABSENT in (before, after):  # a list that is or was empty
        return f"{_name(place)}: " + (
            "not known → known" if before is None else "known → not known"
        )
    return f"{_name(place)}: {_value(place, before)} → {_value(place, after)}"


def _name(place: Place) -> str:
    """A place in words: "disk /dev/vda, partition /dev/vda2, content kind"."""
    parts: list[str] = []
    words: list[str] = []
    rest = list(place)
    while rest:
        key = rest.pop(0)
        if key in _THINGS and rest:
            parts.append(f"{_THINGS[key]} {rest.pop(0)}")
            words = []  # "boot", "network": the thing says it
        else:
            words.append(key.replace("_", " "))
    return ", ".join([*parts, " ".join(words)] if words else parts)


def _value(place: Place, value: object) -> str:
    match value:
        case None:
            return "not known"
        case bool():
            return "yes" if value else "no"
        case int() if place[-1] in _IN_MIB:
            return show_size(value)
        case "" | []:
            return "none"
        case list():
            return ", ".join(map(str, value))
        case str() if place[0] == "files":
            return "there"
    return "not there" if value is _ABSENT else str(value)


def _moved(before: Facts, now: Facts) -> Iterator[str]:
    """Memory and free space, when they are much less than they were."""
    if before.memory - now.memory > _LITTLE["memory"]:
        yield f"memory: {show_size(before.memory)} → {show_size(now.memory)}"
    for path, free in before.space.items():
        left = now.space.get(path, 0)
        if free - left > max(_LITTLE["space"], free // 10):
            yield f"free space on {path}: {show_size(free)} → {show_size(left)}"
