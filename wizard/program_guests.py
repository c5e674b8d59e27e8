"""`guests` and `network`: what a host's administrator looks at and does when it is finished.

A guest that runs is asked to end before anything else is done to it; only who says so has its plug
pulled. Each command of xl's has a time limit, and words for what it means when that is over.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, assert_never

from steps import guest_orders as orders
from steps.failures import RULES
from steps.guest_orders import Order
from steps.guest_ownership import belongs_to
from steps.guest_table import columns, table, without_address
from steps.guests import Guest, Guests
from steps.network_drawing import draw
from steps.reading.guests import read_guests
from steps.reading.network import read_network
from steps.reading.view import View
from wizard import VERSION, commands
from wizard.arguments import Arguments
from wizard.columns import at_words
from wizard.consent import confirm
from wizard.console import Console
from wizard.diagnosis import explain, in_words
from wizard.errors import Cancelled, ChecksFailed, Exit, RollbackIncomplete, Stopped, UsageError
from wizard.lesson import Line
from wizard.machine import Machine
from wizard.own_name import as_typed
from wizard.pipeline import unfinished_run
from wizard.program_session import console_for, prepare, store_for
from wizard.prompts import Prompter, choose_prompter
from wizard.rollback import incomplete, take_back_some
from wizard.scope import Scope, go_on
from wizard.shapes import document_text
from wizard.topics import in_ascii, nearest

_EVERY = 2.0  # seconds between two looks of --watch, and while a guest ends


@dataclass(frozen=True)
class GuestsDocument:
    """What `guests --json` prints. `silent` says why xl did not answer: then the guests are those
    that are defined in /etc/xen, and their state is unknown; "" when it did."""

    shape: Literal["xen-setup guests"]
    version: Literal[1]
    program: str
    silent: str
    guests: tuple[Guest, ...]


@dataclass(frozen=True)
class Port:
    """One port of a bridge: a card of the host's, or `card` of `guest` ("" where it is neither)."""

    name: str
    kind: Literal["card", "guest", "other"]
    guest: str
    card: str


@dataclass(frozen=True)
class BridgeShape:
    """A bridge, its own addresses (the host's), and who is plugged in."""

    name: str
    up: bool
    addresses: tuple[str, ...]
    ports: tuple[Port, ...]


@dataclass(frozen=True)
class NetworkDocument:
    """What `network --json` prints. `silent` as in `guests --json`."""

    shape: Literal["xen-setup network"]
    version: Literal[1]
    program: str
    silent: str
    bridges: tuple[BridgeShape, ...]


def this_machine() -> View:
    """The machine that the program runs on."""
    return View(commands.ask, os.geteuid() == 0)


@dataclass
class Host:
    """The host whose guests are looked after. Tests hand in their own commands and time."""

    look: Callable[[], Guests] = lambda: read_guests(this_machine())
    run: commands.Run = commands.run
    in_terminal: Callable[[commands.Argv], int] = commands.in_terminal
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic

    def look_or_refuse(self) -> Guests:
        """All guests; ChecksFailed while xl does not say which of them run."""
        found = self.look()
        if found.silent:
            raise ChecksFailed(found.silent, hint=found.remedy)
        return found

    def guest(self, name: str) -> Guest:
        """The guest with that name; UsageError names the nearest, ChecksFailed if xl is silent."""
        found = self.look_or_refuse()
        guest = found.named(name)
        if guest is not None and guest.id != 0:
            return guest
        if guest is not None:
            raise UsageError(
                f"{name} is the host itself, and no guest.",
                hint="To end it: sudo shutdown now (its guests are stopped first)",
            )
        names = [one.name for one in found.guests if one.id != 0]
        near = nearest(name, names)
        meant = f"Did you mean {' or '.join(near)}? " if near else ""
        known = f"The guests are: {', '.join(names)}." if names else "There is none."
        raise UsageError(f"There is no guest {name!r}.", hint=meant + known)

    def give(self, order: Order) -> None:
        """Have xl do it; Stopped with its last words, and what they mean, if it does not."""
        done = self.run(order.argv, timeout=order.limit)
        if done.status == 0 and done.ended == "exited":
            return
        said = " ".join(order.argv)
        if done.ended == "timeout":
            raise Stopped(
                f"`{said}` did not end within {order.limit:g} seconds.",
                hint=orders.HANGS,
                details=done.tail,
            )
        found = explain("\n".join(done.tail), RULES)
        hint = " ".join(in_words(found[0])[:2]) if found else "To have a message explained: "
        hint += "" if found else "xen-setup explain FILE. The log: /var/log/xen/"
        raise Stopped(f"`{said}` {done.words}.", hint=hint, details=done.tail)

    def waits(self, comes: Callable[[Guest | None], bool], name: str) -> bool:
        """Whether the guest comes into that state in time; None stands for a guest that is gone."""
        ends = self.now() + orders.ENDS_WITHIN
        while self.now() < ends:
            found = self.look()
            if not found.silent and comes(found.named(name)):
                return True
            self.sleep(_EVERY)
        return False


