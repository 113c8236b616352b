"""Locks that the kernel takes back when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class HeldLock:
    """An exclusive lock on a file that belongs to nothing else. Closing it, or the end of the process, gives it up."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def attempt(cls, path: Path) -> HeldLock | None:
        """The lock at ``path``, or None while another holds it. The file is made where it is missing."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def release(self) -> None:
        os.close(self._descriptor)
