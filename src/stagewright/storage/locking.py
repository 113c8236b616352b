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
    def make(cls, path: Path) -> HeldLock:
        """A new file at ``path``, locked. Raises FileExistsError where there is one already.

        Whoever sweeps may lock the file in the moment between its making and its locking. It removes the file then, as
        that of a dead holder, and another is made.
        """
        while True:
            lock = cls(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            try:
                fcntl.flock(lock._descriptor, fcntl.LOCK_EX)
                if lock._is_at(path):
                    return lock
            except BaseException:
                lock.release()
                raise
            lock.release()

    @classmethod
    def inherit(cls, path: Path) -> HeldLock | None:
        """The lock that a dead holder left at ``path``; None while somebody holds it, and where it is gone."""
        try:
            lock = cls(os.open(path, os.O_RDWR | os.O_CLOEXEC))
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(lock._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if lock._is_at(path):
                return lock
        except BlockingIOError:
            pass
        except BaseException:
            lock.release()
            raise
        lock.release()
        return None

    def _is_at(self, path: Path) -> bool:
        """Whether ``path`` still names this file: a lock on one that was removed meanwhile keeps nobody out."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        os.close(self._descriptor)
