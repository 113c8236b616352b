"""The verbs of buildpacks: list what is at hand, show one."""

from __future__ import annotations

from pathlib import Path

from stagewright.buildpacks import parse_reference
from stagewright.buildpacks.fetching.work_tree import origin_of_directory
from stagewright.model.buildpack import Buildpack, BuiltinRef
from stagewright.model.origin import DirectoryOrigin
from stagewright.services.platform import Platform


def list_builtins(platform: Platform) -> list[dict[str, object]]:
    """The built-in buildpacks, those of the detection order first, then those that must be named."""
    order = [ref.name for ref in platform.catalogue.detection_order()]
    listed: list[dict[str, object]] = []
    for name in platform.catalogue.names:
        directory = platform.catalogue.directory(BuiltinRef(name))
        listed.append(
            {
                "name": name,
                "version": platform.buildpacks.obtain(BuiltinRef(name)).version,
                "detection": f"{order.index(name) + 1}" if name in order else "when named",
                "says": _summary(directory),
            }
        )
    return listed


def show_buildpack(platform: Platform, reference: str, relative_to: Path) -> dict[str, object]:
    """One buildpack, fetched where it lies elsewhere, and where it came from.

    Raises UnknownBuildpack, BadReference, and what `BuildpackStore.obtain` does.
    """
    ref = parse_reference(reference, platform.catalogue.names, relative_to)
    buildpack = platform.buildpacks.obtain(ref)
    return {
        "name": buildpack.name,
        "reference": str(ref),
        "version": buildpack.version,
        "dialect": buildpack.dialect.value,
        "scripts": sorted(script.value for script in buildpack.scripts),
        "digest": str(buildpack.digest),
        **_origin(platform, buildpack),
        "says": _summary(buildpack.root),
    }


def _origin(platform: Platform, buildpack: Buildpack) -> dict[str, object]:
    """Where the bits came from; of a directory what git knows of it, since here somebody asks."""
    origin = buildpack.origin
    if isinstance(origin, DirectoryOrigin):
        origin = origin_of_directory(origin.path, platform.buildpacks.policy)
    return {} if origin is None else {"origin": origin.document()}


def _summary(directory: Path) -> str:
    """The first line of a buildpack's README that is neither a heading nor empty."""
    path = directory / "README.md"
    if path.is_symlink() or not path.is_file():
        return ""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[:20]
    return next((line.strip() for line in lines if line.strip() and not line.startswith("#")), "")
