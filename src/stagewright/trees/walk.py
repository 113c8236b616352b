"""A tree from top to bottom, in the one order that archives and digests use."""

from __future__ import annotations

import os
import stat
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
    status: os.stat_result
    """Of the entry itself, not of what it may lead to."""


def walk(root: Path, *, ignored: Callable[[bytes, bool], bool] | None = None, follow: bool = False) -> Iterator[Found]:
    """Everything below ``root``: by the bytes of the names, a directory before what it holds.

    ``ignored`` takes a path and whether it is a directory; what it answers True for is left out with all below it.
    ``root`` itself may only be a link with ``follow``.
    Raises UnreadableFile for what vanishes or cannot be listed, and TreeTooDeep.
    """
    at = b""
    try:
        with Descent(root, follow=follow) as descent:
            levels = [_listing(descent.fd)]
            prefixes = [b""]
            while levels:
                if not levels[-1]:
                    levels.pop()
                    prefixes.pop()
                    if levels:
                        descent.up()
                    continue
                name, entry = levels[-1].pop()
                at = prefixes[-1] + name
                if len(at) > PATH_LIMIT:
                    raise TreeTooDeep(root / os.fsdecode(at), PATH_LIMIT)
                if ignored is not None and ignored(at, entry.is_dir(follow_symlinks=False)):
                    continue
                status = entry.stat(follow_symlinks=False)
                yield Found(descent.fd, name, at, status)
                if stat.S_ISDIR(status.st_mode):
                    descent.down(name)
                    levels.append(_listing(descent.fd))
                    prefixes.append(at + b"/")
    except OSError as error:
        raise UnreadableFile(root / os.fsdecode(at), reason_of(error)) from error


def _listing(descriptor: int) -> list[tuple[bytes, os.DirEntry[str]]]:
    """What lies in a directory, the first of the order last."""
    with os.scandir(descriptor) as entries:
        named = [(os.fsencode(entry.name), entry) for entry in entries]
    named.sort(key=lambda pair: pair[0], reverse=True)
    return named
