"""Trees as they lie on the disk: how much room they take, whose they are, and how they go away."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from stagewright.model.tree import Owner
from stagewright.trees.descent import Descent
from stagewright.trees.problems import TreeFailure, reason_of, writing

_SECTOR = 512
"""What ``st_blocks`` counts in, whatever the file system's own blocks are (stat(2))."""

_VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE, errno.EACCES)


def disk_use(root: Path) -> int:
    """Bytes that everything below ``root`` takes on disk: blocks, not lengths; files linked to each other count once.

    Scripts may be at work meanwhile: what vanishes or cannot be read is not counted. Other file systems below are left out.
    """
    total = 0
    linked: set[int] = set()
    try:
        descent = Descent(root)
    except OSError:
        return 0
    with descent:
        device = os.fstat(descent.fd).st_dev
        pending: list[list[str]] = []
        used, directories = _blocks(descent.fd, device, linked)
        total += used
        pending.append(directories)
        while pending:
            if not pending[-1]:
                pending.pop()
                try:
                    if pending:
                        descent.up()
                except OSError:
                    break
                continue
            try:
                descent.down(pending[-1].pop())
            except OSError:
                continue
            used, directories = _blocks(descent.fd, device, linked)
            total += used
            pending.append(directories)
    return total


def _blocks(descriptor: int, device: int, linked: set[int]) -> tuple[int, list[str]]:
    used = 0
    directories: list[str] = []
    with suppress(OSError), os.scandir(descriptor) as entries:
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if status.st_dev != device:
                continue
            if stat.S_ISDIR(status.st_mode):
                directories.append(entry.name)
            elif status.st_nlink > 1:
                if status.st_ino in linked:
                    continue
                linked.add(status.st_ino)
            used += status.st_blocks * _SECTOR
    return used, directories


def chown_tree(path: Path, owner: Owner) -> None:
    """Give ``path`` and everything below it to ``owner``: links themselves, not what they lead to.

    Raises TreeFailure, DiskFull.
    """
    with writing(path):
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
        if path.is_symlink() or not path.is_dir():
            return
        with Descent(path) as descent:
            pending = [_chown_listed(descent.fd, owner)]
            while pending:
                if pending[-1]:
                    descent.down(pending[-1].pop())
                    pending.append(_chown_listed(descent.fd, owner))
                    continue
                pending.pop()
                if pending:
                    descent.up()


def _chown_listed(descriptor: int, owner: Owner) -> list[str]:
    directories = []
    with os.scandir(descriptor) as entries:
        for entry in entries:
            os.chown(entry.name, owner.uid, owner.gid, dir_fd=descriptor, follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                directories.append(entry.name)
    return directories


def remove_tree(path: Path) -> None:
    """Remove ``path`` and all below it, whatever the modes of its directories; missing is fine.

    A link is removed, never followed, and another file system mounted below is refused before anything in it is touched.
    Raises TreeFailure.
    """
    try:
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode):
            path.unlink()
            return
        _remove_directory(path, status.st_dev)
    except FileNotFoundError:
        return
    except OSError as error:
        raise TreeFailure(path, reason_of(error)) from error


def _remove_directory(path: Path, device: int) -> None:
    _make_passable(path)
    with Descent(path) as descent:
        levels: list[tuple[str, list[str]]] = [("", _remove_files(descent.fd, device))]
        while True:
            name, directories = levels[-1]
            if directories:
                child = directories.pop()
                _descend(descent, child)
                levels.append((child, _remove_files(descent.fd, device)))
                continue
            levels.pop()
            if not levels:
                break
            descent.up()
            with suppress(FileNotFoundError):
                os.rmdir(name, dir_fd=descent.fd)
    path.rmdir()


def _remove_files(descriptor: int, device: int) -> list[str]:
    """Unlink what lies in a directory; returns the directories in it that were not empty."""
    if os.fstat(descriptor).st_dev != device:
        raise OSError(errno.EXDEV, "another file system is mounted below it")
    with os.scandir(descriptor) as entries:
        named = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    directories = []
    for name, is_directory in named:
        if is_directory:
            directories.append(name)
        else:
            _unlink(name, descriptor)
    return directories


def _unlink(name: str, descriptor: int) -> None:
    with suppress(FileNotFoundError):
        try:
            os.unlink(name, dir_fd=descriptor)
        except PermissionError:
            os.fchmod(descriptor, 0o700)
            os.unlink(name, dir_fd=descriptor)


def _descend(descent: Descent, name: str) -> None:
    try:
        descent.down(name)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=descent.fd)
        descent.down(name)


def _make_passable(path: Path) -> None:
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        path.chmod(0o700)
