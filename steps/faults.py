"""The faults that can be planted in a practice machine, for a class: `practice --fault NAME`.

Each is one that first-time users meet. They start from the host that the packaged answers make
(wizard/practice/first-guest.yaml): the guest vm01 with the group xendisks and the bridge xenbr0.
"""

from __future__ import annotations

from wizard.practice.fault import Fault

# Run on the finished host, so that a class starts with a guest that is off.
SETTLE = """\
xl shutdown -w vm01 || xl destroy vm01 || true
rm -f /etc/xen/auto/vm01.cfg
"""

# The guest's console says whether somebody could log in; what it showed before, it shows again
# only to the first who looks, so Enter asks for the prompt anew. A guest that still says something
# still boots: where all is emulated, and others work beside it, that takes minutes. The same words
# twice are xl's own, of a domain without a console.
_GUEST_RUNS = """\
xl domid vm01 >/dev/null 2>&1 || { echo "The guest vm01 does not run."; exit 1; }
looks=0 silent=0 last=
while [ $looks -lt 45 ] && [ $silent -lt 8 ]; do
    looks=$((looks + 1))
    seen=$( { sleep 2; printf '\\n'; sleep 12; } |
        timeout 20 script --quiet --command 'xl console vm01' /dev/null 2>&1 | tr -d '\\000')
    case $seen in
        *"vm01 login:"*|*@vm01:*) echo "The guest vm01 runs, and asks for a login."; exit 0 ;;
        *"(initramfs)"*) break ;;
    esac
    silent=$((silent + 1))
    words=$(printf '%s' "$seen" | tr -d '[:space:]')
    [ -z "$words" ] || [ "$words" = "$last" ] || silent=0
    last=$words
    xl domid vm01 >/dev/null 2>&1 || break
done
echo "The guest vm01 was started, and comes to no login prompt. This look has read what its" \\
    "console said: to see it, xl destroy vm01, then xl create -c /etc/xen/vm01.cfg."
exit 1
"""
_START = "xl create /etc/xen/vm01.cfg\n"
_AGAIN = "xl destroy vm01 2>/dev/null || true\n" + _START
_DOES_NOT_START = (
    "The guest vm01 ran on this host yesterday. Somebody changed something, and now it does not "
    "start: xl create -c /etc/xen/vm01.cfg"
)


def _config(command: str) -> str:
    """A script that changes the guest's config by sed."""
    return f"sed --in-place {command} /etc/xen/vm01.cfg\n"


