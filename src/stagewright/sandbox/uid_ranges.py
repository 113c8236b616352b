"""One range of user ids of the host for each running container, so that two builds share no user.

The ids lie above all that systemd, distributions and subordinate ids give away (systemd's "Users, Groups, UIDs and GIDs":
0x70000000 and above is nobody's).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stagewright.sandbox.problems import NoFreeRange, writing_below

_FIRST = 0x70000000
_SIZE = 65536
_COUNT = 1024


@dataclass(frozen=True)
class UidRange:
    """``size`` user and group ids of the host, from ``first``; in the container they begin with 0."""

    first: int
    size: int
    lock: int
    """The descriptor that holds the range. Who inherits it holds the range, too, until it ends."""

    def outside(self, inside: int) -> int:
        """What the host calls the container's id ``inside``."""
        return self.first + inside


@contextmanager
def taken_range(directory: Path, count: int = _COUNT) -> Iterator[UidRange]:
    """Take a range that no running container of this machine has. The kernel gives it back when we die.

    The lock files in ``directory`` stay: removing one would let two processes hold the same range. Raises NoFreeRange.
    """
    with writing_below(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(count):
        with writing_below(directory):
            lock = os.open(directory / f"{number:04d}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if _locked(lock):
                yield UidRange(_FIRST + number * _SIZE, _SIZE, lock)
                return
        finally:
            os.close(lock)
    raise NoFreeRange(count)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
