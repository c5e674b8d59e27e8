"""The guests: what `xl list` and `xl list --long` say, and the configs in /etc/xen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from steps.guests import AttachedCard, AttachedDisk, Guest, Guests, state_of
from steps.reading.view import View
from steps.reading.xen import XENSTORED, XL_LIMIT, parse_rows
from steps.xl_config import (
    ConfigError,
    cards_of,
    disks_of,
    may_be_guest,
    parse_config,
    text_of,
    whole_number_of,
)

CONFIGS = "/etc/xen"
AUTOSTART = "/etc/xen/auto"
_START_IT = "Start it: systemctl restart xen. If that does not help, the host needs a restart."


@dataclass(frozen=True)
class Devices:
    """What a guest has, by `xl list --long` or by its config."""

    disks: tuple[AttachedDisk, ...] = ()
    cards: tuple[AttachedCard, ...] = ()


def parse_long_list(text: str) -> dict[int, Devices] | None:
    """`xl list --long` (JSON): each domain's devices by its number; None if it is none of that.

    The keys are libxl's (its types in IDL, libxl_types.idl): disks, nics.
    """
    try:
        listed = json.loads(text)
    except ValueError:
        return None
    if not isinstance(listed, list):
        return None
    found = {}
    for item in listed:
        if isinstance(item, dict) and isinstance(item.get("domid"), int):
            config = item.get("config")
            found[item["domid"]] = _devices(
                item["domid"], config if isinstance(config, dict) else {}
            )
    return found


def _devices(number: int, config: Mapping[str, Any]) -> Devices:
    disks = tuple(
        AttachedDisk(
            str(disk.get("vdev", "")), str(disk.get("pdev_path", "")), bool(disk.get("readwrite"))
        )
        for disk in _objects(config.get("disks"))
    )
    cards = []
    for place, card in enumerate(_objects(config.get("nics"))):
        index = card.get("devid")
        index = index if isinstance(index, int) else place
        cards.append(
            AttachedCard(
                name=f"eth{index}",
                mac=str(card.get("mac", "")).lower(),
                bridge=str(card.get("bridge", "")),
                interface=f"vif{number}.{index}",
                addresses=(),
            )
        )
    return Devices(disks, tuple(cards))


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def parse_neighbours(text: str) -> dict[str, tuple[str, ...]]:
    """`ip -json neighbour`: the addresses that were seen behind each hardware address."""
    try:
        listed = json.loads(text or "[]")
    except ValueError:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for item in _objects(listed):
        mac, address = str(item.get("lladdr", "")).lower(), str(item.get("dst", ""))
        # A link-local address says nothing that the hardware address does not.
        if mac and address and not address.startswith("fe80:") and "FAILED" not in _words(item):
            found[mac] = (*found.get(mac, ()), address)
    return found


def _words(item: Mapping[str, Any]) -> list[str]:
    state = item.get("state")
    return [str(word) for word in state] if isinstance(state, list) else []


def read_guests(view: View) -> Guests:
    """All guests of this host; without an answer from xl, those that are defined, with a reason."""
    neighbours = parse_neighbours(view.ask(("ip", "-json", "neighbour"), 10.0).out)
    defined = _defined(view)
    silent, remedy, running = _running(view, neighbours, defined)
    names = {guest.name for guest in running}
    stopped = [
        guest if not silent else _with_unknown_state(guest)
        for guest in sorted(defined.values(), key=lambda guest: guest.name)
        if guest.name not in names
    ]
    return Guests((*running, *stopped), silent, remedy)


def _running(
    view: View, neighbours: Mapping[str, tuple[str, ...]], defined: Mapping[str, Guest]
) -> tuple[str, str, list[Guest]]:
    """Why xl does not say anything ("" if it does), what to do about it, and the domains."""
    if view.word("/sys/hypervisor/type") != "xen":
        remedy = (
            "If it is installed, boot its entry of the boot menu. To install it: sudo xen-setup"
        )
        return "Xen does not run here.", remedy, []
    if not view.as_root:
        return "Only root can ask xl.", "Type it with sudo in front.", []
    if not any(view.exists(path) for path in XENSTORED):
        return "xenstored does not run, which xl asks everything.", _START_IT, []
    listed = view.ask(("xl", "list"), XL_LIMIT)
    if listed.status == 124:
        words = f"xl did not answer within {XL_LIMIT:g} seconds: most likely xenstored hangs."
        return words, _START_IT, []
    rows = parse_rows(listed.out) if listed.status == 0 else None
    if rows is None:
        said = (listed.err.strip() or listed.out.strip() or "nothing").splitlines()[-1]
        return f"`xl list` failed; it said: {said}", "To have it explained: xen-setup explain", []
    long = view.ask(("xl", "list", "--long"), XL_LIMIT)
    devices = (parse_long_list(long.out) if long.status == 0 else None) or {}
    running = []
    for domain, seconds in rows:
        known = defined.get(domain.name)
        has = devices.get(domain.id, Devices())
        running.append(
            Guest(
                name=domain.name,
                id=domain.id,
                state=state_of(domain.state),
                memory=domain.memory,
                vcpus=domain.vcpus,
                seconds=seconds,
                disks=has.disks,
                cards=tuple(
                    AttachedCard(
                        card.name, card.mac, card.bridge, card.interface,
                        neighbours.get(card.mac, ()),
                    )
                    for card in has.cards
                ),
                config=known.config if known else "",
                autostart=known.autostart if known else False,
            )
        )  # fmt: skip
    return "", "", sorted(running, key=lambda guest: guest.id or 0)


def _defined(view: View) -> dict[str, Guest]:
    """The guests that configs in /etc/xen describe, by name."""
    linked = {
        view.real_path(f"{AUTOSTART}/{name}")
        for name in view.names(AUTOSTART)
        if view.exists(f"{AUTOSTART}/{name}")
    }
    found = {}
    for file in view.names(CONFIGS):
        path = f"{CONFIGS}/{file}"
        if not may_be_guest(file) or not view.is_file(path):
            continue
        try:
            config = parse_config(view.text(path, 1024 * 1024) or "")
        except ConfigError:
            continue
        name = text_of(config, "name")
        if not name or ("memory" not in config and "disk" not in config):
            continue
        found[name] = Guest(
            name=name,
            id=None,
            state="stopped",
            memory=whole_number_of(config, "memory"),
            vcpus=whole_number_of(config, "vcpus") or 1,
            seconds=None,
            disks=tuple(
                AttachedDisk(disk.vdev, disk.target, disk.writable) for disk in disks_of(config)
            ),
            cards=tuple(
                AttachedCard(
                    f"eth{index}", card.get("mac", "").lower(), card.get("bridge", ""), "", ()
                )
                for index, card in enumerate(cards_of(config))
            ),
            config=path,
            autostart=view.real_path(path) in linked,
        )
    return found


def _with_unknown_state(guest: Guest) -> Guest:
    return replace(guest, state="unknown")
