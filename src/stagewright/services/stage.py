"""The verb *stage*: source becomes a droplet and images."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from stagewright.droplets import open_droplet, write_facts
from stagewright.droplets.facts import droplet_from, facts_document
from stagewright.model.build import BuildRequest, Droplet
from stagewright.model.digest import Digest
from stagewright.model.events import BuildStaged, Noted, TimeSpent
from stagewright.model.names import BuildId
from stagewright.model.plan import Plan
from stagewright.ports.events import EventSink, deaf
from stagewright.ports.keeping import Workspace
from stagewright.services.asked import StageOrder
from stagewright.services.opening import Opened, cache_of, opened, telling, tools_of
from stagewright.services.platform import Platform
from stagewright.services.prepare import check_targets, result_key
from stagewright.services.tracing import asks_for_trace, tracing
from stagewright.staging.building import Building, ShellOnFailure, Tools
from stagewright.staging.facts import EarlierResult, Facts
from stagewright.staging.problems import NotReproducible
from stagewright.staging.stopwatch import Stopwatch
from stagewright.trees import remove_tree
from stagewright.trees.files import file_digest, install_copy


def stage(
    order: StageOrder, platform: Platform, events: EventSink, on_failure: ShellOnFailure | None = None
) -> BuildStaged:
    """Stage ``order``. Raises the Problem that ended it, after telling it as BuildFailed; nothing is left behind then."""
    build = BuildId.new()
    with telling(build, events):
        return _stage(build, order, platform, events, on_failure)


def _stage(
    build: BuildId, order: StageOrder, platform: Platform, events: EventSink, on_failure: ShellOnFailure | None
) -> BuildStaged:
    watch = Stopwatch()
    check_targets(order)
    with ExitStack() as held:
        begun = held.enter_context(opened(build, order, platform, events, watch))
        request, workspace = begun.request, begun.workspace
        key = result_key(request, platform.records.installation_key())
        facts = _facts(order, platform, request, key, workspace)
        cache = cache_of(begun) if facts.earlier is None else nullcontext()
        with platform.stacks.hold(request.stack.name), cache, _tools(begun) as tools:
            facts = Building(request, workspace, tools, facts, on_failure).run()
        with watch.timing("records"):
            droplet = _finish(platform, request, facts, key if order.remembered else None)
        with watch.timing("removal"):
            held.close()
    spent = TimeSpent(watch.total, watch.scripts, watch.parts)
    staged = BuildStaged(
        build, droplet, facts.images, spent.total, reused=facts.earlier is not None, time=spent, reports=facts.reports
    )
    events(staged)
    return staged


def _tools(begun: Opened) -> AbstractContextManager[Tools]:
    """What the building works with; it is traced where a person or the app asks for that."""
    asked, request = begun.order.trace, begun.request
    wanted = asks_for_trace(request.env) if asked is None else asked
    return tracing(tools_of(begun), request, begun.workspace, f"stagewright trace show {request.id}", wanted=wanted)


def plan(order: StageOrder, platform: Platform, events: EventSink) -> tuple[BuildRequest, Plan, Facts]:
    """What ``stage`` would do, and because of what. Only detect is run, in the sandbox, and only where nothing was named."""
    with opened(BuildId.new(), order, platform, events, Stopwatch()) as begun:
        request = begun.request
        key = result_key(request, platform.records.installation_key())
        facts = _facts(order, platform, request, key, begun.workspace)
        building = Building(request, begun.workspace, tools_of(begun), facts)
        with platform.stacks.hold(request.stack.name):
            return request, building.detect(), building.facts


def check_reproducible(
    order: StageOrder, platform: Platform, events: EventSink, on_failure: ShellOnFailure | None = None
) -> BuildStaged:
    """Stage twice, the second time with an empty cache, and compare. Raises NotReproducible naming the paths that differ."""
    first = stage(order, platform, events, on_failure)
    other_path = first.droplet.path.with_name(f".{first.droplet.path.name}.second-{first.build.short}")
    again = replace(
        order, droplet=other_path, images=(), no_cache=True, if_changed=False, remembered=False, trace=False
    )
    try:
        events(Noted("Staging once more, with an empty cache, to compare."))
        second = stage(again, platform, deaf)
        if second.droplet.tree == first.droplet.tree:
            events(Noted(f"Reproducible: both stagings gave the tree {first.droplet.tree}."))
            return first
        with telling(first.build, events):
            raise NotReproducible(_differing(first.droplet.path, other_path))
    finally:
        other_path.unlink(missing_ok=True)
        other_path.with_name(other_path.name + ".json").unlink(missing_ok=True)


def _differing(first: Path, second: Path) -> tuple[str, ...]:
    from stagewright.trees.listing import tree_listing  # tarfile costs a build without a comparison nothing

    one, two = tree_listing(first), tree_listing(second)
    paths = sorted(one.keys() | two.keys())
    return tuple(
        f"{'changed' if path in one and path in two else 'only in the first' if path in one else 'only in the second'}: {path}"
        for path in paths
        if one.get(path) != two.get(path)
    )


def _facts(order: StageOrder, platform: Platform, request: BuildRequest, key: Digest, workspace: Workspace) -> Facts:
    """What is known at the start: with --if-changed, perhaps that nothing has to be done."""
    if not order.if_changed:
        return Facts()
    record = platform.records.recall(key)
    earlier = _earlier(record, request) if record is not None else None
    if earlier is None:
        return Facts()
    if request.images:
        remove_tree(workspace.home)
        workspace.home.mkdir()
        owner = platform.sandbox.owner
        open_droplet(earlier.droplet.path, workspace.home, bounds=platform.settings.bounds, owner=owner)
    return Facts(earlier=earlier, droplet=earlier.droplet)


def _earlier(record: Mapping[str, Any], request: BuildRequest) -> EarlierResult | None:
    """The earlier droplet, where it still lies where it was written, unchanged; brought to where it is wanted now."""
    try:
        kept = droplet_from(record["droplet"], Path(record["path"]))
        build = str(record["build"])
        if kept.path.stat().st_size != kept.size or file_digest(kept.path) != kept.digest:
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if kept.path != request.droplet:
        install_copy(kept.path, request.droplet)
    return EarlierResult(replace(kept, path=request.droplet), build)


def _finish(platform: Platform, request: BuildRequest, facts: Facts, key: Digest | None) -> Droplet:
    droplet = facts.droplet
    assert droplet is not None  # noqa: S101 - every plan ends with a droplet
    write_facts(droplet)
    if key is None:
        return droplet
    document = {"build": str(request.id), "path": str(droplet.path.resolve()), "droplet": facts_document(droplet)}
    platform.records.remember(key, document)
    return droplet
