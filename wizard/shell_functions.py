"""The shell functions that a plan's script is written with: POSIX sh, each with what it needs.

They do by shell what machine.py and its hands do. For shell_script.py, which takes only those that
a script calls, so that none is in it that nobody reads for a reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wizard.signatures import CONTRADICTING


@dataclass(frozen=True)
class Function:
    """A function's text, the functions that it calls, and what is to be done when the script ends.

    `begins` stands before it: variables that it keeps.
    """

    text: str
    needs: tuple[str, ...] = ()
    begins: str = ""
    at_end: str = ""


BY_HAND = "/var/lib/xen-setup-by-hand"  # what a script keeps
BEGUN = f"{BY_HAND}/begun"  # with a dash and a name

FUNCTIONS = {
    "say": Function("say() { printf '%s\\n' \"$*\"; }\n"),
    "die": Function(
        """\
die() {
    printf '%s\\n' "$0: $*" >&2
    exit 1
}
"""
    ),
    "shows": Function(
        """\
shows() { # PATTERN COMMAND…: the command succeeds, and a line that it prints matches
    pattern=$1
    shift
    printed=$("$@" 2>/dev/null) || return 1
    printf '%s\\n' "$printed" | grep --quiet --perl-regexp --regexp="$pattern"
}
"""
    ),
    "lacks": Function(
        """\
lacks() { # PATTERN COMMAND…: the command succeeds, and no line that it prints matches
    pattern=$1
    shift
    printed=$("$@" 2>/dev/null) || return 1
    ! printf '%s\\n' "$printed" | grep --quiet --perl-regexp --regexp="$pattern"
}
"""
    ),
    "present": Function(
        """\
present() { # PATH: something is there, if only a link that leads nowhere
    [ -e "$1" ] || [ -L "$1" ]
}
"""
    ),
    "real_path": Function(
        """\
real_path() { # PATH: where it leads, by its links; in a volume they are followed as the guest does
    left=${1#"$root"}
    real=$root
    links=0
    while [ -n "$left" ]; do
        part=${left%%/*}
        case $left in
            */*) left=${left#*/} ;;
            *) left= ;;
        esac
        case $part in
            '' | .) ;;
            ..) [ "$real" = "$root" ] || real=${real%/*} ;;
            *)
                if [ -L "$real/$part" ]; then
                    links=$((links + 1))
                    [ "$links" -le 40 ] || die "The links at $1 lead in a circle."
                    target=$(readlink "$real/$part")
                    case $target in
                        /*) real=$root ;;
                    esac
                    left=$target/$left
                else
                    real=$real/$part
                fi
                ;;
        esac
    done
}
""",
        needs=("die",),
        begins="root= # where a guest's volume is mounted while it is worked in\n",
    ),
    "install_tree": Function(
        """\
install_tree() { # SOURCE SHA256 TOP SCRIPT-SHA256: what install.sh installs, /lib stays a link
    tree=$(mktemp --directory)
    mkdir --parents "$tree/root/etc/init.d" "$tree/root/etc/udev/rules.d" "$tree/root/etc/hotplug"
    dist=$1
    if [ -n "$2" ]; then
        echo "$2  $1" | sha256sum --check --status || die "$1 is not the file of the plan."
        tar --extract --file "$1" --directory "$tree"
        dist=$tree/$3
    fi
    echo "$4  $dist/install.sh" | sha256sum --check --status ||
        die "$dist/install.sh is not the script of the plan."
    (cd "$dist" && sh ./install.sh "$tree/root")
    rm --recursive --force "$tree/root/etc/udev" "$tree/root/etc/hotplug"
    (cd "$tree/root" && tar --create --owner=root --group=root -- *) |
        tar --extract --keep-directory-symlink --no-overwrite-dir --directory /
    rm --recursive --force "$tree"
}
""",
        needs=("die",),
    ),
    "write_file": Function(
        """\
write_file() { # PATH MODE OWNER [as-before]: what comes in becomes the file, whole or not at all
    real_path "$1"
    [ ! -e "$real" ] || [ -f "$real" ] || die "$real is no file: it cannot be written."
    new=${real%/*}/.${real##*/}.xen-setup-new
    rm --force "$new"
    (umask 077 && cat >"$new")
    # Access control lists, labels and the like stay with the file; not its time.
    [ ! -f "$real" ] || { cp --attributes-only --preserve=all "$real" "$new" && touch "$new"; }
    if [ -z "${4-}" ] || [ ! -f "$real" ]; then # else they stay: there may be a password in it
        chown "$3" "$new"
        chmod "$2" "$new"
    fi
    sync "$new"
    mv --force --no-target-directory "$new" "$real"
}
""",
        needs=("real_path", "die"),
    ),
    "unchanged": Function(
        """\
