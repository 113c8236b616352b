"""What every verb that builds does around its building: a working place, the request, the cache, and telling of a failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stagewright.errors import Cancelled, LimitProblem, PlatformProblem, Problem
from stagewright.model.build import BuildRequest
from stagewright.model.events import BuildFailed, BuildStarted, Noted
from stagewright.model.layout import Layout
from stagewright.model.names import BuildId
from stagewright.packages import credential_values
from stagewright.ports.events import EventSink
from stagewright.ports.keeping import CacheSlot, Workspace
from stagewright.services.asked import StageOrder
from stagewright.services.platform import Platform
from stagewright.services.prepare import cache_slot, note_unenforced, prepare
from stagewright.staging.building import Tools
from stagewright.staging.environment import build_variables
from stagewright.staging.output import secret_values
from stagewright.staging.problems import ClosedFileLeft, PlaceReplaced
from stagewright.staging.stopwatch import Stopwatch


@contextmanager
def telling(build: BuildId, events: EventSink) -> Iterator[None]:
    """A Problem is told as BuildFailed before it is raised further."""
    try:
        yield
    except Problem as problem:
        said = (problem.brief(), problem.hint(), problem.details())
        events(BuildFailed(build, type(problem).__name__, problem.whose_fault(), *said))
        raise


@dataclass(frozen=True)
class Opened:
    """A build that can begin."""

    order: StageOrder
    platform: Platform
    request: BuildRequest
    workspace: Workspace
    events: EventSink
    watch: Stopwatch


@contextmanager
def opened(
    build: BuildId, order: StageOrder, platform: Platform, events: EventSink, watch: Stopwatch
) -> Iterator[Opened]:
    """A working place with the source in it, and what is asked of the build; what killed runs left is swept away before.

    Raises what `prepare` refuses.
    """
    with watch.timing("sweep"):
        swept = platform.sweep()
    if swept:
        events(Noted("Removed what killed runs had left behind."))
    with platform.buildpacks.hold(), platform.workspaces.open(build) as workspace:
        request = prepare(order, platform, build, workspace, events, watch)
        events(_started(request))
        note_unenforced(platform, request, events)
        yield Opened(order, platform, request, workspace, events, watch)


def tools_of(opened: Opened) -> Tools:
    """What its building works with."""
    request, platform = opened.request, opened.platform
    trust = platform.settings.trust
    variables = build_variables(request, Layout(), trust.environment)
    return Tools(
        sandbox=platform.sandbox,
        records=platform.records,
        variables=variables,
        secrets=secret_values(variables.secrets_of_the_app) | credential_values(request.services),
        bounds=platform.settings.bounds,
        trust=trust,
        network=platform.settings.network,
        events=opened.events,
        layers=platform.settings.cache / "layers",
        watch=opened.watch,
    )


@contextmanager
def cache_of(opened: Opened) -> Iterator[None]:
    """The cache of the app, while scripts may use it. A script that was cut off, or that closed what is ours, leaves a cache that
    nobody can trust: it is dropped."""
    order, platform, workspace = opened.order, opened.platform, opened.workspace
    slot = cache_slot(order, opened.request)
    if order.no_cache:
        opened.events(Noted("Cache: none, as --no-cache says."))
    else:
        with opened.watch.timing("cache"):
            says = platform.caches.take(slot, workspace.cache)
        opened.events(Noted(f"Cache: {says}."))
    try:
        yield
    except Problem as problem:
        if not isinstance(problem, LimitProblem | Cancelled | PlatformProblem | PlaceReplaced | ClosedFileLeft):
            _give_back(platform, slot, workspace)
        raise
    with opened.watch.timing("cache"):
        _give_back(platform, slot, workspace)


def _started(request: BuildRequest) -> BuildStarted:
    return BuildStarted(
        request.id,
        request.app,
        request.stack.name,
        request.stack.digest,
        request.package.digest,
        request.package.files,
        request.package.size,
        request.testing,
    )


def _give_back(platform: Platform, slot: CacheSlot, workspace: Workspace) -> None:
    """Keep the cache, if it is one: a script may have put a link in its place."""
    if workspace.cache.is_dir() and not workspace.cache.is_symlink():
        platform.caches.give_back(slot, workspace.cache)
