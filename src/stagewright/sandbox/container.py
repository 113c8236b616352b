"""A container that is up: one process that waits on a pipe that we hold. When the pipe ends, why ever, all of it ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from stagewright.sandbox.cgroups import Group, remove_groups
from stagewright.sandbox.oci_config import READY
from stagewright.sandbox.problems import ContainerNotStarted, writing_below
from stagewright.sandbox.programs import ended_within
from stagewright.sandbox.runtime import ENVIRONMENT, Runtime, last_words
from stagewright.trees import remove_tree

_START_PATIENCE = 30.0
_END_PATIENCE = 2.0
"""Seconds that we wait for what takes milliseconds, before we use force."""

_REMEDIES = (
    ("hybrid", "crun cannot work with this machine's mixed control groups; install runc: apt-get install runc"),
    ("setgroups", "Allow user namespaces: sysctl user.max_user_namespaces=10000"),
    ("unshare", "Allow user namespaces: sysctl user.max_user_namespaces=10000 kernel.unprivileged_userns_clone=1"),
    ("seccomp", "Install a runtime that was built with seccomp, on Debian: apt-get install runc"),
    ("no space left", "Free some room (df -h), or raise user.max_user_namespaces."),
)


@dataclass(frozen=True)
class Bundle:
    """The directory of a container's configuration, and what the runtime writes beside it."""

    directory: Path

    @property
    def config(self) -> Path:
        return self.directory / "config.json"

    @property
    def pid_file(self) -> Path:
        return self.directory / "first.pid"

    @property
    def log(self) -> Path:
        return self.directory / "runtime.log"

    @property
    def complaints(self) -> Path:
        return self.directory / "stderr"


class Container:
    """One container, from before it is started until nothing is left of it. ``name`` is unique on this machine."""

    def __init__(self, runtime: Runtime, name: str, bundle: Bundle, group: Group | None) -> None:
        self.runtime = runtime
        self.name = name
        self.bundle = bundle
        self.group = group
        self.first_pid = 0
        self._keeper: subprocess.Popen[bytes] | None = None
        self._first_pidfd = -1

    def __enter__(self) -> Self:
        return self

    def launch(self, inherited: Iterable[int] = ()) -> None:
        """Start the runtime in the mount namespace of the calling thread; it holds ``inherited`` as long as it lives.

        In a session of its own, since Ctrl-C is not for it.
        """
        bundle = self.bundle
        with writing_below(bundle.directory):
            complaints = bundle.complaints.open("wb")
        with complaints:
            try:
                self._keeper = subprocess.Popen(
                    self.runtime.run(self.name, bundle.directory, bundle.pid_file, bundle.log),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                    env=ENVIRONMENT,
                    pass_fds=tuple(inherited),
                    start_new_session=True,
                )
            except OSError as error:
                raise ContainerNotStarted(self.runtime.name, error.strerror or str(error)) from error

    def wait_until_up(self) -> None:
        """Raises ContainerNotStarted."""
        assert self._keeper is not None and self._keeper.stdout is not None  # noqa: S101 - launch() came before
        with self._keeper.stdout as says:
            answered = select.select([says], [], [], _START_PATIENCE)[0]
            line = says.readline() if answered else b""
        if line.strip() != READY.encode():
            raise self._not_started(self._keeper, timed_out=not answered)
        self.first_pid = _first_pid(self.bundle.pid_file)
        self._first_pidfd = os.pidfd_open(self.first_pid)

    def oom_kills(self) -> int:
        return self.group.oom_kills() if self.group is not None else 0

    def died(self) -> bool:
        """Whether the first process, and so everything, has ended."""
        return ended_within(self._first_pidfd, 0.0)

    def end(self) -> None:
        """End everything in it: the first process reads the end of its pipe."""
        if self._keeper is not None and self._keeper.stdin is not None:
            with suppress(OSError):
                self._keeper.stdin.close()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        if self._first_pidfd >= 0:
            if not ended_within(self._first_pidfd, _END_PATIENCE):
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._first_pidfd, signal.SIGKILL)
            os.close(self._first_pidfd)
        if self._keeper is not None:
            _finish(self._keeper)
        if self.group is not None:
            remove_groups(self.group.directories)
        remove_tree(self.runtime.directory(self.name))

    def _not_started(self, keeper: subprocess.Popen[bytes], *, timed_out: bool) -> ContainerNotStarted:
        if timed_out:
            return ContainerNotStarted(self.runtime.name, f"nothing happened for {_START_PATIENCE:.0f} seconds")
        self.end()
        _finish(keeper)
        complaints = self.bundle.complaints.read_text(errors="replace").strip()
        reason = last_words(self.bundle.log) or complaints or f"it ended with {keeper.returncode}"
        remedy = next((remedy for sign, remedy in _REMEDIES if sign in reason), "")
        return ContainerNotStarted(self.runtime.name, reason, remedy)


def _first_pid(pid_file: Path) -> int:
    """The runtime writes the file at the moment when the first process begins: it may be a moment behind."""
    until = time.monotonic() + _END_PATIENCE
    while True:
        with suppress(OSError, ValueError):
            return int(pid_file.read_text())
        if time.monotonic() > until:
            raise ContainerNotStarted("the runtime", "it did not say which process it started")
        time.sleep(0.001)


def _finish(keeper: subprocess.Popen[bytes]) -> None:
    if keeper.returncode is None:
        pidfd = os.pidfd_open(keeper.pid)
        try:
            if not ended_within(pidfd, _END_PATIENCE):
                keeper.kill()
        finally:
            os.close(pidfd)
    keeper.wait()
