"""Runs inside the machine: starts a command, and kills it (SIGKILL) twice at each line of a kind.

    python3 killer.py SEED PATTERN -- FIRST… -- AGAIN…

FIRST is started; at a line that fits PATTERN (a regular expression whose group is what is counted)
it is killed at once, and AGAIN is started; when the same comes again it is killed somewhat later;
the third time it may go on. Its lines go to standard error, and at the end, to standard output,
JSON: how it ended, and each kill. Only the standard library: the machine has no more.
"""

import json
import os
import queue
import random
import re
import signal
import subprocess
import sys
import threading
import time

KILLS = 2
LONGEST = 12.0  # seconds after such a line, for the second kill
SILENCE = 3600.0


def lines_of(process: "subprocess.Popen[str]") -> "queue.Queue[str | None]":
    """Its lines as they come, and None at the end."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines


def run(
    argv: "list[str]", pattern: "re.Pattern[str]", done: "dict[str, int]", dice: random.Random
) -> "tuple[int, dict[str, object] | None]":
    """One start: its exit status, and the kill that ended it, if one did."""
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", start_new_session=True,
    )  # fmt: skip
    lines = lines_of(process)
    due, what, since = None, "", 0.0
    while True:
        wait = SILENCE if due is None else max(0.0, due - time.monotonic())
        try:
            line = lines.get(timeout=wait)
        except queue.Empty:
            line = ""
            if due is None:
                os.kill(process.pid, signal.SIGKILL)
                raise SystemExit(f"{argv} said nothing for {SILENCE:.0f} s") from None
        if line is None:
            return process.wait(), None
        if line:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
        # What comes next begins: the command has ended, and this is the last chance.
        found = pattern.search(line)
        if due is not None and (found or time.monotonic() >= due):
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            done[what] += 1
            after = time.monotonic() - since
            return -9, {"at": what, "kill": done[what], "after": round(after, 2)}
        if found:
            what = found[1]
            count = done.setdefault(what, 0)
            if count < KILLS:
                since = time.monotonic()
                due = since + (0.0 if count == 0 else dice.uniform(0.2, LONGEST))


def main(seed: str, pattern: str, first: "list[str]", again: "list[str]") -> int:
    dice = random.Random(int(seed))
    done: dict[str, int] = {}
    kills = []
    argv = first
    while True:
        status, kill = run(argv, re.compile(pattern), done, dice)
        if kill is None:
            break
        kills.append(kill)
        argv = again
    print(json.dumps({"status": status, "kills": kills, "counts": done}))
    return 0


if __name__ == "__main__":
    seed, pattern, _, *rest = sys.argv[1:]
    cut = rest.index("--")
    sys.exit(main(seed, pattern, rest[:cut], rest[cut + 1 :]))
