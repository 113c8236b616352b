"""What kind of thing lies there: kinds of archives, told by content and never by name, and kinds of special files."""

from __future__ import annotations

import os
import stat
from enum import StrEnum
from pathlib import Path

from stagewright.trees.inflation import Compressed, first_bytes
from stagewright.trees.problems import UnreadableFile, reason_of
from stagewright.trees.tar_reader import BLOCK, looks_like_header

_SPECIAL = {
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "named pipe",
    stat.S_IFBLK: "block device",
    stat.S_IFCHR: "character device",
    stat.S_IFDIR: "directory",
}

_MAGIC = {
    b"\x1f\x8b\x08": Compressed.GZIP,
    b"BZh": Compressed.BZIP2,
    b"\xfd7zXZ\0": Compressed.XZ,
}
_ZIP_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")
ZIP_END = b"PK\x05\x06"
ZIP_END_SEARCHED = 22 + 65535
"""Bytes at the end of a zip in which its last record begins: the record and the longest comment."""


class ArchiveKind(StrEnum):
    TAR = "tar"
    TAR_GZIP = "tar.gz"
    TAR_BZIP2 = "tar.bz2"
    TAR_XZ = "tar.xz"
    ZIP = "zip"
    """Jar and war files too."""

    @property
    def compressed(self) -> Compressed:
        return _COMPRESSED.get(self, Compressed.NOT)


_COMPRESSED = {
    ArchiveKind.TAR_GZIP: Compressed.GZIP,
    ArchiveKind.TAR_BZIP2: Compressed.BZIP2,
    ArchiveKind.TAR_XZ: Compressed.XZ,
}
_COMPRESSED_TAR = {compressed: kind for kind, compressed in _COMPRESSED.items()}


def archive_kind(path: Path) -> ArchiveKind | None:
    """What the file at ``path`` is, or None where it is no archive that is read here. Raises UnreadableFile."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableFile(path, f"it is a {special_kind(stat.S_IFMT(status.st_mode))}, not a file")
            return _kind(descriptor, status.st_size)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UnreadableFile(path, reason_of(error)) from error


def _kind(descriptor: int, size: int) -> ArchiveKind | None:
    start = os.pread(descriptor, BLOCK, 0)
    if looks_like_header(start):
        return ArchiveKind.TAR  # asked first: the name of its first file may begin with any magic, but its sum is sure
    for magic, compressed in _MAGIC.items():
        if start.startswith(magic):
            return (
                _COMPRESSED_TAR[compressed] if looks_like_header(first_bytes(descriptor, compressed, BLOCK)) else None
            )
    if start.startswith(_ZIP_BEGINNINGS):
        return ArchiveKind.ZIP
    # A zip may follow a program that runs it: an executable jar begins with a shell script.
    end = os.pread(descriptor, ZIP_END_SEARCHED, max(0, size - ZIP_END_SEARCHED))
    return ArchiveKind.ZIP if ZIP_END in end else None


def special_kind(kind: int) -> str:
    """The word for ``stat.S_IFMT`` of something that is not a file."""
    return _SPECIAL.get(kind, "special file")
