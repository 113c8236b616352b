"""A build may write so many bytes. No quota of the kernel's is at hand for a directory, so a thread looks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from stagewright.trees import disk_use

_LOOKS = 0.1
"""Seconds between two looks at how full the file system is: one system call."""
_RESTS = 20
"""After a count we rest so many times as long as it took: counting may cost a twentieth of one processor."""
_AT_MOST = 5.0
"""Seconds between two counts, unless a count takes longer."""


class DiskWatch:
    """Counts what lies in the writable trees and calls ``full`` once, when it has grown by more than ``limit`` bytes.

    Growth counts from the beginning: a large app, or a cache that earlier builds filled, is not this build's doing. To
    count 17,000 files takes a fifth of a second, so it is done at intervals; in between, the free room of the file system
    tells whether the build *can* have written what it had left, and then a count is made at once.
    """

    def __init__(self, trees: Sequence[Path], limit: int, full: Callable[[], None]) -> None:
        self._trees = tuple(trees)
        self._limit = limit
        self._full = full
        self._stopped = threading.Event()
        self._counted = threading.Event()
        self._counting = threading.Lock()
        self._start_size = 0
        self._written = 0
        self._free: dict[Path, int] = {}
        self._thread = threading.Thread(target=self._watch, name="disk-watch", daemon=True)

    def __enter__(self) -> Self:
        if self._trees:
            self._thread.start()
        else:
            self._counted.set()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not joined: it may be in the middle of a long count, which reads only and finds nobody to tell.
        self._stopped.set()

    def wait_until_counted(self) -> None:
        """Until the trees were counted as they were before the first command."""
        self._counted.wait()

    def check(self) -> None:
        """Count now, if the room that is gone allows for more than the limit. Costs one system call a tree otherwise."""
        if self._trees and self._may_be_over():
            self._count()

    def _watch(self) -> None:
        try:
            self._free = self._free_room()
            self._start_size = self._size()
        finally:
            self._counted.set()
        began = time.monotonic()
        rest = _LOOKS
        while not self._stopped.wait(_LOOKS):
            if time.monotonic() - began < rest and not self._may_be_over():
                continue
            took = self._count()
            began = time.monotonic()
            rest = max(_LOOKS, min(_AT_MOST, took * _RESTS))

    def _count(self) -> float:
        """Returns the seconds that it took."""
        with self._counting:
            began = time.monotonic()
            free = self._free_room()
            self._written = self._size() - self._start_size
            self._free = free
            took = time.monotonic() - began
        if self._written > self._limit and not self._stopped.is_set():
            self._stopped.set()
            self._full()
        return took

    def _may_be_over(self) -> bool:
        free = self._free_room()
        gone = sum(max(0, before - free.get(tree, before)) for tree, before in self._free.items())
        return self._written + gone > self._limit

    def _size(self) -> int:
        return sum(disk_use(tree) for tree in self._trees)

    def _free_room(self) -> dict[Path, int]:
        """Free bytes of each file system, once, by the first tree on it."""
        rooms: dict[int, tuple[Path, int]] = {}
        for tree in self._trees:
            with suppress(OSError):  # a tree that is gone holds nothing
                status = os.statvfs(tree)
                rooms.setdefault(tree.stat().st_dev, (tree, status.f_bfree * status.f_frsize))
        return dict(rooms.values())
