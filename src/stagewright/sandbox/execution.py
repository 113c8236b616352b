"""How a command gets into a container: through the runtime's ``exec``, which leaves it to us or waits beside us."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stagewright.sandbox.container import Container
from stagewright.sandbox.problems import CommandNotStarted
from stagewright.sandbox.programs import ended_within
from stagewright.sandbox.runtime import ENVIRONMENT, last_words

_STARTING = 30.0
_ENDING = 2.0
"""Seconds that we wait for what takes milliseconds, before we use force."""


@dataclass(frozen=True)
class Ended:
    """What the kernel says about a command that ended."""

    code: int
    cpu_seconds: float
    """Of the command and all that it waited for."""


class DetachedCommand:
    """A command that the runtime started and left. We adopted it, so its exit status comes from the kernel and nobody else.

    A runtime that waits for its command also waits until nobody holds the command's pipes; a daemon that the command
    left would hang it.
    """

    def __init__(self, container: Container, process: Mapping[str, Any], stdout: int, stderr: int) -> None:
        self._container = container
        self._process = process
        self._streams = (stdout, stderr)
        self._pid_file = container.bundle.directory / "command.pid"
        self._pid = 0
        self.pidfd = -1

    def __enter__(self) -> Self:
        """Raises CommandNotStarted."""
        self._pid_file.unlink(missing_ok=True)
        with _process_file(self._process) as file:
            starter = subprocess.Popen(
                _call(self._container, file, self._pid_file, detached=True),
                stdin=subprocess.DEVNULL,
                stdout=self._streams[0],
                stderr=self._streams[1],
                env=ENVIRONMENT,
                pass_fds=(file,),
                start_new_session=True,  # whatever the runtime does, our terminal is not the command's
            )
            try:
                self._wait_until_started(starter)
            except BaseException:
                self._give_up(starter)
                raise
        return self

    def terminate(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(os.getpgid(self._pid), signal.SIGTERM)  # its own with runc, its starter's with crun; never ours

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def reap(self) -> Ended:
        """Take its exit status, once it has ended."""
        pid, self._pid = self._pid, 0
        _, status, used = os.wait4(pid, 0)
        return Ended(_shell_code(os.waitstatus_to_exitcode(status)), used.ru_utime + used.ru_stime)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pid:
            self.kill()
            self.reap()
        if self.pidfd >= 0:
            os.close(self.pidfd)

    def _wait_until_started(self, starter: subprocess.Popen[bytes]) -> None:
        if not _ends(starter, _STARTING):
            raise CommandNotStarted(_program(self._process), f"the runtime did not start it in {_STARTING:.0f} seconds")
        if starter.returncode != 0:
            raise _not_started(self._process, self._container, starter.returncode)
        self._pid = int(self._pid_file.read_text())
        self.pidfd = os.pidfd_open(self._pid)

    def _give_up(self, starter: subprocess.Popen[bytes]) -> None:
        """A command that nobody reaps would keep the whole container from ending."""
        if starter.poll() is None and not _ends(starter, _ENDING):
            starter.kill()
            starter.wait()
        with suppress(OSError, ValueError):
            self._pid = self._pid or int(self._pid_file.read_text())
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        self._pid = 0


class AttachedCommand:
    """A command on the caller's own standard streams; the runtime stays beside it, for the terminal and for signals."""

    def __init__(self, container: Container, process: Mapping[str, Any]) -> None:
        self._container = container
        self._process = process
        self._pid_file = container.bundle.directory / "attached.pid"
        self._starter: subprocess.Popen[bytes] | None = None
        self.pidfd = -1
        """Of the command; -1 where it ended before we could look."""

    def __enter__(self) -> Self:
        """Raises CommandNotStarted."""
        self._pid_file.unlink(missing_ok=True)
        with _process_file(self._process) as file:
            call = _call(self._container, file, self._pid_file, detached=False)
            self._starter = subprocess.Popen(call, env=ENVIRONMENT, pass_fds=(file,))
            try:
                self._wait_until_started(self._starter)
            except BaseException:
                self._close(self._starter)
                raise
        return self

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def code(self) -> int:
        """Its exit code, once it has ended and nothing that it left holds its streams."""
        assert self._starter is not None  # noqa: S101 - entered
        if not _ends(self._starter, _ENDING):
            self._starter.kill()
        return _shell_code(self._starter.wait())

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._starter is not None:
            self._close(self._starter)
        if self.pidfd >= 0:
            os.close(self.pidfd)

    def _wait_until_started(self, starter: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + _STARTING
        while True:
            ended = _ends(starter, 0.002)
            with suppress(OSError, ValueError):
                self.pidfd = os.pidfd_open(int(self._pid_file.read_text()))
                return
            if ended and self._pid_file.exists():
                return  # it was over before we looked
            if ended or time.monotonic() > until:
                raise _not_started(self._process, self._container, starter.returncode)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def _close(self, starter: subprocess.Popen[bytes]) -> None:
        if starter.returncode is None:
            if self.pidfd >= 0:
                self.kill()
            if not _ends(starter, _ENDING):
                starter.kill()
            starter.wait()


@contextmanager
def _process_file(process: Mapping[str, Any]) -> Iterator[int]:
    """``process`` in a file that is in memory alone: its environment may hold secrets."""
    file = os.memfd_create("process", os.MFD_CLOEXEC)
    try:
        os.write(file, json.dumps(process).encode())
        yield file
    finally:
        os.close(file)


def _call(container: Container, file: int, pid_file: Path, *, detached: bool) -> tuple[str, ...]:
    log = container.bundle.log
    return container.runtime.execute(container.name, f"/proc/self/fd/{file}", pid_file, log, detached=detached)


def _ends(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether a child of ours ends in time; if so, it is reaped."""
    if process.returncode is None:
        pidfd = os.pidfd_open(process.pid)
        try:
            if not ended_within(pidfd, seconds):
                return False
        finally:
            os.close(pidfd)
        process.wait()
    return True


def _not_started(process: Mapping[str, Any], container: Container, code: int | None) -> CommandNotStarted:
    return CommandNotStarted(_program(process), last_words(container.bundle.log) or f"the runtime ended with {code}")


def _program(process: Mapping[str, Any]) -> str:
    return " ".join(process["args"])[:200]


def _shell_code(code: int) -> int:
    """128 + N for what signal N ended, as a shell says it."""
    return 128 - code if code < 0 else code
