"""Things of the disk and of memory become entries of the canonical tar."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stagewright.model.layout import FIXED_TIME
from stagewright.model.tree import Owner
from stagewright.trees import tar_header
from stagewright.trees.conveyor import Conveyor
from stagewright.trees.kinds import special_kind
from stagewright.trees.placing import Placed
from stagewright.trees.problems import FileChanged, SpecialFile, UnreadableFile, reason_of
from stagewright.trees.tar_header import DIRECTORY, FILE, HARD_LINK, LINK, Header
from stagewright.trees.walk import walk

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""Not blocking: a fifo that took the place of a file would hang us."""

_DROPLET_ROOT_MODE = 0o700
_LATEST = 8**11 - 1
"""The latest time, in seconds, that the field of a tar header holds."""


@dataclass(frozen=True)
class Ownership:
    """Whose the entries are: ``owner``'s, or with ``from_disk`` whoever has them there."""

    owner: Owner
    from_disk: bool


@dataclass(frozen=True, slots=True)
class _Thing:
    """Something of the disk on its way in."""

    directory: int | None
    """Descriptor of the directory that ``local`` is a name in; None: ``local`` is a path."""
    local: bytes
    name: bytes
    """In the archive, without the slash of a directory."""
    status: os.stat_result
    mode: int


class TarWriter:
    """Writes entries to a conveyor. ``prefix`` begins every name: empty, or ``./`` for droplets."""

    def __init__(
        self, conveyor: Conveyor, ownership: Ownership, prefix: bytes = b"", *, keep_times: bool = False
    ) -> None:
        self._conveyor = conveyor
        self._ownership = ownership
        self._given: Owner | None = None
        self._prefix = prefix
        self._keep_times = keep_times
        self._first_names: dict[tuple[int, int], bytes] = {}
        self.entries = 0

    def write_root(self) -> None:
        """The entry ``./`` that droplets begin with (contracts/cloudfoundry-staging.md §1.6: mktemp made it)."""
        self._write(Header(self._prefix, DIRECTORY, _DROPLET_ROOT_MODE, *self._owner(None), FIXED_TIME))

    def write_all(self, placed: Sequence[Placed]) -> None:
        """Placements in their order. Raises SpecialFile, FileChanged, UnreadableFile, TreeTooDeep."""
        for one in placed:
            self._given = one.owner
            if one.source is not None:
                self._place(one.source, one)
            elif one.content is not None:
                self._place_content(one, one.content)
            else:
                mode = 0o755 if one.mode is None else one.mode
                name = self._prefix + os.fsencode(one.at) + b"/"
                self._write(Header(name, DIRECTORY, mode, *self._owner(None), FIXED_TIME))

    def close(self) -> None:
        """End the tar and wait until it is written."""
        self._conveyor.put(tar_header.END)
        self._conveyor.close()

    def _place_content(self, one: Placed, content: bytes) -> None:
        name = self._prefix + os.fsencode(one.at)
        mode = 0o644 if one.mode is None else one.mode
        self._write(Header(name, FILE, mode, *self._owner(None), FIXED_TIME, len(content)))
        self._conveyor.put(content)
        self._conveyor.put(tar_header.padding(len(content)))

    def _place(self, source: Path, one: Placed) -> None:
        try:
            status = os.lstat(source)
        except OSError as error:
            raise UnreadableFile(source, reason_of(error)) from error
        name = self._prefix + os.fsencode(one.at) if one.at.parts else b""
        if name:
            mode = stat.S_IMODE(status.st_mode) if one.mode is None else one.mode
            self._take(_Thing(None, os.fsencode(source), name, status, mode), source)
        elif not stat.S_ISDIR(status.st_mode):
            raise ValueError(f"{source} is placed at the top of an archive, where only a directory can be")
        if stat.S_ISDIR(status.st_mode):
            below = name + b"/" if name else self._prefix
            for found in walk(source):
                status = found.status
                thing = _Thing(found.descriptor, found.name, below + found.path, status, stat.S_IMODE(status.st_mode))
                self._take(thing, source, found.path)

    def _take(self, thing: _Thing, root: Path, path: bytes = b"") -> None:
        """Write ``thing``, which lies at ``path`` below ``root``."""
        kind = stat.S_IFMT(thing.status.st_mode)
        try:
            if kind == stat.S_IFREG:
                self._file(thing)
            elif kind == stat.S_IFDIR:
                self._head(thing, DIRECTORY)
            elif kind == stat.S_IFLNK:
                self._head(thing, LINK, target=os.readlink(thing.local, dir_fd=thing.directory))
            else:
                raise SpecialFile(root / os.fsdecode(path), special_kind(kind))
        except _Changed as changed:
            raise FileChanged(root / os.fsdecode(path), thing.status.st_size) from changed
        except OSError as error:
            raise UnreadableFile(root / os.fsdecode(path), reason_of(error)) from error

    def _file(self, thing: _Thing) -> None:
        status = thing.status
        if status.st_nlink > 1:
            first = self._first_names.setdefault((status.st_dev, status.st_ino), thing.name)
            if first is not thing.name:
                self._head(thing, HARD_LINK, target=first)
                return
        size = status.st_size
        descriptor = os.open(thing.local, _READ, dir_fd=thing.directory)
        try:
            self._head(thing, FILE, size=size)
            if self._conveyor.put_file(descriptor, size) != size or os.fstat(descriptor).st_size != size:
                raise _Changed
        finally:
            os.close(descriptor)
        if size % tar_header.BLOCK:
            self._conveyor.put(tar_header.padding(size))

    def _head(self, thing: _Thing, kind: bytes, *, size: int = 0, target: bytes = b"") -> None:
        name = thing.name + b"/" if kind == DIRECTORY else thing.name
        mode = 0o777 if kind == LINK else thing.mode
        time = min(max(int(thing.status.st_mtime), 0), _LATEST) if self._keep_times else FIXED_TIME
        self._write(Header(name, kind, mode, *self._owner(thing.status), time, size, target))

    def _owner(self, status: os.stat_result | None) -> tuple[int, int]:
        if self._given is not None:
            return self._given.uid, self._given.gid
        if self._ownership.from_disk and status is not None:
            return status.st_uid, status.st_gid
        return self._ownership.owner.uid, self._ownership.owner.gid

    def _write(self, header: Header) -> None:
        self._conveyor.put(tar_header.encode(header))
        self.entries += 1


class _Changed(Exception):
    """The file at hand is no longer as long as its header says."""
