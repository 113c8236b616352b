"""The stream of a tar on its way to the disk: one thread reads files, another digests, compresses and writes.

Everything passes in blocks of exactly 1 MiB (the last may be shorter): isal's output depends on how much it is given at
a time, and an archive must not depend on how files happened to be read. isal and OpenSSL let go of the interpreter
while they work on a block, so the two threads really run side by side.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Protocol, Self

from isal import isal_zlib

from stagewright.model.digest import Digest
from stagewright.ports.progress import Progress
from stagewright.trees.problems import writing

CHUNK = 1 << 20
_CHUNKS_UNDER_WAY = 4
_GZIP_WINDOW = 31
"""A window of 2^15 bytes and a gzip header, as zlib numbers it."""
_LEVEL = 2
"""The highest whose output is the same on every processor."""
_MEMORY_LEVEL = 8
"""isal's own default, written down because the output depends on it."""


class Sink(Protocol):
    """Where the bytes of a tar end."""

    def take(self, chunk: memoryview) -> None: ...

    def end(self) -> None: ...


class DigestSink:
    """Only wants to know the digest."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def take(self, chunk: memoryview) -> None:
        self._sha.update(chunk)

    def end(self) -> None:
        pass

    @property
    def diff_id(self) -> Digest:
        return Digest(self._sha.hexdigest())


class PlainSink(DigestSink):
    """Writes the tar as it is, into a file of ``directory``. Raises DiskFull and TreeFailure."""

    def __init__(self, descriptor: int, directory: Path) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._directory = directory
        self.size = 0

    def take(self, chunk: memoryview) -> None:
        super().take(chunk)
        with writing(self._directory):
            write_all(self._descriptor, chunk)
        self.size += len(chunk)

    @property
    def digest(self) -> Digest:
        return self.diff_id


class GzipSink(DigestSink):
    """Writes the tar as one gzip member, whose header holds neither name nor time (RFC 1952, 2.3).

    Raises DiskFull and TreeFailure.
    """

    def __init__(self, descriptor: int, directory: Path) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._directory = directory
        self._written = hashlib.sha256()
        self._gzip = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP_WINDOW, _MEMORY_LEVEL)
        self.size = 0

    def take(self, chunk: memoryview) -> None:
        super().take(chunk)
        self._write(self._gzip.compress(chunk))

    def end(self) -> None:
        self._write(self._gzip.flush())

    def _write(self, content: bytes) -> None:
        self._written.update(content)
        with writing(self._directory):
            write_all(self._descriptor, memoryview(content))
        self.size += len(content)

    @property
    def digest(self) -> Digest:
        return Digest(self._written.hexdigest())


class Conveyor:
    """Gathers what is put on it into whole chunks and hands them to a sink, in another thread once there is more than one.

    A failure of the sink is raised at the next call here. Leave by `close`, or by the context, which waits for the thread.
    """

    def __init__(self, sink: Sink, progress: Progress) -> None:
        self._sink = sink
        self._progress = progress
        self._chunk = memoryview(bytearray(CHUNK))
        self._filled = 0
        self._passed = 0
        self._made = 1
        self._full: SimpleQueue[memoryview | None] = SimpleQueue()
        self._empty: SimpleQueue[memoryview] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    @property
    def length(self) -> int:
        """Bytes put on so far."""
        return self._passed + self._filled

    def put(self, content: bytes) -> None:
        """Append ``content``."""
        end = self._filled + len(content)
        if end <= CHUNK:
            self._chunk[self._filled : end] = content
            self._filled = end
            return
        rest = memoryview(content)
        while rest:
            if self._filled == CHUNK:
                self._pass_on()
            piece = rest[: CHUNK - self._filled]
            self._chunk[self._filled : self._filled + len(piece)] = piece
            self._filled += len(piece)
            rest = rest[len(piece) :]

    def put_file(self, descriptor: int, size: int) -> int:
        """Append at most ``size`` bytes of a file, read straight into place; returns how many there were."""
        left = size
        while left:
            if self._filled == CHUNK:
                self._pass_on()
            room = min(left, CHUNK - self._filled)
            got = os.readv(descriptor, [self._chunk[self._filled : self._filled + room]])
            if not got:
                break
            self._filled += got
            left -= got
        return size - left

    def close(self) -> None:
        """Hand over the rest and wait until the sink has it all."""
        self._stop()
        self._raise_failure()
        if self._filled:
            self._sink.take(self._chunk[: self._filled])
        self._sink.end()
        self._progress(self.length, self.length)

    def _pass_on(self) -> None:
        self._raise_failure()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="packing", daemon=True)
            self._thread.start()
        self._full.put(self._chunk)
        self._passed += self._filled
        self._filled = 0
        if self._made < _CHUNKS_UNDER_WAY:
            self._chunk = memoryview(bytearray(CHUNK))
            self._made += 1
        else:
            self._chunk = self._empty.get()
        self._progress(self._passed, None)

    def _work(self) -> None:
        while (chunk := self._full.get()) is not None:
            if self._failure is None:
                try:
                    self._sink.take(chunk)
                except BaseException as failure:
                    self._failure = failure
            self._empty.put(chunk)

    def _stop(self) -> None:
        if self._thread is not None:
            self._full.put(None)
            self._thread.join()
            self._thread = None

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()


def write_all(descriptor: int, content: memoryview) -> None:
    """Write all of ``content``; raises OSError."""
    while content:
        content = content[os.write(descriptor, content) :]
