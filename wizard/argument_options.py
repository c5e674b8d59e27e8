"""The command line's options, each declared once for the commands that share it."""

from __future__ import annotations

import argparse
from typing import Literal, get_args

OnFailure = Literal["rollback", "stop"]


# Options stand before a command as well as after it: a default after it must not undo what was
# given before, so none has a default of its own; Arguments has them all.
# The practice machines beside the stock one (practice/variants.py): each has its name.
VARIANTS = ("grub-legacy", "grub-legacy-boot", "sysv-init")


def looks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plain",
        action="store_true",
        default=argparse.SUPPRESS,
        help="plain lines: no colours, nothing that moves; for screen readers and logs",
    )


def plan_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lessons", action="store_true", help="with what there is to learn in each step"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="save the plan too, for `apply FILE`, which does exactly this or nothing",
    )
    parser.add_argument(
        "--detailed-exitcode",
        action="store_true",
        help="exit with 20 when something is to be done, with 0 when nothing is",
    )
    parser.add_argument(
        "--script",
        action="store_true",
        help="as a shell script, to do the same by hand: xen-setup plan --script > plan.sh",
    )


def json_option(
    parser: argparse.ArgumentParser, words: str = "as JSON for programs; words go to standard error"
) -> None:
    parser.add_argument("--json", action="store_true", help=words)


def machine_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--name",
        metavar="NAME",
        default=argparse.SUPPRESS,
        help="one practice machine of several",
    )


def machine_variant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--variant",
        dest="name",
        choices=VARIANTS,
        default=argparse.SUPPRESS,
        help="a host as in 2006, on a machine of that name: GRUB Legacy, the same with a partition "
        "for /boot, or SysV init",
    )


def facts_option(parser: argparse.ArgumentParser, words: str = "instead of this one") -> None:
    parser.add_argument(
        "--facts",
        metavar="FILE",
        help=f"saved facts of a machine (xen-setup facts --json), or an example's name, {words}",
    )


def out_option(parser: argparse._ActionsContainer, words: str) -> None:
    parser.add_argument("--out", metavar="FILE", help=f"{words}; a file that is there stays")


def set_option(parser: argparse.ArgumentParser, where: str = "") -> None:
    parser.add_argument(
        "--set",
        dest=f"{where}settings",
        action="append",
        metavar="KEY=VALUE",
        default=argparse.SUPPRESS,
        help="an answer, such as host.bridge=xenbr1 or guests.vm01.memory=1GiB; repeatable",
    )


def answers_options(parser: argparse.ArgumentParser, where: str = "") -> None:
    set_option(parser, where)
    parser.add_argument(
        "--ignore",
        dest=f"{where}ignore",
        action="append",
        metavar="NAME",
        default=argparse.SUPPRESS,
        help="take this failed check as a warning; repeatable",
    )


def run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-input", action="store_true", default=argparse.SUPPRESS, help="never ask anything"
    )
    parser.add_argument(
        "--on-failure",
        choices=get_args(OnFailure),
        default=argparse.SUPPRESS,
        help="what becomes of the run when a step fails; unattended, it is rolled back",
    )
    parser.add_argument(
        "--agree-no-undo",
        action="store_true",
        default=argparse.SUPPRESS,
        help="agree to actions that cannot be taken back (the plan names them)",
    )
    telling_options(parser)
    state_options(parser)


def only_to_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to",
        metavar="STEP",
        help="only as far as this step, with it: then the run stops, and `resume` goes on",
    )


def teach_option(parser: argparse.ArgumentParser, words: str) -> None:
    parser.add_argument("--teach", action="store_true", default=argparse.SUPPRESS, help=words)


def simulate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--simulate",
        nargs="?",
        const="",
        metavar="MACHINE",
        default=argparse.SUPPRESS,
        help="only play it, on an example machine or on saved facts: no root, nothing is changed; "
        "without MACHINE, which examples there are",
    )
    parser.add_argument(
        "--simulate-failure",
        metavar="STEP",
        default=argparse.SUPPRESS,
        help="of what is played, let this step fail once",
    )
    parser.add_argument(
        "--simulate-pace",
        type=float,
        default=argparse.SUPPRESS,
        help=argparse.SUPPRESS,  # for tests: the part of the usual times that it takes
    )


def telling_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--quiet",
        action="store_true",
        default=argparse.SUPPRESS,
        help="of a run, tell only problems and how it ended",
    )
    parser.add_argument(
        "--verbose",
        action="store_true",
        default=argparse.SUPPRESS,
        help="of a run, show what its commands print, as it comes",
    )
    parser.add_argument(
        "--log-file",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="append a copy of the run's log to this file too",
    )


def state_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state-dir",
        dest="state",
        default=argparse.SUPPRESS,
        help=argparse.SUPPRESS,  # for tests: where the journal is
    )
