"""Files become a zip whose bytes depend on names, modes and contents, and on nothing else.

Cloud Foundry takes buildpacks as zips. Entries are sorted by the bytes of their names, every time is the earliest that a zip
can say, owners are not written. The deflated bytes are those of this machine's zlib.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from stagewright.model.digest import Digest
from stagewright.ports.progress import Progress, silent
from stagewright.trees.appearing import appearing
from stagewright.trees.entries import EntryKind
from stagewright.trees.files import file_digest
from stagewright.trees.kinds import special_kind
from stagewright.trees.problems import FileChanged, SpecialFile, UnreadableFile, from_write, reason_of

_EARLIEST = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_MS_DOS_DIRECTORY = 0x10
_LEVEL = 6
_CHUNK = 1 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_KINDS = {EntryKind.FILE: stat.S_IFREG, EntryKind.DIRECTORY: stat.S_IFDIR, EntryKind.LINK: stat.S_IFLNK}


@dataclass(frozen=True)
class ZipEntry:
    """One entry to be: a file (of the disk, or new), a link (its content is where it leads to) or a directory."""

    at: PurePosixPath
    kind: EntryKind = EntryKind.FILE
    content: Path | bytes = b""
    mode: int = 0o644
    deflated: bool = True
    """False for what is compressed already: to do it again would take long and save nothing."""


@dataclass(frozen=True)
class PackedZip:
    """A zip that was written."""

    path: Path
    digest: Digest
    size: int
    """Bytes of the file."""
    entries: int


def write_zip(entries: Iterable[ZipEntry], destination: Path, *, progress: Progress = silent) -> PackedZip:
    """Write ``entries`` to ``destination``, which appears whole or not at all. ``progress`` counts bytes of contents.

    A file is read where it lies and never through a link. Raises UnreadableFile (also for a name that is no UTF-8, which a
    zip cannot hold), SpecialFile, FileChanged, DiskFull, TreeFailure; ValueError where two entries have one name, or an entry
    leads out of the zip.
    """
    ordered = sorted(entries, key=lambda entry: os.fsencode(entry.at))
    _require_sound(ordered)
    with appearing(destination) as descriptor, os.fdopen(os.dup(descriptor), "wb") as file:
        try:
            with zipfile.ZipFile(file, "w", compresslevel=_LEVEL) as archive:
                done = 0
                for entry in ordered:
                    done = _write(archive, entry, done, progress)
        except OSError as error:
            raise from_write(error, destination.parent) from error
    with destination.open("rb") as written:
        size = os.fstat(written.fileno()).st_size
    return PackedZip(destination, file_digest(destination), size, len(ordered))


def _require_sound(ordered: list[ZipEntry]) -> None:
    names = [entry.at for entry in ordered]
    if len(set(names)) != len(names):
        raise ValueError("two entries have one name")
    for name in names:
        if name.is_absolute() or ".." in name.parts or not name.parts:
            raise ValueError(f"{name} is no path inside an archive")


def _write(archive: zipfile.ZipFile, entry: ZipEntry, done: int, progress: Progress) -> int:
    """Returns how many bytes of contents there are with this one."""
    info = _info(entry)
    if isinstance(entry.content, bytes):
        archive.writestr(info, entry.content, info.compress_type, _LEVEL)
        return done + len(entry.content)
    try:
        descriptor = os.open(entry.content, _READ)
    except OSError as error:
        raise UnreadableFile(entry.content, reason_of(error)) from error
    with os.fdopen(descriptor, "rb") as source:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SpecialFile(entry.content, special_kind(stat.S_IFMT(status.st_mode)))
        info.file_size = status.st_size
        with archive.open(info, "w") as target:
            done = _copy(source, target, entry.content, done, progress)
        if info.file_size != status.st_size:
            raise FileChanged(entry.content, status.st_size)
    return done


def _copy(source: IO[bytes], target: IO[bytes], path: Path, done: int, progress: Progress) -> int:
    while True:
        try:
            chunk = source.read(_CHUNK)
        except OSError as error:
            raise UnreadableFile(path, reason_of(error)) from error
        if not chunk:
            return done
        target.write(chunk)
        done += len(chunk)
        progress(done, None)


def _info(entry: ZipEntry) -> zipfile.ZipInfo:
    name = str(entry.at)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise UnreadableFile(Path(name), "its name is not UTF-8, and a zip holds no other") from error
    info = zipfile.ZipInfo(f"{name}/" if entry.kind is EntryKind.DIRECTORY else name, _EARLIEST)
    info.create_system = _UNIX
    info.external_attr = (_KINDS[entry.kind] | entry.mode & 0o777) << 16
    if entry.kind is EntryKind.DIRECTORY:
        info.external_attr |= _MS_DOS_DIRECTORY
    packs = entry.deflated and entry.kind is EntryKind.FILE
    info.compress_type = zipfile.ZIP_DEFLATED if packs else zipfile.ZIP_STORED
    return info
