"""Runs inside the host: logs in at a guest's console, and prints what the guest says of itself.

    python3 guest_login.py NAME USER PASSWORD

Only the standard library: the host has no more. Exit status 1 when the prompt does not come.
"""

import os
import pty
import re
import select
import sys
import time


def main(name: str, user: str, password: str) -> int:
    child, terminal = pty.fork()
    if child == 0:
        os.execvp("xl", ["xl", "console", name])
    seen = ""

    def until(pattern: str, seconds: float, nudge: str = "") -> bool:
        nonlocal seen
        deadline, start, nudged = time.monotonic() + seconds, len(seen), 0.0
        while time.monotonic() < deadline:
            if nudge and time.monotonic() - nudged > 15:
                os.write(terminal, nudge.encode())
                nudged = time.monotonic()
            if select.select([terminal], [], [], 1)[0]:
                seen += os.read(terminal, 65536).decode(errors="replace").replace("\r", "")
            if re.search(pattern, seen[start:]):
                return True
        return False

    try:
        if not until(rf"{name} login: $", 240, nudge="\n"):
            return 1
        os.write(terminal, f"{user}\n".encode())
        if not until(r"Password: $", 60):
            return 1
        os.write(terminal, f"{password}\n".encode())
        if not until(r"root@\S+:~# $", 120):
            return 1
        # DHCP may take its time in an emulated machine.
        look = "for i in 1 2 3 4 5 6 7 8 9; do ip -4 address show eth0 | grep inet && break; "
        look += "sleep 5; done"
        os.write(terminal, f"id; mount | grep xvda; {look}; echo it-is-${{PPID:+over}}\n".encode())
        if not until(r"it-is-over\n", 120):
            return 1
        os.write(terminal, b"exit\n")
        until(r"login: $", 60)
        return 0
    finally:
        os.close(terminal)
        print(seen)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
