"""Step 10: each guest's config for xl, written, read back, and held against the world."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from steps import identifiers, xend_config
from steps.config_lint import config_problems
from steps.each_guest import each_guest
from steps.expected import with_file
from steps.facts import Facts, GuestTree, Kernel
from steps.guest_disks import disks, root_device
from steps.guest_kernel import config_path, kernel_for
from steps.kinds import show_size
from steps.lessons import guest_config as lesson
from steps.settings import NO_BRIDGE, GuestSettings, Settings
from steps.xl_config import (
    ConfigError,
    XlConfig,
    cards_of,
    disks_of,
    parse_config,
    text_of,
    whole_number_of,
)
from wizard.actions import Action, WriteFile, text_hash
from wizard.step import Plan, Problem

TITLE = "A config for each guest"
LESSON = lesson.LESSON

QUESTIONS = ("guests.memory", "guests.vcpus")

_OURS = "# Written by xen-setup for `xl create`; `man xl.cfg` explains the lines."
_OURS_FOR_XM = (
    "# Written by xen-setup for `xm create`, which runs it as Python; `man xmdomain.cfg`."
)
_AS_WRITTEN = "# Change it as you like: then xen-setup leaves it alone. As written:"

# Linux itself, and what it needs to unpack an initrd: half of what is left for it is a tmpfs's
# limit. 162 MiB of files (Debian 12) gives 420; 256 panics there and 512 boots (both seen).
_KERNEL_MEMORY = 96


# ---- check


def check(settings: Settings, facts: Facts) -> list[Problem]:
    """Whether a guest of that name can be described, and could boot with that kernel."""
    configs = tuple(_configs(facts))

    def of_guest(guest: GuestSettings) -> list[Problem]:
        return [
            *_check_kernel(facts, guest),
            *_check_names(settings, facts, guest, configs),
            *_check_bridge(settings, facts, guest),
        ]

    return [
        *each_guest(settings, of_guest),
        *_check_cards(settings, facts),
        *_old_configs(settings, facts),
    ]


def _check_kernel(facts: Facts, guest: GuestSettings) -> list[Problem]:
    kernel = kernel_for(facts, guest)
    if kernel is None:
        return [
            Problem(
                "no-guest-kernel",
                f"There is no kernel in /boot that {guest.name} could boot under Xen.",
                "Install the distribution's own (linux-image-amd64 on Debian).",
            )
        ]
    if not kernel.initrd:
        return [
            Problem(
                "no-guest-initrd",
                f"{kernel.image} has no initrd; the guest needs its modules to reach its disk.",
                f"Make one: update-initramfs -c -k {kernel.version}",
            )
        ]
    problems = []
    if kernel.initrd_has_blkfront is False and not kernel.xen_blkfront_builtin:
        problems.append(
            Problem(
                "initrd-without-blkfront",
                f"{kernel.initrd} lacks the module xen-blkfront: {guest.name} would not find its "
                "root disk.",
                "Add a line xen-blkfront to /etc/initramfs-tools/modules, then: "
                f"update-initramfs -u -k {kernel.version}",
            )
        )
    needed = memory_needed(kernel)
    if needed is None:
        problems.append(
            Problem(
                "initrd-unread",
                f"How much memory {kernel.initrd} needs is not known.",
                "512MiB are enough for Debian's; it can be read as root.",
                severity="unknown",
            )
        )
    elif guest.memory < needed:
        problems.append(
            Problem(
                "guest-memory-too-small",
                f"{guest.name} gets {show_size(guest.memory)}; to unpack {kernel.initrd} it needs "
                f"{show_size(needed)}.",
                "Give it more (guests: memory), or make the initrd smaller: MODULES=dep in "
                "/etc/initramfs-tools/initramfs.conf with xen-blkfront in its modules file.",
            )
        )
    return problems


def _old_configs(settings: Settings, facts: Facts) -> Iterator[Problem]:
    """What xl would make of every config here; to xm its own are no old ones."""
    if settings.host.toolstack != "xm":
        yield from config_problems(facts)


def memory_needed(kernel: Kernel) -> int | None:
    """MiB with which a guest unpacks this kernel's initrd; None when its size is not known."""
    if kernel.initrd_unpacked_mib is None:
        return None
    return 2 * kernel.initrd_unpacked_mib + _KERNEL_MEMORY


