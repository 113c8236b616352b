"""No sandbox: commands run on the host, as the caller, on the very directories that would have been mounted.

Nothing is hidden from them and nothing is refused to them. What remains of a container's promises: they see their exact
environment, the time-out and the watch on the disk end them, and whatever they leave running is killed, also when we are.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self

from stagewright.model.containers import Cause, Command, ContainerSpec, Exit, Limits, Stream
from stagewright.model.tree import Owner
from stagewright.ports.sandbox import Output, Session
from stagewright.sandbox.attending import Attention, attend, drain
from stagewright.sandbox.ending import Ending
from stagewright.sandbox.mount_plan import MountPlan
from stagewright.sandbox.oversight import KILLED, Oversight, oversee
from stagewright.sandbox.pipes import output_pipes
from stagewright.sandbox.problems import CommandNotStarted, MountSourceMissing
from stagewright.sandbox.programs import ended_within
from stagewright.sandbox.terminal import kept_terminal

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_DRAINING = 1.0
_ENDING = 10.0
"""Seconds in which a supervisor that was told to must have killed everything."""


class Unconfined:
    """The Sandbox of `ports.sandbox` that is none."""

    name = "none"
    owner: Owner | None = None

    @contextmanager
    def open(self, spec: ContainerSpec) -> Iterator[Session]:
        for mount in spec.mounts:
            if not mount.source.exists():
                raise MountSourceMissing(mount.source, mount.target)
        with ExitStack() as held:
            oversight = oversee(held, spec.limits, MountPlan(spec.mounts).writable_sources)
            yield UnconfinedSession(spec, oversight)

    def unenforced(self, limits: Limits) -> tuple[str, ...]:
        return ("memory", "pids", *(("cpus",) if limits.cpus is not None else ()))

    def sweep(self) -> int:
        """Nothing outlives us: supervisors end with the pipe that we hold."""
        return 0


class UnconfinedSession:
    """The Session of `ports.sandbox` on the host itself. The root of the specification is not used."""

    def __init__(self, spec: ContainerSpec, oversight: Oversight) -> None:
        self._mounts = sorted(spec.mounts, key=lambda mount: len(mount.target.parts), reverse=True)
        self._oversight = oversight
        self._attached: Ending | None = None

    def path_of(self, target: PurePosixPath) -> PurePosixPath:
        """The source of the innermost mount that ``target`` lies in; the host's own file where there is none."""
        for mount in self._mounts:
            if target.is_relative_to(mount.target):
                return PurePosixPath(mount.source) / target.relative_to(mount.target)
        return target

    def run(self, command: Command, output: Output) -> Exit:
        refusal = self._oversight.refusal()
        if refusal is not None:
            return refusal
        began = time.monotonic()
        with ExitStack() as held:
            with output_pipes(held) as pipes:
                running = held.enter_context(_Supervised(command, pipes.stdout, pipes.stderr))
            attention = self._oversight.attention(pipes.reading, output)
            attend(running, attention)
            seconds = time.monotonic() - began
            code, cpu = running.result()
            drain(attention, _DRAINING)
        return Exit(code, self._oversight.cause(Cause.EXITED), seconds, cpu)

    def attach(self, command: Command) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        ending = self._attached = Ending()
        try:
            with kept_terminal(), _Supervised(command) as running:
                attend(running, Attention({}, _nowhere, ending, None))
                return running.result()[0]
        finally:
            self._attached = None
            ending.close()

    def stop(self, cause: Cause, grace: float = 0.0) -> None:
        (self._attached or self._oversight.ending).ask(cause, grace)


class _Supervised:
    """A command, and the supervisor that kills what it leaves. Without streams it has the caller's own."""

    def __init__(self, command: Command, stdout: int | None = None, stderr: int | None = None) -> None:
        self._command = command
        self._stdout = stdout
        self._stderr = stderr
        self.pidfd = -1

    def __enter__(self) -> Self:
        attached = self._stdout is None
        with ExitStack() as brief:
            order = brief.enter_context(os.fdopen(os.memfd_create("command", os.MFD_CLOEXEC), "wb"))
            order.write(self._order(attached))
            order.flush()
            hears, self._control = os.pipe()
            self._result, says = os.pipe()
            for descriptor in (hears, says):
                brief.callback(os.close, descriptor)
            passed = (order.fileno(), hears, says)
            self._process = subprocess.Popen(
                (sys.executable, "-I", "-S", str(_SUPERVISOR), *map(str, passed)),
                stdin=None if attached else subprocess.DEVNULL,
                stdout=self._stdout,
                stderr=self._stderr,
                env={},
                pass_fds=passed,
                start_new_session=not attached,
            )
        self.pidfd = os.pidfd_open(self._process.pid)
        return self

    def terminate(self) -> None:
        self._tell(b"T")

    def kill(self) -> None:
        self._tell(b"K")

    def result(self) -> tuple[int, float | None]:
        """Exit code and processor time, once it has ended. Raises CommandNotStarted."""
        self._process.wait()
        says: dict[str, Any] = {}
        with suppress(ValueError):
            says = json.loads(os.read(self._result, 4096))
        if "refused" in says:
            raise CommandNotStarted(" ".join(self._command.argv)[:200], says["refused"])
        # Without a word from it the supervisor was killed itself, by a command that can do that here.
        return int(says.get("code", KILLED)), says.get("cpu")

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._control)
        if not ended_within(self.pidfd, _ENDING):
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        for descriptor in (self.pidfd, self._result):
            os.close(descriptor)

    def _order(self, attached: bool) -> bytes:
        command = self._command
        return json.dumps(
            {"argv": command.argv, "cwd": str(command.cwd), "env": dict(command.env), "attached": attached}
        ).encode()

    def _tell(self, word: bytes) -> None:
        with suppress(OSError):
            os.write(self._control, word)


def _nowhere(stream: Stream, chunk: bytes) -> None:
    del stream, chunk
