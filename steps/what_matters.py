"""What is looked for on a machine, each list in its one place: packages, services, files, ...

A name that a step decides on must stand here, or its fact is never read.
"""

from __future__ import annotations

# Our file among GRUB's defaults; boot_drop_in.py says why it is called so.
DROP_IN = "/etc/default/grub.d/w-xen-setup.cfg"
# And among the scripts that write its menu, after the distribution's; boot_fallback.py.
FALLBACK_SCRIPT = "/etc/grub.d/45_xen-setup"

# Installed ones are read with their versions; the shell patterns are dpkg's.
PACKAGES = (
    "apt",
    "bridge-utils",
    "btrfs-progs",
    "ca-certificates",
    "debian-archive-keyring",
    "debootstrap",
    "e2fsprogs",
    "grub-common",
    "grub-efi-amd64",
    "grub-efi-amd64-bin",
    "grub-legacy",
    "grub-pc",
    "ifupdown",
    "initramfs-tools",
    "iproute2",
    "iputils-arping",
    "iputils-ping",
    "isc-dhcp-client",
    "kmod",
    "libc6",
    "libvirt-daemon",
    "linux-image-amd64",
    "linux-image-generic",
    "lvm2",
    "netplan.io",
    "network-manager",
    "openssh-server",
    "parted",
    "python3-parted",
    "systemd",
    "sysvinit-core",
    "thin-provisioning-tools",
    "ubuntu-keyring",
    "udev",
    "util-linux",
    "xen-system-amd64",
    "xen-tools",
    "xen-utils-common",
    "xfsprogs",
    "xz-utils",
    "zstd",
)
PACKAGE_PATTERNS = ("xen-hypervisor-*", "xen-utils-*", "nvidia-kernel*", "nvidia-driver*", "fglrx*")

SERVICES = (
    "xen",
    "xendomains",
    "xend",
    "xenstored",
    "xenconsoled",
    "xencommons",
    "xen-init-dom0",
    "libvirtd",
    "networking",
    "NetworkManager",
    "systemd-networkd",
    "ssh",
    "xen-setup-resume",
)

# Programs of which one host has some, another others.
TOOLS = (
    "systemctl",
    "update-rc.d",
    "insserv",
    "rc-update",
    "update-grub",
    "update-grub.xen-setup",  # where this program puts update-grub for a moment
    "dpkg-divert",
    "grub-set-default",
)

# Texts that steps decide on; a pattern's last part may have * in it. Besides these, whatever
# ifupdown's files source is read.
FILES = (
    "/boot/grub/menu.lst",
    "/boot/grub/grub.conf",
    "/etc/default/grub",
    "/etc/default/grub.d/*.cfg",
    "/etc/default/xen",
    "/etc/default/xendomains",
    "/etc/fstab",
    FALLBACK_SCRIPT,
    "/etc/hosts",
    "/etc/initramfs-tools/initramfs.conf",
    "/etc/initramfs-tools/modules",
    "/etc/ld.so.conf.d/*",
    "/etc/modules",
    "/etc/network/interfaces",
    "/etc/network/interfaces.d/*",
    "/etc/resolv.conf",
    "/etc/systemd/system/xen-setup-resume.service",
    "/etc/xen/*",
    "/etc/xen/auto/*",
)
NO_FILES = ("README*", "xlexample.*", "oxenstored.conf")
LARGEST_FILE = 256 * 1024  # bytes; a longer one is no configuration that a person wrote

DIRECTORIES = (
    "/etc/default/grub.d",
    "/etc/netplan",
    "/etc/network/interfaces.d",
    "/etc/systemd/system",
    "/etc/xen",
    "/etc/xen/auto",
    "/run/xen-setup",
    "/var/lib/xen",
    "/var/log/xen",
)

LINKS = (
    "/etc/xen/auto/*",
    "/etc/resolv.conf",
    "/etc/systemd/system/multi-user.target.wants/xen-setup-resume.service",
    "/etc/systemd/system/default.target.wants/xen-setup-resume.service",
)

# In the home of the person who started this: public keys that could open a guest. No private one.
PUBLIC_KEYS = (".ssh/*.pub", ".ssh/authorized_keys")
MOST_PUBLIC_KEYS = 12  # of more, a list on 24 lines would be no choice

# A file system here fills up while Xen, its kernel's menu or a guest goes in.
SPACE = ("/", "/boot", "/var")

# The running system needs what is mounted here; /var and /usr with all that is below them.
SYSTEM_MOUNTS = ("/", "/boot", "/etc", "/home", "/opt", "/root", "/tmp", "/usr", "/var")  # noqa: S108

PROPRIETARY_MODULES = ("nvidia", "nvidia_current", "nvidia_drm", "fglrx")

# GNU/Linux kept libraries for thread-local storage in directories of this name.
TLS_PARENTS = (
    "/lib",
    "/lib/i686",
    "/lib/i386-linux-gnu",
    "/lib/i686-linux-gnu",
    "/lib/x86_64-linux-gnu",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib/i386-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib32",
    "/usr/lib64",
)
TLS_NAMES = ("tls", "tls.disabled")
