"""What is typed at a terminal, read without ever waiting for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def never_waiting(descriptor: int) -> Iterator[int]:
    """A descriptor of the same terminal, for `read_typed`; where it is none, `descriptor` itself.

    Ctrl-C throws away what was typed before it (termios(3): ISIG without NOFLSH). Between `select`,
    which saw it, and `read`, that leaves a read which waits for the next key, deaf to the signal.
    Opened once more: O_NONBLOCK on `descriptor` would be the shell's, too.
    """
    try:
        own = os.open(os.ttyname(descriptor), os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:  # no terminal, or one without a name here
        yield descriptor
        return
    try:
        yield own
    finally:
        os.close(own)


def read_typed(descriptor: int) -> bytes | None:
    """What has been typed; empty at the end of the input or of the terminal, None if it is gone
    again.
    """
    try:
        return os.read(descriptor, 4096)
    except BlockingIOError:
        return None
    except OSError:  # EIO: the terminal is gone
        return b""
