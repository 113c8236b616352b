"""Layers of an image applied to one directory, one over another (OCI image-spec 1.1, layer.md, "Applying Changesets").

Unlike `unpack`, this meets what is there already: a later layer replaces files, turns directories into links and back, and
deletes by whiteouts. Links are never followed: an entry below one is refused, as no layer made from a file system has any.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from stagewright.model.digest import Digest
from stagewright.model.tree import Bounds, Owner
from stagewright.ports.progress import Progress, silent
from stagewright.trees.damage import Damaged, Forbidden
from stagewright.trees.descent import Descent
from stagewright.trees.entries import TARGET_LIMIT, Entry, EntryKind, Gate, RuleBroken, Unpacked
from stagewright.trees.inflation import Compressed, chunks
from stagewright.trees.new_tree import refused_by_disk
from stagewright.trees.problems import NotEmpty, UnreadableArchive, writing
from stagewright.trees.stream import Stream
from stagewright.trees.tar_reader import read_entries

_WHITEOUT = b".wh."
_OPAQUE = b".wh..wh..opq"
_AUFS = b".wh..wh."
"""How AUFS's own records begin, which old Docker layers hold and nobody reads any more."""

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LATEST = 253402300799 * 10**9
"""The end of the year 9999: later times only come from damaged layers."""
_HIGHEST_ID = (1 << 32) - 2
_ROOT = Owner(0, 0)


@dataclass(frozen=True, slots=True)
class _Meta:
    """What a directory gets in the end, when nothing is written into it any more."""

    mode: int = 0o755
    mtime_ns: int | None = None
    owner: Owner = _ROOT


