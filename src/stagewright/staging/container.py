"""What the container of a build is made of. Of one place, so that it can be read in one look what a script can see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from stagewright.buildpacks.dialects.cloudfoundry import key_directory
from stagewright.model.build import BuildRequest
from stagewright.model.containers import ContainerSpec, Mount, Network
from stagewright.model.layout import LAUNCHER, Layout
from stagewright.model.settings import Trust
from stagewright.ports.keeping import Workspace
from stagewright.staging.scripts import bits_of
from stagewright.trees.problems import writing

_TRUST = PurePosixPath("/trust")


def build_container(
    request: BuildRequest, workspace: Workspace, trust: Trust, network: Network, layout: Layout
) -> ContainerSpec:
    """A build's container: the stack's build root, the workspace, the buildpacks, and the operator's trust, read-only."""
    buildpacks = {
        buildpack.key: Mount(
            bits_of(buildpack, workspace),
            layout.buildpacks / key_directory(buildpack.key),
            writable=not buildpack.in_place,
        )
        for buildpack in (*request.buildpacks, *request.posts)
    }
    mounts = (
        Mount(workspace.home, layout.home, writable=True),
        Mount(workspace.tmp, layout.tmp, writable=True),
        *_apart(workspace, layout),
        *((Mount(workspace.lifecycle, LAUNCHER.parent),) if request.testing else ()),
        *buildpacks.values(),
        *trust_mounts(trust, workspace.scratch / "trust", request.stack.run.path),
    )
    return ContainerSpec(
        name=f"build-{request.id}",
        root=request.stack.build.path,
        mounts=mounts,
        limits=request.limits,
        scratch=workspace.scratch,
        network=network,
    )


def _apart(workspace: Workspace, layout: Layout) -> Iterator[Mount]:
    """The places that do not lie in the home: on a cell each lies where the builder's flags say."""
    for source, target in (
        (workspace.app, layout.app),
        (workspace.deps, layout.deps),
        (workspace.profile_d, layout.profile_d),
        (workspace.cache, layout.cache),
    ):
        if source != workspace.home / target.relative_to(layout.home):
            yield Mount(source, target, writable=True)


def trust_mounts(trust: Trust, directory: Path, run_root: Path | None) -> tuple[Mount, ...]:
    """Write what the operator trusts below ``directory`` and say where it is mounted: never in a droplet, never in an image.

    With ``run_root``, the package list of the root that the app will run on is there too: a build root holds libraries that the
    run root lacks, so a buildpack that installs Debian packages must ask the latter.
    """
    with writing(directory):
        return _trust_mounts(trust, directory, run_root)


def _trust_mounts(trust: Trust, directory: Path, run_root: Path | None) -> tuple[Mount, ...]:
    directory.mkdir(parents=True, exist_ok=True)
    mounts = []
    for number, (target, content) in enumerate(sorted(trust.files.items())):
        source = directory / f"{number:02d}-{target.name}"
        source.write_bytes(content)
        source.chmod(0o444)
        mounts.append(Mount(source, target))
    status = run_root / "var/lib/dpkg/status" if run_root is not None else None
    if status is not None and status.is_file():
        mounts.append(Mount(status, _TRUST / "run-dpkg-status"))
    return tuple(mounts)