unchanged() { # PATH SHA256…: the file, or nothing, is as the plan knew it or as this makes it
    real_path "$1"
    there=$({ [ ! -f "$real" ] || cat "$real"; } | sha256sum)
    case " $* " in
        *" ${there%% *} "*) ;;
        *) die "$1 was changed since the plan was made, which would be lost: make the plan anew." ;;
    esac
}
""",
        needs=("real_path", "die"),
    ),
    "keep_copy": Function(
        """\
keep_copy() { # PATH: keep the file as it is now below /var/lib/xen-setup-by-hand, the first time
    copy=/var/lib/xen-setup-by-hand$1
    [ ! -f "$1" ] || [ -e "$copy" ] || {
        (umask 077 && mkdir --parents "${copy%/*}")
        # Of what a link leads to, as that is written to; and on the disk before it is.
        cp --archive --dereference "$1" "$copy.new"
        sync "$copy.new"
        mv --no-target-directory "$copy.new" "$copy"
    }
}
"""
    ),
    "make_directory": Function(
        """\
make_directory() { # PATH MODE
    real_path "$1"
    [ -d "$real" ] || mkdir --mode="$2" "$real"
}
""",
        needs=("real_path",),
    ),
    "make_link": Function(
        """\
make_link() { # PATH TARGET: a symbolic link, never in the place of something else
    [ "$(readlink "$1")" = "$2" ] || ln --symbolic --no-target-directory -- "$2" "$1"
}
"""
    ),
    "move": Function(
        """\
move() { # SOURCE DESTINATION: rename, never over something that is there
    if present "$1" || ! present "$2"; then
        ! present "$2" || die "$1 cannot be moved: $2 is there already."
        mv --no-target-directory "$1" "$2"
    fi
}
""",
        needs=("present", "die"),
    ),
    "what_is_on": Function(
        f"""\
what_is_on() {{ # DEVICE: on_it is what blkid says of it
    status=0
    on_it=$(blkid --probe --output export "$1") || status=$?
    case $status in
        0 | 2) ;; # what it found; nothing
        8) on_it='TYPE={CONTRADICTING}' ;;
        *) die "What is on $1 cannot be told: blkid ended with $status." ;;
    esac
}}
""",
        needs=("die",),
    ),
    "same_device": Function(
        """\
same_device() { # PATH BYTES SERIAL TABLE-ID CONTENT [or-table]: it is what it was for the plan
    size=$(blockdev --getsize64 "$1")
    [ "$2" = 0 ] || [ "$size" = "$2" ] || die "$1 has $size bytes, not $2."
    disks=$(lsblk --inverse --noheadings --pairs --output SERIAL,PTUUID "$1")
    what_is_on "$1"
    case $disks in
        *"SERIAL=\\"$3\\""*) ;;
        *) [ -z "$3" ] || die "$1 has another serial number than $3." ;;
    esac
    case "$disks PTUUID=\\"$(printf '%s\\n' "$on_it" | sed -n 's/^PTUUID=//p')\\"" in
        *"PTUUID=\\"$4\\""*) ;;
        *) [ -z "$4" ] || die "$1 has another partition table than $4." ;;
    esac
    content=$(printf '%s\\n' "$on_it" | sed -n 's/^TYPE=//p')
    [ -n "$content" ] || [ "${6-}" = or-table ] ||
        content=$(printf '%s\\n' "$on_it" | sed -n 's/^PTTYPE=//p')
    [ "$content" = "$5" ] || die "$1 holds ${content:-nothing}, not ${5:-nothing}."
    # blkid finds nothing where it can read nothing, too: signatures stand at both ends.
    [ -n "$content" ] || {
        dd if="$1" of=/dev/null bs=1M count=1 status=none &&
            dd if="$1" of=/dev/null bs=1M skip="$((size / 1048576 - 1))" status=none
    } || die "$1 cannot be read."
}
""",
        needs=("what_is_on", "die"),
    ),
    "begin": Function(
        f"""\
