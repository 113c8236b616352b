"""The file to which the shells of a script appended becomes commands with times.

The script could write to that file what it likes, and end it anywhere. So it is read within bounds; what is no line of a shell
belongs to the command before it; and nothing of it is believed but that it was there.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from pathlib import Path

from stagewright.buildpacks.tracing.ansi_quotes import masked_through_quotes
from stagewright.model.trace import Mask, TracedCommand, Xtrace
from stagewright.model.trace_timing import with_durations
from stagewright.trees.files import open_regular

MOST_BYTES = 32 << 20
MOST_COMMANDS = 20_000
"""Commands of one script that are kept: a loop can run more than anybody reads."""
LONGEST_TEXT = 2000
"""Characters of a command, once masked."""
LONGEST_NAME = 1000
_LONGEST_RAW = 64 << 10
"""Bytes of a command that are looked at."""
_OWN_XTRACE = "(this shell was started with -x: its xtrace is in its standard error)"
_GAP = "(more commands, which are not kept)"
_CUT_OFF = " … (cut off by another process)"


@dataclass(frozen=True)
class _Line:
    """One line of a shell: its fields between separators, then the command."""

    level: int
    fields: tuple[bytes, ...]
    text: bytes
    whole: bool
    """False where another process wrote into it."""


def read_xtrace(
    file: Path,
    *,
    mark: str,
    coverage: str,
    began: float,
    seconds: float,
    mask: Mask,
    most_bytes: int = MOST_BYTES,
    most_commands: int = MOST_COMMANDS,
) -> Xtrace:
    """What the shells of one script told in ``file``.

    ``began`` is when the script was started, in seconds since the epoch by the clock of this machine, and ``seconds`` how long
    it took. Of more than the bounds allow the beginning and the end are kept, since a failure shows at the end; one command
    between them says that there was more. Texts are masked before they are cut. A file that is missing, or that is no regular
    file any more, tells nothing.
    """
    head: list[_Line] = []
    tail: deque[_Line] = deque()
    parts = _content(file, most_bytes)
    gap = len(parts) > 1
    for part in parts:
        for line in _lines(part, mark.encode()):
            if part is parts[0] and len(head) < most_commands // 2:
                head.append(line)
            else:
                tail.append(line)
                if len(tail) > most_commands - most_commands // 2:
                    tail.popleft()
                    gap = True
    commands: list[TracedCommand] = []
    shells: list[int] = []
    for line in head:
        _append(commands, _command(line, began, _last(commands), mask))
        shells.append(_processes(line)[1])
    if gap and commands:
        commands.append(replace(commands[-1], text=_GAP, depth=0, seconds=0.0))
        shells.append(shells[-1])
    for line in tail:
        _append(commands, _command(line, began, _last(commands), mask))
        shells.append(_processes(line)[1])
    return Xtrace(coverage, with_durations(commands, max(seconds, _last(commands)), shells), truncated=gap)


def _processes(line: _Line) -> tuple[int, int]:
    """The process that ran the command, and the shell that it was forked from: itself, where it is no subshell."""
    own, _, shell = line.fields[1].partition(b" ")
    return _whole(own), _whole(shell) or _whole(own)


def _last(commands: list[TracedCommand]) -> float:
    return commands[-1].offset if commands else 0.0


def _append(commands: list[TracedCommand], command: TracedCommand) -> None:
    """Several shells may write in another order than they began: a command never begins before the one above it."""
    commands.append(replace(command, offset=max(command.offset, _last(commands))))


def _content(file: Path, most: int) -> tuple[bytes, ...]:
    """The file; of a longer one its beginning, whole lines only, and its end."""
    try:
        with open_regular(file) as opened:
            content = opened.read(most + 1)
            if len(content) <= most:
                return (content,)
            opened.seek(-(most // 2), os.SEEK_END)
            return content[: content.rfind(b"\n", 0, most // 2) + 1], opened.read(most // 2)
    except OSError:
        return (b"",)


def _lines(content: bytes, mark: bytes) -> Iterator[_Line]:
    """The lines of shells. What stands between two of them, further lines of a command, goes to the one before."""
    border = re.compile(rb"(\+*)\+\x1f" + re.escape(mark) + rb"\x1f" + rb"([^\x1f\n]{0,4096})\x1f" * 7)
    was_broken = False
    for match, after in pairwise(chain(border.finditer(content), [None])):
        if match is None:
            return
        end = after.start() if after is not None else len(content)
        text = content[match.end() : min(end, match.end() + _LONGEST_RAW)]
        # A line that does not begin where a line begins was written into another one by another process: the rest of that
        # one stands behind it.
        broken = after is not None and content[end - 1 : end] != b"\n"
        if was_broken:
            text = text.partition(b"\n")[0]
        was_broken = broken
        yield _Line(len(match[1]), match.groups()[1:], text.removesuffix(b"\n"), not broken)


def _command(line: _Line, began: float, last: float, mask: Mask) -> TracedCommand:
    time, _, subshell, calls, number, function, file = line.fields
    process = _processes(line)[0]
    if not time:
        return TracedCommand(last, _OWN_XTRACE, file=_name(file, mask), process=process)
    text = line.text.decode("utf-8", "replace")
    if line.whole:
        text = masked_through_quotes(text, mask)
        if len(text) > LONGEST_TEXT:
            text = text[:LONGEST_TEXT] + " …"
    else:
        # Half of a secret is not found by its mask: only the name of the command is told.
        text = mask(re.split(r"[\s='\"$]", text, maxsplit=1)[0])[:LONGEST_NAME] + _CUT_OFF
    return TracedCommand(
        offset=_offset(time, began, last),
        text=text,
        file=_name(file, mask),
        line=_whole(number),
        function=_name(function, mask),
        depth=line.level + _whole(subshell) * (line.level == 0) + max(0, _whole(calls) - 1),
        process=process,
    )


def _offset(time: bytes, began: float, last: float) -> float:
    """Seconds since the script began. A locale may write the fraction with a comma; a clock that jumps is not followed."""
    try:
        offset = float(time.replace(b",", b".")) - began
    except ValueError:
        return last
    return min(max(offset, 0.0), 1e9) if offset == offset else last


def _whole(digits: bytes) -> int:
    return int(digits) if digits.isdigit() and len(digits) < 10 else 0


def _name(name: bytes, mask: Mask) -> str:
    return mask(name.decode("utf-8", "replace"))[:LONGEST_NAME]
