"""Tars that nobody vouches for."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from tests.odd_trees import facts

from stagewright.errors import Problem
from stagewright.model.layout import FIXED_TIME
from stagewright.model.tree import Bounds, Owner
from stagewright.ports.progress import silent
from stagewright.trees import (
    ArchiveKind,
    ArchiveTooLarge,
    LinkPolicy,
    Modes,
    NotEmpty,
    Placed,
    Times,
    UnreadableArchive,
    UnreadableFile,
    UnsafeArchive,
    archive_kind,
    pack,
    tree_digest,
    unpack,
)
from stagewright.trees.entries import Gate
from stagewright.trees.tar_header import DIRECTORY, END, FILE, HARD_LINK, LINK, Header, encode, padding

KEEP, INSIDE = LinkPolicy.KEEP, LinkPolicy.INSIDE


def file(name: bytes, content: bytes = b"evil", mode: int = 0o644) -> bytes:
    return encode(Header(name, FILE, mode, 0, 0, 7, len(content))) + content + padding(len(content))


def directory(name: bytes, mode: int = 0o755) -> bytes:
    return encode(Header(name + b"/", DIRECTORY, mode, 0, 0, 7))


def link(name: bytes, target: bytes) -> bytes:
    return encode(Header(name, LINK, 0o777, 0, 0, 7, target=target))


def hard_link(name: bytes, target: bytes) -> bytes:
    return encode(Header(name, HARD_LINK, 0o644, 0, 0, 7, target=target))


def other(name: bytes, kind: bytes, content: bytes = b"") -> bytes:
    return encode(Header(name, kind, 0o644, 0, 0, 7, len(content))) + content + padding(len(content))


def pax(*records: tuple[bytes, bytes], kind: bytes = b"x") -> bytes:
    body = b""
    for key, value in records:
        rest = b" %b=%b\n" % (key, value)
        length = next(n for n in range(len(rest), len(rest) + 9) if n == len(rest) + len(str(n)))
        body += b"%d" % length + rest
    return other(b"pax", kind, body)


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """The directory around the one that is unpacked into; what is in it must be the same afterwards."""
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "file").write_bytes(b"untouched")
    (outside / "file").chmod(0o600)
    before = facts(tmp_path)
    yield outside
    after = {path: fact for path, fact in facts(tmp_path).items() if path.split(b"/")[0] not in (b"in", b"archive")}
    assert after == before


@pytest.fixture
def bring(tmp_path: Path, canary: Path) -> Callable[..., Path]:
    def unpacked(content: bytes, links: LinkPolicy = KEEP, bounds: Bounds | None = None, **more: Any) -> Path:
        (tmp_path / "archive").write_bytes(content)
        unpack(tmp_path / "archive", tmp_path / "in", bounds=bounds or Bounds(), links=links, **more)
        return tmp_path / "in"

    return unpacked


Bring = Callable[..., Path]

UNSAFE = {
    "up": (file(b"../outside/file"), "its name holds '..'"),
    "up later": (file(b"a/../../outside/file"), "its name holds '..'"),
    "up and down": (file(b"a/../b"), "its name holds '..'"),
    "up only": (directory(b".."), "its name holds '..'"),
    "absolute": (file(b"/etc/evil"), "its name is absolute"),
    "absolute directory": (directory(b"/"), "its name is absolute"),
    "empty": (file(b""), "its name is empty"),
    "the top as a file": (file(b"."), "it would put a file in the place of the whole tree"),
    "the top as a link": (link(b"./", b"../outside"), "it would put a link in the place of the whole tree"),
    "through a link": (link(b"d", b"../outside") + file(b"d/file"), "its path leads through a link"),
    "through an absolute link": (link(b"d", b"/tmp") + file(b"d/file"), "its path leads through a link"),
    "through a link inside": (
        directory(b"real") + link(b"d", b"real") + file(b"d/file"),
        "its path leads through a link",
    ),
    "directory through a link": (link(b"d", b"../outside") + directory(b"d/new"), "its path leads through a link"),
    "directory over a link": (link(b"d", b"../outside/deep") + directory(b"d", 0o777), "its path leads through a link"),
    "link through a link": (link(b"d", b"../outside") + link(b"d/l", b"x"), "its path leads through a link"),
    "through a link to a link": (
        link(b"a", b"b") + link(b"b", b"../outside") + file(b"a/file"),
        "its path leads through a link",
    ),
    "through a file": (file(b"f") + file(b"f/x"), "its path leads through a file"),
    "link over a directory": (directory(b"d") + link(b"d", b"../outside"), "it would replace a directory"),
    "link over a directory that a path made": (
        file(b"d/f") + link(b"d", b"../outside") + file(b"d/file"),
        "it would replace a directory",
    ),
    "file over a directory": (directory(b"d") + file(b"d"), "it would replace a directory"),
    "hard link out": (hard_link(b"h", b"../outside/file"), "its name holds '..'"),
    "hard link to an absolute path": (hard_link(b"h", b"/etc/passwd"), "its name is absolute"),
    "hard link to a link": (
        link(b"l", b"../outside/file") + hard_link(b"h", b"l"),
        "it is a hard link to something that is no file of the same archive before it",
    ),
    "hard link through a link": (
        link(b"l", b"../outside") + hard_link(b"h", b"l/file"),
        "it is a hard link to something that is no file of the same archive before it",
    ),
    "hard link to a directory": (
        directory(b"d") + hard_link(b"h", b"d"),
        "it is a hard link to something that is no file of the same archive before it",
    ),
    "hard link to what comes later": (
        hard_link(b"h", b"f") + file(b"f"),
        "it is a hard link to something that is no file of the same archive before it",
    ),
    "hard link to nothing": (
        hard_link(b"h", b""),
        "its name is empty",
    ),
    "character device": (other(b"null", b"3"), "it is a character device"),
    "block device": (other(b"sda", b"4"), "it is a block device"),
    "named pipe": (other(b"pipe", b"6"), "it is a named pipe"),
    "sparse": (other(b"s", b"S", b"x" * 512), "it is a sparse file; make the archive without --sparse"),
    "sparse by PAX": (
        pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.name", b"/etc/evil")) + file(b"s"),
        "it is a sparse file; make the archive without --sparse",
    ),
    "unknown kind": (other(b"k", b"Z"), "it is of a kind ('Z') that is not read"),
    "link with content": (
        encode(Header(b"l", LINK, 0o777, 0, 0, 7, 512, b"t")) + file(b"hidden"),
        "it is a link with content, which readers understand differently",
    ),
    "directory with content": (
        encode(Header(b"d/", DIRECTORY, 0o755, 0, 0, 7, 512)) + file(b"hidden"),
        "it is a directory with content, which readers understand differently",
    ),
    "link to nothing": (link(b"l", b""), "its link leads to nothing that can be named"),
    "link too long": (link(b"l", b"x" * 5000), "its link leads to a path of more than 4095 bytes"),
    "up by PAX": (pax((b"path", b"../outside/file")) + file(b"harmless"), "its name holds '..'"),
    "absolute by PAX": (pax((b"path", b"/etc/evil")) + file(b"harmless"), "its name is absolute"),
    "NUL by PAX": (pax((b"path", b"a\0b")) + file(b"harmless"), "its name holds a NUL"),
    "NUL in a target by PAX": (
        pax((b"linkpath", b"a\0b")) + link(b"l", b"x"),
        "its link leads to nothing that can be named",
    ),
    "hard link out by PAX": (pax((b"linkpath", b"../outside/file")) + hard_link(b"h", b"x"), "its name holds '..'"),
    "up by a GNU long name": (other(b"././@LongLink", b"L", b"../outside/file\0") + file(b"x"), "its name holds '..'"),
    "hard link out by a GNU long target": (
        other(b"././@LongLink", b"K", b"/etc/passwd\0") + hard_link(b"h", b"x"),
        "its name is absolute",
    ),
}


@pytest.mark.parametrize("what", UNSAFE)
@pytest.mark.parametrize("links", LinkPolicy)
def test_unsafe_entries_are_refused(what: str, links: LinkPolicy, bring: Bring) -> None:
    content, rule = UNSAFE[what]
    with pytest.raises(UnsafeArchive) as caught:
        bring(file(b"good") + content + file(b"never") + END, links)
    problem = caught.value
    if links is KEEP or "link out" in what or rule == problem.rule:
        assert problem.rule == rule
    assert problem.brief().startswith(f"{problem.archive} was refused: of its entry '{problem.entry}', ")
    assert problem.hint()


def test_control_characters_cannot_reach_a_terminal(bring: Bring) -> None:
    with pytest.raises(UnsafeArchive) as caught:
        bring(file(b"../\x1b[2J\xff") + END)
    assert caught.value.entry == "../\\x1b[2J\\xff"


class TestLinks:
    @pytest.mark.parametrize("target", [b"/etc/passwd", b"../outside", b"nowhere", b"l", b".", b"x" * 4095, b"\xff"])
    def test_kept_as_data(self, target: bytes, bring: Bring) -> None:
        tree = bring(link(b"l", target) + END, KEEP)
        assert os.fsencode((tree / "l").readlink()) == target

    @pytest.mark.parametrize(
        ("entries", "stray"),
        [
            (link(b"l", b"/etc"), "l"),
            (link(b"l", b"../x"), "l"),
            (link(b"l", b".."), "l"),
            (link(b"a/b/l", b"../../../x"), "a/b/l"),
            (link(b"a/l", b"../b/../../x"), "a/l"),
            # d leads to the top, so d/../x leads out, though its text alone would not
            (link(b"a/b/d", b"../..") + link(b"e", b"a/b/d/../x"), "e"),
            (link(b"e", b"a/b/d/../x") + link(b"a/b/d", b"../.."), "e"),
            (link(b"e", b"d/x") + link(b"d", b"f") + link(b"f", b"a/..") + link(b"a", b".."), "e"),
        ],
    )
    def test_refused_where_they_lead_out(self, entries: bytes, stray: str, bring: Bring) -> None:
        with pytest.raises(UnsafeArchive) as caught:
            bring(file(b"good") + entries + END, INSIDE)
        assert caught.value.rule == "it is a link that leads out of the tree"
        assert caught.value.entry in (stray, "a")

    @pytest.mark.parametrize(
        "entries",
        [
            link(b"l", b"f"),
            link(b"a/b/l", b"../../f"),
            link(b"a/l", b".."),
            link(b"l", b"."),
            link(b"l", b"nowhere/at/all"),
            link(b"l", b"l"),
            link(b"a", b"b") + link(b"b", b"a"),
            link(b"a", b"x/..") + link(b"c/d", b"../a/f"),
        ],
    )
    def test_allowed_where_they_stay(self, entries: bytes, bring: Bring) -> None:
        assert bring(file(b"f") + entries + END, INSIDE).is_dir()

    def test_a_maze_of_links_ends(self, bring: Bring) -> None:
        maze = b"".join(link(b"%d" % n, b"/".join([b"%d" % (n - 1)] * 900)) for n in range(1, 60))
        with pytest.raises(UnsafeArchive, match="it is a link in a maze of links"):
            bring(maze + END, INSIDE)

    def test_hard_links_are_kept(self, bring: Bring) -> None:
        tree = bring(file(b"./a/f", b"one") + hard_link(b"b/g", b"a/f") + hard_link(b"a/f", b"./a/f") + END)
        assert (tree / "a" / "f").samefile(tree / "b" / "g")


class TestReplacement:
    def test_a_later_file_replaces_an_earlier_one(self, bring: Bring) -> None:
        tree = bring(file(b"f", b"old") + hard_link(b"g", b"f") + file(b"f", b"new") + END)
        assert ((tree / "f").read_bytes(), (tree / "g").read_bytes()) == (b"new", b"old")

    def test_a_file_over_a_link_does_not_follow_it(self, bring: Bring, canary: Path) -> None:
        tree = bring(link(b"l", b"../outside/file") + file(b"l", b"new") + END)
        assert not (tree / "l").is_symlink()
        assert (tree / "l").read_bytes() == b"new"

    def test_a_link_over_a_file(self, bring: Bring) -> None:
        tree = bring(file(b"l") + link(b"l", b"x") + END, INSIDE)
        assert (tree / "l").is_symlink()

    def test_a_stray_link_that_was_replaced_is_no_stray(self, bring: Bring) -> None:
        assert bring(link(b"l", b"../x") + file(b"l", b"new") + END, INSIDE).is_dir()

    def test_a_directory_said_twice(self, bring: Bring) -> None:
        tree = bring(directory(b"d", 0o700) + file(b"d/f") + directory(b"./d", 0o711) + END)
        assert stat.S_IMODE((tree / "d").stat().st_mode) == 0o711


class TestModesAndTimes:
    CONTENT = directory(b"d", 0o2555) + file(b"d/f", b"x", 0o6755) + file(b"d/g", b"x", 0o1604) + END

    def modes(self, tree: Path) -> list[int]:
        return [stat.S_IMODE((tree / name).lstat().st_mode) for name in ("d", "d/f", "d/g")]

    def test_setuid_is_taken_away(self, bring: Bring) -> None:
        assert self.modes(bring(self.CONTENT)) == [0o555, 0o755, 0o1604]

    def test_setuid_is_kept_where_asked(self, bring: Bring) -> None:
        assert self.modes(bring(self.CONTENT, modes=Modes.KEEP)) == [0o2555, 0o6755, 0o1604]

    def test_the_umask_does_not_matter(self, bring: Bring) -> None:
        before = os.umask(0o077)
        try:
            tree = bring(file(b"a/b", b"", 0o666) + END)
        finally:
            os.umask(before)
        assert [stat.S_IMODE(path.stat().st_mode) for path in (tree, tree / "a", tree / "a/b")] == [0o755, 0o755, 0o666]

    @pytest.mark.parametrize(
        ("times", "expected"), [(Times.KEEP, 7 * 10**9), (Times.FIXED, FIXED_TIME * 10**9), (Times.NOW, None)]
    )
    def test_times(self, times: Times, expected: int | None, bring: Bring) -> None:
        tree = bring(self.CONTENT, times=times)
        for name in ("d", "d/f"):
            found = (tree / name).stat().st_mtime_ns
            assert found == expected or (expected is None and found > 10**18)

    @pytest.mark.parametrize(("value", "expected"), [(b"1.5", 1_500_000_000), (b"-5", 0), (b"9" * 18, 2**33 * 10**9)])
    def test_odd_times(self, value: bytes, expected: int, bring: Bring) -> None:
        tree = bring(pax((b"mtime", value)) + file(b"f") + END, times=Times.KEEP)
        assert (tree / "f").stat().st_mtime_ns == expected

    @pytest.mark.root
    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_owners(self, bring: Bring) -> None:
        tree = bring(file(b"a/f", b"x", 0o4755) + link(b"l", b"a") + END, owner=Owner(1234, 1235), modes=Modes.KEEP)
        found = [(tree / name).lstat() for name in ("", "a", "a/f", "l")]
        assert [(status.st_uid, status.st_gid) for status in found] == [(1234, 1235)] * 4
        assert stat.S_IMODE(found[2].st_mode) == 0o4755


class TestStripping:
    CONTENT = directory(b"top") + file(b"top/f") + hard_link(b"top/d/g", b"top/f") + file(b"loose") + END

    def test_leading_parts_are_taken_off(self, bring: Bring) -> None:
        assert sorted(facts(bring(self.CONTENT, strip=1))) == [b"d", b"d/g", b"f"]

    def test_rules_hold_for_what_is_taken_off(self, bring: Bring) -> None:
        with pytest.raises(UnsafeArchive):
            bring(file(b"../f") + END, strip=1)


BOMBS = {
    "entries": (b"".join(file(b"%d" % n, b"") for n in range(11)), Bounds(entries=10), "10 entries"),
    "bytes": (file(b"a", bytes(600)) + file(b"b", bytes(600)), Bounds(bytes=1024), "1.0 KB of files"),
    "bytes announced": (encode(Header(b"a", FILE, 0o644, 0, 0, 7, 1 << 40)), Bounds(), "4.0 GB of files"),
    "depth": (file(b"/".join([b"d"] * 12)), Bounds(depth=10), "10 directories in one another"),
    "name": (file(b"/".join([b"d" * 90] * 12)), Bounds(name_bytes=1000), "1,000 bytes in a name"),
    "part of a name": (file(b"d" * 256), Bounds(), "255 bytes in one part of a name"),
}


@pytest.mark.parametrize("what", BOMBS)
def test_too_much_is_refused(what: str, bring: Bring) -> None:
    content, bounds, expected = BOMBS[what]
    with pytest.raises(ArchiveTooLarge) as caught:
        bring(file(b"good", b"") + content + END, bounds=bounds)
    assert caught.value.what == expected
    assert f"it holds more than {expected}" in caught.value.brief()


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_bomb_is_refused_long_before_its_end(
    compress: Callable[[bytes], bytes], bring: Bring, tmp_path: Path
) -> None:
    bomb = compress(file(b"zeros", bytes(30 << 20)) + END)
    with pytest.raises(ArchiveTooLarge) as caught:
        bring(bomb, bounds=Bounds(ratio=100, ratio_from=1 << 20))
    assert caught.value.what == "100 times its own size"
    assert (tmp_path / "in" / "zeros").stat().st_size < 10 << 20


def test_names_alone_can_be_a_bomb(tmp_path: Path) -> None:
    """They are kept in memory, and compress well."""
    gate = Gate(tmp_path, Bounds(), silent)
    with pytest.raises(ArchiveTooLarge, match="128 MB of names"):
        for _ in range(40_000):
            gate.admit(bytes(2000), 0, bytes(2000))


def test_headers_alone_can_be_a_bomb(bring: Bring) -> None:
    bomb = gzip.compress(pax((b"comment", bytes(900_000)), kind=b"g") * 20 + END)
    with pytest.raises(ArchiveTooLarge):
        bring(bomb, bounds=Bounds(ratio=100, ratio_from=1 << 20))


DAMAGED = {
    "checksum": (file(b"f").replace(b"ustar", b"urstd", 1) + END, "a header is damaged (its checksum is wrong)"),
    "no end": (file(b"f"), "it ends without the mark of its end"),
    "cut in a file": (file(b"f", bytes(5000))[:2048], "it ends in the middle of a file"),
    "cut in padding": (file(b"f")[:700], "it ends in the middle of an entry"),
    "cut in a header": (file(b"f") + file(b"g")[:100], "it ends without the mark of its end"),
    "cut in an extended header": (pax((b"path", b"x" * 2000))[:1024], "it ends in the middle of an extended header"),
    "cut behind an extended header": (pax((b"path", b"x")), "it ends without the mark of its end"),
    "end behind an extended header": (
        pax((b"path", b"x")) + END,
        "it ends between an extended header and its entry",
    ),
    "something behind the end": (END + file(b"f") + END, "there is something behind its end"),
    "two extended headers": (
        pax((b"path", b"x")) + pax((b"path", b"../y")) + file(b"f") + END,
        "an entry has two extended headers",
    ),
    "two long names": (other(b"L", b"L", b"x") * 2 + file(b"f") + END, "an entry has two long names"),
    "two names that differ": (
        pax((b"path", b"x")) + other(b"L", b"L", b"y") + file(b"f") + END,
        "an entry has two different long names",
    ),
    "one record twice": (
        pax((b"path", b"x"), (b"path", b"y")) + file(b"f") + END,
        "an extended header says one thing twice",
    ),
    "a global path": (
        pax((b"path", b"x"), kind=b"g") + file(b"f") + END,
        "a global header gives every entry the same path",
    ),
    "a malformed record": (other(b"x", b"x", b"99 path=x\n") + file(b"f") + END, "an extended header is malformed"),
    "a record without a key": (other(b"x", b"x", b"5 =x\n") + file(b"f") + END, "an extended header is malformed"),
    "a size that is no number": (
        pax((b"size", b"0x10")) + file(b"f") + END,
        "an extended header has a malformed size",
    ),
    "a size below nothing": (pax((b"size", b"-1")) + file(b"f") + END, "an extended header has a malformed size"),
    "a huge extended header": (
        encode(Header(b"x", b"x", 0o644, 0, 0, 7, 1 << 30)),
        "an extended header has more than 1048576 bytes",
    ),
}


@pytest.mark.parametrize("what", DAMAGED)
@pytest.mark.parametrize("compress", [None, gzip.compress])
def test_damaged_archives_are_refused(what: str, compress: Callable[[bytes], bytes] | None, bring: Bring) -> None:
    content, reason = DAMAGED[what]
    content = file(b"good") + content
    with pytest.raises(UnreadableArchive) as caught:
        bring(compress(content) if compress else content)
    assert caught.value.reason == reason


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
class TestCompression:
    CONTENT = file(b"f", bytes(range(256)) * 4000) + END

    def test_several_members_and_zeros_behind(self, compress: Callable[[bytes], bytes], bring: Bring) -> None:
        half = len(self.CONTENT) // 2
        tree = bring(compress(self.CONTENT[:half]) + compress(self.CONTENT[half:]) + bytes(1 << 19))
        assert (tree / "f").stat().st_size == 1024_000

    def test_garbage_behind(self, compress: Callable[[bytes], bytes], bring: Bring) -> None:
        with pytest.raises(UnreadableArchive):
            bring(compress(self.CONTENT) + b"garbage")

    @pytest.mark.parametrize("missing", [1, 4, 8, 100])
    def test_cut_off(self, compress: Callable[[bytes], bytes], missing: int, bring: Bring) -> None:
        with pytest.raises(UnreadableArchive):
            bring(compress(self.CONTENT)[:-missing])


class TestKinds:
    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (END, ArchiveKind.TAR),
            (file(b"f") + END, ArchiveKind.TAR),
            (file(b"BZh") + END, ArchiveKind.TAR),
            (file(b"PK\x03\x04") + END, ArchiveKind.TAR),
            (gzip.compress(file(b"f") + END), ArchiveKind.TAR_GZIP),
            (bz2.compress(file(b"f", os.urandom(1 << 21)) + END), ArchiveKind.TAR_BZIP2),
            (lzma.compress(file(b"f") + END), ArchiveKind.TAR_XZ),
            (b"PK\x05\x06" + bytes(18), ArchiveKind.ZIP),
            (b"", None),
            (b"plain text\n" * 1000, None),
            (gzip.compress(b"plain text\n" * 1000), None),
            (gzip.compress(b"")[:7], None),
            (b"\x1f\x8b\x08\xff", None),
            (b"BZh9", None),
            (b"\xfd7zXZ\0rubbish", None),
            (b"\x7fELF" + bytes(2000), None),
        ],
    )
    def test_told_by_content(self, content: bytes, kind: ArchiveKind | None, tmp_path: Path) -> None:
        (tmp_path / "misleading.zip").write_bytes(content)
        assert archive_kind(tmp_path / "misleading.zip") == kind
        if kind is None:
            with pytest.raises(UnreadableArchive, match="it is no tar and no zip"):
                unpack(tmp_path / "misleading.zip", tmp_path / "in", bounds=Bounds(), links=KEEP)

    def test_what_is_no_file(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(UnreadableFile, match="it is a named pipe, not a file"):
            archive_kind(tmp_path / "pipe")
        with pytest.raises(UnreadableFile, match="it is a directory, not a file"):
            archive_kind(tmp_path)
        with pytest.raises(UnreadableFile, match="no such file"):
            unpack(tmp_path / "missing", tmp_path / "in", bounds=Bounds(), links=KEEP)


class TestPlace:
    def test_only_where_nothing_is(self, bring: Bring, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "mine").write_bytes(b"mine")
        with pytest.raises(NotEmpty):
            bring(file(b"f") + END)
        assert [path.name for path in (tmp_path / "in").iterdir()] == ["mine"]

    def test_an_empty_directory_keeps_its_mode(self, bring: Bring, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir(0o700)
        tree = bring(directory(b".", 0o777) + file(b"./f") + END)
        assert stat.S_IMODE(tree.stat().st_mode) == 0o700

    def test_a_place_that_cannot_be(self, tmp_path: Path) -> None:
        (tmp_path / "a.tar").write_bytes(END)
        with pytest.raises(Problem, match="cannot be written: no such file or directory"):
            unpack(tmp_path / "a.tar", tmp_path / "missing" / "in", bounds=Bounds(), links=KEEP)


def test_round_trip_of_odd_things(odd_tree: Path, tmp_path: Path) -> None:
    packed = pack([Placed(odd_tree, PurePosixPath())], tmp_path / "odd.tgz", keep_owner=True)
    unpacked = unpack(packed.path, tmp_path / "back", bounds=Bounds(), links=KEEP, modes=Modes.KEEP)
    assert facts(tmp_path / "back") == facts(odd_tree)
    assert tree_digest(tmp_path / "back", keep_owner=True) == packed.diff_id
    assert unpacked.entries == packed.entries


def test_progress_ends_at_the_size_of_the_archive(tmp_path: Path) -> None:
    packed = pack([Placed(None, PurePosixPath("f"), content=os.urandom(5 << 20))], tmp_path / "a.tgz")
    told: list[tuple[int, int | None]] = []
    unpack(packed.path, tmp_path / "in", bounds=Bounds(), links=KEEP, progress=lambda *one: told.append(one))
    assert told[-1] == (packed.size, packed.size)
    assert len(told) > 4


def test_very_deep_trees(tmp_path: Path, bring: Bring) -> None:
    tree = bring(file(b"/".join([b"d"] * 500) + b"/f") + file(b"e") + file(b"/".join([b"d"] * 300) + b"/g") + END)
    assert len(facts(tree)) == 503
