"""A plan as a shell script, for those who want to do it by hand: previews in, text out.

The script does what machine.py would do, action by action, with the same commands in the same
surroundings: a function for each step, each action's reason above its command. What a probe finds
done is not done again, so that it can be run again after a failure. It takes nothing back.

A reboot cuts the script: what comes after it is done when it is called with the word AFTER_BOOT.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from wizard import VERSION
from wizard.actions import (
    Action,
    CommandShows,
    CreatePartition,
    Identity,
    InstallPackages,
    InstallTree,
    MakeDirectory,
    MakeLink,
    MovePath,
    Never,
    PathAbsent,
    PathPresent,
    Probe,
    Reboot,
    RunCommand,
    SecretInput,
    Volume,
    WriteFile,
    text_hash,
    texts_by_path,
    undo_class,
)
from wizard.apt import REPAIR, install_command
from wizard.commands import ENVIRONMENT
from wizard.lesson import plain_text
from wizard.preview import StepPreview
from wizard.shell_functions import BEGUN, FUNCTIONS, functions
from wizard.shell_text import comment, first_sentence, here_document, meant_codes, quoted, wrapped
from wizard.step import Guard, Plan
from wizard.wording import headline, printable

AFTER_BOOT = "after-boot"
_SYSTEM = ("/dev", "/dev/pts", "/proc", "/sys")  # as mounts.py binds them


def shell_script(
    previews: Sequence[StepPreview[Any, Any]],
    machine: str,
    *,
    lessons: bool = False,
    same_secrets: Mapping[str, str] | None = None,
) -> str:
    """The script of these steps' plans; a step without a plan has no part in it.

    `machine` is the machine's name and system, for the head; `lessons` stand above their steps.
    `same_secrets` has, for the key of a secret, the key that it is asked for by: one for all that
    are the same.
    """
    actions = [action for one in previews if one.plan for action in one.plan.actions]
    script = _Script(lessons, same_secrets or {}, texts_by_path(actions))
    for number, preview in enumerate(previews, start=1):
        if preview.plan is not None:
            script.step(f"Step {number} of {len(previews)}: {preview.step.TITLE}", preview)
    return script.text(machine, actions)


@dataclass
class _Script:
    """The script as it grows."""

    lessons: bool
    same_secrets: Mapping[str, str]
    texts: Mapping[str, list[str]]  # by path: the hashes of what the script writes there
    lines: list[str] = field(default_factory=list)
    phases: list[list[str]] = field(default_factory=lambda: [[]])
    called: set[str] = field(default_factory=lambda: {"say", "die"})
    secrets: dict[str, str] = field(default_factory=dict)  # by key: the variable of each
    used_for: dict[str, list[str]] = field(default_factory=dict)  # by key: the keys it serves
    asked: set[tuple[int, str]] = field(default_factory=set)  # in which phase for which key
    words: list[str] = field(default_factory=list)  # all that is quoted
    volume: Volume | None = None

    # ---- steps

    def step(self, title: str, preview: StepPreview[Any, Any]) -> None:
        """One step: a comment when nothing is to be done, otherwise a function."""
        plan: Plan[Any] | None = preview.plan
        assert plan is not None
        title = " ".join(printable(title).split())
        self.lines += ["", f"# ---- {title}", ""]
        if self.lessons:
            self.lines += [*comment(plain_text(preview.step.LESSON)), ""]
        for words in (
            *(f"There already: {skipped}" for skipped in plan.skipped),
            *(f"Note: {note}" for note in plan.notes),
            *(f"Not known yet: {words}" for words in plan.unknown),
            *(f"Warning: {p.what} {p.hint}" for p in preview.problems if p.severity == "warning"),
        ):
            self.lines += comment(words)
        if not plan.actions:
            return
        name = f"step_{preview.name}"
        self._begin(name, title)
        self._refuse_changed(plan.actions)
        if plan.guard is not None:
            self._danger(plan, plan.guard)
        for index, action in enumerate(plan.actions):
            if isinstance(action, Reboot):
                self._reboot(action)
                if index + 1 < len(plan.actions):
                    name += "_after_boot"
                    self._begin(name, title)
                    self._refuse_changed(plan.actions[index + 1 :])
                else:
                    name = ""
                continue
            self._action(action, kept=plan.guard is not None)
        if plan.guard is not None:
            self._look_again(plan.guard)
        if name:
            self._leave()
            self.lines.append("}")

    def _begin(self, name: str, title: str) -> None:
        self.phases[-1].append(name)
        if self.lines[-1]:
            self.lines.append("")
        self.lines += [f"{name}() {{", f"    say {self._quoted(title)}"]

    def _refuse_changed(self, actions: Sequence[Action]) -> None:
        """Before anything is done until the next boot: a step that stops half way may have taken
        down the network.
        """
        now = itertools.takewhile(lambda action: not isinstance(action, Reboot), actions)
        looked_at: set[str] = set()
        for action in now:
            if not isinstance(action, WriteFile) or action.path in looked_at:
                continue
            looked_at.add(action.path)
            # Bytes that are no UTF-8 were replaced in what the plan was made from.
            if action.made_from and "\N{REPLACEMENT CHARACTER}" not in action.text:
                known = dict.fromkeys((action.made_from, *self.texts[action.path]))
                self._line()
                self.lines += comment("What was changed in it since would be lost.", 4)
                self._command(("unchanged", action.path, *known))

    def _reboot(self, action: Reboot) -> None:
        self._leave()
        self._line()
        self.lines += comment(first_sentence(action.why), 4)
        self._line("touch /run/waits-for-boot-of-xen-setup # gone after the boot")
        self.phases.append([])
        word = _phase_word(len(self.phases) - 1)
        self._line(f'say "Reboot now. After that, go on with: sh $0 {word}"')
        self.lines.append("}")

    def _danger(self, plan: Plan[Any], guard: Guard) -> None:
        self._line()
        self.lines += comment(
            "DANGER: this may cut the connection that you work over. xen-setup takes it back by "
            f"itself when it is not confirmed in {guard.seconds} seconds; this script does not. "
            "The way back, typed at the machine's own keyboard or serial console:",
            4,
        )
        for words in _way_back(plan.actions):
            self._line(f"#   {words}")
        self._line("trap '' HUP # a connection that is cut must not stop it half way")

    def _look_again(self, guard: Guard) -> None:
        self.called.add("within")
        self._line()
        self.lines += comment("Is the machine still connected?", 4)
        self._command(("within", str(guard.seconds), *guard.probe), " ||")
        self._line('    die "It is not connected any more: the way back is written above."')
        self._line("trap 'exit 129' HUP")

    # ---- actions

    def _action(self, action: Action, *, kept: bool) -> None:
        self._line()
        what = headline(action)
        self.lines += comment(action.why, 4)
        if undo_class(action) == "no undo":
            self.lines += comment(f"NO WAY BACK: {what}.", 4)
        self._enter(action.inside)
        match action:
            case RunCommand():
                self._run(action)
            case WriteFile():
                if kept:
                    self._command(("keep_copy", action.path))
                self._write(action)
                self._refresh(action.refresh)
            case MovePath():
                self._command(("move", action.source, action.destination))
                self._refresh(action.refresh)
            case MakeDirectory():
                self._command(("make_directory", action.path, f"{action.mode:04o}"))
            case MakeLink():
                self._command(("make_link", action.path, action.target))
            case InstallPackages():
                self._command(REPAIR)
                self._command(install_command(action.packages))
            case InstallTree():
                self._command(
                    ("install_tree", action.source, action.sha256, action.top or ".",
                     action.script_sha256)
                )  # fmt: skip
                self._refresh(action.refresh)
            case CreatePartition():
                self._partition(action)
            case Reboot():
                raise AssertionError("a reboot cuts the script, and is written by step()")
            case _:
                assert_never(action)

    def _run(self, action: RunCommand) -> None:
        condition = self._condition(action.probe)
        indent = 4
        grouped = action.identity is not None or action.traces is not None
        if condition:
            self._command(condition, " || {" if grouped else " ||")
            indent = 8
        mark = ""
        if action.traces is not None and action.undo is not None:
            self.lines += comment("What an earlier try left half done is cleared away.", indent)
            traces = self._condition(action.traces)
            self._command(("!", *traces), " || {", indent=indent)
            if action.undo_class == "by removal":
                mark = text_hash(shlex.join(action.argv))[:12]
                self._command(("must_have_begun", mark), indent=indent + 4)
            self._command(action.undo, indent=indent + 4)
            self._line("}", indent)
        if mark:
            self._command(("begin", mark), indent=indent)
        if action.identity is not None:
            self._same_device(action.identity, action.identity.content, indent)
        self._plain_run(action, indent)
        if mark:
            self._command(("rm", "--force", f"{BEGUN}-{mark}"), indent=indent)
        if condition and grouped:
            self._line("}")

    def _plain_run(self, action: RunCommand, indent: int) -> None:
        if action.until is not None:
            line = shlex.join(action.argv)
            self._command(("follow", f"{action.timeout:.0f}", action.until, line), indent=indent)
            return
        match action.input:
            case None | "":
                self._command(action.argv, indent=indent)
            case SecretInput(key=key, template=template):
                variable = self._secret(key)
                shape = template.replace("\\", "\\\\").replace("%", "%%").replace("\n", "\\n")
                words = " ".join([f'"${variable}"'] * template.count("{}"))
                shape = self._quoted(shape.replace("{}", "%s"))
                self._line(f"printf {shape} {words} |", indent)
                self._command(action.argv, indent=indent + 4)
            case str():
                self._fed(action.argv, action.input, indent)
            case _:
                assert_never(action.input)

    def _write(self, action: WriteFile) -> None:
        owner = f"{action.uid}:{action.gid}"
        kept = ("as-before",) if action.made_from else ()
        self._fed(("write_file", action.path, f"{action.mode:04o}", owner, *kept), action.text, 4)

    def _partition(self, action: CreatePartition) -> None:
        table = "dos" if action.label == "msdos" else "gpt"
        self._same_device(action.disk, action.disk.content or table, 4)
        place = (str(action.number), str(action.start), str(action.sectors))
        self._command(("create_partition", action.disk.path, *place, action.path))

    def _refresh(self, argv: Sequence[str] | None) -> None:
        if argv is not None:
            self._command(argv)

    def _same_device(self, identity: Identity, content: str, indent: int) -> None:
        """`content`: what is expected on it by now."""
        or_table = ("or-table",) if identity.or_table and not content else ()
        self._command(
            ("same_device", identity.path, str(identity.size), identity.serial, identity.table_id,
             content, *or_table),
            indent=indent,
        )  # fmt: skip

    def _condition(self, probe: Probe) -> tuple[str, ...]:
        """The command that succeeds when the work is done; "!" as its first word turns it round."""
        if not isinstance(probe, Never) and probe.inside is not None:
            self._enter(probe.inside)
        match probe:
            case CommandShows():
                return ("lacks" if probe.lacks else "shows", probe.pattern, *probe.argv)
            case PathPresent():
                return ("present", probe.path)
            case PathAbsent():
                return ("!", "present", probe.path)
            case Never():
                return ()
        assert_never(probe)

    # ---- volumes, secrets

    def _enter(self, volume: Volume | None) -> None:
        """Have this volume mounted, and no other."""
        if volume == self.volume:
            return
        self.volume = volume
        if volume is None:
            self._command(("outside",))
            return
        system = _SYSTEM if volume.system else ()
        words = (volume.filesystem, volume.uuid, volume.device, volume.mount_point, *system)
        self._command(("inside", *words))

    def _leave(self) -> None:
        if self.volume is not None:
            self._line()
            self._enter(None)

    def _secret(self, key: str) -> str:
        """The shell variable of a secret: the key that it is asked for by, in small letters."""
        used = key
        key = self.same_secrets.get(key, key)
        self.used_for.setdefault(key, []).append(used)
        self.called.add("password_hash")
        self.asked.add((len(self.phases) - 1, key))
        if key not in self.secrets:
            name = plain = re.sub(r"[^a-z0-9_]", "_", key.lower())
            while name in self.secrets.values():
                name = f"{plain}_{len(self.secrets) + 1}"
            self.secrets[key] = name
        return self.secrets[key]

    # ---- lines

    def _line(self, text: str = "", indent: int = 4) -> None:
        self.lines.append(f"{' ' * indent}{text}".rstrip())

    def _command(
        self, argv: Sequence[str], end: str = "", *, indent: int = 4, start: str = ""
    ) -> None:
        """A command, over several lines if it is long. A "!" as its first word is the shell's."""
        words = [start] if start else []
        if argv[0] == "!":
            words, argv = ["!"], argv[1:]
        self.called.add(argv[0])
        self.lines += wrapped([*words, *map(self._quoted, argv)], end, indent)

    def _fed(self, argv: Sequence[str], text: str, indent: int) -> None:
        """A command with a text as its input, to the byte."""
        if not text:
            self._command(argv, " </dev/null", indent=indent)
            return
        lines = here_document(text)
        if lines.filter:
            self._command(argv, indent=indent, start=f"{lines.filter} <<'{lines.mark}' |")
        else:
            self._command(argv, f" <<'{lines.mark}'", indent=indent)
        self.lines += lines.body

    def _quoted(self, word: str) -> str:
        self.words.append(word)
        return quoted(word)

    # ---- the whole

    def text(self, machine: str, actions: Sequence[Action]) -> str:
        """The whole script."""
        parts = [
            "\n".join(self._head(machine, actions)),
            "\n".join(_surroundings()),
            "# ---- What the steps are written with\n",
            functions(self.called & FUNCTIONS.keys()),
            "\n".join(self.lines).lstrip("\n"),
            "\n".join(self._order()),
        ]
        return "\n".join(part.rstrip("\n") + "\n" for part in parts)

    def _head(self, machine: str, actions: Sequence[Action]) -> list[str]:
        lines = [
            "#!/bin/sh",
            *comment(
                f"The plan of xen-setup {VERSION} for {machine}, as a script: to be read, "
                "and to be run by hand."
            ),
            "#",
            "# To run it:            sudo sh THIS-FILE",
        ]
        lines += [
            f"# After the reboot:     sudo sh THIS-FILE {_phase_word(number)}"
            for number in range(1, len(self.phases))
        ]
        lines += [
            "#",
            *comment(
                "It is for this one machine, as it was when the plan was made: names of disks and "
                "cards, addresses and UUIDs are in it. It stops at the first command that fails, "
                "and can be run again then: what is there is left alone. What it does not do, and "
                "xen-setup does: it takes nothing back, and does not look afterwards whether "
                "all is as it should be."
            ),
        ]
        for key, variable in self.secrets.items():
            others = self._others(key)
            also = f", which serves {len(others)} more, up to {others[-1]}" if others else ""
            words = (
                f"It asks for the password {key}{also}. Or give its hash (openssl passwd -6) in "
                f"the variable {variable.upper()}."
            )
            lines += ["#", *comment(words)]
        if not actions:
            lines += ["#", "# There is nothing to do: everything is there."]
        lost = [action for action in actions if undo_class(action) == "no undo"]
        if lost:
            lines += ["#", "# THERE IS NO WAY BACK FROM THIS:"]
        for action in lost:
            note = action.undo_note if isinstance(action, RunCommand) else headline(action)
            lines += comment(f"- {note}")
        codes = meant_codes(self.words)
        if codes:
            meant = "words in single quotes are meant as they stand"
            lines += ["#", f"# shellcheck disable={','.join(codes)} # {meant}"]
        return lines

    def _others(self, key: str) -> list[str]:
        """The further secrets that the one of that key serves."""
        return [used for used in dict.fromkeys(self.used_for[key]) if used != key]

    def _order(self) -> list[str]:
        lines = ["# ---- The order", "", f'[ "$(id -u)" = 0 ] || die {shlex.quote(_NEEDS_ROOT)}']
        lines.append('case "${1-}" in')
        for number, steps in enumerate(self.phases):
            lines.append(f"    {shlex.quote(_phase_word(number))})")
            lines += _WAIT_FOR_BOOT if number else ()
            for key, variable in self.secrets.items():
                if (number, key) in self.asked:
                    upper = variable.upper()
                    others = len(self._others(key))
                    label = shlex.quote(f"{key} (and {others} more)" if others else key)
                    lines.append(f'        password_hash {label} {upper} "${{{upper}-}}"')
                    lines += [f"        unset {upper}", f"        {variable}=$hash"]
            lines.append("        exec </dev/null # no command has anything to ask")
            lines += [f"        {name}" for name in steps]
            if number == len(self.phases) - 1:
                lines.append("        say Done.")
            lines.append("        ;;")
        words = " or ".join(map(_phase_word, range(1, len(self.phases))))
        usage = f"After its name comes nothing, or {words or 'nothing'}."
        return [*lines, f"    *) die {shlex.quote(usage)} ;;", "esac"]


