"""Trees go away, and nothing else does."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from stagewright.trees.descent import Descent
from stagewright.trees.problems import TreeFailure, reason_of

_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(rb"\\([0-7]{3})")
_PASSABLE = 0o700
_PASSES = 3
"""How often it is tried again where a dying process still makes files."""


def remove_tree(path: Path) -> None:
    """Remove ``path`` and all below it, however deep and whatever the modes of its directories; missing is fine.

    A link is removed, never followed. Where something is mounted at ``path`` or below, nothing is touched at all: it may
    be a directory of somebody else. Raises TreeFailure.
    """
    try:
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode):
            path.unlink()
            return
        mounted = _mounted_below(path)
        if mounted is not None:
            raise TreeFailure(path, f"something is mounted at {mounted}; unmount it first")
        for _ in range(_PASSES - 1):
            with suppress(OSError):
                _remove_directory(path)
                return
        _remove_directory(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise TreeFailure(path, reason_of(error)) from error


def _mounted_below(path: Path) -> Path | None:
    """A mount point at or below ``path``. A bind mount from the same disk is not told by its device, so the list is read."""
    real = path.resolve()
    for line in _MOUNTS.read_bytes().splitlines():
        point = _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), line.split(b" ")[4])
        if Path(os.fsdecode(point)).is_relative_to(real):
            return Path(os.fsdecode(point))
    return None


def _remove_directory(path: Path) -> None:
    _make_passable(path, None)
    with Descent(path) as descent:
        names = [""]
        levels = [_remove_files(descent.fd)]
        while levels:
            if levels[-1]:
                name = levels[-1].pop()
                _enter(descent, name)
                names.append(name)
                levels.append(_remove_files(descent.fd))
                continue
            levels.pop()
            name = names.pop()
            if levels:
                descent.up()
                os.rmdir(name, dir_fd=descent.fd)
    path.rmdir()


def _remove_files(descriptor: int) -> list[str]:
    """Remove what lies in a directory, but for its directories; returns their names."""
    if os.fstat(descriptor).st_mode & _PASSABLE != _PASSABLE:
        os.fchmod(descriptor, _PASSABLE)
    with os.scandir(descriptor) as entries:
        named = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in named:
        if not is_directory:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=descriptor)
    return [name for name, is_directory in named if is_directory]


def _enter(descent: Descent, name: str) -> None:
    try:
        descent.down(name)
    except PermissionError:
        _make_passable(name, descent.fd)
        descent.down(name)


def _make_passable(path: str | Path, directory: int | None) -> None:
    """Let the owner of a directory in. It is named by a descriptor, since chmod by name would follow a link."""
    descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        if os.fstat(descriptor).st_mode & _PASSABLE != _PASSABLE:
            Path(f"/proc/self/fd/{descriptor}").chmod(_PASSABLE)
    finally:
        os.close(descriptor)
