"""The sandbox of a traced build: any other one, with a directory for what its shells tell.

The directory is none of the build's: it lies in the platform's corner, scripts see it through a mount of its own, and it is gone
before anything is packed. What lies in it counts as written by the build, and each file goes as soon as it was read.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
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
from stagewright.trees.files import open_regular

_DIRECTORY = ".stagewright-trace"
_PREAMBLE = "preamble.bash"
_LARGEST_ENVIRONMENT = 4 << 20
"""Bytes of a script's environment that are read; the kernel allows a few megabytes."""
_SHELLS_OWN = frozenset({"_", "SHLVL", "PWD", "OLDPWD"})
"""What a shell puts into its environment by itself."""
_TELL_ENVIRONMENT = '/usr/bin/env -0 >"$0"; exec "$@"'


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

    def begin(self, step: RunScript, command: Command, session: Session) -> TracedRun:
        """``command``, which runs ``step``, as it is run to tell of itself. Its files have names that nobody can foresee."""
        file = self.directory / "told" / secrets.token_hex(16)
        shown = session.path_of(self.seen / file.name)
        added = tracing_environment(session.path_of(self.seen / _PREAMBLE), shown)
        program = self.layout.buildpacks / key_directory(step.buildpack.key) / "bin" / step.script
        argv, own = command.argv, _own(command.argv, str(session.path_of(program)))
        if own != argv:
            # What comes before changes the environment: it is told where that has ended.
            argv = (*argv[: -len(own)], "/bin/sh", "-c", _TELL_ENVIRONMENT, f"{shown}.env", *own)
        traced = replace(command, argv=argv, env={**command.env, **added})
        return TracedRun(step, traced, own, file, command.env, preceded=own != command.argv)


def _own(argv: tuple[str, ...], program: str) -> tuple[str, ...]:
    """The command line from the script on: a shell that sources what earlier buildpacks export may stand before it."""
    return argv[argv.index(program) :] if program in argv else argv


@dataclass(frozen=True)
class TracedRun:
    """One run of a script, and the file in which it is told."""

    step: RunScript
    command: Command
    argv: tuple[str, ...]
    """The script's own."""
    file: Path
    given: Mapping[str, str]
    """The environment that the platform gave it."""
    preceded: bool
    """Whether a shell sources something before it."""

    def read(self, began: float, seconds: float, mask: Mask) -> tuple[Mapping[str, str], Xtrace]:
        """The environment that the script found, and what its shells told; the files are removed."""
        mark = mark_of(self.command.env)
        xtrace = read_xtrace(self.file, mark=mark, coverage="", began=began, seconds=seconds, mask=mask)
        environment = self._environment()
        if self.preceded:
            xtrace = _without_first_shell(xtrace)
        for path in (self.file, self._environment_file):
            remove_tree(path)
        kind, name = interpreter_of(self.step.buildpack.root / "bin" / self.step.script)
        exports = frozenset(part for part in self.command.argv if part.endswith("/export"))
        told = sum(command.file not in exports for command in xtrace.commands)
        return environment, replace(xtrace, coverage=coverage(kind, name, told))

    @property
    def _environment_file(self) -> Path:
        return self.file.with_name(f"{self.file.name}.env")

    def _environment(self) -> Mapping[str, str]:
        try:
            with open_regular(self._environment_file) as file:
                content = file.read(_LARGEST_ENVIRONMENT)
        except OSError:
            return self.given
        pairs = (entry.partition("=") for entry in content.decode("utf-8", "replace").split("\0") if "=" in entry)
        found = {name[:1000]: value for name, _, value in pairs}
        return {name: value for name, value in found.items() if name not in _SHELLS_OWN or name in self.given}


def _without_first_shell(xtrace: Xtrace) -> Xtrace:
    """Without what the shell itself did that only sources something and then becomes the script."""
    if not xtrace.commands:
        return xtrace
    shell = xtrace.commands[0].process
    return replace(
        xtrace, commands=tuple(command for command in xtrace.commands if command.file or command.process != shell)
    )


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
