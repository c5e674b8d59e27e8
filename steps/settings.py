"""Every question, declared once each, and the settings that the answers become.

A field is the question: its prompt, help, parser, default, answer-file key and schema. Sections
are the answer file's: `host`, `storage`, and `guests`, a list, with `defaults` for all of them.
Steps read settings; nothing writes them. Sizes are in MiB.
"""

from __future__ import annotations

from dataclasses import dataclass

from steps import kinds, not_known, suggest_storage
from steps.choice_words import (
    BOOT_LOADER_WORDS,
    CONSOLES,
    FILESYSTEMS,
    MANAGER_WORDS,
    PLACES,
    SOURCES,
    TLS_WAYS,
    TOOLSTACK_WORDS,
    WAYS_ON,
)
from steps.hosts.choices import BOOT_LOADERS
from steps.hosts.service_managers import MANAGERS
from steps.hosts.toolstacks import TOOLSTACKS
from steps.storage import SPARE_SPACE
from steps.suggest_host import (
    because_boot_loader,
    because_service_manager,
    because_source,
    because_toolstack,
    default_boot_loader,
    default_service_manager,
    default_source,
    default_toolstack,
    from_tarball,
    signed_tarball,
)
from steps.suggestions import (
    GUEST_MEMORY,
    LEAST_DOM0_MEMORY,
    NO_BRIDGE,
    address_is_free,
    address_is_not_the_hosts,
    because_card,
    because_console,
    because_dom0_memory,
    because_gateway,
    because_no_key,
    card_choices,
    default_bridge,
    default_card,
    default_console,
    default_dom0_memory,
    default_gateway,
    default_name,
    default_release,
    gateway_is_no_guest,
    has_bridge,
    has_static_address,
    key_choices,
    key_is_the_only_way_in,
    name_is_free,
    next_address,
    whether_dhcp_answers,
    whether_xen_boots,
)
from wizard.questions import asked, listed

__all__ = [
    "ANSWERS_VERSION",
    "GUEST_MEMORY",
    "LEAST_DOM0_MEMORY",
    "LOCKED",
    "NO_BRIDGE",
    "SPARE_SPACE",
    "GuestSettings",
    "HostSettings",
    "Settings",
    "StorageSettings",
]

ANSWERS_VERSION = 1
LOCKED = kinds.LOCKED