begin() {{ # NAME: note that this script begins it; on the disk when this returns
    (umask 077 && mkdir --parents {BY_HAND} && : >{BEGUN}-"$1")
    sync {BEGUN}-"$1" {BY_HAND}
}}
"""
    ),
    "must_have_begun": Function(
        f"""\
must_have_begun() {{ # NAME: what this script did not begin may be somebody's, and is left alone
    [ -e {BEGUN}-"$1" ] ||
        die 'What is to be made is there in part, and this did not begin it: it is left alone.'
}}
""",
        needs=("die",),
    ),
    "create_partition": Function(
        """\
create_partition() { # DISK NUMBER START SECTORS NODE: for LVM; the sectors are the disk's own
    made=
    if ! shows "[^0-9]$2 : start= *$3, size= *$4," sfdisk --dump "$1"; then
        ! shows "[^0-9]$2 : start=" sfdisk --dump "$1" || die "$1 has another partition $2 now."
        # The disk may be in use: only the new partition is told to the kernel.
        printf 'start=%s, size=%s, type=lvm\\n' "$3" "$4" |
            sfdisk --quiet --no-reread --no-tell-kernel --wipe never --wipe-partitions never \\
                --partno "$2" "$1"
        made=now
    fi
    udevadm settle --timeout=10 || true
    [ -b "$5" ] || partx --add --nr "$2" "$(readlink --canonicalize "$1")" || true
    seconds=0
    until [ -b "$5" ]; do
        [ "$seconds" -lt 60 ] || die "The partition is in the table, but $5 did not appear."
        sleep 1
        seconds=$((seconds + 1))
    done
    [ -z "$made" ] || return 0 # what is on it then is remains of what the space held before
    what_is_on "$5"
    content=$(printf '%s\\n' "$on_it" | sed -n 's/^\\(PT\\)\\{0,1\\}TYPE=//p')
    case $content in
        '' | LVM2_member) ;;
        *) die "$5 was there already, and holds $content. If it can be lost: wipefs --all $5" ;;
    esac
}
""",
        needs=("shows", "what_is_on", "die"),
    ),
    "inside": Function(
        """\
inside() { # TYPE UUID DEVICE DIRECTORY [BIND…]: mount it; files below the directory are in it
    [ -z "$2" ] || [ "$(blkid --probe --match-tag UUID --output value "$3")" = "$2" ] ||
        die "$3 does not hold the filesystem that was made on it: its UUID was $2."
    ! findmnt --source "$3" || die "$3 is mounted already: somebody uses it."
    # Mounting what a running guest writes to destroys it: Xen knows its disks by their numbers.
    number=$(stat --dereference --format=%t:%T "$3")
    for disk in /sys/bus/xen-backend/devices/vbd-*/physical_device; do
        [ ! -e "$disk" ] || [ "$(cat "$disk")" != "$number" ] ||
            die "$3 is the disk of a guest that is running: shut it down first."
    done
    ! mountpoint --quiet "$4" || die "Something is mounted at $4: unmount it first."
    mkdir --parents "$4"
    chmod 0700 "$4"
    root=$4
    mount --types "$1" "$3" "$4"
    shift 4
    for directory in "$@"; do
        mount --bind "$directory" "$root$directory"
    done
}
""",
        needs=("outside", "die"),
        begins="root= # where a guest's volume is mounted while it is worked in\n",
    ),
    "outside": Function(
        """\
