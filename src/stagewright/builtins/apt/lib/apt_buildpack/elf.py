"""Which libraries an ELF file needs: its DT_NEEDED entries, read from the file alone.

Rules: System V ABI, chapters "Program Header" and "Dynamic Section"; 64-bit little-endian files, which are all that run here.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_NEEDED, DT_STRTAB = 0, 1, 5


def needed(file: Path) -> list[str]:
    """The sonames that the file needs; none for what is no dynamic 64-bit ELF file, or a damaged one."""
    try:
        with file.open("rb") as stream:
            return _needed(stream)
    except (OSError, struct.error, ValueError):
        return []


def _needed(stream: BinaryIO) -> list[str]:
    head = stream.read(64)
    if head[:6] != b"\x7fELF\x02\x01":
        return []
    (table,) = struct.unpack_from("<Q", head, 32)
    entry_size, count = struct.unpack_from("<HH", head, 54)
    loads: list[tuple[int, int, int]] = []
    dynamic = None
    for number in range(count):
        entry = _at(stream, table + number * entry_size, 56)
        kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", entry)
        if kind == PT_LOAD:
            loads.append((address, offset, size))
        elif kind == PT_DYNAMIC:
            dynamic = _at(stream, offset, min(size, 1 << 20))
    if dynamic is None:
        return []
    offsets, strings = [], None
    for tag, value in struct.iter_unpack("<QQ", dynamic[: len(dynamic) // 16 * 16]):
        if tag == DT_NULL:
            break
        if tag == DT_NEEDED:
            offsets.append(value)
        elif tag == DT_STRTAB:
            strings = next(
                (offset + value - address for address, offset, size in loads if 0 <= value - address < size), None
            )
    return [_text(stream, strings + offset) for offset in offsets] if strings is not None else []


def _at(stream: BinaryIO, offset: int, size: int) -> bytes:
    stream.seek(offset)
    return stream.read(size)


def _text(stream: BinaryIO, offset: int) -> str:
    return _at(stream, offset, 512).partition(b"\0")[0].decode("ascii", "replace")
