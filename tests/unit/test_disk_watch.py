"""How much a build has written, on a real disk."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from stagewright.sandbox import disk_watch
from stagewright.sandbox.disk_watch import DiskWatch

LIMIT = 1 << 20


def fill(path: Path, size: int) -> None:
    """To the disk: a file system may count what is only in memory later."""
    with path.open("wb") as file:
        file.write(b"x" * size)
        file.flush()
        os.fsync(file.fileno())


def test_growth_past_the_limit_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    fill(tmp_path / "a/old", 3 * LIMIT)
    told = threading.Semaphore(0)
    with DiskWatch((tmp_path / "a",), LIMIT, told.release) as watch:
        watch.wait_until_counted()
        fill(tmp_path / "a/small", LIMIT // 2)
        assert not told.acquire(timeout=0.5)
        fill(tmp_path / "a/large", LIMIT)
        assert told.acquire(timeout=10)
        watch.check()
        assert not told.acquire(timeout=0.3)


def test_the_growth_of_all_trees_counts(tmp_path: Path) -> None:
    trees = tuple(tmp_path / name for name in "abc")
    for tree in trees:
        tree.mkdir()
    told = threading.Event()
    with DiskWatch(trees, LIMIT, told.set) as watch:
        watch.wait_until_counted()
        for tree in trees:
            fill(tree / "x", LIMIT // 2)
        assert told.wait(10)


def test_a_check_sees_what_happened_since_the_last_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_watch, "_LOOKS", 60.0)
    told = threading.Event()
    with DiskWatch((tmp_path,), LIMIT, told.set) as watch:
        watch.wait_until_counted()
        fill(tmp_path / "x", 8 * LIMIT)
        watch.check()
        assert told.is_set()


def test_trees_may_vanish(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    told = threading.Event()
    with DiskWatch((tmp_path / "a", tmp_path / "never"), LIMIT, told.set) as watch:
        watch.wait_until_counted()
        (tmp_path / "a").rmdir()
        watch.check()
        assert not told.wait(0.5)


def test_without_trees_there_is_nothing_to_watch() -> None:
    with DiskWatch((), LIMIT, lambda: None) as watch:
        watch.wait_until_counted()
        watch.check()


def test_after_the_end_nobody_is_told(tmp_path: Path) -> None:
    told = threading.Event()
    with DiskWatch((tmp_path,), LIMIT, told.set) as watch:
        watch.wait_until_counted()
    fill(tmp_path / "x", 4 * LIMIT)
    assert not told.wait(0.5)
