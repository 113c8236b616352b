"""One script is run: with what its dialect passes, finds and reads, and with an eye on what it leaves in the places of others."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stagewright.buildpacks.dialects import cache_directory, rules_of
from stagewright.buildpacks.dialects.cloudfoundry import key_directory
from stagewright.errors import Cancelled
from stagewright.model.build import BuildRequest
from stagewright.model.buildpack import Buildpack, Dialect, Script
from stagewright.model.containers import Cause, Command, Exit, Stream
from stagewright.model.events import ScriptOutput
from stagewright.model.layout import SLUG, Layout
from stagewright.model.plan import Role, RunScript, RunTests, Turn
from stagewright.model.tree import Owner
from stagewright.model.variables import Value, Variables
from stagewright.ports.events import EventSink
from stagewright.ports.keeping import Workspace
from stagewright.ports.sandbox import Session
from stagewright.staging.deps import staging_variables
from stagewright.staging.exports import environment_after, sourcing
from stagewright.staging.output import Masker, ScriptLines
from stagewright.staging.problems import (
    ExportFailed,
    OutOfDisk,
    OutOfMemory,
    PlaceReplaced,
    ScriptFailed,
    ScriptMissing,
    ScriptNotExecutable,
    TimedOut,
)
from stagewright.staging.stopwatch import Stopwatch
from stagewright.trees import chown_tree, remove_tree

_LARGEST_ANSWER = 1 << 20
"""Bytes of a detect's or release's output that are read; more is cut off."""

_LARGEST_ENVIRONMENT = 8 << 20
"""Bytes of environment that are read; the kernel gives a program less (2 MiB as a rule)."""

_OPEN = os.R_OK | os.W_OK | os.X_OK


@dataclass(frozen=True)
class Ran:
    """A script that ended. ``answer`` is its standard output, where that is an answer to us; else empty."""

    exit: Exit
    tail: tuple[str, ...]
    answer: bytes = b""


@dataclass(frozen=True)
class ScriptRunner:
    """Runs scripts of one build in its session."""

    request: BuildRequest
    workspace: Workspace
    session: Session
    layout: Layout
    variables: Variables
    masker: Masker
    events: EventSink
    owner: Owner | None
    """Who must own what scripts may write."""
    watch: Stopwatch

    def run(self, step: RunScript, earlier: tuple[Turn, ...], *, answers: bool = False) -> Ran:
        """Run a script after ``earlier`` had their turns. With ``answers`` its standard output is an answer to us, and only its
        standard error is shown."""
        command = self._command(step, earlier)
        with self.env_files(step):
            ran = self.told(command, step.script, largest_answer=_LARGEST_ANSWER if answers else None)
        self._require_places(step)
        return ran

    def told(self, command: Command, called: str, *, largest_answer: int | None = None) -> Ran:
        """Run a command and tell of what it writes; its time is counted as that of ``called``. Where its standard output is an
        answer, of so many bytes at most, only its standard error is told."""
        lines = ScriptLines(self.masker, lambda stream, line: self.events(ScriptOutput(stream, line)))
        answer = bytearray()

        def output(stream: Stream, chunk: bytes) -> None:
            if largest_answer is not None and stream is Stream.STDOUT:
                answer.extend(chunk[: max(0, largest_answer - len(answer))])
            else:
                lines.feed(stream, chunk)

        began = time.monotonic()
        ended = self.session.run(command, output)
        lines.finish()
        self.watch.script(called, ended.seconds, time.monotonic() - began - ended.seconds)
        return Ran(ended, tuple(lines.tail), bytes(answer))

    def require(self, step: RunScript) -> None:
        """Raise ScriptMissing or ScriptNotExecutable for what cannot be run."""
        if not step.buildpack.has(step.script):
            raise ScriptMissing(str(step.buildpack), step.script, "and it wrote no launch.yml either")
        if not is_executable(step):
            raise ScriptNotExecutable(str(step.buildpack), step.script, step.turn.role)

    def raise_for(self, step: RunScript, ran: Ran) -> None:
        """Raise the Problem that the end of a script is, if it is one."""
        self.raise_limits(step, ran)
        if ran.exit.code != 0:
            raise ScriptFailed(str(step.buildpack), step.script, ran.exit.code, ran.tail, step.turn.role)

    def raise_limits(self, step: RunScript | RunTests, ran: Ran) -> None:
        """Raise TimedOut, OutOfMemory, OutOfDisk or Cancelled where that ended the script."""
        self._raise_limits(ran, f"{step.script} of {step.buildpack}" if isinstance(step, RunScript) else step.verb_noun)

    def _raise_limits(self, ran: Ran, during: str) -> None:
        limits = self.request.limits
        match ran.exit.cause:
            case Cause.TIMED_OUT:
                raise TimedOut(limits.timeout, during, ran.tail)
            case Cause.OUT_OF_MEMORY:
                raise OutOfMemory(limits.memory, during, ran.tail)
            case Cause.OUT_OF_DISK:
                raise OutOfDisk(limits.disk, during, ran.tail)
            case Cause.CANCELLED:
                raise Cancelled()
            case Cause.EXITED:
                return

    def shell(self) -> Command:
        """A shell as a script of this build would start it."""
        variables = self.variables
        environment = {**variables.platform, **variables.config, **variables.cloudfoundry, **variables.services}
        return Command(("/bin/bash",), self.session.path_of(self.layout.app), self.written(environment))

    def places(self) -> dict[str, Path]:
        """The directories that scripts and the platform share."""
        return {
            "app": self.workspace.app,
            "deps": self.workspace.deps,
            "profile.d": self.workspace.profile_d,
            "cache": self.workspace.cache,
        }

    def make_cache(self, turn: Turn) -> None:
        """A script finds a directory for its cache, whatever lay in its place."""
        cache = self.workspace.cache / cache_directory(turn)
        if cache.is_symlink() or not cache.is_dir():
            remove_tree(cache)
            cache.mkdir(parents=True)
            if self.owner is not None:
                os.chown(self.workspace.cache, self.owner.uid, self.owner.gid)
                os.chown(cache, self.owner.uid, self.owner.gid)

    def _command(self, step: RunScript, earlier: tuple[Turn, ...]) -> Command:
        rules = rules_of(step.buildpack)
        argv = tuple(
            self.seen(part) if isinstance(part, PurePosixPath) else part for part in rules.argv(step, self.layout)
        )
        cwd = PurePosixPath(self.seen(rules.cwd(self.layout)))
        environment = self.written(rules.environment(self.variables))
        if not rules.KNOWS_DEPS:
            deps, shown = self.workspace.deps, self.session.path_of(self.layout.deps)
            environment |= staging_variables(deps, shown, earlier, environment)
        return Command(argv, cwd, self._with_exports(environment, earlier, cwd))

    def _with_exports(
        self, environment: Mapping[str, str], earlier: tuple[Turn, ...], cwd: PurePosixPath
    ) -> Mapping[str, str]:
        """What the ``export`` files of Heroku's buildpacks make of the environment of a later script (shared design, "Mixed").

        Raises ExportFailed, TimedOut and its kin.
        """
        for turn in earlier:
            path = bits_of(turn.buildpack, self.workspace) / "export"
            if turn.buildpack.dialect is not Dialect.HEROKU or path.is_symlink() or not path.is_file():
                continue
            seen = self.seen(self.layout.buildpacks / key_directory(turn.buildpack.key) / "export")
            ran = self.told(Command(sourcing(seen), cwd, environment), "export", largest_answer=_LARGEST_ENVIRONMENT)
            self._raise_limits(ran, f"the export of {turn.buildpack}")
            after = environment_after(ran.answer, environment)
            if ran.exit.code != 0 or after is None:
                raise ExportFailed(str(turn.buildpack), ran.exit.code, ran.tail)
            environment = after
        return environment

    def written(self, environment: Mapping[str, Value]) -> dict[str, str]:
        """Variables as the session sees the places that they name."""
        return {
            name: self.seen(value) if isinstance(value, PurePosixPath) else value for name, value in environment.items()
        }

    def seen(self, place: PurePosixPath) -> str:
        """Where scripts see a place. A sandbox without a root of its own has no link from /app to the app."""
        if place == SLUG and self.session.path_of(self.layout.app) != self.layout.app:
            place = self.layout.app
        return str(self.session.path_of(place))

    @contextmanager
    def env_files(self, step: RunScript) -> Iterator[None]:
        """ENV_DIR, while a script of Heroku's runs: what the app set, and nothing that an earlier script put there."""
        if step.buildpack.dialect is not Dialect.HEROKU:
            yield
            return
        directory = self.workspace.env
        remove_tree(directory)
        directory.mkdir(mode=0o700)
        for name, value in rules_of(step.buildpack).env_files(self.variables).items():
            (directory / name).write_bytes(value.encode("utf-8", "surrogateescape"))
        if self.owner is not None:
            chown_tree(directory, self.owner)
        try:
            yield
        finally:
            # A home that was closed is complained of where all places are looked at.
            if os.access(self.workspace.home, _OPEN):
                remove_tree(directory)

    def _require_places(self, step: RunScript) -> None:
        """What a script left in the place of a directory that we read and write must still be that directory.

        A home belongs to its scripts, so they could put a link there, and we would follow it with our own rights. Nothing of the
        script runs any more, so what is looked at here cannot change before it is used.
        """
        self._require_open(step)
        for name, path in self.places().items():
            if path.is_symlink() or (path.exists() and not path.is_dir()) or (name != "cache" and not path.exists()):
                raise PlaceReplaced(str(step.buildpack), step.script, name, step.turn.role)

    def _require_open(self, step: RunScript) -> None:
        """Without root we have the rights of a script: what it closed is closed to us. Places of a cell are the cell's affair."""
        ours = {"home": self.workspace.home, **self.places(), "buildpack": bits_of(step.buildpack, self.workspace)}
        for name, path in ours.items():
            if path.is_relative_to(self.workspace.root) and path.exists() and not os.access(path, _OPEN):
                raise PlaceReplaced(str(step.buildpack), step.script, name, step.turn.role)


def bits_of(buildpack: Buildpack, workspace: Workspace) -> Path:
    """Where the bits of a buildpack lie in a build: in a copy of its own, which its scripts may write, or in place."""
    return buildpack.root if buildpack.in_place else workspace.buildpacks / key_directory(buildpack.key)


def is_executable(step: RunScript, *, by_all: bool = False) -> bool:
    """Whether anybody may run a script, or everybody; one that is not there is for others to complain of."""
    path: Path = step.buildpack.root / "bin" / step.script
    if not path.is_file():
        return True
    bits = path.stat().st_mode & 0o111
    return bits == 0o111 if by_all else bool(bits)


def builds(step: RunScript) -> bool:
    """Whether a script is the one after which a buildpack has done its part, but for what it says of it."""
    if step.script is Script.SUPPLY:
        return step.turn.role is Role.SUPPLYING or not step.buildpack.has(Script.FINALIZE)
    return step.script in (Script.FINALIZE, Script.COMPILE, Script.TEST_COMPILE)
