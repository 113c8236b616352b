"""The bytes of a file that a stranger's source may hold: a plain file, of bounded size, and no link."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from stagewright.documents import LARGEST, NotReadable

# A named pipe must not hold the staging up, and a link could lead out of the source.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def read_plain(path: Path) -> bytes | None:
    """What the file at ``path`` holds; None where there is none, or where a link, a directory or a device stands there.

    Raises NotReadable for a file of more than `LARGEST` bytes or one that this user cannot read.
    """
    try:
        descriptor = os.open(path, _READ)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise NotReadable(f"it cannot be opened ({error.strerror})") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise NotReadable(f"it is larger than {LARGEST >> 20} MB")
    return content
