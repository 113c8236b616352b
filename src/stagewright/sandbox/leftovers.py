"""What a command leaves running is killed when the command ends."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from stagewright.sandbox.programs import require_program
from stagewright.sandbox.runtime import ENVIRONMENT

_PATIENCE = 5.0
"""Seconds in which everything must be gone; a process in the middle of a system call of the disk's may take one."""


def kill_leftovers(first_pid: int, credentials: Sequence[str]) -> bool:
    """Kill all processes of a container but its first; False where that did not succeed.

    When a command has ended, what it left belongs to the first process of the container. Nearly always that is nothing, and then
    this costs a look into /proc.
    """
    until = time.monotonic() + _PATIENCE
    while _children(first_pid):
        if time.monotonic() > until:
            return False
        _kill_all(first_pid, credentials)
        _wait_for_reaping(first_pid)
    return True


def _children(first_pid: int) -> list[int]:
    """The living children of a process of one thread (proc(5), "children")."""
    try:
        children = Path(f"/proc/{first_pid}/task/{first_pid}/children").read_text().split()
    except FileNotFoundError:
        return []  # the container is gone
    return [int(child) for child in children if not _is_zombie(child)]


def _is_zombie(pid: str) -> bool:
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    return True


def _kill_all(first_pid: int, credentials: Sequence[str]) -> None:
    """kill(-1) reaches all processes of a pid namespace at once, so that none can fork its way out; its first is exempt.

    The killer enters as the root of the container's user namespace: no command can stop it, read it or make it its own.
    """
    nsenter = require_program("nsenter", "util-linux")
    call = (str(nsenter), "--target", str(first_pid), "--user", "--pid", *credentials, "/bin/sh", "-c", "kill -9 -1")
    subprocess.run(call, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def _wait_for_reaping(first_pid: int) -> None:
    until = time.monotonic() + 0.1
    while _children(first_pid) and time.monotonic() < until:
        time.sleep(0.001)