def _check_cards(settings: Settings, facts: Facts) -> Iterator[Problem]:
    """Addresses follow from names, and 23 bits of them differ: two names can come to one."""
    seen: dict[str, str] = {}
    for guest in settings.guests:
        mac = identifiers.guest_mac(facts, guest.name)
        other = seen.setdefault(mac, guest.name)
        if other != guest.name:
            yield Problem(
                "guest-mac-taken",
                f"The cards of {other} and {guest.name} would both have the address {mac}.",
                "Give one of them another name: the address follows from it.",
            )


def _check_names(
    settings: Settings,
    facts: Facts,
    guest: GuestSettings,
    configs: Sequence[tuple[str, XlConfig]],
) -> list[Problem]:
    path = config_path(guest)
    problems = []
    if path in facts.files and not _is_ours(facts.files[path]):
        problems.append(
            Problem(
                "guest-name-taken",
                f"{path} is there already, and xen-setup did not write it.",
                "Give the guest another name (guests: name).",
            )
        )
    own_mac = identifiers.guest_mac(facts, guest.name)
    own_disks = {disk.device for disk in disks(settings, facts, guest)}
    for other, config in configs:
        if other == path:
            continue
        if text_of(config, "name") == guest.name:
            problems.append(
                Problem(
                    "guest-name-taken",
                    f"{other} describes a guest {guest.name} already.",
                    "Give the guest another name (guests: name).",
                )
            )
        if any(card.get("mac", "").lower() == own_mac for card in cards_of(config)):
            problems.append(
                Problem(
                    "guest-mac-taken",
                    f"{other} has a card with the address {own_mac}, which {guest.name} gets.",
                    "Give that guest another mac, or this one another name.",
                )
            )
        shared = own_disks & {disk.target for disk in disks_of(config)}
        if shared:
            problems.append(
                Problem(
                    "guest-disk-taken",
                    f"{other} uses {' and '.join(sorted(shared))}, which is to be {guest.name}'s.",
                    "Two guests on one disk destroy it. Give this guest another name.",
                )
            )
    if path not in facts.files and facts.domain(guest.name) is not None:
        problems.append(
            Problem(
                "guest-name-taken",
                f"A domain {guest.name} is running, and {path} is not its config.",
                "Give the guest another name (guests: name).",
            )
        )
    return problems


def _check_bridge(settings: Settings, facts: Facts, guest: GuestSettings) -> list[Problem]:
    bridge = settings.host.bridge
    if bridge == NO_BRIDGE or facts.bridge(bridge) is not None:
        return []
    if xend_config.makes_bridge(settings, facts):
        return []  # xend makes it when it starts, under Xen
    return [
        Problem(
            "bridge-missing",
            f"The bridge {bridge}, which {guest.name}'s card is to be plugged into, is not there.",
            "The step network_bridge makes it, once in a run, or says what stands in the way. If "
            "it was there: see with `ip link show type bridge` what became of it. `host.bridge: "
            "none` does without.",
        )
    ]


# ---- plan


def plan(settings: Settings, facts: Facts) -> Plan[Facts]:
    """A config for each guest that has none; what the user changed is left alone."""
    actions: list[Action] = []
    skipped = []
    for guest in settings.guests:
        path = config_path(guest)
        text = config_text(settings, facts, guest)
        if text is None:
            continue  # check says that there is no kernel
        present = facts.files.get(path)
        if present == text:
            skipped.append(f"{path} is there.")
        elif present is not None and not _is_as_written(present):
            skipped.append(f"{path} is there, changed by hand; it is left as it is.")
        else:
            actions.append(
                WriteFile(
                    path,
                    text,
                    f"What `xl create` makes {guest.name} of: memory, disks, card, and the host's "
                    "own kernel to boot.",
                    made_from=text_hash(present or ""),
                )
            )
            facts = with_file(facts, path, text)
    return Plan(tuple(actions), facts, skipped=tuple(skipped))


