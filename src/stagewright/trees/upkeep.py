"""Trees as they lie on the disk: how much room they take, and whose they are."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from stagewright.model.tree import Owner
from stagewright.trees.descent import Descent
from stagewright.trees.problems import writing

_SECTOR = 512
"""What ``st_blocks`` counts in, whatever the file system's own blocks are (stat(2))."""

_SETID = stat.S_ISUID | stat.S_ISGID


def disk_use(root: Path) -> int:
    """Bytes that ``root`` and everything below it take on disk: blocks, not lengths; hard links count once.

    Scripts may be at work meanwhile: what vanishes or cannot be read is not counted, and no depth hides anything. Other
    file systems below are left out; what is missing takes nothing.
    """
    try:
        with Descent(root) as descent:
            return _Use(descent).total()
    except OSError:
        return 0


class _Use:
    """The sum over one tree."""

    def __init__(self, descent: Descent) -> None:
        self._descent = descent
        status = os.fstat(descent.fd)
        self._device = status.st_dev
        self._bytes = status.st_blocks * _SECTOR
        self._linked: set[int] = set()

    def total(self) -> int:
        levels = [self._count()]
        while levels:
            if levels[-1]:
                with suppress(OSError):
                    self._descent.down(levels[-1].pop())
                    levels.append(self._count())
                continue
            levels.pop()
            if levels:
                try:
                    self._descent.up()
                except OSError:
                    break  # the directory was moved away meanwhile; the next count will tell
        return self._bytes

    def _count(self) -> list[str]:
        """Count what lies in the directory at hand; returns the names of its directories."""
        directories: list[str] = []
        with suppress(OSError), os.scandir(self._descent.fd) as entries:
            for entry in entries:
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if status.st_dev == self._device and not self._seen(status):
                        self._bytes += status.st_blocks * _SECTOR
                        if stat.S_ISDIR(status.st_mode):
                            directories.append(entry.name)
        return directories

    def _seen(self, status: os.stat_result) -> bool:
        if status.st_nlink < 2 or stat.S_ISDIR(status.st_mode):
            return False
        if status.st_ino in self._linked:
            return True
        self._linked.add(status.st_ino)
        return False


def chown_tree(path: Path, owner: Owner) -> None:
    """Give ``path`` and everything below it to ``owner``: links themselves, not what they lead to; modes stay.

    Raises TreeFailure, DiskFull.
    """
    with writing(path):
        status = os.lstat(path)
        _give(path, None, status, owner)
        if not stat.S_ISDIR(status.st_mode):
            return
        with Descent(path) as descent:
            levels = [_give_listed(descent.fd, owner)]
            while levels:
                if levels[-1]:
                    descent.down(levels[-1].pop())
                    levels.append(_give_listed(descent.fd, owner))
                    continue
                levels.pop()
                if levels:
                    descent.up()


def _give_listed(descriptor: int, owner: Owner) -> list[str]:
    """Give away what lies in a directory; returns the names of its directories."""
    directories = []
    with os.scandir(descriptor) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            _give(entry.name, descriptor, status, owner)
            if stat.S_ISDIR(status.st_mode):
                directories.append(entry.name)
    return directories


def _give(name: str | Path, directory: int | None, status: os.stat_result, owner: Owner) -> None:
    if (status.st_uid, status.st_gid) == (owner.uid, owner.gid):
        return
    os.chown(name, owner.uid, owner.gid, dir_fd=directory, follow_symlinks=False)
    if stat.S_ISREG(status.st_mode) and status.st_mode & _SETID:
        # A new owner takes setuid and setgid away, from root too (chown(2)).
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        try:
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
        finally:
            os.close(descriptor)
