"""`plan --script`: the plan as a shell script on standard output."""

from __future__ import annotations

import sys
from dataclasses import replace

from steps.saved_facts import holds_password
from wizard.actions import WriteFile
from wizard.answers import same_secrets, settle
from wizard.arguments import Arguments
from wizard.errors import Exit, UsageError
from wizard.preview import refuse_problems
from wizard.program_session import answers_of, machine_facts, session_for
from wizard.shapes import planned_actions
from wizard.shell_script import shell_script


def show_script(arguments: Arguments) -> int:
    """Print the script; raises when answers, checks or what is known forbid to plan all of it."""
    answers = answers_of(arguments, arguments.files)
    facts = machine_facts(arguments)
    if not facts.as_root:
        raise UsageError(
            "A script needs the whole plan, and what only root can read is not known here.",
            hint="Start it with sudo: sudo xen-setup plan --script > plan.sh",
        )
    settings = settle(answers, facts)
    # This program does not go on by itself after a boot that it has not asked for.
    settings = replace(settings, host=replace(settings.host, after_reboot="by-hand"))
    previews = session_for(arguments, settings, facts).previews()
    refuse_problems(previews, consent=True)
    actions = planned_actions(previews)
    for action in actions:
        if isinstance(action, WriteFile) and holds_password(action.text):
            raise UsageError(
                f"{action.path} has a password in it, and a script must not hold one.",
                hint="Move that line to a file of its own below /etc/network/interfaces.d, or let "
                "xen-setup do it: sudo xen-setup apply",
            )
    machine = f"{facts.hostname} ({facts.distribution.name})"
    sys.stdout.write(
        shell_script(
            previews, machine, lessons=arguments.lessons, same_secrets=same_secrets(settings)
        )
    )
    return Exit.SOMETHING_TO_DO if arguments.detailed_exitcode and actions else Exit.DONE
