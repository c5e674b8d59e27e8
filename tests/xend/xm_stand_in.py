"""A stand-in for `xm` and xend of Xen 3.0 to 4.4, which cannot be had any more: written for these
tests after the documents of that time (xm(1), xmdomain.cfg(5), create.py's options and messages).

It is strict where xm was: it runs the config as Python, and refuses what xm refused. It keeps its
state in a file, prints the documented tables and SXP, and boots a guest as far as a model can: its
kernel and initrd are there, its root is one of its disks, and its fstab names no others.

    python3 xm_stand_in.py ROOT COMMAND...     ROOT stands for /
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

# What create.py knew (gopts.var); all other variables of a config are its own.
OPTIONS = """
name memory maxmem kernel ramdisk root extra disk vif vcpus cpus uuid builder bootloader bootargs
on_poweroff on_reboot on_crash nics vfb pci ip dhcp netmask gateway hostname
""".split()  # noqa: SIM905 - as words it fits on a screen
ENDS = ("destroy", "restart", "preserve", "rename-restart", "coredump-destroy", "coredump-restart")
VIF_KEYS = {"backend", "bridge", "ip", "mac", "script", "type", "vifname", "rate", "model", "accel"}


def fail(words: str) -> NoReturn:
    """As xm's err(): to standard error, and status 1."""
    print(f"Error: {words}", file=sys.stderr)
    raise SystemExit(1)


