"""Commands in a container that is up."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from stagewright.model.containers import Cause, Command, Exit, Stream
from stagewright.ports.sandbox import Output
from stagewright.sandbox.attending import Attention, attend, drain
from stagewright.sandbox.container import Container
from stagewright.sandbox.ending import Ending
from stagewright.sandbox.execution import AttachedCommand, DetachedCommand, Ended
from stagewright.sandbox.leftovers import kill_leftovers
from stagewright.sandbox.oci_config import Identity, command_process
from stagewright.sandbox.oversight import KILLED, Oversight
from stagewright.sandbox.pipes import output_pipes
from stagewright.sandbox.problems import CommandNotStarted
from stagewright.sandbox.terminal import kept_terminal

_DRAINING = 1.0
"""Seconds in which the pipes must end once everything that could write into them was killed."""


@dataclass(frozen=True)
class Ways:
    """How commands get into the containers of a sandbox, and how what they leave is got rid of."""

    identity: Identity
    pipe_owner: int | None
    """The user of the host that commands are; None: it is us."""
    killer: tuple[str, ...] = ()
    """Options of nsenter(1) for who kills."""
    hand_over: Callable[[], None] | None = None
    """Called before each command, where what the caller has written meanwhile must first be made the container's."""


class ContainerSession:
    """The Session of `ports.sandbox` on a container of a runtime."""

    def __init__(self, container: Container, ways: Ways, oversight: Oversight) -> None:
        self._container = container
        self._ways = ways
        self._oversight = oversight
        self._attached: Ending | None = None
        self._open_files = open_files_allowed()

    def path_of(self, target: PurePosixPath) -> PurePosixPath:
        return target

    def run(self, command: Command, output: Output) -> Exit:
        refusal = self._oversight.refusal()
        if refusal is not None:
            return refusal
        oom_kills = self._container.oom_kills()
        try:
            ended, seconds = self._run(command, output)
        except CommandNotStarted:
            if self._container.oom_kills() > oom_kills:
                return Exit(KILLED, Cause.OUT_OF_MEMORY, 0.0)
            raise
        # A command that lost a process to the lack of memory and still succeeded has succeeded.
        starved = ended.code != 0 and self._container.oom_kills() > oom_kills
        cause = self._oversight.cause(Cause.OUT_OF_MEMORY if starved else Cause.EXITED)
        return Exit(ended.code, cause, seconds, ended.cpu_seconds, self._peak_memory())

    def attach(self, command: Command) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        self._hand_over()
        ending = self._attached = Ending()
        try:
            with kept_terminal() as terminal:
                process = command_process(command, self._ways.identity, self._open_files, terminal=terminal)
                with AttachedCommand(self._container, process) as running:
                    if running.pidfd >= 0:
                        attend(running, Attention({}, _nowhere, ending, None))
                    self._clear()
                    return running.code()
        finally:
            self._attached = None
            ending.close()

    def stop(self, cause: Cause, grace: float = 0.0) -> None:
        (self._attached or self._oversight.ending).ask(cause, grace)

    def _run(self, command: Command, output: Output) -> tuple[Ended, float]:
        self._hand_over()
        process = command_process(command, self._ways.identity, self._open_files)
        with ExitStack() as held:
            with output_pipes(held, self._ways.pipe_owner) as pipes:
                running = held.enter_context(DetachedCommand(self._container, process, pipes.stdout, pipes.stderr))
            began, used = time.monotonic(), self._cpu_seconds()
            attention = self._oversight.attention(pipes.reading, output)
            attend(running, attention)
            seconds = time.monotonic() - began
            ended = running.reap()
            self._clear()
            drain(attention, _DRAINING)
        used_since = self._cpu_seconds()
        if used is not None and used_since is not None:
            # The group's clock counts what the command left behind, too; the kernel's account of our child does not.
            ended = replace(ended, cpu_seconds=used_since - used)
        return ended, seconds

    def _hand_over(self) -> None:
        if self._ways.hand_over is not None:
            self._ways.hand_over()

    def _clear(self) -> None:
        """Kill what a command left; if that cannot be done, the container is over."""
        if not kill_leftovers(self._container.first_pid, self._ways.killer):
            self._container.end()

    def _cpu_seconds(self) -> float | None:
        group = self._container.group
        return group.cpu_seconds() if group is not None else None

    def _peak_memory(self) -> int | None:
        group = self._container.group
        return group.peak_memory() if group is not None else None


def _nowhere(stream: Stream, chunk: bytes) -> None:
    del stream, chunk


def open_files_allowed() -> int:
    """The most files that a process of this machine may hold open."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return hard if hard != resource.RLIM_INFINITY else sys.maxsize
