"""One entry of an archive from outside, and the rules that hold for it wherever it came from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

from stagewright.model.quantities import show_size
from stagewright.model.tree import Bounds
from stagewright.ports.progress import Progress
from stagewright.trees.names import escape_name
from stagewright.trees.problems import ArchiveTooLarge, UnsafeArchive

NAME_LIMIT = 255
"""Bytes of one component of a path that Linux's file systems take (NAME_MAX)."""

NAMES_LIMIT = 128 << 20
"""Bytes of all names and link targets of one archive: they are kept in memory. A tree of 17,000 files has some 2 MB."""

TARGET_LIMIT = 4095
"""Bytes of what a link leads to (PATH_MAX without its NUL)."""


class EntryKind(StrEnum):
    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    HARD_LINK = "hard link"


@dataclass(frozen=True, slots=True)
class Entry:
    """What an archive says of one entry, not yet believed."""

    name: bytes
    kind: EntryKind
    mode: int
    size: int = 0
    target: bytes = b""
    """What a link leads to, or the name of the entry that a hard link repeats."""
    mtime_ns: int = 0
    uid: int = 0
    gid: int = 0
    """Owners matter in layers of images alone."""


class LinkPolicy(StrEnum):
    """What links may lead to. Neither policy ever follows one."""

    KEEP = "keep"
    """Anything: the target is data (uploads, droplets)."""
    INSIDE = "inside"
    """Only to places in the tree (buildpacks, replies of extensions)."""


class Modes(StrEnum):
    """Which mode bits are taken over."""

    KEEP = "keep"
    """All of them, setuid and setgid too (droplets)."""
    WITHOUT_SETID = "without-setid"
    """All but setuid and setgid (what comes from outside)."""


class Times(StrEnum):
    """Which modification times files get."""

    NOW = "now"
    """That of their writing."""
    KEEP = "keep"
    """What the archive or the source says: caches of compilers compare them."""
    FIXED = "fixed"
    """`FIXED_TIME` everywhere."""


@dataclass(frozen=True)
class Unpacked:
    """What was written."""

    entries: int
    bytes: int
    """Of the files' contents."""


class RuleBroken(Exception):
    """An entry that no tree may hold; ``rule`` is the end of the sentence that begins with the entry's name."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class Gate:
    """Counts what comes in from one archive or directory and refuses what is too much or not allowed."""

    def __init__(self, archive: Path, bounds: Bounds, progress: Progress) -> None:
        self.archive = archive
        self.bounds = bounds
        self.progress = progress
        self.entries = 0
        self.bytes = 0
        self._names = 0

    def admit(self, name: bytes, size: int, target: bytes = b"") -> None:
        """One more entry, with ``size`` bytes of content. Raises ArchiveTooLarge."""
        self.entries += 1
        self.bytes += size
        self._names += len(name) + len(target)
        if self._names > NAMES_LIMIT:
            self.too_large(f"{show_size(NAMES_LIMIT)} of names", name)
        if self.entries > self.bounds.entries:
            self.too_large(f"{self.bounds.entries:,} entries", name)
        if self.bytes > self.bounds.bytes:
            self.too_large(f"{show_size(self.bounds.bytes)} of files", name)

    def weigh(self, packed: int, unpacked: int, name: bytes = b"") -> None:
        """``packed`` bytes of the archive gave ``unpacked`` so far. Raises ArchiveTooLarge for what only a bomb does."""
        if unpacked > self.bounds.ratio_from and unpacked > self.bounds.ratio * packed:
            self.too_large(f"{self.bounds.ratio} times its own size", name)

    def too_large(self, what: str, name: bytes = b"") -> NoReturn:
        raise ArchiveTooLarge(self.archive, what, _shortened(name))

    def unsafe(self, name: bytes, rule: str) -> NoReturn:
        raise UnsafeArchive(self.archive, _shortened(name), rule)

    def path(self, name: bytes, strip: int = 0) -> bytes:
        """The clean relative path that ``name`` stands for, without its first ``strip`` components; empty for the top
        itself.

        Raises UnsafeArchive and ArchiveTooLarge.
        """
        if not name:
            self.unsafe(name, "its name is empty")
        if b"\0" in name:
            self.unsafe(name, "its name holds a NUL")
        if name.startswith(b"/"):
            self.unsafe(name, "its name is absolute")
        if len(name) > self.bounds.name_bytes:
            self.too_large(f"{self.bounds.name_bytes:,} bytes in a name", name)
        parts = [part for part in name.split(b"/") if part not in (b"", b".")]
        if b".." in parts:
            self.unsafe(name, "its name holds '..'")
        if len(parts) > self.bounds.depth:
            self.too_large(f"{self.bounds.depth} directories in one another", name)
        if any(len(part) > NAME_LIMIT for part in parts):
            self.too_large(f"{NAME_LIMIT} bytes in one part of a name", name)
        return b"/".join(parts[strip:])


def _shortened(name: bytes) -> str:
    shown = escape_name(name)
    return shown if len(shown) <= 300 else f"{shown[:200]}…{shown[-80:]}"