class Xend:
    """xend with its domains, below a root directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = root / "var/lib/xend/state.json"
        if not (root / "proc/xen/capabilities").exists():
            fail("Unable to open /proc/xen/privcmd: is this Xen?")
        if not (root / "var/run/xend.pid").exists():
            print("Unable to connect to xend: No such file or directory. Is xend running?",
                  file=sys.stderr)  # fmt: skip
            raise SystemExit(1)
        self.state: dict[str, Any] = json.loads(self.file.read_text())

    def keep(self) -> None:
        """Write the state."""
        self.file.write_text(json.dumps(self.state))

    @property
    def domains(self) -> dict[str, Any]:
        found: dict[str, Any] = self.state["domains"]
        return found

    def named(self, word: str) -> dict[str, Any]:
        """A domain by its name or number."""
        for domain in self.domains.values():
            if word in (domain["name"], str(domain["domid"])):
                found: dict[str, Any] = domain
                return found
        fail(f"Domain '{word}' does not exist.")

    def path(self, path: str) -> Path:
        return self.root / path.lstrip("/")


def create(xend: Xend, words: list[str]) -> None:
    console = "-c" in words
    dry = "-n" in words or "--dryrun" in words
    words = [word for word in words if not word.startswith("-")]
    if not words:
        fail("'xm create' requires a config file.")
    values = settings(xend, words[0], dict(word.split("=", 1) for word in words[1:]))
    domain = checked(xend, values)
    if dry:
        print(sxp(domain))
        return
    print(f'Using config file "{config_of(xend, words[0])}".')
    domain["domid"] = xend.state["next"]
    xend.state["next"] += 1
    xend.domains[domain["name"]] = domain
    xend.keep()
    if console:
        follow(xend, domain)
    print(f"Started domain {domain['name']}")


def config_of(xend: Xend, name: str) -> str:
    """xm looked in the current directory, and in /etc/xen."""
    for path in (name, f"/etc/xen/{name}"):
        if path.startswith("/") and xend.path(path).is_file():
            return path
    fail(f"Unable to open config file: {name}")


def settings(xend: Xend, name: str, given: dict[str, str]) -> dict[str, Any]:
    """Run the config, as xm did, and take the variables that are options."""
    path = config_of(xend, name)
    variables: dict[str, Any] = {"help": False, "vmid": 1, **given}
    try:
        exec(compile(xend.path(path).read_text(), path, "exec"), variables)
    except Exception as error:  # noqa: BLE001 - the config's own, whatever it is
        fail(f"{type(error).__name__}: {error}")
    values = {key: variables[key] for key in OPTIONS if key in variables}
    values.setdefault("name", path.rpartition("/")[2])
    return values | {key: value for key, value in given.items() if key in OPTIONS}


def checked(xend: Xend, values: dict[str, Any]) -> dict[str, Any]:
    """The domain of these settings; every refusal is one of xm's or xend's."""
    name = str(values["name"])
    if not re.fullmatch(r"[A-Za-z0-9_\-.:/+]+", name) or name.isdigit():
        fail(f"VM name '{name}' is invalid.")
    if name in xend.domains:
        fail(f"VM name '{name}' already in use by domain {xend.domains[name]['domid']}")
    try:
        memory = int(values.get("memory", 128))
        vcpus = int(values.get("vcpus", 1))
    except (TypeError, ValueError) as error:
        fail(str(error))
    if values.get("builder", "linux") not in ("linux", "hvm"):
        fail(f"No such builder: {values['builder']}")
    for what in ("kernel", "ramdisk"):
        path = str(values.get(what, ""))
        if (path or what == "kernel") and not xend.path(path or "/none").is_file():
            fail(f'Cannot find {what} "{path}"')
    for when in ("on_poweroff", "on_reboot", "on_crash"):
        if values.get(when, "destroy") not in ENDS:
            fail(f"Invalid value for {when}: {values[when]}")
    free = xend.state["memory"] - sum(one["memory"] for one in xend.domains.values())
    if memory > free:
        fail(f"I need {memory * 1024} KiB, but dom0_min_mem is 0 and shrinking to 0 KiB would "
             f"leave only {free * 1024} KiB free.")  # fmt: skip
    return {
        "name": name, "memory": memory, "vcpus": vcpus, "kernel": values["kernel"],
        "ramdisk": values.get("ramdisk", ""), "root": str(values.get("root", "")),
        "extra": str(values.get("extra", "")), "uuid": str(values.get("uuid", "")),
        "disk": [disk(xend, one, name) for one in values.get("disk", [])],
        "vif": [vif(xend, one) for one in values.get("vif", [])],
        "state": "-b----", "started": time.time(),
    }  # fmt: skip


def disk(xend: Xend, spec: str, name: str) -> dict[str, str]:
    if not isinstance(spec, str):
        fail(f"Invalid disk specifier: {spec}")
    parts = spec.split(",")
    if not 3 <= len(parts) <= 5:
        fail(f"Invalid disk specifier: {spec}")
    uname, device, mode = parts[:3]
    kind, colon, path = uname.partition(":")
    if not colon or kind not in ("phy", "file", "tap"):
        fail(f"Device {device} (vbd) could not be connected. Unknown type: {uname}")
    if mode not in ("r", "w", "w!"):
        fail(f"Invalid disk mode: {mode}")
    if not re.fullmatch(r"(hd[a-z]|sd[a-z]|xvd[a-z])\d*(:cdrom)?", device):
        fail(f"Unable to find number for device ({device})")
    # blkdev_uname_to_file: what does not begin with / is below /dev.
    target = path if path.startswith("/") else f"/dev/{path}"
    if not xend.path(target).exists():
        fail(f"Device {device} (vbd) could not be connected. {path} does not exist.")
    if target in xend.state["mounted"]:
        fail(f"Device {device} (vbd) could not be connected. Device {target} is mounted in the "
             "privileged domain, and so cannot be mounted by a guest.")  # fmt: skip
    for other in xend.domains.values():
        if mode == "w" and any(one["target"] == target for one in other.get("disk", ())):
            fail(f"Device {device} (vbd) could not be connected. Device {target} is mounted in a "
                 f"guest domain, and so cannot be mounted now.")  # fmt: skip
    return {"target": target, "device": device.partition(":")[0], "mode": mode, "uname": uname}


def vif(xend: Xend, spec: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in spec.split(",") if spec.strip() else []:
        if "=" not in part:
            fail(f"{part} should be a pair, separated by an equals sign.")
        key, value = (word.strip() for word in part.split("=", 1))
        if key not in VIF_KEYS:
            fail(f"Invalid vif option: {key}")
        found[key] = value
    if "mac" in found and not re.fullmatch(r"([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}", found["mac"]):
        fail(f"Invalid MAC address: {found['mac']}")
    bridge = found.get("bridge", next(iter(xend.state["bridges"]), ""))
    if bridge not in xend.state["bridges"]:
        fail("Device 0 (vif) could not be connected. Could not find bridge, and none was "
             "specified" if not bridge else f"Device 0 (vif) could not be connected. bridge "
             f"{bridge} does not exist.")  # fmt: skip
    return found


def follow(xend: Xend, domain: dict[str, Any]) -> None:
    """What a guest's console shows, as far as its disks and its own files decide it."""
    print(f"Linux version 2.6.18-xen\nKernel command line: root={domain['root']} "
          f"{domain['extra']}")  # fmt: skip
    names = {f"/dev/{one['device']}": one for one in domain["disk"]}
    root = domain["root"].split()[0] if domain["root"] else ""
    if root not in names:
        print(f"ALERT! {root} does not exist. Dropping to a shell!")
        return
    # A model of the volume: a directory beside the device, which the tests fill.
    system = xend.path(names[root]["target"] + ".tree")
    fstab = system / "etc/fstab"
    if not fstab.is_file():
        print("Kernel panic - not syncing: No init found.")
        return
    for line in fstab.read_text().splitlines():
        words = line.split()
        if words and words[0].startswith("/dev/") and words[0] not in names:
            print(
                f"fsck: No such file or directory: {words[0]}\nGive root password for maintenance"
            )
            return
    host = (system / "etc/hostname").read_text().strip()
    print(f"\nDebian GNU/Linux 12 {host} hvc0\n\n{host} login: ")


