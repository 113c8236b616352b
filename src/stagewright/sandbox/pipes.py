"""The pipes that a command writes into."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from stagewright.model.containers import Stream


@dataclass(frozen=True)
class Pipes:
    """The ends of a command's standard output and error."""

    stdout: int
    stderr: int
    reading: dict[int, Stream]
    """Our ends, which never block."""


@contextmanager
def output_pipes(held: ExitStack, owner: int | None = None) -> Iterator[Pipes]:
    """Pipes whose write ends are open for the time of starting a command, and our ends as long as ``held``.

    ``owner`` is the user of the host that the command is: only the owner of a pipe can open it again as /dev/stderr.
    """
    reading: dict[int, Stream] = {}
    ends: dict[Stream, int] = {}
    with ExitStack() as writing:
        for stream in Stream:
            read, write = os.pipe()
            held.callback(os.close, read)
            writing.callback(os.close, write)
            os.set_blocking(read, False)
            if owner is not None:
                os.fchown(write, owner, owner)
            reading[read] = stream
            ends[stream] = write
        yield Pipes(ends[Stream.STDOUT], ends[Stream.STDERR], reading)
