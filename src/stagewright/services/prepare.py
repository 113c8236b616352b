"""Source, flags and manifest.yml become a build request: all that must be known before a plan can be made."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from stagewright import __version__
from stagewright.buildpacks.dialects import strictly_cloudfoundry
from stagewright.droplets import facts_path
from stagewright.errors import UsageProblem
from stagewright.model.build import AppManifest, BuildRequest, ImageForm, Package
from stagewright.model.buildpack import Buildpack, BuildpackRef, Dialect
from stagewright.model.containers import Limits
from stagewright.model.digest import Digest
from stagewright.model.events import Noted, Progressed, Warned
from stagewright.model.names import AppName, BuildId
from stagewright.model.plan import key_of
from stagewright.model.stack import Stack
from stagewright.packages import read_bindings, receive
from stagewright.packages.revision import source_revision
from stagewright.ports.events import EventSink
from stagewright.ports.keeping import CacheSlot, Workspace
from stagewright.services.asked import StageOrder, read_asked
from stagewright.services.platform import Platform
from stagewright.services.stacks import obtain_stack
from stagewright.staging.environment import check_variables
from stagewright.staging.stopwatch import Stopwatch


def prepare(
    order: StageOrder, platform: Platform, build: BuildId, workspace: Workspace, events: EventSink, watch: Stopwatch
) -> BuildRequest:
    """Receive the source into ``workspace`` and decide what is asked.

    Raises what receiving, manifest.yml, buildpack references and the stack's store refuse.
    """
    with watch.timing("source"):
        package = _receive(order, platform, workspace, events)
    asked = read_asked(order, platform, workspace, events)
    manifest = asked.manifest
    check_variables(manifest.env)
    services = read_bindings(order.services)
    with watch.timing("stack"):
        stack = obtain_stack(platform, manifest.stack, events)
    candidates = (*(asked.named or platform.catalogue.detection_order()), *asked.posts)
    with watch.timing("buildpacks"):
        obtained = tuple(_obtain(ref, order, platform, events) for ref in candidates)
        everybody = _with_keys_of_their_own(obtained)
    before_posts = len(everybody) - len(asked.posts)
    _warn_of_manifests(everybody, stack, events)
    app = manifest.name or AppName.from_path_name(_stem(order.source))
    return BuildRequest(
        id=build,
        app=app,
        package=package,
        stack=stack,
        named=asked.named,
        buildpacks=everybody[:before_posts],
        posts=everybody[before_posts:],
        env=manifest.env,
        manifest=manifest,
        limits=_limits(order, manifest),
        droplet=order.droplet or platform.settings.state / "droplets" / f"{app}.tgz",
        images=order.images,
        services=services,
        testing=order.testing,
        test_setup=asked.test_setup,
        test_command=asked.test_command,
        source_version=source_revision(order.source) if order.source.is_dir() else "",
    )


def _obtain(ref: BuildpackRef, order: StageOrder, platform: Platform, events: EventSink) -> Buildpack:
    def progress(done: int, total: int | None) -> None:
        events(Progressed(f"Fetching {ref}", done, total))

    buildpack = platform.buildpacks.obtain(ref, progress)
    return strictly_cloudfoundry(buildpack) if order.strict_cf else buildpack


def _warn_of_manifests(buildpacks: tuple[Buildpack, ...], stack: Stack, events: EventSink) -> None:
    """What the manifest.yml of a packaged buildpack says of dates and of this stack (§2.1)."""
    for buildpack in buildpacks:
        if (buildpack.root / "manifest.yml").is_file():
            from stagewright.buildpacks.packaging import manifest_warnings  # only those who have one wait for it

            for text in manifest_warnings(buildpack.root, str(stack.name), datetime.now(UTC).date()):
                events(Warned(f"{buildpack}: {text}"))


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
    source lies. Tests have a cache of their own: test-compile installs what no droplet should find."""
    named = order.flags.name is not None
    apart = "" if named else hashlib.sha256(os.fsencode(order.source.resolve())).hexdigest()[:8]
    return CacheSlot(request.app, request.stack.digest, f"{apart}+test" if request.testing else apart)


