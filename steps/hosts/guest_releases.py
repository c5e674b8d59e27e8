"""The releases that can go into a guest, as data: what differs from one to the next."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GuestRelease:
    """One release that debootstrap installs.

    `keyring` is the file its signatures are checked with, `keyring_package` what brings that.
    `components` are those that hold all of `packages_for`. `updates` and `security` are the
    names of its further suites, "" where there are none; `security_apart`: the security suite
    has a mirror of its own, and the main mirror does not have it. `script` is that of debootstrap's
    which all releases like it share, for one that is younger than Debian 12's debootstrap.
    """

    codename: str
    distribution: str  # as in os-release's ID
    dhcp_client: str
    components: tuple[str, ...]
    keyring: str
    keyring_package: str
    updates: str = ""
    security: str = ""
    security_apart: bool = True
    script: str = ""


def _debian(
    codename: str, dhcp_client: str, *, moving: bool = False, script: str = ""
) -> GuestRelease:
    return GuestRelease(
        codename,
        "debian",
        dhcp_client,
        ("main",),
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "debian-archive-keyring",
        "" if moving else f"{codename}-updates",
        "" if moving else f"{codename}-security",
        script=script,
    )


def _ubuntu(codename: str, dhcp_client: str, *, script: str = "") -> GuestRelease:
    return GuestRelease(
        codename,
        "ubuntu",
        dhcp_client,
        ("main", "universe"),  # ifupdown is in universe
        "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
        "ubuntu-keyring",
        f"{codename}-updates",
        f"{codename}-security",
        security_apart=False,
        script=script,
    )


# isc-dhcp-client is not maintained any more; dhcpcd-base took its place in Debian 13.
RELEASES = {
    release.codename: release
    for release in (
        _debian("bullseye", "isc-dhcp-client"),
        _debian("bookworm", "isc-dhcp-client"),
        _debian("trixie", "dhcpcd-base"),
        _debian("forky", "dhcpcd-base", script="sid"),
        _debian("stable", "dhcpcd-base"),
        _debian("testing", "dhcpcd-base"),
        _debian("sid", "dhcpcd-base", moving=True),
        _debian("unstable", "dhcpcd-base", moving=True),
        _ubuntu("focal", "isc-dhcp-client"),
        _ubuntu("jammy", "isc-dhcp-client"),
        _ubuntu("noble", "dhcpcd-base", script="gutsy"),
    )
}

# What makes and checks each filesystem, on the host and in the guest alike.
FILESYSTEM_PACKAGES = {
    "ext4": "e2fsprogs",
    "ext3": "e2fsprogs",
    "xfs": "xfsprogs",
    "btrfs": "btrfs-progs",
}


def packages_for(release: GuestRelease, filesystem: str) -> tuple[str, ...]:
    """What a minimal guest needs to boot, take an address and let someone in."""
    return (
        "systemd-sysv",
        "udev",
        "kmod",
        "netbase",
        "ifupdown",
        "iproute2",
        "iputils-ping",
        release.dhcp_client,
        FILESYSTEM_PACKAGES[filesystem],
    )
