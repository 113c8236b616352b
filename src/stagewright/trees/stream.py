"""A stream of pieces, read by exact sizes."""

from __future__ import annotations

from collections.abc import Iterator

from stagewright.trees.conveyor import write_all


class Stream:
    """Reads from pieces of any size; nothing is joined that can be handed on as it is."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only where the stream ends."""
        if size <= len(self._piece):
            found = bytes(self._piece[:size])
            self._piece = self._piece[size:]
            return found
        return b"".join(self._views(size))

    def skip(self, size: int) -> int:
        """Pass over ``size`` bytes; returns how many there were."""
        return sum(len(view) for view in self._views(size))

    def copy(self, descriptor: int, size: int) -> int:
        """Write ``size`` bytes to ``descriptor``; returns how many there were. Raises OSError."""
        copied = 0
        for view in self._views(size):
            write_all(descriptor, view)
            copied += len(view)
        return copied

    def _views(self, size: int) -> Iterator[memoryview]:
        while size:
            if not self._piece:
                piece = next(self._pieces, None)
                if piece is None:
                    return
                self._piece = memoryview(piece)
            view = self._piece[:size]
            self._piece = self._piece[len(view) :]
            size -= len(view)
            yield view