outside() { # unmount the volume that was worked in
    [ -n "$root" ] || return 0
    tries=5
    while mountpoint --quiet "$root" && ! umount --recursive "$root"; do
        [ "$tries" -gt 0 ] || die "$root is in use, and stays mounted: unmount it yourself."
        tries=$((tries - 1))
        sleep 1
    done
    rmdir --ignore-fail-on-non-empty "$root" "${root%/*}"
    root=
}
""",
        needs=("die",),
        at_end="outside",
    ),
    "follow": Function(
        """\
follow() { # SECONDS PATTERN COMMAND-LINE: run it until a line on its screen matches, then end it
    folder=$(mktemp --directory)
    mkfifo "$folder/keyboard"
    : >"$folder/screen"
    exec 3<>"$folder/keyboard"
    # Consoles want a terminal: `script` gives one. Enter brings back a prompt shown earlier.
    SHELL=/bin/sh script --quiet --command "$3" /dev/null <&3 >>"$folder/screen" 2>&1 3>&- &
    follower=$!
    printf '\\n' >&3
    seconds=0
    until tr '\\r' '\\n' <"$folder/screen" |
        grep --quiet --text --perl-regexp --regexp="$2"; do
        if [ "$seconds" -ge "$1" ]; then
            tail --lines=20 "$folder/screen" >&2
            die "\\`$3\\` did not show what was waited for: $2"
        fi
        sleep 1
        seconds=$((seconds + 1))
        kill -0 "$follower" 2>/dev/null || seconds=$1 # it ended: look a last time
    done
    stop_following
}
""",
        needs=("stop_following", "die"),
    ),
    "stop_following": Function(
        """\
stop_following() {
    [ -n "$follower" ] || return 0
    kill "$follower" 2>/dev/null || true
    wait "$follower" || true
    follower=
    exec 3>&-
    rm --recursive --force "$folder"
}
""",
        begins="follower= # the process whose screen is looked at\n",
        at_end="stop_following",
    ),
    "within": Function(
        """\
within() { # SECONDS COMMAND…: it succeeds in that time; it is tried again and again
    seconds=$1
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$seconds" -gt 0 ] || return 1
        sleep 1
        seconds=$((seconds - 1))
    done
}
"""
    ),
    "password_hash": Function(
        """\
password_hash() { # KEY VARIABLE GIVEN: set `hash` to what is given, or to that of a typed password
    hash=$3
    case $hash in
        \\$*) return 0 ;;
        ?*) die "$2 is to be a hash as \\`openssl passwd -6\\` makes it, not the password." ;;
    esac
    [ -t 0 ] || die "Nobody is there to type $1: set $2 to its hash."
    command -v openssl >/dev/null || die "openssl makes the hash: install it, or set $2 to one."
    typed=
    again=again
    while [ -z "$typed" ] || [ "$typed" != "$again" ]; do
        stty -echo
        printf '%s: ' "$1"
        IFS= read -r typed
        printf '\\nonce more: '
        IFS= read -r again
        stty echo
        printf '\\n'
    done
    hash=$(printf '%s\\n' "$typed" | openssl passwd -6 -stdin)
}
""",
        needs=("die",),
        at_end="[ ! -t 0 ] || stty echo",
    ),
}


def functions(called: Iterable[str]) -> str:
    """The text of these functions and of all that they need, with what they do at the end."""
    wanted = set(called)
    while more := {need for name in wanted for need in FUNCTIONS[name].needs} - wanted:
        wanted |= more
    chosen = [function for name, function in FUNCTIONS.items() if name in wanted]
    begins = dict.fromkeys(function.begins for function in chosen if function.begins)
    at_end = [function.at_end for function in reversed(chosen) if function.at_end]
    parts = ["".join(begins)] if begins else []
    parts += [function.text for function in chosen]
    if at_end:
        lines = "".join(f"    {line}\n" for line in at_end)
        parts.append(
            f"clean_up() {{\n{lines}}}\n"
            "trap clean_up EXIT\n"
            "trap 'exit 129' HUP\ntrap 'exit 130' INT\ntrap 'exit 143' TERM\n"
        )
    return "\n".join(parts)
