"""Layers over one another: replacing, deleting, linking, and everything that a hostile layer might try."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagewright.model.digest import Digest
from stagewright.model.tree import Bounds
from stagewright.trees import ArchiveTooLarge, NotEmpty, UnreadableArchive, UnsafeArchive
from stagewright.trees.inflation import Compressed
from stagewright.trees.layers import LayeredTree

BOUNDS = Bounds(entries=2000, bytes=1 << 20, ratio=50, ratio_from=1 << 20)


@dataclass(frozen=True)
class Made:
    """One entry of a layer that a test writes."""

    name: str
    kind: bytes = tarfile.REGTYPE
    content: bytes = b""
    target: str = ""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = 1000

    def into(self, archive: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(self.name)
        info.type, info.linkname, info.mode = self.kind, self.target, self.mode
        info.uid, info.gid, info.mtime, info.size = self.uid, self.gid, self.mtime, len(self.content)
        archive.addfile(info, io.BytesIO(self.content))


def file(name: str, content: bytes = b"x", mode: int = 0o644) -> Made:
    return Made(name, content=content, mode=mode)


def directory(name: str, mode: int = 0o755) -> Made:
    return Made(name, tarfile.DIRTYPE, mode=mode)


def link(name: str, target: str) -> Made:
    return Made(name, tarfile.SYMTYPE, target=target, mode=0o777)


def hard(name: str, target: str) -> Made:
    return Made(name, tarfile.LNKTYPE, target=target)


def white(name: str) -> Made:
    head, _, tail = name.rpartition("/")
    return file(f"{head}/.wh.{tail}" if head else f".wh.{tail}", b"")


def opaque(name: str) -> Made:
    return file(f"{name}/.wh..wh..opq", b"")


Layered = list[Made]


def tar_of(layer: Layered) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for made in layer:
            made.into(archive)
    return raw.getvalue()


def applied(root: Path, *layers: Layered, bounds: Bounds = BOUNDS, keep_owner: bool = False) -> Path:
    """The tree that ``layers`` make, in ``root/tree``; beside it lies a file that nothing may touch."""
    into = root / "tree"
    outside = root / "outside"
    outside.write_bytes(b"untouched")
    try:
        with LayeredTree(into, bounds=bounds, keep_owner=keep_owner) as tree:
            for number, layer in enumerate(layers):
                content = tar_of(layer)
                archive = root / f"{number}.tar"
                archive.write_bytes(content if number % 2 else gzip.compress(content))
                compressed = Compressed.NOT if number % 2 else Compressed.GZIP
                with archive.open("rb") as stream:
                    diff_id = tree.apply(stream.fileno(), compressed, Path(f"layer {number}"))
                assert diff_id == Digest.of(content)
            tree.settle()
    finally:
        assert outside.read_bytes() == b"untouched"
        left = {"tree", "outside", *(f"{number}.tar" for number in range(len(layers)))}
        assert {path.name for path in root.iterdir()} <= left
    return into


def listing(into: Path) -> dict[str, str]:
    """Path → what lies there."""
    found = {}
    for path in sorted(into.rglob("*")):
        name = str(path.relative_to(into))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_dir():
            found[name] = "/"
        else:
            found[name] = path.read_text()
    return found


# --- what layer.md says -------------------------------------------------------------------------------------------

BASE: Layered = [
    directory("a"),
    file("a/file2", b"2"),
    directory("b"),
    file("b/inner", b"i"),
    directory("c"),
    file("c/file3", b"3"),
    file("file1", b"1"),
    link("link", "a"),
]
KEPT = {"a": "/", "a/file2": "2", "b": "/", "b/inner": "i", "c": "/", "c/file3": "3", "file1": "1", "link": "-> a"}


def without(*names: str, **more: str) -> dict[str, str]:
    kept = {path: what for path, what in KEPT.items() if not any(path == n or path.startswith(f"{n}/") for n in names)}
    return {**kept, **{path.replace("_", "/"): what for path, what in more.items()}}


CASES: dict[str, tuple[Layered, dict[str, str]]] = {
    "nothing": ([], KEPT),
    "the specification's whiteouts": (
        [white("file1"), white("a/file2"), white("b"), file("file4", b"4")],
        without("file1", "a/file2", "b", file4="4"),
    ),
    "an opaque directory": ([directory("b"), opaque("b")], without("b/inner")),
    "an opaque directory, marked last": (
        [directory("b"), directory("b/sub"), file("b/sub/foo", b"f"), opaque("b")],
        without("b/inner", b_sub="/", b_sub_foo="f"),
    ),
    "opaque without an entry of its own": ([opaque("b")], without("b/inner")),
    "an opaque top": ([file(".wh..wh..opq", b""), file("only", b"o")], {"only": "o"}),
    "a whiteout hides only what is below": ([file("file1", b"new"), white("file1")], without("file1", file1="new")),
    "a whiteout of a directory that comes again": (
        [directory("b"), file("b/new", b"n"), white("b")],
        without("b", b="/", b_new="n"),
    ),
    "whiteouts of what is not there": ([white("nothing"), white("no/where"), white("file1/x")], KEPT),
    "a whiteout of a link removes the link": ([white("link")], without("link")),
    "a whiteout below a link follows nothing": ([white("link/file2"), opaque("link")], KEPT),
    "a file is replaced": ([file("file1", b"new")], without("file1", file1="new")),
    "a file becomes a directory": (
        [directory("file1"), file("file1/x", b"x")],
        without("file1", file1="/", file1_x="x"),
    ),
    "a directory becomes a file": ([file("b", b"file")], without("b", b="file")),
    "a directory becomes a link": ([link("b", "a")], without("b", b="-> a")),
    "a link becomes a directory": ([directory("link"), file("link/x", b"x")], without("link", link="/", link_x="x")),
    "a link becomes a file, and what it led to stays": ([file("link", b"f")], without("link", link="f")),
    "a directory over a directory keeps what is in it": ([directory("b", 0o700)], KEPT),
    "a hard link to a file below": ([hard("new", "a/file2")], without(new="2")),
    "a hard link within the layer": (
        [file("x", b"x"), directory("d"), hard("d/y", "x")],
        without(x="x", d="/", d_y="x"),
    ),
    "a hard link to a link": ([hard("again", "link")], without(again="-> a")),
    "a hard link over the file itself": ([hard("file1", "file1")], KEPT),
    "parents that no entry describes": ([file("x/y/z", b"z")], without(x="/", x_y="/", x_y_z="z")),
    "AUFS's own records": (
        [directory(".wh..wh.plnk"), file(".wh..wh.plnk/1.2", b"x"), file(".wh..wh.aufs", b"")],
        KEPT,
    ),
    "whiteouts as AUFS wrote them": ([hard(".wh.file1", ".wh..wh.aufs")], without("file1")),
    "a whiteout with content": ([file("a/.wh.file2", b"content")], without("a/file2")),
    "the top itself": ([directory("./")], KEPT),
    "names with a dot before": ([file("./a/./file2", b"new")], without("a/file2", a_file2="new")),
}


@pytest.mark.parametrize("name", CASES)
def test_a_layer_over_another(tmp_path: Path, name: str) -> None:
    layer, expected = CASES[name]
    assert listing(applied(tmp_path, BASE, layer)) == expected


def test_whiteouts_in_the_lowest_layer_hide_nothing(tmp_path: Path) -> None:
    assert listing(applied(tmp_path, [white("x"), file("x"), opaque("d"), file("d/y")])) == {
        "x": "x",
        "d": "/",
        "d/y": "x",
    }


def test_what_one_layer_deletes_the_next_brings_back(tmp_path: Path) -> None:
    third = [directory("b", 0o700), file("b/again", b"a")]
    assert listing(applied(tmp_path, BASE, [white("b")], third)) == without("b", b="/", b_again="a")


def test_hard_links_are_one_file(tmp_path: Path) -> None:
    tree = applied(tmp_path, [file("one", b"1")], [hard("two", "one")])
    assert (tree / "one").samefile(tree / "two")


def test_a_replaced_file_is_not_written_through_its_other_name(tmp_path: Path) -> None:
    tree = applied(tmp_path, [file("one", b"1"), hard("two", "one")], [file("one", b"new")])
    assert listing(tree) == {"one": "new", "two": "1"}


def test_modes_and_times(tmp_path: Path) -> None:
    layer = [directory("d", 0o555), file("d/f", mode=0o6755), replace(link("l", "d"), mtime=77), directory("t", 0o1777)]
    tree = applied(tmp_path, layer, [file("d/g", mode=0o600)])
    modes = {name: stat.S_IMODE((tree / name).lstat().st_mode) for name in ("d", "d/f", "d/g", "t")}
    assert modes == {"d": 0o555, "d/f": 0o755, "d/g": 0o600, "t": 0o1777}  # the caller's files are not setuid
    assert [int((tree / name).lstat().st_mtime) for name in ("d", "d/f", "l")] == [1000, 1000, 77]


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_owners_are_kept_by_root(tmp_path: Path) -> None:
    given_away = [
        replace(directory("d", 0o700), uid=2000, gid=2001),
        replace(file("d/f", mode=0o4755), uid=3, gid=4),
        replace(link("l", "d"), uid=5, gid=6),
        file("implied/x"),
    ]
    tree = applied(tmp_path, given_away, keep_owner=True)
    owners = {
        name: ((tree / name).lstat().st_uid, (tree / name).lstat().st_gid) for name in ("d", "d/f", "l", "implied")
    }
    assert owners == {"d": (2000, 2001), "d/f": (3, 4), "l": (5, 6), "implied": (0, 0)}
    assert stat.S_IMODE((tree / "d/f").stat().st_mode) == 0o4755


def test_large_owner_numbers_are_read(tmp_path: Path) -> None:
    """In PAX records and GNU's base 256, as Go and tar write them."""
    from stagewright.trees.stream import Stream
    from stagewright.trees.tar_reader import read_entries

    for format_ in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w", format=format_) as archive:
            replace(file("x", b""), uid=4_000_000_000, gid=3_000_000).into(archive)
        entries = list(read_entries(Stream(iter([raw.getvalue()]))))
        assert [(entry.uid, entry.gid) for entry in entries] == [(4_000_000_000, 3_000_000)]