@dataclass(frozen=True)
class HostSettings:
    """What becomes of the machine itself."""

    dom0_memory: int = asked(
        "How much memory does the host itself (dom0) keep?",
        kinds.size(LEAST_DOM0_MEMORY),
        help="Xen gives this much memory to dom0, the Linux that you are in now, and the rest to "
        "guests. A fixed amount keeps both predictable. Linux needs 512MiB at the least; 1GiB is "
        "comfortable for a host that only runs guests.",
        default=default_dom0_memory,
        because=because_dom0_memory,
        example=1024,
    )
    console: str = asked(
        "Where do Xen and the host show their messages?",
        kinds.one_of("a console", CONSOLES),
        help="Where you read what Xen and the host say while they boot. `screen` is the monitor. "
        "`serial` is the first serial port (com1, 115200 baud): for machines without a monitor, "
        "and virtual ones. Under Xen the serial port belongs to the hypervisor, and dom0 writes "
        "to it through hvc0.",
        default=default_console,
        because=because_console,
        example="serial",
    )
    bridge: str = asked(
        "Which bridge connects the guests to the network?",
        kinds.or_word(kinds.INTERFACE, NO_BRIDGE),
        help="A bridge is a switch in software. The host's network card becomes one of its ports, "
        "and every guest gets another, so guests stand in the same network as the host. In 2006 "
        "xend made xenbr0 by itself; today it is made in the host's network configuration. "
        "`none`: no bridge is made, and guests get no network card.",
        default=default_bridge,
        because="the name that Xen's own documentation and tools use",
        example="xenbr0",
    )
    bridge_card: str = asked(
        "Which network card goes into the bridge?",
        kinds.INTERFACE,
        help="The card whose network the guests join: mostly the one with the default route. Its "
        "address moves to the bridge; the connection pauses for some seconds.",
        default=default_card,
        because=because_card,
        not_known=not_known.SEVERAL_CARDS,
        choices=card_choices,
        needed=has_bridge,
        example="eth0",
    )
    after_reboot: str = asked(
        "How does the work go on when the machine must boot into Xen?",
        kinds.one_of("a way to go on", WAYS_ON),
        help="Xen starts only when the machine boots, in the middle of the work. `by-hand`: the "
        "wizard stops, you reboot, log in and type `sudo xen-setup resume`. `by-itself`: the "
        "machine reboots at once, and a service that runs once finishes the work.",
        default="by-hand",
        because="you see it boot, and decide when",
    )
    make_default: bool = asked(
        "Shall Xen be what the machine boots from then on?",
        kinds.yes_no(
            "Xen boots when nobody presses a key", "plain Linux does; Xen is chosen in the menu"
        ),
        help="One entry of the boot menu boots by itself, when nobody presses a key. It becomes "
        "Xen's only after the first guest has shown its login prompt. Until then, and with "
        "`no`, plain Linux stays the entry that boots by itself.",
        default=True,
        because="a Xen host is of use only when it boots Xen",
        not_known=whether_xen_boots,
    )
    boot_loader: str = asked(
        "Which boot loader gets the Xen entry?",
        kinds.one_of("a boot loader", {name: BOOT_LOADER_WORDS[name] for name in BOOT_LOADERS}),
        help="`grub2` is today's GRUB, `grub-legacy` that of 2006 with its menu.lst. The machine's "
        "own is found; an answer is of use where the menus of both are there.",
        default=default_boot_loader,
        because=because_boot_loader,
        advanced=True,
        example="grub-legacy",
    )
    service_manager: str = asked(
        "What starts Xen's services with the machine?",
        kinds.one_of("a service manager", {name: MANAGER_WORDS[name] for name in MANAGERS}),
        help="`systemd`; or, where SysV init is process 1, `update-rc.d` (Debian's) or `insserv` "
        "(the one of SuSE, which follows the scripts' dependency headers); or `openrc`.",
        default=default_service_manager,
        because=because_service_manager,
        advanced=True,
        example="update-rc.d",
    )
    toolstack: str = asked(
        "With which command are guests started?",
        kinds.one_of("a toolstack", {name: TOOLSTACK_WORDS[name] for name in TOOLSTACKS}),
        help="`xl` is that of Xen 4.1 and later. `xm`, with its daemon xend, is that of 2006, and "
        "ended before Xen 4.5.",
        default=default_toolstack,
        because=because_toolstack,
        advanced=True,
        example="xl",
    )
    xen_source: str = asked(
        "Where does Xen come from?",
        kinds.one_of("a source of Xen", SOURCES),
        help="`packages` of the distribution, which an upgrade keeps up to date; or a `tarball` in "
        "the shape that Xen's own build makes, as in 2006.",
        default=default_source,
        because=because_source,
        advanced=True,
        example="packages",
    )
    tarball: str = asked(
        "Which tarball of Xen, or which unpacked dist folder?",
        kinds.PATH,
        help="A tar file (.tgz, .tar.xz, ...) in the shape that Xen's own build makes, or its "
        "folder dist, with install.sh and a tree install. It is looked into first: what it would "
        "install, for which machine, and whether anything in it is not what a Xen has.",
        default="",
        because="there is none, unless you say where",
        needed=from_tarball,
        example="/root/xen-4.17.tgz",
    )
    tarball_sha256: str = asked(
        "Which SHA-256 must the tarball have?",
        kinds.SHA256,
        help="Of the file, as its maker tells it: 64 hexadecimal digits, as `sha256sum` prints "
        "them. Another file is then refused. `none`: it is taken as it is.",
        default="none",
        because="you know where the file comes from",
        needed=from_tarball,
        advanced=True,
    )
    tarball_signature: str = asked(
        "Which file has the tarball's signature?",
        kinds.PATH,
        help="A detached OpenPGP signature by its maker (.sig, .asc). gpgv must find it good, by a "
        "key of the keyring that you name next; else the tarball is refused. Empty: there is none.",
        default="",
        because="few tarballs of Xen have one",
        needed=from_tarball,
        advanced=True,
        example="/root/xen-4.17.tgz.sig",
    )
    tarball_keyring: str = asked(
        "In which keyring is its maker's key?",
        kinds.PATH,
        help="A file of public keys, as `gpg --export KEY` writes it. Whose keys are in it is for "
        "you to be sure of: any of them may have signed.",
        default="",
        because="it is only needed for a signature",
        needed=signed_tarball,
        advanced=True,
        example="/root/xen-maker.gpg",
    )
    tls: str = asked(
        "What becomes of the libraries in /lib/tls?",
        kinds.one_of("what becomes of /lib/tls", TLS_WAYS),
        help="The tutorial of 2006 moves them, in the host and in every guest. `auto` does so "
        "where it helps: on 32-bit machines, with a C library that looks there (glibc before "
        "2.37). `move` moves them wherever they are; `leave` never does. `nosegneg`: the host "
        "keeps them, and its loader takes the C library that was built for Xen instead.",
        default="auto",
        because="a 64-bit machine loses nothing by them",
        advanced=True,
        example="move",
    )
    ignore: tuple[str, ...] = asked(
        "Which failed checks shall be taken as warnings?",
        kinds.list_of(kinds.CHECK_NAME, "names of checks"),
        help="The names of checks, as `xen-setup check` prints them. Empty for most.",
        default=(),
        because="every check has its reason",
        advanced=True,
        example=("spare-space",),
    )