def config_text(settings: Settings, facts: Facts, guest: GuestSettings) -> str | None:
    """The guest's whole config; None when the host has no kernel for it."""
    kernel = kernel_for(facts, guest)
    if kernel is None:
        return None
    ours = disks(settings, facts, guest)
    if settings.host.toolstack == "xm":
        return _text_for_xm(settings, facts, guest, kernel)
    disk_lines = "".join(f'    "{disk.device},raw,{disk.target},rw",\n' for disk in ours)
    card = (
        "vif = [ ]  # no network card"
        if settings.host.bridge == NO_BRIDGE
        else f'vif = [ "mac={identifiers.guest_mac(facts, guest.name)},'
        f'bridge={settings.host.bridge}" ]'
    )
    body = f"""
name = "{guest.name}"
uuid = "{identifiers.guest_uuid(facts, guest.name)}"
type = "pv"

# The host's own kernel and initrd; the guest has none. net.ifnames=0: its card is eth0.
kernel = "{kernel.image}"
ramdisk = "{kernel.initrd or ""}"
root = "/dev/{ours[0].target} ro"
extra = "console=hvc0 net.ifnames=0"

memory = {guest.memory}
vcpus = {guest.vcpus}

# On the host, format, in the guest (its fstab says the same), access.
disk = [
{disk_lines}]

{card}

on_poweroff = "destroy"
on_reboot = "restart"
on_crash = "destroy"
"""
    return f"{_OURS}\n{_AS_WRITTEN} {_digest(body)}\n{body}"


def _text_for_xm(settings: Settings, facts: Facts, guest: GuestSettings, kernel: Kernel) -> str:
    """The same as the tutorial prints it: Python, which xm runs, and all of which xl can read."""
    ours = disks(settings, facts, guest)
    specs = ",\n         ".join(
        f"'phy:{disk.device.removeprefix('/dev/')},{disk.target},w'" for disk in ours
    )
    mac = identifiers.guest_mac(facts, guest.name)
    no_bridge = settings.host.bridge == NO_BRIDGE
    cards = "[]" if no_bridge else f"[ 'mac={mac}, bridge={settings.host.bridge}' ]"
    body = f"""
name = "{guest.name}"
uuid = "{identifiers.guest_uuid(facts, guest.name)}"

# The host's own kernel and initrd; the guest has none.
kernel = "{kernel.image}"
ramdisk = "{kernel.initrd or ""}"
root = "/dev/{ours[0].target} ro"
extra = "console=hvc0 net.ifnames=0"

memory = {guest.memory}
vcpus = {guest.vcpus}

# On the host below /dev, in the guest (its fstab says the same), w for writing.
disk = [ {specs} ]
vif = {cards}

on_poweroff = 'destroy'
on_reboot = 'restart'
on_crash = 'destroy'
"""
    return f"{_OURS_FOR_XM}\n{_AS_WRITTEN} {_digest(body)}\n{body}"


# ---- verify

_MEND = "Mend it there, or remove the file and start again."
# A file that is written anew would name the same.
_ELSEWHERE = {
    "config-disk": "See with `lvs` what became of it, or mend it there.",
    "config-bridge": "See with `ip link show type bridge` what became of it, or mend it there.",
}


def verify(settings: Settings, facts: Facts) -> list[Problem]:
    """Every config can be read, and fits the machine."""
    return [
        problem for guest in settings.guests for problem in _verify_guest(settings, facts, guest)
    ]


def _verify_guest(settings: Settings, facts: Facts, guest: GuestSettings) -> list[Problem]:
    path = config_path(guest)
    text = facts.files.get(path)
    if text is None:
        return [Problem("config-missing", f"{path} is not there.", "Start again: it is written.")]
    try:
        config = parse_config(text)
    except ConfigError as error:
        return [
            Problem(
                "config-unreadable",
                f"{path}, line {error.line}: {error.what}.",
                "Mend that line; `man xl.cfg` says what may stand there.",
            )
        ]
    return [
        Problem(name, f"{path}: {what}.", _ELSEWHERE.get(name, _MEND))
        for name, what in _wrong(settings, facts, guest, config)
    ]


