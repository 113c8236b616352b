"""Reads a tar that nobody vouches for: ustar, GNU long names, PAX; every field is checked, and doubtful archives are
refused.

`tarfile` is made to read as much as it can. Here, what two readers may understand differently (contents of a link, two
extended headers for one entry, data behind the end) is refused, nothing is read into memory that is not bounded, and
names stay bytes.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from stagewright.trees.damage import Damaged, Forbidden
from stagewright.trees.entries import Entry, EntryKind

BLOCK = 512
_EXTENSION_LIMIT = 1 << 20
"""Bytes of an extended header or a long name; real ones have less than ten thousand."""

_OCTAL = re.compile(rb"[ \0]*([0-7]*)[ \0].*|[ \0]*([0-7]+)", re.DOTALL)
_RECORD_LENGTH = re.compile(rb"([1-9][0-9]{0,6}) ")
_TIME = re.compile(rb"(-?[0-9]{1,18})(?:\.([0-9]{0,30}))?")

_KINDS = {
    b"0": EntryKind.FILE,
    b"\0": EntryKind.FILE,
    b"7": EntryKind.FILE,  # contiguous: POSIX reads it as a file
    b"1": EntryKind.HARD_LINK,
    b"2": EntryKind.LINK,
    b"5": EntryKind.DIRECTORY,
}
_REFUSED = {
    b"3": "it is a character device",
    b"4": "it is a block device",
    b"6": "it is a named pipe",
    b"S": "it is a sparse file; make the archive without --sparse",
}
_VOLUME_LABEL = b"V"


class Source(Protocol):
    """A stream of the uncompressed tar."""

    def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only where the stream ends."""
        ...

    def skip(self, size: int) -> int:
        """Pass over ``size`` bytes; returns how many there were."""
        ...


@dataclass(slots=True)
class _Extensions:
    """What came before an entry and belongs to it."""

    pax: dict[bytes, bytes] | None = None
    name: bytes | None = None
    target: bytes | None = None


