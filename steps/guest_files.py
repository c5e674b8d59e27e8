"""The files of a new guest's own configuration, as texts."""

from __future__ import annotations

import ipaddress

from steps.facts import Apt, Facts, GuestTree
from steps.hosts.guest_releases import GuestRelease
from steps.settings import NO_BRIDGE, GuestSettings, Settings

# Where the marker is tells how far the system is: the first from before debootstrap begins, the
# second, by a rename, when all is done.
INSTALLING = "/xen-setup-installing"
MARKER = "/etc/xen-setup-guest"


def hosts(facts: Facts, guest: GuestSettings) -> str:
    """/etc/hosts: the guest's own name, with the host's domain if it has one."""
    domain = facts.network.domain
    names = f"{guest.name}.{domain} {guest.name}" if domain else guest.name
    address = "127.0.1.1"  # Debian's address for the own name where none is fixed
    if guest.network != "dhcp":
        address = str(ipaddress.IPv4Interface(guest.network).ip)
    return (
        f"127.0.0.1 localhost\n{address} {names}\n\n"
        "::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n"
    )


def interfaces(settings: Settings, guest: GuestSettings) -> str:
    """/etc/network/interfaces: eth0, the guest's end of its port in the bridge.

    Hotplugged, so that a missing DHCP server does not keep the guest from its login prompt.
    """
    text = "auto lo\niface lo inet loopback\n"
    if settings.host.bridge == NO_BRIDGE:
        return text
    if guest.network == "dhcp":
        return text + "\nallow-hotplug eth0\niface eth0 inet dhcp\n"
    text += f"\nallow-hotplug eth0\niface eth0 inet static\n    address {guest.network}\n"
    if guest.gateway != "none":
        text += f"    gateway {guest.gateway}\n"
    return text


def resolv_conf(facts: Facts, guest: GuestSettings) -> str:
    """/etc/resolv.conf for a fixed address: the name servers given, or the host's."""
    lines = [f"search {facts.network.domain}"] if facts.network.domain else []
    servers = guest.nameservers or tuple(
        # The host's own stub resolver does not answer its guests.
        server
        for server in facts.network.nameservers
        if not server.startswith("127.")
    )
    lines += [f"nameserver {server}" for server in servers]
    return "".join(f"{line}\n" for line in lines)


def mirror(facts: Facts, guest: GuestSettings, release: GuestRelease) -> str:
    """Where the release comes from: the answer, the host's own mirror, or "" for debootstrap's."""
    if guest.mirror != "host":
        return guest.mirror
    return facts.apt.mirror if _same_distribution(facts, release) else ""


def keyring(facts: Facts, release: GuestRelease) -> str:
    """The file that the release's signatures are checked with."""
    return facts.apt.keyring if host_has_keyring(facts, release) else release.keyring


def host_has_keyring(facts: Facts, release: GuestRelease) -> bool:
    """Whether a keyring file for the release was found on the host."""
    return bool(facts.apt.keyring) and _same_distribution(facts, release)


def _same_distribution(facts: Facts, release: GuestRelease) -> bool:
    return facts.distribution.id == release.distribution


def apt_sources(facts: Facts, guest: GuestSettings, release: GuestRelease) -> str:
    """/etc/apt/sources.list; "" where debootstrap chose the mirror, and wrote it down itself."""
    main = mirror(facts, guest, release)
    if not main or main.startswith("file:"):
        return ""
    components = " ".join(release.components)
    lines = [f"deb {main} {guest.release} {components}"]
    if release.updates:
        lines.append(f"deb {main} {release.updates} {components}")
    security = _security(facts.apt, main, release) if _same_distribution(facts, release) else ""
    if release.security and security:
        lines.append(f"deb {security} {release.security} {components}")
    return "".join(f"{line}\n" for line in lines)


def _security(apt: Apt, main: str, release: GuestRelease) -> str:
    return apt.security or ("" if release.security_apart else main)


def marker(guest: GuestSettings) -> str:
    """The marker's text, which is true at both places."""
    return (
        f"{marker_line(guest)}\n{_release_line(guest)}\n"
        f"xen-setup installs this system. As {INSTALLING} this file says that the system is half "
        "made,\nand that xen-setup goes on with it. "
        f"As {MARKER} it says that it is complete:\nxen-setup changes it no more.\n"
    )


def marker_line(guest: GuestSettings) -> str:
    """The line that makes a file at the marker's place this guest's marker."""
    return f"guest: {guest.name}"


def is_complete(tree: GuestTree, guest: GuestSettings) -> bool:
    """Whether a guest's volume has the marker, with this guest's name."""
    return marker_line(guest) in tree.marker.splitlines()


def is_half_made(tree: GuestTree, guest: GuestSettings) -> bool:
    """Whether the system in it is what we have begun to install for this guest."""
    known = tree.installing.splitlines()
    return bool(tree.os_id) and {marker_line(guest), _release_line(guest)} <= {*known}


def _release_line(guest: GuestSettings) -> str:
    return f"release: {guest.release}"