# --- hostile layers -----------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[list[Layered], str]] = {
    "up": ([[file("../outside", b"!")]], "holds '..'"),
    "up from below": ([[file("a/../../outside", b"!")]], "holds '..'"),
    "absolute": ([[file("/outside", b"!")]], "absolute"),
    "through a link of the same layer": ([[link("l", ".."), file("l/outside", b"!")]], "leads through a link"),
    "through a link of the layer below": ([[link("l", "..")], [file("l/outside", b"!")]], "leads through a link"),
    "through an absolute link": ([[link("l", "/")], [file("l/tmp/outside", b"!")]], "leads through a link"),
    "through a file": ([[file("f")], [file("f/x")]], "leads through a file"),
    "hard link up": ([[hard("h", "../outside")]], "holds '..'"),
    "hard link absolute": ([[hard("h", "/etc/passwd")]], "absolute"),
    "hard link through a link": ([[link("l", "..")], [hard("h", "l/outside")]], "not there"),
    "hard link to nothing": ([[hard("h", "nothing")]], "no file"),
    "hard link to a directory": ([[directory("d")], [hard("h", "d")]], "no file"),
    "hard link to a file below itself": ([[directory("d"), file("d/f")], [hard("d", "d/f")]], "below itself"),
    "hard link to a link below itself": ([[directory("d"), link("d/l", "x")], [hard("d", "d/l")]], "below itself"),
    "a whiteout of the directory above": ([[directory("d")], [file("d/.wh...", b"")]], "hides nothing"),
    "a whiteout of the directory itself": ([[directory("d")], [file("d/.wh..", b"")]], "hides nothing"),
    "a whiteout of nothing": ([[], [file(".wh.", b"")]], "hides nothing"),
    "a whiteout that is a directory": ([[file("x")], [directory(".wh.x")]], "hides nothing"),
    "below a whiteout": ([[], [file(".wh.x/y")]], "leads through a whiteout"),
    "a whiteout in the lowest layer, of the directory above": ([[file(".wh...", b"")]], "hides nothing"),
    "a file in the place of the top": ([[link(".", "/")]], "place of the whole tree"),
    "a device": ([[Made("null", tarfile.CHRTYPE)]], "character device"),
    "a block device": ([[Made("sda", tarfile.BLKTYPE)]], "block device"),
    "a pipe": ([[Made("pipe", tarfile.FIFOTYPE)]], "named pipe"),
    "an impossible owner": ([[replace(file("x"), uid=1 << 33)]], "owner's number"),
    "a link to nothing": ([[link("l", "")]], "leads to nothing"),
    "a name that no disk holds": ([[file("n" * 300)]], "255 bytes in one part"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_layers_are_refused(tmp_path: Path, name: str) -> None:
    layers, rule = REFUSED[name]
    with pytest.raises((UnsafeArchive, ArchiveTooLarge)) as caught:
        applied(tmp_path, *layers)
    assert rule in caught.value.brief()
    assert f"layer {len(layers) - 1}" in caught.value.brief()


def bomb_of_entries() -> list[Layered]:
    return [[file(f"{number}", b"") for number in range(1500)], [file(f"x{number}", b"") for number in range(600)]]


def bomb_of_bytes() -> list[Layered]:
    return [[file("one", b"1" * 600_000)], [file("two", b"2" * 600_000)]]


def bomb_of_zeros() -> list[Layered]:
    return [[file("zeros", bytes(1 << 20))], [file("x", b"")], [file("zeros", bytes(4 << 20))]]


@pytest.mark.parametrize("bomb", [bomb_of_entries, bomb_of_bytes, bomb_of_zeros])
def test_bounds_hold_for_all_layers_together(tmp_path: Path, bomb: Callable[[], list[Layered]]) -> None:
    with pytest.raises(ArchiveTooLarge):
        applied(tmp_path, *bomb())


def test_a_bomb_is_noticed_by_its_ratio(tmp_path: Path) -> None:
    with pytest.raises(ArchiveTooLarge, match="50 times its own size"):
        applied(tmp_path, [file("zeros", bytes(8 << 20))], bounds=replace(BOUNDS, bytes=1 << 30))


@pytest.mark.parametrize(
    "content", [b"", b"no tar at all" * 100, gzip.compress(b"x" * 600), gzip.compress(tar_of(BASE))[:-30]]
)
def test_damaged_layers(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "layer"
    archive.write_bytes(content)
    for compressed in (Compressed.GZIP, Compressed.NOT):
        into = tmp_path / compressed
        with (
            LayeredTree(into, bounds=BOUNDS, keep_owner=False) as tree,
            archive.open("rb") as stream,
            pytest.raises(UnreadableArchive, match="the layer"),
        ):
            tree.apply(stream.fileno(), compressed, Path("the layer"))


def test_the_directory_must_be_empty(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(NotEmpty):
        LayeredTree(tmp_path, bounds=BOUNDS, keep_owner=False)


# --- against a model ----------------------------------------------------------------------------------------------

NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
ENTRIES = st.one_of(
    st.builds(file, NAMES, st.binary(max_size=3).map(lambda raw: raw.hex().encode())),
    st.builds(directory, NAMES),
    st.builds(link, NAMES, st.sampled_from(["a", "..", "/", "b/c", "nothing"])),
    st.builds(hard, NAMES, NAMES),
    st.builds(white, NAMES),
    st.builds(opaque, NAMES),
)


class Refused(Exception):
    """The model refuses a layer."""


def above(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def remove(tree: dict[str, str], path: str) -> None:
    for name in [name for name in tree if name == path or name.startswith(f"{path}/")]:
        del tree[name]


def hide(tree: dict[str, str], name: str) -> None:
    """A whiteout, where its directory is one."""
    head, _, tail = name.rpartition("/")
    if any(tree.get(parent) != "/" for parent in above(name)):
        return
    if tail == ".wh..wh..opq":
        for below in [below for below in tree if below.startswith(f"{head}/")]:
            tree.pop(below, None)
    else:
        remove(tree, f"{head}/{tail[4:]}" if head else tail[4:])


def put(tree: dict[str, str], made: Made) -> None:
    content = {tarfile.SYMTYPE: f"-> {made.target}", tarfile.REGTYPE: made.content.decode()}.get(made.kind, "/")
    if made.kind == tarfile.LNKTYPE:
        if made.name == made.target:
            return
        content = tree.get(made.target, "/")
        if content == "/" or made.target.startswith(f"{made.name}/"):
            raise Refused
    for parent in above(made.name):
        if tree.setdefault(parent, "/") != "/":
            raise Refused
    if content != "/" or tree.get(made.name) != "/":
        remove(tree, made.name)
    tree[made.name] = content


def model(layers: list[Layered]) -> dict[str, str]:
    """What layer.md says, on a dictionary."""
    tree: dict[str, str] = {}
    for number, layer in enumerate(layers):
        for made in layer:
            if number and ".wh." in made.name:
                hide(tree, made.name)
        for made in layer:
            if ".wh." not in made.name:
                put(tree, made)
    return tree


@given(st.lists(st.lists(ENTRIES, max_size=6), min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_any_layers_do_what_the_specification_says(
    tmp_path_factory: pytest.TempPathFactory, layers: list[Layered]
) -> None:
    root = tmp_path_factory.mktemp("layers")
    try:
        expected = model(layers)
    except Refused:
        with pytest.raises(UnsafeArchive):
            applied(root, *layers)
    else:
        assert listing(applied(root, *layers)) == expected
