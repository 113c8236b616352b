"""Why and when a running command must end: asked for by a limit, a person or a signal; obeyed by the loop that waits for it."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from stagewright.model.containers import Cause


class Ending:
    """A request to end. Written from any thread and from signal handlers, so it takes no lock; the first cause stands."""

    def __init__(self) -> None:
        self.wakes = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """Becomes readable with each request."""
        self.cause: Cause | None = None
        self._kill_at: float | None = None
        self._closed = False

    def ask(self, cause: Cause, grace: float) -> None:
        """End with ``cause``: SIGTERM now and SIGKILL in ``grace`` seconds. A second request may hasten it."""
        if self._closed:
            return
        if self.cause is None:
            self.cause = cause
        kill_at = time.monotonic() + grace
        self._kill_at = kill_at if self._kill_at is None else min(kill_at, self._kill_at)
        with suppress(OSError):
            os.eventfd_write(self.wakes, 1)

    def seconds_left(self) -> float | None:
        """Until SIGKILL; None where nobody asked for an end."""
        return None if self._kill_at is None else self._kill_at - time.monotonic()

    def seen(self) -> None:
        """Forget that something was written, not what."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.wakes)

    def close(self) -> None:
        self._closed = True
        os.close(self.wakes)
