"""Long work tells how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told by long work, shown by a door. Calls are cheap and may be many."""

    def __call__(self, done: int, total: int | None) -> None:
        """``done`` of ``total`` bytes or entries; ``total`` is None where nobody knows."""
        ...


def silent(done: int, total: int | None) -> None:
    """The progress of work that nobody watches."""
    del done, total
