"""A tree that comes into being below one directory, and nowhere else.

Nothing here trusts what is on the disk or what it is told: every directory is one that was made here, opened below its
parent without following links; files are created, never opened; what already has a path is known from a record of our
own.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from stagewright.model.layout import FIXED_TIME
from stagewright.model.tree import Owner
from stagewright.trees.descent import Descent
from stagewright.trees.entries import TARGET_LIMIT, EntryKind, LinkPolicy, Modes, RuleBroken, Times
from stagewright.trees.links import require_inside
from stagewright.trees.problems import NotEmpty

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_SETID = 0o6000
_LATEST = 2**33 * 10**9
"""Nanoseconds, in the year 2242: later times only come from damaged archives, and ext4 holds few more."""


class NewTree:
    """Makes directories, files and links. Raises RuleBroken for what must not be, OSError for what the disk refuses."""

    def __init__(self, root: Path, *, owner: Owner | None, modes: Modes, links: LinkPolicy, times: Times) -> None:
        """Begin in ``root``, which is made if missing. Raises NotEmpty if something is in it already, OSError."""
        self._owner = owner
        self._mask = 0o7777 if modes is Modes.KEEP else 0o7777 & ~_SETID
        self._links = links
        self._times = times
        self._kinds: dict[bytes, EntryKind] = {}
        self._targets: dict[bytes, bytes] = {}
        self._directories: dict[bytes, tuple[int, int]] = {}
        self._at: list[bytes] = []
        self._here = b""
        self._make_root(root)
        self._descent = Descent(root, follow=True)
        self._require_empty(root)

    def directory(self, path: bytes, mode: int, mtime_ns: int = 0) -> None:
        """Make a directory, or say more about one that is there. Its mode and time are set in the end, by `settle`."""
        if path:
            self._make_directories(path)
            self._directories[path] = (mode & self._mask, mtime_ns)

    def file(self, path: bytes) -> int:
        """Create a file; returns a descriptor to write to, which `file_done` or the caller closes."""
        name = self._vacate(path)
        descriptor = os.open(name, _CREATE, 0o600, dir_fd=self._descent.fd)
        self._kinds[path] = EntryKind.FILE
        return descriptor

    def file_done(self, descriptor: int, mode: int, mtime_ns: int = 0) -> None:
        """Owner, mode and time of a file that was written. Owner first: changing it would clear setuid."""
        if self._owner is not None:
            os.fchown(descriptor, self._owner.uid, self._owner.gid)
        os.fchmod(descriptor, mode & self._mask)
        self._set_time(descriptor, mtime_ns)

    def link(self, path: bytes, target: bytes) -> None:
        """Make a symbolic link; its target is data."""
        if not target or b"\0" in target:
            raise RuleBroken("its link leads to nothing that can be named")
        if len(target) > TARGET_LIMIT:
            raise RuleBroken(f"its link leads to a path of more than {TARGET_LIMIT} bytes")
        name = self._vacate(path)
        os.symlink(target, name, dir_fd=self._descent.fd)
        self._kinds[path] = EntryKind.LINK
        self._targets[path] = target
        if self._owner is not None:
            os.chown(name, self._owner.uid, self._owner.gid, dir_fd=self._descent.fd, follow_symlinks=False)

    def hard_link(self, path: bytes, first: bytes) -> None:
        """Give the file ``first``, made here before, a second name."""
        if self._kinds.get(first) is not EntryKind.FILE:
            raise RuleBroken("it is a hard link to something that is no file of the same archive before it")
        if path == first:
            return
        directory, _, name = first.rpartition(b"/")
        self._enter(directory)
        source = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._descent.fd)
        try:
            target = self._vacate(path)
            os.link(f"/proc/self/fd/{source}", target, dst_dir_fd=self._descent.fd, follow_symlinks=True)
        finally:
            os.close(source)
        self._kinds[path] = EntryKind.FILE

    def settle(self) -> None:
        """Set the directories' modes and times, deepest first, and ask where the links lead.

        Raises Forbidden, OSError.
        """
        if self._links is LinkPolicy.INSIDE:
            require_inside(self._targets)
        for path in sorted(self._directories, reverse=True):
            self._enter(path)
            mode, mtime_ns = self._directories[path]
            os.fchmod(self._descent.fd, mode)
            self._set_time(self._descent.fd, mtime_ns)

    def _make_root(self, root: Path) -> None:
        try:
            root.mkdir(0o755)
        except FileExistsError:
            return
        root.chmod(0o755)
        if self._owner is not None:
            os.chown(root, self._owner.uid, self._owner.gid)

    def _require_empty(self, root: Path) -> None:
        with os.scandir(self._descent.fd) as entries:
            if next(entries, None) is not None:
                self._close()
                raise NotEmpty(root)

    def _vacate(self, path: bytes) -> bytes:
        """Stand where ``path`` will lie and take away an earlier file or link of that path; returns its last name.

        A later entry of the same path replaces an earlier one, as tar and unzip -o do, unless one of them is a directory.
        """
        directory, _, name = path.rpartition(b"/")
        self._enter_made(directory)
        kind = self._kinds.get(path)
        if not name or kind is EntryKind.DIRECTORY:
            raise RuleBroken("it would replace a directory")
        if kind is not None:
            os.unlink(name, dir_fd=self._descent.fd)
            del self._kinds[path]
            self._targets.pop(path, None)
        return name

    def _enter_made(self, path: bytes) -> None:
        if path != self._here:
            if self._kinds.get(path) is not EntryKind.DIRECTORY:
                self._make_directories(path)
            self._enter(path)

    def _make_directories(self, path: bytes) -> None:
        """Make ``path`` and what leads to it where it is missing; every part must be a directory that was made here."""
        known = self._kinds.get(path)
        if known is EntryKind.DIRECTORY or not path:
            return
        if known is not None:
            raise RuleBroken(_not_a_directory(known))
        directory, _, name = path.rpartition(b"/")
        missing = [(directory, path, name)]
        while directory and self._kinds.get(directory) is not EntryKind.DIRECTORY:
            known = self._kinds.get(directory)
            if known is not None:
                raise RuleBroken(_not_a_directory(known))
            lower = directory
            directory, _, name = lower.rpartition(b"/")
            missing.append((directory, lower, name))
        for parent, made, name in reversed(missing):
            self._enter(parent)
            os.mkdir(name, 0o700, dir_fd=self._descent.fd)
            if self._owner is not None:
                os.chown(name, self._owner.uid, self._owner.gid, dir_fd=self._descent.fd, follow_symlinks=False)
            self._kinds[made] = EntryKind.DIRECTORY
            self._directories[made] = (0o755, 0)

    def _enter(self, path: bytes) -> None:
        """Stand in the directory ``path``, which was made here."""
        if path == self._here:
            return
        parts = path.split(b"/") if path else []
        common = 0
        for ours, theirs in zip(self._at, parts, strict=False):
            if ours != theirs:
                break
            common += 1
        while len(self._at) > common:
            self._descent.up()
            self._at.pop()
        for part in parts[common:]:
            self._descent.down(part)
            self._at.append(part)
        self._here = path

    def _set_time(self, descriptor: int, mtime_ns: int) -> None:
        if self._times is Times.NOW:
            return
        time = FIXED_TIME * 10**9 if self._times is Times.FIXED else min(max(mtime_ns, 0), _LATEST)
        os.utime(descriptor, ns=(time, time))

    def _close(self) -> None:
        self._descent.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()


def _not_a_directory(kind: EntryKind) -> str:
    return f"its path leads through a {kind}"


def refused_by_disk(error: OSError) -> str | None:
    """The rule behind a refusal of the disk that only an entry can have caused; None for every other failure."""
    if error.errno in (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL):
        return "this disk cannot hold a file of that name"
    if error.errno == errno.EMLINK:
        return "it has more hard links than this disk allows"
    if error.errno in (errno.EEXIST, errno.ELOOP, errno.ENOTDIR):
        return "its path is taken by something else"
    return None
