"""What new guests need on a host that is finished: the packages step, without Xen itself.

In the journal it has that step's name: whoever goes on with such a run goes on with that.
"""

from __future__ import annotations

from steps import host_packages
from steps.expected import with_packages
from steps.facts import Facts
from steps.lessons import xen_packages as lesson
from steps.settings import Settings
from wizard.lesson import Lesson
from wizard.step import Plan, Problem


class GuestPackages:
    """A step: programs for the guests' filesystems, and keyrings of their releases."""

    TITLE = "Packages that the guests need"
    LESSON: Lesson = lesson.LESSON
    QUESTIONS: tuple[str, ...] = ()

    @property
    def __name__(self) -> str:
        return "steps.xen_packages"

    def check(self, settings: Settings, facts: Facts) -> list[Problem]:
        """Whether apt can install what is missing."""
        return host_packages.check_sources(_missing(settings, facts), facts)

    def plan(self, settings: Settings, facts: Facts) -> Plan[Facts]:
        """Install what is missing."""
        missing = _missing(settings, facts)
        if not missing:
            names = sorted(host_packages.wanted_by_guests(settings))
            return Plan((), facts, skipped=(host_packages.are_installed(names),))
        actions, then = host_packages.install(missing, facts)
        return Plan(tuple(actions), with_packages(then, missing))

    def verify(self, settings: Settings, facts: Facts) -> list[Problem]:
        """All of it is there."""
        return host_packages.not_installed(_missing(settings, facts))


def _missing(settings: Settings, facts: Facts) -> tuple[str, ...]:
    wanted = host_packages.wanted_by_guests(settings)
    return tuple(name for name in wanted if name not in facts.packages)