def listed(xend: Xend, words: list[str]) -> None:
    names = [word for word in words if not word.startswith("-")]
    chosen = [xend.named(name) for name in names] or list(xend.domains.values())
    if "--long" in words or "-l" in words:
        for domain in chosen:
            print(sxp(domain))
        return
    print("Name                                      ID Mem(MiB) VCPUs State   Time(s)")
    for domain in sorted(chosen, key=lambda one: one["domid"]):
        print(f"{domain['name']:40.40} {domain['domid']:3d} {domain['memory']:8d} "
              f"{domain['vcpus']:5d} {domain['state']:5.6} {8.4:7.1f}")  # fmt: skip


def sxp(domain: dict[str, Any]) -> str:
    lines = [f"(domain\n    (domid {domain.get('domid', 0)})\n    (uuid {domain.get('uuid', '')})"]
    lines += [f"    ({key} {domain[key]})" for key in ("vcpus", "memory", "name", "state")]
    for one in domain.get("disk", ()):
        lines.append(
            f"    (device (vbd (dev {one['device']}:disk) (uname {one['uname']}) "
            f"(mode {one['mode']})))"
        )
    return "\n".join(lines) + "\n)"


def ended(xend: Xend, words: list[str], *, again: bool) -> None:
    names = [word for word in words if not word.startswith("-")]
    if not names:
        fail("'xm shutdown' requires a domain.")
    domain = xend.named(names[0])
    if domain["domid"] == 0:
        fail("Cannot shutdown privileged domain 0")
    del xend.domains[domain["name"]]
    if again:  # a new number at every start, and the same name
        domain["domid"] = xend.state["next"]
        xend.state["next"] += 1
        xend.domains[domain["name"]] = domain
    xend.keep()


def main(argv: list[str]) -> None:
    xend = Xend(Path(argv[0]))
    command, *words = argv[1:] or ["help"]
    match command:
        case "create":
            create(xend, words)
        case "list":
            listed(xend, words)
        case "console":
            follow(xend, xend.named(words[0]))
        case "domid":
            print(xend.named(words[0])["domid"])
        case "shutdown" | "destroy":
            ended(xend, words, again=False)
        case "reboot":
            ended(xend, words, again=True)
        case "info":
            free = xend.state["memory"] - sum(one["memory"] for one in xend.domains.values())
            print(f"host                   : model\nxen_major              : 3\n"
                  f"xen_minor              : 0\nxen_extra              : .3\n"
                  f"total_memory           : {xend.state['memory']}\n"
                  f"free_memory            : {free}")  # fmt: skip
        case _:
            print(f"Error: Sub Command {command} not found!", file=sys.stderr)
            raise SystemExit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
