"""A user's directory becomes a tree of ours."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from stagewright.model.tree import Bounds, Owner
from stagewright.ports.progress import Progress, silent
from stagewright.trees.damage import Forbidden
from stagewright.trees.entries import Gate, LinkPolicy, Modes, RuleBroken, Times, Unpacked
from stagewright.trees.kinds import special_kind
from stagewright.trees.new_tree import NewTree, refused_by_disk
from stagewright.trees.problems import FileChanged, SpecialFile, UnreadableFile, reason_of, writing
from stagewright.trees.walk import Found, walk

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def nothing(path: str, is_directory: bool) -> bool:
    """Leaves nothing out."""
    del path, is_directory
    return False


def copy_tree(
    source: Path,
    into: Path,
    *,
    ignored: Callable[[str, bool], bool] = nothing,
    bounds: Bounds,
    links: LinkPolicy,
    owner: Owner | None = None,
    modes: Modes = Modes.WITHOUT_SETID,
    times: Times = Times.NOW,
    progress: Progress = silent,
) -> Unpacked:
    """Copy what lies in the directory ``source`` into ``into``, which must be empty or missing.

    Links are copied as data and never followed (``source`` itself may be one); hard links among the files copied are
    kept. ``ignored`` takes a path relative to ``source`` (with names that are not UTF-8 as `os.fsdecode` gives them)
    and whether it is a directory; a directory that it names is left out with all below it. ``progress`` counts bytes.

    Raises UnsafeArchive (of a link, under `LinkPolicy.INSIDE`), ArchiveTooLarge, SpecialFile, UnreadableFile,
    FileChanged, TreeTooDeep, NotEmpty, DiskFull, TreeFailure.
    """
    gate = Gate(source, bounds, progress)
    with writing(into), NewTree(into, owner=owner, modes=modes, links=links, times=times) as tree:
        copier = _Copier(source, gate, tree)
        for found in walk(
            source, ignored=lambda path, is_directory: ignored(os.fsdecode(path), is_directory), follow=True
        ):
            try:
                copier.take(found)
            except RuleBroken as broken:
                gate.unsafe(found.path, broken.rule)
            except OSError as error:
                rule = refused_by_disk(error)
                if rule is None:
                    raise
                gate.unsafe(found.path, rule)
        try:
            tree.settle()
        except Forbidden as forbidden:
            gate.unsafe(forbidden.name, forbidden.rule)
    return Unpacked(gate.entries, gate.bytes)


class _Copier:
    def __init__(self, source: Path, gate: Gate, tree: NewTree) -> None:
        self._source = source
        self._gate = gate
        self._tree = tree
        self._linked: dict[tuple[int, int], bytes] = {}

    def take(self, found: Found) -> None:
        """Copy one entry. Raises RuleBroken, OSError of the side that is written, Problems of the side that is read."""
        path = self._gate.path(found.path)
        status = found.status
        kind = stat.S_IFMT(status.st_mode)
        self._gate.admit(path, 0 if kind != stat.S_IFREG else status.st_size)
        if kind == stat.S_IFREG:
            self._file(found, path, status)
        elif kind == stat.S_IFDIR:
            self._tree.directory(path, stat.S_IMODE(status.st_mode), status.st_mtime_ns)
        elif kind == stat.S_IFLNK:
            self._tree.link(path, self._target(found, path))
        else:
            raise SpecialFile(self._place(path), special_kind(kind))

    def _target(self, found: Found, path: bytes) -> bytes:
        try:
            return os.readlink(found.name, dir_fd=found.descriptor)
        except OSError as error:
            raise UnreadableFile(self._place(path), reason_of(error)) from error

    def _file(self, found: Found, path: bytes, status: os.stat_result) -> None:
        if status.st_nlink > 1:
            first = self._linked.setdefault((status.st_dev, status.st_ino), path)
            if first is not path:
                self._tree.hard_link(path, first)
                return
        try:
            origin = os.open(found.name, _READ, dir_fd=found.descriptor)
        except OSError as error:
            raise UnreadableFile(self._place(path), reason_of(error)) from error
        try:
            copy = self._tree.file(path)
            try:
                self._content(origin, copy, path, status.st_size)
                self._tree.file_done(copy, stat.S_IMODE(status.st_mode), status.st_mtime_ns)
            finally:
                os.close(copy)
        finally:
            os.close(origin)
        self._gate.progress(self._gate.bytes, None)

    def _content(self, origin: int, copy: int, path: bytes, size: int) -> None:
        left = size
        while left:
            try:
                count = os.copy_file_range(origin, copy, left)
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                    raise
                count = os.sendfile(copy, origin, None, left)
            if not count:
                raise FileChanged(self._place(path), size)
            left -= count

    def _place(self, path: bytes) -> Path:
        return self._source / os.fsdecode(path)
