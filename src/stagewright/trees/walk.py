"""A tree from top to bottom, in the one order that archives and digests use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stagewright.trees.descent import Descent
from stagewright.trees.problems import TreeTooDeep, UnreadableFile, reason_of

PATH_LIMIT = 4095
"""Bytes that a path can have on Linux (PATH_MAX without its NUL)."""


@dataclass(slots=True)
class Found:
    """One entry of a tree, while the walk stands in its directory."""

    descriptor: int
    """Of the directory that it lies in; good until the walk goes on."""
    name: bytes
    path: bytes
    """From the root of the walk."""
    entry: os.DirEntry[str]


def everything(path: bytes, is_directory: bool) -> bool:
    """Leaves nothing out."""
    del path, is_directory
    return False


def walk(root: Path, *, ignored: Callable[[bytes, bool], bool] = everything, follow: bool = False) -> Iterator[Found]:
    """Everything below ``root``: by the bytes of the names, a directory before what it holds.

    ``ignored`` takes a path and whether it is a directory; what it answers True for is left out with all below it.
    Raises UnreadableFile for a directory that cannot be listed and TreeTooDeep.
    """
    place = root
    try:
        with Descent(root, follow=follow) as descent:
            levels = [_listing(descent.fd, b"")]
            while levels:
                found = next(levels[-1], None)
                if found is None:
                    levels.pop()
                    if levels:
                        descent.up()
                    continue
                is_directory = found.entry.is_dir(follow_symlinks=False)
                if ignored(found.path, is_directory):
                    continue
                yield found
                if is_directory:
                    place = root / os.fsdecode(found.path)
                    if len(found.path) > PATH_LIMIT:
                        raise TreeTooDeep(place, PATH_LIMIT)
                    descent.down(found.name)
                    levels.append(_listing(descent.fd, found.path + b"/"))
    except OSError as error:
        raise UnreadableFile(place, reason_of(error)) from error


def _listing(descriptor: int, prefix: bytes) -> Iterator[Found]:
    with os.scandir(descriptor) as entries:
        named = [(os.fsencode(entry.name), entry) for entry in entries]
    named.sort(key=lambda pair: pair[0])
    for name, entry in named:
        yield Found(descriptor, name, prefix + name, entry)
