"""The blobs of a layout directory: files named by their digests (image-layout.md, "Blobs").

A directory from outside may hold links, pipes and lies: every step down is made without following a link, only regular files are
read, and what is read is compared with its digest.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from stagewright.errors import UsageProblem
from stagewright.images.descriptor import Descriptor
from stagewright.images.documents import MAX_BYTES, BadDocument
from stagewright.images.layer import ContentMismatch, FileLayer, Layer, chunks
from stagewright.images.media_types import AnyMediaType
from stagewright.model.digest import Digest
from stagewright.trees.problems import writing

BLOBS = PurePosixPath("blobs/sha256")
INCOMING = ".incoming-"
"""How files begin that are not whole yet; they lie beside index.json, where no tool looks for blobs."""

_DOWN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Not blocking: a named pipe in the place of a blob would hang us."""


@dataclass(eq=False)
class NotALayout(UsageProblem):
    """A directory that is no OCI image layout, or cannot be read as one."""

    directory: Path
    reason: str

    def brief(self) -> str:
        return f"{self.directory} is not an OCI image layout: {self.reason}."

    def hint(self) -> str:
        return (
            "Name a directory that stagewright, skopeo or umoci wrote; to write one, name a new or an empty directory."
        )


@dataclass(eq=False)
class BlobMissing(UsageProblem):
    """Content that a layout refers to and does not have."""

    directory: Path
    digest: Digest
    reason: str

    def brief(self) -> str:
        return f"The layout {self.directory} lacks the blob {self.digest}: {self.reason}."

    def hint(self) -> str:
        return "Copy the whole layout again; a layout without all its blobs cannot be used here."