class LayeredTree:
    """A directory that layers are applied to, lowest first; `settle` ends it.

    What is left in it after a failure is the caller's to remove; nothing is ever written outside it.
    """

    def __init__(self, root: Path, *, bounds: Bounds, keep_owner: bool) -> None:
        """Begin in ``root``. ``keep_owner`` keeps owners and setuid, and needs root. ``bounds`` hold for all layers together.

        Raises NotEmpty where something is in it already, DiskFull, TreeFailure.
        """
        self._bounds = bounds
        self._keep_owner = keep_owner
        self._mask = 0o7777 if keep_owner else 0o1777
        self._gate = Gate(root, bounds, silent)
        self._root = root
        self._layers = 0
        with writing(root):
            root.mkdir(0o755, exist_ok=True)
            if any(root.iterdir()):
                raise NotEmpty(root)
            self._place = _Place(root)

    def apply(self, descriptor: int, compressed: Compressed, named: Path, progress: Progress = silent) -> Digest:
        """Apply the layer in the open file ``descriptor``, which problems call ``named``; returns its diff id.

        The file is read twice: whiteouts hide what lies below, wherever in the layer they stand, so they come first.
        Raises UnsafeArchive, ArchiveTooLarge, UnreadableArchive, DiskFull, TreeFailure.
        """
        if self._layers:
            gate = Gate(named, self._bounds, silent)
            self._each(descriptor, compressed, gate, self._hide)
        self._layers += 1
        self._gate.archive, self._gate.progress = named, progress
        return self._each(descriptor, compressed, self._gate, self._put)

    def settle(self) -> Unpacked:
        """Give directories their owners, modes and times, deepest first. Raises TreeFailure."""
        with writing(self._root):
            for path, meta in sorted(self._place.directories.items(), reverse=True):
                self._place.enter(path)
                self._finish(self._place.fd, meta)
        return Unpacked(self._gate.entries, self._gate.bytes)

    def _each(
        self, descriptor: int, compressed: Compressed, gate: Gate, take: Callable[[bytes, Entry, Stream], bool]
    ) -> Digest:
        """Hand every entry to ``take``, which says whether it took the content; returns the digest of the tar."""
        sha = hashlib.sha256()
        with writing(self._root), _reading(gate):
            os.lseek(descriptor, 0, os.SEEK_SET)
            stream = Stream(_watched(chunks(descriptor, compressed, gate), sha.update))
            for entry in read_entries(stream):
                gate.admit(entry.name, entry.size)
                path = gate.path(entry.name)
                try:
                    taken = take(path, entry, stream)
                except RuleBroken as broken:
                    gate.unsafe(entry.name, broken.rule)
                except OSError as error:
                    rule = refused_by_disk(error)
                    if rule is None:
                        raise
                    gate.unsafe(entry.name, rule)
                if not taken and stream.skip(entry.size) != entry.size:
                    raise Damaged("it ends in the middle of a file")
        return Digest(sha.hexdigest())

    def _hide(self, path: bytes, entry: Entry, stream: Stream) -> bool:
        """Take away from the layers below what a whiteout names; its content, if it has any, means nothing."""
        del stream
        directory, name = _split(path)
        hidden = _hidden_by(directory, name, entry.kind)
        if hidden is not None and self._place.stand_in(directory, make=False):
            if name == _OPAQUE:
                self._place.clear(directory)
            else:
                self._place.vacate(directory, hidden)
        return False

    def _put(self, path: bytes, entry: Entry, stream: Stream) -> bool:
        directory, name = _split(path)
        if _hidden_by(directory, name, entry.kind) is not None or _is_of_aufs(path):
            return False
        meta = _Meta(entry.mode, entry.mtime_ns, _owner(entry))
        if entry.kind is EntryKind.DIRECTORY:
            self._directory(path, directory, name, meta)
        elif not path:
            raise RuleBroken(f"it would put a {entry.kind} in the place of the whole tree")
        elif entry.kind is EntryKind.FILE:
            self._file(directory, name, entry, meta, stream)
            return True
        elif entry.kind is EntryKind.LINK:
            self._link(directory, name, entry.target, meta)
        else:
            self._hard_link(path, directory, name, self._gate.path(entry.target), meta)
        return False

    def _directory(self, path: bytes, directory: bytes, name: bytes, meta: _Meta) -> None:
        """A directory over a directory keeps what is in it; over anything else it takes its place (layer.md)."""
        if path:
            self._place.stand_in(directory, make=True)
            if self._place.kind(name) != stat.S_IFDIR:
                self._place.vacate(directory, name)
                os.mkdir(name, 0o700, dir_fd=self._place.fd)
        self._place.directories[path] = meta

    def _file(self, directory: bytes, name: bytes, entry: Entry, meta: _Meta, stream: Stream) -> None:
        self._place.stand_in(directory, make=True)
        self._place.vacate(directory, name)
        descriptor = os.open(name, _CREATE, 0o600, dir_fd=self._place.fd)
        try:
            if stream.copy(descriptor, entry.size) != entry.size:
                raise Damaged("it ends in the middle of a file")
            self._finish(descriptor, meta)
        finally:
            os.close(descriptor)

    def _link(self, directory: bytes, name: bytes, target: bytes, meta: _Meta) -> None:
        if not target or b"\0" in target or len(target) > TARGET_LIMIT:
            raise RuleBroken("its link leads to nothing that can be named")
        self._place.stand_in(directory, make=True)
        self._place.vacate(directory, name)
        os.symlink(target, name, dir_fd=self._place.fd)
        if self._keep_owner:
            os.chown(name, meta.owner.uid, meta.owner.gid, dir_fd=self._place.fd, follow_symlinks=False)
        if meta.mtime_ns is not None:
            os.utime(name, ns=_times(meta.mtime_ns), dir_fd=self._place.fd, follow_symlinks=False)

    def _hard_link(self, path: bytes, directory: bytes, name: bytes, first: bytes, meta: _Meta) -> None:
        """A second name for a file of this layer or of one below; for a link, a link of the same target."""
        if path == first:
            return
        if first.startswith(path + b"/"):
            raise RuleBroken("it is a hard link to a file below itself")
        above, first_name = _split(first)
        if not first or not self._place.stand_in(above, make=False):
            raise RuleBroken("it is a hard link to a file that is not there")
        kind = self._place.kind(first_name)
        if kind == stat.S_IFLNK:
            self._link(directory, name, os.readlink(first_name, dir_fd=self._place.fd), meta)
            return
        if kind != stat.S_IFREG:
            raise RuleBroken("it is a hard link to what is no file")
        source = os.open(first_name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._place.fd)
        try:
            self._place.stand_in(directory, make=True)
            self._place.vacate(directory, name)
            os.link(f"/proc/self/fd/{source}", name, dst_dir_fd=self._place.fd, follow_symlinks=True)
        finally:
            os.close(source)

    def _finish(self, descriptor: int, meta: _Meta) -> None:
        """Owner first: changing it would clear setuid."""
        if self._keep_owner:
            os.fchown(descriptor, meta.owner.uid, meta.owner.gid)
        os.fchmod(descriptor, meta.mode & self._mask)
        if meta.mtime_ns is not None:
            os.utime(descriptor, ns=_times(meta.mtime_ns))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._place.close()


