"""The namespaces in which roots are made, and the processes in them.

As root: a mount and a process namespace of their own, so that whatever dies takes its mounts and children with it. As anybody
else: a user namespace beside them, in which the caller is root and the subordinate ids of /etc/subuid are everybody else.
mmdebstrap and our own code (`inside`) run there alike, so a root is made in the same way, and gets the same digest, whoever
makes it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from stagewright.errors import Cancelled, Fault, PlatformProblem
from stagewright.ports.progress import Progress, silent
from stagewright.stacks.machine import lacking_ids, lacking_programs
from stagewright.stacks.programs import environment

_AS_ROOT = ("setpriv", "--pdeathsig", "KILL", "--", "unshare", "--mount", "--pid", "--fork", "--kill-child")
_PRIVATE = ("--propagation", "private", "--mount-proc", "--")
_AS_ANYBODY = ("--user", "--map-root-user", "--map-auto")
_LAST_LINES = 40


@dataclass(eq=False)
class NamespaceRefused(PlatformProblem):
    """The kernel or the container around us does not allow the namespaces in which roots are made."""

    reason: str
    root: bool

    def brief(self) -> str:
        return f"The namespaces in which a stack is made are refused here: {self.reason}."

    def hint(self) -> str:
        if self.root:
            return "This root lacks CAP_SYS_ADMIN: run it on the machine itself, or in a privileged container."
        return (
            "Unprivileged user namespaces are switched off: as root, sysctl kernel.unprivileged_userns_clone=1"
            " (or kernel.apparmor_restrict_unprivileged_userns=0), or create the stack as root in a shared"
            " STAGEWRIGHT_STACKS directory."
        )


@dataclass(eq=False)
class FailedInside(PlatformProblem):
    """A problem from the other side of a namespace, as it was told there."""

    text: str
    advice: str = ""
    evidence: str = ""
    at_fault: Fault = Fault.PLATFORM

    def brief(self) -> str:
        return self.text

    def hint(self) -> str:
        return self.advice

    def details(self) -> str:
        return self.evidence

    def whose_fault(self) -> Fault:
        return self.at_fault


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

    def perform(self, job: str, facts: Mapping[str, object], progress: Progress = silent) -> dict[str, Any]:
        """Do a job of `inside`. Raises FailedInside, NamespaceRefused, Cancelled."""
        argv = [sys.executable, "-B", "-P", "-m", "stagewright.stacks.inside", json.dumps({"job": job, **facts})]
        # Whatever made this package importable here makes it importable there.
        env = {**environment(), "PYTHONPATH": ":".join(path for path in sys.path if path.startswith("/"))}
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


def open_workshop(programs: tuple[str, ...] = ()) -> Workshop:
    """The workshop of the calling user; ``programs`` are needed beside its own.

    Raises ProgramMissing, NoSubordinateIds.
    """
    lacking = lacking_programs(programs) or lacking_ids()
    if lacking is not None:
        raise lacking
    root = os.geteuid() == 0
    return Workshop((*_AS_ROOT, *(() if root else _AS_ANYBODY), *_PRIVATE), root)


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
