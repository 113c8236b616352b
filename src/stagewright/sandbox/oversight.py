"""What ends the commands of a container from outside: its clock, the watch on its disk, and whoever stops it."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from stagewright.model.containers import Cause, Exit, Limits, Stream
from stagewright.ports.sandbox import Output
from stagewright.sandbox import kernel
from stagewright.sandbox.attending import Attention
from stagewright.sandbox.disk_watch import DiskWatch
from stagewright.sandbox.ending import Ending

KILLED = 128 + signal.SIGKILL
"""The exit code of what SIGKILL ended, and of what never began for the same cause."""


@dataclass(frozen=True)
class Oversight:
    """Over all commands of one container. Once it has ended one, no other begins."""

    ending: Ending
    disk: DiskWatch
    deadline: float
    """On the monotonic clock."""

    def refusal(self) -> Exit | None:
        """How a command that would begin now has ended already; None: it may begin."""
        self.disk.wait_until_counted()
        if self.ending.cause is None and time.monotonic() >= self.deadline:
            self.ending.ask(Cause.TIMED_OUT, 0.0)
        return Exit(KILLED, self.ending.cause, 0.0) if self.ending.cause is not None else None

    def attention(self, pipes: Mapping[int, Stream], output: Output) -> Attention:
        return Attention(pipes, output, self.ending, self.deadline)

    def cause(self, otherwise: Cause) -> Cause:
        """Why the command that just ended did."""
        self.disk.check()
        return self.ending.cause or otherwise


def oversee(held: ExitStack, limits: Limits, trees: tuple[Path, ...]) -> Oversight:
    """From now on, until ``held`` closes. ``trees`` is what commands may write."""
    kernel.hear_of_children()
    deadline = time.monotonic() + limits.timeout
    ending = Ending()
    held.callback(ending.close)
    disk = held.enter_context(DiskWatch(trees, limits.disk, lambda: ending.ask(Cause.OUT_OF_DISK, 0.0)))
    return Oversight(ending, disk, deadline)
