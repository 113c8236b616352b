"""Walking a tree that somebody else made, by descriptors only.

A directory is opened below the one it lies in, never by a path and never through a link, so whoever changes the tree
meanwhile cannot lead the walk elsewhere. Trees may be deeper than descriptors are many: only the topmost levels stay
open, and from below the way back is ``..``, checked to be the directory that we came from.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import TracebackType
from typing import Self

_KEPT_OPEN = 48
"""Levels whose descriptors stay open: enough for real trees, and far below the 256 or 1024 that a process may have."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Descent:
    """Where a walk stands: in one directory, below a root that it never leaves."""

    def __init__(self, root: Path, *, follow: bool = False) -> None:
        """Stand in ``root``; raises OSError. A link is refused as root unless ``follow``."""
        self.fd = os.open(root, _DIRECTORY & ~os.O_NOFOLLOW if follow else _DIRECTORY)
        """The descriptor of the directory that we stand in."""
        self._above: list[tuple[int | None, tuple[int, int] | None]] = []

    @property
    def depth(self) -> int:
        return len(self._above)

    def down(self, name: str | bytes) -> None:
        """Enter the directory ``name``. Raises OSError (ELOOP or ENOTDIR where it is something else)."""
        child = os.open(name, _DIRECTORY, dir_fd=self.fd)
        if len(self._above) < _KEPT_OPEN:
            self._above.append((self.fd, None))
        else:
            self._above.append((None, _identity(self.fd)))
            os.close(self.fd)
        self.fd = child

    def up(self) -> None:
        """Back to the directory above. Raises OSError (ESTALE) where this one was moved elsewhere meanwhile."""
        parent, identity = self._above[-1]
        if parent is None:
            parent = os.open("..", _DIRECTORY, dir_fd=self.fd)
            if _identity(parent) != identity:
                os.close(parent)
                raise OSError(errno.ESTALE, "a directory was moved while it was read")
        self._above.pop()
        os.close(self.fd)
        self.fd = parent

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.fd)
        for descriptor, _ in self._above:
            if descriptor is not None:
                os.close(descriptor)


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
