"""Which interpreter a script asks for: only bash can be made to tell its commands without changing what it prints."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from stagewright.trees.files import open_regular

_LONGEST = 256
"""Bytes of a first line that the kernel reads (linux/binfmts.h, BINPRM_BUF_SIZE)."""
_PLAIN_SHELLS = frozenset({"sh", "dash", "ash", "busybox", "ksh", "mksh", "zsh", "fish"})


class Interpreter(StrEnum):
    BASH = "bash"
    PLAIN_SHELL = "plain shell"
    """A shell that reads no BASH_ENV; bash itself, too, where it is called ``sh`` (bash(1), "Invocation")."""
    PROGRAM = "program"


def interpreter_of(script: Path) -> tuple[Interpreter, str]:
    """The kind of interpreter that the file's first line asks for, and its name for a person, as in ``/bin/sh script``.

    A file that cannot be read is a program: what is wrong with it shows when it is run.
    """
    try:
        with open_regular(script.resolve()) as file:
            return of_first_line(file.read(_LONGEST))
    except (OSError, RuntimeError):
        return Interpreter.PROGRAM, "program"


def of_first_line(start: bytes) -> tuple[Interpreter, str]:
    """As `interpreter_of`, from the first bytes of the file."""
    if not start.startswith(b"#!"):
        return Interpreter.PROGRAM, "program"
    words = start[2:].split(b"\n", 1)[0].decode("utf-8", "replace").split()
    asked = words[:1]
    if words and words[0].rpartition("/")[2] == "env":
        # Its flags (as -S) and assignments stand before the program.
        asked = [word for word in words[1:] if not word.startswith("-") and "=" not in word][:1]
    if not asked:
        return Interpreter.PROGRAM, "program"
    name = asked[0].rpartition("/")[2]
    if name == "bash":
        # In POSIX mode bash reads no BASH_ENV.
        posix = "--posix" in words
        return (Interpreter.PLAIN_SHELL, "bash --posix script") if posix else (Interpreter.BASH, "bash script")
    if name in _PLAIN_SHELLS:
        return Interpreter.PLAIN_SHELL, f"{asked[0]} script"
    return Interpreter.PROGRAM, f"{name} program"


def coverage(interpreter: Interpreter, name: str, commands: int) -> str:
    """What an xtrace covers, in words. ``commands`` is how many were read."""
    if interpreter is Interpreter.BASH:
        return "bash"
    if commands:
        return f"bash programs that it started: the {name} itself tells start and end only"
    return f"none: {name}, start and end only"