# ---- the commands


def run(arguments: Arguments, host: Host | None = None) -> int:
    """`guests …`: one of its commands."""
    host = host or Host()
    match arguments.guests:
        case "list":
            return _show(arguments, host)
        case "add":
            from wizard import program_add_guests  # noqa: PLC0415 - it brings the whole installer

            return program_add_guests.add(arguments)
        case "start":
            return _start(arguments, host)
        case "stop":
            return _stop(arguments, host)
        case "reboot":
            return _reboot(arguments, host)
        case "console":
            return _console(arguments, host)
        case "remove":
            return _remove(arguments, host)
    assert_never(arguments.guests)


def _show(arguments: Arguments, host: Host) -> int:
    console = console_for(arguments)
    if arguments.watch:
        with console.renewed() as show:
            try:
                while True:
                    found = host.look()
                    below = "\n".join(_below(found))
                    show([*_lines(found), *at_words(below, console.width).split("\n")])
                    host.sleep(_EVERY)
            except KeyboardInterrupt:
                return Exit.DONE
    found = host.look()
    if arguments.json:
        document = GuestsDocument("xen-setup guests", 1, VERSION, found.silent, found.guests)
        sys.stdout.write(document_text(document))
    else:
        for line in _lines(found):
            console.line(line, "bold" if line.startswith("Name ") else "", whole=True)
        for line in _below(found):
            console.line(line)
    return Exit.CHECKS_FAILED if found.silent else Exit.DONE


def _lines(found: Guests) -> list[str]:
    return columns(table(found.guests)) if found.guests else ["There is no guest here yet."]


def _below(found: Guests) -> list[str]:
    """What is to be known of the table, in paragraphs."""
    if found.silent:
        silent = f"{found.silent} Shown is what is defined in /etc/xen."
        return ["", silent, as_typed(found.remedy)]
    unknown = [as_typed(words) for words in without_address(found.guests)]
    return ["", *unknown] if unknown else []


def show_network(arguments: Arguments, view: View | None = None) -> int:
    """`network`: the bridges, and who is plugged in."""
    view = view or this_machine()
    network, found = read_network(view), read_guests(view)
    if arguments.json:
        sys.stdout.write(document_text(_network_document(network.bridges, found)))
        return Exit.DONE
    console = Console(sys.stdout, plain=arguments.plain)
    if not network.bridges:
        console.line("There is no bridge on this host, so no guest can be plugged in.")
        words = "What it is for: xen-setup learn bridge. To make one: sudo xen-setup"
        console.line(as_typed(words))
        return Exit.DONE
    drawing = draw(network.bridges, network.cards, found.guests)
    drawn = in_ascii(drawing) if console.plain else drawing
    console.reading([Line("drawing", line or " ") for line in drawn.split("\n")], None)
    if found.silent:
        console.line()
        console.line(f"{found.silent} So whose a vif is cannot be told. {found.remedy}", "magenta")
    return Exit.DONE


def _network_document(bridges: tuple[object, ...], found: Guests) -> NetworkDocument:
    from steps.facts import Bridge  # noqa: PLC0415

    ends = {
        card.interface: (guest.name, card.name) for guest in found.guests for card in guest.cards
    }
    shapes = []
    for bridge in bridges:
        assert isinstance(bridge, Bridge)
        ports = []
        for name in bridge.ports:
            guest, card = ends.get(name, ("", ""))
            kind: Literal["card", "guest", "other"] = (
                "guest" if name.startswith("vif") else "other" if "." in name else "card"
            )
            ports.append(Port(name, kind, guest, card))
        shapes.append(BridgeShape(bridge.name, bridge.up, bridge.addresses, tuple(ports)))
    return NetworkDocument("xen-setup network", 1, VERSION, found.silent, tuple(shapes))


