"""What xm's options became in xl, one by one, each with its reason.

From tools/python/xen/xm/create.py (Xen 4.2) and xl.cfg(5), xl-disk-configuration(5) (Xen 4.17).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from steps.xl_config import Value


@dataclass(frozen=True)
class ForXl:
    """The settings as xl wants them, why each is not as it was, and what the guest must know."""

    values: Mapping[str, Value]
    why: Mapping[str, Sequence[str]]
    in_guest: tuple[str, ...]
    instead: Mapping[str, str]  # what stands in the place of an option that is gone


# New name ("": none), and why.
_RENAMED: Mapping[str, tuple[str, str]] = {
    "bootargs": ("bootloader_args", "xl calls it bootloader_args."),
    "cpu_cap": ("cap", "xl calls it cap."),
    "irq": ("irqs", "xl calls it irqs."),
    "cpu": ("cpus", "xl has one word for it: cpus."),
}
_GONE: Mapping[str, str] = {
    "access_control": "Security labels are seclabel today, in another form (xl.cfg(5)).",
    "blkif": "A driver domain says driver_domain = 1 today.",
    "netif": "A driver domain says driver_domain = 1 today.",
    "tpmif": "xl has nothing like it; see vtpm in xl.cfg(5).",
    "bootentry": "xm itself called it outdated; the boot loader's arguments say it.",
    "description": "xl keeps no description; a comment does.",
    "guest_os_type": "xl has nothing like it.",
    "help": "An option of the command xm, not of a guest.",
    "machine_address_size": "xl has nothing like it; no Xen of today needs it.",
    "on_xend_start": "There is no xend: a link to this file in /etc/xen/auto starts the guest "
    "with the host.",
    "on_xend_stop": "There is no xend: xendomains stops the guests when the host stops "
    "(/etc/default/xendomains).",
    "oos": "xl has nothing like it; Xen decides.",
    "restart": "on_poweroff, on_reboot and on_crash say it today.",
    "s3_integrity": "xl has nothing like it.",
    "superpages": "xl has nothing like it; Xen decides.",
    "suppress_spurious_page_faults": "xl has nothing like it.",
    "target": "xl begins with memory.",
    "vhpt": "It was for Itanium processors, which Xen left.",
    "vif2": "Netchannel 2 was given up; a vif does it.",
    "vncviewer": "xl create --vncviewer does it.",
    "vncconsole": "xl create --vncviewer does it.",
    "vscsi": "xl has nothing like it; give the disk itself: disk = [ ... ].",
    "vusb": "It is usbctrl and usbdev today, in another form (xl.cfg(5)).",
    "nics": "Each card is an entry of vif.",
}
# What xm put on the kernel's command line by itself.
_NETWORK = ("ip", "gateway", "netmask", "hostname", "interface", "dhcp", "nfs_server", "nfs_root")

# Read alike by both, or only by xl: a file that was mended by hand has both.
_SAME = (  # noqa: SIM905 - as words it fits on a screen
    "acpi apic boot bootloader bootloader_args cap cmdline cpu_weight cpuid cpus device_model "
    "device_model_version device_model_override disk display extra fda fdb features firmware "
    "gfx_passthru hap hpet init_note ioports irqs isa kernel keymap loader localtime maxmem "
    "maxvcpus memory memory_sharing monitor name nestedhvm nographic nomigrate on_crash "
    "on_poweroff on_reboot on_watchdog opengl pae pci pci_msitranslate pci_power_mgmt pool pvh "
    "ramdisk root rtc_timeoffset sdl serial shadow_memory soundhw spice stdvga timer_mode "
    "tsc_mode type usb usbdevice uuid vcpu_avail vcpus vfb vga videoram vif viridian vnc "
    "vncdisplay vnclisten vncpasswd vncunused vpt_align vtpm xauthority xen_platform_pci builder"
).split()
KEYS = frozenset([*_SAME, *_RENAMED, *_GONE, *_NETWORK])

_ENDS = ("destroy", "restart", "preserve", "rename-restart")
_CRASH_ENDS = (*_ENDS, "coredump-destroy", "coredump-restart")
_RESTARTS: Mapping[str, tuple[str, str, str]] = {
    "always": ("restart", "restart", "restart"),
    "never": ("destroy", "destroy", "destroy"),
    "onreboot": ("destroy", "restart", "destroy"),
}
_FORMATS = ("raw", "qcow", "qcow2", "vhd", "qed", "")


def for_xl(known: Mapping[str, Value], unknown: frozenset[str], file_name: str) -> ForXl:
    """These settings for xl. `unknown` are keys that are set, nobody knows to what."""
    made = _Made(dict(known), unknown)
    hvm = _kind(made)
    _name_and_memory(made, file_name)
    _renamed(made)
    _restart(made)
    _cards(made)
    _disks(made, hvm=hvm)
    _boot(made, hvm=hvm)
    for key, why in _GONE.items():
        if key in made.values:
            made.drop(key, why)
    return ForXl(made.values, made.why, tuple(made.in_guest), made.instead)


@dataclass
class _Made:
    """The settings on their way to xl's."""

    values: dict[str, Value]
    unknown: frozenset[str]
    why: dict[str, list[str]] = field(default_factory=dict)
    in_guest: list[str] = field(default_factory=list)
    vdevs: dict[str, str] = field(default_factory=dict)  # old name to new, of disks
    instead: dict[str, str] = field(default_factory=dict)

    def has(self, key: str) -> bool:
        return key in self.values or key in self.unknown

    def text(self, key: str) -> str:
        value = self.values.get(key, "")
        return "" if isinstance(value, tuple) else str(value)

    def set(self, key: str, value: Value, why: str) -> None:
        self.values[key] = value
        self.why.setdefault(key, []).append(why)

    def drop(self, key: str, why: str) -> None:
        self.values.pop(key, None)
        self.why.setdefault(key, []).append(why)


