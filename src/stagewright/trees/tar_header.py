"""Headers of the canonical tar: ustar where it fits, PAX records where it does not (POSIX.1-2017, pax, "ustar
Interchange Format").

Written here and not by `tarfile`, which takes ten times as long for each entry.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

BLOCK = 512
END = bytes(2 * BLOCK)
"""What closes a tar: two blocks of zeros."""

FILE = b"0"
HARD_LINK = b"1"
LINK = b"2"
DIRECTORY = b"5"
_EXTENDED = b"x"

_HEADER = struct.Struct("100s8s8s8s12s12s8ss100s6s2s32s32s8s8s155s12x")
_NAME = 100
_PREFIX = 155
_LARGEST_SIZE = 8**11 - 1
_LARGEST_ID = 8**7 - 1
_NO_DEVICE = b"0000000\0"
_NO_SUM = b"        "
_EXTENDED_NAME = b"././@PaxHeader"

_KNOWN_NAMES = {0: b"root", 2000: b"vcap"}


@dataclass(frozen=True, slots=True)
class Header:
    """One entry. ``name`` of a directory ends with a slash; ``target`` is what a link or hard link leads to."""

    name: bytes
    kind: bytes
    mode: int
    uid: int
    gid: int
    mtime: int
    """Seconds since 1970."""
    size: int = 0
    target: bytes = b""


def encode(header: Header) -> bytes:
    """The blocks of ``header``, its PAX records first where it needs them."""
    records: dict[bytes, bytes] = {}
    prefix, name = _fit_name(header.name, records)
    target = _fit_target(header.target, records)
    size = _fit_number(b"size", header.size, _LARGEST_SIZE, records)
    uid = _fit_number(b"uid", header.uid, _LARGEST_ID, records)
    gid = _fit_number(b"gid", header.gid, _LARGEST_ID, records)
    block = _block(
        name, header.mode, uid, gid, size, header.mtime, header.kind, target, prefix,
        _KNOWN_NAMES.get(header.uid, b""), _KNOWN_NAMES.get(header.gid, b""),
    )  # fmt: skip
    return _extended(records, header.mtime) + block if records else block


def padding(size: int) -> bytes:
    """What fills the last block of a file of ``size`` bytes."""
    return bytes(-size % BLOCK)


def _fit_name(name: bytes, records: dict[bytes, bytes]) -> tuple[bytes, bytes]:
    """Names that fit are written as the bytes they are, as GNU tar does: every reader takes them for what they were.

    POSIX would have PAX records for all that is not ASCII; bsdtar then fails in the C locale.
    """
    if len(name) <= _NAME:
        return b"", name
    cut = name.find(b"/", len(name) - _NAME - 1)
    if 0 < cut <= _PREFIX and cut + 1 < len(name):
        return name[:cut], name[cut + 1 :]
    records[b"path"] = name
    return b"", name[:_NAME]


def _fit_target(target: bytes, records: dict[bytes, bytes]) -> bytes:
    if len(target) > _NAME:
        records[b"linkpath"] = target
    return target[:_NAME]


def _fit_number(key: bytes, number: int, largest: int, records: dict[bytes, bytes]) -> int:
    if number <= largest:
        return number
    records[key] = b"%d" % number
    return 0


def _block(
    name: bytes, mode: int, uid: int, gid: int, size: int, mtime: int, kind: bytes, target: bytes, prefix: bytes,
    user: bytes, group: bytes,
) -> bytes:  # fmt: skip
    def packed(checksum: bytes) -> bytes:
        return _HEADER.pack(
            name, b"%07o\0" % mode, b"%07o\0" % uid, b"%07o\0" % gid, b"%011o\0" % size, b"%011o\0" % mtime,
            checksum, kind, target, b"ustar\0", b"00", user, group, _NO_DEVICE, _NO_DEVICE, prefix,
        )  # fmt: skip

    block = packed(_NO_SUM)
    return b"%b%06o\0 %b" % (block[:148], sum(block), block[156:])


def _extended(records: dict[bytes, bytes], mtime: int) -> bytes:
    """An extended header. Names that are not UTF-8 are declared to be bare bytes (``hdrcharset=BINARY``), as POSIX wants."""
    body = b"" if all(_is_utf8(value) for value in records.values()) else _record(b"hdrcharset", b"BINARY")
    body += b"".join(_record(key, records[key]) for key in sorted(records))
    block = _block(_EXTENDED_NAME, 0o644, 0, 0, len(body), mtime, _EXTENDED, b"", b"", b"root", b"root")
    return block + body + padding(len(body))


def _record(key: bytes, value: bytes) -> bytes:
    """``LENGTH KEY=VALUE\\n``, where LENGTH counts its own digits too."""
    rest = b" %b=%b\n" % (key, value)
    length = len(rest)
    while length != len(rest) + len(b"%d" % length):
        length = len(rest) + len(b"%d" % length)
    return b"%d%b" % (length, rest)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