@dataclass(frozen=True)
class Blobs:
    """The content of one layout directory."""

    directory: Path

    def path(self, digest: Digest) -> Path:
        return self.directory / BLOBS / digest.hex

    def read(self, descriptor: Descriptor) -> bytes:
        """A manifest, index or config, verified. Raises BlobMissing, ContentMismatch; BadDocument where it is too large."""
        source = f"The blob {descriptor.digest} of {self.directory}"
        if descriptor.size > MAX_BYTES:
            raise BadDocument(source, "", f"it has more than {MAX_BYTES >> 20} MiB")
        with self.open(descriptor) as stream:
            content = stream.read(descriptor.size)
        found = Digest.of(content)
        if found != descriptor.digest:
            raise ContentMismatch(source, descriptor.digest, str(found))
        return content

    def open(self, descriptor: Descriptor) -> BufferedReader:
        """The blob, of the size that its descriptor says, not yet verified. Raises BlobMissing, ContentMismatch."""
        try:
            stream = open_within(self.directory, BLOBS / descriptor.digest.hex)
        except OSError as error:
            raise BlobMissing(self.directory, descriptor.digest, _reason(error)) from error
        size = os.fstat(stream.fileno()).st_size
        if size != descriptor.size:
            stream.close()
            source = f"The blob {descriptor.digest} of {self.directory}"
            raise ContentMismatch(source, descriptor.digest, f"{size} bytes instead of {descriptor.size}")
        return stream

    def add(self, content: bytes) -> Digest:
        """Keep ``content``. Raises DiskFull, TreeFailure."""
        digest = Digest.of(content)
        if not self._holds(digest, len(content)):
            with self._incoming() as fresh:
                fresh.write_bytes(content)
                fresh.replace(self.path(digest))
        return digest

    def add_layer(self, layer: Layer) -> bool:
        """Keep ``layer``, by a hard link where that can be; False where it was there already, whole.

        Raises ContentMismatch, DiskFull, TreeFailure.
        """
        path = self.path(layer.digest)
        if isinstance(layer, FileLayer) and _same_file(layer.path, path):
            return False
        if self._holds(layer.digest, layer.size):
            return False
        with self._incoming() as fresh:
            if not (isinstance(layer, FileLayer) and _linked(layer.path, fresh)):
                with fresh.open("xb") as stream:
                    stream.writelines(chunks(layer))
            if (size := fresh.stat().st_size) != layer.size:
                raise ContentMismatch(
                    f"The layer {layer.digest}", layer.digest, f"{size} bytes instead of {layer.size}"
                )
            fresh.replace(path)
        return True

    def make(self) -> None:
        """Make the directories that blobs lie in. Raises NotALayout where links or files lie there instead."""
        with writing(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            place = self.directory
            for part in BLOBS.parts:
                place = place / part
                if place.is_symlink() or (place.exists() and not place.is_dir()):
                    raise NotALayout(self.directory, f"{place.relative_to(self.directory)} is not a directory")
                place.mkdir(exist_ok=True)

    def replace_file(self, name: str, content: bytes) -> None:
        """Write a file beside the blobs, whole or not at all. Raises DiskFull, TreeFailure."""
        with self._incoming() as fresh:
            fresh.write_bytes(content)
            fresh.replace(self.directory / name)

    def sweep(self) -> None:
        """Remove what a killed writer left behind."""
        with writing(self.directory):
            for stale in self.directory.glob(f"{INCOMING}*"):
                stale.unlink()

    def remove_all_but(self, kept: frozenset[Digest]) -> tuple[int, int]:
        """Remove every other blob; returns how many went, and their bytes. Raises TreeFailure."""
        names = {digest.hex for digest in kept}
        count = size = 0
        with writing(self.directory), os.scandir(self.directory / BLOBS) as entries:
            for entry in entries:
                if entry.name not in names and not entry.is_dir(follow_symlinks=False):
                    size += entry.stat(follow_symlinks=False).st_size
                    count += 1
                    Path(entry.path).unlink()
        return count, size

    def _holds(self, digest: Digest, size: int) -> bool:
        """Whether the blob is there and is what its name says."""
        try:
            with open_within(self.directory, BLOBS / digest.hex) as stream:
                return os.fstat(stream.fileno()).st_size == size and _digest_of(stream) == digest
        except OSError:
            return False

    @contextmanager
    def _incoming(self) -> Iterator[Path]:
        fresh = self.directory / f"{INCOMING}{secrets.token_hex(8)}"
        try:
            with writing(self.directory):
                yield fresh
        finally:
            with suppress(OSError):
                fresh.unlink()


@dataclass(frozen=True)
class BlobLayer:
    """A layer of an image in a layout, as its manifest and its config describe it."""

    blobs: Blobs
    descriptor: Descriptor
    diff_id: Digest

    @property
    def digest(self) -> Digest:
        return self.descriptor.digest

    @property
    def size(self) -> int:
        return self.descriptor.size

    @property
    def media_type(self) -> AnyMediaType:
        return self.descriptor.media_type

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.descriptor.annotations

    @property
    def path(self) -> Path:
        return self.blobs.path(self.digest)

    def open(self) -> BinaryIO:
        """Not verified yet: `stagewright.images.layer.chunks` does that. Raises BlobMissing, ContentMismatch."""
        return self.blobs.open(self.descriptor)


def open_within(directory: Path, inner: PurePosixPath) -> BufferedReader:
    """The regular file ``inner`` of ``directory``, no link followed below it. Raises OSError."""
    place = os.open(directory, _DOWN & ~os.O_NOFOLLOW)
    try:
        for part in inner.parts[:-1]:
            below = os.open(part, _DOWN, dir_fd=place)
            os.close(place)
            place = below
        descriptor = os.open(inner.name, _READ, dir_fd=place)
    finally:
        os.close(place)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file")
    return os.fdopen(descriptor, "rb")


def _digest_of(stream: BufferedReader) -> Digest:
    return Digest(hashlib.file_digest(stream, "sha256").hexdigest())


def _same_file(one: Path, other: Path) -> bool:
    try:
        return os.path.samestat(one.lstat(), other.lstat())
    except OSError:
        return False


def _linked(source: Path, fresh: Path) -> bool:
    """Link ``source`` as ``fresh``; False where the file system, or a rule of the kernel, does not allow it."""
    try:
        os.link(source, fresh)
    except OSError:
        return False
    return stat.S_ISREG(fresh.lstat().st_mode)


def _reason(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "a link lies in its place"
    return (error.strerror or str(error)).lower()
