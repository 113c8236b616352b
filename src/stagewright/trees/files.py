"""Single files: their digest, and bringing one to another place whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from pathlib import Path
from typing import BinaryIO

from stagewright.model.digest import Digest


def file_digest(path: Path) -> Digest:
    """The SHA-256 of a file's bytes. Raises OSError."""
    with path.open("rb") as file:
        return Digest(hashlib.file_digest(file, "sha256").hexdigest())


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading where somebody else could have put a link, a pipe or a device.

    Raises OSError for these, too; a pipe that nobody writes to is not waited for.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def install_copy(source: Path, destination: Path) -> None:
    """Make ``destination`` the same file as ``source``, by a link where that is possible; it appears by one rename."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    part = destination.with_name(f".{destination.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        try:
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)
        part.replace(destination)
    finally:
        part.unlink(missing_ok=True)
