"""What a killed run leaves behind is known from its record, and removed by the next run.

A record says which process made a container and what it made for it. The process is known by its number, the time it started
at and the boot it belongs to, so that a number given away again deceives nobody.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stagewright.model.tree import Owner
from stagewright.sandbox.cgroups import remove_groups
from stagewright.sandbox.runtime import ENVIRONMENT, Runtime
from stagewright.trees import TreeFailure, chown_tree, remove_tree

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Process:
    """A process of this machine, told from every other there was or will be."""

    pid: int
    started: int
    """In clock ticks since boot (proc(5), field 22 of /proc/PID/stat)."""
    boot: str

    def lives(self) -> bool:
        return self.boot == _boot() and _start_time(self.pid) == self.started


def this_process() -> Process:
    """The process that runs this code."""
    pid = os.getpid()
    return Process(pid, _start_time(pid) or 0, _boot())


@dataclass(frozen=True)
class Record:
    """One container, and everything that has to go with it."""

    container: str
    program: str
    """The runtime that knows it."""
    groups: tuple[str, ...]
    owner: Process
    given_away: tuple[str, ...] = ()
    """Trees whose owner was changed for the container, and must be changed back to ``given_back_to``."""
    given_back_to: int = 0


@dataclass(frozen=True)
class Records:
    """The records of one installation, a file each."""

    directory: Path
    runtime_state: Path

    @contextmanager
    def kept(self, record: Record) -> Iterator[None]:
        """A record as long as its container may exist."""
        self.write(record)
        try:
            yield
        finally:
            self._file(record.container).unlink(missing_ok=True)

    def write(self, record: Record) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        file = self._file(record.container)
        unfinished = file.with_suffix(".new")
        unfinished.write_text(json.dumps(asdict(record)))
        unfinished.replace(file)

    def sweep(self) -> int:
        """Remove what dead owners left; returns how many containers that were. Two sweeps at once share the work."""
        if not self.directory.is_dir():
            return 0
        return sum(self._swept(file) for file in sorted(self.directory.glob("*.json")))

    def _swept(self, file: Path) -> bool:
        with suppress(OSError), file.open("r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            record = _parse(held.read())
            if record is None or not record.owner.lives():
                if record is not None and file.exists():
                    self._remove(record)
                file.unlink()
                return record is not None
        return False

    def _remove(self, record: Record) -> None:
        runtime = Runtime(Path(record.program), self.runtime_state)
        if runtime.directory(record.container).exists():
            with suppress(OSError):
                call = runtime.delete(record.container, Path(os.devnull))
                subprocess.run(call, env=ENVIRONMENT, capture_output=True, check=False)
        remove_groups(tuple(Path(group) for group in record.groups))
        remove_tree(runtime.directory(record.container))
        for tree in record.given_away:
            give_back(Path(tree), record.given_back_to)

    def _file(self, container: str) -> Path:
        return self.directory / f"{container}.json"


def give_back(tree: Path, owner: int) -> None:
    """Return a tree to its owner on disk, if it is still there."""
    if tree.exists():
        with suppress(TreeFailure):
            chown_tree(tree, Owner(owner, owner))


def _parse(text: str) -> Record | None:
    """None for what no version of ours wrote."""
    with suppress(ValueError, TypeError, KeyError):
        fields: dict[str, Any] = json.loads(text)
        for name in ("groups", "given_away"):
            fields[name] = tuple(fields[name])
        return Record(**{**fields, "owner": Process(**fields["owner"])})
    return None


def _start_time(pid: int) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        # The name stands in parentheses and may hold anything, parentheses too.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return None


def _boot() -> str:
    with suppress(OSError):
        return _BOOT.read_text().strip()
    return ""
