"""A directory as a tar that depends on nothing but its content."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from pathlib import Path

_TIME = 1577836800
"""Of every file: 2020-01-01, since some tools take the beginning of time for a mistake."""


def pack(tree: Path, archive: Path) -> str:
    """Write ``tree`` to ``archive``, which appears whole, and give its sha256 in hexadecimal."""
    part = archive.with_name(f".{archive.name}.part")
    with (
        part.open("wb") as file,
        gzip.GzipFile("", "wb", 9, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for path in sorted(tree.rglob("*")):
            tar.add(path, str(path.relative_to(tree)), recursive=False, filter=_of_nobody)
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    part.replace(archive)
    return digest


def _of_nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = _TIME
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry
