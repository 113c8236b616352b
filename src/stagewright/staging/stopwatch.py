"""Where the time of a staging goes. Nothing is decided by it, so it is kept apart from the facts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Adds up seconds by name, from its making on. Parts do not overlap; scripts are told apart from the platform."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._parts: dict[str, float] = {}
        self.scripts = 0.0
        """Seconds in which scripts ran."""

    @contextmanager
    def timing(self, part: str) -> Iterator[None]:
        """Count what is done inside as ``part`` of the platform's work, however it ends."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._add(part, time.monotonic() - began)

    def script(self, name: str, seconds: float, around: float) -> None:
        """A script ran for ``seconds``, and the platform needed ``around`` more to start and to end it."""
        self.scripts += seconds
        self._add(name, seconds)
        self._add("start and end of scripts", around)

    @property
    def total(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    @property
    def parts(self) -> tuple[tuple[str, float], ...]:
        """In the order in which they first occurred."""
        return tuple(self._parts.items())

    def _add(self, part: str, seconds: float) -> None:
        self._parts[part] = self._parts.get(part, 0.0) + seconds