def _start(arguments: Arguments, host: Host) -> int:
    prepare(arguments)
    console = console_for(arguments)
    guest = host.guest(arguments.guest)
    if guest.runs:
        console.line(f"{guest.name} runs already: domain {guest.id}.")
        return Exit.DONE
    console.line(f"$ {' '.join(orders.start(guest).argv)}", "bold")
    host.give(orders.start(guest))
    if not host.waits(lambda now: now is not None and now.runs, guest.name):
        raise Stopped(
            f"xl started {guest.name}, and it is gone again.",
            hint=f"Its last words: xl create -c {guest.config}. The log: /var/log/xen/",
        )
    now = host.look().named(guest.name)
    console.line(f"{guest.name} runs: domain {now.id if now else '?'}.", "bold green")
    console.line(as_typed(f"Its console: sudo xen-setup guests console {guest.name}"))
    return Exit.DONE


def _stop(arguments: Arguments, host: Host) -> int:
    prepare(arguments)
    guest = host.guest(arguments.guest)
    _end(arguments, host, guest)
    return Exit.DONE


def _end(arguments: Arguments, host: Host, guest: Guest) -> None:
    """Have the guest end in order, or, if that is wished, by pulling its plug."""
    console = console_for(arguments)
    if not guest.runs:
        console.line(f"{guest.name} does not run.")
        return
    console.line(f"$ {' '.join(orders.shut_down(guest).argv)}", "bold")
    try:
        host.give(orders.shut_down(guest))
        ended = _waits_for_end(console, host, guest)
        why = f"{guest.name} did not end within {orders.ENDS_WITHIN:g} seconds."
    except Stopped as error:
        if not arguments.force:
            raise
        ended, why = False, error.what
    if ended:
        console.line(f"{guest.name} has ended.", "bold green")
        return
    console.line(why, "magenta")
    if not arguments.force and not _pull_the_plug(arguments, guest):
        raise Stopped(
            f"{guest.name} runs on.",
            hint=f"Look why: sudo xen-setup guests console {guest.name}. To pull its plug: "
            f"sudo xen-setup guests stop --force {guest.name}",
        )
    console.line(f"$ {' '.join(orders.destroy(guest).argv)}", "bold")
    host.give(orders.destroy(guest))
    console.line(f"{guest.name} is ended, as by a power cut.", "bold magenta")


def _waits_for_end(console: Console, host: Host, guest: Guest) -> bool:
    console.line(f"Waiting for {guest.name} to end: at most {orders.ENDS_WITHIN:g} seconds.")
    return host.waits(lambda now: now is None or not now.runs, guest.name)


def _asks(arguments: Arguments) -> Prompter | None:
    """Somebody to ask; None if nobody is there."""
    if arguments.no_input or not sys.stdin.isatty():
        return None
    return choose_prompter(plain=arguments.plain)


def _pull_the_plug(arguments: Arguments, guest: Guest) -> bool:
    prompter = _asks(arguments)
    return prompter is not None and confirm(
        prompter,
        f"Pull the plug of {guest.name}? What it has not written is lost",
        default=False,
    )