@dataclass(slots=True)
class _Block:
    """A header block, its fields read but not judged."""

    raw: bytes
    kind: bytes = field(init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        _verify_sum(self.raw)
        self.kind = self.raw[156:157]
        self.size = _number(self.raw[124:136], "size")

    @property
    def name(self) -> bytes:
        name = _text(self.raw[:100])
        if self.raw[257:263] == b"ustar\0" and (prefix := _text(self.raw[345:500])):
            return prefix + b"/" + name
        return name


def looks_like_header(block: bytes) -> bool:
    """Whether ``block`` is a sound tar header, or the end of an empty tar."""
    if len(block) < BLOCK:
        return False
    if block == bytes(BLOCK):
        return True
    try:
        _Block(block)
    except Damaged:
        return False
    return True


def read_entries(source: Source) -> Iterator[Entry]:
    """The entries of a tar, in order. The taker of a file's entry reads its ``size`` bytes from ``source`` before the next.

    Raises Damaged and Forbidden.
    """
    while (found := _next_block(source)) is not None:
        block, extensions = found
        entry = _entry(block, extensions)
        if entry is None:
            continue
        yield entry
        rest = -entry.size % BLOCK
        if source.skip(rest) != rest:
            raise Damaged("it ends in the middle of an entry")
    _require_nothing_behind(source)


def _next_block(source: Source) -> tuple[_Block, _Extensions] | None:
    """The next header that is an entry's own, with the extended headers before it; None at the end of the archive."""
    extensions = _Extensions()
    while True:
        raw = source.read(BLOCK)
        if raw == bytes(BLOCK):
            if extensions != _Extensions():
                raise Damaged("it ends between an extended header and its entry")
            return None
        if len(raw) < BLOCK:
            raise Damaged("it ends without the mark of its end")
        block = _Block(raw)
        if block.kind in (b"x", b"X"):
            if extensions.pax is not None:
                raise Damaged("an entry has two extended headers")
            extensions.pax = _pax_records(_extension(source, block))
        elif block.kind == b"g":
            _check_global(_pax_records(_extension(source, block)))
        elif block.kind == b"L":
            if extensions.name is not None:
                raise Damaged("an entry has two long names")
            extensions.name = _text(_extension(source, block))
        elif block.kind == b"K":
            if extensions.target is not None:
                raise Damaged("an entry has two long link targets")
            extensions.target = _text(_extension(source, block))
        else:
            return block, extensions


def _entry(block: _Block, extensions: _Extensions) -> Entry | None:
    records = extensions.pax or {}
    name = _agreed(records.get(b"path"), extensions.name, block.name)
    target = _agreed(records.get(b"linkpath"), extensions.target, _text(block.raw[157:257]))
    if block.kind == _VOLUME_LABEL and block.size == 0:
        return None
    if any(key.startswith((b"GNU.sparse.", b"SCHILY.realsize")) for key in records):
        raise Forbidden(name, _REFUSED[b"S"])
    if block.kind not in _KINDS:
        kind = block.kind.decode("ascii", "backslashreplace")
        raise Forbidden(name, _REFUSED.get(block.kind, f"it is of a kind ({kind!r}) that is not read"))
    kind = _KINDS[block.kind]
    if kind is EntryKind.FILE and name.endswith(b"/"):
        kind = EntryKind.DIRECTORY
    size = _pax_number(records[b"size"]) if b"size" in records else block.size
    if size and kind is not EntryKind.FILE:
        raise Forbidden(name, f"it is a {kind} with content, which readers understand differently")
    mode = stat.S_IMODE(_number(block.raw[100:108], "mode"))
    uid = _owner(block.raw[108:116], records.get(b"uid"))
    gid = _owner(block.raw[116:124], records.get(b"gid"))
    return Entry(name, kind, mode, size, target, _mtime(block, records), uid, gid)


def _agreed(pax: bytes | None, gnu: bytes | None, plain: bytes) -> bytes:
    if pax is not None and gnu is not None and pax != gnu:
        raise Damaged("an entry has two different long names")
    return pax if pax is not None else gnu if gnu is not None else plain


def _extension(source: Source, block: _Block) -> bytes:
    if block.size > _EXTENSION_LIMIT:
        raise Damaged(f"an extended header has more than {_EXTENSION_LIMIT} bytes")
    padded = block.size + -block.size % BLOCK
    body = source.read(padded)
    if len(body) < padded:
        raise Damaged("it ends in the middle of an extended header")
    return body[: block.size]


def _pax_records(body: bytes) -> dict[bytes, bytes]:
    """``LENGTH KEY=VALUE\\n`` again and again (POSIX.1-2017, pax, "pax Extended Header")."""
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(body):
        match = _RECORD_LENGTH.match(body, at)
        if match is None:
            raise Damaged("an extended header is malformed")
        end = at + int(match[1])
        key, equals, value = body[match.end() : end].partition(b"=")
        if end > len(body) or not equals or not key or not value.endswith(b"\n"):
            raise Damaged("an extended header is malformed")
        if key in records:
            raise Damaged("an extended header says one thing twice")
        records[key] = value[:-1]
        at = end
    return {key: value for key, value in records.items() if value}


def _check_global(records: dict[bytes, bytes]) -> None:
    for key in (b"path", b"linkpath", b"size"):
        if key in records:
            raise Damaged(f"a global header gives every entry the same {key.decode()}")
    if any(key.startswith(b"GNU.sparse.") for key in records):
        raise Damaged("a global header makes every entry sparse")


def _require_nothing_behind(source: Source) -> None:
    """Behind the mark of the end only zeros may follow: other readers might go on and find more entries."""
    while block := source.read(BLOCK * 128):
        if block.strip(b"\0"):
            raise Damaged("there is something behind its end")


def _verify_sum(block: bytes) -> None:
    """The sum of all bytes, its own field taken as spaces; some old programs summed signed bytes."""
    stated = _number(block[148:156], "checksum")
    plain = block[:148] + b"        " + block[156:]
    if stated != sum(plain) and stated != sum(byte - 256 if byte > 127 else byte for byte in plain):
        raise Damaged("a header is damaged (its checksum is wrong)")


def _number(raw: bytes, what: str) -> int:
    """Octal digits, or GNU's base 256 behind a byte of 0x80. Negative numbers are refused."""
    if raw[0] == 0x80:
        number = int.from_bytes(raw[1:], "big")
        if number > 1 << 62:
            raise Damaged(f"a header has an impossible {what}")
        return number
    digits = raw.strip(b" \0")
    if digits.isdigit() and b"8" not in digits and b"9" not in digits:
        return int(digits, 8)
    match = _OCTAL.fullmatch(raw)
    if match is None:
        raise Damaged(f"a header has a malformed {what}")
    return int(match[1] or match[2] or b"0", 8)


def _pax_number(value: bytes) -> int:
    if not value.isdigit() or len(value) > 18:
        raise Damaged("an extended header has a malformed size")
    return int(value)


def _owner(raw: bytes, pax: bytes | None) -> int:
    """The number of a user or group; root's where the header holds none, as in what some libraries write."""
    if pax is not None:
        return int(pax) if pax.isdigit() and len(pax) <= 18 else 0
    try:
        return _number(raw, "owner")
    except Damaged:
        return 0


def _mtime(block: _Block, records: dict[bytes, bytes]) -> int:
    """Nanoseconds since 1970."""
    if b"mtime" not in records:
        raw = block.raw[136:148]
        return 0 if raw[0] == 0xFF else _number(raw, "time") * 10**9
    match = _TIME.fullmatch(records[b"mtime"])
    if match is None:
        raise Damaged("an extended header has a malformed time")
    return int(match[1]) * 10**9 + int((match[2] or b"").ljust(9, b"0")[:9])


def _text(raw: bytes) -> bytes:
    """Up to the first NUL."""
    return raw.partition(b"\0")[0]