def result_key(request: BuildRequest, installation_key: bytes) -> Digest:
    """The key of all that goes into a droplet. Values of variables enter by HMAC: nobody can try passwords against a record."""
    # Services in their order: the first database is DATABASE_URL.
    env = json.dumps([sorted(request.env.items()), request.services]).encode()
    start = json.dumps([request.manifest.command, [[p.type, p.command] for p in request.manifest.processes.types]])
    return key_of(
        "result",
        __version__,
        str(request.app),
        request.package.digest,
        request.stack.digest,
        "named" if request.named else "detected",
        *(f"{buildpack.dialect} {buildpack.digest}" for buildpack in request.buildpacks),
        "post",
        *(f"{buildpack.dialect} {buildpack.digest}" for buildpack in request.posts),
        request.source_version if _tells_source_version(request) else None,
        hmac.new(installation_key, env, hashlib.sha256).hexdigest(),
        start,
        str(request.limits.memory),
        str(request.limits.disk),
    )


def _tells_source_version(request: BuildRequest) -> bool:
    """Only scripts of Heroku's form are told it."""
    return any(buildpack.dialect is Dialect.HEROKU for buildpack in (*request.buildpacks, *request.posts))


def _receive(order: StageOrder, platform: Platform, workspace: Workspace, events: EventSink) -> Package:
    def progress(done: int, total: int | None) -> None:
        events(Progressed("Reading the source", done, total))

    return receive(
        order.source,
        workspace.app,
        bounds=platform.settings.bounds,
        owner=platform.sandbox.owner,
        left_out=_targets_inside(order),
        progress=progress,
    )


def _targets_inside(order: StageOrder) -> frozenset[str]:
    """What this staging writes into its own source is no part of the source: else every staging would hold the last one."""
    source = order.source.resolve()
    targets = [target.path for target in order.images]
    if order.droplet is not None:
        targets += [order.droplet, facts_path(order.droplet)]
    inside = (target.resolve() for target in targets)
    return frozenset(path.relative_to(source).as_posix() for path in inside if path.is_relative_to(source))


@dataclass(eq=False)
class BadTarget(UsageProblem):
    """A droplet or an image cannot be written where it is wanted."""

    path: Path
    says: str

    def brief(self) -> str:
        return f"Nothing can be written to {self.path}: {self.says}."

    def hint(self) -> str:
        return "Choose another place with --droplet or --image."


def check_targets(order: StageOrder) -> None:
    """Raise BadTarget for what could not be written at the end, before anything runs."""
    if order.droplet is not None:
        _check_target(order.droplet, directory=False)
    for target in order.images:
        _check_target(target.path, directory=target.form is ImageForm.OCI)


def _check_target(path: Path, *, directory: bool) -> None:
    try:
        if path.is_dir() and not directory:
            raise BadTarget(path, "it is a directory")
        if path.exists() and directory and not path.is_dir():
            raise BadTarget(path, "it is no directory")
        above = next(parent for parent in path.absolute().parents if parent.exists())
    except OSError as error:
        raise BadTarget(path, (error.strerror or str(error)).lower()) from error
    if not above.is_dir():
        raise BadTarget(path, f"{above} is no directory")
    if not os.access(above, os.W_OK | os.X_OK) or above.is_relative_to("/proc") or above.is_relative_to("/sys"):
        raise BadTarget(path, f"{above} cannot be written")


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
        timeout=defaults.timeout if order.timeout is None else order.timeout,
    )


def note_unenforced(platform: Platform, request: BuildRequest, events: EventSink) -> None:
    """Say which limits the sandbox cannot hold here."""
    missing = platform.sandbox.unenforced(request.limits)
    if missing:
        where = "Without a sandbox" if platform.sandbox.name == "none" else f"In the {platform.sandbox.name} sandbox"
        events(Noted(f"{where} these limits are not held here: {', '.join(missing)}."))
