"""Reads a zip that nobody vouches for (PKWARE APPNOTE 6.3.10): jar and war files, uploads of the cf command line.

`zipfile` believes the central directory. Here the local headers must say the same, members must not overlap, the
directory must be where its record says and hold what it counts, and names stay bytes. Stored and deflated members are
read, as Cloud Foundry does.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from isal import isal_zlib

from stagewright.model.quantities import show_size
from stagewright.trees.damage import ISAL_ERROR, Damaged, Forbidden
from stagewright.trees.entries import NAMES_LIMIT, TARGET_LIMIT, Entry, EntryKind, Gate

FILE_MODE = 0o744
"""Of files whose zip says no mode: what Cloud Foundry gives them, so that scripts zipped on Windows can run."""
DIRECTORY_MODE = 0o755

_END = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\x05\x06"
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s2B5H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_LONGEST_COMMENT = 65535
_MAX16 = 0xFFFF
_MAX32 = 0xFFFFFFFF
_ZIP64_EXTRA = 1

_ENCRYPTED = 0x1 | 0x40 | 0x2000
_SIZES_FOLLOW = 0x8
_UTF8 = 0x800
_STORED = 0
_DEFLATED = 8

_UNIX_HOSTS = (3, 19)
"""Makers whose external attributes hold a Unix mode: Unix and macOS."""
_DRIVE = re.compile(rb"[A-Za-z]:")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """What the central directory says of one member."""

    name: bytes
    """As it stands in the archive."""
    host: int
    flags: int
    method: int
    modified: tuple[int, int]
    """Time and date as MS-DOS packs them."""
    crc: int
    packed: int
    size: int
    attributes: int
    offset: int
    """Of its local header, in the file."""

    @property
    def mode(self) -> int:
        """The Unix mode with its type; 0 where there is none."""
        return self.attributes >> 16 if self.host in _UNIX_HOSTS else 0


@dataclass(frozen=True, slots=True)
class _Directory:
    start: int
    size: int
    count: int
    shift: int
    """What must be added to the offsets in it: the length of a program before the zip."""


def zip_members(descriptor: int, gate: Gate) -> list[tuple[Member, int]]:
    """The members in the directory's order, each with the offset in the file where it must have ended.

    Raises Damaged, ArchiveTooLarge.
    """
    directory = _find_directory(descriptor)
    try:
        members = _list(descriptor, directory, gate)
    except OSError as error:
        raise Damaged(f"it cannot be read ({error.strerror})") from error
    offsets = sorted(member.offset for member in members)
    following = dict(pairwise([*offsets, directory.start]))
    if len(following) != len(members):
        raise Damaged("two of its members lie in the same place")
    return [(member, following[member.offset]) for member in members]


def as_entry(descriptor: int, member: Member, end: int) -> Entry:
    """``member`` as an entry; the target of a link is read from its content. Raises Damaged, Forbidden."""
    name = _clean_name(member)
    kind = _kind(member, name)
    mode = stat.S_IMODE(member.mode)
    if not member.mode:
        mode = DIRECTORY_MODE if kind is EntryKind.DIRECTORY else FILE_MODE
    if kind is EntryKind.LINK:
        if member.size > TARGET_LIMIT:
            raise Forbidden(name, f"it is a link to a path of more than {TARGET_LIMIT} bytes")
        target = b"".join(read_member(descriptor, member, end))
        return Entry(name, kind, mode, target=target)
    return Entry(name, kind, mode, member.size, mtime_ns=_mtime(member))


def read_member(descriptor: int, member: Member, end: int) -> Iterator[bytes]:
    """The content of a member in pieces of at most 1 MiB, verified. Raises Damaged."""
    at = _content_start(descriptor, member, end)
    crc = size = 0
    pieces = _stored if member.method == _STORED else _inflated
    for piece in pieces(descriptor, at, member.packed):
        size += len(piece)
        if size > member.size:
            raise Damaged(f"a member is longer than its {member.size} bytes")
        crc = isal_zlib.crc32(piece, crc)
        yield piece
    if size != member.size or crc != member.crc:
        raise Damaged("the content of a member is damaged")


def _find_directory(descriptor: int) -> _Directory:
    length = os.fstat(descriptor).st_size
    tail_start = max(0, length - _END.size - _LONGEST_COMMENT)
    tail = _pread(descriptor, length - tail_start, tail_start)
    ends = [
        found.start()
        for found in re.finditer(re.escape(_END_MARK), tail)
        if found.start() + _END.size <= len(tail)
        and found.start() + _END.size + _END.unpack_from(tail, found.start())[7] == len(tail)
    ]
    if len(ends) != 1:
        raise Damaged("it is cut off, or has something behind its end" if not ends else "it has two ends")
    _, disk, start_disk, here, count, size, offset, _ = _END.unpack_from(tail, ends[0])
    end = tail_start + ends[0]
    if _MAX16 in (disk, here, count) or _MAX32 in (size, offset):
        locator = (
            _pread(descriptor, _END64_LOCATOR.size, end - _END64_LOCATOR.size) if end >= _END64_LOCATOR.size else b""
        )
        if locator.startswith(b"PK\x06\x07"):
            end, disk, start_disk, here, count, size, offset = _find_directory64(descriptor, locator, end)
    if disk or start_disk or here != count:
        raise Damaged("it is one part of several")
    start = end - size
    if start < 0 or start < offset:
        raise Damaged("its directory is not where its end says")
    return _Directory(start, size, count, start - offset)


def _find_directory64(descriptor: int, locator: bytes, end: int) -> tuple[int, int, int, int, int, int, int]:
    _, _, stated, _ = _END64_LOCATOR.unpack(locator)
    at = end - _END64_LOCATOR.size - _END64.size
    if at < 0 or stated > at:
        raise Damaged("its zip64 end is not where its locator says")
    mark, _, _, _, disk, start_disk, here, count, size, offset = _END64.unpack(_pread(descriptor, _END64.size, at))
    if mark != b"PK\x06\x06":
        raise Damaged("its zip64 end is not where its locator says")
    return at, disk, start_disk, here, count, size, offset


def _list(descriptor: int, directory: _Directory, gate: Gate) -> list[Member]:
    members = []
    names = 0
    with open(descriptor, "rb", closefd=False) as reader:
        reader.seek(directory.start)
        left = directory.size
        while left > 0:
            member, length = _read_member(reader, directory.shift)
            members.append(member)
            left -= length
            names += len(member.name)
            if len(members) > gate.bounds.entries:
                gate.too_large(f"{gate.bounds.entries:,} entries", member.name)
            if names > NAMES_LIMIT:
                gate.too_large(f"{show_size(NAMES_LIMIT)} of names", member.name)
    if left or len(members) != directory.count:
        raise Damaged("its directory does not hold what it counts")
    return members


def _read_member(reader: io.BufferedReader, shift: int) -> tuple[Member, int]:
    raw = reader.read(_CENTRAL.size)
    if len(raw) < _CENTRAL.size or not raw.startswith(b"PK\x01\x02"):
        raise Damaged("its directory is damaged")
    (
        _, _, host, _, flags, method, time, date, crc, packed, size, name_length, extra_length, comment_length, disk, _,
        attributes, offset,
    ) = _CENTRAL.unpack(raw)  # fmt: skip
    name = reader.read(name_length)
    extra = reader.read(extra_length)
    if len(name) + len(extra) + len(reader.read(comment_length)) < name_length + extra_length + comment_length:
        raise Damaged("its directory is damaged")
    size, packed, offset = _widened(extra, [size, packed, offset])
    if disk not in (0, _MAX16):
        raise Damaged("it is one part of several")
    length = _CENTRAL.size + name_length + extra_length + comment_length
    return Member(name, host, flags, method, (time, date), crc, packed, size, attributes, offset + shift), length


def _widened(extra: bytes, numbers: list[int]) -> list[int]:
    """Numbers that did not fit are in the zip64 field, in their order (APPNOTE 4.5.3)."""
    if _MAX32 not in numbers:
        return numbers
    wide = _extra_field(extra, _ZIP64_EXTRA)
    found = []
    for number in numbers:
        if number == _MAX32:
            if len(wide) < 8:
                raise Damaged("a zip64 field is malformed")
            number, wide = int.from_bytes(wide[:8], "little"), wide[8:]
        found.append(number)
    return found


def _extra_field(extra: bytes, wanted: int) -> bytes:
    while len(extra) >= 4:
        identifier, length = struct.unpack_from("<2H", extra)
        if identifier == wanted:
            return extra[4 : 4 + length]
        extra = extra[4 + length :]
    return b""


def _clean_name(member: Member) -> bytes:
    name = member.name
    if member.host not in _UNIX_HOSTS:
        if b"\\" in name:
            raise Forbidden(name, "its name holds a backslash, which readers understand differently")
        if _DRIVE.match(name):
            raise Forbidden(name, "its name is absolute")
        if not member.flags & _UTF8:
            try:
                name.decode("utf-8")
            except UnicodeDecodeError:
                name = name.decode("cp437").encode("utf-8")
    return name


def _kind(member: Member, name: bytes) -> EntryKind:
    named_directory = name.endswith(b"/")
    kind = stat.S_IFMT(member.mode)
    if kind == stat.S_IFLNK and not named_directory:
        return EntryKind.LINK
    if kind == stat.S_IFDIR or (named_directory and kind in (0, stat.S_IFREG)):
        if member.size:
            raise Forbidden(name, "it is a directory with content")
        return EntryKind.DIRECTORY
    if kind in (0, stat.S_IFREG):
        return EntryKind.FILE
    raise Forbidden(name, "it is neither a file nor a directory nor a link")


def _mtime(member: Member) -> int:
    """Nanoseconds since 1970; MS-DOS times know no zone and are read as UTC. Impossible ones are 0."""
    time, date = member.modified
    year, month, day = 1980 + (date >> 9), date >> 5 & 15, date & 31
    try:
        moment = datetime(year, month, day, time >> 11, time >> 5 & 63, (time & 31) * 2, tzinfo=UTC)
    except ValueError:
        return 0
    return int(moment.timestamp()) * 10**9


def _content_start(descriptor: int, member: Member, end: int) -> int:
    """Where the content begins, once the local header agrees with the directory."""
    if member.flags & _ENCRYPTED:
        raise Damaged("it is encrypted")
    if member.method not in (_STORED, _DEFLATED):
        raise Damaged(f"a member is compressed by method {member.method}, which is not read")
    raw = _pread(descriptor, _LOCAL.size, member.offset)
    if len(raw) < _LOCAL.size or not raw.startswith(b"PK\x03\x04"):
        raise Damaged("a member is not where its directory says")
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(raw)
    rest = _pread(descriptor, name_length + extra_length, member.offset + _LOCAL.size)
    if rest[:name_length] != member.name or method != member.method or (flags ^ member.flags) & _ENCRYPTED:
        raise Damaged("a member and its directory disagree")
    size, packed = _widened(rest[name_length:], [size, packed])
    stated = (crc, packed, size)
    if stated != (member.crc, member.packed, member.size) and not (flags & _SIZES_FOLLOW and stated == (0, 0, 0)):
        raise Damaged("a member and its directory disagree")
    start: int = member.offset + _LOCAL.size + name_length + extra_length
    if start + member.packed > end:
        raise Damaged("two of its members overlap")
    return start


def _stored(descriptor: int, at: int, length: int) -> Iterator[bytes]:
    while length:
        piece = _pread(descriptor, min(length, _CHUNK), at)
        if not piece:
            raise Damaged("it ends too early")
        at += len(piece)
        length -= len(piece)
        yield piece


def _inflated(descriptor: int, at: int, length: int) -> Iterator[bytes]:
    inflate = isal_zlib.decompressobj(-15)
    try:
        for packed in _stored(descriptor, at, length):
            while packed and not inflate.eof:
                piece = inflate.decompress(packed, _CHUNK)
                packed = inflate.unconsumed_tail
                if piece:
                    yield piece
            if packed or inflate.unused_data:
                raise Damaged("a member has something behind its content")
        while not inflate.eof:
            piece = inflate.decompress(inflate.unconsumed_tail, _CHUNK)
            if not piece:
                raise Damaged("a member ends too early")
            yield piece
    except ISAL_ERROR as error:
        raise Damaged(f"the content of a member is damaged ({error})") from error


def _pread(descriptor: int, size: int, at: int) -> bytes:
    try:
        return os.pread(descriptor, size, at)
    except OSError as error:
        raise Damaged(f"it cannot be read ({error.strerror})") from error
