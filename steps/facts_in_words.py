"""The facts as a table for people: what the machine is, in a label and words each."""

from __future__ import annotations

from collections.abc import Iterator

from steps.credentials import key_words
from steps.facts import BootLoader, Content, Disk, Facts, Network, VolumeGroup, Xen
from steps.kinds import size_to_read


def describe(facts: Facts) -> list[tuple[str, str]]:
    """Label and words, in the order in which the steps look at them; several rows of one label
    for lists.
    """
    return list(_rows(facts))


def _rows(facts: Facts) -> Iterator[tuple[str, str]]:
    yield (
        "machine",
        facts.hostname + (f", in a container ({facts.container})" * bool(facts.container)),
    )
    yield "distribution", f"{facts.distribution.name}, {facts.architecture}"
    processor = facts.processor
    yield (
        "processor",
        f"{processor.count} × {processor.model or 'unknown'}, {_virtualisation(facts)}",
    )
    yield "memory", size_to_read(facts.memory)
    secure = {True: ", Secure Boot on", False: ", Secure Boot off", None: ""}[facts.secure_boot]
    yield "firmware", ("UEFI" if facts.firmware == "uefi" else "BIOS") + secure
    yield "running kernel", facts.kernel
    for kernel in facts.kernels:
        can = {True: "can be dom0", False: "cannot be dom0", None: "dom0 support not known"}
        yield "kernel", f"{kernel.version}, {can[kernel.xen_dom0]}"
    yield "boot loader", _boot(facts.boot)
    yield from _boot_entries(facts.boot)
    yield "service manager", facts.service_manager
    yield "Xen", _xen(facts.xen)
    for domain in facts.xen.domains or ():
        yield "domain", f"{domain.name}, id {domain.id}, {size_to_read(domain.memory)}"
    for service in facts.services:
        enabled = "enabled" if service.enabled else "not enabled"
        yield (
            "service",
            f"{service.name}: {enabled}, {'active' if service.active else 'not active'}",
        )
    if facts.graphics_modules:
        yield "graphics", f"proprietary: {', '.join(facts.graphics_modules)}"
    for tls in facts.tls:
        yield "TLS libraries", f"{tls.path}, {tls.libraries} files"
    yield from _network(facts.network)
    for disk in facts.disks:
        yield from _disk(disk)
    for group in facts.volume_groups or ():
        yield from _group(group)
    for path, free in facts.space.items():
        yield "free space", f"{path}: {size_to_read(free)}"
    login = ", with a name and a password" if facts.apt.login else ""
    yield "apt mirror", (facts.apt.mirror or "none in the package sources") + login
    yield "archive keyring", facts.apt.keyring or "none"
    for key in facts.public_keys or ():
        yield "your SSH key", key_words(key)
    for tree in facts.guest_trees:
        words = (
            "empty" if tree.empty else f"{tree.os_id} {tree.codename}, host name {tree.hostname}"
        )
        yield "guest system", f"{tree.device}: {words}"
    for line in facts.unknown:
        yield "not known", line


def content_words(content: Content) -> str:
    """What is on a device and what uses it, in a few words."""
    names = {
        "empty": "empty",
        "filesystem": content.detail,
        "swap": "swap",
        "lvm": "LVM physical volume",
        "raid": f"RAID member ({content.detail})",
        "luks": "LUKS, encrypted",
        "partition table": f"partition table ({content.detail})",
        "other": content.detail,
        "unknown": "content not known",
    }
    words = names[content.kind]
    if content.label:
        words += f" “{content.label}”"
    if content.mounted_at:
        words += f", mounted at {', '.join(content.mounted_at)}"
    if content.used_by:
        words += f", used by {', '.join(content.used_by)}"
    return words


def _virtualisation(facts: Facts) -> str:
    flags = facts.processor.flags
    if "vmx" in flags:
        return "with Intel VT-x"
    if "svm" in flags:
        return "with AMD-V"
    return "no hardware virtualisation seen"


def _boot(boot: BootLoader) -> str:
    names = {"grub2": "GRUB 2", "grub-legacy": "GRUB Legacy", "other": "not GRUB", "none": "none"}
    return " ".join(part for part in (names[boot.kind], boot.version, boot.config) if part)


def _boot_entries(boot: BootLoader) -> Iterator[tuple[str, str]]:
    for entry in boot.entries or ():
        if entry.recovery:
            continue
        marks = []
        if entry.path == boot.default_entry:
            marks.append("default")
        if boot.next_entry in (entry.path, entry.id, entry.title):
            marks.append("next boot only")
        if entry.path == boot.fallback_entry:
            marks.append("when another cannot be loaded")
        yield "boot entry", entry.title + (f" ({', '.join(marks)})" if marks else "")


def _xen(xen: Xen) -> str:
    if xen.running:
        where = "dom0" if xen.control_domain else "this machine is a guest"
        answers = "" if xen.answers or not xen.control_domain else ", xl does not answer"
        return f"running, version {xen.version}, {where}{answers}"
    return f"installed, not running: {', '.join(xen.images)}" if xen.images else "not installed"


def _network(network: Network) -> Iterator[tuple[str, str]]:
    for card in network.cards:
        notes = [card.mac, card.driver, " ".join(card.addresses) or "no address"]
        notes += ["up" if card.up else "down"]
        notes += ["wireless"] * card.wireless + ["default route"] * card.default_route
        notes += [f"port of {card.bridge}"] * bool(card.bridge)
        notes += ["this session comes in here"] * (card.name == network.session_card)
        yield "network card", f"{card.name}: {', '.join(note for note in notes if note)}"
    for bridge in network.bridges:
        ports = ", ".join(bridge.ports) or "no ports"
        yield "bridge", f"{bridge.name}: {ports}, {' '.join(bridge.addresses) or 'no address'}"
    cloud = ", and cloud-init may write what it reads" if network.cloud_init else ""
    yield "network manager", network.manager + cloud
    if network.gateway:
        yield "gateway", network.gateway


def _disk(disk: Disk) -> Iterator[tuple[str, str]]:
    notes = [size_to_read(disk.size), disk.model, content_words(disk.content)]
    notes += ["the system's"] * disk.system + ["read-only"] * disk.read_only
    notes += ["removable"] * disk.removable
    yield "disk", f"{disk.path}: {', '.join(note for note in notes if note)}"
    for part in disk.partitions:
        system = ", the system's" if part.system else ""
        words = content_words(part.content)
        yield "partition", f"{part.path}: {size_to_read(part.size)}, {words}{system}"
    for region in disk.free:
        room = "" if region.usable else ", but no room in the table for a partition"
        yield "free region", f"{disk.path}: {size_to_read(region.size)}{room}"


def _group(group: VolumeGroup) -> Iterator[tuple[str, str]]:
    sizes = f"{size_to_read(group.size)}, {size_to_read(group.free)} free"
    yield "volume group", f"{group.name}: {sizes}, on {', '.join(group.devices)}"
    for volume in group.volumes:
        words = content_words(volume.content) + (", open" if volume.open else "")
        yield "volume", f"{volume.path}: {size_to_read(volume.size)}, {words}"
