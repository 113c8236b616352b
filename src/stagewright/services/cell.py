"""The verb *stage* on a Cloud Foundry cell: the same building, with the places that the builder's flags name.

Rule: contracts/cloudfoundry-staging.md §1.2 to §1.6. The caller has made the environment, credentials and all.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from stagewright.buildpacks.cell import CellBuildpacks, MalformedKey
from stagewright.buildpacks.dialects.cloudfoundry import read_config
from stagewright.droplets.result import BuildpackEntry, result_document
from stagewright.model.build import AppManifest, BuildRequest, Package
from stagewright.model.buildpack import Buildpack, BuildpackRef, BuiltinRef, Script
from stagewright.model.containers import Limits, Network
from stagewright.model.credentials import without_credentials
from stagewright.model.digest import Digest
from stagewright.model.events import Noted, Warned
from stagewright.model.names import AppName, BuildId, StackName
from stagewright.model.plan import Role, Turn
from stagewright.model.process import Processes
from stagewright.model.settings import Trust
from stagewright.model.stack import Stack, StackLayer, StackRoot
from stagewright.model.tree import Bounds
from stagewright.model.variables import Variables
from stagewright.ports.events import EventSink
from stagewright.ports.keeping import BuildRecords, Workspace
from stagewright.ports.sandbox import Sandbox
from stagewright.services.tracing import asks_for_trace, trace_beside, tracing
from stagewright.staging.building import Building, Tools
from stagewright.staging.facts import Facts
from stagewright.staging.planner import turns
from stagewright.staging.problems import NoBuildpackMatched, ScriptFailed
from stagewright.staging.processes import detected_name
from stagewright.trees import remove_tree

_NO_LIMITS = Limits(memory=1 << 62, disk=1 << 62, timeout=10 * 365 * 86400.0)
"""A cell holds its own."""
_UNBOUNDED = Bounds(entries=1 << 62, bytes=1 << 62)


@dataclass(frozen=True)
class CellOrder:
    """What the builder's flags say (§1.1). Every path is absolute."""

    build_dir: Path
    cache: Path
    keys: tuple[str, ...]
    posts: tuple[str, ...]
    skip_detect: bool
    droplet: Path
    result: Path
    cache_archive: Path
    environment: Mapping[str, str]
    secrets: frozenset[str]
    cwd: Path


@dataclass(frozen=True)
class CellParts:
    """What a cell gives; chosen by wiring."""

    sandbox: Sandbox
    records: BuildRecords
    buildpacks: CellBuildpacks


def stage_on_cell(order: CellOrder, parts: CellParts, events: EventSink) -> None:
    """Write droplet, cache and result.json. Raises the Problem that ended it; after a failure of the final buildpack, of release
    or of the Procfile result.json is written nevertheless, with what is known of the buildpacks (§1.4)."""
    for path in (order.droplet, order.result, order.cache_archive):
        path.parent.mkdir(parents=True, exist_ok=True)
    for key in (*order.keys, *order.posts):
        size = parts.buildpacks.fetch(key)
        if size is not None:
            events(Noted(f"Downloaded buildpack `{without_credentials(key)}` ({byte_size(size)})"))
    contents = Path(tempfile.mkdtemp(prefix="contents"))
    try:
        workspace = _workspace(order, contents)
        request = _request(order, parts, events)
        with _tools(order, parts, events, request, workspace) as tools:
            _build(order, Building(request, workspace, tools))
    finally:
        remove_tree(contents)


def _build(order: CellOrder, building: Building) -> None:
    """Run the building and write result.json, where there is something to say."""
    try:
        facts = building.run()
    except (ScriptFailed, NoBuildpackMatched) as problem:
        if _counts_as_no_match(problem):
            raise NoBuildpackMatched(order.build_dir.name, order.keys) from problem
        _write_result(order, building, building.facts, None)
        raise
    except Exception:
        _write_result(order, building, building.facts, None)
        raise
    _write_result(order, building, facts, facts.decided.processes if facts.decided else None)


def byte_size(size: int) -> str:
    """``size`` bytes as Cloud Foundry's log writes them: 1.5K, 20M; at most one digit behind the point."""
    amount, unit = float(size), "B"
    for larger in "KMGT":
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.1f}".removesuffix(".0") + unit


def _workspace(order: CellOrder, contents: Path) -> Workspace:
    return Workspace(
        root=contents,
        home=order.cwd,
        app=order.build_dir,
        deps=contents / "deps",
        profile_d=contents / "profile.d",
        cache=order.cache,
        tmp=Path(tempfile.gettempdir()),
        scratch=contents / "scratch",
    )


