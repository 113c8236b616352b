"""Where the time of a script went, told from the moments at which its commands began."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from stagewright.model.trace import TracedCommand


def with_durations(
    commands: Sequence[TracedCommand], end: float, shells: Sequence[int] | None = None
) -> tuple[TracedCommand, ...]:
    """``commands``, in the order of their beginning, each with its seconds; the script ended ``end`` seconds after its start.

    xtrace tells only when a command begins. A command lasts until the next one of the same shell; the last one of a shell until
    a shell goes on that was there before. So both sides of a pipe last as long as the pipe, and the command that started
    another bash as long as that. A command that calls a function lasts until the first command in it.

    ``shells`` are the processes from which those of the commands were forked. A shell forks for its next command, which it tells
    only afterwards where a substitution comes first: so what it told last has ended when the first command of a fork begins.
    """
    first_seen: dict[int, int] = {}
    for index, command in enumerate(commands):
        first_seen.setdefault(command.process, index)
    ends = [0.0] * len(commands)
    next_of: dict[int, float] = {}
    # From behind: for each shell that goes on later, when it does; the shells that were born later are no longer of interest.
    going_on: list[tuple[int, float]] = []
    for index in range(len(commands) - 1, -1, -1):
        command = commands[index]
        born = first_seen[command.process]
        if command.process in next_of:
            ends[index] = next_of[command.process]
        else:
            ends[index] = next((offset for other, offset in reversed(going_on) if other < born), end)
        next_of[command.process] = command.offset
        while going_on and going_on[-1][0] >= born:
            going_on.pop()
        going_on.append((born, command.offset))
    if shells is not None:
        _cut_at_forks(commands, shells, ends)
    return tuple(
        replace(command, seconds=max(0.0, until - command.offset))
        for command, until in zip(commands, ends, strict=True)
    )


def _cut_at_forks(commands: Sequence[TracedCommand], shells: Sequence[int], ends: list[float]) -> None:
    latest: dict[int, int] = {}
    for index, (command, shell) in enumerate(zip(commands, shells, strict=True)):
        if command.process not in latest and shell in latest:
            ends[latest[shell]] = min(ends[latest[shell]], command.offset)
        latest[command.process] = index


@dataclass(frozen=True)
class Place:
    """A function of a file, or what stands in the file outside of functions."""

    file: str
    function: str

    def __str__(self) -> str:
        where = self.file or "(bash -c)"
        return f"{where}: {self.function}" if self.function else where


@dataclass(frozen=True)
class TimedPlace:
    """The commands of one place, longest first, and how long any of them was at work."""

    place: Place
    seconds: float
    commands: tuple[TracedCommand, ...]


def places(commands: Iterable[TracedCommand]) -> tuple[TimedPlace, ...]:
    """The commands by where they stand, the slowest place first. Time in which two of a place ran at once counts once."""
    found: dict[Place, list[TracedCommand]] = defaultdict(list)
    for command in commands:
        found[Place(command.file, command.function)].append(command)
    timed = (TimedPlace(place, _union(own), slowest(own)) for place, own in found.items())
    return tuple(sorted(timed, key=lambda one: -one.seconds))


def slowest(commands: Iterable[TracedCommand]) -> tuple[TracedCommand, ...]:
    """``commands``, longest first; of two that took as long, the earlier first."""
    return tuple(sorted(commands, key=lambda command: (-command.seconds, command.offset)))


def _union(commands: Iterable[TracedCommand]) -> float:
    total = 0.0
    reached = 0.0
    for begin, end in sorted((command.offset, command.offset + command.seconds) for command in commands):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total
