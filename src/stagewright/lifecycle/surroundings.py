"""What this process was started with, and what it becomes.

The environment is an input of the drop-in commands: their contract says what they read of it, and passes all of it on.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from stagewright.errors import PlatformProblem

_AT_START = Path("/proc/self/environ")
_HIDDEN = "STAGEWRIGHT_HIDDEN_"
"""Before the name of a variable that this process itself must not obey, LD_PRELOAD say: scripts/lifecycle/starter.c."""


@dataclass(eq=False)
class NoEnvironment(PlatformProblem):
    """The kernel does not say what this process was started with."""

    reason: str

    def brief(self) -> str:
        return f"{_AT_START} cannot be read: {self.reason}"

    def hint(self) -> str:
        return "Mount proc in this container."


def environment() -> dict[str, str]:
    """The environment as the caller gave it, bytes that are not UTF-8 as surrogates (``to_bytes`` takes them back).

    It is read from the kernel, since Python adds to its own: in the C locale it sets LC_CTYPE (PEP 538), which no app must
    inherit. What the starter of lifecycle.tgz has hidden from the dynamic loader has its own name again. Where a name is there
    twice, the first one counts, as in C and in Go. Raises NoEnvironment.
    """
    found: dict[str, str] = {}
    try:
        raw = _AT_START.read_bytes()
    except OSError as error:
        raise NoEnvironment(error.strerror or str(error)) from None
    for entry in raw.split(b"\0"):
        name, equals, value = entry.decode("utf-8", "surrogateescape").partition("=")
        if name and equals:
            found.setdefault(name.removeprefix(_HIDDEN), value)
    return found


def arguments() -> list[str]:
    """The command's own name and its arguments, with bytes that are not UTF-8 as surrogates, in whatever locale it runs."""
    return [os.fsencode(argument).decode("utf-8", "surrogateescape") for argument in sys.argv]


def to_bytes(text: str) -> bytes:
    """What ``environment`` and ``arguments`` read, byte for byte."""
    return text.encode("utf-8", "surrogateescape")


def leave_signals_alone() -> None:
    """Let Ctrl-C end this process without a word, as it ends any program that has not thought of it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def become(program: str, argv: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Replace this process. Raises OSError, and ValueError for what holds a null character.

    Python ignores SIGPIPE and SIGXFSZ, and an ignored signal stays ignored in the next program: both get their default back.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    raw = {to_bytes(name): to_bytes(value) for name, value in environ.items()}
    os.execve(program, [to_bytes(each) for each in argv], raw)  # noqa: S606 - an argv list, no shell reads it
