"""The OCI runtime: which program it is, and how it is called."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stagewright.sandbox.problems import RuntimeMissing
from stagewright.sandbox.programs import find_program

KNOWN = ("runc", "crun")

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
"""What a runtime sees of our environment: nothing. Secrets that we were started with stay with us."""


@dataclass(frozen=True)
class Runtime:
    """A runtime with the command line of runc (runc(8); crun(1) has the same)."""

    program: Path
    state: Path
    """Where it keeps what it knows of its containers (``--root``)."""

    @property
    def name(self) -> str:
        return self.program.name

    def run(self, container: str, bundle: Path, pid_file: Path, log: Path) -> tuple[str, ...]:
        """Run a container in the foreground; where the runtime can, keep its control groups to be read when it has ended."""
        keep = ("--keep",) if self.name == "runc" else ()  # crun has learned it after 1.8, Debian 12's
        return (*self._call(log), "run", *keep, "--bundle", str(bundle), "--pid-file", str(pid_file), container)

    def execute(self, container: str, process: str, pid_file: Path, log: Path, *, detached: bool) -> tuple[str, ...]:
        """Start a command that the file ``process`` describes; detached: without waiting for its end."""
        options = ("--process", process, "--pid-file", str(pid_file), *(("--detach",) if detached else ()))
        return (*self._call(log), "exec", *options, container)

    def directory(self, container: str) -> Path:
        """Where the runtime keeps what it knows of one container."""
        return self.state / container

    def _call(self, log: Path) -> tuple[str, ...]:
        return (str(self.program), "--root", str(self.state), "--log", str(log), "--log-format", "json")


def find_runtime(preferred: str | None, state: Path) -> Runtime:
    """``preferred`` (a name or a path), or the first that is installed. Raises RuntimeMissing."""
    candidates: Sequence[str] = (preferred,) if preferred is not None else KNOWN
    for candidate in candidates:
        program = find_program(candidate)
        if program is not None:
            return Runtime(program, state)
    raise RuntimeMissing(tuple(candidates))


def last_words(log: Path) -> str:
    """What a runtime logged last as an error; empty where it said nothing."""
    said = ""
    with suppress(OSError):
        for line in log.read_text(errors="replace").splitlines():
            with suppress(ValueError, AttributeError):
                entry = json.loads(line)
                said = str(entry.get("msg", said)) if entry.get("level") in ("error", "fatal") else said
    return said
