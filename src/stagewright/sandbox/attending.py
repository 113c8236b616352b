"""Waiting for a command: passing on what it writes, and ending it when its time, its room or somebody's patience is over."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from stagewright.model.containers import Cause, Stream
from stagewright.ports.sandbox import Output
from stagewright.sandbox.ending import Ending

_CHUNK = 1 << 16
_KILL_AGAIN = 0.25
"""Seconds between two attempts to kill; one is nearly always enough."""


class Running(Protocol):
    """A command that was started."""

    pidfd: int

    def terminate(self) -> None:
        """Send SIGTERM."""
        ...

    def kill(self) -> None:
        """Send SIGKILL. May be called again."""
        ...


@dataclass(frozen=True)
class Attention:
    """What a wait looks at beside the command itself."""

    pipes: Mapping[int, Stream]
    """Read ends, non-blocking, and what is written into them."""
    output: Output
    ending: Ending
    deadline: float | None
    """On the monotonic clock."""


def attend(running: Running, attention: Attention) -> None:
    """Return when the command has ended, whoever ended it. What it left in the pipes is for `drain`."""
    poll = select.poll()
    for descriptor in (running.pidfd, attention.ending.wakes, *attention.pipes):
        poll.register(descriptor, select.POLLIN)
    terminated = False
    kill_at: float | None = None
    while True:
        ready = {descriptor for descriptor, _ in poll.poll(_patience(attention, kill_at))}
        for descriptor in ready & attention.pipes.keys():
            if not _passed_on(descriptor, attention):
                poll.unregister(descriptor)
        if running.pidfd in ready:
            return
        attention.ending.seen()
        if attention.deadline is not None and attention.ending.cause is None and time.monotonic() >= attention.deadline:
            attention.ending.ask(Cause.TIMED_OUT, 0.0)
        left = attention.ending.seconds_left()
        if left is None:
            continue
        if left > 0 and not terminated:
            running.terminate()
            terminated = True
        if left <= 0 and (kill_at is None or time.monotonic() >= kill_at):
            running.kill()
            kill_at = time.monotonic() + _KILL_AGAIN


def drain(attention: Attention, seconds: float) -> None:
    """Pass on what is still in the pipes; waits for their end at most ``seconds``."""
    poll = select.poll()
    opened = set(attention.pipes)
    for descriptor in opened:
        poll.register(descriptor, select.POLLIN)
    until = time.monotonic() + seconds
    while opened and (left := until - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left * 1000):
            if not _passed_on(descriptor, attention):
                poll.unregister(descriptor)
                opened.discard(descriptor)


def _patience(attention: Attention, kill_at: float | None) -> float | None:
    """Milliseconds until something has to be done unasked."""
    now = time.monotonic()
    left = attention.ending.seconds_left()
    if left is not None:
        wait = left if kill_at is None else kill_at - now
    elif attention.deadline is not None:
        wait = attention.deadline - now
    else:
        return None
    return (
        max(0.0, wait) * 1000 + 0.5
    )  # poll(2) counts whole milliseconds; half of one more, and it wakes after the moment


def _passed_on(descriptor: int, attention: Attention) -> bool:
    """False at the end of the pipe."""
    with suppress(BlockingIOError):
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            return False
        attention.output(attention.pipes[descriptor], chunk)
    return True