FAULTS: tuple[Fault, ...] = (
    Fault(
        name="disk-path",
        title="A guest that does not start: its disk",
        seen=_DOES_NOT_START,
        plant=_config("'s|/dev/xendisks/vm01-root,raw,xvda1,rw|phy:xendisks/vm01-root,xvda1,w|'"),
        hints=(
            "Read the first line that says error; it names what was looked for.",
            "Is there a file of that name? Compare: ls -lL /dev/xendisks/",
            "The tutorials of 2006 wrote phy:xendisks/vm01-root, below /dev. xl wants whole paths.",
        ),
        solution=_config("'s|phy:xendisks/vm01-root,xvda1,w|/dev/xendisks/vm01-root,raw,xvda1,rw|'")
        + _START,
        check=_GUEST_RUNS,
        rule="disk-path",
    ),
    Fault(
        name="group-asleep",
        title="A guest that does not start: where its disks come from",
        seen=_DOES_NOT_START,
        plant="vgchange --activate n xendisks\n",
        hints=(
            "Read the first line that says error. The path in it looks right; is it there?",
            "Where do the disks come from? Look at: lvs --options +lv_active",
            "A volume group that is not active has no files in /dev.",
        ),
        solution="vgchange --activate y xendisks\n" + _START,
        check=_GUEST_RUNS,
        rule="disk-path",
    ),
    Fault(
        name="disk-mounted",
        title="A guest that does not start: who has its disk",
        seen=_DOES_NOT_START,
        plant="mkdir -p /srv/backup\nmount /dev/xendisks/vm01-root /srv/backup\n",
        hints=(
            "Read all lines that say error: one tells what the disk is just now.",
            "Who has mounted what? Look at: findmnt --list --types ext4",
            "Two systems that write one filesystem destroy it: Xen refuses, and is right.",
        ),
        solution="umount /srv/backup\n" + _START,
        check=_GUEST_RUNS,
        rule="disk-mounted",
    ),
    Fault(
        name="bridge",
        title="A guest that does not start: its network",
        seen=_DOES_NOT_START,
        plant=_config("'s,bridge=xenbr0,bridge=xenbr1,'"),
        hints=(
            "Read all lines that say error: one names what could not be found.",
            "Which bridges are there? Look at: ip link show type bridge",
            "The config and the host must agree on the bridge's name: see vif in the config.",
        ),
        solution=_config("'s,bridge=xenbr1,bridge=xenbr0,'") + _START,
        check=_GUEST_RUNS,
        rule="bridge-missing",
    ),
    Fault(
        name="memory",
        title="A guest that does not start: more than there is",
        seen=_DOES_NOT_START,
        plant=_config("'s,^memory = .*,memory = 8192,'"),
        hints=(
            "Read the first line that says error: what was there too little of?",
            "How much is free, how much is wanted? Look at: xl info | grep memory",
            "The guest's memory must fit into free_memory, beside dom0.",
        ),
        solution=_config("'s,^memory = .*,memory = 512,'") + _START,
        check=_GUEST_RUNS,
        rule="too-little-memory",
    ),
    Fault(
        name="small-memory",
        title="A guest that starts, and dies at once",
        seen="The guest vm01 was made smaller, to save memory. Since then it starts, and is gone "
        "after a moment: xl create -c /etc/xen/vm01.cfg shows its last words.",
        plant=_config("'s,^memory = .*,memory = 128,'"),
        hints=(
            "Start it with its console (-c), and read what stands before the panic.",
            "The kernel unpacks its initrd into memory. How large is that? ls -lh /boot",
            "Packed it has some 40 MiB, unpacked several times that: 128 MiB are too few.",
        ),
        solution=_config("'s,^memory = .*,memory = 512,'") + _AGAIN,
        check=_GUEST_RUNS,
        rule="guest-memory-initrd",
    ),
    Fault(
        name="kernel",
        title="A guest that does not start: after an upgrade",
        seen="The host was upgraded. Since then the guest vm01 does not start: "
        "xl create -c /etc/xen/vm01.cfg",
        plant=_config("'/^kernel\\|^ramdisk/s,6[.]1[.]0-[0-9]*-amd64,6.1.0-9-amd64,'"),
        hints=(
            "Read the first line that says error: it names a file.",
            "Which kernels does the host have? Look at: ls /boot",
            "The config still names the kernel that the upgrade took away: kernel and ramdisk.",
        ),
        solution='new=$(basename "$(ls /boot/vmlinuz-* | tail --lines=1)")\n'
        + _config('"/^kernel\\|^ramdisk/s,6[.]1[.]0-9-amd64,${new#vmlinuz-},"')
        + _START,
        check=_GUEST_RUNS,
        rule="kernel-missing",
    ),
    Fault(
        name="old-config",
        title="A guest's config from an old book",
        seen="Somebody made the config of vm01 anew, from an old book on Xen. Now xl does not even "
        "read it: xl create -c /etc/xen/vm01.cfg. (How it was before: /root/vm01.cfg.)",
        plant="cp /etc/xen/vm01.cfg /root/vm01.cfg\n"
        "{ printf 'import os\\narch = os.uname()[4]\\n'; cat /root/vm01.cfg; } "
        ">/etc/xen/vm01.cfg\n",
        hints=(
            "The message counts lines. Look at the one it names: head /etc/xen/vm01.cfg",
            "Is that a `key = value` line? Which language is it?",
            "xm ran its configs as Python programs; xl only reads values. Take the code out.",
        ),
        solution=_config("'/^import os/d; /^arch = /d'") + _START,
        check=_GUEST_RUNS,
        rule="config-python",
    ),
    Fault(
        name="bootloader",
        title="A guest that does not start: who fetches its kernel",
        seen="The config of vm01 was changed, so that it boots a kernel of its own. It does not "
        "start any more: xl create -c /etc/xen/vm01.cfg",
        plant=_config(
            '\'s,^kernel = .*,bootloader = "/usr/lib/xen-3.0/bin/pygrub",; '
            "/^ramdisk = /d; /^root = /s,^,#,; /^extra = /s,^,#,'"
        ),
        hints=(
            "Read the line that says bootloader: what was run, and was it there?",
            "Is there a kernel in the guest at all? This one has none: see lvs, mount, ls boot.",
            "The guest boots the host's kernel: the config needs kernel, ramdisk, root and extra.",
        ),
        solution='new=$(basename "$(ls /boot/vmlinuz-* | tail --lines=1)")\n'
        "new=${new#vmlinuz-}\n"
        + _config(
            '"s,^bootloader = .*,kernel = \\"/boot/vmlinuz-$new\\"\\nramdisk = '
            '\\"/boot/initrd.img-$new\\",; s,^#root = ,root = ,; s,^#extra = ,extra = ,"'
        )
        + _START,
        check=_GUEST_RUNS,
        rule="bootloader-failed",
    ),
    Fault(
        name="hardware",
        title="A guest that does not start: its type",
        seen="The config of vm01 was made modern, as somebody said. It does not start any more: "
        "xl create -c /etc/xen/vm01.cfg",
        plant=_config("'s,^type = .*,type = \"pvh\",'"),
        hints=(
            "Read the first line that says error: what is not available?",
            "What can this processor do? Look at virt_caps: xl info",
            "pvh and hvm need hvm (and hap) in virt_caps; pv needs none of it.",
        ),
        solution=_config("'s,^type = .*,type = \"pv\",'") + _START,
        check=_GUEST_RUNS,
        rule="no-hap",
    ),
    Fault(
        name="root-device",
        title="A guest that runs, and comes to no login",
        seen="xl list shows the guest vm01, and yet nobody can log in: see xl console vm01 "
        "(Ctrl and ] leave it). It may take a minute until it says what it waits for.",
        plant=_config("'s,^root = .*,root = \"/dev/hda1 ro\",'") + _START,
        hints=(
            "Look at its console to the end: it says what does not exist.",
            "Three places name the guest's disk: disk and root in the config, its own /etc/fstab.",
            "Xen's disks are called xvda1. The config says so for the disk, and hda1 for the root.",
        ),
        solution=_config("'s,^root = .*,root = \"/dev/xvda1 ro\",'") + _AGAIN,
        check=_GUEST_RUNS,
        rule="root-device",
    ),
    Fault(
        name="name-taken",
        title="A guest that does not start: somebody was here before",
        seen=_DOES_NOT_START,
        plant="kernel=$(ls /boot/vmlinuz-* | tail --lines=1)\n"
        'printf \'name = "vm01"\\ntype = "pv"\\nmemory = 128\\nkernel = "%s"\\n\' "$kernel" '
        ">/root/test.cfg\nxl create -p /root/test.cfg\n",
        hints=(
            "Read the first line that says error: what is there already?",
            "What runs just now? Look at: xl list",
            "A paused domain (p) has the name vm01. It does nothing: xl destroy takes it away.",
        ),
        solution=_AGAIN,
        check=_GUEST_RUNS,
        rule="name-taken",
    ),
    Fault(
        name="autostart",
        title="A guest that does not come back with the host",
        seen="The host was rebooted, and its guest vm01 was not started with it. It should be, the "
        "next time: nothing has to be rebooted now.",
        plant="rm -f /etc/xen/auto/vm01.cfg\nsystemctl disable xendomains\n",
        hints=(
            "Who starts guests with the host? Look at: systemctl status xendomains",
            "Which guests does it start? Look at: ls -l /etc/xen/auto",
            "Two things are wrong: the service is not enabled, and the guest has no link there.",
        ),
        solution="systemctl enable xendomains\nln -s /etc/xen/vm01.cfg /etc/xen/auto/vm01.cfg\n",
        check="""\
systemctl --quiet is-enabled xendomains || { echo "xendomains is not enabled."; exit 1; }
for link in /etc/xen/auto/*; do
    test "$(readlink --canonicalize "$link")" = /etc/xen/vm01.cfg && {
        echo "The guest vm01 starts with the host."; exit 0; }
done
echo "No link in /etc/xen/auto leads to /etc/xen/vm01.cfg."
exit 1
""",
    ),
    Fault(
        name="plain-linux",
        title="A host where xl does not work at all",
        seen="The host was rebooted. Since then no command of Xen's works: xl list",
        plant="""\
set -e
printf "GRUB_DEFAULT=0\\n" >/etc/default/grub.d/zz-old-habit.cfg
update-grub
grub-editenv - unset next_entry
""",
        hints=(
            "Is this Xen at all? Look at: cat /sys/hypervisor/type /proc/xen/capabilities",
            "What boots by itself? Look at GRUB_DEFAULT: grep -r DEFAULT= /etc/default/grub*",
            "A file in /etc/default/grub.d makes the first entry, plain Linux, the default.",
        ),
        solution="rm /etc/default/grub.d/zz-old-habit.cfg\nupdate-grub\nreboot\n",
        check="""\
grep --quiet control_d /proc/xen/capabilities 2>/dev/null || {
    echo "This is plain Linux: Xen does not run."; exit 1; }
timeout 60 xl list >/dev/null || { echo "Xen runs, and xl does not answer."; exit 1; }
echo "Xen runs, and xl answers."
""",
        rule="plain-linux-wrapper",
        reboots=True,
    ),
)
