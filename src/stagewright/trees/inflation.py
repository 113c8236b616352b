"""Decompression that is never larger than it was asked to be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import StrEnum
from typing import Protocol

from isal import igzip_lib

from stagewright.trees.damage import ISAL_ERROR, Damaged
from stagewright.trees.entries import Gate

CHUNK = 1 << 20
_READ = 256 << 10
_FIRST_READ = 4 << 20
"""Compressed bytes that are read to see what is inside: bzip2 gives nothing before a block of 900 kB is complete."""
_XZ_MEMORY = 256 << 20
"""Bytes that xz may use: four times what its highest preset does."""


class Compressed(StrEnum):
    """How a stream is compressed."""

    NOT = "not"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"


class _Decompressor(Protocol):
    """What bz2, lzma and isal have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...


def first_bytes(descriptor: int, compressed: Compressed, size: int) -> bytes:
    """The first ``size`` bytes of what is compressed there; fewer where it is damaged or short. Raises OSError."""
    found = b""
    at = 0
    decompressor = _decompressor(compressed)
    while len(found) < size and not decompressor.eof and at < _FIRST_READ:
        data = os.pread(descriptor, _READ, at) if decompressor.needs_input else b""
        at += len(data)
        if decompressor.needs_input and not data:
            break
        try:
            found += decompressor.decompress(data, size - len(found))
        except _errors(compressed):
            break
    return found


def chunks(descriptor: int, compressed: Compressed, gate: Gate) -> Iterator[bytes]:
    """The uncompressed content of a file in pieces of at most 1 MiB, as the gate allows.

    Raises Damaged for what is no such stream, ends early or has something other than zeros behind it; ArchiveTooLarge;
    OSError.
    """
    total = os.fstat(descriptor).st_size
    given = 0
    for packed, piece in _pieces(descriptor, compressed):
        given += len(piece)
        gate.progress(packed, total)
        gate.weigh(packed, given)
        yield piece


def _pieces(descriptor: int, compressed: Compressed) -> Iterator[tuple[int, bytes]]:
    """What comes out, each piece with how much had gone in by then."""
    source = _Source(descriptor)
    if compressed is Compressed.NOT:
        while piece := source.read(CHUNK):
            yield source.given, piece
        return
    try:
        for piece in _members(source, compressed):
            yield source.given, piece
    except _errors(compressed) as error:
        raise Damaged(f"its {compressed} data is damaged ({error})") from error


class _Source:
    """A file that counts what was read from it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.given = 0

    def read(self, size: int = _READ) -> bytes:
        """At most ``size`` bytes; none at the end. Raises Damaged where the disk fails."""
        try:
            found = os.read(self._descriptor, size)
        except OSError as error:
            raise Damaged(f"it cannot be read ({error.strerror})") from error
        self.given += len(found)
        return found


def _members(source: _Source, compressed: Compressed) -> Iterator[bytes]:
    """Several members may follow each other (pigz, bgzip), and zeros behind them as on tapes; nothing else may."""
    rest = source.read()
    while rest:
        decompressor = _decompressor(compressed)
        yield from _member(decompressor, rest, source)
        rest = decompressor.unused_data or source.read()
        while rest and not rest.strip(b"\0"):
            rest = source.read()


def _member(decompressor: _Decompressor, start: bytes, source: _Source) -> Iterator[bytes]:
    given = start
    while True:
        piece = decompressor.decompress(given, CHUNK)
        if piece:
            yield piece
        if decompressor.eof:
            return
        if decompressor.needs_input:
            given = source.read()
            if not given:
                raise Damaged("it ends too early")
        elif piece or given:
            given = b""
        else:
            raise Damaged("its compressed data never ends")


def _decompressor(compressed: Compressed) -> _Decompressor:
    if compressed is Compressed.GZIP:
        gzip: _Decompressor = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
        return gzip
    if compressed is Compressed.BZIP2:
        import bz2

        return bz2.BZ2Decompressor()
    import lzma

    return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)


def _errors(compressed: Compressed) -> tuple[type[Exception], ...]:
    """What the library raises for damaged data. bz2 says OSError without a number."""
    if compressed is Compressed.GZIP:
        return (ISAL_ERROR, EOFError, ValueError)
    if compressed is Compressed.BZIP2:
        return (OSError, EOFError, ValueError)
    import lzma

    return (lzma.LZMAError, EOFError)