def _reboot(arguments: Arguments, host: Host) -> int:
    prepare(arguments)
    console = console_for(arguments)
    guest = host.guest(arguments.guest)
    if not guest.runs:
        raise UsageError(
            f"{guest.name} does not run.",
            hint=f"To start it: sudo xen-setup guests start {guest.name}",
        )
    console.line(f"$ {' '.join(orders.reboot(guest).argv)}", "bold")
    host.give(orders.reboot(guest))
    console.line(f"Waiting for {guest.name} to come back with a new number.")

    def is_back(now: Guest | None) -> bool:
        # A domain that is still being built is paused, and may yet come to nothing.
        return now is not None and now.runs and now.id != guest.id and now.state != "paused"

    if host.waits(is_back, guest.name):
        now = host.look().named(guest.name)
        number = now.id if now else "?"
        console.line(
            f"{guest.name} has started again: it was domain {guest.id}, and is {number} now.",
            "bold green",
        )
        return Exit.DONE
    if not arguments.force:
        raise Stopped(
            f"{guest.name} did not come back within {orders.ENDS_WITHIN:g} seconds.",
            hint=f"Look why: sudo xen-setup guests console {guest.name}; and what xl said when it "
            f"was to start again: xen-setup explain /var/log/xen/xl-{guest.name}.log. To do it "
            f"the hard way: sudo xen-setup guests reboot --force {guest.name}",
        )
    still = host.look().named(guest.name)
    if still is not None and still.runs:
        host.give(orders.destroy(guest))
    return _start(arguments, host)


def _console(arguments: Arguments, host: Host) -> int:
    prepare(arguments)
    guest = host.guest(arguments.guest)
    if not guest.runs:
        raise UsageError(
            f"{guest.name} does not run, so it has no console.",
            hint=f"To start it: sudo xen-setup guests start {guest.name}",
        )
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "A console needs a terminal.", hint=f"Without one: xl console {guest.name} </dev/null"
        )
    console = console_for(arguments)
    console.line(f"This is {guest.name}'s console. Press Enter for its prompt; Ctrl-] leaves it.")
    sys.stdout.flush()
    return host.in_terminal(orders.console(guest))


# ---- removing


def _remove(arguments: Arguments, host: Host) -> int:
    """End the guest and take back what the journal says was made for it; the rest is named."""
    prepare(arguments)
    console = console_for(arguments)
    store = store_for(arguments)
    unfinished = unfinished_run(store)
    if unfinished is not None and (ledger := store.ledger(unfinished)).to_take_back:
        raise Stopped(
            "A run is not finished; a guest may be a part of it.", hint=go_on(unfinished, ledger)
        )
    name = arguments.guest
    ours = [
        entry.action
        for run in reversed(store.runs())
        for entry in store.ledger(run).to_take_back
        if belongs_to(entry.action, name)
    ]
    guest = host.look_or_refuse().named(name) if ours else host.guest(name)
    if not ours:
        assert guest is not None
        raise UsageError(
            f"xen-setup did not make {name}, so it removes nothing of it.",
            hint=f"By hand: xl shutdown {name}; its config is {guest.config or 'not known'}, its "
            f"disks are {', '.join(disk.device for disk in guest.disks) or 'none'}.",
        )
    console.rollback([action for action in ours if action.inside is None])
    if not arguments.yes:
        _agree_to_lose(arguments, name)
    if guest is not None and guest.runs:
        _end(arguments, host, guest)
    with console.reporter() as reporter:
        machine = Machine(warn=reporter.note, log_copy=arguments.log_file)
        count, left = take_back_some(
            store, machine, reporter, lambda action: belongs_to(action, name)
        )
    if left:
        stays = incomplete(left, Scope())
        raise RollbackIncomplete(
            stays.what,
            hint="What is named is yours now: remove it by hand, or mend that and type this again.",
            details=stays.details,
        )
    noun = "action was" if count == 1 else "actions were"
    console.line(f"{name} is removed: {count} {noun} taken back.", "bold green")
    _name_what_stays(console, host, name)
    return Exit.DONE


def _agree_to_lose(arguments: Arguments, name: str) -> None:
    prompter = _asks(arguments)
    if prompter is None:
        raise UsageError(
            "What is removed is lost, and nobody is there to agree to it.",
            hint=f"Without being asked: sudo xen-setup guests remove --yes {name}",
        )
    prompter.say(f"Everything that is on {name}'s volumes will be lost.", "wrong")
    if prompter.line(f"Type {name} to agree, or only Enter to leave it").strip() != name:
        raise Cancelled(f"{name} stays as it is.")


def _name_what_stays(console: Console, host: Host, name: str) -> None:
    """What there still is of that name: somebody else's, so it is left alone."""
    stays = host.look().named(name)
    if stays is not None:
        where = stays.config or f"domain {stays.id}"
        console.line(f"There still is a guest {name} ({where}), which is not ours.", "magenta")
