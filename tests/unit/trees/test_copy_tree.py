"""A user's directory becomes a tree of ours."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from tests.odd_trees import as_nobody, facts, open_to_all

from stagewright.model.tree import Bounds, Owner
from stagewright.trees import (
    ArchiveTooLarge,
    FileChanged,
    LinkPolicy,
    Modes,
    NotEmpty,
    SpecialFile,
    Times,
    TreeTooDeep,
    UnreadableFile,
    UnsafeArchive,
    copy_tree,
)

KEEP, INSIDE = LinkPolicy.KEEP, LinkPolicy.INSIDE


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    (root / "lib" / "deep").mkdir(parents=True)
    (root / "app.py").write_bytes(b"app")
    (root / "lib" / "deep" / "a.py").write_bytes(b"a")
    return root


def test_everything_survives(odd_tree: Path, tmp_path: Path) -> None:
    copied = copy_tree(odd_tree, tmp_path / "copy", bounds=Bounds(), links=KEEP, modes=Modes.KEEP)
    assert facts(tmp_path / "copy") == facts(odd_tree)
    assert copied.entries == len(facts(odd_tree))


def test_the_source_is_untouched(odd_tree: Path, tmp_path: Path) -> None:
    before = facts(odd_tree)
    copy_tree(odd_tree, tmp_path / "copy", bounds=Bounds(), links=KEEP)
    assert facts(odd_tree) == before


def test_links_are_not_followed(source: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (source / "link").symlink_to("../secret")
    (source / "directory").symlink_to(tmp_path)
    copy_tree(source, tmp_path / "copy", bounds=Bounds(), links=KEEP)
    assert (tmp_path / "copy" / "link").readlink() == Path("../secret")
    assert (tmp_path / "copy" / "directory").is_symlink()


def test_the_source_itself_may_be_a_link(source: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("source")
    copy_tree(tmp_path / "link", tmp_path / "copy", bounds=Bounds(), links=KEEP)
    assert facts(tmp_path / "copy") == facts(source)


@pytest.mark.parametrize("target", ["/etc/passwd", "../x", "lib/../../x"])
def test_links_out_are_refused_inside(target: str, source: Path, tmp_path: Path) -> None:
    (source / "lib" / "good").symlink_to("../app.py")
    (source / "stray").symlink_to(target)
    with pytest.raises(UnsafeArchive) as caught:
        copy_tree(source, tmp_path / "copy", bounds=Bounds(), links=INSIDE)
    assert (caught.value.entry, caught.value.archive) == ("stray", source)


def test_ignored_directories_are_not_entered(source: Path, tmp_path: Path) -> None:
    os.mkfifo(source / "lib" / "deep" / "pipe")
    asked: list[tuple[str, bool]] = []

    def ignored(path: str, is_directory: bool) -> bool:
        asked.append((path, is_directory))
        return path == "lib/deep"

    copy_tree(source, tmp_path / "copy", ignored=ignored, bounds=Bounds(), links=KEEP)
    assert sorted(facts(tmp_path / "copy")) == [b"app.py", b"lib"]
    assert asked == [("app.py", False), ("lib", True), ("lib/deep", True)]


def test_names_that_are_not_utf8_can_be_ignored(odd_tree: Path, tmp_path: Path) -> None:
    copy_tree(
        odd_tree,
        tmp_path / "copy",
        ignored=lambda path, _: os.fsencode(path) == b"latin-\xe4\xff",
        bounds=Bounds(),
        links=KEEP,
    )
    assert set(facts(odd_tree)) - set(facts(tmp_path / "copy")) == {b"latin-\xe4\xff"}


@pytest.mark.parametrize("kind", ["socket", "named pipe"])
def test_special_files_are_refused_by_name(kind: str, source: Path, tmp_path: Path) -> None:
    path = source / "lib" / "odd\x1bname"
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    else:
        os.mkfifo(path)
    with pytest.raises(SpecialFile) as caught:
        copy_tree(source, tmp_path / "copy", bounds=Bounds(), links=KEEP)
    assert f"lib/odd\\x1bname is a {kind}" in caught.value.brief()
    assert ".cfignore" in caught.value.hint()


@pytest.mark.parametrize("name", ["app.py", "lib"])
def test_what_may_not_be_read_is_named(name: str, source: Path, tmp_path: Path) -> None:
    (source / name).chmod(0)
    open_to_all(tmp_path)
    with pytest.raises(UnreadableFile) as caught:
        as_nobody(lambda: copy_tree(source, tmp_path / "copy", bounds=Bounds(), links=KEEP))
    assert (caught.value.path, caught.value.reason) == (source / name, "permission denied")


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no such file"):
        copy_tree(tmp_path / "missing", tmp_path / "copy", bounds=Bounds(), links=KEEP)


@pytest.mark.parametrize(
    ("bounds", "what"),
    [
        (Bounds(entries=3), "3 entries"),
        (Bounds(bytes=3), "3 B of files"),
        (Bounds(depth=2), "2 directories in one another"),
        (Bounds(name_bytes=7), "7 bytes in a name"),
    ],
)
def test_bounds(bounds: Bounds, what: str, source: Path, tmp_path: Path) -> None:
    with pytest.raises(ArchiveTooLarge) as caught:
        copy_tree(source, tmp_path / "copy", bounds=bounds, links=KEEP)
    assert (caught.value.what, caught.value.archive) == (what, source)


def test_deeper_than_a_path(source: Path, tmp_path: Path) -> None:
    descriptor = os.open(source, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("d" * 200, dir_fd=descriptor)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    with pytest.raises((TreeTooDeep, ArchiveTooLarge)):
        copy_tree(source, tmp_path / "copy", bounds=Bounds(), links=KEEP)


def test_only_where_nothing_is(source: Path, tmp_path: Path) -> None:
    with pytest.raises(NotEmpty):
        copy_tree(source, tmp_path, bounds=Bounds(), links=KEEP)


def test_modes_and_times(source: Path, tmp_path: Path) -> None:
    (source / "app.py").chmod(0o6755)
    os.utime(source / "app.py", ns=(1, 123456789))
    os.utime(source / "lib", ns=(1, 987654321))
    copy_tree(source, tmp_path / "copy", bounds=Bounds(), links=KEEP, times=Times.KEEP)
    assert stat.S_IMODE((tmp_path / "copy" / "app.py").stat().st_mode) == 0o755
    assert (tmp_path / "copy" / "app.py").stat().st_mtime_ns == 123456789
    assert (tmp_path / "copy" / "lib").stat().st_mtime_ns == 987654321


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owners(source: Path, tmp_path: Path) -> None:
    (source / "link").symlink_to("x")
    copy_tree(source, tmp_path / "copy", bounds=Bounds(), links=KEEP, owner=Owner(1234, 1235))
    found = [tmp_path / "copy", *(tmp_path / "copy").rglob("*")]
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in found} == {(1234, 1235)}


def test_a_file_that_shrinks_while_it_is_read(source: Path, tmp_path: Path) -> None:
    """Files of /proc say more than they give: the same thing to a reader."""
    (source / "app.py").unlink()
    lying = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not lying.exists():
        pytest.skip("no file here says that it is longer than it is")
    with pytest.raises(FileChanged):
        copy_tree(lying.parent, tmp_path / "copy", bounds=Bounds(), links=KEEP)


def test_progress_counts_bytes(source: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    copied = copy_tree(source, tmp_path / "copy", bounds=Bounds(), links=KEEP, progress=lambda *one: told.append(one))
    assert told == [(3, None), (4, None)]
    assert copied.bytes == 4
