"""A traced build has the same tools as any other, but a sandbox that notes what each script is run with and what became of it.

Tracing stands around the sandbox and the events: what runs scripts knows nothing of it, and a build without it pays nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from signal import SIGKILL
from typing import Any

from stagewright.buildpacks.fetching.work_tree import origin_of_directory
from stagewright.buildpacks.tracing import TRACING_VARIABLES, debug_environment
from stagewright.errors import Problem
from stagewright.model.build import BuildRequest
from stagewright.model.buildpack import Buildpack
from stagewright.model.containers import Cause, Command, Exit
from stagewright.model.credentials import without_credentials
from stagewright.model.events import ActionStarted, Event, Noted, ScriptTraced, Warned
from stagewright.model.origin import DirectoryOrigin
from stagewright.model.plan import RunScript
from stagewright.model.trace import (
    EnvironmentChange,
    Mask,
    ScriptTrace,
    Trace,
    TracedBuildpack,
    environment_change,
    script_trace,
)
from stagewright.model.trace_document import trace_document
from stagewright.model.variables import Variables
from stagewright.ports.keeping import Workspace
from stagewright.ports.sandbox import Output, Session
from stagewright.staging.building import Tools
from stagewright.staging.output import Masker, secret_values
from stagewright.staging.traced_sandbox import TracedRun, TracedSandbox, TraceFiles
from stagewright.trees import Snapshot, difference, snapshot

_LONGEST_VALUE = 10_000
"""Characters of a variable's value; the readers of traces have bounds, too."""


@contextmanager
def traced(tools: Tools, request: BuildRequest, workspace: Workspace, shown_by: str) -> Iterator[Tools]:
    """The tools for a build that is traced. The trace is kept however the build ends, and the log says ``shown_by``.

    A build of which no script ran has none. A trace that cannot be kept is warned of, and no failure.
    """
    mask = trace_mask(tools)
    tracer = Tracer(request, workspace, tools, mask, datetime.now(UTC) - timedelta(seconds=tools.watch.total))
    sandbox = TracedSandbox(tools.sandbox, TraceFiles(workspace.scratch / "trace", tools.layout), tracer)
    variables = with_debug_switches(tools.variables)
    outcome = "staged"
    try:
        yield replace(tools, sandbox=sandbox, events=tracer.hear, variables=variables)
    except Problem as problem:
        outcome = mask(problem.brief())
        raise
    except BaseException as error:
        outcome = f"It ended in a way that nobody foresaw ({type(error).__name__})."
        raise
    finally:
        tracer.keep(outcome, shown_by)


def trace_mask(tools: Tools) -> Mask:
    """What hides the secrets of the app, and those of the operator that scripts find in their environment.

    The log shows what scripts print; a trace shows their environment and arguments, so more must be hidden.
    """
    operator = {
        str(number): value for number, value in enumerate(tools.variables.platform.values()) if type(value) is str
    }
    secrets = tools.secrets | secret_values(operator, guess=False) | secret_values(tools.trust.environment, guess=False)
    masker = Masker(secrets)
    return lru_cache(maxsize=4096)(lambda text: without_credentials(masker(text)))


def with_debug_switches(variables: Variables) -> Variables:
    """``variables`` with the switches that buildpacks know for telling more: some look in their environment, Heroku's in ENV_DIR.
    What the app or the platform set themselves stays."""
    given = frozenset(variables.platform) | frozenset(variables.config) | frozenset(variables.services)
    switches = debug_environment(given)
    return replace(variables, platform={**variables.platform, **switches}, config={**variables.config, **switches})


