"""A disk of 32 MB that fills up."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from stagewright.model.tree import Bounds
from stagewright.trees import Compression, DiskFull, LinkPolicy, Placed, copy_tree, pack, remove_tree, unpack

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk"),
]

MIB = 1 << 20


def mounted(place: Path, options: str) -> Iterator[Path]:
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "disk", "size=32m")


@pytest.fixture
def disk_of_few_files(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "disk", "size=32m,nr_inodes=100")


@pytest.fixture
def much(tmp_path: Path) -> Path:
    """64 MB that no compression makes smaller, in 128 files."""
    root = tmp_path / "much"
    root.mkdir()
    for number in range(128):
        (root / str(number)).write_bytes(os.urandom(MIB // 2))
    return root


@pytest.mark.parametrize("compression", list(Compression))
@pytest.mark.parametrize("before", [None, b"the droplet of yesterday"])
def test_packing(compression: Compression, before: bytes | None, much: Path, disk: Path) -> None:
    if before is not None:
        (disk / "droplet.tgz").write_bytes(before)
    with pytest.raises(DiskFull) as caught:
        pack([Placed(much, PurePosixPath())], disk / "droplet.tgz", compression=compression)
    assert caught.value.directory == disk
    assert caught.value.brief() == f"The disk is full: there was no room to write in {disk}."
    assert [path.read_bytes() for path in disk.iterdir()] == ([] if before is None else [before])


def test_packing_the_last_bytes(much: Path, disk: Path) -> None:
    """The rest of a chunk is written by another road than whole chunks."""
    with (disk / "ballast").open("wb") as ballast:
        ballast.write(bytes(32 * MIB - 8192))
    with pytest.raises(DiskFull):
        pack([Placed(much / "1", PurePosixPath("small"))], disk / "droplet.tgz")
    assert [path.name for path in disk.iterdir()] == ["ballast"]


@pytest.mark.parametrize("compression", list(Compression))
def test_unpacking(compression: Compression, much: Path, disk: Path, tmp_path: Path) -> None:
    packed = pack([Placed(much, PurePosixPath())], tmp_path / "much.tgz", compression=compression)
    with pytest.raises(DiskFull) as caught:
        unpack(packed.path, disk / "app", bounds=Bounds(), links=LinkPolicy.KEEP)
    assert caught.value.directory == disk / "app"
    remove_tree(disk / "app")
    assert list(disk.iterdir()) == []


def test_unpacking_a_zip(much: Path, disk: Path, tmp_path: Path) -> None:
    subprocess.run(["zip", "-qr", tmp_path / "much.zip", "."], cwd=much, check=True)
    with pytest.raises(DiskFull):
        unpack(tmp_path / "much.zip", disk / "app", bounds=Bounds(), links=LinkPolicy.KEEP)


def test_copying(much: Path, disk: Path) -> None:
    with pytest.raises(DiskFull) as caught:
        copy_tree(much, disk / "app", bounds=Bounds(), links=LinkPolicy.KEEP)
    assert caught.value.directory == disk / "app"


def test_too_many_files(much: Path, disk_of_few_files: Path) -> None:
    for number in range(128):
        os.truncate(much / str(number), 1)
    with pytest.raises(DiskFull):
        copy_tree(much, disk_of_few_files / "app", bounds=Bounds(), links=LinkPolicy.KEEP)
    with pytest.raises(DiskFull):
        copy_tree(much, disk_of_few_files / "again", bounds=Bounds(), links=LinkPolicy.KEEP)
