"""The loop of a build: plan, take the next action, learn from it, plan again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from stagewright.buildpacks.dialects import cache_directory
from stagewright.droplets import staging_info, write_droplet
from stagewright.model.build import BuildRequest, Droplet, ImageTarget
from stagewright.model.buildpack import Buildpack, Script
from stagewright.model.containers import Command, Network
from stagewright.model.events import ActionFinished, ActionStarted, PlanMade, Progressed, Warned
from stagewright.model.layout import Layout, deps_index
from stagewright.model.plan import (
    Action,
    PackCache,
    PackDroplet,
    Plan,
    ReadProcesses,
    Role,
    RunScript,
    RunTests,
    WriteImage,
)
from stagewright.model.quantities import show_size
from stagewright.model.settings import Trust
from stagewright.model.tree import Bounds, Owner
from stagewright.model.variables import Variables
from stagewright.ports.events import EventSink
from stagewright.ports.keeping import BuildRecords, Workspace
from stagewright.ports.sandbox import Sandbox, Session
from stagewright.staging.container import build_container
from stagewright.staging.documents import plan_document
from stagewright.staging.executor import ScriptExecutor
from stagewright.staging.facts import Facts
from stagewright.staging.output import Masker
from stagewright.staging.planner import plan, post_turns, turns
from stagewright.staging.problems import (
    AppTestsFailed,
    ClosedFileLeft,
    NoBuildpackMatched,
    ScriptFailed,
    SpecialFileLeft,
    TimedOut,
)
from stagewright.staging.scripts import ScriptRunner, bits_of
from stagewright.staging.stopwatch import Stopwatch
from stagewright.trees import VCAP, LinkPolicy, Packed, Placed, chown_tree, copy_tree, pack, remove_tree
from stagewright.trees.problems import SpecialFile, UnreadableFile


@dataclass(frozen=True)
class Tools:
    """What a build works with; chosen by wiring."""

    sandbox: Sandbox
    records: BuildRecords
    variables: Variables
    """What scripts find in their environment."""
    secrets: frozenset[str]
    """What must not be shown."""
    trust: Trust
    network: Network
    events: EventSink
    bounds: Bounds
    layers: Path
    """Where layers are kept between builds."""
    keep_owners: bool = False
    """Whether archives name the owners that the disk names, as those of a cell do, or vcap."""
    layout: Layout = field(default_factory=Layout)
    watch: Stopwatch = field(default_factory=Stopwatch)


ShellOnFailure = Callable[[Session, Command], None]
"""Opens a shell in a build that failed, with the environment of its scripts."""

_ExitCallback = Callable[[type[BaseException] | None, BaseException | None, object], None]


@dataclass
class Building:
    """One build in its workspace. ``facts`` is all that it knows; losing the object loses nothing but time."""

    request: BuildRequest
    workspace: Workspace
    tools: Tools
    facts: Facts = field(default_factory=Facts)
    on_failure: ShellOnFailure | None = None

    def run(self) -> Facts:
        """Do all that the plan says, in its order. Raises the Problem that ended the build."""
        planned: Plan | None = None
        with ExitStack() as stack:
            executor: ScriptExecutor | None = None
            while True:
                current = plan(self.request, self.facts)
                if planned is None or current.digest != planned.digest:
                    planned = current
                    self._announce(current)
                action = current.next(self.facts.done)
                if action is None:
                    self._require_match(current)
                    self.tools.records.save(self.request.id, plan_document(self.request, current, self.facts))
                    return self.facts
                if executor is None and isinstance(action.step, RunScript):
                    executor = self._open(stack)
                elif executor is not None and isinstance(action.step, PackDroplet):
                    with self.tools.watch.timing("end of the container"):
                        stack.close()
                    executor = None
                self.facts = self._take(action, executor, current)

    def detect(self) -> Plan:
        """Only detect is run; the plan as far as that takes it. Raises NoBuildpackMatched."""
        with ExitStack() as stack:
            executor: ScriptExecutor | None = None
            while True:
                current = plan(self.request, self.facts)
                action = current.next(self.facts.done)
                if action is None:
                    self._require_match(current)
                    return current
                if not (isinstance(action.step, RunScript) and action.step.script is Script.DETECT):
                    return current
                executor = executor or self._open(stack)
                self.facts = executor.execute(action, self.facts)

    def _announce(self, current: Plan) -> None:
        self.tools.events(PlanMade(current))
        with self.tools.watch.timing("records"):
            self.tools.records.save(self.request.id, plan_document(self.request, current, self.facts))

    def _open(self, stack: ExitStack) -> ScriptExecutor:
        """The container of the scripts: it starts before the first of them and is gone before the droplet is packed."""
        request, tools = self.request, self.tools
        with tools.watch.timing("start of the container"):
            self._lay_out()
            spec = build_container(request, self.workspace, tools.trust, tools.network, tools.layout)
            session = stack.enter_context(tools.sandbox.open(spec))
        runner = ScriptRunner(
            request,
            self.workspace,
            session,
            tools.layout,
            tools.variables,
            Masker(tools.secrets),
            tools.events,
            tools.sandbox.owner,
            tools.watch,
        )
        executor = ScriptExecutor(request, self.workspace, runner, tools.events, tools.watch)
        if self.on_failure is not None:
            stack.push(self._shell_when_failed(session, executor))
        return executor

    def _shell_when_failed(self, session: Session, executor: ScriptExecutor) -> _ExitCallback:
        def opened(_kind: type[BaseException] | None, problem: BaseException | None, _trace: object) -> None:
            if isinstance(problem, ScriptFailed | AppTestsFailed) and self.on_failure is not None:
                self.on_failure(session, executor.shell())

        return opened

    def _lay_out(self) -> None:
        """The directories that every script may count on, owned by whom the scripts run as."""
        workspace, request = self.workspace, self.request
        count = (len(request.buildpacks) if request.named else 1) + len(request.posts)
        lifecycle = (workspace.lifecycle,) if request.testing else ()
        for directory in (workspace.profile_d, workspace.cache, workspace.tmp, *lifecycle):
            directory.mkdir(parents=True, exist_ok=True)
        self._lay_out_caches()
        for buildpack in (*request.buildpacks, *request.posts):
            self._copy(buildpack)
        for position in range(count):
            (workspace.deps / deps_index(position, count)).mkdir(parents=True, exist_ok=True)
        owner = self.tools.sandbox.owner
        if owner is not None:
            os.chown(workspace.home, owner.uid, owner.gid)
            for directory in (workspace.deps, workspace.profile_d, workspace.cache, workspace.tmp):
                chown_tree(directory, owner)

    def _copy(self, buildpack: Buildpack) -> None:
        """The copy of its bits that a buildpack may write: Heroku's write ``export`` there, others compile themselves there."""
        into = bits_of(buildpack, self.workspace)
        if buildpack.in_place or into.exists():
            return
        into.mkdir(parents=True)
        owner = self.tools.sandbox.owner
        copy_tree(buildpack.root, into, bounds=self.tools.bounds, links=LinkPolicy.KEEP, owner=owner)
        if owner is not None:
            chown_tree(into, owner)

    def _lay_out_caches(self) -> None:
        """A cache for every buildpack whose turn is known, and for the final one in any case; all others are removed, from before
        the first script on (§1.2 step 1). The turns of post-buildpacks are known before detection."""
        known = turns(self.request, self.facts) or post_turns(self.request)
        needed = {"final", *(cache_directory(turn) for turn in known if turn.role is not Role.FINAL)}
        for path in tuple(self.workspace.cache.iterdir()):
            if path.name not in needed or path.is_symlink() or not path.is_dir():
                remove_tree(path)
        for name in needed:
            (self.workspace.cache / name).mkdir(exist_ok=True)

    def _take(self, action: Action, executor: ScriptExecutor | None, current: Plan) -> Facts:
        match action.step:
            case RunScript() | RunTests() | ReadProcesses():
                assert executor is not None  # noqa: S101 - opened for the first script
                return executor.execute(action, self.facts)
            case PackDroplet():
                return self._pack(action, current)
            case PackCache(path=path):
                return self._pack_cache(action, path)
            case WriteImage(target=target):
                return self._image(action, target)

    def _pack(self, action: Action, current: Plan) -> Facts:
        decided = self.facts.decided
        assert decided is not None  # noqa: S101 - planned before
        self.tools.events(ActionStarted(action))
        started = time.monotonic()
        request = self.request
        info = staging_info(decided.detected, decided.processes, decided.entrypoint_prefix, decided.has_config)
        with self.tools.watch.timing("droplet"):
            packed = self._write(info)
        droplet = Droplet(
            path=packed.path,
            digest=packed.digest,
            tree=packed.diff_id,
            size=packed.size,
            unpacked_size=packed.unpacked_size,
            app=request.app,
            stack=request.stack.name,
            stack_digest=request.stack.digest,
            buildpacks=decided.buildpacks,
            detected=decided.detected,
            processes=decided.processes,
            entrypoint_prefix=decided.entrypoint_prefix,
            package=request.package.digest,
            plan=current.digest,
        )
        seconds = time.monotonic() - started
        self.tools.events(ActionFinished(action, seconds, says=f"{show_size(droplet.size)}, {packed.entries} entries"))
        return replace(self.facts.after(action.key), droplet=droplet)

    def _pack_cache(self, action: Action, path: Path) -> Facts:
        self.tools.events(ActionStarted(action))
        started = time.monotonic()
        owner = Owner(os.geteuid(), os.getegid()) if self.tools.keep_owners else VCAP
        with self.tools.watch.timing("cache"):
            packed = pack(
                (Placed(self.workspace.cache, PurePosixPath()),),
                path,
                owner=owner,
                prefix_dot=True,
                keep_times=True,
                keep_owner=self.tools.keep_owners,
            )
        says = f"{show_size(packed.size)}, {packed.entries} entries"
        self.tools.events(ActionFinished(action, time.monotonic() - started, says=says))
        return self.facts.after(action.key)

    def _write(self, info: bytes) -> Packed:
        workspace, destination = self.workspace, self.request.droplet

        def progress(done: int, total: int | None) -> None:
            # A sparse file takes no disk and no end: the time of the staging holds while it is packed, too.
            if self.tools.watch.total > self.request.limits.timeout:
                raise TimedOut(self.request.limits.timeout, "the packing of the droplet")
            self.tools.events(Progressed("Packing the droplet", done, total))

        try:
            return write_droplet(
                workspace.app,
                workspace.deps,
                workspace.profile_d,
                info,
                destination,
                keep_owner=self.tools.keep_owners,
                progress=progress,
            )
        except SpecialFile as left:
            raise SpecialFileLeft(workspace.called(left.path), left.kind) from left
        except UnreadableFile as closed:
            raise ClosedFileLeft(workspace.called(closed.path), closed.reason) from closed

    def _image(self, action: Action, target: ImageTarget) -> Facts:
        droplet = self.facts.droplet
        assert droplet is not None  # noqa: S101 - planned before
        from stagewright.staging.imaging import write_image  # images cost a build without one nothing

        self.tools.events(ActionStarted(action))
        started = time.monotonic()
        with self.tools.watch.timing("images"):
            image = write_image(
                self.request.stack, droplet, self.workspace, target, self.tools.layers, self.tools.events
            )
        made = sum(1 for layer in image.layers if not layer.reused)
        seconds = time.monotonic() - started
        says = f"{show_size(image.size)}, {len(image.layers)} layers, {made} of them new"
        self.tools.events(ActionFinished(action, seconds, says=says))
        return replace(self.facts.after(action.key), images=(*self.facts.images, image))

    def _require_match(self, current: Plan) -> None:
        if current.complete or turns(self.request, self.facts) is not None:
            return
        tried = tuple(detection.buildpack.name for detection in self.facts.detections)
        failed = next((d for d in self.facts.detections if d.failed is not None), None)
        if failed is not None and failed.failed is not None:
            self.tools.events(Warned(f"No buildpack matched, and the detect of {failed.buildpack} failed."))
            raise ScriptFailed(str(failed.buildpack), Script.DETECT, failed.failed, (), Role.CANDIDATE)
        raise NoBuildpackMatched(str(self.request.app), tried)
