"""No sandbox, because a Cloud Foundry cell is one already: commands run as they would for Cloud Foundry's own builder.

A command is a process of its own group. What it leaves running stays, as there, until the cell ends; a builder that is told to
end ends the group of the command that runs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import PurePosixPath

from stagewright.model.containers import Cause, Command, ContainerSpec, Exit, Limits
from stagewright.model.tree import Owner
from stagewright.ports.sandbox import Output, Session
from stagewright.sandbox.attending import Attention, attend, drain
from stagewright.sandbox.ending import Ending
from stagewright.sandbox.pipes import output_pipes

_DRAINING = 1.0
"""Seconds in which the pipes of a command that has ended are emptied, should something that it left hold them open."""
_NOT_THERE, _NOT_EXECUTABLE = 127, 126


class Cell:
    """The Sandbox of `ports.sandbox` for who is in one already. Limits are the cell's affair."""

    name = "cell"
    owner: Owner | None = None

    @contextmanager
    def open(self, spec: ContainerSpec) -> Iterator[Session]:
        with ExitStack() as held:
            ending = Ending()
            held.callback(ending.close)
            yield CellSession(spec, ending)

    def unenforced(self, limits: Limits) -> tuple[str, ...]:
        return ("memory", "pids", "disk", "timeout", *(("cpus",) if limits.cpus is not None else ()))

    def sweep(self) -> int:
        return 0


class CellSession:
    """The Session of `ports.sandbox` on the cell itself."""

    def __init__(self, spec: ContainerSpec, ending: Ending) -> None:
        self._mounts = sorted(spec.mounts, key=lambda mount: len(mount.target.parts), reverse=True)
        self._ending = ending

    def path_of(self, target: PurePosixPath) -> PurePosixPath:
        """The source of the innermost mount that ``target`` lies in; the cell's own file where there is none."""
        for mount in self._mounts:
            if target.is_relative_to(mount.target):
                return PurePosixPath(mount.source) / target.relative_to(mount.target)
        return target

    def run(self, command: Command, output: Output) -> Exit:
        if self._ending.cause is not None:
            return Exit(128 + signal.SIGKILL, self._ending.cause, 0.0)
        began = time.monotonic()
        with ExitStack() as held:
            with output_pipes(held) as pipes:
                try:
                    running = held.enter_context(_Group(_start(command, pipes.stdout, pipes.stderr)))
                except FileNotFoundError:
                    return Exit(_NOT_THERE, Cause.EXITED, 0.0)
                except OSError:
                    return Exit(_NOT_EXECUTABLE, Cause.EXITED, 0.0)
            attention = Attention(pipes.reading, output, self._ending, None)
            attend(running, attention)
            seconds = time.monotonic() - began
            code = running.code()
            drain(attention, _DRAINING)
        return Exit(code, self._ending.cause or Cause.EXITED, seconds)

    def attach(self, command: Command) -> int:
        with _Group(_start(command, None, None)) as running:
            attend(running, Attention({}, lambda _stream, _chunk: None, self._ending, None))
            return running.code()

    def stop(self, cause: Cause, grace: float = 0.0) -> None:
        self._ending.ask(cause, grace)


def _start(command: Command, stdout: int | None, stderr: int | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command.argv,
        cwd=command.cwd,
        env=dict(command.env),
        stdin=subprocess.DEVNULL if stdout is not None else None,
        stdout=stdout,
        stderr=stderr,
        start_new_session=stdout is not None,
    )


class _Group:
    """A command and what it started, for as long as it runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pidfd = os.pidfd_open(process.pid)

    def __enter__(self) -> _Group:
        return self

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        if self._process.poll() is None:
            self.kill()
            self._process.wait()
        os.close(self.pidfd)

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def code(self) -> int:
        """The exit code, 128 + N where signal N ended it."""
        code = self._process.wait()
        return 128 - code if code < 0 else code

    def _send(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