_NEEDS_ROOT = "It changes the machine, and needs root for it: start it with sudo."
_WAIT_FOR_BOOT = (
    "        [ ! -e /run/waits-for-boot-of-xen-setup ] || die 'The machine did not boot yet.'",
    "        # What the boot starts by itself must be there first.",
    "        timeout 600 systemctl is-system-running --wait >/dev/null 2>&1 || true",
)


def _phase_word(number: int) -> str:
    """The word that the script is called with: "" at first, then after each boot another."""
    return "" if number == 0 else AFTER_BOOT if number == 1 else f"{AFTER_BOOT}-{number}"


def _surroundings() -> list[str]:
    return [
        "set -eu",
        "umask 022",
        "cd /",
        *(f"export {name}={shlex.quote(value)}" for name, value in ENVIRONMENT.items()),
    ]


def _way_back(actions: Sequence[Action]) -> list[str]:
    """The commands that take a step back, newest first."""
    lines = []
    for action in reversed(actions):
        match action:
            case RunCommand(undo=undo) if undo is not None:
                lines.append(shlex.join(undo))
            case WriteFile():
                copy = f"/var/lib/xen-setup-by-hand{action.path}"
                lines.append(shlex.join(("cp", "--archive", copy, action.path)))
            case _:
                continue
    return [printable(line) for line in lines]
