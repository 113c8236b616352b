"""Whatever comes in: round trips are exact, nothing is written outside, and every failure is a Problem."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.odd_trees import facts

from stagewright.errors import Problem
from stagewright.model.tree import Bounds
from stagewright.trees import (
    Compression,
    LinkPolicy,
    Modes,
    Placed,
    copy_tree,
    pack,
    remove_tree,
    snapshot,
    tree_digest,
    unpack,
)
from stagewright.trees.tar_header import DIRECTORY, END, FILE, HARD_LINK, LINK, Header, encode, padding

pytestmark = pytest.mark.slow

TOP = PurePosixPath()
SMALL = Bounds(entries=200, bytes=1 << 20, ratio=200, ratio_from=1 << 20, name_bytes=600, depth=12)

thorough = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

odd_parts = st.binary(min_size=1, max_size=40).filter(
    lambda part: b"/" not in part and b"\0" not in part and part not in (b".", b"..")
)
parts = st.sampled_from([b"a", b"b", b"c", b"d", b".wh.x", "ü".encode(), b"n" * 120]) | odd_parts
paths = st.lists(parts, min_size=1, max_size=4).map(b"/".join)
hostile_paths = paths | st.lists(
    st.sampled_from([b"a", b"b", b"l", b"..", b".", b"", b"outside", b"canary"]), min_size=1, max_size=5
).map(b"/".join)
targets = hostile_paths | st.sampled_from([b"/", b"/tmp", b"..", b"../outside", b"", b"a\0b", b"x" * 4200])
contents = st.binary(max_size=2000) | st.sampled_from([b"", b"x" * 512, b"y" * 70_000])
modes = st.integers(0, 0o7777)


@dataclass(frozen=True)
class Thing:
    path: bytes
    kind: str
    mode: int
    content: bytes


things = st.lists(
    st.builds(Thing, paths, st.sampled_from(["file", "directory", "link", "twin"]), modes, contents), max_size=12
)


@contextmanager
def place() -> Iterator[Path]:
    """A directory with a canary beside what is written; whatever else changes in it is a failure."""
    with TemporaryDirectory() as name:
        root = Path(name)
        (root / "outside").mkdir()
        (root / "outside" / "canary").write_bytes(b"untouched")
        (root / "canary").write_bytes(b"untouched")
        before = facts(root)
        try:
            yield root
        finally:
            mine = (b"in", b"archive", b"tree", b"again.tgz")
            after = {path: fact for path, fact in facts(root).items() if path.split(b"/")[0] not in mine}
            remove_tree(root / "in")
            remove_tree(root / "tree")
        assert after == before


def grow(root: Path, wanted: list[Thing]) -> None:
    """As much of ``wanted`` as can be, made by the system's own calls."""
    root.mkdir()
    made: list[bytes] = []
    base = os.fsencode(root)
    for thing in wanted:
        path = Path(os.fsdecode(base + b"/" + thing.path))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if thing.kind == "directory":
                path.mkdir()
            elif thing.kind == "link":
                path.symlink_to(os.fsdecode(thing.content.replace(b"\0", b"0")[:200] or b"x"))
            elif thing.kind == "twin" and made:
                path.hardlink_to(os.fsdecode(made[-1]))
            else:
                path.write_bytes(thing.content)
                path.chmod(thing.mode)
                made.append(os.fsencode(path))
        except OSError:
            continue


@thorough
@given(things, st.sampled_from(list(Compression)))
def test_pack_and_unpack_are_each_others_reverse(wanted: list[Thing], compression: Compression) -> None:
    with place() as root:
        grow(root / "tree", wanted)
        packed = pack([Placed(root / "tree", TOP)], root / "archive", compression=compression)
        unpack(packed.path, root / "in", bounds=Bounds(), links=LinkPolicy.KEEP, modes=Modes.KEEP)
        assert facts(root / "in") == facts(root / "tree")
        again = pack([Placed(root / "in", TOP)], root / "again.tgz")
        assert again.diff_id == packed.diff_id == tree_digest(root / "tree")


@thorough
@given(things)
def test_a_copy_is_the_same_tree(wanted: list[Thing]) -> None:
    with place() as root:
        grow(root / "tree", wanted)
        before = snapshot(root / "tree")
        copy_tree(root / "tree", root / "in", bounds=Bounds(), links=LinkPolicy.KEEP, modes=Modes.KEEP)
        assert facts(root / "in") == facts(root / "tree")
        assert snapshot(root / "tree") == before