def _kind(made: _Made) -> bool:
    """Whether the guest brings no kernel that knows Xen; `builder` becomes `type`."""
    builder = made.text("builder")
    hvm = builder in ("hvm", "generic") or made.text("type") == "hvm"
    if "builder" in made.values:
        kind = "hvm" if hvm else "pv"
        why = "xl asks for the kind of guest (type), not for its builder."
        made.drop("builder", why)
        if not made.has("type"):
            made.set("type", kind, why)
            made.instead["builder"] = "type"
    return hvm


def _name_and_memory(made: _Made, file_name: str) -> None:
    if not made.has("name"):
        made.set("name", file_name, "xm took the file's name where none was given; xl asks for it.")
    if not made.has("memory"):
        made.set("memory", 128, "What xm gave where nothing was said, in MiB.")


def _renamed(made: _Made) -> None:
    for old, (new, why) in _RENAMED.items():
        if old not in made.values:
            continue
        value = made.values[old]
        made.drop(old, why)
        if not made.has(new):
            made.set(new, str(value) if old == "cpu" else value, why)
            made.instead[old] = new


def _restart(made: _Made) -> None:
    ends = _RESTARTS.get(made.text("restart"))
    for key, end in zip(("on_poweroff", "on_reboot", "on_crash"), ends or (), strict=False):
        if not made.has(key):
            made.set(key, end, f"From restart = {made.text('restart')!r}, which xl does not read.")
    for key, ends_of_it in (
        ("on_poweroff", _ENDS), ("on_reboot", _ENDS), ("on_crash", _CRASH_ENDS)
    ):  # fmt: skip
        word = made.text(key)
        if word and word not in ends_of_it and word != "soft-reset":
            near = word.replace("_", "-").lower()
            new = near if near in ends_of_it else "destroy"
            made.set(key, new, f"{word} was never an end that Xen knows; it takes: "
                     f"{', '.join(ends_of_it)}.")  # fmt: skip


