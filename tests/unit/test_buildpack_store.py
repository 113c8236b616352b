"""Buildpacks by content: what is kept, what is known again without being read, and what is noticed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from stagewright.buildpacks import BuildpackStore, Catalogue, MalformedBuildpack
from stagewright.buildpacks.known import KnownSources, look_at
from stagewright.model.buildpack import BuiltinRef, DirectoryRef
from stagewright.model.digest import Digest
from stagewright.model.tree import Bounds

_SOME_DIGEST = Digest("0" * 64)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    directory = tmp_path / "ours"
    (directory / "bin").mkdir(parents=True)
    for name in ("detect", "supply", "finalize"):
        (directory / "bin" / name).write_text("#!/bin/sh\nexit 0\n")
        (directory / "bin" / name).chmod(0o755)
    (directory / "lib").mkdir()
    (directory / "lib" / "words.sh").write_text("words=one\n")
    return directory


@pytest.fixture
def store(tmp_path: Path) -> BuildpackStore:
    return BuildpackStore(tmp_path / "store", Catalogue(), Bounds(), settled_after=0.05)


def nothing(path: str, is_directory: bool) -> bool:
    return False


def byte_code(path: str, is_directory: bool) -> bool:
    return path.endswith("__pycache__")


def settled(source: Path) -> None:
    """Wait until every file of ``source`` is old enough to be known again."""
    newest = max(path.lstat().st_ctime for path in source.rglob("*"))
    time.sleep(max(0.0, newest + 0.1 - time.time()))


def made(store: BuildpackStore) -> set[str]:
    return {path.name for path in store.directory.iterdir() if not path.name.startswith(".")}


def test_the_copy_is_kept_under_its_digest_and_what_was_incoming_is_gone(store: BuildpackStore, source: Path) -> None:
    obtained = store.obtain(DirectoryRef(source))
    assert obtained.root == store.directory / obtained.digest.hex
    assert made(store) == {obtained.digest.hex}
    assert not list(store.directory.glob(".incoming-*"))


def test_an_unchanged_directory_is_known_again_and_not_copied(store: BuildpackStore, source: Path) -> None:
    settled(source)
    first = store.obtain(DirectoryRef(source))
    before = store.directory.stat().st_mtime_ns
    again = store.obtain(DirectoryRef(source))
    assert again == first
    assert store.directory.stat().st_mtime_ns == before, "something was made in the store"


def test_a_change_of_the_same_size_and_time_is_noticed(store: BuildpackStore, source: Path) -> None:
    settled(source)
    first = store.obtain(DirectoryRef(source))
    words = source / "lib" / "words.sh"
    times = words.stat()
    words.write_text("words=two\n")
    os.utime(words, ns=(times.st_atime_ns, times.st_mtime_ns))
    second = store.obtain(DirectoryRef(source))
    assert second.digest != first.digest
    assert (second.root / "lib" / "words.sh").read_text() == "words=two\n"


def test_a_copy_that_is_gone_is_made_again(store: BuildpackStore, source: Path) -> None:
    settled(source)
    first = store.obtain(DirectoryRef(source))
    first.root.rename(store.directory.parent / "elsewhere")
    assert store.obtain(DirectoryRef(source)) == first
    assert first.root.is_dir()


def test_what_others_write_beside_its_files_changes_nothing(source: Path) -> None:
    first = look_at(source, byte_code, None)
    (source / "lib" / "__pycache__").mkdir()
    (source / "lib" / "__pycache__" / "words.pyc").write_bytes(b"x")
    assert look_at(source, byte_code, None) == first
    assert look_at(source, nothing, None) != first


def test_a_directory_that_was_just_changed_is_not_remembered(tmp_path: Path, source: Path) -> None:
    known = KnownSources(tmp_path / "known")
    look = look_at(source, nothing, None)
    known.remember(source, look, _SOME_DIGEST)
    assert known.recall(source, look) is None


def test_what_is_remembered_holds_for_that_place_that_look_and_those_rules(tmp_path: Path, source: Path) -> None:
    known = KnownSources(tmp_path / "known", settled_after=-1.0)
    look = look_at(source, nothing, "rules")
    known.remember(source, look, _SOME_DIGEST)
    assert known.recall(source, look) == _SOME_DIGEST
    assert known.recall(source / "lib", look) is None
    assert known.recall(source, look_at(source, nothing, "other rules")) is None


def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, source: Path) -> None:
    known = KnownSources(tmp_path / "known", settled_after=-1.0)
    look = look_at(source, nothing, None)
    known.remember(source, look, _SOME_DIGEST)
    (record,) = (tmp_path / "known").iterdir()
    for content in ("", "[]", "{}", '{"source": 1}', record.read_text().replace("0" * 64, "nonsense")):
        record.write_text(content)
        assert known.recall(source, look) is None


def test_what_a_built_in_links_to_is_looked_at(tmp_path: Path, source: Path) -> None:
    shared = tmp_path / "shared.sh"
    shared.write_text("shared=one\n")
    (source / "lib" / "shared.sh").symlink_to(shared)
    before = look_at(source, nothing, None)
    time.sleep(0.02)
    shared.write_text("shared=two\n")
    assert look_at(source, nothing, None) != before


def test_built_ins_stand_alone_in_the_store(store: BuildpackStore) -> None:
    for ref in store.catalogue.detection_order():
        obtained = store.obtain(ref)
        assert not [path for path in obtained.root.rglob("*") if path.is_symlink()], ref
        assert store.obtain(ref) == obtained


def test_a_directory_that_is_no_buildpack_is_refused_each_time(store: BuildpackStore, tmp_path: Path) -> None:
    (tmp_path / "none" / "bin").mkdir(parents=True)
    (tmp_path / "none" / "bin" / "other").write_text("")
    for _ in range(2):
        with pytest.raises(MalformedBuildpack):
            store.obtain(DirectoryRef(tmp_path / "none"))
    assert store.obtain(BuiltinRef("procfile")).name == "procfile"


def test_bits_are_closed_to_other_users_of_the_machine(tmp_path: Path, source: Path) -> None:
    before = os.umask(0o022)
    try:
        store = BuildpackStore(tmp_path / "cache" / "buildpacks", Catalogue(), Bounds())
        store.obtain(DirectoryRef(source))
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "cache", store.directory)] == [0o700, 0o700]


def test_a_store_that_was_open_to_others_is_closed_but_not_what_it_lies_in(tmp_path: Path, source: Path) -> None:
    store = BuildpackStore(tmp_path / "cache" / "buildpacks", Catalogue(), Bounds())
    store.directory.mkdir(parents=True)
    for path in (tmp_path / "cache", store.directory):
        path.chmod(0o755)
    store.obtain(DirectoryRef(source))
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "cache", store.directory)] == [0o755, 0o700]


def test_nothing_of_a_directory_that_is_no_buildpack_is_kept(store: BuildpackStore, tmp_path: Path) -> None:
    (tmp_path / "none" / "bin").mkdir(parents=True)
    (tmp_path / "none" / "large").write_bytes(bytes(100_000))
    with pytest.raises(MalformedBuildpack):
        store.obtain(DirectoryRef(tmp_path / "none"))
    assert not store.directory.exists()


def test_a_held_store_is_nobodys_alone(store: BuildpackStore) -> None:
    with store.alone() as alone:
        assert alone, "nobody was here yet"
    with store.hold(), store.hold(), store.alone() as alone:
        assert not alone
    with store.alone() as alone:
        assert alone


def test_bits_are_as_young_as_their_last_use(store: BuildpackStore, source: Path) -> None:
    settled(source)
    root = store.obtain(DirectoryRef(source)).root
    os.utime(root, (1, 1))
    store.obtain(DirectoryRef(source))
    assert root.stat().st_mtime > time.time() - 60
