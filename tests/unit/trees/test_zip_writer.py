"""Zips: the same bytes for the same files, and back through our own reader and somebody else's."""

from __future__ import annotations

import os
import stat
import subprocess
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagewright.model.tree import Bounds
from stagewright.trees import LinkPolicy, SpecialFile, UnreadableFile, unpack
from stagewright.trees.entries import EntryKind
from stagewright.trees.zip_writer import ZipEntry, write_zip


def entries(directory: Path) -> list[ZipEntry]:
    directory.mkdir(parents=True, exist_ok=True)
    script = directory / "script"
    script.write_bytes(b"#!/bin/sh\n" * 100)
    return [
        ZipEntry(PurePosixPath("bin/run"), content=script, mode=0o755),
        ZipEntry(PurePosixPath("VERSION"), content=b"1.2.3"),
        ZipEntry(PurePosixPath("empty"), EntryKind.DIRECTORY, mode=0o755),
        ZipEntry(PurePosixPath("link"), EntryKind.LINK, b"bin/run", 0o777),
        ZipEntry(PurePosixPath("stored"), content=b"z" * 1000, deflated=False),
    ]


def test_the_same_files_are_the_same_bytes_at_another_time_and_place_and_in_another_order(tmp_path: Path) -> None:
    here, there = entries(tmp_path / "a"), entries(tmp_path / "b" / "c")
    os.utime(tmp_path / "a" / "script", (1, 1))
    one = write_zip(here, tmp_path / "one.zip")
    two = write_zip(reversed(there), tmp_path / "two.zip")
    assert one.path.read_bytes() == two.path.read_bytes()
    assert one.digest == two.digest
    assert one.size == one.path.stat().st_size


def test_modes_links_and_directories_come_back(tmp_path: Path) -> None:
    packed = write_zip(entries(tmp_path / "a"), tmp_path / "one.zip")
    unpack(packed.path, tmp_path / "out", bounds=Bounds(), links=LinkPolicy.INSIDE)
    assert stat.S_IMODE((tmp_path / "out/bin/run").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "out/VERSION").stat().st_mode) == 0o644
    assert (tmp_path / "out/link").readlink() == Path("bin/run")
    assert (tmp_path / "out/empty").is_dir()
    assert packed.entries == 5


def test_others_read_it_too(tmp_path: Path) -> None:
    packed = write_zip(entries(tmp_path / "a"), tmp_path / "one.zip")
    ended = subprocess.run(["python3", "-m", "zipfile", "-t", packed.path], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
    with zipfile.ZipFile(packed.path) as archive:
        assert archive.testzip() is None
        names = [info.filename for info in archive.infolist()]
        assert names == sorted(names)
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.getinfo("stored").compress_type == zipfile.ZIP_STORED


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text("abc-é", min_size=1, max_size=8), st.binary(max_size=300), max_size=8))
def test_every_content_comes_back(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    place = tmp_path_factory.mktemp("zip")
    write_zip([ZipEntry(PurePosixPath(name), content=content) for name, content in files.items()], place / "a.zip")
    with zipfile.ZipFile(place / "a.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/hostname")
    with pytest.raises(UnreadableFile):
        write_zip([ZipEntry(PurePosixPath("a"), content=tmp_path / "link")], tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_what_is_no_file_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SpecialFile):
        write_zip([ZipEntry(PurePosixPath("a"), content=tmp_path / "pipe")], tmp_path / "a.zip")


def test_a_name_that_a_zip_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="UTF-8"):
        write_zip([ZipEntry(PurePosixPath(os.fsdecode(b"\xff")))], tmp_path / "a.zip")


@pytest.mark.parametrize("name", ["/a", "../a", "a/../../b", "."])
def test_no_entry_leads_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="inside"):
        write_zip([ZipEntry(PurePosixPath(name))], tmp_path / "a.zip")


def test_a_name_is_there_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one name"):
        write_zip([ZipEntry(PurePosixPath("a")), ZipEntry(PurePosixPath("a"))], tmp_path / "a.zip")
