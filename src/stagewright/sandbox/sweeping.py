"""What a killed run leaves behind is known from its record, and removed by the next run.

A record says which process made a container and what it made for it. That process holds a lock on the record; it is also known
by its number, the time it started at and the boot it belongs to, so that a number given away again deceives nobody.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from stagewright.model.tree import Owner
from stagewright.sandbox.cgroups import remove_groups
from stagewright.sandbox.problems import writing_below
from stagewright.trees import TreeFailure, chown_tree, remove_tree

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Process:
    """A process, told from every other there was or will be."""

    pid: int
    started: int
    """In clock ticks since boot (proc(5), field 22 of /proc/PID/stat)."""
    boot: str

    def lives(self) -> bool:
        """A zombie does not: nobody may ever ask how it ended."""
        return self.boot == _boot() and _start_time(self.pid) == self.started


def process_with(pid: int) -> Process:
    """The process that has the number now."""
    return Process(pid, _start_time(pid) or 0, _boot())


@dataclass(frozen=True)
class Record:
    """One container, and everything that has to go with it."""

    container: str
    groups: tuple[str, ...]
    owner: Process
    first: Process | None = None
    """The container's first process, once there is one: all others end with it."""
    given_away: tuple[str, ...] = ()
    """Trees whose owner was changed for the container, and must be changed back to ``given_back_to``."""
    given_back_to: int = 0


class KeptRecord:
    """A record on disk that learns more while its container starts. Its lock dies with us, in whatever pid namespace we are."""

    def __init__(self, file: int, record: Record) -> None:
        self._file = file
        self._record = record
        self._write()

    def note_first(self, pid: int) -> None:
        """The container is up, and this is its first process."""
        self._record = replace(self._record, first=process_with(pid))
        self._write()

    def note_given_away(self, trees: tuple[Path, ...], owner: int) -> None:
        """These trees are about to change their owner, and belong to ``owner``."""
        self._record = replace(self._record, given_away=tuple(map(str, trees)), given_back_to=owner)
        self._write()

    def _write(self) -> None:
        """In one call, and a record only grows: whoever kills us leaves a whole one."""
        os.pwrite(self._file, json.dumps(asdict(self._record)).encode(), 0)


@dataclass(frozen=True)
class Records:
    """The records of one installation, a file each."""

    directory: Path
    runtime_state: Path

    @contextmanager
    def kept(self, record: Record) -> Iterator[KeptRecord]:
        """A record as long as its container may exist."""
        place = self.directory / f"{record.container}.json"
        unfinished = place.with_suffix(".new")
        with ExitStack() as held:
            with writing_below(self.directory):
                self.directory.mkdir(parents=True, exist_ok=True)
                file = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                held.callback(os.close, file)
                for name in (unfinished, place):
                    held.callback(name.unlink, missing_ok=True)
                fcntl.flock(file, fcntl.LOCK_EX)
                kept = KeptRecord(file, record)
                unfinished.replace(place)
            yield kept

    def sweep(self) -> int:
        """Remove what dead owners left; returns how many containers that were. Two sweeps at once share the work."""
        if not self.directory.is_dir():
            return 0
        return sum(self._swept(file) for file in sorted(self.directory.glob("*.json")))

    def _swept(self, file: Path) -> bool:
        with suppress(OSError), file.open("r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            record = _parse(held.read())
            if not file.exists():
                return False  # by another sweep
            if record is None:
                file.unlink()
            elif not record.owner.lives() and self._remove(record):
                file.unlink()
                return True
        return False

    def _remove(self, record: Record) -> bool:
        """False: something is still there, for the next sweep.

        Without the runtime: its ``delete --force`` waits ten seconds for a dead process that nobody has reaped.
        """
        if record.first is not None and record.first.lives():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(record.first.pid, signal.SIGKILL)
        gone = remove_groups(tuple(Path(group) for group in record.groups))
        remove_tree(self.runtime_state / record.container)
        for tree in record.given_away:
            give_back(Path(tree), record.given_back_to)
        return gone


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
        first = Process(**fields["first"]) if fields["first"] is not None else None
        return Record(**{**fields, "owner": Process(**fields["owner"]), "first": first})
    return None


def _start_time(pid: int) -> int | None:
    """None for a process that is not there, or no longer alive."""
    with suppress(OSError, ValueError, IndexError):
        # The name stands in parentheses and may hold anything, parentheses too.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[19]) if fields[0] not in "ZX" else None
    return None


def _boot() -> str:
    with suppress(OSError):
        return _BOOT.read_text().strip()
    return ""
