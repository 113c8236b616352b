"""One canonical tar, whatever the machine."""

from __future__ import annotations

import gzip
import hashlib
import os
import signal
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from tests.odd_trees import as_nobody, facts, open_to_all

from stagewright.errors import Problem
from stagewright.model.tree import Owner
from stagewright.trees import (
    Compression,
    FileChanged,
    Placed,
    SpecialFile,
    TreeTooDeep,
    UnreadableFile,
    pack,
    tree_digest,
)

TOP = PurePosixPath()
MIB = 1 << 20


def members(path: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(path, errors="surrogateescape", encoding="utf-8") as archive:
        return archive.getmembers()


def names(path: Path) -> list[str]:
    return [member.name for member in members(path)]


def leftovers(directory: Path, *known: str) -> list[str]:
    return sorted({entry.name for entry in directory.iterdir()} - set(known))


class TestContent:
    def test_everything_survives(self, odd_tree: Path, tmp_path: Path) -> None:
        packed = pack([Placed(odd_tree, TOP)], tmp_path / "odd.tgz", keep_owner=True)
        (tmp_path / "back").mkdir()
        with tarfile.open(packed.path, errors="surrogateescape", encoding="utf-8") as archive:
            archive.extraction_filter = lambda member, _: member  # all is ours; Python 3.11.2 knows no filter argument
            for member in archive:
                archive.extract(member, tmp_path / "back", numeric_owner=True)
        assert facts(tmp_path / "back") == facts(odd_tree)

    def test_what_it_says_of_itself(self, odd_tree: Path, tmp_path: Path) -> None:
        packed = pack([Placed(odd_tree, TOP)], tmp_path / "odd.tgz")
        content = packed.path.read_bytes()
        plain = gzip.decompress(content)
        assert packed.digest.hex == hashlib.sha256(content).hexdigest()
        assert packed.diff_id.hex == hashlib.sha256(plain).hexdigest()
        assert (packed.size, packed.unpacked_size) == (len(content), len(plain))
        assert packed.entries == len(members(packed.path)) == len(facts(odd_tree))

    def test_plain_is_the_same_tar(self, odd_tree: Path, tmp_path: Path) -> None:
        plain = pack([Placed(odd_tree, TOP)], tmp_path / "odd.tar", compression=Compression.NONE)
        zipped = pack([Placed(odd_tree, TOP)], tmp_path / "odd.tgz")
        assert plain.digest == plain.diff_id == zipped.diff_id
        assert plain.path.read_bytes() == gzip.decompress(zipped.path.read_bytes())

    def test_the_digest_of_a_tree_is_that_of_its_tar(self, odd_tree: Path, tmp_path: Path) -> None:
        for keep in (False, True):
            packed = pack([Placed(odd_tree, TOP)], tmp_path / "odd.tgz", keep_owner=keep)
            assert tree_digest(odd_tree, keep_owner=keep) == packed.diff_id

    @pytest.mark.parametrize("size", [0, 1, MIB - 2048, MIB - 1536, MIB - 1024, MIB - 512, MIB, 3 * MIB, 9 * MIB + 7])
    def test_files_around_the_size_of_a_chunk(self, size: int, tmp_path: Path) -> None:
        content = os.urandom(1 << 10) * (size // 1024 + 1)
        (tmp_path / "tree").mkdir()
        (tmp_path / "tree" / "file").write_bytes(content[:size])
        packed = pack([Placed(tmp_path / "tree", TOP)], tmp_path / "out.tgz")
        with tarfile.open(packed.path) as archive:
            file = archive.extractfile("file")
            assert file is not None
            assert file.read() == content[:size]

    def test_content_from_memory_beyond_a_chunk(self, tmp_path: Path) -> None:
        content = os.urandom(3 * MIB + 5)
        packed = pack([Placed(None, PurePosixPath("big"), content=content)], tmp_path / "out.tgz")
        with tarfile.open(packed.path) as archive:
            file = archive.extractfile("big")
            assert file is not None
            assert file.read() == content


class TestCanonical:
    def test_order_time_and_place_make_no_difference(self, tmp_path: Path) -> None:
        for number, order in enumerate([["b", "a", "a.x", "a-x"], ["a-x", "a.x", "a", "b"]]):
            root = tmp_path / f"tree{number}" / "below"
            for name in order:
                (root / name).mkdir(parents=True)
                (root / name / "file").write_bytes(b"same")
                os.utime(root / name / "file", (number, number))
        one, other = (tmp_path / f"tree{number}" / "below" for number in (0, 1))
        assert tree_digest(one) == tree_digest(other)
        bytes_of = [pack([Placed(root, TOP)], tmp_path / "out.tgz").digest for root in (one, other)]
        assert bytes_of[0] == bytes_of[1]

    def test_entries_are_in_the_order_of_their_names(self, tmp_path: Path) -> None:
        for name in ("b", "a", "a-", "a.x", "A", "ü", "~"):
            for below in ("2", "10", "1"):
                (tmp_path / "tree" / name / below).mkdir(parents=True)
        found = names(pack([Placed(tmp_path / "tree", TOP)], tmp_path / "out.tgz").path)
        assert found == sorted(found, key=lambda name: [raw.encode() for raw in name.split("/")])
        assert found[:6] == ["A", "A/1", "A/10", "A/2", "a", "a/1"]

    @pytest.mark.parametrize(
        "change",
        [
            lambda root: (root / "plain.txt").write_bytes(b"Plain\n"),
            lambda root: (root / "plain.txt").chmod(0o600),
            lambda root: (root / "deep").chmod(0o700),
            lambda root: (root / "deep" / "new").mkdir(),
            lambda root: (root / "empty").rename(root / "void"),
            lambda root: [(root / "link").unlink(), (root / "link").symlink_to("empty")],
            lambda root: [(root / "second name").unlink(), (root / "second name").write_bytes(b"plain\n")],
        ],
    )
    def test_every_other_change_makes_one(self, odd_tree: Path, change: Callable[[Path], object]) -> None:
        before = tree_digest(odd_tree)
        change(odd_tree)
        assert tree_digest(odd_tree) != before

    def test_gzip_tells_neither_name_nor_time(self, tmp_path: Path) -> None:
        packed = pack([Placed(None, PurePosixPath("d"))], tmp_path / "name.tgz")
        assert packed.path.read_bytes()[:10] == bytes.fromhex("1f8b08000000000000ff")

    def test_known_bytes(self, tmp_path: Path) -> None:
        """Digests are stored: a change of this number makes every tree another one, and must be meant."""
        placed = [
            Placed(None, PurePosixPath("app")),
            Placed(None, PurePosixPath("app/ü"), content=b"text\n"),
            Placed(None, PurePosixPath("app/" + "long/" * 60), mode=0o700),
        ]
        packed = pack(placed, tmp_path / "out.tar", compression=Compression.NONE)
        assert packed.diff_id.hex == "f9e9939b52b6a8615888d7b589e63e7208e6b17f40ff27038724b3fc6bfabfa7"


class TestDroplets:
    def test_the_layout_is_cloud_foundrys(self, tmp_path: Path) -> None:
        app = tmp_path / "app"
        (app / "public").mkdir(parents=True)
        (app / "public" / "index.html").write_bytes(b"<p>")
        (app / "again").hardlink_to(app / "public" / "index.html")
        placed = [
            Placed(app, PurePosixPath("app")),
            Placed(None, PurePosixPath("tmp"), mode=0o755),
            Placed(None, PurePosixPath("logs"), mode=0o755),
            Placed(None, PurePosixPath("staging_info.yml"), content=b"{}"),
        ]
        packed = pack(placed, tmp_path / "droplet.tgz", prefix_dot=True)
        plain = gzip.decompress(packed.path.read_bytes())
        found = []
        for at in range(0, len(plain) - 1024, 512):
            block = plain[at : at + 512]
            if block[257:262] == b"ustar":
                found.append((block[:100].rstrip(b"\0"), block[100:107], block[156:157], block[157:257].rstrip(b"\0")))
        assert found == [
            (b"./", b"0000700", b"5", b""),
            (b"./app/", b"0000755", b"5", b""),
            (b"./app/again", b"0000644", b"0", b""),
            (b"./app/public/", b"0000755", b"5", b""),
            (b"./app/public/index.html", b"0000644", b"1", b"./app/again"),
            (b"./logs/", b"0000755", b"5", b""),
            (b"./staging_info.yml", b"0000644", b"0", b""),
            (b"./tmp/", b"0000755", b"5", b""),
        ]
        assert {(member.uid, member.gid, member.uname, member.mtime) for member in members(packed.path)} == {
            (2000, 2000, "vcap", 315532801)
        }


class TestPlacing:
    def test_parents_belong_to_root(self, tmp_path: Path) -> None:
        (tmp_path / "app").mkdir()
        (tmp_path / "app" / "f").write_bytes(b"")
        placed = [
            Placed(tmp_path / "app", PurePosixPath("home/vcap/app")),
            Placed(None, PurePosixPath("home/vcap"), mode=0o750, owner=Owner(2000, 2000)),
        ]
        found = members(pack(placed, tmp_path / "layer.tgz", parents=True, owner=Owner(2000, 2000)).path)
        assert [(member.name, member.uid, member.mode) for member in found] == [
            ("home", 0, 0o755),
            ("home/vcap", 2000, 0o750),
            ("home/vcap/app", 2000, 0o755),
            ("home/vcap/app/f", 2000, 0o644),
        ]

    def test_files_and_links_of_the_disk(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"content")
        (tmp_path / "link").symlink_to("file")
        placed = [
            Placed(tmp_path / "link", PurePosixPath("l")),
            Placed(tmp_path / "file", PurePosixPath("f"), mode=0o755),
        ]
        found = members(pack(placed, tmp_path / "out.tgz").path)
        assert [(member.name, member.mode, member.linkname) for member in found] == [
            ("f", 0o755, ""),
            ("l", 0o777, "file"),
        ]

    def test_owners_of_the_disk(self, tmp_path: Path) -> None:
        (tmp_path / "tree").mkdir()
        (tmp_path / "tree" / "f").write_bytes(b"")
        found = members(pack([Placed(tmp_path / "tree", TOP)], tmp_path / "out.tgz", keep_owner=True).path)
        assert [(member.uid, member.gid) for member in found] == [(os.getuid(), os.getgid())]

    @pytest.mark.parametrize(
        "places",
        [["a", "a"], ["a", "a/b"], ["/a"], ["../a"], ["a/../b"]],
    )
    def test_overlapping_or_impossible_places_are_refused(self, places: list[str], tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"placed|no path"):
            pack([Placed(tmp_path, PurePosixPath(place)) for place in places], tmp_path / "out.tgz")
        assert leftovers(tmp_path) == []


class TestRefusals:
    def refused(self, root: Path, kind: type[Problem]) -> Problem:
        destination = root.parent / "out.tgz"
        destination.write_bytes(b"what was there before")
        with pytest.raises(kind) as caught:
            pack([Placed(root, PurePosixPath("app"))], destination)
        assert destination.read_bytes() == b"what was there before"
        assert leftovers(root.parent, root.name, "out.tgz") == []
        with pytest.raises(kind):
            tree_digest(root)
        return caught.value

    def test_a_socket(self, tmp_path: Path) -> None:
        (tmp_path / "tree" / "run").mkdir(parents=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "tree" / "run" / "app\n.sock"))
        problem = self.refused(tmp_path / "tree", SpecialFile)
        assert problem.brief().endswith("run/app\\x0a.sock is a socket: only files, directories and links can be kept.")

    def test_a_named_pipe(self, tmp_path: Path) -> None:
        (tmp_path / "tree").mkdir()
        os.mkfifo(tmp_path / "tree" / "pipe")
        assert "is a named pipe" in self.refused(tmp_path / "tree", SpecialFile).brief()

    @pytest.mark.root
    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
    def test_a_device(self, tmp_path: Path) -> None:
        (tmp_path / "tree").mkdir()
        os.mknod(tmp_path / "tree" / "null", 0o20666, os.makedev(1, 3))
        assert "is a character device" in self.refused(tmp_path / "tree", SpecialFile).brief()

    def test_what_is_not_there(self, tmp_path: Path) -> None:
        problem = self.refused(tmp_path / "tree", UnreadableFile)
        assert problem.brief().endswith("tree cannot be read: no such file or directory.")

    def test_a_tree_deeper_than_a_path(self, tmp_path: Path) -> None:
        (tmp_path / "tree").mkdir()
        make_deep(tmp_path / "tree", 100, "d" * 200)
        assert isinstance(self.refused(tmp_path / "tree", TreeTooDeep), TreeTooDeep)

    @pytest.mark.parametrize("name", ["file", "directory"])
    def test_what_may_not_be_read(self, name: str, tmp_path: Path) -> None:
        root = tmp_path / "tree"
        (root / "directory").mkdir(parents=True)
        (root / "file").write_bytes(b"secret")
        (root / name).chmod(0)
        open_to_all(tmp_path)
        with pytest.raises(UnreadableFile) as caught:
            as_nobody(lambda: pack([Placed(root, TOP)], tmp_path / "out.tgz"))
        assert caught.value.brief().endswith(f"{name} cannot be read: permission denied.")
        assert leftovers(tmp_path, "tree") == []

    @pytest.mark.parametrize("new_size", [0, 5 * MIB, 40 * MIB])
    def test_a_file_that_changes_while_it_is_read(self, new_size: int, tmp_path: Path) -> None:
        (tmp_path / "tree").mkdir()
        log = tmp_path / "tree" / "log"
        log.write_bytes(bytes(20 * MIB))

        def meanwhile(done: int, total: int | None) -> None:
            os.truncate(log, new_size)

        with pytest.raises(FileChanged) as caught:
            pack([Placed(tmp_path / "tree", TOP)], tmp_path / "out.tgz", progress=meanwhile)
        assert caught.value.path == log
        assert leftovers(tmp_path, "tree") == []

    def test_a_destination_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "tree").mkdir()
        with pytest.raises(Problem, match="no such file or directory"):
            pack([Placed(tmp_path / "tree", TOP)], tmp_path / "missing" / "out.tgz")


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(bytes(9 * MIB))

    def interrupted(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack([Placed(tmp_path / "tree", TOP)], tmp_path / "out.tgz", progress=interrupted)
    assert leftovers(tmp_path, "tree") == []


def test_kill_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(os.urandom(1 << 20) * 9)

    def killed(done: int, total: int | None) -> None:
        if done > 5 * MIB:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        pack([Placed(tmp_path / "tree", TOP)], tmp_path / "out.tgz", progress=killed)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert leftovers(tmp_path, "tree") == []


def test_where_every_file_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old kernels and some file systems read O_TMPFILE as O_DIRECTORY alone."""
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY)
    (tmp_path / "tree").mkdir()
    packed = pack([Placed(None, PurePosixPath("f"), content=b"small")], tmp_path / "out.tgz")
    with pytest.raises(UnreadableFile):
        pack([Placed(tmp_path / "missing", PurePosixPath("x"))], tmp_path / "out.tgz")
    assert names(packed.path) == ["f"]
    assert leftovers(tmp_path, "tree") == ["out.tgz"]


def test_progress_ends_at_the_length_of_the_tar(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(bytes(5 * MIB))
    told: list[tuple[int, int | None]] = []
    packed = pack(
        [Placed(tmp_path / "tree", TOP)],
        tmp_path / "out.tgz",
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == sorted(told, key=lambda one: one[0])
    assert told[-1] == (packed.unpacked_size, packed.unpacked_size)
    assert len(told) > 4


def make_deep(root: Path, levels: int, name: str) -> None:
    """Directories in one another, deeper than a path can say."""
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=descriptor)
        below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
