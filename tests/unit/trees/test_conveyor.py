"""Chunks of one size, whatever is put on, and no failure of the other thread is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagewright.ports.progress import silent
from stagewright.trees.conveyor import CHUNK, Conveyor


class Collector:
    """Keeps what it takes; fails at the chunk it was told to fail at."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.chunks: list[bytes] = []
        self.ended = False
        self._fails_at = fails_at
        self._calls = 0

    def take(self, chunk: memoryview) -> None:
        self._calls += 1
        if self._calls - 1 == self._fails_at:
            raise ConnectionError("told to")
        self.chunks.append(bytes(chunk))

    def end(self) -> None:
        self.ended = True


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([0, 1, 511, 512, 70_000, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]), max_size=8))
def test_every_chunk_but_the_last_is_whole(sizes: list[int]) -> None:
    sink = Collector()
    pieces = [bytes([number + 1]) * size for number, size in enumerate(sizes)]
    with Conveyor(sink, silent) as conveyor:
        for piece in pieces:
            conveyor.put(piece)
        conveyor.close()
    assert b"".join(sink.chunks) == b"".join(pieces)
    assert all(len(chunk) == CHUNK for chunk in sink.chunks[:-1])
    assert conveyor.length == sum(sizes)
    assert sink.ended


def test_files_and_memory_give_the_same_chunks(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    (tmp_path / "file").write_bytes(content)
    one, other = Collector(), Collector()
    with Conveyor(one, silent) as conveyor:
        conveyor.put(b"x" + content)
        conveyor.close()
    with Conveyor(other, silent) as conveyor, (tmp_path / "file").open("rb") as file:
        conveyor.put(b"x")
        assert conveyor.put_file(file.fileno(), len(content) + 5) == len(content)
        conveyor.close()
    assert one.chunks == other.chunks


@pytest.mark.parametrize("fails_at", range(4))
@pytest.mark.parametrize("more", [0, 1])
def test_a_failure_is_told_whichever_chunk_it_meets(fails_at: int, more: int) -> None:
    sink = Collector(fails_at)
    with pytest.raises(ConnectionError, match="told to"), Conveyor(sink, silent) as conveyor:
        conveyor.put(bytes(4 * CHUNK - 1 + more))
        conveyor.close()
    assert len(sink.chunks) == fails_at
    assert not sink.ended
