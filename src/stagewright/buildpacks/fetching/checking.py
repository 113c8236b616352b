"""What was brought is looked at before anybody uses it: links that lead out, pointers of Git LFS, bounds."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stagewright.buildpacks.fetching.problems import TooMuch, UnusableBits, UsesGitLfs
from stagewright.trees.damage import Forbidden
from stagewright.trees.links import require_inside
from stagewright.trees.names import escape_name
from stagewright.trees.problems import (
    ArchiveTooLarge,
    SpecialFile,
    TreeTooDeep,
    UnreadableArchive,
    UnreadableFile,
    UnsafeArchive,
)
from stagewright.trees.walk import walk

_POINTER = b"version https://git-lfs.github.com/spec/v1"
_LARGEST_POINTER = 1024
"""Bytes: the specification of Git LFS says that a pointer is smaller."""


@contextmanager
def blaming(reference: str) -> Iterator[None]:
    """What `trees` refuses of a buildpack's bits is the buildpack's fault, and not the app's. Raises UnusableBits, TooMuch."""
    try:
        yield
    except UnsafeArchive as problem:
        said = f"of its entry {problem.entry!r}, {problem.rule}"
        raise UnusableBits(
            reference, said, "Tell its author: the content of a buildpack must stay inside of it."
        ) from problem
    except ArchiveTooLarge as problem:
        raise TooMuch(reference, problem.what) from problem
    except UnreadableArchive as problem:
        raise UnusableBits(reference, f"it cannot be read as an archive: {problem.reason}") from problem
    except UnreadableFile as problem:
        raise UnusableBits(reference, f"it cannot be read: {problem.reason}") from problem
    except SpecialFile as problem:
        raise UnusableBits(reference, f"it holds a {problem.kind}") from problem
    except TreeTooDeep as problem:
        raise TooMuch(reference, f"{problem.limit} bytes in a path") from problem


def check_tree(root: Path, reference: str) -> None:
    """Raise UnusableBits for a link that leads out of ``root``, UsesGitLfs for pointers, TooMuch for endless paths."""
    targets: dict[bytes, bytes] = {}
    pointers: list[str] = []
    with blaming(reference):
        for found in walk(root):
            if stat.S_ISLNK(found.status.st_mode):
                targets[found.path] = os.readlink(found.name, dir_fd=found.descriptor)
            elif _may_be_pointer(found.status) and _is_pointer(found.name, found.descriptor):
                pointers.append(escape_name(found.path))
    try:
        require_inside(targets)
    except Forbidden as forbidden:
        said = f"of its entry {escape_name(forbidden.name)!r}, {forbidden.rule}"
        raise UnusableBits(
            reference, said, "Tell its author: the content of a buildpack must stay inside of it."
        ) from forbidden
    if pointers:
        raise UsesGitLfs(reference, tuple(pointers))


def _may_be_pointer(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and len(_POINTER) < status.st_size <= _LARGEST_POINTER


def _is_pointer(name: bytes, directory: int) -> bool:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=directory)
    try:
        return os.read(descriptor, len(_POINTER)) == _POINTER
    finally:
        os.close(descriptor)
