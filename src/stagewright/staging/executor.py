"""The executor: does one action and says what came of it. It never decides; the planner does."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from stagewright.buildpacks.dialects import cloudfoundry
from stagewright.errors import Cancelled
from stagewright.model.build import BuildRequest
from stagewright.model.buildpack import Script
from stagewright.model.containers import Cause, Command, Exit, Stream
from stagewright.model.events import ActionFinished, ActionStarted, ScriptOutput, Warned
from stagewright.model.layout import Layout, deps_index
from stagewright.model.plan import Action, ReadProcesses, RunScript
from stagewright.model.tree import Difference, Owner
from stagewright.ports.events import EventSink
from stagewright.ports.keeping import Workspace
from stagewright.ports.sandbox import Session
from stagewright.staging.environment import script_environment
from stagewright.staging.facts import Detection, Facts
from stagewright.staging.output import Masker, ScriptLines, secret_values
from stagewright.staging.planner import chosen_buildpacks
from stagewright.staging.problems import (
    OutOfDisk,
    OutOfMemory,
    PlaceReplaced,
    ScriptFailed,
    ScriptMissing,
    ScriptNotExecutable,
    TimedOut,
)
from stagewright.staging.processes import decide
from stagewright.staging.stopwatch import Stopwatch
from stagewright.trees import Snapshot, difference, remove_tree, snapshot

_CANNOT_RUN = (126, 127)
_LARGEST_ANSWER = 1 << 20
"""Bytes of a detect's or release's output that are read; more is cut off."""


@dataclass
class ScriptExecutor:
    """Runs the scripts of one build in its session."""

    request: BuildRequest
    workspace: Workspace
    session: Session
    layout: Layout
    trust: Mapping[str, str]
    events: EventSink
    owner: Owner | None
    """Who must own what scripts may write."""
    watch: Stopwatch

    def __post_init__(self) -> None:
        self._environment = script_environment(self.request, self.layout, self.trust, self.session)
        self._masker = Masker(secret_values(self.request.env))
        self._before: dict[str, Snapshot] = {}

    def execute(self, action: Action, facts: Facts) -> Facts:
        """Do ``action``; the facts after it.

        Raises ScriptFailed and its kin for what a script did, TimedOut, OutOfMemory, OutOfDisk for what it was not given.
        """
        self.events(ActionStarted(action))
        match action.step:
            case RunScript(script=Script.DETECT):
                return self._detect(action, action.step, facts)
            case RunScript(script=Script.RELEASE):
                return self._release(action, action.step, facts)
            case RunScript():
                return self._build(action, action.step, facts)
            case ReadProcesses():
                return self._decide(action, facts)
            case _:
                raise TypeError(f"{type(action.step).__name__} runs no script")

    def shell(self) -> Command:
        """A shell as a script of this build would start it."""
        return Command(("/bin/bash",), self.session.path_of(self.layout.app), self._environment)

    def _detect(self, action: Action, step: RunScript, facts: Facts) -> Facts:
        says, failed = "", None
        if not _is_executable(step):
            # §1.2 step 2: warned about, and the next buildpack is tried.
            self.events(Warned(f"buildpack script '/bin/detect' of {step.buildpack} is not executable"))
            ended = Exit(126, Cause.EXITED, 0.0)
        else:
            answer = bytearray()
            ended, tail = self._run(step, answer)
            self._raise_limits(step, ended, tail)
            says = answer.decode("utf-8", "replace").rstrip("\r\n")
            if ended.code > 128 or ended.code in _CANNOT_RUN:
                failed = ended.code
                self.events(Warned(f"bin/detect of {step.buildpack} could not say yes or no (exit code {ended.code})"))
        matched = ended.code == 0
        self.events(ActionFinished(action, ended.seconds, ended.code, says=self._masker(says) if matched else "no"))
        found = Detection(step.buildpack, matched, self._masker(says), failed)
        return replace(facts.after(action.key), detections=(*facts.detections, found))

    def _release(self, action: Action, step: RunScript, facts: Facts) -> Facts:
        self._require(step)
        answer = bytearray()
        ended, tail = self._run(step, answer)
        self._raise_for(step, ended, tail)
        released = cloudfoundry.parse_release(bytes(answer), step.buildpack)
        self.events(ActionFinished(action, ended.seconds, ended.code))
        return replace(facts.after(action.key), released=released)

    def _build(self, action: Action, step: RunScript, facts: Facts) -> Facts:
        self._require(step)
        self._prepare(step)
        ended, tail = self._run(step, None)
        self._raise_for(step, ended, tail)
        self.events(ActionFinished(action, ended.seconds, ended.code, self._checkpoint()))
        facts = facts.after(action.key)
        if step.final and step.script in (Script.FINALIZE, Script.COMPILE):
            index = deps_index(step.position, step.count)
            launch = cloudfoundry.read_launch(self.workspace.deps, index, step.buildpack)
            facts = replace(facts, final_wrote_launch=launch is not None)
        return facts

    def _decide(self, action: Action, facts: Facts) -> Facts:
        started = time.monotonic()
        chosen = chosen_buildpacks(self.request, facts)
        assert chosen is not None  # noqa: S101 - the planner plans no processes before that
        decided = decide(self.request, chosen, facts, self.workspace)
        if decided.processes.command("web") is None:
            self.events(Warned("No start command specified by buildpack or via Procfile."))
            self.events(Warned("App will not start unless a command is provided at runtime."))
        says = ", ".join(process.type for process in decided.processes.types)
        self.events(ActionFinished(action, time.monotonic() - started, says=says))
        return replace(facts.after(action.key), decided=decided)

    def _prepare(self, step: RunScript) -> None:
        """What a script finds: its deps directory (none for compile, §1.2 step 3) and its cache."""
        if not self._before:
            with self.watch.timing("checkpoints"):
                self._before = self._snapshots()
        index = deps_index(step.position, step.count)
        if step.script is Script.COMPILE:
            remove_tree(self.workspace.deps / index)
            if step.count > 1:
                self.events(
                    Warned(
                        "Warning: the last buildpack is not compatible with multi-buildpack apps and cannot make use of any "
                        "dependencies supplied by the buildpacks specified before it"
                    )
                )
        cache = self.workspace.cache / cloudfoundry.cache_directory(step)
        if cache.is_symlink() or not cache.is_dir():
            remove_tree(cache)
            cache.mkdir(parents=True)
            if self.owner is not None:
                os.chown(self.workspace.cache, self.owner.uid, self.owner.gid)
                os.chown(cache, self.owner.uid, self.owner.gid)

    def _require(self, step: RunScript) -> None:
        if not step.buildpack.has(step.script):
            raise ScriptMissing(str(step.buildpack), step.script, "and it wrote no launch.yml either")
        if not _is_executable(step):
            raise ScriptNotExecutable(str(step.buildpack), step.script)

    def _run(self, step: RunScript, answer: bytearray | None) -> tuple[Exit, tuple[str, ...]]:
        """Run a script. With ``answer`` its standard output is an answer to us, and only its standard error is shown."""
        lines = ScriptLines(self._masker, lambda stream, line: self.events(ScriptOutput(stream, line)))

        def output(stream: Stream, chunk: bytes) -> None:
            if answer is not None and stream is Stream.STDOUT:
                answer.extend(chunk[: max(0, _LARGEST_ANSWER - len(answer))])
            else:
                lines.feed(stream, chunk)

        argv = tuple(
            str(self.session.path_of(part)) if isinstance(part, PurePosixPath) else part
            for part in cloudfoundry.argv(step, self.layout)
        )
        command = Command(argv, self.session.path_of(self.layout.home), self._environment)
        began = time.monotonic()
        ended = self.session.run(command, output)
        lines.finish()
        self.watch.script(step.script, ended.seconds, time.monotonic() - began - ended.seconds)
        self._require_places(step)
        return ended, tuple(lines.tail)

    def _require_places(self, step: RunScript) -> None:
        """What a script left in the place of a directory that we read and write must still be that directory.

        A home belongs to its scripts, so they could put a link there, and we would follow it with our own rights. Nothing of the
        script runs any more, so what is looked at here cannot change before it is used.
        """
        for name, path in self._places().items():
            if path.is_symlink() or (path.exists() and not path.is_dir()) or (name != "cache" and not path.exists()):
                raise PlaceReplaced(str(step.buildpack), step.script, name)

    def _raise_for(self, step: RunScript, ended: Exit, tail: tuple[str, ...]) -> None:
        self._raise_limits(step, ended, tail)
        if ended.code != 0:
            raise ScriptFailed(str(step.buildpack), step.script, ended.code, tail)

    def _raise_limits(self, step: RunScript, ended: Exit, tail: tuple[str, ...]) -> None:
        during = f"{step.script} of {step.buildpack}"
        limits = self.request.limits
        match ended.cause:
            case Cause.TIMED_OUT:
                raise TimedOut(limits.timeout, during, tail)
            case Cause.OUT_OF_MEMORY:
                raise OutOfMemory(limits.memory, during, tail)
            case Cause.OUT_OF_DISK:
                raise OutOfDisk(limits.disk, during, tail)
            case Cause.CANCELLED:
                raise Cancelled()
            case Cause.EXITED:
                return

    def _checkpoint(self) -> dict[str, Difference]:
        """What the script that just ended did to the trees."""
        with self.watch.timing("checkpoints"):
            after = self._snapshots()
            wrote = {name: difference(self._before[name], after[name]) for name in after}
            self._before = after
        return {name: change for name, change in wrote.items() if change}

    def _places(self) -> dict[str, Path]:
        """The directories that scripts and the platform share."""
        return {
            "app": self.workspace.app,
            "deps": self.workspace.deps,
            "profile.d": self.workspace.profile_d,
            "cache": self.workspace.cache,
        }

    def _snapshots(self) -> dict[str, Snapshot]:
        return {name: snapshot(path) for name, path in self._places().items()}


def _is_executable(step: RunScript) -> bool:
    path: Path = step.buildpack.root / "bin" / step.script
    return bool(path.stat().st_mode & 0o111) if path.is_file() else True
