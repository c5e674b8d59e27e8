"""Failures of `xl` and its daemons on the host."""

from __future__ import annotations

from wizard.diagnosis import Rule

_PLAIN = "Plain Linux was booted, without Xen below it: nobody is there to take xl's orders."
_BOOT_XEN = (
    "`cat /sys/hypervisor/type` says xen under Xen. Boot again and choose the entry "
    '"with Xen hypervisor" in GRUB\'s menu, or let `xen-setup resume` choose it.'
)

RULES: tuple[Rule, ...] = (
    Rule(
        "plain-linux",
        (
            r"Could not obtain handle on privileged command interface(?!: Permission)",
            r"cannot open libxc handle: No such file",
            r"The machine was booted, but not into what was prepared",
        ),
        _PLAIN,
        _BOOT_XEN,
        lesson="first_boot",
        row=1,
    ),
    # Debian's packages say it each time they are set up where Xen does not run yet: among what apt
    # prints it is no failure.
    Rule(
        "plain-linux-wrapper",
        (r"\bERROR: +Can't find hypervisor information in sysfs",),
        _PLAIN,
        _BOOT_XEN,
        lesson="first_boot",
        row=1,
        vague=True,
    ),
    Rule(
        "not-root",
        (
            r"Could not obtain handle on privileged command interface: Permission denied",
            r"cannot open libxc handle: Permission denied",
            r"\bare you root\?",
        ),
        "Only root may do this; xl gives orders to the hypervisor.",
        "The same with sudo before it: `sudo xl list`.",
        lesson="first_boot",
    ),
    Rule(
        "xl-missing",
        (r"\bxl: (?:command )?not found", r"\bxl cannot be started: No such file"),
        "Xen's tools are not installed, or not where the shell looks for them.",
        "`apt-get install xen-system-amd64`; as a user, try `/usr/sbin/xl`, or sudo.",
        lesson="xen_packages",
    ),
    Rule(
        "xm-gone",
        (r"\b(?:xm|xend): (?:command )?not found", r"Unable to connect to xend"),
        "xm and its daemon xend are gone since Xen 4.5: what is followed here is older.",
        "Say `xl` where it says xm (`xl list`, `xl create -c`, `xl shutdown`); xl needs no xend.",
        lesson="xend_services",
    ),
    Rule(
        "xenstored-down",
        (
            r"cannot connect to xenstore",
            r"failed to connect to xenstore",
            r"xenstore: (?:No such file|Connection refused)",
            r"xs_open(?:\(\))?(?: failed|: (?:No such file|Connection refused))",
            r"Failed to (?:open|connect to) xenstore",
            r"cannot open xenstore connection",
            r"(?:Failed to|Could not) contact [Xx]en[Ss]tore",
            r"xenstored? (?:is )?(?:not running|down|did not start)",
            r"xl list` (?:did not end|was ended|timed out|took longer)",
            r"\bxl(?: list)?`? (?:prints its head(?:ing|er) and )?hangs\b",
        ),
        "xenstored does not run: the small database in which all domains and xl keep their books. "
        "Without it every xl command waits, or fails.",
        "Look at `ls -l /run/xenstored/socket` and `systemctl status xen`. `systemctl restart xen` "
        "starts it; where it refuses, only a reboot brings the books back.",
        lesson="xend_services",
        row=6,
    ),
    Rule(
        "xenconsoled-down",
        (
            r"console tty: timed out",
            r"Could not read tty from store",
            r"unable to open console",
            r"[Uu]nable to attach console",
            r"xenconsoled? (?:is )?(?:not running|down)",
        ),
        "xenconsoled does not run, which holds the guests' consoles; or the guest has not started.",
        "Look at `pgrep -a xenconsoled`, and `xl list` for the guest. `systemctl restart xen` "
        "starts it. /dev/pts must be mounted too.",
        lesson="xend_services",
        row=6,
    ),
    Rule(
        "bridge-missing",
        (
            r"Could not find bridge device (?P<bridge>\S+)",
            r"bridge (?P<bridge>\S+) does not exist!?$",
        ),
        "The config names the bridge {bridge}, and the host has none of that name. Since Xen 4.5 "
        "nobody makes it by itself.",
        "Look at `ip link show type bridge`. Make it (`xen-setup plan` shows how), or name one "
        'that is there in the guest\'s config: vif = ["bridge=NAME"].',
        lesson="network_bridge",
        row=5,
    ),
    Rule(
        "hotplug-slow",
        (r"killing execution of (?P<path>\S+).* because of timeout",),
        "The script that joins the guest's disk or card to the host, {path}, took too long: the "
        "host is very busy, or another such script still holds its lock.",
        "Look at `uptime` and `pgrep -af /etc/xen/scripts`; wait until the host is quiet, and "
        "start the guest again.",
        lesson="first_boot",
        passes=30.0,  # libxl gives such a script ten seconds (LIBXL_HOTPLUG_TIMEOUT)
    ),
    Rule(
        "no-network-backend",
        (
            r"unable to add device .*/backend/vif/",
            r"Module xen[-_]netback not found",
        ),
        "The guest's network card found no other end in dom0: the bridge is missing, or the module "
        "xen-netback is.",
        "Look at `ip link show type bridge`, and `modprobe xen-netback`; "
        "/var/log/xen/xen-hotplug.log has the script's own words.",
        lesson="network_bridge",
        row=5,
        consequence=True,
    ),
    Rule(
        "no-disk-backend",
        (
            r"unable to add device .*/backend/vbd/",
            r"Module xen[-_]blkback not found",
        ),
        "The guest's disk found no other end in dom0: its device is busy or gone, or the module "
        "xen-blkback is missing.",
        "Look at `modprobe xen-blkback`, `ls -lL` of the disks in the config, and "
        "/var/log/xen/xen-hotplug.log.",
        lesson="guest_volumes",
        consequence=True,
    ),
    Rule(
        "name-taken",
        (
            r'[Dd]omain with name "?(?P<name>[^"\s]+?)"? already exists',
            r"[Dd]omain name (?P<name>\S+) is already (?:in use|taken)",
        ),
        "A guest called {name} is running already, and a name is given once.",
        "Look at `xl list`. To start it afresh: `xl shutdown -w {name}`, then create it again; a "
        "second guest needs a `name` of its own, and disks of its own.",
        lesson="first_boot",
    ),
    Rule(
        "no-such-domain",
        (r"(?P<name>\S+) is an invalid domain identifier",),
        "No guest called {name} runs: xl knows only those that are started.",
        "Look at `xl list`. Start it: `xl create -c /etc/xen/{name}.cfg`.",
        lesson="first_boot",
    ),
    Rule(
        "tls-libraries",
        (r"4gb seg fixup",),
        "A 32-bit paravirtual guest uses thread-local storage in a way that Xen has to put right "
        "each time: it runs, at half the speed.",
        "`mv /lib/tls /lib/tls.disabled` in that guest, and boot it; 64-bit systems never need it.",
        lesson="tls_libraries",
    ),
    Rule(
        "ssh-lost",
        (
            r"client_loop: send disconnect: Broken pipe",
            r"packet_write_wait: Connection to .* Broken pipe",
            r"Connection to \S+ closed by remote host",
        ),
        "The session over the network was cut: perhaps the bridge took the card over, and the "
        "address moved to the bridge.",
        "Wait a minute and connect again: a bridge that is not confirmed is taken back by itself. "
        "Else look at the machine's own screen: `ip address`, `bridge link`.",
        lesson="network_bridge",
    ),
)
