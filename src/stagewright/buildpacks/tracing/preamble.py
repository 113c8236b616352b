"""The preamble of traced shells, and the variables that lead them to it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from importlib import resources
from pathlib import PurePosixPath

_FILE = "STAGEWRIGHT_XTRACE_FILE"
_MARK = "STAGEWRIGHT_XTRACE_MARK"
TRACING_VARIABLES = frozenset({"BASH_ENV", _FILE, _MARK})
"""What tracing adds to the environment of a script; its trace leaves them out of what changed."""


def preamble_script() -> bytes:
    """The file that ``BASH_ENV`` must name, for bash 4.4 and newer."""
    return resources.files(__package__).joinpath("preamble.bash").read_bytes()


def tracing_environment(preamble: PurePosixPath, file: PurePosixPath) -> dict[str, str]:
    """The variables for one script: where it finds the preamble, and the file to which its shells append.

    Both are places as the script sees them. The directory of ``file`` must be there and writable to the script. Each call makes
    a new mark, which `read_xtrace` needs (`mark_of`): it tells the lines of shells from what a command's arguments hold.
    """
    return {"BASH_ENV": str(preamble), _FILE: str(file), _MARK: secrets.token_hex(8)}


def mark_of(environment: Mapping[str, str]) -> str:
    """The mark in a tracing environment."""
    return environment[_MARK]
