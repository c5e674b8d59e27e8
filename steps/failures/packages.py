"""Failures of apt, dpkg and debootstrap."""

from __future__ import annotations

from wizard.diagnosis import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        "apt-locked",
        (
            r"Could not get lock (?P<path>/[\w/.-]+?)\.?(?: |$)",
            r"Unable to (?:acquire|lock) .*?(?P<path>/var/lib/\S+?)\)?,? ",
            r"dpkg(?: frontend)? lock (?:was|is) locked by another process",
        ),
        "Another program installs packages now, and has the lock {path}.",
        "Wait until it has ended: often it is the daily update (`systemctl status apt-daily`). Do "
        "not remove the lock.",
        lesson="xen_packages",
    ),
    Rule(
        "dpkg-interrupted",
        (r"dpkg was interrupted, you must manually run",),
        "An earlier installation was cut off in the middle.",
        "`dpkg --configure --all`, then `apt-get --fix-broken install`; both only finish it.",
        lesson="xen_packages",
    ),
    Rule(
        "apt-not-found",
        (r"\b404\s+[A-Z]\w+",),
        "The mirror does not have that file (any more): the package lists are older than the "
        "mirror, or the release is no longer there.",
        "`apt-get update`, then again. For an old release, name its archive as mirror.",
        lesson="xen_packages",
    ),
    Rule(
        "apt-damaged",
        (r"Hash Sum mismatch", r"File has unexpected size"),
        "What came over the network is not what the list says: the mirror was being updated, or a "
        "proxy on the way keeps old files.",
        "Wait a few minutes, `apt-get clean`, `apt-get update`, and again; or name another mirror.",
        lesson="xen_packages",
    ),
    Rule(
        "apt-expired",
        (
            r"Release file for \S+ is expired",
            r"Release file for \S+ is not valid yet",
            r"E: Release file.* (?:expired|not valid)",
        ),
        "The mirror's list is out of date, or this machine's clock is wrong.",
        "Look at `date`. Set the clock if it is wrong; else the mirror is not updated any more: "
        "name another one.",
        lesson="xen_packages",
    ),
    Rule(
        "apt-key",
        (
            r"NO_PUBKEY (?P<key>[0-9A-F]+)",
            r"Release signed by unknown key(?: \(key id (?P<key>[0-9A-F]+)\))?",
            r"signatures couldn't be verified because the public key",
            r"keyring file not available",
        ),
        "The mirror's list is signed with a key that this machine does not have {key}: so nobody "
        "can say that the packages are genuine.",
        "Install the keyring of that distribution (debian-archive-keyring, ubuntu-keyring) and try "
        "again; do not switch the check off.",
        lesson="guest_system",
        row=15,
    ),
    Rule(
        "signature-wrong",
        (
            r"The following signatures were invalid: (?:BADSIG|ERRSIG)",
            r"Invalid Release signature \(key id [0-9A-F]+\)",
        ),
        "The mirror's list is not the one that was signed: it came damaged, or somebody changed "
        "it. Nothing of it is used.",
        "Try again in some minutes: the mirror may be in the middle of an update. If it stays so, "
        "name another mirror; do not switch the check off.",
        lesson="guest_system",
        row=15,
    ),
    Rule(
        "keyring-missing",
        (r"specified keyring file \((?P<path>[^)]+)\) not found",),
        "The file with the keys of that distribution is not there: {path}.",
        "Install its keyring (debian-archive-keyring, ubuntu-keyring); debootstrap checks what it "
        "fetches by these keys.",
        lesson="guest_system",
        row=15,
    ),
    Rule(
        "captive-portal",
        (
            r"does the network require authentication",
            r"Clearsigned file isn't valid",
            r"(?i)^\s*<(?:!doctype html|html)\b",
        ),
        "A web page came where a file was asked for: the network wants a login first, or a proxy "
        "answers in the mirror's place.",
        "Log in to the network with a browser, or set the proxy (Acquire::http::Proxy in "
        "/etc/apt/apt.conf.d), and try again.",
        lesson="xen_packages",
    ),
    Rule(
        "no-name-service",
        (
            r"Temporary failure resolving '?(?P<host>[\w.-]+)",
            r"Could not resolve '?(?P<host>[\w.-]+)",
            r"unable to resolve host address '(?P<host>[^']+)'",
            r"Temporary failure in name resolution",
        ),
        "The name {host} could not be looked up: there is no network, or no name server.",
        "Look at `ip route` (a default route?), `cat /etc/resolv.conf` (a name server?). After a "
        "new bridge the address must be on the bridge, not on the card.",
        lesson="network_bridge",
    ),
    Rule(
        "mirror-unreachable",
        (
            r"Could not connect to \S+",
            r"\bConnection failed\b",
            r"(?:Connection|connection) (?:timed out|refused)",
            r"Network is unreachable",
            r"No route to host",
        ),
        "The mirror was not reached: no route to it, a firewall, or it is down.",
        "Look at `ip route`, `ping` of the gateway. Name another mirror, or set a proxy if the "
        "network needs one.",
        lesson="xen_packages",
    ),
    Rule(
        "mirror-broke-off",
        (
            r"(?:Err:|E: Failed to fetch ).*Undetermined Error",
            r"Error reading from server",
            r"Connection reset by peer",
        ),
        "The line to the mirror broke off in the middle.",
        "Try again: what came whole is kept. If it always breaks off, name another mirror, or look "
        "at the network between.",
        lesson="xen_packages",
    ),
    Rule(
        "package-unknown",
        (
            r"Unable to locate package (?P<name>\S+)",
            r"Package '?(?P<name>[\w.+-]+)'? has no installation candidate",
        ),
        "apt knows no package {name}: its lists are empty, or the sources lack the part it is in.",
        "`apt-get update`, then `apt-cache policy {name}`. The sources must have this release's "
        "main part (Ubuntu: universe).",
        lesson="xen_packages",
    ),
    Rule(
        "package-conflict",
        (
            r"The following packages have unmet dependencies",
            r"you have held broken packages",
            r"Unmet dependencies\. Try",
        ),
        "apt cannot bring these packages together: something is held back, or comes from another "
        "release.",
        "Look at `apt-mark showhold`, `apt-cache policy` of what is named. `apt-get --fix-broken "
        "install` mends what was left half done.",
        lesson="xen_packages",
    ),
    Rule(
        "package-broken",
        (r"dpkg: error processing (?:package|archive) (?P<name>\S+)",),
        "The package {name} could not be unpacked or configured; the lines before say why.",
        "Mend that, then `dpkg --configure --all`; or `apt-get install --reinstall {name}`.",
        lesson="xen_packages",
        consequence=True,
    ),
    Rule(
        "apt-space",
        (r"You don't have enough free space in (?P<path>/[\w/.-]*\w/?)",),
        "There is too little room in {path} for the packages.",
        "Look at `df --human-readable {path}`. `apt-get clean` and `apt-get autoremove` free some.",
        lesson="xen_packages",
    ),
    Rule(
        "release-unsigned",
        (
            r"Failed getting release signature file",
            r"Error executing gpgv to check Release signature",
            r"E: The repository '.*' is not signed",
        ),
        "What came as the release's list has no signature that can be read: a web page came in its "
        "place (the network wants a login first), or that mirror does not sign.",
        "Fetch the address of the mirror, with /dists behind it, in a browser: log in where that "
        "is asked, or name another mirror. Nothing unsigned is installed.",
        lesson="guest_system",
        row=15,
        consequence=True,
    ),
    Rule(
        "release-missing",
        (
            r"Failed getting release file",
            r"does not have a Release file",
        ),
        "At that address there is no such release: the mirror or the release's name is wrong, or "
        "nothing was reached.",
        "Fetch the address that is named, with /Release behind it, in a browser. Set "
        "guests.mirror and guests.release.",
        lesson="guest_system",
        row=15,
    ),
    Rule(
        "release-unknown",
        (r"No such script: (?P<path>\S+)",),
        "This debootstrap does not know the release: it has no script {path}.",
        "Look at `ls /usr/share/debootstrap/scripts`. Choose a release that is there, install a "
        "newer debootstrap, or set the guests' `mirror`: then an older release's script does for "
        "forky and noble.",
        lesson="guest_system",
        row=15,
    ),
    Rule(
        "bootstrap-chroot",
        (
            r"Failure trying to run: chroot",
            r"chroot: failed to run command",
            r"Failure while configuring (?:base|required) packages",
        ),
        "A program in the half-made guest could not run: the release is for another processor, it "
        "needs vsyscall=emulate (very old ones), or a package in it failed.",
        "Read debootstrap/debootstrap.log in the guest's root. For another processor, install "
        "qemu-user-static; start with an empty volume again.",
        lesson="guest_system",
        row=15,
    ),
    Rule(
        "bootstrap-target",
        (r"Cannot install into target '?(?P<path>[^' ]+)'? mounted with",),
        "{path} is mounted without devices or without programs (nodev, noexec).",
        "`mount -o remount,dev,exec {path}`, and again.",
        lesson="guest_system",
        row=15,
    ),
    Rule(
        "bootstrap-extract",
        (r"Tried to extract package, but file already exists",),
        "A package could not be unpacked in the guest's volume. debootstrap believes that a file "
        "was there already; mostly the volume is full.",
        "Make guests.root_size larger (`lvs` shows what the volume has), and see `dmesg | tail` "
        "for errors of the disk below it.",
        lesson="guest_volumes",
        row=15,
    ),
    Rule(
        "bootstrap-download",
        (r"\bCouldn't download ", r"Couldn't find these debs"),
        "A part of the guest's system did not come over the network, came damaged, or found no "
        "room.",
        "`df --human-readable` of the guest's volume and of /var: is one full? Else try again, or "
        "name another guests.mirror.",
        lesson="guest_system",
        row=15,
        consequence=True,
    ),
)
