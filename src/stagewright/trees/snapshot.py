"""Two states of a tree, compared without reading a file."""

from __future__ import annotations

import heapq
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stagewright.errors import LimitProblem
from stagewright.model.tree import Difference, WrittenFile
from stagewright.trees.descent import Descent
from stagewright.trees.names import escape_name
from stagewright.trees.problems import UnreadableFile, reason_of, shown
from stagewright.trees.walk import PATH_LIMIT

_ENTRY_WEIGHT = 512
_WEIGHT_LIMIT = 1 << 30
"""Bytes of memory that a snapshot may take, some two million entries: a script can make files faster than we can look."""

_LARGEST = 10
"""Files that a difference names: enough to see what a script is about."""

State = tuple[int, int, int, int, int, int]
"""Mode with type, size, mtime and ctime in nanoseconds, device, inode. ctime cannot be set back by a script."""


@dataclass(eq=False)
class TooManyFiles(LimitProblem):
    """More files than anybody could look through; the script that made them is at fault."""

    root: Path

    def brief(self) -> str:
        return f"{shown(self.root)} holds too many files to look through."

    def hint(self) -> str:
        return "A script may be making files in a loop."


@dataclass(frozen=True)
class Snapshot:
    """What `lstat` said of everything below a directory, by path from there.

    Two snapshots are equal if nothing was touched between them. What lies deeper than a path can name is not looked at.
    """

    states: Mapping[bytes, State]


def snapshot(root: Path) -> Snapshot:
    """The state of everything below ``root``; empty where there is no such directory.

    Raises UnreadableFile, TooManyFiles.
    """
    look = _Look(root)
    try:
        look.through()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UnreadableFile(root, reason_of(error)) from error
    return Snapshot(look.states)


class _Look:
    """Goes through one tree."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._weight = 0
        self.states: dict[bytes, State] = {}

    def through(self) -> None:
        with Descent(self._root) as descent:
            levels = [self._note(descent.fd, b"")]
            prefixes = [b""]
            while levels:
                if not levels[-1]:
                    levels.pop()
                    prefixes.pop()
                    if levels:
                        descent.up()
                    continue
                name = levels[-1].pop()
                prefix = b"%b%b/" % (prefixes[-1], name)
                if len(prefix) <= PATH_LIMIT:
                    descent.down(name)
                    levels.append(self._note(descent.fd, prefix))
                    prefixes.append(prefix)

    def _note(self, descriptor: int, prefix: bytes) -> list[bytes]:
        """Note what lies in one directory; returns the names of its directories."""
        directories = []
        weight = len(prefix) + _ENTRY_WEIGHT
        with os.scandir(descriptor) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                name = os.fsencode(entry.name)
                self.states[prefix + name] = (
                    status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_dev, status.st_ino,
                )  # fmt: skip
                if stat.S_ISDIR(status.st_mode):
                    directories.append(name)
                self._weight += weight
                if self._weight > _WEIGHT_LIMIT:
                    raise TooManyFiles(self._root)
        return directories


def difference(before: Snapshot, after: Snapshot) -> Difference:
    """What came, changed and went.

    Files and links are counted; directories only where they came, went or have another mode.
    """
    counts = {True: 0, False: 0}
    sizes = {True: 0, False: 0}
    written: dict[tuple[int, int], tuple[int, bytes, bool]] = {}
    for path, state in after.states.items():
        old = before.states.get(path)
        if old == state or (old is not None and _same_directory(old, state)):
            continue
        new = old is None
        counts[new] += 1
        mode, size, _, _, device, inode = state
        if stat.S_ISREG(mode) and (device, inode) not in written:
            written[device, inode] = (size, path, new)
            sizes[new] += size
    gone = [path for path in before.states if path not in after.states]
    largest = heapq.nsmallest(_LARGEST, written.values(), key=lambda file: (-file[0], file[1]))
    return Difference(
        added=counts[True],
        changed=counts[False],
        removed=len(gone),
        bytes_written=sizes[True] + sizes[False],
        bytes_added=sizes[True],
        bytes_changed=sizes[False],
        bytes_removed=_bytes_gone(gone, before, after) if gone else 0,
        largest=tuple(WrittenFile(escape_name(path), size, new) for size, path, new in largest),
    )


def _bytes_gone(gone: list[bytes], before: Snapshot, after: Snapshot) -> int:
    """Bytes of the files that have no name any more; one that was only moved is still there."""
    left = {state[4:] for state in after.states.values() if stat.S_ISREG(state[0])}
    sizes = {}
    for path in gone:
        mode, size, _, _, device, inode = before.states[path]
        if stat.S_ISREG(mode) and (device, inode) not in left:
            sizes[device, inode] = size
    return sum(sizes.values())


def _same_directory(old: State, new: State) -> bool:
    """Whether both are directories of one mode: their times and sizes change with what they hold."""
    return stat.S_ISDIR(new[0]) and old[0] == new[0]
