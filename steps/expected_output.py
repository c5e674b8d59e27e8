"""What commands that look show on a machine with these facts: for runs that are only played.

Columns and words are those that the commands print in the practice machine (Debian 12).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from steps.facts import Facts
from steps.saved_facts import hidden


def show(argv: Sequence[str], facts: Facts) -> tuple[str, ...]:
    """The lines that the command prints, errors included; KeyError for one that is not known."""
    makes = {
        "bridge": _bridge_link,
        "cat": lambda facts: _cat(argv[-1], facts),
        "findmnt": lambda facts: _mounts(argv[-1], facts),
        "grep": lambda facts: _grep(argv, facts),
        "ls": lambda facts: _ls(argv[2:], facts),
        "lvs": lambda facts: _lvs(argv[-1], facts),
        "systemctl": lambda facts: _enabled(argv[2:], facts),
        "vgs": _vgs,
        "xl": xl_list,
    }[argv[0]]
    return tuple(makes(facts))


def xl_list(facts: Facts) -> Iterator[str]:
    """`xl list`: the domains, as xl prints them."""
    if not facts.xen.running:
        yield "xencall: error: Could not obtain handle on privileged command interface: "
        yield "No such file or directory"
        return
    yield f"{'Name':<40}{'ID':>6}{'Mem':>6}{'VCPUs':>6}      State   Time(s)"
    for domain in facts.xen.domains or ():
        spent = 61.4 if domain.id == 0 else 9.8
        yield (
            f"{domain.name:<40}{domain.id:>6}{domain.memory:>6}{domain.vcpus:>6}"
            f"     {domain.state}  {spent:>8.1f}"
        )


def _boot_menu(facts: Facts) -> Iterator[str]:
    for entry in facts.boot.entries or ():
        if ">" not in entry.path:  # the submenus' own stand deeper in the file
            yield f"menuentry '{entry.title}' ".partition("-")[0]


def _bridge_link(facts: Facts) -> Iterator[str]:
    number = 1
    for bridge in facts.network.bridges:
        for port in bridge.ports:
            number += 1
            yield (
                f"{number}: {port}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master "
                f"{bridge.name} state forwarding priority 32 cost 100"
            )


def _cat(path: str, facts: Facts) -> Iterator[str]:
    if path == "/sys/hypervisor/type" and facts.xen.running:
        yield "xen"
    elif path == "/proc/xen/capabilities" and facts.xen.control_domain:
        yield "control_d"
    elif path in facts.files:
        yield from hidden(facts.files[path]).splitlines()
    else:
        yield f"cat: {path}: No such file or directory"


def _mounts(device: str, facts: Facts) -> Iterator[str]:
    for group in facts.volume_groups or ():
        for volume in group.volumes:
            if volume.path == device and volume.content.mounted_at:
                yield "TARGET SOURCE FSTYPE"
                for place in volume.content.mounted_at:
                    yield f"{place} {device} {volume.content.detail}"


def _grep(argv: Sequence[str], facts: Facts) -> Iterator[str]:
    if "--count" in argv:
        has = {"vmx", "svm"} & set(facts.processor.flags)
        yield str(facts.processor.count if has else 0)
        return
    if "--only-matching" in argv:
        yield from _boot_menu(facts)
        return
    pattern, path = re.compile(argv[-2]), argv[-1]
    if path not in facts.files:
        yield f"grep: {path}: No such file or directory"
        return
    for line in hidden(facts.files[path]).splitlines():
        if not pattern.search(line):
            yield line


def _ls(paths: Sequence[str], facts: Facts) -> Iterator[str]:
    there = {
        f"{directory.path}.disabled" if directory.disabled else directory.path
        for directory in facts.tls
    }
    for path in paths:
        yield path if path in there else f"ls: cannot access '{path}': No such file or directory"


def _vgs(facts: Facts) -> Iterator[str]:
    yield f"  {'VG':<9} #PV #LV #SN Attr   {'VSize':>7} {'VFree':>7}"
    for group in facts.volume_groups or ():
        yield (
            f"  {group.name:<9} {len(group.devices):>3} {len(group.volumes):>3}   0 wz--n- "
            f"{_size(group.size):>7} {_size(group.free):>7}"
        )


def _lvs(name: str, facts: Facts) -> Iterator[str]:
    group = facts.group(name)
    if group is None:
        yield f'  Volume group "{name}" not found'
        return
    wide = max([len(volume.name) for volume in group.volumes], default=2)
    yield f"  {'LV':<{wide}} {'VG':<9} Attr       {'LSize':>7}"
    for volume in group.volumes:
        state = "-wi-ao----" if volume.open else "-wi-a-----"
        yield f"  {volume.name:<{wide}} {group.name:<9} {state} {_size(volume.size):>7}"


def _enabled(units: Sequence[str], facts: Facts) -> Iterator[str]:
    for unit in units:
        service = facts.service(unit.removesuffix(".service"))
        if not service.present:
            yield f"Failed to get unit file state for {unit}: No such file or directory"
        else:
            yield "enabled" if service.enabled else "disabled"


def _size(mib: int) -> str:
    """As LVM prints it: `<` where it is rounded up to what is shown."""
    if mib < 1024:
        return f"{mib:.2f}m"
    shown = f"{mib / 1024:.2f}g"
    return f"<{shown}" if round(mib / 1024, 2) > mib / 1024 else shown
