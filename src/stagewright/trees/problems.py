"""What can go wrong with trees and archives.

The archive or the directory that somebody handed in is at fault (AppProblem) unless this machine is (PlatformProblem).
Who reads a buildpack's archive with these tools says so by raising a problem of its own from these.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stagewright.errors import AppProblem, PlatformProblem, Problem
from stagewright.trees.names import escape_name


@dataclass(eq=False)
class UnsafeArchive(AppProblem):
    """An entry that could write, link or lead outside its place."""

    archive: Path
    entry: str
    """The entry's name, escaped."""
    rule: str
    """What is not allowed, as the end of a sentence: ``its name holds '..'``."""

    def brief(self) -> str:
        return f"{shown(self.archive)} was refused: of its entry '{self.entry}', {self.rule}."

    def hint(self) -> str:
        return "Make the archive again without this entry. Nothing was written outside its place."


@dataclass(eq=False)
class ArchiveTooLarge(AppProblem):
    """More content than the bounds of this installation allow: a bomb, or simply much."""

    archive: Path
    """The archive, or the directory where one is copied."""
    what: str
    """What there is too much of, as in ``4.0 GB of files``: the bound, with its unit."""
    entry: str = ""
    """Where it was noticed, escaped."""

    def brief(self) -> str:
        where = f" (noticed at '{self.entry}')" if self.entry else ""
        return f"{shown(self.archive)} was refused: it holds more than {self.what}{where}."

    def hint(self) -> str:
        return "Leave out what the app does not need, with a .cfignore for instance; or raise the bound (STAGEWRIGHT_MAX_…)."


@dataclass(eq=False)
class UnreadableArchive(AppProblem):
    """No archive, a damaged one, or one of a kind that is not read."""

    archive: Path
    reason: str

    def brief(self) -> str:
        return f"{shown(self.archive)} cannot be read as an archive: {self.reason}."

    def hint(self) -> str:
        return "Check that it arrived whole. Archives may be tar (plain, gzip, bzip2 or xz), zip, jar or war."


@dataclass(eq=False)
class UnreadableFile(AppProblem):
    """A file or directory on disk that cannot be read."""

    path: Path
    reason: str

    def brief(self) -> str:
        return f"{shown(self.path)} cannot be read: {self.reason}."

    def hint(self) -> str:
        return "Give read permission, or leave it out with a .cfignore."


@dataclass(eq=False)
class SpecialFile(AppProblem):
    """A socket, a fifo or a device where only files, directories and links can be."""

    path: Path
    kind: str

    def brief(self) -> str:
        return f"{shown(self.path)} is a {self.kind}: only files, directories and links can be kept."

    def hint(self) -> str:
        return "Remove it, or leave it out with a .cfignore."


@dataclass(eq=False)
class FileChanged(AppProblem):
    """A file whose size changed while it was read."""

    path: Path
    expected: int
    """Bytes that it had at first."""

    def brief(self) -> str:
        return f"{shown(self.path)} changed while it was read; it had {self.expected} bytes at first."

    def hint(self) -> str:
        return "Something still writes to it. Stop that, and try again."


@dataclass(eq=False)
class TreeTooDeep(AppProblem):
    """A path longer than Linux lets a program name."""

    path: Path
    limit: int
    """Bytes of a path."""

    def brief(self) -> str:
        return f"{shown(self.path)[:200]}… lies too deep: its path has more than {self.limit} bytes."

    def hint(self) -> str:
        return "Remove it; it may come from a script that makes directories in a loop."


@dataclass(eq=False)
class DiskFull(PlatformProblem):
    """No room, or no room in this account's quota."""

    directory: Path

    def brief(self) -> str:
        return f"The disk is full: there was no room to write in {shown(self.directory)}."

    def hint(self) -> str:
        return f"Free some room (df -h {shown(self.directory)}), or let the state directory lie elsewhere."


@dataclass(eq=False)
class TreeFailure(PlatformProblem):
    """The disk refused something that it should not have."""

    path: Path
    reason: str

    def brief(self) -> str:
        return f"{shown(self.path)} cannot be written: {self.reason}."


@dataclass(eq=False)
class NotEmpty(PlatformProblem):
    """A tree can only be made where there is nothing yet."""

    directory: Path

    def brief(self) -> str:
        return f"{shown(self.directory)} is not empty; nothing was written."


def shown(path: Path) -> str:
    """A path of the disk, for a person."""
    return escape_name(os.fsencode(path))


def reason_of(error: OSError) -> str:
    """What the system says, without the path."""
    return (error.strerror or str(error)).lower()


def from_write(error: OSError, directory: Path) -> Problem:
    """What a failure to write below ``directory`` means."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(directory)
    return TreeFailure(directory, reason_of(error))


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Translates the failures of writing below ``directory``."""
    try:
        yield
    except OSError as error:
        raise from_write(error, directory) from error
