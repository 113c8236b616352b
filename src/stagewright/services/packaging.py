"""The verbs *package* and *validate* of buildpacks with a manifest.yml (contracts/cloudfoundry-staging.md §2.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import yaml

from stagewright.buildpacks.fetching.policy import FetchPolicy
from stagewright.buildpacks.packaging.checking import Checked, check_buildpack
from stagewright.buildpacks.packaging.contents import VERSION_FILE, Contents, left_out_of_copies
from stagewright.buildpacks.packaging.dependencies import DependencyFiles, Sources
from stagewright.buildpacks.packaging.flaws import Weight, warning
from stagewright.buildpacks.packaging.manifest import Dependency, Manifest
from stagewright.buildpacks.packaging.problems import BadPackageOrder, of_buildpack
from stagewright.buildpacks.packaging.reading import read_manifest, require_manifest
from stagewright.buildpacks.packaging.rewriting import rewritten
from stagewright.buildpacks.packaging.selection import Selection, Wanted, select
from stagewright.model.events import Noted, Progressed
from stagewright.model.names import BuildId, StackName
from stagewright.ports.events import EventSink
from stagewright.ports.keeping import Workspace
from stagewright.services.platform import Platform
from stagewright.services.pre_package import run_pre_package
from stagewright.trees import LinkPolicy, archive_kind, copy_tree, remove_tree, unpack
from stagewright.trees.zip_writer import PackedZip, write_zip

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


@dataclass(frozen=True)
class PackageOrder:
    """What a person asks of ``buildpack package``."""

    directory: Path
    wanted: Wanted
    output: Path
    """A file, or a directory for a file of the usual name."""
    version: str | None = None
    """None: what the file VERSION says."""
    build_stack: StackName | None = None
    """On whose build root pre_package runs; None: the default one."""
    any_file: bool = False
    """Whether ``file:`` URLs of dependencies may name what lies outside the buildpack."""


@dataclass(frozen=True)
class Package:
    """A buildpack that was packaged."""

    zip: PackedZip
    language: str
    version: str
    selection: Selection

    def document(self) -> dict[str, object]:
        """As ``--json`` says it."""
        return {
            "path": str(self.zip.path),
            "size": self.zip.size,
            "sha256": self.zip.digest.hex,
            "language": self.language,
            "version": self.version,
            "stack": str(self.selection.stack) if self.selection.stack is not None else None,
            "cached": self.selection.cached,
            "dependencies": [
                {"name": one.name, "version": one.version, "sha256": one.sha256.hex}
                for one in self.selection.dependencies
            ],
        }


def package_buildpack(platform: Platform, order: PackageOrder, events: EventSink) -> Package:
    """Make a zip of the buildpack in a directory, which is only read.

    Raises BadManifest, CannotPackage, BadPackageOrder, PrePackageFailed, DependencyMismatch, DependencyUnreachable, what
    `obtain_stack` and the sandbox raise for pre_package, DiskFull, TreeFailure.
    """
    if not order.directory.is_dir():
        raise BadPackageOrder(f"{order.directory} is no directory", "Name the directory of a buildpack's source.")
    manifest, _ = require_manifest(order.directory)
    version = order.version or _version_of(order.directory)
    if not _VERSION.fullmatch(version):
        raise BadPackageOrder(
            f"{version[:100]!r} is no version: it becomes a part of the name of a file",
            "Use letters, digits, '.', '-', '+'.",
        )
    selection = select(manifest, order.wanted)
    target = _target(order.output, selection.file_name(manifest.language, version))
    platform.sweep()
    with platform.buildpacks.hold(), platform.workspaces.open(BuildId.new()) as workspace:
        copy = workspace.app
        with of_buildpack():
            _copy(platform, order.directory, copy, target)
        _write_version(copy, version)
        manifest, root = _prepared(platform, order, manifest, workspace, events)
        selection = select(manifest, order.wanted)
        files = _files(platform, order, selection, events)
        text = rewritten(root, selection.stack, selection.dependencies, selection.cached)
        with of_buildpack():
            entries = Contents(copy, manifest).entries(text, version, files, platform.settings.bounds)

            def progress(done: int, total: int | None) -> None:
                events(Progressed("Writing the package", done, total))

            packed = write_zip(entries, target, progress=progress)
    return Package(packed, manifest.language, version, selection)


def runs_a_program(directory: Path) -> bool:
    """Whether packaging runs pre_package of the buildpack in ``directory``, for which there must be a sandbox."""
    manifest = read_manifest(directory).manifest
    return manifest is not None and bool(manifest.pre_package)


def validate_buildpack(platform: Platform, path: Path, today: date) -> Checked:
    """Look for all that is wrong with a buildpack in a directory or an archive. Raises BadPackageOrder where it is neither,
    CannotPackage for an archive that cannot be unpacked safely."""
    if path.is_dir():
        return check_buildpack(path, today)
    if not path.is_file():
        raise BadPackageOrder(f"There is no buildpack at {path}", "Name a directory or a zip.")
    platform.workspaces.sweep()
    with platform.workspaces.open(BuildId.new()) as workspace, of_buildpack():
        if archive_kind(path) is None:
            raise BadPackageOrder(f"{path} is neither a directory nor an archive", "Name a directory or a zip.")
        bits = workspace.scratch / "bits"
        unpack(path, bits, bounds=platform.settings.bounds, links=LinkPolicy.INSIDE)
        entries = list(bits.iterdir())
        nested = not (bits / "bin").is_dir() and len(entries) == 1 and (entries[0] / "bin").is_dir()
        checked = check_buildpack(entries[0] if nested else bits, today)
    if nested:
        deep = warning(
            path.name, f"all of it lies in the directory {entries[0].name}; Cloud Foundry's upload wants it at the top"
        )
        return replace(checked, flaws=(*checked.flaws, deep))
    return checked


def checked_document(checked: Checked) -> dict[str, object]:
    """As ``--json`` says it."""
    weights = [flaw.weight for flaw in checked.flaws]
    return {
        "dialect": checked.dialect.value,
        "language": checked.language or None,
        "packaged": checked.packaged,
        "errors": weights.count(Weight.ERROR),
        "warnings": weights.count(Weight.WARNING),
        "findings": [{"weight": one.weight.value, "where": one.where, "says": one.says} for one in checked.flaws],
    }


def _version_of(directory: Path) -> str:
    path = directory / VERSION_FILE
    if path.is_symlink() or not path.is_file():
        raise BadPackageOrder("The buildpack has no file VERSION", "Give the version with --version.")
    with path.open("rb") as file:
        return file.read(200).decode("utf-8", "replace").strip()


def _target(output: Path, name: str) -> Path:
    target = output / name if output.is_dir() else output
    if not target.parent.is_dir():
        raise BadPackageOrder(f"--output: {target.parent} is no directory", "Make it first.")
    return target


def _copy(platform: Platform, directory: Path, copy: Path, target: Path) -> None:
    """Links are kept as they are; `Contents` refuses those that lead out, if they are to be packaged at all.

    What is written into the source itself is no part of the source: else every package would hold the last one.
    """
    source, written = directory.resolve(), target.resolve()
    inside = written.relative_to(source).as_posix() if written.is_relative_to(source) else None

    def ignored(path: str, is_directory: bool) -> bool:
        return path == inside or left_out_of_copies(path, is_directory)

    bounds, owner = platform.settings.bounds, platform.sandbox.owner
    copy_tree(directory, copy, ignored=ignored, bounds=bounds, links=LinkPolicy.KEEP, owner=owner)


def _write_version(copy: Path, version: str) -> None:
    path = copy / VERSION_FILE
    remove_tree(path)
    path.write_text(version, encoding="utf-8")


def _prepared(
    platform: Platform, order: PackageOrder, manifest: Manifest, workspace: Workspace, events: EventSink
) -> tuple[Manifest, yaml.MappingNode]:
    """The manifest of the copy, after pre_package has run there. What it changed is read, and checked, again."""
    if manifest.pre_package:
        run_pre_package(platform, manifest.pre_package, order.build_stack, workspace, events)
    return require_manifest(workspace.app)


def _files(platform: Platform, order: PackageOrder, selection: Selection, events: EventSink) -> dict[Dependency, Path]:
    """The dependencies of a cached package, each fetched once per machine."""
    if not selection.cached:
        return {}
    store = DependencyFiles(platform.settings.cache / "dependencies")
    sources = Sources(order.directory, order.any_file, FetchPolicy(bounds=platform.settings.bounds))
    files = {}
    for dependency in selection.dependencies:
        what = f"Fetching {dependency}"
        kept = store.kept(dependency)
        events(Noted(f"{dependency}: kept from an earlier packaging" if kept is not None else what))
        files[dependency] = kept or store.obtain(
            dependency, sources, lambda done, total, what=what: events(Progressed(what, done, total))
        )
    return files
