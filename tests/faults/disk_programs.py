"""LVM, filesystems, signatures and mounts, simulated."""

from __future__ import annotations

import shutil

from steps.facts import Content
from tests.faults.model import Model
from tests.faults.said import OK, Program, Said, nothing, refused
from tests.faults.state import Group, Volume

Argv = tuple[str, ...]


def pvs(model: Model, argv: Argv) -> Program:
    yield from nothing()
    device = model.device(argv[-1])
    if not device:
        return refused(f'Failed to find device "{argv[-1]}".')
    content = model.content(device)
    if content.kind != "lvm":
        return refused(f"No physical volume label read from {argv[-1]}.")
    return Said(0, f"  {content.uuid}\n")


def pvcreate(model: Model, argv: Argv) -> Program:
    device = model.device(argv[-1])
    content = model.content(device)
    if not device:
        return refused(f"Device {argv[-1]} not found.")
    if any(group.device == device for group in model.state.groups.values()):
        return refused(f"Can't initialize physical volume {device} of a volume group.")
    if content.kind == "lvm" or (content.kind != "empty" and "--yes" not in argv):
        return refused(f"WARNING: {content.detail} signature detected on {device}. Wipe it? [n]")
    yield  # LVM writes its label in one sector: half of it there is not
    if device in model.state.parts:
        model.state.remains = Content("empty")
    uuid = argv[argv.index("--uuid") + 1]
    model.state.content[device] = Content("lvm", "LVM2_member", "", uuid)
    return OK


def pvremove(model: Model, argv: Argv) -> Program:
    device = model.device(argv[-1])
    if model.content(device).kind != "lvm":
        return refused(f"No PV found on device {argv[-1]}.")
    if any(group.device == device for group in model.state.groups.values()):
        return refused(f"PV {device} is used by a VG. Please reduce it first.")
    yield
    model.state.content[device] = Content("empty")
    return OK


def vgs(model: Model, argv: Argv) -> Program:
    yield from nothing()
    if argv[-1] == "vg_name":
        return Said(0, "".join(f"  {name}\n" for name in model.state.groups))
    group = model.state.groups.get(argv[-1])
    if group is None:
        return refused(f'Volume group "{argv[-1]}" not found.')
    uuid = model.content(group.device).uuid
    return Said(0, f"  {argv[-1]} {','.join(group.tags)} {uuid}\n")


