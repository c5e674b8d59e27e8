"""Facts as they will be after an action: the changes that several steps predict, in one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from steps.facts import Domain, Facts, GuestTree, Service, VolumeGroup

# A version that is not known before the package manager has chosen it.
TO_COME = "to be installed"


def with_file(facts: Facts, path: str, text: str) -> Facts:
    """The facts with a file written."""
    return with_files(facts, {path: text})


def with_files(facts: Facts, files: Mapping[str, str]) -> Facts:
    """The facts with these files written."""
    return replace(facts, files={**facts.files, **files})


def without_file(facts: Facts, path: str) -> Facts:
    """The facts with a file removed."""
    return replace(facts, files={name: text for name, text in facts.files.items() if name != path})


def with_directories(facts: Facts, *paths: str) -> Facts:
    """The facts with these directories there."""
    new = tuple(path for path in paths if path not in facts.directories)
    return replace(facts, directories=(*facts.directories, *new)) if new else facts


def with_link(facts: Facts, path: str, target: str) -> Facts:
    """The facts with a symbolic link made."""
    return replace(facts, links={**facts.links, path: target})


def with_packages(facts: Facts, names: Iterable[str]) -> Facts:
    """The facts with these packages installed; those that are there keep their versions."""
    new = {name: TO_COME for name in names if name not in facts.packages}
    return replace(facts, packages={**facts.packages, **new})


def with_service(facts: Facts, service: Service) -> Facts:
    """The facts with what is known of one service replaced, or added."""
    names = [known.name for known in facts.services]
    if service.name not in names:
        return replace(facts, services=(*facts.services, service))
    return replace(
        facts,
        services=tuple(
            service if known.name == service.name else known for known in facts.services
        ),
    )


def with_volume_group(facts: Facts, group: VolumeGroup) -> Facts:
    """The facts with a volume group replaced, or added."""
    others = tuple(known for known in facts.volume_groups or () if known.name != group.name)
    return replace(facts, volume_groups=(*others, group))


def with_tree(facts: Facts, tree: GuestTree) -> Facts:
    """The facts with what is known of one guest's volume replaced, or added."""
    others = tuple(known for known in facts.guest_trees if known.device != tree.device)
    return replace(facts, guest_trees=(*others, tree))


def under_xen(facts: Facts, dom0_memory: int) -> Facts:
    """The facts after the boot into Xen, with `dom0_memory` MiB for the host itself."""
    xen = replace(facts.xen, running=True, control_domain=True)
    facts = replace(facts, xen=xen, boot=replace(facts.boot, next_entry=None))
    return with_answering_toolstack(facts, dom0_memory)


def with_answering_toolstack(facts: Facts, dom0_memory: int) -> Facts:
    """The facts with `xl` answering: Domain-0 is there, if nothing else is."""
    dom0 = Domain("Domain-0", 0, dom0_memory, facts.processor.count, "r-----")
    return replace(
        facts, xen=replace(facts.xen, answers=True, domains=facts.xen.domains or (dom0,))
    )