@dataclass(frozen=True)
class StorageSettings:
    """Where the guests' disks are."""

    use: str = asked(
        "Where shall the guests' disks live?",
        kinds.one_of("a kind of place", PLACES),
        help="Guests' disks are logical volumes in an LVM volume group. Either one that is there "
        "already, or a new one on unpartitioned space, on an empty partition, or on an empty disk.",
        default=suggest_storage.default_use,
        because=suggest_storage.because_use,
        choices=suggest_storage.use_choices,
        example="free-space",
    )
    volume_group: str = asked(
        "What is the volume group called?",
        kinds.GROUP_NAME,
        help="A volume group is a pool of disk space that volumes are cut from. The name becomes "
        "a folder in /dev: /dev/xendisks/vm01-root.",
        default=suggest_storage.default_group,
        because="the name in the Xen tutorial of 2006, or that of the group that is there",
        choices=suggest_storage.group_choices,
        example="xendisks",
    )
    device: str = asked(
        "Which device?",
        kinds.DEVICE,
        help="The place on this machine's disks that the volume group gets. For free space: the "
        "disk that has it. Otherwise the partition or disk to take: an empty one, or one whose "
        "content is lost, after you typed its name. The system's own disk is never taken. Names "
        "under /dev/disk/by-id stay the same over reboots.",
        default=suggest_storage.default_device,
        because=suggest_storage.because_device,
        choices=suggest_storage.device_choices,
        needed=suggest_storage.needs_device,
        example="/dev/disk/by-id/ata-EXAMPLE-disk",
    )
    region: int = asked(
        "Which piece of its unpartitioned space?",
        kinds.size_or("largest", 1),
        help="A disk can have unpartitioned space in several pieces, between its partitions and "
        "after them; the new partition is made in one of them. `largest` takes the largest; "
        "otherwise say where the piece begins, counted from the start of the disk: 4097MiB.",
        default=suggest_storage.default_region,
        because="it has the most room",
        on_machine=suggest_storage.exact_region,
        example=0,
        choices=suggest_storage.region_choices,
        needed=suggest_storage.takes_free_space,
        advanced=True,
        asked_if=suggest_storage.has_several_regions,
    )
    partition_size: int = asked(
        "How large shall the new partition be?",
        kinds.size_or_share(SPARE_SPACE),
        help="The guests' disks are cut from the new partition. `rest` takes the whole "
        "unpartitioned region, 50%FREE half of it. At least 5GiB.",
        default=0,
        because="all of that space, as a volume group grows only with trouble",
        needed=suggest_storage.takes_free_space,
        on_machine=suggest_storage.share_of_free_space,
        check=suggest_storage.partition_is_large_enough,
    )
    overwrite: str = asked(
        "If the device is not empty: type its path to have its content destroyed.",
        kinds.or_word(kinds.DEVICE, "no"),
        help="`no` refuses a device that holds anything. A path here, the same as the device's, "
        "agrees to lose what is on that device. It is never possible for the disk that the "
        "system runs from, nor for something in use.",
        default="no",
        because="nothing of yours is overwritten unless you say so",
        needed=suggest_storage.takes_device,
        advanced=True,
        asked_if=suggest_storage.device_would_lose,
    )