def _wrong(
    settings: Settings, facts: Facts, guest: GuestSettings, config: XlConfig
) -> Iterator[tuple[str, str]]:
    """What in a config does not fit the world: (name of the problem, words)."""
    if text_of(config, "name") != guest.name:
        yield "config-name", f"the name is {text_of(config, 'name') or 'missing'}, not {guest.name}"
    kernels = {kernel.image: kernel for kernel in facts.kernels}
    kernel = kernels.get(text_of(config, "kernel"))
    if not text_of(config, "bootloader"):
        if kernel is None:
            yield "config-kernel", f"the kernel {text_of(config, 'kernel')!r} is not in /boot"
        elif text_of(config, "ramdisk") != (kernel.initrd or ""):
            yield "config-ramdisk", f"the ramdisk is not {kernel.initrd}, the kernel's own"
        elif (needed := memory_needed(kernel)) is not None:
            memory = whole_number_of(config, "memory") or 0
            if memory < needed:
                yield "config-memory", f"memory = {memory} is too little for its initrd: {needed}"
    specs = disks_of(config)
    group = settings.storage.volume_group
    for spec in specs:
        # Disks elsewhere are the user's own; those in the group are ours to know.
        if (
            facts.volume_groups is not None
            and spec.target.startswith(f"/dev/{group}/")
            and facts.volume(group, spec.target.rpartition("/")[2]) is None
        ):
            yield "config-disk", f"the disk {spec.target} is not there"
    if facts.domain(guest.name) is None:
        yield from _mounted_disks(facts, group, [spec.target for spec in specs])
    root = text_of(config, "root").split()
    vdevs = {f"/dev/{spec.vdev}" for spec in specs}
    if root and root[0] not in vdevs and not root[0].startswith("UUID="):
        yield "config-root", f"root is {root[0]}, which is none of its disks"
    tree = facts.tree(root_device(settings, guest))
    for device in _fstab_devices(tree):
        if device not in vdevs:
            yield "config-fstab", f"the guest's fstab mounts {device}, which is none of its disks"
    for card in cards_of(config):
        bridge = card.get("bridge", "")
        waits = xend_config.makes_bridge(settings, facts) and not facts.xen.control_domain
        if bridge and facts.bridge(bridge) is None and not waits:
            yield "config-bridge", f"the bridge {bridge} is not there"


def _mounted_disks(facts: Facts, group: str, targets: list[str]) -> Iterator[tuple[str, str]]:
    for target in targets:
        volume = facts.volume(group, target.rpartition("/")[2])
        if volume is not None and volume.content.mounted_at:
            where = " and ".join(volume.content.mounted_at)
            yield "config-disk-mounted", f"{target} is mounted at {where}: Xen refuses it then"


# ---- private


def _configs(facts: Facts) -> Iterator[tuple[str, XlConfig]]:
    """Every guest config of this machine that can be read, by path."""
    for path, text in sorted(facts.files.items()):
        if not path.startswith("/etc/xen/") or path.startswith("/etc/xen/auto/"):
            continue
        try:
            config = parse_config(text)
        except ConfigError:
            continue  # xl.conf's and others' files are not all of this format
        if "name" in config or "disk" in config:
            yield path, config


def _fstab_devices(tree: GuestTree | None) -> list[str]:
    lines = (line.split() for line in (tree.fstab if tree is not None else "").splitlines())
    return [words[0] for words in lines if words and words[0].startswith("/dev/")]


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def _is_ours(text: str) -> bool:
    return text.startswith((_OURS, _OURS_FOR_XM))


def _is_as_written(text: str) -> bool:
    """Whether nobody changed it since: its second line is the digest of what follows."""
    lines = text.split("\n", 2)
    return (
        len(lines) == 3
        and lines[0] in (_OURS, _OURS_FOR_XM)
        and lines[1] == f"{_AS_WRITTEN} {_digest(lines[2])}"
    )