class _Place:
    """Where in the tree we stand. Every step goes down through a real directory, or is refused."""

    def __init__(self, root: Path) -> None:
        self._descent = Descent(root, follow=True)
        self._at: list[bytes] = []
        self.directories: dict[bytes, _Meta] = {}
        """Those that are there, and what they get in the end."""

    @property
    def fd(self) -> int:
        return self._descent.fd

    def enter(self, path: bytes) -> None:
        """Stand in a directory that is there. Raises OSError."""
        parts = path.split(b"/") if path else []
        common = 0
        while common < min(len(parts), len(self._at)) and parts[common] == self._at[common]:
            common += 1
        while len(self._at) > common:
            self._descent.up()
            self._at.pop()
        for part in parts[common:]:
            self._descent.down(part)
            self._at.append(part)

    def stand_in(self, path: bytes, *, make: bool) -> bool:
        """Stand in the directory ``path``, made if need be; without ``make``, False where there is no such directory.

        Raises RuleBroken where a directory cannot be made because something else lies on the way.
        """
        if path and path not in self.directories:
            if not make:
                return False
            self._make(path.split(b"/"))
        self.enter(path)
        return True

    def _make(self, parts: list[bytes]) -> None:
        for depth, part in enumerate(parts):
            here = b"/".join(parts[: depth + 1])
            if here in self.directories:
                continue
            self.enter(b"/".join(parts[:depth]))
            kind = self.kind(part)
            if kind is not None:
                raise RuleBroken(f"its path leads through a {'link' if kind == stat.S_IFLNK else 'file'}")
            os.mkdir(part, 0o700, dir_fd=self.fd)
            self.directories[here] = _Meta()

    def kind(self, name: bytes) -> int | None:
        """``stat.S_IFMT`` of what lies there by that name; None for nothing."""
        try:
            return stat.S_IFMT(os.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mode)
        except FileNotFoundError:
            return None

    def vacate(self, directory: bytes, name: bytes) -> None:
        """Remove what lies by that name in ``directory``, where we stand before and after."""
        kind = self.kind(name)
        if kind == stat.S_IFDIR:
            path = directory + b"/" + name if directory else name
            self.clear(path)
            self.enter(directory)
            os.rmdir(name, dir_fd=self.fd)
            self.directories.pop(path, None)
        elif kind is not None:
            os.unlink(name, dir_fd=self.fd)

    def clear(self, path: bytes) -> None:
        """Remove everything in the directory ``path``."""
        ahead, emptied = [path], []
        while ahead:
            here = ahead.pop()
            self.enter(here)
            with os.scandir(self.fd) as entries:
                found = [(os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)) for entry in entries]
            for name, is_directory in found:
                if is_directory:
                    below = here + b"/" + name if here else name
                    ahead.append(below)
                    emptied.append((here, name, below))
                else:
                    os.unlink(name, dir_fd=self.fd)
        for here, name, below in reversed(emptied):
            self.enter(here)
            os.rmdir(name, dir_fd=self.fd)
            self.directories.pop(below, None)

    def close(self) -> None:
        self._descent.__exit__(None, None, None)


def _split(path: bytes) -> tuple[bytes, bytes]:
    directory, _, name = path.rpartition(b"/")
    return directory, name


def _hidden_by(directory: bytes, name: bytes, kind: EntryKind) -> bytes | None:
    """What a whiteout hides: a name, empty for everything in its directory; None for what is no whiteout. Raises RuleBroken."""
    if name == _OPAQUE:
        return b""
    if any(part.startswith(_WHITEOUT) and not part.startswith(_AUFS) for part in directory.split(b"/")):
        raise RuleBroken("its path leads through a whiteout")
    if not name.startswith(_WHITEOUT) or name.startswith(_AUFS):
        return None
    hidden = name.removeprefix(_WHITEOUT)
    if hidden in (b"", b".", b"..") or kind is EntryKind.DIRECTORY:
        raise RuleBroken("it is a whiteout that hides nothing that can be named")
    return hidden


def _is_of_aufs(path: bytes) -> bool:
    return any(part.startswith(_AUFS) for part in path.split(b"/"))


def _owner(entry: Entry) -> Owner:
    if max(entry.uid, entry.gid) > _HIGHEST_ID:
        raise RuleBroken("its owner's number is impossible")
    return Owner(entry.uid, entry.gid)


def _times(mtime_ns: int) -> tuple[int, int]:
    time = min(max(mtime_ns, 0), _LATEST)
    return time, time


def _watched(pieces: Iterator[bytes], watch: Callable[[bytes], None]) -> Iterator[bytes]:
    for piece in pieces:
        watch(piece)
        yield piece


@contextmanager
def _reading(gate: Gate) -> Iterator[None]:
    """What is found wrong with the content of a layer becomes a Problem that names it."""
    try:
        yield
    except Damaged as damaged:
        raise UnreadableArchive(gate.archive, str(damaged)) from damaged
    except Forbidden as forbidden:
        gate.unsafe(forbidden.name, forbidden.rule)
