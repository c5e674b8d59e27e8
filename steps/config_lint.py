"""What xl would make of each guest config on this machine: read, and never run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from steps.config_conversion import converted
from steps.facts import Facts
from steps.xl_config import ConfigError, may_be_guest, parse_config
from steps.xm_config import LARGEST_CONFIG, XmUnreadableError
from wizard.step import Problem

_FOLDER, _AUTO = "/etc/xen", "/etc/xen/auto"

_TELLING = {"disk", "kernel", "memory", "vif", "bootloader", "builder", "ramdisk"}


@dataclass(frozen=True)
class Finding:
    """One thing in a config: its line (0: the file as a whole), what is wrong, what to do.

    `refused`: xl does not take the file; else it takes it, and something else comes of it.
    """

    line: int
    what: str
    hint: str
    refused: bool


def config_problems(facts: Facts) -> Iterator[Problem]:
    """Each finding in each guest config here, as a warning: those guests are not this run's."""
    for path, text in guest_configs(facts):
        for finding in lint(text, path):
            place = f"{path}, line {finding.line}" if finding.line else path
            yield Problem(
                "guest-config-refused" if finding.refused else "guest-config-outdated",
                f"{place}: {finding.what}".rstrip(".") + ".",
                finding.hint,
                severity="warning",
            )
    for link, target in sorted(facts.links.items()):
        # Where else a link may lead is not looked at.
        here = link.startswith(f"{_AUTO}/") and target.startswith(f"{_FOLDER}/")
        if here and target not in facts.files:
            yield Problem(
                "guest-config-refused",
                f"{link} leads to {target}, which is not there: no guest starts from it.",
                f"Remove the link (rm {link}), or bring the config back.",
                severity="warning",
            )


def guest_configs(facts: Facts) -> Iterator[tuple[str, str]]:
    """Path and text of each guest config, those behind links once."""
    for path, text in sorted(facts.files.items()):
        folder, _, name = path.rpartition("/")
        if folder == _AUTO and path not in facts.links:
            yield path, text  # xendomains hands everything in here to the toolstack
        elif folder == _FOLDER and _looks_like_a_guest(name, text):
            yield path, text


def _looks_like_a_guest(name: str, text: str) -> bool:
    if not may_be_guest(name):
        return False
    words = {line.partition("=")[0].strip(" \t+") for line in text.splitlines() if "=" in line}
    return len(words & _TELLING) > 1


def lint(text: str, path: str) -> list[Finding]:
    """What xl refuses in this config, or reads otherwise than xm did."""
    convert = f"See it as xl reads it: xen-setup convert {path}"
    refusal: Finding | None = None
    try:
        parse_config(text)
    except ConfigError as error:
        refusal = Finding(error.line, f"xl does not read this: {error.what}", convert, refused=True)
    try:
        conversion = converted(text, path.rpartition("/")[2])
    except XmUnreadableError as error:
        # Neither reads it: xl's grammar says it better, but for what is no text at all.
        return [refusal or Finding(error.line, error.what, error.hint, refused=True)]
    findings = [
        Finding(change.line, f"{change.key}: {change.why}", convert, refused=False)
        if change.key
        else Finding(change.line, change.why, convert, refused=True)
        for change in conversion.changes
        if change.line or refusal is None  # what only xm took for granted is the smaller worry
    ]
    for unknown in conversion.unknown:
        what = f"{unknown.key or 'any setting'} cannot be known: {unknown.why}"
        findings.append(Finding(unknown.line, what, convert, refused=True))
    if refusal and refusal.line not in {one.line for one in findings if one.refused}:
        findings.append(refusal)
    return sorted(findings, key=lambda finding: finding.line or LARGEST_CONFIG)
