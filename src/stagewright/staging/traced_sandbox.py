"""The sandbox of a traced build: any other one, with a directory for what its shells tell.

The directory is none of the build's: it lies in the platform's corner, scripts see it through a mount of its own, and it is gone
before anything is packed. What lies in it counts as written by the build, and each file goes as soon as it was read.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Protocol

from stagewright.buildpacks.dialects.cloudfoundry import key_directory
from stagewright.buildpacks.tracing import (
    coverage,
    interpreter_of,
    mark_of,
    preamble_script,
    read_xtrace,
    tracing_environment,
)
from stagewright.model.containers import Cause, Command, ContainerSpec, Exit, Limits, Mount
from stagewright.model.layout import Layout
from stagewright.model.plan import RunScript
from stagewright.model.trace import Mask, Xtrace
from stagewright.model.tree import Owner
from stagewright.ports.sandbox import Output, Sandbox, Session
from stagewright.trees import remove_tree

_DIRECTORY = ".stagewright-trace"
_PREAMBLE = "preamble.bash"


@dataclass(frozen=True)
class TraceFiles:
    """Where the shells of scripts write: ``directory`` on this machine, a place of its own in the container."""

    directory: Path
    layout: Layout

    @property
    def seen(self) -> PurePosixPath:
        return self.layout.tmp / _DIRECTORY

    def mounts(self, owner: Owner | None) -> tuple[Mount, Mount]:
        """Lay out what is mounted: a directory that scripts may write, and the preamble, which they may only read."""
        told = self.directory / "told"
        told.mkdir(parents=True)
        if owner is not None:
            os.chown(told, owner.uid, owner.gid)
        preamble = self.directory / _PREAMBLE
        preamble.write_bytes(preamble_script())
        preamble.chmod(0o444)
        return Mount(told, self.seen, writable=True), Mount(preamble, self.seen / _PREAMBLE)

    def begin(self, step: RunScript, command: Command, session: Session) -> TracedRun | None:
        """``command`` as it is run to tell of itself; None where it is not the script of ``step``, but what is run before it.

        Its file has a name that nobody can foresee.
        """
        program = str(session.path_of(self.layout.buildpacks / key_directory(step.buildpack.key) / "bin" / step.script))
        if program not in command.argv:
            return None
        own = command.argv[command.argv.index(program) :]
        file = self.directory / "told" / secrets.token_hex(16)
        added = tracing_environment(session.path_of(self.seen / _PREAMBLE), session.path_of(self.seen / file.name))
        return TracedRun(step, replace(command, env={**command.env, **added}), own, file)


@dataclass(frozen=True)
class TracedRun:
    """One run of a script, and the file in which it is told."""

    step: RunScript
    command: Command
    argv: tuple[str, ...]
    """The script's own."""
    file: Path

    def read(self, began: float, seconds: float, mask: Mask) -> Xtrace:
        """What its shells told; the file is removed."""
        mark = mark_of(self.command.env)
        xtrace = read_xtrace(self.file, mark=mark, coverage="", began=began, seconds=seconds, mask=mask)
        remove_tree(self.file)
        kind, name = interpreter_of(self.step.buildpack.root / "bin" / self.step.script)
        return replace(xtrace, coverage=coverage(kind, name, len(xtrace.commands)))


class Noting(Protocol):
    """Runs the scripts of a build, noting what they do."""

    def run(self, command: Command, output: Output, session: Session, files: TraceFiles) -> Exit: ...


class TracedSandbox:
    """The Sandbox of `ports.sandbox` around another one: what runs in it is run by ``noting``."""

    def __init__(self, inner: Sandbox, files: TraceFiles, noting: Noting) -> None:
        self.name = inner.name
        self.owner = inner.owner
        self._inner = inner
        self._files = files
        self._noting = noting

    @contextmanager
    def open(self, spec: ContainerSpec) -> Iterator[Session]:
        mounts = self._files.mounts(self.owner)
        with self._inner.open(replace(spec, mounts=(*spec.mounts, *mounts))) as session:
            yield TracedSession(session, self._files, self._noting)

    def unenforced(self, limits: Limits) -> tuple[str, ...]:
        return self._inner.unenforced(limits)

    def sweep(self) -> int:
        return self._inner.sweep()


@dataclass(frozen=True)
class TracedSession:
    """The Session of `ports.sandbox` in a traced build."""

    inner: Session
    files: TraceFiles
    noting: Noting

    def path_of(self, target: PurePosixPath) -> PurePosixPath:
        return self.inner.path_of(target)

    def run(self, command: Command, output: Output) -> Exit:
        return self.noting.run(command, output, self.inner, self.files)

    def attach(self, command: Command) -> int:
        return self.inner.attach(command)

    def stop(self, cause: Cause, grace: float = 0.0) -> None:
        self.inner.stop(cause, grace)