def hostile_tar(entries: list[tuple[bytes, bytes, bytes, bytes, int]]) -> bytes:
    blocks = b""
    for name, kind, target, content, mode in entries:
        size = len(content) if kind == FILE else 0
        blocks += encode(Header(name, kind, mode, 0, 0, 1, size, target))
        if size:
            blocks += content + padding(size)
    return blocks + END


hostile_tars = st.lists(
    st.tuples(
        hostile_paths,
        st.sampled_from([FILE, DIRECTORY, LINK, LINK, HARD_LINK, b"3", b"7", b"V"]),
        targets,
        contents,
        modes,
    ),
    max_size=10,
).map(hostile_tar)


def hostile_zip(entries: list[tuple[bytes, int, bytes, int]], host: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, kind, content, mode in entries:
            info = zipfile.ZipInfo("x")
            info.filename = name.decode("latin-1") or "y"
            info.create_system = host
            info.external_attr = (kind | mode) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return buffer.getvalue()


hostile_zips = st.builds(
    hostile_zip,
    st.lists(
        st.tuples(
            hostile_paths,
            st.sampled_from([0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFLNK, stat.S_IFIFO]),
            contents | targets,
            modes,
        ),
        max_size=8,
    ),
    st.sampled_from([0, 3]),
).filter(bool)


def bring(root: Path, content: bytes, links: LinkPolicy) -> None:
    """Unpack, where every refusal is a Problem that can say what it is."""
    (root / "archive").write_bytes(content)
    try:
        unpack(root / "archive", root / "in", bounds=SMALL, links=links, modes=Modes.KEEP)
    except Problem as problem:
        assert problem.brief()
        return
    if links is LinkPolicy.INSIDE:
        for path in (root / "in").rglob("*"):
            with suppress(RuntimeError):  # a loop of links
                assert path.resolve().is_relative_to(root / "in")


@settings(thorough, max_examples=150)
@given(hostile_tars, st.sampled_from(list(LinkPolicy)))
def test_no_tar_reaches_outside(content: bytes, links: LinkPolicy) -> None:
    with place() as root:
        bring(root, content, links)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(thorough, max_examples=150)
@given(hostile_zips, st.sampled_from(list(LinkPolicy)))
def test_no_zip_reaches_outside(content: bytes, links: LinkPolicy) -> None:
    with place() as root:
        bring(root, content, links)


def good_tree(root: Path) -> None:
    (root / "d").mkdir(parents=True)
    (root / "d" / "file").write_bytes(bytes(range(256)) * 20)
    (root / "d" / ("n" * 150)).write_bytes(b"long")
    (root / "twin").hardlink_to(root / "d" / "file")
    (root / "link").symlink_to("d/file")


def archives(root: Path) -> dict[str, Callable[[], bytes]]:
    def packed(compression: Compression) -> bytes:
        return pack([Placed(root, TOP)], root.parent / "archive", compression=compression).path.read_bytes()

    def zipped() -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(root.rglob("*")):
                archive.write(path, path.relative_to(root))
        return buffer.getvalue()

    return {
        "tar": lambda: packed(Compression.NONE),
        "tgz": lambda: packed(Compression.GZIP),
        "zip": zipped,
    }


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    root = tmp_path_factory.mktemp("samples") / "tree"
    good_tree(root)
    return {name: make() for name, make in archives(root).items()}


@pytest.mark.parametrize("kind", ["tar", "tgz", "zip"])
@settings(thorough, max_examples=100)
@given(data=st.data())
def test_a_damaged_archive_is_a_problem_or_still_right(
    kind: str, samples: dict[str, bytes], data: st.DataObject
) -> None:
    content = bytearray(samples[kind])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    with place() as root:
        bring(root, bytes(content), data.draw(st.sampled_from(list(LinkPolicy))))


@thorough
@given(
    content=st.binary(max_size=3000),
    start=st.sampled_from([b"", b"\x1f\x8b\x08\0", b"BZh9", b"\xfd7zXZ\0", b"PK\x03\x04"]),
)
def test_rubbish_is_a_problem(content: bytes, start: bytes) -> None:
    with place() as root:
        (root / "archive").write_bytes(start + content)
        with pytest.raises(Problem):
            unpack(root / "archive", root / "in", bounds=SMALL, links=LinkPolicy.KEEP)
