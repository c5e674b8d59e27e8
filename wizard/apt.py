"""apt's and dpkg's commands as they are called here: pure data, for who runs and who shows them."""

from __future__ import annotations

from collections.abc import Iterable

_APT = ("apt-get", "--yes", "--quiet", "-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Use-Pty=0")
# A configuration file that someone changed stays as it is: nobody is there to be asked.
_KEEP_CONFIGURATION = (
    "-o",
    "Dpkg::Options::=--force-confdef",
    "-o",
    "Dpkg::Options::=--force-confold",
)

REPAIR = ("dpkg", "--configure", "--pending", "--force-confdef", "--force-confold")


def install_command(names: Iterable[str], *, again: bool = False) -> tuple[str, ...]:
    """The command that installs packages without recommended ones, and removes nothing; `again`:
    that unpacks those once more that are there, or half there.
    """
    return (
        *_APT,
        "--no-install-recommends",
        "--no-remove",
        *_KEEP_CONFIGURATION,
        *(("--reinstall",) if again else ()),
        "install",
        *names,
    )


def removal_command(verb: str, names: Iterable[str]) -> tuple[str, ...]:
    """The command that purges or removes packages, and nothing that came with them: a half unpacked
    one too, which dpkg keeps otherwise ("a very bad inconsistent state").
    """
    force = ("-o", "Dpkg::Options::=--force-remove-reinstreq")
    return (*_APT, "--no-auto-remove", *force, verb, *names)