@dataclass
class Tracer:
    """Notes what the scripts of one build do. All that it keeps and tells is masked."""

    request: BuildRequest
    workspace: Workspace
    tools: Tools
    mask: Mask
    began: datetime
    _step: RunScript | None = field(default=None, init=False)
    _buildpacks: list[TracedBuildpack] = field(default_factory=list, init=False)
    _index: dict[tuple[str, str], int] = field(default_factory=dict, init=False)
    _scripts: list[ScriptTrace] = field(default_factory=list, init=False)
    _environment: Mapping[str, str] = field(default_factory=dict, init=False)
    _against: str = field(default="an empty environment", init=False)

    def hear(self, event: Event) -> None:
        """Learn from the events which script is run next, and pass them on."""
        if isinstance(event, ActionStarted):
            self._step = event.action.step if isinstance(event.action.step, RunScript) else None
        self.tools.events(event)

    def run(self, command: Command, output: Output, session: Session, files: TraceFiles) -> Exit:
        """Run a script in ``session`` and note all of it, also where it is cut off."""
        script = files.begin(self._step, command, session) if self._step is not None else None
        if script is None:
            return session.run(command, output)
        before = self._trees()
        offset, moment = self.tools.watch.total, time.time()
        ended: Exit | None = None
        try:
            ended = session.run(script.command, output)
            return ended
        finally:
            # A signal to us ends what runs and leaves no exit code.
            ended = ended or Exit(128 + SIGKILL, Cause.CANCELLED, self.tools.watch.total - offset)
            self._note(script, before, ended, offset, moment)

    def _note(
        self, script: TracedRun, before: Mapping[str, Snapshot], ended: Exit, offset: float, moment: float
    ) -> None:
        """A script ended that began ``offset`` seconds after the build did, at ``moment`` by the clock."""
        step, mask = script.step, self.mask
        xtrace = script.read(moment, ended.seconds, mask)
        after = self._trees()
        index, first = self._buildpack(step.buildpack)
        noted = script_trace(
            buildpack=index,
            script=step.script,
            position=step.turn.position,
            argv=script.argv,
            cwd=str(script.command.cwd),
            environment=self._environment_change(script.command.env),
            started=offset,
            seconds=ended.seconds,
            exit_code=ended.code,
            mask=mask,
            cpu_seconds=ended.cpu_seconds,
            peak_memory=ended.peak_memory,
            wrote={name: difference(before[name], after[name]) for name in before.keys() & after.keys()},
            xtrace=xtrace,
        )
        self._against = mask(f"{step.script} {step.buildpack}")
        self._scripts.append(noted)
        self.tools.events(ScriptTraced(self._buildpacks[index], noted, first))

    def _environment_change(self, found: Mapping[str, str]) -> EnvironmentChange:
        """How ``found`` differs from what the script before it found."""
        before, self._environment = self._environment, found

        def shown(value: str) -> str:
            return self.mask(value)[:_LONGEST_VALUE]

        return environment_change(before, found, against=self._against, mask=shown, without=TRACING_VARIABLES)

    def keep(self, outcome: str, shown_by: str) -> None:
        """Keep what was noted, and say where."""
        if not self._scripts:
            self.tools.events(Noted("No script ran, so there is no trace."))
            return
        trace = Trace(
            build=self.request.id,
            app=self.request.app,
            stack=self.request.stack.name,
            stack_digest=self.request.stack.digest,
            started=self.began,
            ended=datetime.now(UTC),
            buildpacks=tuple(self._buildpacks),
            scripts=tuple(self._scripts),
            outcome=outcome,
        )
        try:
            self.tools.records.keep_trace(self.request.id, trace_document(trace))
        except (Problem, OSError) as problem:
            self.tools.events(Warned(f"The trace could not be kept: {problem}"))
        else:
            self.tools.events(Noted(f"trace    {shown_by}"))

    def _trees(self) -> dict[str, Snapshot]:
        """The state of the trees that a difference can be told of. A script may have put anything in their place."""
        workspace = self.workspace
        places = {
            "app": workspace.app,
            "deps": workspace.deps,
            "profile.d": workspace.profile_d,
            "cache": workspace.cache,
        }
        found = {}
        for name, path in places.items():
            try:
                found[name] = Snapshot({}) if path.is_symlink() or not path.is_dir() else snapshot(path)
            except (Problem, OSError):
                # Whoever takes the checkpoint will say so.
                continue
        return found

    def _buildpack(self, buildpack: Buildpack) -> tuple[int, bool]:
        """The index of a buildpack, and whether it is new."""
        key = (buildpack.key, str(buildpack.digest))
        known = self._index.get(key)
        if known is not None:
            return known, False
        self._index[key] = len(self._buildpacks)
        self._buildpacks.append(
            TracedBuildpack(
                reference=self.mask(buildpack.reference or buildpack.key),
                name=self.mask(buildpack.name),
                version=buildpack.version if buildpack.version is None else self.mask(buildpack.version),
                digest=buildpack.digest,
                dialect=buildpack.dialect,
                origin=_masked_origin(buildpack, self.mask),
            )
        )
        return self._index[key], True


def _masked_origin(buildpack: Buildpack, mask: Mask) -> dict[str, object]:
    """Where the bits came from. What a commit says was written by strangers, and by people who paste secrets."""
    origin = buildpack.origin
    if isinstance(origin, DirectoryOrigin) and origin.work_tree is None:
        origin = origin_of_directory(origin.path)
    return {} if origin is None else _known(origin.document(), mask)


def _known(document: Mapping[str, Any], mask: Mask) -> dict[str, object]:
    """JSON values with their texts masked. What is not known is left out; the sha of a commit is its ``commit``."""
    known = {name: value for name, value in document.items() if value is not None}
    return {"commit" if name == "sha" else name: _masked(value, mask) for name, value in known.items()}


def _masked(value: Any, mask: Mask) -> object:
    match value:
        case str():
            return mask(value)[:_LONGEST_VALUE]
        case Mapping():
            return _known(value, mask)
        case list():
            return [_masked(each, mask) for each in value]
        case _:
            return value
