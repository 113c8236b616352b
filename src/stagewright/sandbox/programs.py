"""Where the programs of this machine lie, and how long they take to end."""

from __future__ import annotations

import os
import select
from pathlib import Path

from stagewright.sandbox.problems import ProgramMissing

_ADMINISTRATORS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Debian keeps runc in /usr/sbin, which is not on everybody's PATH."""


def find_program(name: str) -> Path | None:
    """The program ``name`` on the PATH or among the administrators' programs; ``name`` may be a path itself."""
    if "/" in name:
        return Path(name) if os.access(name, os.X_OK) else None
    for directory in (*os.get_exec_path(), *_ADMINISTRATORS):
        candidate = os.path.join(directory, name)  # noqa: PTH118 - pathlib's is_file raises where a directory is closed to us
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):  # noqa: PTH113 - as above
            return Path(candidate)
    return None


def require_program(name: str, package: str) -> Path:
    """Raises ProgramMissing, which names the Debian ``package`` that holds it."""
    found = find_program(name)
    if found is None:
        raise ProgramMissing(name, package)
    return found


def ended_within(pidfd: int, seconds: float) -> bool:
    """Whether a process ends within ``seconds``; returns as soon as it does. (Popen.wait with a time-out sleeps instead.)"""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))
