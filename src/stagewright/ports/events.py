"""Who listens to a build."""

from __future__ import annotations

from collections.abc import Callable

from stagewright.model.events import Event

EventSink = Callable[[Event], None]
"""Takes events in the order in which they happened, from one thread at a time."""


def deaf(event: Event) -> None:
    """A listener for builds that nobody watches."""
    del event