@dataclass(frozen=True)
class GuestSettings:
    """One guest (domU)."""

    name: str = asked(
        "What is the guest called?",
        kinds.GUEST_NAME,
        help="The name in `xl list`, the host name inside, and the front of its volumes' names.",
        default=default_name,
        because="as in the Xen tutorial of 2006; the next is called vm02",
        example="vm01",
        among=name_is_free,
        identity=True,
    )
    memory: int = asked(
        "How much memory does the guest get?",
        kinds.size(64),
        help="Debian's own kernel and initrd need 512MiB to start.",
        default=GUEST_MEMORY,
        because="less, and Debian's initrd does not unpack",
    )
    vcpus: int = asked(
        "How many processors does the guest see?",
        kinds.whole_number(1, 64),
        help="Virtual processors share the real ones.",
        default=1,
        because="enough for a first guest",
    )
    root_size: int = asked(
        "How large is the guest's root volume?",
        kinds.size(1024),
        help="Holds the guest's whole system. A minimal Debian takes about 1GiB, with the "
        "kernel's modules.",
        default=2048,
        because="room for a small Debian, and what the Xen tutorial of 2006 took",
        not_known=suggest_storage.how_much_the_group_holds,
    )
    swap_size: int = asked(
        "How large is its swap volume?",
        kinds.size_or("none", 16),
        help="Swap is where the guest puts what does not fit into its memory. `none` makes no swap "
        "volume.",
        default=128,
        because="enough for a first guest, and what the Xen tutorial of 2006 took",
    )
    filesystem: str = asked(
        "Which filesystem has the root volume?",
        kinds.one_of("a filesystem", FILESYSTEMS),
        help="How files are kept on the volume. ext4 is Debian's own choice. The tutorial of "
        "2006 used ext3.",
        default="ext4",
        because="Debian's own choice",
    )
    release: str = asked(
        "Which Debian or Ubuntu release goes in?",
        kinds.RELEASE,
        help="The system that is installed in the guest. The code name, as debootstrap knows it: "
        "bookworm, trixie, noble. The guest runs on the host's kernel, so a release of about "
        "the host's age is best.",
        default=default_release,
        because="the host's own",
        not_known=not_known.has_release("it"),
        example="bookworm",
    )
    mirror: str = asked(
        "From which mirror is it installed?",
        kinds.MIRROR,
        help="`host` takes the mirror of the host's own apt sources, or debootstrap's default.",
        default="host",
        because="what the host installs from works from here",
        advanced=True,
    )
    packages: tuple[str, ...] = asked(
        "Which further packages go in?",
        kinds.list_of(kinds.PACKAGE, "packages"),
        help="What the guest has from the start, beside what a login and the network need. For "
        "example openssh-server.",
        default=(),
        because="small is quick; apt inside the guest brings the rest",
        not_known=not_known.has_packages("the release"),
        example=("openssh-server",),
    )
    network: str = asked(
        "How does the guest get its address?",
        kinds.NETWORK,
        help="The guest has an address of its own in the bridge's network. `dhcp`, or an address "
        "with its prefix length, such as 192.0.2.10/24.",
        default="dhcp",
        because="most networks have a DHCP server",
        not_known=whether_dhcp_answers,
        among=address_is_free,
        check=address_is_not_the_hosts,
        nth=next_address,
    )
    gateway: str = asked(
        "Which gateway does the guest use?",
        kinds.or_word(kinds.ADDRESS, "none"),
        help="The router's address in the guest's network. `none`: no way out.",
        default=default_gateway,
        because=because_gateway,
        needed=has_static_address,
        example="192.0.2.1",
        among=gateway_is_no_guest,
    )
    nameservers: tuple[str, ...] = asked(
        "Which name servers does the guest ask?",
        kinds.list_of(kinds.ADDRESS, "addresses"),
        help="They find the addresses that belong to names. Addresses, with commas between them. "
        "Empty: those of the host.",
        default=(),
        because="the host's own are taken",
        needed=has_static_address,
        example=("192.0.2.53",),
    )
    root_password: str = asked(
        "The guest's root password",
        kinds.PASSWORD,
        help="With it you log in as root at the guest's console. Only its hash is kept. `locked`: "
        "nobody logs in with a password; give an SSH key then. In an answer file: a hash "
        "(`xen-setup answers hash-password` makes it), or where the hash or the password is: "
        "file:/PATH (the first line), env:NAME (a variable), asked.",
        default=LOCKED,
        because="nobody logs in with a password then: type one, or give an SSH key next",
        secret=True,
        deliberate="without a password or an SSH key nobody could log in to the guest. Type a "
        "password; or type locked, and give an SSH key next.",
    )
    ssh_keys: tuple[str, ...] = asked(
        "Which public SSH keys may log in as root?",
        kinds.list_of(kinds.SSH_KEY, "public SSH keys", r"[,\n]"),
        help="Whoever has such a key logs in over the network, without a password. Lines of .pub "
        "files (those in your ~/.ssh are offered); of use with openssh-server among the packages.",
        default=(),
        because=because_no_key,
        choices=key_choices,
        deliberate=key_is_the_only_way_in,
        # Its middle is a hash of its end: nobody has the private key.
        example=(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBY5vR0xZcjt9W2XxpCfSOqa/gvGmiBUXZ+unb+ur3uY "
            "you@example.org",
        ),
    )
    autostart: bool = asked(
        "Shall the guest start with the host?",
        kinds.yes_no("whenever the host boots", "you start it, when you like: xl create"),
        help="Started by the host when it boots. A link in /etc/xen/auto: xendomains starts what "
        "is there in the order of the names, and stops it in order of falling id. Put nothing into"
        " a guest that the host needs.",
        default=True,
        because="a server's guests should come back after a reboot",
    )


@dataclass(frozen=True)
class Settings:
    """All answers, typed. `ignore` names the checks that only warn."""

    host: HostSettings
    storage: StorageSettings
    guests: tuple[GuestSettings, ...] = listed(defaults="defaults")