def _request(order: CellOrder, parts: CellParts, events: EventSink) -> BuildRequest:
    """Raises MalformedKey for a buildpack that is not one, unless others can still be detected."""
    named: tuple[BuildpackRef, ...] = ()
    if order.skip_detect:
        buildpacks = tuple(parts.buildpacks.obtain(key) for key in order.keys)
        named = tuple(BuiltinRef(key) for key in order.keys)
    else:
        buildpacks = tuple(_candidates(order.keys, parts, events))
        if not buildpacks:
            raise NoBuildpackMatched(order.build_dir.name, order.keys)
    return BuildRequest(
        id=BuildId.new(),
        app=AppName.from_path_name(order.build_dir.name),
        package=Package(order.build_dir, Digest.of(b""), 0, 0),
        stack=_stack(order.environment.get("CF_STACK", "")),
        named=named,
        buildpacks=buildpacks,
        env={},
        manifest=AppManifest(),
        limits=_NO_LIMITS,
        droplet=order.droplet,
        posts=tuple(parts.buildpacks.obtain_post(key) for key in order.posts),
        cache_archive=order.cache_archive,
        needs_process=False,
    )


def _candidates(keys: tuple[str, ...], parts: CellParts, events: EventSink) -> list[Buildpack]:
    """Malformed ones are told of and left out; so is one without bin/detect (§1.2 step 2)."""
    found = []
    for key in keys:
        try:
            buildpack = parts.buildpacks.obtain(key)
        except MalformedKey as malformed:
            events(Warned(malformed.brief()))
            continue
        if buildpack.has(Script.DETECT):
            found.append(buildpack)
        else:
            events(Warned(f"{buildpack.root / 'bin' / 'detect'}: no such file or directory"))
    return found


def _stack(name: str) -> Stack:
    """A cell stands on its own root, which nobody has measured: its name is all that is known."""
    here = StackRoot(Path("/"), Digest.of(name.encode()), 0, ())
    layer = StackLayer(Path("/"), here.digest, here.digest, 0)
    try:
        stack = StackName(name)
    except ValueError:
        stack = StackName("cell")
    return Stack(stack, platform.machine(), here, here, layer)


def _tools(
    order: CellOrder, parts: CellParts, events: EventSink, request: BuildRequest, workspace: Workspace
) -> AbstractContextManager[Tools]:
    """What the building works with; a trace goes beside result.json, where the platform finds it."""
    tools = Tools(
        sandbox=parts.sandbox,
        records=parts.records,
        variables=Variables(platform=order.environment),
        secrets=order.secrets,
        trust=Trust(),
        network=Network.HOST,
        events=events,
        bounds=_UNBOUNDED,
        layers=order.cache,
        keep_owners=True,
    )
    wanted = asks_for_trace(order.environment)
    return tracing(tools, request, workspace, str(trace_beside(order.result)), wanted=wanted)


def _counts_as_no_match(problem: ScriptFailed | NoBuildpackMatched) -> bool:
    """A detect that could not be run is one that did not match (§1.2 step 2)."""
    return isinstance(problem, NoBuildpackMatched) or problem.script is Script.DETECT


def _write_result(order: CellOrder, building: Building, facts: Facts, processes: Processes | None) -> None:
    """Nothing is written while a supplying buildpack is at work, nor where none matched (§1.4)."""
    chosen, workspace = turns(building.request, facts), building.workspace
    if chosen is None or not _reached_final(chosen, facts):
        return
    entries = tuple(_entry(turn, facts, workspace) for turn in chosen)
    final = next(entry for entry, turn in zip(entries, chosen, strict=True) if turn.role is Role.FINAL)
    part = order.result.with_name(f".{order.result.name}.{os.getpid()}")
    part.write_text(json.dumps(result_document(entries, final, processes)) + "\n", encoding="utf-8")
    part.replace(order.result)


def _reached_final(chosen: tuple[Turn, ...], facts: Facts) -> bool:
    supplying = sum(turn.role is Role.SUPPLYING for turn in chosen)
    return facts.supplied >= supplying


def _entry(turn: Turn, facts: Facts, workspace: Workspace) -> BuildpackEntry:
    config = read_config(workspace.deps, turn.index, turn.buildpack)
    name = detected_name((turn,), facts, workspace) if turn.role is Role.FINAL else config.name
    # The API looks a buildpack of its list up by its key. It knows no post-buildpack, whose password can therefore stay here.
    key = without_credentials(turn.buildpack.key) if turn.role is Role.POST else turn.buildpack.key
    return BuildpackEntry(
        key, name, config.version, config.has_config, config.entrypoint_prefix, config.output_metadata
    )
