"""What an archive of ours holds, without unpacking it."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stagewright.trees.names import escape_name


@dataclass(frozen=True)
class Listed:
    """One entry: its escaped name, size in bytes, and all of it that counts as one word."""

    name: str
    kind: str
    mode: int
    size: int
    link: str
    content: str
    """SHA-256 of a file's bytes, empty where it was not asked for."""


def list_archive(path: Path, *, contents: bool = False) -> Iterator[Listed]:
    """The entries of a tar, compressed or not, in its order; with the digests of ``contents`` where asked.

    Raises tarfile.TarError and OSError for what is no tar.
    """
    with tarfile.open(path, "r|*", encoding="utf-8", errors="surrogateescape") as archive:
        for member in archive:
            digest = ""
            if contents and member.isfile():
                hasher = hashlib.sha256()
                file = archive.extractfile(member)
                while file is not None and (chunk := file.read(1 << 20)):
                    hasher.update(chunk)
                digest = hasher.hexdigest()
            yield Listed(
                escape_name(member.name.encode("utf-8", "surrogateescape")),
                member.type.decode("latin-1"),
                member.mode,
                member.size,
                escape_name(member.linkname.encode("utf-8", "surrogateescape")),
                digest,
            )


def tree_listing(path: Path) -> dict[str, Listed]:
    """The entries of an archive by name, with the digests of their contents: two equal mappings are equal trees."""
    return {entry.name: entry for entry in list_archive(path, contents=True)}
