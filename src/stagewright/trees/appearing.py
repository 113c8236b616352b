"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stagewright.trees.problems import writing

_NO_UNNAMED_FILES = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL)
"""What file systems without O_TMPFILE say, and kernels that take it for O_DIRECTORY (open(2))."""


@contextmanager
def appearing(destination: Path) -> Iterator[int]:
    """A descriptor of a new file that becomes ``destination`` when all went well.

    Until then it has no name, so that not even kill -9 leaves anything behind; where the file system knows no such files,
    it has one beside ``destination`` and is removed after a failure. Raises DiskFull, TreeFailure.
    """
    fresh = destination.with_name(f".{destination.name[:40]}.{os.urandom(6).hex()}.part")
    with writing(destination.parent):
        descriptor, named = _create(fresh)
    try:
        try:
            yield descriptor
            with writing(destination.parent):
                if not named:
                    _name(descriptor, fresh)
                fresh.replace(destination)
        finally:
            os.close(descriptor)
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise


def _create(fresh: Path) -> tuple[int, bool]:
    """A file to be ``fresh``, and whether it has that name already."""
    try:
        return os.open(fresh.parent, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o666), False
    except OSError as error:
        if error.errno not in _NO_UNNAMED_FILES:
            raise
    return os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), True


def _name(descriptor: int, fresh: Path) -> None:
    """Give an unnamed file its first name. Python only calls linkat(2), which can follow, where a directory is given."""
    proc = os.open("/proc/self/fd", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.link(str(descriptor), fresh, src_dir_fd=proc, follow_symlinks=True)
    finally:
        os.close(proc)
