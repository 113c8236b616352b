"""Directories as one canonical tar, in one pass: walk, tar, digest, compress, write.

Canonical means that the bytes depend on names, kinds, modes, contents, links and the owner asked for, and on nothing
else: entries are sorted, every time is `FIXED_TIME`, files linked to each other are written once. The digest of that
tar is what identifies a tree (`Packed.diff_id`, OCI's word for the same thing on a layer); the gzip around it is only
how it is kept.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from stagewright.model.digest import Digest
from stagewright.model.layout import FIXED_TIME, VCAP_ID
from stagewright.model.tree import Owner
from stagewright.ports.progress import Progress, silent
from stagewright.trees import tar_header
from stagewright.trees.conveyor import Conveyor, DigestSink, GzipSink, PlainSink
from stagewright.trees.kinds import special_kind
from stagewright.trees.problems import FileChanged, SpecialFile, UnreadableFile, reason_of, writing
from stagewright.trees.walk import walk

VCAP = Owner(VCAP_ID, VCAP_ID)
ROOT = Owner(0, 0)
_DROPLET_ROOT_MODE = 0o700
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""Not blocking: a fifo that took the place of a file would hang us."""


class Compression(StrEnum):
    NONE = "none"
    GZIP = "gzip"


@dataclass(frozen=True)
class Placed:
    """Something at a path of the archive: a directory with all that is below it, a file, a link, or new content.

    ``at`` may be ``.`` for a directory: then its content lies at the top and the directory itself is not written.
    With neither ``source`` nor ``content`` it is a new, empty directory.
    """

    source: Path | None
    at: PurePosixPath
    mode: int | None = None
    """Instead of the source's own; new directories have 0755 and new files 0644 unless it says otherwise."""
    content: bytes | None = None
    owner: Owner | None = None
    """Instead of the archive's, for this and all below it."""


@dataclass(frozen=True)
class Packed:
    """An archive that was written."""

    path: Path
    digest: Digest
    """Of the file as it was written."""
    diff_id: Digest
    """Of the uncompressed tar: the identity of the content."""
    size: int
    """Bytes of the file."""
    unpacked_size: int
    """Bytes of the uncompressed tar."""
    entries: int


def pack(
    placed: Sequence[Placed],
    destination: Path,
    *,
    compression: Compression = Compression.GZIP,
    owner: Owner = VCAP,
    keep_owner: bool = False,
    prefix_dot: bool = False,
    parents: bool = False,
    progress: Progress = silent,
) -> Packed:
    """Write one canonical tar of ``placed`` to ``destination``, which appears whole or not at all.

    ``keep_owner`` takes owners from the disk; ``prefix_dot`` names everything ``./…`` below a first entry ``./`` of
    mode 0700, as droplets are; ``parents`` writes the directories that lead to each placement (0755, root's) where none
    was placed. Raises SpecialFile, FileChanged, UnreadableFile, TreeTooDeep, DiskFull, TreeFailure; ValueError where
    placements overlap.
    """
    rules = _Rules(owner, keep_owner, b"./" if prefix_dot else b"")
    written: type[PlainSink | GzipSink] = GzipSink if compression is Compression.GZIP else PlainSink
    with _appearing(destination) as descriptor:
        sink = written(descriptor, destination.parent)
        with Conveyor(sink, progress) as conveyor:
            writer = _Writer(conveyor, rules)
            if prefix_dot:
                writer.root()
            writer.place_all(_with_parents(placed) if parents else _in_order(placed))
            writer.close()
    return Packed(destination, sink.digest, sink.diff_id, sink.size, conveyor.length, writer.entries)


def tree_digest(root: Path, *, keep_owner: bool = False) -> Digest:
    """The digest of the canonical tar of what lies below ``root``; the same as ``pack``'s diff_id of it placed at ``.``.

    Raises what `pack` raises for what it reads.
    """
    sink = DigestSink()
    with Conveyor(sink, silent) as conveyor:
        writer = _Writer(conveyor, _Rules(VCAP, keep_owner, b""))
        writer.place_all([Placed(root, PurePosixPath())])
        writer.close()
    return sink.diff_id


@dataclass(frozen=True)
class _Rules:
    owner: Owner
    keep_owner: bool
    prefix: bytes


@contextmanager
def _appearing(destination: Path) -> Iterator[int]:
    """A new file beside ``destination`` that takes its name when all went well and is removed when not."""
    fresh = destination.with_name(f".{destination.name[:200]}.{secrets.token_hex(6)}.part")
    with writing(destination.parent):
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            yield descriptor
        finally:
            os.close(descriptor)
        with writing(destination.parent):
            fresh.replace(destination)
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise


def _in_order(placed: Sequence[Placed]) -> list[Placed]:
    """In the order of a walk. Raises ValueError where one placement brings what another places."""
    ordered = sorted(placed, key=lambda one: [os.fsencode(part) for part in one.at.parts])
    for number, one in enumerate(ordered):
        if one.at.is_absolute() or ".." in one.at.parts:
            raise ValueError(f"{one.at} is no path inside an archive")
        if not one.at.parts and one.source is None:
            raise ValueError("only a directory of the disk can be placed at the top of an archive")
        if number and ordered[number - 1].at == one.at:
            raise ValueError(f"{one.at} was placed twice")
    brought = {one.at for one in ordered if one.source is not None or one.content is not None}
    for one in ordered:
        for parent in one.at.parents:
            if parent in brought and parent != one.at:
                raise ValueError(f"{one.at} was placed inside {parent}, which brings its own content")
    return ordered


