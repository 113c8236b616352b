"""Where stacks lie. Each is made once, in a neighbour that takes its name when all is there, and never changed.

    <store>/<name>/            stack.json, run/, build/, run.tar.gz
    <store>/.making-<name>/    one that is being made; without a living maker it is swept by the next
    <store>/.removing-<name>/  one that is being removed
    <store>/.lock-<name>       held by who makes, imports or removes that stack

Who stands on a stack holds a shared lock on its stack.json, so that nobody removes it meanwhile. Locks end with their process.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stagewright.model.events import Noted
from stagewright.model.names import StackName
from stagewright.model.stack import Stack
from stagewright.ports.events import EventSink, deaf
from stagewright.stacks.problems import StackDamaged, StackInUse, StackUnreadable, StoreFailure, UnknownStack
from stagewright.stacks.record import BUILD, FILE, LAYER, RUN, StackRecord, read_record, write_record
from stagewright.trees import remove_tree, tree_digest

_MAKING = ".making-"
_REMOVING = ".removing-"
_LOCK = ".lock-"

Remover = Callable[[Path], None]
"""Removes a tree that the caller may not own all of."""


@dataclass(frozen=True)
class Making:
    """A stack that is being made. ``directory`` is empty at first, and gone afterwards unless it was kept."""

    store: StackStore
    name: StackName
    directory: Path
    existing: StackRecord | None
    """There already, perhaps since another process made it while this one waited."""

    @property
    def run(self) -> Path:
        return self.directory / RUN

    @property
    def build(self) -> Path:
        return self.directory / BUILD

    @property
    def layer(self) -> Path:
        return self.directory / LAYER

    def keep(self, record: StackRecord) -> Stack:
        """Write down what was made and give it its name. Raises StoreFailure."""
        with _failing(self.directory):
            write_record(self.directory, record)
            with (self.directory / FILE).open("rb") as file:
                os.fsync(file.fileno())
            self.directory.rename(self.store.directory / self.name.text)
        return self.store.get(self.name)


@dataclass(frozen=True)
class StackStore:
    """The stacks of one directory, which need not exist yet."""

    directory: Path

    def get(self, name: StackName) -> Stack:
        """A stack, without a look at its content. Raises UnknownStack, StackUnreadable."""
        return self.record(name).stack

    def record(self, name: StackName) -> StackRecord:
        """A stack and how it came to be. Raises UnknownStack, StackUnreadable."""
        directory = self.directory / name.text
        try:
            return read_record(directory)
        except (FileNotFoundError, NotADirectoryError):
            if directory.is_dir():
                raise StackUnreadable(name, f"{directory} has no {FILE}") from None
            raise UnknownStack(name, tuple(known.text for known in self.names())) from None

    def names(self) -> tuple[StackName, ...]:
        """All that have a directory, readable or not."""
        try:
            found = [path.name for path in self.directory.iterdir() if path.is_dir() and not path.name.startswith(".")]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StoreFailure(self.directory, (error.strerror or str(error)).lower()) from error
        return tuple(sorted(name for text in found if (name := _name(text)) is not None))

    def list(self) -> tuple[Stack, ...]:
        """All stacks that can be read, by name."""
        return tuple(record.stack for name in self.names() if (record := self._record_or_none(name)) is not None)

    def unreadable(self) -> tuple[StackUnreadable, ...]:
        """What is wrong with those that cannot be read."""
        return tuple(problem for name in self.names() if (problem := self._problem(name)) is not None)

    @contextmanager
    def hold(self, name: StackName) -> Iterator[Stack]:
        """The same as `get`; nobody can remove the stack before the end. Raises UnknownStack, StackUnreadable."""
        stack = self.get(name)
        with (self.directory / name.text / FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield stack

    def verify(self, name: StackName) -> None:
        """Compute the digests of both roots again; takes some seconds. Raises StackDamaged, UnknownStack, StackUnreadable."""
        record = self.record(name)
        for which, root in ((RUN, record.stack.run), (BUILD, record.stack.build)):
            content = record.contents.get(which)
            expected = content or root.digest
            found = tree_digest(root.path, keep_owner=content is None)
            if found != expected:
                raise StackDamaged(name, which, str(expected), str(found))

    @contextmanager
    def making(self, name: StackName, notify: EventSink = deaf, remover: Remover = remove_tree) -> Iterator[Making]:
        """The right to make the stack ``name``, and a directory to make it in. Waits, and says so, while another has it.

        What an earlier maker left is removed first. Raises StoreFailure, StackUnreadable.
        """
        with self._locked(name, notify):
            self._sweep(name, remover)
            existing = self._existing(name)
            fresh = self.directory / f"{_MAKING}{name}"
            if existing is not None:
                yield Making(self, name, fresh, existing)
                return
            with _failing(self.directory):
                fresh.mkdir()
            try:
                yield Making(self, name, fresh, None)
            finally:
                remover(fresh)

    def remove(self, name: StackName, remover: Remover = remove_tree) -> None:
        """Raises UnknownStack, StackInUse, StoreFailure, TreeFailure."""
        with self._locked(name, deaf):
            self._sweep(name, remover)
            directory, gone = self.directory / name.text, self.directory / f"{_REMOVING}{name}"
            if not directory.is_dir():
                raise UnknownStack(name, tuple(known.text for known in self.names()))
            with _failing(directory), _alone(directory / FILE, name):
                directory.rename(gone)
            remover(gone)

    def sweep(self, remover: Remover = remove_tree) -> int:
        """Remove what killed processes left; what a living one makes is left alone. Returns how many stacks that were."""
        names = {
            name
            for path in (self.directory.iterdir() if self.directory.is_dir() else ())
            for prefix in (_MAKING, _REMOVING)
            if path.name.startswith(prefix) and (name := _name(path.name.removeprefix(prefix))) is not None
        }
        return sum(self._swept(name, remover) for name in sorted(names))

    def _swept(self, name: StackName, remover: Remover) -> bool:
        with self._lock_file(name) as descriptor:
            if not _try_lock(descriptor):
                return False
            self._sweep(name, remover)
            return True

    def _sweep(self, name: StackName, remover: Remover) -> None:
        """Whoever holds the lock of a name knows that no other process works on these."""
        for prefix in (_MAKING, _REMOVING):
            remover(self.directory / f"{prefix}{name}")

    def _existing(self, name: StackName) -> StackRecord | None:
        try:
            return self.record(name)
        except UnknownStack:
            return None

    def _record_or_none(self, name: StackName) -> StackRecord | None:
        try:
            return self.record(name)
        except (UnknownStack, StackUnreadable):
            return None

    def _problem(self, name: StackName) -> StackUnreadable | None:
        try:
            self.record(name)
        except StackUnreadable as problem:
            return problem
        except UnknownStack:
            pass
        return None

    @contextmanager
    def _locked(self, name: StackName, notify: EventSink) -> Iterator[None]:
        with self._lock_file(name) as descriptor:
            if not _try_lock(descriptor):
                notify(Noted(f"Another process is at work on the stack {name}; waiting for it."))
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _lock_file(self, name: StackName) -> Iterator[int]:
        with _failing(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            path = self.directory / f"{_LOCK}{name}"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _alone(file: Path, name: StackName) -> Iterator[None]:
    """While nobody stands on the stack. One without its file cannot be stood on."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    try:
        if not _try_lock(descriptor):
            raise StackInUse(name)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _failing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreFailure(path, (error.strerror or str(error)).lower()) from error


def _name(text: str) -> StackName | None:
    try:
        return StackName(text)
    except ValueError:
        return None
