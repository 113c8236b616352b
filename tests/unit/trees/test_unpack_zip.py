"""Zips that nobody vouches for."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.odd_trees import facts

from stagewright.model.tree import Bounds
from stagewright.trees import (
    ArchiveKind,
    ArchiveTooLarge,
    LinkPolicy,
    Times,
    UnreadableArchive,
    UnsafeArchive,
    archive_kind,
    unpack,
)

UNIX, DOS = 3, 0


def made(*members: tuple[str, bytes, int], host: int = UNIX, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of (name, content, mode with its type; 0 for none)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content, mode in members:
            info = zipfile.ZipInfo(name, (2020, 2, 3, 4, 5, 6))
            info.create_system = host
            info.external_attr = mode << 16
            info.compress_type = method
            archive.writestr(info, content)
    return buffer.getvalue()


def member(name: str, content: bytes = b"evil") -> tuple[str, bytes, int]:
    return name, content, stat.S_IFREG | 0o640


Bring = Callable[..., Path]


@pytest.fixture
def bring(tmp_path: Path) -> Bring:
    def unpacked(
        content: bytes, links: LinkPolicy = LinkPolicy.KEEP, bounds: Bounds | None = None, **more: Any
    ) -> Path:
        (tmp_path / "archive").write_bytes(content)
        unpack(tmp_path / "archive", tmp_path / "in", bounds=bounds or Bounds(), links=links, **more)
        return tmp_path / "in"

    return unpacked


class TestContent:
    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    @pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (3 << 20) + 7])
    def test_files(self, method: int, size: int, bring: Bring) -> None:
        content = (os.urandom(700) * (size // 700 + 1))[:size]
        tree = bring(made(member("a/b", content), member("a/c", b"c"), method=method))
        assert (tree / "a" / "b").read_bytes() == content
        assert stat.S_IMODE((tree / "a" / "b").stat().st_mode) == 0o640

    def test_links(self, bring: Bring) -> None:
        tree = bring(made(member("f"), ("l", b"../../any\xff", stat.S_IFLNK | 0o777)))
        assert os.fsencode((tree / "l").readlink()) == b"../../any\xff"

    def test_directories(self, bring: Bring) -> None:
        tree = bring(made(("d/", b"", stat.S_IFDIR | 0o711), ("e", b"", stat.S_IFDIR | 0o700)))
        assert [stat.S_IMODE((tree / name).stat().st_mode) for name in "de"] == [0o711, 0o700]

    def test_modes_that_are_not_said(self, bring: Bring) -> None:
        """Cloud Foundry's: scripts that were zipped on Windows can run."""
        tree = bring(made(("a/start.sh", b"", 0), ("e/", b"", 0), host=DOS))
        assert [stat.S_IMODE((tree / name).stat().st_mode) for name in ("a", "a/start.sh", "e")] == [
            0o755,
            0o744,
            0o755,
        ]

    def test_setuid_is_taken_away(self, bring: Bring) -> None:
        tree = bring(made(("f", b"", stat.S_IFREG | 0o4755)))
        assert stat.S_IMODE((tree / "f").stat().st_mode) == 0o755

    def test_times(self, bring: Bring) -> None:
        tree = bring(made(member("f")), times=Times.KEEP)
        assert (tree / "f").stat().st_mtime == 1580702706

    def test_an_impossible_time(self, bring: Bring) -> None:
        content = made(member("f"))
        at = content.index(b"PK\x01\x02")
        tree = bring(content[: at + 12] + b"\xff\xff\xff\xff" + content[at + 16 :], times=Times.KEEP)
        assert (tree / "f").stat().st_mtime == 0

    def test_sizes_that_follow_the_content(self, bring: Bring) -> None:
        buffer = io.BytesIO()

        class Pipe:
            """Cannot seek, so that zipfile writes sizes behind the content."""

            write = buffer.write

            def flush(self) -> None: ...

        with zipfile.ZipFile(Pipe(), "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("f", b"content" * 100)
        assert buffer.getvalue()[6] & 8
        assert (bring(buffer.getvalue()) / "f").read_bytes() == b"content" * 100

    def test_zip64(self, bring: Bring) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive, archive.open("f", "w", force_zip64=True) as file:
            file.write(b"content")
        assert (bring(buffer.getvalue()) / "f").read_bytes() == b"content"

    @pytest.mark.slow
    def test_more_than_65535_members(self, bring: Bring) -> None:
        tree = bring(made(*[(f"{n % 100}/{n}", b"", 0) for n in range(66_000)], method=zipfile.ZIP_STORED))
        assert sum(len(list(directory.iterdir())) for directory in tree.iterdir()) == 66_000

    def test_a_comment(self, bring: Bring) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("f", b"content")
            archive.comment = b"PK\x05\x06 and so on " * 40
        assert (bring(buffer.getvalue()) / "f").exists()

    def test_behind_a_program_that_runs_it(self, bring: Bring, tmp_path: Path) -> None:
        tree = bring(b"#!/bin/sh\nexec java -jar $0\n" * 100 + made(member("Main.class")))
        assert archive_kind(tmp_path / "archive") is ArchiveKind.ZIP
        assert (tree / "Main.class").exists()

    def test_a_zip_in_a_zip(self, bring: Bring) -> None:
        inner = made(member("g"))
        tree = bring(made(member("app.jar", inner), method=zipfile.ZIP_STORED))
        assert (tree / "app.jar").read_bytes() == inner

    def test_nothing_at_all(self, bring: Bring) -> None:
        assert facts(bring(made())) == {}

    def test_strip(self, bring: Bring) -> None:
        tree = bring(made(("top/", b"", stat.S_IFDIR | 0o755), member("top/a"), member("top/d/b")), strip=1)
        assert sorted(facts(tree)) == [b"a", b"d", b"d/b"]


class TestNames:
    @pytest.mark.parametrize(
        ("raw", "host", "flags", "expected"),
        [
            ("ü".encode(), UNIX, 0x800, "ü".encode()),
            ("ü".encode(), DOS, 0x800, "ü".encode()),
            (b"x\xe4y", UNIX, 0, b"x\xe4y"),
            (b"x\x81y", DOS, 0, "xüy".encode()),
            ("ü".encode(), DOS, 0, "ü".encode()),
            (b"a\\b", UNIX, 0, b"a\\b"),
            (b"a\nb", UNIX, 0, b"a\nb"),
        ],
    )
    def test_bytes(self, raw: bytes, host: int, flags: int, expected: bytes, bring: Bring) -> None:
        assert list(facts(bring(renamed(raw, host, flags)))) == [expected]

    @pytest.mark.parametrize(
        ("raw", "host", "rule"),
        [
            (b"../evil", UNIX, "its name holds '..'"),
            (b"a/../../evil", UNIX, "its name holds '..'"),
            (b"/etc/evil", UNIX, "its name is absolute"),
            (b"..\\evil", DOS, "its name holds a backslash, which readers understand differently"),
            (b"C:\\evil", DOS, "its name holds a backslash, which readers understand differently"),
            (b"C:/evil", DOS, "its name is absolute"),
            (b"a\0b", UNIX, "its name holds a NUL"),
            (b"", UNIX, "its name is empty"),
        ],
    )
    def test_refused(self, raw: bytes, host: int, rule: str, bring: Bring) -> None:
        with pytest.raises(UnsafeArchive) as caught:
            bring(renamed(raw, host, 0))
        assert caught.value.rule == rule


def renamed(raw: bytes, host: int, flags: int) -> bytes:
    """A zip of one file whose name is ``raw``, in both headers."""
    content = made(("N" * max(len(raw), 1), b"", 0), host=host, method=zipfile.ZIP_STORED)
    content = content.replace(b"N" * max(len(raw), 1), raw)
    local, central = content.index(b"PK\x03\x04"), content.index(b"PK\x01\x02")
    edited = bytearray(content)
    struct.pack_into("<H", edited, local + 6, flags)
    struct.pack_into("<H", edited, local + 26, len(raw))
    struct.pack_into("<H", edited, central + 8, flags)
    struct.pack_into("<H", edited, central + 28, len(raw))
    end = edited.index(b"PK\x05\x06")
    struct.pack_into("<2L", edited, end + 12, end - central, central)
    return bytes(edited)


LINK = stat.S_IFLNK | 0o777


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (made(("d", b"../outside", LINK), member("d/f")), "its path leads through a link"),
        (made(("d", b"../outside", LINK), ("d/", b"", 0)), "its path leads through a link"),
        (made(("d/", b"", 0), ("d", b"../outside", LINK)), "it would replace a directory"),
        (made(member("f"), member("f/g")), "its path leads through a file"),
        (made(("null", b"", stat.S_IFCHR | 0o666)), "it is neither a file nor a directory nor a link"),
        (made(("pipe", b"", stat.S_IFIFO | 0o666)), "it is neither a file nor a directory nor a link"),
        (made(("d/", b"", LINK)), "it is neither a file nor a directory nor a link"),
        (made(("d/", b"content", 0)), "it is a directory with content"),
        (made(("l", b"", LINK)), "its link leads to nothing that can be named"),
        (made(("l", b"x" * 5000, LINK)), "it is a link to a path of more than 4095 bytes"),
    ],
)
def test_unsafe_entries_are_refused(content: bytes, rule: str, bring: Bring, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    with pytest.raises(UnsafeArchive) as caught:
        bring(content)
    assert caught.value.rule == rule
    assert facts(tmp_path / "outside") == {}


@pytest.mark.parametrize("target", [b"/etc", b"../x"])
def test_links_out_are_refused_inside(target: bytes, bring: Bring) -> None:
    with pytest.raises(UnsafeArchive, match="leads out of the tree"):
        bring(made(("l", target, LINK)), LinkPolicy.INSIDE)


def patched(content: bytes, mark: bytes, offset: int, form: str, *values: int) -> bytes:
    edited = bytearray(content)
    struct.pack_into("<" + form, edited, edited.rindex(mark) + offset, *values)
    return bytes(edited)


CENTRAL, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"
ONE = made(member("f", b"content" * 9))
TWO = made(member("f", b"content"), member("g", b"content"), method=zipfile.ZIP_STORED)

DAMAGED = {
    "encrypted": (patched(patched(ONE, CENTRAL, 8, "H", 1), LOCAL, 6, "H", 1), "it is encrypted"),
    "strongly encrypted": (patched(ONE, CENTRAL, 8, "H", 0x41), "it is encrypted"),
    "encrypted by the local header alone": (patched(ONE, LOCAL, 6, "H", 1), "a member and its directory disagree"),
    "another name": (ONE.replace(b"f", b"e", 1), "a member and its directory disagree"),
    "another method": (patched(ONE, CENTRAL, 10, "H", 0), "a member and its directory disagree"),
    "another size": (patched(ONE, CENTRAL, 24, "L", 62), "a member and its directory disagree"),
    "another checksum": (patched(ONE, LOCAL, 14, "L", 1), "a member and its directory disagree"),
    "method not read": (
        patched(patched(ONE, CENTRAL, 10, "H", 14), LOCAL, 8, "H", 14),
        "a member is compressed by method 14, which is not read",
    ),
    "wrong checksum": (
        patched(patched(ONE, CENTRAL, 16, "L", 1), LOCAL, 14, "L", 1),
        "the content of a member is damaged",
    ),
    "longer than said": (
        patched(patched(ONE, CENTRAL, 24, "L", 62), LOCAL, 22, "L", 62),
        "a member is longer than its 62 bytes",
    ),
    "shorter than said": (
        patched(patched(ONE, CENTRAL, 24, "L", 64), LOCAL, 22, "L", 64),
        "the content of a member is damaged",
    ),
    "no member there": (patched(ONE, CENTRAL, 42, "L", 1), "a member is not where its directory says"),
    "overlap": (patched(TWO, CENTRAL, 42, "L", 0), "two of its members lie in the same place"),
    "fewer than counted": (patched(ONE, END, 8, "2H", 2, 2), "its directory does not hold what it counts"),
    "more than counted": (patched(TWO, END, 8, "2H", 1, 1), "its directory does not hold what it counts"),
    "several parts": (patched(ONE, END, 4, "H", 1), "it is one part of several"),
    "directory beyond its end": (patched(ONE, END, 12, "L", 9999), "its directory is not where its end says"),
    "directory later than it is": (patched(ONE, END, 16, "L", 9999), "its directory is not where its end says"),
    "cut off": (ONE[:-1], "it is cut off, or has something behind its end"),
    "garbage behind": (ONE + b"x", "it is cut off, or has something behind its end"),
    "two ends": (ONE[:-2] + struct.pack("<H", len(ONE[-22:])) + ONE[-22:], "it has two ends"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_damaged_archives_are_refused(what: str, bring: Bring) -> None:
    content, reason = DAMAGED[what]
    with pytest.raises(UnreadableArchive) as caught:
        bring(content)
    assert caught.value.reason == reason


def overlapping(count: int) -> bytes:
    """David Fifield's bomb, in small: every member's content holds the headers of those behind it."""
    kernel = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = kernel.compress(bytes(1 << 20)) + kernel.flush()
    crc = zlib.crc32(bytes(1 << 20))
    local = struct.pack("<4s5H3L2H", LOCAL, 20, 0, 8, 0, 33, crc, len(body), 1 << 20, 1, 0) + b"f" + body
    central = b"".join(
        struct.pack("<4s6H3L5H2L", CENTRAL, 20, 20, 0, 8, 0, 33, crc, len(body), 1 << 20, 1, 0, 0, 0, 0, 0, 0) + b"f"
        for _ in range(count)
    )
    end = struct.pack("<4s4H2LH", END, 0, 0, count, count, len(central), len(local), 0)
    return local + central + end


class TestBombs:
    def test_overlapping_members(self, bring: Bring) -> None:
        with pytest.raises(UnreadableArchive, match="two of its members lie in the same place"):
            bring(overlapping(100))

    def test_a_member_that_reaches_into_the_next(self, bring: Bring) -> None:
        inner = made(member("g", b"x" * 100), method=zipfile.ZIP_STORED)
        content = made(member("f", inner), method=zipfile.ZIP_STORED)
        start = content.index(LOCAL, 4)
        # the directory lists the file inside the stored member as a member of its own
        at = content.rindex(CENTRAL)
        entry = bytearray(inner[inner.index(CENTRAL) : inner.index(END)])
        struct.pack_into("<L", entry, 42, start)
        forged = content[: content.rindex(END)] + bytes(entry)
        forged += struct.pack("<4s4H2LH", END, 0, 0, 2, 2, len(forged) - at, at, 0)
        with pytest.raises(UnreadableArchive, match="two of its members overlap"):
            bring(forged)

    def test_ratio(self, bring: Bring) -> None:
        bomb = made(*[member(str(n), bytes(1 << 20)) for n in range(20)])
        with pytest.raises(ArchiveTooLarge, match="100 times its own size"):
            bring(bomb, bounds=Bounds(ratio=100, ratio_from=1 << 20))

    def test_ratio_of_one_member(self, bring: Bring, tmp_path: Path) -> None:
        with pytest.raises(ArchiveTooLarge, match="100 times its own size"):
            bring(made(member("zeros", bytes(60 << 20))), bounds=Bounds(ratio=100, ratio_from=1 << 20))
        assert (tmp_path / "in" / "zeros").stat().st_size < 10 << 20

    def test_bytes(self, bring: Bring) -> None:
        with pytest.raises(ArchiveTooLarge, match="more than 1\\.0 KB of files"):
            bring(made(member("a", bytes(1025))), bounds=Bounds(bytes=1024))

    def test_entries(self, bring: Bring) -> None:
        with pytest.raises(ArchiveTooLarge, match="more than 10 entries"):
            bring(made(*[member(str(n)) for n in range(11)]), bounds=Bounds(entries=10))

    def test_a_size_that_is_a_lie(self, bring: Bring) -> None:
        content = patched(patched(ONE, CENTRAL, 24, "L", 3 << 30), LOCAL, 22, "L", 3 << 30)
        with pytest.raises(UnreadableArchive, match="the content of a member is damaged"):
            bring(content)
