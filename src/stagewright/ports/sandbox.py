"""Where scripts run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import PurePosixPath
from typing import Protocol

from stagewright.model.containers import Cause, Command, ContainerSpec, Exit, Limits, Stream
from stagewright.model.tree import Owner

Output = Callable[[Stream, bytes], None]
"""Takes what a command writes, as it comes, in chunks of any size. Called from one thread only."""


class Session(Protocol):
    """One container that is up. Commands run one after another; what a command leaves running is killed when it ends."""

    def path_of(self, target: PurePosixPath) -> PurePosixPath:
        """Where commands see what was mounted at ``target``: the same path, unless there is no root of their own."""
        ...

    def run(self, command: Command, output: Output) -> Exit:
        """Run to the end, or until a limit of the container ends it. Never raises for how the command ends.

        A program that is not there ends with 127, one that cannot be executed with 126, as in a shell. The environment is
        exactly the command's; standard input is empty.
        Raises PlatformProblem where the command could not be started.
        """
        ...

    def attach(self, command: Command) -> int:
        """Run with the caller's own standard streams (and terminal, where there is one); returns the exit code.

        The time-out of the container does not apply.
        """
        ...

    def stop(self, cause: Cause, grace: float = 0.0) -> None:
        """End the running command from another thread or a signal handler; its Exit carries ``cause``.

        With ``grace`` it first gets SIGTERM and that many seconds; a second call may hasten the end. Safe to call when nothing
        runs: a stop is not lost between two commands, every later ``run`` ends with ``cause`` before it began. ``attach`` still
        works, so that a person can look at what was stopped.
        """
        ...


class Sandbox(Protocol):
    """Makes containers."""

    name: str
    """As in ``--sandbox``: rootful, rootless or none."""

    owner: Owner | None
    """Who must own, on disk, the files that scripts may write; None where they are simply the caller's."""

    def open(self, spec: ContainerSpec) -> AbstractContextManager[Session]:
        """Start a container; leaving the context kills everything in it and removes every trace but the mounted directories.

        Raises PlatformProblem where that is not possible on this machine.
        """
        ...

    def unenforced(self, limits: Limits) -> tuple[str, ...]:
        """Names of the limits that this sandbox cannot hold on this machine: of memory, pids, cpus, disk, timeout."""
        ...

    def sweep(self) -> int:
        """Remove what killed runs left behind (containers, control groups); returns how many were removed."""
        ...
