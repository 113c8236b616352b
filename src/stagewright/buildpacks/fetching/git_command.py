"""git as a program: the one module here that starts processes. A run ends in time, within its bounds, and asks nobody anything.

A command that talks to a remote gets the person's own configuration (proxies, certificates; keys and credential helpers where
the reference is trusted) and touches no working tree; one that touches a working tree gets no configuration but ours and no
network. So nothing that a repository says, such as attributes, hooks or submodules, ever meets a program of somebody's.
"""

from __future__ import annotations

import os
import re
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from stagewright.buildpacks.fetching.policy import Deadline
from stagewright.buildpacks.fetching.problems import GitMissing, TookTooLong, TooMuch, too_large
from stagewright.model.credentials import Credentials
from stagewright.ports.progress import Progress, silent
from stagewright.trees.problems import DiskFull
from stagewright.trees.upkeep import disk_use

_NO_ROOM = ("No space left on device", "Disk quota exceeded")
_LARGEST_ANSWER = 64 << 20
"""Bytes of standard output that are kept."""
_LAST_ERRORS = 16 << 10
_POLL = 0.2
_PROGRESS = re.compile(rb"(?:Receiving|Counting|Resolving) \w+:\s+\d+% \((\d+)/(\d+)\)")
_NOISE = re.compile(
    r"(?:remote: )?(?:Enumerating|Counting|Compressing|Receiving|Resolving|Updating|Filtering|Unpacking) \w+:.*|From .*| \* \[?.*"
)
_DIED_WITH_US = ("/usr/bin/setpriv", "--pdeathsig", "KILL", "--")
"""So that git does not go on where this process is killed; its own children see their pipes close."""


@dataclass(frozen=True)
class Ended:
    """How git ended."""

    code: int
    output: bytes
    errors: str
    """The last lines of standard error without progress, masked."""


@dataclass(frozen=True)
class GitRunner:
    """What all runs of git for one reference have in common."""

    reference: str
    """Without credentials, for messages."""
    deadline: Deadline
    largest: int
    """Bytes on disk below ``scratch``, and of any one file."""
    scratch: Path
    credentials: Credentials = field(default_factory=Credentials)
    progress: Progress = silent

    def run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        cwd: Path | None = None,
        take: Callable[[bytes], None] | None = None,
    ) -> Ended:
        """Run ``git ARGUMENTS`` in an environment that is exactly that one, to its end. ``take`` is given standard output piece
        by piece instead of keeping it; what it raises ends git.

        Raises GitMissing, TookTooLong, TooMuch, DiskFull.
        """
        place = cwd or self.scratch
        died_with_us = _DIED_WITH_US if os.access(_DIED_WITH_US[0], os.X_OK) else ()
        try:
            child = subprocess.Popen(
                [*died_with_us, _program(environment, self.reference), *arguments],
                # No repository around our own directories is looked for, such as one of somebody's whole home.
                env={"GIT_CEILING_DIRECTORIES": str(place.parent), **environment},
                cwd=place,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # no terminal to ask at, and one group to end
                umask=0o022,
            )
        except OSError as error:
            raise GitMissing(self.reference) from error
        try:
            with suppress(OSError):
                resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (self.largest, self.largest))
            return self._attend(child, take)
        finally:
            if child.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            for stream in (child.stdout, child.stderr):
                if stream is not None:
                    stream.close()

    def _attend(self, child: subprocess.Popen[bytes], take: Callable[[bytes], None] | None) -> Ended:
        heard = _Heard(self, child, take)
        looked, cost = time.monotonic(), 0.0
        with selectors.DefaultSelector() as selector:
            for stream in (child.stdout, child.stderr):
                if stream is not None:
                    selector.register(stream, selectors.EVENT_READ)
            # What git started and left, such as a credential cache, may keep the pipes open for long: git itself is waited for.
            while child.poll() is None or (selector.get_map() and selector.select(0)):
                self._require_time()
                for key, _ in selector.select(_POLL):
                    if not heard.read(key.fd):
                        selector.unregister(key.fileobj)
                if not selector.get_map():
                    with suppress(subprocess.TimeoutExpired):
                        child.wait(_POLL)
                if time.monotonic() - looked > max(_POLL, 10 * cost):
                    looked = time.monotonic()
                    self._weigh()
                    cost = time.monotonic() - looked
        self._weigh()
        ended = Ended(child.wait(), bytes(heard.output), self.shown(bytes(heard.errors)))
        if ended.code and any(words in ended.errors for words in _NO_ROOM):
            raise DiskFull(self.scratch)
        return ended

    def _require_time(self) -> None:
        if not self.deadline.left:
            raise TookTooLong(self.reference, self.deadline.allowed)

    def _weigh(self) -> None:
        if disk_use(self.scratch) > self.largest:
            raise too_large(self.reference, self.largest)

    def shown(self, errors: bytes) -> str:
        """What git said, for a person: the last lines without progress, control characters and credentials."""
        text = self.credentials.mask(errors.decode("utf-8", "replace").replace("\r", "\n"))
        lines = ["".join(c if c.isprintable() else "?" for c in line.expandtabs()) for line in text.split("\n")]
        said = [
            line.rstrip()
            for line in lines
            if line.strip() and not _NOISE.fullmatch(line.replace("\x1b[K", "").rstrip())
        ]
        return "\n".join(line[:500] for line in said[-12:])


class _Heard:
    """What git writes, within bounds."""

    def __init__(self, runner: GitRunner, child: subprocess.Popen[bytes], take: Callable[[bytes], None] | None) -> None:
        self._runner = runner
        self._errors_from = child.stderr.fileno() if child.stderr is not None else -1
        self._take = take
        self.output = bytearray()
        self.errors = bytearray()

    def read(self, descriptor: int) -> bool:
        """Take what is there; False at the end. Raises TooMuch, and what ``take`` raises."""
        piece = os.read(descriptor, 64 << 10)
        if descriptor == self._errors_from:
            self.errors += piece
            del self.errors[:-_LAST_ERRORS]
            told = list(_PROGRESS.finditer(piece))
            if told:
                self._runner.progress(int(told[-1][1]), int(told[-1][2]))
        elif self._take is not None:
            self._take(piece)
        else:
            self.output += piece
            if len(self.output) > _LARGEST_ANSWER:
                raise TooMuch(self._runner.reference, "can be listed")
        return bool(piece)


def _program(environment: Mapping[str, str], reference: str) -> str:
    """git, on the caller's PATH. Raises GitMissing."""
    for directory in environment.get("PATH", "").split(":"):
        path = Path(directory) / "git"
        if directory.startswith("/") and os.access(path, os.X_OK) and path.is_file():
            return str(path)
    raise GitMissing(reference)
