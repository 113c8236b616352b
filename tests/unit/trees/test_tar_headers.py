"""Headers that we write are read by others and by ourselves."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewright.trees.entries import EntryKind
from stagewright.trees.stream import Stream
from stagewright.trees.tar_header import DIRECTORY, END, FILE, HARD_LINK, LINK, Header, encode
from stagewright.trees.tar_reader import read_entries

NAMES = [
    b"a",
    b"a" * 100,
    b"a" * 101,
    b"a" * 250,
    b"/".join([b"d" * 30] * 4),
    b"p" * 155 + b"/" + b"n" * 100,
    b"p" * 156 + b"/" + b"n" * 100,
    b"p" * 155 + b"/" + b"n" * 101,
    b"/".join([b"x" * 60] * 20),
    "Ümläut/日本".encode(),
    b"latin-\xe4\xff",
    b"\xff" * 300,
    b"new\nline",
    b"new\nline" * 40,
    b"with=equals 12 path=other" * 9,
    b"-rf",
]


def parsed(blocks: bytes) -> tarfile.TarInfo:
    with tarfile.open(fileobj=io.BytesIO(blocks + END), errors="surrogateescape", encoding="utf-8") as archive:
        (member,) = archive.getmembers()
    return member


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("name", NAMES)
def test_names_as_tarfile_reads_them(name: bytes) -> None:
    member = parsed(encode(Header(name, FILE, 0o4755, 2000, 2000, 315532801)))
    assert (raw(member.name), member.mode, member.isreg()) == (name, 0o4755, True)
    assert (member.uid, member.uname, member.mtime) == (2000, "vcap", 315532801)


@pytest.mark.parametrize("name", NAMES)
def test_directories_as_tarfile_reads_them(name: bytes) -> None:
    member = parsed(encode(Header(name + b"/", DIRECTORY, 0o1777, 0, 0, 1)))
    assert (raw(member.name), member.mode, member.isdir(), member.uname) == (name, 0o1777, True, "root")


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.parametrize("kind", [LINK, HARD_LINK])
def test_targets_as_tarfile_reads_them(kind: bytes, target: bytes) -> None:
    member = parsed(encode(Header(b"link", kind, 0o777, 5, 5, 1, target=target)))
    assert (raw(member.linkname), member.type, member.uname) == (target, kind, "")


@pytest.mark.parametrize("number", [8**7 - 1, 8**7, 2**31])
def test_large_owners(number: int) -> None:
    member = parsed(encode(Header(b"f", FILE, 0o644, number, number, 1)))
    assert (member.uid, member.gid) == (number, number)


@pytest.mark.parametrize("size", [0, 1, 8**11 - 1, 8**11, 2**40])
def test_large_sizes(size: int) -> None:
    header = tarfile.TarInfo.frombuf(encode(Header(b"f", FILE, 0o644, 0, 0, 1, size))[-512:], "utf-8", "strict")
    if size < 8**11:
        assert header.size == size
    else:
        assert b" size=%d\n" % size in encode(Header(b"f", FILE, 0o644, 0, 0, 1, size))


path_parts = st.binary(min_size=1, max_size=200).filter(lambda part: b"/" not in part and b"\0" not in part)
paths = st.lists(path_parts, min_size=1, max_size=8).map(b"/".join)


@given(paths, paths, st.integers(0, 0o7777))
def test_we_read_what_we_write(name: bytes, target: bytes, mode: int) -> None:
    headers = [
        Header(name + b"/", DIRECTORY, mode, 1, 2, 3),
        Header(name, LINK, mode, 1, 2, 3, target=target),
        Header(target, HARD_LINK, mode, 1, 2, 3, target=name),
        Header(name, FILE, mode, 1, 2, 3),
    ]
    entries = list(read_entries(Stream(iter([b"".join(map(encode, headers)) + END]))))
    assert [entry.kind for entry in entries] == [
        EntryKind.DIRECTORY,
        EntryKind.LINK,
        EntryKind.HARD_LINK,
        EntryKind.FILE,
    ]
    assert [entry.name for entry in entries] == [name + b"/", name, target, name]
    assert [entry.target for entry in entries] == [b"", target, name, b""]
    assert {entry.mode for entry in entries} == {mode}
    assert {entry.mtime_ns for entry in entries} == {3 * 10**9}
