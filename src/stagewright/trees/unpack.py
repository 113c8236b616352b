"""Archives from outside become a tree: tar (plain, gzip, bzip2, xz) and zip (jar, war)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from stagewright.model.tree import Bounds, Owner
from stagewright.ports.progress import Progress, silent
from stagewright.trees.conveyor import write_all
from stagewright.trees.damage import Damaged, Forbidden
from stagewright.trees.entries import Entry, EntryKind, Gate, LinkPolicy, Modes, RuleBroken, Times, Unpacked
from stagewright.trees.inflation import Compressed, chunks
from stagewright.trees.kinds import ArchiveKind, archive_kind
from stagewright.trees.new_tree import NewTree, refused_by_disk
from stagewright.trees.problems import UnreadableArchive, UnreadableFile, reason_of, writing
from stagewright.trees.stream import Stream
from stagewright.trees.tar_reader import read_entries
from stagewright.trees.zip_reader import Member, as_entry, read_member, zip_members

Content = Callable[[int], None]
"""Writes the content of an entry to a descriptor."""


def unpack(
    archive: Path,
    into: Path,
    *,
    bounds: Bounds,
    links: LinkPolicy,
    owner: Owner | None = None,
    modes: Modes = Modes.WITHOUT_SETID,
    times: Times = Times.NOW,
    strip: int = 0,
    progress: Progress = silent,
) -> Unpacked:
    """Write what ``archive`` holds into ``into``, which must be empty or missing and keeps its own mode.

    ``strip`` takes that many leading parts from every name (and hard link); what has no more is left out. Everything is
    given to ``owner``, which needs root. Directories that no entry describes have 0755.
    Nothing is ever written outside ``into``; what is left inside it after a failure is the caller's to remove.

    Raises UnsafeArchive, ArchiveTooLarge, UnreadableArchive, UnreadableFile, NotEmpty, DiskFull, TreeFailure.
    """
    kind = archive_kind(archive)
    if kind is None:
        raise UnreadableArchive(archive, "it is no tar and no zip")
    gate = Gate(archive, bounds, progress)
    with writing(into), NewTree(into, owner=owner, modes=modes, links=links, times=times) as tree:
        place = _Placement(gate, tree, strip)
        with _reading(gate) as descriptor:
            if kind is ArchiveKind.ZIP:
                _unpack_zip(descriptor, gate, place)
            else:
                _unpack_tar(descriptor, kind.compressed, gate, place)
            tree.settle()
    return Unpacked(gate.entries, gate.bytes)


def _unpack_tar(descriptor: int, compressed: Compressed, gate: Gate, place: _Placement) -> None:
    stream = Stream(chunks(descriptor, compressed, gate))
    for entry in read_entries(stream):
        if not place(entry, partial(_copy_from, stream, entry)) and stream.skip(entry.size) != entry.size:
            raise Damaged("it ends in the middle of a file")


def _unpack_zip(descriptor: int, gate: Gate, place: _Placement) -> None:
    members = _Members(descriptor, gate)
    for member, end in zip_members(descriptor, gate):
        place(as_entry(descriptor, member, end), partial(members.write, member, end))


class _Members:
    """Writes members of a zip, weighing what they give against what they took."""

    def __init__(self, descriptor: int, gate: Gate) -> None:
        self._descriptor = descriptor
        self._gate = gate
        self._total = os.fstat(descriptor).st_size
        self._packed = 0
        self._unpacked = 0

    def write(self, member: Member, end: int, target: int) -> None:
        self._packed += member.packed
        for piece in read_member(self._descriptor, member, end):
            write_all(target, memoryview(piece))
            self._unpacked += len(piece)
            self._gate.weigh(self._packed, self._unpacked, member.name)
        self._gate.progress(self._packed, self._total)


def _copy_from(stream: Stream, entry: Entry, target: int) -> None:
    if stream.copy(target, entry.size) != entry.size:
        raise Damaged("it ends in the middle of a file")


class _Placement:
    """Puts entries into the tree, one after another, if they keep to the rules."""

    def __init__(self, gate: Gate, tree: NewTree, strip: int) -> None:
        self._gate = gate
        self._tree = tree
        self._strip = strip

    def __call__(self, entry: Entry, content: Content) -> bool:
        """Returns whether the content was taken."""
        gate, tree = self._gate, self._tree
        gate.admit(entry.name, entry.size, entry.target)
        path = gate.path(entry.name, self._strip)
        if not path:
            if entry.kind is not EntryKind.DIRECTORY and not self._strip:
                gate.unsafe(entry.name, f"it would put a {entry.kind} in the place of the whole tree")
            return False
        try:
            if entry.kind is EntryKind.FILE:
                self._file(path, entry, content)
                return True
            if entry.kind is EntryKind.DIRECTORY:
                tree.directory(path, entry.mode, entry.mtime_ns)
            elif entry.kind is EntryKind.LINK:
                tree.link(path, entry.target)
            else:
                tree.hard_link(path, gate.path(entry.target, self._strip))
        except RuleBroken as broken:
            gate.unsafe(entry.name, broken.rule)
        except OSError as error:
            rule = refused_by_disk(error)
            if rule is None:
                raise
            gate.unsafe(entry.name, rule)
        return False

    def _file(self, path: bytes, entry: Entry, content: Content) -> None:
        descriptor = self._tree.file(path)
        try:
            content(descriptor)
            self._tree.file_done(descriptor, entry.mode, entry.mtime_ns)
        finally:
            os.close(descriptor)


@contextmanager
def _reading(gate: Gate) -> Iterator[int]:
    """A descriptor of the archive; what is found wrong with its content becomes a Problem that names it."""
    archive = gate.archive
    try:
        descriptor = os.open(archive, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise UnreadableFile(archive, reason_of(error)) from error
    try:
        yield descriptor
    except Damaged as damaged:
        raise UnreadableArchive(archive, str(damaged)) from damaged
    except Forbidden as forbidden:
        gate.unsafe(forbidden.name, forbidden.rule)
    finally:
        os.close(descriptor)
