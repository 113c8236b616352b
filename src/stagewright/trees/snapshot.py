"""Two states of a tree, compared without reading a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stagewright.model.tree import Difference
from stagewright.trees.descent import Descent
from stagewright.trees.problems import UnreadableFile, reason_of
from stagewright.trees.walk import PATH_LIMIT

State = tuple[int, int, int, int, int, int]
"""Mode with type, size, mtime and ctime in nanoseconds, device, inode. ctime cannot be set back by a script."""


@dataclass(frozen=True)
class Snapshot:
    """What `lstat` said of everything below a directory, by path from there.

    Two snapshots are equal if nothing was touched between them. What lies deeper than a path can name is not looked at.
    """

    states: Mapping[bytes, State]


def snapshot(root: Path) -> Snapshot:
    """The state of everything below ``root``; empty where there is no such directory. Raises UnreadableFile."""
    states: dict[bytes, State] = {}
    try:
        with Descent(root) as descent:
            pending = [_states(descent, b"", states)]
            prefixes = [b""]
            while pending:
                if not pending[-1]:
                    pending.pop()
                    prefixes.pop()
                    if pending:
                        descent.up()
                    continue
                name = pending[-1].pop()
                prefix = b"%b%b/" % (prefixes[-1], name)
                if len(prefix) > PATH_LIMIT:
                    continue
                descent.down(name)
                prefixes.append(prefix)
                pending.append(_states(descent, prefix, states))
    except FileNotFoundError:
        return Snapshot(states)
    except OSError as error:
        raise UnreadableFile(root, reason_of(error)) from error
    return Snapshot(states)


def difference(before: Snapshot, after: Snapshot) -> Difference:
    """What came, changed and went.

    Files and links are counted; directories only where they came, went or have another mode.
    """
    added = changed = bytes_written = 0
    written: set[tuple[int, int]] = set()
    for path, state in after.states.items():
        old = before.states.get(path)
        if old == state or (old is not None and _same_directory(old, state)):
            continue
        if old is None:
            added += 1
        else:
            changed += 1
        mode, size, _, _, device, inode = state
        if stat.S_ISREG(mode) and (device, inode) not in written:
            written.add((device, inode))
            bytes_written += size
    removed = sum(path not in after.states for path in before.states)
    return Difference(added, changed, removed, bytes_written)


def _same_directory(old: State, new: State) -> bool:
    """Whether both are directories of one mode: their times and sizes change with what they hold."""
    return stat.S_ISDIR(new[0]) and old[0] == new[0]


def _states(descent: Descent, prefix: bytes, states: dict[bytes, State]) -> list[bytes]:
    """Record what lies in the directory at hand; returns the names of its directories."""
    directories = []
    with os.scandir(descent.fd) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            name = os.fsencode(entry.name)
            states[prefix + name] = (
                status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_dev, status.st_ino,
            )  # fmt: skip
            if stat.S_ISDIR(status.st_mode):
                directories.append(name)
    return directories
