"""Source, flags and manifest.yml become a build request: all that must be known before a plan can be made."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from stagewright import __version__
from stagewright.buildpacks import parse_reference
from stagewright.model.build import AppManifest, BuildRequest, ImageTarget, Package
from stagewright.model.buildpack import Buildpack
from stagewright.model.containers import Limits
from stagewright.model.digest import Digest
from stagewright.model.events import Noted, Progressed
from stagewright.model.names import AppName, BuildId
from stagewright.model.plan import key_of
from stagewright.packages import find_manifest, read_manifest, receive
from stagewright.ports.events import EventSink
from stagewright.ports.keeping import CacheSlot, Workspace
from stagewright.services.platform import Platform
from stagewright.services.stacks import obtain_stack
from stagewright.staging.environment import check_variables
from stagewright.staging.stopwatch import Stopwatch


@dataclass(frozen=True)
class StageOrder:
    """What a person asks of ``stage`` and ``plan``. None and empty: not said, so the manifest or a default decides."""

    source: Path
    flags: AppManifest = field(default_factory=AppManifest)
    droplet: Path | None = None
    images: tuple[ImageTarget, ...] = ()
    timeout: float | None = None
    no_cache: bool = False
    if_changed: bool = False


def prepare(
    order: StageOrder, platform: Platform, build: BuildId, workspace: Workspace, events: EventSink, watch: Stopwatch
) -> BuildRequest:
    """Receive the source into ``workspace`` and decide what is asked.

    Raises what receiving, manifest.yml, buildpack references and the stack's store refuse.
    """
    with watch.timing("source"):
        package = _receive(order, platform, workspace, events)
    manifest = _manifest(order, workspace)
    check_variables(manifest.env)
    with watch.timing("stack"):
        stack = obtain_stack(platform, manifest.stack, events)
    refs = tuple(
        parse_reference(text, platform.catalogue.names, _base(order.source, order.flags, text))
        for text in manifest.buildpacks
    )
    candidates = refs or platform.catalogue.detection_order()
    with watch.timing("buildpacks"):
        buildpacks = _with_keys_of_their_own(tuple(platform.buildpacks.obtain(ref) for ref in candidates))
    app = manifest.name or AppName.from_path_name(_stem(order.source))
    return BuildRequest(
        id=build,
        app=app,
        package=package,
        stack=stack,
        named=refs,
        buildpacks=buildpacks,
        env=manifest.env,
        manifest=manifest,
        limits=_limits(order, manifest),
        droplet=order.droplet or platform.settings.state / "droplets" / f"{app}.tgz",
        images=order.images,
    )


def _with_keys_of_their_own(buildpacks: tuple[Buildpack, ...]) -> tuple[Buildpack, ...]:
    """A key names a cache and a directory of the build; two different buildpacks of one name must not share them.

    Keys hold no path, so that the same buildpacks are the same build on every machine. One buildpack twice has one key (§1.2).
    """
    first: dict[str, Buildpack] = {}
    for buildpack in buildpacks:
        first.setdefault(buildpack.key, buildpack)
    return tuple(
        buildpack
        if buildpack.digest == first[buildpack.key].digest
        else replace(buildpack, key=f"{buildpack.key}@{buildpack.digest.short}")
        for buildpack in buildpacks
    )


def cache_slot(order: StageOrder, request: BuildRequest) -> CacheSlot:
    """Whose cache a build uses. A name that was given names the app; one that was guessed is told apart by where the
    source lies."""
    named = order.flags.name is not None
    apart = "" if named else hashlib.sha256(str(order.source.resolve()).encode()).hexdigest()[:8]
    return CacheSlot(request.app, request.stack.digest, apart)


def result_key(request: BuildRequest, installation_key: bytes) -> Digest:
    """The key of all that goes into a droplet. Values of variables enter by HMAC: nobody can try passwords against a record."""
    env = json.dumps(sorted(request.env.items())).encode()
    start = json.dumps([request.manifest.command, [[p.type, p.command] for p in request.manifest.processes.types]])
    return key_of(
        "result",
        __version__,
        str(request.app),
        request.package.digest,
        request.stack.digest,
        "named" if request.named else "detected",
        *(buildpack.digest for buildpack in request.buildpacks),
        hmac.new(installation_key, env, hashlib.sha256).hexdigest(),
        start,
        str(request.limits.memory),
    )


def _receive(order: StageOrder, platform: Platform, workspace: Workspace, events: EventSink) -> Package:
    def progress(done: int, total: int | None) -> None:
        events(Progressed("Reading the source", done, total))

    return receive(
        order.source,
        workspace.app,
        bounds=platform.settings.bounds,
        owner=platform.sandbox.owner,
        progress=progress,
    )


def _manifest(order: StageOrder, workspace: Workspace) -> AppManifest:
    """manifest.yml lies beside the app, and is not a part of it; an archive carries it inside."""
    path = find_manifest(order.source if order.source.is_dir() else workspace.app)
    said = read_manifest(path, order.flags.name) if path is not None else AppManifest()
    return said.overridden_by(order.flags)


def _base(source: Path, flags: AppManifest, reference: str) -> Path:
    """A relative directory is relative to where it was written: the shell's directory for a flag, the manifest's for its own."""
    if reference in flags.buildpacks or not source.is_dir():
        return Path.cwd()
    return source


def _stem(source: Path) -> str:
    name = source.resolve().name
    for ending in (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tar", ".zip", ".jar", ".war"):
        if source.is_file() and name.lower().endswith(ending):
            return name[: -len(ending)]
    return name


def _limits(order: StageOrder, manifest: AppManifest) -> Limits:
    defaults = Limits()
    return replace(
        defaults,
        # Cloud Foundry stages with the larger of its minimum and what the web process asks for (§1.8).
        memory=order.flags.memory or max(defaults.memory, manifest.memory or 0),
        disk=order.flags.disk or max(defaults.disk, manifest.disk or 0),
        timeout=order.timeout or defaults.timeout,
    )


def note_unenforced(platform: Platform, request: BuildRequest, events: EventSink) -> None:
    """Say which limits the sandbox cannot hold here."""
    missing = platform.sandbox.unenforced(request.limits)
    if missing:
        where = "Without a sandbox" if platform.sandbox.name == "none" else f"In the {platform.sandbox.name} sandbox"
        events(Noted(f"{where} these limits are not held here: {', '.join(missing)}."))
