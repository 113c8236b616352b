"""What is asked of a staging: by a person with flags, and by the app in its files. Flags win; files are a stranger's.

From the strongest: --buildpack, BUILDPACK_URL, manifest.yml, .buildpacks, app.json, detection. Of variables: --env, manifest.yml,
app.json. With --strict-cf none of Heroku's files and variables is read.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from stagewright.buildpacks import parse_reference
from stagewright.model.build import AppManifest, ImageTarget
from stagewright.model.buildpack import BuildpackRef
from stagewright.model.events import Noted, Warned
from stagewright.packages import (
    POST_VARIABLES,
    AppJson,
    AppScripts,
    find_manifest,
    read_app_json,
    read_buildpack_list,
    read_manifest,
    split_references,
)
from stagewright.ports.events import EventSink
from stagewright.ports.keeping import Workspace
from stagewright.services.platform import Platform
from stagewright.staging.environment import fault_of_variable

_URL = "BUILDPACK_URL"
_OF_TESTS = {"CI": "true"}
"""Config vars of every test run, as on Heroku CI."""


@dataclass(frozen=True)
class StageOrder:
    """What a person asks of ``stage``, ``plan`` and ``test``. None and empty: not said, so the manifest or a default decides."""

    source: Path
    flags: AppManifest = field(default_factory=AppManifest)
    posts: tuple[str, ...] = ()
    """Post-buildpacks as written."""
    services: tuple[Path, ...] = ()
    """Files with bindings of services."""
    droplet: Path | None = None
    images: tuple[ImageTarget, ...] = ()
    timeout: float | None = None
    no_cache: bool = False
    if_changed: bool = False
    strict_cf: bool = False
    """Whether buildpacks and apps are Cloud Foundry's alone, as on a cell."""
    testing: bool = False
    """Whether the app is built to be tested."""
    remembered: bool = True
    """Whether the result is kept for a later --if-changed."""
    trace: bool | None = None
    """Whether the build is traced; None leaves that to the app's environment."""


@dataclass(frozen=True)
class Asked:
    """What flags and files came to."""

    manifest: AppManifest
    named: tuple[BuildpackRef, ...]
    posts: tuple[BuildpackRef, ...]
    test_setup: str | None = None
    """What app.json wants to be run before the tests."""
    test_command: str | None = None
    """app.json's own way to test the app."""


def read_asked(order: StageOrder, platform: Platform, workspace: Workspace, events: EventSink) -> Asked:
    """Read manifest.yml and Heroku's files of the source in ``workspace``, below the flags.

    Raises what the readers refuse, UnknownBuildpack, BadReference, UntrustedReference.
    """
    # manifest.yml lies beside the app, and is not a part of it; an archive carries it inside.
    files = order.source if order.source.is_dir() else workspace.app
    path = find_manifest(files)
    manifest = read_manifest(path, order.flags.name) if path is not None else AppManifest()
    app_json = None if order.strict_cf else read_app_json(workspace.app)
    if app_json is not None:
        app_json = app_json.for_environment("test") if order.testing else app_json
        defaults = _settable(_defaults(app_json, platform, order), events)
        manifest = replace(manifest, env={**defaults, **manifest.env})
        manifest = _on_known_stack(manifest, app_json, platform)
    if order.testing:
        manifest = replace(manifest, env={**_OF_TESTS, **manifest.env})
    manifest = manifest.overridden_by(order.flags)
    if app_json is not None:
        _say_what_is_missing(app_json, manifest, events)
    reading = _References(order, platform, files.resolve())
    named = tuple(reading.named(manifest, app_json, workspace.app))
    posts = tuple(reading.posts(manifest))
    scripts = app_json.scripts if app_json is not None else AppScripts()
    return Asked(manifest, named, posts, scripts.test_setup, scripts.test)


def _defaults(app_json: AppJson, platform: Platform, order: StageOrder) -> Mapping[str, str]:
    """The values of app.json. A secret that it wants generated is made of the installation's key: the same for every staging."""
    key = platform.records.installation_key() if app_json.generated else b""
    whose = str(order.flags.name or order.source.resolve().name)
    made = {
        name: hmac.new(key, f"{whose}\0{name}".encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
        for name in app_json.generated
    }
    return {**app_json.env, **made}


def _settable(defaults: Mapping[str, str], events: EventSink) -> Mapping[str, str]:
    """``defaults`` without what no app can set here. The file was written for Heroku, where PORT may stand in it: that is no
    reason to refuse the app."""
    faults = {name: fault_of_variable(name, value) for name, value in defaults.items()}
    for name, fault in faults.items():
        if fault is not None:
            events(Warned(f"app.json sets {name[:60]!r}, which is left out: {fault}."))
    return {name: value for name, value in defaults.items() if faults[name] is None}


def _on_known_stack(manifest: AppManifest, app_json: AppJson, platform: Platform) -> AppManifest:
    """app.json names a stack of Heroku's; it counts where there is one of that name here."""
    if manifest.stack is not None or app_json.stack is None:
        return manifest
    known = {stack.name for stack in platform.stacks.list()}
    return replace(manifest, stack=app_json.stack) if app_json.stack in known else manifest


def _say_what_is_missing(app_json: AppJson, manifest: AppManifest, events: EventSink) -> None:
    unset = [name for name in app_json.required if name not in manifest.env]
    if unset:
        events(Warned(f"app.json requires variables that nobody set: {', '.join(unset)}. Set them with --env."))
    if app_json.addons:
        events(Noted(f"app.json asks for add-ons, which are not provisioned: {', '.join(app_json.addons)}."))


@dataclass(frozen=True)
class _References:
    """References of one staging, read as those of who wrote them."""

    order: StageOrder
    platform: Platform
    files: Path
    """Where relative references of the app's files begin."""

    def named(self, manifest: AppManifest, app_json: AppJson | None, app: Path) -> Iterator[BuildpackRef]:
        if self.order.flags.buildpacks:
            yield from map(self._typed, self.order.flags.buildpacks)
        elif not self.order.strict_cf and manifest.env.get(_URL):
            yield self._variable(_URL, manifest.env[_URL].strip())
        elif manifest.buildpacks:
            yield from map(self._of_a_file, manifest.buildpacks)
        elif not self.order.strict_cf:
            listed = read_buildpack_list(app)
            references = listed.references if listed is not None else ()
            yield from map(self._of_a_file, references or (app_json.buildpacks if app_json is not None else ()))

    def posts(self, manifest: AppManifest) -> Iterator[BuildpackRef]:
        if self.order.posts:
            yield from map(self._typed, self.order.posts)
            return
        for name in POST_VARIABLES:
            for text in split_references(manifest.env.get(name, "")):
                yield self._variable(name, text)

    def _variable(self, name: str, text: str) -> BuildpackRef:
        """A variable that was typed is as good as a flag; one of a file is the file's."""
        return self._typed(text) if name in self.order.flags.env else self._of_a_file(text)

    def _typed(self, text: str) -> BuildpackRef:
        return parse_reference(text, self.platform.catalogue.names, Path.cwd())

    def _of_a_file(self, text: str) -> BuildpackRef:
        """A manifest may be a stranger's: it must not be able to have a private directory copied into a droplet."""
        return parse_reference(text, self.platform.catalogue.names, self.files, trusted=False)