def vgcreate(model: Model, argv: Argv) -> Program:
    name, device = argv[-2], model.device(argv[-1])
    if name in model.state.groups:
        return refused(f"A volume group called {name} already exists.")
    if model.content(device).kind != "lvm":
        return refused(f"No physical volume label read from {device}.")
    yield
    size = max(model.size(device) // (1 << 20) - 1, 0) // 4 * 4
    model.state.groups[name] = Group((argv[argv.index("--addtag") + 1],), device, size)
    return OK


def vgremove(model: Model, argv: Argv) -> Program:
    name = argv[-1]
    if name not in model.state.groups:
        return refused(f'Volume group "{name}" not found.')
    if any(volume.startswith(f"{name}/") for volume in model.state.volumes):
        return refused("Do you really want to remove volume group? [y/n]: [n]")
    yield
    del model.state.groups[name]
    return OK


def lvs(model: Model, argv: Argv) -> Program:
    yield from nothing()
    if "--select" in argv:
        _field, origin, _rest = argv[argv.index("--select") + 1].split('"')
        found = [
            name
            for name, one in model.state.volumes.items()
            if one.origin == f"{argv[-1]}/{origin}"
        ]
        return Said(0, "".join(f"  {name}\n" for name in found))
    group = argv[-1].partition("/")[0]
    if group not in model.state.groups:
        return refused(f'Volume group "{group}" not found')
    volume = model.state.volumes.get(argv[-1])
    if volume is None:
        return refused(f'Failed to find logical volume "{argv[-1]}".')
    return Said(0, f"  {argv[-1].partition('/')[2]} {','.join(volume.tags)}\n")


def lvcreate(model: Model, argv: Argv) -> Program:
    group, name = argv[-1], argv[argv.index("--name") + 1]
    size = int(argv[argv.index("--size") + 1].removesuffix("m"))
    if f"{group}/{name}" in model.state.volumes:
        return refused(f'Logical Volume "{name}" already exists in volume group "{group}".')
    if group not in model.state.groups:
        return refused(f'Volume group "{group}" not found.')
    yield
    size = -(-size // model.state.groups[group].extent) * model.state.groups[group].extent
    tags = (argv[argv.index("--addtag") + 1],)
    model.state.volumes[f"{group}/{name}"] = Volume(size, tags)
    model.state.content.pop(f"/dev/{group}/{name}", None)
    model.make_nodes((f"/dev/{group}/{name}",))
    return OK


def lvremove(model: Model, argv: Argv) -> Program:
    name = argv[-1]
    if name not in model.state.volumes:
        return refused(f'Failed to find logical volume "{name}".')
    if model.mounted_at(f"/dev/{name}"):
        return refused(f"Logical volume {name} contains a filesystem in use.")
    yield
    snapshots = [one for one, volume in model.state.volumes.items() if volume.origin == name]
    for one in (*snapshots, name):
        del model.state.volumes[one]
        model.state.content.pop(f"/dev/{one}", None)
        shutil.rmtree(model.tree / "volumes" / one, ignore_errors=True)
        model.remove_nodes((f"/dev/{one}",))
    _tidy(model, name)
    return OK


def _tidy(model: Model, volume: str) -> None:
    """A group's directory in /dev goes with its last volume."""
    group = volume.partition("/")[0]
    if not any(name.startswith(f"{group}/") for name in model.state.volumes):
        for directory in (model.tree / "volumes" / group, model.tree / "dev" / group):
            if directory.is_dir():
                directory.rmdir()


def make_filesystem(model: Model, argv: Argv) -> Program:
    device = model.device(argv[-1])
    kind = argv[0].removeprefix("mkfs.")
    if not device:
        return refused(f"The file {argv[-1]} does not exist.")
    if model.mounted_at(device) or model.volume_of_domain(device):
        return refused(f"{device} is mounted; will not make a filesystem here!")
    if kind in ("xfs", "btrfs") and model.content(device).kind != "empty":
        return refused(f"{device} appears to contain an existing filesystem.")
    uuid = next(word.removeprefix("uuid=") for word in reversed(argv[:-1]) if "-" in word[1:])
    # Half a filesystem has no superblock that anyone finds; an XFS has (xfsprogs 6.1, seen).
    half = Content("filesystem", kind, "", uuid) if kind == "xfs" else Content("empty")
    model.state.content[device] = half
    if kind == "xfs":
        model.state.unfinished.add(device)
    yield
    model.state.unfinished.discard(device)
    if argv[0] == "mkswap":
        model.state.content[device] = Content("swap", "swap", "", uuid)
        return OK
    model.state.content[device] = Content("filesystem", kind, "", uuid)
    inside = model.tree / "volumes" / device.removeprefix("/dev/")
    shutil.rmtree(inside, ignore_errors=True)
    inside.mkdir(parents=True)
    if kind.startswith("ext"):
        (inside / "lost+found").mkdir(mode=0o700)
    return OK


def wipefs(model: Model, argv: Argv) -> Program:
    device = model.device(argv[-1])
    content = model.content(device)
    if not device:
        return refused(f"{argv[-1]}: probing initialization failed")
    if "--noheadings" in argv:
        return Said(0, f"{content.detail}\n" if content.kind != "empty" else "")
    if model.mounted_at(device) or model.volume_of_domain(device):
        return refused(f"{device}: probing initialization failed: Device or resource busy")
    yield
    model.state.content[device] = Content("empty")
    model.state.unfinished.discard(device)
    shutil.rmtree(model.tree / "volumes" / device.removeprefix("/dev/"), ignore_errors=True)
    return OK


def xfs_db(model: Model, argv: Argv) -> Program:
    yield from nothing()
    device = model.device(argv[-1])
    content = model.content(device)
    if content.detail != "xfs":
        return refused(f"xfs_db: {argv[-1]} is not a valid XFS filesystem")
    return Said(0, f"uuid = {content.uuid}\ninprogress = {int(device in model.state.unfinished)}\n")


def blkid(model: Model, argv: Argv) -> Program:
    yield from nothing()
    device = model.device(argv[-1])
    content = model.state.remains if "--offset" in argv else model.content(device)
    if not device or content.kind == "empty":
        return Said(2, "")
    table = content.kind == "partition table"
    pairs = {
        "PTTYPE" if table else "TYPE": content.detail,
        "PTUUID" if table else "UUID": content.uuid,
    }
    if "--match-tag" in argv:
        tag = argv[argv.index("--match-tag") + 1]
        return Said(0, f"{pairs[tag]}\n") if tag in pairs else Said(2, "")
    return Said(0, "".join(f"{key}={value}\n" for key, value in pairs.items()))


def blockdev(model: Model, argv: Argv) -> Program:
    yield from nothing()
    return Said(0, f"{model.size(model.device(argv[-1]))}\n")


def lsblk(model: Model, argv: Argv) -> Program:
    yield from nothing()
    if argv[-1] == "NAME,FSTYPE":
        lines = (
            f"{device.removeprefix('/dev/').replace('/', '-')} {content.detail}\n"
            for device, content in model.state.content.items()
        )
        return Said(0, "".join(lines))
    disk = model.disk_of(model.device(argv[-1]))
    if disk is None:
        return Said(0, 'SERIAL="" PTUUID=""\n')
    return Said(0, f'SERIAL="{model.serial(disk)}" PTUUID="{disk.table_id}"\n')


def mount(model: Model, argv: Argv) -> Program:
    point = argv[-1]
    if "--bind" in argv:
        model.state.mounts.append((point, argv[-2]))
        return OK
    device = model.device(argv[-2])
    content = model.content(device)
    if device in model.state.unfinished:
        return refused(f"mount: {point}: mount(2) system call failed: Structure needs cleaning.")
    if not device or content.detail != argv[argv.index("--types") + 1]:
        return refused(f"mount: {point}: wrong fs type, bad superblock on {argv[-2]}.")
    if model.volume_of_domain(device):
        return refused(f"mount: {point}: {device} already mounted or mount point busy.")
    yield  # what is mounted already is mounted a second time: the kernel lets it (seen)
    (model.tree / "volumes" / device.removeprefix("/dev/")).rename(model.place(point))
    model.state.mounts.append((point, device))
    return OK


def umount(model: Model, argv: Argv) -> Program:
    if not any(point == argv[-1] for point, _ in model.state.mounts):
        return refused(f"umount: {argv[-1]}: not mounted.")
    yield
    model.unmount(argv[-1])
    return OK
