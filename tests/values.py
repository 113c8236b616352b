"""Values for tests, written down: requests, buildpacks, stacks. Nothing here touches the disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stagewright.model.build import AppManifest, BuildRequest, ImageTarget, Package
from stagewright.model.buildpack import Buildpack, BuiltinRef, Dialect, Script
from stagewright.model.containers import Limits
from stagewright.model.digest import Digest
from stagewright.model.names import AppName, BuildId, StackName
from stagewright.model.stack import Stack, StackLayer, StackRoot

BUILD = BuildId("7b0c7d1e-6f5c-4a57-9c43-3f0a3c1e2d10")


def buildpack(
    name: str, *scripts: Script, dialect: Dialect = Dialect.CLOUD_FOUNDRY, root: Path | None = None
) -> Buildpack:
    given = frozenset(scripts) or frozenset({Script.DETECT, Script.SUPPLY, Script.FINALIZE, Script.RELEASE})
    return Buildpack(name, name, None, Digest.of(name.encode()), root or Path("/nowhere") / name, dialect, given)


def stack(name: str = "debian12") -> Stack:
    def root(which: str) -> StackRoot:
        return StackRoot(Path("/nowhere") / which, Digest.of(which.encode()), 1, ())

    layer = StackLayer(Path("/nowhere/layer"), Digest.of(b"layer"), Digest.of(b"run"), 1)
    return Stack(StackName(name), "amd64", root("run"), root("build"), layer)


def request(
    *buildpacks: Buildpack,
    named: bool = True,
    images: Iterable[ImageTarget] = (),
    env: dict[str, str] | None = None,
    manifest: AppManifest | None = None,
) -> BuildRequest:
    return BuildRequest(
        id=BUILD,
        app=AppName("shop"),
        package=Package(Path("/nowhere/app"), Digest.of(b"source"), 3, 100),
        stack=stack(),
        named=tuple(BuiltinRef(one.name) for one in buildpacks) if named else (),
        buildpacks=buildpacks,
        env=env or {},
        manifest=manifest or AppManifest(),
        limits=Limits(),
        droplet=Path("/nowhere/shop.tgz"),
        images=tuple(images),
    )
