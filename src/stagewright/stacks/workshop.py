"""The namespaces in which roots are made, and the processes in them.

As root: a mount and a process namespace of their own, so that whatever dies takes its mounts and children with it. As anybody
else: a user namespace beside them, in which the caller is root and the subordinate ids of /etc/subuid are everybody else.
mmdebstrap and our own code (`inside`) run there alike, so a root is made in the same way, and gets the same digest, whoever
makes it.
"""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import stagewright
from stagewright.errors import Cancelled, Fault
from stagewright.ports.progress import Progress, silent
from stagewright.stacks.problems import FailedInside, NamespaceRefused, NoSubordinateIds, ProgramMissing
from stagewright.stacks.programs import environment, missing, packages_of

_AS_ROOT = ("setpriv", "--pdeathsig", "KILL", "--", "unshare", "--mount", "--pid", "--fork", "--kill-child")
_PRIVATE = ("--propagation", "private", "--mount-proc", "--")
_AS_ANYBODY = ("--user", "--map-root-user", "--map-auto")
_RANGE = 65536
"""Subordinate ids that a root needs: all that Debian gives away (nobody is 65534)."""
_LAST_LINES = 40


class Children:
    """The processes of one making, so that all can be ended at once, from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def start(self, argv: Sequence[str], env: Mapping[str, str], errors: int) -> subprocess.Popen[bytes]:
        """Start a process in a session of its own (Ctrl-C is ours to handle). Raises Cancelled after `stop`, OSError."""
        with self._lock:
            if self._stopped:
                raise Cancelled
            child = subprocess.Popen(
                argv,
                env=env,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                umask=0o022,
            )
            self._running.add(child)
            return child

    def ended(self, child: subprocess.Popen[bytes]) -> int:
        """Wait for a child that closed its output; its exit code."""
        code = child.wait()
        with self._lock:
            self._running.discard(child)
        return code

    def stop(self) -> None:
        """Kill everything; whoever waits for a child sees it end. Nothing can be started any more."""
        with self._lock:
            self._stopped = True
            for child in self._running:
                child.kill()


@dataclass(frozen=True)
class Workshop:
    """A way to run programs as a root that may make root file systems."""

    wrapping: tuple[str, ...]
    root: bool
    """Whether the caller is root, so that owners can be kept on disk."""
    children: Children = field(default_factory=Children)

    def run(
        self, argv: Sequence[str], env: Mapping[str, str], line: Callable[[str], None]
    ) -> tuple[int, tuple[str, ...]]:
        """Run to the end, telling every line of both streams; returns the exit code and the last lines.

        Raises NamespaceRefused, Cancelled.
        """
        last: deque[str] = deque(maxlen=_LAST_LINES)
        child = self.children.start([*self.wrapping, *argv], env, subprocess.STDOUT)
        for text in _lines(child):
            last.append(text)
            line(text)
        code = self.children.ended(child)
        self._look_for_refusal(code, last)
        return code, tuple(last)

    def perform(self, job: str, progress: Progress = silent, **facts: object) -> dict[str, Any]:
        """Do a job of `inside`. Raises FailedInside, NamespaceRefused, Cancelled."""
        argv = [sys.executable, "-B", "-P", "-m", "stagewright.stacks.inside", json.dumps({"job": job, **facts})]
        env = {**environment(), "PYTHONPATH": str(Path(stagewright.__file__).parent.parent)}
        result: dict[str, Any] | None = None
        evidence: deque[str] = deque(maxlen=_LAST_LINES)
        child = self.children.start([*self.wrapping, *argv], env, subprocess.STDOUT)
        for text in _lines(child):
            told = _parsed(text)
            if told is None:
                evidence.append(text)
            elif "progress" in told:
                progress(*told["progress"])
            else:
                result = told
        code = self.children.ended(child)
        if result is None:
            self._look_for_refusal(code, evidence)
            raise FailedInside(f"The job {job!r} of a stack ended with exit code {code}.", evidence="\n".join(evidence))
        if "problem" in result:
            problem = result["problem"]
            raise FailedInside(problem["brief"], problem["hint"], problem["details"], Fault(problem["fault"]))
        found: dict[str, Any] = result["result"]
        return found

    def _look_for_refusal(self, code: int, lines: Sequence[str] | deque[str]) -> None:
        refusal = next(
            (text for text in lines if text.startswith(("unshare: ", "setpriv: ", "newuidmap: ", "newgidmap: "))), None
        )
        if code and refusal is not None:
            raise NamespaceRefused(refusal, self.root)


def open_workshop(programs: Sequence[str] = ()) -> Workshop:
    """The workshop of the calling user; ``programs`` are needed beside its own.

    Raises ProgramMissing, NoSubordinateIds.
    """
    root = os.geteuid() == 0
    absent = missing((*programs, "unshare", "setpriv", *(() if root else ("newuidmap", "newgidmap"))))
    if absent:
        raise ProgramMissing(absent, packages_of(absent))
    if root:
        return Workshop((*_AS_ROOT, *_PRIVATE), root=True)
    lacking = without_subordinate_ids()
    if lacking is not None:
        raise lacking
    return Workshop((*_AS_ROOT, *_AS_ANYBODY, *_PRIVATE), root=False)


def without_subordinate_ids(system: Path = Path("/")) -> NoSubordinateIds | None:
    """The problem of a user who has no range of subordinate ids (subuid(5))."""
    number = os.geteuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = str(number)
    for file in ("etc/subuid", "etc/subgid"):
        if not any(count >= _RANGE for count in _ranges(system / file, {name, str(number)})):
            return NoSubordinateIds(name, f"/{file}")
    return None


def _ranges(file: Path, users: set[str]) -> Iterator[int]:
    with suppress(OSError):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            user, _, rest = line.partition(":")
            count = rest.partition(":")[2].strip()
            if user in users and count.isdigit():
                yield int(count)


def _lines(child: subprocess.Popen[bytes]) -> Iterator[str]:
    """Every line of a child's output; a carriage return ends one, too, as in dpkg's progress."""
    if child.stdout is None:
        return
    with child.stdout as output:
        for raw in output:
            for text in raw.decode("utf-8", "replace").replace("\r", "\n").splitlines():
                if text.strip():
                    yield text.rstrip()


def _parsed(text: str) -> dict[str, Any] | None:
    with suppress(ValueError):
        told = json.loads(text)
        if isinstance(told, dict) and told.keys() & {"progress", "result", "problem"}:
            return told
    return None