def _with_parents(placed: Sequence[Placed]) -> list[Placed]:
    places = {one.at for one in placed}
    missing = {parent for one in placed for parent in one.at.parents if parent.parts} - places
    return _in_order([*placed, *(Placed(None, parent, owner=ROOT) for parent in missing)])


class _Writer:
    """Turns placements into entries on a conveyor."""

    def __init__(self, conveyor: Conveyor, rules: _Rules) -> None:
        self._conveyor = conveyor
        self._rules = rules
        self._owner = rules.owner
        self._linked: dict[tuple[int, int], bytes] = {}
        self.entries = 0

    def root(self) -> None:
        """The entry of the archive's own top."""
        self._head(self._rules.prefix, tar_header.DIRECTORY, _DROPLET_ROOT_MODE, None)

    def place_all(self, placed: Sequence[Placed]) -> None:
        for one in placed:
            self._owner = one.owner or self._rules.owner
            self._place(one)

    def close(self) -> None:
        """End the tar and wait until it is written."""
        self._conveyor.put(tar_header.END)
        self._conveyor.close()

    def _place(self, one: Placed) -> None:
        name = self._rules.prefix + os.fsencode(one.at)
        if one.content is not None:
            mode = 0o644 if one.mode is None else one.mode
            self._head(name, tar_header.FILE, mode, None, size=len(one.content))
            self._conveyor.put(one.content + tar_header.padding(len(one.content)))
        elif one.source is None:
            self._head(name + b"/", tar_header.DIRECTORY, 0o755 if one.mode is None else one.mode, None)
        else:
            self._place_source(one.source, one, name)

    def _place_source(self, source: Path, one: Placed, name: bytes) -> None:
        try:
            status = os.lstat(source)
        except OSError as error:
            raise UnreadableFile(source, reason_of(error)) from error
        if not stat.S_ISDIR(status.st_mode):
            self._entry(None, os.fsencode(source), name, source, status, one.mode)
            return
        if one.at.parts:
            mode = stat.S_IMODE(status.st_mode) if one.mode is None else one.mode
            self._head(name + b"/", tar_header.DIRECTORY, mode, status)
            name += b"/"
        else:
            name = self._rules.prefix
        for found in walk(source):
            status = found.entry.stat(follow_symlinks=False)
            self._entry(found.descriptor, found.name, name + found.path, source / os.fsdecode(found.path), status)

    def _entry(
        self,
        directory: int | None,
        local: bytes,
        name: bytes,
        path: Path,
        status: os.stat_result,
        mode: int | None = None,
    ) -> None:
        kind = stat.S_IFMT(status.st_mode)
        if mode is None:
            mode = stat.S_IMODE(status.st_mode)
        if kind == stat.S_IFREG:
            self._file(directory, local, name, path, status, mode)
        elif kind == stat.S_IFDIR:
            self._head(name + b"/", tar_header.DIRECTORY, mode, status)
        elif kind == stat.S_IFLNK:
            try:
                target = os.readlink(local, dir_fd=directory)
            except OSError as error:
                raise UnreadableFile(path, reason_of(error)) from error
            self._head(name, tar_header.LINK, 0o777, status, target=target)
        else:
            raise SpecialFile(path, special_kind(kind))

    def _file(
        self, directory: int | None, local: bytes, name: bytes, path: Path, status: os.stat_result, mode: int
    ) -> None:
        if status.st_nlink > 1:
            first = self._linked.setdefault((status.st_dev, status.st_ino), name)
            if first is not name:
                self._head(name, tar_header.HARD_LINK, mode, status, target=first)
                return
        size = status.st_size
        try:
            descriptor = os.open(local, _READ, dir_fd=directory)
        except OSError as error:
            raise UnreadableFile(path, reason_of(error)) from error
        try:
            self._head(name, tar_header.FILE, mode, status, size=size)
            if self._conveyor.put_file(descriptor, size) != size or os.fstat(descriptor).st_size != size:
                raise FileChanged(path, size)
        except OSError as error:
            raise UnreadableFile(path, reason_of(error)) from error
        finally:
            os.close(descriptor)
        if size % tar_header.BLOCK:
            self._conveyor.put(tar_header.padding(size))

    def _head(
        self, name: bytes, kind: bytes, mode: int, status: os.stat_result | None, *, size: int = 0, target: bytes = b""
    ) -> None:
        if self._rules.keep_owner and status is not None:
            uid, gid = status.st_uid, status.st_gid
        else:
            uid, gid = self._owner.uid, self._owner.gid
        self._conveyor.put(tar_header.encode(tar_header.Header(name, kind, mode, uid, gid, FIXED_TIME, size, target)))
        self.entries += 1