def _cards(made: _Made) -> None:
    nics = made.values.get("nics")
    cards = made.values.get("vif", ())
    if isinstance(nics, int) and isinstance(cards, tuple) and len(cards) < nics <= 64:
        made.set(
            "vif", (*cards, *[""] * (nics - len(cards))), f"nics = {nics} meant as many cards."
        )
    if isinstance(cards, str):
        made.set("vif", (cards,), "xl asks for a list, with an entry for each card.")


# ---- disks


def _disks(made: _Made, *, hvm: bool) -> None:
    value = made.values.get("disk")
    if isinstance(value, str):
        value = (value,)
        made.set("disk", value, "xl asks for a list, with an entry for each disk.")
    if not isinstance(value, tuple):
        return
    disks = _Disks(hvm, frozenset(_vdev(spec) for spec in value if isinstance(spec, str)))
    new = tuple(disks.for_xl(spec) if isinstance(spec, str) else spec for spec in value)
    made.vdevs |= disks.renamed
    for why in disks.why():
        made.set("disk", new, why)


def _vdev(spec: str) -> str:
    parts = [part.strip() for part in spec.split(",")]
    return parts[1].partition(":")[0] if len(parts) > 1 else ""


_PREFIX = re.compile(r"((?:tap2?|blktap2?):)?(?:(phy|file|aio|sync|raw|qcow2?|vhd|vmdk|ram):)?")


@dataclass
class _Disks:
    """The entries of `disk` on their way, and what was found in them."""

    hvm: bool
    names: frozenset[str]  # every disk's name in the guest
    renamed: dict[str, str] = field(default_factory=dict)
    relative: bool = False
    tapped: bool = False
    shared: bool = False
    wrong: list[str] = field(default_factory=list)

    def for_xl(self, spec: str) -> str:
        """The entry as xl reads it; as it is, where xl reads that."""
        parts = [part.strip() for part in spec.split(",")]
        if any("=" in part for part in parts) or (len(parts) > 1 and parts[1] in _FORMATS):
            return spec  # xl's own form
        if not 3 <= len(parts) <= 5:
            self.wrong.append(spec)
            return spec
        target, vdev, access = parts[:3]
        found = _PREFIX.match(target)
        assert found  # it matches nothing, too
        path = target[len(found[0]) :]
        relative = bool(path) and not path.startswith("/") and found[2] in (None, "phy")
        name, _, kind = vdev.partition(":")
        new_name = self._new_name(name, kind)
        if not (relative or found[1] or access == "w!" or new_name != name):
            return spec
        self.relative |= relative
        self.tapped |= bool(found[1])
        self.shared |= access == "w!"
        return ",".join(
            [
                f"/dev/{path}" if relative else path,
                found[2] if found[2] in ("qcow", "qcow2", "vhd") else "raw",
                new_name,
                {"w": "rw", "w!": "rw", "r": "r", "ro": "r"}.get(access, access),
                *(["devtype=cdrom"] if kind == "cdrom" else []),
                *([f"backend={parts[3]}"] if parts[3:] and parts[3] else []),
            ]
        )

    def _new_name(self, name: str, kind: str) -> str:
        new = re.sub(r"^(hd|sd)([a-p])", r"xvd\2", name)
        if self.hvm or kind == "cdrom" or new == name or new in self.names:
            return name
        if new in self.renamed.values():
            return name  # hda and sda, both: one of them keeps its name
        self.renamed[name] = new
        return new

    def why(self) -> Iterator[str]:
        if self.relative:
            yield "xm looked below /dev by itself; xl wants the whole path, /dev/GROUP/VOLUME."
        if self.renamed:
            pairs = ", ".join(f"{old} becomes {new}" for old, new in self.renamed.items())
            yield f"Linux as a guest calls its disks xvd today, whatever they are here: {pairs}."
        if self.tapped:
            yield "xl chooses by itself who serves a disk, by its path and format: no tap: before."
        if self.shared:
            yield "w! (given to several guests) is rw here; one filesystem is for one guest."
        for spec in self.wrong:
            yield f"Look at {spec!r}: it must say the disk here, its name in the guest, and r or w."


