"""A directory as content: what a difference between two states of it says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """How much an archive or a directory from outside may hold before it is refused as a bomb."""

    entries: int = 500_000
    bytes: int = 4 << 30
    ratio: int = 200
    """How many times an archive may grow; asked only once it gave more than ``ratio_from`` bytes."""
    ratio_from: int = 100 << 20
    name_bytes: int = 4096
    depth: int = 512


@dataclass(frozen=True)
class Owner:
    """Numeric owner of files on disk."""

    uid: int
    gid: int


@dataclass(frozen=True)
class WrittenFile:
    """One file that a script added or changed. ``path`` is relative to its tree and escaped (`trees.names`)."""

    path: str
    size: int
    """Bytes, after the script."""
    new: bool


@dataclass(frozen=True)
class Difference:
    """What a script did to a tree: how many files came, changed and went, and how many bytes were written."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    bytes_written: int = 0
    """Bytes of the files that were added or changed; a file with several names counts once."""
    bytes_added: int = 0
    bytes_changed: int = 0
    """Bytes of the changed files, after the change."""
    bytes_removed: int = 0
    """Bytes that went: a file that still has another name counts nothing."""
    largest: tuple[WrittenFile, ...] = ()
    """The largest of the files that were added or changed, largest first; a few."""

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def counts(self) -> dict[str, int]:
        """The numbers that a log tells."""
        return {
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "bytes_written": self.bytes_written,
        }