# ---- what boots


def _boot(made: _Made, *, hvm: bool) -> None:
    if hvm:
        for key in ("kernel", "loader", "device_model"):
            words = made.text(key)
            if words and ("hvmloader" in words or key == "device_model"):
                made.drop(key, f"xl finds it by itself, where this Xen keeps it: {words}.")
        return
    loader = made.text("bootloader")
    if loader.startswith("/") and loader.endswith("/pygrub"):
        made.set("bootloader", "pygrub", "xl finds pygrub where this Xen keeps it.")
    _root(made)
    _command_line(made)
    if made.vdevs:
        pairs = ", ".join(f"/dev/{old} is /dev/{new}" for old, new in made.vdevs.items())
        made.in_guest.append(f"/etc/fstab must name the disks as the config does: {pairs}.")


def _root(made: _Made) -> None:
    root = made.text("root")
    if not root:
        return
    if root.startswith("root="):
        root = root.removeprefix("root=")
        made.set("root", root, "xl writes root= itself, so it must not stand in the value.")
    new = re.sub(
        r"/dev/([a-z]+\d*)", lambda found: f"/dev/{made.vdevs.get(found[1], found[1])}", root
    )
    if new != root:
        made.set("root", new, "The root disk has its new name here too.")


def _command_line(made: _Made) -> None:
    if "extra" in made.unknown or "cmdline" in made.values:
        return
    words = made.text("extra").split()
    added = _from_network(made)
    words = [*added, *words]
    if made.text("bootloader") and not made.text("kernel"):
        if added:
            made.set("extra", " ".join(words), _NETWORK_WHY)
        return  # the guest's own menu says where its console is
    consoles = [word for word in words if re.match(r"(console=(tty|xvc|ttyS)|xencons=)", word)]
    if consoles or not any(word.startswith("console=") for word in words):
        words = [word for word in words if word not in consoles]
        words.append("console=hvc0")
        made.set(
            "extra",
            " ".join(words),
            "A guest's console is hvc0 today (it was tty1 or xvc0): without console=hvc0 the "
            "screen of `xl console` stays empty.",
        )
        made.in_guest.append("A getty on hvc0 gives the login prompt on `xl console`.")
    elif added:
        made.set("extra", " ".join(words), _NETWORK_WHY)


_NETWORK_WHY = "xm made the kernel's options ip= and nfsroot= of its own words; xl does not."


def _from_network(made: _Made) -> list[str]:
    """The options that xm made of ip, gateway and the others: preprocess_ip, preprocess_nfs."""
    if not any(key in made.values for key in _NETWORK):
        return []
    if any(key in made.unknown for key in _NETWORK):
        return []
    found = []
    word = {key: made.text(key) for key in _NETWORK}
    dhcp = word["dhcp"] or "off"
    dhcp = {"yes": "dhcp", "no": "off", "1": "dhcp", "0": "off"}.get(dhcp, dhcp)
    if word["nfs_root"] and word["nfs_server"]:
        found.append(f"nfsroot={word['nfs_server']}:{word['nfs_root']}")
    if word["ip"] or dhcp != "off":
        # 127.0.255.255 is what xm itself wrote where there was no server.
        parts = (
            word["ip"], word["nfs_server"] or "127.0.255.255", word["gateway"], word["netmask"],
            word["hostname"], word["interface"] or "eth0", dhcp,
        )  # fmt: skip
        found.append(f"ip={':'.join(parts)}")
    for key in _NETWORK:
        if key in made.values:
            made.drop(key, f"{key} is in extra now, as xl makes no options for the kernel of it.")
    return found
